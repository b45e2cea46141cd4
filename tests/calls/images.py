"""Calls of the kernels of the receptive fields."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.calls.flow import words, zeros

CODES = np.arange(2 * 3 * 3 * 2, dtype=np.uint64).reshape(2, 3, 3, 2)
CORNERS = np.array([[0, 1], [1, 0]], dtype=np.int32)
WANTED, RADII = words(2, 2, 64), zeros(2, 64, dtype=np.uint8)

CALLS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "encode.fields._codes": lambda: (words(2, 4, 4) + np.uint64(3), 40, 2, 1, words(2, 3, 3, 3)),
    "encode.fields._closest": lambda: (CODES[0], CORNERS[0], 2, 2, WANTED[0], words(64)),
    "encode.fields._distances": lambda: (
        *(CODES, CORNERS, 2, 2, WANTED, words(64), zeros(2, 2, 64, dtype=np.uint8)),
    ),
    "encode.fields._fields": lambda: (
        *(CODES, CORNERS, 2, 2, WANTED, RADII, np.uint64(7), words(64), words(2, 2)),
    ),
}
