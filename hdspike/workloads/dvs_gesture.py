"""The DVS-gesture network that SANA-FE ships: four convolutions and a dense layer of Loihi somas.

A spiking convolutional network for the gestures of Amir et al. (CVPR 2017), with integer weights, thresholds and one
input given as biases: 18,678 neurons, 3,564,441 synapses. Neurons are numbered channel by channel, each channel row
by row, as there, so that spikes, packets and energies can be compared one by one.
"""

from hdspike import datasets
from hdspike.network import Network, Population, Projection
from hdspike.network.builders import conv2d, dense
from hdspike.network.neurons.loihi import LoihiSoma
from hdspike.workloads import Workload

__all__ = ["build"]

SIDE = 32
LAYERS = (("conv1", 2), ("conv2", 1), ("conv3", 1), ("conv4", 1))


def build(seed: int = 0) -> Workload:
    """The network; nothing in it is random."""
    arrays = datasets.load("dvs-gesture")
    thresholds = [float(t) for t in arrays["thresholds"]]
    shape: tuple[int, ...] = (1, SIDE, SIDE)
    populations = [
        Population("input", SIDE * SIDE, LoihiSoma(threshold=thresholds[0], bias=arrays["inputs"]), shape)
    ]
    projections = []
    for (name, stride), threshold in zip(LAYERS, thresholds[1:], strict=False):
        synapses, shape = conv2d(shape, arrays[name], stride=stride, layout="channels_first")
        populations.append(Population(name, synapses.neurons, LoihiSoma(threshold=threshold), shape))
        projections.append(Projection(populations[-2].name, name, synapses))
    synapses = dense(arrays["dense1"])
    populations.append(Population("dense1", synapses.neurons, LoihiSoma(threshold=thresholds[-1])))
    projections.append(Projection(populations[-2].name, "dense1", synapses))
    return Workload(
        "dvs-gesture",
        "spiking convolutional network for DVS gestures (SANA-FE)",
        Network(populations, projections),
        cores=(1, 4, 16, 16, 4, 1),
    )
