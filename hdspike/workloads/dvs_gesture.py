"""The DVS-gesture network that SANA-FE ships: four convolutions and a dense layer of Loihi somas.

A spiking convolutional network for the gestures of Amir et al. (CVPR 2017), with integer weights, thresholds and one
input given as biases: 18,678 neurons, 3,564,441 synapses, those of weight 0 included, which cost like any other.
Neurons are numbered channel by channel, as there, so that spikes, packets and energies can be compared one by one.
"""

from hdspike import datasets
from hdspike.network import Network, Population, Projection
from hdspike.network.builders.convolution import conv2d_shape
from hdspike.network.builders.dense import dense
from hdspike.network.builders.planes import conv2d_planes
from hdspike.network.neurons.loihi import LoihiSoma
from hdspike.workloads import Workload

__all__ = ["build"]

SIDE = 32
LAYERS = (("conv1", 2), ("conv2", 1), ("conv3", 1), ("conv4", 1))


def build(seed: int = 0) -> Workload:
    """The network; nothing in it is random."""
    arrays = datasets.load("dvs-gesture")
    thresholds = [float(t) for t in arrays["thresholds"]]
    soma = LoihiSoma(threshold=thresholds[0], bias=arrays["inputs"])
    populations = [Population("input", SIDE * SIDE, soma, (1, SIDE, SIDE))]
    projections: list[Projection] = []
    for (name, stride), threshold in zip(LAYERS, thresholds[1:], strict=False):
        weights, before = arrays[name], populations[-1]
        tall, wide, many = conv2d_shape(
            (*before.shape[1:], before.shape[0]), weights.shape[:2], weights.shape[3], stride=stride
        )
        after = Population(name, many * tall * wide, LoihiSoma(threshold=threshold), (many, tall, wide))
        projections.append(conv2d_planes(before, after, weights, stride=stride, keep_zeros=True))
        populations.append(after)
    last = Population("dense1", arrays["dense1"].shape[1], LoihiSoma(threshold=thresholds[-1]))
    projections.append(dense(populations[-1], last, arrays["dense1"], keep_zeros=True))
    return Workload(
        "dvs-gesture",
        "spiking convolutional network for DVS gestures (SANA-FE)",
        Network([*populations, last], projections),
        cores=(1, 4, 16, 16, 4, 1),
    )
