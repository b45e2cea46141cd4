"""Fuzzing the readers of event and network files: ``python tests/fuzz_events.py [--cases 3000] [--door 60]``.

Each format gives small well-formed files, which are damaged at random (bytes changed, cut, put in, taken out, numbers
of the header blown up). What a reader does with them must be an answer or a ``ValueError``. Readers that decode in a
process of their own are tried twice: ``cases`` files in one long-lived worker, which is counted and started anew when
it dies, and ``door`` files through the public function, where the worker's death must be a ``ValueError`` as well.
Prints one JSON line per format: cases, answers, errors, deaths, hangs (over 20 s), the slowest other case (s), the
largest memory (MB).
"""

import argparse
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from hdspike import events
from hdspike.events import child, hdf5
from hdspike.events.structured import CAMERA

SENSOR = events.Sensor(34, 34)
HANG = 20  # seconds
BAD_WORDS = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\xff" * 8, b"999999999")


def recording(n: int = 300, seed: int = 1) -> events.Recording:
    """A recording of ``n`` random events on a small sensor."""
    rng = np.random.default_rng(seed)
    array = np.zeros(n, CAMERA)
    for name, end in (("x", 34), ("y", 30), ("p", 2)):
        array[name] = rng.integers(0, end, n)
    array["t"] = np.sort(rng.integers(0, 200_000, n))
    return events.from_structured(array, SENSOR)


def damaged(whole: bytes, rng: random.Random) -> bytes:
    """A copy with one kind of damage."""
    data = bytearray(whole)
    at = rng.randrange(len(data))
    match rng.randrange(8):
        case 0:
            for _ in range(rng.randrange(1, 5)):
                data[rng.randrange(len(data))] = rng.randrange(256)
        case 1:
            data = data[:at]
        case 2:
            data[at:at] = rng.randbytes(rng.randrange(1, 9))
        case 3:
            del data[at : at + rng.randrange(1, 9)]
        case 4:
            data[at : at + 4] = rng.choice(BAD_WORDS)
        case 5:
            head = rng.randrange(min(len(data), 200))
            data[head : head + 1] = rng.randbytes(1)
        case 6:
            head = rng.randrange(min(len(data), 800))
            data[head : head + 4] = rng.choice(BAD_WORDS)
        case _:
            data[at : at + rng.randrange(1, 400)] = b""
            data += rng.randbytes(rng.randrange(50))
    return bytes(data)


def bases(folder: Path) -> dict[str, tuple[Path, str]]:
    """Well-formed files by name, with the job of the child that decodes them, or ""."""
    whole = recording()
    jobs = {".aedat4": "camera", ".raw": "camera", ".dat": "camera", ".es": "camera", ".h5": "hdf5",
            ".sonata": "hdf5", ".parquet": "parquet"}  # fmt: skip
    out = {}
    for name, version in (
        ("nmnist.bin", None), ("evt21.raw", "evt2.1"), ("table.csv", None), ("array.npy", None),
        ("own.events", None), ("aedat4.aedat4", None), ("evt2.raw", "evt2"), ("evt3.raw", "evt3"),
        ("dat1.dat", "dat1"), ("dat2.dat", "dat2"), ("stream.es", None), ("own.h5", None),
        ("spikes.sonata", None), ("table.parquet", None),
    ):  # fmt: skip
        path = folder / name
        events.write(path, whole, version=version)
        out[path.stem + path.suffix] = path, "" if name == "evt21.raw" else jobs.get(path.suffix, "")
    network_file(folder / "net.nir")
    out["net.nir"] = folder / "net.nir", "hdf5"
    return out


def network_file(path: Path) -> None:
    """A NIR file with a convolution, pooling, a delay and several neurons."""
    import nir

    rng = np.random.default_rng(2)
    one, image = np.ones(4), np.ones((2, 4, 4))
    nodes = {
        "input": nir.Input({"input": np.array([1, 6, 6])}),
        "conv": nir.Conv2d((6, 6), rng.normal(size=(2, 1, 3, 3)), 1, 0, 1, 1, np.zeros(2)),
        "if": nir.IF(r=image, v_threshold=image),
        "pool": nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "flatten": nir.Flatten({"input": np.array([2, 2, 2])}, 0, -1),
        "affine": nir.Affine(rng.normal(size=(4, 8)), one),
        "lif": nir.LIF(tau=one, r=one, v_leak=0 * one, v_threshold=one, metadata={"kwta_k": 2}),
        "delay": nir.Delay(2e-3 * one),
        "cuba": nir.CubaLIF(tau_syn=one, tau_mem=one, r=one, v_leak=0 * one, v_threshold=one),
        "output": nir.Output({"output": np.array([4])}),
    }
    names = list(nodes)
    nir.write(path, nir.NIRGraph(nodes, [*pairwise(names)], type_check=False))


def bent(tree: hdf5.Tree, rng: random.Random) -> hdf5.Tree:
    """A copy of a NIR file's content with one to three of its values replaced, removed or added."""
    arrays, texts = dict(tree.arrays), dict(tree.texts)
    for _ in range(rng.randrange(1, 4)):
        name = rng.choice([*arrays, *texts])
        match rng.randrange(9):
            case 0:
                arrays.pop(name, texts.pop(name, None))
            case 1:
                arrays[name] = np.array(rng.choice([0, -1, 2**31, 2**62, 7]))
            case 2:
                arrays[name] = np.array(rng.choice([np.nan, np.inf, -1.5, 1e300]))
            case 3:
                texts[name] = rng.choice(["LIF", "NIRGraph", "Conv2d", "same", "", "\u2603", "os.system"])
            case 4:
                texts[name] = rng.choice([[], [["input", "input"]], [["a", "b", "c"]], None, ["affine"]])
            case 5:
                sides = [rng.randrange(5) for _ in range(rng.randrange(1, 5))]
                arrays[name] = np.full(sides, rng.choice([0.5, -1.0, 3.0]))
            case 6:
                arrays[name] = np.array([rng.choice([0, 1, 3, 2**40])] * rng.randrange(4))
            case 7:
                arrays[name + rng.choice(["x", "/x", "/0"])] = np.ones(3)
            case _:
                other = rng.choice([*arrays, *texts])
                arrays[name] = arrays.get(other, np.zeros(0, dtype=bool))
    return hdf5.Tree({k: v for k, v in arrays.items() if k not in texts}, texts, {})


