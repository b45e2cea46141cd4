"""A network grows wider while the number of its weights stays: static random masks (Golubeva et al. 2021).

Golubeva, Neyshabur and Gur-Ari, "Are wider nets better given the same number of parameters?" (ICLR 2021): which weights
exist is drawn at random at initialisation and never changes. Here as there: a perceptron of one hidden layer without
biases, so that its parameters are its nonzero weights and nothing else; the dense network of ``base`` hidden neurons
has ``base × (inputs + classes)`` of them, and so have all its wider versions.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hdspike import check, theory
from hdspike.sparsity.layer import Cost, Floats, Layer, Linear, Relu
from hdspike.sparsity.rigl import random_mask
from hdspike.sparsity.training import Network

__all__ = ["Unbiased", "base_width", "best_growth", "equalised", "index_bits", "living_width", "wide_network"]


class Unbiased(Linear):
    """``y = x W``: :class:`hdspike.sparsity.layer.Linear` without its biases."""

    def __init__(self, n_in: int, n_out: int, **options: Any) -> None:
        super().__init__(n_in, n_out, **options)
        del self.parameters["b"]

    def forward(self, x: Floats, *, training: bool = False) -> Floats:
        if training:
            self._x = x
            self._firing[...] = 1
        elif self.skips_zeros:
            self._firing = np.count_nonzero(x, axis=0) / max(1, len(x))
        return np.asarray(x @ self.weights)

    def backward(self, upstream: Floats) -> Floats:
        below = super().backward(upstream)
        del self.gradients["b"]
        return below

    def cost(self) -> Cost:
        whole, n_out = super().cost(), self.weights.shape[1]
        return Cost(
            stored=whole.stored - n_out,
            active=whole.active - n_out,
            stored_bytes=whole.stored_bytes - 4 * n_out,
            active_bytes=whole.active_bytes - 4 * n_out,
            macs=whole.macs,
        )


def base_width(nonzeros: int, inputs: int, classes: int) -> int:
    """The width of the dense network that has about this many weights: ``nonzeros ÷ (inputs + classes)``, rounded.

    >>> base_width(5000, 64, 10)
    68
    """
    check.integer("nonzeros", nonzeros, low=1)
    each = check.integer("inputs", inputs, low=1) + check.integer("classes", classes, low=1)
    return max(1, round(nonzeros / each))


def equalised(sizes: Sequence[int], nonzeros: int) -> list[int]:
    """How many weights each layer keeps: the largest layers give until they are level with the next smaller one.

    ``kept_l = min(size_l, c)`` with the one level c for which the sum is ``nonzeros``; what whole numbers leave over
    goes to the layers of earlier number. The rule of the paper's code (``get_nwtf``): small layers stay dense as long
    as they can.

    >>> equalised([640, 100], 300), equalised([640, 100], 150)
    ([200, 100], [75, 75])
    """
    if not len(sizes):
        raise ValueError("sizes must name at least one layer, got none")
    for size in sizes:
        check.integer("sizes", size, low=1)
    left = check.integer("nonzeros", nonzeros, low=0, high=sum(sizes))
    kept = [0] * len(sizes)
    smallest_first = sorted(range(len(sizes)), key=lambda number: (sizes[number], -number))
    for place, number in enumerate(smallest_first):
        kept[number] = min(sizes[number], left // (len(sizes) - place))
        left -= kept[number]
    return kept


def wide_network(
    inputs: int, width: int, classes: int, *, nonzeros: int, rescaled: bool = True, rng: check.Rng
) -> Network:
    """One hidden layer of ``width`` neurons with exactly ``nonzeros`` weights in all, which are drawn and then stay.

    The initial weights have the variance of He et al. 2015 for the number of inputs that a neuron has in the mean,
    ``2 ÷ (n_in × density)`` (the paper's scaling, there ``1 ÷``); ``rescaled=False``: ``2 ÷ n_in``, as if dense.

    >>> wide_network(64, 640, 10, nonzeros=740, rng=0).cost().stored
    740.0

    Raises:
        ValueError: there are more nonzeros than weights.
    """
    check.integer("inputs", inputs, low=1)
    check.integer("width", width, low=1)
    check.integer("classes", classes, low=1)
    shapes = ((inputs, width), (width, classes))
    sizes = [n_in * n_out for n_in, n_out in shapes]
    check.integer("nonzeros", nonzeros, low=1, high=sum(sizes))
    random = check.generator(rng)
    layers: list[Layer] = []
    for shape, kept in zip(shapes, equalised(sizes, nonzeros), strict=True):
        size = shape[0] * shape[1]
        dense = kept == size
        layer = Unbiased(*shape, mask=None if dense else random_mask(shape, kept, rng=random), rng=random)
        if rescaled and kept:
            layer.weights[...] *= np.float32(np.sqrt(size / kept))
        layers += [layer, Relu()]
    return Network(layers[:-1])


def living_width(inputs: int, width: int, classes: int, *, nonzeros: int) -> float:
    r"""Hidden neurons that have an input and an output, in the mean: what is left of the width where masks are thin.

    .. math:: \mathrm{width}\,(1 - P_0(\mathrm{inputs}, m_1))\,(1 - P_0(\mathrm{classes}, m_2)),
              \qquad P_0(n, m) = \binom{N - n}{m} \Big/ \binom{N}{m}, \quad N = n \cdot \mathrm{width}

    exact: m_l of a layer's N places exist, and none of a neuron's n is among them (hypergeometric, as a false match of
    random codes is: :func:`hdspike.theory.false_match`).

    >>> round(living_width(64, 27, 10, nonzeros=1998), 6), round(living_width(64, 1728, 10, nonzeros=1998))
    (27.0, 342)
    """
    for name, value in (("inputs", inputs), ("width", width), ("classes", classes)):
        check.integer(name, value, low=1)
    sizes = [inputs * width, width * classes]
    alive = float(width)
    for each, kept in zip((inputs, classes), equalised(sizes, nonzeros), strict=True):
        alive *= theory.false_match(each * width, kept, each, 1)
    return alive


def index_bits(network: Network) -> float:
    """Bits that say where a nonzero weight is, in the mean: ``Σ log₂ C(size, kept) ÷ Σ kept``, the least there can be.

    >>> round(index_bits(wide_network(64, 640, 10, nonzeros=740, rng=0)), 1)
    6.9
    """
    from scipy.special import gammaln

    bits = kept = 0.0
    for layer in network.linear:
        size, here = layer.weights.size, layer.weights.size if layer.mask is None else int(layer.mask.sum())
        bits += float(gammaln(size + 1) - gammaln(here + 1) - gammaln(size - here + 1)) / np.log(2)
        kept += here
    return float(bits / kept) if kept else 0.0


def best_growth(errors: ArrayLike, *, draws: int = 2000, rng: check.Rng = 0) -> tuple[int, int, int]:
    """Which of n growths has the least mean error over the seeds, and the ends of its 95 % interval by bootstrap.

    Args:
        errors: (n, seeds), by rising growth; seeds are drawn with replacement, whole columns, so that they stay paired.

    >>> best_growth([[0.3, 0.31], [0.1, 0.12], [0.2, 0.25]])
    (1, 1, 1)
    """
    given = np.asarray(errors, dtype=np.float64)
    if given.ndim != 2 or not given.size or not np.isfinite(given).all():
        raise ValueError(f"errors must be finite, (growths, seeds), got shape {given.shape}")
    seeds = given.shape[1]
    drawn = check.generator(rng).integers(seeds, size=(check.integer("draws", draws, low=1), seeds))
    best = given[:, drawn].mean(axis=2).argmin(axis=0)
    low, high = np.quantile(best, [0.025, 0.975], method="closest_observation")
    return int(given.mean(axis=1).argmin()), int(low), int(high)
