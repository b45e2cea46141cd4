"""Calls of the kernels of ternary products."""

from collections.abc import Callable
from typing import Any

import numpy as np

from hdspike.sparsity.bit_planes import pack
from tests.calls.flow import words

PLANES = pack(np.arange(-30, 120).reshape(75, 2) % 3 - 1)
X = np.ones((3, 5), dtype=np.int8)
ROW = (PLANES.plus, PLANES.minus, PLANES.ones, 0, 2, words(4))


def out() -> Any:
    return np.zeros((3, 2), dtype=np.int32)


CALLS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "sparsity.bit_planes._slices": lambda: (words(3, 2, 8), words(3, 2, 8)),
    "sparsity.bit_planes._eight": lambda: (words(3, 2, 8), 0, 1),
    "sparsity.bit_planes._product": lambda: (words(3, 2, 8), *ROW, out()),
    "sparsity.dense_int8._dense": lambda: (X, X[:2], 0, 2, out()),
    "sparsity.bit_planes._product_of_bits": lambda: (words(3, 2), *ROW, out()),
}
