"""A layer that computes with rounded weights and activations and learns the real ones behind them.

    forward     y = Q_x(x) Q_w(W) + b
    backward    ∂/∂W = Q_x(x)ᵀ ∂/∂y,   ∂/∂x = ∂/∂y Q_w(W)ᵀ

Rounding has the derivative 0 almost everywhere; the straight-through estimator takes 1 instead (Bengio, Léonard and
Courville 2013, arXiv:1308.3432). The real W is what the optimiser moves, and is thrown away after training.

Activations are rounded to 8 bits, a scale for each sample: s = 127 ÷ max(max|x|, 10⁻⁵), Q_x(x) = round(s x) ÷ s (the
per-token absmax of BitNet b1.58; Ma et al. 2024, arXiv:2402.17764, and its training tips).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.sparsity.layer import Floats, Linear

__all__ = ["LEAST", "StraightThrough", "int8_samples"]

LEAST = 1e-5
"""No scale is finer than this: a matrix or a sample of as good as zeros becomes zeros."""


def int8_samples(x: Any) -> tuple[NDArray[np.int8], Floats]:
    """Integers in [−127, 127] ``(batch, n)`` and the value of one of their steps for each sample ``(batch, 1)``.

    >>> int8_samples([[2.0, -1.0], [0.0, 0.0]])[0].tolist()
    [[127, -64], [0, 0]]
    """
    whole, step = _rounded(finite("x", x))
    return whole.astype(np.int8), step


def _rounded(x: Floats) -> tuple[Floats, Floats]:
    """The integers as floats, so that a product of them is a product of BLAS, and their step."""
    step = np.maximum(np.abs(x).max(axis=-1, keepdims=True, initial=0), x.dtype.type(LEAST)) / x.dtype.type(
        127
    )
    return np.rint(x / step), step


class StraightThrough(Linear):
    """What ternary and few-bit layers share: see above. A form says how it rounds its weights.

    The sums of the forward pass are those of integers, exact in ``float32`` for n_in ≤ 2²⁴ ÷ 127.

    Args:
        rounds_activations: whether x is rounded to 8 bits; else it stays as it is.
        options: ``mask``, ``skips_zeros``, ``dtype`` and ``rng``, as for :class:`Linear`.
    """

    def __init__(self, n_in: int, n_out: int, *, rounds_activations: bool = True, **options: Any) -> None:
        super().__init__(n_in, n_out, **options)
        self.rounds_activations = rounds_activations

    def integers(self) -> tuple[NDArray[np.int8], Floats]:
        """The weights as integers ``(n_in, n_out)`` and the value of one step, a number or one for each output."""
        raise NotImplementedError

    def rounded(self) -> Floats:
        """Q_w(W): what the layer computes with."""
        whole, step = self.integers()
        return whole.astype(self.weights.dtype) * step

    def forward(self, x: Floats, *, training: bool = False) -> Floats:
        whole, step = self.integers()
        values = whole.astype(self.weights.dtype)
        left, unit = _rounded(x) if self.rounds_activations else (x, None)
        y = left @ values
        y *= step
        if unit is not None:
            y *= unit
        y += self.parameters["b"]
        if training:
            self._x = left if unit is None else left * unit
            self._rounded = values * step
            self._firing[...] = 1  # as in Linear: training skips nothing
        elif self.skips_zeros:
            self._firing = np.count_nonzero(left, axis=0) / max(1, len(left))
        return np.asarray(y)

    def backward(self, upstream: Floats) -> Floats:
        self._learn(upstream)
        return np.asarray(upstream @ self._rounded.T)

    def existing(self) -> float:
        """How many weights there are: all, or those of the mask."""
        return float(self._rows.sum())

    def used(self) -> float:
        """How many of them a sample meets: where ``skips_zeros``, those of inputs that are not zero."""
        return float(self._rows @ self._firing) if self.skips_zeros else self.existing()


def finite(name: str, value: Any) -> Floats:
    """``value`` as floats, ``float32`` unless they are floats already; an error if one is not finite."""
    given = np.asarray(value)
    if given.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be real numbers, got dtype {given.dtype}")
    given = given if given.dtype.kind == "f" else given.astype(np.float32)
    if not np.isfinite(given).all():
        raise ValueError(f"{name} must be finite, got {int((~np.isfinite(given)).sum())} that are not")
    return given


def masked(name: str, mask: Any, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """A mask of ``shape``, or None."""
    if mask is None:
        return None
    given = np.asarray(mask)
    if given.dtype != np.bool_ or given.shape != shape:
        raise ValueError(f"{name} must be bool of shape {shape}, got {given.dtype} of shape {given.shape}")
    return given


def widths_of(widths: Any) -> list[int]:
    """At least two widths of at least 1, as integers."""
    given = [check.integer("widths", width, low=1) for width in widths]
    if len(given) < 2:
        raise ValueError(f"widths must name at least an input and an output, got {given}")
    return given
