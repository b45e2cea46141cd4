"""The spikes of NEST on the random networks of ``random_network.py``; writes ``nest.json``.

Run: ``python -m tests.golden.nest [FILE]``.

NEST's time is that at which a step ends. Our step t is its interval (t·h, (t + 1)·h]: a neuron that fires in step t
has the spike time (t + 1)·h, and a line of input that spikes in step t is a generator spike at (t + 1)·h.
``iaf_psc_delta`` adds the weight to the potential, ``iaf_psc_exp`` to a current, both compare V ≥ V_th on the grid.
"""

import json
import sys
from pathlib import Path

import numpy as np

from tests.golden.random_network import CASES, DELTA, EXCITED, EXPONENTIAL, STEP_MS, STEPS, network, summary


def simulate(name, model):
    """(step, neuron) of all spikes of one network with ``iaf_psc_delta`` or ``iaf_psc_exp``."""
    import nest

    nest.ResetKernel()
    nest.resolution = STEP_MS
    nest.local_num_threads = 1
    given = network(name)
    p = EXPONENTIAL if model == "iaf_psc_exp" else DELTA
    values = {
        "tau_m": p["tau_ms"], "C_m": p["tau_ms"], "E_L": 0.0, "V_m": 0.0, "I_e": 0.0,
        "V_th": p["threshold"], "V_reset": p["reset"], "t_ref": p["refractory_ms"],
    }  # fmt: skip
    scale = 1.0
    if model == "iaf_psc_exp":
        values |= {"tau_syn_ex": p["tau_synapse_ms"], "tau_syn_in": p["tau_synapse_ms"]}
        scale = EXCITED
    neurons = nest.Create(model, given["neurons"], params=values)
    times = [
        (np.sort(given["input_step"][given["input_line"] == line]) + 1) * STEP_MS
        for line in range(given["lines"])
    ]
    lines = nest.Create("spike_generator", given["lines"])
    for line, when in zip(lines, times, strict=True):
        line.set(spike_times=np.round(when, 6))
    first = neurons[0].global_id, lines[0].global_id
    for source, ids in (("input_", first[1]), ("", first[0])):
        nest.Connect(
            given[source + "source"] + ids,
            given[source + "target"] + first[0],
            "one_to_one",
            {
                "weight": given[source + "weight"] * scale,
                "delay": np.round(given[source + "delay"] * STEP_MS, 6),
                "synapse_model": "static_synapse",
            },
        )
    recorder = nest.Create("spike_recorder")
    nest.Connect(neurons, recorder)
    nest.Simulate(STEPS * STEP_MS)
    events = recorder.events
    step = np.rint(np.asarray(events["times"]) / STEP_MS).astype(np.int64) - 1
    return step, np.asarray(events["senders"], dtype=np.int64) - first[0]


def main():
    import nest

    cases = {
        f"{name} {model}": summary(*simulate(name, model))
        for name in CASES
        for model in ("iaf_psc_delta", "iaf_psc_exp")
    }
    text = json.dumps({"tool": "NEST", "version": nest.__version__, "cases": cases}, indent=1)
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "nest.json"
    out.write_text(text + "\n")
    for name, case in cases.items():
        sys.stdout.write(f"{name}: {case['spikes']} spikes, {case['neurons_that_fired']} neurons\n")


if __name__ == "__main__":
    main()
