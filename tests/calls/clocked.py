"""Calls of the clocked runner's and the barrier chip's kernels."""

import numpy as np

i64, i32 = np.int64, np.int32
INDPTR = np.array([0, 2, 3], dtype=i64)
TARGETS = np.array([0, 1, 1], dtype=np.uint32)
WEIGHTS = np.array([1, -1, 2], dtype=np.float32)
FIRED = np.array([0, 1], dtype=i32)
NONE32 = np.empty(0, i32)

CALLS = {
    "functional.clocked._fetch": lambda: (INDPTR, TARGETS, FIRED, 2, -1),
    "functional.recorder._note": lambda: (FIRED, 2, 3, 1, 0, np.zeros(2, i64), np.zeros(2, i32)),
    "functional.clocked._deliver": lambda: (INDPTR, TARGETS, WEIGHTS, FIRED, 2, np.zeros(2)),
    "functional.clocked._deliver_unit": lambda: (INDPTR, TARGETS, FIRED, 2, np.zeros(2)),
    "functional.clocked._deliver_late": lambda: (
        INDPTR, TARGETS, WEIGHTS, np.ones(3, i32), FIRED, 2, np.zeros((2, 2)), 0,
    ),
    "chip.barrier._send": lambda: (
        np.arange(2, dtype=i32), np.array([0, 2], i64), np.ones(2, np.uint8), np.ones(2, i64), np.ones(2, i64),
        np.ones(2, i64), np.ones(2, i64), np.ones(1, i64), np.array([0, 1, 2], i64), np.zeros(2, i32),
        np.ones(2, i64), np.zeros(2, i32), np.zeros(2, i32), np.zeros(2, i64), np.zeros(2, i64), np.zeros(2, i64),
        np.zeros(1, i64),
    ),
    "chip.barrier._simple": lambda: (
        np.zeros(2, i32), np.zeros(2, i32), np.ones(2, i64), np.ones(2, i64), 2, np.zeros(1, i64),
        np.zeros(1, i64), np.zeros(1, i64),
    ),
    "chip.barrier._count_fired": lambda: (FIRED, 2, np.zeros(2, i64)),
    "chip.losses._deliver_rest": lambda: (
        np.zeros(1, i64), np.ones(1, i64), 0, INDPTR, TARGETS.view(i32), WEIGHTS, NONE32, np.zeros(2, i32),
        np.array([0, 1, 2], i64), np.zeros(2, i32), np.zeros(2, i64), np.zeros((1, 2)), 0,
    ),
    "network.builders.planes._convolve_planes": lambda: (
        np.ones((1, 1, 1, 1), np.float32), True, (1, 2, 2), (2, 2), (1, 1), (0, 0), np.zeros(5, i64),
        np.zeros(4, i32), np.zeros(4, np.float32),
    ),
    "chip.axons._cores_of": lambda: (
        INDPTR, TARGETS.view(i32), np.zeros(2, i32), np.zeros(1, i64), np.zeros(3, i64), np.zeros(3, i32),
        np.zeros(3, i64),
    ),
    "chip.mapping._place": lambda: (
        np.array([0, 1, 3], i64), np.zeros(3, i32), np.array([2, 4, 4, 1000, 2, 1], i64), np.full(2, -1, i32),
        np.full(2, -1, i32), np.zeros(2, i64), np.zeros(2, i64),
    ),
    "chip.mapping._ranges": lambda: (
        INDPTR, TARGETS.view(i32), np.zeros(2, i32), np.zeros(3, i64), np.zeros(3, i32), np.zeros(3, i64),
        np.zeros(3, i64),
    ),
    "chip.placement._fill": lambda: (
        INDPTR, TARGETS.view(i32), np.array([4], i64), -1, -1, 8, np.full(2, -1, i32), np.zeros(2, i32),
    ),
    "chip.placement._swap": lambda: (
        np.zeros((2, 2), i64), np.zeros((2, 2), i64), np.zeros(2, i64), np.arange(2), 0,
    ),
}  # fmt: skip

FLOATS = {
    "functional.clocked._deliver",
    "functional.clocked._deliver_unit",
    "functional.clocked._deliver_late",
    "chip.losses._deliver_rest",
    "network.builders.planes._convolve_planes",
}
"""They sum synaptic weights, which are real numbers."""
