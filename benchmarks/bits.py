"""Every bit kernel beside its peers in one run: medians of paired ratios, and how far each is from its bound.

    python benchmarks/bits.py [--json FILE] [--rounds N] [--only TEXT]

Peers: NumPy always; torchhd, faiss and CBHV where the extra ``bench`` is installed (`make bench` installs it), each
with as many threads as we take. Short work is timed in its steady state, after an untimed call. Rows: ``{workload,
size, peer, ours_s, peer_s, ratio, bar, bound, bound_ratio, gbs, threads}``. ratio = peer ÷ ours, above 1 we are
faster; bar = what the project asks of it; bound_ratio = our time ÷ the time that the bound allows, measured in the
same run on one thread (``× T``: on all T); gbs = the bytes that the bound counts, per second of ours. Where a peer
works on another dimension its time is taken per bit.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np
import peers
from measure import DIM, Work, bounds, every, paired

from hdspike import bits
from hdspike.files import write_text
from hdspike.spaces import BSC, SBC

VECTORS = 10_000
ITEMS = 100_000
BUNDLE = 1_001


@dataclass
class Row:
    """One comparison: our work, the peer's, and the bytes that the named bound would move or count."""

    workload: str
    size: str
    peer: str
    ours: Work
    theirs: Work
    bound: str
    octets: int
    bar: float | None = None
    scale: float = 1.0
    """Our share of the peer's work: the peer's time is multiplied by it."""


def xor() -> Iterator[Row]:
    """Binding into ``out``: far larger than the caches, and within them."""
    hd = peers.torchhd()
    for count, place, bar in ((VECTORS, "out of cache", 50.0), (1_000, "in cache", 8.0)):
        a, b = bits.random(count, DIM, rng=1), bits.random(count, DIM, rng=2)
        out = np.empty_like(a)
        size = f"{count:,} × {DIM:,}, {place}"
        bound = "copy" if count == VECTORS else "copy cached"

        def ours(a=a, b=b, out=out) -> Any:
            return bits.xor(a, b, DIM, out=out)

        def numpy(a=a, b=b, out=out) -> Any:
            return np.bitwise_xor(a, b, out=out)

        yield Row("xor", size, "numpy", ours, numpy, bound, 3 * a.nbytes, 0.95)
        if hd:
            x, y = hd.random(count, DIM, "BSC"), hd.random(count, DIM, "BSC")
            yield Row("xor", size, "torchhd", ours, lambda x=x, y=y: hd.bind(x, y), bound, 3 * a.nbytes, bar)


