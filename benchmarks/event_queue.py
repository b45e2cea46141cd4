"""The event queue beside a binary heap in the same language: the hold model with the delays of a chip.

    python benchmarks/event_queue.py [--rounds N] [--json FILE]

``pending`` events wait; take the first, put one that is later by a delay (drawn evenly from the timing table of
loihi.toml) at a random address (one of 4,096). Both sides order by (time, address, sequence) and read the same
delays and addresses; each returns a hash of what it took, so that nobody can skip work. Rows: ``{pending, delays,
queue_ns, heap_ns, ratio}``, nanoseconds of processor time per hold, medians of rounds that alternate; ``delays`` is
``exact`` for the numbers of the table (multiples of 100 ps: many ties), ``spread`` for each times a number in [0, 2).
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hdspike import substrate
from hdspike.chip.calendar import _next, _put, event_queue, width_for
from hdspike.chip.heap import PENDING, _pop, _push
from hdspike.chip.lean import loop_kernel

PLACES = 4096
SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)


@loop_kernel
def _fill_queue(queue, times, addresses):
    for i in range(len(times)):
        _put(queue, times[i], addresses[i])


@loop_kernel
def _fill_heap(heap, times, addresses):
    for i in range(len(times)):
        _push(heap, i, times[i], addresses[i], i)


@loop_kernel
def _hold_queue(queue, delays, addresses, first, count):
    """``count`` holds on the queue; returns a hash of the events taken."""
    taken = np.uint64(0)
    mask = len(delays) - 1
    for i in range(first, first + count):
        now, address, _ = _next(queue)
        taken = taken * np.uint64(31) + np.uint64(now ^ address)
        _put(queue, now + delays[i & mask], addresses[i & mask])
    return taken


@loop_kernel
def _hold_heap(heap, size, delays, addresses, first, count):
    """The same on the heap."""
    taken = np.uint64(0)
    mask = len(delays) - 1
    for i in range(first, first + count):
        now, address = heap[0]["time"], heap[0]["address"]
        taken = taken * np.uint64(31) + np.uint64(now ^ address)
        _pop(heap, size)
        _push(heap, size - 1, now + delays[i & mask], addresses[i & mask], size + i)
    return taken


def timings() -> np.ndarray:
    """The times of loihi.toml, in ps."""
    loihi = substrate.load("loihi")
    names = [key for key in loihi.quantities if key.startswith("timing.")]
    return np.array([round(float(loihi.si(key)) * 1e12) for key in names], dtype=np.int64)


def sides(pending: int, *, holds: int, spread: bool = False, seed: int = 1) -> tuple[Callable[[], int], ...]:
    """The two sides, filled alike: each call does the next ``holds`` holds and returns the hash of what it took."""
    rng = np.random.default_rng(seed)
    table = timings()
    drawn = 1 << (20 if pending > 100_000 else 16)  # of both together 1 MiB, or for large queues 16 MiB
    delays = rng.choice(table, drawn)
    if spread:
        delays = (delays * rng.uniform(0, 2, drawn)).astype(np.int64)
    addresses = rng.integers(0, PLACES, drawn)
    first = rng.choice(table, pending), rng.integers(0, PLACES, pending)
    queue = event_queue(pending, width_ps=width_for(table))
    heap = np.zeros(pending, dtype=PENDING)
    _fill_queue(queue, *first)
    _fill_heap(heap, *first)
    done = [0, 0]

    def ours() -> int:
        done[0] += holds
        return int(_hold_queue(queue, delays, addresses, done[0] - holds, holds))

    def theirs() -> int:
        done[1] += holds
        return int(_hold_heap(heap, pending, delays, addresses, done[1] - holds, holds))

    return ours, theirs


def rows(rounds: int = 11, sizes: tuple[int, ...] = SIZES) -> Iterator[dict[str, Any]]:
    """One row for each number pending and sort of delays; raises where the two sides do not take the same events."""
    for pending in sizes:
        for spread in (False, True):
            holds = max(50_000, 2 * pending)
            ours, theirs = sides(pending, holds=holds, spread=spread)
            times = []
            for turn in range(rounds + 1):
                marks = [time.thread_time()]
                hashes = []
                for side in (ours, theirs):
                    hashes.append(side())
                    marks.append(time.thread_time())
                if hashes[0] != hashes[1]:
                    raise AssertionError(
                        f"{pending} pending, round {turn}: the two sides took different events"
                    )
                if turn:  # the first warms up
                    times.append((marks[1] - marks[0], marks[2] - marks[1]))
            yield {
                "pending": pending,
                "delays": "spread" if spread else "exact",
                "queue_ns": statistics.median(a for a, _ in times) / holds * 1e9,
                "heap_ns": statistics.median(b for _, b in times) / holds * 1e9,
                "ratio": statistics.median(b / a for a, b in times),
            }


def main() -> int:
    """Print the table, and write it if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = []
    print(f"{'pending':>9} {'delays':>7} {'queue ns':>9} {'heap ns':>9} {'ratio':>6}")
    for row in rows(arguments.rounds):
        found.append(row)
        print(
            f"{row['pending']:>9} {row['delays']:>7} {row['queue_ns']:>9.1f} {row['heap_ns']:>9.1f} "
            f"{row['ratio']:>6.2f}",
            flush=True,
        )
    if arguments.json:
        from hdspike.files import write_text

        write_text(arguments.json, json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
