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
from hdspike.spaces.base import apart, joint, plain
from hdspike.spaces.sparse import SparseSpace
from hdspike.spaces.ties import _seed

BLOCKS = 128
SHORT = 8  # a block up to this many times longer than the bundle is counted as a whole
ALONE = 2**18  # indices of a batch of bundles that are not worth a second thread
TILE = 4096  # indices checked and then added while they are in cache


@kernel
def _outside(a, b, length):
    """Whether an index of two runs of one size is outside ``[0, length)``."""
    low = high = a[0]
    for i in range(len(a)):
        low = min(low, min(a[i], b[i]))
        high = max(high, max(a[i], b[i]))
    return low < 0 or high >= length


@kernel
def _bind(a, b, length, out):
    """``out = (a + b) mod length``, row by row; a single row of ``a`` or ``b`` meets every row of the other.

    A tile is checked, then added while it is in cache, without a sum that could pass the dtype. Returns the tiles
    that hold an index outside ``[0, length)``, of which ``out`` has nothing.
    """
    refused = 0
    for r in range(out.shape[0]):
        first, second = a[r if len(a) > 1 else 0], b[r if len(b) > 1 else 0]
        for start in range(0, out.shape[1], TILE):
            x, y = first[start : start + TILE], second[start : start + TILE]
            into = out[r, start : start + TILE]
            if _outside(x, y, length):
                refused += 1
                continue
            for i in range(len(x)):
                gap = out.dtype.type(length - y[i])
                into[i] = x[i] - gap if x[i] >= gap else x[i] + y[i]
    return refused


@kernel
def _pick(salt, tied):
    """Which of ``tied`` equals the stream chooses."""
    return np.int64(bits._mix(salt) % np.uint64(tied))


