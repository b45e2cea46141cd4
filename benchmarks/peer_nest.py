"""NEST under its own interpreter (see peer_serve.py): one layer of ``iaf_psc_delta`` on one thread.

The input is given in NEST's fastest form, a ``spike_train_injector`` per line: it sends as a neuron does.
"""

import time

import nest
import numpy as np
from peer_serve import serve

nest.set_verbosity("M_ERROR")


def run(path, record=False):
    """Build the network of the file anew and run it; ``seconds`` is ``Run`` alone."""
    begun = time.perf_counter()
    given = np.load(path)
    size, steps = int(given["size"]), int(given["steps"])
    nest.ResetKernel()
    nest.resolution = 1.0
    nest.local_num_threads = 1
    order = np.lexsort((given["spike_step"], given["spike_line"]))
    line, step = given["spike_line"][order], given["spike_step"][order]
    cut = np.searchsorted(line, np.arange(size + 1))
    cells = nest.Create(
        "iaf_psc_delta", size,
        params={"tau_m": 1e3 * float(given["tau_s"]), "E_L": 0.0, "V_m": 0.0, "V_th": float(given["threshold"]),
                "V_reset": 0.0, "t_ref": 0.0, "C_m": 1.0, "I_e": 0.0},
    )  # fmt: skip
    trains = [{"spike_times": (step[cut[i] : cut[i + 1]] + 1.0).tolist()} for i in range(size)]
    lines = nest.Create("spike_train_injector", size, params=trains)
    nest.Connect(
        np.asarray(lines.tolist())[given["line"]], np.asarray(cells.tolist())[given["target"]], "one_to_one",
        syn_spec={"synapse_model": "static_synapse", "weight": given["weight"].astype(float),
                  "delay": np.ones(len(given["line"]))},
    )  # fmt: skip
    if record:
        recorder = nest.Create("spike_recorder")
        nest.Connect(cells, recorder)
    nest.Prepare()
    ready = time.perf_counter()
    nest.Run(float(steps))
    seconds = time.perf_counter() - ready
    nest.Cleanup()
    out = {"seconds": seconds, "load_s": ready - begun}
    if record:
        times = (
            np.rint(recorder.events["times"]).astype(int) - 1
        )  # the injector's step t is NEST's time t + 1
        neurons = recorder.events["senders"] - cells[0].global_id
        order = np.lexsort((neurons, times))
        out.update(spike_steps=times[order].tolist(), spike_neurons=neurons[order].tolist())
    return out


serve(run=run)
