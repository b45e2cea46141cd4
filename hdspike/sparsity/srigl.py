"""RigL with constant fan-in (SRigL): every neuron has as many weights as its neighbours, so that they pack densely.

Lasby, Golubeva, Evci, Nica and Ioannou 2024 ("Dynamic sparse training with structured sparsity", ICLR). A layer's
weights are ``fan_in`` for each neuron that is alive. At a move, with n weights of which ``K = ⌊α_t n⌋`` are to go:

1. a weight is *salient* if it is among the n − K largest |w|, or among the K largest |gradient| that do not exist;
2. a neuron with fewer than ``max(1, ⌊γ_sal fan_in⌋)`` salient weights is ablated: it loses all weights, in and out,
   and its bias, and does not come back; the last layer is spared;
3. the others share the layer's budget: ``fan_in' = ⌊budget ÷ alive⌋``, never beyond n_in;
4. the K smallest |w| of the whole layer go (and what a neuron has beyond ``fan_in'``), and each neuron grows its own
   largest |gradient| until it has ``fan_in'``.

γ_sal = .3 is the authors' for all but transformers. The schedule, ERK and the FLOPs are those of
:mod:`hdspike.sparsity.rigl`. A fan-in is a whole number: the budget is met from below, and ``sparsity`` is a bound.
"""

from collections.abc import Sequence
from math import ceil

import numpy as np

from hdspike import check
from hdspike.sparsity.layer import Floats, Linear
from hdspike.sparsity.pruning import Mask
from hdspike.sparsity.rigl import RigL, best, erk_densities, nonzeros, share_of
from hdspike.sparsity.training import Adam, Network

__all__ = ["SRigL", "ablated", "constant_fan_in_mask", "drop_and_grow_evenly", "fan_ins"]


def fan_ins(shapes: Sequence[tuple[int, int]], sparsity: float, distribution: str = "erk") -> list[int]:
    """Weights of each neuron of each layer: the densities times n_in, rounded so that the total stays in the budget.

    At least 1 each. What rounding down leaves over goes to the layers that it robbed most, as far as it is enough.

    >>> fan_ins([(64, 300), (300, 100), (100, 10)], 0.9)
    [6, 23, 64]
    """
    check.one_of("distribution", distribution, ("erk", "uniform"))
    densities = erk_densities(shapes, sparsity)
    if distribution == "uniform":
        densities = [1 - sparsity] * len(shapes)
    exact = [d * n_in for d, (n_in, _) in zip(densities, shapes, strict=True)]
    out = [max(1, int(e + 1e-9)) for e in exact]
    left = round((1 - sparsity) * sum(a * b for a, b in shapes)) - sum(
        f * n_out for f, (_, n_out) in zip(out, shapes, strict=True)
    )
    for layer in sorted(range(len(out)), key=lambda layer: out[layer] - exact[layer]):
        n_in, n_out = shapes[layer]
        if out[layer] < min(exact[layer], n_in) and n_out <= left:
            out[layer], left = out[layer] + 1, left - n_out
    return out


def constant_fan_in_mask(shape: tuple[int, int], fan_in: int, *, rng: check.Rng) -> Mask:
    """``fan_in`` weights of each output, all sets equally likely."""
    n_in, n_out = shape
    check.integer("fan_in", fan_in, low=1, high=n_in)
    order = check.generator(rng).random((n_out, n_in)).argsort(axis=1)
    mask = np.zeros((n_in, n_out), dtype=bool)
    mask[order[:, :fan_in].T, np.arange(n_out)] = True
    return mask


def ablated(weights: Floats, mask: Mask, gradient: Floats, many: int, *, least: int, budget: int) -> Mask:
    """(n_out,) of bool: neurons that have no weights, or fewer than ``least`` salient ones.

    So many stay that ``budget`` weights find room in them: the most salient, of equals the one in front.
    """
    ones = int(mask.sum())
    many = min(many, ones)
    salient = np.zeros(mask.size, dtype=bool)
    salient[best(np.where(mask, np.abs(weights), -1).ravel(), ones - many)] = True
    salient[best(np.where(mask, -np.inf, np.abs(gradient)).ravel(), min(many, mask.size - ones))] = True
    counts = salient.reshape(mask.shape).sum(axis=0)
    alive = mask.any(axis=0)
    counts[~alive] = -1
    rank = np.empty(len(counts), dtype=int)
    rank[best(counts, len(counts))] = np.arange(len(counts))
    spared = alive & (rank < ceil(budget / len(mask)))
    return np.asarray(~alive | ((counts < least) & ~spared))


