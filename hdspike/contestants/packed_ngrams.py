"""The n-gram model for reading alone: Kneser-Ney as in :mod:`hdspike.contestants.ngrams`, its counts packed.

It learns as :class:`~hdspike.contestants.ngrams.Ngrams` does and then keeps the counts in an eighth of the bytes
(:mod:`hdspike.contestants.packed_trie`), at more work for each character. It does not grow: it cannot stream.
"""

import time
from typing import Any

import numpy as np

from hdspike.contestants.contract import Learning, Reading, text, untaught
from hdspike.contestants.ngram_store import FOUND, PROBES, SPREAD, WALKED
from hdspike.contestants.ngrams import Ngrams
from hdspike.contestants.packed_trie import PackedTrie, _before, _child, _full
from hdspike.jit import kernel

__all__ = ["PackedNgrams"]


@kernel
def _read_packed(tree, lists, dropped, text, first, last, discounts, p, own, best, work):
    """Predict ``text[first:last]``: p of the true symbol and the most probable one."""
    followers, directory = tree[3:]
    symbols, counts, places, large = lists
    for i in range(first, last):
        p[:] = 1.0 / len(p)
        node = np.int64(0)
        for length in range(len(discounts)):
            if length > 0:
                node = _child(tree, node, text[i - length], work)
                if node < 0:
                    break
            low = _before(followers, directory, node, work)
            high = low + np.int64(followers[node])
            total = np.int64(0)
            if len(dropped[0]) > 0:
                total = _full(dropped[0], dropped[1], dropped[2], node)
            left = np.float64(total)
            for entry in range(low, high):
                count = _full(counts, places, large, entry)
                total += count
                left += discounts[length, min(count, 3)]
            work[FOUND] += 1
            work[SPREAD] += high - low
            if total == 0:
                continue
            p *= left / total
            for entry in range(low, high):
                count = _full(counts, places, large, entry)
                p[symbols[entry]] += (count - discounts[length, min(count, 3)]) / total
        own[i - first] = p[text[i]]
        best[i - first] = np.argmax(p)
    return last - first


class PackedNgrams:
    """Interpolated modified Kneser-Ney of ``order`` characters, pruned by ``least`` and ``above``, packed.

    >>> model = PackedNgrams(3)
    >>> model.learn([0, 1, 0, 1, 0, 1], 2)
    >>> model.read([0, 1], streaming=False).hits.tolist()
    [True, True]
    """

    def __init__(self, order: int = 8, *, least: int = 1, above: int = 1) -> None:
        self._model = Ngrams(order, least=least, above=above)
        self.name = "kneser-ney packed"
        self.settings = self._model.settings
        self.learning: Learning | None = None
        self._trie: PackedTrie | None = None
        self._symbols, self._active = 0, 0.0

    def learn(self, tokens: Any, symbols: int) -> None:
        """Seconds include the packing, counts do not."""
        start = time.perf_counter()
        fresh = Ngrams(self._model.order, least=self._model.least, above=self._model.above)
        fresh.learn(tokens, symbols)
        assert fresh.learning is not None
        self._trie, self._symbols = PackedTrie(fresh.store), symbols
        self._past, self._discounts = fresh.past, fresh.discounts()
        self.learning = Learning(time.perf_counter() - start, fresh.learning.counts)

    def read(self, tokens: Any, *, streaming: bool) -> Reading:
        if self._trie is None:
            raise untaught(self.name)
        if streaming:
            raise ValueError(f"streaming must be False: {self.name} does not grow, got True")
        given = text("tokens", tokens, self._symbols)
        start = time.perf_counter()
        work, past = np.zeros(6, dtype=np.int64), len(self._past)
        padded = np.concatenate([self._past, given])
        own, best = np.empty(len(given)), np.empty(len(given), dtype=np.int64)
        trie = self._trie
        out = (np.empty(self._symbols), own, best, work)
        _read_packed(trie.tree, trie.lists, trie.dropped, padded, past, len(padded), self._discounts, *out)
        width, found, spread = trie.tree[0].itemsize, int(work[FOUND]), int(work[SPREAD])
        lost = found if len(trie.dropped[0]) else 0
        bytes_ = (
            width * int(work[PROBES] + work[WALKED]) + found * (8 + 2 * width) + spread * (1 + width) + lost
        )
        counts = {
            "macs_fp32": found * self._symbols + 2 * spread,
            "adds_int32": int(work[WALKED]) + spread,
            "dram_bits": 8 * bytes_,
        }
        self._active = bytes_ / len(given)
        return Reading(-np.log2(own), best == given, time.perf_counter() - start, counts)

    def stored_bytes(self) -> int:
        """The packed trie: see :meth:`PackedTrie.stored_bytes`; and its discounts."""
        return 0 if self._trie is None else self._trie.stored_bytes() + self._discounts.size * 4

    def active_bytes(self) -> float:
        """Sizes and directories read to find each context, symbols compared, and all its followers."""
        return self._active
