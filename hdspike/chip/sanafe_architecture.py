"""Chips from the architecture files of SANA-FE (Boyle et al., IEEE TCAD 2025), version 2.2.

Tiles are numbered through, and so are cores; tile t lies in column ``t // height``, ``t % height`` places from the
south (a step to the next number is charged as one to the north there). ``name[0..3]`` is four tiles, cores or units
alike. A table of barriers gives the time of the largest key not above the number of tiles in use.

Where the tiles of a chip differ, each hop has the cost of the tile that a packet leaves; the tool charges all hops of
a packet with the energies of its last tile. A core must have one axon in and one axon out: with more, the tool loses
their energy.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hdspike.chip.architecture import MAX_CORES, Architecture, Unit
from hdspike.chip.sanafe_yaml import List, Map, Reader

__all__ = ["MODELS", "read_architecture"]

MODELS = {
    "synapse": ("current_based",),
    "dendrite": ("accumulator", "accumulator_with_delay", "taps"),
    "soma": ("leaky_integrate_fire", "input", "truenorth"),
}
"""The built-in models of the tool; a neuron must use one that :mod:`hdspike.chip.sanafe_network` runs."""
COSTS = {
    "axon_in": (("event", "message_in"),),
    "synapse": (("event", "process_spike"),),
    "dendrite": (("event", "update"),),
    "soma": (("access", "access_neuron"), ("update", "update_neuron"), ("event", "spike_out")),
    "axon_out": (("event", "message_out"),),
}
DIRECTIONS = ("north", "east", "south", "west")
MAX_UNITS = 2**20
LONGEST_S = 1e6


@dataclass
class _Parts:
    """What is gathered while the file is read."""

    units: list[Unit]
    layouts: list[tuple[int, ...]]
    layout_of_core: list[int]
    neurons: list[int]
    names: list[str]
    tile_of_core: list[int]
    hop_ps: list[list[int]]
    hop_j: list[list[float]]


def read_architecture(source: str | Path) -> Architecture:
    """The chip that a SANA-FE architecture file describes.

    Args:
        source: a path, or the text itself.

    Raises:
        ValueError: the file is malformed, a value breaks its rule, or a unit has a model of its own (a plug-in);
            the message says the line and what is supported.
    """
    reader = Reader(source, "architecture")
    top = reader.part(reader.root, "architecture", Map)
    attributes = reader.part(top, "attributes", Map)
    line = attributes.line
    columns = reader.whole(reader.part(attributes, "width", str), "width", line, low=1, high=2**15)
    rows = reader.whole(reader.part(attributes, "height", str), "height", line, low=1, high=2**15)
    depth = reader.whole(reader.part(attributes, "link_buffer_size", str), "link_buffer_size", line)
    parts = _Parts([], [], [], [], [], [], [], [])
    tiles = listed(reader, top, "tile")
    for tile in tiles:
        _read_tile(reader, tile, parts, columns * rows)
    place = np.arange(len(parts.hop_ps))
    return Architecture(
        name=text(reader, top, "name") or "sanafe",
        columns=columns,
        rows=rows,
        tile_x=place // rows,
        tile_y=rows - 1 - place % rows,
        tile_of_core=np.array(parts.tile_of_core, dtype=np.int64),
        units=tuple(parts.units),
        layouts=tuple(parts.layouts),
        layout_of_core=np.array(parts.layout_of_core, dtype=np.int64),
        neurons_per_core=np.array(parts.neurons, dtype=np.int64),
        hop_ps=np.array(parts.hop_ps, dtype=np.int64),
        hop_j=np.array(parts.hop_j, dtype=np.float64),
        fifo_depth=max(1, depth),
        barrier=_barrier(reader, attributes),
        core_names=tuple(parts.names),
    )


def text(reader: Reader, node: Map, key: str) -> str:
    """The text under a key, empty where there is none."""
    return str(reader.part(node, key, str)) if key in node else ""


def listed(reader: Reader, node: Map, key: str) -> list[Map]:
    """The mappings under a key: a list of them, or one."""
    if key not in node:
        reader.fail(node, f"key {key!r} is missing")
    value = List([node[key]]) if isinstance(node[key], Map) else node[key]
    if not isinstance(value, List) or not value or not all(isinstance(one, Map) for one in value):
        reader.fail(getattr(node[key], "line", node.line), f"{key} must be a list of mappings, at least one")
    return list(value)


def _cost(reader: Reader, attributes: dict[str, Any], key: str, line: int, high: float) -> float:
    if key not in attributes:
        reader.fail(line, f"key {key!r} is missing")
    return reader.number(attributes[key], key, line, low=0.0, high=high)


def _ps(reader: Reader, attributes: dict[str, Any], key: str, line: int) -> int:
    return round(_cost(reader, attributes, key, line, LONGEST_S) * 1e12)


def _barrier(reader: Reader, attributes: Map) -> tuple[tuple[int, int], ...]:
    """The table of barriers from ``sync_model`` and ``latency_sync``; it begins at one tile."""
    model = text(reader, attributes, "sync_model") or "fixed"
    given = attributes.get("latency_sync", "0.0")
    line = getattr(given, "line", attributes.line)
    if model not in ("fixed", "table"):
        reader.fail(line, f"sync_model must be fixed or table, got {model[:40]!r}")
    if isinstance(given, str):
        return ((1, _ps(reader, {"latency_sync": given}, "latency_sync", line)),)
    if model == "fixed":
        reader.fail(line, "latency_sync must be a number with sync_model fixed")
    table = {str(i): value for i, value in enumerate(given)} if isinstance(given, List) else dict(given)
    if not 1 <= len(table) <= 4096:
        reader.fail(line, f"latency_sync must have 1 to 4096 entries, got {len(table)}")
    steps = {
        reader.whole(key, "a key of latency_sync", line, high=MAX_CORES): _ps(reader, table, key, line)
        for key in table
    }
    least = min(steps)
    below = max((key for key in steps if key <= 1), default=least)
    steps = {1: steps[below]} | {key: value for key, value in steps.items() if key > 1}
    return tuple(sorted(steps.items()))


def _read_tile(reader: Reader, tile: Map, parts: _Parts, places: int) -> None:
    names = reader.names(reader.part(tile, "name", str), tile.line, count=places)
    if len(parts.hop_ps) + len(names) > places:
        reader.fail(tile, f"tiles must be at most width × height = {places}")
    attributes = reader.part(tile, "attributes", Map)
    at = attributes.line
    ps = [_ps(reader, attributes, f"latency_{d}_hop", at) for d in DIRECTIONS]
    joules = [_cost(reader, attributes, f"energy_{d}_hop", at, 1e5) for d in DIRECTIONS]
    cores: list[tuple[str, int, int]] = []
    for core in listed(reader, tile, "core"):
        room = MAX_CORES - len(parts.tile_of_core)
        labels = reader.names(reader.part(core, "name", str), core.line, count=MAX_CORES)
        if (len(cores) + len(labels)) * len(names) > room:
            reader.fail(core, f"cores must be at most {MAX_CORES}")
        layout, held = _read_core(reader, core, parts)
        cores += [(label, layout, held) for label in labels]
    for name in names:
        for label, layout, held in cores:
            parts.names.append(f"{name}.{label}")
            parts.tile_of_core.append(len(parts.hop_ps))
            parts.layout_of_core.append(layout)
            parts.neurons.append(held)
        parts.hop_ps.append(ps)
        parts.hop_j.append(joules)


def _read_core(reader: Reader, core: Map, parts: _Parts) -> tuple[int, int]:
    """The layout of a core and the neurons it holds."""
    attributes = reader.part(core, "attributes", Map)
    at = attributes.line
    buffer = reader.part(attributes, "buffer_position", str)
    inside = attributes.get("buffer_inside_unit", "false")
    if buffer != "soma" or reader.flag(inside, "buffer_inside_unit", at):
        reader.fail(
            at,
            f"buffer_position must be soma, before the unit, got {buffer[:40]!r}; others are not supported",
        )
    held = reader.whole(
        reader.part(attributes, "max_neurons_supported", str), "max_neurons_supported", at, low=1
    )
    layout: list[int] = []
    for kind in COSTS:
        units = [unit for node in listed(reader, core, kind) for unit in _read_units(reader, node, kind)]
        if kind.startswith("axon") and len(units) > 1:
            reader.fail(core, f"a core must have one {kind}, got {len(units)}")
        if len(parts.units) + len(units) > MAX_UNITS:
            reader.fail(core, f"units must be at most {MAX_UNITS}")
        if len({unit.name for unit in units}) < len(units):
            reader.fail(core, f"the {kind} units of a core must have distinct names")
        layout += range(len(parts.units), len(parts.units) + len(units))
        parts.units += units
    parts.layouts.append(tuple(layout))
    return len(parts.layouts) - 1, held


def _read_units(reader: Reader, node: Map, kind: str) -> list[Unit]:
    """One entry of a core: a unit, or several alike."""
    attributes = reader.part(node, "attributes", Map)
    at = attributes.line
    name = reader.part(node, "name", str)
    model = ""
    if kind in MODELS:
        model = reader.part(attributes, "model", str)
        known = ", ".join(m for models in MODELS.values() for m in models)
        if "plugin" in attributes:
            reader.fail(at, f"unit {name[:40]!r}, model {model[:40]!r}: plug-ins are not run, only {known}")
        if model not in MODELS[kind]:
            reader.fail(
                at,
                f"unit {name[:40]!r}: model of a {kind} must be {' or '.join(MODELS[kind])}, got {model[:40]!r}",
            )
    costs: dict[str, Any] = {}
    for action, word in COSTS[kind]:
        costs[f"{action}_ps"] = _ps(reader, attributes, f"latency_{word}", at)
        costs[f"{action}_j"] = _cost(reader, attributes, f"energy_{word}", at, 1e5)
    return [Unit(one, kind, model, **costs) for one in reader.names(name, node.line, count=2**16)]
