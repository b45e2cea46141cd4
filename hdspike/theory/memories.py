"""Closed forms of memories: scores by chance, and Kanerva's sparse distributed memory."""

from functools import cache
from math import ceil, log, sqrt

import numpy as np
from scipy.special import bdtr, gammaln, ndtr, ndtri_exp

from hdspike import check
from hdspike.spaces import BSC, Space
from hdspike.theory.interval import EXACT, LONGEST, number

__all__ = [
    "attention_beta",
    "chance_best",
    "chance_score",
    "circle_intersection",
    "sdm_best_share",
    "sdm_critical_distance",
    "sdm_error",
    "sdm_radius",
    "sdm_share",
    "sdm_signal_to_noise",
]


# --- scores by chance -----------------------------------------------------------------------------------


def chance_score(space: Space) -> tuple[float, float]:
    r"""Mean and standard deviation of the score of two random vectors of ``space``.

    .. math:: \mathrm{bsc:}\ \tfrac D2,\ \tfrac{\sqrt D}2 \qquad
              \mathrm{sbc:}\ \tfrac BL,\ \sqrt{\tfrac BL (1 - \tfrac1L)} \qquad
              \mathrm{bsdc:}\ \tfrac{w^2}D,\ \frac{w (D - w)}{D \sqrt{D - 1}}

    where a dense score is binomial over D bits, that of block codes over B blocks of L values, and that of two
    sets of w of D bits is hypergeometric. The scores of sparse codes are skewed: high ones are likelier than those
    of a normal law with this mean and deviation, so a threshold in deviations must be higher there.

    >>> chance_score(BSC(10_000))
    (5000.0, 50.0)
    """
    if isinstance(space, BSC):
        return space.dim / 2, sqrt(space.dim) / 2
    length = getattr(space, "length", None)
    if length is not None:
        mean = space.top_score / length
        return mean, sqrt(mean * (1 - 1 / length))
    dim, ones = space.dim, space.top_score
    return ones**2 / dim, ones * (dim - ones) / (dim * sqrt(dim - 1)) if dim > 1 else 0.0


def chance_best(items: int, *, error: float = 0.5) -> float:
    r"""The z-score that the best of M random items exceeds with chance ε: ``z = Φ⁻¹((1 − ε)^{1/M})``.

    Where M = ``items`` ≥ 1 and ε = ``error`` in (0, 1); normal scores. With ε = ½ it is the median of the best
    score; a cleanup with ``sigma`` = z takes a stranger for an item with chance ε.

    >>> round(chance_best(1000), 2), round(chance_best(1_000_000, error=0.01), 2)
    (3.2, 5.61)
    """
    check.integer("items", items, low=1, high=EXACT)
    return float(ndtri_exp(np.log1p(-number("error", error, 0, 1, open_=True)) / items))


# --- sparse distributed memory ----------------------------------------------------------------------------


def sdm_share(dim: int, radius: int) -> float:
    r"""Share of all addresses within a radius: ``p = P(Bin(N, ½) ≤ r)``, N = ``dim``, r = ``radius``.

    The chance that a random hard location is active. Source: Kanerva 1988.

    >>> round(sdm_share(1000, 451), 5)
    0.00107
    """
    check.integer("dim", dim, low=1, high=LONGEST)
    return float(bdtr(check.integer("radius", radius, low=0, high=dim), dim, 0.5))


def sdm_radius(dim: int, share: float) -> int:
    """The smallest radius that reaches a share of all addresses: ``min{r : p(r) ≥ share}``; share in (0, 1].

    >>> sdm_radius(1000, 0.001)
    451
    """
    check.integer("dim", dim, low=1, high=LONGEST)
    wanted = number("share", share, 0, 1)
    if wanted == 0:
        raise ValueError("share must be in (0, 1], got 0")
    return int(np.searchsorted(bdtr(np.arange(dim), dim, 0.5), wanted))


def sdm_best_share(locations: int, stored: int) -> float:
    """The share that gives the most signal to noise, about ``p = (2MT)^{−1/3}``, at most ½.

    Where M = ``locations`` and T = ``stored`` patterns: the maximum of ``ρ² ≈ pM ÷ (1 + pT(1 + p²M))``, which is
    :func:`sdm_signal_to_noise` at distance 0 for addresses that are all N/2 apart. Source: Kanerva 1993.

    >>> round(sdm_best_share(1_000_000, 10_000), 6)
    0.000368
    """
    check.integer("locations", locations, low=1, high=EXACT)
    check.integer("stored", stored, low=1, high=EXACT)
    return min(0.5, float((2 * locations * stored) ** (-1 / 3)))


