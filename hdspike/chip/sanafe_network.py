"""Networks and their mapping to cores from the network files of SANA-FE, version 2.2.

Run are ``leaky_integrate_fire`` (:class:`hdspike.network.neurons.LoihiSoma`, in double precision as the tool reads
its files) and ``input`` (:class:`hdspike.network.neurons.stream.Stream`) somas behind ``current_based`` synapses and an
``accumulator``. That dendrite knows no delays: the tool ignores them, and so does this reader. Its
``accumulator_with_delay`` lets a charge pass only in a step in which another event arrives, and loses it otherwise;
this, ``taps``, ``truenorth`` and plug-ins are refused where a neuron uses them.

A group becomes one population, or several if its neurons differ in their soma model or modes of reset;
``metadata["addresses"]`` gives the ``group.number`` of every neuron. A core visits its neurons in the order in which
the file maps them. The synapse unit of an edge is that of its target neuron.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.chip.architecture import Architecture
from hdspike.chip.placement import Placement, placement
from hdspike.chip.sanafe_edges import Edges
from hdspike.chip.sanafe_yaml import List, Map, Reader
from hdspike.network.graph import Network, Projection
from hdspike.network.neurons.loihi import MODES, LoihiSoma
from hdspike.network.neurons.stream import Stream
from hdspike.network.population import Population
from hdspike.network.synapses import Synapses

__all__ = ["read_network"]

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


class _Group:
    """A group of the file: its neurons' attributes, and where each is mapped."""

    def __init__(self, name: str, size: int, first: int) -> None:
        self.name, self.size, self.first = name, size, first
        self.attributes: list[Attributes] = []
        self.line = 0


def read_network(source: str | Path, architecture: Architecture) -> tuple[Network, Placement]:
    """The network of a SANA-FE network file, and its placement on a chip read by ``read_architecture``.

    Args:
        source: a path, or the text itself.
        architecture: the chip that the mapping of the file names units of.

    Raises:
        ValueError: the file is malformed, names what is not there, or uses a model that is not run; the message says
            the line, the unit, the model and what is supported.
    """
    if not isinstance(architecture, Architecture):
        raise TypeError(f"architecture must be an Architecture, not {type(architecture).__name__}")
    reader = Reader(source, "network")
    top = reader.part(reader.root, "network", Map)
    groups = _groups(reader, top)
    edges = Edges(reader, {g.name: (g.first, g.size) for g in groups.values()})
    edges.read(reader.part(top, "edges", List))
    placed = _mapping(reader, groups, architecture)
    return _assemble(reader, groups, edges, placed, architecture)


def _groups(reader: Reader, top: Map) -> dict[str, _Group]:
    groups: dict[str, _Group] = {}
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
        group = groups[name] = _Group(name, size, first)
        group.line = node.line
        group.attributes = [{}] * size
        seen = np.zeros(size, dtype=bool)
        for ids, attributes, line in entries:
            if ids[-1] >= size or seen[ids.start : ids.stop].any():
                reader.fail(line, f"neurons of a group must be numbered 0 to {size - 1}, each once, got {ids[-1]}")
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


class _Placed:
    """For every neuron of the file: core, order of mapping, and the units it names."""

    def __init__(self, neurons: int) -> None:
        self.core = np.full(neurons, -1, dtype=np.int32)
        self.rank = np.zeros(neurons, dtype=np.int64)
        self.units: list[tuple[str, str, str]] = [("", "", "")] * neurons
        self.line = np.zeros(neurons, dtype=np.int64)


def _mapping(reader: Reader, groups: dict[str, _Group], architecture: Architecture) -> _Placed:
    """Read ``mappings``; a neuron that is mapped again is mapped anew."""
    total = sum(g.size for g in groups.values())
    placed = _Placed(total)
    first_core = np.searchsorted(architecture.tile_of_core, np.arange(architecture.tiles + 1))
    rank = 0
    for node in reader.part(reader.root, "mappings", List):
        if not isinstance(node, Map) or len(node) != 1:
            reader.fail(getattr(node, "line", reader.root.line), "a mapping must be GROUP.NUMBERS: attributes")
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
                (own.get(long) or given.get(kind, "") if kind == "synapse" else given.get(kind) or own.get(long, ""))
                for kind, long in UNITS.items()
            )
            if not all(isinstance(unit, str) for unit in units):
                reader.fail(node, "names of units must be plain text")
            placed.core[n], placed.rank[n], placed.units[n] = core, rank, units  # type: ignore[assignment]
            placed.line[n] = node.line
            rank += 1
            if rank > 4 * MAX_NEURONS:
                reader.fail(node, f"mappings must be of at most {4 * MAX_NEURONS} neurons")
    missing = np.flatnonzero(placed.core < 0)
    if len(missing):
        group = [g for g in groups.values() if g.first <= missing[0]][-1]
        reader.fail(reader.root, f"every neuron must be mapped, {group.name[:40]}.{missing[0] - group.first} is not")
    return placed


