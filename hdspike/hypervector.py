"""Hypervectors: the checked batch of dense binary vectors that people hold."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from bitarray import bitarray
from numpy.typing import NDArray

from hdspike import bits, check, files

__all__ = ["Hypervectors"]


KIND = "hypervectors"
SEEN = 1000  # vectors whose ones the repr counts


class Hypervectors:
    """A batch of binary vectors of ``dim`` bits, 64 to a word.

    ``a ^ b`` (or ``a * b``) binds, ``a >> 3`` moves every bit up by 3 places (``<<`` back), ``==`` compares
    vector by vector, slicing takes from the batch, ``numpy.asarray`` gives the words ``(..., ⌈dim/64⌉)``.
    Shapes broadcast as in NumPy; ``==`` of batches is an array, as there. The bits beyond ``dim`` in the last
    word are always zero.

    >>> a = Hypervectors.random(2, 100, rng=0)
    >>> bool(np.all((a ^ a).count() == 0)), bool(np.all(a >> 3 << 3 == a))
    (True, True)
    """

    __slots__ = ("dim", "words")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, words: Any, dim: int) -> None:
        self.dim = check.integer("dim", dim, low=1)
        self.words = bits.words_of("words", words, dim)

    @classmethod
    def random(cls, num: int, dim: int, *, rng: check.Rng = None) -> "Hypervectors":
        """``num`` vectors of independent fair bits."""
        return cls(bits.random(num, dim, rng=rng), dim)

    @classmethod
    def from_bits(cls, values: Any) -> "Hypervectors":
        """From zeros and ones ``(..., dim)``."""
        return cls(bits.pack(values), np.asarray(values).shape[-1])

    @classmethod
    def from_bitarray(cls, value: bitarray) -> "Hypervectors":
        """A single vector from a ``bitarray`` of either endianness."""
        if not isinstance(value, bitarray):
            raise TypeError(f"value must be a bitarray, not {type(value).__name__}")
        return cls.from_bits(np.array(value.tolist(), dtype=np.uint8))

    def bitarray(self, index: int = 0) -> bitarray:
        """One vector of the batch as a little-endian ``bitarray``."""
        flat = self.words.reshape(-1, self.words.shape[-1])
        out = bitarray(endian="little")
        out.frombytes(flat[index].astype("<u8").tobytes())
        return out[: self.dim]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the batch, without the axis of words."""
        return self.words.shape[:-1]

    def save(self, path: str | Path) -> None:
        """Write the batch to one file: a header, then the words; see :func:`hdspike.files.save_array`."""
        files.save_array(path, self.words, kind=KIND, dim=self.dim)

    @classmethod
    def load(cls, path: str | Path, *, mmap: bool = True) -> "Hypervectors":
        """Open what :meth:`save` wrote. Memory-mapped, a million vectors open at once: words are read when used.

        Mapped words are read-only, and their tails are trusted; with ``mmap=False`` all is read and checked.

        Raises:
            ValueError: a file that does not hold hypervectors, or not whole.
        """
        words, meta = files.load_array(path, mmap=mmap)
        dim = meta.get("dim")
        if meta.get("kind") != KIND or type(dim) is not int or dim < 1 or words.dtype != np.uint64:
            raise ValueError(f"{path} must hold hypervectors, it holds {words.dtype} with {meta}")
        if words.ndim == 0 or words.shape[-1] != bits.word_count(dim):
            raise ValueError(f"{path} must hold words of {dim} bits, their shape is {words.shape}")
        return cls._trusted(words, dim) if mmap else cls(words, dim)

    @classmethod
    def _trusted(cls, words: NDArray[np.uint64], dim: int) -> "Hypervectors":
        """Words that are known to be right: nothing is read."""
        self = cls.__new__(cls)
        self.words, self.dim = words, dim
        return self

    def bits(self) -> NDArray[np.uint8]:
        """Zeros and ones ``(..., dim)``."""
        return bits.unpack(self.words, self.dim)

    def count(self) -> NDArray[np.int64]:
        """Ones per vector."""
        return bits.popcount(self.words, self.dim)

    def permute(self, shifts: int = 1) -> "Hypervectors":
        """Bit ``i`` moves to ``(i + shifts) mod dim``."""
        return self._trusted(bits.rotate(self.words, self.dim, shifts), self.dim)

    def bundle(self, *, weights: Any = None) -> "Hypervectors":
        """The (weighted) majority over the last axis of the batch: see :func:`hdspike.bits.majority`."""
        return self._trusted(bits.majority(self.words, self.dim, weights=weights), self.dim)

    def hamming(self, other: "Hypervectors") -> NDArray[np.int32]:
        """Differing bits of every pair: shape ``(*self.shape, *other.shape)``."""
        self._same_dim(other)
        pairs = bits.hamming(self._rows(), other._rows(), self.dim)
        return pairs.reshape((*self.shape, *other.shape))

    def nearest(self, memory: "Hypervectors", k: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Indices and distances ``(*self.shape, min(k, M))`` of the k nearest of ``memory``, a batch of one axis.

        See :func:`hdspike.bits.nearest`.
        """
        self._same_dim(memory)
        if memory.words.ndim != 2:
            raise ValueError(f"memory must be a batch of one axis, got shape {memory.shape}")
        indices, distances = bits.nearest(self._rows(), memory.words, self.dim, k)
        return indices.reshape((*self.shape, -1)), distances.reshape((*self.shape, -1))

    def _rows(self) -> NDArray[np.uint64]:
        return self.words.reshape(-1, self.words.shape[-1])

    @classmethod
    def stack(cls, parts: Iterable["Hypervectors"]) -> "Hypervectors":
        """Vectors or batches of one shape along a new first axis."""
        given = list(parts)
        if not given or any(not isinstance(part, Hypervectors) for part in given):
            raise ValueError(f"parts must be at least one Hypervectors, got {len(given)} parts")
        for part in given:
            given[0]._same_dim(part)
            if part.shape != given[0].shape:
                raise ValueError(f"parts must have one shape, got {given[0].shape} and {part.shape}")
        return cls._trusted(np.stack([part.words for part in given]), given[0].dim)

    def _same_dim(self, other: "Hypervectors") -> None:
        if self.dim != other.dim:
            raise ValueError(f"dim must be the same on both sides, got {self.dim} and {other.dim}")

    def _broadcast(self, other: "Hypervectors") -> None:
        try:
            np.broadcast_shapes(self.shape, other.shape)
        except ValueError as error:
            raise ValueError(f"shapes must broadcast, got {self.shape} and {other.shape}") from error

    def __xor__(self, other: object) -> "Hypervectors":
        if not isinstance(other, Hypervectors):
            return NotImplemented
        self._same_dim(other)
        return self._trusted(bits.xor(self.words, other.words, self.dim), self.dim)

    __mul__ = __xor__

    def __rshift__(self, shifts: int) -> "Hypervectors":
        return self.permute(shifts)

    def __lshift__(self, shifts: int) -> "Hypervectors":
        return self.permute(-shifts)

    def __eq__(self, other: object) -> Any:
        if not isinstance(other, Hypervectors):
            return NotImplemented
        self._same_dim(other)
        self._broadcast(other)
        return np.all(self.words == other.words, axis=-1)

    def __getitem__(self, key: Any) -> "Hypervectors":
        if self.words.ndim == 1:
            raise IndexError("a single hypervector has no batch to take from")
        taken = self.words[
            (*(key if isinstance(key, tuple) else (key,)), slice(None))
        ]  # never from the words
        return self._trusted(np.ascontiguousarray(taken), self.dim)

    def __len__(self) -> int:
        if self.words.ndim == 1:
            raise TypeError("a single hypervector has no length; its dimension is .dim")
        return self.words.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.words, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        shape = " × ".join(f"{n:,}" for n in self.shape) or "one"
        some = self.words.reshape(-1, self.words.shape[-1])[:SEEN]
        ones = 100 * float(bits.popcount(some, self.dim).mean()) / self.dim if some.size else 0.0
        seen = f" in the first {SEEN:,}" if math.prod(self.shape) > SEEN else ""
        return f"<Hypervectors: {shape} of {self.dim:,} bits, {ones:.1f} % ones{seen}>"
