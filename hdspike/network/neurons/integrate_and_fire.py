"""The perfect integrate-and-fire neuron: ``v ← v + w`` at every synaptic event, no leak.

``v`` starts at the neuron's bias. ``received`` counts the synaptic events of the query: a neuron that
received none never fires. Both are zeroed (to the bias) between queries.
"""

from hdspike.jit import kernel

__all__ = ["_receive", "_receive_unit"]


@kernel
def _receive_unit(targets, low, high, potential):
    """Deliver one event over synapses of weight +1: ``v[t] += 1``; returns the synaptic events."""
    for s in range(low, high):
        potential[targets[s]] += 1
    return high - low


@kernel
def _receive(targets, weights, low, high, potential, received):
    """Deliver one event over signed synapses: ``v[t] += w``; returns the synaptic events."""
    for s in range(low, high):
        potential[targets[s]] += weights[s]
        received[targets[s]] += 1
    return high - low
