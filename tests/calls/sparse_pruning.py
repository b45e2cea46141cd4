"""Calls of the kernels of block-sparse products: weights are real numbers."""

from collections.abc import Callable
from typing import Any

import numpy as np

X = np.arange(12, dtype=np.float32).reshape(2, 6)
BLOCKS = np.ones((3, 2, 2), dtype=np.float32)

PLACES = np.array([0, 2, 1], dtype=np.int32), np.array([0, 1, 3])

CALLS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "sparsity.block_product._multiply": lambda: (X, BLOCKS, *PLACES, np.zeros((2, 4), dtype=np.float32)),
    "sparsity.block_product._multiply_batch": lambda: (
        *(np.ascontiguousarray(X.T), BLOCKS, *PLACES, np.zeros((4, 2), dtype=np.float32)),
    ),
}
FLOATS = CALLS
