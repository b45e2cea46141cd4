"""One query over a stream of keys: its strongest lines, a weighted Hamming distance there, exact scores, the winners.

    lines ──► keys on them ──► distance of the dense codes ──► candidates, scored exactly ──► k winners ──► Σ softmax·v
    L·d         a share         4 popcounts a word               d each                        softmax        dv each

Every key of a line that spikes gets one synaptic event; no other key is touched. Selection is by counting: a bar from a
histogram, no sort.
"""

import math

import numba
import numpy as np

from hdspike.bits.words import _ones
from hdspike.jit import kernel, prefetch
from hdspike.models.stream_keys import _turn, _wide
from hdspike.models.winners import _kth

__all__ = ["FAR", "LEVELS", "PLANES", "TALLY"]

PLANES = 4
LEVELS = 15.0  # a bit weighs 0 to 15
FAR = 8_000  # a line is at most so far behind the best, in steps of a weight
BINS = 16_384  # of distances
EMPTY = BINS - 1  # the distance of a slot without a key; the farthest key of 8 words is at 15,680
LEVEL_BINS = 2_048  # of scores
SAMPLE = 4_096  # distances from which the bar is guessed
AHEAD = 8  # rows asked for before they are needed
TALLY = ("lines", "touched", "rescored", "kept")
UNITS = (1.0, 0.8, 0.65, 0.5, 0.4, 0.3)  # of the largest weight: what 15 may stand for

# Sums of products in any order: many at a time. Only scores pass through it, no count does.
_sums = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})


@kernel
def _level(size, unit):
    """size ÷ unit, rounded, at most 15; 15 where that is no number."""
    level = np.rint(size / unit)
    return np.int64(level) if level < LEVELS else np.int64(LEVELS)


