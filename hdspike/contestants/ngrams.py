"""The n-gram model: interpolated modified Kneser-Ney (Chen and Goodman 1999, §4.1.6), orders 1 to 16.

After the context h of n − 1 characters, with h' one character shorter and c the counts of
:mod:`hdspike.contestants.ngram_store`:

    p_n(v | h) = (c(hv) − D_n(c(hv))) ÷ c(h·) + γ(h)·p_{n−1}(v | h'),   p_0 = 1 ÷ V,

γ(h) = Σ_v D_n(c(hv)) ÷ c(h·), and p_n = p_{n−1} where h was never seen. From the numbers n_c of n-grams of count c,
with Y = n_1 ÷ (n_1 + 2n_2): D(1) = 1 − 2Y·n_2/n_1, D(2) = 2 − 3Y·n_3/n_2, D(3 and more) = 3 − 4Y·n_4/n_3.
"""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.contestants.contract import Learning, Reading, text, untaught
from hdspike.contestants.ngram_store import EMPTY, FOUND, SPREAD, NgramStore, _add, _path
from hdspike.jit import kernel

__all__ = ["Ngrams"]

LONGEST = 32
CHUNK = 4096


@kernel
def _discounts(occurrences, out):
    """``out[L, min(c, 3)]``; ½, 1, 1½ for an order whose counts of counts do not give 0 ≤ D(c) ≤ c (Heafield 2013)."""
    for length in range(len(occurrences)):
        n1, n2, n3, n4 = occurrences[length]
        sound = n1 > 0 and n2 > 0 and n3 > 0
        if sound:
            y = n1 / (n1 + 2.0 * n2)
            out[length, 1] = 1.0 - 2.0 * y * n2 / n1
            out[length, 2] = 2.0 - 3.0 * y * n3 / n2
            out[length, 3] = 3.0 - 4.0 * y * n4 / n3
        for c in range(1, 4):
            if not (sound and 0.0 <= out[length, c] <= c):
                sound = False
        if not sound:
            for c in range(1, 4):
                out[length, c] = 0.5 * c
    return len(occurrences)


@kernel
def _predict(arrays, nodes, there, discounts, p, work):
    """The probabilities ``p`` of all symbols after the contexts ``nodes[:there]``."""
    total, lost, head, symbol, count, link = arrays[2:]
    p[:] = 1.0 / len(p)
    for length in range(there):
        node = nodes[length]
        if total[node] == 0:
            continue
        left = np.float64(lost[node])
        entry = head[node]
        while entry != EMPTY:
            left += discounts[length, min(count[entry], 3)]
            entry = link[entry]
        p *= left / total[node]
        entry = head[node]
        while entry != EMPTY:
            p[symbol[entry]] += (count[entry] - discounts[length, min(count[entry], 3)]) / total[node]
            work[SPREAD] += 1
            entry = link[entry]
        work[FOUND] += 1
    return there


@kernel
def _read(store, text, first, last, streaming, discounts, scratch, own, best, work):
    """Predict ``text[first:last]``: p of the true symbol and the most probable one; learn each after it."""
    arrays, sizes, occurrences, base = store
    nodes, p = scratch
    for i in range(first, last):
        there = _path(arrays, sizes, text, i, base, nodes, work)
        _predict(arrays, nodes, there, discounts, p, work)
        own[i - first] = p[text[i]]
        best[i - first] = np.argmax(p)
        if streaming:
            _add(arrays, sizes, occurrences, text, i, base, nodes, work)
            _discounts(occurrences, discounts)
    return last - first