def circle_intersection(dim: int, radius: int, distance: int) -> float:
    r"""Share of all addresses that lie within the radius of both of two addresses.

    .. math:: \pi(v) = 2^{-N} \sum_b \binom vb \sum_{a \le \min(r - b,\ r - v + b)} \binom{N - v}a

    where N = ``dim``, r = ``radius`` and v = ``distance`` is that of the two addresses: an address differs from
    the one in b of the v bits where the two disagree, from the other in v − b, and from both in a of the rest.
    Source: Kanerva 1988; in this form, Bricken & Pehlevan 2021.

    >>> round(1e6 * circle_intersection(1000, 451, 0), 1), round(1e6 * circle_intersection(1000, 451, 500), 2)
    (1071.9, 1.1)
    """
    check.integer("dim", dim, low=1, high=LONGEST)
    check.integer("radius", radius, low=0, high=dim)
    return _intersection(dim, radius, check.integer("distance", distance, low=0, high=dim))


@cache
def _intersection(dim: int, radius: int, distance: int) -> float:
    b = np.arange(distance + 1)
    most = np.minimum(radius - b, radius - distance + b)
    b, most = b[most >= 0], np.minimum(most[most >= 0], dim - distance)
    split = np.exp(gammaln(distance + 1) - gammaln(b + 1) - gammaln(distance - b + 1) - distance * log(2))
    rest = bdtr(most, dim - distance, 0.5) if distance < dim else np.ones(len(b))
    return float(np.sum(split * rest))


def attention_beta(dim: int, radius: int, *, high: int | None = None) -> tuple[float, float]:
    r"""How like softmax a sparse distributed memory weighs what it stores: β, and the R² of the fit.

    .. math:: \ln \pi(v) \approx \beta \left(1 - \frac{2v}N\right) + \text{const} \qquad 0 \le v \le v_1

    where 1 − 2v/N is the cosine of two addresses, and v₁ = ``high`` (all v that share any address, by default).
    The weights are near exponential for near addresses only: β means nothing without its range. Source:
    Bricken & Pehlevan 2021.

    >>> [round(x, 3) for x in attention_beta(64, 5)], [round(x, 3) for x in attention_beta(1000, 451, high=451)]
    ([32.951, 0.97], [5.959, 0.992])
    """
    check.integer("dim", dim, low=2, high=LONGEST)
    check.integer("radius", radius, low=1, high=dim)
    last = min(dim, 2 * radius)
    if high is not None:
        last = check.integer("high", high, low=1, high=last)
    distances = np.arange(last + 1)
    y = np.log([_intersection(dim, radius, int(v)) for v in distances])
    x = 1 - 2 * distances / dim
    slope, constant = np.polyfit(x, y, 1)
    return float(slope), float(1 - np.sum((y - constant - slope * x) ** 2) / np.sum((y - y.mean()) ** 2))


