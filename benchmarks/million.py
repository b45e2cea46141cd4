"""A memory of a million items: build it, save it, open it, ask it; time and memory of each step.

    python benchmarks/million.py [--items N] [--folder DIR] [--json FILE]

10,240 bits an item are 1.28 GB for a million. *Opened* is timed in a process of its own that has nothing in memory;
its resident memory is what the operating system says. The file was just written, so it is in the page cache: reading it
from a cold disk takes the disk's time more.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from hdspike import Hypervectors, bits
from hdspike.files import write_text

DIM = 10_240


def timed(work: Any) -> tuple[float, Any]:
    """Seconds, and what the work returned."""
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result


def resident() -> float:
    """Megabytes of this process that are in memory now (Linux), or at most ever were (elsewhere)."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def built(items: int, path: Path) -> dict[str, Any]:
    """Draw the items and save them."""
    build_s, memory = timed(lambda: Hypervectors.random(items, DIM, rng=0))
    save_s, _ = timed(lambda: memory.save(path))
    file_mb = path.stat().st_size / 1e6
    return {
        "items": items,
        "dim": DIM,
        "file_mb": file_mb,
        "build_s": build_s,
        "build_mb": resident(),
        "save_s": save_s,
    }


def asked(path: Path) -> dict[str, Any]:
    """Open the file and ask it, from a fresh process: seconds and megabytes at each step."""
    some = bits.random(3, DIM, rng=0)
    some.flags.writeable = False  # as mapped vectors are: another type to the compiler
    bits.nearest(some.copy(), some, DIM, 2)  # compile
    before = resident()
    open_s, memory = timed(lambda: Hypervectors.load(path))
    opened = resident()
    rng = np.random.default_rng(1)
    wanted = rng.integers(len(memory), size=64)
    queries = memory[wanted] ^ Hypervectors.from_bits(
        rng.random((64, DIM)) < 0.3
    )  # three bits of ten flipped
    one_s, (first, _) = timed(lambda: queries[:1].nearest(memory, 10))
    again_s, _ = timed(lambda: queries[:1].nearest(memory, 10))
    many_s, (found, distances) = timed(lambda: queries.nearest(memory, 10))
    assert first[0, 0] == wanted[0]
    return {
        "open_s": open_s, "open_mb": opened - before, "query_first_s": one_s, "query_s": again_s,
        "queries_64_s": many_s, "right_of_64": int(np.count_nonzero(found[:, 0] == wanted)),
        "distance_of_the_right": float(distances[:, 0].mean() / DIM),
    }  # fmt: skip


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where the file goes for the time of the run")
    parser.add_argument("--json", type=Path, help="file for the numbers")
    parser.add_argument("--ask", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.ask:
        print(json.dumps(asked(given.ask)))
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        path = Path(folder) / "million.hdv"
        made = built(given.items, path)
        here = [sys.executable, str(Path(__file__).resolve()), "--ask", str(path)]
        answer = subprocess.run(here, check=True, capture_output=True, text=True).stdout
    numbers = {**made, **json.loads(answer)}
    for name, value in numbers.items():
        print(f"{name:24} {value:12,.4g}" if isinstance(value, float) else f"{name:24} {value:12,}")
    if given.json:
        write_text(given.json, json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    main()
