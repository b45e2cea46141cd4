"""Regression: an integer model vector whose product with the input is the answer (RegHD)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin

from hdspike import check
from hdspike.jit import kernel
from hdspike.learn import counters as _counters
from hdspike.learn.counters import BIT, HALF
from hdspike.learn.model import HypervectorModel, fits
from hdspike.learn.progress import track
from hdspike.learn.settings import fraction

__all__ = ["HDRegressor"]

UNIT = 2**16
RATE = 2**10
CLIP = 2**24
DEPTH = 20


@kernel
def _descend(halves, order, targets, rate, dim, model, total):
    """One pass of least mean squares in integers: ``model += rate·(target − ⟨s, model⟩/dim)·s``, ``rate`` in 1/1024.

    ``total`` gathers the model after each step. Returns the sum of absolute errors.
    """
    wrong = 0
    for n in range(len(order)):
        row = halves[order[n]]
        product = 0
        for h in range(len(row)):
            half = row[h]
            part = model[h * HALF : h * HALF + HALF]
            for j in range(len(part)):
                product += part[j] if (half >> np.uint32(j)) & BIT else -part[j]
        error = targets[order[n]] - product // dim
        wrong += abs(error)
        step = (error * rate + 512) >> 10
        for h in range(len(row)):
            half = row[h]
            part = model[h * HALF : h * HALF + HALF]
            gathered = total[h * HALF : h * HALF + HALF]
            for j in range(len(part)):
                part[j] += step if (half >> np.uint32(j)) & BIT else -step
                gathered[j] += part[j]
    return wrong


class HDRegressor(RegressorMixin, HypervectorModel):
    """RegHD (Hernández-Cano et al. 2021), one model: ``ŷ = ⟨s(x), m⟩/D``, learned by least mean squares.

    ``m += α(y − ŷ)·s(x)`` for one vector after the other, α falling as ``α/epoch``; the answer is the mean of the
    models of the last epoch. m is a vector of integers, y is standardised and counted in 1/65536 of its standard
    deviation, so all sums are exact.

    Args:
        dim: D, bits of a hypervector.
        encoder: ``"fourier"``, ``"projection"``, ``"record"``, ``"words"`` or an encoder.
        epochs: passes over the data.
        learning_rate: α in (0, 1]; 1 makes a vector's own error vanish at each step.
        random_state: an int, a ``RandomState`` or None.
        verbose: show progress of what takes over a second.

    Fitted: ``model_`` (dim,) integers, ``centre_`` and ``unit_`` of y, ``errors_`` mean absolute error per epoch, in
    units of y, before each correction.

    >>> import numpy as np
    >>> X = np.linspace(-3, 3, 200)[:, None]
    >>> model = HDRegressor(2000, random_state=0).fit(X[::2], np.sin(X[::2, 0]))
    >>> bool(model.score(X[1::2], np.sin(X[1::2, 0])) > 0.9)
    True
    """

    def __init__(
        self,
        dim: int = 10_000,
        *,
        encoder: Any = "fourier",
        epochs: int = 20,
        learning_rate: float = 0.25,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.dim = dim
        self.encoder = encoder
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> "HDRegressor":
        """Learn the model vector."""
        if y is None:
            raise ValueError("y must be given: requires y to be passed, but the target y is None")
        count = check.integer("epochs", self.epochs, low=1)
        if not 1 / RATE <= fraction("learning_rate", self.learning_rate, 0.0, 1.001) <= 1:
            raise ValueError(f"learning_rate must be in [1/{RATE}, 1], got {self.learning_rate}")
        words, y, random = self._begin(X, y, y_numeric=True)
        values = np.asarray(y, dtype=np.float64)
        self.centre_ = float(values.mean())
        self.unit_ = float(values.std()) or 1.0
        targets = np.clip(np.rint((values - self.centre_) / self.unit_ * UNIT), -CLIP, CLIP).astype(np.int64)
        halves = words.astype("<u8", copy=False).view(np.uint32)
        model = np.zeros(self.dim_, dtype=np.int64)
        total = np.zeros_like(model)
        self.errors_: list[float] = []
        for epoch in track(range(count), "train", verbose=self.verbose):
            total[:] = 0
            rate = max(1, round(RATE * self.learning_rate / (epoch + 1)))
            wrong = _descend(halves, random.permutation(len(words)), targets, rate, self.dim_, model, total)
            self.errors_.append(wrong / UNIT * self.unit_ / len(words))
        mean = np.rint(total / len(words))
        most = np.abs(mean).max(initial=0)
        self.shift_ = max(0, int(most).bit_length() - DEPTH)
        self.model_ = np.rint(mean / 2**self.shift_).astype(np.int32)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """``ŷ`` in units of y: ``(n,)``."""
        product = _counters.dot(self._words(X), self.model_[None])[:, 0]
        return self.centre_ + self.unit_ * 2**self.shift_ * product / (UNIT * self.dim_)

    def _saved(self) -> tuple[str, ...]:
        return ("model_", "centre_", "unit_", "shift_")

    def _restore(self) -> None:
        fits("model_", self.model_, np.int32, self.dim_)
        fits("centre_", self.centre_, np.float64)
        fits("unit_", self.unit_, np.float64)
        if not (np.isfinite(self.centre_) and 0 < self.unit_ < np.inf):
            raise ValueError(f"centre_ and unit_ must be finite, unit_ above 0: {self.centre_}, {self.unit_}")
        check.integer("shift_", self.shift_, low=0, high=63)
