"""Bit kernels beside their peers, paired in one run: medians of ratios, and how far each is from its bound.

The peers are NumPy and, where the extra `bench` is installed, faiss.

    python benchmarks/bits.py [--json FILE] [--rounds N]

Rows: ``{workload, size, peer, ours_s, peer_s, ratio, bound, bound_ratio}``; ratio = peer ÷ ours, bound_ratio = our
time ÷ the time the bound allows. The bound of each kernel is measured in the same run: the rate at which
this machine streams the bytes that the kernel must read and write (a copy), or counts ones in cache.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hdspike import bits
from hdspike.files import write_text

DIM = 10_240


def seconds(work: Callable[[], Any]) -> float:
    """The time of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def paired(ours: Callable[[], Any], peer: Callable[[], Any], rounds: int) -> tuple[float, float, float]:
    """Medians of our time, the peer's, and their ratio, from rounds that alternate between the two."""
    ours()  # compile, and touch the memory
    peer()
    times = [(seconds(ours), seconds(peer)) for _ in range(rounds)]
    return (
        statistics.median(a for a, _ in times),
        statistics.median(b for _, b in times),
        statistics.median(b / a for a, b in times),
    )


def copy_rate(rounds: int) -> float:
    """Bytes per second read and written by a copy far larger than the caches."""
    source = np.ones(1 << 24, dtype=np.uint64)
    target = np.empty_like(source)
    np.copyto(target, source)
    return (
        2
        * source.nbytes
        / statistics.median(seconds(lambda: np.copyto(target, source)) for _ in range(rounds))
    )


def popcount_rate(rounds: int) -> float:
    """Bytes per second whose ones are counted, from cache."""
    rows = bits.random(64, DIM, rng=0)
    bits.popcount(rows, DIM)

    def work() -> None:
        for _ in range(200):
            bits.popcount(rows, DIM)

    return 200 * rows.nbytes / statistics.median(seconds(work) for _ in range(rounds))


def faiss_search(queries: Any, keys: Any) -> Callable[[], Any] | None:
    """The ten nearest keys by faiss' flat binary index, or ``None`` where faiss is not installed."""
    try:
        import faiss
    except ImportError:
        return None
    faiss.omp_set_num_threads(2)
    index = faiss.IndexBinaryFlat(DIM)
    index.add(keys.view(np.uint8))
    octets = queries.view(np.uint8)
    return lambda: index.search(octets, 10)


def workloads() -> list[tuple[str, str, str, Callable[[], Any], Callable[[], Any], str, int]]:
    """(workload, size, peer, ours, the peer's, bound, bytes that the bound counts)."""
    rows = bits.random(10_000, DIM, rng=1)
    raw = bits.unpack(rows, DIM)
    bundle = rows[:1001].copy()
    queries, keys = bits.random(64, DIM, rng=3), bits.random(20_000, DIM, rng=4)

    def numpy_hamming() -> Any:
        return [np.bitwise_count(q ^ keys).sum(axis=1, dtype=np.int32) for q in queries]

    found: list[tuple[str, str, str, Callable[[], Any], Callable[[], Any], str, int]] = [
        ("rotate", f"10,000 × {DIM} by 37", "numpy", lambda: bits.rotate(rows, DIM, 37),
         lambda: np.roll(raw, 37, axis=1), "copy", 2 * rows.nbytes),
        ("majority", f"1,001 × {DIM}", "numpy", lambda: bits.majority(bundle, DIM),
         lambda: np.packbits(np.unpackbits(bundle.view(np.uint8), axis=1).sum(axis=0, dtype=np.int32) > 500),
         "copy", bundle.nbytes),
        ("popcount", f"10,000 × {DIM}", "numpy", lambda: bits.popcount(rows, DIM),
         lambda: np.bitwise_count(rows).sum(axis=1), "copy", rows.nbytes),
        ("hamming", f"64 × 20,000 × {DIM}", "numpy", lambda: bits.hamming(queries, keys, DIM), numpy_hamming,
         "popcount on one thread", 64 * keys.nbytes),
        ("random", f"10,000 × {DIM}", "numpy", lambda: bits.random(10_000, DIM, rng=5),
         lambda: np.random.default_rng(5).integers(0, 2**64, size=(10_000, DIM // 64), dtype=np.uint64),
         "copy", rows.nbytes),
    ]  # fmt: skip
    search = faiss_search(queries, keys)
    if search is not None:
        found.append(
            ("nearest 10", f"64 × 20,000 × {DIM}", "faiss", lambda: bits.nearest(queries, keys, DIM, 10), search,
             "popcount on one thread", 64 * keys.nbytes)
        )  # fmt: skip
    return found


def main() -> None:
    """Measure, print a table, and write the rows where asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", type=Path, help="file for the rows")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    bounds = {"copy": copy_rate(given.rounds), "popcount on one thread": popcount_rate(given.rounds)}
    print(", ".join(f"{name} {rate / 1e9:.1f} GB/s" for name, rate in bounds.items()))
    rows = []
    for workload, size, name, ours, peer, bound, count in workloads():
        ours_s, peer_s, ratio = paired(ours, peer, given.rounds)
        row = {
            "workload": workload, "size": size, "peer": name, "ours_s": ours_s, "peer_s": peer_s, "ratio": ratio,
            "bound": bound, "bound_ratio": ours_s * bounds[bound] / count,
        }  # fmt: skip
        rows.append(row)
        print(
            f"{workload:16} {size:24} {1e3 * ours_s:9.3f} ms  {name} {1e3 * peer_s:9.3f} ms  ratio {ratio:8.2f}  "
            f"{row['bound_ratio']:6.1f} × the {bound} bound"
        )
    if given.json:
        write_text(given.json, json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
