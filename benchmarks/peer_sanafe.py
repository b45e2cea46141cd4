"""SANA-FE under its own interpreter (see peer_serve.py): the DVS-gesture network that it ships, through its layers."""

import time
from importlib.resources import files

import numpy as np
import sanafe
from peer_serve import serve
from sanafe import layers

EXAMPLES = files("sanafe.examples")
HELD = {}


def load(cores):
    """Build the network by the tool's layers, map it, and load the chip."""
    HELD.clear()
    begun = time.perf_counter()
    arrays = np.load(EXAMPLES / "dvs_challenge.npz")
    network, chip = sanafe.Network(), sanafe.load_arch(EXAMPLES / "loihi.yaml")
    settings = [{"threshold": float(t), "reset": 0.0, "leak_decay": 1.0} for t in arrays["thresholds"]]
    made = [layers.Input2D(network, 32, 32, 1, **settings[0])]
    for name, stride, chosen in zip(
        ("conv1", "conv2", "conv3", "conv4"), (2, 1, 1, 1), settings[1:], strict=False
    ):
        made.append(
            layers.Conv2D(
                network, made[-1], arrays[name], stride_width=stride, stride_height=stride, **chosen
            )
        )
    made.append(layers.Dense(network, made[-1], 11, arrays["dense1"], **settings[5]))
    for neuron, bias in zip(made[0], arrays["inputs"], strict=True):
        neuron.set_attributes(model_attributes={"bias": float(bias)})
    places = chip.cores()
    first = 0
    for layer, share in zip(made, cores, strict=True):
        each = len(layer) // share
        for i, neuron in enumerate(layer):
            neuron.set_attributes(soma_hw_name="loihi_lif", log_spikes=False)
            neuron.map_to_core(places[first + min(i // each, share - 1)])
        first += share
    simulator = sanafe.SpikingChip(chip)
    simulator.load(network)
    HELD.update(simulator=simulator, network=network, chip=chip)
    return {"seconds": time.perf_counter() - begun}


def run(steps, model):
    """From rest, on one thread."""
    HELD["simulator"].reset()
    begun = time.perf_counter()
    found = HELD["simulator"].sim(steps, timing_model=model, processing_threads=1, scheduler_threads=0)
    return {
        "seconds": time.perf_counter() - begun,
        "fired": found["neurons_fired"],
        "packets": found["packets_sent"],
        "synaptic_events": found["spikes"],
        "updates": found["neurons_updated"],
        "energy_j": found["energy"]["total"],
        "simulated_s": found["sim_time"],
    }


serve(load=load, run=run)