class _Units:
    """The unit that a name means in a core, looked up once per layout."""

    def __init__(self, reader: Reader, architecture: Architecture) -> None:
        self.reader, self.architecture = reader, architecture
        self.found: dict[tuple[int, str, str], int] = {}
        self.place: dict[tuple[int, int], int] = {}

    def find(self, core: int, kind: str, name: str, models: tuple[str, ...], line: int) -> int:
        layout = int(self.architecture.layout_of_core[core])
        key = (layout, kind, name)
        if key not in self.found:
            try:
                self.found[key] = self.architecture.unit_of(core, kind, name)
            except ValueError as error:
                self.reader.fail(line, str(error))
        unit = self.architecture.units[self.found[key]]
        if unit.model and unit.model not in models:
            self.reader.fail(
                line, f"unit {unit.name!r}: its model {unit.model} is not run; supported are {', '.join(models)}"
            )
        return self.found[key]


def _assemble(
    reader: Reader, groups: dict[str, _Group], edges: Edges, placed: _Placed, architecture: Architecture
) -> tuple[Network, Placement]:
    """Populations, projections, and who is where."""
    units = _Units(reader, architecture)
    seeds = _seeds(architecture)
    soma = np.empty(len(placed.core), dtype=np.int32)
    synapse = np.empty(len(placed.core), dtype=np.int32)
    taken: set[tuple[int, int]] = set()
    populations: list[Population] = []
    order: list[int] = []  # neurons of the file in the order of the network
    names = {0: ""}
    for group in groups.values():
        kinds: dict[tuple[str, ...], list[int]] = {}
        for i in range(group.size):
            n, attributes = group.first + i, group.attributes[i]
            core, line = int(placed.core[n]), int(placed.line[n])
            soma_name, synapse_name, dendrite_name = placed.units[n]
            soma[n] = units.find(core, "soma", soma_name, ("leaky_integrate_fire", "input"), line)
            own = units.find(core, "dendrite", dendrite_name, ("accumulator",), line)
            if own != units.find(core, "dendrite", "", ("accumulator",), line):
                reader.fail(line, f"dendrite must be the first of its core, got {dendrite_name[:40]!r}")
            synapse[n] = units.find(core, "synapse", synapse_name, ("current_based",), line)
            names[int(synapse[n])] = architecture.units[synapse[n]].name
            if architecture.units[soma[n]].model == "input":
                if (core, int(soma[n])) in taken:
                    reader.fail(line, f"an input unit must hold one neuron, {soma_name[:40]!r} holds two")
                taken.add((core, int(soma[n])))
                kind: tuple[str, ...] = ("input",)
            else:
                kind = tuple(_mode(reader, attributes, mode) for mode in MODE)
            kinds.setdefault(kind, []).append(i)
        for kind, some in kinds.items():
            name = group.name if len(kinds) == 1 else f"{group.name}:{'-'.join(kind)}"
            chosen = [group.attributes[i] for i in some]
            where = [group.first + i for i in some]
            if kind == ("input",):
                model: Any = _stream(reader, chosen, [seeds[int(placed.core[n]), int(soma[n])] for n in where])
            else:
                model = _soma(reader, chosen, kind)
            populations.append(Population(name, len(some), model))
            order += where
    file_order = np.array(order, dtype=np.int64)
    network = _network(reader, groups, populations, file_order, edges, synapse, names)
    found = placement(
        network, architecture, placed.core[file_order], rank=placed.rank[file_order], soma=soma[file_order]
    )
    return network, found


def _mode(reader: Reader, attributes: Attributes, key: str) -> str:
    mode = attributes.get(key, MODE[key])
    if mode not in MODES:
        reader.fail(attributes["line"], f"{key} must be one of {', '.join(MODES)}, got {str(mode)[:40]!r}")
    return str(mode)


def _soma(reader: Reader, chosen: list[Attributes], kind: tuple[str, ...]) -> LoihiSoma:
    """The parameters of leaky integrate-and-fire somas: one number each where all agree."""
    rows: dict[str, Any] = {}
    known: dict[int, list[float]] = {}  # neurons of a range share their attributes
    table = []
    for attributes in chosen:
        if id(attributes) not in known:
            known[id(attributes)] = _values(reader, attributes)
        table.append(known[id(attributes)])
    values = np.array(table)
    for column, key in enumerate(SOMA):
        row = values[:, column]
        rows[key] = row[0] if np.all(row == row[0]) else row
    return LoihiSoma(**rows, reset_mode=kind[0], reverse_reset_mode=kind[1], single=False)


