"""Attention over long contexts: ours by lines and codes, beside the best dense attention and an ANN library.

    python benchmarks/attention.py [--json FILE] [--figure FILE] [--most N] [--rounds N] [--synthetic]

Keys are those of SmolLM2-135M over many documents (see attention_keys.py, which collects them once: minutes); made
ones where the model is not fetched, or with ``--synthetic``. Dense: torch, each precision and way it offers, the
quickest taken; ANN: faiss; either is left out where it is not installed (extra ``bench``). Both sides use the same
threads. A line that is missing its bar says so; a side that did other work raises.
"""

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import attention_faiss as ann
import attention_keys as keys
import numba
import numpy as np
from attention_dense import torch_or_none
from attention_figure import crossings, draw, exponents
from attention_ours import exact
from attention_points import BATCHES, WANTED, batches, point
from attention_times import in_turns
from measure import bounds

from hdspike import datasets, substrate
from hdspike.files import write_text
from hdspike.plot.style import save

BAR_KEYS = 131_072
BARS = {"1": 3.0, "64": 2.0}  # how much faster than dense: asked, and aimed at
SIZES = (1_024, 4_096, 16_384, 65_536, BAR_KEYS, 262_144, 524_288, 1_048_576)
CHIP = "a100-circuit"


def head(layer: int, size: int, synthetic: bool) -> keys.Head:
    """Real keys if there are any, made ones otherwise."""
    found = None if synthetic else keys.real(layer, size)
    return found or keys.made(size)


def bound(row: dict[str, Any], rates: dict[str, float], dim: int = 64) -> dict[str, Any]:
    """What one query must at least read and count, on one thread: the slower of the two, and our time over it."""
    per = row["per_query"]
    words = 2
    octets = (
        per["touched"] * 8 * words
        + per["rescored"] * 2 * dim
        + per["kept"] * 2 * dim
        + row["lines"] * 4 * dim
    )
    times = {
        "bytes, streamed from memory": octets / rates["read"],
        "popcounts": per["touched"] * 8 * 4 * words / rates["popcount"],
    }
    name = max(times, key=lambda key: times[key])
    least = sum(times.values())
    return {
        "bound": " and ".join(times), "slowest": name, "octets": octets, "bound_s": least,
        "bound_ratio": row["seconds"]["1"]["attend_s"] / least,
    }  # fmt: skip


