"""Drops: when a packet was thrown away on its way, its synaptic events never happen."""

import numpy as np
from numpy.typing import NDArray

from hdspike.chip.barrier import Sender
from hdspike.functional.clocked import Clocked
from hdspike.jit import kernel

__all__ = ["deliver_rest"]


@kernel
def _deliver_rest(
    neuron, times, first, indptr, targets, weights, delays, core_of_target, axon_indptr, axon_core, lost, ring, now
):  # fmt: skip
    """Deliver the spikes of neurons that lost packets; returns the synaptic events.

    Line ``neuron[i]`` (number ``first + neuron[i]`` in the network) spiked ``times[i]`` times, and its packet in row
    ``r`` of the axon table was lost ``lost[r]`` times. ``weights`` and ``delays`` are empty where every one is 1.
    """
    events = 0
    depth = len(ring)
    for i in range(len(neuron)):
        for s in range(indptr[neuron[i]], indptr[neuron[i] + 1]):
            core = core_of_target[targets[s]]
            row = axon_indptr[first + neuron[i]]
            while axon_core[row] != core:
                row += 1
            slot = (now + (delays[s] if len(delays) > 0 else 1)) % depth
            for _ in range(times[i] - lost[row]):
                ring[slot, targets[s]] += weights[s] if len(weights) > 0 else 1.0
                events += 1
    return events


def deliver_rest(
    clocked: Clocked, sender: Sender, core: NDArray[np.int32], arrived: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """The second half of a step for the packets that arrived; returns what was lost, per row of the axon table."""
    table, network = sender.table, clocked.network
    lost = np.bincount(sender.row[: len(arrived)][~arrived], minlength=len(table)).astype(np.int64)
    bare = np.flatnonzero(lost)
    hit = np.zeros(network.neurons, dtype=bool)
    hit[np.searchsorted(table.indptr, bare, side="right") - 1] = True
    held, counted = clocked.fired, clocked.count
    now = clocked.now
    spikes = [fired[:count] for fired, count in zip(held, counted, strict=True)]
    whole = [some[~hit[some + first]] for some, first in zip(spikes, network.offsets[:-1], strict=True)]
    clocked.fired, clocked.count = whole, [len(some) for some in whole]
    clocked.deliver()  # the whole spikes as ever, the others apart
    clocked.fired, clocked.count = held, counted
    for wire, projection in enumerate(network.projections):
        source, target = network.index(projection.source), network.index(projection.target)
        some = spikes[source][hit[spikes[source] + network.offsets[source]]]
        neuron, times = np.unique(some, return_counts=True)
        synapses = projection.synapses
        clocked.synaptic_events[wire] += int(_deliver_rest(
            neuron.astype(np.int64), times.astype(np.int64), int(network.offsets[source]), synapses.indptr,
            synapses.targets, np.empty(0, dtype=np.int8) if synapses.weights is None else synapses.weights,
            np.empty(0, dtype=np.int32) if synapses.delays is None else synapses.delays,
            np.ascontiguousarray(core[network.offsets[target] : network.offsets[target + 1]]), table.indptr, table.core,
            lost, clocked.rings[target], now,
        ))  # fmt: skip
    return lost
