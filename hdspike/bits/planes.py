"""Bit-sliced counters: plane p holds bit p of the counters of all places, 64 counters to a word.

Rows of bits are added sixteen at a time by a tree of carry-save adders (Wallace 1964; for counting ones: Harley
& Seal, in Warren, *Hacker's Delight*, 2013). Sixteen rows become one carry of weight 16, sixteen such carries one of
weight 256, which alone ripples through the planes above: a row costs little more than one full adder.
"""

import numpy as np

from hdspike.bits.words import FULL, ONE, ZERO
from hdspike.jit import kernel

TREE = 16  # rows added at a time
DESK = 2 * TREE + 1  # rows of scratch that counting needs


@kernel
def _full(a, b, c):
    """A full adder of 64 places: sum and carry of three bits."""
    half = a ^ b
    return half ^ c, (a & b) | ((a | b) & c)


@kernel
def _add_sixteen(rows, planes, carry):
    """Add sixteen rows (16, W) to four planes (4, W); what overflows, of weight 16, goes to ``carry`` (W)."""
    for w in range(len(carry)):
        one, two, four = planes[0, w], planes[1, w], planes[2, w]
        one, t1 = _full(rows[0, w], rows[1, w], one)
        one, t2 = _full(rows[2, w], rows[3, w], one)
        two, f1 = _full(t1, t2, two)
        one, t1 = _full(rows[4, w], rows[5, w], one)
        one, t2 = _full(rows[6, w], rows[7, w], one)
        two, f2 = _full(t1, t2, two)
        four, e1 = _full(f1, f2, four)
        one, t1 = _full(rows[8, w], rows[9, w], one)
        one, t2 = _full(rows[10, w], rows[11, w], one)
        two, f1 = _full(t1, t2, two)
        one, t1 = _full(rows[12, w], rows[13, w], one)
        one, t2 = _full(rows[14, w], rows[15, w], one)
        two, f2 = _full(t1, t2, two)
        four, e2 = _full(f1, f2, four)
        planes[0, w], planes[1, w], planes[2, w] = one, two, four
        planes[3, w], carry[w] = _full(e1, e2, planes[3, w])


@kernel
def _add_one(carry, planes):
    """Add one row to the planes by ripple; ``carry`` (W) is used up."""
    for p in range(len(planes)):
        for w in range(len(carry)):
            old = planes[p, w]
            planes[p, w] = old ^ carry[w]
            carry[w] &= old


@kernel
def _add_few(rows, count, planes, carry):
    """Add the first ``count`` ≤ 16 of ``rows`` (16, W), which are used up: by the tree, or one by one."""
    if count < 4 or len(planes) < 4:
        for k in range(count):
            _add_one(rows[k], planes)
        return
    for k in range(count, TREE):
        for w in range(len(carry)):
            rows[k, w] = ZERO
    _add_sixteen(rows, planes[:4], carry)
    _add_one(carry, planes[4:])


@kernel
def _gathered(rows, chosen, first, count, block):
    """``count`` rows from ``first`` on, of those ``chosen`` or of all: copied to ``block`` (16, W)."""
    for j in range(count):
        row = rows[chosen[first + j] if len(chosen) else first + j]
        for w in range(len(row)):
            block[j, w] = row[w]
    return block


@kernel
def _add_rows(rows, chosen, planes, desk):
    """``planes += Σ rows[chosen]`` modulo 2^P, or all rows where none is chosen: rows (K, W), planes (P, W).

    ``desk`` (33, W) is scratch. Returns the words added.
    """
    carries, last, block = desk[:TREE], desk[TREE], desk[TREE + 1 :]
    total = len(chosen) if len(chosen) else len(rows)
    waiting = 0
    k = 0
    while k + TREE <= total and len(planes) >= 4:
        sixteen = _gathered(rows, chosen, k, TREE, block) if len(chosen) else rows[k : k + TREE]
        _add_sixteen(sixteen, planes[:4], carries[waiting])
        waiting += 1
        k += TREE
        if waiting == TREE:
            _add_few(carries, waiting, planes[4:], last)
            waiting = 0
    _add_few(carries, waiting, planes[4:], last)
    while k < total:
        few = min(TREE, total - k)
        _add_few(_gathered(rows, chosen, k, few, block), few, planes, last)
        k += few
    return total * rows.shape[1]


