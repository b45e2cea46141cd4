"""Calls of the kernels of events: what queries say to keys in inverted lists, in integers."""

from collections.abc import Callable
from typing import Any

import numpy as np

CODES = np.array([[0, 2], [1, 2], [0, 0]], dtype=np.uint8)
STRENGTHS = np.array([[[3, -1, 0], [2, 0, 1]]] * 2, dtype=np.int16)
LENGTHS = np.array([2, 1, 0, 1, 0, 2])
STARTS = np.array([0, 2, 3, 3, 4, 4])
PLACES = np.array([0, 2, 1, 2, 0, 1], dtype=np.int32)

CALLS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "models.evented_lists._insert": lambda: (
        *(CODES, 0, 3, np.full(6, 2), *np.zeros((3, 6), dtype=np.int64)),
        *(np.zeros(12, dtype=np.int32), 0),
    ),
    "models.evented_spikes._spikes": lambda: (
        *(STRENGTHS[0], LENGTHS, 3, np.zeros(1025, dtype=np.int64), np.zeros((2, 3), dtype=np.int32)),
    ),
    "models.evented_spikes._potentials": lambda: (
        *(STRENGTHS, np.array([0, 1]), np.zeros((2, 3), dtype=np.int16), np.array([2, 3]), np.array([2, 3])),
        *(CODES, STARTS, PLACES, np.zeros(6, dtype=np.int64), np.zeros(1025, dtype=np.int64)),
        *(np.zeros((2, 3), dtype=np.int32), np.zeros((2, 3), dtype=np.int32)),
        *(np.zeros((2, 3), dtype=np.bool_), np.zeros((2, 2), dtype=np.int64)),
    ),
}
