"""Additions of bit planes beside every way to multiply: medians of paired ratios, and how far we are from the bound.

    python benchmarks/ternary.py [--json FILE] [--rounds N] [--only TEXT]

Weights are ternary, activations of 8 bits; batches of 1 and 64. Peers: NumPy's int8 product (without BLAS, as all of
its integer products), its fastest integer product (einsum of int32), a compiled loop of int8 multiplications, and
float32 BLAS, the strongest dense rival, which gets the activations as floats. ``floats in and out`` is us with the
rounding of the activations and the scaling of the sums, the same job as BLAS. Rows as in ``benchmarks/bits.py``:
ratio = peer ÷ ours, above 1 we are faster; bound = the rate at which this machine counts the ones of words,
``bound_ratio`` = our time ÷ the time of counting as many words; gmacs = 10⁹ products a second of ours.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numba
from measure import bounds, every, paired

from hdspike.files import write_text
from hdspike.sparsity.bit_planes import DEPTH
from hdspike.sparsity.ternary_race import OURS, RIVALS, WHOLE, race

SIZES = ((768, 768), (768, 3072), (4096, 4096))
BATCHES = (1, 64)
LARGE = 1 << 19  # words from which on we take all threads


def rows(rounds: int, rates: dict[str, float], only: str) -> Iterator[dict[str, Any]]:
    """Every pair of us and a peer, timed."""
    for n_in, n_out in SIZES:
        for batch in BATCHES:
            run = race(n_in, n_out, batch, rng=1)
            bound = every("popcount") if run.work.words >= LARGE else "popcount"
            for ours in (OURS, WHOLE):
                for peer in RIVALS:
                    if only not in peer or (ours == WHOLE and peer != "float32 BLAS"):
                        continue
                    rival = run.contenders[peer]
                    ours_s, peer_s, ratio = paired(run.contenders[ours].call, rival.call, rounds)
                    yield {
                        "workload": ours, "size": f"{batch} × {n_in:,} × {n_out:,}", "batch": batch, "n_in": n_in,
                        "n_out": n_out, "peer": peer, "ours_s": ours_s, "peer_s": peer_s * rival.scale,
                        "ratio": ratio * rival.scale, "bar": 1.0 if peer == "NumPy int8" else None, "bound": bound,
                        "bound_ratio": ours_s * rates[bound] / (8 * run.work.words),
                        "gmacs": run.work.macs / ours_s / 1e9, "additions": run.work.additions,
                        "macs": run.work.macs, "words": run.work.words, "threads": numba.get_num_threads(),
                    }  # fmt: skip


def line(row: dict[str, Any]) -> str:
    """One row of the printed table."""
    met = "" if row["bar"] is None else "met" if row["ratio"] >= row["bar"] else "MISSED"
    return (
        f"{row['workload']:30} {row['size']:20} {1e6 * row['ours_s']:10.1f} {row['peer']:>14} "
        f"{1e6 * row['peer_s']:12.1f} {row['ratio']:9.2f} {met:6} {row['gmacs']:7.1f} "
        f"{row['bound_ratio']:6.2f} × {row['bound']}"
    )


def main() -> None:
    """Measure, print a table, and write the rows where asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", type=Path, help="file for the rows")
    parser.add_argument("--rounds", type=int, default=15, help="timings of each pair")
    parser.add_argument("--only", default="", help="peers whose name contains this")
    given = parser.parse_args()
    rates = bounds(given.rounds)
    print(f"counting ones on one thread: {rates['popcount'] / 1e9:.0f} GB/s; {DEPTH} planes of activations")
    print(f"{'workload':30} {'batch × in × out':20} {'ours µs':>10} {'peer':>14} {'peer µs':>12} {'ratio':>9} {'':6} "
          f"{'GMAC/s':>7} {'time ÷ bound':>14}")  # fmt: skip
    found = []
    for row in rows(given.rounds, rates, given.only):
        found.append(row)
        print(line(row), flush=True)
    if given.json:
        write_text(given.json, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
