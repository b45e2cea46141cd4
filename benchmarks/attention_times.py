"""Many kinds of work timed in turns, so that whatever else the machine does falls on all of them."""

import math
import statistics
import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

__all__ = ["Fit", "crossing", "fit", "in_turns", "median_ratio"]

Work = Callable[[int], Any]
SHORTEST = 4e-3  # seconds: shorter work is repeated within one timing
Fit = dict[str, float]


def in_turns(work: Mapping[str, Work], rounds: int) -> dict[str, list[float]]:
    """Seconds of one call of each, ``rounds`` times, one after the other; each call gets the next number.

    Each timing follows a call that is not timed: its caches are as it left them, not as the other side did.
    """
    repeats, numbers = {}, dict.fromkeys(work, 0)
    for name, call in work.items():
        call(0)
        begun = time.perf_counter()
        call(1)
        repeats[name] = max(1, round(SHORTEST / max(time.perf_counter() - begun, 1e-7)))
    out: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, call in work.items():
            first = numbers[name]
            call(first)
            begun = time.perf_counter()
            for i in range(first + 1, first + 1 + repeats[name]):
                call(i)
            out[name].append((time.perf_counter() - begun) / repeats[name])
            numbers[name] = first + 1 + repeats[name]
    return out


def median_ratio(theirs: list[float], ours: list[float], added: float = 0.0) -> float:
    """The median of theirs ÷ (ours + added) of the same turn."""
    return statistics.median(b / (a + added) for a, b in zip(ours, theirs, strict=True))


def fit(sizes: Any, amounts: Any, *, least: int) -> Fit:
    """y ≈ c·N^x by least squares of the logarithms, N at least ``least``: x, and Student's 95 % interval around it."""
    from scipy.stats import linregress, t

    pairs = [(math.log(n), math.log(y)) for n, y in zip(sizes, amounts, strict=True) if n >= least]
    if len(pairs) < 3:
        raise ValueError(f"sizes must be at least three of {least} or more, got {len(pairs)}")
    x, y = np.array(pairs).T
    found = linregress(x, y)
    wide = float(t.ppf(0.975, len(pairs) - 2) * found.stderr)
    return {
        "exponent": float(found.slope), "low": float(found.slope) - wide, "high": float(found.slope) + wide,
        "factor": float(math.exp(found.intercept)), "least": float(least), "points": float(len(pairs)),
    }  # fmt: skip


def crossing(sizes: Any, ratios: Any) -> float | None:
    """The N from which on ``ratios`` stay above 1, between two sizes on a line of logarithms; None if they do not.

    >>> round(crossing([10, 100, 1000], [0.5, 2.0, 4.0]), 1)
    31.6
    >>> crossing([10, 100], [2.0, 3.0])
    10.0
    """
    pairs = list(zip(sizes, ratios, strict=True))
    if not pairs or pairs[-1][1] <= 1:
        return None
    for (low, under), (high, over) in reversed(list(pairwise(pairs))):
        if under <= 1 < over:
            part = -math.log(under) / (math.log(over) - math.log(under))
            return float(math.exp(math.log(low) + part * (math.log(high) - math.log(low))))
    return float(pairs[0][0])
