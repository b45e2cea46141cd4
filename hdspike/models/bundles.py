"""Keys and values bundled as they arrive: how many a bundle holds, the sum of its keys, the sum of its values.

A bundle stands for the keys that no query singles out. Some keys of it win: they are taken out, and what is left, n
keys with mean score x, is read as n keys of that score, weight n eˣ and value sum weighed by eˣ. The mean is exact:
a sum of keys has the sum of their scores. The weight is too small, never too large (Jensen), and none of the keys left
in it need be looked at again.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.jit import kernel
from hdspike.models.codebook import Codebook

__all__ = ["Bundles"]


@kernel
def _nearest(keys, directions, halves, codes):
    """The c with the highest k·P_c − h_c for each key, ties to the lower; returns the number of multiply-adds."""
    entries = len(halves)
    score = np.empty(entries)
    for i in range(len(keys)):
        for c in range(entries):
            score[c] = -halves[c]
        for d in range(keys.shape[1]):
            number = float(keys[i, d])
            for c in range(entries):
                score[c] += number * directions[d, c]
        best = 0
        for c in range(1, entries):
            if score[c] > score[best]:
                best = c
        codes[i] = best
    return len(keys) * keys.shape[1] * entries


@kernel
def _insert(keys, values, codes, low, high, counts, key_sums, value_sums):
    """Keys and values from ``low`` to ``high`` into their bundles, one by one; returns how many."""
    for j in range(low, high):
        c = codes[j]
        counts[c] += 1
        for d in range(keys.shape[1]):
            key_sums[d, c] += keys[j, d]
        for d in range(values.shape[1]):
            value_sums[c, d] += values[j, d]
    return max(0, high - low)


@kernel
def _weigh(query, scores, values, winners, codes, counts, key_sums, value_sums, out, logs):
    """One query: softmax over its winners and over the bundles without them; returns how many bundles it read.

    ``out[:]`` = Σ_w e^{s_w} v_w + Σ_c e^{x_c} (V_c − Σ_{w in c} v_w), divided by the sum of the weights. ``logs`` gets
    the logarithms of the winners' weight and of the whole.
    """
    entries, width = len(counts), values.shape[1]
    left, mean, weight, total = counts.copy(), np.zeros(entries), np.zeros(entries), np.zeros(width)
    for d in range(len(query)):
        number = float(query[d]) / math.sqrt(len(query))
        for c in range(entries):
            mean[c] += number * key_sums[d, c]
    top = float(scores[winners[0]])
    for key in winners:
        left[codes[key]] -= 1
        mean[codes[key]] -= scores[key]
        top = max(top, float(scores[key]))
    best = top
    for c in range(entries):
        if left[c] > 0:
            mean[c] /= left[c]
            best = max(best, mean[c])
    used, tail = 0, 0.0
    for c in range(entries):
        if left[c] > 0:
            used += 1
            weight[c] = math.exp(mean[c] - best)
            tail += left[c] * weight[c]
            for d in range(width):
                total[d] += weight[c] * value_sums[c, d]
    head, share = 0.0, math.exp(top - best)
    for key in winners:
        here = math.exp(float(scores[key]) - top)
        head += here
        change = here * share - weight[codes[key]]
        for d in range(width):
            total[d] += change * values[key, d]
    whole = head * share + tail
    for d in range(width):
        out[d] = total[d] / whole
    logs[0] = top + math.log(head)
    logs[1] = best + math.log(whole)
    return used


@kernel
def _read(
    queries, scores, keys, values, seen, winners, kept, codes, start, counts, key_sums, value_sums, out, logs, used
):  # fmt: skip
    """Queries in order, each behind the insertion of what it sees; the bundles hold ``start`` keys before.

    The bundles are changed. Returns how many were read in all.
    """
    held, total = start, 0
    for i in range(len(seen)):
        held += _insert(keys, values, codes, held, seen[i], counts, key_sums, value_sums)
        used[i] = _weigh(
            queries[i], scores[i], values, winners[i, : kept[i]], codes, counts, key_sums, value_sums, out[i], logs[i]
        )  # fmt: skip
        total += used[i]
    return total


class Bundles:
    """The bundles of one layer: for each key head as many as the codebook has entries.

    Args:
        codebook: of the model; which bundle a key belongs to. layer: of the model. width: numbers in a value.

    Attributes:
        length: keys inserted. codes: ``(G, length)`` bundle of each, one byte. counts: ``(G, c)`` int64 keys of each
            bundle. key_sums: ``(G, d, c)``, value_sums: ``(G, c, width)``, both float64.

    >>> line = Codebook(np.ones((1, 1, 1, 1), np.float32), np.array([[[[-1], [3]]]], np.float32))
    >>> held = Bundles(line, 0, width=1)
    >>> held.insert(np.array([[[-2], [2], [5]]], np.float32), np.ones((1, 3, 1), np.float32))
    >>> held.codes.tolist(), held.counts.tolist(), held.key_sums.tolist()
    ([[0, 1, 1]], [[1, 2]], [[[-2.0, 7.0]]])
    """

    def __init__(self, codebook: Codebook, layer: int, *, width: int) -> None:
        self.codebook = codebook
        self.layer = check.integer("layer", layer, low=0, high=codebook.layers - 1)
        width = check.integer("width", width, low=1)
        groups, entries, dim = codebook.key_heads, codebook.entries, codebook.dim
        self._directions = [codebook.directions(self.layer, group) for group in range(groups)]
        self.length = 0
        self.counts = np.zeros((groups, entries), dtype=np.int64)
        self.key_sums = np.zeros((groups, dim, entries))
        self.value_sums = np.zeros((groups, entries, width))
        self._codes = np.zeros((groups, 0), dtype=np.uint8)
        self._marks = np.zeros((2, groups, 0), dtype=np.float32)

    @property
    def width(self) -> int:
        """Numbers in a value."""
        return self.value_sums.shape[2]

    @property
    def codes(self) -> NDArray[np.uint8]:
        return self._codes[:, : self.length]

    def holds(self, keys: NDArray[np.float32], values: NDArray[np.float32]) -> bool:
        """Whether these begin with what was inserted, by one number of each key and value, which is kept."""
        size = self.length
        return keys.shape[1] >= size and all(
            np.array_equal(mark[:, :size], given[:, :size, 0])
            for mark, given in zip(self._marks, (keys, values), strict=True)
        )

    def encode(self, keys: NDArray[np.float32], values: NDArray[np.float32]) -> NDArray[np.uint8]:
        """``(G, length + n)`` bundles of the keys held and of n new ones, which are not inserted yet.

        Raises:
            ValueError: a key is not finite; nothing has changed.
        """
        if not np.isfinite(keys).all():
            raise ValueError(f"keys must be finite, got {keys[~np.isfinite(keys)][0]}")
        stop = self.length + keys.shape[1]
        if self._codes.shape[1] < stop:
            room = max(stop, 2 * self._codes.shape[1])
            codes, marks = self._codes, self._marks
            self._codes = np.zeros((len(codes), room), dtype=np.uint8)
            self._marks = np.zeros((2, len(codes), room), dtype=np.float32)
            self._codes[:, : codes.shape[1]], self._marks[:, :, : codes.shape[1]] = codes, marks
        new = slice(self.length, stop)
        self._marks[0, :, new], self._marks[1, :, new] = keys[:, :, 0], values[:, :, 0]
        for group, (directions, halves) in enumerate(self._directions):
            _nearest(np.ascontiguousarray(keys[group]), directions, halves, self._codes[group, new])
        return self._codes[:, :stop]

    def head(self, group: int) -> tuple[NDArray[Any], ...]:
        """``counts``, ``key_sums`` and ``value_sums`` of one key head."""
        return self.counts[group], self.key_sums[group], self.value_sums[group]

    def insert(self, keys: Any, values: Any) -> None:
        """Keys ``(G, n, d)`` and values ``(G, n, width)``, float32, behind those that are held.

        Raises:
            ValueError: shapes that are not those of the codebook, or keys that are not finite.
        """
        keys = check.array("keys", keys, np.float32, ndim=3)
        values = check.array("values", values, np.float32, ndim=3)
        groups, dim = len(self.counts), self.codebook.dim
        if keys.shape[0] != groups or keys.shape[2] != dim:
            raise ValueError(f"keys must have shape ({groups}, n, {dim}), got {keys.shape}")
        wanted = (*keys.shape[:2], self.width)
        if values.shape != wanted:
            raise ValueError(f"values must have shape {wanted}, got {values.shape}")
        new = self.encode(keys, values)[:, self.length :]
        for group, codes in enumerate(new):
            _insert(keys[group], values[group], codes, 0, len(codes), *self.head(group))
        self.length += keys.shape[1]
