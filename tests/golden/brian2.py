"""The spikes of Brian2 on the random networks of ``random_network.py``; writes ``brian2.json``.

Run: ``python -m tests.golden.brian2 [FILE]`` (exact integration, NumPy target).

Brian2 compares thresholds *before* its synapses act; here the order of a step is state, synapses, thresholds,
resets, so that what arrives in a step decides in that step, as in NEST and in our runner. Synapses then see the spikes
of the step before: a delay of d steps is given as d − 1. The current of the second model must move the potential from
the next step on: its synapses act at the end of the step, after the thresholds, where the delay is d. A neuron that
fires in step t with n steps of refractoriness is free again in step t + n + 1; in Brian2's words that is a refractory
time of n + 1.
"""

import json
import sys
from pathlib import Path

import numpy as np

from tests.golden.random_network import CASES, DELTA, EXCITED, EXPONENTIAL, STEP_MS, STEPS, network, summary


def simulate(name, model):
    """(step, neuron) of all spikes of one network with ``delta`` or ``exponential`` synapses."""
    import brian2 as b

    b.prefs.codegen.target = "numpy"
    b.start_scope()
    b.defaultclock.dt = STEP_MS * b.ms
    given = network(name)
    p = EXPONENTIAL if model == "exponential" else DELTA
    space = {"tau": p["tau_ms"] * b.ms, "theta": p["threshold"], "low": p["reset"]}
    if model == "delta":
        equations, add, scale = (
            "dv/dt = -v/tau : 1 (unless refractory)",
            "v_post += w*int(not_refractory_post)",
            1.0,
        )
    else:
        space["fade"] = p["tau_synapse_ms"] * b.ms
        # R = 1/10 of a potential per ms and current, as C = 10 there
        equations = (
            "dv/dt = -v/tau + current/(10*ms) : 1 (unless refractory)\ndcurrent/dt = -current/fade : 1"
        )
        add, scale = "current_post += w", EXCITED
    refractory_steps = round(p["refractory_ms"] / STEP_MS)
    neurons = b.NeuronGroup(
        given["neurons"], equations, threshold="v >= theta", reset="v = low", method="exact", namespace=space,
        refractory=(refractory_steps + 1) * STEP_MS * b.ms,
    )  # fmt: skip
    lines = b.SpikeGeneratorGroup(given["lines"], given["input_line"], given["input_step"] * STEP_MS * b.ms)
    wires = []
    early = 1 if model == "delta" else 0
    for key, source in (("input_", lines), ("", neurons)):
        wire = b.Synapses(source, neurons, "w : 1", on_pre=add)
        wire.connect(i=given[key + "source"], j=given[key + "target"])
        wire.w = given[key + "weight"] * scale
        wire.pre.delay = (given[key + "delay"] - early) * STEP_MS * b.ms
        wires.append(wire)
    monitor = b.SpikeMonitor(neurons)
    net = b.Network(neurons, lines, *wires, monitor)
    if model == "delta":
        net.schedule = ["start", "groups", "synapses", "thresholds", "resets", "end"]
    net.run(STEPS * STEP_MS * b.ms)
    return np.rint(np.asarray(monitor.t / b.ms) / STEP_MS).astype(np.int64), np.asarray(
        monitor.i, dtype=np.int64
    )


def main():
    import brian2

    cases = {
        f"{name} {model}": summary(*simulate(name, model))
        for name in CASES
        for model in ("delta", "exponential")
    }
    text = json.dumps({"tool": "Brian2", "version": brian2.__version__, "cases": cases}, indent=1)
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "brian2.json"
    out.write_text(text + "\n")
    for name, case in cases.items():
        sys.stdout.write(f"{name}: {case['spikes']} spikes, {case['neurons_that_fired']} neurons\n")


if __name__ == "__main__":
    main()
