"""Scores and values of picked keys alone: what is left to do once something else has found the keys."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.jit import kernel

__all__ = ["mix_picked", "score_picked"]


@kernel
def _score(queries, keys, places, counts, out):
    """``out[i, j] = ⟨queries[i], keys[places[i, j]]⟩`` for j < counts[i], −∞ behind; returns the multiply-adds.

    Four sums at a time: one alone would wait for each addition.
    """
    dim = queries.shape[1]
    even = dim - dim % 4
    work = 0
    for i in range(len(counts)):
        for j in range(counts[i]):
            key = places[i, j]
            a, b, c, d = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
            for x in range(0, even, 4):
                a += queries[i, x] * keys[key, x]
                b += queries[i, x + 1] * keys[key, x + 1]
                c += queries[i, x + 2] * keys[key, x + 2]
                d += queries[i, x + 3] * keys[key, x + 3]
            for x in range(even, dim):
                a += queries[i, x] * keys[key, x]
            out[i, j] = (a + b) + (c + d)
        for j in range(counts[i], out.shape[1]):
            out[i, j] = -np.inf
        work += counts[i] * dim
    return work


def score_picked(queries: Any, keys: Any, places: Any, counts: Any) -> NDArray[np.float32]:
    """⟨q_i, k_j⟩ of the keys picked for each query, −∞ behind them.

    Args:
        queries: ``(n, d)`` float32. keys: ``(N, d)`` float32.
        places: ``(n, most)`` int32, in ``[0, N)``; only the leftmost ``counts`` of a row are read.
        counts: ``(n,)``, from 0 to ``most``.

    >>> score_picked(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32), np.array([[0, 1]] * 2, np.int32), [2, 1])
    array([[  1.,   0.],
           [  0., -inf]], dtype=float32)
    """
    queries = check.array("queries", queries, np.float32, ndim=2)
    keys = check.array("keys", keys, np.float32, ndim=2)
    if keys.shape[1] != queries.shape[1]:
        raise ValueError(f"keys must have {queries.shape[1]} numbers each, got {keys.shape[1]}")
    places, counts = _picked(places, counts, len(queries), len(keys), least=0)
    out = np.empty(places.shape, dtype=np.float32)
    _score(queries, keys, places, counts, out)
    return out


@kernel
def _mix(weights, values, places, counts, out):
    """``out[i] = Σ_j w_ij v_(places ij) ÷ Σ_j w_ij``, j < counts[i]; returns the multiply-adds."""
    width = values.shape[1]
    work = 0
    for i in range(len(counts)):
        total = 0.0
        for x in range(width):
            out[i, x] = 0
        for j in range(counts[i]):
            weight = weights[i, j]
            total += float(weight)
            for x in range(width):
                out[i, x] += weight * values[places[i, j], x]
        for x in range(width):
            out[i, x] /= np.float32(total)
        work += counts[i] * width
    return work


def mix_picked(weights: Any, values: Any, places: Any, counts: Any) -> NDArray[np.float32]:
    """The mean of the values picked for each query, by weight: ``(n, width)``.

    Args:
        weights: ``(n, most)`` float32, at least 0 with a sum above 0 in each row.
        values: ``(N, width)`` float32.
        places, counts: as of :func:`score_picked`, at least one key each.
    """
    weights = check.array("weights", weights, np.float32, ndim=2)
    values = check.array("values", values, np.float32, ndim=2)
    places, counts = _picked(places, counts, len(weights), len(values), least=1)
    if weights.shape != places.shape:
        raise ValueError(f"weights must be one for each place, {places.shape}, got {weights.shape}")
    used = np.where(np.arange(places.shape[1]) < counts[:, None], weights, 0)
    sums = used.sum(axis=1)
    if not (np.isfinite(sums).all() and (used >= 0).all() and (sums > 0).all()):
        raise ValueError("weights must be finite, at least 0, with a sum above 0 in each row")
    out = np.empty((len(places), values.shape[1]), dtype=np.float32)
    _mix(weights, values, places, counts, out)
    return out


def _picked(
    places: Any, counts: Any, rows: int, size: int, *, least: int
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Checked places and counts."""
    places = check.array("places", places, np.int32, ndim=2)
    counts = check.array("counts", counts, np.int64, ndim=1)
    if not rows == len(places) == len(counts):
        raise ValueError(f"places must have one row for each of {rows}, got {places.shape}, {counts.shape}")
    if rows and not least <= counts.min() <= counts.max() <= places.shape[1]:
        raise ValueError(
            f"counts must be from {least} to {places.shape[1]}, got {counts.min()} to {counts.max()}"
        )
    used = places[np.arange(places.shape[1]) < counts[:, None]]
    if len(used) and not 0 <= used.min() <= used.max() < size:
        raise ValueError(f"places must be in [0, {size}), got {used.min()} to {used.max()}")
    return places, counts
