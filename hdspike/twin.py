"""The dense twin: softmax attention over keys of few dimensions that do the same job.

The honest rival of a hypervector is not a dense vector of 131,072 floats but the shortest one that answers as
well. Keys are projected to ``d`` dimensions: sparse codes by random signs (Achlioptas 2003), dense codes by
keeping d of their random bits as ±1, which is a random projection already. Every coordinate is a small
integer, so the int8 twin answers exactly as the fp32 one does.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import bits, check
from hdspike.jit import kernel, spread
from hdspike.spaces import BSC, SBC, Space

__all__ = ["DIMS", "Projection"]

DIMS = (64, 128, 256, 512, 1024)


@kernel
def _project_blocks(vectors, signs, length, out):
    """``out[p] = Σ_b signs[b·L + v_pb]`` clipped to ±127; returns the additions."""
    total = np.empty(signs.shape[1], dtype=np.int16)
    for p in range(len(vectors)):
        total[:] = 0
        for b in range(vectors.shape[1]):
            row = signs[b * length + vectors[p, b]]
            for j in range(len(row)):
                total[j] += row[j]
        for j in range(len(total)):
            out[p, j] = min(max(total[j], np.int16(-127)), np.int16(127))
    return vectors.size * signs.shape[1]


class Projection:
    """A seeded projection of one space's vectors to up to ``DIMS[-1]`` integer coordinates in [−127, 127]."""

    def __init__(self, space: Space, *, seed: int = 0) -> None:
        self.space = space
        self.seed = check.integer("seed", seed, low=0)
        self._signs: dict[int, NDArray[np.int8]] = {}

    def _part(self, index: int, width: int) -> NDArray[np.int8]:
        """Random signs ``(dim, width)`` of the index-th group of output dimensions."""
        if index not in self._signs:
            random = np.random.default_rng([self.seed, index])
            packed = np.frombuffer(random.bytes(self.space.dim * width // 8), dtype=np.uint8)
            ones = np.unpackbits(packed).reshape(self.space.dim, width).view(np.int8)
            self._signs[index] = 2 * ones - 1
        return self._signs[index]

    def __call__(self, vectors: Any, dim: int) -> NDArray[np.int8]:
        """Coordinates ``(P, dim)`` for ``dim`` in ``DIMS``; the first ones are the same for every ``dim``."""
        check.one_of("dim", str(dim), tuple(map(str, DIMS)))
        given = self.space.checked("vectors", vectors)
        if isinstance(self.space, BSC):
            order = np.random.default_rng([self.seed, 0]).permutation(self.space.dim)
            chosen = np.resize(order, dim)
            return 2 * bits.unpack(given, self.space.dim)[:, chosen].view(np.int8) - 1
        if not isinstance(self.space, SBC):
            raise TypeError(f"space must be BSC or SBC, got {self.space!r}")
        out = np.empty((len(given), dim), dtype=np.int8)
        low = 0
        for index, high in enumerate(DIMS):
            if low < dim:
                part = np.empty((len(given), high - low), dtype=np.int8)
                self._fill(given, self._part(index, high - low), self.space.length, part)
                out[:, low:high] = part
                low = high
        return out

    @staticmethod
    def _fill(vectors: NDArray[Any], signs: NDArray[np.int8], length: int, out: NDArray[np.int8]) -> None:
        spread(
            lambda low, high: _project_blocks(vectors[low:high], signs, length, out[low:high]), len(vectors)
        )

    def scores(self, queries: NDArray[np.int8], keys: NDArray[np.int8]) -> NDArray[np.float32]:
        """Dot products scaled so that a vector with itself has about 1: ``(Q, d)`` · ``(N, d)`` → ``(Q, N)``.

        The products of small integers are exact in 32-bit floats whatever the order of summation.
        """
        norm = queries.shape[1] * (1 if isinstance(self.space, BSC) else self.space.width)
        return (queries.astype(np.float32) @ keys.astype(np.float32).T) / np.float32(norm)
