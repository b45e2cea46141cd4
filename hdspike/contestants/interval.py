"""How sure a mean over a text is: confidence intervals by a bootstrap of blocks, of one reading and of two paired.

Neighbouring characters depend on each other, blocks of a thousand hardly. The text is cut into B blocks; B of them are
drawn with replacement, many times; the quantiles of the means are the interval (Künsch 1989, blocks that do not
overlap; Efron 1979, percentiles). Two contestants that read the same text are compared by their *differences*, drawn
by the same blocks: what makes a passage hard for both cancels.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.contestants.contract import Reading
from hdspike.theory.interval import number

__all__ = ["BLOCK", "Interval", "accuracy", "between", "bits", "interval", "resampled"]

BLOCK = 1000
"""Characters of one block."""
DRAWS = 2000


@dataclass(frozen=True)
class Interval:
    """A mean and its interval at ``confidence``; ``low`` and ``high`` are None where there is one block alone."""

    value: float
    low: float | None
    high: float | None
    confidence: float
    blocks: int

    def __str__(self) -> str:
        if self.low is None:
            return f"{self.value:.3f}"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def interval(
    values: Any,
    positions: Any = None,
    *,
    block: int = BLOCK,
    confidence: float = 0.95,
    rng: check.Rng = 0,
) -> Interval:
    """The mean of ``values`` ``(n,)`` and its interval over blocks of ``block`` characters.

    ``positions`` ``(n,)``, rising, are the places in the text where the values are a sample of it. Blocks weigh by the
    values they hold (the last may be shorter): m* = Σ_b w_b·s_b ÷ Σ_b w_b·n_b, with w ~ multinomial(B; 1/B, …).

    >>> str(interval([1.0] * 3000))
    '1.000 [1.000, 1.000]'
    """
    given = np.asarray(values, dtype=np.float64)
    if given.ndim != 1 or not given.size or not np.isfinite(given).all():
        raise ValueError(
            f"values must be finite, (n ≥ 1,), got shape {given.shape} "
            f"and {int((~np.isfinite(given)).sum())} that are not"
        )
    length = check.integer("block", block, low=1)
    confidence = number("confidence", confidence, 0, 1, open_=True)
    places = (
        np.arange(len(given)) if positions is None else check.array("positions", positions, np.int64, ndim=1)
    )
    if len(places) != len(given) or (places[1:] <= places[:-1]).any():
        raise ValueError(f"positions must rise, one for each of {len(given)} values, got {len(places)}")
    _, of = np.unique((places - places[0]) // length, return_inverse=True)
    sums, sizes = np.bincount(of, given), np.bincount(of)
    low, high = resampled(sums, sizes, confidence=confidence, rng=rng)
    return Interval(float(given.mean()), low, high, confidence, len(sums))


def resampled(
    sums: NDArray[Any], sizes: NDArray[Any], *, confidence: float = 0.95, rng: check.Rng = 0
) -> tuple[float, float] | tuple[None, None]:
    """Quantiles of Σ_b w_b·s_b ÷ Σ_b w_b·n_b over draws of blocks with sums s and sizes n; None of one block alone."""
    if len(sums) < 2:
        return None, None
    drawn = check.generator(rng).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=DRAWS)
    tail = (1 - confidence) / 2
    low, high = np.quantile((drawn @ sums) / (drawn @ sizes), [tail, 1 - tail])
    return float(low), float(high)


def bits(reading: Reading, *, block: int = BLOCK, **options: Any) -> Interval:
    """Bits per character, with the options of :func:`interval`; blocks are at least as long as a chunk."""
    return interval(reading.bits, reading.positions, block=max(block, reading.chunk), **options)


def accuracy(reading: Reading, **options: Any) -> Interval:
    """The share of hits.

    Raises:
        ValueError: the contestant has no ranking.
    """
    if reading.hits is None:
        raise ValueError("reading must have hits: a compressor ranks no characters")
    return interval(reading.hits, reading.positions, **options)


def between(reading: Reading, other: Reading, *, block: int = BLOCK, **options: Any) -> Interval:
    """Bits per character of ``reading`` less those of ``other``: below 0 where ``reading`` is the better.

    Where one of them is a sample, both are taken at the places that both predicted: but a compressor's bits are those
    of whole chunks, so that it is paired with a sample only where characters are as hard as their chunk on average.

    Raises:
        ValueError: the readings share no place, or are of texts of different lengths.
    """
    length = max(block, reading.chunk, other.chunk)
    if reading.positions is None and other.positions is None:
        if len(reading.bits) != len(other.bits):
            raise ValueError(
                f"readings must be of one text, got {len(reading.bits)} and {len(other.bits)} characters"
            )
        return interval(reading.bits - other.bits, block=length, **options)
    mine, theirs = _places(reading), _places(other)
    shared, left, right = np.intersect1d(mine, theirs, assume_unique=True, return_indices=True)
    if not len(shared):
        raise ValueError("readings must share predicted places, they share none")
    return interval(reading.bits[left] - other.bits[right], shared, block=length, **options)


def _places(reading: Reading) -> NDArray[np.int64]:
    return np.arange(len(reading.bits)) if reading.positions is None else reading.positions
