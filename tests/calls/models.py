"""Calls of the kernels of the models: scores and values are real numbers."""

from collections.abc import Callable
from typing import Any

import numpy as np

SCORES = np.arange(12, dtype=np.float32).reshape(2, 6) % 5
VALUES = np.ones((6, 3), dtype=np.float32)
SEEN, KEPT = np.array([4, 6]), np.array([2, 3])
WINNERS = np.array([[0, 1, 0], [1, 2, 5]], dtype=np.int32)


def room(dtype: Any = np.float32) -> np.ndarray:
    return np.zeros(9, dtype=dtype)


CALLS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "models.winners._kth": lambda: (SCORES[0].copy(), 6, 2),
    "models.winners._prune": lambda: (SCORES[0].copy(), room(np.int64), 6, 2, room()),
    "models.winners._low_bar": lambda: (SCORES[0], 0, 6, 2, room()),
    "models.winners._best": lambda: (SCORES[0], 0, 6, 2, room(), room(np.int64), room()),
    "models.winners._select": lambda: (SCORES, SEEN, KEPT, 1, 1, np.zeros((2, 3), dtype=np.int32)),
    "models.winners._weigh": lambda: (
        *(SCORES, VALUES, WINNERS, KEPT),
        *(np.zeros((2, 3), dtype=np.float32), np.zeros(2)),
    ),
}
FLOATS = tuple(CALLS)
