"""The code of sparse block keys: one line per (block, index), one excitatory synapse per block of a key.

Line ``b·L + v`` is index ``v`` of block ``b``. A query activates one line per block, and the potential of a key
is the number of blocks in which it matches.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.network import KWTA, Layer, Synapses


class BlockCode:
    """``blocks × length`` lines."""

    def __init__(self, blocks: int, length: int) -> None:
        self.blocks = self.top = check.integer("blocks", blocks, low=1)
        self.length = check.integer("length", length, low=1)
        self.lines = blocks * length

    def _lines(self, vectors: Any) -> NDArray[np.int32]:
        offsets = np.arange(self.blocks, dtype=np.int32) * np.int32(self.length)
        return np.asarray(vectors, dtype=np.int32) + offsets

    def active(self, queries: Any) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        lines = self._lines(queries)
        return np.arange(len(lines) + 1, dtype=np.int64) * self.blocks, lines.reshape(-1)

    def network(self, keys: Any, kwta: KWTA) -> Layer:
        lines = self._lines(keys)
        neurons = len(lines)
        targets = np.repeat(np.arange(neurons, dtype=np.int64), self.blocks)
        synapses = Synapses.from_pairs(lines.reshape(-1), targets, shape=(self.lines, neurons))
        return Layer(synapses, np.zeros(neurons, dtype=np.int32), kwta)