@kernel
def _weigh_bits(y, steps, bits, sizes, signs, masks):
    """Signs ``(W,)`` and bit planes of the weights ``(W, 4)`` of a query y; returns what a weight of 1 stands for.

    ``sizes`` is scratch for |a_j|. The unit is that of ``UNITS`` with the least squared error.
    """
    for w in range(len(signs)):
        signs[w] = np.uint64(0)
        for p in range(masks.shape[1]):
            masks[w, p] = np.uint64(0)
    count, top = 0, 0.0
    for i in range(len(y)):
        for p in range(bits[i]):
            a = float(y[i]) * float(steps[i]) * float(np.int64(1) << np.int64(p))
            if a > 0:
                signs[count // 64] |= np.uint64(1) << np.uint64(count % 64)
            sizes[count] = abs(a)
            top = max(top, abs(a))
            count += 1
    if top == 0:
        return 1.0
    unit, least = top / LEVELS, np.inf
    for share in UNITS:
        tried, error = share * top / LEVELS, 0.0
        for j in range(count):
            error += (_level(sizes[j], tried) * tried - sizes[j]) ** 2
        if error < least:
            least, unit = error, tried
    for j in range(count):
        level = _level(sizes[j], unit)
        for p in range(masks.shape[1]):
            masks[j // 64, p] |= np.uint64((level >> p) & 1) << np.uint64(j % 64)
    return unit


@kernel
def _rank(y, lines, unit, score, behind):
    """How far each line is behind the best, in steps of ``unit``, at most FAR, into ``behind``."""
    _turn(y, lines, score)
    top = score[0]
    for c in range(1, len(score)):
        top = max(top, score[c])
    for c in range(len(score)):
        steps = np.rint((top - score[c]) / unit)
        behind[c] = np.int64(steps) if steps < FAR else FAR  # FAR where it is no number
    return len(y) * len(score)


@kernel
def _bar(histogram, wanted):
    """The lowest bin up to which ``histogram`` holds at least ``wanted``; the last if it does not."""
    total = 0
    for b in range(len(histogram)):
        total += histogram[b]
        if total >= wanted:
            return b
    return len(histogram) - 1


@kernel
def _reach(behind, sizes, wanted, histogram):
    """The bar, in ``behind``, of the strongest lines that hold at least ``wanted`` keys together."""
    for b in range(FAR + 1):
        histogram[b] = 0
    for c in range(len(behind)):
        histogram[behind[c]] += sizes[c]
    return _bar(histogram[: FAR + 1], wanted)


@kernel
def _pair(a, b, s, t, planes, other, base, out):
    """``out[r]`` = base + Σ_p 2^p (|(a_r ⊕ s) ∧ planes_p| + |(b_r ⊕ t) ∧ other_p|) of the 64 keys of a block."""
    p0, p1, p2, p3 = planes[0], planes[1], planes[2], planes[3]
    q0, q1, q2, q3 = other[0], other[1], other[2], other[3]
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    for r in range(64):
        x, y = a[r] ^ s, b[r] ^ t
        total = base + _ones(x & p0) + _ones(y & q0)
        total += (_ones(x & p1) + _ones(y & q1)) << one
        total += (_ones(x & p2) + _ones(y & q2)) << two
        total += (_ones(x & p3) + _ones(y & q3)) << three
        out[r] = np.uint16(total)


@kernel
def _pair_more(a, b, s, t, planes, other, out):
    """:func:`_pair` on top of what ``out`` holds."""
    p0, p1, p2, p3 = planes[0], planes[1], planes[2], planes[3]
    q0, q1, q2, q3 = other[0], other[1], other[2], other[3]
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    for r in range(64):
        x, y = a[r] ^ s, b[r] ^ t
        total = np.uint64(out[r]) + _ones(x & p0) + _ones(y & q0)
        total += (_ones(x & p1) + _ones(y & q1)) << one
        total += (_ones(x & p2) + _ones(y & q2)) << two
        total += (_ones(x & p3) + _ones(y & q3)) << three
        out[r] = np.uint16(total)


@kernel
def _touch_code(words, block):
    """Ask for the codes of a block, 8 words to a cache line."""
    for w in range(words.shape[1]):
        row = words[block, w]
        for r in range(0, 64, 8):
            prefetch(row, r)


@kernel
def _scan(behind, bar, sizes, heads, before, words, signs, masks, blocks, distances):
    """Distances of all keys on lines up to ``bar``, block by block; returns (lines, keys, blocks) touched."""
    lines, keys, done = 0, 0, 0
    for c in range(len(behind)):
        if behind[c] > bar or sizes[c] == 0:
            continue
        lines += 1
        keys += sizes[c]
        block, held, base = heads[c], (sizes[c] - 1) % 64 + 1, np.uint64(behind[c])
        while block >= 0:
            code, out = words[block], distances[64 * done : 64 * done + 64]
            if before[block] >= 0:
                _touch_code(words, before[block])
            _pair(code[0], code[1], signs[0], signs[1], masks[0], masks[1], base, out)
            for w in range(2, len(signs), 2):
                _pair_more(code[w], code[w + 1], signs[w], signs[w + 1], masks[w], masks[w + 1], out)
            for r in range(held, 64):
                out[r] = np.uint16(EMPTY)
            blocks[done] = block
            done += 1
            block, held = before[block], 64
    return lines, keys, done


@kernel
def _pick(distances, done, wanted, blocks, places, histogram, found):
    """The keys nearest by ``distances`` of ``done`` blocks, about ``wanted``, into ``found``; returns how many."""
    for b in range(len(histogram)):
        histogram[b] = 0
    size = 64 * done
    step = max(1, size // SAMPLE) | 1  # odd: each slot of a block has its turn
    for i in range(0, size, step):
        histogram[distances[i]] += 1
    histogram[EMPTY] = 0
    bar = np.uint16(min(_bar(histogram, -(-wanted // step)), EMPTY - 1))
    count = 0
    for i in range(done):
        row, block = distances[64 * i : 64 * i + 64], places[blocks[i]]
        hits = np.uint64(0)
        for r in range(64):
            hits |= np.uint64(row[r] <= bar) << np.uint64(r)
        while hits != np.uint64(0):
            rest = hits & (hits - np.uint64(1))
            found[count] = block[np.int64(_ones((hits ^ rest) - np.uint64(1)))]
            count += 1
            hits = rest
    return count


@kernel
def _touch(rows, place):
    """Ask for a row of 16-bit numbers, 32 to a cache line."""
    row = rows[place]
    for x in range(0, len(row), 32):
        prefetch(row, x)


@_sums
def _exact(query, keys, found, count, scores):
    """``scores[j] = query · keys[found[j]]``; returns the multiply-adds."""
    for j in range(count):
        if j + AHEAD < count:
            _touch(keys, found[j + AHEAD])
        row, total = keys[found[j]], np.float32(0)
        for x in range(len(query)):
            total += query[x] * _wide(row[x])
        scores[j] = total
    return count * len(query)


@kernel
def _bin(score, high, scale):
    """The bin of a score, the highest in bin 0; the last where it is no number."""
    place = (high - score) * scale
    return np.int64(place) if place < LEVEL_BINS - 1 else np.int64(LEVEL_BINS - 1)


@kernel
def _least(scores, count, k, histogram, scratch):
    """The k-th largest of ``scores[:count]``, k at most ``count``: a histogram, and a search within one of its bins."""
    low, high = scores[0], scores[0]
    for j in range(1, count):
        low, high = min(low, scores[j]), max(high, scores[j])
    if low == high:
        return low
    scale = np.float32(LEVEL_BINS - 1) / (high - low)
    for b in range(LEVEL_BINS):
        histogram[b] = 0
    for j in range(count):
        histogram[_bin(scores[j], high, scale)] += 1
    total, bin_ = 0, 0
    while total + histogram[bin_] < k:
        total += histogram[bin_]
        bin_ += 1
    many = 0
    for j in range(count):
        scratch[many] = scores[j]
        many += _bin(scores[j], high, scale) == bin_
    return _kth(scratch, many, k - total)


@kernel
def _keep(scores, found, count, k, histogram, scratch):
    """Keep the k best of ``count``, in their order, ties to the earlier; returns how many are above the last."""
    bar = _least(scores, count, k, histogram, scratch)
    above = 0
    for j in range(count):
        above += scores[j] > bar
    ties, kept = k - above, 0
    for j in range(count):
        if scores[j] > bar or (scores[j] == bar and ties > 0):
            ties -= scores[j] == bar
            scores[kept], found[kept] = scores[j], found[j]
            kept += 1
    return above


@kernel
def _blend(scores, values, found, count, out):
    """Softmax over the winners, their values summed; returns ln Σ e^score. ``scores`` become weights."""
    top = scores[0]
    for j in range(1, count):
        top = max(top, scores[j])
    total = 0.0
    for x in range(len(out)):
        out[x] = np.float32(0)
    for j in range(count):
        scores[j] = np.float32(math.exp(scores[j] - top))
        total += float(scores[j])
    fours = count - count % 4
    for j in range(0, fours, 4):
        for i in range(4):
            if j + AHEAD + i < count:
                _touch(values, found[j + AHEAD + i])
        a, b, c, d = values[found[j]], values[found[j + 1]], values[found[j + 2]], values[found[j + 3]]
        p, q, r, s = scores[j], scores[j + 1], scores[j + 2], scores[j + 3]
        for x in range(len(out)):
            out[x] += (p * _wide(a[x]) + q * _wide(b[x])) + (r * _wide(c[x]) + s * _wide(d[x]))
    for j in range(fours, count):
        row, weight = values[found[j]], scores[j]
        for x in range(len(out)):
            out[x] += weight * _wide(row[x])
    for x in range(len(out)):
        out[x] /= np.float32(total)
    return float(top) + math.log(total)


@kernel
def _attend(
    queries, low, high, turn, lines, steps, bits, sizes, heads, before, words, places, keys, values, length,
    winners, candidates, wanted, blocks, distances, found, scores, scratch, out, picked, kept, logs, tally,
):  # fmt: skip
    """Queries from ``low`` to ``high``, one by one; ``tally[i]`` = lines, keys, candidates and winners of each."""
    dim, count = queries.shape[1], len(sizes)
    y, query = np.empty(dim, dtype=np.float32), np.empty(dim, dtype=np.float32)
    score, behind = np.empty(count, dtype=np.float32), np.empty(count, dtype=np.int64)
    levels = np.empty(64 * words.shape[1])
    signs, masks = np.empty(words.shape[1], dtype=np.uint64), np.empty((words.shape[1], 4), dtype=np.uint64)
    histogram = np.empty(BINS, dtype=np.int32)
    for i in range(low, high):
        for x in range(dim):
            query[x] = queries[i, x] / np.float32(math.sqrt(dim))
        _turn(queries[i], turn, y)
        unit = _weigh_bits(y, steps, bits, levels, signs, masks)
        _rank(y, lines, unit, score, behind)
        bar = _reach(behind, sizes, wanted, histogram)
        spoke, touched, done = _scan(
            behind, bar, sizes, heads, before, words, signs, masks, blocks, distances
        )
        aim, many = candidates, 0
        while many < min(winners, touched):  # where the sample leaves too few, more are asked for
            many = _pick(distances, done, aim, blocks, places, histogram, found)
            aim *= 2
        _exact(query, keys, found, many, scores)
        if many > winners:
            _keep(scores, found, many, winners, histogram, scratch)
        kept[i] = min(many, winners)
        logs[i] = _blend(scores, values, found, kept[i], out[i])
        for j in range(kept[i]):
            picked[i, j] = found[j]
        tally[i, 0], tally[i, 1], tally[i, 2], tally[i, 3] = spoke, touched, many, kept[i]
    return length * (high - low)
