"""Calls of the kernels for picked keys: scores and values are real numbers."""

from collections.abc import Callable
from typing import Any

import numpy as np

ROWS = np.arange(12, dtype=np.float32).reshape(2, 6) % 5
KEYS = np.ones((4, 6), dtype=np.float32)
COUNTS = np.array([2, 3])
PLACES = np.array([[0, 1, 0], [1, 2, 3]], dtype=np.int32)

CALLS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "models.picked._score": lambda: (ROWS, KEYS, PLACES, COUNTS, np.zeros((2, 3), dtype=np.float32)),
    "models.picked._mix": lambda: (
        ROWS[:, :3].copy(),
        KEYS,
        PLACES,
        COUNTS,
        np.zeros((2, 6), dtype=np.float32),
    ),
}
FLOATS = tuple(CALLS)
