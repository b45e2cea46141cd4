"""The k highest of each row of scores, and their values weighed by softmax over these winners alone."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.jit import kernel
from hdspike.models.attention import finite

__all__ = ["budget", "select_winners", "weigh_winners", "widened"]

SAMPLE = 256  # scores of a row from which the bar of its winners is guessed


@kernel
def _kth(scratch, size, k):
    """The k-th largest of ``scratch[:size]``, which is shuffled (Hoare 1961)."""
    low, high, wanted = 0, size - 1, k - 1
    while low < high:
        middle = (low + high) // 2
        a, b, c = scratch[low], scratch[middle], scratch[high]
        pivot = max(min(a, b), min(max(a, b), c))
        i, j = low, high
        while i <= j:
            while scratch[i] > pivot:
                i += 1
            while scratch[j] < pivot:
                j -= 1
            if i <= j:
                scratch[i], scratch[j] = scratch[j], scratch[i]
                i += 1
                j -= 1
        if wanted <= j:
            high = j
        elif wanted >= i:
            low = i
        else:
            break
    return scratch[wanted]


@kernel
def _prune(found, place, size, k, scratch):
    """Keep the k best of ``size`` candidates, in their order, ties to the earlier; returns the lowest score kept."""
    for i in range(size):
        scratch[i] = found[i]
    bar = _kth(scratch, size, k)
    above = 0
    for i in range(size):
        above += found[i] > bar
    ties = k - above
    kept = 0
    for i in range(size):
        if found[i] > bar or (found[i] == bar and ties > 0):
            ties -= found[i] == bar
            found[kept] = found[i]
            place[kept] = place[i]
            kept += 1
    return bar


@kernel
def _low_bar(row, low, high, k, scratch):
    """A score that about k of ``row[low:high]`` surely reach, from every so manieth of them; −∞ where k is too many."""
    size = high - low
    step = max(1, size // SAMPLE)
    many = 0
    for j in range(low, high, step):
        scratch[many] = row[j]
        many += 1
    expected = k * many / size
    rank = int(expected + 2 * math.sqrt(expected)) + 2
    return _kth(scratch, many, rank) if rank <= many else np.float32(-np.inf)


@kernel
def _best(row, low, high, k, found, place, scratch):
    """The places of the k best of ``row[low:high]`` into ``place``, ascending; returns how many were looked at twice.

    A bar from a sample leaves some more than k candidates; where it leaves too few, all are.
    """
    bar = _low_bar(row, low, high, k, scratch)
    size = 0
    for j in range(low, high):
        found[size] = row[j]
        place[size] = j
        size += row[j] >= bar
    if size < k:
        size = high - low
        for j in range(size):
            found[j] = row[low + j]
            place[j] = low + j
    _prune(found, place, size, k, scratch)
    return size


@kernel
def _select(scores, seen, counts, sinks, recent, winners):
    """Winners of each row, ascending; returns how many in all."""
    room = scores.shape[1]
    found, scratch = np.empty(room, dtype=np.float32), np.empty(room, dtype=np.float32)
    place = np.empty(room, dtype=np.int64)
    total = 0
    for i in range(len(seen)):
        size, k = seen[i], counts[i]
        low = min(sinks, size)
        high = max(low, size - recent)
        left = k - low - (size - high)
        kept = 0
        for j in range(low):
            winners[i, kept] = j
            kept += 1
        if left >= high - low:
            for j in range(low, high):
                winners[i, kept] = j
                kept += 1
        elif left > 0:
            _best(scores[i], low, high, left, found, place, scratch)
            for j in range(left):
                winners[i, kept] = place[j]
                kept += 1
        for j in range(high, size):
            winners[i, kept] = j
            kept += 1
        total += kept
    return total


def budget(seen: NDArray[np.int64], counts: NDArray[np.int64], sinks: int, recent: int) -> NDArray[np.int64]:
    """Keys that each query keeps: its count, no fewer than the always-on ones, no more than it sees."""
    return np.minimum(np.maximum(counts, sinks + recent), seen)


def widened(
    seen: NDArray[np.int64], kept: NDArray[np.int64], factor: int, sinks: int, recent: int
) -> NDArray[np.int64]:
    """Candidates of each query: its always-on keys and ``factor`` for each other winner, no more than it sees."""
    always = np.minimum(sinks + recent, kept)
    return np.minimum(always + factor * (kept - always), seen)


def select_winners(
    scores: Any, seen: Any, counts: Any, *, sinks: int = 0, recent: int = 0
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The places of the winners of each row, ascending, and how many they are.

    The leftmost ``sinks`` and the last ``recent`` of the keys seen always win and count as winners; the highest of
    the other scores fill up to ``counts``. Equal scores: the lower place wins.

    Args:
        scores: ``(n, N)`` float32.
        seen: ``(n,)``, how many keys of its row each query sees, from 1 to N.
        counts: ``(n,)`` winners of each row, at least 1; a query that sees fewer keys keeps them all.

    Returns:
        ``(n, most)`` int32 places, of which only the leftmost ``kept`` of a row are set, and ``kept`` ``(n,)``.

    >>> row = np.array([[3, 1, 2, 9, 0]], dtype=np.float32)
    >>> places, kept = select_winners(row, [4], [3], sinks=2)
    >>> places[0, : kept[0]].tolist()
    [0, 1, 3]
    """
    scores = check.array("scores", scores, np.float32, ndim=2)
    seen = check.array("seen", seen, np.int64, ndim=1)
    counts = check.array("counts", counts, np.int64, ndim=1)
    sinks, recent = check.integer("sinks", sinks, low=0), check.integer("recent", recent, low=0)
    for name, given in (("seen", seen), ("counts", counts)):
        if given.shape != (len(scores),):
            raise ValueError(f"{name} must have shape ({len(scores)},), got {given.shape}")
        if len(given) and given.min() < 1:
            raise ValueError(f"{name} must be at least 1, got {given.min()}")
    if len(seen) and seen.max() > scores.shape[1]:
        raise ValueError(f"seen must be at most {scores.shape[1]}, got {seen.max()}")
    if np.isnan(scores).any():
        raise ValueError("scores must be numbers, got nan")
    kept = budget(seen, counts, sinks, recent)
    winners = np.empty((len(scores), int(kept.max(initial=0))), dtype=np.int32)
    _select(scores, seen, kept, sinks, recent, winners)
    return winners, kept


