"""Encoders: symbols, levels, n-grams, contexts, records and float vectors become hypervectors.

Binding is ``⊗``, the bundle ``[ + ]``, the permutation ``ρ``, of the space in use (:mod:`hdspike.spaces`).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import bits, check
from hdspike.jit import kernel, spread
from hdspike.spaces import BSC, SBC, Space

__all__ = ["contexts", "levels", "ngrams", "project", "record", "symbols"]


def symbols(space: Space, num: int, *, rng: check.Rng = None) -> NDArray[Any]:
    """One independent random vector per symbol: ``(num, width)``."""
    return space.random(num, rng=rng)


def levels(space: Space, num: int, *, rng: check.Rng = None) -> NDArray[Any]:
    """Vectors of ``num`` ordered levels: similarity falls linearly from level 0 to level ``num − 1``.

    Level ``i`` takes from one random vector the coordinates (bits or blocks) whose random rank is below
    ``i ÷ (num − 1)``, and the rest from another, so that the two ends are independent of each other.
    """
    check.integer("num", num, low=1)
    random = check.generator(rng)
    low, high = space.random(2, rng=random)
    level = np.arange(num)[:, None]
    coordinates = space.dim if isinstance(space, BSC) else space.width
    swapped = random.permutation(coordinates)[None, :] * max(num - 1, 1) < level * coordinates
    if isinstance(space, BSC):
        swap = bits.pack(swapped)
        return (low & ~swap) | (high & swap)
    return np.where(swapped, high, low)


def _tokens(tokens: Any, items: NDArray[Any]) -> NDArray[np.int64]:
    given = check.array("tokens", tokens, np.int64, ndim=1)
    if given.size and not (0 <= given.min() and given.max() < len(items)):
        raise ValueError(f"tokens must be in [0, {len(items)}), got {given.min()} … {given.max()}")
    return given


def ngrams(space: Space, items: Any, tokens: Any, *, n: int) -> NDArray[Any]:
    """The n-gram that ends at each position: ``x_t ⊗ ρ x_{t−1} ⊗ … ⊗ ρ^{n−1} x_{t−n+1}``.

    It matches another n-gram wholly or not at all. Items ``(V, width)``, tokens ``(T,)`` → ``(T − n + 1,
    width)``; row ``i`` ends at token ``i + n − 1``.
    """
    vectors = check.batch("items", space.checked("items", items))
    given = _tokens(tokens, vectors)
    check.integer("n", n, low=1)
    if len(given) < n:
        raise ValueError(f"tokens must be at least n = {n} long, got {len(given)}")
    rows = len(given) - n + 1
    out = vectors[given[n - 1 :]]
    for j in range(1, n):
        out = space.bind(out, space.permute(vectors, j)[given[n - 1 - j : n - 1 - j + rows]])
    return out


@kernel
def _contexts_bsc(rotated, tokens, positions, mask, out):
    """Majority of the suffix n-grams 1…n; ``rotated`` (n, V, W) has ρʲ applied. Returns the words XORed."""
    n, _, count = rotated.shape
    planes_needed = 1
    while (1 << planes_needed) <= n:
        planes_needed += 1
    rows = np.empty((n, count), dtype=np.uint64)
    planes = np.empty((planes_needed, count), dtype=np.uint64)
    hashes = np.empty(n, dtype=np.uint64)
    weights = np.ones(n, dtype=np.int64)
    for p in range(len(positions)):
        for w in range(count):
            word = bits.ZERO
            for j in range(n):
                word ^= rotated[j, tokens[positions[p] - j], w]
                rows[j, w] = word
        bits._hash64(rows, hashes)
        seed = bits.ZERO
        for j in range(n):
            seed += hashes[j]
        bits._majority(rows, weights, n, seed, mask, planes, out[p])
    return len(positions) * n * count


@kernel
def _contexts_sbc(items, tokens, positions, order, length, out):
    """Block b codes the suffix n-gram of order ``1 + b % order``; returns the additions."""
    blocks = items.shape[1]
    added = 0
    for p in range(len(positions)):
        for b in range(blocks):
            total = 0
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
    given = _tokens(tokens, vectors)
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


def record(space: Space, roles: Any, fillers: Any) -> NDArray[Any]:
    """A record of role-filler pairs: ``[Σ_i role_i ⊗ filler_i]``, over axis −2 of both."""
    return space.bundle(space.bind(roles, fillers))


def project(vectors: Any, dim: int, *, centre: Any = None, rng: check.Rng = None) -> NDArray[np.uint64]:
    """Float vectors as bits by sign random projection: bit ``i`` is ``[⟨r_i, x − centre⟩ > 0]``, r_i normal.

    The expected Hamming distance of two is ``D·θ/π`` with θ the angle between them (Charikar 2002).
    ``(..., F)`` floats → words ``(..., ⌈dim/64⌉)``.
    """
    given = np.asarray(vectors, dtype=np.float64)
    if given.ndim == 0 or not np.all(np.isfinite(given)):
        raise ValueError("vectors must be finite numbers with at least one axis")
    middle = np.zeros(given.shape[-1]) if centre is None else np.asarray(centre, dtype=np.float64)
    if middle.shape != given.shape[-1:] or not np.all(np.isfinite(middle)):
        raise ValueError(f"centre must be {given.shape[-1]} finite numbers, got shape {middle.shape}")
    shifted = given - middle
    normal = check.generator(rng).standard_normal((given.shape[-1], check.integer("dim", dim, low=1)))
    return bits.pack(shifted @ normal > 0)
