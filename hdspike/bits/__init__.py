"""Bits in machine words: pack, unpack, popcount, rotate, majority, Hamming distance, nearest rows.

Everything here works on ``uint64`` words in little-endian bit order: bit ``i`` of a vector is bit ``i % 64``
of word ``i // 64``. ``dim`` is any positive number of bits; the bits of the last word beyond ``dim`` (its
tail) are zero before and after every operation. Nothing is unpacked to bytes unless you ask for it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.jit import kernel, spread

__all__ = [
    "hamming",
    "hash64",
    "majority",
    "nearest",
    "pack",
    "popcount",
    "random",
    "rotate",
    "tail_mask",
    "unpack",
    "word_count",
]

Words = NDArray[np.uint64]

ZERO, ONE, FULL = np.uint64(0), np.uint64(1), np.uint64(0xFFFFFFFFFFFFFFFF)
M1, M2, M4 = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333), np.uint64(0x0F0F0F0F0F0F0F0F)
H01 = np.uint64(0x0101010101010101)
S1, S2, S4, S56 = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(56)
S27, S30, S31 = np.uint64(27), np.uint64(30), np.uint64(31)
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX1, MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
BITS = 64


def word_count(dim: int) -> int:
    """Words that hold ``dim`` bits: ``⌈dim ÷ 64⌉``."""
    return -(-check.integer("dim", dim, low=1) // BITS)


def tail_mask(dim: int) -> np.uint64:
    """The bits of the last word that belong to a vector of ``dim`` bits."""
    used = (check.integer("dim", dim, low=1) - 1) % BITS + 1
    return np.uint64((1 << used) - 1)


def words_of(name: str, value: Any, dim: int) -> Words:
    """``value`` as contiguous words of ``dim`` bits, or an error that names ``name``."""
    given = np.asarray(value)
    if given.dtype != np.uint64:
        raise TypeError(f"{name} must be uint64 words, got dtype {given.dtype}")
    if given.ndim == 0 or given.shape[-1] != word_count(dim):
        raise ValueError(f"{name} must have {word_count(dim)} words for dim {dim}, got shape {given.shape}")
    return np.ascontiguousarray(given)


# --- packing -------------------------------------------------------------------------------------------


def pack(bits: Any) -> Words:
    """Words ``(..., ⌈D/64⌉)`` of an array of zeros and ones ``(..., D)``."""
    given = np.asarray(bits)
    if given.dtype.kind not in "biu":
        raise TypeError(f"bits must be booleans or integers, got dtype {given.dtype}")
    if given.ndim == 0 or given.shape[-1] == 0:
        raise ValueError(f"bits must have at least one bit along the last axis, got shape {given.shape}")
    if given.size and (given.min() < 0 or given.max() > 1):
        raise ValueError(f"bits must be 0 or 1, got values in [{given.min()}, {given.max()}]")
    dim = given.shape[-1]
    octets = np.packbits(given.astype(bool), axis=-1, bitorder="little")
    padded = np.zeros((*given.shape[:-1], word_count(dim) * 8), dtype=np.uint8)
    padded[..., : octets.shape[-1]] = octets
    return padded.view(np.dtype("<u8")).astype(np.uint64, copy=False)


def unpack(words: Any, dim: int) -> NDArray[np.uint8]:
    """The zeros and ones ``(..., dim)`` of words: the inverse of :func:`pack`."""
    given = words_of("words", words, dim)
    octets = given.astype(np.dtype("<u8"), copy=False).view(np.uint8)
    return np.unpackbits(octets, axis=-1, count=dim, bitorder="little")


def random(num: int, dim: int, *, rng: check.Rng = None) -> Words:
    """``num`` vectors of ``dim`` independent fair bits: words ``(num, ⌈dim/64⌉)``."""
    check.integer("num", num, low=0)
    count = word_count(dim)
    words = check.generator(rng).integers(0, 2**64, size=(num, count), dtype=np.uint64)
    words[:, -1] &= tail_mask(dim)
    return words


# --- popcount ------------------------------------------------------------------------------------------


@kernel
def _ones(x):
    """Ones in one word. The multiply form is what LLVM recognises as ``vpopcnt`` where the CPU has it."""
    x = x - ((x >> S1) & M1)
    x = (x & M2) + ((x >> S2) & M2)
    x = (x + (x >> S4)) & M4
    return (x * H01) >> S56


@kernel
def _popcount(words, out):
    """Ones per row; returns the words counted."""
    rows, count = words.shape
    for r in range(rows):
        total = ZERO
        for w in range(count):
            total += _ones(words[r, w])
        out[r] = np.int64(total)
    return rows * count


def popcount(words: Any, dim: int) -> NDArray[np.int64]:
    """Ones of each vector: words ``(..., W)`` → counts ``(...)``."""
    given = words_of("words", words, dim)
    flat = given.reshape(-1, given.shape[-1])
    out = np.empty(len(flat), dtype=np.int64)
    _popcount(flat, out)
    return out.reshape(given.shape[:-1])


# --- hashing (seeds of tie-breaking streams) ----------------------------------------------------------


@kernel
def _mix(x):
    """The finaliser of SplitMix64 (Steele, Lea & Flood 2014): every input bit reaches every output bit."""
    x = (x ^ (x >> S30)) * MIX1
    x = (x ^ (x >> S27)) * MIX2
    return x ^ (x >> S31)


@kernel
def _hash64(words, out):
    """``hash64(row) = mix(Σ_i mix(word_i ⊕ (i + 1)·φ))``: a sum, so that the loop vectorises."""
    rows, count = words.shape
    for r in range(rows):
        total = ZERO
        salt = ZERO
        for w in range(count):
            salt += GOLDEN
            total += _mix(words[r, w] ^ salt)
        out[r] = _mix(total)
    return rows * count


def hash64(words: Any) -> Words:
    """A 64-bit hash of each row of words ``(..., W)`` → ``(...)``; equal rows have equal hashes."""
    given = np.asarray(words)
    if given.dtype != np.uint64:
        raise TypeError(f"words must be uint64, got dtype {given.dtype}")
    if given.ndim == 0 or given.shape[-1] == 0:
        raise ValueError(f"words must have at least one word along the last axis, got shape {given.shape}")
    flat = np.ascontiguousarray(given).reshape(-1, given.shape[-1])
    out = np.empty(len(flat), dtype=np.uint64)
    _hash64(flat, out)
    return out.reshape(given.shape[:-1])


# --- rotation ------------------------------------------------------------------------------------------


@kernel
def _shift_up(row, shift, out):
    """``out |= row · 2^shift``, bits past the last word fall off."""
    q, r = shift // BITS, np.uint64(shift % BITS)
    count = len(row)
    if r == ZERO:
        for w in range(q, count):
            out[w] |= row[w - q]
        return
    back = np.uint64(BITS) - r
    if q < count:
        out[q] |= row[0] << r
    for w in range(q + 1, count):
        out[w] |= (row[w - q] << r) | (row[w - q - 1] >> back)


@kernel
def _shift_down(row, shift, out):
    """``out |= row ÷ 2^shift``, bits below the first word fall off."""
    q, r = shift // BITS, np.uint64(shift % BITS)
    count = len(row)
    if r == ZERO:
        for w in range(count - q):
            out[w] |= row[w + q]
        return
    back = np.uint64(BITS) - r
    for w in range(count - q - 1):
        out[w] |= (row[w + q] >> r) | (row[w + q + 1] << back)
    if q < count:
        out[count - q - 1] |= row[count - 1] >> r


@kernel
def _rotate(words, dim, shift, mask, out):
    """Rotate every row by ``shift`` in ``[0, dim)``; returns the words written."""
    rows, count = words.shape
    for r in range(rows):
        for w in range(count):
            out[r, w] = ZERO
        _shift_up(words[r], shift, out[r])
        if shift:
            _shift_down(words[r], dim - shift, out[r])
        out[r, count - 1] &= mask
    return rows * count


def rotate(words: Any, dim: int, shifts: int = 1) -> Words:
    """Move bit ``i`` to bit ``(i + shifts) mod dim``, for any number of bits, negative too.

    Words ``(..., W)`` → words of the same shape.
    """
    given = words_of("words", words, dim)
    shift = check.integer("shifts", shifts) % dim
    flat = given.reshape(-1, given.shape[-1])
    out = np.empty_like(flat)
    _rotate(flat, dim, shift, tail_mask(dim), out)
    return out.reshape(given.shape)


# --- majority ------------------------------------------------------------------------------------------


@kernel
def _majority(rows, weights, total, seed, mask, planes, out):
    """Weighted majority of ``rows`` (K, W) with bit-sliced counters; returns the words read.

    ``planes`` (P, W) holds bit ``p`` of all counters in its row ``p``. A row of weight w is added once per
    set bit of w, by ripple carry from that bit up. Then count > total/2 is decided plane by plane, from the
    top; where count = total/2 the bit of a SplitMix64 stream decides.
    """
    count = rows.shape[1]
    depth = planes.shape[0]
    half = total // 2
    even = total % 2 == 0
    for p in range(depth):
        for w in range(count):
            planes[p, w] = ZERO
    for k in range(rows.shape[0]):
        weight = weights[k]
        base = 0
        while weight > 0:
            if weight & 1:
                for w in range(count):
                    carry = rows[k, w]
                    p = base
                    while carry != ZERO:
                        old = planes[p, w]
                        planes[p, w] = old ^ carry
                        carry = old & carry
                        p += 1
            weight >>= 1
            base += 1
    salt = seed
    for w in range(count):
        salt += GOLDEN
        above, equal = ZERO, FULL
        for p in range(depth - 1, -1, -1):
            plane = planes[p, w]
            if (half >> p) & 1:
                equal &= plane
            else:
                above |= equal & plane
                equal &= ~plane
        if even:
            above |= equal & _mix(salt)
        out[w] = above
    out[count - 1] &= mask
    return rows.shape[0] * count


@kernel
def _majority_batch(rows, weights, hashes, mask, planes, out):
    """:func:`_majority` of each batch of ``rows`` (B, K, W), weights (B, K); returns the words read."""
    read = 0
    for b in range(rows.shape[0]):
        total = 0
        seed = ZERO
        for k in range(rows.shape[1]):
            total += weights[b, k]
            seed += np.uint64(weights[b, k]) * hashes[b, k]
        read += _majority(rows[b], weights[b], total, seed, mask, planes, out[b])
    return read


def majority(words: Any, dim: int, *, weights: Any = None) -> Words:
    """The bit that most of K vectors have, each counted ``weights`` times.

    ``out_i = [Σ_k w_k x_ki > ½ Σ_k w_k]``, over axis −2: words ``(..., K, W)`` and integer weights
    ``(..., K)`` ≥ 0 → ``(..., W)``. Where both sides weigh the same, the bit comes from a SplitMix64 stream
    seeded with ``Σ_k w_k·hash64(x_k) mod 2⁶⁴``: without bias, and the same for the same multiset in any
    order.

    Raises:
        ValueError: K = 0, a negative weight, or weights that sum to 0.
    """
    given = words_of("words", words, dim)
    counts = check.bundle_weights(weights, given.shape[:-1])
    rows = given.reshape(-1, *given.shape[-2:])
    flat = counts.reshape(-1, given.shape[-2])
    out = np.empty((len(rows), given.shape[-1]), dtype=np.uint64)
    if len(rows):
        heaviest = int(flat.sum(axis=1).max())
        planes = np.empty((heaviest.bit_length(), given.shape[-1]), dtype=np.uint64)
        _majority_batch(rows, flat, hash64(rows), tail_mask(dim), planes, out)
    return out.reshape(*given.shape[:-2], given.shape[-1])


# --- distance ------------------------------------------------------------------------------------------


@kernel
def _distance(a, b):
    """Hamming distance of two rows of words."""
    total = ZERO
    for w in range(len(a)):
        total += _ones(a[w] ^ b[w])
    return np.int64(total)


@kernel
def _hamming(queries, rows, out):
    """``out[q, r] = |queries[q] ⊕ rows[r]|``; rows are visited in tiles that stay in cache."""
    tile = 64
    for start in range(0, len(rows), tile):
        for q in range(len(queries)):
            for r in range(start, min(start + tile, len(rows))):
                out[q, r] = _distance(queries[q], rows[r])
    return len(queries) * len(rows) * queries.shape[1]


def hamming(queries: Any, rows: Any, dim: int) -> NDArray[np.int32]:
    """Differing bits of every pair: ``(Q, W)`` against ``(M, W)`` → ``(Q, M)``."""
    a, b = words_of("queries", queries, dim), words_of("rows", rows, dim)
    if a.ndim != 2 or b.ndim != 2:
        raise ValueError(f"queries and rows must be batches (n, words), got shapes {a.shape} and {b.shape}")
    out = np.empty((len(a), len(b)), dtype=np.int32)
    if len(a) == 1:
        spread(lambda low, high: _hamming(a, b[low:high], out[:, low:high]), len(b))
    else:
        spread(lambda low, high: _hamming(a[low:high], b, out[low:high]), len(a))
    return out


@kernel
def _smallest(values, k, largest, histogram, out):
    """Indices of the k smallest ``values`` in [0, largest], ordered by (value, index): one counting sort.

    ``histogram`` (largest + 2) is scratch. Returns how many were written, ``min(k, len(values))``.
    """
    for v in range(largest + 2):
        histogram[v] = 0
    for i in range(len(values)):
        histogram[values[i] + 1] += 1
    bound = largest
    for v in range(largest + 1):
        histogram[v + 1] += histogram[v]  # histogram[v] is now the number of values below v
        if histogram[v + 1] >= k:
            bound = v
            break
    written = 0
    for i in range(len(values)):
        v = values[i]
        if v <= bound:
            place = histogram[v]
            if place < k:
                out[place] = i
                histogram[v] += 1
                written += 1
    return written


def nearest(queries: Any, rows: Any, dim: int, k: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The k rows of least Hamming distance to each query, nearest first, equal ones by index.

    ``(Q, W)`` against ``(M, W)`` → indices ``(Q, min(k, M))`` and distances of the same shape.
    """
    check.integer("k", k, low=1)
    distances = hamming(queries, rows, dim)
    count = min(k, distances.shape[1])
    chosen = np.empty((len(distances), count), dtype=np.int64)
    scratch = np.empty(dim + 2, dtype=np.int64)
    for q in range(len(distances)):
        _smallest(distances[q], count, dim, scratch, chosen[q])
    return chosen, np.take_along_axis(distances, chosen, axis=1)
