"""Placement: which neuron of a network lives on which core, by hand, by capacity, or by traffic."""

from collections.abc import Mapping as Dictionary
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.chip.architecture import Architecture
from hdspike.chip.axons import Axons, axons
from hdspike.jit import kernel
from hdspike.network.graph import Network

__all__ = ["Placement", "by_capacity", "by_hand", "by_traffic", "check_placement"]


@dataclass(frozen=True)
class Placement:
    """``core`` ``(neurons,)``, −1 is not allowed; ``rank`` ``(neurons,)`` orders the neurons within a core.

    ``soma`` ``(neurons,)`` is the index of the neuron's soma unit in the architecture; −1 is a spike source that
    costs its core nothing but the axon out (its spikes come from outside).
    """

    core: NDArray[np.int32]
    rank: NDArray[np.int64]
    soma: NDArray[np.int32]

    @property
    def cores_used(self) -> NDArray[np.int64]:
        """The cores that hold neurons, rising."""
        return np.unique(self.core).astype(np.int64)


def placement(
    network: Network, architecture: Architecture, core: Any, *, rank: Any = None, soma: Any = None
) -> Placement:
    """A checked placement from the core of every neuron.

    Raises:
        ValueError: a core is not on the chip or holds more neurons than it can, or a unit is not there.
    """
    where = check.array("core", core, np.int32, ndim=1)
    if len(where) != network.neurons:
        raise ValueError(f"core must be one per neuron ({network.neurons}), got {len(where)}")
    if where.min() < 0 or where.max() >= architecture.cores:
        raise ValueError(f"core must be in [0, {architecture.cores}), got {where.min()} … {where.max()}")
    held = np.bincount(where, minlength=architecture.cores)
    full = np.flatnonzero(held > architecture.neurons_per_core)
    if len(full):
        raise ValueError(
            f"core {full[0]} must hold at most {architecture.neurons_per_core[full[0]]} neurons, "
            f"got {held[full[0]]}"
        )
    order = np.arange(len(where)) if rank is None else check.array("rank", rank, np.int64, ndim=1)
    units = (
        somas(network, architecture, where) if soma is None else check.array("soma", soma, np.int32, ndim=1)
    )
    if len(order) != len(where) or len(units) != len(where):
        raise ValueError(f"rank and soma must be one per neuron ({len(where)})")
    return Placement(where, np.ascontiguousarray(order, dtype=np.int64), units)


def check_placement(network: Network, architecture: Architecture, placed: Placement | None) -> None:
    """Raise where a placement (if there is one) was made for another network or chip: the kernels rely on it."""
    for name, value, kind in (
        ("network", network, Network), ("architecture", architecture, Architecture), ("placement", placed, Placement)
    ):  # fmt: skip
        if not isinstance(value, kind) and not (value is None and kind is Placement):
            raise TypeError(f"{name} must be of type {kind.__name__}, not {type(value).__name__}")
    if placed is None:
        return
    sizes = {len(placed.core), len(placed.rank), len(placed.soma)}
    if sizes != {network.neurons} or placed.core.min() < 0 or placed.core.max() >= architecture.cores:
        raise ValueError(
            f"placement must be of this network ({network.neurons} neurons) on this chip ({architecture.cores} cores), "
            f"got {len(placed.core)} neurons on cores {placed.core.min()} … {placed.core.max()}"
        )
    if placed.soma.min() < -1 or placed.soma.max() >= len(architecture.units):
        raise ValueError(
            f"placement must be on this chip, whose units are {len(architecture.units)}, got soma {placed.soma.max()}"
        )


def somas(network: Network, architecture: Architecture, core: NDArray[np.int32]) -> NDArray[np.int32]:
    """The soma unit of each neuron: the one its population names, else the core's first."""
    units = np.empty(network.neurons, dtype=np.int32)
    for place, population in enumerate(network.populations):
        low, high = int(network.offsets[place]), int(network.offsets[place + 1])
        if population.is_source and not population.unit:
            units[low:high] = -1
            continue
        for layout in np.unique(architecture.layout_of_core[core[low:high]]):
            some = np.flatnonzero(architecture.layout_of_core[core[low:high]] == layout)
            one = int(core[low + some[0]])
            units[low + some] = architecture.unit_of(one, "soma", population.unit)
    return units


