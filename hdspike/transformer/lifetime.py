"""The lifetime memory: a feed-forward layer of winner-take-all rows, recruited one by one, that count what followed.

Each line of a head's first block drives a pool of rows. A row has m synapses, on the lines of the code that recruited
it, and fires when θ of them are active; the row with the most wins its pool (the lower index of equal ones). Its
synapses onto symbols are integer counters: one more each time that symbol followed (Hebb). A code that makes no row
fire recruits one (one-shot storage): a free one, or the one of its pool that was used least, whose memory is lost;
the others of the pool then forget a use (homeostasis). What recurs keeps its row, and the memory never grows.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hdspike.jit import kernel
from hdspike.transformer.settings import WINDOW, Settings

__all__ = ["Lifetime", "new_lifetime"]

EVENTS, FIRED, WRITTEN, RECRUITED, REPLACED = range(5)
FULL = 255
MOST_USES = 65_535


class Lifetime(NamedTuple):
    """Rows of all heads, head by head; those of a pool lie side by side."""

    tags: NDArray[np.uint16]
    """(rows, m) the lines that a row listens to; that of the first block is its pool's."""
    uses: NDArray[np.uint16]
    """(rows,) how often it was stored into; 0: free."""
    fans: NDArray[np.int32]
    """(B, E) synapses onto rows on each line: what a spike on it costs."""
    symbols: NDArray[np.uint16]
    """(synapses,) the symbols that rows project to, row by row."""
    counts: NDArray[np.uint8]
    """(synapses,) the counters of these synapses; 0: none."""
    shapes: NDArray[np.int64]
    """(heads, 4) of each head: its first row, the rows of a pool, its first synapse, the fan-out of a row."""


def new_lifetime(settings: Settings) -> Lifetime:
    """Nothing is remembered. No rows where the window is the only memory."""
    shapes = np.zeros((len(settings.heads), 4), dtype=np.int64)
    rows = synapses = 0
    for h, head in enumerate(settings.heads if settings.memories != WINDOW else ()):
        shapes[h] = [rows, head.rows, synapses, head.fan_out]
        rows += settings.lines * head.rows
        synapses += settings.lines * head.rows * head.fan_out
    return Lifetime(
        np.zeros((rows, settings.synapses), dtype=np.uint16),
        np.zeros(rows, dtype=np.uint16),
        np.zeros((settings.blocks, settings.lines), dtype=np.int32),
        np.zeros(synapses, dtype=np.uint16),
        np.zeros(synapses, dtype=np.uint8),
        shapes,
    )


@kernel
def _winner(lifetime, head, code, needed):
    """The row that fires for ``code`` (m,), −1 if none does."""
    first = lifetime.shapes[head, 0] + np.int64(code[0]) * lifetime.shapes[head, 1]
    best, most = -1, needed - 1
    for row in range(first, first + lifetime.shapes[head, 1]):
        if lifetime.uses[row] == 0:
            continue
        got = 1
        for b in range(1, len(code)):
            if lifetime.tags[row, b] == code[b]:
                got += 1
        if got > most:
            best, most = row, got
    return best


@kernel
def _synapses(lifetime, head, row):
    """The first synapse of a row."""
    return lifetime.shapes[head, 2] + (row - lifetime.shapes[head, 0]) * lifetime.shapes[head, 3]


@kernel
def _recruit(lifetime, head, code, seen):
    """Give the least used row of the pool of ``code`` to it; returns the row."""
    uses, tags, fans = lifetime.uses, lifetime.tags, lifetime.fans
    low = lifetime.shapes[head, 0] + np.int64(code[0]) * lifetime.shapes[head, 1]
    high = low + lifetime.shapes[head, 1]
    row = low
    for other in range(low, high):
        if uses[other] < uses[row]:
            row = other
    first = head * len(code)
    if uses[row] > 0:
        seen[head, REPLACED] += 1
        for b in range(len(code)):
            fans[first + b, tags[row, b]] -= 1
        for other in range(low, high):
            if uses[other] > 1:
                uses[other] -= 1
    uses[row] = 0
    for b in range(len(code)):
        tags[row, b] = code[b]
        fans[first + b, code[b]] += 1
    at = _synapses(lifetime, head, row)
    lifetime.counts[at : at + lifetime.shapes[head, 3]] = 0
    seen[head, RECRUITED] += 1
    return row


@kernel
def _store(lifetime, head, code, symbol, needed, seen):
    """Remember that ``symbol`` followed ``code`` (m,)."""
    row = _winner(lifetime, head, code, needed)
    if row < 0:
        row = _recruit(lifetime, head, code, seen)
    if lifetime.uses[row] < MOST_USES:
        lifetime.uses[row] += 1
    at = _synapses(lifetime, head, row)
    end = at + lifetime.shapes[head, 3]
    place = at
    for s in range(at, end):
        if lifetime.counts[s] > 0 and lifetime.symbols[s] == symbol:
            place = s
            break
        if lifetime.counts[s] < lifetime.counts[place]:
            place = s
    if lifetime.counts[place] == 0 or lifetime.symbols[place] != symbol:
        lifetime.symbols[place] = symbol  # a free synapse, or the weakest, whose count is lost
        lifetime.counts[place] = 0
    elif lifetime.counts[place] == FULL:
        for s in range(at, end):
            lifetime.counts[s] >>= 1
    lifetime.counts[place] += 1
    seen[head, WRITTEN] += 1


@kernel
def _recall(lifetime, head, code, needed, symbols, counts, seen):
    """Write what the row that fires for ``code`` projects to; returns how many symbols."""
    for b in range(len(code)):
        seen[head, EVENTS] += lifetime.fans[head * len(code) + b, code[b]]
    row = _winner(lifetime, head, code, needed)
    if row < 0:
        return 0
    seen[head, FIRED] += 1
    at = _synapses(lifetime, head, row)
    found = 0
    for s in range(at, at + lifetime.shapes[head, 3]):
        if lifetime.counts[s] > 0:
            symbols[found] = lifetime.symbols[s]
            counts[found] = lifetime.counts[s]
            found += 1
    return found


@kernel
def _remember(lifetime, window, start, count, low, high, delay, learn, needed, spikes, seen):
    """Heads ``low … high − 1``: store the place ``delay`` back if they ``learn``, then recall.

    Adds events, rows fired, counters written, rows recruited and replaced to ``seen`` (heads, 5).
    """
    ring = len(window.values) - 1
    for h in range(low, high):
        codes = window.codes[h]
        for i in range(count):
            t = start + i
            old = t - delay
            if learn and old >= 0:
                _store(lifetime, h, codes[old & ring], window.values[old & ring], needed, seen)
            spikes.distinct[i, h] = _recall(
                lifetime, h, codes[t & ring], needed, spikes.symbols[i, h], spikes.counts[i, h], seen
            )
