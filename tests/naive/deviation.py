"""Slow, readable twin of the statistics of scores: one row, in float64."""

import math

import numpy as np


def measures(row, shares, sinks, recent):
    """Fields of one row of seen scores by name; ``lost`` and ``bars`` as lists."""
    scores = [float(s) for s in row]
    size = len(scores)
    kept = scores[sinks : size - recent]
    left_out = scores[:sinks] + scores[size - recent :]
    mean = sum(kept) / len(kept)
    moments = [sum((s - mean) ** p for s in kept) / len(kept) for p in (2, 3, 4)]
    deviation = math.sqrt(moments[0])
    best = max(scores)
    weights = sorted((math.exp(s - best) for s in kept), reverse=True)
    order = sorted(kept, reverse=True)
    tops = [min(len(kept), max(1, int(np.rint(share * len(kept))))) for share in shares]
    return {
        "keys": len(kept),
        "deviation": deviation,
        "skewness": moments[1] / deviation**3 if deviation else 0.0,
        "kurtosis": moments[2] / deviation**4 - 3 if deviation else 0.0,
        "growth": math.log(sum(math.exp(s - mean) for s in kept) / len(kept)),
        "outside": 1 - sum(weights) / sum(math.exp(s - best) for s in scores) if left_out else 0.0,
        "lost": [sum(weights[k:]) / sum(weights) for k in tops],
        "bars": [(order[k - 1] - mean) / deviation if deviation else 0.0 for k in tops],
    }