def by_hand(
    network: Network, architecture: Architecture, cores: Dictionary[str, Sequence[int]] | Sequence[int]
) -> Placement:
    """Each population on its own cores: names → core numbers, or how many cores each population takes in turn.

    A population of ``n`` neurons on ``c`` cores is cut into blocks of ``⌊n ÷ c⌋``, the rest on the last.
    """
    chosen: dict[str, list[int]] = {}
    if isinstance(cores, Dictionary):
        for name, some in cores.items():
            network.index(name)
            chosen[name] = [check.integer("cores", c, low=0, high=architecture.cores - 1) for c in some]
        missing = [p.name for p in network.populations if p.name not in chosen]
        if missing:
            raise ValueError(f"cores must name every population, missing {missing[0]!r}")
    else:
        counts = [check.integer("cores", c, low=1) for c in cores]
        if len(counts) != len(network.populations):
            raise ValueError(
                f"cores must be one count per population ({len(network.populations)}: "
                f"{', '.join(p.name for p in network.populations)}), got {len(counts)}"
            )
        if sum(counts) > architecture.cores:
            raise ValueError(f"cores must be at most {architecture.cores} in all, got {sum(counts)}")
        start = 0
        for population, count in zip(network.populations, counts, strict=True):
            chosen[population.name] = list(range(start, start + count))
            start += count
    core = np.empty(network.neurons, dtype=np.int32)
    for place, population in enumerate(network.populations):
        mine = chosen[population.name]
        if not 1 <= len(mine) <= population.size:
            raise ValueError(
                f"cores of {population.name} must be 1 … {population.size} (its neurons), got {len(mine)}"
            )
        block = population.size // len(mine)
        index = np.minimum(np.arange(population.size) // block, len(mine) - 1)
        core[network.offsets[place] : network.offsets[place + 1]] = np.asarray(mine, dtype=np.int32)[index]
    return placement(network, architecture, core)


@kernel
def _fill(indptr, lines, capacity, axon_limit, memory_limit, synapse_bits, seen, block):
    """Fill blocks with consecutive neurons until a limit is reached; returns (neurons placed, blocks, limit).

    ``lines[indptr[n]:indptr[n + 1]]`` are the sources of neuron ``n``; ``capacity`` the neurons of each core in
    turn; limits below 0 are none; ``seen`` (a cell per source) starts at −1.
    """
    at = 0
    held = axes = bits = 0
    n = 0
    while n < len(block):
        fresh = 0
        for s in range(indptr[n], indptr[n + 1]):
            if seen[lines[s]] != at:
                fresh += 1
                seen[lines[s]] = at
        need = (indptr[n + 1] - indptr[n]) * synapse_bits
        limit = 0
        if held + 1 > capacity[at]:
            limit = 1
        elif axon_limit >= 0 and axes + fresh > axon_limit:
            limit = 2
        elif memory_limit >= 0 and bits + need > memory_limit:
            limit = 3
        if limit != 0:
            at += 1
            if held == 0 or at == len(capacity):
                return n, at, limit
            held = axes = bits = 0
            continue
        held += 1
        axes += fresh
        bits += need
        block[n] = at
        n += 1
    return n, at + 1, 0


LIMITS = ("", "neurons per core", "input axons per core", "bits of synaptic memory per core")


def by_capacity(network: Network, architecture: Architecture) -> Placement:
    """Fill the cores in order, population by population; a core holds neurons of one population only.

    A core is full at its neurons, its input axons (distinct sources of its neurons) or its synaptic memory:
    ``synapses · (⌈log₂ neurons per core⌉ + bits of a weight)``, 8 bits for the weights of a real chip.

    Raises:
        ValueError: the network does not fit; the message says which limit ends it and how much fits.
    """
    core = np.empty(network.neurons, dtype=np.int32)
    first = 0
    axon_limit = -1 if architecture.input_axons is None else architecture.input_axons
    memory_limit = -1 if architecture.synaptic_memory_bits is None else architecture.synaptic_memory_bits
    for place, population in enumerate(network.populations):
        low = int(network.offsets[place])
        if first >= architecture.cores:
            raise ValueError(
                f"the network is larger than the chip: its {architecture.cores} cores are full before "
                f"population {population.name!r}; {low} of {network.neurons} neurons fit"
            )
        indptr, lines = incoming(network, place)
        capacity = np.ascontiguousarray(architecture.neurons_per_core[first:])
        bits = 8 + int(capacity.max() - 1).bit_length()
        seen = np.full(network.neurons, -1, dtype=np.int32)
        block = np.full(population.size, -1, dtype=np.int32)
        placed, used, limit = _fill(indptr, lines, capacity, axon_limit, memory_limit, bits, seen, block)
        if placed < population.size:
            raise ValueError(
                f"the network is larger than the chip: population {population.name!r} needs more than the "
                f"{len(capacity)} cores left of {architecture.cores} ({LIMITS[limit]} end first); "
                f"{low + placed} of {network.neurons} neurons fit"
            )
        core[low : low + population.size] = block + first
        first += used
    return placement(network, architecture, core)


def incoming(network: Network, place: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The sources of each neuron of a population, as rows: ``(indptr, sources numbered through)``."""
    size = network.populations[place].size
    pairs = [
        (p.synapses.targets, np.repeat(
            np.arange(p.synapses.lines, dtype=np.int32) + np.int32(network.offsets[network.index(p.source)]),
            np.diff(p.synapses.indptr),
        ))
        for p in network.projections
        if network.index(p.target) == place
    ]  # fmt: skip
    indptr = np.zeros(size + 1, dtype=np.int64)
    if not pairs:
        return indptr, np.empty(0, dtype=np.int32)
    targets = np.concatenate([t for t, _ in pairs])
    sources = np.concatenate([s for _, s in pairs])
    np.cumsum(np.bincount(targets, minlength=size), out=indptr[1:])
    return indptr, np.ascontiguousarray(sources[np.argsort(targets, kind="stable")])


@kernel
def _swap(traffic, distance, sort, site, gain_needed):
    """Swap two sites as long as that lowers ``Σ traffic[a, b] · distance[site[a], site[b]]``; returns the swaps.

    ``traffic`` ``(cores, cores)`` int64, symmetric with a zero diagonal (an empty core is a row of zeros), ``site``
    a permutation of the cores, changed in place. Only cores of the same ``sort`` change places.
    """
    count = len(site)
    swaps = 0
    better = True
    while better:
        better = False
        for a in range(count):
            for b in range(a + 1, count):
                if sort[a] != sort[b]:
                    continue
                change = 0
                for c in range(count):
                    if c != a and c != b:
                        difference = distance[site[b], site[c]] - distance[site[a], site[c]]
                        change += (traffic[a, c] - traffic[b, c]) * difference
                if change < -gain_needed:
                    site[a], site[b] = site[b], site[a]
                    swaps += 1
                    better = True
    return swaps


def traffic_between(
    table: Axons, source_core: NDArray[np.int32], cores: int, fired: Any
) -> NDArray[np.int64]:
    """``(cores, cores)``: packets from core to core when neuron ``n`` fires ``fired[n]`` times."""
    counts = np.repeat(fired, np.diff(table.indptr))
    source = np.repeat(source_core, np.diff(table.indptr))
    flat = np.bincount(source.astype(np.int64) * cores + table.core, weights=counts, minlength=cores * cores)
    return np.rint(flat).astype(np.int64).reshape(cores, cores)


def by_traffic(
    network: Network, architecture: Architecture, start: Placement | None = None, *, fired: Any = None
) -> Placement:
    """Move whole cores about the mesh until no exchange of two of them saves a hop.

    Starts from ``start`` (by default :func:`by_capacity`) and lowers ``Σ packets · hops`` over pairs of cores with
    the packets that ``fired`` spikes of each neuron send (default: one each; a profiling run knows better). Cores
    may change places only with cores of the same layout and capacity.
    """
    begun = by_capacity(network, architecture) if start is None else start
    check_placement(network, architecture, begun)
    spikes = np.ones(network.neurons, dtype=np.int64)
    if fired is not None:
        spikes = check.array("fired", fired, np.int64, ndim=1)
        if len(spikes) != network.neurons or spikes.min(initial=0) < 0:
            raise ValueError(f"fired must be one count per neuron ({network.neurons}), got {len(spikes)}")
    cores = architecture.cores
    if cores > 2048:
        raise ValueError(f"architecture must have at most 2048 cores for a search by traffic, got {cores}")
    table = axons(network, architecture, begun.core)
    flow = traffic_between(table, begun.core, cores, spikes)
    flow = flow + flow.T
    np.fill_diagonal(flow, 0)
    x, y = architecture.tile_x[architecture.tile_of_core], architecture.tile_y[architecture.tile_of_core]
    distance = np.abs(x[:, None] - x) + np.abs(y[:, None] - y)
    site = np.arange(cores, dtype=np.int64)
    sort = architecture.layout_of_core * (2**32) + architecture.neurons_per_core
    _swap(flow, distance, sort, site, 0)
    moved = site[begun.core].astype(np.int32)
    return placement(network, architecture, moved, rank=begun.rank, soma=begun.soma)
