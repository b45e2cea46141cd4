"""Decoding in a process of its own, for native libraries that a malformed file can bring down.

Measured (``tests/fuzz_events.py``): of damaged AEDAT4 files some 4 in 1,000 abort the process inside the decoder, and
some ask for gigabytes; of damaged HDF5 files some keep the library busy without end. A child that dies, hangs or
outgrows its memory is a ``ValueError`` here.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["need", "run"]

CHILD = Path(__file__).with_name("child.py")
PATIENCE, PACE = 30, 1_000_000  # seconds, and bytes per second besides
BASE_MB = 3072  # what libraries and buffers may take besides the events


def need(module: str, extra: str, what: str) -> None:
    """Raise ``ImportError`` naming the extra that brings ``module``, where it is missing."""
    if importlib.util.find_spec(module) is None:
        raise ImportError(f"{what} needs {module}: pip install hdspike[{extra}]")


def run(
    job: str,
    path: Path,
    out: Path,
    *,
    kind: str = "",
    most: int,
    megabytes: int = BASE_MB,
    patience: float | None = None,
) -> dict[str, Any]:
    """What the child answered; see :mod:`hdspike.events.child`.

    Raises:
        ImportError: a library is missing or broken.
        ValueError: the file is malformed, too large, or the child died, or took too long.
    """
    seconds = PATIENCE + path.stat().st_size / PACE if patience is None else patience
    paths = os.pathsep.join(p for p in sys.path if p)
    command = [
        sys.executable,
        "-P",
        str(CHILD),
        job,
        str(path.absolute()),
        str(out),
        kind,
        str(most),
        str(megabytes),
    ]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False,
            env={**os.environ, "PYTHONPATH": paths, "RUST_BACKTRACE": "0", "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"path must be decodable within {seconds:g} s, {path.name} was not") from error
    lines = done.stdout.strip().splitlines()
    try:
        answer = json.loads(lines[-1]) if done.returncode == 0 and lines else None
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise ValueError(
            f"path must be well-formed, the decoder died of {path.name} (exit code {done.returncode})"
        )
    if "missing" in answer:
        raise ImportError(f"reading {path.name} failed, a library cannot be imported: {answer['missing']}")
    if "error" in answer:
        raise ValueError(f"path {answer['error']}, {path.name}: {answer['what']}")
    return answer
