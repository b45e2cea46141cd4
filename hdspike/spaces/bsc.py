"""The dense binary spatter code (Kanerva 1996): fair random bits, XOR binding, majority bundling.

Score: equal bits, ``D − |a ⊕ b|``. Similarity: ``1 − 2·|a ⊕ b| ÷ D``, 0 for random pairs with a standard
deviation of ``1/√D``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import bits, check
from hdspike.spaces.base import Space, joint, plain


@contextmanager
def _renamed(inner: str, outer: str) -> Iterator[None]:
    """Errors about the argument ``inner`` of what is called name the caller's ``outer`` instead."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if not str(error).startswith(f"{inner} "):
            raise
        raise type(error)(outer + str(error).removeprefix(inner)) from error


class BSC(Space):
    """Dense binary vectors of ``dim`` bits, stored as ``⌈dim/64⌉`` words."""

    name = "bsc"
    claims = frozenset({"associative", "invertible", "isometric", "scattering", "distributive"})

    def __init__(self, dim: int) -> None:
        self.dim = check.integer("dim", dim, low=1)
        self.width = bits.word_count(dim)
        self.dtype = np.dtype(np.uint64)
        self.top_score = dim
        self.span = max(1, dim // 2)

    def __repr__(self) -> str:
        return f"BSC({self.dim})"

    def checked(self, name: str, vectors: Any) -> NDArray[np.uint64]:
        """Words whose bits beyond ``dim`` are zero; those of a memory-mapped file are looked at when searched."""
        return bits.words_of(name, plain(name, vectors, self.dim), self.dim)

    def _batch(self, name: str, vectors: Any) -> NDArray[Any]:
        """Rows for :mod:`hdspike.bits`, which checks all else about them: a second look would cost time."""
        rows = check.batch(name, plain(name, vectors, self.dim))
        if bits.mapped(rows) and rows.dtype == np.uint64 and rows.shape[1] == self.width:
            bits.check_tails(name, rows, self.dim)
        return rows

    def random(self, num: int, *, rng: check.Rng = None) -> NDArray[np.uint64]:
        return bits.random(num, self.dim, rng=rng)

    def bind(self, a: Any, b: Any, *, out: NDArray[Any] | None = None) -> NDArray[np.uint64]:
        """Exclusive or: associative, isometric, its own inverse."""
        first, second = self.checked("a", a), self.checked("b", b)
        shape = joint(("a", "b"), first, second)
        if out is None:
            return np.bitwise_xor(first, second)
        return np.bitwise_xor(first, second, out=check.receiver(out, shape, np.uint64))

    def inverse(self, a: Any) -> NDArray[np.uint64]:
        """XOR is its own inverse."""
        return self.checked("a", a).copy()

    def bundle(self, vectors: Any, *, weights: Any = None) -> NDArray[np.uint64]:
        """The weighted majority of each bit; ties as in :func:`hdspike.bits.majority`."""
        return bits.majority(self.checked("vectors", vectors), self.dim, weights=weights)

    def permute(self, a: Any, shifts: int = 1) -> NDArray[np.uint64]:
        """Bit ``i`` moves to ``(i + shifts) mod dim``."""
        return bits.rotate(self.checked("a", a), self.dim, shifts)

    def _score(self, queries: NDArray[Any], items: NDArray[Any]) -> NDArray[np.int32]:
        with _renamed("rows", "items"):
            return np.int32(self.dim) - bits.hamming(queries, items, self.dim)

    def _nearest(
        self, queries: NDArray[Any], items: Any, k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        rows = self._batch("items", items)
        with _renamed("rows", "items"):
            chosen, distances = bits.nearest(queries, rows, self.dim, k)
        return chosen, np.int32(self.dim) - distances

    def to_words(self, vectors: Any) -> NDArray[np.uint64]:
        """The vectors themselves, which are packed bits."""
        return self.checked("vectors", vectors).copy()

    def scale(self, scores: Any) -> NDArray[Any]:
        """``2·score ÷ D − 1``, from −1 to 1."""
        return 2.0 * scores / self.dim - 1.0
