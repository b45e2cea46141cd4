"""The sparse block code (Laiho et al. 2015; Frady, Kleyko & Sommer 2020): one active bit per block.

A vector of ``dim = blocks × block length`` bits is stored as the index of the active bit of each block,
``(..., blocks)``. Binding adds indices modulo the block length, which is lossless (XOR would not keep the
sparsity); bundling takes the weighted mode of each block; the permutation moves block ``b`` to ``b + 1``,
that is, bit ``i`` to bit ``i + block length`` (mod dim). Score: blocks in which two vectors match; a random pair
matches in a share of ``1 ÷ block length``.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import bits, check
from hdspike.jit import kernel, spread
from hdspike.spaces.base import Space

BLOCKS = 128


@kernel
def _bundle(rows, weights, seed, counts, out):
    """Weighted mode of each block of ``rows`` (K, B); returns the indices read.

    ``counts`` (L) is zero before and after. The SplitMix64 stream picks one of the tied indices, sorted.
    """
    salt = seed
    for b in range(rows.shape[1]):
        salt += bits.GOLDEN
        best = 0
        for k in range(rows.shape[0]):
            counts[rows[k, b]] += weights[k]
            best = max(best, counts[rows[k, b]])
        tied = 0
        for k in range(rows.shape[0]):  # a tied index counts once: it is marked by a negative count
            if counts[rows[k, b]] == best:
                counts[rows[k, b]] = -best
                tied += 1
        pick = np.int64(bits._mix(salt) % np.uint64(tied))
        chosen = np.int64(-1)
        for _ in range(pick + 1):  # the pick-th smallest of the tied indices
            least = np.int64(len(counts))
            for k in range(rows.shape[0]):
                index = np.int64(rows[k, b])
                if counts[index] == -best and chosen < index < least:
                    least = index
            chosen = least
        out[b] = chosen
        for k in range(rows.shape[0]):
            counts[rows[k, b]] = 0
    return rows.shape[0] * rows.shape[1]


@kernel
def _bundle_batch(rows, weights, hashes, counts, out):
    """:func:`_bundle` of each batch of ``rows`` (N, K, B), weights (N, K); returns the indices read."""
    read = 0
    for n in range(rows.shape[0]):
        seed = bits.ZERO
        for k in range(rows.shape[1]):
            seed += np.uint64(weights[n, k]) * hashes[n, k]
        read += _bundle(rows[n], weights[n], seed, counts, out[n])
    return read


@kernel
def _score(queries, items, out):
    """``out[q, m]`` = blocks in which query q and item m match; returns the comparisons."""
    for q in range(len(queries)):
        for m in range(len(items)):
            same = 0
            for b in range(queries.shape[1]):
                same += queries[q, b] == items[m, b]
            out[q, m] = same
    return len(queries) * len(items) * queries.shape[1]


class SBC(Space):
    """Sparse block codes of ``dim`` bits in ``blocks`` blocks (128 by default), stored as indices."""

    name = "sbc"

    def __init__(self, dim: int, *, blocks: int = BLOCKS) -> None:
        self.dim = check.integer("dim", dim, low=1)
        self.blocks = self.width = self.top_score = self.span = check.integer("blocks", blocks, low=1)
        if dim % blocks or dim // blocks < 2:
            raise ValueError(
                f"dim must be a multiple of the {blocks} blocks, at least {2 * blocks}, got {dim}"
            )
        self.length = check.integer("block length dim ÷ blocks", dim // blocks, high=2**30)

    def __repr__(self) -> str:
        return f"SBC({self.dim}, blocks={self.blocks})"

    def checked(self, name: str, vectors: Any) -> NDArray[np.int32]:
        given = np.asarray(vectors)
        if given.dtype.kind not in "iu":
            raise TypeError(f"{name} must be block indices (integers), got dtype {given.dtype}")
        if given.ndim == 0 or given.shape[-1] != self.blocks:
            raise ValueError(
                f"{name} must have {self.blocks} blocks along the last axis, got shape {given.shape}"
            )
        if given.size and not (0 <= given.min() and given.max() < self.length):
            raise ValueError(f"{name} must be in [0, {self.length}), got {given.min()} … {given.max()}")
        return np.ascontiguousarray(given, dtype=np.int32)

    def random(self, num: int, *, rng: check.Rng = None) -> NDArray[np.int32]:
        check.integer("num", num, low=0)
        return check.generator(rng).integers(self.length, size=(num, self.blocks), dtype=np.int32)

    def bind(self, a: Any, b: Any) -> NDArray[np.int32]:
        """Block-wise addition modulo the block length."""
        return (self.checked("a", a) + self.checked("b", b)) % np.int32(self.length)

    def inverse(self, a: Any) -> NDArray[np.int32]:
        """Block-wise negation modulo the block length."""
        return -self.checked("a", a) % np.int32(self.length)

    def bundle(self, vectors: Any, *, weights: Any = None) -> NDArray[np.int32]:
        """The index of most weight in each block, over axis −2.

        A tied block is decided among the tied indices by a stream seeded with ``Σ_k w_k·hash64(x_k) mod
        2⁶⁴``: without bias, and the same for the same multiset in any order.
        """
        given = self.checked("vectors", vectors)
        counts = check.bundle_weights(weights, given.shape[:-1])
        rows = given.reshape(-1, *given.shape[-2:])
        out = np.empty((len(rows), self.blocks), dtype=np.int32)
        hashes = bits.hash64(rows.astype(np.uint64))
        flat = counts.reshape(-1, given.shape[-2])
        _bundle_batch(rows, flat, hashes, np.zeros(self.length, dtype=np.int64), out)
        return out.reshape(*given.shape[:-2], self.blocks)

    def permute(self, a: Any, shifts: int = 1) -> NDArray[np.int32]:
        """Block ``b`` moves to ``(b + shifts) mod blocks``."""
        return np.roll(self.checked("a", a), check.integer("shifts", shifts), axis=-1)

    def score(self, queries: Any, items: Any) -> NDArray[np.int32]:
        """Blocks in which query and item match."""
        a, b = self.checked("queries", queries), self.checked("items", items)
        if a.ndim != 2 or b.ndim != 2:
            raise ValueError(
                f"queries and items must be batches (n, blocks), got shapes {a.shape} and {b.shape}"
            )
        out = np.empty((len(a), len(b)), dtype=np.int32)
        spread(lambda low, high: _score(a[low:high], b, out[low:high]), len(a))
        return out

    def scale(self, scores: Any) -> NDArray[Any]:
        """Share of the blocks that match, from 0 to 1."""
        return scores / self.blocks

    def to_words(self, vectors: Any) -> NDArray[np.uint64]:
        """The same vectors as packed bits ``(..., ⌈dim/64⌉)``, for I/O and as an oracle."""
        given = self.checked("vectors", vectors)
        dense = np.zeros((*given.shape[:-1], self.blocks, self.length), dtype=np.uint8)
        np.put_along_axis(dense, given[..., None].astype(np.int64), 1, axis=-1)
        return bits.pack(dense.reshape(*given.shape[:-1], self.dim))
