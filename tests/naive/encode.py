"""Encoders written from their equations, for bits (lists of zeros and ones) and blocks (lists of indices)."""

from collections.abc import Sequence
from typing import Any

from tests.naive import bits, spaces

Vector = Sequence[int]


def suffix(items: Sequence[Vector], tokens: Sequence[int], t: int, n: int, bind: Any, permute: Any) -> Vector:
    """``x_t ⊗ ρ x_{t−1} ⊗ … ⊗ ρ^{n−1} x_{t−n+1}``"""
    out = items[tokens[t]]
    for j in range(1, n):
        out = bind(out, permute(items[tokens[t - j]], j))
    return out


def xor(a: Vector, b: Vector) -> list[int]:
    return [int(x) ^ int(y) for x, y in zip(a, b, strict=True)]


def contexts_bits(items: Sequence[Vector], tokens: Sequence[int], t: int, order: int) -> list[int]:
    """``[g_1 + … + g_n]``"""
    grams = [suffix(items, tokens, t, m, xor, bits.rotate) for m in range(1, order + 1)]
    return bits.majority(grams, [1] * order)


def contexts_blocks(
    items: Sequence[Vector], tokens: Sequence[int], t: int, order: int, length: int
) -> list[int]:
    """Block b of ``g_{1 + b mod n}``."""

    def bind(a: Vector, b: Vector) -> list[int]:
        return spaces.bind(a, b, length)

    grams = [suffix(items, tokens, t, m, bind, spaces.permute) for m in range(1, order + 1)]
    return [grams[b % order][b] for b in range(len(items[0]))]


def level(low: Vector, high: Vector, rank: Sequence[int], i: int, num: int) -> list[int]:
    """Coordinates whose rank is below ``i ÷ (num − 1)`` of all come from ``high``, the rest from ``low``."""
    width = len(low)
    return [high[c] if rank[c] * (num - 1) < i * width else low[c] for c in range(width)]


def project(
    vector: Sequence[float], normals: Sequence[Sequence[float]], centre: Sequence[float]
) -> list[int]:
    """Bit i is the side of hyperplane i (column i of ``normals``) on which ``vector − centre`` lies."""
    dims = range(len(normals[0]))
    return [
        int(sum((x - c) * n[i] for x, c, n in zip(vector, centre, normals, strict=True)) > 0) for i in dims
    ]
