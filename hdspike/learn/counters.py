"""Integer class counters against packed words: the operations that every learner here consists of.

A counter holds ``c_i = Σ_n w_n s_ni``, where ``s = ±1`` (a bit 1 is +1) and the weights ``w`` are integers.
Learning is :func:`add`. Looking up is :func:`dot`, on counters cut into bit planes, so that a product of bits and
integers is a popcount per plane. :func:`quantise` makes a binary vector of a counter. All three stay in integers:
no result depends on the number of threads or on the order of a sum.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import bits, check
from hdspike.bits import GOLDEN, ONE, ZERO
from hdspike.jit import kernel, spread

__all__ = ["add", "dot", "quantise", "rival", "slices"]

Counters = NDArray[np.int32]
Words = NDArray[np.uint64]

LIMIT = 2**31 - 1
HALF = 32
WORTH = 2**17  # words of work below which threads lose
BIT = np.uint32(1)


@kernel
def _add(halves, rows, classes, weights, low, high, out):
    """``out[classes[e]] += weights[e]·s(rows[e])`` on half-words [low, high); returns the half-words added.

    Words come as half-words of 32 bits: a 32-bit counter beside each, the loop is one vector instruction wide.
    """
    for e in range(len(rows)):
        row = halves[rows[e]]
        target = out[classes[e]]
        weight = weights[e]
        for h in range(low, high):
            half = row[h]
            part = target[h * HALF : h * HALF + HALF]
            for j in range(len(part)):
                part[j] += weight if (half >> np.uint32(j)) & BIT else -weight
    return len(rows) * (high - low)


def add(out: Counters, words: Words, rows: Any, classes: Any, weights: Any) -> None:
    """Add signed vectors to counters, in place: ``out[classes[e]] += weights[e]·s(words[rows[e]])``.

    Args:
        out: ``(K, dim)`` int32 counters, changed.
        words: ``(n, W)`` packed vectors of ``dim`` bits.
        rows, classes, weights: ``(E,)`` integers, or numbers that broadcast to that.

    Raises:
        ValueError: a row or class outside the arrays, or a counter that could leave 32 bits.

    >>> counters = np.zeros((1, 3), dtype=np.int32)
    >>> add(counters, bits.pack([[1, 0, 1], [1, 1, 0]]), [0, 1], 0, [1, 5])
    >>> counters.tolist()
    [[6, 4, -4]]
    """
    if (
        not isinstance(out, np.ndarray)
        or out.dtype != np.int32
        or out.ndim != 2
        or not out.flags.c_contiguous
    ):
        raise TypeError("out must be a contiguous int32 array (classes, dim)")
    given = check.batch("words", bits.words_of("words", words, out.shape[1]))
    places = [
        check.array(n, v, np.int64) for n, v in (("rows", rows), ("classes", classes), ("weights", weights))
    ]
    try:
        row, target, weight = (np.ascontiguousarray(a) for a in np.broadcast_arrays(*places))
    except ValueError as error:
        shapes = [a.shape for a in places]
        raise ValueError(f"rows, classes and weights must broadcast, got shapes {shapes}") from error
    row, target, weight = row.reshape(-1), target.reshape(-1), weight.reshape(-1)
    if not len(row):
        return
    for name, value, size in (("rows", row, len(given)), ("classes", target, len(out))):
        if value.min() < 0 or value.max() >= size:
            raise ValueError(f"{name} must be in [0, {size}), got {value.min()} … {value.max()}")
    largest = max(int(weight.max()), -int(weight.min()))  # not np.abs: −2^63 has no opposite
    reach = largest * len(weight)
    if largest > LIMIT:
        reach = largest
    elif reach > LIMIT // 2:  # so many that the exact bound is worth its time
        reach = int(np.abs(weight).sum())
    if reach + max(int(out.max()), -int(out.min())) > LIMIT:
        raise ValueError(
            f"weights must keep every counter below 2^31, got weights that sum to {reach} or more in size"
        )
    small = weight.astype(np.int32)
    halves = given.astype("<u8", copy=False).view(np.uint32)
    width = -(-out.shape[1] // HALF)
    if len(row) * width < WORTH:
        _add(halves, row, target, small, 0, width, out)
    else:
        spread(lambda low, high: _add(halves, row, target, small, low, high, out), width)


@kernel
def _quantise(counters, seeds, mask, out):
    """Sign bits of counters; a zero takes its bit from the stream of its row's seed. Returns the counters."""
    dim = counters.shape[1]
    for k in range(len(counters)):
        salt = seeds[k]
        for w in range(out.shape[1]):
            salt += GOLDEN
            stream = bits._mix(salt)
            word = ZERO
            part = counters[k, w * 64 : min(w * 64 + 64, dim)]
            for j in range(len(part)):
                bit = stream >> np.uint64(j) if part[j] == 0 else np.uint64(part[j] > 0)
                word |= (bit & ONE) << np.uint64(j)
            out[k, w] = word
        out[k, out.shape[1] - 1] &= mask
    return counters.size


