"""Attention over dense keys: every key of the window is compared with the query, nothing tells where to look.

* blocks: keys are heard from the newest to the oldest, a head's d bits at a time. A key fires in a head when at most
  θ of its bits there differ. The heads of a chain are nested (a suffix of reach r agrees only if all shorter ones
  do), so a key is compared from the shortest head that still listens, until a block differs too much; a head that
  had k fired keys listens no more. One comparison of d bits per key is nearly all the work.
* bundle: one comparison of D bits per key; the k nearest fire, the newest of equally near ones. Their distance tells
  how many heads agree (:mod:`hdspike.transformer.bands`): a key that agrees in m fires in the m shortest.
"""

import numpy as np

from hdspike.bits.distance import TILE, _distance, _tile
from hdspike.bits.search import _insert
from hdspike.bits.words import _ones
from hdspike.jit import kernel

COMPARED, TOUCHED, FIRED = range(3)
"""Words XORed and counted; keys compared at all; keys fired, once per head."""
LANES = 32
"""Keys of one word that are compared together."""


@kernel
def _hear(spikes, row, head, symbol, seen):
    """One spike for ``symbol``. ``seen`` (V,) tells its place, −1 for none yet."""
    place = seen[symbol]
    if place < 0:
        place = np.int64(spikes.distinct[row, head])
        seen[symbol] = place
        spikes.symbols[row, head, place] = symbol
        spikes.counts[row, head, place] = 0
        spikes.distinct[row, head] += 1
    spikes.counts[row, head, place] += 1


@kernel
def _forget(spikes, row, head, seen):
    """Make ``seen`` −1 again."""
    for place in range(spikes.distinct[row, head]):
        seen[spikes.symbols[row, head, place]] = -1


@kernel
def _next(keys, code, key, oldest, tolerance):
    """The newest key in [oldest, key] that differs from ``code`` (w,) in at most ``tolerance`` bits, or oldest − 1.

    ``keys`` (R, w), position t at t mod R.
    """
    ring = len(keys) - 1
    if keys.shape[1] == 1:
        flat, word = keys.ravel(), code[0]
        while key - oldest >= LANES:
            last = key & ring
            if last < LANES - 1:  # they lie on both ends of the ring
                if np.int64(_ones(flat[last] ^ word)) <= tolerance:
                    return key
                key -= 1
                continue
            part = flat[last - LANES + 1 : last + 1]
            near = 0
            for lane in range(LANES):
                near += np.int64(_ones(part[lane] ^ word)) <= tolerance
            if near > 0:
                break
            key -= LANES
    while key >= oldest:
        if _distance(keys[key & ring], code) <= tolerance:
            return key
        key -= 1
    return key


@kernel
def _race(keys, values, places, start, order, chains, span, winners, tolerance, spikes, seen, work):
    """Attend from ``places`` (n,), spikes into row ``place − start``.

    ``keys`` (heads, R, w). ``order`` (heads,), ``chains`` (c + 1,): chain i is of the heads order[chains[i]] …
    order[chains[i + 1] − 1]. ``seen`` (heads, V) is scratch of −1. Adds to ``work`` (3,).
    """
    ring = len(values) - 1
    width = keys.shape[2]
    fired = np.zeros(len(keys), dtype=np.int64)
    for t in places:
        row = t - start
        oldest = max(t - span, 0)
        furthest = t
        for c in range(len(chains) - 1):
            base, end = chains[c], chains[c + 1]
            for h in order[base:end]:
                fired[h] = 0
                spikes.distinct[row, h] = 0
            before = t
            while base < end:
                h = order[base]
                key = _next(keys[h], keys[h, t & ring], before - 1, oldest, tolerance)
                work[COMPARED] += (before - max(key, oldest)) * width
                before = max(key, oldest)
                if key < oldest:
                    break
                for place in range(base, end):
                    h = order[place]
                    if place > base:
                        work[COMPARED] += width
                        if _distance(keys[h, key & ring], keys[h, t & ring]) > tolerance:
                            break
                    if fired[h] < winners:
                        fired[h] += 1
                        _hear(spikes, row, h, values[key & ring], seen[h])
                while base < end and fired[order[base]] == winners:
                    base += 1
            furthest = min(furthest, before)
            for h in order[chains[c] : end]:
                work[FIRED] += fired[h]
                _forget(spikes, row, h, seen[h])
        work[TOUCHED] += t - furthest


@kernel
def _search(keys, places, span, tile, values, indices, work):
    """The nearest keys of each of ``places``, ascending: distances and positions (n, k), nearest first, then newest.

    ``keys`` (R, w). ``values`` starts at FAR everywhere. ``tile`` (n, TILE) is scratch. Adds to ``work`` (3,).
    """
    ring = len(keys) - 1
    if len(places) == 0:
        return
    queries = np.empty((len(places), keys.shape[1]), dtype=np.uint64)
    for q in range(len(places)):
        queries[q] = keys[places[q] & ring]
        seen = min(places[q], span)
        work[TOUCHED] += seen
        work[COMPARED] += seen * keys.shape[1]
    oldest = max(places[0] - span, 0)
    end = places[len(places) - 1]
    while end > oldest:
        first = max((end - 1) - (end - 1) % TILE, oldest)
        low = first & ring
        _tile(queries, keys, low, low + end - first, tile)
        for q in range(len(places)):
            t = places[q]
            worst = values[q, values.shape[1] - 1]
            for key in range(min(end, t) - 1, max(first, t - span) - 1, -1):
                if tile[q, key - first] < worst:
                    _insert(tile[q, key - first], key, values[q], indices[q])
                    worst = values[q, values.shape[1] - 1]
        end = first


@kernel
def _tell(distances, indices, values, places, start, bands, spikes, seen, work):
    """Spikes of the winners of ``places``: in the heads that their distance says agree."""
    ring = len(values) - 1
    heads = spikes.distinct.shape[1]
    for q in range(len(places)):
        row = places[q] - start
        for h in range(heads):
            spikes.distinct[row, h] = 0
        for place in range(distances.shape[1]):
            if distances[q, place] >= len(bands):
                break  # fewer keys than winners
            for h in range(bands[distances[q, place]]):
                work[FIRED] += 1
                _hear(spikes, row, h, values[indices[q, place] & ring], seen[h])
        for h in range(heads):
            _forget(spikes, row, h, seen[h])
