"""Hashed items: a vector for every key, made again from a hash whenever it is asked for, so that none is stored.

A key becomes 64 bits, ``base = mix(key ⊕ mix(mix(seed + φ) ⊕ kind of key))``, and draw ``i`` of its vector is the word
``mix(base ⊕ salt_i)``, mix being the finaliser of SplitMix64 (Steele, Lea & Flood 2014): a pure function, the same
in every process and on every machine, jitted or not.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import bits, check
from hdspike.jit import kernel, spread
from hdspike.spaces import BSC, BSDC, SBC, Space

__all__ = ["HashedItems"]

KINDS = 7
INTEGER, LARGE, HUGE, TEXT, BYTES, COORDINATE, FEATURE = range(
    KINDS
)  # 7, "7" and b"7" have unrelated vectors
PHI = int(bits.GOLDEN)
LOW32, S32 = np.uint64(0xFFFFFFFF), np.uint64(32)
SMALL = 1 << 15  # numbers below which threads cost more than they save
SALT = np.uint64(0x8EBC6AF09C88C6E3)


@kernel
def _salt(i):
    """``mix(SALT + (i + 1)·φ)``: word i of one fixed SplitMix64 stream."""
    return bits._mix(SALT + np.uint64(i + 1) * bits.GOLDEN)


@kernel
def _below(x, size):
    """``⌊x·size ÷ 2⁶⁴⌋`` for size ≤ 2³²: a fair word as a number in [0, size), even to size ÷ 2⁶⁴."""
    return ((x >> S32) * size + (((x & LOW32) * size) >> S32)) >> S32


@kernel
def _mixed(words, out):
    for i in range(len(words)):
        out[i] = bits._mix(words[i])
    return len(words)


@kernel
def _salts(start, out):
    """Salts ``start …``; returns how many."""
    for i in range(len(out)):
        out[i] = _salt(start + i)
    return len(out)


@kernel
def _hashed_words(bases, salts, out):
    """``out[r, i] = mix(bases[r] ⊕ salts[i])``; returns the words made."""
    for r in range(out.shape[0]):
        for i in range(out.shape[1]):
            out[r, i] = bits._mix(bases[r] ^ salts[i])
    return out.shape[0] * out.shape[1]


@kernel
def _hashed_blocks(bases, salts, length, out):
    """``out[r, b]`` = draw b of ``bases[r]`` as an index in [0, length); returns the indices made."""
    for r in range(out.shape[0]):
        for b in range(out.shape[1]):
            out[r, b] = np.int32(_below(bits._mix(bases[r] ^ salts[b]), length))
    return out.shape[0] * out.shape[1]


@kernel
def _hashed_subset(bases, dim, out):
    """Sorted distinct numbers in [0, dim): the draws of ``bases[r]`` until the row is full; returns the draws."""
    draws = 0
    for r in range(out.shape[0]):
        filled, i = 0, 0
        while filled < out.shape[1]:
            index = np.int32(_below(bits._mix(bases[r] ^ _salt(i)), dim))
            i += 1
            place = filled
            while place > 0 and out[r, place - 1] > index:
                place -= 1
            if place == 0 or out[r, place - 1] != index:
                for k in range(filled, place, -1):
                    out[r, k] = out[r, k - 1]
                out[r, place] = index
                filled += 1
        draws += i
    return draws


def _each(work: Callable[[int, int], Any], out: NDArray[Any]) -> NDArray[Any]:
    """``out``, its rows filled by ``work(low, high)``: on threads where there is enough to do."""
    if out.size < SMALL:
        work(0, len(out))
    else:
        spread(work, len(out))
    return out


def salts(start: int, stop: int) -> NDArray[np.uint64]:
    """Salts ``start`` … ``stop − 1``."""
    out = np.empty(stop - start, dtype=np.uint64)
    _salts(start, out)
    return out


def words(bases: NDArray[np.uint64], salts: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The words of the stream of each base at the given salts: ``(n,)`` and ``(m,)`` → ``(n, m)``."""
    out = np.empty((len(bases), len(salts)), dtype=np.uint64)
    return _each(lambda low, high: _hashed_words(bases[low:high], salts, out[low:high]), out)


def mixed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """``mix`` of every word, one to one: ``(...)`` → ``(...)``."""
    out = np.empty(words.size, dtype=np.uint64)
    _mixed(np.ascontiguousarray(words).reshape(-1), out)
    return out.reshape(words.shape)


def bases(words: NDArray[np.uint64], kinds: Any, seed: int) -> NDArray[np.uint64]:
    """``mix(key ⊕ mix(mix(seed + φ) ⊕ kind))``: of one kind and seed, no two keys have the same base."""
    roots = mixed(
        mixed(np.array([(seed + PHI) % 2**64], dtype=np.uint64)) ^ np.arange(KINDS, dtype=np.uint64)
    )
    return mixed(words ^ roots[kinds])


