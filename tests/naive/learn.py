"""Learners written from their equations, on lists of zeros and ones and Python integers."""

import math
from collections.abc import Sequence

from tests.naive import bits

Vector = Sequence[int]


def signs(vector: Vector) -> list[int]:
    return [1 if bit else -1 for bit in vector]


def add(counter: Sequence[int], vector: Vector, weight: int) -> list[int]:
    return [c + weight * s for c, s in zip(counter, signs(vector), strict=True)]


def dot(vector: Vector, counter: Sequence[int]) -> int:
    return sum(s * c for s, c in zip(signs(vector), counter, strict=True))


def quantise(counter: Sequence[int], seed: int) -> list[int]:
    """``[c_i > 0]``, a tie from the SplitMix64 stream of the seed, 64 bits to an output."""
    stream = bits.splitmix64(seed)
    words = [next(stream) for _ in range(-(-len(counter) // 64))]
    ties = bits.to_bits(words, len(counter))
    return [int(c > 0) if c else tie for c, tie in zip(counter, ties, strict=True)]


def cosine(vector: Vector, counter: Sequence[int]) -> float:
    length = math.sqrt(len(counter) * sum(c * c for c in counter))
    return dot(vector, counter) / length if length else 0.0


def similarity(a: Vector, b: Vector) -> float:
    return 1 - 2 * sum(x != y for x, y in zip(a, b, strict=True)) / len(a)


def best(scores: Sequence[float], among: Sequence[int]) -> int:
    """The index of the highest score, the first of equal ones."""
    return max(among, key=lambda i: (scores[i], -i))


def leaders(scores: Sequence[float], owners: Sequence[int], label: int) -> tuple[int, int]:
    """The best prototype of the own class, and the best of the others."""
    own = [p for p, owner in enumerate(owners) if owner == label]
    return best(scores, own), best(scores, [p for p in range(len(owners)) if p not in own])


def retrain(
    counters: list[list[int]],
    seeds: Sequence[int],
    owners: Sequence[int],
    vectors: Sequence[Vector],
    labels: Sequence[int],
    alpha: int,
    margin: float,
    *,
    binary: bool,
) -> list[list[int]]:
    """One batch: whoever does not lead by more than the margin is added to its class and taken from the rival."""
    out = [list(c) for c in counters]
    quantised = [quantise(c, s) for c, s in zip(counters, seeds, strict=True)]
    for x, label in zip(vectors, labels, strict=True):
        scores = [similarity(x, q) for q in quantised] if binary else [cosine(x, c) for c in counters]
        own, other = leaders(scores, owners, label)
        if scores[own] - scores[other] <= margin:
            out[own] = add(out[own], x, alpha)
            out[other] = add(out[other], x, -alpha)
    return out


def online(
    counters: list[list[int]], vectors: Sequence[Vector], labels: Sequence[int], rate: float, *, every: bool
) -> list[list[int]]:
    """One batch of OnlineHD: ``η(1 − δ)`` in 1/256, all vectors or only those that were predicted wrong."""
    out = [list(c) for c in counters]
    for x, label in zip(vectors, labels, strict=True):
        scores = [cosine(x, c) for c in counters]
        own, other = leaders(scores, range(len(counters)), label)
        wrong = scores[own] <= scores[other]
        if wrong or every:
            out[own] = add(out[own], x, round(256 * rate * (1 - scores[own])))
        if wrong:
            out[other] = add(out[other], x, -round(256 * rate * (1 - scores[other])))
    return out


def gradient(
    vectors: Sequence[Vector], labels: Sequence[int], classes: Sequence[Vector], temperature: float
) -> list[list[float]]:
    """``mean_n (p_nk − [y_n = k])·s(x_n)``, p the softmax of the scores in σ, without rounding."""
    dim = len(vectors[0])
    out = [[0.0] * dim for _ in classes]
    for x, label in zip(vectors, labels, strict=True):
        logits = [similarity(x, c) * math.sqrt(dim) / temperature for c in classes]
        total = sum(math.exp(z) for z in logits)
        for k, z in enumerate(logits):
            error = (math.exp(z) / total - (k == label)) / len(vectors)
            out[k] = [g + error * s for g, s in zip(out[k], signs(x), strict=True)]
    return out


def descend(
    vectors: Sequence[Vector], targets: Sequence[int], rate: int, model: Sequence[int]
) -> tuple[list[int], list[int], int]:
    """Least mean squares, one vector after the other: the model, the sum of all models, the absolute errors."""
    now, total, wrong = list(model), [0] * len(model), 0
    for x, target in zip(vectors, targets, strict=True):
        error = target - dot(x, now) // len(model)
        wrong += abs(error)
        now = add(now, x, (error * rate + 512) // 1024)
        total = [t + m for t, m in zip(total, now, strict=True)]
    return now, total, wrong
