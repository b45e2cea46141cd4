"""Spiking attention over the window: keys race from the newest to the oldest until k of them have fired.

A key is a neuron of one head at one of the last W positions, with one synapse on each of the m lines of its head's
code there. A query's spikes travel along its m lines; delays grow with age, so the newest key that listens to a line
gets the spike first. A key that has had θ spikes fires; when k have fired, inhibition silences the rest and the
remaining events are cancelled. Its value is the symbol that followed it. The cost is the events delivered until
then, whatever the dimension; nothing is compared that shares no line with the query.

A line's keys are a list from the newest back, one link per key and block: a key enters in m steps, and leaves by
growing older than W.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hdspike.jit import kernel
from hdspike.transformer.settings import Settings

__all__ = ["SPAN", "Spikes", "Window", "new_spikes", "new_window"]

SPAN = 1024
"""Positions that go through a stage together. No result depends on it."""
EVENTS, TOUCHED, FIRED = range(3)


class Window(NamedTuple):
    """The keys of the last W positions; the ring holds R ≥ W + SPAN of them, position t at t mod R."""

    codes: NDArray[np.uint16]
    """(heads, R, m) the lines of each head's code."""
    values: NDArray[np.uint16]
    """(R,) the symbol after each position."""
    older: NDArray[np.int32]
    """(heads, R, m) the key before this one on the same line."""
    newest: NDArray[np.int32]
    """(heads, m, E) the newest key on each line, −1 for none."""


class Spikes(NamedTuple):
    """What one memory's heads fired at: row 0 for the position before a span, the others for its own."""

    symbols: NDArray[np.uint16]
    """(SPAN + 1, heads, most) the symbols that got spikes, in the order of their first."""
    counts: NDArray[np.uint16]
    """(SPAN + 1, heads, most) how many."""
    distinct: NDArray[np.int32]
    """(SPAN + 1, heads) how many symbols."""


def new_window(settings: Settings) -> Window:
    """A window that has read nothing."""
    ring = 1 << (settings.window + SPAN - 1).bit_length()
    heads, synapses = len(settings.heads), settings.synapses
    return Window(
        np.zeros((heads, ring, synapses), dtype=np.uint16),
        np.zeros(ring, dtype=np.uint16),
        np.full((heads, ring, synapses), -1, dtype=np.int32),
        np.full((heads, synapses, settings.lines), -1, dtype=np.int32),
    )


def new_spikes(heads: int, most: int) -> Spikes:
    """Room for the spikes of a span, and of the position before it."""
    return Spikes(
        np.zeros((SPAN + 1, heads, most), dtype=np.uint16),
        np.zeros((SPAN + 1, heads, most), dtype=np.uint16),
        np.zeros((SPAN + 1, heads), dtype=np.int32),
    )


@kernel
def _attend(window, start, count, low, high, needed, span, winners, spikes, seen, heads_seen):
    """Heads ``low … high − 1`` attend from positions ``start … start + count − 1``, then add their keys.

    ``span``: W. ``seen`` (V,) is scratch of −1. Adds events, keys touched and keys fired to ``heads_seen`` (heads, 3).
    """
    ring = len(window.values) - 1
    synapses = window.codes.shape[2]
    at = np.empty(synapses, dtype=np.int64)
    for h in range(low, high):
        codes, older, newest = window.codes[h], window.older[h], window.newest[h]
        for i in range(count):
            t = start + i
            oldest = max(t - span, 0)
            for b in range(synapses):
                at[b] = newest[b, codes[t & ring, b]]
            fired = 0
            distinct = 0
            while fired < winners:
                key = at[0]
                for b in range(1, synapses):
                    key = max(key, at[b])
                if key < oldest:
                    break
                got = 0
                for b in range(synapses):
                    if at[b] == key:
                        got += 1
                        at[b] = older[key & ring, b]
                heads_seen[h, EVENTS] += got
                heads_seen[h, TOUCHED] += 1
                if got >= needed:
                    fired += 1
                    symbol = window.values[key & ring]
                    place = seen[symbol]
                    if place < 0:
                        place = distinct
                        seen[symbol] = place
                        spikes.symbols[i, h, place] = symbol
                        spikes.counts[i, h, place] = 0
                        distinct += 1
                    spikes.counts[i, h, place] += 1
            heads_seen[h, FIRED] += fired
            spikes.distinct[i, h] = distinct
            for place in range(distinct):
                seen[spikes.symbols[i, h, place]] = -1
            for b in range(synapses):
                line = codes[t & ring, b]
                older[t & ring, b] = newest[b, line]
                newest[b, line] = t
