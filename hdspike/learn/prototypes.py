"""Prototypes in training: integer counters, and the vectors that they are compared by."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import bits
from hdspike.learn import counters as _counters

__all__ = ["Prototypes", "cosines", "similarities"]


def similarities(words: NDArray[np.uint64], prototypes: NDArray[np.uint64], dim: int) -> NDArray[np.float64]:
    """``1 − 2·|a ⊕ b| ÷ D`` of every pair: ``(n, W)`` against ``(P, W)`` → ``(n, P)``."""
    return 1.0 - 2.0 * bits.hamming(words, prototypes, dim) / dim


def cosines(
    words: NDArray[np.uint64], counters: NDArray[np.int32], planes: Any = None
) -> NDArray[np.float64]:
    """``⟨s, c⟩ ÷ (√D·‖c‖)`` of every pair, 0 where c = 0: ``(n, W)`` and ``(P, dim)`` → ``(n, P)``."""
    length = np.sqrt(counters.shape[1] * np.square(counters, dtype=np.float64).sum(axis=1))
    return _counters.dot(words, counters, planes) / np.where(length > 0, length, 1.0)


class Prototypes:
    """P counters of ``dim`` integers, with the class of each.

    ``similarity`` compares with their bits (``binary``) or with the counters themselves, as they are after the last
    ``add``.
    """

    def __init__(self, owners: Any, dim: int, *, binary: bool) -> None:
        self.owners = np.asarray(owners, dtype=np.int64)
        self.dim = dim
        self.binary = binary
        self.counters = np.zeros((len(self.owners), dim), dtype=np.int32)
        self.seeds = np.zeros(len(self.owners), dtype=np.uint64)
        self._words = np.zeros((len(self.owners), bits.word_count(dim)), dtype=np.uint64)
        self._planes: Any = None
        self._stale = np.ones(len(self.owners), dtype=bool)

    def add(self, words: Any, hashes: Any, rows: Any, targets: Any, weights: Any) -> None:
        """Add the signed vectors ``words[rows]`` to the counters ``targets``, ``weights`` times."""
        _counters.add(self.counters, words, rows, targets, weights)
        times = np.broadcast_to(np.asarray(weights, dtype=np.int64), np.shape(targets)).astype(np.uint64)
        np.add.at(self.seeds, targets, times * hashes[rows])
        self._stale[targets] = True

    def words(self) -> NDArray[np.uint64]:
        """The binary vectors of the counters."""
        changed = np.flatnonzero(self._stale)
        if len(changed):
            self._words[changed] = _counters.quantise(self.counters[changed], self.seeds[changed])
            self._stale[:] = False
        return self._words

    def similarity(self, words: Any) -> NDArray[np.float64]:
        """Similarity to every prototype: ``(n, W)`` → ``(n, P)``."""
        if self.binary:
            return similarities(words, self.words(), self.dim)
        if self._planes is None or self._stale.any():
            self._planes = _counters.slices(self.counters)
            self._stale[:] = False
        return cosines(words, self.counters, self._planes)
