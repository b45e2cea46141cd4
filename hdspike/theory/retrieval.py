"""The chance that a member of a bundle is found again: how much one vector holds, and how long it must be."""

from math import inf, isfinite, log, pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrc, log_ndtr, ndtr

from hdspike import check
from hdspike.theory.bundles import mode_distance, with_errors
from hdspike.theory.interval import EXACT, LONGEST, PLACES, number

__all__ = [
    "accuracy_after_flips",
    "capacity",
    "retrieval",
    "retrieval_error",
    "retrieval_normal",
    "retrieved_bits",
    "separation",
    "smallest_dim",
]


def separation(dim: int, k: int, *, error: float = 0.0) -> float:
    r"""How far a member of a bundle stands out from strangers: ``d' = √N·(1 − 2δ') ≈ √(2N/πK)·(1 − 2b)``.

    In standard deviations of the distance between random vectors of N = ``dim`` bits, where δ' is the distance
    to a member of a bundle of K at a bit-error rate b = ``error``. It depends on N/K almost alone: the **lesion
    law**, by which half a vector recalls like a whole one with twice the members. Source: Kanerva 1996; Kleyko
    et al. 2018.

    >>> round(separation(10_000, 201), 3), round(separation(5_000, 101), 3)
    (5.635, 5.628)
    """
    check.integer("dim", dim, low=1, high=EXACT)
    return sqrt(dim) * (1.0 - 2.0 * with_errors(mode_distance(k), error))


def retrieval_normal(dim: int, items: int, k: int, *, error: float = 0.0) -> float:
    r"""Chance that a member is the item nearest to a bundle of K, in the **normal approximation**.

    .. math:: p = \int \mathcal N\bigl(u;\ N(\tfrac12-\delta'),\ N/4\bigr)\,\Phi(2u/\sqrt N)^{M-1}\,du

    where N = ``dim`` bits, M = ``items``, u is the number of equal bits above N/2, δ' is
    :func:`mode_distance` with the bit-error rate ``error``. It takes the variance of *random* pairs for the
    member too; :func:`retrieval` does not. Source: Kleyko, Rahimi et al. 2018.

    >>> round(retrieval_normal(10_000, 1000, 201), 4), round(retrieval_normal(5_000, 1000, 101), 4)
    (0.9874, 0.9872)
    """
    check.integer("items", items, low=1, high=EXACT)
    centre = separation(dim, k, error=error)
    z = np.linspace(-12.0, 12.0, 4801) + centre  # a trapezoid of a smooth bell is exact to many digits
    bell = np.exp(-0.5 * (z - centre) ** 2) / sqrt(2 * pi)
    return float(np.sum(bell * np.exp((items - 1) * log_ndtr(z))) * (z[1] - z[0]))


def retrieval(
    dim: int, items: int, k: int, *, error: float = 0.0, members: str = "sequence", length: int = 2
) -> float:
    r"""Chance that a member is the item nearest to a bundle of K: the exact law, as sums of binomials.

    .. math:: p = \sum_{h=0}^{N} P(H = h)\ \frac{F(h)^{R+1} - F(h-1)^{R+1}}{(R+1)\,f(h)}
              \qquad H \sim \mathrm{Bin}(N, 1 - \delta'), \quad B \sim \mathrm{Bin}(N, 1/L)

    where N = ``dim`` places are compared (bits, or blocks of ``length`` L), f and F are the chance and the
    cumulative chance of the matches B of a random rival, and the fraction is the chance that none of R rivals
    beats h, with equal scores decided at random. R = M − 1 for ``members="sequence"`` (each member is
    unbound from its role, so that all other items are strangers) and M − K for ``"set"`` (bundled members are
    all right answers). Exact for independent random vectors; ``M ≥ 1``, ``1 ≤ K ≤ M`` for a set.

    >>> round(retrieval(10_000, 1000, 201, members="set"), 4)
    0.9891
    """
    return 1.0 - retrieval_error(dim, items, k, error=error, members=members, length=length)


