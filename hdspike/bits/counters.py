"""A bundle that is kept: counters that accept, remove and forget vectors one by one or many at a time."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.bits.bundling import _coins, scratch
from hdspike.bits.hashing import hash64
from hdspike.bits.planes import _above, _count, _decay, _flip, _values
from hdspike.bits.words import FULL, ZERO, Words, tail_mask, word_count, words_of

DEEPEST = 62


class Counters:
    """The votes of all vectors added so far, ``v_i = Σ_k w_k (2·x_ki − 1)``, one counter per bit.

    ``add`` and ``remove`` are exact inverses; ``decay`` moves every vote towards 0; ``majority`` is ``[v_i > 0]``.
    What was added and removed in any order, in any batches, gives the same majority as
    :func:`hdspike.bits.majority` of what is left, ties included. Stored bit-sliced, ⌈log₂⌉ of the largest
    possible count in planes of ``⌈dim/64⌉`` words, so that a row is added at about the speed of plain majority.

    >>> from hdspike.bits import pack, unpack
    >>> votes = Counters(4)
    >>> votes.add(pack([[1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 0]]))
    >>> votes.values().tolist(), unpack(votes.majority(), 4).tolist()
    ([3, -1, -1, -3], [1, 0, 0, 0])
    >>> votes.remove(pack([[1, 0, 0, 0]]))
    >>> votes.values().tolist()
    [2, 0, 0, -2]
    """

    def __init__(self, dim: int) -> None:
        self.dim = check.integer("dim", dim, low=1)
        self.weight = 0
        """Total weight of what was added less what was removed; decay does not change it."""
        self._seed = ZERO
        # v = planes − offset: a vector of weight w adds 2·w·x to the planes and w to the offset
        self._offset = 0
        self._bound = 0  # no counter in the planes is larger than this in magnitude
        self._planes, self._desk = scratch(4, word_count(dim))

    def __repr__(self) -> str:
        return f"<Counters: {self.dim} bits, weight {self.weight}, {len(self._planes)} planes>"

    def add(self, words: Any, *, weights: Any = None) -> None:
        """Accept vectors, words ``(W,)`` or ``(K, W)``, with integer weights ≥ 0 (1 each by default)."""
        self._change(words, weights, 1)

    def remove(self, words: Any, *, weights: Any = None) -> None:
        """Take vectors out again: the inverse of :meth:`add`. What was never added counts negatively."""
        self._change(words, weights, -1)

    def _change(self, words: Any, weights: Any, sign: int) -> None:
        given = words_of("words", words, self.dim)
        rows = given[None] if given.ndim == 1 else check.batch("words", given)
        if len(rows) == 0:
            return
        counts = check.bundle_weights(weights, rows.shape[:1])
        total = int(counts.sum())
        self._grow(self._bound + 2 * total)
        if sign < 0:
            _flip(self._planes)  # x − y = ~(~x + y)
        _count(rows, counts, self._planes[1:], self._desk)
        if sign < 0:
            _flip(self._planes)
        self._bound += 2 * total
        self._offset += sign * total
        self.weight += sign * total
        seed = int((counts.astype(np.uint64) * hash64(rows)).sum(dtype=np.uint64))
        self._seed = np.uint64((int(self._seed) + sign * seed) % 2**64)

    def _grow(self, bound: int) -> None:
        """Enough planes for counters of magnitude ``bound``, sign-extended."""
        depth = bound.bit_length() + 1
        if depth > DEEPEST:
            raise OverflowError(f"counters must stay below 2^{DEEPEST - 1}, got weights up to {bound}")
        if depth > len(self._planes):
            old = self._planes
            self._planes, self._desk = scratch(depth + 2, old.shape[1])
            self._planes[: len(old)] = old
            self._planes[len(old) :] = old[-1]

    def decay(self, shift: int = 1) -> None:
        """Forget a share of every vote: ``v ← v − trunc(v ÷ 2^shift)``; 1 halves, 4 takes a sixteenth.

        A vote below ``2^shift`` in magnitude stays as it is.
        """
        check.integer("shift", shift, low=1, high=DEEPEST)
        self._subtract_offset()
        _decay(self._planes, shift, self._desk)
        self._bound -= self._bound >> shift

    def _subtract_offset(self) -> None:
        """Put the votes themselves into the planes."""
        self._grow(self._bound + abs(self._offset))
        if self._offset:
            everywhere = np.full((1, self._planes.shape[1]), FULL)
            if self._offset > 0:
                _flip(self._planes)
            _count(everywhere, np.array([abs(self._offset)]), self._planes, self._desk)
            if self._offset > 0:
                _flip(self._planes)
        self._bound += abs(self._offset)
        self._offset = 0

    def values(self) -> NDArray[np.int64]:
        """The votes ``v_i``: ``(dim,)``."""
        out = np.empty(self.dim, dtype=np.int64)
        _values(self._planes, self.dim, out)
        return out - self._offset

    def majority(self) -> Words:
        """``[v_i > 0]`` as words ``(W,)``; a vote of 0 is decided as in :func:`hdspike.bits.majority`."""
        out = np.empty(self._planes.shape[1], dtype=np.uint64)
        coins = np.empty_like(out)
        _coins(self._seed, coins)
        half = 1 << (len(self._planes) - 1)  # added to both sides, which are then not negative
        self._planes[-1] ^= FULL
        _above(self._planes, self._offset + half, self._desk[0], coins, out)
        self._planes[-1] ^= FULL
        out[-1] &= tail_mask(self.dim)
        return out
