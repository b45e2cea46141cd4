"""Fan-out: what every spike of a network sets off on a chip, in the order of neuron, core and delay.

A spike of neuron ``n`` is the packets (rows) ``indptr[n]:indptr[n + 1]``, one for each core with a target of it. A
packet brings the groups ``first_group[r]:first_group[r + 1]``, one for each delay; and a group the synaptic events
``first[g]:first[g + 1]``. A group of a delay of one step acts when the packet has been served; one of d steps a
further (d − 1) steps later, through the **delay line** ``line[g]``, one for each core and delay in use, so that
what enters a line later also leaves it later.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.chip.architecture import Architecture
from hdspike.chip.axons import Axons, axons
from hdspike.chip.config import LONGEST
from hdspike.chip.placement import Placement
from hdspike.network.graph import Network

__all__ = ["Fanout", "fanout"]


@dataclass(frozen=True)
class Fanout:
    """See the head of the file. ``service_ps[r]`` is the time that packet ``r`` takes its core: axon in, its
    synaptic events, and for each of them the access and update of a soma."""

    axons: Axons
    service_ps: NDArray[np.int64]
    first_group: NDArray[np.int64]
    first: NDArray[np.int64]
    delay_ps: NDArray[np.int64]
    line: NDArray[np.int32]
    lines: int
    targets: NDArray[np.int32]
    weights: NDArray[np.float64]


def starts(changes: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Where each run of equal things begins, and the end."""
    return np.append(np.flatnonzero(changes), len(changes)).astype(np.int64)


def fanout(network: Network, architecture: Architecture, placed: Placement, step_ps: int) -> Fanout:
    """The table of a network on these cores, with steps of ``step_ps``."""
    table = axons(network, architecture, placed.core)
    parts: list[tuple[NDArray[Any], ...]] = []
    for projection in network.projections:
        synapses = projection.synapses
        lines = np.repeat(np.arange(synapses.lines, dtype=np.int64), np.diff(synapses.indptr))
        count = len(synapses)
        parts.append(
            (
                lines + network.offsets[network.index(projection.source)],
                synapses.targets.astype(np.int64) + network.offsets[network.index(projection.target)],
                np.ones(count) if synapses.weights is None else synapses.weights.astype(np.float64),
                np.ones(count, dtype=np.int64)
                if synapses.delays is None
                else synapses.delays.astype(np.int64),
            )
        )
    source, target, weight, delay = (
        np.concatenate([part[i] for part in parts]) if parts else np.empty(0, dtype=kind)
        for i, kind in enumerate((np.int64, np.int64, np.float64, np.int64))
    )
    longest = int(delay.max(initial=1)) - 1
    if longest * step_ps > LONGEST:
        raise OverflowError(f"step_s times the longest delay ({longest + 1} steps) must be at most 2⁶⁰ ps")
    core = placed.core[target]
    order = np.lexsort((delay, core, source))
    source, target, weight, delay, core = (part[order] for part in (source, target, weight, delay, core))
    if len(source):
        fresh_row = np.append(True, (source[1:] != source[:-1]) | (core[1:] != core[:-1]))
        fresh_group = fresh_row | np.append(True, delay[1:] != delay[:-1])
    else:
        fresh_row = fresh_group = np.empty(0, dtype=bool)
    row_starts, first = starts(fresh_row), starts(fresh_group)
    soma_ps = np.array([unit.access_ps + unit.update_ps for unit in architecture.units] + [0], dtype=np.int64)
    service = table.service_ps.copy()
    np.add.at(service, np.cumsum(fresh_row) - 1, soma_ps[placed.soma[target]])
    late = (delay[first[:-1]] - 1) * step_ps
    place = np.stack([core[first[:-1]].astype(np.int64), late], axis=1)
    line = np.full(len(late), -1, dtype=np.int32)
    ripe = late > 0
    found, number = np.unique(place[ripe], axis=0, return_inverse=True)
    line[ripe] = number.reshape(-1)
    return Fanout(
        axons=table,
        service_ps=service,
        first_group=np.searchsorted(first, row_starts).astype(np.int64),
        first=first,
        delay_ps=late,
        line=line,
        lines=len(found),
        targets=target.astype(np.int32),
        weights=weight,
    )
