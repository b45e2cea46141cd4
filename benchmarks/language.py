"""The head-to-head of language models, measured anew on this machine: figures/bench/language.json and .svg.

    python benchmarks/language.py --budget 5 --budget 20 --budget 60 --json JSON --figure SVG

First the dense transformer and its twins are trained for each budget of seconds (`benchmarks/language_dense.py`, torch;
what is finished is not done again), then every other contestant of `hdspike sim head_to_head` learns and reads, timed,
one after the other. Wants an idle machine; `--no-dense` takes the dense results that are there. All of them run once
unmeasured on a short text, so that nothing is compiled in a measured run.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numba

from hdspike import sim
from hdspike.contestants.dense_results import folder
from hdspike.contestants.kept import Kept, spoken
from hdspike.files import write_text
from hdspike.plot import style
from hdspike.vocabulary import plain

BUDGETS = (5.0, 10.0, 20.0, 60.0)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--budget", type=float, action="append", help=f"seconds, {BUDGETS} unless given")
    parser.add_argument("--no-dense", action="store_true", help="train no dense transformer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--figure", type=Path)
    given = parser.parse_args()
    if not given.no_dense:
        driver = Path(__file__).with_name("language_dense.py")
        budgets = [text for seconds in given.budget or BUDGETS for text in ("--budget", f"{seconds:g}")]
        subprocess.run([sys.executable, str(driver), *budgets, "--out", str(folder())], check=True)
    contest = sim.load("head_to_head")
    contest.measured(Kept(None), quick=True, seed=given.seed)  # compiles
    numbers = contest.measured(Kept(None, say=spoken), quick=False, seed=given.seed)
    machine = {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "threads": numba.get_num_threads(),
        "python": platform.python_version(),
        "numba": numba.__version__,
        "load": os.getloadavg()[0],
    }
    write_text(given.json, json.dumps(plain({**machine, **numbers}), indent=1) + "\n")
    if given.figure is not None:
        style.save(contest.draw(numbers), given.figure)


if __name__ == "__main__":
    main()
