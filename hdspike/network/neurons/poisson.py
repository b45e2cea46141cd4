"""Poisson input: every neuron spikes at random with its own rate, independently of all others and of its past.

The union of Poisson processes of rates λ_i is one of rate Λ = Σ λ_i whose spikes belong to neuron i with probability
λ_i ÷ Λ. So time is divided into blocks of B ps, whose spikes are drawn from a generator seeded with (seed, number of
the block): N ~ Poisson(Λ·B) times, uniform in the block, each with its neuron. That is exact, and a block is the same
whenever, in whatever portions and with whatever step it is asked for. (Kingman, Poisson Processes, 1993.)
"""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.network.neurons.base import SpikeSource
from hdspike.spikes import EVENT

__all__ = ["Poisson"]

EXPECTED = 1024.0  # spikes per block
LONGEST_PS = 10**15  # of a block: 1000 s
RATE_LIMIT = 1e12  # spikes per second, all together: one per ps


class Poisson(SpikeSource):
    """Independent Poisson spike trains.

    Args:
        rate_hz: spikes per second, one number, or one per neuron.
        rng: a seed, or a generator that one is drawn from.

    Raises:
        ValueError: a rate is negative, not finite, or all together pass one spike per picosecond.
    """

    name: ClassVar[str] = "poisson"

    def __init__(self, rate_hz: Any, *, rng: check.Rng = None) -> None:
        rate = np.asarray(rate_hz)
        if rate.dtype.kind not in "biuf" or rate.ndim > 1:
            raise TypeError(f"rate_hz must be a number or one row of numbers, got {rate_hz!r}")
        self.rate_hz = rate.astype(np.float64)
        if not np.all(np.isfinite(self.rate_hz)) or np.any(self.rate_hz < 0):
            raise ValueError(f"rate_hz must be finite and at least 0, got {rate_hz!r}")
        self.seed = int(check.generator(rng).integers(2**63))
        self._block: tuple[int, int, NDArray[Any]] | None = None

    def check_size(self, size: int) -> int:
        if self.rate_hz.ndim and len(self.rate_hz) != size:
            raise ValueError(f"size must be the number of rates ({len(self.rate_hz)}), got {size}")
        if self._total(size) > RATE_LIMIT:
            raise ValueError(f"rate_hz must sum to at most {RATE_LIMIT:g}, got {self._total(size):g}")
        return super().check_size(size)

    def _total(self, size: int) -> float:
        return float(np.broadcast_to(self.rate_hz, size).sum())

    def _drawn(self, size: int, block: int, length_ps: int) -> NDArray[Any]:
        """The spikes of one block."""
        if self._block is not None and self._block[:2] == (size, block):
            return self._block[2]
        rng = np.random.default_rng([self.seed, block])
        total = self._total(size)
        count = int(rng.poisson(total * length_ps * 1e-12))
        out = np.empty(count, dtype=EVENT)
        out["time"] = block * length_ps + rng.integers(length_ps, size=count)
        if self.rate_hz.ndim:
            edges = np.cumsum(self.rate_hz)
            place = np.searchsorted(edges, rng.random(count) * edges[-1], side="right")
            out["address"] = np.minimum(place, np.flatnonzero(self.rate_hz)[-1])
        else:
            out["address"] = rng.integers(size, size=count)
        out = out[np.lexsort((out["address"], out["time"]))]
        self._block = (size, block, out)
        return out

    def spikes(self, size: int, first: int, last: int, step_ps: int) -> NDArray[Any]:
        total = self._total(size)
        low, high = first * step_ps, last * step_ps
        if total == 0.0 or high <= low:
            return np.empty(0, dtype=EVENT)
        length = int(min(max(EXPECTED / total * 1e12, 1.0), LONGEST_PS))
        parts = [self._drawn(size, block, length) for block in range(low // length, (high - 1) // length + 1)]
        events = np.concatenate(parts)
        start, end = np.searchsorted(events["time"], [low, high])
        return events[start:end]
