"""Contexts: all the n-grams that end at a place, in one vector."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import bits, check
from hdspike.encode.tokens import indices
from hdspike.jit import kernel, spread
from hdspike.spaces import BSC, SBC, Space


@kernel
def _contexts_bsc(rotated, tokens, positions, mask, out):
    """Majority of the suffix n-grams 1…n; ``rotated`` (n, V, W) has ρʲ applied. Returns the words XORed."""
    n, _, count = rotated.shape
    depth = 1
    while (1 << depth) <= n:
        depth += 1
    rows = np.empty((n, count), dtype=np.uint64)
    planes = np.empty((depth, count), dtype=np.uint64)
    desk = np.empty((bits.DESK, count), dtype=np.uint64)
    hashes = np.empty(n, dtype=np.uint64)
    weights = np.empty(0, dtype=np.int64)  # one each
    for p in range(len(positions)):
        for w in range(count):
            word = bits.ZERO
            for j in range(n):
                word ^= rotated[j, tokens[positions[p] - j], w]
                rows[j, w] = word
        seed = bits.ZERO
        if n % 2 == 0:  # only an even total can tie
            bits._hash64(rows, hashes)
            for j in range(n):
                seed += hashes[j]
        bits._majority(rows, weights, n, seed, mask, planes, desk, out[p])
    return len(positions) * n * count


@kernel
def _contexts_sbc(items, tokens, positions, order, length, out):
    """Block b codes the suffix n-gram of order ``1 + b % order``; returns the additions."""
    blocks = items.shape[1]
    added = 0
    for p in range(len(positions)):
        for b in range(blocks):
            total = np.int64(0)  # the items may be of a narrow dtype
            for j in range(1 + b % order):
                total += items[tokens[positions[p] - j], (b - j) % blocks]
            out[p, b] = total % length
            added += 1 + b % order
    return added


def contexts(space: Space, items: Any, tokens: Any, positions: Any, *, order: int) -> NDArray[Any]:
    """The context that ends at each position: the longer two suffixes agree, the more similar they are.

    With the suffix n-gram of order m, ``g_m(t) = ⊗_{j<m} ρʲ x_{t−j}``:

    * bsc: the majority ``[g_1 + … + g_n]``;
    * sbc: its block-wise counterpart, block ``b`` of the vector is block ``b`` of ``g_{1 + b mod n}``.

    Args:
        items: ``(V, width)`` one vector per symbol.
        tokens: ``(T,)`` the text.
        positions: ``(P,)`` the last token of each context, each at least ``order − 1``.
        order: n, the longest suffix.

    Returns:
        ``(P, width)`` context vectors.
    """
    vectors = check.batch("items", space.checked("items", items))
    given = indices("tokens", tokens, vectors)
    check.integer("order", order, low=1)
    places = check.array("positions", positions, np.int64, ndim=1)
    if places.size and not (order - 1 <= places.min() and places.max() < len(given)):
        raise ValueError(
            f"positions must be in [{order - 1}, {len(given)}), got {places.min()} … {places.max()}"
        )
    out = np.empty((len(places), space.width), dtype=vectors.dtype)
    if isinstance(space, BSC):
        rotated = np.stack([space.permute(vectors, j) for j in range(order)])
        mask = bits.tail_mask(space.dim)
        spread(
            lambda low, high: _contexts_bsc(rotated, given, places[low:high], mask, out[low:high]),
            len(places),
        )
    elif isinstance(space, SBC):
        length = space.length
        spread(
            lambda low, high: _contexts_sbc(vectors, given, places[low:high], order, length, out[low:high]),
            len(places),
        )
    else:
        raise TypeError(f"space must be BSC or SBC, got {space!r}")
    return out
