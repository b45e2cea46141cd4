"""Inverted lists that grow: for each line of a code the keys that have it, in the order of their arrival.

A list that is full moves behind the others with twice the room, so a key costs B entries in the mean, whatever the
lists, and what is searched is always all keys that have come.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.jit import kernel
from hdspike.models.product import ProductBook

__all__ = ["UNIT", "EventKeys", "EventLists"]

UNIT = 16
"""Potentials count sixteenths of a nat: of a factor e in softmax."""
LEAST = 8  # room of a list
LIMIT = 2**15 - 1  # of a rest, 16 bits


@kernel
def _insert(codes, low, high, wanted, starts, rooms, lengths, places, end):
    """Lists with ``wanted`` room move to ``end``, then keys ``low`` to ``high`` enter theirs; returns the new end."""
    lines = len(wanted) // codes.shape[1]
    for line in range(len(wanted)):
        if wanted[line]:
            for i in range(lengths[line]):
                places[end + i] = places[starts[line] + i]
            starts[line] = end
            rooms[line] = wanted[line]
            end += wanted[line]
    for j in range(low, high):
        for b in range(codes.shape[1]):
            line = b * lines + int(codes[j, b])
            places[starts[line] + lengths[line]] = j
            lengths[line] += 1
    return end


class EventLists:
    """The lists of one key head: B ``blocks`` of E ``lines``, line e of block b is number b·E + e.

    Attributes:
        length: keys inserted. codes: ``(length, B)`` uint8. starts, lengths: ``(B·E,)`` int64, where a list begins in
            ``places`` int32 and how many keys it holds, lowest index at its head.

    >>> lists = EventLists(2, 3)
    >>> lists.insert(np.array([[0, 2], [1, 2]], np.uint8))
    >>> lists.insert(np.array([[0, 0]], np.uint8))
    >>> [lists.keys(line).tolist() for line in range(6)]
    [[0, 2], [1], [], [2], [], [0, 1]]
    """

    def __init__(self, blocks: int, lines: int) -> None:
        self.blocks = check.integer("blocks", blocks, low=1)
        self.lines = check.integer("lines", lines, low=1, high=256)
        self.length = 0
        self._codes = np.zeros((0, blocks), dtype=np.uint8)
        self.starts, self.rooms, self.lengths = np.zeros((3, blocks * lines), dtype=np.int64)
        self.places = np.zeros(0, dtype=np.int32)
        self._end = 0

    @property
    def codes(self) -> NDArray[np.uint8]:
        return self._codes[: self.length]

    @property
    def bytes(self) -> int:
        """Bytes of memory that lists and codes take."""
        return self.places.nbytes + self._codes.nbytes + 3 * self.starts.nbytes

    def keys(self, line: int) -> NDArray[np.int32]:
        """The keys of one line."""
        return self.places[self.starts[line] : self.starts[line] + self.lengths[line]]

    def insert(self, codes: Any) -> None:
        """Codes ``(n, B)`` uint8 of keys behind those held.

        Raises:
            ValueError: another number of blocks, or a line that no block has.
        """
        codes = check.array("codes", codes, np.uint8, ndim=2)
        if codes.shape[1] != self.blocks:
            raise ValueError(f"codes must have {self.blocks} blocks, got {codes.shape[1]}")
        if codes.size and codes.max() >= self.lines:
            raise ValueError(f"codes must be lines below {self.lines}, got {codes.max()}")
        low, high = self.length, self.length + len(codes)
        if len(self._codes) < high:
            grown = np.zeros((max(high, 2 * len(self._codes)), self.blocks), dtype=np.uint8)
            grown[:low] = self.codes
            self._codes = grown
        self._codes[low:high] = codes
        numbers = codes + np.arange(self.blocks) * self.lines
        needed = self.lengths + np.bincount(numbers.ravel(), minlength=len(self.lengths))
        wanted = np.where(needed > self.rooms, np.maximum(2 * needed, LEAST), 0)
        self._reserve(int(wanted.sum()))
        self._end = int(
            _insert(
                self._codes, low, high, wanted, self.starts, self.rooms, self.lengths, self.places, self._end
            )
        )
        self.length = high

    def _reserve(self, more: int) -> None:
        if self._end + more > len(self.places):
            places = np.zeros(max(self._end + more, 2 * len(self.places)), dtype=np.int32)
            places[: self._end] = self.places[: self._end]
            self.places = places


class EventKeys:
    """The keys of one layer, each searchable as it arrives: lists for each key head, a rest for each query head.

    Attributes:
        length: keys held. lists: of each key head. rests: ``(G, R, length)`` int16, q̄·k/√d in sixteenths of a nat.
    """

    def __init__(self, book: ProductBook, layer: int) -> None:
        self.book, self.layer, self.length = book, layer, 0
        self.lists = [EventLists(book.blocks, book.lines) for _ in range(book.key_heads)]
        self._rests = np.zeros((*book.means.shape[1:3], 0), dtype=np.int16)
        self._last = np.zeros((book.key_heads, book.dim), dtype=np.float32)

    @property
    def rests(self) -> NDArray[np.int16]:
        return self._rests[:, :, : self.length]

    @property
    def bytes(self) -> int:
        """Bytes of memory that lists, codes and rests take."""
        return self._rests.nbytes + sum(lists.bytes for lists in self.lists)

    def ends_with(self, keys: NDArray[np.float32]) -> bool:
        """Whether ``(G, d)`` are the newest keys held."""
        return self.length > 0 and np.array_equal(self._last, keys)

    def insert(self, keys: NDArray[np.float32]) -> None:
        """Keys ``(G, n, d)`` behind those held."""
        groups, dim = self.book.key_heads, self.book.dim
        if keys.ndim != 3 or keys.shape[::2] != (groups, dim):
            raise ValueError(f"keys must have shape ({groups}, n, {dim}), got {keys.shape}")
        if not np.isfinite(keys).all():
            raise ValueError("keys must be finite numbers")
        if not keys.shape[1]:
            return
        low, high = self.length, self.length + keys.shape[1]
        if self._rests.shape[2] < high:
            grown = np.zeros((*self._rests.shape[:2], max(high, 2 * low)), dtype=np.int16)
            grown[:, :, :low] = self.rests
            self._rests = grown
        rests = np.rint(self.book.rests(self.layer, keys) * UNIT)
        self._rests[:, :, low:high] = np.clip(rests, -LIMIT, LIMIT)
        for group, lists in enumerate(self.lists):
            lists.insert(self.book.keys(self.layer, group, keys[group]))
        self._last[:] = keys[:, -1]
        self.length = high
