"""Calls of the contestants' kernels; probabilities are real numbers."""

from collections.abc import Callable
from typing import Any

import numpy as np

from hdspike.contestants.ngram_store import NgramStore
from hdspike.contestants.packed_trie import PackedTrie

TEXT = np.array([3, 3, 0, 1, 0, 1, 2, 0, 1], dtype=np.int64)


def store() -> NgramStore:
    made = NgramStore(3, 3)
    made.room(len(TEXT))
    return made


def read(made: NgramStore) -> tuple[Any, ...]:
    return made.arrays, made.sizes, made.occurrences, made.base


def out() -> tuple[Any, ...]:
    made = store()
    return made.arrays, np.array([0, 0, made.sizes[2]])


def trie() -> PackedTrie:
    made = store()
    made.add(TEXT, 2, 9, WORK)
    return PackedTrie(made)


SMALL, PLACES = np.array([0, 3], dtype=np.uint8), np.array([0], dtype=np.uint32)
NODES, WORK = np.zeros(3, dtype=np.int64), np.zeros(6, dtype=np.int64)
KEYS, VALUES = np.full(8, -1), np.zeros(8, dtype=np.int32)

CALLS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "contestants.ngram_store._find": lambda: (KEYS, 5, np.int64(61)),
    "contestants.ngram_store._fill": lambda: (
        KEYS.copy(),
        VALUES,
        np.int64(61),
        np.array([3, -1]),
        VALUES[:2],
    ),
    "contestants.ngram_store._path": lambda: (store().arrays, store().sizes, TEXT, 3, 4, NODES, WORK),
    "contestants.ngram_store._add": lambda: (*read(store())[:3], TEXT, 3, 4, NODES, WORK),
    "contestants.ngram_store._add_all": lambda: (*read(store())[:3], TEXT, 2, 9, 4, NODES, WORK),
    "contestants.ngram_store._keep": lambda: (*read(store())[:2], 4, 2, 1, *out()),
    "contestants.packed_trie._owners": lambda: (store().arrays[4][:1], VALUES, np.zeros(8, dtype=np.int64)),
    "contestants.packed_trie._before": lambda: (SMALL, PLACES, 1, WORK),
    "contestants.packed_trie._full": lambda: (SMALL, PLACES, PLACES, 0),
    "contestants.packed_trie._child": lambda: (trie().tree, 0, 1, WORK),
    "contestants.packed_ngrams._read_packed": lambda: (
        *(trie().tree, trie().lists, trie().dropped, TEXT, 2, 9, np.full((3, 4), 0.5), np.zeros(3)),
        *(np.zeros(7), np.zeros(7, dtype=np.int64), WORK),
    ),
    "contestants.ngrams._discounts": lambda: (np.ones((3, 4), dtype=np.int64), np.zeros((3, 4))),
    "contestants.ngrams._predict": lambda: (store().arrays, NODES, 1, np.zeros((3, 4)), np.zeros(3), WORK),
    "contestants.ngrams._read": lambda: (
        *(read(store()), TEXT, 2, 9, True, np.zeros((3, 4)), (NODES, np.zeros(3))),
        *(np.zeros(7), np.zeros(7, dtype=np.int64), WORK),
    ),
}

FLOATS = (
    *("contestants.ngrams._discounts", "contestants.ngrams._predict", "contestants.ngrams._read"),
    "contestants.packed_ngrams._read_packed",
)