def drop_and_grow_evenly(
    weights: Floats, mask: Mask, gradient: Floats, many: int, *, fan_in: int, dead: Mask, silent: Mask
) -> Mask:
    """The mask after the move: ``fan_in`` weights of each neuron that is not ``dead``, none of a ``silent`` input.

    Where fewer inputs than ``fan_in`` are left, silent ones are taken after all.
    """
    possible = ~dead[None, :] & ~silent[:, None]
    magnitude = np.where(mask & possible, np.abs(weights), -1)
    kept = np.zeros(mask.size, dtype=bool)
    kept[best(magnitude.ravel(), max(0, int(mask.sum()) - many))] = True
    kept = kept.reshape(mask.shape) & (magnitude >= 0)
    out = np.zeros_like(mask)
    # What is kept comes before what is grown, by |w|; then what may grow, by |gradient|; a silent input last.
    keys = np.where(kept, magnitude, np.abs(gradient))
    tier = np.where(kept, 0, np.where(silent[:, None], 2, 1))
    for neuron in np.flatnonzero(~dead):
        order = np.lexsort((-keys[:, neuron], tier[:, neuron]))
        out[order[:fan_in], neuron] = True
    return out


class SRigL(RigL):
    """RigL with constant fan-in and, where ``gamma`` is above 0, neuron ablation.

    Args:
        sparsity, grow, every, fraction, stop, distribution, rescale, rng: as of RigL; ``grow="nothing"`` is a static
            random mask of constant fan-in.
        gamma: γ_sal, in [0, 1]; 0: no neuron is ablated.

    Attributes:
        fan_in: of each layer, now.
        dead: of each layer, (n_out,) of bool: the neurons that are ablated.
    """

    def __init__(self, sparsity: float, *, gamma: float = 0.3, rng: check.Rng, **options: object) -> None:
        super().__init__(sparsity, rng=rng, **options)  # type: ignore[arg-type]
        self.gamma = share_of("gamma", gamma)
        self.fan_in: list[int] = []
        self.dead: list[Mask] = []
        self.budgets: list[int] = []

    def masks(self, shapes: Sequence[tuple[int, int]]) -> list[Mask]:
        """Masks of constant fan-in; the budgets are what they hold."""
        self.fan_in = fan_ins(shapes, self.sparsity, self.distribution)
        self.dead = [np.zeros(n_out, dtype=bool) for _, n_out in shapes]
        self.budgets = self.shared(shapes)
        return [
            constant_fan_in_mask(shape, many, rng=self.random)
            for shape, many in zip(shapes, self.fan_in, strict=True)
        ]

    def shared(self, shapes: Sequence[tuple[int, int]]) -> list[int]:
        """Weights that each layer may have: what rounding left over is for ablation to use, where it was taken."""
        out = [many * n_out for many, (_, n_out) in zip(self.fan_in, shapes, strict=True)]
        fair = nonzeros(shapes, self.sparsity, self.distribution)
        left = max(0, sum(fair) - sum(out))
        for layer in sorted(range(len(out)), key=lambda layer: out[layer] - fair[layer]):
            more = max(0, min(left, fair[layer] - out[layer]))
            out[layer], left = out[layer] + more, left - more
        return out

    def after(self, network: Network, step: int, optimiser: Adam) -> float:
        """Move connections if they are due; an ablated neuron's bias is zero: what never fires learns nothing."""
        extra = super().after(network, step, optimiser)
        if self.due(step):
            for layer, dead in zip(network.linear, self.dead, strict=True):
                layer.parameters["b"][dead] = 0
                optimiser.forget(network.layers.index(layer), "b", dead)
        return extra

    def moved_mask(self, network: Network, layer: Linear, share: float) -> Mask:
        """The mask of one layer after this move; layers are moved from the input to the output."""
        assert layer.mask is not None
        layers = network.linear
        place = layers.index(layer)
        grow = self.scores(layer)
        many = int(share * np.count_nonzero(layer.mask))
        if self.gamma and place + 1 < len(layers):
            least = max(1, int(self.gamma * self.fan_in[place]))
            budget = self.budgets[place]
            self.dead[place] = ablated(layer.weights, layer.mask, grow, many, least=least, budget=budget)
        alive = int((~self.dead[place]).sum())
        self.fan_in[place] = min(len(layer.weights), self.budgets[place] // alive)
        silent = self.dead[place - 1] if place else np.zeros(len(layer.weights), dtype=bool)
        return drop_and_grow_evenly(
            layer.weights,
            layer.mask,
            grow,
            many,
            fan_in=self.fan_in[place],
            dead=self.dead[place],
            silent=silent,
        )
