"""Deciding who won: the readouts of a k-winner-take-all group, shared by both forms of the functional runner.

A *group* is the tuple ``(k, theta, readout, step, floor)`` of plain integers, *spikes* the tuple of scratch
arrays ``(neurons, potentials, ticks)``, found in the order of index, and *out* the tuple ``(winners,
potentials, ticks, sizes, counts)`` with one row per query, ``counts`` in the order of ``network.COUNTS``.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.jit import kernel, spread
from hdspike.network import COUNTS, KWTA, Outcome

TICK, END, RAMP = 0, 1, 2
READOUTS = {"tick": TICK, "end": END, "ramp": RAMP}
BATCH = 64  # queries whose winners are held padded at once
Group = tuple[int, int, int, int, int]
Progress = Callable[[int], None]


@kernel
def _merge_sort(keys, order, scratch):
    """Sort ``order`` (indices into ``keys``) stably by key: bottom-up merges; returns the merged elements."""
    size, width, moved = len(order), 1, 0
    while width < size:
        for start in range(0, size, 2 * width):
            middle, end = min(start + width, size), min(start + 2 * width, size)
            left, right = start, middle
            for place in range(start, end):
                if left < middle and (right >= end or keys[order[left]] <= keys[order[right]]):
                    scratch[place] = order[left]
                    left += 1
                else:
                    scratch[place] = order[right]
                    right += 1
        for place in range(size):
            order[place] = scratch[place]
        moved += size
        width *= 2
    return moved


@kernel
def _ordered(potentials, ticks, found):
    """The permutation of the found spikes by (tick, −potential, index); they were found in order of index."""
    highest = lowest = np.int64(potentials[0]) if found else np.int64(0)
    for i in range(found):
        highest = max(highest, np.int64(potentials[i]))
        lowest = min(lowest, np.int64(potentials[i]))
    span = highest - lowest + 1
    keys = np.empty(found, dtype=np.int64)
    for i in range(found):
        keys[i] = np.int64(ticks[i]) * span + (highest - np.int64(potentials[i]))
    order = np.arange(found)
    _merge_sort(keys, order, np.empty(found, dtype=np.int64))
    return order


@kernel
def _ramp_bound(potential, received, group):
    """The highest threshold ``θ_s = max(θ − s·step, floor)`` that k neurons reach, or the floor."""
    k, theta, _, step, floor = group
    steps = (theta - floor + step - 1) // step
    reached = np.zeros(steps + 1, dtype=np.int64)
    for i in range(len(potential)):
        if received[i] and potential[i] >= floor:
            reached[max(theta - potential[i] + step - 1, 0) // step] += 1
    total = 0
    for s in range(steps + 1):
        total += reached[s]
        if total >= k:
            return max(theta - s * step, floor)
    return floor


@kernel
def _late(potential, received, ticks_delivered, group, spikes):
    """Readouts after the last input, ``end`` and ``ramp``; returns how many neurons fired."""
    _, theta, readout, step, _ = group
    neurons, potentials, ticks = spikes
    bound = _ramp_bound(potential, received, group) if readout == RAMP else theta
    found = 0
    for i in range(len(potential)):
        if received[i] and potential[i] >= bound:
            neurons[found] = i
            potentials[found] = potential[i]
            if readout == RAMP:
                ticks[found] = ticks_delivered + max(theta - potential[i] + step - 1, 0) // step
            else:
                ticks[found] = ticks_delivered - 1
            found += 1
    return found


@kernel
def _record(q, k, found, spikes, out, delivered, offered, synaptic, touched):
    """Write the first k spikes of query q, in the order of firing, and its counts; returns the winners."""
    neurons, potentials, ticks = spikes
    winners, out_potentials, out_ticks, sizes, counts = out
    order = _ordered(potentials, ticks, found)
    most = min(found, k)
    for i in range(most):
        winners[q, i] = neurons[order[i]]
        out_potentials[q, i] = potentials[order[i]]
        out_ticks[q, i] = ticks[order[i]]
    sizes[q] = most
    counts[q, 0] = delivered
    counts[q, 1] = offered - delivered
    counts[q, 2] = synaptic
    counts[q, 3] = touched
    counts[q, 4] = found
    counts[q, 5] = found - most
    return most


@kernel
def _scratch(neurons):
    """Room for every neuron's spike: (neurons, potentials, ticks)."""
    return np.empty(neurons, np.int32), np.empty(neurons, np.int32), np.empty(neurons, np.int32)


def collect(
    neurons: int,
    kwta: KWTA,
    queries: int,
    solve: Callable[[int, int, Group, Any], Any],
    progress: Progress | None,
) -> Outcome:
    """Solve all queries in batches spread over threads, and join their winners into one outcome.

    ``solve(low, high, group, out)`` writes queries ``low`` to ``high`` into the rows of ``out``.
    """
    k = neurons if kwta.k is None else kwta.k
    most = min(k, neurons)  # a race goes on to its k-th spike even where k > neurons
    group = (k, kwta.theta, READOUTS[kwta.readout], kwta.step, kwta.floor)
    parts: list[list[NDArray[Any]]] = [[], [], []]
    sizes = np.zeros(queries, dtype=np.int64)
    counts = np.zeros((queries, len(COUNTS)), dtype=np.int64)
    for start in range(0, queries, BATCH):
        count = min(BATCH, queries - start)
        rows: list[NDArray[Any]] = [np.empty((count, most), dtype=np.int32) for _ in parts]
        rows += [sizes[start : start + count], counts[start : start + count]]

        def work(low: int, high: int, start: int = start, rows: list[NDArray[Any]] = rows) -> None:
            solve(start + low, start + high, group, tuple(array[low:high] for array in rows))

        spread(work, count)
        inside = np.arange(most)[None, :] < sizes[start : start + count, None]
        for part, array in zip(parts, rows[:3], strict=True):
            part.append(array[inside])
        if progress is not None:
            progress(count)
    indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    winners, potentials, ticks = (
        np.concatenate(part) if part else np.empty(0, dtype=np.int32) for part in parts
    )
    return Outcome(
        indptr, winners, potentials, ticks, {name: counts[:, i].copy() for i, name in enumerate(COUNTS)}
    )
