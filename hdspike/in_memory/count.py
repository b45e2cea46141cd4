r"""Ones counted inside DRAM: vectors stand in columns, and full adders of majorities count all of them at once.

.. math:: c' = \mathrm{maj}(a, b, c) \qquad s = \mathrm{maj}(\bar{c'}, \mathrm{maj}(a, b, \bar c), c)

Bit i of every item lies in row i, so that one row operation serves as many items as a row has columns. A row is XORed
with a bit of the query by taking its complement or not, and added to binary counters that lie in rows too: three rows
of the same weight become a sum and a carry of twice the weight (Harley-Seal; adders of majorities in DRAM: SIMDRAM,
Hajinazar et al., ASPLOS 2021). A subarray has room for S of the D rows, beside two rows for each of the ⌈log₂(S + 1)⌉
weights; only counters leave it, and a processor adds those of the D/S subarrays.

But a wrong carry of weight 2ʲ moves the count by 2ʲ: with S/2ʲ adders of that weight a subarray's count is wrong by
about S√p, where wrong bits alone give √(Sp); and of many items one with a rare, heavy error is enough to win.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import bits, check
from hdspike.bits import ONE, ZERO, Words
from hdspike.in_memory.array import DRAM, Array
from hdspike.in_memory.errors import Noise, _stream, seed_of
from hdspike.in_memory.logic import EXACT, _majority3
from hdspike.jit import kernel, spread

__all__ = ["adders", "column_distances", "columns_of", "count_counts"]

MAJORITIES, COPIES = 3, 11
"""Row operations of a full adder: three majorities, three operands copied for each, two more for the complements."""


@kernel
def _adder(sums, waits, row, w, threshold, columns, state):
    """Word ``w`` of a sum, of a row that waits, and of ``row``: the sum is replaced, the carry returned."""
    a, b = sums[w], waits[w]
    carry = _majority3(a, b, row, w, threshold, columns, state)
    inner = _majority3(a, b, ~row, w, threshold, columns, state)
    sums[w] = _majority3(~carry, inner, row, w, threshold, columns, state)
    return carry


@kernel
def _add(carry, level, sums, waits, waiting, threshold, columns, state):
    """Add the row ``carry`` (words) of weight 2^level to the counters (levels, words); returns the adders used.

    A level adds when two rows have come: the sum so far, the row that waits and the new one give a sum and a carry.
    """
    used = 0
    while level < len(sums):
        if waiting[level] == 0:
            waits[level] = carry
            waiting[level] = 1
            return used
        waiting[level] = 0
        for w in range(len(carry)):
            carry[w] = _adder(sums[level], waits[level], carry[w], w, threshold, columns, state)
        used += 1
        level += 1
    return used


@kernel
def _count(rows, query, base, threshold, columns, seed, stream, sums, waits, waiting, carry, out):
    """Add to ``out`` (M) the ones of ``query`` (words), from bit ``base`` on, XOR each column of ``rows`` (S, words).

    ``sums``, ``waits`` (levels, words), ``waiting`` (levels) and ``carry`` (words) are scratch. Returns the adders.
    """
    state = np.empty(1, dtype=np.uint64)
    state[0] = _stream(seed, stream)
    sums[:] = ZERO
    waiting[:] = 0
    used = 0
    for i in range(len(rows)):
        asked = (query[(base + i) >> 6] >> np.uint64((base + i) & 63)) & ONE
        for w in range(rows.shape[1]):
            carry[w] = ~rows[i, w] if asked == ONE else rows[i, w]
        used += _add(carry, 0, sums, waits, waiting, threshold, columns, state)
    for level in range(len(sums)):  # what still waits meets a row of zeros
        if waiting[level] == 1:
            carry[:] = ZERO
            used += _add(carry, level, sums, waits, waiting, threshold, columns, state)
    for m in range(len(out)):
        total = ZERO
        for level in range(len(sums)):
            bit = (sums[level, m >> 6] >> np.uint64(m & 63)) & ONE
            total |= bit << np.uint64(level)
        out[m] += np.int32(total)
    return used


def columns_of(items: Any, dim: int) -> Words:
    """Items turned so that row i holds bit i of each: words ``(M, ⌈dim/64⌉)`` → ``(dim, ⌈M/64⌉)``.

    >>> columns_of(bits.pack([[1, 0, 1], [1, 1, 0]]), 3).tolist()
    [[3], [2], [1]]
    """
    given = check.batch("items", bits.words_of("items", items, dim), least=1)
    return bits.pack(np.ascontiguousarray(bits.unpack(given, dim).T))


def column_distances(
    queries: Any, items: Any, dim: int, *, noise: Noise = EXACT, array: Array = DRAM, rng: check.Rng = None
) -> NDArray[np.int32]:
    """Hamming distances ``(Q, M)`` as the array counts them, with its errors: ``(Q, W)``, M ≥ 1 items ``(M, W)``.

    Every result of every adder is worn by ``noise``, whose columns are those of the *items* (M, not ``dim``); a count
    that exceeds its bits wraps round. Without errors it is :func:`hdspike.bits.hamming`.
    """
    asked = check.batch("queries", bits.words_of("queries", queries, dim))
    rows = columns_of(items, dim)
    out = np.zeros((len(asked), len(np.asarray(items))), dtype=np.int32)
    tables, seed, parts = noise.tables(out.shape[1]), seed_of(rng), slices(dim, array)

    def work(low: int, high: int) -> None:
        carry = np.empty(rows.shape[1], dtype=np.uint64)
        for place, (first, last) in enumerate(parts):
            levels = (last - first).bit_length()
            sums, waits = (np.empty((levels, rows.shape[1]), dtype=np.uint64) for _ in range(2))
            scratch = sums, waits, np.empty(levels, dtype=np.int64), carry
            for q in range(low, high):
                stream = q * len(parts) + place
                _count(rows[first:last], asked[q], first, *tables, seed, stream, *scratch, out[q])

    spread(work, len(asked))
    return out


def slices(dim: int, array: Array) -> list[tuple[int, int]]:
    """The bits that each subarray counts: as many rows as it has room for, beside two for each weight.

    >>> slices(2000, DRAM)
    [(0, 986), (986, 1972), (1972, 2000)]
    """
    check.integer("dim", dim, low=1)
    most = array.rows
    while most + 2 * most.bit_length() > array.rows:
        most -= 1
    if most < 1:
        raise ValueError(f"array must have rows for a bit and its counter, at least 3, got {array.rows}")
    return [(low, min(low + most, dim)) for low in range(0, dim, most)]


def adders(rows: int) -> int:
    """Full adders that count the ones of ``rows`` rows, each level rounded up: about as many as rows.

    >>> adders(1), adders(986)
    (1, 988)
    """
    arrivals, total = check.integer("rows", rows, low=1), 0
    for _ in range(rows.bit_length()):
        arrivals = -(-arrivals // 2)
        total += arrivals
    return total


def count_counts(items: int, dim: int, queries: int, *, array: Array = DRAM) -> dict[str, int]:
    """Counts of ``queries`` compared with ``items`` in columns, and their ones counted inside.

    In whole rows: of each adder its majorities and copies, and a copy more for each row whose complement is taken (half
    of them, for a random query). ``dram_bits`` are the counters of all subarrays, read out; ``adds_int32`` the
    additions and comparisons by which the processor finds the least.
    """
    check.integer("items", items, low=0)
    check.integer("queries", queries, low=0)
    wide = -(-items // array.row_bits) * array.row_bits * queries
    heights = [high - low for low, high in slices(dim, array)]
    needed, counters = sum(map(adders, heights)), sum(height.bit_length() for height in heights)
    return {
        "in_memory_majority_bits": MAJORITIES * needed * wide,
        "in_memory_copy_bits": (COPIES * needed + dim // 2) * wide,
        f"{array.memory}_bits": queries * counters * (array.burst(items) if items else 0),
        "adds_int32": items * queries * len(heights),
    }
