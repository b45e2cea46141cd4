"""Timing side by side: rounds that alternate between the two, medians, ratios, and the bounds of this machine."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from hdspike import bits
from hdspike.jit import kernel

Work = Callable[[], Any]
DIM = 10_240
SHORTEST = 2e-3  # seconds: shorter work is repeated within one timing
COLD = 20e-3  # seconds: work this long sweeps the caches by itself


def seconds(work: Work, times: int = 1) -> float:
    """The mean time of ``times`` calls in a row, after one that finds the caches as the other side left them."""
    if times > 1:
        work()
    begin = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - begin) / times


def repeats(work: Work) -> int:
    """How often to repeat work within a timing that is to last at least ``SHORTEST``."""
    work()  # compile, and touch the memory
    once = max(seconds(work), 1e-9)
    return max(2 if once < COLD else 1, round(SHORTEST / once))


def paired(ours: Work, peer: Work, rounds: int) -> tuple[float, float, float]:
    """Medians of our time, the peer's, and of the ratio peer ÷ ours, over rounds that alternate."""
    mine, theirs = repeats(ours), repeats(peer)
    times = [(seconds(ours, mine), seconds(peer, theirs)) for _ in range(rounds)]
    return (
        statistics.median(a for a, _ in times),
        statistics.median(b for _, b in times),
        statistics.median(b / a for a, b in times),
    )


def every(bound: str) -> str:
    """The name of a bound of one thread times the number of threads."""
    return f"{bound} × {numba.get_num_threads()}"


@kernel
def _ones_of(words, times):
    """The ones of words that stay in the first-level cache, counted ``times`` over."""
    total = bits.ZERO
    for i in range(times):
        for w in range(len(words)):
            total += bits._ones(words[w] ^ np.uint64(i))
    return total


def bounds(rounds: int) -> dict[str, float]:
    """Bytes per second that this machine streams and counts, each measured on one thread, best of the rounds.

    ``read`` and ``copy`` go through 128 MiB; ``read cached`` and ``copy cached`` through 1 MiB. A copy counts what is
    read and what is written. ``popcount`` counts the ones of 16 KiB over and over; ``popcount × T`` is T times that,
    for work on all T threads.
    """
    large, small = np.ones(1 << 24, dtype=np.uint64), np.ones(1 << 17, dtype=np.uint64)
    to_large, to_small = np.empty_like(large), np.empty_like(small)
    cached = bits.random(1, 1 << 17, rng=0)[0]
    work: dict[str, tuple[Work, int]] = {
        "read": (lambda: np.bitwise_or.reduce(large), large.nbytes),
        "copy": (lambda: np.copyto(to_large, large), 2 * large.nbytes),
        "read cached": (lambda: np.bitwise_or.reduce(small), small.nbytes),
        "copy cached": (lambda: np.copyto(to_small, small), 2 * small.nbytes),
        "popcount": (lambda: _ones_of(cached, 200), 200 * cached.nbytes),
    }
    rates = {}
    for name, (call, size) in work.items():
        times = repeats(call)
        rates[name] = size / min(seconds(call, times) for _ in range(rounds))
    rates[every("popcount")] = numba.get_num_threads() * rates["popcount"]
    return rates
