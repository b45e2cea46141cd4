"""What a structure asks of a space, and of the indices that describe it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.encode.tokens import in_range
from hdspike.spaces import Space
from hdspike.spaces.base import TRAITS


def need(space: Space, trait: str, purpose: str) -> None:
    """Raise where ``space`` does not claim ``trait``."""
    if trait not in space.claims:
        raise TypeError(f"space must be {trait} for {purpose} ({TRAITS[trait]}), got {space!r}")


def rows(space: Space, name: str, vectors: Any) -> NDArray[Any]:
    """``vectors`` of the space with at least one axis before the last: ``(..., K, width)``, K ≥ 1."""
    given = space.checked(name, vectors)
    if given.ndim < 2 or given.shape[-2] == 0:
        raise ValueError(f"{name} must be (..., K, {space.width}) with K ≥ 1, got shape {given.shape}")
    return given


def index_rows(name: str, value: Any, *sizes: int) -> NDArray[np.int64]:
    """Indices ``(..., K, len(sizes))``, K ≥ 1, column c in ``[0, sizes[c])``."""
    given = check.array(name, value, np.int64)
    if given.ndim < 2 or given.shape[-1] != len(sizes) or given.shape[-2] == 0:
        raise ValueError(f"{name} must be (..., K, {len(sizes)}) with K ≥ 1, got shape {given.shape}")
    for column, size in enumerate(sizes):
        in_range(f"{name}[..., {column}]", given[..., column], size)
    return given
