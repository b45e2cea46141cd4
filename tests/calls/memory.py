"""Calls of the kernels of the memories."""

from collections.abc import Callable
from typing import Any

import numpy as np

from hdspike import bits

DIM = 130
WORDS = bits.random(6, DIM, rng=0)
MASK = bits.tail_mask(DIM)
COUNTERS = np.zeros((6, 5), dtype=np.int16)
STEPS = np.ones((2, 5), dtype=np.int64)
STARTS, LINES = np.array([0, 2, 3]), np.array([0, 1, 4], dtype=np.int32)
THETA = np.array([1, 2])
COLUMNS = np.concatenate(
    [np.ascontiguousarray(bits.pack(bits.unpack(WORDS[s], DIM).T).T) for s in (slice(3), slice(3, 6))]
)
EDGES, SLABS = np.array([0, 3, 6]), np.array([0, 1, 2])


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, dtype=np.int64)


def words(*shape: int) -> np.ndarray:
    return np.zeros(shape, dtype=np.uint64)


CALLS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "memory.sdm._activate": lambda: (WORDS, WORDS[:2], 60, 0, 6, zeros(2)),
    "memory.sdm._write": lambda: (WORDS, COUNTERS.copy(), WORDS[:2], STEPS, 60, -9, 9, 0, 6),
    "memory.sdm._read": lambda: (WORDS, COUNTERS, WORDS[:2], 60, 0, 6, zeros(2, 5)),
    "memory.sdm._coins": lambda: (WORDS[:, 0].copy(), MASK, words(6, 3)),
    "memory.willshaw._store": lambda: (words(6, 3), STARTS, LINES, WORDS[:2], 0, 3),
    "memory.willshaw._add": lambda: (WORDS, LINES, words(2, 3)),
    "memory.willshaw._recall": lambda: (WORDS, STARTS, LINES, THETA, MASK, words(2, 3), 0, 2, words(2, 3)),
    "memory.willshaw._sums": lambda: (
        *(WORDS, STARTS, LINES, words(2, 3), 0, 2),
        np.zeros((2, DIM), dtype=np.int32),
    ),
    "memory.resonator._weigh": lambda: (WORDS, WORDS[0], DIM, 0, 3, words(9, 1)),
    "memory.resonator._project": lambda: (words(9, 1), COLUMNS[:1], 4, words(3), zeros(DIM)),
    "memory.resonator._total": lambda: (words(9, 1), 3),
    "memory.resonator._resonate": lambda: (
        *(WORDS[0], WORDS, EDGES, COLUMNS, SLABS, True, 5, words(2, 3), words(5, 3), words(5)),
        *(zeros(DIM), zeros(2)),
    ),
    "memory.resonator._resonate_batch": lambda: (
        *(WORDS[:2], WORDS, EDGES, COLUMNS, SLABS, False, 5, words(2, 2, 3), 0, 2),
        *(zeros(2), zeros(2), zeros(2, 2)),
    ),
}
