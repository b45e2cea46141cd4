"""Sequences: the permutation, applied i times, marks place i."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.encode.contract import rows
from hdspike.encode.sets import multibind
from hdspike.spaces import SBC, Space


def position(space: Space, num: int, *, rng: check.Rng = None) -> NDArray[Any]:
    """Unrelated vectors of the places 0 … ``num − 1``: the powers of the permutation on one random p, ``ρ^i p``.

    ``(num, width)``. Bind each with what stands there; :func:`placed` permutes the items themselves and needs no p.
    Where near places shall be similar, use :func:`level` or :func:`fractional`.

    Raises:
        ValueError: more places than the permutation has powers (``dim``, in sbc ``blocks``).

    Source: Kanerva (2009), "Hyperdimensional computing".

    >>> from hdspike.spaces import BSC
    >>> space = BSC(10_000)
    >>> places = position(space, 3, rng=0)
    >>> bool(np.all(space.permute(places[:2]) == places[1:]))
    True
    """
    period = space.blocks if isinstance(space, SBC) else space.dim
    check.integer("num", num, low=1, high=period)
    return placed(space, np.repeat(space.random(1, rng=rng), num, axis=0))


def placed(space: Space, items: Any) -> NDArray[Any]:
    """``ρ^i x_i`` along axis −2: ``(..., T, width)`` → the same shape. Position as a power of the permutation.

    >>> from hdspike.spaces import SBC
    >>> placed(SBC(8, blocks=4), [[0, 0, 0, 1], [0, 0, 0, 1]]).tolist()
    [[0, 0, 0, 1], [1, 0, 0, 0]]
    """
    given = rows(space, "items", items)
    return np.stack([space.permute(given[..., i, :], i) for i in range(given.shape[-2])], axis=-2)


def bundle_sequence(space: Space, items: Any, *, weights: Any = None) -> NDArray[Any]:
    """A sequence that is similar to others with the same items in the same places: ``[Σ_i ρ^i x_i]``.

    ``(..., T, width)`` → ``(..., width)``; :func:`element` reads a place.

    Source: Kanerva (2009), "Hyperdimensional computing".
    """
    return space.bundle(placed(space, items), weights=weights)


def element(space: Space, sequence: Any, place: int) -> NDArray[Any]:
    """What stands in ``place`` of a bundled sequence, with the noise of the others: ``ρ^−place s``.

    ``(..., width)`` → ``(..., width)``; clean it up with an item memory.

    >>> from hdspike.spaces import BSC
    >>> space = BSC(10_000)
    >>> x = space.random(5, rng=0)
    >>> s = bundle_sequence(space, x[[3, 1, 4, 1]])
    >>> [int(space.score([element(space, s, i)], x).argmax()) for i in range(4)]
    [3, 1, 4, 1]
    """
    return space.permute(space.checked("sequence", sequence), -check.integer("place", place, low=0))


def bind_sequence(space: Space, items: Any) -> NDArray[Any]:
    """A sequence that matches another wholly or not at all: ``x_0 ⊗ ρ x_1 ⊗ … ⊗ ρ^{T−1} x_{T−1}``.

    ``(..., T, width)`` → ``(..., width)``.
    """
    return multibind(space, placed(space, items))
