"""Latencies in bounded memory: a histogram whose bins grow with the value, after Tene's HdrHistogram (2012).

Values below 64 have a bin each, a larger value shares one with those that agree in its leading six bits: a bin is at
most 1/32 of its values wide, and 1,856 bins hold all 62 bits of the clock.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.chip.lean import inner_kernel

__all__ = ["BINS", "Latency", "bin_edges"]

BINS = 1856


@inner_kernel
def _bin(value):
    """The bin of a value from 0 to 2⁶² − 1."""
    shift = 0
    while (value >> shift) >= 4096:
        shift += 6
    while (value >> shift) >= 64:
        shift += 1
    return shift * 32 + (value >> shift)


def bin_edges() -> NDArray[np.int64]:
    """``(BINS,)`` the largest value of each bin."""
    number = np.arange(BINS)
    shift = np.maximum(number // 32 - 1, 0)
    return (((number - 32 * shift + 1) << shift) - 1).astype(np.int64)


@dataclass(frozen=True)
class Latency:
    """What is kept of a number of latencies: how many, their sum and largest (exact), and their ``histogram``."""

    histogram: NDArray[np.int64]
    sum_ps: int
    max_ps: int

    @property
    def count(self) -> int:
        """How many."""
        return int(self.histogram.sum())

    @property
    def mean_ps(self) -> float:
        """Their mean, exact; not a number where there are none."""
        return self.sum_ps / self.count if self.count else math.nan

    def percentile(self, percent: float) -> int:
        """The latency that this share of the packets does not exceed, at most 1/32 too long; −1 of none.

        It is the largest value of the bin of the ``⌈percent ÷ 100 · count⌉``-th smallest, and at 100 the maximum.

        Example:
            >>> Latency.of([10, 20, 30, 5000]).percentile(50), Latency.of([10, 20, 30, 5000]).percentile(100)
            (20, 5000)
        """
        if isinstance(percent, bool) or not isinstance(percent, int | float) or not 0 <= percent <= 100:
            raise ValueError(f"percent must be a number from 0 to 100, got {percent!r}")
        if not self.count:
            return -1
        rank = max(1, math.ceil(percent / 100 * self.count))
        place = int(np.searchsorted(np.cumsum(self.histogram), rank))
        return min(int(bin_edges()[place]), self.max_ps)

    def summary(self) -> dict[str, float]:
        """``mean, p50, p90, p99, max`` in picoseconds."""
        names = {"p50": 50, "p90": 90, "p99": 99, "max": 100}
        return {"mean": self.mean_ps, **{name: self.percentile(q) for name, q in names.items()}}

    @classmethod
    def of(cls, values: Any) -> "Latency":
        """The same for latencies at hand; negative ones (of dropped packets) do not count."""
        given = np.asarray(values, dtype=np.int64)
        kept = given[given >= 0]
        bins = np.searchsorted(bin_edges(), kept)
        histogram = np.bincount(bins, minlength=BINS).astype(np.int64)
        return cls(histogram, sum(int(v) for v in kept), int(kept.max(initial=0)))
