"""Codes: what the address lines of a key are, and which of them a query activates. One file each."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hdspike.attention.codes.bits import BitCode
from hdspike.attention.codes.blocks import BlockCode
from hdspike.network import KWTA, Layer
from hdspike.spaces import BSC, SBC, Space

__all__ = ["BitCode", "BlockCode", "Code", "of"]


class Code(Protocol):
    """A mapping from vectors to address lines and synapses."""

    lines: int
    top: int
    """The largest potential a key can reach."""

    def active(self, queries: Any) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """The lines that each query activates, as ``(indptr, lines)``."""

    def network(self, keys: Any, kwta: KWTA) -> Layer:
        """One neuron per key with its synapses and bias, under a k-winner-take-all group."""


def of(space: Space) -> Code:
    """The code whose potentials order keys as the space's similarity does."""
    if isinstance(space, BSC):
        return BitCode(space.dim)
    if isinstance(space, SBC):
        return BlockCode(space.blocks, space.length)
    raise TypeError(f"space must be BSC or SBC, got {space!r}")
