"""Where n-gram counts are kept: a trie of contexts, the nearest character at the top, in flat arrays.

A **node** is a context; its child by symbol s is the context one character longer, found in one hash table keyed on
(node, s): open addressing, no collision goes unseen. A node has its total and a list of **entries** (symbol, count):
what followed the context. Node 0 is the empty context.

Counts are those of Kneser and Ney (1995): at the longest order how often an n-gram occurred, at every shorter one in
how many *different* characters it was preceded. Both grow by one rule: add 1 at the longest order; where the n-gram
was new there, add 1 one order below; and so on until it was not new.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.jit import kernel

__all__ = ["NgramStore"]

EMPTY = -1
GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2⁶⁴ ÷ the golden ratio (Knuth 1973, multiplicative hashing)
NODES, ENTRIES, SHIFT = 0, 1, 2
PROBES, WALKED, ADDED, MADE, FOUND, SPREAD = 0, 1, 2, 3, 4, 5  # in work: the last two when predicting
LOAD = 4 / 3  # slots per node, at least


@kernel
def _find(keys, key, shift):
    """The slot that holds ``key``, or the empty one where it would go; and how many slots were looked at."""
    mask = len(keys) - 1
    slot = np.int64((np.uint64(key) * GOLDEN) >> np.uint64(shift))
    probes = 1
    while keys[slot] != key and keys[slot] != EMPTY:
        slot = (slot + 1) & mask
        probes += 1
    return slot, probes


@kernel
def _fill(keys, values, shift, old_keys, old_values):
    """Put every child of an old table into an empty one."""
    for i in range(len(old_keys)):
        if old_keys[i] != EMPTY:
            slot, _ = _find(keys, old_keys[i], shift)
            keys[slot] = old_keys[i]
            values[slot] = old_values[i]
    return len(old_keys)


@kernel
def _path(arrays, sizes, text, i, base, nodes, work):
    """``nodes[L]`` = the context of the L characters before ``text[i]``; how many of them are there."""
    keys, values = arrays[0], arrays[1]
    nodes[0] = 0
    for length in range(1, len(nodes)):
        slot, probes = _find(keys, nodes[length - 1] * base + text[i - length], sizes[SHIFT])
        work[PROBES] += probes
        if keys[slot] == EMPTY:
            return length
        nodes[length] = values[slot]
    return len(nodes)


@kernel
def _add(arrays, sizes, occurrences, text, i, base, nodes, work):
    """Learn that ``text[i]`` followed the contexts before it; ``occurrences[L, c − 1]`` = n-grams of count c ≤ 4."""
    keys, values, total, lost, head, symbol, count, link = arrays
    there = _path(arrays, sizes, text, i, base, nodes, work)
    for length in range(there, len(nodes)):
        key = nodes[length - 1] * base + text[i - length]
        slot, probes = _find(keys, key, sizes[SHIFT])
        work[PROBES] += probes
        node = sizes[NODES]
        sizes[NODES] += 1
        keys[slot] = key
        values[slot] = node
        total[node] = 0
        lost[node] = 0
        head[node] = EMPTY
        nodes[length] = node
        work[MADE] += 1
    for length in range(len(nodes) - 1, -1, -1):
        node = nodes[length]
        total[node] += 1
        entry = head[node]
        while entry != EMPTY and symbol[entry] != text[i]:
            work[WALKED] += 1
            entry = link[entry]
        work[ADDED] += 1
        if entry != EMPTY:
            work[WALKED] += 1
            count[entry] += 1
            if count[entry] <= 5:
                occurrences[length, count[entry] - 2] -= 1
                if count[entry] <= 4:
                    occurrences[length, count[entry] - 1] += 1
            break
        entry = sizes[ENTRIES]
        sizes[ENTRIES] += 1
        symbol[entry] = text[i]
        count[entry] = 1
        link[entry] = head[node]
        head[node] = entry
        occurrences[length, 0] += 1
        work[MADE] += 1
    return there


@kernel
def _add_all(arrays, sizes, occurrences, text, first, last, base, nodes, work):
    for i in range(first, last):
        _add(arrays, sizes, occurrences, text, i, base, nodes, work)
    return last - first


@kernel
def _keep(arrays, sizes, base, least, above, out, out_sizes):
    """Copy what is left without the entries of a count below ``least`` after contexts of ``above`` or more characters.

    A context goes when neither it nor a longer one has an entry left. A node's ``lost`` is the count that left it.
    """
    keys, values, total, lost, head, symbol, count, link = arrays
    new_keys, new_values, new_total, new_lost, new_head, new_symbol, new_count, new_link = out
    nodes = sizes[NODES]
    parent = np.full(nodes, EMPTY, dtype=np.int64)
    by = np.zeros(nodes, dtype=np.int64)
    for i in range(len(keys)):
        if keys[i] != EMPTY:
            parent[values[i]] = keys[i] // base
            by[values[i]] = keys[i] % base
    depth = np.zeros(nodes, dtype=np.int64)
    alive = np.zeros(nodes, dtype=np.bool_)
    for node in range(nodes):  # a child comes after its parent
        if node > 0:
            depth[node] = depth[parent[node]] + 1
        entry = head[node]
        while entry != EMPTY:
            if depth[node] < above or count[entry] >= least:
                alive[node] = True
            entry = link[entry]
    for node in range(nodes - 1, 0, -1):
        if alive[node]:
            alive[parent[node]] = True
    renamed = np.full(nodes, EMPTY, dtype=np.int64)
    made = 0
    entries = 0
    for node in range(nodes):
        if not (alive[node] or node == 0):
            continue
        renamed[node] = made
        if node > 0:
            key = renamed[parent[node]] * base + by[node]
            slot, _ = _find(new_keys, key, out_sizes[SHIFT])
            new_keys[slot] = key
            new_values[slot] = made
        new_total[made] = total[node]
        new_lost[made] = lost[node]
        new_head[made] = EMPTY
        last = EMPTY
        entry = head[node]
        while entry != EMPTY:
            if depth[node] < above or count[entry] >= least:
                new_symbol[entries] = symbol[entry]
                new_count[entries] = count[entry]
                new_link[entries] = EMPTY
                if last == EMPTY:
                    new_head[made] = entries
                else:
                    new_link[last] = entries
                last = entries
                entries += 1
            else:
                new_lost[made] += count[entry]
            entry = link[entry]
        made += 1
    out_sizes[NODES] = made
    out_sizes[ENTRIES] = entries
    return made


def _slots(nodes: int) -> int:
    return 1 << max(3, math.ceil(math.log2(nodes * LOAD)))


class NgramStore:
    """Counts of the n-grams up to ``order`` characters over ``symbols`` symbols (one more stands before the text)."""

    def __init__(self, order: int, symbols: int) -> None:
        self.order, self.base = order, symbols + 1
        self.occurrences = np.zeros((order, 4), dtype=np.int64)
        self.nodes = np.zeros(order, dtype=np.int64)  # scratch: the path of one place
        self.narrow: Any = np.uint8 if symbols <= 256 else np.int32
        self.sizes = np.array([1, 0, 61], dtype=np.int64)
        self.arrays = self._arrays(8, 8, 8)
        self.arrays[4][0] = EMPTY

    def _arrays(self, slots: int, nodes: int, entries: int) -> tuple[NDArray[Any], ...]:
        table = np.full(slots, EMPTY, dtype=np.int64), np.zeros(slots, dtype=np.int32)
        contexts = tuple(np.zeros(nodes, dtype=np.int32) for _ in range(3))
        rest = np.zeros(entries, dtype=np.int32), np.zeros(entries, dtype=np.int32)
        return *table, *contexts, np.zeros(entries, dtype=self.narrow), *rest

    @property
    def contexts(self) -> int:
        return int(self.sizes[NODES])

    @property
    def ngrams(self) -> int:
        return int(self.sizes[ENTRIES])

    def room(self, characters: int) -> None:
        """Make place for what so many characters can add at most.

        Raises:
            ValueError: contexts or n-grams could be more than 2³¹ − 1.
        """
        most = characters * self.order
        if max(self.contexts, self.ngrams) + most >= 1 << 31:
            raise ValueError(
                f"tokens must add at most 2^31 − 1 n-grams of up to {self.order} characters, "
                f"there are {self.ngrams} and {characters} characters to come"
            )
        self._resize(self.contexts + most, self.ngrams + most, grow=True)

    def trim(self) -> None:
        """Give back the place that was made and not used."""
        self._resize(self.contexts, self.ngrams, grow=False)

    def _resize(self, nodes: int, entries: int, *, grow: bool) -> None:
        keys, values, *rest = self.arrays
        sizes = [nodes] * 3 + [entries] * 3
        for i, wanted in enumerate(sizes):
            if not grow or wanted > len(rest[i]):
                length = wanted + wanted // 4 if grow else wanted
                larger = np.zeros(length, dtype=rest[i].dtype)
                used = min(len(rest[i]), length)
                larger[:used] = rest[i][:used]
                rest[i] = larger
        slots = _slots(nodes)
        if slots > len(keys) or (not grow and slots < len(keys)):
            new = np.full(slots, EMPTY, dtype=np.int64), np.zeros(slots, dtype=np.int32)
            self.sizes[SHIFT] = 64 - (slots.bit_length() - 1)
            _fill(*new, self.sizes[SHIFT], keys, values)
            keys, values = new
        self.arrays = (keys, values, *rest)

    def add(
        self, padded: NDArray[np.int64], first: int, last: int, work: NDArray[np.int64], chunk: int = 4096
    ) -> None:
        """Learn ``padded[first:last]`` after the ``order − 1`` characters or more before it."""
        for low in range(first, last, chunk):
            high = min(low + chunk, last)
            self.room(high - low)
            _add_all(
                self.arrays, self.sizes, self.occurrences, padded, low, high, self.base, self.nodes, work
            )

    def prune(self, least: int, above: int) -> None:
        """Drop the n-grams of more than ``above`` characters whose count is below ``least``."""
        out = self._arrays(len(self.arrays[0]), self.contexts, max(self.ngrams, 1))
        sizes = np.array([0, 0, self.sizes[SHIFT]], dtype=np.int64)
        _keep(self.arrays, self.sizes, self.base, least, above, out, sizes)
        self.arrays, self.sizes = out, sizes
        self.trim()

    def stored_bytes(self) -> int:
        """The arrays: 12 bytes a slot (a power of two, ⅜ to ¾ full), 8 a context (12 where counts left), 9 an n-gram.

        An n-gram takes 12 with more than 256 symbols.
        """
        lost = 4 * self.contexts if self.arrays[3][: self.contexts].any() else 0
        per = 8 + np.dtype(self.narrow).itemsize
        return 12 * len(self.arrays[0]) + 8 * self.contexts + lost + per * self.ngrams

    def compact_bytes(self) -> int:
        """A lower bound that nobody has built here: a succinct trie with entropy-coded counts.

        Each context takes a symbol of ⌈log₂(V + 1)⌉ bits and 2 bits of shape (Jacobson 1989), each n-gram ⌈log₂ V⌉ bits
        and 1 that ends its list, and counts (of n-grams, and lost ones) their empirical entropy. Totals are sums.
        """
        symbol = math.ceil(math.log2(self.base))
        bits = self.contexts * (symbol + 2) + self.ngrams * (math.ceil(math.log2(max(self.base - 1, 2))) + 1)
        return math.ceil(
            (bits + _entropy(self.arrays[6][: self.ngrams]) + _entropy(self.arrays[3][: self.contexts])) / 8
        )


def _entropy(values: NDArray[np.int32]) -> float:
    """n·H of n values, in bits."""
    _, often = np.unique(values, return_counts=True)
    return float(-(often * np.log2(often / max(len(values), 1))).sum()) if len(values) else 0.0
