"""Axons: the packets that a spike of each neuron becomes, one per core that holds a target of it.

A packet costs its destination ``service`` = axon in + the time of its synaptic events there, in synapse and dendrite.
The table is made once from the synapses and the placement; after that, a spike is looked up, and most of what a run
counts is the number of spikes of each neuron times a row of this table.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.chip.architecture import Architecture
from hdspike.chip.config import MAX_TIME
from hdspike.jit import kernel
from hdspike.network.graph import Network

__all__ = ["Axons", "axons"]


@dataclass(frozen=True)
class Axons:
    """Row ``r`` in ``indptr[n]:indptr[n + 1]``: one packet of neuron ``n`` (numbered through the network).

    ``core`` its destination, ``events`` its synaptic events there, ``service_ps`` the time these take the core.
    Rows of a neuron rise by core. ``unit_events`` ``(rows, units)`` in sparse form: ``unit_row``, ``unit``,
    ``unit_count``.
    """

    indptr: NDArray[np.int64]
    core: NDArray[np.int32]
    events: NDArray[np.int64]
    service_ps: NDArray[np.int64]
    unit_row: NDArray[np.int64]
    unit: NDArray[np.int32]
    unit_count: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.core)


@kernel
def _cores_of(indptr, targets, core_of_target, counts, found_indptr, found_core, found_events):
    """For each line, the cores its synapses reach and how many on each, cores rising; returns the rows.

    ``counts`` (a cell per core) is zero before and after. Called with empty ``found_core`` to count first.
    """
    rows = 0
    cores = len(counts)
    seen = np.empty(cores, dtype=np.int32)
    for line in range(len(indptr) - 1):
        found_indptr[line] = rows
        number = 0
        last = -1
        ordered = True
        for s in range(indptr[line], indptr[line + 1]):
            core = core_of_target[targets[s]]
            if counts[core] == 0:
                seen[number] = core
                number += 1
                if core < last:
                    ordered = False
                last = core
            counts[core] += 1
        if len(found_core) > 0:
            if not ordered:
                seen[:number].sort()
            for i in range(number):
                found_core[rows + i] = seen[i]
                found_events[rows + i] = counts[seen[i]]
        for i in range(number):
            counts[seen[i]] = 0
        rows += number
    found_indptr[len(indptr) - 1] = rows
    return rows


def axons(network: Network, architecture: Architecture, core: NDArray[np.int32]) -> Axons:
    """The packets of every neuron for neurons on these cores."""
    neuron: list[NDArray[np.int64]] = []
    reached: list[NDArray[np.int32]] = []
    events: list[NDArray[np.int64]] = []
    unit: list[NDArray[np.int32]] = []
    counts = np.zeros(architecture.cores, dtype=np.int64)
    for projection in network.projections:
        source, target = network.index(projection.source), network.index(projection.target)
        of_target = np.ascontiguousarray(core[network.offsets[target] : network.offsets[target + 1]])
        synapses = projection.synapses
        starts = np.zeros(synapses.lines + 1, dtype=np.int64)
        empty32, empty64 = np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int64)
        read: tuple[Any, ...] = (synapses.indptr, synapses.targets, of_target, counts, starts)
        rows = _cores_of(*read, empty32, empty64)
        one, many = np.empty(rows, dtype=np.int32), np.empty(rows, dtype=np.int64)
        if rows:
            _cores_of(*read, one, many)
        lines = np.repeat(np.arange(synapses.lines, dtype=np.int64), np.diff(starts))
        unit_of_core = np.full(architecture.cores, -1, dtype=np.int32)
        for c in np.unique(of_target):
            unit_of_core[c] = architecture.unit_of(int(c), "synapse", projection.unit)
        neuron.append(lines + network.offsets[source])
        reached.append(one)
        events.append(many)
        unit.append(unit_of_core[one])
    joined: list[NDArray[Any]] = [
        np.concatenate(part) if part else np.empty(0, dtype=kind)
        for part, kind in ((neuron, np.int64), (reached, np.int32), (events, np.int64), (unit, np.int32))
    ]
    who, where, count, of_unit = joined
    key = who * architecture.cores + where
    if len(key) > 1 and not np.all(key[1:] > key[:-1]):
        order = np.argsort(key, kind="stable")
        who, where, count, of_unit, key = (part[order] for part in (who, where, count, of_unit, key))
    fresh = np.concatenate([[True], key[1:] != key[:-1]]) if len(key) else np.empty(0, dtype=bool)
    row = np.cumsum(fresh) - 1 if len(key) else np.empty(0, dtype=np.int64)
    unit_ps = np.array([u.event_ps for u in architecture.units], dtype=np.int64)
    service = np.zeros(int(fresh.sum()), dtype=np.int64)
    total = np.zeros(len(service), dtype=np.int64)
    np.add.at(service, row, count * unit_ps[of_unit])
    np.add.at(total, row, count)
    first_core = np.ascontiguousarray(where[fresh])
    inward, dendrite = np.zeros((2, architecture.cores), dtype=np.int64)
    for c in np.unique(first_core):
        inward[c] = architecture.units[architecture.unit_of(int(c), "axon_in")].event_ps
        dendrite[c] = architecture.units[architecture.unit_of(int(c), "dendrite")].event_ps
    indptr = np.zeros(network.neurons + 1, dtype=np.int64)
    np.cumsum(np.bincount(who[fresh], minlength=network.neurons), out=indptr[1:])
    most = float(unit_ps.max()) + float(dendrite.max(initial=0))
    if len(total) and float(inward.max()) + most * float(total.max()) > MAX_TIME:
        raise OverflowError(
            f"a packet must keep its core busy for at most 2⁶² ps, got {total.max()} events of {most:g} ps"
        )
    service += inward[first_core] + total * dendrite[first_core]
    return Axons(indptr, first_core, total, service, row, of_unit, count)
