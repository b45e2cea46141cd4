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
from hdspike.chip.sanafe_groups import MODE, Group, Placed, read_groups, read_mapping
from hdspike.chip.sanafe_somas import Seeds, mode_of, read_soma, read_stream
from hdspike.chip.sanafe_yaml import List, Map, Reader
from hdspike.network.graph import Network, Projection
from hdspike.network.population import Population
from hdspike.network.synapses import Synapses

__all__ = ["read_network"]


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
    groups = read_groups(reader, top)
    edges = Edges(reader, {g.name: (g.first, g.size) for g in groups.values()})
    edges.read(reader.part(top, "edges", List))
    placed = read_mapping(reader, groups, architecture)
    return _assemble(reader, groups, edges, placed, architecture)


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
                line,
                f"unit {unit.name!r}: its model {unit.model} is not run; supported are {', '.join(models)}",
            )
        return self.found[key]


def _assemble(
    reader: Reader, groups: dict[str, Group], edges: Edges, placed: Placed, architecture: Architecture
) -> tuple[Network, Placement]:
    """Populations, projections, and who is where."""
    units = _Units(reader, architecture)
    seeds = Seeds(architecture)
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
                kind = tuple(mode_of(reader, attributes, mode) for mode in MODE)
            kinds.setdefault(kind, []).append(i)
        for kind, some in kinds.items():
            name = group.name if len(kinds) == 1 else f"{group.name}:{'-'.join(kind)}"
            chosen = [group.attributes[i] for i in some]
            where = [group.first + i for i in some]
            if kind == ("input",):
                model: Any = read_stream(
                    reader, chosen, [seeds[int(placed.core[n]), int(soma[n])] for n in where]
                )
            else:
                model = read_soma(reader, chosen, kind)
            populations.append(Population(name, len(some), model))
            order += where
    file_order = np.array(order, dtype=np.int64)
    network = _network(reader, groups, populations, file_order, edges, synapse, names)
    found = placement(
        network, architecture, placed.core[file_order], rank=placed.rank[file_order], soma=soma[file_order]
    )
    return network, found


def _network(
    reader: Reader,
    groups: dict[str, Group],
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
    kind = synapse[target]
    source, target = number[source], number[target]
    a, b = (np.searchsorted(offsets, end, side="right") - 1 for end in (source, target))
    into = np.array([p.is_source for p in populations])[b]
    if into.any():
        reader.fail(int(lines[np.flatnonzero(into)[0]]), "an edge must not end in an input neuron")
    projections = []
    label, unit = np.unique(kind, return_inverse=True)
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
