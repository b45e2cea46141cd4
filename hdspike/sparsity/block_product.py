"""A block-sparse matrix: the b × b blocks that are kept, each stored whole beside the number of its block row.

``y_c = Σ_k x_{r(k)} B_k`` over the kept blocks k of block column c. One index serves b² weights, and the weights of a
block lie together, so that a processor's vector units work on them as on a dense matrix. (Block compressed columns;
scipy's BSR is the same by rows. Gray, Radford and Kingma 2017 use it for GPUs.) What does not fill a block at the right
and lower rim is filled up with zeros.
"""

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.jit import kernel
from hdspike.sparsity.layer import Floats

__all__ = ["BlockMatrix"]

BATCH = 8
"""From so many samples on the product runs along the samples, not along the columns."""


@kernel
def _multiply(
    x: Floats, blocks: Floats, rows: NDArray[np.int32], starts: NDArray[np.int64], out: Floats
) -> int:
    """Add ``x @ matrix`` to ``out``, four columns at a time; returns the multiplications."""
    size = blocks.shape[1]
    fours = size - size % 4
    for sample in range(len(x)):
        for column in range(len(starts) - 1):
            place, first, last = column * size, starts[column], starts[column + 1]
            for j in range(0, fours, 4):
                t0, t1 = out[sample, place + j], out[sample, place + j + 1]
                t2, t3 = out[sample, place + j + 2], out[sample, place + j + 3]
                for k in range(first, last):
                    row = rows[k] * size
                    for i in range(size):
                        value = x[sample, row + i]
                        t0 += value * blocks[k, i, j]
                        t1 += value * blocks[k, i, j + 1]
                        t2 += value * blocks[k, i, j + 2]
                        t3 += value * blocks[k, i, j + 3]
                out[sample, place + j], out[sample, place + j + 1] = t0, t1
                out[sample, place + j + 2], out[sample, place + j + 3] = t2, t3
            for j in range(fours, size):
                t0 = out[sample, place + j]
                for k in range(first, last):
                    row = rows[k] * size
                    for i in range(size):
                        t0 += x[sample, row + i] * blocks[k, i, j]
                out[sample, place + j] = t0
    return len(x) * len(blocks) * size * size


@kernel
def _multiply_batch(
    x: Floats, blocks: Floats, rows: NDArray[np.int32], starts: NDArray[np.int64], out: Floats
) -> int:
    """The same of transposed arrays, ``x`` (n_in, batch) and ``out`` (n_out, batch): along the samples."""
    size = blocks.shape[1]
    fours = size - size % 4
    for column in range(len(starts) - 1):
        for k in range(starts[column], starts[column + 1]):
            row = rows[k] * size
            for j in range(size):
                y = out[column * size + j]
                for i in range(0, fours, 4):
                    w0, w1, w2, w3 = (
                        blocks[k, i, j],
                        blocks[k, i + 1, j],
                        blocks[k, i + 2, j],
                        blocks[k, i + 3, j],
                    )
                    x0, x1, x2, x3 = x[row + i], x[row + i + 1], x[row + i + 2], x[row + i + 3]
                    for sample in range(len(y)):
                        y[sample] += w0 * x0[sample] + w1 * x1[sample] + w2 * x2[sample] + w3 * x3[sample]
                for i in range(fours, size):
                    w0, x0 = blocks[k, i, j], x[row + i]
                    for sample in range(len(y)):
                        y[sample] += w0 * x0[sample]
    return x.shape[1] * len(blocks) * size * size


class BlockMatrix:
    """The blocks of a matrix ``(n_in, n_out)`` that hold a nonzero.

    Args:
        weights: (n_in, n_out), of a real dtype.
        size: b.

    >>> matrix = BlockMatrix(np.diag([1.0, 2.0, 3.0]), size=2)
    >>> matrix(np.ones((1, 3))).tolist(), len(matrix.blocks)
    ([[1.0, 2.0, 3.0]], 2)
    """

    def __init__(self, weights: Floats, *, size: int) -> None:
        weights = np.asarray(weights)
        if weights.ndim != 2 or weights.dtype.kind != "f":
            raise ValueError(f"weights must be a real matrix, got {weights.dtype} of shape {weights.shape}")
        self.size = check.integer("size", size, low=1)
        self.shape = weights.shape
        rows, columns = (-(-length // size) for length in weights.shape)
        whole = np.zeros((rows * size, columns * size), dtype=weights.dtype)
        whole[: weights.shape[0], : weights.shape[1]] = weights
        tiles = whole.reshape(rows, size, columns, size).transpose(2, 0, 1, 3)
        kept = tiles.any(axis=(2, 3))
        self.blocks = np.ascontiguousarray(tiles[kept])
        self.rows = np.nonzero(kept)[1].astype(np.int32)
        self.starts = np.concatenate([[0], np.cumsum(kept.sum(axis=1))]).astype(np.int64)
        self._padded = rows * size, columns * size

    @property
    def stored_bytes(self) -> int:
        """Blocks, two bytes for each one's row, two for each block column's start."""
        return int(self.blocks.nbytes + 2 * len(self.rows) + 2 * len(self.starts))

    def __call__(self, x: Floats) -> Floats:
        """``x @ matrix`` of a batch ``(batch, n_in)``."""
        x = check.batch("x", np.asarray(x))
        if x.shape[1] != self.shape[0]:
            raise ValueError(f"x must have a width of {self.shape[0]}, got {x.shape[1]}")
        n_in, n_out = self._padded
        kind, along = self.blocks.dtype, len(x) >= BATCH
        given = np.ascontiguousarray(x.T if along else x, dtype=kind)
        if n_in != self.shape[0]:
            whole = np.zeros((n_in, len(x)) if along else (len(x), n_in), dtype=kind)
            whole[: given.shape[0], : given.shape[1]] = given
            given = whole
        out = np.zeros((n_out, len(x)) if along else (len(x), n_out), dtype=kind)
        (_multiply_batch if along else _multiply)(given, self.blocks, self.rows, self.starts, out)
        return np.ascontiguousarray((out.T if along else out)[:, : self.shape[1]])
