"""A NIR file as a graph: HDF5 that is decoded in a process of its own, then handed to ``nir`` node by node."""

from pathlib import Path
from typing import Any

import numpy as np

from hdspike.events.hdf5 import Tree, read_tree

__all__ = ["graph_from", "load"]

MOST = 1 << 30  # bytes of numbers


def load(path: Path) -> Any:
    """The :class:`nir.NIRGraph` of a file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is malformed; nothing in it is executed.
    """
    if not path.exists():
        raise FileNotFoundError(f"path must be an existing file, {path} does not exist")
    if not path.is_file():
        raise ValueError(f"path must be a file, {path} is not one")
    return graph_from(read_tree(path, most=MOST, extra="nir"), path)


def graph_from(tree: Tree, path: Path) -> Any:
    """The graph of the content of a file."""
    import nir

    content = _nested(tree, path)
    node = content.get("node")
    if not isinstance(node, dict) or node.get("type") != "NIRGraph":
        raise ValueError(f"path must hold a NIR graph, {path.name} does not")
    _prepare(node)
    try:
        with np.errstate(all="ignore"):
            graph = nir.dict2NIRNode(node)
    except Exception as error:  # nodes check themselves by assertions, and by failing
        said = str(error) or type(error).__name__
        raise ValueError(f"path must hold a NIR graph, {path.name} does not: {said[:200]}") from error
    return graph


def _nested(tree: Tree, path: Path) -> dict[str, Any]:
    """The content as nested dictionaries, one value as a number."""
    out: dict[str, Any] = {}
    plain = {name: array.item() if array.ndim == 0 else array for name, array in tree.arrays.items()}
    for name, value in (*plain.items(), *tree.texts.items()):
        *parts, last = name.strip("/").split("/")
        place = out
        for part in parts:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise ValueError(f"path must hold a NIR graph, {path.name} has {part!r} twice")
        place[last] = value
    return out


def _prepare(node: dict[str, Any]) -> None:
    """Empty edges and metadata take part in no file, and types are checked here, not by ``nir``."""
    node["type_check"] = False
    edges = node.get("edges", [])
    node["edges"] = [] if isinstance(edges, np.ndarray) and edges.size == 0 else edges
    node.setdefault("nodes", {})
    node.setdefault("metadata", {})
    nodes = node["nodes"]
    for inner in nodes.values() if isinstance(nodes, dict) else ():
        if isinstance(inner, dict) and inner.get("type") == "NIRGraph":
            _prepare(inner)
