"""Calls of the kernels of the encoders."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.calls.flow import INDICES, MASK, WORDS, small, words, zeros

KEYS = np.array([3, 2**63, 7], dtype=np.uint64)
GRAMS = np.array([[0, 1], [2, 0]])
SIZE = np.uint64(5)

CALLS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "encode.suffixes._contexts_bsc": lambda: (
        *(WORDS.reshape(2, 3, 3), zeros(4), np.array([1, 3]), MASK, words(2, 3)),
    ),
    "encode.suffixes._contexts_sbc": lambda: (INDICES, zeros(4), np.array([1, 3]), 2, 5, small(2, 4)),
    "encode.hashed._salt": lambda: (3,),
    "encode.hashed._salts": lambda: (3, words(3)),
    "encode.hashed._mixed": lambda: (KEYS, words(3)),
    "encode.hashed._below": lambda: (KEYS[1], SIZE),
    "encode.hashed._hashed_words": lambda: (KEYS, words(4), words(3, 4)),
    "encode.hashed._hashed_blocks": lambda: (KEYS, words(4), SIZE, small(3, 4)),
    "encode.hashed._hashed_subset": lambda: (KEYS, SIZE, small(3, 4)),
    "encode.profiles._count_blocks": lambda: (
        *(INDICES, GRAMS, np.array([2, 1]), 5, words(1, 4), zeros(4, 5), words(2)),
    ),
    "encode.profiles._modes": lambda: (zeros(4, 5) + 1, KEYS[0], small(4)),
}
