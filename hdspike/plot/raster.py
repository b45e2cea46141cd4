"""Spike rasters of networks with more neurons than a page has rows."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from numpy.typing import NDArray

from hdspike import check

__all__ = ["blocks", "raster"]


def blocks(steps: Any, neurons: Any, *, size: int, length: int, rows: int) -> NDArray[np.int64]:
    """``(min(rows, size), length)``: how many spikes fell in each step in each block of consecutive neurons.

    Neuron ``n`` of ``size`` is in row ``n · rows ÷ size``. With as many rows as neurons this is the raster itself.

    >>> blocks([0, 0, 2], [0, 1, 3], size=4, length=3, rows=2).tolist()
    [[2, 0, 0], [0, 0, 1]]
    """
    step = check.array("steps", steps, np.int64, ndim=1)
    neuron = check.array("neurons", neurons, np.int64, ndim=1)
    if len(step) != len(neuron):
        raise ValueError(f"steps and neurons must pair up, got {len(step)} and {len(neuron)}")
    for name, values, limit in (("steps", step, length), ("neurons", neuron, size)):
        if values.size and not (0 <= values.min() and values.max() < limit):
            raise ValueError(f"{name} must be in [0, {limit}), got {values.min()} … {values.max()}")
    many = min(check.integer("rows", rows, low=1), check.integer("size", size, low=1))
    out = np.zeros((many, check.integer("length", length, low=0)), dtype=np.int64)
    np.add.at(out, (neuron * many // size, step), 1)
    return out


def raster(ax: Axes, counts: Any, *, colour: str, most: float | None = None) -> None:
    """Draw the counts of :func:`blocks`: time to the right, row 0 above, the darker the more spikes.

    ``most`` is the count of the full colour, by default the largest.
    """
    values = np.asarray(counts, dtype=float)
    if values.ndim != 2:
        raise ValueError(f"counts must be (rows, steps), got shape {values.shape}")
    top = max(float(values.max(initial=0)) if most is None else float(most), 1.0)
    shades = LinearSegmentedColormap.from_list("spikes", ["white", colour])
    ax.imshow(
        np.sqrt(values / top),
        cmap=shades,
        vmin=0,
        vmax=1,
        aspect="auto",
        interpolation="nearest",
        extent=(-0.5, values.shape[1] - 0.5, values.shape[0] - 0.5, -0.5),
    )
    ax.set_yticks([])
    ax.grid(False)
