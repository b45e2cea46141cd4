"""Mapping: which neuron lives on which core, and which cores each input line must reach."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.chip.config import ChipConfig
from hdspike.jit import kernel
from hdspike.network import Layer
from hdspike.network.synapses import Synapses

__all__ = ["Mapping", "capacity", "place"]

LIMITS = ("cores", "neurons per core", "input axons per core", "bits of synaptic memory per core")


@dataclass(frozen=True)
class Mapping:
    """Consecutive neurons fill the cores in order.

    Core ``c`` holds the neurons ``first[c]:first[c + 1]`` for ``c < cores_used``. Input line ``i`` goes to
    the ranges ``line_indptr[i]:line_indptr[i + 1]``; range ``r`` is one packet to core ``range_core[r]``,
    where it excites the synapses ``range_low[r]:range_high[r]`` of the network.

    The k-winner-take-all unit (one inhibitory neuron) sits on core ``kwta_core``: the first empty core, or
    core 0 where there is none. ``memory_bits`` is the synaptic memory used, per core in use.
    """

    core_of_neuron: NDArray[np.int32]
    first: NDArray[np.int64]
    line_indptr: NDArray[np.int64]
    range_core: NDArray[np.int32]
    range_low: NDArray[np.int64]
    range_high: NDArray[np.int64]
    axons: NDArray[np.int64]
    memory_bits: NDArray[np.int64]
    kwta_core: int
    tiles_used: int

    @property
    def cores_used(self) -> int:
        """Number of cores that hold neurons."""
        return len(self.first) - 1


def index_bits(count: int) -> int:
    """Bits that tell ``count`` things apart, ``⌈log₂ count⌉``."""
    return (count - 1).bit_length()


def weight_bits(weights: NDArray[np.int8] | None) -> int:
    """Bits of one stored weight: 1 for ±1 (the sign), and ⌈log₂ |w|⌉ more for the largest weight."""
    if weights is None or not len(weights):
        return 1
    return 1 + index_bits(max(1, int(np.abs(weights.astype(np.int64)).max())))


@kernel
def _place(starts, lines, rules, core_of_neuron, seen, axons, memory):
    """Fill the cores in order; returns (neurons placed, cores used, the limit that ended it).

    ``lines[starts[n]:starts[n + 1]]`` are the lines of neuron ``n``; ``rules`` are cores, neurons per core,
    input axons, memory bits, bits of an index, bits of a weight; ``seen`` (one cell per line) starts at −1.
    """
    core = 0
    neurons = synapses = axes = bits = 0
    neuron = 0
    limit = 0
    while neuron < len(starts) - 1:
        here = starts[neuron + 1] - starts[neuron]
        new = 0
        for s in range(starts[neuron], starts[neuron + 1]):
            if seen[lines[s]] != core:
                new += 1
        all_synapses = synapses + here
        cells = (axes + new) * (neurons + 1)
        sparse = all_synapses * (rules[4] + rules[5])
        dense = cells * rules[5] if all_synapses == cells else cells * (rules[5] + 1)
        bits_then = min(sparse, dense)
        limit = 0
        if neurons + 1 > rules[1]:
            limit = 1
        elif axes + new > rules[2]:
            limit = 2
        elif bits_then > rules[3]:
            limit = 3
        if limit != 0:
            if neurons == 0:  # not even alone on a core
                return neuron, core, limit
            if core + 1 == rules[0]:
                return neuron, core + 1, limit
            core += 1
            neurons = synapses = axes = bits = 0
            continue
        neurons += 1
        synapses = all_synapses
        axes += new
        bits = bits_then
        for s in range(starts[neuron], starts[neuron + 1]):
            seen[lines[s]] = core
        core_of_neuron[neuron] = core
        axons[core] = axes
        memory[core] = bits
        neuron += 1
    return neuron, core + 1, 0


@kernel
def _ranges(indptr, targets, core_of_neuron, line_indptr, core, low, high):
    """Cut the targets of each line where the core changes; returns the number of ranges.

    Called once with empty ``core``, ``low``, ``high`` to fill ``line_indptr`` and count, then to write them.
    """
    found = 0
    for line in range(len(indptr) - 1):
        line_indptr[line] = found
        at = indptr[line]
        while at < indptr[line + 1]:
            here = core_of_neuron[targets[at]]
            begin = at
            while at < indptr[line + 1] and core_of_neuron[targets[at]] == here:
                at += 1
            if len(core) > 0:
                core[found] = here
                low[found] = begin
                high[found] = at
            found += 1
    line_indptr[len(indptr) - 1] = found
    return found


def fill(synapses: Synapses, config: ChipConfig) -> tuple[Any, ...]:
    """Run the kernel: (placed, cores used, limit, core of each neuron, axons and memory per core)."""
    order = np.argsort(synapses.targets, kind="stable")
    line = np.repeat(np.arange(synapses.lines, dtype=np.int32), np.diff(synapses.indptr))[order]
    starts = np.zeros(synapses.neurons + 1, dtype=np.int64)
    np.cumsum(np.bincount(synapses.targets, minlength=synapses.neurons), out=starts[1:])
    rules = np.array(
        [
            config.cores,
            config.neurons_per_core,
            config.input_axons,
            config.synaptic_memory_bits,
            index_bits(config.neurons_per_core),
            weight_bits(synapses.weights),
        ],
        dtype=np.int64,
    )
    core_of_neuron = np.full(synapses.neurons, -1, dtype=np.int32)
    seen = np.full(synapses.lines, -1, dtype=np.int32)
    axons = np.zeros(config.cores, dtype=np.int64)
    memory = np.zeros(config.cores, dtype=np.int64)
    placed, used, limit = _place(starts, line, rules, core_of_neuron, seen, axons, memory)
    return int(placed), int(used), int(limit), core_of_neuron, axons[:used], memory[:used]


def capacity(synapses: Synapses, config: ChipConfig) -> int:
    """How many of the leading neurons of these synapses fit on the whole chip.

    A core is full when one more neuron would exceed its neurons, its input axons (distinct lines with a
    synapse there) or its synaptic memory. That memory is the cheaper of two forms, ``b`` the bits of a weight
    (1 for ±1):

    - sparse: ``synapses · (⌈log₂ neurons_per_core⌉ + b)``;
    - dense: ``lines · neurons · b`` if every such pair has a synapse, else ``lines · neurons · (b + 1)``.
    """
    return int(fill(synapses, config)[0])


def place(network: Layer, config: ChipConfig) -> Mapping:
    """Put the neurons of ``network`` on the cores of a chip, in order, by the rule of :func:`capacity`.

    Raises:
        ValueError: the network is larger than the chip; the message says which limit ends it and what fits.
    """
    synapses = network.synapses
    placed, used, limit, core_of_neuron, axons, memory = fill(synapses, config)
    if placed < synapses.neurons:
        raise ValueError(
            f"the network's keys are larger than the chip: {synapses.neurons} neurons need more than its "
            f"{config.cores} cores ({config.neurons_per_core} neurons, {config.input_axons} input axons, "
            f"{config.synaptic_memory_bits} bits of synaptic memory per core; "
            f"the {LIMITS[limit]} end first); at most {placed} fit"
        )
    first = np.searchsorted(core_of_neuron, np.arange(used + 1)).astype(np.int64)
    line_indptr = np.zeros(synapses.lines + 1, dtype=np.int64)
    none32, none64 = np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int64)
    found = _ranges(synapses.indptr, synapses.targets, core_of_neuron, line_indptr, none32, none64, none64)
    core = np.empty(found, dtype=np.int32)
    low, high = np.empty(found, dtype=np.int64), np.empty(found, dtype=np.int64)
    _ranges(synapses.indptr, synapses.targets, core_of_neuron, line_indptr, core, low, high)
    kwta_core = used if used < config.cores else 0
    tiles = (used - 1) // config.cores_per_tile + 1
    if kwta_core == used:
        tiles = kwta_core // config.cores_per_tile + 1
    return Mapping(core_of_neuron, first, line_indptr, core, low, high, axons, memory, kwta_core, tiles)
