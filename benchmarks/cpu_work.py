"""What a processor is asked to do while its energy counter runs: hdspike's own kernels, NumPy's products, memory.

Every workload checks its result before its energy counts. What fits half of the last-level cache is read from there
(``l2_bits``), what is twice as large from memory (``dram_bits``); smaller caches are inside the operations.
"""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numba
import numpy as np
from joules import Workload, WrongResult

from hdspike import bits
from hdspike.jit import kernel, spread

__all__ = ["cache", "threads", "workloads"]

DIM = 10_240
WORDS = DIM // 64
RESIDENT = 1024  # words that stay in a first-level cache (8 KiB)
SWEEPS = 20_000  # over them in one run: milliseconds, so that starting the threads costs little
ASSUMED_CACHE = 2**26  # bytes, where the kernel does not say
LARGEST = 2**31  # bytes of a workload


def threads() -> int:
    return int(numba.get_num_threads())


def cache(root: Path = Path("/sys/devices/system/cpu/cpu0/cache")) -> int:
    """Bytes of the last-level cache."""
    units = {"K": 2**10, "M": 2**20, "G": 2**30}
    found = 0
    for place in root.glob("index*/size"):
        told = place.read_text(encoding="ascii").strip()
        if told[:-1].isdecimal() and told[-1:] in units:
            found = max(found, int(told[:-1]) * units[told[-1]])
    return found or ASSUMED_CACHE


@kernel
def _counted(words, mask, times):
    """Σ ones of (word XOR mask), ``times`` over with other masks."""
    total = np.uint64(0)
    for turn in range(times):
        change = mask + np.uint64(turn)
        for w in range(len(words)):
            total += bits._ones(words[w] ^ change)
    return total


@kernel
def _changed(words, mask, times):
    """OR of all (word XOR mask): the same without the counting."""
    total = np.uint64(0)
    for turn in range(times):
        change = mask + np.uint64(turn)
        for w in range(len(words)):
            total |= words[w] ^ change
    return total


@kernel
def _read(words):
    """XOR of all words."""
    total = np.uint64(0)
    for w in range(len(words)):
        total ^= words[w]
    return total


def repeated(run: Callable[[], Any]) -> Callable[[int], None]:
    def go(times: int) -> None:
        for _ in range(times):
            run()

    return go


def resident(work: Any, times: int) -> Callable[[int], None]:
    """``work`` (a kernel) on words of its own in each thread."""
    rows = bits.random(threads(), 64 * RESIDENT, rng=1)
    mask = np.uint64(0x123456789ABCDEF)
    told, expected = int(work(rows[0], mask, 2)), 0
    for turn in range(2):
        change = rows[0] ^ (mask + np.uint64(turn))
        if work is _counted:
            expected += int(np.bitwise_count(change).sum())
        else:
            expected |= int(np.bitwise_or.reduce(change))
    if told != expected:
        raise WrongResult(f"{work.__name__}: not what NumPy has")

    def part(low: int, high: int) -> None:
        for row in range(low, high):
            work(rows[row], mask, times)

    return repeated(partial(spread, part, threads()))


def search(queries: int, keys: int) -> Callable[[int], None]:
    """All distances, by :func:`hdspike.bits.hamming`."""
    asked, rows = bits.random(queries, DIM, rng=1), bits.random(keys, DIM, rng=2)
    told = bits.hamming(asked, rows, DIM)[0, :2]
    if told.tolist() != np.bitwise_count(asked[0] ^ rows[:2]).sum(axis=1).tolist():
        raise WrongResult("search: not NumPy's distances")
    return repeated(partial(bits.hamming, asked, rows, DIM))


