"""The k nearest rows: distances and selection in one pass over the rows, in bounded memory."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.bits.distance import TILE, _tile, batches, hamming
from hdspike.bits.words import BITS, LARGE, word_count
from hdspike.jit import kernel, spread

FAR = np.iinfo(np.int32).max
INSERTED = 512  # up to this k a sorted list is kept; above it a counting sort of all distances is faster
CHUNK = 1 << 26  # distances kept at a time by the counting sort


@kernel
def _insert(value, index, values, indices):
    """Put ``value`` into a sorted list behind its equals; the last falls out."""
    place = len(values) - 1
    while place > 0 and values[place - 1] > value:
        values[place] = values[place - 1]
        indices[place] = indices[place - 1]
        place -= 1
    values[place] = value
    indices[place] = index


@kernel
def _nearest(queries, rows, base, tile, values, indices):
    """The nearest of ``rows`` (M, W) to each query: sorted distances and indices ``base + r`` (Q, k).

    ``values`` starts at FAR everywhere. ``tile`` (Q, TILE) is scratch. Returns the words compared.
    """
    for first in range(0, len(rows), TILE):
        last = min(first + TILE, len(rows))
        _tile(queries, rows, first, last, tile)
        for q in range(len(queries)):
            worst = values[q, values.shape[1] - 1]
            for r in range(last - first):
                if tile[q, r] < worst:
                    _insert(tile[q, r], base + first + r, values[q], indices[q])
                    worst = values[q, values.shape[1] - 1]
    return len(queries) * len(rows) * queries.shape[1]


@kernel
def _smallest(values, k, largest, histogram, out):
    """Indices of the k smallest ``values`` in [0, largest], ordered by (value, index): one counting sort.

    ``histogram`` (largest + 2) is scratch. Returns how many were written, ``min(k, len(values))``.
    """
    for v in range(largest + 2):
        histogram[v] = 0
    for i in range(len(values)):
        histogram[values[i] + 1] += 1
    bound = largest
    for v in range(largest + 1):
        histogram[v + 1] += histogram[v]  # histogram[v] is now the number of values below v
        if histogram[v + 1] >= k:
            bound = v
            break
    written = 0
    for i in range(len(values)):
        v = values[i]
        if v <= bound:
            place = histogram[v]
            if place < k:
                out[place] = i
                histogram[v] += 1
                written += 1
    return written


def smallest(values: NDArray[np.int32], k: int, largest: int) -> NDArray[np.int64]:
    """Indices of the k smallest of each row of ``values`` (Q, M) in [0, largest], equal ones by index."""
    count = min(k, values.shape[1])
    out = np.empty((len(values), count), dtype=np.int64)
    scratch = np.empty(largest + 2, dtype=np.int64)
    for q in range(len(values)):
        _smallest(values[q], count, largest, scratch, out[q])
    return out


def nearest(queries: Any, rows: Any, dim: int, k: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The k rows of least Hamming distance to each query, nearest first, equal ones by index.

    ``(Q, W)`` against ``(M, W)`` → indices ``(Q, min(k, M))`` and distances of the same shape. Every row is read
    once, by all queries, two queries and two rows at a time; ``rows`` may be memory-mapped.

    >>> from hdspike.bits import pack
    >>> nearest(pack([[1, 1, 0]]), pack([[0, 0, 1], [1, 1, 1], [0, 1, 0]]), 3, 2)
    (array([[1, 2]]), array([[1, 1]], dtype=int32))
    """
    a, b = batches(queries, rows, dim)
    count = min(check.integer("k", k, low=1), len(b))
    if count > INSERTED:
        return _sorted(a, b, dim, count)
    parts: list[tuple[int, NDArray[np.int64], NDArray[np.int32]]] = []

    def work(low: int, high: int) -> None:
        values = np.full((len(a), max(1, min(count, high - low))), FAR, dtype=np.int32)
        indices = np.zeros(values.shape, dtype=np.int64)
        _nearest(a, b[low:high], low, np.empty((len(a), TILE), dtype=np.int32), values, indices)
        parts.append((low, indices, values))

    if len(a) * len(b) * word_count(dim) < LARGE:
        work(0, len(b))
    else:
        spread(work, len(b))
    parts.sort(key=lambda part: part[0])
    indices = np.concatenate([part[1] for part in parts], axis=1)
    values = np.concatenate([part[2] for part in parts], axis=1)
    if len(parts) > 1:  # each part is sorted, and they come in the order of their rows: a stable sort merges
        order = np.argsort(values, axis=1, kind="stable")[:, :count]
        indices, values = np.take_along_axis(indices, order, 1), np.take_along_axis(values, order, 1)
    return indices[:, :count], values[:, :count]


def _sorted(
    a: NDArray[np.uint64], b: NDArray[np.uint64], dim: int, count: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Many neighbours: all distances of a few queries at a time, each sorted by counting."""
    indices = np.empty((len(a), count), dtype=np.int64)
    values = np.empty((len(a), count), dtype=np.int32)
    step = max(1, CHUNK // max(1, len(b)))
    for low in range(0, len(a), step):
        distances = hamming(a[low : low + step], b, dim)
        indices[low : low + step] = smallest(distances, count, BITS * word_count(dim))
        values[low : low + step] = np.take_along_axis(distances, indices[low : low + step], axis=1)
    return indices, values
