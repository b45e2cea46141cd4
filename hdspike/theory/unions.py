"""OR-bundles of sparse codes: no member is ever lost, strangers come in when the OR fills up."""

from decimal import Decimal, localcontext
from functools import cache
from math import log

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from hdspike import check
from hdspike.theory.interval import EXACT, LONGEST, number
from hdspike.theory.retrieval import rivals_of
from hdspike.theory.sparse import match_chance

__all__ = ["contained", "contained_blocks", "or_density", "or_error", "smallest_union", "top_share_or"]

TERMS = 2_000
"""Terms of the exact sum beyond which it is taken on a lattice."""

LATTICE = 2**18


def or_density(dim: int, ones: int, count: int) -> float:
    """Share of ones in the OR of K random vectors: ``1 − (1 − w/D)^K``.

    Where w = ``ones`` of D = ``dim`` bits are set in each and K = ``count``. Source: Bloom 1970.

    >>> round(or_density(1000, 10, 50), 4)
    0.395
    """
    check.integer("dim", dim, low=1, high=EXACT)
    check.integer("ones", ones, low=0, high=dim)
    check.integer("count", count, low=0, high=EXACT)
    if ones == dim:
        return 1.0 if count else 0.0
    return float(-np.expm1(count * np.log1p(-ones / dim)))


def contained(dim: int, ones: int, count: int, *, stranger: int | None = None) -> float:
    r"""Chance that a random pattern lies wholly inside the OR of K others: the false positives of an OR-bundle.

    .. math:: \sum_{j=0}^{v} (-1)^j \binom{v}{j} \left[\binom{D-j}{w} \Big/ \binom{D}{w}\right]^K
              \ \approx\ \Bigl[1 - (1 - w/D)^K\Bigr]^v

    where w = ``ones`` of D = ``dim`` bits are set in each of K = ``count``, and v = ``stranger`` (w where it is
    None) in the pattern. Exact (inclusion and exclusion of the bits that no member covers, in decimals long enough
    for what cancels); density^v, the usual estimate (Bloom 1970), takes the bits for independent.

    >>> round(contained(64, 4, 8), 5), round(or_density(64, 4, 8) ** 4, 5)
    (0.02357, 0.02645)
    """
    check.integer("dim", dim, low=1, high=EXACT)
    w = check.integer("ones", ones, low=0, high=dim)
    k = check.integer("count", count, low=0, high=EXACT)
    v = w if stranger is None else check.integer("stranger", stranger, low=0, high=dim)
    if v == 0:
        return 1.0
    if w == 0 or k == 0 or v > w * k:
        return 0.0
    density = or_density(dim, w, k)
    with localcontext() as context:
        context.prec = int(v * (0.302 - min(0.0, float(np.log10(density)))) * 1.5) + 40
        total, free, ways = Decimal(0), Decimal(1), 1
        for j in range(v + 1):
            total += (-1) ** j * ways * free**k
            ways = ways * (v - j) // (j + 1)
            if w + j >= dim:  # j + 1 given bits cannot all be missed by w of D
                break
            free = free * (dim - w - j) / (dim - j)
        return float(total)


def contained_blocks(blocks: int, length: int, count: int) -> float:
    """Chance that a random block code lies wholly inside the OR of K others: ``(1 − (1 − 1/L)^K)^B``. Exact.

    Where B = ``blocks``, L = ``length``, K = ``count``: every block must hold a value that some member has.

    >>> f"{contained_blocks(12, 12, 5):.1e}"
    '3.7e-06'
    """
    check.integer("blocks", blocks, low=1, high=EXACT)
    check.integer("count", count, low=0, high=EXACT)
    return float((-np.expm1(count * np.log1p(-match_chance(length)))) ** blocks)


def top_share_or(blocks: int, length: int, items: int, k: int) -> float:
    r"""Expected share of the K members of an OR-bundle of block codes among the K items nearest to it. Exact.

    .. math:: \mathrm E\Bigl[\frac{K}{K + F}\Bigr]
              = \sum_{j=0}^{R} \frac{(-1)^j \binom{R}{j}}{\binom{K+j}{j}}\,
                \mathrm E\Bigl[\Bigl(\frac{m}{L}\Bigr)^j\Bigr]^B

    where each of B = ``blocks`` blocks of L = ``length`` places holds m different values after K members fell into it,
    all members match in every block, F of the R = M − K strangers do so too, and equal scores are put in random
    order. This is the code BSDC-SEG of Schlegel et al. 2021, there with B = L = √D; it neither thins the bundle nor
    loses a member. The sum is taken in decimals long enough for what cancels; where that would be too long, over the
    distribution of the share m/L of all blocks on a fine lattice, to about five digits.

    >>> round(top_share_or(12, 12, 1000, 5), 4)
    0.9994
    """
    rivals = rivals_of(items, k, "set")
    return 1.0 - _lost(
        check.integer("blocks", blocks, low=1, high=EXACT),
        check.integer("length", length, low=2, high=EXACT),
        rivals,
        k,
        k,
    )


def or_error(blocks: int, length: int, items: int, k: int, *, members: str = "set") -> float:
    """Chance that a member of an OR-bundle of block codes is not the item found: ``E[F/(1 + F)]``. Exact.

    Where F of the strangers match in every block, as the member does, and one of the 1 + F is taken at random; M =
    ``items`` and ``members`` as in :func:`hdspike.theory.retrieval`. At most ``R·``:func:`contained_blocks`.

    >>> f"{or_error(19, 64, 1000, 50):.4f}"
    '0.0046'
    """
    rivals = rivals_of(items, k, members)
    return _lost(
        check.integer("blocks", blocks, low=1, high=EXACT),
        check.integer("length", length, low=2, high=EXACT),
        rivals,
        k,
        1,
    )


