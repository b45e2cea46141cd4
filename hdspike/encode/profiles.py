"""The profile of a text: all its n-grams bundled into one vector, without a row in memory for each."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import bits
from hdspike.encode.grams import distinct, windows
from hdspike.encode.tokens import in_use, resolve
from hdspike.jit import kernel
from hdspike.spaces import BSC, SBC, Space

CHUNK = 512  # n-grams made at a time: their words stay in cache


@kernel
def _count_blocks(items, grams, weights, length, row, counts, hashes):
    """The index of every block of every gram is counted in ``counts`` (B, L), weighted; ``row`` (1, B) is scratch."""
    blocks = items.shape[1]
    for g in range(len(grams)):
        for b in range(blocks):
            index = np.int64(0)  # the items may be of a narrow dtype
            for j in range(grams.shape[1]):
                index += items[grams[g, j], (b - j) % blocks]
            index %= length
            row[0, b] = np.uint64(index)
            counts[b, index] += weights[g]
        bits._hash64(row, hashes[g : g + 1])
    return len(grams) * grams.shape[1] * blocks


@kernel
def _modes(counts, seed, out):
    """The index of highest count in each block; word b of the SplitMix64 stream picks one of the tied."""
    salt = seed
    for b in range(counts.shape[0]):
        salt += bits.GOLDEN
        best, tied = np.int64(0), 0
        for i in range(counts.shape[1]):
            if counts[b, i] > best:
                best, tied = counts[b, i], 0
            tied += counts[b, i] == best
        pick = np.int64(bits._mix(salt) % np.uint64(tied))
        for i in range(counts.shape[1]):
            if counts[b, i] == best:
                if pick == 0:
                    out[b] = i
                    break
                pick -= 1
    return counts.shape[0] * counts.shape[1]


def profile(space: Space, items: Any, tokens: Any, *, n: int = 3) -> NDArray[Any]:
    """All n-grams of a text in one vector: ``[Σ_t x_t ⊗ ρ x_{t−1} ⊗ … ⊗ ρ^{n−1} x_{t−n+1}]``.

    Bit for bit the bundle of :func:`ngrams`, ties included. What is counted are the *distinct* n-grams, weighted by
    how often they occur; each is made, counted and forgotten, so that memory does not grow with their number
    (in bsc and sbc; other spaces hold the distinct n-grams while they are bundled).

    Args:
        items: ``(V, width)`` one vector per symbol, or :class:`HashedItems`.
        tokens: ``(..., T)`` indices of ``items`` (or keys of hashed items; a ``str`` is its characters).
        n: length of a gram, at most T.

    Returns:
        ``(..., width)``.

    Source: Joshi, Halseth & Kanerva, "Language geometry using random indexing" (2016).

    >>> from hdspike.encode import HashedItems
    >>> from hdspike.spaces import BSC
    >>> space = BSC(10_000)
    >>> letters = HashedItems(space)
    >>> a, b, c = (profile(space, letters, text) for text in ("banana bandana", "a bandana", "wxyz qrst"))
    >>> (space.similarity([a], [b, c]) > 0.3).tolist()
    [[True, False]]
    """
    vectors, given = resolve(space, items, tokens)
    windows(given.shape, n)
    if given.ndim > 1:
        flat = given.reshape(-1, given.shape[-1])
        out = np.empty((len(flat), space.width), dtype=vectors.dtype)
        for text, row in zip(flat, out, strict=True):
            row[:] = _profile(space, vectors, text, n)
        return out.reshape(*given.shape[:-1], space.width)
    return _profile(space, vectors, given, n)


def _profile(space: Space, vectors: NDArray[Any], text: NDArray[np.int64], n: int) -> NDArray[Any]:
    used, places = in_use(text, len(vectors))
    grams, weights = distinct(places, len(used), n)
    vectors = vectors[used]
    if isinstance(space, BSC):
        return _profile_bits(space, vectors, grams, weights)
    if isinstance(space, SBC):
        return _profile_blocks(space, vectors, grams, weights)
    rows = vectors[grams[:, 0]]
    for j in range(1, n):
        rows = space.bind(rows, space.permute(vectors, j)[grams[:, j]])
    return space.bundle(rows, weights=weights)


def _profile_bits(space: BSC, vectors: Any, grams: Any, weights: Any) -> NDArray[np.uint64]:
    rotated = [space.permute(vectors, j) for j in range(grams.shape[1])]
    order = np.argsort(weights)  # rows of like weight together: fewer passes of the counters
    votes = bits.Counters(space.dim)
    for start in range(0, len(order), CHUNK):
        part = order[start : start + CHUNK]
        rows = rotated[0][grams[part, 0]]
        for j in range(1, grams.shape[1]):
            rows ^= rotated[j][grams[part, j]]
        votes.add(rows, weights=weights[part])
    return votes.majority()


def _profile_blocks(space: SBC, items: Any, grams: Any, weights: Any) -> NDArray[Any]:
    counts = np.zeros((space.blocks, space.length), dtype=np.int64)
    hashes = np.empty(len(grams), dtype=np.uint64)
    row = np.empty((1, space.blocks), dtype=np.uint64)
    _count_blocks(items, grams, weights, space.length, row, counts, hashes)
    out = np.empty(space.blocks, dtype=space.dtype)
    seed = np.uint64((weights.astype(np.uint64) * hashes).sum(dtype=np.uint64))
    _modes(counts, seed, out)
    return out