def rebuild(tree: hdf5.Tree) -> Any:
    """The network of a NIR file's content."""
    from hdspike.network import nir
    from hdspike.network.nir.file import graph_from

    return nir._network(graph_from(tree, Path("bent.nir")), Path("bent.nir"), 1e-3, "dirac", None)


def bend(base: Path, cases: int) -> dict[str, Any]:
    """Fuzz what is behind the HDF5 of NIR files."""
    tree = hdf5.read_tree(base, most=1 << 20)
    counts: dict[str, int] = {}
    slowest = 0.0
    for case in range(cases):
        broken = bent(tree, random.Random(f"bent {case}"))
        start = time.perf_counter()
        said = outcome(partial(rebuild, broken))
        slowest = max(slowest, time.perf_counter() - start)
        counts[said] = counts.get(said, 0) + 1
    return {"cases": cases, **counts, "slowest_s": round(slowest, 4)}


def read(path: Path) -> Any:
    """The public reader of a file."""
    if path.suffix == ".nir":
        from hdspike.network import nir

        return nir.read(path, step_s=1e-3)
    return events.read(path, most=1_000_000)


def outcome(call: Callable[[], Any]) -> str:
    """``ok``, ``error`` (a ValueError), or the name of any other exception."""
    try:
        answer = call()
    except ValueError:
        return "error"
    except BaseException as error:
        return f"{type(error).__module__}.{type(error).__name__}: {error}"[:200]
    return "error" if isinstance(answer, dict) and "error" in answer else "ok"


def work(base: Path, job: str, first: int, last: int) -> None:
    """The worker: cases ``first`` to ``last`` of one format, a line when each begins and one when it ends."""
    if job:
        child.limit(3072)
    kind = {".aedat4": "aedat", ".raw": "evt", ".dat": "dat", ".es": "es"}.get(base.suffix, "")
    whole = base.read_bytes()
    with tempfile.TemporaryDirectory() as scratch:
        path, out = Path(scratch) / base.name, str(Path(scratch) / "out.npz")
        for case in range(first, last):
            path.write_bytes(damaged(whole, random.Random(f"{base.name} {case}")))
            print("begin", case, flush=True)
            signal.alarm(HANG)  # ends the process
            start = time.perf_counter()
            if job:
                most = 64_000_000 if job == "hdf5" else 1_000_000
                said = outcome(partial(getattr(child, job), str(path), out, kind, most))
                said = said if said == "ok" else "error"  # main() of the child catches all
            else:
                said = outcome(partial(read, path))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print("end", case, f"{time.perf_counter() - start:.4f}", peak, said, flush=True)


def supervise(base: Path, job: str, cases: int) -> dict[str, Any]:
    """All cases of one format, with a new worker whenever one dies."""
    counts: dict[str, int] = {}
    slowest, peak, case, deaths, hangs = 0.0, 0, 0, 0, 0
    while case < cases:
        command = [sys.executable, __file__, "--work", str(base), job, str(case), str(cases)]
        done = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, "RUST_BACKTRACE": "0"}
        )
        for line in done.stdout.splitlines():
            words = line.split(" ", 4)
            if words[0] == "begin":
                case = int(words[1]) + 1
            elif words[0] == "end":
                slowest, peak = max(slowest, float(words[2])), max(peak, int(words[3]))
                counts[words[4]] = counts.get(words[4], 0) + 1
        if done.returncode == 0:
            break
        hangs += done.returncode == -signal.SIGALRM
        deaths += done.returncode != -signal.SIGALRM
    return {"cases": cases, **counts, "deaths": deaths, "hangs": hangs, "slowest_s": slowest, "peak_mb": peak}


def door(base: Path, cases: int) -> dict[str, int]:
    """Damaged files through the public reader of this very process."""
    counts: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / base.name
        for case in range(cases):
            path.write_bytes(damaged(base.read_bytes(), random.Random(f"door {base.name} {case}")))
            said = outcome(partial(read, path))
            counts[said] = counts.get(said, 0) + 1
    return counts


def main() -> None:
    """Fuzz every format."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=3000)
    parser.add_argument("--door", type=int, default=60)
    parser.add_argument("--only", default="", help="a part of the names of the formats")
    parser.add_argument("--work", nargs=4)
    given = parser.parse_args()
    if given.work:
        warnings.simplefilter("error")
        base, job, first, last = given.work
        work(Path(base), job, int(first), int(last))
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, (base, job) in bases(Path(folder)).items():
            if given.only not in name:
                continue
            row = {"format": name, **supervise(base, job, given.cases)}
            if job:
                row["door"] = door(base, given.door)
            print(json.dumps(row), flush=True)
            if name == "net.nir":
                print(
                    json.dumps({"format": "net.nir, its values", **bend(base, 10 * given.cases)}), flush=True
                )


if __name__ == "__main__":
    main()
