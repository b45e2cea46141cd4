"""Attention as a plug: what a model asks of it, and exact softmax, the reference.

A model hands over one layer's queries, keys and values, rotary embedding done. Query i sees the first ``seen[i]`` keys:
itself and what came before it in a decoder, all of them in an encoder. What comes back is one output for each query and
head.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hdspike.jit import spread

__all__ = ["Attention", "checked", "finite", "row_blocks", "score_blocks", "softmax"]

CELLS = 1 << 21  # scores at once


class Attention(Protocol):
    """``(H, n, d)`` queries, ``(G, N, d)`` keys and values (H a multiple of G) → ``(H, n, d)`` outputs.

    Query head h reads key head h // (H // G). ``layer`` counts from 0, ``seen`` is ``(n,)``, each from 1 to N.
    """

    def __call__(
        self,
        queries: NDArray[np.float32],
        keys: NDArray[np.float32],
        values: NDArray[np.float32],
        *,
        layer: int,
        seen: NDArray[np.int64],
    ) -> NDArray[np.float32]: ...


def checked(queries: Any, keys: Any, values: Any, seen: Any) -> NDArray[np.int64]:
    """``seen`` as an int64 array, once the four have shapes that belong together.

    Raises:
        TypeError: one of the three is not float32, or ``seen`` not of integers.
        ValueError: shapes that do not belong together, or a query that sees no key or more keys than there are.
    """
    for name, value in (("queries", queries), ("keys", keys), ("values", values)):
        if getattr(value, "dtype", None) != np.float32:
            raise TypeError(f"{name} must be an array of float32, got {getattr(value, 'dtype', type(value))}")
        if value.ndim != 3:
            raise ValueError(f"{name} must have shape (heads, n, d), got {value.shape}")
    heads, count, dim = queries.shape
    groups, size, _ = keys.shape
    if not groups or heads % groups or keys.shape[2] != dim:
        raise ValueError(f"keys must have shape (G, N, {dim}) with G a divisor of {heads}, got {keys.shape}")
    if values.shape[:2] != keys.shape[:2]:
        raise ValueError(f"values must be as many as the keys, {keys.shape[:2]}, got {values.shape[:2]}")
    limit = np.asarray(seen)
    if limit.dtype.kind not in "iu":
        raise TypeError(f"seen must be an array of integers, got {limit.dtype}")
    if limit.shape != (count,):
        raise ValueError(f"seen must have shape ({count},), got {limit.shape}")
    if count and not 1 <= limit.min() <= limit.max() <= size:
        raise ValueError(f"seen must be from 1 to {size}, got {limit.min()} to {limit.max()}")
    return limit.astype(np.int64)


def finite(best: NDArray[np.floating]) -> None:
    """Nothing, if the highest score of every row is a number; NaN and infinity are a ``ValueError``."""
    if not np.isfinite(best).all():
        bad = best[~np.isfinite(best)].ravel()[0]
        raise ValueError(f"queries and keys must give finite scores, got {bad}")


def row_blocks(seen: NDArray[np.int64], share: int) -> Iterator[tuple[slice, NDArray[np.int64]]]:
    """Consecutive queries, of ``share`` heads each, some ``CELLS`` scores at a time: ``(queries, (rows,) seen)``.

    The rows are those of the heads that share a key head, one head after the other.
    """
    first = 0
    while first < len(seen):
        rows = max(1, CELLS // (share * int(seen[first:].max())))
        part = slice(first, min(len(seen), first + min(rows, 256)))
        yield part, np.tile(seen[part], share)
        first = part.stop


def score_blocks(
    queries: NDArray[np.float32], keys: NDArray[np.float32], seen: NDArray[np.int64]
) -> Iterator[tuple[int, slice, NDArray[np.float32], NDArray[np.int64]]]:
    """Scores q·k ÷ √d of :func:`row_blocks`: ``(key head, queries, (rows, last) scores, (rows,) seen)``.

    Each row is −∞ behind the keys that it sees.
    """
    dim = queries.shape[2]
    share = len(queries) // len(keys)
    scale = np.float32(dim**-0.5)
    for group in range(len(keys)):
        for part, limit in row_blocks(seen, share):
            last = int(limit.max())
            block = queries[group * share : (group + 1) * share, part].reshape(-1, dim) * scale
            scores: NDArray[np.float32] = np.asarray(block @ keys[group, :last].T, dtype=np.float32)
            for row in np.flatnonzero(limit < last):
                scores[row, limit[row] :] = -np.inf
            yield group, part, scores, limit


def softmax(
    queries: NDArray[np.float32],
    keys: NDArray[np.float32],
    values: NDArray[np.float32],
    *,
    layer: int = 0,
    seen: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Exact attention: o = Σ_j softmax_j(q·k_j / √d) v_j over the first ``seen`` keys (Vaswani et al. 2017).

    Raises:
        ValueError: shapes that do not belong together, or scores that are not finite.
    """
    seen = checked(queries, keys, values, seen)
    share = len(queries) // len(keys)
    out = np.empty((*queries.shape[:2], values.shape[2]), dtype=np.float32)
    for group, part, scores, _ in score_blocks(queries, keys, seen):
        total = np.empty((len(scores), 1), dtype=np.float32)

        def weigh(
            low: int, high: int, scores: NDArray[np.float32] = scores, total: NDArray[np.float32] = total
        ) -> None:
            rows = scores[low:high]
            best = rows.max(axis=1, keepdims=True)
            finite(best)
            rows -= best
            np.exp(rows, out=rows)
            rows.sum(axis=1, keepdims=True, out=total[low:high])

        spread(weigh, len(scores))
        read = (scores @ values[group, : scores.shape[1]]) / total
        out[group * share : (group + 1) * share, part] = read.reshape(share, -1, values.shape[2])
    return out
