"""Ahmad and Scheinkman's noise experiment (2019, arXiv:1903.11257): does sparsity make a network bear noisy images?

A share η of an image's pixels, drawn at random, is set to a bright value, the mean of all pixels plus twice their
deviation. A trained network, which has seen no noise, classifies the test images at η = 0, 5, …, 50 %. Its *noise
score* is the number of correct answers over all eleven levels: at most 110,000 with MNIST's 10,000 images. The authors
report 97,040 ± 2,853 for their dense convolutional network and 103,764 ± 1,125 for the sparse one.

A :class:`Form` is a network to be tried: which of its weights and activations are sparse (the ablation), how wide it
is, and what a dense rival may do instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.sparsity.activations import KWTA, Dropout, fan_in_mask, kwta_perceptron
from hdspike.sparsity.layer import Cost, Floats, Layer, Relu
from hdspike.sparsity.task import Task
from hdspike.sparsity.training import Network, perceptron, train
from hdspike.theory.interval import number

__all__ = ["LEVELS", "PUBLISHED", "Form", "Tried", "bright", "correct", "matched_widths", "noisy", "tried"]

LEVELS = tuple(round(0.05 * i, 2) for i in range(11))
"""The shares of noisy pixels of the paper's code."""

PUBLISHED = {
    "Dense CNN-2": (0.9931, 97_040, 2853),
    "Sparse CNN-2": (0.9909, 103_764, 1125),
    "Dense CNN-2 SP3": (0.9913, 100_318, 2762),
    "Sparse CNN-2 D3": (0.9889, 102_328, 1720),
    "Sparse CNN-2 W1": (0.9820, 100_322, 2082),
    "Sparse CNN-2 DSW": (0.9892, 70_566, 2857),
}
"""Their table 1: test score, noise score and its deviation over ten seeds. SP3: sparse last hidden layer alone; D3:
that layer dense; W1: its weights dense, its activations sparse; DSW: its weights sparse, its activations dense."""


def bright(x: Floats) -> float:
    """The value of a noisy pixel: ``mean + 2 deviations`` of all pixels, at most 1. MNIST's is .7469."""
    return min(1.0, float(x.mean(dtype=np.float64) + 2 * x.std(dtype=np.float64)))


def noisy(x: Floats, share: float, *, value: float, rng: check.Rng) -> Floats:
    """A copy of the rows of ``x`` in each of which ``⌊share · n⌋`` places at random hold ``value``.

    >>> noisy(np.zeros((1, 4)), 0.5, value=1.0, rng=0).sum()
    np.float64(2.0)
    """
    places = int(round(number("share", share, 0, 1) * x.shape[1], 9))
    value = number("value", value, -np.finfo(np.float64).max, np.finfo(np.float64).max)
    out = np.array(x, copy=True)
    if places:
        drawn = check.generator(rng).random(x.shape, dtype=np.float32).argpartition(places - 1, axis=1)
        np.put_along_axis(out, drawn[:, :places], value, axis=1)
    return out


def correct(
    network: Network,
    x: Floats,
    labels: NDArray[np.integer[Any]],
    *,
    value: float,
    levels: Sequence[float] = LEVELS,
    rng: check.Rng,
) -> list[int]:
    """Correct answers at each level of noise; their sum is the noise score."""
    random = check.generator(rng)
    return [
        round(network.accuracy(noisy(x, level, value=value, rng=random), labels) * len(x)) for level in levels
    ]


class _Augment:
    """In training sets the noise of a level drawn for each batch; at inference nothing."""

    def __init__(self, value: float, *, rng: check.Rng) -> None:
        self.value, self.random = value, check.generator(rng)
        self.parameters: dict[str, Floats] = {}
        self.gradients: dict[str, Floats] = {}

    def forward(self, x: Floats, *, training: bool = False) -> Floats:
        if not training:
            return x
        return noisy(x, float(self.random.choice(LEVELS)), value=self.value, rng=self.random)

    def backward(self, upstream: Floats) -> Floats:
        return upstream

    def cost(self) -> Cost:
        return Cost()


class _Centre(_Augment):
    """Takes the mean of each row from it."""

    def __init__(self) -> None:
        super().__init__(0.0, rng=0)

    def forward(self, x: Floats, *, training: bool = False) -> Floats:
        return np.asarray(x - x.mean(axis=1, keepdims=True))


