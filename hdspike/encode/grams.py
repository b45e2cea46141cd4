"""n-grams: what stands next to what, in order (Joshi, Halseth & Kanerva 2016)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.encode.tokens import resolve
from hdspike.spaces import Space


def ngrams(space: Space, items: Any, tokens: Any, *, n: int) -> NDArray[Any]:
    """The n-gram that ends at each position: ``x_t ⊗ ρ x_{t−1} ⊗ … ⊗ ρ^{n−1} x_{t−n+1}``.

    It matches another n-gram wholly or not at all. In bsdc, whose binding is not associative, the product is taken
    from the left and stays similar to its parts, most to the earliest token, which is bound last.

    Args:
        items: ``(V, width)`` one vector per symbol, or :class:`HashedItems`.
        tokens: ``(..., T)`` indices of ``items`` (or keys of hashed items; a ``str`` is its characters).
        n: length of a gram, at most T.

    Returns:
        ``(..., T − n + 1, width)``; row ``i`` ends at token ``i + n − 1``.

    >>> from hdspike.spaces import BSC
    >>> space = BSC(1000)
    >>> x = space.random(26, rng=0)
    >>> grams = ngrams(space, x, [7, 8, 7, 8], n=2)
    >>> grams.shape, bool(np.all(grams[0] == grams[2])), bool(np.all(grams[0] == grams[1]))
    ((3, 16), True, False)
    """
    vectors, given = resolve(space, items, tokens)
    rows = windows(given.shape, n)
    out = vectors[given[..., n - 1 :]]
    for j in range(1, n):
        out = space.bind(out, space.permute(vectors, j)[given[..., n - 1 - j : n - 1 - j + rows]])
    return out


def windows(shape: tuple[int, ...], n: int) -> int:
    """How many n-grams tokens of ``shape`` have along the last axis."""
    check.integer("n", n, low=1)
    if shape[-1] < n:
        raise ValueError(f"tokens must be at least n = {n} long, got {shape[-1]}")
    return shape[-1] - n + 1


def distinct(tokens: NDArray[np.int64], symbols: int, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The distinct n-grams of one text ``(T,)`` of ``symbols`` symbols, latest token first, and how often each occurs.

    → ``(G, n)`` and ``(G,)``, in no order that matters. T·symbols must be below 2⁶².
    """
    rows = len(tokens) - n + 1
    codes, size = tokens[:rows], symbols
    for j in range(1, n):
        if size > 2**62 // symbols:  # the codes would not fit 63 bits: number the prefixes that occur
            used, codes = np.unique(codes, return_inverse=True)
            size = len(used)
        codes = codes * symbols + tokens[j : j + rows]
        size *= symbols
    if size <= max(4 * rows, 1 << 16):
        counts = np.bincount(codes)
        last = np.empty(size, dtype=np.int64)
        last[codes] = np.arange(rows)
        places = last[np.flatnonzero(counts)]
        counts = counts[counts > 0]
    else:
        _, places, counts = np.unique(codes, return_index=True, return_counts=True)
    return tokens[places[:, None] + np.arange(n - 1, -1, -1)], counts
