"""Bits as lists of zeros and ones, words as Python integers: nothing here can overflow."""

from collections.abc import Iterator, Sequence

import numpy as np

MODULUS = 2**64
PHI = 0x9E3779B97F4A7C15  # 2^64 ÷ the golden ratio, the increment of SplitMix64


def mix(z: int) -> int:
    """The finaliser of SplitMix64, as published (Steele, Lea & Flood 2014; Vigna's splitmix64.c)."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % MODULUS
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % MODULUS
    return z ^ (z >> 31)


def splitmix64(seed: int) -> Iterator[int]:
    """The SplitMix64 stream: the state grows by φ before each output."""
    while True:
        seed = (seed + PHI) % MODULUS
        yield mix(seed)


def to_words(bits: Sequence[int]) -> list[int]:
    """64 bits to a word, bit i of the vector is bit i mod 64 of word i ÷ 64."""
    words = [0] * -(-len(bits) // 64)
    for i, bit in enumerate(bits):
        words[i // 64] += int(bit) << (i % 64)
    return words


def to_bits(words: Sequence[int], dim: int) -> list[int]:
    return [int(words[i // 64]) >> (i % 64) & 1 for i in range(dim)]


def hash64(words: Sequence[int]) -> int:
    total = 0
    for i, word in enumerate(words):
        high, low = divmod(int(word) ^ ((i + 1) * PHI) % MODULUS, 2**32)
        total += low * high
    return mix(total % MODULUS)


def rotate(bits: Sequence[int], shifts: int) -> list[int]:
    out = [0] * len(bits)
    for i, bit in enumerate(bits):
        out[(i + shifts) % len(bits)] = int(bit)
    return out


def tie_seed(rows: Sequence[Sequence[int]], weights: Sequence[int]) -> int:
    """Seed of the tie-breaking stream of a bundle: Σ w·hash64(row) mod 2^64."""
    return sum(int(w) * hash64(row) for row, w in zip(rows, weights, strict=True)) % MODULUS


def majority(rows: Sequence[Sequence[int]], weights: Sequence[int]) -> list[int]:
    """Weighted majority of rows of bits; a tied bit i takes bit i of the stream."""
    dim, total = len(rows[0]), sum(int(w) for w in weights)
    tied = coins(tie_seed([to_words(row) for row in rows], weights), dim)
    out = []
    for i in range(dim):
        ones = sum(int(w) * int(row[i]) for row, w in zip(rows, weights, strict=True))
        out.append(tied[i] if 2 * ones == total else int(2 * ones > total))
    return out


def coins(seed: int, dim: int) -> list[int]:
    stream = splitmix64(seed)
    return to_bits([next(stream) for _ in range(-(-dim // 64))], dim)


def votes(rows: Sequence[Sequence[int]], weights: Sequence[int]) -> list[int]:
    """Σ w·(+1 where the bit is 1, −1 where it is 0), place by place."""
    return [
        sum(int(w) * (2 * int(row[i]) - 1) for row, w in zip(rows, weights, strict=True))
        for i in range(len(rows[0]))
    ]


def decayed(votes: Sequence[int], shift: int) -> list[int]:
    return [v - (abs(v) >> shift) * (1 if v > 0 else -1) for v in votes]


def hamming(a: Sequence[int], b: Sequence[int]) -> int:
    return sum(int(x != y) for x, y in zip(a, b, strict=True))


def nearest(query: Sequence[int], rows: Sequence[Sequence[int]], k: int) -> list[int]:
    return sorted(range(len(rows)), key=lambda i: (hamming(query, rows[i]), i))[:k]


def array(rows: Sequence[Sequence[int]], dim: int) -> np.ndarray:
    """Rows of bits as the package's words, built bit by bit."""
    words = [to_words(row) for row in rows]
    return np.array(words, dtype=np.uint64).reshape(len(rows), -(-dim // 64))
