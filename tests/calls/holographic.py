"""Calls of the kernels of the dense transformer."""

from collections.abc import Callable
from typing import Any

import numpy as np

from hdspike.transformer import Head, grams
from hdspike.transformer.window import Spikes

HEADS = (Head("suffix", 1, 1, 1, 1), Head("suffix", 2, 1, 1, 1))
TOKENS = np.array([0, 1, 2, 0], dtype=np.int64)
REACHES = np.array([1, -2], dtype=np.int64)
PLACES = np.array([1, 2, 3], dtype=np.int64)


def codes() -> grams.Grams:
    return grams.new_grams(np.array([True, True, False]), HEADS, 64, 0)


def words(*shape: int) -> np.ndarray:
    return np.zeros(shape, dtype=np.uint64)


def values() -> np.ndarray:
    return np.arange(64, dtype=np.uint16) % 3


def spikes() -> Spikes:
    return Spikes(
        np.zeros((4, 2, 3), dtype=np.uint16),
        np.zeros((4, 2, 3), dtype=np.uint16),
        np.zeros((4, 2), dtype=np.int32),
    )


def table(*shape: int) -> np.ndarray:
    return np.full(shape, -1, dtype=np.int64)


def work() -> np.ndarray:
    return np.zeros(3, dtype=np.int64)


ORDER, CHAINS = np.array([0, 1]), np.array([0, 1, 2])
DISTANCES, INDICES = np.zeros((3, 2), dtype=np.int32), np.zeros((3, 2), dtype=np.int64)
BANDS = np.ones(65, dtype=np.uint8)

CALLS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "transformer.grams._turn": lambda: (words(2),),
    "transformer.grams._step": lambda: (codes(), TOKENS[1], values(), 1, REACHES),
    "transformer.grams._step_words": lambda: (codes(), TOKENS[1]),
    "transformer.grams._write": lambda: (codes(), TOKENS, 0, values(), REACHES, True, words(1, 64, 1)),
    "transformer.comparing._hear": lambda: (spikes(), 0, 1, values()[2], table(3)),
    "transformer.comparing._forget": lambda: (spikes(), 0, 1, table(3)),
    "transformer.comparing._next": lambda: (words(64, 1), words(1), 40, 3, 8),
    "transformer.comparing._race": lambda: (
        *(words(2, 64, 1), values(), PLACES, 0, ORDER, CHAINS, 32, 2, 8),
        *(spikes(), table(2, 3), work()),
    ),
    "transformer.comparing._search": lambda: (
        *(words(64, 1), PLACES, 32, np.empty((3, 16), dtype=np.int32), DISTANCES.copy(), INDICES.copy()),
        work(),
    ),
    "transformer.comparing._tell": lambda: (
        *(DISTANCES, INDICES, values(), PLACES, 0, BANDS, spikes(), table(2, 3), work()),
    ),
}
