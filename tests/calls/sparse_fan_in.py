"""Calls of the kernels of constant fan-in: weights and inputs are real numbers by nature."""

from collections.abc import Callable
from typing import Any

import numpy as np

F = np.float32
VALUES = np.ones((2, 3), dtype=F)
INDICES = np.array([[0, 2, 4], [1, 2, 3]], dtype=np.uint16)
OUTPUTS, BIAS = np.array([0, 1]), np.ones(2, dtype=F)
X = np.ones((9, 5), dtype=F)


def room(*shape: int) -> np.ndarray:
    return np.zeros(shape, dtype=F)


G = "sparsity.gather."
CALLS: dict[str, Callable[[], tuple[Any, ...]]] = {
    G + "_gather": lambda: (VALUES, INDICES, OUTPUTS, BIAS, X, room(9, 2)),
    G + "_transpose": lambda: (X, 9, 0, room(5, 16)),
    G + "_untranspose": lambda: (room(2, 16), 9, 0, room(9, 2)),
    G + "_blend_tile": lambda: (VALUES, INDICES, OUTPUTS, BIAS, room(5, 16), room(2, 16)),
    G + "_gather_tiles": lambda: (
        *(VALUES, INDICES, OUTPUTS, BIAS, X, room(5, 16), room(2, 16)),
        room(9, 2),
    ),
}
FLOATS = tuple(CALLS)
