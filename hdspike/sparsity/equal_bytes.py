r"""One matrix at the same number of bytes: thin factors beside few weights, both in float16.

Thin factors take 2·r·(n_in + n_out) bytes, w weights that are not zero 2·w bytes and where they are: a bit for each of
n_in·n_out places, or a two-byte number each with a four-byte start of each row (compressed sparse rows), whichever is
smaller. Either may look at the weights alone, or also at the inputs x that the matrix meets: thin factors by
:func:`hdspike.sparsity.low_rank.truncated`, exact; weights by |w|·√E x² instead of |w| (Wanda, Sun et al. 2023, here
over the whole matrix), exact for uncorrelated inputs.
"""

from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from hdspike import check
from hdspike.sparsity.low_rank import matrix, truncated

__all__ = [
    "Kept",
    "low_rank",
    "place_bytes",
    "random_kept_share",
    "relative_error",
    "sparse",
    "weights_of_bytes",
]

WIDTH = 2  # bytes of a float16


class Kept(NamedTuple):
    """What is left of a matrix: ``weights`` as they would be used, ``numbers`` stored, ``bytes`` in all."""

    weights: NDArray[np.float64]
    numbers: int
    bytes: int


def place_bytes(n_in: int, n_out: int, nonzero: int) -> int:
    """Bytes that say where ``nonzero`` weights are: the cheaper of a bit map and of compressed sparse rows.

    >>> place_bytes(100, 100, 5000), place_bytes(100, 100, 100)
    (1250, 604)
    """
    check.integer("n_in", n_in, low=1)
    check.integer("n_out", n_out, low=1, high=1 << 16)
    check.integer("nonzero", nonzero, low=0, high=n_in * n_out)
    return min(-(-n_in * n_out // 8), 2 * nonzero + 4 * (n_in + 1))


def weights_of_bytes(n_in: int, n_out: int, room: int) -> int:
    """The most weights that fit into ``room`` bytes with their places; 0 where none does."""
    check.integer("room", room, low=0)
    low, high = 0, n_in * n_out + 1  # ``low`` fits, or is 0
    while high - low > 1:
        middle = (low + high) // 2
        fits = WIDTH * middle + place_bytes(n_in, n_out, middle) <= room
        low, high = (middle, high) if fits else (low, middle)
    return low


def _rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """As float16 would keep them."""
    if np.abs(values).max(initial=0) > 65504:
        raise ValueError(f"weights must fit float16, at most 65504, got {np.abs(values).max():.6g}")
    return values.astype(np.float16).astype(np.float64)


def low_rank(weights: Any, room: int, *, moments: Any = None) -> Kept:
    """The largest rank whose factors fit into ``room`` bytes; ``moments`` as in :func:`truncated`.

    Raises:
        ValueError: not even rank 1 fits.
    """
    w = matrix("weights", weights)
    rank = min(check.integer("room", room, low=WIDTH * sum(w.shape)) // (WIDTH * sum(w.shape)), *w.shape)
    factors = truncated(w, rank, moments=moments)
    numbers = rank * sum(w.shape)
    return Kept(_rounded(factors.left) @ _rounded(factors.right), numbers, WIDTH * numbers)


def sparse(weights: Any, room: int, *, moments: Any = None) -> Kept:
    """The weights of greatest magnitude that fit into ``room`` bytes, or of greatest |w|·√(moments_ii).

    Raises:
        ValueError: not even one weight fits.
    """
    w = matrix("weights", weights)
    n_in, n_out = w.shape
    count = weights_of_bytes(n_in, n_out, room)
    if not count:
        raise ValueError(f"room must hold at least one weight and its place, got {room}")
    weight = np.abs(w)
    if moments is not None:
        c = matrix("moments", moments)
        if c.shape != (len(w), len(w)) or np.diagonal(c).min() < 0:
            raise ValueError(
                f"moments must be {len(w)} × {len(w)} with squares on its diagonal, got {c.shape}"
            )
        weight = weight * np.sqrt(np.diagonal(c))[:, None]
    # stable: of equal ones the earlier
    chosen = np.argsort(-weight, axis=None, kind="stable")[:count]
    out = np.zeros_like(w)
    out.flat[chosen] = _rounded(w.flat[chosen])
    return Kept(out, count, WIDTH * count + place_bytes(n_in, n_out, count))


def relative_error(weights: Any, other: Any, *, moments: Any = None) -> float:
    """``‖W − A‖ ÷ ‖W‖``, or that of the outputs, ``√(tr (W − A)ᵀC(W − A) ÷ tr WᵀCW)``, with C = E[x xᵀ]."""
    w, a = matrix("weights", weights), matrix("other", other)
    if w.shape != a.shape:
        raise ValueError(f"other must have the shape {w.shape} of weights, got {a.shape}")
    gap = w - a
    if moments is None:
        wrong, whole = float(np.square(gap).sum()), float(np.square(w).sum())
    else:
        c = matrix("moments", moments)
        wrong, whole = float(np.sum(gap * (c @ gap))), float(np.sum(w * (c @ w)))
    if whole <= 0:
        raise ValueError("weights must have an output other than 0")
    return sqrt(max(0.0, wrong) / whole)


def random_kept_share(share: float) -> float:
    """What the largest ``share`` of normal weights keeps of their energy: ``s + 2·t·φ(t)`` with t = Φ⁻¹(1 − s/2).

    The yardstick of "no structure": by E z²·[|z| > t].

    >>> round(random_kept_share(0.5), 4), random_kept_share(1.0)
    (0.9287, 1.0)
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be in (0, 1], got {share}")
    t = float(ndtri(1 - share / 2))
    return min(1.0, share + 2 * t * float(np.exp(-t * t / 2)) / sqrt(2 * np.pi))
