"""What a vector space must offer, and which laws it claims. The laws themselves are in ``tests/laws.py``."""

from abc import ABC, abstractmethod
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hdspike import check

TRAITS = MappingProxyType(
    {
        "associative": "bind(bind(a, b), c) = bind(a, bind(b, c))",
        "invertible": "bind(bind(a, b), inverse(b)) = a",
        "isometric": "score(bind(a, c), bind(b, c)) = score(a, b)",
        "scattering": "bind(a, b) scores with a, and with b, as a random vector does",
        "distributive": "bind and permute distribute over a bundle without ties",
    }
)
"""Laws that hold in some spaces only. All others hold in every space."""


class Space(ABC):
    """Random vectors, binding, bundling, permutation and similarity over arrays of shape ``(..., width)``.

    Batch shapes ``(...)`` broadcast as NumPy's do.

    ``dim``    dimensions of the (possibly sparse) binary vector.
    ``width``  numbers that store one vector: words (bsc), block indices (sbc) or indices of the ones (bsdc).
    """

    name: ClassVar[str]
    claims: ClassVar[frozenset[str]]
    """Which of :data:`TRAITS` hold here."""
    dim: int
    width: int
    top_score: int
    """The score of a vector with itself."""
    span: int
    """The score of a vector with itself above that of a random pair, to the nearest whole score."""

    @abstractmethod
    def random(self, num: int, *, rng: check.Rng = None) -> NDArray[Any]:
        """``num`` independent random vectors ``(num, width)``."""

    @abstractmethod
    def bind(self, a: Any, b: Any, *, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """One vector that stands for the pair; commutative. Similar pairs give similar vectors.

        ``out`` receives the result where it is given: of its shape and dtype, contiguous, no part of ``a`` or ``b``
        unless it is all of it.
        """

    @abstractmethod
    def inverse(self, a: Any) -> NDArray[Any]:
        """The vector that undoes ``a``: ``bind(bind(x, a), inverse(a)) = x``.

        Raises:
            TypeError: the space is not ``invertible``.
        """

    @abstractmethod
    def bundle(self, vectors: Any, *, weights: Any = None) -> NDArray[Any]:
        """A vector similar to all of ``(..., K, width)``, in proportion to integer weights ``(..., K)``."""

    @abstractmethod
    def permute(self, a: Any, shifts: int = 1) -> NDArray[Any]:
        """A fixed permutation of the dimensions, ``shifts`` times; distributes over bind."""

    @abstractmethod
    def score(self, queries: Any, items: Any) -> NDArray[np.int32]:
        """The integer similarity of every pair: ``(Q, width)`` against ``(M, width)`` → ``(Q, M)``."""

    @abstractmethod
    def scale(self, scores: Any) -> NDArray[Any]:
        """Scores as similarities: 1 for a vector with itself and, for bsc, 0 for a random pair."""

    @abstractmethod
    def checked(self, name: str, vectors: Any) -> NDArray[Any]:
        """``vectors`` as a contiguous array of this space, or an error that names ``name``."""

    @abstractmethod
    def to_words(self, vectors: Any) -> NDArray[np.uint64]:
        """The same vectors as packed bits ``(..., ⌈dim/64⌉)``."""

    @abstractmethod
    def nearest(self, queries: Any, items: Any, k: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """The k items of highest score with each query, best first, equal ones by index.

        Args:
            queries: ``(Q, width)``.
            items: ``(M, width)``; in a sparse space also what its ``index(items)`` made of them.
            k: how many, at least 1.

        Returns:
            Indices and scores, both ``(Q, min(k, M))``.
        """

    def similarity(self, queries: Any, items: Any) -> NDArray[np.float64]:
        """The scaled score of every pair: ``(Q, width)`` against ``(M, width)`` → ``(Q, M)``."""
        return self.scale(self.score(queries, items))

    def _receiver(self, out: NDArray[Any] | None, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """``out`` if it can hold a result of this shape and dtype, a new array if it is None."""
        if out is None:
            return np.empty(shape, dtype=dtype)
        if not isinstance(out, np.ndarray) or out.dtype != dtype:
            raise TypeError(
                f"out must be an array of {np.dtype(dtype)}, got {getattr(out, 'dtype', type(out))}"
            )
        if out.shape != shape or not (out.flags.c_contiguous and out.flags.writeable):
            raise ValueError(f"out must be contiguous, writeable and of shape {shape}, got shape {out.shape}")
        return out
