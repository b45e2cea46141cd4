"""Real numbers without ends: positions, times and coordinates of any range, near ones similar."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import bits, check
from hdspike.encode import hashed
from hdspike.encode.scalars import finite
from hdspike.spaces import BSC, SBC, Space

CHUNK = 1 << 20  # coordinates hashed at a time


def fractional(space: Space, values: Any, *, reach: float = 1.0, seed: int = 0) -> NDArray[Any]:
    """Vectors of real numbers: similarity falls linearly with their difference, to that of strangers at ``reach``.

    Coordinate ``c`` (a bit or a block) cuts the line into bins of length ``reach`` with its own random offset and
    holds a hash of the bin: ``hash(c, ⌊x ÷ reach + u_c⌋)``. Two numbers share a bin with a chance of
    ``max(0, 1 − |x − y| ÷ reach)``, which is their expected similarity in bsc; in sbc it is the expected share of
    matching blocks, beside the chance matches of the others. Nothing is stored and no range is fixed. Bind the
    vectors of several axes for a place in the plane or in space: in bsc the similarities multiply.

    Args:
        values: finite numbers ``(...)``, at most ``2⁵²·reach`` in magnitude.
        reach: the distance beyond which two numbers are unrelated.
        seed: picks one of the codes; give each axis its own.

    Returns:
        ``(..., width)``.

    Source: Rahimi & Recht (2007), "Random features for large-scale kernel machines" (random binning).

    >>> from hdspike.spaces import BSC
    >>> space = BSC(10_000)
    >>> x = fractional(space, [100.0, 101.0, 105.0, 150.0], reach=10.0)
    >>> space.similarity(x[:1], x).round(1).tolist()
    [[1.0, 0.9, 0.5, 0.0]]
    """
    if not isinstance(space, BSC | SBC):
        raise TypeError(f"space must be bsc or sbc, whose coordinates are independent, got {space!r}")
    given = finite("values", values)
    scale = float(finite("reach", reach))
    if scale <= 0:
        raise ValueError(f"reach must be above 0, got {reach}")
    scaled = (given / scale).reshape(-1)
    if scaled.size and np.abs(scaled).max() > 2.0**52:
        raise ValueError(f"values must be at most 2^52·reach in magnitude, got {np.abs(given).max()}")
    count = space.dim if isinstance(space, BSC) else space.blocks
    check.integer("seed", seed, low=0, high=2**64 - 1)
    coordinate = hashed.bases(np.arange(count, dtype=np.uint64), hashed.COORDINATE, seed)
    offset = hashed.uniform(coordinate)
    out = np.empty((len(scaled), space.width), dtype=space.dtype)
    step = max(1, CHUNK // count)
    for start in range(0, len(scaled), step):
        part = scaled[start : start + step, None]
        bins = np.floor(part + offset).astype(np.int64).view(np.uint64)
        drawn = hashed.mixed(hashed.mixed(bins * bits.GOLDEN) ^ coordinate)
        if isinstance(space, BSC):
            out[start : start + step] = bits.pack(drawn >> np.uint64(63))
        else:
            out[start : start + step] = hashed.below(drawn, space.length)
    return out.reshape(*given.shape, space.width)
