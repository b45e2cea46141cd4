"""Calls of the kernels of a stream of keys: keys, weights and scores are real numbers; distances and bars are not."""

from collections.abc import Callable
from typing import Any

import numpy as np

F = np.float32
KEYS = np.arange(12, dtype=F).reshape(3, 4)
HALF = np.full((3, 4), 0x3F80, dtype=np.uint16)
LINES = np.ones((4, 2), dtype=F)  # (d, L)
STEPS, BITS = np.ones(4, dtype=F), np.array([2, 1, 0, 1])
WORDS, PLACES = np.zeros((4, 2, 64), dtype=np.uint64), np.zeros((4, 64), dtype=np.int32)
SIGNS, MASKS = np.zeros(2, dtype=np.uint64), np.zeros((2, 4), dtype=np.uint64)
SIZES, HEADS, BEFORE = np.array([1, 0]), np.array([0, -1]), np.full(4, -1)
ROWS = np.zeros((2, 64), dtype=np.uint64)


def room(dtype: Any = F, size: int = 256) -> np.ndarray:
    return np.zeros(size, dtype=dtype)


def bins() -> np.ndarray:
    return np.zeros(16_384, dtype=np.int32)


def append() -> tuple[Any, ...]:
    book = (np.zeros(4, dtype=F), np.eye(4, dtype=F), LINES, np.zeros(2, dtype=F), STEPS, BITS)
    held = (np.zeros(2, dtype=np.int64), np.full(2, -1), WORDS.copy(), PLACES.copy(), BEFORE.copy())
    return (KEYS, 0, *book, *held, 0, room(np.int64, 3))


def attend() -> tuple[Any, ...]:
    held = (SIZES, HEADS, BEFORE, WORDS, PLACES, HALF, HALF, 1)
    scratch = (room(np.int64), room(np.uint16), room(np.int32), room(), room())
    out = (
        room(F, 4)[None],
        room(np.int32, 1)[None],
        room(np.int64, 1),
        room(float, 1),
        np.zeros((1, 4), np.int64),
    )
    return (KEYS[:1], 0, 1, np.eye(4, dtype=F), LINES, STEPS, BITS, *held, 1, 1, 1, *scratch, *out)


K, S = "models.stream_keys.", "models.stream_search."
CALLS: dict[str, Callable[[], tuple[Any, ...]]] = {
    K + "_wide": lambda: (np.uint16(0x3F80),),
    K + "_halve": lambda: (KEYS.view(np.uint32), HALF.copy()),
    K + "_place": lambda: (KEYS[0], LINES, np.zeros(2, dtype=F), room(F, 2)),
    K + "_turn": lambda: (KEYS[0], np.eye(4, dtype=F), room(F, 4)),
    K + "_code": lambda: (KEYS[0], 0, LINES, STEPS, BITS, room(np.uint64, 2)),
    K + "_append": append,
    S + "_level": lambda: (3.0, 2.0),
    S + "_bin": lambda: (F(1), F(2), F(0.5)),
    S + "_weigh_bits": lambda: (KEYS[0], STEPS, BITS, room(float), SIGNS.copy(), MASKS.copy()),
    S + "_rank": lambda: (KEYS[0], LINES, 1.0, room(F, 2), room(np.int64, 2)),
    S + "_bar": lambda: (np.arange(4, dtype=np.int32), 3),
    S + "_reach": lambda: (np.array([0, 3]), SIZES, 1, bins()),
    S + "_pair": lambda: (*ROWS, SIGNS[0], SIGNS[1], MASKS[0], MASKS[1], SIGNS[0], room(np.uint16, 64)),
    S + "_pair_more": lambda: (*ROWS, SIGNS[0], SIGNS[1], MASKS[0], MASKS[1], room(np.uint16, 64)),
    S + "_touch_code": lambda: (WORDS, 1),
    S + "_scan": lambda: (
        *(np.array([0, 3]), 4, SIZES, HEADS, BEFORE, WORDS, SIGNS, MASKS),
        *(room(np.int64), room(np.uint16)),
    ),
    S + "_pick": lambda: (room(np.uint16), 1, 2, room(np.int64), PLACES, bins(), room(np.int32)),
    S + "_touch": lambda: (HALF, 1),
    S + "_exact": lambda: (KEYS[0], HALF, room(np.int32), 3, room()),
    S + "_least": lambda: (np.arange(4, dtype=F), 4, 2, bins(), room()),
    S + "_keep": lambda: (np.arange(4, dtype=F), room(np.int32), 4, 2, bins(), room()),
    S + "_blend": lambda: (room(F, 3), HALF, room(np.int32), 3, room(F, 4)),
    S + "_attend": attend,
}
WHOLE = ("_halve", "_bar", "_reach", "_pair", "_pair_more", "_touch_code", "_scan", "_pick", "_touch")
FLOATS = tuple(name for name in CALLS if name.rsplit(".", 1)[1] not in WHOLE)