def majority() -> Iterator[Row]:
    """The majority of 1,001; the peer CBHV has 8,192 bits, so its time is taken per bit."""
    hd, bhv = peers.torchhd(), peers.cbhv()
    for dim in (DIM, 10 * DIM):
        rows = bits.random(BUNDLE, dim, rng=3)
        size = f"{BUNDLE:,} × {dim:,}"

        def ours(rows=rows, dim=dim) -> Any:
            return bits.majority(rows, dim)

        def numpy(rows=rows) -> Any:
            sums = np.unpackbits(rows.view(np.uint8), axis=1, bitorder="little").sum(axis=0, dtype=np.int32)
            return np.packbits(sums > BUNDLE // 2, bitorder="little")

        bound = "read" if dim > DIM else "read cached"
        if bhv:
            many = [bhv.rand() for _ in range(BUNDLE)]
            scale = dim / 8192
            yield Row(
                "majority", size, "cbhv", ours, lambda m=many: bhv.majority(m), bound, rows.nbytes, 1.0, scale
            )
        yield Row("majority", size, "numpy", ours, numpy, bound, rows.nbytes, 20.0)
        if hd:
            x = hd.random(BUNDLE, dim, "BSC")
            yield Row(
                "majority", size, "torchhd", ours, lambda x=x: hd.multiset(x), bound, rows.nbytes, 1000.0
            )


def counters() -> Iterator[Row]:
    """Weighted and incremental bundling against our own plain majority: at least a quarter of its speed."""
    rows = bits.random(BUNDLE, DIM, rng=3)
    weights = np.arange(BUNDLE) % 7 + 1
    votes = bits.Counters(DIM)
    votes.add(rows)

    def plain() -> Any:
        return bits.majority(rows, DIM)

    def replaced() -> Any:
        """Take the whole bundle out, let it decay, put it in again."""
        votes.remove(rows)
        votes.decay(4)
        votes.add(rows)
        return votes.majority()

    size, peer = f"{BUNDLE:,} × {DIM:,}", "our majority"
    octets = rows.nbytes
    yield Row("majority weighted 1…7", size, peer, lambda: bits.majority(rows, DIM, weights=weights), plain,
              "read cached", octets, 0.25)  # fmt: skip
    yield Row("majority of an even number", f"{BUNDLE - 1:,} × {DIM:,}", peer,
              lambda: bits.majority(rows[:-1], DIM), plain, "read cached", octets)  # fmt: skip
    yield Row(
        "majority counters add", size, peer, lambda: votes.add(rows), plain, "read cached", octets, 0.25
    )
    yield Row("majority counters remove, decay, add, read", size, f"2 × {peer}", replaced, plain, "read cached",
              2 * octets, 0.25, 2.0)  # fmt: skip


def rotate() -> Iterator[Row]:
    """Rotation by 37 bits."""
    hd = peers.torchhd()
    rows = bits.random(VECTORS, DIM, rng=4)
    raw, out = bits.unpack(rows, DIM), np.empty_like(rows)
    size = f"{VECTORS:,} × {DIM:,} by 37"

    def ours() -> Any:
        return bits.rotate(rows, DIM, 37, out=out)

    yield Row(
        "rotate", size, "numpy roll", ours, lambda: np.roll(raw, 37, axis=1), "copy", 2 * rows.nbytes, 30.0
    )
    if hd:
        x = hd.random(VECTORS, DIM, "BSC")
        yield Row(
            "rotate", size, "torchhd", ours, lambda: hd.permute(x, shifts=37), "copy", 2 * rows.nbytes, 30.0
        )


def nearest() -> Iterator[Row]:
    """The ten nearest of 100,000: for one query memory is the bound, for many the counting of ones."""
    fs = peers.faiss()
    rows = bits.random(ITEMS, DIM, rng=5)
    if fs:
        index = fs.IndexBinaryFlat(DIM)
        index.add(rows.view(np.uint8))
    for count, bar in ((1, 1.0), (64, 2.5), (1024, 2.5)):
        queries = bits.random(count, DIM, rng=6)
        octets = queries.view(np.uint8)
        bound = "read" if count == 1 else every("popcount")
        size = f"{count:,} of {ITEMS:,} × {DIM:,}"

        def ours(queries=queries) -> Any:
            return bits.nearest(queries, rows, DIM, 10)

        def numpy(queries=queries) -> Any:
            distances = np.bitwise_count(queries ^ rows).sum(axis=1, dtype=np.int32)
            return np.argpartition(distances, 10)[:10]

        if fs:
            yield Row("nearest 10", size, "faiss", ours, lambda o=octets: index.search(o, 10), bound,
                      count * rows.nbytes, bar)  # fmt: skip
        if count == 1:
            yield Row("nearest 10", size, "numpy", ours, numpy, bound, rows.nbytes)


def sparse() -> Iterator[Row]:
    """Sparse block codes at 1 %: 100 blocks of 100, beside torchhd's and beside dense packed bits of the same D."""
    hd = peers.torchhd()
    space, dense = SBC(10_000, blocks=100, dtype=np.uint8), BSC(10_000)
    size = "100 blocks of 100"

    def pair(
        name: str, rows: str, ours: Work, ours_dense: Work, theirs: Callable[[Any], Work], octets: int
    ) -> Iterator[Row]:
        yield Row(f"sparse {name}", f"{rows}, {size}", "our dense", ours, ours_dense, "copy", octets)
        if hd:
            yield Row(
                f"sparse {name}", f"{rows}, {size}", "torchhd BSBC", ours, theirs(hd), "copy", octets, 20.0
            )

    def tensor(vectors: Any) -> Any:
        made = (
            hd.BSBCTensor.random(1, 1, block_size=100)
            .new_tensor(vectors.astype(np.int64))
            .as_subclass(hd.BSBCTensor)
        )
        made.block_size = 100
        return made

    a, b = space.random(VECTORS, rng=7), space.random(VECTORS, rng=8)
    out, x, y = np.empty_like(a), dense.random(VECTORS, rng=7), dense.random(VECTORS, rng=8)
    z = np.empty_like(x)

    def torch_bind(hd: Any) -> Work:
        ta, tb = tensor(a), tensor(b)
        return lambda: hd.bind(ta, tb)

    yield from pair("bind", f"{VECTORS:,}", lambda: space.bind(a, b, out=out), lambda: bits.xor(x, y, 10_000, out=z),
                    torch_bind, 3 * a.nbytes)  # fmt: skip

    many, packed = space.random(BUNDLE, rng=9), dense.random(BUNDLE, rng=9)

    def torch_bundle(hd: Any) -> Work:
        tm = tensor(many)
        return lambda: hd.multiset(tm)

    yield from pair("bundle", f"{BUNDLE:,}", lambda: space.bundle(many), lambda: dense.bundle(packed), torch_bundle,
                    many.nbytes)  # fmt: skip

    items, words = space.random(ITEMS, rng=10), dense.random(ITEMS, rng=10)
    index = space.index(items)
    for count in (1, 64):
        queries, wide = space.random(count, rng=11), dense.random(count, rng=11)

        def torch_top(hd: Any, queries=queries) -> Work:
            import torch

            memory, tq = tensor(items), tensor(queries)

            def one_by_one() -> Any:  # all at once needs Q × M × blocks bytes
                return [torch.topk(hd.dot_similarity(q, memory), 10) for q in tq]

            return one_by_one

        yield from pair("top-10", f"{count} of {ITEMS:,}", lambda q=queries: space.nearest(q, index, 10),
                        lambda q=wide: dense.nearest(q, words, 10), torch_top, count * items.nbytes)  # fmt: skip


def random() -> Iterator[Row]:
    """Fair random bits."""
    count = DIM // 64
    yield Row(
        "random", f"{VECTORS:,} × {DIM:,}", "numpy integers", lambda: bits.random(VECTORS, DIM, rng=5),
        lambda: np.random.default_rng(5).integers(0, 2**64, size=(VECTORS, count), dtype=np.uint64),
        "copy", VECTORS * count * 8, 0.95,
    )  # fmt: skip


WORKLOADS = (xor, majority, counters, rotate, nearest, sparse, random)


def measure(row: Row, rounds: int, rates: dict[str, float]) -> dict[str, Any]:
    """Time one comparison."""
    ours_s, peer_s, ratio = paired(row.ours, row.theirs, rounds)
    return {
        "workload": row.workload, "size": row.size, "peer": row.peer, "ours_s": ours_s,
        "peer_s": peer_s * row.scale, "ratio": ratio * row.scale,
        "bar": row.bar, "bound": row.bound, "bound_ratio": ours_s * rates[row.bound] / row.octets,
        "gbs": row.octets / ours_s / 1e9, "threads": numba.get_num_threads(),
    }  # fmt: skip


def line(row: dict[str, Any]) -> str:
    """One row of the printed table."""
    bar = "" if row["bar"] is None else f"{row['bar']:g}×"
    met = "" if row["bar"] is None else "met" if row["ratio"] >= row["bar"] else "MISSED"
    return (
        f"{row['workload'][:32]:32} {row['size'][:34]:34} {1e3 * row['ours_s']:9.3f} {row['peer'][:16]:>16} "
        f"{1e3 * row['peer_s']:10.3f} {row['ratio']:9.2f} {bar:>7} {met:6} {row['gbs']:7.1f} "
        f"{row['bound_ratio']:6.2f} × {row['bound']}"
    )


def main() -> None:
    """Measure, print a table, and write the rows where asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", type=Path, help="file for the rows")
    parser.add_argument("--rounds", type=int, default=15, help="timings of each pair")
    parser.add_argument("--only", default="", help="workloads whose name contains this")
    given = parser.parse_args()
    absent = [name for name in ("torchhd", "faiss", "cbhv") if getattr(peers, name)() is None]
    if absent:
        print(f"not installed, so left out: {', '.join(absent)}; `make bench` installs them")
    rates = bounds(given.rounds)
    print("on one thread: " + ", ".join(f"{name} {rate / 1e9:.0f} GB/s" for name, rate in rates.items()))
    print(f"{'workload':32} {'size':34} {'ours ms':>9} {'peer':>16} {'peer ms':>10} {'ratio':>9} {'bar':>7} {'':6} "
          f"{'GB/s':>7} {'time ÷ bound':>14}")  # fmt: skip
    rows = []
    for workload in WORKLOADS:
        if given.only not in workload.__name__:
            continue
        for row in workload():
            rows.append(measure(row, given.rounds, rates))
            print(line(rows[-1]), flush=True)
    if given.json:
        write_text(given.json, json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
