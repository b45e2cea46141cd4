"""The dense side: PyTorch's attention over all keys, every way that we know to ask for it, the quickest taken."""

import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PRECISIONS", "Dense", "agree", "quickest", "torch_or_none", "ways"]

PRECISIONS = ("float32", "bfloat16")
TOLERANCE = {
    "float32": 0.01,
    "bfloat16": 0.15,
}  # of the outputs, relative, in the mean: a million small values cancel
Dense = Callable[[int], Any]


def torch_or_none() -> Any:
    """The package, or None where it is not installed."""
    try:
        import torch
    except ImportError:
        return None
    return torch


def ways(
    torch: Any,
    keys: NDArray[np.float32],
    values: NDArray[np.float32],
    queries: NDArray[np.float32],
    precision: str,
) -> dict[str, Dense]:
    """Ways by name: each takes a number and works off that batch of ``queries`` ``(batches, batch, d)``.

    ``sdpa`` is ``scaled_dot_product_attention``, the batch as rows of one head; ``matmul`` and ``matmul, keys by
    column`` are softmax((q/√d)Kᵀ)V with Kᵀ a view, or laid out anew.
    """
    kind = getattr(torch, precision)
    k, v, q = (torch.from_numpy(np.ascontiguousarray(part)).to(kind) for part in (keys, values, queries))
    columns, scale = k.T.contiguous(), 1 / math.sqrt(keys.shape[1])
    k4, v4 = k[None, None], v[None, None]
    sdpa = torch.nn.functional.scaled_dot_product_attention
    many = len(q)

    def whole(i: int) -> Any:
        return sdpa(q[i % many][None, None], k4, v4)[0, 0]

    def by_rows(i: int) -> Any:
        return torch.softmax((q[i % many] * scale) @ k.T, -1) @ v

    def by_columns(i: int) -> Any:
        return torch.softmax((q[i % many] * scale) @ columns, -1) @ v

    def vector(i: int) -> Any:
        return torch.mv(v.T, torch.softmax(torch.mv(k, q[i % many][0] * scale), -1))[None]

    found: dict[str, Dense] = {"sdpa": whole, "matmul": by_rows, "matmul, keys by column": by_columns}
    if q.shape[1] == 1:
        found["matrix × vector"] = vector
    return found


def agree(way: Dense, outputs: NDArray[np.float64], name: str, precision: str) -> float:
    """The error of batch 0 against exact ``outputs``.

    Raises:
        AssertionError: they are not what this precision gives.
    """
    got = way(0).float().numpy()
    gap = np.linalg.norm(got - outputs, axis=1) / np.linalg.norm(outputs, axis=1)
    if not gap.mean() < TOLERANCE[precision]:
        raise AssertionError(f"{name} in {precision} must agree with softmax, its error is {gap.mean():.3g}")
    return float(gap.mean())


def quickest(found: dict[str, Dense], rounds: int = 5) -> tuple[str, dict[str, float]]:
    """The way with the least median time, and all medians in seconds."""
    times = {}
    for name, way in found.items():
        way(0)
        some = []
        for i in range(rounds):
            begun = time.perf_counter()
            way(i)
            some.append(time.perf_counter() - begun)
        times[name] = statistics.median(some)
    return min(times, key=lambda name: times[name]), times
