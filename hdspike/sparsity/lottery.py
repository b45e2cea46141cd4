"""The lottery ticket (Frankle and Carbin 2019): a sparse network that learns well because of where it began.

*Iterative magnitude pruning with rewinding.* Begin at θ₀; train to θ; let a share of the smallest weights cease to
exist; put the others back to what they were in θ₀ (or, Frankle et al. 2020, after k steps); train again; and so on.
After r rounds a layer keeps ``(1 − p)^r`` of its weights: p = 20 % a round, and half of that, 10 %, in the output
layer, each layer by itself. Of LeNet-300-100 that leaves 51.3 % after 3 rounds, 21.1 % after 7, 3.6 % after 15.

The claim is about the pair of mask and initial values, so that it needs its controls: the same mask with new initial
values (:func:`reinitialise`) and a mask at random with as many weights in each layer (:func:`random_masks`).

What a ticket costs: every round is a whole training. FLOPs counted with the weights that exist, the search up to 2 %
takes about ``Σ 0.8^r ≈ 5`` trainings of the dense network; on hardware that does not skip zeros, one for each round.

Departures from the paper: after rewinding to step k the whole training is run, with a fresh optimiser; the last round
prunes a smaller share where that hits the wanted sparsity.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from hdspike import check
from hdspike.sparsity.layer import Floats
from hdspike.sparsity.pruning import SCOPES, Mask, apply_masks, magnitude_masks, proper_sparsity, sparsity_of
from hdspike.sparsity.training import Adam, Learning, Network, Rule, train

__all__ = [
    "Lottery",
    "Round",
    "kept_after",
    "layer_sparsities",
    "lottery_ticket",
    "random_masks",
    "reinitialise",
    "rewind",
]

State = list[dict[str, Floats]]


@dataclass(frozen=True)
class Round:
    """One training of the search: after so many rounds of pruning (the last may be a fraction)."""

    pruned: float
    masks: list[Mask]
    remaining: float
    learning: Learning


@dataclass(frozen=True)
class Lottery:
    """A search for a ticket: where every round began, and the rounds, from the dense network to the ticket."""

    start: State
    rounds: list[Round]

    @property
    def learning(self) -> Learning:
        """What all rounds took together: the price of the ticket, its own training included."""
        return sum((one.learning for one in self.rounds), Learning())


class Snapshot:
    """A rule of training that copies the parameters after ``step`` updates, and follows another rule besides."""

    def __init__(self, step: int, inner: Rule | None) -> None:
        self.step, self.inner = step, inner
        self.state: State = []

    def begin(self, network: Network, steps: int) -> None:
        if self.step > steps:
            raise ValueError(f"rewind must be at most the {steps} steps of training, got {self.step}")
        if self.step == 0:
            self.state = network.state()
        if self.inner is not None:
            self.inner.begin(network, steps)

    def before(self, network: Network, step: int) -> None:
        if self.inner is not None:
            self.inner.before(network, step)

    def after(self, network: Network, step: int, optimiser: Adam) -> float:
        more = 0.0 if self.inner is None else self.inner.after(network, step, optimiser)
        if step + 1 == self.step:
            self.state = network.state()
        return more


def kept_after(network: Network, rounds: float, *, share: float = 0.2, output: float = 0.5) -> list[float]:
    """The share of each layer's weights that ``rounds`` of pruning leave: ``(1 − share)^r``.

    >>> from hdspike.sparsity.training import perceptron
    >>> [round(kept, 3) for kept in kept_after(perceptron((784, 300, 100, 10), rng=0), 7)]
    [0.21, 0.21, 0.478]
    """
    layers = len(network.linear)
    rates = [share] * (layers - 1) + [share * output]
    return [(1 - rate) ** rounds for rate in rates]


def rounds_to(network: Network, sparsity: float, share: float, output: float) -> float:
    """How many rounds, and what part of one more, leave ``1 − sparsity`` of all weights."""
    sizes = [layer.weights.size for layer in network.linear]

    def missing(rounds: float) -> float:
        kept = kept_after(network, rounds, share=share, output=output)
        return sum(size * one for size, one in zip(sizes, kept, strict=True)) / sum(sizes) - (1 - sparsity)

    most = np.log(1 - sparsity) / np.log(1 - share * min(output, 1)) + 1
    rounds = float(brentq(missing, 0, most)) if sparsity else 0.0
    return float(round(rounds)) if abs(rounds - round(rounds)) < 1e-9 else rounds


def layer_sparsities(
    network: Network, sparsity: float, *, share: float = 0.2, output: float = 0.5
) -> list[float]:
    """Each layer's sparsity after as many rounds as leave ``1 − sparsity`` of all: the output layer keeps more.

    >>> from hdspike.sparsity.training import perceptron
    >>> [round(zeros, 3) for zeros in layer_sparsities(perceptron((64, 300, 100, 10), rng=0), 0.9)]
    [0.905, 0.905, 0.67]
    """
    rounds = rounds_to(network, proper_sparsity(sparsity), share, output)
    return [1 - kept for kept in kept_after(network, rounds, share=share, output=output)]


def rewind(network: Network, start: State, masks: Sequence[Mask]) -> None:
    """Put the parameters back to ``start``, to the bit, where ``masks`` lets them exist."""
    apply_masks(network, masks)
    network.restore(start)


def reinitialise(network: Network, *, rng: check.Rng) -> None:
    """New initial values under the same masks, drawn as :class:`Linear` draws them; biases become zero."""
    random = check.generator(rng)
    for layer in network.linear:
        drawn = random.standard_normal(layer.weights.shape) * np.sqrt(2 / len(layer.weights))
        layer.weights[...] = drawn.astype(layer.weights.dtype)
        layer.parameters["b"][...] = 0
        layer.set_mask(layer.mask)


def random_masks(masks: Sequence[Mask], *, rng: check.Rng) -> list[Mask]:
    """Masks with exactly as many weights in each layer, at random places."""
    random = check.generator(rng)
    return [random.permutation(mask.ravel()).reshape(mask.shape) for mask in masks]


def lottery_ticket(
    network: Network,
    x: Floats,
    labels: NDArray[np.integer[Any]],
    sparsity: float,
    *,
    epochs: int,
    batch: int = 64,
    rate: float = 1e-3,
    share: float = 0.2,
    output: float = 0.5,
    scope: str = "layer",
    rewind_to: int = 0,
    rule: Rule | None = None,
    each: Callable[[Round, Network], None] | None = None,
    rng: check.Rng,
) -> Lottery:
    """Search for a ticket of this sparsity; the network becomes the ticket, trained.

    Args:
        network: the dense network, not yet trained.
        sparsity: of all weights, in [0, 1).
        epochs, batch, rate: of every round's training.
        share: of the weights, pruned in each round.
        output: the output layer is pruned at this part of the rate (with scope ``"layer"``).
        scope: ``"layer"`` as in the paper for fully-connected networks, ``"global"`` as in it for deep ones.
        rewind_to: the step k of the dense training to which weights return; 0: initial values.
        rule: followed in every round's training (e.g. a :class:`Watch`).
        each: called after each round's training, with the network as it is then.

    Raises:
        ValueError: a share is not inside (0, 1), the step is beyond the training, the network is sparse already.
    """
    proper_sparsity(sparsity)
    check.one_of("scope", scope, SCOPES)
    check.integer("rewind_to", rewind_to, low=0)
    for name, value, high in (("share", share, 1), ("output", output, 1 / share if share > 0 else 1)):
        if not 0 < value < high:
            raise ValueError(f"{name} must be above 0 and below {high}, got {value}")
    if any(layer.mask is not None for layer in network.linear):
        raise ValueError(f"network must be dense, got one of sparsity {sparsity_of(network):.3f}")
    part = output if scope == "layer" else 1.0
    wanted = rounds_to(network, sparsity, share, part)
    random, rounds = check.generator(rng), list[Round]()
    snapshot = Snapshot(rewind_to, rule)
    for number in range(ceil(wanted) + 1):
        pruned = min(float(number), wanted)
        if number:
            zeros = [1 - kept for kept in kept_after(network, pruned, share=share, output=part)]
            masks = magnitude_masks(network, zeros if scope == "layer" else zeros[0], scope)
            rewind(network, snapshot.state, masks)
        learning = train(
            network,
            x,
            labels,
            epochs=epochs,
            batch=batch,
            rate=rate,
            rule=rule if number else snapshot,
            rng=random,
        )
        masks = [
            np.ones(layer.weights.shape, dtype=bool) if layer.mask is None else layer.mask.copy()
            for layer in network.linear
        ]
        remaining = sum(int(mask.sum()) for mask in masks) / sum(mask.size for mask in masks)
        rounds.append(Round(pruned, masks, remaining, learning))
        if each is not None:
            each(rounds[-1], network)
    return Lottery(snapshot.state, rounds)
