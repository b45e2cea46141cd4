"""The product with weights of constant fan-in: ``y[o] = b[o] + Σ_j values[o, j] · x[indices[o, j]]``.

One or two samples go one by one, an input at a time (``vectors.dot``). More are transposed, 16 or 32 at once, into a
tile ``(n_in, samples)`` that stays in the second-level cache: then every weight multiplies a whole row of it
(``vectors.blend``), and nothing is gathered but rows. Tiles lie on a boundary of 64 bytes: on one that does not,
vectors of 64 bytes straddle cache lines and the product takes half as long again.
"""

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.jit import kernel
from hdspike.sparsity.layer import Floats
from hdspike.sparsity.vectors import SIDE, blend16, blend32, dot, turn

__all__ = ["gather", "index_dtype", "product"]

NARROW, WIDE = 16, 32
LINE = 64  # bytes of a cache line
_kept = threading.local()
ALONE = 2  # so many samples are quicker one by one than as a tile of NARROW


@kernel
def _gather(values, indices, outputs, bias, x, out):
    """Sample by sample; ``out`` (batch, n_out) is overwritten. Returns the products."""
    for b in range(x.shape[0]):
        for o in range(out.shape[1]):
            out[b, o] = bias[o]
        for o in range(values.shape[0]):
            out[b, outputs[o]] += dot(values[o], indices[o], x[b])
    return x.shape[0] * values.shape[0] * values.shape[1]


@kernel
def _transpose(source, samples, row, tile):
    """``tile[j, i] = source[row + i, j]`` for i < samples: whole blocks of 8 × 8, then what is left; beyond: zeros."""
    columns = source.shape[1]
    high, wide = samples // SIDE * SIDE, columns // SIDE * SIDE
    for i in range(0, high, SIDE):
        for j in range(0, wide, SIDE):
            turn(source, row + i, j, tile, j, i)
        for k in range(i, i + SIDE):
            for j in range(wide, columns):
                tile[j, k] = source[row + k, j]
    if high < tile.shape[1]:
        for j in range(columns):
            for i in range(high, samples):
                tile[j, i] = source[row + i, j]
            for i in range(
                samples, tile.shape[1]
            ):  # nobody reads what comes of these, but they shall be numbers
                tile[j, i] = 0


@kernel
def _untranspose(tile, samples, row, out):
    """``out[row + i, j] = tile[j, i]`` for i < samples: whole blocks of 8 × 8, then what is left."""
    columns = out.shape[1]
    high, wide = samples // SIDE * SIDE, columns // SIDE * SIDE
    for i in range(0, high, SIDE):
        for j in range(0, wide, SIDE):
            turn(tile, j, i, out, row + i, j)
        for k in range(i, i + SIDE):
            for j in range(wide, columns):
                out[row + k, j] = tile[j, k]
    for i in range(high, samples):
        for j in range(columns):
            out[row + i, j] = tile[j, i]


@kernel
def _blend_tile(values, indices, outputs, bias, tile, result):
    """``result[outputs[o]] = bias + Σ_j values[o, j] · tile[indices[o, j]]`` for rows of 16 or 32 samples."""
    if tile.shape[1] == 16:
        for o in range(values.shape[0]):
            blend16(values[o], indices[o], tile, bias[outputs[o]], result[outputs[o]])
    else:
        for o in range(values.shape[0]):
            blend32(values[o], indices[o], tile, bias[outputs[o]], result[outputs[o]])


@kernel
def _gather_tiles(values, indices, outputs, bias, x, tile, result, out):
    """Tile by tile, of 16 or of 32 samples: ``tile`` (n_in, 16 or 32) and ``result`` (n_out, the same) are scratch."""
    width = tile.shape[1]
    for o in range(result.shape[0]):
        for s in range(width):
            result[o, s] = bias[o]
    for low in range(0, x.shape[0], width):
        samples = min(width, x.shape[0] - low)
        _transpose(x, samples, low, tile)
        _blend_tile(values, indices, outputs, bias, tile, result)
        _untranspose(result, samples, low, out)
    return x.shape[0] * values.shape[0] * values.shape[1]


def aligned(shape: tuple[int, int], dtype: Any) -> NDArray[Any]:
    """Zeros on a boundary of 64 bytes."""
    size = shape[0] * shape[1] * np.dtype(dtype).itemsize
    room = np.zeros(size + LINE, dtype=np.uint8)
    low = -int(room.__array_interface__["data"][0]) % LINE
    return room[low : low + size].view(dtype).reshape(shape)


