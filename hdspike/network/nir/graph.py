"""A NIR graph as a network: subgraphs opened, what is linear folded into synapses, neuron nodes as populations."""

import json
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from hdspike.network.graph import Network, Projection
from hdspike.network.neurons.base import SpikeSource
from hdspike.network.neurons.recorded import Recorded
from hdspike.network.nir.fold import Folded, Terms, fold, synapses
from hdspike.network.nir.linear import LINEAR, Map, Shape, _sparse
from hdspike.network.nir.neurons import NEURONS, SILENT, build, shape_of
from hdspike.network.population import Population
from hdspike.spikes import EVENT

__all__ = ["network_of"]

LARGEST = 1 << 24  # neurons of one node
DEPTH = 32


class Pass:
    """The input or output of a subgraph: what comes in goes out."""


def _pass(name: str, node: Any, shape: Shape) -> Map:
    index = np.arange(prod(shape))
    return Map(_sparse(index, index, np.ones(len(index)), (len(index), len(index))), None, shape)


LINEAR["Pass"] = _pass


def _flat(graph: Any, depth: int = 0) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Nodes and edges with every subgraph opened, its nodes named ``subgraph.node``."""
    if depth > DEPTH:
        raise ValueError(f"graph must be nested at most {DEPTH} deep")
    nodes: dict[str, Any] = {}
    doors: dict[str, tuple[str, str]] = {}
    edges: list[tuple[str, str]] = []
    for name, node in graph.nodes.items():
        if type(node).__name__ != "NIRGraph":
            nodes[name] = node
            continue
        inner, between = _flat(node, depth + 1)
        ends = [
            [n for n, v in node.nodes.items() if type(v).__name__ == kind] for kind in ("Input", "Output")
        ]
        if any(len(found) != 1 for found in ends):
            raise ValueError(f"node {name} must be a graph with one Input and one Output")
        doors[name] = f"{name}.{ends[0][0]}", f"{name}.{ends[1][0]}"
        nodes |= {f"{name}.{n}": Pass() if f"{name}.{n}" in doors[name] else v for n, v in inner.items()}
        edges += [(f"{name}.{a}", f"{name}.{b}") for a, b in between]
    for a, b in graph.edges:
        for end in (a, b):
            if end not in graph.nodes:
                raise ValueError(f"edges must join nodes, got {end!r}")
        edges.append((doors.get(a, ("", a))[1], doors.get(b, (b, ""))[0]))
    if len(set(edges)) < len(edges):
        raise ValueError("edges must be distinct")
    return nodes, edges


def _shape(name: str, value: Any) -> Shape:
    sides = np.atleast_1d(np.asarray(value))
    if sides.dtype.kind not in "iu" or sides.ndim != 1 or np.any(sides < 1) or len(sides) > 8:
        raise ValueError(f"node {name} must have a shape of whole numbers of at least 1, got {value!r:.60}")
    shape = tuple(int(side) for side in sides)
    if prod(shape) > LARGEST:
        raise ValueError(f"node {name} must have at most {LARGEST} neurons, got {prod(shape)}")
    return shape


def _states(nodes: dict[str, Any], edges: list[tuple[str, str]]) -> dict[str, Shape]:
    """The nodes with a state and their shapes; a neuron node of one value is as large as what feeds it."""
    before: dict[str, list[str]] = {}
    for a, b in edges:
        before.setdefault(b, []).append(a)
    states: dict[str, Shape] = {}
    for name, node in nodes.items():
        kind = type(node).__name__
        if kind == "Input":
            states[name] = _shape(name, node.input_type["input"])
        elif kind in NEURONS:
            states[name] = _shape(name, shape_of(name, node) or (1,))
        elif kind not in LINEAR and kind not in ("Output", "Delay"):
            raise ValueError(f"node {name} must be of a kind that can be simulated, {kind} cannot")
    for name in states:  # a neuron node of one value, fed by a populated node or by a matrix
        if (
            prod(states[name]) == 1
            and type(nodes[name]).__name__ in NEURONS
            and len(before.get(name, ())) == 1
        ):
            source = nodes[before[name][0]]
            if before[name][0] in states:
                states[name] = states[before[name][0]]
            elif hasattr(source, "weight") and type(source).__name__ in ("Affine", "Linear"):
                states[name] = (int(np.shape(source.weight)[0]),)
    return states


def network_of(
    graph: Any, *, step_s: float, convention: str, inputs: Mapping[str, Any] | None = None
) -> Network:
    """The network of a :class:`nir.NIRGraph`; see :func:`hdspike.network.nir.read`."""
    nodes, edges = _flat(graph)
    states = _states(nodes, edges)
    folded = fold(nodes, edges, states, step_s)
    _check_silent(nodes, folded)
    sources = {name for name in states if type(nodes[name]).__name__ == "Input"}
    if unknown := sorted(set(inputs or {}) - sources):
        raise ValueError(f"inputs must be of Input nodes ({', '.join(sorted(sources))}), got {unknown[0]!r}")
    own = _own(graph)
    shapes = {name: _own_shape(own, name, shape) for name, shape in states.items()}
    populations: dict[str, Population] = {}
    projections = []
    for name in _ordered(states, own):
        size = prod(states[name])
        if name in sources:
            populations[name] = Population(name, size, _source(name, inputs), shapes[name])
            continue
        built = build(name, nodes[name], size, folded.constant[name], step_s=step_s, convention=convention)
        populations[name] = Population(name, size, built.model, shapes[name])
        by_source: dict[str, dict[int, Any]] = {}
        for (source, delay), matrix in folded.arriving[name].items():
            by_source.setdefault(source, {})[1 + delay] = matrix
        for source, terms in by_source.items():
            made = synapses(terms, built.scale)
            if len(made):
                projections.append(Projection(source, name, made))
    if not populations:
        raise ValueError("graph must hold at least one Input or neuron node, it holds none")
    outputs = {
        n: _output(n, folded.arriving[n]) for n, node in nodes.items() if type(node).__name__ == "Output"
    }
    notes = {name: said for name, node in nodes.items() if (said := _plain(getattr(node, "metadata", {})))}
    return Network(populations.values(), projections, {"nir": {"nodes": notes, "outputs": outputs}})


def _source(name: str, inputs: Mapping[str, Any] | None) -> SpikeSource:
    given = (inputs or {}).get(name)
    if given is None:
        return Recorded(np.empty(0, dtype=EVENT))
    return given if isinstance(given, SpikeSource) else Recorded(given)


def _check_silent(nodes: dict[str, Any], folded: Folded) -> None:
    """Potentials that are no spikes must go nowhere but out."""
    for name, terms in folded.arriving.items():
        for source, _ in terms:
            if type(nodes[source]).__name__ in SILENT and type(nodes[name]).__name__ != "Output":
                raise ValueError(
                    f"node {source} must feed an Output: a {type(nodes[source]).__name__} gives a potential, not "
                    f"spikes, and {name} cannot receive it"
                )


def _output(name: str, terms: Terms) -> str:
    """The population that an Output shows."""
    from scipy import sparse

    for (source, delay), matrix in terms.items():
        square = matrix.shape[0] == matrix.shape[1]
        if (
            len(terms) == 1
            and delay == 0
            and square
            and (matrix - sparse.eye_array(matrix.shape[0])).nnz == 0
        ):
            return source
    raise ValueError(
        f"node {name} must show one neuron or input node as it is, without weights or delays between"
    )


def _own(graph: Any) -> dict[str, Any]:
    """What a file written here says of the order and the shapes of its populations."""
    metadata = graph.metadata if isinstance(graph.metadata, dict) else {}
    try:
        said = json.loads(metadata.get("hdspike", "{}"))
    except (TypeError, ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _own_shape(own: dict[str, Any], name: str, shape: Shape) -> Shape:
    shapes = own.get("shapes")
    given = shapes.get(name) if isinstance(shapes, dict) else None
    if (
        isinstance(given, list)
        and all(type(s) is int and s > 0 for s in given)
        and prod(given) == prod(shape)
    ):
        return tuple(given)
    return shape


def _ordered(states: dict[str, Shape], own: dict[str, Any]) -> list[str]:
    order = own.get("populations")
    if isinstance(order, list) and len(order) == len(states) and {str(n) for n in order} == set(states):
        return [str(n) for n in order]
    return list(states)


def _plain(metadata: Any) -> dict[str, Any]:
    """A node's metadata with arrays of one value as numbers."""
    if not isinstance(metadata, dict):
        return {}
    return {
        k: v.item() if isinstance(v, np.ndarray | np.generic) and v.size == 1 else v
        for k, v in metadata.items()
    }
