"""Calls of the kernels that measure scores: real numbers."""

from collections.abc import Callable
from typing import Any

import numpy as np

SCORES = np.arange(12, dtype=np.float32).reshape(2, 6) % 5
TWO = np.array([4, 6])


def room(*shape: int) -> np.ndarray:
    return np.zeros(shape)


CALLS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "models.deviation._spread": lambda: (SCORES[0], 1, 5, room(4)),
    "models.deviation._lose": lambda: (
        *(SCORES[0], 1, 5, 4.0, np.array([3, 1]), np.zeros(6, dtype=np.float32)),
        *(room(2), room(2)),
    ),
    "models.deviation._measure": lambda: (
        *(SCORES, np.array([1, 0]), TWO, TWO, np.array([[2, 1], [3, 2]])),
        *(room(2, 5), room(2, 2), room(2, 2)),
    ),
}
FLOATS = tuple(CALLS)
