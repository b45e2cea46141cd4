"""Attention drawn: the map of a softmax beside that of the winners, and one query as a spike raster."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hdspike.plot.style import COLOURS, figure, note

__all__ = ["binned", "maps", "raster"]

BINS = 160
FLOOR = 1e-5  # a weight below this share of a row is drawn as the faintest shade


def binned(weights: NDArray[np.float64], bins: int = BINS) -> NDArray[np.float64]:
    """Row sums of ``(Q, N)`` weights in ``bins`` equal stretches of keys: ``(Q, bins)``."""
    edges = np.linspace(0, weights.shape[1], min(bins, weights.shape[1]) + 1).astype(np.int64)
    return np.add.reduceat(weights, edges[:-1], axis=1)


def maps(
    softmax: NDArray[np.float64],
    winners: NDArray[np.float64],
    *,
    keys: int,
    softmax_title: str,
    winners_title: str,
    caption: str,
) -> Figure:
    """Two maps of the same queries, side by side: weight per stretch of keys, white where there is none.

    ``softmax`` and ``winners`` are ``(Q, bins)`` from :func:`binned`, each row summing to 1.
    """
    fig, axes = figure(1, 2, size=(11, 5.2), sharey=True)
    shade = LogNorm(FLOOR, 1.0)
    for ax, weights, title in zip(axes, (softmax, winners), (softmax_title, winners_title), strict=True):
        shown = np.ma.masked_where(weights <= 0, np.maximum(weights, FLOOR))
        image = ax.imshow(
            shown, norm=shade, cmap="Blues", aspect="auto", interpolation="nearest",
            extent=(0, keys, len(weights), 0),
        )  # fmt: skip
        ax.set_title(title)
        ax.set_xlabel(f"key, by position in memory; a column is {keys / softmax.shape[1]:,.0f} keys")
        ax.grid(False)
    axes[0].set_ylabel("query")
    bar = fig.colorbar(image, ax=axes, shrink=0.9, pad=0.01)
    bar.set_label("share of the row's weight (faintest: ≤ 10⁻⁵)")
    note(fig, caption)
    return fig


def raster(
    inputs: NDArray[Any],
    spikes: NDArray[Any],
    winners: NDArray[np.int32],
    *,
    height: NDArray[Any],
    height_label: str,
    title: str,
    ramp: tuple[NDArray[Any], NDArray[Any]] | None = None,
    losers: str = "overshoot, after the k-th",
) -> Figure:
    """One query in time: input events above, spikes of the key neurons below, the winners marked.

    ``inputs`` are (time in ps, line) deliveries, drawn by first arrival; ``spikes`` are (time in ps, neuron), drawn
    at ``height``. ``ramp`` is the falling threshold, (times in ps, θ).
    """
    fig, axes = figure(2, 1, size=(9.5, 6.2), sharex=True, height_ratios=(1, 1.8))
    _, first, rank = np.unique(inputs["address"], return_index=True, return_inverse=True)
    arrival = np.argsort(np.argsort(first))[rank]
    axes[0].plot(inputs["time"] * 1e-6, arrival, "|", color=COLOURS["grey"], markersize=3)
    axes[0].set_ylabel("active line,\nby arrival")
    axes[0].set_title(title)
    lower: Axes = axes[1]
    if ramp is not None:
        lower.step(
            ramp[0] * 1e-6, ramp[1], where="post", color=COLOURS["green"], label="threshold θ", zorder=1
        )
    won = np.isin(spikes["address"], winners)
    moment = spikes["time"] * 1e-6 + beside(spikes["time"], height)
    if np.any(~won):
        lower.plot(
            moment[~won], height[~won], "o", color=COLOURS["sky"], markersize=5,
            label=f"{losers}: {int((~won).sum()):,}",
        )  # fmt: skip
    lower.plot(
        moment[won], height[won], "^", color=COLOURS["vermilion"], markersize=7,
        label=f"winners: {int(won.sum()):,}",
    )  # fmt: skip
    lower.set_ylabel(height_label)
    lower.set_xlabel(
        "simulated time since the query arrived (µs); spikes of one place and moment stand side by side"
    )
    lower.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0.0)
    return fig


def beside(times: NDArray[Any], height: NDArray[Any]) -> NDArray[np.float64]:
    """Offsets (µs) that set points of the same height and nearly the same time side by side."""
    span = max(float(times.max()) * 1e-6, 1e-6) if len(times) else 1.0
    groups = np.stack([np.round(times * 1e-6 / span * 50), height])
    offset = np.zeros(len(times))
    for group in np.unique(groups, axis=1).T:
        inside = np.flatnonzero(np.all(groups == group[:, None], axis=0))
        offset[inside] = (
            (np.arange(len(inside)) - (len(inside) - 1) / 2) * min(0.008, 0.1 / len(inside)) * span
        )
    return offset