@kernel
def _bundle_long(rows, weights, counts, marks, out):
    """Weighted mode of each block of ``rows`` (N, K, B), for blocks longer than K; returns the indices read.

    Only the indices that occur are looked at. ``counts`` (L) and ``marks`` (⌈L/64⌉), a bit for each index of most
    weight, are zero before and after. The stream picks one of the tied indices, by its rank among them.
    """
    batches, members, blocks = rows.shape
    for n in range(batches):
        salt = _seed(rows[n], weights[n])
        for b in range(blocks):
            salt += bits.GOLDEN
            best = np.int64(0)
            for k in range(members):
                index = rows[n, k, b]
                counts[index] += weights[n, k]
                best = max(best, counts[index])
            tied = bits.ZERO
            for k in range(members):
                index = rows[n, k, b]
                if counts[index] == best:
                    bit = bits.ONE << np.uint64(index % 64)
                    tied += np.uint64((marks[index // 64] & bit) == bits.ZERO)
                    marks[index // 64] |= bit
            left = _pick(salt, tied)
            chosen = np.int64(-1)
            for word in range(len(marks)):
                ones = np.int64(bits._ones(marks[word]))
                if chosen < 0 and left < ones:
                    rest = marks[word]
                    for _ in range(left):
                        rest &= rest - bits.ONE
                    chosen = 64 * word + np.int64(bits._ones((rest & (~rest + bits.ONE)) - bits.ONE))
                left -= ones
                marks[word] = bits.ZERO
            out[n, b] = chosen
            for k in range(members):
                counts[rows[n, k, b]] = 0
    return rows.size


@kernel
def _bundle_short(rows, weights, counts, out):
    """:func:`_bundle_long` for blocks that are not much longer than K: row by row into all ``counts`` (B, L)."""
    batches, members, blocks = rows.shape
    for n in range(batches):
        for b in range(blocks):
            for index in range(counts.shape[1]):
                counts[b, index] = 0
        for k in range(members):
            weight = weights[n, k]
            for b in range(blocks):
                counts[b, rows[n, k, b]] += weight
        salt = _seed(rows[n], weights[n])
        for b in range(blocks):
            salt += bits.GOLDEN
            votes = counts[b]
            best = votes[0]
            for index in range(len(votes)):
                best = max(best, votes[index])
            tied = 0
            for index in range(len(votes)):
                tied += votes[index] == best
            left = _pick(salt, tied)
            chosen = np.int64(-1)
            while left >= 0:
                chosen += 1
                left -= votes[chosen] == best
            out[n, b] = chosen
    return rows.size


@kernel
def _score(queries, items, out):
    """``out[q, m]`` = blocks in which query q and item m match, in tiles of items; returns the comparisons."""
    for start in range(0, len(items), 64):
        for q in range(len(queries)):
            for m in range(start, min(start + 64, len(items))):
                same = 0
                for b in range(queries.shape[1]):
                    same += queries[q, b] == items[m, b]
                out[q, m] = same
    return len(queries) * len(items) * queries.shape[1]


class SBC(SparseSpace):
    """Sparse block codes of ``dim`` bits in ``blocks`` blocks (128 by default), stored as indices.

    ``dtype`` is how an index is stored: ``int32``, or ``uint8`` or ``uint16`` for blocks of at most 2⁸ or 2¹⁶. The
    values are the same; the narrow ones take a quarter or half of the memory and of the time.
    """

    name = "sbc"
    claims = frozenset({"associative", "invertible", "isometric", "scattering", "distributive"})

    def __init__(self, dim: int, *, blocks: int = BLOCKS, dtype: Any = np.int32) -> None:
        self.dim = check.integer("dim", dim, low=1)
        self.blocks = self.width = self.top_score = self.span = check.integer("blocks", blocks, low=1)
        if dim % blocks or dim // blocks < 2:
            raise ValueError(
                f"dim must be a multiple of the {blocks} blocks, at least {2 * blocks}, got {dim}"
            )
        self.length = check.integer("block length dim ÷ blocks", dim // blocks, high=2**30)
        self.dtype = np.dtype(dtype)
        check.one_of("dtype", self.dtype.name, ("int32", "uint16", "uint8"))
        if self.length - 1 > np.iinfo(self.dtype).max:
            raise ValueError(
                f"dtype must hold indices below the block length {self.length}, got {self.dtype}"
            )

    def __repr__(self) -> str:
        kind = "" if self.dtype == np.int32 else f", dtype={self.dtype}"
        return f"SBC({self.dim}, blocks={self.blocks}{kind})"

    def _raw(self, name: str, vectors: Any) -> NDArray[Any]:
        """``vectors`` as contiguous indices of the right shape, not yet known to be in ``[0, length)``."""
        given = plain(name, vectors, self.dim)
        if given.dtype.kind not in "iu":
            raise TypeError(f"{name} must be block indices (integers), got dtype {given.dtype}")
        if given.ndim == 0 or given.shape[-1] != self.blocks:
            raise ValueError(
                f"{name} must have {self.blocks} blocks along the last axis, got shape {given.shape}"
            )
        if given.dtype != self.dtype:
            self._in_range(name, given)
        return np.ascontiguousarray(given, dtype=self.dtype)

    def _in_range(self, name: str, given: NDArray[Any]) -> None:
        if given.size and not (0 <= given.min() and given.max() < self.length):
            raise ValueError(f"{name} must be in [0, {self.length}), got {given.min()} … {given.max()}")

    def checked(self, name: str, vectors: Any) -> NDArray[Any]:
        given = self._raw(name, vectors)
        self._in_range(name, given)
        return given

    def random(self, num: int, *, rng: check.Rng = None) -> NDArray[Any]:
        check.integer("num", num, low=0)
        return (
            check.generator(rng)
            .integers(self.length, size=(num, self.blocks), dtype=np.int32)
            .astype(self.dtype, copy=False)
        )

    def bind(self, a: Any, b: Any, *, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Block-wise addition modulo the block length."""
        first, second = self._raw("a", a), self._raw("b", b)
        shape = joint(("a", "b"), first, second)
        receiver = check.receiver(out, shape, self.dtype)
        if out is not None:
            first, second = apart(first, out), apart(second, out)
        rows = []
        for given in (first, second):
            if given.shape == first.shape == second.shape:
                rows.append(given.reshape(1, -1))  # one long row
            elif given.ndim == 1:
                rows.append(given[None])
            else:
                rows.append(np.ascontiguousarray(np.broadcast_to(given, shape)).reshape(-1, self.blocks))
        flat = receiver.reshape(1, -1) if first.shape == second.shape else receiver.reshape(-1, self.blocks)
        if receiver.size and _bind(rows[0], rows[1], np.int64(self.length), flat):
            self.checked("a", first)
            self.checked("b", second)
        return receiver

    def inverse(self, a: Any) -> NDArray[Any]:
        """Block-wise negation modulo the block length."""
        return ((np.int32(self.length) - self.checked("a", a)) % np.int32(self.length)).astype(self.dtype)

    def bundle(self, vectors: Any, *, weights: Any = None) -> NDArray[Any]:
        """The index of most weight in each block, over axis −2.

        A tied block is decided among the tied indices by a stream seeded with ``Σ_k w_k·hash64(x_k) mod
        2⁶⁴``: without bias, and the same for the same multiset in any order.
        """
        given = self.checked("vectors", vectors)
        shares = check.bundle_weights(weights, given.shape[:-1])
        rows = given.reshape(-1, *given.shape[-2:])
        unsigned = rows.view(np.dtype(f"u{self.dtype.itemsize}"))
        flat = shares.reshape(-1, given.shape[-2])
        out = np.empty((len(rows), self.blocks), dtype=self.dtype)
        kind = np.uint16 if weights is None and given.shape[-2] < 2**16 else np.int64

        def work(low: int, high: int) -> None:
            if self.length <= SHORT * given.shape[-2]:
                counts = np.empty((self.blocks, self.length), dtype=kind)
                _bundle_short(unsigned[low:high], flat[low:high], counts, out[low:high])
            else:
                marks = np.zeros(-(-self.length // 64), dtype=np.uint64)
                votes = np.zeros(self.length, dtype=np.int64)
                _bundle_long(unsigned[low:high], flat[low:high], votes, marks, out[low:high])

        if rows.size < ALONE:
            work(0, len(rows))
        else:
            spread(work, len(rows))
        return out.reshape(*given.shape[:-2], self.blocks)

    def permute(self, a: Any, shifts: int = 1) -> NDArray[Any]:
        """Block ``b`` moves to ``(b + shifts) mod blocks``."""
        return np.roll(self.checked("a", a), check.integer("shifts", shifts), axis=-1)

    def _lines(self, vectors: NDArray[Any]) -> NDArray[np.int32]:
        return vectors + np.arange(self.blocks, dtype=np.int32) * np.int32(self.length)

    def _score(self, queries: NDArray[Any], items: NDArray[Any]) -> NDArray[np.int32]:
        out = np.empty((len(queries), len(items)), dtype=np.int32)
        spread(lambda low, high: _score(queries[low:high], items, out[low:high]), len(queries))
        return out
