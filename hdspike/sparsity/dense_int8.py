"""The rival of the bit planes: the same product with multiplications, compiled.

NumPy multiplies integers without BLAS. What a CPU can do with them is a loop that a compiler turns into widening
multiplications of int8 by pairs (VPMADDWD, 32 products at a time with AVX-512), with the weights of an output in a row.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.jit import kernel, spread

__all__ = ["dense_int8"]

LARGE = 1 << 22  # products below which a second thread costs more than it saves
LONGEST = 2**31 // 128**2 - 1  # entries of a row: the sum of so many products fits an int32
TILE = 16  # outputs whose weights stay in the first-level cache for all samples of a batch


@kernel
def _dense(x, rows, first, last, out):
    """``out[t, r] = Σ_i x[t, i]·rows[r, i]`` for r in [first, last); returns the products."""
    for low in range(first, last, TILE):
        high = min(low + TILE, last)
        for t in range(len(x)):
            for r in range(low, high):
                total = np.int32(0)
                for i in range(x.shape[1]):
                    total += np.int32(x[t, i]) * np.int32(rows[r, i])
                out[t, r] = total
    return len(x) * (last - first) * x.shape[1]


def dense_int8(x: Any, rows: Any) -> NDArray[np.int32]:
    """``x rowsᵀ`` exactly: ``(batch, n_in)`` and ``(n_out, n_in)`` of int8 → ``(batch, n_out)`` of int32.

    >>> dense_int8([[100, -128]], [[1, -1], [0, 1]]).tolist()
    [[228, -128]]
    """
    left = check.batch("x", check.array("x", x, np.int8))
    right = check.batch("rows", check.array("rows", rows, np.int8))
    if left.shape[1] != right.shape[1] or left.shape[1] > LONGEST:
        raise ValueError(
            f"rows must be as wide as x and at most {LONGEST:,} wide, got shapes {right.shape} and {left.shape}"
        )
    out = np.empty((len(left), len(right)), dtype=np.int32)
    if left.size * len(right) < LARGE:
        _dense(left, right, 0, len(right), out)
    else:
        spread(lambda low, high: _dense(left, right, low, high, out), len(right))
    return out
