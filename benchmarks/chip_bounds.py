"""What this machine allows an event-driven simulator at best: additions in a random order, and streams.

Each is measured on one thread in the same run as the rows that are held against it, the best of several rounds.
"""

import time
from collections.abc import Callable
from functools import cache

import numpy as np

from hdspike.jit import kernel

__all__ = ["add_ns", "stream_ns"]

BLOCK = 1 << 15  # targets of the additions: 128 KiB, read in order
SHORT = 1 << 21  # operations within one timing
ROUNDS = 7


@kernel
def _add(targets, drive, times):
    """``times`` rounds of one scattered addition per target; returns their number."""
    for _ in range(times):
        for s in range(len(targets)):
            drive[targets[s]] += 1.0
    return times * len(targets)


@kernel
def _read(words, times):
    """Read all words ``times`` over."""
    total = np.uint64(0)
    for i in range(times):
        for w in range(len(words)):
            total += words[w] ^ np.uint64(i)
    return total


def best(work: Callable[[], object], operations: int, rounds: int) -> float:
    """Nanoseconds per operation, the best of the rounds after one that warms up."""
    work()
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times) / operations * 1e9


@cache
def add_ns(neurons: int, *, operations: int = SHORT, rounds: int = ROUNDS) -> float:
    """One addition to a random one of ``neurons`` sums (float64), its target read in order, no weight."""
    targets = np.random.default_rng(0).integers(0, neurons, min(BLOCK, operations)).astype(np.uint32)
    drive = np.zeros(neurons)
    times = max(1, operations // len(targets))
    return best(lambda: _add(targets, drive, times), times * len(targets), rounds)


@cache
def stream_ns(octets: int, *, operations: int = SHORT, rounds: int = ROUNDS) -> float:
    """One byte of ``octets`` that are read in order, over and over: from the cache that holds them, or from memory."""
    words = np.ones(max(1, octets // 8), dtype=np.uint64)
    times = max(1, operations // len(words))
    return best(lambda: _read(words, times), times * words.nbytes, rounds)
