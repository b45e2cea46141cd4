"""Calls of the kernels of the learners."""

from collections.abc import Callable
from typing import Any

import numpy as np

from hdspike import bits

DIM = 130
WORDS = bits.random(6, DIM, rng=0)
HALVES = WORDS.view(np.uint32)
COUNTERS = np.arange(2 * DIM, dtype=np.int32).reshape(2, DIM) - 100
ORDER, TARGETS = np.array([2, 0, 5]), np.array([7, -3, 2, 8, 0, 1])


def zeros(*shape: int, dtype: Any = np.int64) -> np.ndarray:
    return np.zeros(shape, dtype=dtype)


CALLS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "learn.counters._add": lambda: (
        *(HALVES, ORDER, np.array([0, 1, 1]), np.array([1, -2, 3], dtype=np.int32), 0, 5, COUNTERS.copy()),
    ),
    "learn.counters._quantise": lambda: (
        *(COUNTERS, bits.hash64(WORDS[:2]), bits.tail_mask(DIM), zeros(2, 3, dtype=np.uint64)),
    ),
    "learn.counters._slices": lambda: (COUNTERS, zeros(2, 9, 3, dtype=np.uint64)),
    "learn.counters._dot": lambda: (WORDS, zeros(2, 9, 3, dtype=np.uint64), zeros(2), zeros(6, 2)),
    "learn.regressor._descend": lambda: (HALVES, ORDER, TARGETS, 256, DIM, zeros(DIM), zeros(DIM)),
}
