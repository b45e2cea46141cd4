"""What SANA-FE 2.2.9's 'detailed' time is made of: the DVS-gesture network with other link buffers and hop times.

    pip install sanafe==2.2.9 pyyaml && python tests/golden/sanafe_detailed.py

The tool's own ``loihi.yaml`` with another ``link_buffer_size``, or with hops that take no time; 1,000 steps, layers on
1, 4, 16, 16, 4, 1 cores. Writes ``sanafe_detailed.json``; a minute or two, 5 GB of memory.
"""

import json
import re
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
CORES = (1, 4, 16, 16, 4, 1)
STEPS = 1000
BUFFERS = (1, 4, 16, 1024)


def time(buffer, *, hops=True):
    """Simulated seconds."""
    sys.path[:] = [p for p in sys.path if Path(p or ".").resolve() != HERE]  # a file here has the tool's name
    import sanafe
    from sanafe import layers

    examples = files("sanafe.examples")
    text = (examples / "loihi.yaml").read_text()
    text = re.sub(r"link_buffer_size: \d+", f"link_buffer_size: {buffer}", text)
    if not hops:
        text = re.sub(r"(latency_(?:north|east|south|west)_hop): [\d.e-]+", r"\1: 0.0", text)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "loihi.yaml"
        path.write_text(text)
        chip = sanafe.load_arch(path)
    arrays = np.load(examples / "dvs_challenge.npz")
    network = sanafe.Network()
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
    for layer, share in zip(made, CORES, strict=True):
        each = len(layer) // share
        for i, neuron in enumerate(layer):
            neuron.set_attributes(soma_hw_name="loihi_lif", log_spikes=False)
            neuron.map_to_core(places[first + min(i // each, share - 1)])
        first += share
    simulator = sanafe.SpikingChip(chip)
    simulator.load(network)
    return simulator.sim(STEPS, timing_model="detailed", processing_threads=1, scheduler_threads=0)[
        "sim_time"
    ]


if __name__ == "__main__":
    found = {
        "tool": "sanafe 2.2.9",
        "steps": STEPS,
        "detailed_s": {str(buffer): time(buffer) for buffer in BUFFERS},
        "without_hops_s": {str(buffer): time(buffer, hops=False) for buffer in (16, 1024)},
    }
    (HERE / "sanafe_detailed.json").write_text(json.dumps(found, indent=1) + "\n")
