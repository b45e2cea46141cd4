"""Brian2 under its own interpreter (see peer_serve.py): one layer of leaky neurons, by code generated through Cython.

Its synapses act before its thresholds here, and without a delay: a line that spikes in the threshold slot of step t
then reaches the potentials in step t + 1, as with a delay of one step.
"""

import time

import brian2
import numpy as np
from brian2 import ms
from peer_serve import serve

brian2.prefs.codegen.target = "cython"
HELD = {}


class Timed(brian2.Network):
    """Notes when the preparation of a run is over, and how long the steps alone took."""

    def before_run(self, run_namespace):
        super().before_run(run_namespace)
        self.begun = time.perf_counter()

    def after_run(self):
        self.loop_s = time.perf_counter() - self.begun
        super().after_run()


def load(path, record=False):
    """Build the network of the file."""
    given = np.load(path)
    size = int(given["size"])
    brian2.defaultclock.dt = 1 * ms
    space = {"tau": 1e3 * float(given["tau_s"]) * ms, "theta": float(given["threshold"])}
    cells = brian2.NeuronGroup(
        size, "dv/dt = -v/tau : 1", threshold="v >= theta", reset="v = 0", method="exact", namespace=space
    )
    lines = brian2.SpikeGeneratorGroup(size, given["spike_line"], given["spike_step"] * ms)
    synapses = brian2.Synapses(lines, cells, "w : 1", on_pre="v_post += w")
    synapses.connect(i=given["line"], j=given["target"])
    synapses.w = given["weight"]
    parts = [cells, lines, synapses]
    if record:
        parts.append(brian2.SpikeMonitor(cells))
    network = Timed(*parts)
    network.schedule = ["start", "groups", "synapses", "thresholds", "resets", "end"]
    network.store()
    HELD.clear()
    HELD.update(network=network, steps=int(given["steps"]), monitor=parts[3] if record else None)
    return {}


def run():
    """From rest: ``seconds`` is a whole call of ``run``, ``loop_s`` what is left of it after its preparation."""
    network = HELD["network"]
    network.restore()
    begun = time.perf_counter()
    network.run(HELD["steps"] * ms)
    out = {"seconds": time.perf_counter() - begun, "loop_s": network.loop_s}
    if HELD["monitor"] is not None:
        times, neurons = np.rint(HELD["monitor"].t / ms).astype(int), np.asarray(HELD["monitor"].i)
        order = np.lexsort((neurons, times))
        out.update(spike_steps=times[order].tolist(), spike_neurons=neurons[order].tolist())
    return out


serve(load=load, run=run)
