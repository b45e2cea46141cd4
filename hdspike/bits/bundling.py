"""The weighted majority of packed vectors: the bundle of the dense binary space."""

from typing import Any

import numpy as np

from hdspike import check
from hdspike.bits.hashing import GOLDEN, _mix, hash64
from hdspike.bits.planes import DESK, _above, _count
from hdspike.bits.words import LARGE, ZERO, Words, tail_mask, word_count, words_of
from hdspike.jit import kernel, spread


@kernel
def _coins(seed, out):
    """The SplitMix64 stream of ``seed`` (Steele, Lea & Flood 2014), 64 fair bits to a word."""
    salt = seed
    for w in range(len(out)):
        salt += GOLDEN
        out[w] = _mix(salt)


@kernel
def _majority(rows, weights, total, seed, mask, planes, desk, out):
    """Weighted majority of ``rows`` (K, W): counted in planes, compared with total/2; returns the words added.

    ``weights`` (K), or none for one each. ``planes`` (bit length of total, W) and ``desk`` (see :func:`_count`) are
    scratch.
    """
    for p in range(len(planes)):
        for w in range(planes.shape[1]):
            planes[p, w] = ZERO
    added = _count(rows, weights, planes, desk)
    coins = desk[0]
    if total % 2 == 0:  # only an even total can tie
        _coins(seed, coins)
    else:
        for w in range(len(coins)):
            coins[w] = ZERO
    _above(planes, total // 2, desk[1], coins, out)
    out[len(out) - 1] &= mask
    return added


@kernel
def _majority_batch(rows, weights, seeds, mask, planes, desk, out):
    """:func:`_majority` of each batch of ``rows`` (B, K, W), weights (B, K or 0), seeds (B)."""
    added = 0
    for b in range(len(rows)):
        total = 0 if weights.shape[1] else rows.shape[1]
        for k in range(weights.shape[1]):
            total += weights[b, k]
        added += _majority(rows[b], weights[b], total, seeds[b], mask, planes, desk, out[b])
    return added


def scratch(depth: int, width: int) -> tuple[Words, Words]:
    """Planes for counters of ``depth`` bits of ``width`` words, and the desk that :func:`_count` works on."""
    return np.zeros((depth, width), dtype=np.uint64), np.empty((DESK, width), dtype=np.uint64)


def majority(words: Any, dim: int, *, weights: Any = None) -> Words:
    """The bit that most of K vectors have, each counted ``weights`` times.

    ``out_i = [Σ_k w_k x_ki > ½ Σ_k w_k]``, over axis −2: words ``(..., K, W)`` and integer weights
    ``(..., K)`` ≥ 0 → ``(..., W)``. Where both sides weigh the same, the bit comes from a SplitMix64 stream
    seeded with ``Σ_k w_k·hash64(x_k) mod 2⁶⁴``: without bias, and the same for the same multiset in any
    order. :class:`hdspike.bits.Counters` is the same, kept and changed vector by vector.

    Raises:
        ValueError: K = 0, a negative weight, or weights that sum to 0.

    >>> from hdspike.bits import pack, unpack
    >>> unpack(majority(pack([[1, 1, 0], [1, 0, 0], [0, 1, 0]]), 3), 3).tolist()
    [1, 1, 0]
    """
    given = words_of("words", words, dim)
    if given.ndim < 2:
        raise ValueError(f"words must be batches (..., K, {word_count(dim)}), got shape {given.shape}")
    *outer, members, width = given.shape
    if weights is not None or members == 0:
        counts = check.bundle_weights(weights, given.shape[:-1])
    rows = given.reshape(-1, members, width)
    out = np.empty((len(rows), width), dtype=np.uint64)
    if weights is None:
        flat, heaviest, tying = np.empty((len(rows), 0), dtype=np.int64), members, members % 2 == 0
    else:
        flat = counts.reshape(-1, members)
        totals = flat.sum(axis=1)
        heaviest, tying = int(totals.max(initial=0)), not np.all(totals % 2)
    seeds = np.zeros(len(rows), dtype=np.uint64)
    if tying and len(rows):
        hashes = hash64(rows)
        if weights is not None:
            hashes *= flat.astype(np.uint64)
        seeds = hashes.sum(axis=1, dtype=np.uint64)
    depth, mask = heaviest.bit_length(), tail_mask(dim)

    def work(low: int, high: int) -> None:
        tools = scratch(depth, width)
        _majority_batch(rows[low:high], flat[low:high], seeds[low:high], mask, *tools, out[low:high])

    if rows.size >= LARGE and len(rows) > 1:
        spread(work, len(rows))
    else:
        work(0, len(rows))
    return out.reshape(*outer, width)
