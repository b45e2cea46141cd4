"""Calls of the kernels of bits."""

from collections.abc import Callable
from typing import Any

import numpy as np

from hdspike import bits
from tests.calls.flow import DIM, MASK, SEED, WORDS, small, words, zeros

UNITS = np.ones((1, 3), dtype=np.int64)
BUNDLE = (SEED, MASK, words(2, 3), words(33, 3))

CALLS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "bits.words._ones": lambda: (SEED,),
    "bits.words._popcount": lambda: (WORDS, zeros(6)),
    "bits.hashing._mix": lambda: (SEED,),
    "bits.hashing._hash64": lambda: (WORDS, words(6)),
    "bits.rotation._word_at": lambda: (WORDS, 1, 70),
    "bits.rotation._rotate": lambda: (WORDS, DIM, 7, MASK, words(6, 3)),
    "bits.planes._full": lambda: (SEED, SEED, SEED),
    "bits.planes._add_sixteen": lambda: (words(16, 3), words(4, 3), words(3)),
    "bits.planes._add_few": lambda: (words(16, 3), 5, words(5, 3), words(3)),
    "bits.planes._add_one": lambda: (words(3), words(2, 3)),
    "bits.planes._gathered": lambda: (WORDS, np.array([2, 1]), 0, 2, words(16, 3)),
    "bits.planes._add_rows": lambda: (bits.random(73, DIM, rng=0), np.arange(73), words(7, 3), words(33, 3)),
    "bits.planes._count": lambda: (WORDS, np.arange(6), words(5, 3), words(33, 3)),
    "bits.planes._above": lambda: (WORDS, 5, words(3), words(3), words(3)),
    "bits.planes._flip": lambda: (words(2, 3),),
    "bits.planes._decay": lambda: (words(4, 3), 1, words(3, 3)),
    "bits.planes._values": lambda: (WORDS, DIM, zeros(DIM)),
    "bits.bundling._coins": lambda: (SEED, words(3)),
    "bits.bundling._majority": lambda: (WORDS[:3], UNITS[0], 3, *BUNDLE, words(3)),
    "bits.bundling._majority_batch": lambda: (WORDS[None, :3], UNITS, words(1), *BUNDLE[1:], words(1, 3)),
    "bits.distance._distance": lambda: (WORDS[0], WORDS[1]),
    "bits.distance._four": lambda: (WORDS[0], WORDS[1], WORDS[2], WORDS[3]),
    "bits.distance._tile": lambda: (WORDS, WORDS, 1, 4, small(6, 3)),
    "bits.distance._hamming": lambda: (WORDS, WORDS, small(6, 6)),
    "bits.search._insert": lambda: (np.int32(2), 1, small(3), zeros(3)),
    "bits.search._nearest": lambda: (WORDS, WORDS, 0, small(6, 16), small(6, 2), zeros(6, 2)),
    "bits.search._smallest": lambda: (small(6), 2, 4, zeros(6), zeros(2)),
}