def _values(reader: Reader, attributes: Attributes) -> list[float]:
    line = attributes["line"]
    out = []
    for key, default in SOMA.items():
        if key == "force_update":
            flags = [reader.flag(attributes[k], k, line) for k in FORCE if k in attributes]
            out.append(float(any(flags)))
        elif key == "refractory_delay" and key in attributes:
            out.append(float(reader.whole(attributes[key], key, line)))
        elif key == "threshold" and attributes.get(key) in (".inf", "+.inf"):
            out.append(np.inf)
        else:
            out.append(reader.number(attributes[key], key, line) if key in attributes else default)
    return out


def _stream(reader: Reader, chosen: list[Attributes], seeds: list[int]) -> Stream:
    trains, rate, chance = [], [], []
    for attributes in chosen:
        line = attributes["line"]
        spikes = attributes.get("spikes", List())
        if not isinstance(spikes, List):
            reader.fail(line, "spikes must be a list of 0 and 1")
        trains.append(np.array([reader.flag(s, "a value of spikes", line) for s in spikes], dtype=np.uint8))
        rate.append(reader.number(attributes.get("rate", "0"), "rate", line, low=0.0, high=1.0))
        chance.append(reader.number(attributes.get("poisson", "0"), "poisson", line, low=0.0, high=1.0))
    return Stream(trains, rate=np.array(rate), probability=np.array(chance), seeds=np.array(seeds))


class _Seeds(dict[tuple[int, int], int]):
    """(core, unit) → 1 + the number of the input unit, counted through all cores: the tool's seed of its stream."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        inputs = [
            [u for u in layout if architecture.units[u].model == "input"] for layout in architecture.layouts
        ]
        self.place = [{u: i for i, u in enumerate(units)} for units in inputs]
        counts = np.array([len(units) for units in inputs])[architecture.layout_of_core]
        self.before = np.concatenate([[0], np.cumsum(counts)])

    def __missing__(self, key: tuple[int, int]) -> int:
        core, unit = key
        return 1 + int(self.before[core]) + self.place[int(self.architecture.layout_of_core[core])][unit]


def _seeds(architecture: Architecture) -> _Seeds:
    return _Seeds(architecture)


def _network(
    reader: Reader,
    groups: dict[str, _Group],
    populations: list[Population],
    file_order: NDArray[np.int64],
    edges: Edges,
    synapse: NDArray[np.int32],
    names: dict[int, str],
) -> Network:
    """Edges by pair of populations and synapse unit."""
    number = np.empty(len(file_order), dtype=np.int64)
    number[file_order] = np.arange(len(file_order))
    source, target, weights, lines = edges.arrays()
    offsets = np.cumsum([0, *(p.size for p in populations)])
    unit = synapse[target]
    source, target = number[source], number[target]
    a, b = (np.searchsorted(offsets, end, side="right") - 1 for end in (source, target))
    into = np.array([p.is_source for p in populations])[b]
    if into.any():
        reader.fail(int(lines[np.flatnonzero(into)[0]]), "an edge must not end in an input neuron")
    projections = []
    label, unit = np.unique(unit, return_inverse=True)
    key = (a * len(populations) + b) * max(1, len(label)) + unit
    order = np.argsort(key, kind="stable")
    cuts = np.flatnonzero(np.diff(key[order])) + 1
    for some in np.split(order, cuts) if len(order) else []:
        first, last = populations[a[some[0]]], populations[b[some[0]]]
        synapses = Synapses.from_pairs(
            source[some] - offsets[a[some[0]]],
            target[some] - offsets[b[some[0]]],
            shape=(first.size, last.size),
            weights=_smallest(weights[some]),
        )
        projections.append(Projection(first.name, last.name, synapses, names[int(label[unit[some[0]]])]))
    listed = [(group, i) for group in groups.values() for i in range(group.size)]
    ordered = [listed[n] for n in file_order]
    metadata: dict[str, object] = {"addresses": [f"{group.name}.{i}" for group, i in ordered]}
    for key_name in ("log_spikes", "log_potential"):
        metadata[key_name] = [
            n for n, (group, i) in enumerate(ordered)
            if reader.flag(group.attributes[i].get(key_name, "0"), key_name, group.attributes[i]["line"])
        ]  # fmt: skip
    return Network(populations, projections, metadata)


def _smallest(weights: NDArray[np.float64]) -> NDArray[Any]:
    """Whole weights below 128 as int8."""
    small = np.all((np.abs(weights) < 128) & (weights == np.rint(weights)))
    return weights.astype(np.int8) if small else weights + 0.0
