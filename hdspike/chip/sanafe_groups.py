"""The groups of SANA-FE network files, and where their neurons are mapped.

A neuron's attributes are laid over those of its group, and the sections ``soma:``, ``dendrite:``, ``synapse:`` on
top, in order. A neuron that is mapped again is mapped anew; cores visit their neurons in the order of the mappings.
"""

from typing import Any

import numpy as np

from hdspike.chip.architecture import Architecture
from hdspike.chip.sanafe_yaml import List, Map, Reader

__all__ = ["FORCE", "MODE", "SOMA", "Attributes", "Group", "Placed", "read_groups", "read_mapping"]

MAX_NEURONS = 2**22
UNITS = {"soma": "soma_hw_name", "synapse": "synapse_hw_name", "dendrite": "dendrite_hw_name"}
SOMA = {  # defaults
    "threshold": 0.0, "reset": 0.0, "bias": 0.0, "leak_decay": 1.0, "input_decay": 0.0, "refractory_delay": 0.0,
    "reverse_threshold": -np.inf, "reverse_reset": 0.0, "force_update": 0.0,
}  # fmt: skip
INPUT = ("spikes", "rate", "poisson")
MODE = {"reset_mode": "hard", "reverse_reset_mode": "none"}
FORCE = ("force_update", "force_update_every_timestep")
IGNORED = ("log_spikes", "log_potential", "log_u", "force_potential", "connections_out", "noise_bits")
OTHERS = (  # of built-in models that are not run: they mean nothing to the two that are
    *("leak", "leak_towards_zero", "random_mask", "taps", "time_constants", "space_constants"),
    *("weight", "w", "delay", "d"),
)

Attributes = dict[str, Any]


class Group:
    """A group of the file: its neurons' attributes, and where each is mapped."""

    def __init__(self, name: str, size: int, first: int) -> None:
        self.name, self.size, self.first = name, size, first
        self.attributes: list[Attributes] = []
        self.line = 0


def read_groups(reader: Reader, top: Map) -> dict[str, Group]:
    groups: dict[str, Group] = {}
    first = 0
    for node in reader.part(top, "groups", List):
        if not isinstance(node, Map):
            reader.fail(getattr(node, "line", top.line), "a group must be a mapping")
        name = reader.part(node, "name", str)
        if not name or name in groups:
            reader.fail(node, f"groups must have distinct names, got {name[:40]!r}")
        common = _attributes(reader, node.get("attributes", Map()), {}, node.line)
        entries: list[tuple[range, Attributes, int]] = []
        size = 0
        for entry in reader.part(node, "neurons", List):
            if isinstance(entry, str):
                entry = Map({entry: Map()})
                entry.line = node.line
            if not isinstance(entry, Map) or len(entry) != 1:
                reader.fail(getattr(entry, "line", node.line), "a neuron must be NUMBER: attributes")
            key, value = next(iter(entry.items()))
            ids = reader.ids(key, f"a neuron of group {name[:40]!r}", entry.line, count=MAX_NEURONS)
            entries.append((ids, _attributes(reader, value, common, entry.line), entry.line))
            size += len(ids)
            if first + size > MAX_NEURONS:
                reader.fail(entry, f"neurons must be at most {MAX_NEURONS}")
        if not size:
            reader.fail(node, f"group {name[:40]!r} must have neurons")
        group = groups[name] = Group(name, size, first)
        group.line = node.line
        group.attributes = [{}] * size
        seen = np.zeros(size, dtype=bool)
        for ids, attributes, line in entries:
            if ids[-1] >= size or seen[ids.start : ids.stop].any():
                reader.fail(
                    line, f"neurons of a group must be numbered 0 to {size - 1}, each once, got {ids[-1]}"
                )
            seen[ids.start : ids.stop] = True
            group.attributes[ids.start : ids.stop] = [attributes] * len(ids)
        first += size
    if not groups:
        reader.fail(top, "groups must be at least one")
    return groups


