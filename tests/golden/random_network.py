"""One random network for three simulators: what our runner, NEST and Brian2 are all given.

Plain NumPy, so that it runs in the tools' own environments. Times are steps of 0.1 ms. A line of input that spikes in
step t acts on a neuron in step t + delay, and so does a neuron that fires in step t.

Weights are whole multiples of 1/64, so that sums do not depend on their order; the decay of a potential is a real
number, and a threshold is never met by rounding (the smallest distance of any potential from it is tested).
"""

import hashlib

import numpy as np

STEP_MS = 0.1
STEPS = 2000
CASES = {
    # name: (seed, neurons, lines, synapses per neuron, input spikes per line)
    "small": (1, 40, 8, 8, 60),
    "middle": (2, 300, 50, 20, 60),
    "large": (3, 1000, 150, 30, 50),
}
DELTA = {"tau_ms": 10.0, "threshold": 1.0, "reset": -0.125, "refractory_ms": 2.0}
EXPONENTIAL = {**DELTA, "tau_synapse_ms": 2.0}
EXCITED = 10.0
"""The weight of a current that moves the potential about as far as a jump of 1."""


def network(name):
    """A dict of arrays: input (step, line) and two lists of synapses (source, target, weight, delay)."""
    seed, neurons, lines, fan, spikes = CASES[name]
    rng = np.random.Generator(np.random.PCG64(seed))
    driven = max(1, neurons // 6)  # neurons that the input reaches
    out = {"neurons": neurons, "lines": lines, "steps": STEPS}
    cells = np.sort(
        np.unique(rng.integers(0, STEPS - 100, (lines, spikes)) * lines + np.arange(lines)[:, None])
    )
    out["input_step"], out["input_line"] = cells // lines, cells % lines
    out["input_source"] = np.repeat(np.arange(lines), 4)
    out["input_target"] = rng.integers(0, driven, 4 * lines)
    out["input_weight"] = rng.integers(20, 50, 4 * lines) / 64.0
    out["input_delay"] = rng.integers(1, 30, 4 * lines)
    count = neurons * fan
    out["source"] = rng.integers(0, neurons, count)
    out["target"] = np.repeat(np.arange(neurons), fan)
    inhibits = out["source"] >= 0.8 * neurons
    out["weight"] = np.where(inhibits, -rng.integers(20, 60, count), rng.integers(5, 21, count)) / 64.0
    out["delay"] = rng.integers(1, 60, count)
    return out


def fingerprint(step, neuron):
    """SHA-256 of the spikes, ordered by step, then by neuron."""
    order = np.lexsort((neuron, step))
    rows = np.stack([np.asarray(step)[order], np.asarray(neuron)[order]], axis=1)
    return hashlib.sha256(np.ascontiguousarray(rows, dtype="<i8").tobytes()).hexdigest()


def summary(step, neuron):
    """What a golden keeps: how many, the hash of all, and the first hundred in full."""
    order = np.lexsort((neuron, step))[:100]
    return {
        "spikes": len(step),
        "neurons_that_fired": len(np.unique(neuron)),
        "sha256": fingerprint(step, neuron),
        "first": [[int(step[i]), int(neuron[i])] for i in order],
    }