@dataclass(frozen=True)
class Form:
    """A network of the ablation.

    Attributes:
        hidden: widths of the hidden layers.
        density: share of the weights into hidden units that exist.
        share: of hidden units that win; 1: ReLU, all.
        boost, inference: of k-winner-take-all.
        dropout: behind each ReLU, in training.
        augment: whether it is trained with noise, at a level of :data:`LEVELS` drawn for each batch.
        centred: whether each image's mean is taken from it, in training and test.
    """

    hidden: tuple[int, ...] = (300, 100)
    density: float = 1.0
    share: float = 1.0
    boost: float = 1.5
    inference: float = 1.0
    dropout: float = 0.0
    augment: bool = False
    centred: bool = False

    def __post_init__(self) -> None:
        for name in ("density", "share", "dropout"):
            number(name, getattr(self, name), 0, 1)
        if not self.hidden:
            raise ValueError("hidden must name at least one layer, got none")

    def network(self, task: Task, *, value: float, rng: check.Rng) -> Network:
        """The network, untrained. The weights are drawn in the same order for every form of the same widths."""
        random = check.generator(rng)
        widths = (task.inputs, *self.hidden, 10)
        if self.share < 1:
            network = kwta_perceptron(
                widths,
                share=self.share,
                density=self.density,
                boost=self.boost,
                epoch=len(task.train_x),
                inference=self.inference,
                rng=random,
            )
        else:
            network = perceptron(widths, rng=random)
            for layer in network.linear[1:]:
                layer.skips_zeros = True
            if self.density < 1:
                for layer in network.linear[:-1]:
                    n_in, n_out = layer.weights.shape
                    layer.set_mask(fan_in_mask(n_in, n_out, self.density, rng=random))
                    layer.rescale()
        layers: list[Layer] = [_Augment(value, rng=random)] if self.augment else []
        if self.centred:
            layers.append(_Centre())
        for hidden in network.layers:
            layers.append(hidden)
            if self.dropout and isinstance(hidden, Relu | KWTA):
                layers.append(Dropout(self.dropout, rng=random))
        return Network(layers)


def matched_widths(inputs: int, weights: int, density: float = 1.0) -> tuple[int, int]:
    """Hidden widths (h, h ÷ 3) at which a perceptron with ten outputs has about this many weights.

    Of ``density (inputs h + h²/3) + 10 h/3 = weights`` the root above 0.

    >>> matched_widths(784, 266_200)
    (300, 100)
    """
    check.integer("inputs", inputs, low=1)
    check.integer("weights", weights, low=1)
    a, b = density / 3, density * inputs + 10 / 3
    h = (-b + np.sqrt(b * b + 4 * a * weights)) / (2 * a)
    return max(1, round(h)), max(1, round(h / 3))


@dataclass(frozen=True)
class Tried:
    """What a form made of a task.

    Attributes:
        correct: answers at each level of :data:`LEVELS`. tested: images at each.
        weights: that are not zero. active: parameters that one clean image makes use of.
        zeros: share of zeros behind each hidden layer, clean images.
        duty: of each unit of the lowest hidden layer, rising: the share of clean images for which it is above zero.
        flops: of training.
    """

    correct: list[int]
    tested: int
    weights: int
    active: float
    zeros: list[float]
    duty: list[float]
    flops: float


def tried(form: Form, task: Task, *, epochs: int, batch: int, rng: int) -> Tried:
    """Train a form on clean images, test it on noisy ones; the same ``rng``: the same order, masks and noise."""
    value = bright(task.train_x)
    network = form.network(task, value=value, rng=rng)
    took = train(network, task.train_x, task.train_y, epochs=epochs, batch=batch, rng=rng)
    answers = correct(network, task.test_x, task.test_y, value=value, rng=rng + 10**6)
    x, hidden = task.test_x, []
    for layer in network.layers:
        x = layer.forward(x)
        if isinstance(layer, Relu | KWTA):
            hidden.append(x)
    return Tried(
        correct=answers,
        tested=len(task.test_x),
        weights=sum(int(np.count_nonzero(layer.weights)) for layer in network.linear),
        active=network.cost().active,
        zeros=[float(np.mean(units == 0)) for units in hidden],
        duty=np.sort((hidden[0] > 0).mean(axis=0)).tolist(),
        flops=took.flops,
    )
