"""Calls of the kernels of bundles: keys, values and scores are real numbers."""

from collections.abc import Callable
from typing import Any

import numpy as np

KEYS = (np.arange(24).reshape(6, 4) % 5).astype(np.float32)
VALUES = np.ones((6, 3), dtype=np.float32)
SCORES = np.arange(12, dtype=np.float32).reshape(2, 6) % 5
CODES = np.array([0, 1, 1, 0, 1, 0], dtype=np.uint8)
WINNERS = np.array([[0, 1], [2, 5]], dtype=np.int32)


def sums() -> tuple[np.ndarray, ...]:
    """Counts, sums of keys and sums of values of two bundles that are empty."""
    return np.zeros(2, dtype=np.int64), np.zeros((4, 2)), np.zeros((2, 3))


CALLS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "models.bundles._nearest": lambda: (KEYS, np.ones((4, 2)), np.zeros(2), CODES.copy()),
    "models.bundles._insert": lambda: (KEYS, VALUES, CODES, 1, 4, *sums()),
    "models.bundles._weigh": lambda: (
        *(KEYS[0], SCORES[0], VALUES, WINNERS[0], CODES, np.array([3, 3]), *sums()[1:]),
        *(np.zeros(3, dtype=np.float32), np.zeros(2)),
    ),
    "models.bundles._read": lambda: (
        *(KEYS[:2], SCORES, KEYS, VALUES, np.array([4, 6]), WINNERS, np.array([2, 2]), CODES, 0, *sums()),
        *(np.zeros((2, 3), dtype=np.float32), np.zeros((2, 2)), np.zeros(2, dtype=np.int64)),
    ),
}
FLOATS = tuple(CALLS)
