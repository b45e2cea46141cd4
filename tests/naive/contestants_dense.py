"""Slow readable twins of the dense contestant's counts and of its numbers of few bits."""

import numpy as np


def ternary(values):
    mean = sum(abs(float(v)) for v in values.flat) / values.size
    if mean == 0:
        return np.zeros(values.shape, dtype=int), 1.0
    out = [[min(1, max(-1, round(float(v) / mean))) for v in row] for row in values]
    return np.array(out), mean


def product(x, weights):
    out = np.zeros((len(x), len(weights)), dtype=int)
    for i, row in enumerate(x):
        for j, column in enumerate(weights):
            out[i, j] = sum(int(a) * int(b) for a, b in zip(row, column, strict=True))
    return out


def step(shape, held):
    """Products of one character that attends to ``held``, and its logits."""
    macs = 0
    for _ in range(shape.layers):
        macs += 4 * shape.dim * shape.heads * shape.head_dim  # query, key, value, output
        macs += 2 * held * shape.heads * shape.head_dim  # scores, and the sum of values
        macs += 2 * shape.dim * shape.hidden  # up, down
    return macs + shape.dim * shape.vocabulary


def forward(shape, *, context):
    """Products and exponentials of one window, without the head."""
    macs = sum(step(shape, held) - shape.dim * shape.vocabulary for held in range(1, context + 1))
    exps = sum(shape.layers * shape.heads * held for held in range(1, context + 1))
    return macs, exps


def newton_schulz(shape):
    """Five iterations for each matrix X of (m ≤ n): A = X Xᵀ, A², (bA + cA²) X."""
    inner = shape.heads * shape.head_dim
    sizes = [(inner, shape.dim)] * 4 + [(shape.hidden, shape.dim)] * 2
    total = 0
    for one, other in sizes:
        m, n = min(one, other), max(one, other)
        total += m * n * m + m * m * m + m * m * n
    return 5 * total * shape.layers
