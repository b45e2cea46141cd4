"""Tokens: the symbols of a text as indices into a batch of item vectors, or as keys of hashed items."""

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.encode.hashed import HashedItems, as_keys
from hdspike.spaces import Space


def indices(name: str, tokens: Any, items: NDArray[Any]) -> NDArray[np.int64]:
    """``tokens`` as indices of ``items``, along one axis."""
    given = check.array(name, tokens, np.int64, ndim=1)
    return in_range(name, given, len(items))


def in_range(name: str, given: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """``given`` if all of it is in ``[0, size)``."""
    if given.size and not (0 <= given.min() and given.max() < size):
        raise ValueError(f"{name} must be in [0, {size}), got {given.min()} … {given.max()}")
    return given


def in_use(tokens: NDArray[Any], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The distinct numbers among ``tokens`` in [0, size), in order, and each token as an index of them; no sorting."""
    seen = np.zeros(size, dtype=bool)
    seen[tokens] = True
    return np.flatnonzero(seen), (np.cumsum(seen) - 1)[tokens]


def resolve(space: Space, items: Any, tokens: Any) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The item vectors in use ``(V, width)`` and the tokens as indices of them, of any shape.

    ``items`` is a batch of vectors and ``tokens`` indices of it; or ``items`` is a :class:`HashedItems` and
    ``tokens`` its keys, of which a ``str`` is read as its characters.
    """
    if np.ndim(tokens) == 0 and not (isinstance(tokens, str) and isinstance(items, HashedItems)):
        raise ValueError(f"tokens must have at least one dimension, got {tokens!r}")
    if isinstance(items, HashedItems):
        if items.space is not space and repr(items.space) != repr(space):
            raise ValueError(f"items must be of the space {space!r}, got items of {items.space!r}")
        if isinstance(tokens, str):
            points = np.frombuffer(tokens.encode("utf-32-le", "surrogatepass"), dtype="<u4")
            distinct, places = in_use(points, sys.maxunicode + 1)
            return items[[chr(point) for point in distinct]], places
        keys = as_keys(tokens)
        if keys.dtype == object:
            table: dict[Any, int] = {}
            seen = [table.setdefault((type(key), key), len(table)) for key in keys.reshape(-1).tolist()]
            return items[[key for _, key in table]], np.array(seen, dtype=np.int64).reshape(keys.shape)
        distinct, places = np.unique(keys, return_inverse=True)
        return items[distinct], places.reshape(keys.shape)
    vectors = check.batch("items", space.checked("items", items))
    given = check.array("tokens", tokens, np.int64)
    return vectors, in_range("tokens", given, len(vectors))
