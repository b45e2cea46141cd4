"""A sparse layer beside a dense one, on this processor: constant fan-in against BLAS, the products of scipy and torch.

    python benchmarks/sparse_layers.py [--json FILE] [--figure FILE] [--rounds N] [--only TEXT]

One layer, float32, batches of 1, 16 and 256, one thread for everybody, all in turn in every round; times are medians
over the rounds, ratios medians of the rounds' ratios (peer ÷ ours: above 1 we are faster), in the steady state: what
fits into the caches is there. Everybody gets the weights in each layout that it knows, made beforehand, and the
quickest counts; the sparse peers also get the inputs transposed and may leave their outputs so. Ours takes samples as
rows, adds the bias and gives samples as rows.

*bound*: what our time cannot fall below on this machine: the bytes of weights, indices, inputs and outputs at the
bandwidth of the place that they fit in (``read cached`` or ``read``), or the products at the rate at which the same
instructions run when all that they touch is in the first-level cache, whichever is longer. *bound_ratio*: our time over
it. ``dense_rate`` is what BLAS reaches in a large product: 1 − (our rate ÷ it) is the sparsity below which BLAS wins.
"""

import argparse
import json
import math
import os
import statistics
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from measure import bounds, repeats, seconds
from scipy import sparse
from sparse_layers_figure import draw

from hdspike.files import write_text
from hdspike.jit import kernel
from hdspike.plot.style import save
from hdspike.sparsity import gather as kernels
from hdspike.sparsity.constant_fan_in import ConstantFanIn
from hdspike.sparsity.srigl import constant_fan_in_mask

SHAPES = ((784, 300), (768, 3072), (3072, 768), (4096, 4096))
SPARSITIES = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99)
BATCHES = (1, 16, 256)
CACHE = 8 << 20  # octets: what is smaller is read from a cache
OURS = "constant fan-in"
ERROR = 1e-3


class WrongResult(RuntimeError):
    """A contender computed something else."""


def torch_or_none() -> Any:
    """torch, with one thread, where the extra ``bench`` is installed."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    return torch


def one_thread() -> Any:
    """A context in which BLAS has one thread."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        if {os.environ.get(name) for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")} == {"1"}:
            return nullcontext()
        raise SystemExit(
            "OPENBLAS_NUM_THREADS and OMP_NUM_THREADS must be 1, or threadpoolctl installed"
        ) from None
    return threadpool_limits(1)


def layer(n_in: int, n_out: int, sparsity: float, *, seed: int = 0) -> ConstantFanIn:
    """A random layer of constant fan-in."""
    random = np.random.default_rng(seed)
    fan_in = max(1, round((1 - sparsity) * n_in))
    mask = constant_fan_in_mask((n_in, n_out), fan_in, rng=random)
    weights = (random.standard_normal((n_in, n_out)) / math.sqrt(fan_in)).astype(np.float32)
    return ConstantFanIn.from_dense(weights * mask, np.zeros(n_out, dtype=np.float32), mask)


def contenders(made: ConstantFanIn, x: np.ndarray, torch: Any = None) -> dict[str, list[Callable[[], Any]]]:
    """Every way to compute the layer; a peer may have several."""
    wide = np.ascontiguousarray(made.dense())  # (n_in, n_out)
    tall = np.ascontiguousarray(wide.T)
    turned = np.ascontiguousarray(x.T)
    rows, columns = sparse.csr_matrix(tall), sparse.csc_matrix(tall)
    one, flat = len(x) == 1, x[0] if len(x) else x
    out: dict[str, list[Callable[[], Any]]] = {
        OURS: [lambda: made.forward(x)],
        "dense BLAS": [lambda: x @ wide, lambda: x @ tall.T, lambda: (tall @ turned).T],
        "scipy CSR": [lambda: (rows @ flat)[None] if one else (rows @ turned).T],
        "scipy CSC": [lambda: (columns @ flat)[None] if one else (columns @ turned).T],
    }
    if torch is not None:
        weights, inputs = torch.from_numpy(tall), torch.from_numpy(x)
        packed, upright = weights.to_sparse_csr(), torch.from_numpy(turned)
        out["torch dense"] = [lambda: torch.nn.functional.linear(inputs, weights).numpy()]
        out["torch CSR"] = [
            lambda: (packed @ upright).T.numpy(),
            lambda: torch.nn.functional.linear(inputs, packed).numpy(),
        ]
    return out


