"""Slow, readable twins of codes by signs and of the k-winner-take-all among them: lists, loops, float64."""

import math

import numpy as np


def signs(vector, matrix):
    """``[⟨x, r_i⟩ > 0]`` for every column r_i."""
    return [int(sum(a * b for a, b in zip(vector, column, strict=True)) > 0) for column in matrix.T.tolist()]


def from_means(keys):
    """Each key less the mean of those before it; the leftmost as it is."""
    out = []
    for i, key in enumerate(keys):
        middle = [sum(float(k[x]) for k in keys[:i]) / max(1, i) for x in range(len(key))]
        out.append([float(a) - b for a, b in zip(key, middle, strict=True)])
    return out


def distance(a, b):
    return sum(x != y for x, y in zip(a, b, strict=True))


def chosen(order, size, sinks, recent, count):
    """Always-on keys, and as many others in ``order`` as are left of ``count``."""
    always = {j for j in range(size) if j < sinks or j >= size - recent}
    rest = [j for j in order if j not in always]
    return sorted(always | set(rest[: max(0, count - len(always))]))


def code_weights(kind, distances, dim, scale):
    """Weights of winners in the order of firing: by estimated score, by rank, by count of matching bits."""
    if kind == "score":
        estimates = [scale * math.cos(math.pi * h / dim) for h in distances]
        return [math.exp(e - max(estimates)) for e in estimates]
    if kind == "rank":
        return [len(distances) // (r + 1) for r in range(len(distances))]
    octave = max(1, max(1, dim // 2) // 16)
    return [2 ** min(20, (max(distances) - h) // octave) for h in distances]


def answer(far, scores, values, count, *, sinks, recent, candidates, weigh):
    """One query's output, mass of its winners and of the exact ones; ``far``: how far each key it sees seems.

    With ``candidates`` the winners are the best scores among so many times ``count``; else the nearest, which
    ``weigh`` weighs by how far they are.
    """
    size = len(scores)
    always = min(sinks + recent, size)
    wanted = min(size, max(count, always))
    by_code = sorted(range(size), key=lambda j: (far[j], j))
    by_score = sorted(range(size), key=lambda j: (-scores[j], j))
    if candidates:
        found = chosen(by_code, size, sinks, recent, always + candidates * (wanted - always))
        won = chosen([j for j in by_score if j in found], size, sinks, recent, wanted)
        weights = [math.exp(scores[j] - max(scores)) for j in won]
    else:
        won = sorted(chosen(by_code, size, sinks, recent, wanted), key=lambda j: (far[j], j))
        weights = weigh([far[j] for j in won])
    out = sum(w * values[j].astype(float) for j, w in zip(won, weights, strict=True)) / sum(weights)
    total = sum(math.exp(s) for s in scores)
    best = chosen(by_score, size, sinks, recent, wanted)
    return out, *(sum(math.exp(scores[j]) for j in some) / total for some in (won, best))


def attend(
    queries,
    keys,
    values,
    seen,
    matrix,
    count,
    *,
    kind,
    candidates=4,
    beta=1.0,
    sinks=0,
    recent=0,
    centre=None,
):
    """``(H, n, d)`` outputs, ``(H, n)`` mass of the winners and of the exact ones, for ``count(seen)`` winners."""
    heads, rows, dim = queries.shape
    bits = matrix.shape[1]
    shifted = [
        from_means(k) if centre is None else (k.astype(float) - c).tolist()
        for k, c in zip(keys, keys if centre is None else centre, strict=True)
    ]
    codes = [[signs(k, matrix) for k in group] for group in shifted]
    norms = [[math.sqrt(sum(a * a for a in k)) for k in group] for group in shifted]
    out, mass, best = (
        np.zeros((heads, rows, values.shape[2])),
        np.zeros((heads, rows)),
        np.zeros((heads, rows)),
    )
    for h in range(heads):
        g = h * len(keys) // heads
        for i in range(rows):
            size = seen[i]
            query = queries[h, i].astype(float)
            asked = signs(query.tolist(), matrix)
            scores = [float(query @ keys[g, j].astype(float)) / math.sqrt(dim) for j in range(size)]
            near = [distance(asked, codes[g][j]) for j in range(size)]
            scale = beta * math.sqrt(sum(query * query)) / math.sqrt(dim) * sum(norms[g][:size]) / size
            out[h, i], mass[h, i], best[h, i] = answer(
                near,
                scores,
                values[g],
                count(size),
                sinks=sinks,
                recent=recent,
                candidates=candidates if kind == "softmax" else None,
                weigh=lambda found, scale=scale: code_weights(kind, found, bits, scale),
            )
    return out, mass, best
