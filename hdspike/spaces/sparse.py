"""What the sparse spaces share: an index of inverted lists, and the search through it."""

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import bits, check
from hdspike.spaces.base import Space
from hdspike.spaces.lists import Lists, best

TOGETHER = 16  # queries scored in one pass over items that have no index


class SparseSpace(Space):
    """A space whose vectors are ``width`` active bits out of ``dim``; the score is how many two vectors share."""

    @abstractmethod
    def _lines(self, vectors: NDArray[Any]) -> NDArray[np.int32]:
        """The active bits ``(n, width)`` of checked vectors."""

    def index(self, items: Any) -> Lists:
        """``items`` (M, width) as inverted lists, which :meth:`nearest` searches fast and often.

        A query costs about ``M·width²÷dim`` events instead of ``M·width`` comparisons.
        """
        rows = self._batch("items", items)
        check.integer("dim of an index", self.dim, high=2**31 - 1)
        return Lists(self._lines(rows), self.dim)

    def _nearest(
        self, queries: NDArray[Any], items: Any, k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        if isinstance(items, Lists):
            if (items.dim, items.width) != (self.dim, self.width):
                raise ValueError(f"items must be an index of {self!r}, got {items!r}")
            return items.search(self._lines(queries), k)
        others = self._batch("items", items)
        parts = [
            best(self._score(queries[low : low + TOGETHER], others), k, self.top_score)
            for low in range(0, max(len(queries), 1), TOGETHER)
        ]
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])

    def scale(self, scores: Any) -> NDArray[Any]:
        """Share of the active bits that match, from 0 to 1."""
        return scores / self.width

    def to_words(self, vectors: Any) -> NDArray[np.uint64]:
        """The same vectors as packed bits ``(..., ⌈dim/64⌉)``, for I/O and as an oracle."""
        given = self.checked("vectors", vectors)
        flat = given.reshape(-1, self.width)
        dense = np.zeros((len(flat), self.dim), dtype=np.uint8)
        np.put_along_axis(dense, self._lines(flat).astype(np.int64), 1, axis=-1)
        return bits.pack(dense.reshape(*given.shape[:-1], self.dim))
