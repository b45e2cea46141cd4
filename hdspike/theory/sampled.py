"""The mass that normal scores lose at a finite number of keys, sampled on a grid and read off between its nodes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.theory.interval import number
from hdspike.theory.softmax import dropped_mass_sample

__all__ = ["DroppedMass"]


class DroppedMass:
    """:func:`~hdspike.theory.dropped_mass_sample` for many queries, each with its own σ and number of keys.

    Args:
        share: of the keys that are kept, in (0, 1].
        keys: the numbers of keys of the grid, rising.
        most: the largest σ; the grid goes up to it in steps of ``step``.
        draws: queries sampled at each node. The same draws serve all σ of one N, so that curves are smooth in σ.
        band: the two quantiles of a single query's loss between which :meth:`low` and :meth:`high` lie.
        seed: of the draws.

    >>> law = DroppedMass(0.01, (1000, 4000), most=3, draws=100)
    >>> bool(law.low(2.0, 2000) < law.mean(2.0, 2000) < law.high(2.0, 2000))
    True
    """

    def __init__(
        self,
        share: float,
        keys: Sequence[int],
        *,
        most: float,
        step: float = 0.25,
        draws: int = 400,
        band: tuple[float, float] = (0.05, 0.95),
        seed: int = 0,
    ) -> None:
        if number("share", share, 0, 1) == 0:
            raise ValueError("share must be in (0, 1], got 0")
        self.keys = [check.integer("keys", n, low=1) for n in keys]
        if not self.keys or any(a >= b for a, b in zip(self.keys, self.keys[1:], strict=False)):
            raise ValueError(f"keys must be rising numbers, at least one, got {keys!r:.80}")
        low, high = (number("band", q, 0, 1) for q in band)
        if not low < high:
            raise ValueError(f"band must be a lower and a higher quantile, got {band}")
        step = number("step", step, 0, 100, open_=True)
        self.sigmas = step * np.arange(int(np.ceil(number("most", most, 0, 700) / step)) + 1)
        seed = check.integer("seed", seed, low=0)
        samples = np.array(
            [
                [dropped_mass_sample(share, float(s), n, draws=draws, rng=seed + n) for s in self.sigmas]
                for n in self.keys
            ]
        )
        self._low, self._high = np.quantile(samples, (low, high), axis=2)
        self._mean = samples.mean(axis=2)

    def low(self, sigma: Any, keys: Any) -> NDArray[np.float64]:
        """The lower quantile of a single query's loss."""
        return self._read(self._low, sigma, keys)

    def mean(self, sigma: Any, keys: Any) -> NDArray[np.float64]:
        """The mean loss."""
        return self._read(self._mean, sigma, keys)

    def high(self, sigma: Any, keys: Any) -> NDArray[np.float64]:
        """The upper quantile of a single query's loss."""
        return self._read(self._high, sigma, keys)

    def _read(self, table: NDArray[np.float64], sigma: Any, keys: Any) -> NDArray[np.float64]:
        """Linear in σ and in ln N; outside the grid its nearest edge holds."""
        wanted, size = np.broadcast_arrays(
            np.asarray(sigma, dtype=np.float64), np.asarray(keys, dtype=np.float64)
        )
        if np.isnan(wanted).any() or (wanted < 0).any():
            raise ValueError("sigma must be at least 0, some are not")
        rows = np.stack([np.interp(wanted, self.sigmas, row) for row in table])
        place = np.interp(np.log(size), np.log(self.keys), np.arange(len(self.keys)))
        below = np.minimum(place.astype(np.int64), max(0, len(self.keys) - 2))
        above = np.minimum(below + 1, len(self.keys) - 1)
        few, many = (np.take_along_axis(rows, at[None], axis=0)[0] for at in (below, above))
        return np.asarray(few + (place - below) * (many - few))
