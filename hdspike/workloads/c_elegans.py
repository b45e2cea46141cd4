"""The connectome of C. elegans as a spiking network: 302 neurons, touched at the head or at the tail.

The real neurons are mostly graded; a spike here is a unit of their activity. Chemical synapses weigh their number of
sections times ``gain``, with the sign that the transmitter suggests (GABA inhibits); gap junctions excite both ways.
The touch receptors' own chemical synapses are inhibitory where ``chalfie`` is true: that is how Chalfie et al. (J.
Neurosci. 5, 1985) explain that touch at one end stops the movement towards it (their excitation goes through gap
junctions).
"""

import numpy as np

from hdspike import datasets
from hdspike.datasets.connectome import Connectome, Edges
from hdspike.network import Network, Population, Projection, Synapses
from hdspike.network.neurons.loihi import LoihiSoma
from hdspike.network.neurons.poisson import Poisson
from hdspike.workloads import Workload

__all__ = ["ANTERIOR", "POSTERIOR", "TOUCH", "build", "network"]

ANTERIOR, POSTERIOR = ("ALML", "ALMR", "AVM"), ("PLML", "PLMR")
TOUCH = (*ANTERIOR, *POSTERIOR)
LEAK, FADE, GAIN = 0.9, 0.5, 0.1


def network(
    worm: Connectome,
    *,
    rate_hz: tuple[float, ...] = (150.0, 150.0, 150.0, 0.0, 0.0),
    gain: float = GAIN,
    chalfie: bool = True,
    shuffled: bool = False,
    seed: int = 0,
) -> Network:
    """The neurons of the worm, its touch receptors driven at ``rate_hz`` each (in the order of ``TOUCH``).

    ``shuffled`` gives every synapse another target at random, each cell keeping how many leave and how many arrive:
    what does the wiring itself do?
    """
    rng = np.random.default_rng(seed)
    neuron = np.flatnonzero(worm.is_neuron)
    place = np.full(len(worm.names), -1)
    place[neuron] = np.arange(len(neuron))
    names = [worm.names[n] for n in neuron]
    touch = np.array([names.index(name) for name in TOUCH])
    sign = worm.signs.astype(float)
    if chalfie:
        sign[neuron[touch]] = -1.0

    def synapses(edges: Edges, signed: bool) -> Synapses:
        source, target = place[edges.sources], place[edges.targets]
        inside = (source >= 0) & (target >= 0) & (source != target)
        weights = gain * edges.weights[inside] * (sign[edges.sources[inside]] if signed else 1.0)
        targets = target[inside]
        if shuffled:
            targets = rng.permutation(targets)
        return Synapses.from_pairs(source[inside], targets, shape=(len(names),) * 2, weights=weights)

    stimulus = Population("stimulus", len(TOUCH), Poisson(np.array(rate_hz), rng=seed))
    model = LoihiSoma(threshold=1.0, leak_decay=LEAK, input_decay=FADE, refractory_delay=3)
    cells = Population("neurons", len(names), model)
    onto = Synapses.from_pairs(
        np.arange(len(TOUCH)), touch, shape=(len(TOUCH), len(names)), weights=np.full(len(TOUCH), 1.5)
    )
    return Network(
        [stimulus, cells],
        [
            Projection("stimulus", "neurons", onto),
            Projection("neurons", "neurons", synapses(worm.chemical, True)),
            Projection("neurons", "neurons", synapses(worm.gap, False)),
        ],
        {"names": names},
    )


def build(seed: int = 0) -> Workload:
    """Touch at the head for a second."""
    return Workload(
        "c-elegans",
        "the connectome of C. elegans (Cook et al. 2019), touched at the head",
        network(datasets.load("c-elegans"), seed=seed),
        cores=(1, 16),
    )
