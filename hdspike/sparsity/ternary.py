"""Ternary weights: every weight is −1, 0 or +1 times one number for the whole matrix (BitNet b1.58).

    s = 1 ÷ max(mean|W|, 10⁻⁵),    W̃ = clip(round(s W), −1, 1) ÷ s

(Ma et al. 2024, *The era of 1-bit LLMs: all large language models are in 1.58 bits*, arXiv:2402.17764.) With integer
activations a product is then additions and subtractions alone, times one number at the end. A third of the weights
is zero, which is not sparse: see :mod:`hdspike.sparsity.ternary_law`. Where a mask says that weights do not exist, the
mean is that of those that do.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.sparsity.layer import Cost, Floats, Layer, Relu
from hdspike.sparsity.straight_through import LEAST, StraightThrough, finite, masked, widths_of
from hdspike.sparsity.training import Network

__all__ = ["PACKINGS", "TernaryLinear", "ternary", "ternary_perceptron"]

PACKINGS = {"planes": 2.0, "fives": 1.6}
"""Bits a weight: two bit planes, ready for use; or five weights in a byte (3⁵ = 243 ≤ 256), to be unpacked."""


def ternary(weights: Any, *, mask: Any = None) -> tuple[NDArray[np.int8], float]:
    """Integers in {−1, 0, 1} of the shape of ``weights``, and what one of them is worth, 1 ÷ s.

    ``mask``: which weights exist; the others are 0 and do not enter the mean.

    Raises:
        ValueError: a weight is not finite, or the mask has another shape.

    >>> ternary([[0.9, -0.1], [-1.0, 0.4]])[0].tolist()
    [[1, 0], [-1, 1]]
    """
    given = finite("weights", weights)
    exists = masked("mask", mask, given.shape)
    size = np.abs(given)
    count = given.size if exists is None else int(exists.sum())
    total = float(size.sum() if exists is None else size.sum(where=exists))
    step = max(total / count if count else 0.0, LEAST)
    signs = np.clip(np.rint(given / step), -1, 1).astype(np.int8)
    if exists is not None:
        signs *= exists
    return signs, step


class TernaryLinear(StraightThrough):
    """``y = x̃ W̃ + b``: ternary weights, 8-bit activations, gradients straight through both roundings.

    Its cost: every weight is stored and loaded, zeros too, and ``macs`` are additions. Those of zeros are counted: two
    bit planes do not skip them, and a step of training costs what a dense one costs, for it moves real weights.
    :meth:`additions` leaves them out.

    Args:
        n_in, n_out: the widths.
        packing: how weights are stored: ``"planes"`` or ``"fives"`` (:data:`PACKINGS`).
        options: ``rounds_activations``, ``mask``, ``dtype`` and ``rng``.

    >>> layer = TernaryLinear(64, 10, rng=0)
    >>> layer.cost().stored_bytes  # 2 bits a weight, a scale, ten biases
    204.0
    """

    def __init__(self, n_in: int, n_out: int, *, packing: str = "planes", **options: Any) -> None:
        if options.get("skips_zeros"):
            raise ValueError("skips_zeros must be False: a word holds the weights of 64 inputs, got True")
        super().__init__(n_in, n_out, **options)
        self.packing = check.one_of("packing", packing, tuple(PACKINGS))

    def integers(self) -> tuple[NDArray[np.int8], Floats]:
        signs, step = ternary(self.weights, mask=self.mask)
        return signs, np.asarray(step, dtype=self.weights.dtype)

    def additions(self) -> int:
        """Additions and subtractions of one sample: the weights that are not zero."""
        return int(np.count_nonzero(self.integers()[0]))

    def zeros(self) -> float:
        """The share of zeros among the weights that exist."""
        return 1 - self.additions() / max(1.0, self.existing())

    def cost(self) -> Cost:
        """A mask costs nothing in planes: what does not exist is a zero in both. Or a list of places, if shorter."""
        n_in, n_out = self.weights.shape
        exist, bits = self.existing(), PACKINGS[self.packing]
        held = min(bits * n_in * n_out, (16 + bits) * exist) / 8
        octets = held + 4 * (1 + n_out)
        return Cost(exist + n_out, exist + n_out, octets, octets, exist)


def ternary_perceptron(widths: Sequence[int], *, rng: check.Rng, **options: Any) -> Network:
    """A multi-layer perceptron of ternary layers with ReLU between them: ``training.perceptron``'s twin.

    ``options`` go to each :class:`TernaryLinear`.

    >>> len(ternary_perceptron((64, 300, 10), rng=0).layers)
    3
    """
    sizes, random = widths_of(widths), check.generator(rng)
    layers: list[Layer] = []
    for n_in, n_out in pairwise(sizes):
        layers += [TernaryLinear(n_in, n_out, rng=random, **options), Relu()]
    return Network(layers[:-1])
