r"""The keys of an attention head in a few bytes each, three ways, and which of its best keys a query still finds.

A query q ranks keys by q·k. What does not change its order may go: a centre c of all keys is subtracted, and taken from
other text, as are all statistics here. Then a key is kept as

- **low rank**: its coordinates ``z = (k − c) L A`` on the r axes A that lose least of ``E (q·(k − k̂))²``, with
  ``E[q qᵀ] = LLᵀ``; in float16 or int8 (the latent of one head, without training);
- **sparse**: its entries of greatest ``|k_i − c_i|·√E q_i²`` in float16, and where they are;
- **signs**: the hypervector of its sign random projection into 8 bits a byte (Charikar 2002), compared by Hamming
  distance with that of q (:class:`hdspike.models.signs.SignCode`).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from hdspike import bits, check
from hdspike.encode import Projector
from hdspike.spaces import BSC
from hdspike.sparsity.low_rank import RIDGE, matrix

__all__ = ["KINDS", "ShortKeys", "recall", "winners"]

KINDS = ("low rank float16", "low rank int8", "sparse", "signs")
Array = NDArray[np.float64]


class ShortKeys:
    """One head's way to keep a key in ``room`` bytes.

    Args:
        kind: one of :data:`KINDS`.
        room: bytes of a key.
        keys, queries: (samples, d) of other text.
        seed: picks the projection of signs.

    Attributes:
        numbers: coordinates, entries or bits that are kept of a key.

    >>> rng = np.random.default_rng(0)
    >>> k, q = rng.normal(size=(2, 100, 8))
    >>> code = ShortKeys("low rank float16", 16, k, q)
    >>> bool(np.allclose(code.scores(q, k), q @ (k - k.mean(axis=0)).T, atol=0.05))  # all eight axes
    True
    """

    def __init__(self, kind: str, room: int, keys: Any, queries: Any, *, seed: int = 0) -> None:
        self.kind = check.one_of("kind", kind, KINDS)
        self.room = check.integer("room", room, low=2)
        k, q = matrix("keys", keys), matrix("queries", queries)
        if k.shape[1] != q.shape[1]:
            raise ValueError(f"queries must have {k.shape[1]} numbers each, as keys, got {q.shape[1]}")
        d = k.shape[1]
        self.centre = k.mean(axis=0)
        if kind == "signs":
            self.numbers = 8 * self.room
            self._projector = Projector(BSC(self.numbers), d, seed=seed)
        elif kind == "sparse":
            index = max(1, (d - 1).bit_length())
            places = [min(-(-d // 8), -(-index * s // 8)) for s in range(d + 1)]
            self.numbers = max(s for s in range(d + 1) if 2 * s + places[s] <= self.room)
            self._weight = np.sqrt(np.square(q).mean(axis=0))
        else:
            self.numbers = min(d, self.room // 2 if kind.endswith("float16") else self.room)
            moments = q.T @ q / len(q)
            moments += (RIDGE * np.trace(moments) / d + 1e-30) * np.eye(d)
            root = np.linalg.cholesky(moments)
            away = (k - self.centre) @ root
            _, _, axes = np.linalg.svd(away, full_matrices=False)
            self._axes = root @ axes[: self.numbers].T
            # k̂ − c = z Aᵀ L⁻¹, so that q·(k̂ − c) = (A ᵀ L⁻¹ q)·z
            self._back = solve_triangular(root.T, axes[: self.numbers].T)
            self._step = np.maximum(np.abs(away @ axes[: self.numbers].T).max(axis=0), 1e-30) / 127

    def kept(self, keys: Any) -> NDArray[Any]:
        """The keys (N, d) as they are kept: coordinates, sparse entries written out with their zeros, or words."""
        away = matrix("keys", keys) - self.centre
        if self.kind == "signs":
            return self._projector(away)
        if self.kind == "sparse":
            out = np.zeros_like(away)
            chosen = np.argsort(-np.abs(away) * self._weight, axis=1, kind="stable")[:, : self.numbers]
            np.put_along_axis(
                out, chosen, np.take_along_axis(away, chosen, axis=1).astype(np.float16), axis=1
            )
            return out
        z = away @ self._axes
        if self.kind.endswith("int8"):
            return np.clip(np.round(z / self._step), -127, 127).astype(np.int8)
        return z.astype(np.float16)

    def scores(self, queries: Any, keys: Any) -> Array:
        """(n, N): q·(k̂ − c), or the bits in which the codes agree."""
        q, held = matrix("queries", queries), self.kept(keys)
        if self.kind == "signs":
            return np.float64(self.numbers) - bits.hamming(self._projector(q), held, self.numbers)
        if self.kind == "sparse":
            return np.asarray(q @ held.T)
        z = held * self._step if self.kind.endswith("int8") else held.astype(np.float64)
        return np.asarray((q @ self._back) @ z.T)


def winners(seen: Any, share: float) -> NDArray[np.int64]:
    """How many keys a query that sees so many reads: the ``share`` of them, at least one."""
    limits = check.array("seen", seen, np.int64, ndim=1)
    if not len(limits) or limits.min() < 1:
        raise ValueError(f"seen must be at least 1 key for each query, got {limits.min(initial=0)}")
    if not 0 < share <= 1:
        raise ValueError(f"share must be in (0, 1], got {share}")
    return np.maximum(1, np.round(share * limits)).astype(np.int64)


def recall(exact: Any, scores: Any, seen: Any, *, share: float = 0.01) -> Array:
    """Of each query's best keys by ``exact`` (n, N), the share that is among as many best by ``scores``.

    Query i sees the ``seen[i]`` first keys; of equal scores the earlier key is the better. (n,) in [0, 1].
    """
    true, found = matrix("exact", exact), matrix("scores", scores)
    counts = winners(seen, share)
    if true.shape != found.shape or len(true) != len(counts):
        raise ValueError(f"scores must have shape {true.shape} with a seen each, got {found.shape}")
    out = np.empty(len(true))
    for i, (limit, count) in enumerate(zip(np.asarray(seen).tolist(), counts.tolist(), strict=True)):
        if limit > true.shape[1]:
            raise ValueError(f"seen must be at most {true.shape[1]} keys, got {limit}")
        best, near = (np.argsort(-row[i, :limit], kind="stable")[:count] for row in (true, found))
        out[i] = len(np.intersect1d(best, near, assume_unique=True)) / count
    return out
