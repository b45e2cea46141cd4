"""Calls of the kernels of the flow: network, functional."""

from collections.abc import Callable
from typing import Any

import numpy as np

from hdspike import bits
from hdspike.functional import readout, synapses
from hdspike.network import KWTA, from_dense

DIM = 130
WORDS = bits.random(6, DIM, rng=0)
MASK = bits.tail_mask(DIM)
SEED = np.uint64(5)
GROUP = (2, 3, readout.RAMP, 1, 0)
NETWORK = from_dense([[1, -1, 2], [0, 1, 1]], kwta=KWTA(2, 1, "tick"))
SYNAPSES = synapses._packed(NETWORK)
STARTS, LINES = np.array([0, 2, 3]), np.array([0, 1, 1], dtype=np.int32)
ONES, ACTIVE = bits.popcount(WORDS, DIM), bits.popcount(WORDS[:2], DIM)


def zeros(*shape: int, dtype: Any = np.int64) -> np.ndarray:
    return np.zeros(shape, dtype=dtype)


def words(*shape: int) -> np.ndarray:
    return zeros(*shape, dtype=np.uint64)


def small(*shape: int) -> np.ndarray:
    return zeros(*shape, dtype=np.int32)


def spikes(neurons: int) -> tuple[np.ndarray, ...]:
    return small(neurons), small(neurons), small(neurons)


def out(queries: int, most: int) -> tuple[np.ndarray, ...]:
    return small(queries, most), small(queries, most), small(queries, most), zeros(queries), zeros(queries, 6)


INDICES = np.arange(12, dtype=np.int32).reshape(3, 4) % 5
UNITS = np.ones((1, 3), dtype=np.int64)

CALLS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "functional.synapses._receive_unit": lambda: (SYNAPSES[1], 0, 2, small(3)),
    "functional.synapses._receive": lambda: (*SYNAPSES[1:3], 0, 2, small(3), small(3)),
    "functional.readout._merge_sort": lambda: (zeros(4), np.arange(4), zeros(4)),
    "functional.readout._ordered": lambda: (small(4), small(4), 3),
    "functional.readout._ramp_bound": lambda: (small(3), small(3), GROUP),
    "functional.readout._late": lambda: (small(3), small(3), 2, GROUP, spikes(3)),
    "functional.readout._record": lambda: (0, 2, 3, spikes(3), out(1, 2), 1, 2, 3, 3),
    "functional.readout._scratch": lambda: (3,),
    "functional.synapses._deliver": lambda: (SYNAPSES, LINES, 0, 2, small(3), small(3)),
    "functional.synapses._cross": lambda: (0, 1, small(3), small(3), zeros(3, dtype=np.uint8), 0, spikes(3)),
    "functional.synapses._run": lambda: (SYNAPSES, NETWORK.bias, STARTS, LINES, 1, GROUP, out(2, 2)),
    "functional.synapses._potentials": lambda: (SYNAPSES, NETWORK.bias, STARTS, LINES, small(2, 3)),
    "functional.dense._equal_bits": lambda: (WORDS, WORDS[:2], DIM, small(2, 6)),
    "functional.dense._crossings": lambda: (WORDS, ONES, WORDS[0], ACTIVE[0], DIM, 9, 60, zeros(6), small(6)),
    "functional.dense._race": lambda: (
        *(WORDS, ONES, WORDS[0], ACTIVE[0], DIM, 9),
        *((2, 60, 0, 1, 0), zeros(6), small(6), spikes(6)),
    ),
    "functional.dense._run_dense": lambda: (WORDS, ONES, WORDS[:2], ACTIVE, DIM, 9, GROUP, out(2, 2)),
}