def _attributes(reader: Reader, value: Any, common: Attributes, line: int) -> Attributes:
    """The attributes of a neuron over those of its group; the sections of its parts are laid on top, in order."""
    found = dict(common)
    found["line"] = getattr(value, "line", 0) or line
    for key, given in reader.items(value, "attributes", line):
        if key in UNITS:
            found |= dict(reader.items(given, key, line))
        else:
            found[key] = given
    for key in [k for k in found if k not in common]:
        known = (*SOMA, *MODE, *INPUT, *FORCE, *IGNORED, *OTHERS, *UNITS.values(), "line")
        if key == "noise":
            reader.fail(line, "noise streams from files are not supported")
        if key not in known:
            names = ", ".join((*SOMA, *MODE, *INPUT))
            reader.fail(line, f"attribute {key[:40]!r} is not known; supported are {names}")
    return found


class Placed:
    """For every neuron of the file: core, order of mapping, and the units it names."""

    def __init__(self, neurons: int) -> None:
        self.core = np.full(neurons, -1, dtype=np.int32)
        self.rank = np.zeros(neurons, dtype=np.int64)
        self.units: list[tuple[str, str, str]] = [("", "", "")] * neurons
        self.line = np.zeros(neurons, dtype=np.int64)


def read_mapping(reader: Reader, groups: dict[str, Group], architecture: Architecture) -> Placed:
    """Read ``mappings``; a neuron that is mapped again is mapped anew."""
    total = sum(g.size for g in groups.values())
    placed = Placed(total)
    first_core = np.searchsorted(architecture.tile_of_core, np.arange(architecture.tiles + 1))
    rank = 0
    for node in reader.part(reader.root, "mappings", List):
        if not isinstance(node, Map) or len(node) != 1:
            reader.fail(
                getattr(node, "line", reader.root.line), "a mapping must be GROUP.NUMBERS: attributes"
            )
        key, value = next(iter(node.items()))
        name, _, which = key.partition(".")
        if name not in groups:
            reader.fail(node, f"mapping must be of a group of the network, got {name[:40]!r}")
        group = groups[name]
        ids = reader.ids(which, "neurons", node.line, count=group.size) if which else range(group.size)
        if ids[-1] >= group.size:
            reader.fail(node, f"neurons of {name[:40]!r} must be below {group.size}, got {ids[-1]}")
        given = dict(reader.items(value, "mapping", node.line))
        for attribute in given:
            if attribute not in ("core", *UNITS):
                reader.fail(node, f"a mapping must be core, soma, synapse, dendrite, got {attribute[:40]!r}")
            if not isinstance(given[attribute], str):
                reader.fail(node, f"{attribute} must be plain text")
        if "core" not in given:
            reader.fail(node, "a mapping must name a core")
        tile_text, _, core_text = given["core"].partition(".")
        tile = reader.whole(tile_text, "tile", node.line, high=architecture.tiles - 1)
        here = int(first_core[tile + 1] - first_core[tile])
        core = first_core[tile] + reader.whole(core_text or "0", "core", node.line, high=here - 1)
        for i in ids:
            n = group.first + i
            own = group.attributes[i]
            units = tuple(
                # an edge takes the synapse unit that the network names, if it does, else the mapping
                (
                    own.get(long) or given.get(kind, "")
                    if kind == "synapse"
                    else given.get(kind) or own.get(long, "")
                )
                for kind, long in UNITS.items()
            )
            if not all(isinstance(unit, str) for unit in units):
                reader.fail(node, "names of units must be plain text")
            placed.core[n], placed.rank[n], placed.units[n] = core, rank, units
            placed.line[n] = node.line
            rank += 1
            if rank > 4 * MAX_NEURONS:
                reader.fail(node, f"mappings must be of at most {4 * MAX_NEURONS} neurons")
    missing = np.flatnonzero(placed.core < 0)
    if len(missing):
        group = [g for g in groups.values() if g.first <= missing[0]][-1]
        reader.fail(
            reader.root, f"every neuron must be mapped, {group.name[:40]}.{missing[0] - group.first} is not"
        )
    return placed
