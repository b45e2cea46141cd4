"""A 64-bit hash of words: the seed of the streams that decide ties."""

from typing import Any

import numpy as np

from hdspike.bits.words import ZERO, Words
from hdspike.jit import kernel

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX1, MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
S27, S30, S31, S32 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)
LOW = np.uint64(0xFFFFFFFF)


@kernel
def _mix(x):
    """The finaliser of SplitMix64 (Steele, Lea & Flood 2014): every input bit reaches every output bit."""
    x = (x ^ (x >> S30)) * MIX1
    x = (x ^ (x >> S27)) * MIX2
    return x ^ (x >> S31)


@kernel
def _hash64(words, out):
    """``hash64(row) = mix(Σ_i lo(y_i)·hi(y_i))``, ``y_i = word_i ⊕ (i + 1)·φ``; lo and hi are its 32-bit halves.

    A sum of 32 × 32-bit products (NH of UMAC, Black et al. 1999): it vectorises where 64-bit products do not.
    """
    rows, count = words.shape
    for r in range(rows):
        total = ZERO
        salt = ZERO
        for w in range(count):
            salt += GOLDEN
            y = words[r, w] ^ salt
            total += (y & LOW) * (y >> S32)
        out[r] = _mix(total)
    return rows * count


def hash64(words: Any) -> Words:
    """A 64-bit hash of each row of words ``(..., W)`` → ``(...)``; equal rows have equal hashes."""
    given = np.asarray(words)
    if given.dtype != np.uint64:
        raise TypeError(f"words must be uint64, got dtype {given.dtype}")
    if given.ndim == 0 or given.shape[-1] == 0:
        raise ValueError(f"words must have at least one word along the last axis, got shape {given.shape}")
    flat = np.ascontiguousarray(given).reshape(-1, given.shape[-1])
    out = np.empty(len(flat), dtype=np.uint64)
    _hash64(flat, out)
    return out.reshape(given.shape[:-1])