def quantise(counters: Any, seeds: Any) -> Words:
    """The binary vectors of counters: bit ``i`` is ``[c_i > 0]``, words ``(K, W)`` from ``(K, dim)``.

    A zero is a tie, and is decided as :func:`hdspike.bits.majority` decides one, with ``seeds`` ``(K,)`` the sum
    of the weighted hashes of what was added: so a counter of vectors quantises to their majority.
    """
    given = check.batch("counters", check.array("counters", counters, np.int32, ndim=2))
    streams = check.array("seeds", seeds, np.uint64, ndim=1)
    if len(streams) != len(given):
        raise ValueError(f"seeds must be one per row of counters, {len(given)}, got {len(streams)}")
    out = np.empty((len(given), bits.word_count(given.shape[1])), dtype=np.uint64)
    _quantise(given, streams, bits.tail_mask(given.shape[1]), out)
    return out


@kernel
def _slices(counters, out):
    """Bit p of every counter (two's complement) into plane ``out[:, p]``; returns the bits written."""
    dim = counters.shape[1]
    for k in range(len(counters)):
        for w in range(out.shape[2]):
            part = counters[k, w * 64 : min(w * 64 + 64, dim)]
            for p in range(out.shape[1]):
                word = ZERO
                for j in range(len(part)):
                    word |= np.uint64((part[j] >> p) & 1) << np.uint64(j)
                out[k, p, w] = word
    return counters.size * out.shape[1]


def slices(counters: Any) -> Words:
    """Counters ``(K, dim)`` cut into bit planes ``(K, P, W)``, P the bits that the largest needs, with its sign."""
    given = check.batch("counters", check.array("counters", counters, np.int32, ndim=2))
    most = max(int(given.max()), -int(given.min()) - 1) if given.size else 0
    out = np.empty((len(given), most.bit_length() + 1, bits.word_count(given.shape[1])), dtype=np.uint64)
    _slices(given, out)
    return out


@kernel
def _dot(words, planes, totals, out):
    """``out[n, k] = Σ_i s_ni c_ki = 2·Σ_{bits set} c_ki − Σ_i c_ki``; returns the words counted."""
    depth = planes.shape[1]
    for n in range(len(words)):
        for k in range(len(planes)):
            total = -totals[k]
            for p in range(depth):
                ones = ZERO
                for w in range(words.shape[1]):
                    ones += bits._ones(words[n, w] & planes[k, p, w])
                part = np.int64(ones) << (p + 1)
                total += part if p < depth - 1 else -part
            out[n, k] = total
    return len(words) * planes.size


def dot(words: Any, counters: Any, planes: Any = None) -> NDArray[np.int64]:
    """``⟨s, c⟩`` of every pair, exactly: words ``(n, W)`` and counters ``(K, dim)`` → ``(n, K)``.

    ``planes`` are the counters' :func:`slices`, where the caller keeps them.

    >>> dot(bits.pack([[1, 0, 1]]), np.array([[5, -2, 3]])).tolist()
    [[10]]
    """
    held = check.batch("counters", check.array("counters", counters, np.int32, ndim=2))
    given = check.batch("words", bits.words_of("words", words, held.shape[1]))
    cut = slices(held) if planes is None else planes
    totals = held.sum(axis=1, dtype=np.int64)
    out = np.empty((len(given), len(held)), dtype=np.int64)
    if len(given) * cut.size < WORTH:
        _dot(given, cut, totals, out)
    else:
        spread(lambda low, high: _dot(given[low:high], cut, totals, out[low:high]), len(given))
    return out


def rival(scores: NDArray[Any], own: NDArray[np.int64], classes: NDArray[np.int64]) -> tuple[Any, Any]:
    """Of each row of scores ``(n, K)``, the best column of its own class and the best of any other class.

    ``own`` ``(n,)`` are the labels, ``classes`` ``(K,)`` the class of each column. Equal ones by index.
    """
    same = classes[None, :] == own[:, None]
    least = np.iinfo(scores.dtype).min if scores.dtype.kind == "i" else -np.inf
    return np.where(same, scores, least).argmax(axis=1), np.where(same, least, scores).argmax(axis=1)
