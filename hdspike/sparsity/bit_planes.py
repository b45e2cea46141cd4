"""The product of integers and ternary weights by bits alone: no multiplication, 64 weights to a word.

Weights W ∈ {−1, 0, 1} are two bit planes, plus = [W = 1] and minus = [W = −1]: two bits a weight. An activation of 8
bits is eight, x = Σ_b 2ᵇ x_b − 2⁷ x₇ (b < 7; two's complement), so that

    x · w = Σ_b c_b (|x_b ∧ plus| − |x_b ∧ minus|),   c = 1, 2, 4, …, 64, −128

where |·| counts ones. Both counts are one: of the bits that minus has where x_b is 1, and plus where it is 0,

    |x_b ∧ plus| − |x_b ∧ minus| = |plus| − |(x_b ∧ minus) ∨ (¬x_b ∧ plus)|

which is one ternary logic instruction and one popcount for 512 weights on a CPU with AVX-512 (VPTERNLOG, VPOPCNTDQ);
and Σ c_b = −1 leaves of all |plus| only one. Exact: the same integers as a product in ``int32``. That ternary weights
need additions alone is Ma et al.'s point (2024, arXiv:2402.17764); planes of weights met by planes of activations are
the product of Zhou et al. 2016 (DoReFa-Net, arXiv:1606.06160), with two planes where a binary weight has one.

Zeros are not skipped: a word of plus and minus costs the same whatever its weights are.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hdspike import bits, check
from hdspike.bits.words import LARGE, ZERO, Words, _ones, words_of
from hdspike.jit import kernel, spread

__all__ = ["DEPTH", "Planes", "Work", "pack", "product", "product_of_bits", "unpack", "work"]

DEPTH = 8
"""Planes of an 8-bit activation."""
TILE = 512  # outputs whose sums stay in the first-level cache, and whose planes stay in the second
WIDEST = 2**24 - 1  # inputs: 128 times as many is the largest sum that an int32 holds

A7, S7 = np.uint64(0x00AA00AA00AA00AA), np.uint64(7)
A14, S14 = np.uint64(0x0000CCCC0000CCCC), np.uint64(14)
A28, S28 = np.uint64(0x00000000F0F0F0F0), np.uint64(28)
OCTET = np.uint64(255)


class Planes(NamedTuple):
    """Ternary weights ``(n_in, n_out)``, ready to be multiplied; made by :func:`pack`.

    Attributes:
        plus, minus: ``(words, n_out)`` of uint64: bit i % 64 of word i // 64 is weight i; an even number of words.
        ones: ``(n_out,)`` of int32, the weights that are +1.
        n_in: how many inputs there are.
    """

    plus: Words
    minus: Words
    ones: NDArray[np.int32]
    n_in: int

    @property
    def n_out(self) -> int:
        """How many outputs there are."""
        return self.plus.shape[1]

    @property
    def nbytes(self) -> int:
        """Bytes of the two planes, padding included."""
        return self.plus.nbytes + self.minus.nbytes


class Work(NamedTuple):
    """What a product takes: by the weights, and by the words that the kernel goes through.

    Attributes:
        additions: additions and subtractions of activations, one for each weight that is not zero.
        macs: the multiplications with an addition that a dense product needs instead.
        words: 64-bit words that are combined and counted.
    """

    additions: int
    macs: int
    words: int


def pack(weights: Any) -> Planes:
    """The planes of ternary weights ``(n_in, n_out)``.

    Raises:
        TypeError, ValueError: they are not a matrix of −1, 0 and 1.

    >>> pack([[1, 0], [-1, 1]]).ones.tolist()
    [1, 1]
    """
    given = check.array("weights", weights, np.int8, ndim=2)
    if not given.shape[0] or not given.shape[1] or given.shape[0] > WIDEST:
        raise ValueError(
            f"weights must be of 1 … {WIDEST:,} inputs and at least 1 output, got shape {given.shape}"
        )
    if given.min() < -1 or given.max() > 1:
        raise ValueError(f"weights must be in {{−1, 0, 1}}, got values in [{given.min()}, {given.max()}]")
    count = bits.word_count(len(given))
    planes = np.zeros((2, count + count % 2, given.shape[1]), dtype=np.uint64)
    for plane, value in zip(planes, (1, -1), strict=True):
        plane[:count] = bits.pack(np.ascontiguousarray((given == value).T)).T
    ones = (given == 1).sum(axis=0, dtype=np.int32)
    return Planes(planes[0], planes[1], ones, len(given))


def unpack(planes: Planes) -> NDArray[np.int8]:
    """The weights ``(n_in, n_out)`` of planes: the inverse of :func:`pack`."""
    count = bits.word_count(planes.n_in)
    plus, minus = (
        bits.unpack(np.ascontiguousarray(plane[:count].T), planes.n_in).T.astype(np.int8)
        for plane in (planes.plus, planes.minus)
    )
    return np.ascontiguousarray(plus - minus)


def work(planes: Planes, batch: int, *, depth: int = DEPTH) -> Work:
    """What :func:`product` takes for a batch (``depth=1``: :func:`product_of_bits`)."""
    check.integer("batch", batch, low=0)
    check.integer("depth", depth, low=1, high=DEPTH)
    nonzero = int(np.bitwise_count(planes.plus | planes.minus).sum())
    return Work(batch * nonzero, batch * planes.n_in * planes.n_out, batch * depth * planes.plus.size)


@kernel
def _slices(octets, out):
    """Bit planes of bytes: octets (T, W, 8), eight bytes to a word → ``out`` (T, W, 8), 64 bits of plane b in word b.

    Eight bytes are an 8 × 8 matrix of bits, transposed in three steps (Warren, *Hacker's Delight*, 2013, 7–3).
    Returns the words read.
    """
    batch, words, eight = octets.shape
    for t in range(batch):
        for w in range(words):
            for b in range(eight):
                out[t, w, b] = ZERO
            for k in range(eight):
                v = octets[t, w, k]
                swap = (v ^ (v >> S7)) & A7
                v = v ^ swap ^ (swap << S7)
                swap = (v ^ (v >> S14)) & A14
                v = v ^ swap ^ (swap << S14)
                swap = (v ^ (v >> S28)) & A28
                v = v ^ swap ^ (swap << S28)
                for b in range(eight):
                    out[t, w, b] |= ((v >> np.uint64(8 * b)) & OCTET) << np.uint64(8 * k)
    return octets.size


@kernel
def _eight(x, t, w):
    """The eight planes of one word of one sample, to be kept in registers."""
    return x[t, w, 0], x[t, w, 1], x[t, w, 2], x[t, w, 3], x[t, w, 4], x[t, w, 5], x[t, w, 6], x[t, w, 7]


@kernel
def _product(x, plus, minus, ones, first, last, sums, out):
    """``out[t, r] = Σ_b c_b (|plus| − |x_b chooses|)`` for r in [first, last): x (T, W, 8), planes (W, R), W even.

    ``(x ∧ (p ⊕ m)) ⊕ p`` is m where x is 1 and p where it is 0. Two words at a time, from the highest plane down,
    the sum doubled at each (Horner). ``sums`` (TILE) is scratch. Returns the words counted.
    """
    words = len(plus)
    for low in range(first, last, len(sums)):
        high = min(low + len(sums), last)
        for t in range(len(x)):
            sums[:] = ZERO
            for w in range(0, words, 2):
                a, b = _eight(x, t, w), _eight(x, t, w + 1)
                plus_a, minus_a = plus[w, low:high], minus[w, low:high]
                plus_b, minus_b = plus[w + 1, low:high], minus[w + 1, low:high]
                for r in range(high - low):
                    p, q = plus_a[r], plus_b[r]
                    d, e = p ^ minus_a[r], q ^ minus_b[r]
                    total = ZERO - _ones((a[7] & d) ^ p) - _ones((b[7] & e) ^ q)
                    for k in range(6, -1, -1):
                        total += total + _ones((a[k] & d) ^ p) + _ones((b[k] & e) ^ q)
                    sums[r] += total
            for r in range(high - low):
                out[t, low + r] = -ones[low + r] - np.int32(np.int64(sums[r]))
    return len(x) * words * (last - first) * 8


@kernel
def _product_of_bits(x, plus, minus, ones, first, last, sums, out):
    """``out[t, r] = |x ∧ plus| − |x ∧ minus|`` for r in [first, last): x (T, W), planes (W, R), W even.

    ``sums`` (TILE) is scratch. Returns the words counted.
    """
    words = len(plus)
    for low in range(first, last, len(sums)):
        high = min(low + len(sums), last)
        for t in range(len(x)):
            sums[:] = ZERO
            for w in range(0, words, 2):
                a, b = x[t, w], x[t, w + 1]
                plus_a, minus_a = plus[w, low:high], minus[w, low:high]
                plus_b, minus_b = plus[w + 1, low:high], minus[w + 1, low:high]
                for r in range(high - low):
                    p, q = plus_a[r], plus_b[r]
                    d, e = p ^ minus_a[r], q ^ minus_b[r]
                    sums[r] += _ones((a & d) ^ p) + _ones((b & e) ^ q)
            for r in range(high - low):
                out[t, low + r] = ones[low + r] - np.int32(np.int64(sums[r]))
    return len(x) * words * (last - first)


def product(x: Any, planes: Planes) -> NDArray[np.int32]:
    """``x W`` exactly, for activations ``(batch, n_in)`` of int8 → ``(batch, n_out)``; large work on all threads.

    Raises:
        TypeError, ValueError: x is not a batch of 8-bit integers of width ``n_in``.

    >>> product([[100, -128]], pack([[1, 0], [-1, 1]])).tolist()
    [[228, -128]]
    """
    given = check.batch("x", check.array("x", x, np.int8))
    if given.shape[1] != planes.n_in:
        raise ValueError(f"x must have {planes.n_in} entries in a sample, got shape {given.shape}")
    words = len(planes.plus)
    if given.shape[1] != words * bits.BITS:
        padded = np.zeros((len(given), words * bits.BITS), dtype=np.int8)
        padded[:, : planes.n_in] = given
        given = padded
    octets = given.view(np.dtype("<u8")).astype(np.uint64, copy=False).reshape(len(given), words, DEPTH)
    sliced = np.empty(octets.shape, dtype=np.uint64)
    _slices(octets, sliced)
    return _spread(_product, sliced, planes, DEPTH)


def product_of_bits(x: Any, planes: Planes) -> NDArray[np.int32]:
    """The same for activations of 0 and 1, packed: words ``(batch, ⌈n_in/64⌉)`` of spikes or of a hypervector.

    >>> product_of_bits(bits.pack([[1, 1], [0, 1]]), pack([[1, 0], [-1, 1]])).tolist()
    [[0, 1], [-1, 1]]
    """
    given = check.batch("x", words_of("x", x, planes.n_in))
    if given.shape[1] % 2:
        given = np.concatenate([given, np.zeros((len(given), 1), dtype=np.uint64)], axis=1)
    return _spread(_product_of_bits, given, planes, 1)


def _spread(compiled: Any, x: Words, planes: Planes, depth: int) -> NDArray[np.int32]:
    """Run a product over all outputs, on all threads where it is worth it."""
    out = np.empty((len(x), planes.n_out), dtype=np.int32)

    def part(low: int, high: int) -> None:
        sums = np.empty(TILE, dtype=np.uint64)
        compiled(x, planes.plus, planes.minus, planes.ones, low, high, sums, out)

    if len(x) * planes.plus.size * depth < LARGE:
        part(0, planes.n_out)
    else:
        spread(part, planes.n_out)
    return out
