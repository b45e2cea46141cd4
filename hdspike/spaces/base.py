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
    dtype: np.dtype[Any]
    """Of the vectors."""
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

        ``out`` receives the result where it is given: of its shape and dtype, contiguous. It may share memory with
        ``a`` or ``b``.
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

    def score(self, queries: Any, items: Any) -> NDArray[np.int32]:
        """The integer similarity of every pair: ``(..., width)`` against ``(M, width)`` → ``(..., M)``."""
        asked = self.checked("queries", queries)
        others = self._batch("items", items)
        return self._score(asked.reshape(-1, self.width), others).reshape(*asked.shape[:-1], len(others))

    @abstractmethod
    def _score(self, queries: NDArray[Any], items: NDArray[Any]) -> NDArray[np.int32]:
        """:meth:`score` of checked batches ``(Q, width)`` and ``(M, width)``."""

    @abstractmethod
    def scale(self, scores: Any) -> NDArray[Any]:
        """Scores as similarities: 1 for a vector with itself and, for bsc, 0 for a random pair."""

    @abstractmethod
    def checked(self, name: str, vectors: Any) -> NDArray[Any]:
        """``vectors`` as a contiguous array of this space, or an error that names ``name``."""

    @abstractmethod
    def to_words(self, vectors: Any) -> NDArray[np.uint64]:
        """The same vectors as packed bits ``(..., ⌈dim/64⌉)``."""

    def nearest(self, queries: Any, items: Any, k: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """The k items of highest score with each query, best first, equal ones by index.

        Args:
            queries: ``(..., width)``.
            items: ``(M, width)``; in a sparse space also what its ``index(items)`` made of them.
            k: how many, at least 1.

        Returns:
            Indices and scores, both ``(..., min(k, M))``.
        """
        asked = self.checked("queries", queries)
        check.integer("k", k, low=1)
        chosen, scores = self._nearest(asked.reshape(-1, self.width), items, k)
        shape = (*asked.shape[:-1], chosen.shape[1])
        return chosen.reshape(shape), scores.reshape(shape)

    @abstractmethod
    def _nearest(
        self, queries: NDArray[Any], items: Any, k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """:meth:`nearest` of a checked batch ``(Q, width)``; the items are not checked yet."""

    def similarity(self, queries: Any, items: Any) -> NDArray[np.float64]:
        """The scaled score of every pair: ``(..., width)`` against ``(M, width)`` → ``(..., M)``."""
        return self.scale(self.score(queries, items))

    def _batch(self, name: str, vectors: Any) -> NDArray[Any]:
        """``vectors`` as a checked batch ``(n, width)``."""
        return check.batch(name, self.checked(name, vectors))


def plain(name: str, vectors: Any, dim: int) -> NDArray[Any]:
    """``vectors`` as an array; ragged lists, and hypervectors that know another ``dim``, are errors."""
    known = getattr(vectors, "dim", dim)
    if isinstance(known, int | np.integer) and known != dim:
        raise ValueError(f"{name} must have dim {dim} of the space, got dim {known}")
    try:
        return np.asarray(vectors)
    except ValueError as error:
        raise ValueError(f"{name} must be an array of rows of equal length: {error}") from error


def joint(names: tuple[str, str], first: NDArray[Any], second: NDArray[Any]) -> tuple[int, ...]:
    """The shape that two arrays broadcast to, or an error that names the second."""
    if first.shape == second.shape:
        return first.shape
    try:
        return np.broadcast_shapes(first.shape, second.shape)
    except ValueError as error:
        raise ValueError(
            f"{names[1]} must broadcast with {names[0]} of shape {first.shape}, got shape {second.shape}"
        ) from error


def apart(given: NDArray[Any], out: NDArray[Any]) -> NDArray[Any]:
    """``given``, copied where ``out`` overlaps it without being it, so that no result is read as an input."""
    if not np.may_share_memory(given, out):
        return given
    same = given.ctypes.data == out.ctypes.data and (given.shape, given.strides) == (out.shape, out.strides)
    return given if same else given.copy()
