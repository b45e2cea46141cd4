"""Hamming distance: of two vectors, and of every pair of two batches."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.bits.words import LARGE, ZERO, _ones, words_of
from hdspike.jit import kernel, spread

TILE = 16  # rows that stay in the first-level cache while all queries pass


@kernel
def _distance(a, b):
    """Hamming distance of two rows of words."""
    total = ZERO
    for w in range(len(a)):
        total += _ones(a[w] ^ b[w])
    return np.int64(total)


@kernel
def _four(a, b, x, y):
    """Distances of two queries from two rows, (ax, ay, bx, by): four sums in registers for four words read."""
    ax, ay, bx, by = ZERO, ZERO, ZERO, ZERO
    for w in range(len(a)):
        p, q, u, v = a[w], b[w], x[w], y[w]
        ax += _ones(p ^ u)
        ay += _ones(p ^ v)
        bx += _ones(q ^ u)
        by += _ones(q ^ v)
    return np.int32(ax), np.int32(ay), np.int32(bx), np.int32(by)


@kernel
def _tile(queries, rows, first, last, out):
    """``out[q, r − first] = |queries[q] ⊕ rows[r]|`` for r in [first, last), two by two."""
    paired = last - (last - first) % 2
    for q in range(0, len(queries) - 1, 2):
        a, b = queries[q], queries[q + 1]
        for r in range(first, paired, 2):
            ax, ay, bx, by = _four(a, b, rows[r], rows[r + 1])
            out[q, r - first], out[q, r + 1 - first] = ax, ay
            out[q + 1, r - first], out[q + 1, r + 1 - first] = bx, by
        if paired < last:
            out[q, paired - first] = _distance(a, rows[paired])
            out[q + 1, paired - first] = _distance(b, rows[paired])
    if len(queries) % 2:
        q = len(queries) - 1
        for r in range(first, last):
            out[q, r - first] = _distance(queries[q], rows[r])


@kernel
def _hamming(queries, rows, out):
    """``out[q, r] = |queries[q] ⊕ rows[r]|``, tile by tile; returns the words compared."""
    for first in range(0, len(rows), TILE):
        last = min(first + TILE, len(rows))
        _tile(queries, rows, first, last, out[:, first:last])
    return len(queries) * len(rows) * queries.shape[1]


def hamming(queries: Any, rows: Any, dim: int) -> NDArray[np.int32]:
    """Differing bits of every pair: ``(Q, W)`` against ``(M, W)`` → ``(Q, M)``.

    >>> from hdspike.bits import pack
    >>> hamming(pack([[1, 0, 0]]), pack([[1, 0, 0], [0, 1, 0]]), 3).tolist()
    [[0, 2]]
    """
    a, b = batches(queries, rows, dim)
    out = np.empty((len(a), len(b)), dtype=np.int32)
    if len(a) * b.size < LARGE:
        _hamming(a, b, out)
    elif len(a) < len(b):
        spread(lambda low, high: _hamming(a, b[low:high], out[:, low:high]), len(b))
    else:
        spread(lambda low, high: _hamming(a[low:high], b, out[low:high]), len(a))
    return out


def batches(queries: Any, rows: Any, dim: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Two checked batches of words of ``dim`` bits."""
    a, b = words_of("queries", queries, dim), words_of("rows", rows, dim)
    if a.ndim != 2 or b.ndim != 2:
        raise ValueError(f"queries and rows must be batches (n, words), got shapes {a.shape} and {b.shape}")
    return a, b
