"""Convolution and pooling: the same weights at every place of an image (channels last)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.jit import kernel
from hdspike.network.builders.contract import delays_of, ends, image_of, join
from hdspike.network.graph import Projection
from hdspike.network.plasticity import STDP
from hdspike.network.population import Population
from hdspike.network.synapses import Synapses, stored_weights

__all__ = ["average_pool", "conv2d", "conv2d_shape", "sum_pool"]

Pair = int | tuple[int, int]


@kernel
def _convolve(weights, counts, image, output, strides, padding, indptr, targets, out):
    """Synapses of all lines in rows, their targets rising; returns how many.

    ``weights`` ``(kh, kw, c_in, c_out)``, ``counts`` ``(kh, kw, c_in)`` how many of them are kept. With room of
    no synapse in ``targets`` only ``indptr`` is written.
    """
    height, width, channels = image
    below, beside = output
    tall, wide, _, many = weights.shape
    fill = len(targets) > 0
    at = 0
    line = 0
    for y in range(height):
        oy_low = max(0, (y + padding[0] - tall) // strides[0] + 1)
        oy_high = min(below - 1, (y + padding[0]) // strides[0])
        for x in range(width):
            ox_low = max(0, (x + padding[1] - wide) // strides[1] + 1)
            ox_high = min(beside - 1, (x + padding[1]) // strides[1])
            for c in range(channels):
                indptr[line] = at
                for oy in range(oy_low, oy_high + 1):
                    i = y + padding[0] - oy * strides[0]
                    for ox in range(ox_low, ox_high + 1):
                        j = x + padding[1] - ox * strides[1]
                        kept = counts[i, j, c]
                        first = (oy * beside + ox) * many
                        if fill and kept == many:
                            to, row, part = targets[at : at + many], weights[i, j, c], out[at : at + many]
                            for k in range(many):
                                to[k] = first + k
                                part[k] = row[k]
                        elif fill:
                            place = at
                            for k in range(many):
                                if weights[i, j, c, k] != 0:
                                    targets[place] = first + k
                                    out[place] = weights[i, j, c, k]
                                    place += 1
                        at += kept
                line += 1
    indptr[line] = at
    return at


def _two(name: str, value: Pair, low: int) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, int | np.integer) else tuple(value)
    if len(pair) != 2:
        raise ValueError(f"{name} must be one number or (vertical, horizontal), got {value!r}")
    return check.integer(name, pair[0], low=low), check.integer(name, pair[1], low=low)


def filters(weights: Any, channels: int) -> NDArray[Any]:
    """The weights of a convolution, ``(kernel height, kernel width, channels in, channels out)``, checked."""
    given = np.asarray(weights)
    if given.ndim != 4 or 0 in given.shape:
        raise ValueError(f"weights must have shape (height, width, in, out), got {given.shape}")
    if given.shape[2] != channels:
        raise ValueError(f"weights must have {channels} channels in, got {given.shape[2]}")
    return given


def conv2d_shape(
    shape: tuple[int, ...], kernel_size: Pair, channels: int, *, stride: Pair = 1, padding: Pair = 0
) -> tuple[int, int, int]:
    """``(height, width, channels)`` after a convolution: ``⌊(side + 2·padding − kernel) ÷ stride⌋ + 1``.

    >>> conv2d_shape((32, 32, 1), 3, 16, stride=2)
    (15, 15, 16)
    """
    size, strides, pads = (
        _two("kernel_size", kernel_size, 1),
        _two("stride", stride, 1),
        _two("padding", padding, 0),
    )
    sides = [(shape[i] + 2 * pads[i] - size[i]) // strides[i] + 1 for i in range(2)]
    if min(sides) < 1:
        raise ValueError(f"kernel_size must fit the padded image {shape[:2]}, got {size}")
    return sides[0], sides[1], check.integer("channels", channels, low=1)


def conv2d(
    source: Population,
    target: Population,
    weights: Any,
    *,
    stride: Pair = 1,
    padding: Pair = 0,
    delays: Any = None,
    keep_zeros: bool = False,
    unit: str = "",
    plasticity: STDP | None = None,
    rng: check.Rng = 0,
) -> Projection:
    """A convolution (as networks say; mathematics says correlation), of images with the channel last:

        drive[y', x', o] = Σ weights[i, j, c, o] · spike[y'·stride + i − padding, x'·stride + j − padding, c]

    Args:
        source, target: their ``shape`` are ``(height, width, channels)``; the target's must be that of
            :func:`conv2d_shape`, or it has as many neurons in a row.
        weights: ``(kernel height, kernel width, channels in, channels out)``; stored as
            :func:`~hdspike.network.synapses.stored_weights` says.
        stride, padding: one number, or (vertical, horizontal); the padding is silent.
        delays: as in :mod:`hdspike.network.builders.contract`.
        keep_zeros: whether a weight of 0 is a synapse: a chip then pays for it.
    """
    ends(source, target)
    image = image_of("source", source)
    given = filters(weights, image[2])
    kept = stored_weights(given.reshape(-1)).reshape(given.shape)
    strides, pads = _two("stride", stride, 1), _two("padding", padding, 0)
    tall, wide, _, many = given.shape
    shape = conv2d_shape(image, (tall, wide), many, stride=strides, padding=pads)
    if target.size != np.prod(shape) or (len(target.shape) > 1 and image_of("target", target) != shape):
        raise ValueError(f"target must have the shape {shape}, got {target.shape}")
    counts = np.full((tall, wide, image[2]), many) if keep_zeros else np.count_nonzero(kept, axis=3)
    indptr = np.empty(source.size + 1, dtype=np.int64)
    arguments = (kept, counts.astype(np.int64), image, shape[:2], strides, pads, indptr)
    count = _convolve(*arguments, np.empty(0, dtype=np.int32), kept[0, 0, 0, :0])
    targets: NDArray[np.int32] = np.empty(count, dtype=np.int32)
    row: NDArray[Any] = np.empty(count, dtype=kept.dtype)
    _convolve(*arguments, targets, row)
    if row.dtype == np.int8 and np.all(row == 1):
        row = None  # type: ignore[assignment]
    late = delays_of(delays, count, check.generator(rng))
    return join(source, target, Synapses(indptr, targets, row, target.size, late), unit, plasticity)


def sum_pool(
    source: Population, target: Population, size: Pair, *, stride: Pair | None = None, **more: Any
) -> Projection:
    """Each neuron of the target adds up a window of its own channel; windows lie side by side by default.

    ``more`` as in :func:`conv2d`.
    """
    return _pool(source, target, size, stride, 1, more)


def average_pool(
    source: Population, target: Population, size: Pair, *, stride: Pair | None = None, **more: Any
) -> Projection:
    """As :func:`sum_pool`, with weights 1 ÷ (cells of the window)."""
    tall, wide = _two("size", size, 1)
    return _pool(source, target, size, stride, 1.0 / (tall * wide), more)


def _pool(
    source: Population, target: Population, size: Pair, stride: Pair | None, weight: Any, more: dict[str, Any]
) -> Projection:
    ends(source, target)
    tall, wide = _two("size", size, 1)
    channels = image_of("source", source)[2]
    weights = np.broadcast_to(
        np.eye(channels, dtype=np.asarray(weight).dtype), (tall, wide, channels, channels)
    )
    return conv2d(source, target, weights * weight, stride=size if stride is None else stride, **more)