def bundle(rows: int) -> Callable[[int], None]:
    """The majority of ``rows`` vectors in each thread, by :func:`hdspike.bits.majority`."""
    words = bits.random(rows, DIM, rng=3)
    votes = 2 * bits.unpack(words, DIM).sum(axis=0, dtype=np.int64) - rows
    if not np.array_equal(bits.unpack(bits.majority(words, DIM), DIM), votes > 0):
        raise WrongResult("majority: not the sign of the votes")

    def part(low: int, high: int) -> None:
        for _ in range(low, high):
            bits.majority(words, DIM)

    return repeated(partial(spread, part, threads()))


def product(precision: str, side: int) -> Callable[[int], None]:
    """A square matrix product in NumPy: fp32 by BLAS, int8 into int32 by NumPy's own loop."""
    rng = np.random.default_rng(4)
    if precision == "fp32":
        a, b = (rng.standard_normal((side, side), dtype=np.float32) for _ in range(2))
        run = partial(np.matmul, a, b, out=np.empty((side, side), dtype=np.float32))
    else:
        a, b = (rng.integers(-128, 128, (side, side), dtype=np.int8) for _ in range(2))
        run = partial(np.matmul, a, b, dtype=np.int32)
    exact = a[:2].astype(np.float64) @ b.astype(np.float64)
    if not np.allclose(run()[:2], exact, rtol=0, atol=1e-3 * side if precision == "fp32" else 0):
        raise WrongResult(f"{precision} matrix product: not that of float64")
    return repeated(run)


def memory(size: int, write: bool) -> Callable[[int], None]:
    """Read, or write, ``size`` bytes, a share in each thread."""
    words = np.arange(size // 8, dtype=np.uint64)
    if _read(words[:1000]) != np.bitwise_xor.reduce(words[:1000]):
        raise WrongResult("read: the XOR of all words is not NumPy's")
    work = (
        (lambda low, high: words[low:high].fill(7)) if write else (lambda low, high: _read(words[low:high]))
    )
    return repeated(partial(spread, work, len(words)))


def workloads(*, quick: bool = False, last: int | None = None) -> Iterator[Workload]:
    """The sweep; ``last``: bytes of the last-level cache (asked for where not given)."""
    last = last or cache()
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 8
    room = min(max(4 * last, 2**26), LARGEST, available)
    few, many, all_ = last // 4 // (8 * WORDS), room // (8 * WORDS), threads()
    for name, work, counters in (
        ("XOR and popcount", _counted, ("word_xors", "popcounts")), ("XOR alone", _changed, ("word_xors",)),
    ):  # fmt: skip
        for times in (SWEEPS, 2 * SWEEPS):
            counts = dict.fromkeys(counters, RESIDENT * times * all_)
            yield Workload(name, f"{RESIDENT} words × {times}", counts, partial(resident, work, times))
    for queries, keys in ((1, many), (1, few)) if quick else ((1, many), (1, few), (1, few // 2)):
        pairs = queries * keys * WORDS
        counts = {
            "word_xors": pairs,
            "popcounts": pairs,
            "l2_bits" if keys <= few else "dram_bits": 64 * pairs,
        }
        yield Workload("search", f"{queries} query, {keys} keys", counts, partial(search, queries, keys))
    for rows in (127, 511):
        yield Workload(
            "majority", f"{rows} of {DIM} bits", {"encoder_adds": rows * DIM * all_}, partial(bundle, rows)
        )
    for side in (512, 1024) if quick else (512, 1024, 2048):
        yield Workload(
            "fp32 matrix product", f"{side}³", {"macs_fp32": side**3}, partial(product, "fp32", side)
        )
    for side in (128, 256):
        yield Workload(
            "int8 matrix product", f"{side}³", {"macs_int8": side**3}, partial(product, "int8", side)
        )
    for size in (last // 4, last // 2, room // 2, room):
        counts = {"l2_bits" if size <= last // 2 else "dram_bits": 8 * size, "word_xors": size // 8}
        yield Workload("read", f"{size >> 10} KiB", counts, partial(memory, size, False))
    for size in (room // 2, room):
        yield Workload(
            "write", f"{size >> 10} KiB", {"dram_bits_written": 8 * size}, partial(memory, size, True)
        )
