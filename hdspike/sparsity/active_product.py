"""Products that read only the weights of active units: what activation sparsity saves on a processor, one sample alone.

``y = Σ_{i: x_i ≠ 0} x_i W_i`` reads the rows of W behind inputs that are not zero, ``y_j = W_{r_j} · x`` the rows of
outputs that are wanted. Both need a unit's weights side by side in memory: W is ``(units, width)``, a row each. In a
gated feed-forward (Llama) a neuron is a row of the gate, of the up-projection, and of the transposed down-projection.

Sums are float32 in an order that the compiler chooses, so that the last digits may differ between machines, as BLAS's.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.jit import kernel
from hdspike.models.feed_forward import silu

__all__ = ["active_product", "chosen_products", "sparse_gated", "weighted_rows"]

Floats = NDArray[np.float32]
summing: Any = numba.njit(
    cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "nsz", "contract"}
)


@kernel
def _weighted_rows(values: Any, rows: Any, weights: Any, out: Any) -> int:
    """``out = Σ_j values_j weights[rows_j]``, four rows at a time; returns the weights read."""
    count, width = len(rows), weights.shape[1]
    out[:] = 0
    whole = count - count % 4
    for j in range(0, whole, 4):
        a, b, c, d = rows[j], rows[j + 1], rows[j + 2], rows[j + 3]
        p, q, r, s = values[j], values[j + 1], values[j + 2], values[j + 3]
        for i in range(width):
            out[i] += (p * weights[a, i] + q * weights[b, i]) + (r * weights[c, i] + s * weights[d, i])
    for j in range(whole, count):
        a, p = rows[j], values[j]
        for i in range(width):
            out[i] += p * weights[a, i]
    return count * width


@summing
def _chosen_products(weights: Any, rows: Any, x: Any, out: Any) -> int:
    """``out_j = weights[rows_j] · x``; returns the weights read."""
    width = weights.shape[1]
    for j in range(len(rows)):
        row, total = rows[j], np.float32(0)
        for i in range(width):
            total += weights[row, i] * x[i]
        out[j] = total
    return len(rows) * width


def _checked(weights: Any, rows: Any) -> tuple[Floats, NDArray[np.int64]]:
    matrix = check.array("weights", weights, np.float32, ndim=2)
    places = check.array("rows", rows, np.int64, ndim=1)
    if len(places) and not (places.min() >= 0 and places.max() < len(matrix)):
        raise ValueError(f"rows must be in [0, {len(matrix)}), got {places.min()} to {places.max()}")
    return matrix, places


def weighted_rows(values: Any, rows: Any, weights: Any) -> Floats:
    """``Σ_j values_j weights[rows_j]``: ``(k,)``, ``(k,)``, ``(units, width)`` → ``(width,)``, all but rows float32.

    Raises:
        TypeError, ValueError: dtypes or shapes that do not belong together, a row that is not there.
    """
    matrix, places = _checked(weights, rows)
    given = check.array("values", values, np.float32, ndim=1)
    if len(given) != len(places):
        raise ValueError(f"values must be one for each of {len(places)} rows, got {len(given)}")
    out = np.empty(matrix.shape[1], dtype=np.float32)
    _weighted_rows(given, places, matrix, out)
    return out


def chosen_products(weights: Any, rows: Any, x: Any) -> Floats:
    """``weights[rows] · x`` without a copy of the rows: ``(units, width)``, ``(k,)``, ``(width,)`` → ``(k,)``.

    Raises:
        TypeError, ValueError: as of :func:`weighted_rows`.
    """
    matrix, places = _checked(weights, rows)
    given = check.array("x", x, np.float32, ndim=1)
    if len(given) != matrix.shape[1]:
        raise ValueError(f"x must have the width of the weights, {matrix.shape[1]}, got {len(given)}")
    out = np.empty(len(places), dtype=np.float32)
    _chosen_products(matrix, places, given, out)
    return out


def active_product(x: Any, weights: Any) -> Floats:
    """``x W``, reading rows of W behind inputs that are not zero: ``(units,)``, ``(units, width)`` → ``(width,)``.

    >>> active_product(np.array([0, 2, 0], dtype=np.float32), np.eye(3, dtype=np.float32)).tolist()
    [0.0, 2.0, 0.0]
    """
    given = check.array("x", x, np.float32, ndim=1)
    rows = np.flatnonzero(given)
    if len(given) != len(weights):
        raise ValueError(f"x must be one for each of {len(weights)} rows of weights, got {len(given)}")
    return weighted_rows(given[rows], rows, weights)


def sparse_gated(x: Floats, gate: Floats, up: Floats, down: Floats, k: int) -> Floats:
    """One token through a gated feed-forward whose ``k`` neurons of the largest ``|silu(gate · x)|`` alone speak.

    All of ``gate`` is read (by BLAS), of ``up`` and ``down`` k rows each; ``down`` is transposed: ``(hidden, dim)``, as
    the others. ``x`` is ``(dim,)``; all are float32. Among equals at the bar any may be left out.
    """
    opened = silu(gate @ x)
    k = check.integer("k", k, low=1, high=len(opened))
    rows = np.argpartition(np.abs(opened), len(opened) - k)[len(opened) - k :]
    rows.sort()  # in the order of memory
    return weighted_rows(opened[rows] * chosen_products(up, rows, x), rows, down)
