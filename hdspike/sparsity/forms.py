"""Every form of sparsity on one task, at a budget: the list of them. A new form is one line of :data:`FORMS`.

A form is a recipe that turns a :class:`Trial` (task, widths, a share of the dense network's parameters, length of
training, rate, seed) into something :class:`Trained` (accuracy, cost, what the training took, and functions that run
it). Seeds are paired: the same seed is the same split and the same order of samples for all.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.sparsity.activations import kwta_perceptron
from hdspike.sparsity.executables import Run, executables
from hdspike.sparsity.experts import experts_perceptron, hidden_for
from hdspike.sparsity.few_weights import narrow_widths
from hdspike.sparsity.layer import Cost
from hdspike.sparsity.lottery import lottery_ticket
from hdspike.sparsity.low_rank import low_rank_perceptron
from hdspike.sparsity.pruning import GradualMagnitude, Mask, apply_masks
from hdspike.sparsity.rigl import RigL
from hdspike.sparsity.srigl import SRigL
from hdspike.sparsity.structured import block_masks, neuron_masks, shrink
from hdspike.sparsity.task import Task
from hdspike.sparsity.ternary import ternary_perceptron
from hdspike.sparsity.training import Learning, Network, Rule, perceptron, train

__all__ = ["FORMS", "Form", "Trained", "Trial"]

EXPERTS, CHOSEN = 8, 2
BLOCK = 4
LONGEST_CODE = 8192
"""Bits of the hypervector classifier at share 1."""


@dataclass(frozen=True)
class Trial:
    """What one training is given.

    Attributes:
        task: images and labels.
        widths: of the dense network, which has ``share`` 1.
        share: of its parameters that the form may have: stored, or active where the form saves only these; at most 1,
            and 2 for a dense network of one hidden layer.
        epochs, batch, rate, seed: of the training.
    """

    task: Task
    widths: tuple[int, ...]
    share: float
    epochs: int
    batch: int
    rate: float
    seed: int

    def __post_init__(self) -> None:
        if not 0 < self.share <= 2:
            raise ValueError(f"share must be in (0, 2], got {self.share}")
        check.integer("epochs", self.epochs, low=1)
        if len(self.widths) < 3 or self.widths[0] != self.task.inputs:
            raise ValueError(
                f"widths must begin with {self.task.inputs} and name a hidden layer, got {self.widths}"
            )

    @property
    def weights(self) -> int:
        """How many weights the share allows."""
        return max(1, round(self.share * sum(a * b for a, b in pairwise(self.widths))))

    @property
    def narrowed(self) -> list[int]:
        """The dense network's widths, scaled to so many weights."""
        return narrow_widths(self.widths, self.weights)

    @property
    def every(self) -> int:
        """Steps from one move of connections to the next: twenty-odd times in a training, however short."""
        return max(10, self.epochs * -(-len(self.task.train_x) // self.batch) // 20)

    def options(self) -> dict[str, Any]:
        return {"epochs": self.epochs, "batch": self.batch, "rate": self.rate}

    def train(self, network: Network, rule: Rule | None = None, *, epochs: int | None = None) -> Learning:
        """The training that most forms take, or a part of it."""
        options = self.options() | ({} if epochs is None else {"epochs": epochs})
        return train(network, self.task.train_x, self.task.train_y, rule=rule, rng=self.seed, **options)


@dataclass(frozen=True)
class Trained:
    """What one training gave; ``flops`` is None where what was done are not floating-point operations."""

    accuracy: float
    cost: Cost
    flops: float | None
    seconds: float
    runs: dict[str, Run]

    @classmethod
    def of(cls, trial: Trial, network: Network, learning: Learning, *, block: int = 0) -> "Trained":
        """A network's, without the units that masks have cut off; its cost is taken on the test images."""
        if any(layer.mask is not None for layer in network.linear):
            network = shrink(network)
        accuracy = network.accuracy(trial.task.test_x, trial.task.test_y)
        return cls(
            accuracy, network.cost(), learning.flops, learning.seconds, executables(network, block=block)
        )


Recipe = Callable[[Trial], Trained]


@dataclass(frozen=True)
class Form:
    """A recipe, the shares at which it is tried, those at which it is also trained five times as long, its family."""

    learn: Recipe
    family: str
    shares: tuple[float, ...] = (0.2, 0.1, 0.05, 0.02)
    longer: tuple[float, ...] = ()


def built(make: Callable[[Trial], Network], rule: Callable[[Trial], Rule] | None = None) -> Recipe:
    """The recipe: make a network, train it, with a rule or none."""

    def learn(trial: Trial) -> Trained:
        network = make(trial)
        return Trained.of(trial, network, trial.train(network, None if rule is None else rule(trial)))

    return learn


def whole(trial: Trial) -> Network:
    """The dense network of share 1, for rules that take weights from it."""
    return perceptron(trial.widths, rng=trial.seed)


def one_layer(trial: Trial) -> Network:
    """Dense with one hidden layer: wider where the budget is small."""
    n_in, n_out = trial.widths[0], trial.widths[-1]
    return perceptron((n_in, max(1, round(trial.weights / (n_in + n_out))), n_out), rng=trial.seed)


def skipping(trial: Trial) -> Network:
    """The narrowed dense network, whose weights behind a zero of ReLU are not read."""
    network = perceptron(trial.narrowed, rng=trial.seed)
    for layer in network.linear[1:]:
        layer.skips_zeros = True
    return network


def winners(trial: Trial) -> Network:
    """All weights are stored; a share of the hidden units speaks."""
    return kwta_perceptron(trial.widths, share=trial.share, epoch=len(trial.task.train_x), rng=trial.seed)


def thin(trial: Trial) -> Network:
    """Layers in factors of one rank, the largest that the share allows; the last one whole if it is small."""
    sums, last = [a + b for a, b in pairwise(trial.widths)], trial.widths[-2] * trial.widths[-1]
    whole = last <= trial.weights / 2
    rank = (trial.weights - last) // sum(sums[:-1]) if whole else trial.weights // sum(sums)
    ranks: list[int | None] = [max(1, rank)] * len(sums)
    if whole:
        ranks[-1] = None
    return low_rank_perceptron(trial.widths, rank=ranks, rng=trial.seed)


def experts(routing: str) -> Callable[[Trial], Network]:
    """Eight experts of one hidden layer each, of which two are used; the share is of active parameters."""

    def make(trial: Trial) -> Network:
        sizes: dict[str, Any] = {"experts": EXPERTS, "active": CHOSEN, "routing": routing}
        ends = (trial.widths[0], trial.widths[-1])
        # the budget is that of softmax routing, so that both kinds have the same experts
        hidden = hidden_for(ends, max(trial.weights, 1200), by="active", **sizes | {"routing": "softmax"})
        return experts_perceptron(ends, hidden=hidden, rng=trial.seed, **sizes)

    return make


def tiled(network: Network, sparsity: float) -> list[Mask]:
    """Blocks of each layer by itself: compared together, whole layers die, for their weights are not of one size."""
    return block_masks(network, sparsity, block=BLOCK, scope="layer")


def halfway(masks: Callable[[Network, float], list[Mask]], *, block: int = 0) -> Recipe:
    """The recipe: half of the training, then pruning in a structure, then the other half."""

    def learn(trial: Trial) -> Trained:
        network, early = whole(trial), trial.epochs // 2
        took = trial.train(network, epochs=early)
        apply_masks(network, masks(network, 1 - trial.share))
        network = shrink(network)
        late = trial.train(network, epochs=trial.epochs - early)
        return Trained.of(trial, network, took + late, block=block)

    return learn


def ticket(trial: Trial) -> Trained:
    """Iterative magnitude pruning with rewinding; all its trainings are charged."""
    network, given = whole(trial), trial.task
    search = lottery_ticket(
        network, given.train_x, given.train_y, 1 - trial.share, rng=trial.seed, **trial.options()
    )
    return Trained.of(trial, network, search.learning)


def hypervectors(trial: Trial) -> Trained:
    """The outsider: class vectors of bits and their corrections (:class:`hdspike.learn.RetrainingClassifier`).

    Pixels are bound to their places and bundled (``record``). Stored are one-bit numbers: class vectors, and the
    vectors of places and levels. There are no floating-point operations to count.
    """
    from hdspike.learn import HypervectorEncoder, RetrainingClassifier

    given, dim, levels = trial.task, max(64, round(LONGEST_CODE * trial.share)), 16
    began = time.perf_counter()
    encoder = HypervectorEncoder(dim, method="record", levels=levels, random_state=trial.seed)
    model = RetrainingClassifier(dim, encoder=encoder, epochs=trial.epochs, random_state=trial.seed)
    model.fit(given.train_x, given.train_y)
    seconds = time.perf_counter() - began
    numbers = float(dim * (trial.widths[-1] + given.inputs + levels))
    cost = Cost(numbers, numbers, numbers / 8, numbers / 8, 0.0)
    scores: NDArray[Any] = model.predict(given.test_x)
    return Trained(
        float(np.mean(scores == given.test_y)), cost, None, seconds, {"popcounts": model.decision_function}
    )


WIDE = (1.0, 0.5, 0.2, 0.1, 0.05)
THIN = (0.5, 0.2, 0.1, 0.05, 0.03, 0.02, 0.0133, 0.01, 0.0075, 0.005)
ENDS = (0.1, 0.02)
FORMS: dict[str, Form] = {
    "dense": Form(built(lambda t: perceptron(t.narrowed, rng=t.seed)), "dense", WIDE, WIDE),
    "dense, one layer": Form(built(one_layer), "dense", (2.0, *THIN), THIN),
    "random mask": Form(built(whole, lambda t: RigL(1 - t.share, grow="nothing", rng=t.seed)), "weights", longer=ENDS),
    "magnitude pruning": Form(built(whole, lambda t: GradualMagnitude(1 - t.share)), "weights", longer=ENDS),
    "lottery ticket": Form(ticket, "weights", ENDS),
    "RigL": Form(built(whole, lambda t: RigL(1 - t.share, every=t.every, rng=t.seed)), "weights", longer=ENDS),
    "SRigL": Form(built(whole, lambda t: SRigL(1 - t.share, every=t.every, rng=t.seed)), "structure", longer=ENDS),
    "blocks of 4 × 4": Form(halfway(tiled, block=BLOCK), "structure", (0.2, 0.1, 0.05)),
    "neurons": Form(halfway(neuron_masks), "structure"),
    "ternary": Form(built(lambda t: ternary_perceptron(t.narrowed, rng=t.seed)), "bits", WIDE[:4], ENDS[:1]),
    "low rank": Form(built(thin), "rank", longer=ENDS),
    "ReLU, zeros skipped": Form(built(skipping), "activations", WIDE[:4]),
    "k-WTA": Form(built(winners), "activations", (0.3, 0.1, 0.05, 0.02)),
    "experts": Form(built(experts("softmax")), "experts", (0.5, 0.2, 0.1, 0.05)),
    "experts by hypervectors": Form(built(experts("hypervectors")), "experts", (0.5, 0.2, 0.1, 0.05)),
    "hypervector classifier": Form(hypervectors, "hypervectors", (1.0, 0.25, 0.0625)),
}  # fmt: skip
"""Name → form. The two dense ones are the baseline."""
