"""Forms of sparsity at equal budgets: stored or active parameters, bytes, training FLOPs, measured time.

"Do sparse models work better?" has a different answer for each budget. A *point* is one form at one level, trained
from several seeds. It is compared with dense networks that cost as much: the Pareto front of all dense networks that
were trained, in that budget, interpolated along the logarithm of the cost; the difference is paired by seeds (same
split, same order of samples). So it is dense networks at their best that a sparse one must beat, at each budget anew.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hdspike import check

__all__ = ["BUDGETS", "Interval", "at_budget", "compared", "front", "interval"]

BUDGETS: dict[str, str] = {
    "stored": "stored parameters",
    "stored_bytes": "stored bytes",
    "active": "active parameters per sample",
    "flops": "training FLOPs",
    "alone_us": "measured time per sample, batch of 1 (µs)",
    "batch_us": "measured time per sample, batch of 256 (µs)",
}
"""The costs of a point and what they are called."""


class Interval(NamedTuple):
    """A mean and its interval."""

    mean: float
    low: float
    high: float


def interval(values: ArrayLike, *, confidence: float = 0.95) -> Interval:
    """The mean with its interval by Student's t; of one value alone the interval is that value.

    >>> [round(v, 3) for v in interval([1.0, 2.0, 3.0])]
    [2.0, -0.484, 4.484]
    """
    given = check.array("values", np.asarray(values, dtype=np.float64), np.float64, ndim=1)
    if not given.size or not np.isfinite(given).all():
        raise ValueError(f"values must be finite, at least one, got {np.asarray(values).tolist()}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be inside (0, 1), got {confidence}")
    mean = float(given.mean())
    if len(given) == 1:
        return Interval(mean, mean, mean)
    from scipy.special import stdtrit

    half = float(stdtrit(len(given) - 1, (1 + confidence) / 2) * given.std(ddof=1) / np.sqrt(len(given)))
    return Interval(mean, mean - half, mean + half)


def _costs_and_values(costs: ArrayLike, values: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    price = np.asarray(costs, dtype=np.float64)
    worth = np.asarray(values, dtype=np.float64)
    if price.ndim != 1 or not price.size or not np.isfinite(price).all() or price.min() <= 0:
        raise ValueError(f"costs must be finite numbers above 0, at least one, got {price.tolist()}")
    if worth.shape[:1] != price.shape or not np.isfinite(worth).all():
        raise ValueError(
            f"values must be finite, one row for each of {len(price)} costs, got {worth.tolist()}"
        )
    return price, worth


def front(costs: ArrayLike, values: ArrayLike) -> list[int]:
    """The Pareto front, from cheap to dear: nothing that costs at most as much is worth as much or more.

    Of equal points the one in front is kept.

    >>> front([1, 2, 3, 2], [0.5, 0.7, 0.6, 0.7])
    [0, 1]
    """
    price, worth = _costs_and_values(costs, values)
    if worth.ndim != 1:
        raise ValueError(f"values must be one number for each cost, got shape {worth.shape}")
    kept: list[int] = []
    for number in sorted(range(len(price)), key=lambda i: (price[i], -worth[i], i)):
        if not kept or worth[number] > worth[kept[-1]]:
            kept.append(number)
    return kept


def at_budget(costs: ArrayLike, values: ArrayLike, budget: float) -> NDArray[np.float64] | None:
    """What the front of these points is worth at a budget, for each seed: linear in log cost between two vertices.

    Above the dearest vertex: that vertex (a smaller network fits into a larger budget). Below the cheapest: None.

    Args:
        costs: (n,), above 0.
        values: (n, seeds); the front is that of their means.
        budget: above 0.

    >>> at_budget([1, 100], [[0.5, 0.6], [0.7, 0.9]], 10).round(3).tolist()
    [0.6, 0.75]
    """
    price, worth = _costs_and_values(costs, values)
    if worth.ndim != 2 or not worth.size:
        raise ValueError(f"values must have a column for each seed, got shape {worth.shape}")
    if not 0 < budget < np.inf:
        raise ValueError(f"budget must be a finite number above 0, got {budget}")
    chosen = front(price, worth.mean(axis=1))
    price, worth = price[chosen], worth[chosen]
    if budget < price[0]:
        return None
    above = int(np.searchsorted(price, budget, side="right"))
    if above == len(price):
        return np.asarray(worth[-1])
    share = np.log(budget / price[above - 1]) / np.log(price[above] / price[above - 1])
    return np.asarray((1 - share) * worth[above - 1] + share * worth[above])


def compared(
    points: Sequence[dict[str, Any]],
    baseline: Sequence[dict[str, Any]],
    budget: str,
    *,
    confidence: float = 0.95,
    margin: float = 0.0,
) -> list[dict[str, Any]]:
    """Each point against the baseline at the same cost: the mean paired difference of accuracies and two intervals.

    Points are ``{budget: cost, "accuracies": [one a seed]}``; every one of them has the same seeds in the same order.
    ``margin``: how far off a cost may be, as measured times are: of the differences at the cost, and at as much
    less and more, the one that is nearest to zero counts, and it is sure only if all of them are, to the same side.

    Returns:
        for each point ``difference`` and its ``low`` and ``high`` at ``confidence``; ``sure``, whether zero is outside
        of the interval that holds for *all* the points together (Bonferroni: ``1 − (1 − confidence) ÷ points``);
        all None where the point is cheaper than any of the baseline.
    """
    check.one_of("budget", budget, tuple(BUDGETS))
    if not 0 <= margin < np.inf:
        raise ValueError(f"margin must be a share of the cost, at least 0, got {margin}")
    costs = [one[budget] for one in baseline]
    values = [one["accuracies"] for one in baseline]
    out: list[dict[str, Any]] = []
    for point in points:
        found = np.asarray(point["accuracies"], dtype=np.float64)
        each = []
        for factor in (1, 1 + margin, 1 / (1 + margin)) if margin else (1,):
            dense = at_budget(costs, values, factor * point[budget])
            if dense is None:
                continue
            if found.shape != dense.shape:
                raise ValueError(
                    f"accuracies must be of the {len(dense)} seeds of the baseline, got {len(found)}"
                )
            mean, low, high = interval(found - dense, confidence=confidence)
            _, least, most = interval(found - dense, confidence=1 - (1 - confidence) / len(points))
            side = (
                0 if len(found) < 2 else 1 if least > 0 else -1 if most < 0 else 0
            )  # one seed is never sure
            each.append((abs(mean), mean, low, high, side))
        if not each:
            out.append({"difference": None, "low": None, "high": None, "sure": None})
            continue
        _, mean, low, high, side = min(each)
        sure = bool(side and all(one[-1] == side for one in each))
        out.append({"difference": mean, "low": low, "high": high, "sure": sure})
    return out