@kernel
def _count(rows, weights, planes, desk):
    """``planes += Σ_k weights[k]·rows[k]`` modulo 2^P: rows (K, W), planes (P ≥ 1, W), weights (K) ≥ 0 or none.

    Rows are taken once for each bit of their weight. ``desk`` (33, W) is scratch. Returns the words added.
    """
    chosen = np.empty(len(weights), dtype=np.int64)
    if len(weights) == 0:  # one each
        return _add_rows(rows, chosen, planes, desk)
    union = 0
    for k in range(len(rows)):
        union |= weights[k]
    added = 0
    for bit in range(len(planes)):
        if (union >> bit) & 1:
            count = 0
            for k in range(len(rows)):
                chosen[count] = k
                count += (weights[k] >> bit) & 1
            some = chosen[: count if count < len(rows) else 0]  # all rows need not be gathered
            added += _add_rows(rows, some, planes[bit:], desk)
    return added


@kernel
def _above(planes, bound, equal, coins, out):
    """``out = [count > bound]``; where count = bound, the bit of ``coins``. All rows are (W); ``equal`` is scratch.

    ``bound`` ≥ 0 is compared plane by plane from the top. Returns the words read.
    """
    for w in range(len(out)):
        out[w] = ZERO
        equal[w] = FULL
    for p in range(len(planes) - 1, -1, -1):
        if (bound >> p) & 1:
            for w in range(len(out)):
                equal[w] &= planes[p, w]
        else:
            for w in range(len(out)):
                plane = planes[p, w]
                out[w] |= equal[w] & plane
                equal[w] &= ~plane
    for w in range(len(out)):
        out[w] |= equal[w] & coins[w]
    return len(planes) * len(out)


@kernel
def _flip(planes):
    """Complement every bit: −x − 1 of every counter."""
    for p in range(len(planes)):
        for w in range(planes.shape[1]):
            planes[p, w] ^= FULL


@kernel
def _decay(planes, shift, scratch):
    """``v ← v − trunc(v ÷ 2^shift)`` of every two's complement counter: planes (P, W), ``1 ≤ shift``.

    On magnitudes: m ← m − (m >> shift), the sign put back, so that both signs decay alike. ``scratch`` (3, W).
    Returns the words touched.
    """
    depth, count = planes.shape
    sign, carry, borrow = scratch[0], scratch[1], scratch[2]
    for w in range(count):
        sign[w] = carry[w] = planes[depth - 1, w]
        borrow[w] = ZERO
    for p in range(depth):  # |v| = (v ⊕ sign) + (1 where negative)
        for w in range(count):
            bit = planes[p, w] ^ sign[w]
            planes[p, w] = bit ^ carry[w]
            carry[w] &= bit
    for w in range(count):
        carry[w] = sign[w]
    for p in range(depth):  # subtract, and put the sign back by the same two steps
        for w in range(count):
            a, b = planes[p, w], ZERO
            if p + shift < depth:
                b = planes[p + shift, w]
            bit = a ^ b ^ borrow[w] ^ sign[w]
            borrow[w] = (~a & (b | borrow[w])) | (b & borrow[w])
            planes[p, w] = bit ^ carry[w]
            carry[w] &= bit
    return depth * count


@kernel
def _values(planes, dim, out):
    """``out[i]`` = the two's complement counter of place i; returns the bits read."""
    depth = len(planes)
    for i in range(dim):
        w, shift = i // 64, np.uint64(i % 64)
        value = np.int64(0)
        for p in range(depth):
            bit = np.int64((planes[p, w] >> shift) & ONE)
            value += -(bit << p) if p == depth - 1 else bit << p
        out[i] = value
    return depth * dim
