"""Calls of the kernels that read the weights of active units alone: values and weights are real numbers."""

from collections.abc import Callable
from typing import Any

import numpy as np

WEIGHTS = np.arange(12, dtype=np.float32).reshape(4, 3)
ROWS = np.array([2, 0])


def room(size: int) -> np.ndarray:
    return np.zeros(size, dtype=np.float32)


CALLS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "sparsity.active_product._weighted_rows": lambda: (np.ones(2, dtype=np.float32), ROWS, WEIGHTS, room(3)),
    "sparsity.active_product._chosen_products": lambda: (
        WEIGHTS,
        ROWS,
        np.ones(3, dtype=np.float32),
        room(2),
    ),
}
FLOATS = tuple(CALLS)
