"""Item memory: the clean vectors that everything noisy is compared with."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.spaces import Space

__all__ = ["ItemMemory"]


class ItemMemory:
    """M vectors of one space, searched by similarity.

    >>> from hdspike.spaces import BSC
    >>> space = BSC(1000)
    >>> memory = ItemMemory(space, space.random(20, rng=0))
    >>> memory.cleanup(memory.items[[3, 7]]).tolist()
    [3, 7]
    """

    def __init__(self, space: Space, items: Any) -> None:
        self.space = space
        self.items = check.batch("items", space.checked("items", items), least=1)

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        return f"<ItemMemory: {len(self)} items of {self.space!r}>"

    def score(self, queries: Any) -> NDArray[np.int32]:
        """Integer similarity to every item: ``(Q, width)`` → ``(Q, M)``."""
        return self.space.score(queries, self.items)

    def similarity(self, queries: Any) -> NDArray[np.float64]:
        """Scaled similarity to every item: ``(Q, width)`` → ``(Q, M)``."""
        return self.space.similarity(queries, self.items)

    def cleanup(self, queries: Any) -> NDArray[np.int64]:
        """Index of the most similar item, the lowest of equal ones: ``(Q, width)`` → ``(Q,)``."""
        return np.argmax(self.score(queries), axis=1)

    def top(self, queries: Any, k: int) -> NDArray[np.int64]:
        """Indices of the k most similar items, best first, equal ones by index: ``(Q, min(k, M))``."""
        check.integer("k", k, low=1)
        return np.argsort(-self.score(queries), axis=1, kind="stable")[:, :k]
