"""Vectors of bits in ``uint64`` words: pack, unpack, draw, bind, count.

Bit ``i`` of a vector is bit ``i % 64`` of word ``i // 64``; the bits of the last word beyond ``dim`` are its tail.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.jit import kernel, spread

Words = NDArray[np.uint64]

ZERO, ONE, FULL = np.uint64(0), np.uint64(1), np.uint64(0xFFFFFFFFFFFFFFFF)
M1, M2, M4 = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333), np.uint64(0x0F0F0F0F0F0F0F0F)
H01 = np.uint64(0x0101010101010101)
S1, S2, S4, S56 = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(56)
BITS = 64
LARGE = 1 << 19  # words of work below which a second thread costs more than it saves
HUGE = 1 << 22  # the same for work that only moves words: one thread does it at the speed of memory


@lru_cache(maxsize=256, typed=True)
def word_count(dim: int) -> int:
    """Words that hold ``dim`` bits: ``⌈dim ÷ 64⌉``."""
    return -(-check.integer("dim", dim, low=1) // BITS)


@lru_cache(maxsize=256, typed=True)
def tail_mask(dim: int) -> np.uint64:
    """The bits of the last word that belong to a vector of ``dim`` bits."""
    used = (check.integer("dim", dim, low=1) - 1) % BITS + 1
    return np.uint64((1 << used) - 1)


def words_of(name: str, value: Any, dim: int) -> Words:
    """``value`` as contiguous words of ``dim`` bits with clean tails, or an error that names ``name``."""
    given = np.asarray(value)
    if given.dtype != np.uint64:
        raise TypeError(f"{name} must be uint64 words, got dtype {given.dtype}")
    if getattr(value, "dim", dim) != dim:  # hypervectors know their own
        raise ValueError(f"{name} must have dim {dim}, got dim {value.dim}")
    if given.ndim == 0 or given.shape[-1] != word_count(dim):
        raise ValueError(f"{name} must have {word_count(dim)} words for dim {dim}, got shape {given.shape}")
    if not mapped(given):
        check_tails(name, given, dim)
    return np.ascontiguousarray(given)


def check_tails(name: str, words: Words, dim: int) -> None:
    """An error that names ``name`` where a bit beyond ``dim`` is set."""
    if dim % BITS and words.size and np.any(words[..., -1] & ~tail_mask(dim)):
        raise ValueError(f"{name} must have zero bits beyond dim {dim}")


def mapped(array: Any) -> bool:
    """Whether an array is a view of a memory-mapped file, whose words are trusted: a look would read them all."""
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            return True
        array = array.base
    return False


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


# --- binding -------------------------------------------------------------------------------------------


def xor(a: Any, b: Any, dim: int, *, out: Any = None) -> Words:
    """Bind: ``a ⊕ b``, words ``(..., W)`` of broadcasting shapes, written into ``out`` where it is given.

    ``out`` may be ``a`` or ``b`` itself. Associative, commutative, its own inverse.
    """
    left, right = words_of("a", a, dim), words_of("b", b, dim)
    shape = left.shape
    if shape != right.shape:
        try:
            shape = np.broadcast_shapes(left.shape, right.shape)
        except ValueError as error:
            raise ValueError(f"a and b must broadcast, got shapes {left.shape} and {right.shape}") from error
    target = check.receiver(out, shape, np.uint64)
    # Threads only where no thread can read what another has written: out is apart from, or the same as, each input.
    apart = all(target is x or not np.may_share_memory(target, x) for x in (left, right))
    if target.size >= HUGE and left.shape == right.shape and apart:
        x, y, z = left.reshape(-1), right.reshape(-1), target.reshape(-1)
        spread(lambda low, high: np.bitwise_xor(x[low:high], y[low:high], out=z[low:high]), z.size)
        return target
    return np.bitwise_xor(left, right, out=target)
