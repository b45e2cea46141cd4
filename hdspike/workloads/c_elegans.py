"""The connectome of C. elegans as a spiking network: 302 neurons, touched at the head or at the tail.

The real neurons are mostly graded; a spike here is a unit of their activity. Both kinds of connections of Cook et al.
(Nature 571, 2019) are taken between neurons: chemical synapses with the sign that the transmitter suggests (GABA
inhibits), gap junctions excite both ways. The receptors of gentle touch inhibit with their own chemical synapses where
``chalfie`` is true: so Chalfie et al. (J. Neurosci. 5, 1985) explain that touch at one end stops the movement towards
it, their excitation goes through gap junctions. That is an inference from behaviour, and most of what a model with
these signs can tell about behaviour is in it already.

A connection of ``c`` sections weighs ``gain · c ÷ (all sections that end at its target)`` (``normalised``), or
``gain · c``. Background spikes keep every neuron active, so that inhibition can be seen. Two numbers are free, and
set by the untouched network alone: the weight of the background so that a neuron without connections fires at 5 Hz,
and the gain so that the connected ones fire at 10 Hz: each spike brings half a spike more. Weaker coupling passes
nothing on; twice as strong, and every neuron fires as fast as it can, whatever was touched.
"""

import numpy as np
from numpy.typing import NDArray

from hdspike import check, datasets
from hdspike.datasets.connectome import Connectome, Edges
from hdspike.network import Network, Population, Projection, Synapses
from hdspike.network.neurons.loihi import LoihiSoma
from hdspike.network.neurons.poisson import Poisson
from hdspike.network.neurons.recorded import Recorded
from hdspike.workloads import Workload

__all__ = ["ANTERIOR", "BACKWARD", "FORWARD", "POSTERIOR", "TOUCH", "build", "network"]

ANTERIOR, POSTERIOR = ("ALML", "ALMR", "AVM"), ("PLML", "PLMR")
TOUCH = (*ANTERIOR, *POSTERIOR)
BACKWARD, FORWARD = ("AVA", "AVD", "AVE"), ("AVB", "PVC")
"""The classes of command neurons of movement, each a left and a right cell (Chalfie et al. 1985)."""
LEAK, FADE, REFRACTORY = 0.9, 0.5, 3  # per step of 1 ms, and steps
BACKGROUND_HZ, BACKGROUND = 100.0, 0.216
GAIN = {True: 0.8, False: 0.0051}  # normalised, and not
TOUCH_HZ, TOUCHED = 300.0, 1.5  # spikes/s of a touch over all its receptors; every one fires its cell
STEP_PS = 1_000_000_000


def network(
    worm: Connectome,
    *,
    touch: str = "head",
    between: tuple[int, int] = (0, 1000),
    chalfie: bool = True,
    normalised: bool = True,
    gain: float | None = None,
    shuffle: int | None = None,
    seed: int = 0,
) -> Network:
    """The neurons of the worm, touched at the ``head``, the ``tail`` or not (``none``) in the steps ``between``.

    ``metadata["names"]`` are the neurons in their order. Populations: ``stimulus`` (the receptors, in the order of
    ``TOUCH``), ``background``, ``neurons``. The same ``seed`` gives the same stimulus and background.

    Args:
        gain: by default the one that makes the untouched network fire at 10 Hz; 0 cuts all connections.
        shuffle: a seed: every connection gets another target at random; each neuron keeps how many leave it and how
            many arrive, chemical and electric apart. What does the wiring itself do?
    """
    place_of = {"head": ANTERIOR, "tail": POSTERIOR, "none": ()}
    receptors = place_of[check.one_of("touch", touch, tuple(place_of))]
    strength = GAIN[normalised] if gain is None else float(gain)
    neuron = np.flatnonzero(worm.is_neuron)
    place = np.full(len(worm.names), -1)
    place[neuron] = np.arange(len(neuron))
    names = [worm.names[n] for n in neuron]
    count = len(names)
    touched = np.array([names.index(name) for name in TOUCH])
    sign = worm.signs[neuron].astype(float)
    if chalfie:
        sign[touched] = -1.0
    rng = None if shuffle is None else np.random.default_rng(shuffle)

    def inside(edges: Edges) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        source, target = place[edges.sources], place[edges.targets]
        kept = (source >= 0) & (target >= 0) & (source != target)
        arrives = target[kept] if rng is None else rng.permutation(target[kept])
        return source[kept], arrives, edges.weights[kept].astype(float)

    chemical, gap = inside(worm.chemical), inside(worm.gap)
    total = np.ones(count)
    if normalised:
        for _, target, sections in (chemical, gap):
            np.add.at(total, target, sections)
        total = np.maximum(total - 1.0, 1.0)
    rates = np.array([TOUCH_HZ / len(receptors) if name in receptors else 0.0 for name in TOUCH])
    streams = np.random.default_rng([seed, 302]).spawn(2)
    spikes = Poisson(rates, rng=streams[0]).spikes(len(TOUCH), *between, STEP_PS)
    model = LoihiSoma(threshold=1.0, leak_decay=LEAK, input_decay=FADE, refractory_delay=REFRACTORY)
    one = np.arange(len(TOUCH))
    return Network(
        [
            Population("stimulus", len(TOUCH), Recorded(spikes)),
            Population("background", count, Poisson(BACKGROUND_HZ, rng=streams[1])),
            Population("neurons", count, model),
        ],
        [
            Projection(
                "stimulus", "neurons",
                Synapses.from_pairs(one, touched, shape=(len(one), count), weights=np.full(len(one), TOUCHED)),
            ),
            Projection(
                "background", "neurons",
                Synapses.from_pairs(
                    np.arange(count), np.arange(count), shape=(count, count), weights=np.full(count, BACKGROUND)
                ),
            ),
            *(
                Projection(
                    "neurons", "neurons",
                    Synapses.from_pairs(s, t, shape=(count, count), weights=strength * w / total[t] * signs),
                )
                for (s, t, w), signs in ((chemical, sign[chemical[0]]), (gap, 1.0))
            ),
        ],
        {"names": names},
    )  # fmt: skip


def build(seed: int = 0) -> Workload:
    """A second of touch at the head."""
    return Workload(
        "c-elegans",
        "the connectome of C. elegans (Cook et al. 2019), touched at the head",
        network(datasets.load("c-elegans"), seed=seed),
        cores=(1, 16, 16),
    )
