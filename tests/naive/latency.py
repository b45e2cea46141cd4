"""Graded spikes, one by one, from the words of :mod:`hdspike.attention.codes.latency` alone."""

from collections.abc import Sequence
from math import exp


def spikes(contributions: Sequence[Sequence[float]], weights: Sequence[int], most: int) -> list[int]:
    """The lines that a query sends, strongest contribution at the head, equal ones by address."""
    entries = len(contributions[0])
    flat = [(value, b * entries + e) for b, row in enumerate(contributions) for e, value in enumerate(row)]
    flat.sort(key=lambda one: (-one[0], one[1]))
    highest = flat[0][0]
    lines = []
    for value, address in flat[:most]:
        if value <= 0 or highest <= 0:
            continue
        wanted = value / highest * weights[0]
        choices = [*weights, 0]
        nearest = min(range(len(choices)), key=lambda j: (abs(choices[j] - wanted), j))
        if nearest < len(weights):
            lines.append(address * len(weights) + nearest)
    return lines


def in_ticks(lines: Sequence[int], per_tick: int) -> list[int]:
    """By address within each tick."""
    ticks = [lines[i : i + per_tick] for i in range(0, len(lines), per_tick)]
    return [line for tick in ticks for line in sorted(tick)]


def synapses(
    keys: Sequence[Sequence[int]], entries: int, weights: Sequence[int]
) -> list[list[tuple[int, int]]]:
    """For each line its (key, weight)."""
    blocks = len(keys[0])
    return [
        [(i, weight) for i, key in enumerate(keys) if key[b] == e]
        for b in range(blocks)
        for e in range(entries)
        for weight in weights
    ]


def captured(scores: Sequence[float], winners: Sequence[int], k: int) -> float:
    """Softmax mass of the k best winners ÷ that of the k best keys."""
    best = sorted(scores, reverse=True)[:k]
    won = sorted((scores[i] for i in winners), reverse=True)[:k]
    return sum(exp(s) for s in won) / sum(exp(s) for s in best)
