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


# --- hashed items -------------------------------------------------------------------------------------------

SALT = 0x8EBC6AF09C88C6E3


def salts(count: int) -> list[int]:
    stream = bits.splitmix64(SALT)
    return [next(stream) for _ in range(count)]


def base(word: int, kind: int, seed: int) -> int:
    """``mix(key ⊕ mix(mix(seed + φ) ⊕ kind))``"""
    root = bits.mix(bits.mix((seed + bits.PHI) % bits.MODULUS) ^ kind)
    return bits.mix(word ^ root)


def draws(start: int, count: int) -> list[int]:
    """``mix(base ⊕ salt_i)``"""
    return [bits.mix(start ^ salt) for salt in salts(count)]


def below(word: int, size: int) -> int:
    """``⌊word·size ÷ 2^64⌋`` with integers of any length."""
    return word * size // 2**64


def hashed_bits(start: int, dim: int) -> list[int]:
    return bits.to_bits(draws(start, -(-dim // 64)), dim)


def hashed_blocks(start: int, blocks: int, length: int) -> list[int]:
    return [below(word, length) for word in draws(start, blocks)]


def hashed_subset(start: int, ones: int, dim: int) -> list[int]:
    chosen: set[int] = set()
    stream = bits.splitmix64(SALT)
    while len(chosen) < ones:
        chosen.add(below(bits.mix(start ^ next(stream)), dim))
    return sorted(chosen)


# --- scalars ------------------------------------------------------------------------------------------------


def circle(low: Vector, high: Vector, rank: Sequence[int], i: int, num: int) -> list[int]:
    """Walk 2i half-steps round: coordinates are taken from ``high`` in order of rank, then given back in order."""
    count = len(low)
    held = [False] * count
    for half in range(1, 2 * i + 1):
        for c in range(count):
            if half <= num:  # the share half ÷ num of the ranks has been taken
                held[c] = held[c] or rank[c] * num < half * count
            elif rank[c] * num < (half - num) * count:
                held[c] = False
    return [h if swap else x for x, h, swap in zip(low, high, held, strict=True)]


def fractional(value: float, coordinate: int, seed: int) -> int:
    """The word that coordinate c holds: a hash of its bin, ``⌊x + u_c⌋``, for a reach of 1."""
    own = base(coordinate, 5, seed)
    offset = ((own >> 12) + 0.5) * 2.0**-52
    place = int((value + offset) // 1)
    return bits.mix(bits.mix((place * bits.PHI) % bits.MODULUS) ^ own)
