"""What every form of sparsity is built from: a layer that computes, learns, and says what it costs.

A network is a list of layers. Each turns a batch ``(batch, n_in)`` into ``(batch, n_out)``, sends gradients back, and
states its :class:`Cost` for one sample. A form of sparsity is one more layer in one more file.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hdspike import check

__all__ = ["Cost", "Layer", "Linear", "Relu"]

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Cost:
    """What one sample costs a layer or a network; means over the last forward pass where the data decide.

    Attributes:
        stored: parameters that must be kept (the nonzero ones, biases included).
        active: parameters that one sample makes use of.
        stored_bytes: bytes of the stored parameters in the form's own format, indices and masks included.
        active_bytes: bytes of them that are loaded for one sample, alone in its batch.
        macs: multiplications with an addition (or additions alone, for ternary weights) of one sample.
    """

    stored: float = 0
    active: float = 0
    stored_bytes: float = 0
    active_bytes: float = 0
    macs: float = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(*(getattr(self, f) + getattr(other, f) for f in self.__dataclass_fields__))


class Layer(Protocol):
    """The contract. ``parameters`` are changed in place by the optimiser; ``gradients`` have the same names."""

    parameters: dict[str, Floats]
    gradients: dict[str, Floats]

    def forward(self, x: Floats, *, training: bool = False) -> Floats:
        """``(batch, n_in)`` → ``(batch, n_out)``; in training it remembers what ``backward`` needs."""
        ...

    def backward(self, upstream: Floats) -> Floats:
        """∂loss/∂output → ∂loss/∂input, and fills ``gradients``. The loss is a mean over the batch."""
        ...

    def cost(self) -> Cost:
        """Of one sample."""
        ...


class Linear:
    """``y = x W + b``; with a mask, the weights outside of it are and stay zero.

    He initialisation, ``W ~ N(0, 2 ÷ n_in)`` (He et al. 2015); a masked layer may be scaled by its fan-in with
    :meth:`rescale`.

    Args:
        n_in, n_out: the widths.
        mask: (n_in, n_out) of bool, which weights exist; None: all.
        skips_zeros: whether a zero input's weights are left unread (activation sparsity); it changes the cost alone.
        explore: whether ``backward`` also keeps ``dense_gradient``, the gradient of weights that do not exist.

    >>> Linear(3, 2, rng=0).forward(np.ones((5, 3), dtype=np.float32)).shape
    (5, 2)
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        mask: NDArray[np.bool_] | None = None,
        skips_zeros: bool = False,
        dtype: Any = np.float32,
        rng: check.Rng,
    ) -> None:
        check.integer("n_in", n_in, low=1)
        check.integer("n_out", n_out, low=1)
        random = check.generator(rng)
        weights = random.standard_normal((n_in, n_out)) * np.sqrt(2 / n_in)
        self.parameters: dict[str, Floats] = {"W": weights.astype(dtype), "b": np.zeros(n_out, dtype=dtype)}
        self.gradients: dict[str, Floats] = {}
        self.skips_zeros, self.explore = skips_zeros, False
        self.dense_gradient: Floats | None = None
        self._firing = np.ones(n_in)
        self.mask: NDArray[np.bool_] | None = None
        self.set_mask(mask)

    @property
    def weights(self) -> Floats:
        """(n_in, n_out), zero outside of the mask."""
        return self.parameters["W"]

    @property
    def samples(self) -> int:
        """How many samples the last training pass held."""
        return len(self._x)

    def set_mask(self, mask: NDArray[np.bool_] | None) -> None:
        """Let only the weights of ``mask`` exist; those that did not and now do begin at zero."""
        if mask is not None:
            mask = np.ascontiguousarray(mask)
            if mask.dtype != np.bool_ or mask.shape != self.weights.shape:
                raise ValueError(
                    f"mask must be bool of shape {self.weights.shape}, got {mask.dtype} of shape {mask.shape}"
                )
            self.weights[~mask] = 0
        self.mask = mask
        n_in, n_out = self.weights.shape
        self._rows = np.full(n_in, n_out) if mask is None else mask.sum(axis=1)

    def rescale(self) -> None:
        """Undo the loss of variance of a mask: each output's weights × √(n_in ÷ its fan-in) (Evci et al. 2022)."""
        if self.mask is not None:
            fan_in = np.maximum(self.mask.sum(axis=0), 1)
            self.weights[...] *= np.sqrt(len(self.weights) / fan_in).astype(self.weights.dtype)

    def forward(self, x: Floats, *, training: bool = False) -> Floats:
        if training:
            self._x = x
            self._firing[...] = 1  # training skips nothing: all inputs' weights are read and have gradients
        elif self.skips_zeros:
            self._firing = np.count_nonzero(x, axis=0) / max(1, len(x))
        return np.asarray(x @ self.weights + self.parameters["b"])

    def backward(self, upstream: Floats) -> Floats:
        self._learn(upstream)
        return np.asarray(upstream @ self.weights.T)

    def _learn(self, upstream: Floats) -> None:
        """The gradients of the weights that exist, and of the biases."""
        gradient = self._x.T @ upstream
        if self.mask is not None:
            if self.explore:
                self.dense_gradient = gradient.copy()
            gradient *= self.mask
        self.gradients = {"W": gradient, "b": upstream.sum(axis=0)}

    def cost(self) -> Cost:
        """Dense: 4 bytes a weight. Masked: 4 bytes and the cheaper of a bit map and two-byte indices."""
        n_in, n_out = self.weights.shape
        nonzero = float(self._rows.sum())
        used = float(self._rows @ self._firing) if self.skips_zeros else nonzero
        extra = 0.0 if self.mask is None else min(n_in * n_out / 8, 2 * nonzero)
        share = used / nonzero if nonzero else 0.0
        return Cost(
            stored=nonzero + n_out,
            active=used + n_out,
            stored_bytes=4 * (nonzero + n_out) + extra,
            active_bytes=4 * (used + n_out) + extra * share,
            macs=used,
        )


class Relu:
    """``max(x, 0)``: no parameters, no products."""

    def __init__(self) -> None:
        self.parameters: dict[str, Floats] = {}
        self.gradients: dict[str, Floats] = {}

    def forward(self, x: Floats, *, training: bool = False) -> Floats:
        y = np.maximum(x, 0)
        if training:
            self._on = y > 0
        return y

    def backward(self, upstream: Floats) -> Floats:
        return np.asarray(upstream * self._on)

    def cost(self) -> Cost:
        return Cost()