@cache
def _overlaps(dim: int, radius: int) -> tuple[float, float, float]:
    """E[π(V)] = p², E[π(V)²] and E[π(V)(1 − 2V/N)] over the distance V of two random addresses."""
    spread = ceil(9 * sqrt(dim) / 2)
    v = np.arange(max(0, dim // 2 - spread), min(dim, dim // 2 + spread + 1) + 1)
    weight = np.exp(gammaln(dim + 1) - gammaln(v + 1) - gammaln(dim - v + 1) - dim * log(2))
    shared = np.array([_intersection(dim, radius, int(x)) for x in v])
    moments = (shared, shared**2, shared * (1 - 2 * v / dim))
    return tuple(float(np.sum(weight * moment)) for moment in moments)  # type: ignore[return-value]


def _signal(dim: int, locations: int, radius: int, stored: int, distance: int) -> tuple[float, float, float]:
    """Mean, deviation and, where data are addresses, pull to the address read, of one summed bit."""
    check.integer("locations", locations, low=1, high=EXACT)
    check.integer("stored", stored, low=1, high=EXACT)
    own = locations * circle_intersection(dim, radius, distance)
    mean, square, pull = _overlaps(dim, radius)
    noise = own * (1 - own / locations) + (stored - 1) * (locations * (mean - square) + locations**2 * square)
    return own, sqrt(noise), (stored - 1) * locations * pull


def _phi(mean: float, deviation: float) -> float:
    """P(a normal sum is below 0), half of a sum that is always 0."""
    return float(ndtr(-mean / deviation)) if deviation > 0 else (1 - np.sign(mean)) / 2


def sdm_signal_to_noise(dim: int, locations: int, radius: int, stored: int, *, distance: int = 0) -> float:
    r"""Mean over deviation of one summed bit, read at a distance from one of T addresses written once each.

    .. math:: \rho = \frac{M \pi(v)}{\sqrt{M \pi(v)(1 - \pi(v)) + (T - 1)\,\mathrm E[K^2]}}
              \qquad \mathrm E[K^2] = M\,\mathrm E[\pi(V)(1 - \pi(V))] + M^2\,\mathrm E[\pi(V)^2]

    where M = ``locations``, T = ``stored``, v = ``distance``, K counts the locations that another stored address
    shares with the one read, and V ~ Bin(N, ½) is their distance. Were V always N/2, E[K²] would be
    p²M(1 + p²M), Kanerva's form of 1993; random addresses that happen to lie near add to it. Data are random,
    counters do not saturate; a normal approximation.

    >>> round(sdm_signal_to_noise(1000, 1_000_000, 451, 10_000), 2)
    6.47
    """
    own, deviation, _ = _signal(dim, locations, radius, stored, distance)
    return own / deviation if deviation > 0 else (float("inf") if own > 0 else 0.0)


def sdm_error(
    dim: int, locations: int, radius: int, stored: int, *, distance: int = 0, auto: bool = False
) -> float:
    r"""Chance that a bit is read wrong.

    .. math:: \Phi(-\rho) \qquad \text{auto:}\quad
              (1 - \tfrac vN)\,\Phi\Bigl(-\frac{M\pi(v) + \mu}\sigma\Bigr)
              + \tfrac vN\,\Phi\Bigl(-\frac{M\pi(v) - \mu}\sigma\Bigr) \qquad
              \mu = (T - 1)\,M\,\mathrm E\bigl[\pi(V)(1 - \tfrac{2V}N)\bigr]

    with ρ, v and V of :func:`sdm_signal_to_noise` and σ its deviation. Where data are the addresses themselves
    (``auto``), stored patterns that happen to lie near the address read are read more than others, so all others
    together pull each bit by μ to that of the address: the memory repeats in part what it is asked.

    >>> [round(sdm_error(1000, 1_000_000, 451, 10_000, distance=170, auto=x), 3) for x in (False, True)]
    [0.192, 0.12]
    """
    own, deviation, pull = _signal(dim, locations, radius, stored, distance)
    if not auto:
        return _phi(own, deviation)
    wrong = distance / dim
    return (1 - wrong) * _phi(own + pull, deviation) + wrong * _phi(own - pull, deviation)


def sdm_critical_distance(dim: int, locations: int, radius: int, stored: int) -> int:
    r"""The greatest distance from which reading leads nearer to a stored pattern, in a memory of patterns.

    .. math:: v_c = \max\{v : N \varepsilon(u) < u \text{ for all } u_0 < u \le v\}

    where ε is :func:`sdm_error` with ``auto`` and u₀ the distance at which reading stays (0 in a memory that is
    not full): addresses and data are the same T = ``stored`` patterns, and what is read is the next address. 0
    where even independent data would be read with a wrong bit from their own address (N Φ(−ρ) ≥ 1 at v = 0): a
    memory fuller than that repeats what it is asked, and recalls nothing.

    It is where one read leads nearer in the mean; recall by reading again and again is likely from a smaller
    distance only, since later reads meet what earlier ones got wrong. Kanerva (1988) gives 209 for the case below,
    which is ``N Φ(−π(v) ÷ (p² √T)) = v``: every other overlap K taken at its mean p²M, and no pull.

    >>> sdm_critical_distance(1000, 1_000_000, 451, 10_000)
    234
    """
    if dim * sdm_error(dim, locations, radius, stored) >= 1:
        return 0
    inside = False
    for v in range(dim // 2 + 1):
        nearer = dim * sdm_error(dim, locations, radius, stored, distance=v, auto=True) < v
        if inside and not nearer:
            return v - 1
        inside = inside or nearer
    return dim // 2 if inside else 0