def quickest(ways: list[Callable[[], Any]], expected: np.ndarray, name: str) -> Callable[[], Any]:
    """The quickest way of one contender; one that computes something else is an error."""
    for way in ways:
        error = float(np.abs(np.asarray(way()) - expected).max(initial=0))
        if not error <= ERROR:
            raise WrongResult(f"{name} must compute the layer to {ERROR:g}, got an error of {error:g}")
    if len(ways) == 1:
        return ways[0]
    times = [min(seconds(way, repeats(way)) for _ in range(3)) for way in ways]
    return ways[int(np.argmin(times))]


@kernel
def _dots(values, indices, outputs, bias, x, out, times):
    """The same sample over and over."""
    for _ in range(times):
        kernels._gather(values, indices, outputs, bias, x, out)


@kernel
def _blends(values, indices, outputs, bias, tile, result, times):
    """The same tile over and over."""
    for _ in range(times):
        kernels._blend_tile(values, indices, outputs, bias, tile, result)


def ceilings(rounds: int) -> dict[str, float]:
    """Products a second of our two kernels when nothing misses the first-level cache, and of BLAS at its best."""
    many, rates = 200, {}
    wide, narrow = layer(512, 8, 0.0), layer(96, 16, 0.0)
    x, out = np.ones((1, 512), dtype=np.float32), np.zeros((1, 8), dtype=np.float32)
    tile, result = kernels.aligned((96, 32), np.float32), kernels.aligned((16, 32), np.float32)
    for name, made, work, batch in (
        ("dot", wide, lambda: _dots(*held(wide), x, out, many), 1),
        ("blend", narrow, lambda: _blends(*held(narrow), tile, result, many), 32),
    ):
        times = repeats(work)
        least = min(seconds(work, times) for _ in range(rounds))
        rates[name] = many * batch * made.values.size / least
    a = np.ones((1024, 1024), dtype=np.float32)
    rates["dense_rate"] = 1024**3 / min(seconds(lambda: a @ a, 2) for _ in range(rounds))
    return rates


def held(made: ConstantFanIn) -> tuple[np.ndarray, ...]:
    """What the kernels take."""
    return made.values, made.indices, made.outputs, made.parameters["b"]


def in_turn(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, dict[str, float]]:
    """Seconds in the steady state, and the ratio to ours: medians over rounds in which all are timed.

    Each timing follows an untimed call, so that everybody finds in the caches what fits there.
    """
    times = {name: repeats(call) for name, call in calls.items()}
    took = [{name: seconds(call, times[name]) for name, call in calls.items()} for _ in range(rounds)]
    return {
        name: {
            "seconds": statistics.median(found[name] for found in took),
            "ratio": statistics.median(found[name] / found[OURS] for found in took),
        }
        for name in calls
    }


def bound(made: ConstantFanIn, batch: int, rates: dict[str, float]) -> tuple[float, str]:
    """Seconds that our product takes at least, and what says so."""
    cost = made.cost()
    tiles = 1 if batch <= kernels.ALONE else math.ceil(batch / kernels.WIDE)
    weights = cost.stored_bytes * (batch if batch <= kernels.ALONE else tiles)
    octets = weights + 4 * batch * (made.n_in + len(made.parameters["b"]))
    place = "read cached" if cost.stored_bytes < CACHE else "read"
    rate = "dot" if batch <= kernels.ALONE else "blend"
    times = {f"bytes, {place}": octets / rates[place], f"products, {rate}": batch * cost.macs / rates[rate]}
    name = max(times, key=lambda key: times[key])
    return times[name], name