def smallest_union(items: int, k: int, error: float, *, length: int, members: str = "set") -> int:
    """Fewest blocks of ``length`` values whose OR misses a member with at most ``error``: inverts :func:`or_error`.

    Shortest in bits, blocks × length, where the OR is about half full: L ≈ K ÷ ln 2 (Bloom 1970).

    Raises:
        ValueError: blocks so short for K members that the OR fills up, with more than 2²⁶ places.

    >>> smallest_union(1000, 50, 0.01, length=64)
    18
    """
    goal = number("error", error, 0, 1, open_=True)
    rivals = rivals_of(items, k, members)
    check.integer("length", length, low=2, high=EXACT)
    high = 1
    while (
        rivals * contained_blocks(high, length, k) > goal
    ):  # the error lies below this bound, by half or less
        high *= 2
        if high * length > LONGEST:
            raise ValueError(f"length must be above {length} for an OR of {k}: it fills up")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        enough = rivals * contained_blocks(middle, length, k) <= goal
        low, high = (low, middle) if enough else (middle, high)
    while high > 1 and or_error(high - 1, length, items, k, members=members) <= goal:
        high -= 1
    return high


@cache
def _lost(blocks: int, length: int, rivals: int, k: int, winners: int) -> float:
    """``1 − E[W/(W + F)]``, W = ``winners``, F of the ``rivals`` inside the OR of k block codes."""
    taken = _taken(k, length)
    values = np.flatnonzero(taken > 0)
    if k**2 * len(values) > 1e6:
        return _lost_nearly(blocks, values / length, taken[values], rivals, winners)
    logs = np.log(values / length)
    j = np.arange(min(rivals, TERMS) + 1.0)
    # magnitudes of the terms: how many are needed, and how many digits cancel
    size = gammaln(rivals + 1) - gammaln(rivals - j + 1) + gammaln(winners + 1) - gammaln(winners + j + 1)
    full = logs[-1]
    size += blocks * (j * full + np.log(np.exp(j[:, None] * (logs - full)) @ taken[values]))
    needed = int(np.max(np.flatnonzero(size > -90.0))) + 1
    digits = int(size.max() / log(10)) + 50
    if (needed > TERMS and rivals > TERMS) or needed * len(values) * digits > 1e6:
        return _lost_nearly(blocks, values / length, taken[values], rivals, winners)
    return _lost_exactly(blocks, length, rivals, k, winners, needed, digits)


@cache
def _taken(k: int, length: int) -> NDArray[np.float64]:
    """The chances that 0, 1 … of L values are taken by K members: sums of positive terms, so precise."""
    m = np.arange(min(k, length) + 1)
    chance = np.zeros(len(m))
    chance[0] = 1.0
    for _ in range(k):
        chance = chance * m / length + np.concatenate([[0.0], chance[:-1] * (length - m[:-1]) / length])
    return chance


def _lost_exactly(
    blocks: int, length: int, rivals: int, k: int, winners: int, needed: int, digits: int
) -> float:
    """The alternating sum, with its chances in whole numbers and ``digits`` decimals for what cancels."""
    ways = [1]  # ways[m]: in how many of the L^K cases m values are taken
    for _ in range(k):
        grown = [0] * min(len(ways) + 1, length + 1)
        for m, count in enumerate(ways):
            grown[m] += m * count
            if m < length:
                grown[m + 1] += (length - m) * count
        ways = grown
    with localcontext() as context:
        context.prec = digits
        values = [Decimal(m) / length for m in range(len(ways))]
        weights = [Decimal(way) / length**k for way in ways]
        total, ratio = Decimal(0), Decimal(1)
        for i in range(1, needed):
            ratio = -ratio * (rivals - i + 1) / (winners + i)
            weights = [weight * value for weight, value in zip(weights, values, strict=True)]
            total -= ratio * sum(weights) ** blocks
        return float(total)


@cache
def _nodes() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.polynomial.legendre.leggauss(128)


def _lost_nearly(
    blocks: int, values: NDArray[np.float64], chances: NDArray[np.float64], rivals: int, winners: int
) -> float:
    """The same to about five digits: the distribution of log q, q = Π m/L, on a fine lattice by Fourier transform."""
    kept = chances > 1e-25
    logs, weights = np.log(values[kept]), chances[kept]
    step = max(blocks * (logs[-1] - logs[0]), 1e-9) / (LATTICE - blocks - 2)
    place = (logs - logs[0]) / step
    whole = place.astype(np.int64)
    one = np.zeros(LATTICE)
    np.add.at(
        one, whole, weights * (1 - place + whole)
    )  # between two lattice points, so that the mean is kept
    np.add.at(one, whole + 1, weights * (place - whole))
    q_chance = np.fft.irfft(np.fft.rfft(one) ** blocks, LATTICE)
    log_q = blocks * logs[0] + step * np.arange(LATTICE)
    grid = np.linspace(log_q[0], min(0.0, log_q[-1]), 4096)
    nodes, shares = _nodes()
    t = ((nodes + 1) / 2) ** (1 / winners)  # W/(W + F) = ∫ t^F d(t^W)
    with np.errstate(divide="ignore"):
        inside = np.log1p(-np.exp(np.minimum(grid, 0.0))[:, None] * (1 - t))
    lost = -np.expm1(rivals * inside) @ (shares / 2)
    return float(np.clip(q_chance @ np.interp(log_q, grid, lost), 0.0, 1.0))
