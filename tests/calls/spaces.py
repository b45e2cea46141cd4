"""Calls of the kernels of the spaces."""

from collections.abc import Callable
from typing import Any

import numpy as np

from hdspike import bits

SEED = np.uint64(5)
ROWS = (np.arange(12, dtype=np.uint32).reshape(1, 3, 4) * 7) % 5  # three vectors of four blocks
INDICES = ROWS[0].astype(np.int32)
ONES = np.sort(np.arange(12, dtype=np.int32).reshape(1, 3, 4) * 5 % 13)  # three vectors of four ones of 13
UNITS = np.ones((1, 3), dtype=np.int64)


def zeros(*shape: int, dtype: Any = np.int64) -> np.ndarray:
    return np.zeros(shape, dtype=dtype)


def small(*shape: int) -> np.ndarray:
    return zeros(*shape, dtype=np.int32)


def words(*shape: int) -> np.ndarray:
    return zeros(*shape, dtype=np.uint64)


def counts(*shape: int) -> np.ndarray:
    return zeros(*shape, dtype=np.uint8)


CALLS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "spaces.ties._seed": lambda: (INDICES, UNITS[0]),
    "spaces.sbc._outside": lambda: (INDICES[0], INDICES[1], np.int64(5)),
    "spaces.sbc._bind": lambda: (INDICES, INDICES[:1], np.int64(5), small(3, 4)),
    "spaces.sbc._pick": lambda: (SEED, bits.ONE),
    "spaces.sbc._bundle_long": lambda: (ROWS, UNITS, zeros(5), words(1), small(1, 4)),
    "spaces.sbc._bundle_short": lambda: (ROWS, UNITS, zeros(4, 5, dtype=np.uint16), small(1, 4)),
    "spaces.sbc._score": lambda: (INDICES, INDICES, small(3, 3)),
    "spaces.bsdc._choose": lambda: (ONES[0].astype(np.int64), counts(13), small(3, 4)),
    "spaces.bsdc._limit": lambda: (words(3), 3, 2, 64),
    "spaces.bsdc._keep": lambda: (INDICES[0], 4, 2, SEED, words(4), small(2), 0),
    "spaces.bsdc._bundle": lambda: (ONES, UNITS, zeros(13), small(12), words(12), small(1, 4)),
    "spaces.bsdc._thin": lambda: (
        *(ONES, UNITS[0], np.arange(1, 13, dtype=np.int32), counts(13), small(12), words(12)),
        small(1, 4),
    ),
    "spaces.bsdc._overlap": lambda: (ONES[0], ONES[0], counts(13), small(3, 3)),
    "spaces.lists._fill": lambda: (ONES[0], 2, zeros(2, 14), zeros(12, dtype=np.uint16)),
    "spaces.lists._count": lambda: (zeros(2, 14), zeros(12, dtype=np.uint16), 2, ONES[0, 0], counts(3)),
    "spaces.lists._best": lambda: (counts(3), 2, zeros(5), zeros(2), small(2)),
    "spaces.lists._search": lambda: (
        *(zeros(2, 14), zeros(12, dtype=np.uint16), 2, ONES[0], 2),
        *(counts(3), zeros(5), zeros(3, 2), small(3, 2)),
    ),
}