def measure(
    n_in: int,
    n_out: int,
    sparsity: float,
    batch: int,
    rates: dict[str, float],
    *,
    rounds: int,
    torch: Any = None,
) -> dict[str, Any]:
    """One layer: everybody's seconds, and the ratios to ours."""
    made = layer(n_in, n_out, sparsity)
    x = np.random.default_rng(1).standard_normal((batch, n_in)).astype(np.float32)
    expected = x @ made.dense()
    chosen = {name: quickest(ways, expected, name) for name, ways in contenders(made, x, torch).items()}
    found = in_turn(chosen, rounds)
    least, name = bound(made, batch, rates)
    products = made.cost().macs * batch
    return {
        "n_in": n_in, "n_out": n_out, "sparsity": sparsity, "fan_in": made.fan_in, "batch": batch,
        "ours_s": found[OURS]["seconds"], "peers": {k: v for k, v in found.items() if k != OURS},
        "products": products, "products_per_s": products / found[OURS]["seconds"],
        "bytes": made.cost().stored_bytes, "dense_bytes": 4 * n_in * n_out,
        "bound": name, "bound_s": least, "bound_ratio": found[OURS]["seconds"] / least, "threads": 1,
    }  # fmt: skip


def plan(only: str = "") -> Iterator[tuple[int, int, float, int]]:
    """Shapes, sparsities and batches whose name, like ``784x300 batch 1``, contains ``only``."""
    for n_in, n_out in SHAPES:
        for batch in BATCHES:
            for sparsity in SPARSITIES:
                if only in f"{n_in}x{n_out} batch {batch}":
                    yield n_in, n_out, sparsity, batch


def line(row: dict[str, Any]) -> str:
    """One row of the printed table."""
    peers = " ".join(f"{name} {found['ratio']:6.2f} ×" for name, found in row["peers"].items())
    return (
        f"{row['n_in']:>5} × {row['n_out']:<5} {100 * row['sparsity']:3.0f} % batch {row['batch']:>3} "
        f"{1e6 * row['ours_s']:9.1f} µs {row['products_per_s'] / 1e9:5.1f} G products/s; {peers}; "
        f"{row['bound_ratio']:5.2f} × bound ({row['bound']})"
    )


def main() -> None:
    """Measure, print a table, and write numbers and figure where asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", type=Path, help="file for the numbers")
    parser.add_argument("--figure", type=Path, help="file for the figure, as SVG")
    parser.add_argument("--rounds", type=int, default=11, help="timings of each")
    parser.add_argument("--only", default="", help="layers whose name contains this, like '784x300 batch 1'")
    given = parser.parse_args()
    torch = torch_or_none()
    if torch is None:
        print("peer absent: torch; `make bench` installs it")
    with one_thread():
        rates = {**bounds(given.rounds), **ceilings(given.rounds)}
        print(
            f"one thread: read {rates['read'] / 1e9:.0f} GB/s, cached {rates['read cached'] / 1e9:.0f}; in cache "
            f"{rates['dot'] / 1e9:.1f} G products/s one sample, {rates['blend'] / 1e9:.1f} in tiles; "
            f"BLAS {rates['dense_rate'] / 1e9:.1f}"
        )
        rows = []
        for n_in, n_out, sparsity, batch in plan(given.only):
            rows.append(measure(n_in, n_out, sparsity, batch, rates, rounds=given.rounds, torch=torch))
            print(line(rows[-1]), flush=True)
    numbers = {"rates": rates, "rows": rows}
    if given.json:
        write_text(given.json, json.dumps(numbers, indent=1) + "\n")
    if given.figure and rows:
        save(draw(numbers), given.figure)


if __name__ == "__main__":
    main()
