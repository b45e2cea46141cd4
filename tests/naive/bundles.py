"""Slow, readable twins of winners and bundles: bundles made anew for every query, in float64."""

import math

import numpy as np

from tests.naive import models


def distances(key, transform, centroids):
    """|kT − C_c|² of every centroid."""
    turned = [sum(float(key[i]) * float(transform[i, j]) for i in range(len(key))) for j in range(len(key))]
    return [sum((a - float(b)) ** 2 for a, b in zip(turned, row, strict=True)) for row in centroids]


def read(scores, values, winners, codes):
    """Output, mass of the winners, mass that winners and bundles make, bundles read: one query, all it sees given."""
    rest = {}
    for j, score in enumerate(scores):
        if j not in winners:
            rest.setdefault(codes[j], []).append((score, values[j]))
    cells = [(scores[j], 1, values[j].astype(float)) for j in winners]
    for members in rest.values():
        mean = sum(score for score, _ in members) / len(members)
        cells.append((mean, len(members), sum(value.astype(float) for _, value in members)))
    best = max(max(scores), max(score for score, _, _ in cells))
    weights = [math.exp(score - best) for score, _, _ in cells]
    total = sum(w * n for w, (_, n, _) in zip(weights, cells, strict=True))
    true = sum(math.exp(score - best) for score in scores)
    out = sum(w * value for w, (_, _, value) in zip(weights, cells, strict=True)) / total
    return out, sum(weights[: len(winners)]) / true, total / true, len(rest)


def bundled(queries, keys, values, seen, codes, cells, entries, *, sinks=0, recent=0, pick=None):
    """``(H, n, d)`` outputs, the two mean masses, winners and bundles read; ``cells(seen)`` is the budget.

    ``pick(h, i, scores, count)`` finds the winners where they are not the best scores.
    """
    heads, count, dim = queries.shape
    out, masses, kept, used = np.zeros((heads, count, values.shape[2])), [], 0, 0
    for h in range(heads):
        g = h * len(keys) // heads
        for i in range(count):
            n = int(seen[i])
            scores = [
                sum(float(a) * float(b) for a, b in zip(queries[h, i], keys[g, j], strict=True))
                / math.sqrt(dim)
                for j in range(n)
            ]
            budget = max(cells(n), sinks + recent)
            wanted = n if budget >= n else max(1, sinks + recent, budget - entries)
            wanted = min(n, wanted)
            winners = pick(h, i, scores, wanted) if pick else models.winners(scores, sinks, recent, wanted)
            out[h, i], head, whole, many = read(scores, values[g], winners, codes[g])
            masses.append((head, whole))
            kept, used = kept + len(winners), used + many
    return out, np.mean(masses, axis=0), kept, used
