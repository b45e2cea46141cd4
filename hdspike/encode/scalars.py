"""Numbers on a scale: near ones get similar vectors.

A *coordinate* is a bit (bsc), a block (sbc) or one of the active bits (bsdc). Every code here exchanges coordinates
between two fixed vectors in a fixed order, so that how many differ is exact, not random.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import bits, check
from hdspike.spaces import BSC, SBC, Space


def _ends(space: Space, random: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
    """Two unrelated vectors and a random rank for each coordinate; in bsdc they share no active bit."""
    if isinstance(space, BSC | SBC):
        low, high = space.random(2, rng=random)
    else:
        if space.dim < 2 * space.width:
            raise ValueError(f"space must have dim ≥ 2·{space.width} for levels, got {space!r}")
        chosen = random.choice(space.dim, 2 * space.width, replace=False).astype(np.int32)
        low, high = chosen.reshape(2, space.width)
    return low, high, random.permutation(_coordinates(space))


def _coordinates(space: Space) -> int:
    return space.dim if isinstance(space, BSC) else space.width


def _exchanged(
    space: Space, low: NDArray[Any], high: NDArray[Any], swapped: NDArray[np.bool_]
) -> NDArray[Any]:
    """``low`` with the coordinates ``swapped`` (num, coordinates) taken from ``high``."""
    if isinstance(space, BSC):
        swap = bits.pack(swapped)
        return (low & ~swap) | (high & swap)
    mixed = np.where(swapped, high, low)
    return mixed if isinstance(space, SBC) else np.sort(mixed, axis=-1)


def level(space: Space, num: int, *, rng: check.Rng = None) -> NDArray[Any]:
    """Vectors of ``num`` ordered levels: similarity falls linearly from level 0 to level ``num − 1``.

    Level ``i`` takes from one random vector the coordinates (bits or blocks) whose random rank is below
    ``i ÷ (num − 1)``, and the rest from another, so that the two ends are independent of each other (bsc, sbc) or
    share no active bit (bsdc). Levels ``i`` and ``j`` hold ``C·|i − j| ÷ (num − 1)`` coordinates (to within one)
    from different ends: their expected similarity is ``1 − |i − j| ÷ (num − 1)`` above that of the two ends.

    Source: Rahimi et al. (2016), "Hyperdimensional biosignal processing".

    >>> from hdspike.spaces import BSC
    >>> space = BSC(10_000)
    >>> space.similarity(level(space, 6, rng=0)[:1], level(space, 6, rng=0)).round(1).tolist()
    [[1.0, 0.8, 0.6, 0.4, 0.2, 0.0]]
    """
    check.integer("num", num, low=1)
    low, high, rank = _ends(space, check.generator(rng))
    steps = np.arange(num)[:, None]
    return _exchanged(space, low, high, rank[None, :] * max(num - 1, 1) < steps * len(rank))


levels = level


def circular(space: Space, num: int, *, rng: check.Rng = None) -> NDArray[Any]:
    """Vectors of ``num`` places on a circle: similarity falls linearly to the opposite place, then rises.

    On half the way round, coordinates are taken over from a second random vector in a random order; on the other
    half they are given back in the same order. Places ``i`` and ``j`` at a distance ``d = min(|i − j|, num − |i − j|)``
    hold ``C·2d ÷ num`` coordinates (to within one) from different vectors: their expected similarity is
    ``1 − 2d ÷ num`` above that of two unrelated ones.

    Source: Nunes et al. (2022), "An extension to basis-hypervectors for learning from circular data".

    >>> from hdspike.spaces import BSC
    >>> space = BSC(10_000)
    >>> hours = circular(space, 24, rng=0)
    >>> space.similarity(hours[:1], hours[[6, 12, 18, 23]]).round(1).tolist()
    [[0.5, 0.0, 0.5, 0.9]]
    """
    check.integer("num", num, low=1)
    low, high, rank = _ends(space, check.generator(rng))
    place = 2 * np.arange(num)[:, None]  # on a circle of 2·num half-steps, so that an odd num closes too
    gone = rank[None, :] * num < place * len(rank)
    back = rank[None, :] * num < (place - num) * len(rank)
    return _exchanged(space, low, high, gone & ~back)


def thermometer(space: Space, num: int) -> NDArray[Any]:
    """The unary code of ``num`` levels, without chance: level ``i`` has its first ``k_i = ⌈i·C ÷ (num − 1)⌉``
    coordinates set.

    * bsc: bits of value 1; the Hamming distance of two levels is ``|k_i − k_j|``, ``D`` between the ends.
    * sbc: blocks of index 1 instead of 0; ``C − |k_i − k_j|`` blocks match.
    * bsdc: the ``w`` active bits are a run that begins at ``k_i``; ``w − |k_i − k_j|`` of them are shared.

    Level 0 of bsc is all zeros, which binds nothing: bind the whole code with a random vector where that matters;
    no distance changes.

    Source: Rachkovskij et al. (2005), "Sparse binary distributed encoding of scalars".

    >>> from hdspike import bits
    >>> from hdspike.spaces import BSC
    >>> bits.unpack(thermometer(BSC(6), 4), 6).tolist()
    [[0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0], [1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]]
    """
    check.integer("num", num, low=1)
    count = _coordinates(space)
    edge = -(-np.arange(num)[:, None] * count // max(num - 1, 1))
    if isinstance(space, BSC):
        return bits.pack(np.arange(count) < edge)
    if isinstance(space, SBC):
        return (np.arange(count) < edge).astype(space.dtype)
    if space.dim < 2 * count:
        raise ValueError(f"space must have dim ≥ 2·{count} for a thermometer, got {space!r}")
    return (edge + np.arange(count)).astype(np.int32)


def quantise(values: Any, num: int, *, low: float, high: float) -> NDArray[np.int64]:
    """The nearest of ``num`` levels that divide ``[low, high]``; what lies outside takes the end.

    ``round((x − low) ÷ (high − low)·(num − 1))`` of every value ``(...)`` → indices ``(...)``.

    >>> quantise([-3.0, 0.0, 0.4, 1.0], 6, low=0.0, high=1.0).tolist()
    [0, 0, 2, 5]
    """
    given = finite("values", values)
    check.integer("num", num, low=1)
    ends = finite("low and high", [low, high])
    if not ends[0] < ends[1]:
        raise ValueError(f"low must be below high, got {low} and {high}")
    inside = np.clip(given, *ends)
    if ends[1] / 2 - ends[0] / 2 > np.finfo(np.float64).max / 4:  # the difference might be no float64
        inside, ends = inside / 4, ends / 4
    share = (inside - ends[0]) / (ends[1] - ends[0])
    return np.rint(share * (num - 1)).astype(np.int64)


def finite(name: str, values: Any) -> NDArray[np.float64]:
    """``values`` as finite float64 numbers."""
    given = np.asarray(values)
    if given.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be numbers, got dtype {given.dtype}")
    given = given.astype(np.float64, copy=False)
    if not np.all(np.isfinite(given)):
        raise ValueError(f"{name} must be finite numbers, got NaN or infinity")
    return given