class Ngrams:
    """Interpolated modified Kneser-Ney of ``order`` characters.

    With ``least`` above 1, n-grams of more than ``above`` characters whose count is below ``least`` are dropped when
    the text has been learned; their mass goes to the shorter context. What is learned while streaming is kept.

    >>> model = Ngrams(order=3)
    >>> model.learn([0, 1, 0, 1, 0, 1], 2)
    >>> bool(model.probabilities()[0] > 0.7)
    True
    """

    def __init__(self, order: int = 8, *, least: int = 1, above: int = 1) -> None:
        self.order = check.integer("order", order, low=1, high=LONGEST)
        self.least = check.integer("least", least, low=1)
        self.above = check.integer("above", above, low=1, high=LONGEST)
        self.name = "kneser-ney"
        self.settings: dict[str, int | float | str] = {
            "order": self.order, "least": self.least, "above": self.above,
        }  # fmt: skip
        self.learning: Learning | None = None
        self.store = NgramStore(self.order, 1)
        self.past = np.zeros(0, dtype=np.int64)
        self._active = 0.0

    def learn(self, tokens: Any, symbols: int) -> None:
        given = text("tokens", tokens, symbols)
        start = time.perf_counter()
        self.store = NgramStore(self.order, symbols)
        padded = np.concatenate([np.full(self.order - 1, symbols, dtype=np.int64), given])
        work = np.zeros(6, dtype=np.int64)
        self.store.add(padded, self.order - 1, len(padded), work)
        self.past = padded[len(padded) - (self.order - 1) :]
        self.store.trim()
        if self.least > 1:
            self.store.prune(self.least, self.above)
        self.learning = Learning(time.perf_counter() - start, self._counts(work))

    def read(self, tokens: Any, *, streaming: bool) -> Reading:
        symbols = self._taught()
        given = text("tokens", tokens, symbols)
        start = time.perf_counter()
        store, work = self.store, np.zeros(6, dtype=np.int64)
        padded = np.concatenate([self.past, given])
        own, best = np.empty(len(given)), np.empty(len(given), dtype=np.int64)
        discounts, scratch = self.discounts(), (np.zeros(self.order, dtype=np.int64), np.empty(symbols))
        for low in range(0, len(given), CHUNK):
            high = min(low + CHUNK, len(given))
            if streaming:
                store.room(high - low)
            ready = (store.arrays, store.sizes, store.occurrences, store.base)
            edges = (low + self.order - 1, high + self.order - 1)
            _read(ready, padded, *edges, streaming, discounts, scratch, own[low:high], best[low:high], work)
        if streaming:
            self.past = padded[len(padded) - (self.order - 1) :]
            store.trim()
        counts = self._counts(work)
        self._active = counts["dram_bits"] / 8 / len(given)
        return Reading(-np.log2(own), best == given, time.perf_counter() - start, counts)

    def probabilities(self) -> NDArray[np.float64]:
        """p(v) of every symbol ``(V,)`` after what was learned."""
        p, nodes, work = (
            np.empty(self._taught()),
            np.zeros(self.order, dtype=np.int64),
            np.zeros(6, dtype=np.int64),
        )
        store, past = self.store, np.append(self.past, 0)
        there = _path(store.arrays, store.sizes, past, len(past) - 1, store.base, nodes, work)
        _predict(store.arrays, nodes, there, self.discounts(), p, work)
        return p

    def stored_bytes(self) -> int:
        """The trie in flat arrays, as it lies in memory: see :meth:`NgramStore.stored_bytes`."""
        return self.store.stored_bytes()

    def compact_bytes(self) -> int:
        """A lower bound of a succinct trie: see :meth:`NgramStore.compact_bytes`."""
        return self.store.compact_bytes()

    def active_bytes(self) -> float:
        """Slots probed (12 bytes), contexts (8) and n-grams (9 or 12) read."""
        return self._active

    def _taught(self) -> int:
        if self.learning is None:
            raise untaught(self.name)
        return self.store.base - 1

    def discounts(self) -> NDArray[np.float64]:
        """D(0), D(1), D(2), D(3 and more) of each order: ``(order, 4)``."""
        out = np.zeros((self.order, 4))
        _discounts(self.store.occurrences, out)
        return out

    def _counts(self, work: NDArray[np.int64]) -> dict[str, int]:
        """Each context found scales all symbols, each of its n-grams adds to one."""
        entry = 8 + np.dtype(self.store.narrow).itemsize
        probes, walked, added, made, found, spread = (int(n) for n in work)
        return {
            "macs_fp32": found * (self.store.base - 1) + 2 * spread,
            "adds_int32": 2 * added,
            "dram_bits": 8 * (12 * probes + 8 * (found + added) + entry * (walked + spread)),
            "dram_bits_written": 8 * 8 * added + 8 * 12 * made,
        }
