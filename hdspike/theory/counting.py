"""How well a share is known that was counted."""

from collections.abc import Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from hdspike.theory.interval import number

__all__ = ["runs", "wilson"]


def wilson(hits: float, trials: float, *, z: float = 1.959964) -> tuple[float, float]:
    r"""The interval of a share that was counted: ``hits`` of ``trials``.

    .. math:: \frac{\hat p + z^2/2n \pm z\sqrt{\hat p(1-\hat p)/n + z^2/4n^2}}{1 + z^2/n}

    where p̂ = hits/trials, n = ``trials`` > 0 (an effective number may be fractional), z = 1.96 for 95 %. It
    stays inside [0, 1] and has a width at p̂ = 0 and 1 too. Source: Wilson 1927.

    >>> [round(edge, 3) for edge in wilson(0, 100)]
    [0.0, 0.037]
    """
    n = number("trials", trials, 0, 1e18, open_=True)
    share = number("hits", hits, 0, n) / n
    width = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    centre = share + z * z / (2 * n)
    scale = 1 + z * z / n
    return max(0.0, (centre - width) / scale), min(1.0, (centre + width) / scale)


def runs(rights: Sequence[NDArray[np.bool_]]) -> dict[str, float]:
    """What several runs (seeds, draws) over the same trials got right: each of ``rights`` is ``(trials,)`` of bool.

    Returns ``accuracy`` (the mean over the runs), ``worst`` and ``best`` run, and ``low`` … ``high``, the interval of
    :func:`wilson` of that mean over the trials of one run: what is known of new trials, however many the runs.

    >>> found = runs([np.array([True, True, False, False]), np.array([True, True, True, False])])
    >>> {name: round(value, 3) for name, value in found.items()}
    {'accuracy': 0.625, 'worst': 0.5, 'best': 0.75, 'low': 0.219, 'high': 0.908}
    """
    trials = {len(np.atleast_1d(right)) for right in rights}
    if len(trials) != 1 or trials == {0}:
        raise ValueError(f"rights must be runs of equally many trials, 1 or more, got {sorted(trials)}")
    shares = [float(np.mean(right)) for right in rights]
    mean, (count,) = sum(shares) / len(shares), trials
    low, high = wilson(mean * count, count)
    return {"accuracy": mean, "worst": min(shares), "best": max(shares), "low": low, "high": high}