def retrieval_error(
    dim: int, items: int, k: int, *, error: float = 0.0, members: str = "sequence", length: int = 2
) -> float:
    """Chance that a stranger outranks a member: ``1 −`` :func:`retrieval`, summed on its own so that it stays exact
    where it is small.

    >>> f"{retrieval_error(20_000, 1000, 201):.1e}"
    '7.4e-06'
    """
    check.integer("dim", dim, low=1, high=PLACES)
    rivals = rivals_of(items, k, members)
    delta = with_errors(mode_distance(k, length=length), error, length=length)
    return _error(dim, min(max(1.0 - delta, 0.0), 1.0), 1.0 / length, rivals)


def rivals_of(items: Any, k: Any, members: Any) -> int:
    """How many strangers compete with a member."""
    check.integer("items", items, low=1, high=EXACT)
    check.one_of("members", members, ("sequence", "set"))
    if members == "sequence":
        return int(items) - 1
    return int(items) - check.integer("k", k, low=1, high=items)


def _error(n: int, agree: float, chance: float, rivals: int) -> float:
    """Chance that the best of ``rivals`` ~ Bin(n, chance) beats a member ~ Bin(n, agree), ties at random."""
    if rivals == 0:
        return 0.0
    h, own = binomial(n, agree)
    edges = np.arange(h[0] - 1, h[-1] + 1)
    up_to = np.where(edges < 0, 0.0, bdtr(np.maximum(edges, 0), n, chance))
    beyond = np.where(edges < 0, 1.0, bdtrc(np.maximum(edges, 0), n, chance))
    below, above = up_to[1:], beyond[1:]
    f = np.where(
        h > n * chance, -np.diff(beyond), np.diff(up_to)
    )  # of the smaller ones, which keep their digits
    count = rivals + 1
    ratio = np.clip(f / np.maximum(below, 1e-300), 0.0, 1.0)
    # log of 0 and log1p(−1) are −∞, rightly: nothing lies below. A ratio near 0 leaves a share of 1.
    with np.errstate(divide="ignore", invalid="ignore"):
        log_below = np.where(below < 0.5, np.log(below), np.log1p(-above))
        share = np.where(
            ratio > 1e-200, -np.expm1(count * np.log1p(-ratio)) / (count * np.maximum(ratio, 1e-200)), 1.0
        )
        log_share = np.where(count * ratio < 1e-5, -0.5 * rivals * ratio, np.log(share))
    lost = -np.expm1(rivals * log_below + log_share)
    return float(min(1.0, np.sum(own * lost)))


