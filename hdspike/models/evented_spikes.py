"""What a query says to keys in inverted lists: the strongest spikes that its events can pay for.

Each line has a strength, an integer: what it adds to the score of the keys that have it. A spike on a line is one
synaptic event for each key in its list. Inhibition adapts the threshold: all lines of strength t and more spike, t the
lowest positive strength at which the events stay within what the query may spend. What the silent lines of a block say
in the mean, m, is taken from the weight of those that spike, as if all keys of the others had heard it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.jit import kernel
from hdspike.models.evented_lists import EventLists

__all__ = ["event_potentials"]

LEVELS = 1024  # strengths above are one level, where the threshold is sought
MOST = 2**15 - 1  # a strength has 16 bits


@kernel
def _spikes(strengths, lengths, allowance, spent, weights):
    """The weight of each line that spikes, 0 of a silent one; returns events and spikes.

    A weight is positive: silent lines are below t, so their mean is. Each block divides towards −∞.
    """
    spent[:] = 0
    blocks, lines = strengths.shape
    for b in range(blocks):
        for e in range(lines):
            if strengths[b, e] > 0:
                spent[min(strengths[b, e], LEVELS)] += lengths[b * lines + e]
    least, events = LEVELS + 1, 0
    while least > 1 and events + spent[least - 1] <= allowance:
        least -= 1
        events += spent[least]
    count = 0
    for b in range(blocks):
        total, silent = 0, 0
        for e in range(lines):
            if min(strengths[b, e], LEVELS) < least:
                total += strengths[b, e] * lengths[b * lines + e]
                silent += lengths[b * lines + e]
        middle = total // silent if silent else 0
        for e in range(lines):
            weights[b, e] = 0
            if min(strengths[b, e], LEVELS) >= least and lengths[b * lines + e]:
                weights[b, e] = strengths[b, e] - middle
                count += 1
    return events, count


@kernel
def _potentials(
    strengths, heads, rests, seen, allowances, codes, starts, places, lengths, spent, weights, out, marks, counts
):  # fmt: skip
    """``out[i, j]`` of the keys j < seen[i]: the rest of the head plus the weights of its lines; 0 behind.

    ``lengths`` are 0 at the beginning and count the keys of each line that a query sees; lists are in order of
    arrival, so these are at their head. ``counts[i]`` = events, spikes. Returns the events of all rows.
    """
    lines, have, total = strengths.shape[2], 0, 0
    marked = marks.shape[0] > 0
    for i in range(len(seen)):
        while have < seen[i]:
            for b in range(codes.shape[1]):
                lengths[b * lines + int(codes[have, b])] += 1
            have += 1
        while have > seen[i]:
            have -= 1
            for b in range(codes.shape[1]):
                lengths[b * lines + int(codes[have, b])] -= 1
        counts[i, 0], counts[i, 1] = _spikes(strengths[i], lengths, allowances[i], spent, weights)
        total += counts[i, 0]
        row, rest = out[i], rests[heads[i]]
        for j in range(seen[i]):
            row[j] = rest[j]
        for j in range(seen[i], len(row)):
            row[j] = 0
        for b in range(codes.shape[1]):
            for e in range(lines):
                weight = weights[b, e]
                if weight:
                    start = starts[b * lines + e]
                    for x in range(start, start + lengths[b * lines + e]):
                        row[places[x]] += weight
                        if marked:
                            marks[i, places[x]] = True
    return total


def event_potentials(
    strengths: Any, rests: Any, codes: Any, seen: Any, allowances: Any
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The potentials of the keys that queries see, and the events and spikes of each query.

    Args:
        strengths: ``(n, B, E)`` int16 of each query's lines. rests: ``(N,)`` int16, where the keys' potentials start.
        codes: ``(N, B)`` uint8, the line of each key in each block. seen: ``(n,)`` from 0 to N.
        allowances: ``(n,)``, events that each query may spend, at least 0.

    Returns:
        ``(n, N)`` int32, 0 behind the keys seen, and ``(n, 2)`` int64.

    Lines of strength 5 and 3 and −1, of which the strongest is afforded. The silent ones have (0·3 − 2·1)/2 = −1 in
    the mean, so it weighs 6:

    >>> strengths = np.array([[[5, 3, -1]]], np.int16)
    >>> codes = np.array([[0], [2], [2], [0]], np.uint8)
    >>> potentials, counts = event_potentials(strengths, np.zeros(4, np.int16), codes, [4], [2])
    >>> potentials.tolist(), counts.tolist()
    ([[6, 0, 0, 6]], [[2, 1]])
    """
    strengths = check.array("strengths", strengths, np.int16, ndim=3)
    rests = check.array("rests", rests, np.int16, ndim=1)
    codes = check.array("codes", codes, np.uint8, ndim=2)
    seen = check.array("seen", seen, np.int64, ndim=1)
    allowances = check.array("allowances", allowances, np.int64, ndim=1)
    if len(rests) != len(codes):
        raise ValueError(f"rests must be one for each of {len(codes)} keys, got {len(rests)}")
    for name, given in (("seen", seen), ("allowances", allowances)):
        if len(given) != len(strengths):
            raise ValueError(f"{name} must be one for each of {len(strengths)} queries, got {len(given)}")
        if len(given) and given.min() < 0:
            raise ValueError(f"{name} must be at least 0, got {given.min()}")
    if len(seen) and seen.max() > len(codes):
        raise ValueError(f"seen must be at most {len(codes)}, got {seen.max()}")
    if codes.shape[1] != strengths.shape[1]:
        raise ValueError(f"codes must have {strengths.shape[1]} blocks, got {codes.shape[1]}")
    lists = EventLists(*strengths.shape[1:])
    lists.insert(codes)
    heads = np.zeros(len(seen), dtype=np.int64)
    out, counts = deliver(lists, strengths, rests[None], heads, seen, allowances, marks=None)
    return out, counts


def deliver(
    lists: EventLists,
    strengths: NDArray[np.int16],
    rests: NDArray[np.int16],
    heads: NDArray[np.int64],
    seen: NDArray[np.int64],
    allowances: NDArray[np.int64],
    *,
    marks: NDArray[np.bool_] | None,
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """:func:`event_potentials` of several heads over lists that are there, unchecked.

    ``marks`` ``(n, N)`` is set where a key gets an event.
    """
    out = np.empty((len(seen), rests.shape[1]), dtype=np.int32)
    counts = np.zeros((len(seen), 2), dtype=np.int64)
    _potentials(
        *(strengths, heads, rests, seen, allowances, lists.codes, lists.starts, lists.places),
        *(np.zeros_like(lists.lengths), np.zeros(LEVELS + 1, dtype=np.int64)),
        *(np.zeros(strengths.shape[1:], dtype=np.int32), out),
        *(np.zeros((0, 0), dtype=np.bool_) if marks is None else marks, counts),
    )
    return out, counts