def peers(faiss: Any, made: keys.Head, rounds: int, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """The ANN library at the same mass, on the same threads."""
    size = len(made.keys)
    winners = max(1, round(size / 100))
    development = exact(made, made.learn_queries[:, :: max(1, made.learn_queries.shape[1] // 64)], winners)
    true = exact(made, made.queries, winners)
    out = []
    for name in names:
        index, trained, inserted = ann.build(faiss, name, made.keys, max(1, min(1024, size // 40)))
        value = ann.tuned(faiss, index, name, development, winners, WANTED)
        read = ann.attend(index, made, winners)
        row: dict[str, Any] = {
            "peer": f"faiss {name}", "keys": size, "head": made.name, "setting": value,
            "found": ann.share(index, true, winners)[0], "training_s": trained, "insertion_s": inserted, "seconds": {},
        }  # fmt: skip
        for batch in BATCHES:
            asked = batches(made.queries, batch)
            times = in_turns({name: lambda i, q=asked, read=read: read(q[i % len(q)])}, rounds)[name]
            row["seconds"][str(batch)] = {"attend_s": statistics.median(times) / batch}
            row["seconds"][str(batch)]["s"] = row["seconds"][str(batch)]["attend_s"] + inserted
        out.append(row)
        del index
    return out


def lines(found: dict[str, Any]) -> list[str]:
    """A point of the printed table: one line for each contender and batch."""
    out = []
    for row in found["ours"]:
        for batch, times in row["seconds"].items():
            ratio, met = times.get("ratio"), ""
            if found["keys"] == BAR_KEYS and row["kind"] == "lines" and ratio is not None:
                good = ratio >= BARS[batch] and row["found"] >= WANTED
                met = f"asked {BARS[batch]:g}× at {WANTED}: {'met' if good else 'MISSED'}"
            shown = "" if ratio is None else f"{ratio:8.2f} ×"
            out.append(
                f"{found['keys']:>9,} {row['kind'] + ' ' + row['rule']:13} {batch:>3} {1e3 * times['s']:10.4f} ms"
                f" (insertion {1e6 * times['insertion_s']:6.1f} µs) {shown:>11} mass {row['found']:.4f}"
                f" touched {row['touched_fraction']:.4f} {1e6 * row['joules'][batch]['nominal']:9.3g} µJ {met}"
            )
    for name, row in found["dense"].items():
        if name != "joules" and not name.startswith("best"):
            out.append(f"{found['keys']:>9,} dense {name:14} {1e3 * row['s']:10.4f} ms ({row['way']})")
    for name, cost in found["dense"]["joules"].items():
        out.append(f"{found['keys']:>9,} dense {name:14} {1e6 * cost['nominal']:10.4g} µJ")
    return out


def peer_line(row: dict[str, Any]) -> str:
    """The ANN library's line of the printed table."""
    times = ", ".join(
        f"batch {batch} {1e3 * found['attend_s']:.4f} ms" for batch, found in row["seconds"].items()
    )
    return (
        f"{row['keys']:>9,} {row['peer']:22} mass {row['found']:.4f}, {times}"
        f" (insertion {1e6 * row['insertion_s']:.1f} µs, training {row['training_s']:.1f} s)"
    )


def keep(out: dict[str, Any], numbers: Path | None, picture: Path | None) -> None:
    """Write what there is so far."""
    if out["points"]:
        out["exponents"], out["crossings"] = exponents(out["points"]), crossings(out["points"])
    if numbers:
        write_text(numbers, json.dumps(out, indent=1) + "\n")
    if picture and out["points"]:
        save(draw(out["points"], ledger=f"{out['ledger']} ledger, {out['node']}"), picture)


def main() -> None:
    """Measure, print, and write the numbers and the figure where asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", type=Path, help="file for the numbers")
    parser.add_argument("--figure", type=Path, help="file for the figure, as SVG")
    parser.add_argument("--most", type=int, default=SIZES[-1], help="no context longer than this")
    parser.add_argument("--rounds", type=int, default=9, help="timings of each")
    parser.add_argument("--synthetic", action="store_true", help="made keys, whatever has been fetched")
    parser.add_argument("--only-bar", action="store_true", help=f"nothing but the heads at {BAR_KEYS:,} keys")
    given = parser.parse_args()
    torch, faiss = torch_or_none(), ann.faiss_or_none()
    threads = numba.get_num_threads()
    for name, there in (("torch", torch), ("faiss", faiss)):
        if there is None:
            print(f"peer absent: {name}; `make bench` installs it")
    if torch:
        torch.set_num_threads(threads)
    if faiss:
        faiss.omp_set_num_threads(threads)
    if not given.synthetic:
        try:
            for line in keys.collect(keys.MOST if given.most > BAR_KEYS else keys.KEYS):
                print(line, flush=True)
        except datasets.Absent as absent:
            print(f"made keys: {absent}")
    chip = substrate.load(CHIP)
    rates = bounds(5)
    out: dict[str, Any] = {
        "threads": threads, "substrate": chip.name, "ledger": chip.ledger, "node": chip.node, "rates": rates,
        "wanted": WANTED, "heads": [], "points": [], "peers": [],
    }  # fmt: skip
    for size in () if given.only_bar else [n for n in SIZES if n <= given.most]:
        found = point(head(keys.LONG, size, given.synthetic), torch, chip, rounds=given.rounds)
        out["points"].append(found)
        for line in lines(found):
            print(line, flush=True)
        keep(out, given.json, given.figure)
    bar = min(BAR_KEYS, given.most)
    for layer in keys.HEADS:
        made = head(layer, bar, given.synthetic)
        print(made.name, flush=True)
        found = point(made, torch, chip, rounds=given.rounds, contenders=(("lines", "1%"), ("packed", "1%")))
        found["ours"][0]["bound"] = bound(found["ours"][0], rates)
        out["heads"].append(found)
        for line in lines(found):
            print(line, flush=True)
        if faiss:
            for row in peers(
                faiss, made, given.rounds, ann.INDEXES if layer == keys.LONG else ann.INDEXES[:2]
            ):
                out["peers"].append(row)
                print(peer_line(row), flush=True)
        if not made.real:
            break  # made heads are all alike
    keep(out, given.json, given.figure)
    if out["points"]:
        for panel, fits in out["exponents"].items():
            for name, made_fit in fits.items():
                print(
                    f"{panel} {name}: N^{made_fit['exponent']:.3f} ({made_fit['low']:.3f} to {made_fit['high']:.3f})"
                )
        print("faster than dense from:", {n: at and round(at) for n, at in out["crossings"].items()})
    ratios = {b: [p["ours"][0]["seconds"][b].get("ratio") for p in out["heads"]] for b in ("1", "64")}
    for batch, some in ratios.items():
        if None not in some:
            mean, spread = np.mean(some), np.std(some, ddof=1) if len(some) > 1 else 0.0
            print(
                f"{bar:,} keys, batch {batch}: {mean:.2f} × faster than dense (± {spread:.2f} over {len(some)} heads)"
            )


if __name__ == "__main__":
    main()