def scratch(rows: int, width: int, dtype: Any) -> NDArray[Any]:
    """(rows, width) of this thread's own, kept from call to call; what it holds is of no meaning."""
    kept: dict[Any, NDArray[Any]] = _kept.__dict__
    if (width, dtype) not in kept or len(kept[width, dtype]) < rows:
        kept[width, dtype] = aligned((rows, width), dtype)
    return kept[width, dtype][:rows]


def product(
    values: Floats, indices: NDArray[Any], outputs: NDArray[np.int64], bias: Floats, x: Floats
) -> tuple[Floats, int]:
    """:func:`gather` for arrays that are known to be proper: nothing is checked."""
    out = np.empty((len(x), len(bias)), dtype=values.dtype)
    if len(x) <= ALONE:
        return out, int(_gather(values, indices, outputs, bias, x, out))
    width, n_in = NARROW if len(x) <= NARROW else WIDE, x.shape[1]
    room = scratch(n_in + len(bias), width, values.dtype)
    return out, int(_gather_tiles(values, indices, outputs, bias, x, room[:n_in], room[n_in:], out))


def index_dtype(n_in: int) -> Any:
    """Two bytes where they are enough: they are also quicker."""
    return np.uint16 if n_in <= 1 << 16 else np.uint32


def gather(
    values: Floats,
    indices: NDArray[np.integer[Any]],
    x: Floats,
    *,
    bias: Floats | None = None,
    outputs: NDArray[np.integer[Any]] | None = None,
) -> tuple[Floats, int]:
    """``y[b, outputs[o]] = bias[outputs[o]] + Σ_j values[o, j] · x[b, indices[o, j]]``; other outputs are their bias.

    Args:
        values: (neurons, fan_in), float32 or float64.
        indices: (neurons, fan_in) of integers below n_in; one may occur twice.
        x: (batch, n_in), of the dtype of ``values``.
        bias: (n_out,); None: zeros.
        outputs: (neurons,), all different, below n_out; None: neuron o is output o. They need a bias.

    Returns:
        y (batch, n_out), and how many products were made, ``batch × neurons × fan_in``.

    Raises:
        ValueError, TypeError: a shape, a dtype or an index does not fit.

    >>> gather(np.array([[2.0, 3.0]]), np.array([[0, 2]]), np.array([[1.0, 5.0, 10.0]]))
    (array([[32.]]), 2)
    """
    values, x = np.asarray(values), np.asarray(x)
    if values.dtype not in (np.float32, np.float64) or values.ndim != 2:
        raise TypeError(
            f"values must be float32 or float64 of 2 dimensions, got {values.dtype} of shape {values.shape}"
        )
    if x.dtype != values.dtype or x.ndim != 2:
        raise TypeError(f"x must be {values.dtype} of 2 dimensions, got {x.dtype} of shape {x.shape}")
    picked = proper_indices("indices", indices, x.shape[1], values.shape)
    if outputs is None:
        outputs = np.arange(len(values))
    elif bias is None:
        raise ValueError("bias must be given with outputs: its length is that of y, got None")
    addend = np.ascontiguousarray(np.zeros(len(values)) if bias is None else bias, dtype=values.dtype)
    if addend.ndim != 1:
        raise ValueError(f"bias must have 1 dimension, got shape {addend.shape}")
    places = proper_indices("outputs", outputs, len(addend), (len(values),)).astype(np.int64)
    if len(np.unique(places)) != len(places):
        raise ValueError(f"outputs must be all different, got {places.tolist()}")
    return product(np.ascontiguousarray(values), picked, places, addend, np.ascontiguousarray(x))


def proper_indices(name: str, given: NDArray[Any], high: int, shape: tuple[int, ...]) -> NDArray[Any]:
    """``given`` as indices below ``high`` of the narrowest dtype, contiguous."""
    held = np.asarray(given)
    if held.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, got {held.dtype}")
    if held.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {held.shape}")
    if held.size and not 0 <= held.min() <= held.max() < high:
        raise ValueError(f"{name} must be in [0, {high}), got values in [{held.min()}, {held.max()}]")
    return np.ascontiguousarray(held, dtype=index_dtype(high))
