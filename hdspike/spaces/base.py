"""What a vector space must offer. The laws that every space obeys are in ``tests/laws.py``."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hdspike import check


class Space(ABC):
    """Random vectors, binding, bundling, permutation and similarity over arrays of shape ``(..., width)``.

    ``dim``    dimensions of the (possibly sparse) binary vector.
    ``width``  numbers that store one vector: words (bsc) or block indices (sbc).
    """

    name: ClassVar[str]
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
    def bind(self, a: Any, b: Any) -> NDArray[Any]:
        """A vector unlike both ``a`` and ``b`` that preserves similarity; commutative, associative."""

    @abstractmethod
    def inverse(self, a: Any) -> NDArray[Any]:
        """The vector that undoes ``a``: ``bind(bind(x, a), inverse(a)) = x``."""

    @abstractmethod
    def bundle(self, vectors: Any, *, weights: Any = None) -> NDArray[Any]:
        """A vector similar to all of ``(..., K, width)``, in proportion to integer weights ``(..., K)``."""

    @abstractmethod
    def permute(self, a: Any, shifts: int = 1) -> NDArray[Any]:
        """A fixed permutation of the dimensions, ``shifts`` times; distributes over bind and bundle."""

    @abstractmethod
    def score(self, queries: Any, items: Any) -> NDArray[np.int32]:
        """The integer similarity of every pair: ``(Q, width)`` against ``(M, width)`` → ``(Q, M)``."""

    @abstractmethod
    def scale(self, scores: Any) -> NDArray[Any]:
        """Scores as similarities: 1 for a vector with itself and, for bsc, 0 for a random pair."""

    def similarity(self, queries: Any, items: Any) -> NDArray[np.float64]:
        """The scaled score of every pair: ``(Q, width)`` against ``(M, width)`` → ``(Q, M)``."""
        return self.scale(self.score(queries, items))

    def checked(self, name: str, vectors: Any) -> NDArray[Any]:
        """``vectors`` as a contiguous array of this space, or an error that names ``name``."""
        raise NotImplementedError
