"""Winners of a network, from the words of :mod:`hdspike.network` and :mod:`hdspike.network.kwta` alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hdspike.network import COUNTS, KWTA, Outcome

Pairs = Sequence[Sequence[tuple[int, int]]]
"""For each line, its synapses: (target, weight)."""


def schedule(lines: Sequence[int], rank: Sequence[int], per_tick: int) -> list[int]:
    """By rank, and within each tick of ``per_tick`` events by address."""
    ordered = sorted(lines, key=lambda line: rank[line])
    ticks = [ordered[i : i + per_tick] for i in range(0, len(ordered), per_tick)]
    return [line for tick in ticks for line in sorted(tick)]


def query(
    synapses: Pairs, bias: Sequence[int], kwta: KWTA, lines: Sequence[int], per_tick: int
) -> dict[str, Any]:
    """One query: spikes as (tick, −potential, neuron), which is the order in which they count, and COUNTS."""
    potential = [int(b) for b in bias]
    received = [0] * len(bias)
    spikes: list[tuple[int, int, int]] = []
    silent = set(range(len(bias)))
    delivered = synaptic = tick = 0

    def fire(theta: int) -> None:
        now = sorted((tick, -potential[i], i) for i in silent if received[i] and potential[i] >= theta)
        silent.difference_update(i for _, _, i in now)
        spikes.extend(now)

    def ended() -> bool:
        return kwta.k is not None and len(spikes) >= kwta.k

    while delivered < len(lines):
        for line in lines[delivered : delivered + per_tick]:
            for target, weight in synapses[line]:
                potential[target] += weight
                received[target] += 1
                synaptic += 1
            delivered += 1
        last = delivered == len(lines)
        if kwta.readout == "tick" or (kwta.readout == "end" and last):
            fire(kwta.theta)
        tick += 1
        if kwta.readout == "tick" and ended():
            break
    if kwta.readout == "ramp":  # its steps go on counting after the last input tick
        for step in range(kwta.ramp_steps):
            fire(max(kwta.theta - step * kwta.step, kwta.floor))
            tick += 1
            if ended():
                break
    won = spikes if kwta.k is None else spikes[: kwta.k]
    counts = (
        delivered,
        len(lines) - delivered,
        synaptic,
        sum(1 for r in received if r),
        len(spikes),
        len(spikes) - len(won),
    )
    return {"won": won, "potential": potential, "counts": counts}


def run(
    synapses: Pairs, bias: Sequence[int], kwta: KWTA, queries: Sequence[Sequence[int]], per_tick: int
) -> Outcome:
    """All queries, each from the biases."""
    results = [query(synapses, bias, kwta, lines, per_tick) for lines in queries]
    indptr = [0]
    for result in results:
        indptr.append(indptr[-1] + len(result["won"]))
    won = [spike for result in results for spike in result["won"]]
    counts = {
        name: np.array([result["counts"][i] for result in results], dtype=np.int64)
        for i, name in enumerate(COUNTS)
    }
    return Outcome(
        np.array(indptr, dtype=np.int64),
        np.array([i for _, _, i in won], dtype=np.int32),
        np.array([-v for _, v, _ in won], dtype=np.int32),
        np.array([t for t, _, _ in won], dtype=np.int32),
        counts,
    )


def potentials(synapses: Pairs, bias: Sequence[int], queries: Sequence[Sequence[int]]) -> list[list[int]]:
    """Potential of every neuron after all events."""
    out = []
    for lines in queries:
        potential = [int(b) for b in bias]
        for line in lines:
            for target, weight in synapses[line]:
                potential[target] += weight
        out.append(potential)
    return out


def of_matrix(matrix: Any) -> Pairs:
    """Synapses of a matrix (lines, neurons); a zero is no synapse."""
    return [[(i, int(w)) for i, w in enumerate(row) if w] for row in np.asarray(matrix).tolist()]
