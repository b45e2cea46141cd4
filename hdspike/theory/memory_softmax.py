"""How like softmax a sparse distributed memory weighs what it stores: β, always with its range and its fit."""

from math import log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.theory.interval import LONGEST, number
from hdspike.theory.memories import circle_intersection

__all__ = ["SoftmaxFit", "memory_weights", "radius_of_beta", "softmax_fit"]


class SoftmaxFit(NamedTuple):
    """``ln π(v) ≈ beta·(1 − 2v/N) + constant`` for the distances ``low ≤ v ≤ high``, and how well.

    ``r_squared`` of the least squares; ``worst`` is the largest |ln π − line| in the range, in nats: a weight is off by
    a factor of up to e^worst, whatever R² says.
    """

    beta: float
    constant: float
    low: int
    high: int
    r_squared: float
    worst: float


def softmax_fit(dim: int, radius: int, *, low: int = 0, high: int | None = None) -> SoftmaxFit:
    r"""The softmax whose weights are nearest to those of a sparse distributed memory, over a range of distances.

    .. math:: \ln \pi(v) \approx \beta\,\bigl(1 - \tfrac{2v}N\bigr) + \text{const} \qquad v_0 \le v \le v_1

    where π is :func:`hdspike.theory.circle_intersection` with N = ``dim`` and r = ``radius``, 1 − 2v/N is the cosine of
    two addresses, v₀ = ``low`` and v₁ = ``high``; by default 2r or N, the largest v at which two circles meet. ln π is
    concave near and bends down without limit, so that β grows with the range: it means nothing without. Source:
    Bricken & Pehlevan 2021.

    Raises:
        ValueError: fewer than two distances, or a range in which π vanishes.

    >>> near, whole = softmax_fit(1000, 451, high=451), softmax_fit(1000, 451)
    >>> [(round(f.beta, 2), round(f.r_squared, 2), f.low, f.high) for f in (near, whole)]
    [(5.96, 0.99, 0, 451), (18.18, 0.68, 0, 902)]
    """
    n = check.integer("dim", dim, low=2, high=LONGEST)
    check.integer("radius", radius, low=1, high=dim)
    most = min(n, 2 * radius)
    last = most if high is None else check.integer("high", high, low=1, high=most)
    check.integer("low", low, low=0, high=last - 1)
    v = np.arange(low, last + 1)
    shared = np.array([circle_intersection(n, radius, int(x)) for x in v])
    if not shared.min() > 0:
        raise ValueError(
            f"high must be a distance at which circles share addresses, got {last}: none from {v[shared <= 0][0]} on"
        )
    y, x = np.log(shared), 1 - 2 * v / n
    beta, constant = np.polyfit(x, y, 1)
    rest, spread = y - constant - beta * x, float(np.sum((y - y.mean()) ** 2))
    fit = 1.0 if spread == 0 else 1 - float(np.sum(rest**2)) / spread
    return SoftmaxFit(float(beta), float(constant), low, last, fit, float(np.abs(rest).max()))


def memory_weights(dim: int, radius: int, distances: object) -> NDArray[np.float64]:
    """Attention of an endless memory to patterns at these distances: ``π(v_i) ÷ Σ_j π(v_j)``, over the last axis.

    What softmax's e^(β·cosine) is compared with. N = ``dim``, r = ``radius``; ``distances`` are integers ``(..., T)``.

    Raises:
        ValueError: a distance outside [0, N], no pattern, or patterns of which none shares an address with the query.

    >>> memory_weights(1000, 451, [0, 500]).round(4).tolist()
    [0.999, 0.001]
    """
    v = check.array("distances", distances, np.int64)
    if not v.size or v.min() < 0 or v.max() > check.integer("dim", dim, low=1, high=LONGEST):
        raise ValueError(f"distances must be at least one, each in [0, {dim}], got {v.size} of them")
    different, back = np.unique(v, return_inverse=True)
    shared = np.array([circle_intersection(dim, radius, int(x)) for x in different])[back].reshape(v.shape)
    total = shared.sum(axis=-1, keepdims=True)
    if not total.min() > 0:
        raise ValueError(
            f"distances must be such that a pattern shares addresses with the query, got {v.min()} up"
        )
    return np.asarray(shared / total)


def radius_of_beta(dim: int, beta: float, *, reach: float = 0.25) -> int:
    """The radius of a memory whose fit up to the distance ``reach·N`` has the β nearest to ``beta``.

    β falls as the radius grows: a small circle tells near addresses from far ones more sharply. N = ``dim``,
    ``reach`` ∈ (0, 1). Bisection over radii of at least half the reach, where circles meet all through the range.

    Raises:
        ValueError: no radius from half the reach to N/2 comes within a factor of 2 of ``beta``.

    >>> radius_of_beta(1000, 6.0, reach=0.451)
    451
    """
    n = check.integer("dim", dim, low=8, high=2**14)
    wanted = number("beta", beta, 0, 1e6, open_=True)
    high = max(2, round(number("reach", reach, 0, 1, open_=True) * n))

    def at(radius: int) -> float:
        try:
            return softmax_fit(n, radius, high=high).beta
        except ValueError:  # so small a circle that nothing is shared
            return float("inf")

    low, top = -(-high // 2), max(n // 2, -(-high // 2))
    left, right = low, top
    while right - left > 1:
        middle = (left + right) // 2
        left, right = (middle, right) if at(middle) > wanted else (left, middle)
    best = min((left, right), key=lambda radius: abs(log(max(at(radius), 1e-300) / wanted)))
    if not 0.5 <= at(best) / wanted <= 2:
        raise ValueError(
            f"beta must be from {at(top):.3g} to {at(low):.3g} for dim {n} and a reach of {high}, got {beta:g}"
        )
    return best
