"""Calls of the kernels of arrays that compute."""

from collections.abc import Callable
from typing import Any

import numpy as np

from hdspike import bits

DIM = 130
WORDS = bits.random(6, DIM, rng=0)
MASK = bits.tail_mask(DIM)
SEED, RATE, ONE = np.uint64(5), np.uint64(2**62), np.uint64(1)
COLUMNS = np.zeros((3, 3), dtype=np.uint64)
COLUMNS[:2, 1] = 9
WAITING = np.ones(6, dtype=np.int64)
WORN = (RATE, COLUMNS)


def state() -> np.ndarray:
    return np.array([7], dtype=np.uint64)


def words(*shape: int) -> np.ndarray:
    return np.zeros(shape, dtype=np.uint64)


CALLS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "in_memory.count._adder": lambda: (WORDS[0].copy(), WORDS[1], SEED, 1, *WORN, state()),
    "in_memory.count._add": lambda: (
        WORDS[2].copy(),
        0,
        WORDS.copy(),
        words(6, 3),
        WAITING.copy(),
        *WORN,
        state(),
    ),
    "in_memory.count._count": lambda: (
        *(WORDS, WORDS[0], 3, *WORN, SEED, 0, words(3, 3), words(3, 3), WAITING[:3].copy(), words(3)),
        np.zeros(DIM, dtype=np.int32),
    ),
    "in_memory.errors._stream": lambda: (SEED, 3),
    "in_memory.errors._chance": lambda: (RATE, state()),
    "in_memory.errors._worn": lambda: (WORDS[0, 1], 1, *WORN, state()),
    "in_memory.errors._wear": lambda: (WORDS, *WORN, MASK, SEED, words(6, 3)),
    "in_memory.logic._majority3": lambda: (ONE, SEED, RATE, 1, *WORN, state()),
    "in_memory.logic._xor_word": lambda: (ONE, SEED, 1, *WORN, state()),
    "in_memory.logic._xor_rows": lambda: (WORDS, WORDS, *WORN, MASK, SEED, words(6, 3)),
    "in_memory.logic._majority3_rows": lambda: (WORDS, WORDS, WORDS, *WORN, MASK, SEED, words(6, 3)),
    "in_memory.logic._distances": lambda: (
        *(WORDS[:2], WORDS, *WORN, MASK, SEED, 0),
        np.zeros((2, 6), dtype=np.int32),
    ),
}
