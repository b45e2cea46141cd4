"""Activation sparsity: layers whose outputs are mostly zero, so that the weights behind a zero need not be read.

Three ways to zeros: ReLU's own; ReLU put in the place of a smooth activation ("relufication", Mirzadeh et al. 2023,
arXiv:2310.04564), raised by a shift; and k-winner-take-all, which lets a fixed number of units speak (Ahmad and
Scheinkman 2019, arXiv:1903.11257).
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.sparsity.layer import Cost, Floats, Layer, Linear, Relu
from hdspike.sparsity.training import Network
from hdspike.theory.interval import number

__all__ = [
    "KWTA",
    "Dropout",
    "Gelu",
    "ShiftedRelu",
    "Silu",
    "fan_in_mask",
    "kwta_perceptron",
    "relufied",
    "winners",
    "zero_shares",
]


def winners(x: Floats, k: int) -> NDArray[np.bool_]:
    """Which of each row are its ``k`` highest; of equals the lower index wins. ``k`` at or above the width: all.

    >>> winners(np.array([[3.0, 1.0, 3.0, 3.0]]), 2).tolist()
    [[True, False, True, False]]
    """
    check.integer("k", k, low=1)
    n = x.shape[1]
    if k >= n:
        return np.ones(x.shape, dtype=np.bool_)
    bar = np.partition(x, n - k, axis=1)[:, n - k, None]
    chosen = x >= bar
    if np.count_nonzero(chosen) > k * len(x):  # ties at the bar
        equal = x == bar
        free = k - np.count_nonzero(x > bar, axis=1)
        chosen &= ~equal | (np.cumsum(equal, axis=1) <= free[:, None])
    return chosen


class KWTA:
    """The ``k`` of ``n`` units with the highest boosted input pass it on as it is; all others are zero.

    Unit i is chosen by ``x_i · exp(β (k/n − duty_i))``, where duty_i is the running share of samples for which its
    output was above zero: who speaks rarely is helped, who speaks often is held back. After every batch of B samples in
    training, ``duty ← ((T − B) duty + count) ÷ T`` with ``T = min(period, samples seen)``, but at least B. β is
    multiplied by ``decay`` after every ``epoch`` samples. At inference duty and β stand still and ``k`` is
    ``inference`` times as large, rounded. The gradient passes through the winners alone. With ``k ≥ n`` it is ReLU.

    Ahmad and Scheinkman 2019, and the constants of their published configuration: β 1.5, decay .85, period 1,000. They
    let 1.5 times as many win at inference; in the perceptrons here that costs accuracy, with noise and without
    (``hdspike sim noise``), so the usual ``inference`` is 1. (The factor exp(β k/n) changes no choice.)

    Args:
        n: units. k: winners in training.
        boost: β at the start; 0: none. decay: of β, once an epoch. epoch: samples of an epoch; None: β stays.
        inference: winners at inference ÷ winners in training. period: samples that the duty cycle remembers.

    >>> KWTA(4, 1, boost=0, inference=1.5).forward(np.array([[1.0, 5.0, 2.0, 4.0]])).tolist()  # 1.5 × 1, rounded
    [[0.0, 5.0, 0.0, 4.0]]
    """

    def __init__(
        self,
        n: int,
        k: int,
        *,
        boost: float = 1.5,
        decay: float = 0.85,
        epoch: int | None = None,
        inference: float = 1.0,
        period: int = 1000,
    ) -> None:
        self.n, self.k = check.integer("n", n, low=1), check.integer("k", k, low=1)
        self.boost = number("boost", boost, 0, 100)
        self.decay = number("decay", decay, 0, 1)
        self.epoch = None if epoch is None else check.integer("epoch", epoch, low=1)
        self.inference = number("inference", inference, 1, 1000)
        self.period = check.integer("period", period, low=1)
        self.duty = np.zeros(n)
        self.seen = 0
        self.parameters: dict[str, Floats] = {}
        self.gradients: dict[str, Floats] = {}

    @property
    def strength(self) -> float:
        """β now."""
        return self.boost * self.decay ** (self.seen // self.epoch if self.epoch else 0)

    def winners_at(self, *, training: bool) -> int:
        """How many units win."""
        return min(self.n, self.k if training else int(self.k * self.inference + 0.5))

    def forward(self, x: Floats, *, training: bool = False) -> Floats:
        if self.k >= self.n:
            y = np.maximum(x, 0)
            self._on = y > 0
        else:
            k, strength = self.winners_at(training=training), self.strength
            boosted = x
            if strength > 0:
                boosted = x * np.exp(strength * (k / self.n - self.duty)).astype(x.dtype)
            self._on = winners(boosted, k)
            y = np.where(self._on, x, x.dtype.type(0))
        if training:
            self._remember(y)
        return y

    def _remember(self, y: Floats) -> None:
        """The running duty cycle."""
        batch = len(y)
        self.seen += batch
        window = max(batch, min(self.period, self.seen))
        self.duty *= (window - batch) / window
        self.duty += np.count_nonzero(y > 0, axis=0) / window

    def backward(self, upstream: Floats) -> Floats:
        return np.asarray(upstream * self._on)

    def cost(self) -> Cost:
        """The boost factors, where there are any: a number and a product for each unit."""
        held = self.n if self.k < self.n and self.strength > 0 else 0
        return Cost(stored=held, active=held, stored_bytes=4 * held, active_bytes=4 * held, macs=held)

    def entropy(self) -> float:
        """``Σ H₂(duty)`` in bits: how evenly the units speak; at most ``n H₂(k/n)``."""
        p = np.clip(self.duty, 1e-12, 1 - 1e-12)
        return float(-(p * np.log2(p) + (1 - p) * np.log2(1 - p)).sum())


class ShiftedRelu(Relu):
    """``max(x − shift, 0)``: a higher bar, more zeros (Mirzadeh et al. 2023, section 5.3); 0: ReLU."""

    def __init__(self, shift: float = 0.0) -> None:
        super().__init__()
        self.shift = number("shift", shift, -100, 100)

    def forward(self, x: Floats, *, training: bool = False) -> Floats:
        return super().forward(x - x.dtype.type(self.shift), training=training)


class _Smooth(Relu):
    """An activation that is nowhere zero but at zero: the input times a soft gate."""

    @staticmethod
    def gate(x: Floats) -> tuple[Floats, Floats]:
        """The gate ``s(x)`` and the derivative of ``x s(x)``."""
        raise NotImplementedError

    def forward(self, x: Floats, *, training: bool = False) -> Floats:
        soft, slope = self.gate(x)
        if training:
            self._slope = slope
        return np.asarray(x * soft)

    def backward(self, upstream: Floats) -> Floats:
        return np.asarray(upstream * self._slope)


class Silu(_Smooth):
    """``x ÷ (1 + e⁻ˣ)`` (Elfwing et al. 2018; of the Llama family's feed-forward)."""

    @staticmethod
    def gate(x: Floats) -> tuple[Floats, Floats]:
        from scipy.special import expit

        soft = expit(x)
        return soft, soft * (1 + x * (1 - soft))


class Gelu(_Smooth):
    """``x Φ(x)`` (Hendrycks and Gimpel 2016), exact."""

    @staticmethod
    def gate(x: Floats) -> tuple[Floats, Floats]:
        from scipy.special import ndtr

        soft = ndtr(x)
        return soft, soft + x * np.exp(-x * x / 2) / x.dtype.type(np.sqrt(2 * np.pi))


class Dropout:
    """In training each input is zero with probability ``share``, the others are divided by ``1 − share``; else all
    pass (Srivastava et al. 2014)."""

    def __init__(self, share: float = 0.5, *, rng: check.Rng) -> None:
        self.share = number("share", share, 0, 1)
        if self.share == 1:
            raise ValueError("share must be below 1, got 1")
        self.random = check.generator(rng)
        self.parameters: dict[str, Floats] = {}
        self.gradients: dict[str, Floats] = {}

    def forward(self, x: Floats, *, training: bool = False) -> Floats:
        if not training:
            return x
        kept = self.random.random(x.shape, dtype=np.float32) >= self.share
        self._scale = (kept / (1 - self.share)).astype(x.dtype)
        return np.asarray(x * self._scale)

    def backward(self, upstream: Floats) -> Floats:
        return np.asarray(upstream * self._scale)

    def cost(self) -> Cost:
        return Cost()


def fan_in_mask(n_in: int, n_out: int, density: float, *, rng: check.Rng) -> NDArray[np.bool_]:
    """``(n_in, n_out)``: every output has ``n_in − round((1 − density) n_in)`` inputs at random, at least one."""
    check.integer("n_in", n_in, low=1)
    check.integer("n_out", n_out, low=1)
    density = number("density", density, 0, 1)
    if density == 0:
        raise ValueError("density must be above 0, got 0")
    fan_in = max(1, n_in - int((1 - density) * n_in + 0.5))
    return check.generator(rng).random((n_in, n_out)).argsort(axis=0).argsort(axis=0) < fan_in


def kwta_perceptron(
    widths: Sequence[int],
    *,
    share: float,
    density: float = 1.0,
    boost: float = 1.5,
    decay: float = 0.85,
    epoch: int | None = None,
    inference: float = 1.0,
    rng: check.Rng,
    dtype: Any = np.float32,
) -> Network:
    """A perceptron with k-winner-take-all behind each hidden layer: Ahmad and Scheinkman's sparse network, unrolled.

    The layers behind the hidden units skip the zeros. ``W`` begins as that of :func:`~hdspike.sparsity.perceptron` of
    the same ``rng``.

    Args:
        widths: from input to output.
        share: of each hidden layer's units that win in training, in (0, 1]; 1: ReLU. At least one wins.
        density: share of the weights into hidden units that exist, the same number for each unit; the layer of the
            outputs is whole, as theirs is. Fewer weights begin larger (:meth:`~hdspike.sparsity.layer.Linear.rescale`).
        boost, decay, epoch, inference: of :class:`KWTA`; ``epoch`` is the number of training samples.

    Raises:
        ValueError: fewer than two widths, or a number out of range.
    """
    if len(widths) < 2:
        raise ValueError(f"widths must name at least an input and an output, got {list(widths)}")
    if number("share", share, 0, 1) == 0:
        raise ValueError("share must be above 0, got 0")
    random = check.generator(rng)
    layers: list[Layer] = []
    for i, (n_in, n_out) in enumerate(pairwise(widths)):
        layers.append(Linear(n_in, n_out, skips_zeros=i > 0, dtype=dtype, rng=random))
        if i < len(widths) - 2:
            k = max(1, int(share * n_out + 0.5))
            layers.append(KWTA(n_out, k, boost=boost, decay=decay, epoch=epoch, inference=inference))
    if number("density", density, 0, 1) < 1:
        for layer in layers[:-1]:
            if isinstance(layer, Linear):
                n_in, n_out = layer.weights.shape
                layer.set_mask(fan_in_mask(n_in, n_out, density, rng=random))
                layer.rescale()
    return Network(layers)


def relufied(network: Network, *, shift: float = 0.0) -> Network:
    """The same layers of weights (shared, not copied) with every SiLU and GELU replaced by :class:`ShiftedRelu`.

    Raises:
        ValueError: there is nothing to replace.
    """
    layers: list[Layer] = [
        ShiftedRelu(shift) if isinstance(layer, _Smooth) else layer for layer in network.layers
    ]
    if not any(isinstance(layer, _Smooth) for layer in network.layers):
        raise ValueError("network must have a SiLU or GELU to be replaced, it has none")
    return Network(layers)


def zero_shares(network: Network, x: Floats, *, threshold: float = 0.0) -> list[float]:
    """Behind each activation, the share of values of magnitude at most ``threshold``: at 0 its natural zeros."""
    number("threshold", threshold, 0, np.finfo(np.float64).max)
    out = []
    for layer in network.layers:
        x = layer.forward(x)
        if isinstance(layer, Relu | KWTA):
            out.append(float(np.mean(np.abs(x) <= threshold)))
    return out
