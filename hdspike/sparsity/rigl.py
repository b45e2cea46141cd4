"""Sparse from the start: connections that move while the network learns (RigL), beside SET and a mask that stays.

A random mask of ``n_ones`` weights in each layer; every ΔT steps, up to ``stop`` of the training, each layer drops the
``k = ⌊α_t n_ones⌋`` weights of least |w| and grows as many of those that do not exist:

- RigL (Evci, Gale, Menick, Castro and Elsen 2020) those with the largest |gradient|, which costs one dense gradient;
- SET (Mocanu et al. 2018; with RigL's schedule, as in Evci et al.) any, at random;
- a static mask drops and grows nothing.

``α_t = α ÷ 2 · (1 + cos(π t ÷ T_stop))``, α = .3; ΔT = 100 and ``stop`` = .75 are the paper's. What is grown begins at
zero, with no past in the optimiser. What was just dropped may be grown again, and then keeps its weight, as in the
authors' code.

FLOPs: with f_S and f_D of a forward pass of the sparse and the dense network, a step costs 3 f_S and a step with a
dense gradient 2 f_S + f_D, in the mean ``(3 f_S ΔT + 2 f_S + f_D) ÷ (ΔT + 1)`` (their appendix): ΔT plain steps, then
one that moves connections alone. Here every step also moves weights, so that ``every = ΔT + 1``.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.sparsity.layer import Floats, Linear
from hdspike.sparsity.pruning import Mask, proper_sparsity
from hdspike.sparsity.training import Adam, Network

__all__ = ["RigL", "drop_and_grow", "erk_densities", "mean_step_flops", "nonzeros", "random_mask"]

GROWS = ("gradient", "random", "nothing")
DISTRIBUTIONS = ("erk", "uniform")


def share_of(name: str, value: float) -> float:
    """``value`` as a float in [0, 1]."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating | np.integer):
        raise TypeError(f"{name} must be a number, not {value!r} of type {type(value).__name__}")
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be in [0, 1], got {value}")
    return float(value)


def erk_densities(shapes: Sequence[tuple[int, int]], sparsity: float) -> list[float]:
    """Erdős–Rényi densities ``d_l = min(1, ε (n_in + n_out) ÷ (n_in n_out))``, so that Σ d_l n_in n_out is the total.

    Small layers stay denser; one that would exceed 1 is dense, and ε is solved again for the rest (Mocanu et al. 2018;
    "ERK" in Evci et al. 2020, whose kernels of size 1 these are).

    Args:
        shapes: (n_in, n_out) of each layer.
        sparsity: share of zeros among all weights, in [0, 1).

    >>> [round(d, 4) for d in erk_densities([(784, 300), (300, 100), (100, 10)], 0.9)]
    [0.0796, 0.2302, 1.0]
    """
    proper_sparsity(sparsity)
    if not shapes:
        raise ValueError("shapes must name at least one layer, got none")
    sizes = np.array([check.integer("n_in", a, low=1) * check.integer("n_out", b, low=1) for a, b in shapes])
    sums = np.array([a + b for a, b in shapes], dtype=float)
    dense = np.zeros(len(sizes), dtype=bool)
    wanted = (1 - sparsity) * sizes.sum()
    while not dense.all():
        scale = (wanted - sizes[dense].sum()) / sums[~dense].sum()
        over = ~dense & (scale * sums > sizes)
        if not over.any():
            break
        dense |= over
    return [
        1.0 if full else min(1.0, float(scale * s / n)) for full, s, n in zip(dense, sums, sizes, strict=True)
    ]


def nonzeros(shapes: Sequence[tuple[int, int]], sparsity: float, distribution: str = "erk") -> list[int]:
    """Weights of each layer: the densities times the sizes, rounded so that their sum is the total, rounded.

    ``distribution``: ``erk`` (:func:`erk_densities`) or ``uniform`` (the same density everywhere).

    >>> sum(nonzeros([(64, 300), (300, 100), (100, 10)], 0.98))
    1004
    """
    check.one_of("distribution", distribution, DISTRIBUTIONS)
    densities = erk_densities(shapes, sparsity)
    sizes = [a * b for a, b in shapes]
    if distribution == "uniform":
        densities = [1 - sparsity] * len(sizes)
    exact = [d * n for d, n in zip(densities, sizes, strict=True)]
    counts = [min(int(e + 1e-9), n) for e, n in zip(exact, sizes, strict=True)]
    left = round((1 - sparsity) * sum(sizes)) - sum(counts)
    by_rest = sorted(range(len(sizes)), key=lambda layer: counts[layer] - exact[layer])
    for layer in (layer for layer in by_rest if counts[layer] < sizes[layer]):
        if left > 0:
            counts[layer], left = counts[layer] + 1, left - 1
    return counts


def random_mask(shape: tuple[int, int], ones: int, *, rng: check.Rng) -> Mask:
    """``ones`` weights of a layer, all sets equally likely."""
    size = shape[0] * shape[1]
    check.integer("ones", ones, low=0, high=size)
    mask = np.zeros(size, dtype=bool)
    mask[check.generator(rng).permutation(size)[:ones]] = True
    return mask.reshape(shape)


def mean_step_flops(sparse: float, dense: float, every: int) -> float:
    """``(3 f_S ΔT + 2 f_S + f_D) ÷ (ΔT + 1)`` with ΔT + 1 = ``every``; f: FLOPs of a forward pass of a batch.

    >>> round(mean_step_flops(20.0, 100.0, 101), 3)
    60.792
    """
    check.integer("every", every, low=1)
    plain = every - 1
    return (3 * sparse * plain + 2 * sparse + dense) / (plain + 1)


