"""Calibrating θ: on development queries, never on those that are reported."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check


def calibrate(potentials: Any, *, k: int) -> int:
    """The θ at which the typical query has closest to k neurons with ``v ≥ θ``.

    ``θ = argmin_{1 ≤ θ ≤ v_max} |median_q |{i: v_qi ≥ θ}| − k|``, the higher θ where two are as close. The
    median and not the mean, because how many keys match is heavy-tailed: a run of blanks matches thousands of
    keys and would set a θ at which most queries have no winner at all (docs/decisions.md).

    Args:
        potentials: ``(Q, N)`` final potentials of the development queries.
        k: wanted number of winners, at least 1.
    """
    values: NDArray[np.int32] = check.array("potentials", potentials, np.int32, ndim=2)
    check.integer("k", k, low=1)
    if values.size == 0:
        raise ValueError(f"potentials must hold at least one query and one neuron, got shape {values.shape}")
    highest = max(1, int(values.max()))
    # The number of neurons at θ or above falls with θ in every query, and so does its median: bisect.
    low, high = 1, highest
    while low < high:
        middle = (low + high + 1) // 2
        if _median_reaching(values, middle) >= k:
            low = middle
        else:
            high = middle - 1
    if low < highest and k - _median_reaching(values, low + 1) <= abs(_median_reaching(values, low) - k):
        return _highest_with(values, low + 1, highest)
    return low


def _median_reaching(values: NDArray[np.int32], theta: int) -> float:
    return float(np.median(np.count_nonzero(values >= theta, axis=1)))


def _highest_with(values: NDArray[np.int32], theta: int, highest: int) -> int:
    """The largest θ at which the median is still what it is at ``theta``."""
    wanted = _median_reaching(values, theta)
    while theta < highest and _median_reaching(values, theta + 1) == wanted:
        theta += 1
    return theta
