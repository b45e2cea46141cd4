"""Two rules on the same tokens: the ratio of their perplexities, with a confidence interval from paired differences."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.theory.interval import number

__all__ = ["BLOCK", "WINDOWS", "Ratio", "perplexity_ratio"]

BLOCK = 256
"""Tokens of one block: neighbouring losses depend on each other, far ones hardly."""
WINDOWS = 8
"""With so many windows each counts as one observation, with fewer each block."""


@dataclass(frozen=True)
class Ratio:
    """``value`` = perplexity ÷ perplexity of the reference, and its interval at ``confidence``.

    ``low`` and ``high`` are None where there is one observation alone. ``units`` are the observations: "windows", or
    "blocks" of :data:`BLOCK` tokens (the last of a window may be shorter); ``count`` is how many there are.
    """

    value: float
    low: float | None
    high: float | None
    confidence: float
    units: str
    count: int


def perplexity_ratio(losses: Any, reference: Any, *, confidence: float = 0.95) -> Ratio:
    """exp of the mean paired difference of ``losses`` and ``reference``, both ``(windows, n)`` in nats.

    Student's interval: exp(m ± t·s/√u) with mean m and deviation s of the u means of windows (:data:`WINDOWS` or
    more) or blocks. Blocks of unequal length weigh the same in s; m is that of all tokens.

    Raises:
        ValueError: shapes that differ or are empty, losses that are not finite, a confidence outside (0, 1).

    >>> ratio = perplexity_ratio(np.log([[2.0, 4.0], [3.0, 3.0]]), np.log([[1.0, 2.0], [2.0, 2.0]]))
    >>> round(ratio.value, 4), ratio.units, ratio.count
    (1.7321, 'blocks', 2)
    """
    from scipy import stats

    given = np.asarray(losses, dtype=np.float64)
    other = np.asarray(reference, dtype=np.float64)
    if given.ndim != 2 or not given.size or given.shape != other.shape:
        raise ValueError(
            f"losses must be (windows, n) as the reference is, got shapes {given.shape} and {other.shape}"
        )
    if not (np.isfinite(given).all() and np.isfinite(other).all()):
        raise ValueError("losses must be finite, some are not")
    confidence = number("confidence", confidence, 0, 1, open_=True)
    by_window = len(given) >= WINDOWS
    means = _means(given - other, given.shape[1] if by_window else BLOCK)
    middle, count = float((given - other).mean()), len(means)
    low = high = None
    if count > 1:
        half = float(stats.t.ppf((1 + confidence) / 2, count - 1) * means.std(ddof=1)) / math.sqrt(count)
        low, high = math.exp(middle - half), math.exp(middle + half)
    return Ratio(math.exp(middle), low, high, confidence, "windows" if by_window else "blocks", count)


def _means(differences: NDArray[np.float64], block: int) -> NDArray[np.float64]:
    """The mean of each block of each window."""
    starts = np.arange(0, differences.shape[1], block)
    sizes = np.diff(np.append(starts, differences.shape[1]))
    return (np.add.reduceat(differences, starts, axis=1) / sizes).ravel()
