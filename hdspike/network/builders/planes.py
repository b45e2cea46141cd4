"""Convolution of images with the channel first, plane after plane: as PyTorch, NIR and SANA-FE number neurons."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.jit import kernel
from hdspike.network.builders.contract import delays_of, ends, join
from hdspike.network.builders.convolution import Pair, _two, conv2d_shape, filters
from hdspike.network.graph import Projection
from hdspike.network.plasticity import STDP
from hdspike.network.population import Population
from hdspike.network.synapses import Synapses, stored_weights

__all__ = ["conv2d_planes"]


@kernel
def _convolve_planes(weights, drop_zeros, image, output, strides, padding, indptr, targets, out):
    """Synapses of all lines in rows, their targets rising; returns how many.

    ``weights`` ``(c_in, c_out, kh, kw)``. With room of no synapse in ``targets`` only ``indptr`` is written.
    """
    channels, height, width = image
    below, beside = output
    many, tall, wide = weights.shape[1], weights.shape[2], weights.shape[3]
    fill = len(targets) > 0
    at = 0
    line = 0
    for c in range(channels):
        for y in range(height):
            oy_low = max(0, (y + padding[0] - tall) // strides[0] + 1)
            oy_high = min(below - 1, (y + padding[0]) // strides[0])
            for x in range(width):
                ox_low = max(0, (x + padding[1] - wide) // strides[1] + 1)
                ox_high = min(beside - 1, (x + padding[1]) // strides[1])
                indptr[line] = at
                line += 1
                if not fill and not drop_zeros:
                    at += many * max(0, oy_high - oy_low + 1) * max(0, ox_high - ox_low + 1)
                    continue
                for o in range(many):
                    for oy in range(oy_low, oy_high + 1):
                        row = weights[c, o, y + padding[0] - oy * strides[0]]
                        first = (o * below + oy) * beside
                        for ox in range(ox_low, ox_high + 1):
                            weight = row[x + padding[1] - ox * strides[1]]
                            if weight != 0 or not drop_zeros:
                                if fill:
                                    targets[at] = first + ox
                                    out[at] = weight
                                at += 1
    indptr[line] = at
    return at


def conv2d_planes(
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
    """:func:`~hdspike.network.builders.convolution.conv2d` of shapes ``(channels, height, width)``.

    ``weights`` are ``(kernel height, kernel width, channels in, channels out)`` here too; all else is alike.
    """
    ends(source, target)
    if len(source.shape) != 3:
        raise ValueError(f"source must have the shape (channels, height, width), got {source.shape}")
    channels, height, width = source.shape
    given = filters(weights, channels)
    strides, pads = _two("stride", stride, 1), _two("padding", padding, 0)
    tall, wide, many = conv2d_shape(
        (height, width, channels), given.shape[:2], given.shape[3], stride=strides, padding=pads
    )
    if target.size != tall * wide * many or (len(target.shape) > 1 and target.shape != (many, tall, wide)):
        raise ValueError(f"target must have the shape {(many, tall, wide)}, got {target.shape}")
    turned = np.ascontiguousarray(given.transpose(2, 3, 0, 1))
    kept = stored_weights(turned.reshape(-1)).reshape(turned.shape)
    indptr = np.empty(source.size + 1, dtype=np.int64)
    drop = not keep_zeros and not bool(np.all(kept != 0))
    arguments = (kept, drop, source.shape, (tall, wide), strides, pads, indptr)
    count = _convolve_planes(*arguments, np.empty(0, dtype=np.int32), kept[0, 0, 0, :0])
    targets: NDArray[np.int32] = np.empty(count, dtype=np.int32)
    row: NDArray[Any] = np.empty(count, dtype=kept.dtype)
    if count:
        _convolve_planes(*arguments, targets, row)
    late = delays_of(delays, count, check.generator(rng))
    return join(source, target, Synapses(indptr, targets, row, target.size, late), unit, plasticity)
