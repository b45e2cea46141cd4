"""Products over some rows, and one token through a gated feed-forward of which some neurons speak, in plain Python."""

import math


def weighted_rows(values, rows, weights):
    """Σ_j values_j · weights[rows_j]."""
    width = len(weights[0]) if len(weights) else 0
    out = [0.0] * width
    for value, row in zip(values, rows, strict=True):
        for i in range(width):
            out[i] += float(value) * float(weights[row][i])
    return out


def chosen_products(weights, rows, x):
    """weights[rows] · x."""
    return [sum(float(weights[row][i]) * float(x[i]) for i in range(len(x))) for row in rows]


def silu(v):
    return v / (1 + math.exp(-v)) if v > -700 else 0.0


def top(scores, k):
    """The places of the k highest scores; of equals the lower index."""
    return sorted(sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:k])


def gated(x, gate, up, down, *, by, share=None, bar=None, drawn=None):
    """One token ``x``; ``down`` is (dim, hidden). Returns its output and the neurons that spoke."""
    dim, hidden = len(x), len(gate)

    def some(scores):
        if bar is not None:
            return [i for i, score in enumerate(scores) if score >= bar]
        return top(scores, max(1, int(share * len(scores) + 0.5)))

    x = [float(v) for v in x]
    if by == "input":
        kept = some([abs(v) for v in x])
        x = [v if i in kept else 0.0 for i, v in enumerate(x)]
    before = chosen_products(gate, range(hidden), x)
    lifted = chosen_products(up, range(hidden), x)
    opened = [max(v, 0.0) if by == "relu" else silu(v) for v in before]
    h = [a * b for a, b in zip(opened, lifted, strict=True)]
    if by == "relu":
        chosen = [i for i in range(hidden) if before[i] > 0]
    elif by == "random":
        chosen = some(drawn)
    else:
        chosen = some([abs(v) for v in {"gate": opened, "up": lifted}.get(by, h)])
    out = [sum(h[i] * float(down[d][i]) for i in chosen) for d in range(dim)]
    return out, chosen
