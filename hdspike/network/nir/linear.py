"""NIR's linear nodes as sparse matrices: affine maps, scalings, convolutions, pooling and flattening.

A node maps a flat vector in C order to another; the matrix is ``(out, in)``, and a bias is added to each output.
Images are (channels, rows, columns), as in NIR (Pedersen et al. 2024).
"""

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["LINEAR", "Map", "linear"]

MOST = 200_000_000  # entries of one matrix

Shape = tuple[int, ...]


class Map(NamedTuple):
    """``y = matrix · x + bias`` and the shape of y."""

    matrix: Any  # scipy.sparse.csr_array
    bias: NDArray[np.float64] | None
    shape: Shape


def _sparse(rows: Any, columns: Any, values: Any, shape: tuple[int, int]) -> Any:
    from scipy import sparse

    return sparse.csr_array((values, (rows, columns)), shape=shape, dtype=np.float64)


def _numbers(name: str, field: str, value: Any, ndim: int | None = None) -> NDArray[np.float64]:
    array = np.asarray(value)
    if array.dtype.kind not in "biuf" or not np.all(np.isfinite(array)):
        raise ValueError(f"node {name} must have finite numbers in {field}, got {array.dtype}")
    if ndim is not None and array.ndim != ndim:
        raise ValueError(f"node {name} must have {field} of {ndim} dimensions, got shape {array.shape}")
    return array.astype(np.float64)


def _pair(name: str, field: str, value: Any, count: int, low: int) -> tuple[int, ...]:
    """A stride, padding or dilation: one whole number, or one per dimension."""
    array = np.atleast_1d(np.asarray(value))
    if array.dtype.kind not in "iu" and not (array.dtype.kind == "f" and np.all(array == np.rint(array))):
        raise ValueError(f"node {name} must have whole numbers in {field}, got {value!r}")
    if array.ndim != 1 or len(array) not in (1, count) or array.min() < low or array.max() > 1 << 20:
        raise ValueError(
            f"node {name} must have {field} of at least {low}, one or {count}, got {array.tolist()}"
        )
    return tuple(int(v) for v in (array if len(array) == count else np.repeat(array, count)))


def _dense(name: str, node: Any, shape: Shape) -> Map:
    weight = _numbers(name, "weight", node.weight)
    if weight.ndim != 2:
        raise ValueError(f"node {name} must have a weight matrix, got shape {weight.shape}")
    if prod(shape) != weight.shape[1]:
        raise ValueError(
            f"node {name} must have {weight.shape[1]} inputs, got {prod(shape)} of shape {shape}"
        )
    bias = None
    if hasattr(node, "bias"):
        bias = _numbers(name, "bias", node.bias).ravel()
        if len(bias) not in (1, len(weight)):
            raise ValueError(f"node {name} must have {len(weight)} biases, got {len(bias)}")
        bias = np.ascontiguousarray(np.broadcast_to(bias, len(weight)))
    rows, columns = np.nonzero(weight)
    return Map(_sparse(rows, columns, weight[rows, columns], weight.shape), bias, (len(weight),))


def _scale(name: str, node: Any, shape: Shape) -> Map:
    scale = _numbers(name, "scale", node.scale)
    size = prod(shape)
    if scale.size not in (1, size):
        raise ValueError(f"node {name} must have {size} values, as its input, got {scale.size}")
    index = np.arange(size)
    return Map(_sparse(index, index, np.broadcast_to(scale.ravel(), size).copy(), (size, size)), None, shape)


def _flatten(name: str, node: Any, shape: Shape) -> Map:
    dims = len(shape)
    start, end = int(node.start_dim), int(node.end_dim)
    start, end = (start + dims if start < 0 else start), (end + dims if end < 0 else end)
    if not 0 <= start <= dims or not -1 <= end <= dims:
        raise ValueError(
            f"node {name} must flatten dimensions of {shape}, got {node.start_dim} to {node.end_dim}"
        )
    out = shape[:start] + ((prod(shape[start : end + 1]),) if start <= end else ()) + shape[end + 1 :]
    index = np.arange(prod(shape))
    return Map(_sparse(index, index, np.ones(len(index)), (len(index), len(index))), None, out or (1,))


def _window(
    name: str, side: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...], padding: Any,
    dilation: tuple[int, ...],
) -> tuple[Shape, list[NDArray[np.int64]]]:  # fmt: skip
    """The sides of the output, and per dimension the input position (or −1) of each (output, tap)."""
    outs, places = [], []
    for d, size in enumerate(side):
        reach = dilation[d] * (kernel[d] - 1)
        if padding == "same":
            if any(s != 1 for s in stride):
                raise ValueError(f"node {name} must have stride 1 for padding same, got {stride}")
            before, out = reach // 2, size
        else:
            before = 0 if padding == "valid" else padding[d]
            out = (size + 2 * before - reach - 1) // stride[d] + 1
        if out < 1:
            raise ValueError(f"node {name} must fit its kernel into the input {side}, got kernel {kernel}")
        if out * kernel[d] > MOST:
            raise ValueError(f"node {name} must have at most {MOST} synapses, got more")
        place = np.arange(out)[:, None] * stride[d] + np.arange(kernel[d])[None, :] * dilation[d] - before
        places.append(np.where((place >= 0) & (place < size), place, -1))
        outs.append(out)
    return tuple(outs), places


