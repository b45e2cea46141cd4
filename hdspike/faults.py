"""Faulty memory cells: bits stuck at 0 or 1, and flipped bits, at a rate b, in any array that stores something.

.. math:: y = (x \\wedge \\neg s) \\oplus t \\qquad P(\\text{cell faulty}) = b, \\text{ each cell by itself}

where x is what was written, y what is read, s marks the stuck cells and t the cells that read 1 though stuck,
or the opposite of what was written though not. A *cell* is one stored bit: each of the ``dim`` bits of packed
words, each of the ``⌈log₂ L⌉`` bits of an index below L (sparse codes), each of the ``width`` bits of an integer
counter in two's complement. Bits that are no cells, such as the tail of the last word, stay as they are.

A flipped bit changes always; a bit stuck at a random value changes half the time: on fair bits a stuck rate b
is an error rate of b/2.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import bits, check
from hdspike.spaces import BSC, BSDC, Space
from hdspike.theory.interval import number

__all__ = ["Faults", "flip"]

KINDS = ("stuck", "stuck0", "stuck1", "flip")
CHUNK = 2**20
SPARSE = 0.02
"""Rates below this draw how many cells are hit, then which; others draw a number per cell."""


class Faults:
    """A persistent fault map: which cells of an array are faulty, and how; the same ones each time it is applied.

    Args:
        array: an array like those that the faulty memory will hold: its shape and dtype count, not its values.
        rate: the chance b in [0, 1] that a cell is faulty.
        kind: ``stuck`` at 0 or 1 with equal chance, ``stuck0``, ``stuck1``, or ``flip`` (always inverted).
        dim: bits per row of packed ``uint64`` words ``(..., W)``: hypervectors, or a bit-packed matrix.
        space: instead, the space of the vectors ``(..., width)``.
        width: instead, the low bits of each integer that are cells (all of its dtype by default).
        rng: seeds the map.

    >>> words = bits.random(100, 1000, rng=0)
    >>> broken = Faults(words, 0.01, kind="stuck1", dim=1000, rng=1)
    >>> broken.count, int(bits.popcount(broken(words) & ~words, 1000).sum())
    (984, 535)
    >>> bool(np.all(broken(broken(words)) == broken(words)))
    True

    Raises:
        ValueError: a rate outside [0, 1], a shape that does not fit, more than one of dim, space and width.
        TypeError: an array that is not of integers.
    """

    def __init__(
        self,
        array: Any,
        rate: float,
        *,
        kind: str = "stuck",
        dim: int | None = None,
        space: Space | None = None,
        width: int | None = None,
        rng: check.Rng = None,
    ) -> None:
        given = np.asarray(array)
        if given.dtype.kind not in "iu":
            raise TypeError(f"array must be of integers, got dtype {given.dtype}")
        if sum(option is not None for option in (dim, space, width)) > 1:
            raise ValueError("dim, space and width must not be given together: each says what a cell is")
        self.kind = check.one_of("kind", kind, KINDS)
        self.rate = number("rate", rate, 0, 1)
        self.shape, self.dtype = given.shape, given.dtype
        self._space: Space | None = None
        self._limit = 0
        size = self.dtype.itemsize * 8
        if isinstance(space, BSC):
            dim = space.dim
        elif space is not None:
            self._space = space
            self._limit = int(getattr(space, "length", space.dim))
            dim, width = None, (self._limit - 1).bit_length()
            if np.iinfo(self.dtype).max < self._limit - 1:
                raise ValueError(
                    f"array must hold indices below {self._limit} of {space!r}, got {self.dtype}"
                )
            if not given.ndim or given.shape[-1] != space.width:
                raise ValueError(f"array must have width {space.width} of {space!r}, got shape {given.shape}")
        if dim is not None:
            bits.words_of("array", given, dim)
            self.width, per_row, elements = bits.BITS, dim, given.shape[-1]
        else:
            low = 2 if self.dtype.kind == "i" and not self._limit else 1
            self.width = size if width is None else check.integer("width", width, low=low, high=size)
            per_row, elements = self.width * given.size, given.size
        rows = given.size // elements if elements else 0
        self.cells = rows * per_row
        """How many cells the memory has."""
        word = np.dtype(f"u{self.dtype.itemsize}")
        stuck, toggled = np.zeros(given.size, dtype=word), np.zeros(given.size, dtype=word)
        self.count = 0
        """How many of them are faulty."""
        for hits, values in _drawn(self.cells, self.rate, self.kind, check.generator(rng)):
            self.count += len(hits)
            row, cell = np.divmod(hits, per_row)
            place = row * elements + cell // self.width
            mask = word.type(1) << (cell % self.width).astype(word)
            np.bitwise_or.at(toggled, place[values], mask[values])
            if self.kind != "flip":
                np.bitwise_or.at(stuck, place, mask)
        self._keep, self._toggle = ~stuck.reshape(self.shape), toggled.reshape(self.shape)

    def __repr__(self) -> str:
        return f"<Faults: {self.count} of {self.cells} cells, kind {self.kind!r}, rate {self.rate:g}>"

    def __call__(self, array: Any) -> NDArray[Any]:
        """What a memory with these faults gives back when ``array`` was written to it, as a new array.

        Apply it to what was written, not to what was read: flips would undo each other. An index that is read
        past the end of its range wraps round (modulo L); of ones (bsdc) that are read as the same, all but one move
        up to the next free index, so that the vector still has its w ones, in order.

        Raises:
            ValueError: another shape, or integers that need more bits than ``width``.
            TypeError: another dtype.
        """
        given = np.asarray(array)
        if given.dtype != self.dtype:
            raise TypeError(f"array must have dtype {self.dtype} as the faulty memory has, got {given.dtype}")
        if given.shape != self.shape:
            raise ValueError(
                f"array must have shape {self.shape} as the faulty memory has, got {given.shape}"
            )
        spare = self.dtype.itemsize * 8 - self.width
        signed = self.dtype.kind == "i" and not self._limit
        if spare and given.size:
            self._check_range(given, signed)
        cells = np.ascontiguousarray(given).view(self._keep.dtype)
        read = ((cells & self._keep) ^ self._toggle).view(self.dtype)
        if spare and signed:
            read = (read << self.dtype.type(spare)) >> self.dtype.type(spare)  # the sign is the top cell
        return self._tidied(read) if self._limit else read

    def _check_range(self, given: NDArray[Any], signed: bool) -> None:
        """Values must fit the cells."""
        low = -(1 << (self.width - 1)) if signed else 0
        high = self._limit - 1 if self._limit else (1 << (self.width - signed)) - 1
        if given.min() < low or given.max() > high:
            raise ValueError(f"array must be in [{low}, {high}], got {given.min()} … {given.max()}")

    def _tidied(self, read: NDArray[Any]) -> NDArray[Any]:
        """Indices as their space wants them: inside the range; sorted and distinct where they name ones."""
        inside = read  # of a range that is a power of two, maybe the whole dtype, all cells are in it
        if self._limit & (self._limit - 1):
            inside = read % self.dtype.type(self._limit)
        if isinstance(self._space, BSDC):
            inside.sort(axis=-1)
            rows = inside.reshape(-1, inside.shape[-1])
            for r in np.flatnonzero(np.any(rows[:, 1:] == rows[:, :-1], axis=1)):
                rows[r] = _distinct(rows[r].tolist(), self._limit)
        return inside


def _distinct(indices: list[int], limit: int) -> list[int]:
    """Sorted indices, where each that comes again has moved up to the next free one (modulo ``limit``)."""
    taken = set(indices)
    for i in range(1, len(indices)):
        if indices[i] == indices[i - 1]:
            free = indices[i]
            while free in taken:
                free = (free + 1) % limit
            taken.add(free)
    return sorted(taken)


def _drawn(
    cells: int, rate: float, kind: str, random: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.bool_]]]:
    """Faulty cells and whether each is to read 1 (stuck) or the opposite (flip), a chunk of the cells at a time."""
    for start in range(0, cells, CHUNK):
        size = min(CHUNK, cells - start)
        if rate < SPARSE:
            hits = random.choice(size, random.binomial(size, rate), replace=False, shuffle=False)
        else:
            hits = np.flatnonzero(random.random(size) < rate)
        if kind == "stuck":
            values = random.integers(2, size=len(hits)).astype(bool)
        else:
            values = np.full(len(hits), kind != "stuck0")
        yield hits + start, values


def flip(
    array: Any,
    rate: float,
    *,
    dim: int | None = None,
    space: Space | None = None,
    width: int | None = None,
    rng: check.Rng = None,
) -> NDArray[Any]:
    """Transient faults: each cell of ``array`` inverted with chance ``rate``, others each time; a new array.

    Arguments and errors as of :class:`Faults`.

    >>> words = bits.random(1, 10_000, rng=0)
    >>> int(bits.hamming(words, flip(words, 0.25, dim=10_000, rng=1), 10_000)[0, 0])
    2491
    """
    return Faults(array, rate, kind="flip", dim=dim, space=space, width=width, rng=rng)(array)
