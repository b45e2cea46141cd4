"""The keys and values of what a decoder has read, layer by layer, so that the next token costs one token's work."""

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.models.gguf_file import Shape

__all__ = ["Cache"]


class Cache:
    """Keys (rotated) and values of ``length`` tokens; grows by doubling.

    Args:
        shape: of the model. capacity: tokens to make room for at once.
    """

    def __init__(self, shape: Shape, *, capacity: int = 256) -> None:
        self._room = check.integer("capacity", capacity, low=1)
        self.length = 0
        self._held = [
            np.empty((2, shape.key_heads, self._room, shape.head_dim), dtype=np.float32)
            for _ in range(shape.layers)
        ]

    @property
    def bytes(self) -> int:
        """Bytes of memory that it takes."""
        return sum(part.nbytes for part in self._held)

    def reserve(self, count: int) -> None:
        """Room for ``count`` tokens more."""
        needed = self.length + count
        if needed <= self._room:
            return
        self._room = max(needed, 2 * self._room)
        for layer, old in enumerate(self._held):
            new = np.empty((*old.shape[:2], self._room, old.shape[3]), dtype=np.float32)
            new[:, :, : self.length] = old[:, :, : self.length]
            self._held[layer] = new

    def extend(
        self, layer: int, keys: NDArray[np.float32], values: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """All keys and values ``(G, N, d)`` of a layer, the new ones ``(G, n, d)`` behind the others.

        They count as read once :meth:`advance` says so, after the last layer.
        """
        stop = self.length + keys.shape[1]
        held = self._held[layer]
        held[0, :, self.length : stop], held[1, :, self.length : stop] = keys, values
        return held[0, :, :stop], held[1, :, :stop]

    def advance(self, count: int) -> None:
        """``count`` tokens more have been read, by every layer."""
        self.length += count
