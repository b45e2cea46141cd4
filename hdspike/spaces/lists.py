"""Inverted lists: for each active bit, the items that have it. The memory of the sparse spaces.

A query of w active bits meets only the items that share one of them, ``Σ_i |list of bit i|`` events, which is
``M·w²÷D`` for M random items: the cost of a search falls as the dimension grows. Items are kept in segments of
``SEGMENT``, so that the counts of one segment stay in the first-level cache and an item is two bytes.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.jit import kernel, spread

__all__ = ["Lists"]

SEGMENT = 32_768
CHUNK = 128  # scores looked at together before any is looked at alone


@kernel
def _fill(lines, segment, starts, members):
    """Sort ``lines`` (M, w) into lists: item ``s·segment + members[p]`` is on line l of segment s for p in
    ``[starts[s, l], starts[s, l + 1])``. ``starts`` (S, lines + 1) is zero before. Returns the entries."""
    width = lines.shape[1]
    for s in range(starts.shape[0]):
        low, high = s * segment, min((s + 1) * segment, lines.shape[0])
        for m in range(low, high):
            for j in range(width):
                starts[s, lines[m, j]] += 1
        total = np.int64(low * width)
        for line in range(starts.shape[1]):  # the end of each list, which the items then move to its start
            total += starts[s, line]
            starts[s, line] = total
        for m in range(high - 1, low - 1, -1):
            for j in range(width):
                starts[s, lines[m, j]] -= 1
                members[starts[s, lines[m, j]]] = m - low
    return lines.shape[0] * width


@kernel
def _count(starts, members, segment, lines, counts):
    """``counts[m]`` = lines that the query and item m share; returns the events."""
    events = 0
    for s in range(starts.shape[0]):
        part = counts[s * segment : (s + 1) * segment]
        for m in range(len(part)):
            part[m] = 0
        for j in range(len(lines)):
            low, high = starts[s, lines[j]], starts[s, lines[j] + 1]
            for p in range(low, high):
                part[members[p]] += 1
            events += high - low
    return events


@kernel
def _best(scores, k, histogram, out, values):
    """Indices of the k highest ``scores`` ≥ 0 and their values, by (score, index); returns how many.

    ``bound`` is the highest score that k of the scores so far reach; a chunk without a higher one is passed
    over. ``histogram`` (highest score + 1) is scratch.
    """
    for score in range(len(histogram)):
        histogram[score] = 0
    bound = -1
    above = 0  # scores so far that are higher than the bound: fewer than k
    for start in range(0, len(scores), CHUNK):
        stop = min(start + CHUNK, len(scores))
        high = scores[start]
        for i in range(start, stop):
            high = max(high, scores[i])
        if np.int64(high) > bound:
            for i in range(start, stop):
                v = np.int64(scores[i])
                if v > bound:
                    histogram[v] += 1
                    above += 1
                    while above >= k:
                        bound += 1
                        above -= histogram[bound]
    place = 0
    for score in range(len(histogram) - 1, bound, -1):  # histogram[v] becomes the place of the next score v
        place, histogram[score] = place + histogram[score], place
    if bound >= 0:
        histogram[bound] = above
    written = 0
    wanted = min(k, len(scores))
    for start in range(0, len(scores), CHUNK):
        if written == wanted:
            break
        stop = min(start + CHUNK, len(scores))
        high = scores[start]
        for i in range(start, stop):
            high = max(high, scores[i])
        if np.int64(high) >= bound:
            for i in range(start, stop):
                v = np.int64(scores[i])
                if v > bound or (v == bound and histogram[v] < k):
                    out[histogram[v]] = i
                    values[histogram[v]] = v
                    histogram[v] += 1
                    written += 1
    return written


@kernel
def _search(starts, members, segment, lines, k, counts, histogram, out, values):
    """:func:`_count` and :func:`_best` of each query's ``lines`` (Q, w); returns the events."""
    events = 0
    for q in range(lines.shape[0]):
        events += _count(starts, members, segment, lines[q], counts)
        _best(counts, k, histogram, out[q], values[q])
    return events


def best(scores: NDArray[Any], k: int, top: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The k highest of each row of integer scores in ``[0, top]``, equal ones by index, and their values."""
    count = min(check.integer("k", k, low=1), scores.shape[1])
    chosen = np.empty((len(scores), count), dtype=np.int64)
    values = np.empty((len(scores), count), dtype=np.int32)
    histogram = np.empty(top + 1, dtype=np.int64)
    for q in range(len(scores) if count else 0):
        _best(scores[q], count, histogram, chosen[q], values[q])
    return chosen, values


class Lists:
    """M items of w active bits each as inverted lists, built once and searched often.

    ``2·M·w`` bytes, and ``8·(D + 1)`` more for each started 32,768 items.
    """

    def __init__(self, lines: NDArray[np.int32], dim: int) -> None:
        self.dim = dim
        self.items, self.width = lines.shape
        segments = -(-self.items // SEGMENT)
        self._starts = np.zeros((segments, dim + 1), dtype=np.int64)
        self._members = np.empty(lines.size, dtype=np.uint16)
        self._fill(lines)
        self._kind = np.min_scalar_type(self.width)

    def _fill(self, lines: NDArray[np.int32]) -> None:
        _fill(lines, SEGMENT, self._starts, self._members)

    def __len__(self) -> int:
        return self.items

    def __repr__(self) -> str:
        return f"<Lists: {self.items} items of {self.width} active bits of {self.dim}>"

    @property
    def nbytes(self) -> int:
        """Bytes that the lists take."""
        return self._starts.nbytes + self._members.nbytes

    def search(self, lines: NDArray[np.int32], k: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Indices and scores ``(Q, min(k, M))`` of the items that share most lines ``(Q, w)``, best first."""
        count = min(check.integer("k", k, low=1), self.items)
        chosen = np.empty((len(lines), count), dtype=np.int64)
        values = np.empty((len(lines), count), dtype=np.int32)

        def work(low: int, high: int) -> None:
            counts = np.empty(self.items, dtype=self._kind)
            histogram = np.empty(self.width + 1, dtype=np.int64)
            _search(
                self._starts, self._members, SEGMENT, lines[low:high], count, counts, histogram,
                chosen[low:high], values[low:high],
            )  # fmt: skip

        if count:
            spread(work, len(lines))
        return chosen, values
