"""Slow, readable twins of what product codebooks and events do: lists, loops, float64."""

import math

import numpy as np

from tests.naive.coded import answer


def line(part, centroids):
    """The nearest centroid, ties to the lower."""
    far = [sum((a - b) ** 2 for a, b in zip(part, c, strict=True)) for c in centroids.tolist()]
    return far.index(min(far))


def code(key, transform, centre, centroids):
    """The line of each block of one key."""
    turned = ((key.astype(float) - centre) @ transform.astype(float)).tolist()
    size = len(turned) // len(centroids)
    return [line(turned[b * size : (b + 1) * size], c.astype(float)) for b, c in enumerate(centroids)]


def contributions(query, transform, centroids):
    """``[[what line e of block b adds to q·(k − c)/√d]]``: a line stands for a key that is zero elsewhere."""
    out, start = [], 0
    for block in centroids.astype(float):
        row = []
        for centroid in block:
            turned = np.zeros(len(query))
            turned[start : start + len(centroid)] = centroid
            key = np.linalg.solve(transform.astype(float).T, turned)
            row.append(float(query.astype(float) @ key) / math.sqrt(len(query)))
        out.append(row)
        start += block.shape[1]
    return out


def potentials(strengths, rests, codes, size, allowance):
    """Potentials of the keys that one query sees, its events and spikes."""
    blocks, lines = len(strengths), len(strengths[0])
    lists = {
        (b, e): [j for j in range(size) if codes[j][b] == e] for b in range(blocks) for e in range(lines)
    }
    level = {(b, e): min(int(strengths[b][e]), 1024) for b, e in lists}
    firing = []
    for least in sorted({x for x in level.values() if x > 0}, reverse=True):
        more = [x for x in lists if level[x] >= least]
        if sum(len(lists[x]) for x in more) > allowance:
            break
        firing = more
    out = [int(r) for r in rests[:size]]
    for b in range(blocks):
        silent = [e for e in range(lines) if (b, e) not in firing]
        heard = sum(len(lists[b, e]) for e in silent)
        middle = sum(int(strengths[b][e]) * len(lists[b, e]) for e in silent) // heard if heard else 0
        for e in range(lines):
            if (b, e) in firing:
                for j in lists[b, e]:
                    out[j] += int(strengths[b][e]) - middle
    return out, sum(len(lists[x]) for x in firing), sum(bool(lists[x]) for x in firing)


def event_weights(kind, far, beta):
    """Weights of winners in the order of firing; potentials are −far, in sixteenths of a nat."""
    if kind == "score":
        return [math.exp(beta * (min(far) - x) / 16) for x in far]
    if kind == "rank":
        return [len(far) // (r + 1) for r in range(len(far))]
    return [2 ** min(20, (max(far) - x) // 11) for x in far]


def lifted(query, keys, size, parts, mean, events):
    """Potentials of the keys that one query sees, its events and spikes; ``parts``: T, c, centroids."""
    dim = len(query)
    rests = [round(float(mean.astype(float) @ k.astype(float)) / math.sqrt(dim) * 16) for k in keys]
    strengths = [
        [round(float(np.float32(x)) * 16) for x in row]
        for row in contributions(query - mean, parts[0], parts[2])
    ]
    codes = [code(k, *parts) for k in keys]
    return potentials(strengths, rests, codes, size, math.floor(events * size))


def attend(
    queries,
    keys,
    values,
    seen,
    book,
    layer,
    count,
    *,
    kind,
    events,
    candidates=4,
    beta=1.0,
    sinks=0,
    recent=0,
):
    """Outputs ``(H, n, d)``; masses of winners and exact ones; events, spikes, each ``(H, n)``."""  # fmt: skip
    heads, rows, dim = queries.shape
    share = heads // len(keys)
    out = np.zeros((heads, rows, values.shape[2]))
    counts = np.zeros((4, heads, rows))
    for h in range(heads):
        g = h // share
        parts = (book.transforms[layer, g], book.centres[layer, g].astype(float), book.centroids[layer, g])
        mean = book.means[layer, g][h % share % book.means.shape[2]]
        for i in range(rows):
            size = seen[i]
            found, spent, spikes = lifted(queries[h, i], keys[g], size, parts, mean, events)
            far = [-x for x in found]
            scores = [float(queries[h, i].astype(float) @ keys[g, j]) / math.sqrt(dim) for j in range(size)]
            many = candidates if kind == "softmax" else None
            out[h, i], *masses = answer(
                far, scores, values[g], count(size), sinks=sinks, recent=recent, candidates=many,
                weigh=lambda won: event_weights(kind, won, beta),
            )  # fmt: skip
            counts[:, h, i] = *masses, spent, spikes
    return out, counts
