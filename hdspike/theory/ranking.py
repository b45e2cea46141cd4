"""How many members of a bundle are among its K nearest items: the measure of Schlegel et al. (2021)."""

from collections.abc import Iterable

import numpy as np
from scipy.special import bdtr, bdtrc, betainc, gammaln, xlog1py, xlogy

from hdspike import check
from hdspike.theory.bundles import mode_agreement
from hdspike.theory.interval import EXACT, PLACES, number
from hdspike.theory.retrieval import binomial
from hdspike.theory.unions import top_share_or

__all__ = ["SQUARES", "smallest_top", "top_share"]

SQUARES = tuple(side * side for side in range(2, 41, 2))
"""The grid of dimensions of Schlegel et al. 2021: 4, 16, 36 … 1600."""

NODES, WEIGHTS = np.polynomial.legendre.leggauss(8)
NODES, WEIGHTS = (NODES + 1) / 2, WEIGHTS / 2


def top_share(dim: int, items: int, k: int, *, length: int = 2) -> float:
    r"""Expected share of the K members of a bundle among the K items nearest to it.

    .. math:: 1 - \frac1K \sum_{j=1}^{K} P\bigl(\text{j-th best stranger} > \text{j-th worst member}\bigr)

    where N = ``dim`` places are compared (bits, or blocks of ``length`` values), the K members have scores
    ~ Bin(N, p) with p of :func:`hdspike.theory.mode_agreement`, the M − K strangers ~ Bin(N, 1/L), and equal
    scores are put in random order. **An approximation**: it takes the members' scores for independent (they
    repel each other a little: where one member loses a place another wins it). The measure is that of Schlegel,
    Neubert & Protzel 2021, "A comparison of vector symbolic architectures".

    >>> round(top_share(784, 1000, 15), 3)
    0.994
    """
    n = check.integer("dim", dim, low=1, high=PLACES)
    strangers = check.integer("items", items, low=1, high=EXACT) - check.integer("k", k, low=1, high=items)
    agree, chance = mode_agreement(k, length=length), 1.0 / length
    h, own = binomial(n, agree)
    # a score s is made continuous, s + U(0, 1): the order of equal scores is then random
    low = np.where(h > 0, bdtr(h - 1, n, agree), 0.0)[:, None]
    below = np.clip(low + NODES * own[:, None], 0.0, 1.0)  # P(member < s + u)
    over = np.where(h > 0, bdtrc(h - 1, n, chance), 1.0)[:, None]
    above = over + NODES * (np.where(h < n, bdtrc(h, n, chance), 0.0)[:, None] - over)  # P(stranger > s + u)
    density = own[:, None] * WEIGHTS
    missed = 0.0
    for j in range(1, min(k, strangers) + 1):
        # the j-th worst member lies here: one of k, j − 1 of the others below
        log_ways = gammaln(k + 1) - gammaln(j) - gammaln(k - j + 1)
        here = np.exp(log_ways + xlogy(j - 1, below) + xlog1py(k - j, -below)) * density
        lost = float(np.sum(here * betainc(j, strangers - j + 1, above)))  # P(Bin(strangers, above) ≥ j)
        missed += lost
        if lost < 1e-15:
            break
    return 1.0 - missed / k


def smallest_top(
    items: int, k: int, *, code: str, share: float = 0.99, dims: Iterable[int] = SQUARES
) -> int | None:
    """The smallest of ``dims`` at which at least ``share`` of the K members are among the K nearest; None if none is.

    ``code`` is ``"bsc"`` (D bits, majority; :func:`top_share`), ``"sbc"`` (√D blocks of √D values, mode) or
    ``"or"`` (the same blocks, OR: :func:`hdspike.theory.top_share_or`).

    >>> smallest_top(1000, 15, code="bsc"), smallest_top(1000, 15, code="or")
    (784, 324)
    """
    check.one_of("code", code, ("bsc", "sbc", "or"))
    goal = number("share", share, 0, 1, open_=True)
    smallest = None
    for dim in sorted(dims, reverse=True):  # from above, where the exact sum of ``or`` is short
        side = round(check.integer("dims", dim, low=4, high=PLACES) ** 0.5)
        if code != "bsc" and side * side != dim:
            raise ValueError(f"dims must be squares for code {code}, got {dim}")
        if code == "bsc":
            reached = top_share(dim, items, k)
        elif code == "sbc":
            reached = top_share(side, items, k, length=side)
        else:
            reached = top_share_or(side, side, items, k)
        if reached < goal:
            break
        smallest = dim
    return smallest