def binomial(n: int, p: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Hits and their chances in n trials of chance p, without the tails of less than 10⁻⁴⁰ in all."""
    if p in (0.0, 1.0):
        return np.array([n if p else 0]), np.ones(1)
    mean, variance = n * p, n * p * (1 - p)
    reach = 31 + sqrt(
        31 * 31 + 186 * variance
    )  # Bernstein: P(|X − np| > t) < 2·exp(−t²/(2v + 2t/3)) = 2·e^−93
    h = np.arange(max(0, int(mean - reach)), min(n, int(mean + reach) + 1) + 1)
    ratios = np.log((n - h[:-1]) / (h[:-1] + 1.0)) + (log(p) - np.log1p(-p))
    weights = np.concatenate([[0.0], np.cumsum(ratios)])
    chances = np.exp(weights - weights.max())
    return h, np.asarray(chances / chances.sum(), dtype=np.float64)


def smallest_dim(
    items: int,
    k: int,
    error: float,
    *,
    bit_errors: float = 0.0,
    members: str = "set",
    length: int = 2,
    multiple: int = 1,
) -> int:
    """Fewest places N at which a member of a bundle of K is missed with at most ``error``: inverts :func:`retrieval`.

    N counts bits (``length`` 2) or blocks of ``length`` values, in whole multiples of ``multiple``; M = ``items``,
    ``members`` as in :func:`retrieval`, ``bit_errors`` the share of places that are changed. About
    ``N ≈ 51.7·K`` for 1 % of M = 1000 in bits. Found by bisection over the exact law, whose error falls with N.

    Raises:
        ValueError: places changed so often that nothing is left (``bit_errors ≥ 1 − 1/L``), or more than 2²⁶ places.

    >>> smallest_dim(1000, 50, 0.01)
    2584
    """
    goal = number("error", error, 0, 1, open_=True)
    b = number("bit_errors", bit_errors, 0, 1)
    check.integer("multiple", multiple, low=1, high=LONGEST)
    rivals = rivals_of(items, k, members)
    delta = with_errors(mode_distance(k, length=length), b, length=length)
    agree, chance = 1.0 - delta, 1.0 / length
    if b >= 1.0 - chance:
        raise ValueError(
            f"bit_errors must be below {1 - chance:g} = 1 − 1/L, at which a copy tells nothing, got {b:g}"
        )

    def excess(steps: int) -> float:
        """log(error ÷ goal): nearly a straight line in the number of places."""
        error_here = _error(steps * multiple, agree, chance, rivals)
        return log(error_here / goal) if error_here > 0 else -inf

    low, high, at_low = 0, 1, log(1 / goal)
    while (at_high := excess(high)) > 0:
        low, high, at_low = high, 2 * high, at_high
        if high * multiple > LONGEST:
            raise ValueError(
                f"error must be reachable with at most {LONGEST:,} places, got error {goal:g} for a bundle of {k} "
                f"among {items} items with {b:g} of the places changed"
            )
    for _ in range(2):  # close in along the straight line
        if high - low > 16 and isfinite(at_high):
            guess = min(max(low + round((high - low) * at_low / (at_low - at_high)), low + 1), high - 1)
            at = excess(guess)
            low, at_low, high, at_high = (guess, at, high, at_high) if at > 0 else (low, at_low, guess, at)
    step = 1
    if (
        at_low < -at_high
    ):  # the answer is near the end whose excess is smaller: gallop from there, then bisect
        while low + step < high and excess(low + step) > 0:
            low, step = low + step, 4 * step
        high = min(high, low + step)
    else:
        while high - step > low and excess(high - step) <= 0:
            high, step = high - step, 4 * step
        low = max(low, high - step)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if excess(middle) <= 0 else (middle, high)
    return high * multiple


def capacity(
    dim: int, items: int, *, accuracy: float = 0.99, law: str = "normal", error: float = 0.0, length: int = 2
) -> int:
    """The largest K whose members are retrieved with at least ``accuracy``: ``max{K : p(K) ≥ accuracy}``.

    Where p is, by ``law``, :func:`retrieval_normal` (``"normal"``, the literature's) or :func:`retrieval` with
    members as a ``"sequence"`` or a ``"set"``, over N = ``dim`` places and M = ``items``; 0 where even K = 1
    fails. In bits K is odd (an even K is retrieved as K + 1). About N ÷ 51.7 for 99 % of M = 1000.

    >>> capacity(5_000, 1000), capacity(10_000, 1000), capacity(20_000, 1000)
    (97, 193, 387)
    >>> capacity(10_000, 1000, law="sequence"), capacity(10_000, 1000, law="set")
    (193, 197)
    """
    goal = number("accuracy", accuracy, 0, 1, open_=True)
    check.one_of("law", law, ("normal", "sequence", "set"))
    check.integer("dim", dim, low=1, high=PLACES)
    check.integer("items", items, low=1, high=EXACT)
    step = 2 if length == 2 else 1
    if law == "normal" and length != 2:
        raise ValueError(
            f"law must be sequence or set for length {length}: the normal one is of bits, got 'normal'"
        )
    if goal <= 1.0 / items:
        raise ValueError(f"accuracy must be above the chance of a guess, 1/{items}, got {goal:g}")

    def holds(index: int) -> bool:
        k = step * index + 1
        if law == "normal":
            return retrieval_normal(dim, items, k, error=error) >= goal
        return retrieval(dim, items, k, error=error, members=law, length=length) >= goal

    most = (items - 1) // step if law == "set" else None  # a set has no more members than there are items
    low, high = -1, 1  # index ``low`` holds, ``high`` fails
    while (most is None or high <= most) and holds(high):
        if high > 8 * dim:
            raise ValueError(f"accuracy must be above the chance of a guess, 1/{items}, got {goal:g}")
        low, high = high, 2 * high
    if most is not None:
        high = min(high, most + 1)
    while high - low > 1:
        middle = (low + high) // 2
        if holds(middle):
            low = middle
        else:
            high = middle
    return step * low + 1 if low >= 0 else 0


def retrieved_bits(items: int, accuracy: float) -> float:
    r"""Information of one retrieved symbol: ``log₂M + p·log₂p + (1−p)·log₂((1−p)/(M−1))`` bits.

    Where M = ``items`` ≥ 2 and p = ``accuracy``; nothing at the chance of a guess, p = 1/M. K of them, divided by
    the dimension, compare with :func:`hdspike.theory.bundle_bits`. Source: Frady, Kleyko & Sommer 2018.

    >>> retrieved_bits(1024, 1.0), round(retrieved_bits(1024, 1 / 1024), 9)
    (10.0, 0.0)
    """
    m, p = check.integer("items", items, low=2, high=EXACT), number("accuracy", accuracy, 0, 1)
    missed = (1 - p) * np.log2((1 - p) / (m - 1)) if p < 1 else 0.0
    return float(np.log2(m) + (p * np.log2(p) if p > 0 else 0.0) + missed)


def accuracy_after_flips(distances: Any, right: Any, rate: float, dim: int) -> float:
    r"""Share of queries whose nearest vector is the right one, after each stored bit is inverted with chance b.

    .. math:: P = \mathrm E_z \prod_{r} \Phi\Bigl(\frac{(1 - 2b)(h_r - h) }{\sigma} + z\Bigr)
              \qquad \sigma^2 = N\,b\,(1 - b), \quad z \sim \mathcal N(0, 1)

    where h_r are the ``distances`` ``(queries, vectors)`` over N = ``dim`` bits before, h that to the vector ``right``
    ``(queries,)``, and r runs over the others: a distance moves to one of mean ``h + b(N − 2h)`` and variance σ², by
    itself for each stored vector. A normal approximation; ``b`` = ``rate`` ∈ [0, 1]. At b = 0 ties are lost.

    >>> round(accuracy_after_flips([[400, 500]], [0], 0.0, 1000), 3)
    1.0
    >>> round(accuracy_after_flips([[400, 500]], [0], 0.4, 1000), 3)
    0.819
    """
    h, true = np.asarray(distances, dtype=np.float64), check.array("right", right, np.int64, ndim=1)
    if h.ndim != 2 or len(h) != len(true) or 0 in h.shape:
        raise ValueError(
            f"distances must have shape ({len(true)}, vectors), a row for each right, got {h.shape}"
        )
    if true.min() < 0 or true.max() >= h.shape[1]:
        raise ValueError(f"right must be in [0, {h.shape[1]}), got {true.min()} … {true.max()}")
    b = number("rate", rate, 0, 1)
    sigma = sqrt(check.integer("dim", dim, low=1, high=EXACT) * b * (1 - b))
    rival = np.ones_like(h, dtype=bool)
    rival[np.arange(len(true)), true] = False
    leads = (h[rival].reshape(len(h), -1) - h[~rival][:, None]) * (1 - 2 * b)
    if sigma == 0:
        return float((leads > 0).all(axis=1).mean())
    nodes, weights = np.polynomial.hermite_e.hermegauss(41)
    each = ndtr(leads[:, :, None] / sigma + nodes).prod(axis=1)
    return float((each @ weights).mean() / weights.sum())
