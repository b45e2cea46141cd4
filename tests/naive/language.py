"""Slow, readable twins of the rivals: softmax attention, Witten-Bell interpolation, sign projection."""

import math
from collections import Counter, defaultdict

import numpy as np


def softmax_votes(scores, values, beta, symbols, wanted):
    """(votes of each symbol, weight on the wanted keys) of one query."""
    weights = [math.exp(beta * (float(s) - float(max(scores)))) for s in scores]
    total = sum(weights)
    votes = [0.0] * symbols
    for weight, value in zip(weights, values, strict=True):
        votes[value] += weight / total
    return votes, sum(weights[i] for i in wanted if i >= 0) / total


def witten_bell(text, keys, position, order, prior):
    """Probabilities after ``position``, by recursion from the longest suffix down to the unigram."""
    after = defaultdict(Counter)
    for t in keys:
        for m in range(1, order + 1):
            after[tuple(text[t + 1 - m : t + 1])][text[t + 1]] += 1

    def p(m):
        if m == 0:
            return list(prior)
        lower = p(m - 1)
        seen = after.get(tuple(text[position + 1 - m : position + 1]))
        if not seen:
            return lower
        total, distinct = sum(seen.values()), len(seen)
        return [(seen[v] + distinct * lower[v]) / (total + distinct) for v in range(len(prior))]

    return p(order)


def project_blocks(vectors, signs, length):
    """Sum of the sign rows of each vector's active lines, clipped to ±127."""
    out = []
    for vector in vectors:
        total = sum(signs[b * length + v].astype(int) for b, v in enumerate(vector))
        out.append(np.clip(total, -127, 127))
    return np.array(out)