@kernel
def _weigh(scores, values, winners, kept, out, log_sums):
    """Softmax over the winners of each row, their values summed; returns the number of multiply-adds."""
    work = 0
    for i in range(len(kept)):
        best = scores[i, winners[i, 0]]
        for j in range(1, kept[i]):
            best = max(best, scores[i, winners[i, j]])
        total = 0.0
        for d in range(values.shape[1]):
            out[i, d] = 0
        for j in range(kept[i]):
            key = winners[i, j]
            weight = np.float32(math.exp(scores[i, key] - best))
            total += float(weight)
            for d in range(values.shape[1]):
                out[i, d] += weight * values[key, d]
        for d in range(values.shape[1]):
            out[i, d] /= np.float32(total)
        log_sums[i] = float(best) + math.log(total)
        work += kept[i] * values.shape[1]
    return work


def weigh_winners(
    scores: Any, values: Any, winners: Any, kept: Any
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """o = Σ_w softmax_w(s) v_w over each row's winners w, and ln Σ_w exp(s_w).

    Args:
        scores: ``(n, N)`` float32; values: ``(N, d)`` float32.
        winners, kept: as from :func:`select_winners`, at least one winner a row.
    """
    scores = check.array("scores", scores, np.float32, ndim=2)
    values = check.array("values", values, np.float32, ndim=2)
    winners = check.array("winners", winners, np.int32, ndim=2)
    kept = check.array("kept", kept, np.int64, ndim=1)
    if len(values) < scores.shape[1]:
        raise ValueError(f"values must be one for each of {scores.shape[1]} scores, got {len(values)}")
    if not len(scores) == len(winners) == len(kept):
        raise ValueError(
            f"winners must have one row for each of {len(scores)}, got {winners.shape}, {kept.shape}"
        )
    if len(kept) and not 1 <= kept.min() <= kept.max() <= winners.shape[1]:
        raise ValueError(f"kept must be from 1 to {winners.shape[1]}, got {kept.min()} to {kept.max()}")
    used = winners[np.arange(winners.shape[1]) < kept[:, None]]
    if len(used) and not 0 <= used.min() <= used.max() < scores.shape[1]:
        raise ValueError(f"winners must be in [0, {scores.shape[1]}), got {used.min()} to {used.max()}")
    finite(
        np.where(
            np.arange(winners.shape[1]) < kept[:, None],
            np.take_along_axis(scores, np.clip(winners, 0, scores.shape[1] - 1).astype(np.int64), axis=1),
            -np.inf,
        ).max(axis=1, initial=-np.inf)
    )
    out, log_sums = np.empty((len(scores), values.shape[1]), dtype=np.float32), np.empty(len(scores))
    _weigh(scores, values, winners, kept, out, log_sums)
    return out, log_sums
