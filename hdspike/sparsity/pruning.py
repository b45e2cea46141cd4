"""Pruning by magnitude: the smallest weights of a network cease to exist, at once or little by little.

Small |w| for unimportant is a heuristic (Han et al. 2015) that is hard to beat. *One-shot*: train, prune, train what is
left. *Gradual* (Zhu and Gupta 2017): prune while training, with the sparsity that is reached at step t,

    s(t) = s_f + (s_i − s_f) · (1 − (t − t₀) ÷ (n·Δt))³      for t = t₀, t₀ + Δt, …, t₀ + n·Δt:

quickly while there is much to take, slowly at the end. Sparsity is the share of zeros among all weights (biases apart).
"""

from collections.abc import Sequence
from math import floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.sparsity.layer import Floats
from hdspike.sparsity.training import Adam, Learning, Network, Rule, train

__all__ = [
    "SCOPES",
    "GradualMagnitude",
    "Mask",
    "apply_masks",
    "magnitude_masks",
    "one_shot",
    "proper_sparsity",
    "sparsity_of",
]

Mask = NDArray[np.bool_]
SCOPES = ("global", "layer")


def proper_sparsity(value: Any, name: str = "sparsity") -> float:
    """``value`` as a share of zeros in [0, 1)."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, not {value!r} of type {type(value).__name__}")
    if not 0 <= value < 1:
        raise ValueError(f"{name} must be at least 0 and below 1, got {value}")
    return float(value)


def largest(scores: Floats, count: int) -> Mask:
    """Exactly ``count`` of the scores, the largest; of equal ones those of lower index."""
    kept = np.zeros(len(scores), dtype=bool)
    if count <= 0:
        return kept
    if count >= len(scores):
        return ~kept
    bound = np.partition(scores, len(scores) - count)[len(scores) - count]
    kept = scores > bound
    kept[np.flatnonzero(scores == bound)[: count - int(kept.sum())]] = True
    return kept


def magnitude_masks(network: Network, sparsity: float | Sequence[float], scope: str = "global") -> list[Mask]:
    """Which weights stay: for each layer of weights a mask, the largest magnitudes in it.

    Of N weights ``N − ⌊s·N + ½⌋`` stay: all layers compared together (``"global"``) or each by itself (``"layer"``).
    Of equal magnitudes the earlier stay (layers in order, then rows). What does not exist never comes back: where fewer
    weights exist than may stay, all of these stay. The network is not changed.

    Args:
        sparsity: the share of zeros, in [0, 1); for ``"layer"`` also one for each layer.
        scope: ``"global"`` or ``"layer"``.

    >>> from hdspike.sparsity.training import perceptron
    >>> network = perceptron((2, 2), rng=0)
    >>> network.linear[0].weights[...] = [[3, -1], [0.5, -4]]
    >>> magnitude_masks(network, 0.5)[0].tolist()
    [[True, False], [False, True]]
    """
    check.one_of("scope", scope, SCOPES)
    layers = network.linear
    if not layers:
        raise ValueError("network must have at least one layer of weights, got none")
    scores = []
    for number, layer in enumerate(layers):
        if not np.isfinite(layer.weights).all():
            raise ValueError(f"network must have finite weights, got others in layer {number}")
        size = np.abs(layer.weights).ravel()
        scores.append(size if layer.mask is None else np.where(layer.mask.ravel(), size, -1))
    shares = shares_of(network, sparsity, scope)
    if scope == "global":
        flat = np.concatenate(scores)
        kept = largest(flat, stay(flat, shares[0]))
        pieces = np.split(kept, np.cumsum([len(one) for one in scores])[:-1])
    else:
        pieces = [largest(one, stay(one, share)) for one, share in zip(scores, shares, strict=True)]
    return [piece.reshape(layer.weights.shape) for piece, layer in zip(pieces, layers, strict=True)]


def shares_of(network: Network, sparsity: float | Sequence[float], scope: str) -> list[float]:
    """A sparsity for each layer of weights; of the scope global it is one for all."""
    count = len(network.linear)
    if isinstance(sparsity, Sequence | np.ndarray) and not isinstance(sparsity, str):
        if scope != "layer" or len(sparsity) != count:
            raise ValueError(
                f"sparsity must be one number, or with scope layer one for each of {count} layers, "
                f"got {len(sparsity)} with scope {scope}"
            )
        return [proper_sparsity(share) for share in sparsity]
    return [proper_sparsity(sparsity)] * count


def stay(scores: Floats, sparsity: float) -> int:
    """How many of these weights stay; those that do not exist have a negative score."""
    return min(len(scores) - floor(sparsity * len(scores) + 0.5), int(np.count_nonzero(scores >= 0)))


def apply_masks(network: Network, masks: Sequence[Mask]) -> None:
    """Let only the weights of these masks exist, one mask for each layer of weights."""
    layers = network.linear
    if len(masks) != len(layers):
        raise ValueError(f"masks must be one for each of {len(layers)} layers of weights, got {len(masks)}")
    for layer, mask in zip(layers, masks, strict=True):
        layer.set_mask(mask)


def sparsity_of(network: Network) -> float:
    """The share of weights that do not exist, of all layers of weights."""
    layers = network.linear
    gone = sum(0 if layer.mask is None else layer.mask.size - int(layer.mask.sum()) for layer in layers)
    return gone / sum(layer.weights.size for layer in layers)


def one_shot(
    network: Network,
    x: Floats,
    labels: NDArray[np.integer[Any]],
    sparsity: float | Sequence[float],
    *,
    scope: str = "global",
    epochs: int,
    batch: int = 64,
    rate: float = 1e-3,
    rule: Rule | None = None,
    rng: check.Rng,
) -> Learning:
    """Prune a trained network by magnitude at once, then train what is left for ``epochs`` (0: not at all).

    The rate of the fine-tuning falls from ``rate`` again, as in training (rate rewinding: Renda et al. 2020).
    """
    apply_masks(network, magnitude_masks(network, sparsity, scope))
    return train(network, x, labels, epochs=epochs, batch=batch, rate=rate, rule=rule, rng=rng)


class GradualMagnitude:
    """A rule of training: prune by magnitude along the cubic schedule of Zhu and Gupta 2017.

    Args:
        sparsity: s_f, in [0, 1), reached exactly.
        initial: s_i, at most ``sparsity``.
        begin, end: t₀ and t₀ + n·Δt as shares of all steps.
        every: Δt in steps.
        scope: ``"global"`` or ``"layer"``.

    >>> from hdspike.sparsity.training import perceptron
    >>> rule = GradualMagnitude(0.9, begin=0, end=1, every=10)
    >>> rule.begin(perceptron((2, 2), rng=0), 100)
    >>> [round(rule.sparsity_at(t), 3) for t in (0, 10, 50, 100)]
    [0.0, 0.244, 0.787, 0.9]
    """

    def __init__(
        self,
        sparsity: float,
        *,
        initial: float = 0.0,
        begin: float = 0.1,
        end: float = 0.7,
        every: int = 10,
        scope: str = "global",
    ) -> None:
        self.sparsity, self.initial = proper_sparsity(sparsity), proper_sparsity(initial, "initial")
        if self.initial > self.sparsity:
            raise ValueError(f"initial must be at most the sparsity {sparsity}, got {initial}")
        if not 0 <= begin < end <= 1:
            raise ValueError(f"begin must be below end, both in [0, 1], got {begin} and {end}")
        self.shares = begin, end
        self.asked = check.integer("every", every, low=1)
        self.scope = check.one_of("scope", scope, SCOPES)
        self.start, self.prunings, self.every = 0, 1, 1

    def begin(self, network: Network, steps: int) -> None:
        """Lay the schedule over ``steps``: Δt is shortened where the span is shorter."""
        check.integer("steps", steps, low=1)
        last = max(1, round(self.shares[1] * steps))
        self.start = min(round(self.shares[0] * steps), last - 1)
        self.every = min(self.asked, last - self.start)
        self.prunings = (last - self.start) // self.every

    def sparsity_at(self, done: int) -> float:
        """s(t), after ``done`` updates."""
        passed = (done - self.start) / (self.prunings * self.every)
        return self.sparsity + (self.initial - self.sparsity) * (1 - min(max(passed, 0.0), 1.0)) ** 3

    def before(self, network: Network, step: int) -> None:
        """Nothing."""

    def after(self, network: Network, step: int, optimiser: Adam) -> float:
        """Prune where the schedule says so; the search for the smallest weights is not counted as FLOPs."""
        passed = step + 1 - self.start
        if 0 <= passed <= self.prunings * self.every and passed % self.every == 0:
            apply_masks(network, magnitude_masks(network, self.sparsity_at(step + 1), self.scope))
        return 0.0
