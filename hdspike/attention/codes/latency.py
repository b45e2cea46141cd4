"""The code of graded lines: what a line adds to a score becomes the time and the weight of one spike.

Keys are sparse block codes: one entry in each of B blocks (a product codebook's nearest centroid, say). What a query
says is how much each entry of each block contributes to the score of the keys that have it. A spike is one event
whatever it says, so its strength is in its address: line ``(b·E + e)·L + j`` is entry e of block b, and reaches the
keys that have it with the j-th of L integer weights ``w_0 > w_1 > …``. A query sends at most one of the L, that
whose weight is nearest to ``w_0 · contribution ÷ strongest contribution``; what is nearer to 0 than to the smallest
weight stays silent. The strongest spikes at the head of the queue (Thorpe, Delorme & Van Rullen 2001), so that a race
that ends early has heard what matters most.

The potential of a key after all events is its score in units of the query's strongest contribution ÷ w_0, as far as
the spikes tell. With one weight alone it is a count of matches. A chip whose spikes carry a number needs one line an
entry (L = 1) and has the same events.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.network import KWTA, Layer, Synapses

__all__ = ["WEIGHTS", "LatencyCode"]

WEIGHTS = (16, 11, 8, 6, 4, 3, 2, 1)
"""Half octaves, as far as integers go."""
HEAVIEST = 127  # a synapse of a layer has 8 bits


class LatencyCode:
    """``blocks × entries × len(weights)`` lines.

    Args:
        blocks, entries: B and E of the keys.
        weights: falling integers from 127 to 1.

    >>> code = LatencyCode(1, 4, weights=(2, 1))
    >>> indptr, lines = code.spikes([[[0.1, 1.0, -3.0, 0.6]]], most=4)
    >>> lines.tolist()  # entry 1 at weight 2, then entry 3 at weight 1; 0.1 is nearer to silence
    [2, 7]
    """

    def __init__(self, blocks: int, entries: int, *, weights: Sequence[int] = WEIGHTS) -> None:
        self.blocks = check.integer("blocks", blocks, low=1)
        self.entries = check.integer("entries", entries, low=1)
        given = [check.integer("weights", weight, low=1, high=HEAVIEST) for weight in weights]
        if not given or any(one <= other for one, other in pairwise(given)):
            raise ValueError(f"weights must be at least one, and fall, got {tuple(weights)}")
        self.weights: NDArray[np.int64] = np.array(given, dtype=np.int64)
        self.levels = len(given)
        self.lines = self.blocks * self.entries * self.levels
        self.top = self.blocks * given[0]
        """The largest potential a key can reach: its every entry as strong as the strongest."""

    def network(self, keys: Any, kwta: KWTA) -> Layer:
        """One neuron for each key ``(N, B)`` of entries: B·L synapses, of which a query uses B at most.

        Raises:
            ValueError: keys of another number of blocks, or an entry that is not in [0, E).
        """
        entries = check.array("keys", keys, np.int64, ndim=2)
        if entries.shape[1] != self.blocks or not len(entries):
            raise ValueError(f"keys must be at least one of {self.blocks} blocks, got shape {entries.shape}")
        if entries.min() < 0 or entries.max() >= self.entries:
            raise ValueError(f"keys must be in [0, {self.entries}), got {entries.min()} … {entries.max()}")
        count = len(entries)
        lines = (entries + np.arange(self.blocks) * self.entries)[..., None] * self.levels
        lines = (lines + np.arange(self.levels)).reshape(-1)
        targets = np.repeat(np.arange(count), self.blocks * self.levels)
        weights = np.tile(self.weights, count * self.blocks)
        synapses = Synapses.from_pairs(lines, targets, shape=(self.lines, count), weights=weights)
        return Layer(synapses, np.zeros(count, dtype=np.int32), kwta)

    def spikes(self, contributions: Any, *, most: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """The lines of each query, strongest contribution at the head, as ``(indptr, lines)``.

        Args:
            contributions: ``(n, B, E)`` what each entry adds to the score of the keys that have it.
            most: spikes a query at most, the strongest. Equal ones come by address.

        Raises:
            ValueError: contributions of another shape, or not finite.
        """
        given = check.array("contributions", contributions, np.float64, ndim=3)
        most = check.integer("most", most, low=1)
        if given.shape[1:] != (self.blocks, self.entries):
            raise ValueError(
                f"contributions must be (queries, {self.blocks}, {self.entries}), got shape {given.shape}"
            )
        if not np.isfinite(given).all():
            raise ValueError(f"contributions must be finite, got {given[~np.isfinite(given)][0]}")
        flat = given.reshape(len(given), self.blocks * self.entries)
        order = np.argsort(-flat, axis=1, kind="stable")[:, :most]
        strength = np.take_along_axis(flat, order, axis=1)
        highest = np.maximum(strength[:, :1], 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            weight = strength / highest * self.weights[0]  # NaN or less than 0 where nothing contributes
        # Between two weights the middle goes to the stronger; below half the last there is silence.
        middles = (self.weights + np.append(self.weights[1:], 0)) / 2
        level = np.searchsorted(-middles, -weight, side="left")
        sent = (level < self.levels) & (weight > 0)
        lines = (order * self.levels + level)[sent].astype(np.int32)
        return np.concatenate([[0], np.cumsum(sent.sum(axis=1))]).astype(np.int64), lines
