"""The functional runner by synapses: event after event, for sparse codes and any network."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.functional.readout import TICK, Group, Progress, _late, _record, _scratch, collect
from hdspike.jit import kernel, spread
from hdspike.network import Layer, Outcome
from hdspike.spikes import Stimuli


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


@kernel
def _deliver(synapses, lines, low, high, potential, received):
    """Deliver the events ``lines[low:high]``; returns the synaptic events."""
    indptr, targets, weights, unit = synapses
    events = 0
    for e in range(low, high):
        first, last = indptr[lines[e]], indptr[lines[e] + 1]
        if unit:
            events += _receive_unit(targets, first, last, potential)
        else:
            events += _receive(targets, weights, first, last, potential, received)
    return events


@kernel
def _cross(tick, theta, potential, received, fired, found, spikes):
    """Let every neuron at θ that has not fired fire in this tick; returns the spikes found so far."""
    neurons, potentials, ticks = spikes
    for i in range(len(potential)):
        if potential[i] >= theta and received[i] and not fired[i]:
            fired[i] = 1
            neurons[found] = i
            potentials[found] = potential[i]
            ticks[found] = tick
            found += 1
    return found


@kernel
def _run(synapses, bias, starts, lines, per_tick, group, out):
    """Every query from the biases, a race stopped after the tick of its k-th spike; returns the events."""
    k, theta, readout = group[0], group[1], group[2]
    unit = synapses[3]
    potential = np.empty(len(bias), dtype=np.int32)
    # With weights of +1 and no bias a potential is its own count of events.
    received = potential if unit else np.zeros(len(bias), dtype=np.int32)
    fired = np.zeros(len(bias), dtype=np.uint8)
    spikes = _scratch(len(bias))
    total = 0
    for q in range(len(starts) - 1):
        for i in range(len(bias)):
            potential[i] = bias[i]
            fired[i] = 0
            if not unit:
                received[i] = 0
        place, end = starts[q], starts[q + 1]
        synaptic = tick = found = 0
        while place < end and not (readout == TICK and found >= k):
            until = min(place + per_tick, end)
            synaptic += _deliver(synapses, lines, place, until, potential, received)
            place = until
            if readout == TICK:
                found = _cross(tick, theta, potential, received, fired, found, spikes)
            tick += 1
        if readout != TICK:
            found = _late(potential, received, tick, group, spikes)
        touched = 0
        for i in range(len(received)):
            touched += received[i] != 0
        _record(q, k, found, spikes, out, place - starts[q], end - starts[q], synaptic, touched)
        total += synaptic
    return total


@kernel
def _potentials(synapses, bias, starts, lines, out):
    """Final potentials (Q, N) of the network; returns the synaptic events."""
    received = np.zeros(len(bias), dtype=np.int32)
    events = 0
    for q in range(len(starts) - 1):
        for i in range(len(bias)):
            out[q, i] = bias[i]
        events += _deliver(synapses, lines, starts[q], starts[q + 1], out[q], received)
    return events


def _packed(network: Layer) -> tuple[Any, ...]:
    """Synapses as the kernels take them: (indptr, targets, weights, whether received = potential)."""
    synapses = network.synapses
    unit = synapses.weights is None and not np.any(network.bias)
    if synapses.weights is not None:
        weights = synapses.weights
    else:
        weights = np.ones(0 if unit else len(synapses), dtype=np.int8)
    return synapses.indptr, synapses.targets, weights, unit


def _check_lines(stimuli: Stimuli, lines: int) -> None:
    if not isinstance(stimuli, Stimuli):
        raise TypeError(f"stimuli must be Stimuli, not {type(stimuli).__name__}")
    used = stimuli.lines
    if used.size and not (0 <= used.min() and used.max() < lines):
        raise ValueError(f"stimuli must use lines in [0, {lines}), got {used.min()} … {used.max()}")


def run(network: Layer, stimuli: Stimuli, *, progress: Progress | None = None) -> Outcome:
    """Run every query through the network and its k-winner-take-all group.

    Each query starts from the biases. ``progress`` is called with the number of queries just finished.
    The order and the meaning of winners, potentials, ticks and counts are those of
    :class:`~hdspike.network.Outcome`; they depend on neither threads nor batches.
    """
    _check_lines(stimuli, network.lines)
    synapses = _packed(network)

    def solve(low: int, high: int, group: Group, out: Any) -> None:
        starts = stimuli.indptr[low : high + 1]
        _run(synapses, network.bias, starts, stimuli.lines, stimuli.per_tick, group, out)

    return collect(network.neurons, network.kwta, len(stimuli), solve, progress)


def network_potentials(network: Layer, stimuli: Stimuli) -> NDArray[np.int32]:
    """Final potentials ``(Q, N)``: ``v_qi = bias_i + Σ_{e ∈ q} w(line(e), i)``."""
    _check_lines(stimuli, network.lines)
    synapses = _packed(network)
    out = np.empty((len(stimuli), network.neurons), dtype=np.int32)

    def work(low: int, high: int) -> None:
        _potentials(synapses, network.bias, stimuli.indptr[low : high + 1], stimuli.lines, out[low:high])

    spread(work, len(stimuli))
    return out
