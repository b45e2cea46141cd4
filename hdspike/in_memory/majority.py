r"""Bundles inside the array: a tree of majorities of 3, 5, 7 or 9 rows, which is not the majority of all.

.. math:: 2\,P(\text{bundle} = \text{member}) - 1 = (1 - u) \prod_{\text{nodes above it}} \beta_m\,(1 - 2p)
          \qquad \beta_m = \binom{m-1}{(m-1)/2} 2^{1-m}

where β_m is how much a majority of m random rows leans to each of them (½, ⅜, 5/16, 35/128), p the chance that a bit of
a result is inverted and u the share of weak columns, the same at every node. A tree of threes over K = 3ⁿ members keeps
2⁻ⁿ = K^−0.63, the majority of all K keeps √(2/πK): the tree loses more the larger it is.
"""

from math import comb
from typing import Any

import numpy as np

from hdspike import bits, check
from hdspike.bits import Words
from hdspike.in_memory.errors import Noise
from hdspike.in_memory.logic import EXACT
from hdspike.theory.interval import number

__all__ = ["FANS", "lean", "majority", "tree_agreement"]

FANS = (3, 5, 7, 9)
"""Rows that a majority can be taken of at once: 3 in Ambit, up to 9 in DDR4 chips (Yüksel et al., DSN 2024)."""


def lean(fan: int) -> float:
    """``β_m``: how much more often than not a majority of ``fan`` random rows equals one of them.

    >>> lean(3), lean(5)
    (0.5, 0.375)
    """
    check.integer("fan", fan, low=1, high=1001)
    if fan % 2 == 0:
        raise ValueError(f"fan must be odd, got {fan}")
    return comb(fan - 1, (fan - 1) // 2) / 2 ** (fan - 1)


def plan(count: int, fan: int) -> list[int]:
    """How one level of the tree groups ``count`` ≥ 2 rows: sizes of the groups, 1 for a row that goes up unchanged.

    Groups of ``fan``; where fewer rows are left at the top, the largest odd number of them; 2 for the last two,
    which a coin decides.
    """
    if count == 2:
        return [2]
    size = min(fan, count if count % 2 else count - 1)
    return [size] * (count // size) + [1] * (count % size)


def majority(words: Any, dim: int, *, fan: int = 3, noise: Noise = EXACT, rng: check.Rng = None) -> Words:
    """The bundle of K vectors by majorities of ``fan`` in the array: words ``(..., K, W)`` → ``(..., W)``.

    Level after level, ``fan`` neighbours become one and what is left over goes up unchanged (and then counts for more);
    of the last two vectors each bit is that of the one that a fair coin picks, the majority with a random row. Every
    result is worn by ``noise``. For K = ``fan`` without errors it is :func:`hdspike.bits.majority`.

    Raises:
        ValueError: no vectors, or a ``fan`` other than 3, 5, 7 and 9.
    """
    given = bits.words_of("words", words, dim)
    if given.ndim < 2 or given.shape[-2] == 0:
        raise ValueError(
            f"words must be (..., K, {bits.word_count(dim)}) with K ≥ 1, got shape {given.shape}"
        )
    check.integer("fan", fan)
    if fan not in FANS:
        raise ValueError(f"fan must be one of {', '.join(map(str, FANS))}, got {fan}")
    random = check.generator(rng)
    level = given.reshape(-1, *given.shape[-2:])
    batches, width = len(level), level.shape[2]
    while level.shape[1] > 1:
        sizes = plan(level.shape[1], fan)
        groups = sum(size > 1 for size in sizes)
        whole = groups * sizes[0]
        joined = level[:, :whole].reshape(batches * groups, sizes[0], width)
        if sizes[0] == 2:
            coins = bits.random(len(joined), dim, rng=random)[:, None]
            joined = np.concatenate([joined, coins], axis=1)
        results = noise.of(bits.majority(joined, dim), dim, rng=random).reshape(batches, groups, width)
        level = np.concatenate([results, level[:, whole:]], axis=1)
    return np.ascontiguousarray(level[:, 0]).reshape(*given.shape[:-2], width)


def tree_agreement(members: int, *, fan: int = 3, rate: float = 0.0, weak: float = 0.0) -> float:
    """Expected share of bits in which the tree's bundle equals a member, the mean over its members.

    Exact for independent random vectors: the product of the equation above along each member's path. ``rate`` = p,
    ``weak`` = u.

    >>> tree_agreement(9), round(tree_agreement(9, fan=9), 4), tree_agreement(2)
    (0.625, 0.6367, 0.75)
    """
    count = check.integer("members", members, low=1, high=2**20)
    if check.integer("fan", fan) not in FANS:
        raise ValueError(f"fan must be one of {', '.join(map(str, FANS))}, got {fan}")
    kept, works = 1.0 - 2.0 * number("rate", rate, 0, 1), 1.0 - number("weak", weak, 0, 1)
    sums, sizes = np.ones(count), np.ones(count)  # of each row: Σ of its members' lean, and how many they are
    while len(sums) > 1:
        groups = plan(len(sums), fan)
        edges = np.concatenate([[0], np.cumsum(groups)[:-1]])
        factor = np.array([1.0 if m == 1 else kept * lean(3 if m == 2 else m) for m in groups])
        sums, sizes = np.add.reduceat(sums, edges) * factor, np.add.reduceat(sizes, edges)
    return float(0.5 + 0.5 * sums[0] / sizes[0] * (works if count > 1 else 1.0))