def below(words: NDArray[np.uint64], size: int) -> NDArray[np.int32]:
    """``⌊word·size ÷ 2⁶⁴⌋``, as the kernels do it."""
    limit = np.uint64(size)
    return (((words >> S32) * limit + (((words & LOW32) * limit) >> S32)) >> S32).astype(np.int32)


def uniform(words: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Words as numbers strictly between 0 and 1: ``(⌊word ÷ 2¹²⌋ + ½)·2⁻⁵²``, which no float64 rounds."""
    return ((words >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def _word(key: Any) -> tuple[int, int]:
    """A key as 64 bits and its kind."""
    if isinstance(key, str):
        kind, text = TEXT, key.encode("utf-8", "surrogatepass")
    elif isinstance(key, bytes):
        kind, text = BYTES, key
    elif isinstance(key, int | np.integer) and not isinstance(key, bool):
        if -(2**63) <= key < 2**64:
            return int(key) % 2**64, INTEGER if key < 2**63 else LARGE
        kind, text = HUGE, str(key).encode()
    else:
        raise TypeError(f"keys must be integers, str or bytes, got {key!r} of type {type(key).__name__}")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little"), kind


def as_keys(keys: Any) -> NDArray[Any]:
    """Keys as an array: of integers, or of objects (NumPy's own text dtypes would drop zero bytes at the end)."""
    if isinstance(keys, np.ndarray | np.generic):
        return np.asarray(keys)
    given = np.array(keys, dtype=object)
    if given.size and all(
        isinstance(key, int | np.integer) and not isinstance(key, bool) for key in given.flat
    ):
        try:
            return given.astype(np.int64)
        except OverflowError:
            return given
    return given


class HashedItems:
    """Item vectors that need no memory: ``items[keys]`` is a pure function of the keys, the space and the seed.

    Keys are integers of any size, ``str`` or ``bytes``; shape ``(...)`` → vectors ``(..., width)``, in the space's
    dtype. Vectors of distinct keys, and of one key under distinct seeds, are as good as independent (their 64-bit
    bases collide with a chance of 2⁻⁶⁴ a pair). Integer keys cost one multiply-xorshift hash a word.

    >>> from hdspike.spaces import BSC
    >>> items = HashedItems(BSC(10_000), seed=1)
    >>> items["dog"].shape, items[[3, 1, 4]].shape
    ((157,), (3, 157))
    >>> bool(np.all(items["dog"] == HashedItems(BSC(10_000), seed=1)["dog"]))
    True
    """

    def __init__(self, space: Space, *, seed: int = 0) -> None:
        if not isinstance(space, BSC | SBC | BSDC):
            raise TypeError(f"space must be bsc, sbc or bsdc, got {space!r}")
        self.space = space
        self.seed = check.integer("seed", seed, low=0, high=2**64 - 1)
        self._salts = salts(0, space.width)

    def __repr__(self) -> str:
        return f"HashedItems({self.space!r}, seed={self.seed})"

    def __getitem__(self, keys: Any) -> NDArray[Any]:
        given = as_keys(keys)
        if given.dtype.kind in "iu":
            flat = given.reshape(-1)
            kinds = np.where(flat > 2**63 - 1, LARGE, INTEGER) if flat.dtype == np.uint64 else INTEGER
            return self._vectors(bases(flat.astype(np.uint64), kinds, self.seed), given.shape)
        pairs = np.array([_word(key) for key in given.reshape(-1).tolist()], dtype=np.uint64).reshape(-1, 2)
        return self._vectors(bases(pairs[:, 0], pairs[:, 1].astype(np.int64), self.seed), given.shape)

    def __call__(self, keys: Any) -> NDArray[Any]:
        """The same as ``items[keys]``."""
        return self[keys]

    def _vectors(self, base: NDArray[np.uint64], shape: tuple[int, ...]) -> NDArray[Any]:
        space = self.space
        if isinstance(space, BSC):
            made = words(base, self._salts)
            made[:, -1] &= bits.tail_mask(space.dim)
            return made.reshape(*shape, space.width)
        out = np.empty((len(base), space.width), dtype=space.dtype)
        if isinstance(space, SBC):
            salts, length = self._salts, np.uint64(space.length)
            _each(lambda low, high: _hashed_blocks(base[low:high], salts, length, out[low:high]), out)
        else:
            dim = np.uint64(space.dim)
            _each(lambda low, high: _hashed_subset(base[low:high], dim, out[low:high]), out)
        return out.reshape(*shape, space.width)
