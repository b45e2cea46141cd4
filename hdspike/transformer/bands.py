"""How alike two bundles are that share some of their members, and which distance tells how many.

Two majorities of n fair random vectors each, m of them the same in both, the rest independent. Where the m shared bits
sum to s (each ±1), the other n − m of either side bring its sum above 0 with probability
p_s = P(s + A > 0) + ½·P(s + A = 0), for each side by itself, so that a bit is equal in both with probability

    a_m = Σ_s P(s)·(p_s² + (1 − p_s)²),    a_n = 1,

which is near ½ + asin(m ÷ n) ÷ π. Suffixes are nested, so that the number shared is how far back two texts agree; the
bound between m − 1 and m is half-way between the two expected distances.
"""

from itertools import pairwise
from math import comb

import numpy as np
from numpy.typing import NDArray

from hdspike import check

__all__ = ["agreement", "bands"]

MOST = 64


def agreement(members: int, shared: int) -> float:
    """The expected share of equal bits of two bundles of ``members`` vectors that have ``shared`` of them in common.

    >>> [agreement(3, shared) for shared in range(4)]
    [0.5, 0.625, 0.75, 1.0]

    Raises:
        ValueError: no members or more than 64, or more shared than there are.
    """
    n = check.integer("members", members, low=1, high=MOST)
    m = check.integer("shared", shared, low=0, high=n)
    rest = n - m
    if rest == 0:
        return 1.0
    total = 0.0
    for ones in range(m + 1):
        s = 2 * ones - m
        above = sum(
            comb(rest, i) * (2 if s + 2 * i - rest > 0 else s + 2 * i - rest == 0) for i in range(rest + 1)
        )
        p = above / 2 ** (rest + 1)
        total += comb(m, ones) / 2**m * (p * p + (1 - p) * (1 - p))
    return total


def bands(dim: int, members: int) -> NDArray[np.uint8]:
    """(D + 1,) how many members a bundle at each Hamming distance most likely shares.

    >>> bands(8, 3).tolist()
    [3, 2, 2, 1, 0, 0, 0, 0, 0]
    """
    size = check.integer("dim", dim, low=1)
    shares = [agreement(members, shared) for shared in range(members + 1)]
    table = np.zeros(size + 1, dtype=np.uint8)
    for low, high in pairwise(shares):
        table += np.arange(size + 1) < size * (1 - (low + high) / 2)
    return table