def best(scores: Floats, many: int) -> NDArray[np.intp]:
    """The places of the ``many`` largest scores; of equals those in front."""
    return np.argsort(-scores, kind="stable")[:many]


def drop_and_grow(weights: Floats, mask: Mask, grow: Floats, many: int) -> Mask:
    """The mask after the ``many`` existing weights of least |w| are dropped, and ``many`` grown by largest ``grow``.

    The number of ones does not change. ``many`` beyond the ones drops them all. Of equals the one in front is kept or
    grown. All arrays have the shape of the layer.
    """
    if weights.shape != mask.shape or grow.shape != mask.shape:
        raise ValueError(f"grow must have the shape {mask.shape} of the layer, got {grow.shape}")
    check.integer("many", many, low=0)
    ones = int(mask.sum())
    many = min(many, ones)
    kept = np.zeros(mask.size, dtype=bool)
    kept[best(np.where(mask, np.abs(weights), -1).ravel(), ones - many)] = True
    grown = best(np.where(kept, -np.inf, grow.ravel()), many)
    kept[grown] = True
    return kept.reshape(mask.shape)


class RigL:
    """The rule that keeps a network sparse from its first step; ``grow`` tells RigL, SET and a static mask apart.

    Args:
        sparsity: share of zeros among all weights, in [0, 1).
        grow: ``gradient`` (RigL), ``random`` (SET) or ``nothing`` (static).
        every: steps from one move of connections to the next.
        fraction: α, the share of a layer's weights that the earliest move replaces.
        stop: the share of the training after which nothing moves.
        distribution: ``erk`` or ``uniform``.
        rescale: weights × √(n_in ÷ fan-in) at the start (Evci et al. 2022), not in the paper of 2020.
        rng: draws the masks, and what SET grows.

    Attributes:
        moved: connections grown that did not exist, in all.
    """

    def __init__(
        self,
        sparsity: float,
        *,
        grow: str = "gradient",
        every: int = 100,
        fraction: float = 0.3,
        stop: float = 0.75,
        distribution: str = "erk",
        rescale: bool = True,
        rng: check.Rng,
    ) -> None:
        self.sparsity = proper_sparsity(sparsity)
        self.grow = check.one_of("grow", grow, GROWS)
        self.every = check.integer("every", every, low=1)
        self.fraction = share_of("fraction", fraction)
        self.stop = share_of("stop", stop)
        self.distribution = check.one_of("distribution", distribution, DISTRIBUTIONS)
        self.rescale, self.random = rescale, check.generator(rng)
        self.last = self.moved = 0

    def masks(self, shapes: Sequence[tuple[int, int]]) -> list[Mask]:
        """The masks of the start."""
        counts = nonzeros(shapes, self.sparsity, self.distribution)
        return [random_mask(shape, many, rng=self.random) for shape, many in zip(shapes, counts, strict=True)]

    def begin(self, network: Network, steps: int) -> None:
        """Draw the masks; moves happen up to ``stop × steps``."""
        self.last, self.moved = int(self.stop * steps), 0
        layers = network.linear
        for layer, mask in zip(
            layers, self.masks([(a, b) for a, b in (x.weights.shape for x in layers)]), strict=True
        ):
            layer.set_mask(mask)
            if self.rescale:
                layer.rescale()

    def due(self, step: int) -> bool:
        """Whether connections move after ``step`` (counted from 0)."""
        return self.grow != "nothing" and (step + 1) % self.every == 0 and step + 1 <= self.last

    def share(self, step: int) -> float:
        """``α_t``: the share of a layer's weights that is replaced after ``step``."""
        return float(self.fraction / 2 * (1 + np.cos(np.pi * (step + 1) / max(1, self.last))))

    def before(self, network: Network, step: int) -> None:
        """Ask for dense gradients where they are needed."""
        if self.grow == "gradient" and self.due(step):
            for layer in network.linear:
                layer.explore = True

    def after(self, network: Network, step: int, optimiser: Adam) -> float:
        """Move connections if they are due; the FLOPs of the dense gradient beyond the sparse one."""
        if not self.due(step):
            return 0.0
        extra, share = 0.0, self.share(step)
        for number, layer in enumerate(network.layers):
            if not isinstance(layer, Linear) or layer.mask is None:
                continue
            if self.grow == "gradient":
                extra += 2.0 * layer.samples * int(np.count_nonzero(~layer.mask))
            mask = self.moved_mask(network, layer, share)
            grown = mask & ~layer.mask
            self.moved += int(grown.sum())
            layer.set_mask(mask)
            optimiser.forget(number, "W", grown)
            layer.explore, layer.dense_gradient = False, None
        return extra

    def moved_mask(self, network: Network, layer: Linear, share: float) -> Mask:
        """The mask of one layer after this move."""
        assert layer.mask is not None
        many = int(share * np.count_nonzero(layer.mask))
        return drop_and_grow(layer.weights, layer.mask, self.scores(layer), many)

    def scores(self, layer: Linear) -> Floats:
        """What decides which connection is grown."""
        if self.grow == "random":
            return self.random.random(layer.weights.shape)
        assert layer.dense_gradient is not None
        return np.asarray(np.abs(layer.dense_gradient))
