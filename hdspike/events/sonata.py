"""SONATA spike files (Dai et al. 2020): HDF5 with ``/spikes/<population>/{timestamps, node_ids}``, times in ms.

A time in ms is a float64: picoseconds come back exact up to 2,251 s, rounded beyond.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.events import apart
from hdspike.events.hdf5 import Tree, read_tree
from hdspike.events.place import replacing
from hdspike.events.sensor import INT32, Recording
from hdspike.spikes import EVENT

__all__ = ["from_tree", "is_sonata", "read_sonata", "write_sonata"]

MAGIC, VERSION = 0x0A7A, (0, 1)
SORTING = {"none": 0, "by_id": 1, "by_time": 2}
UNITS = {"ms": 1e9, "milliseconds": 1e9, "s": 1e12, "seconds": 1e12}  # ps
GROUP = "/spikes"


def is_sonata(tree: Tree) -> bool:
    """Whether an HDF5 file holds spikes as SONATA has them."""
    return any(name.startswith(f"{GROUP}/") and name.endswith("/timestamps") for name in tree.arrays)


def read_sonata(path: Path, most: int, population: str | None) -> Recording:
    """The spikes of one population, which may be left out where the file has one."""
    return from_tree(read_tree(path, most=64 * most), path, population)


def from_tree(tree: Tree, path: Path, population: str | None) -> Recording:
    """The spikes of one population of a file that has been read."""
    end = "/timestamps"
    names = [
        n[len(GROUP) + 1 : -len(end)] for n in tree.arrays if n.startswith(f"{GROUP}/") and n.endswith(end)
    ]
    if not names:
        raise ValueError(f"path must hold /spikes/<population>/timestamps, {path.name} does not")
    if population is None:
        if len(names) > 1:
            raise ValueError(f"population must be given, {path.name} has {', '.join(sorted(names))}")
        population = names[0]
    if population not in names:
        raise ValueError(f"population must be one of {', '.join(sorted(names))}, got {population!r}")
    base = f"{GROUP}/{population}"
    times, nodes = tree.arrays[base + end], tree.arrays.get(f"{base}/node_ids")
    if nodes is None or times.ndim != 1 or nodes.shape != times.shape or times.dtype.kind not in "fiu":
        raise ValueError(f"path must hold timestamps and node_ids of equal length, {path.name} does not")
    if nodes.dtype.kind not in "iu" or (
        nodes.size and not 0 <= int(nodes.min()) <= int(nodes.max()) <= INT32
    ):
        raise ValueError(f"path must hold node_ids in [0, 2^31), {path.name} does not")
    unit = tree.attributes.get(base + end, {}).get("units", "ms")
    if unit not in UNITS:
        raise ValueError(
            f"path must have timestamps in {' or '.join(UNITS)}, {path.name} has {str(unit)[:40]!r}"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = np.rint(times.astype(np.float64) * UNITS[unit])
    if scaled.size and not np.all(np.abs(scaled) < 2.0**63):
        raise ValueError(f"path must hold finite times below 2^63 ps (106 days), {path.name} does not")
    events = np.empty(len(times), dtype=EVENT)
    events["time"], events["address"] = scaled.astype(np.int64), nodes
    return Recording(events, name=population)


def write_sonata(path: Path, populations: Mapping[str, NDArray[Any]]) -> None:
    """Write the events of each population (dtype ``EVENT``, addresses are node ids), sorted by time."""
    apart.need("h5py", "export", "writing SONATA files")
    import h5py

    if not populations:
        raise ValueError("populations must be at least one, got none")
    for name, events in populations.items():
        if not name or "/" in name or name in (".", ".."):
            raise ValueError(f"populations must have plain names, got {name!r}")
        if events.dtype != EVENT:
            raise TypeError(f"events must have dtype {EVENT}, got {events.dtype}")
    kind = h5py.enum_dtype(SORTING, basetype=np.uint8)
    with replacing([path]) as (temporary,), h5py.File(temporary, "w") as file:
        file.attrs["magic"] = np.uint32(MAGIC)
        file.attrs["version"] = np.array(VERSION, dtype=np.uint32)
        for name, events in populations.items():
            ordered = np.sort(events, order=["time", "address"], kind="stable")
            group = file.create_group(f"{GROUP}/{name}")
            group.attrs.create("sorting", SORTING["by_time"], dtype=kind)
            dataset = group.create_dataset("timestamps", data=ordered["time"] / 1e9)
            dataset.attrs["units"] = "ms"
            group.create_dataset("node_ids", data=ordered["address"].astype(np.uint64))