def _conv(name: str, node: Any, shape: Shape) -> Map:
    """Cross-correlation, as the deep learning frameworks have it, in one or two dimensions."""
    dims = 1 if type(node).__name__ == "Conv1d" else 2
    weight = _numbers(name, "weight", node.weight, dims + 2)
    outputs, inputs = weight.shape[:2]
    groups = _pair(name, "groups", node.groups, 1, 1)[0]
    if len(shape) != dims + 1 or shape[0] != inputs * groups or outputs % groups:
        raise ValueError(
            f"node {name} must have an input of {inputs * groups} channels and {dims} dimensions, got shape {shape}"
        )
    stated = node.input_shape
    if stated is not None and tuple(np.atleast_1d(np.asarray(stated)).tolist()) != shape[1:]:
        raise ValueError(f"node {name} must have its input_shape {stated} as input, got {shape[1:]}")
    stride = _pair(name, "stride", node.stride, dims, 1)
    dilation = _pair(name, "dilation", node.dilation, dims, 1)
    padding = node.padding
    if not isinstance(padding, str):
        padding = _pair(name, "padding", padding, dims, 0)
    elif padding not in ("same", "valid"):
        raise ValueError(f"node {name} must have padding same, valid or numbers, got {padding!r}")
    sides, places = _window(name, shape[1:], weight.shape[2:], stride, padding, dilation)
    bias = _numbers(name, "bias", node.bias).ravel()
    if len(bias) not in (1, outputs):
        raise ValueError(f"node {name} must have {outputs} biases, got {len(bias)}")
    if prod(sides) * weight.size > MOST:
        raise ValueError(f"node {name} must have at most {MOST} synapses, got {prod(sides) * weight.size}")
    out_of, in_of, taps = _taps(sides, places, shape[1:])
    maps, cells, area = [], prod(sides), prod(shape[1:])
    per = outputs // groups
    for o in range(outputs):
        for i in range(inputs):
            value = weight[o, i].ravel()[taps]
            kept = value != 0
            channel = o // per * inputs + i
            maps.append((out_of[kept] + o * cells, in_of[kept] + channel * area, value[kept]))
    rows, columns, values = (np.concatenate(part) for part in zip(*maps, strict=True))
    matrix = _sparse(rows, columns, values, (outputs * cells, prod(shape)))
    return Map(matrix, np.repeat(np.broadcast_to(bias, outputs), cells), (outputs, *sides))


def _taps(sides: Shape, places: list[NDArray[np.int64]], area: Shape) -> tuple[NDArray[np.int64], ...]:
    """For each pair inside the image: the output cell, the input cell, and the index of the weight in its kernel."""
    if len(sides) == 1:
        out, tap = np.nonzero(places[0] >= 0)
        return out, places[0][out, tap], tap
    row, tap_row = np.nonzero(places[0] >= 0)
    column, tap_column = np.nonzero(places[1] >= 0)
    width = places[1].shape[1]
    out = row[:, None] * sides[1] + column[None, :]
    inside = places[0][row, tap_row][:, None] * area[1] + places[1][column, tap_column][None, :]
    tap = tap_row[:, None] * width + tap_column[None, :]
    return out.ravel(), inside.ravel(), tap.ravel()


def _pool(name: str, node: Any, shape: Shape) -> Map:
    """Sum or average over a window of each channel; cells outside the image count as 0."""
    if len(shape) != 3:
        raise ValueError(f"node {name} must have an input of channels, rows and columns, got shape {shape}")
    kernel = _pair(name, "kernel_size", node.kernel_size, 2, 1)
    stride = _pair(name, "stride", node.stride, 2, 1)
    padding = _pair(name, "padding", node.padding, 2, 0)
    sides, places = _window(name, shape[1:], kernel, stride, padding, (1, 1))
    if prod(sides) * prod(kernel) * shape[0] > MOST:
        raise ValueError(f"node {name} must have at most {MOST} synapses, got more")
    out_of, in_of, _ = _taps(sides, places, shape[1:])
    channels = np.repeat(np.arange(shape[0]), len(out_of))
    value = 1.0 if type(node).__name__ == "SumPool2d" else 1.0 / prod(kernel)
    rows = np.tile(out_of, shape[0]) + channels * prod(sides)
    columns = np.tile(in_of, shape[0]) + channels * prod(shape[1:])
    matrix = _sparse(rows, columns, np.full(len(rows), value), (shape[0] * prod(sides), prod(shape)))
    return Map(matrix, None, (shape[0], *sides))


LINEAR: dict[str, Callable[[str, Any, Shape], Map]] = {
    "Affine": _dense,
    "Linear": _dense,
    "Scale": _scale,
    "Flatten": _flatten,
    "Conv1d": _conv,
    "Conv2d": _conv,
    "SumPool2d": _pool,
    "AvgPool2d": _pool,
}


def linear(name: str, node: Any, shape: Shape) -> Map:
    """The map of one linear node for an input of this shape."""
    return LINEAR[type(node).__name__](name, node, shape)
