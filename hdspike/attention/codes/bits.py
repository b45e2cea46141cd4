"""The code of dense binary keys: one line per bit, signed synapses.

A key reaches line ``i`` with weight +1 where its bit is 1 and −1 where it is 0; only the active bits of the
query are events. With bias ``D − |key|`` the final potential is the number of equal bits:
``D − |key| + |q ∧ key| − |q ∧ ¬key| = D − |q ⊕ key|``, so the order is that of Hamming similarity.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import bits, check
from hdspike.network import KWTA, Layer, Synapses


class BitCode:
    """``dim`` lines, one per bit."""

    def __init__(self, dim: int) -> None:
        self.lines = self.top = check.integer("dim", dim, low=1)

    def active(self, queries: Any) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        ones = bits.unpack(queries, self.lines)
        rows, lines = np.nonzero(ones)
        counts = np.bincount(rows, minlength=len(ones))
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), lines.astype(np.int32)

    def network(self, keys: Any, kwta: KWTA) -> Layer:
        """Every line has a synapse to every key: memory grows as lines × keys."""
        ones = bits.unpack(keys, self.lines)
        neurons = len(ones)
        indptr = np.arange(self.lines + 1, dtype=np.int64) * neurons
        targets = np.tile(np.arange(neurons, dtype=np.int32), self.lines)
        weights = (2 * ones.T.astype(np.int8) - 1).reshape(-1)
        bias = (self.lines - ones.sum(axis=1, dtype=np.int64)).astype(np.int32)
        return Layer(Synapses(indptr, targets, weights, neurons), bias, kwta)
