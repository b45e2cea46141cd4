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
            shown, norm=shade, cmap="viridis_r", aspect="auto", interpolation="nearest",
            extent=(0, keys, len(weights), 0),
        )  # fmt: skip
        ax.set_title(title)
        ax.set_xlabel("position of the key in memory (characters)")
        ax.grid(False)
    axes[0].set_ylabel("query")
    bar = fig.colorbar(image, ax=axes, shrink=0.9, pad=0.01)
    bar.set_label(f"share of the row's weight in a stretch of {keys / softmax.shape[1]:,.0f} keys")
    note(fig, caption)
    return fig


def raster(
    inputs: NDArray[Any],
    spikes: NDArray[Any],
    winners: NDArray[np.int32],
    *,
    keys: int,
    title: str,
    input_end_ps: int | None = None,
) -> Figure:
    """One query in time: input events above, spikes of the key neurons below, the winners marked.

    ``inputs`` are (time in ps, line) deliveries, lines given as their rank of first arrival; ``spikes`` are
    (time in ps, neuron). ``input_end_ps`` marks where a ramp takes over from the input.
    """
    fig, axes = figure(2, 1, size=(8.5, 5.6), sharex=True, height_ratios=(1, 1.4))
    _, rank = np.unique(inputs["address"], return_inverse=True)
    axes[0].plot(
        inputs["time"] * 1e-6, rank, "|", color=COLOURS["grey"], markersize=4, rasterized=len(rank) > 5000
    )
    axes[0].set_ylabel("active line")
    axes[0].set_title(title)
    if input_end_ps is not None:
        for ax in axes:
            ax.axvline(input_end_ps * 1e-6, color=COLOURS["green"], linestyle="--", linewidth=1.2)
        axes[0].annotate(
            " input is in, the ramp begins", (input_end_ps * 1e-6, 0.08), xycoords=("data", "axes fraction"),
            color=COLOURS["green"], fontsize=9.5,
        )  # fmt: skip
    won = np.isin(spikes["address"], winners)
    lower: Axes = axes[1]
    lower.plot(
        spikes["time"][~won] * 1e-6, spikes["address"][~won], ".", color=COLOURS["sky"], markersize=5,
        label=f"overshoot: {int((~won).sum())} spikes after the k-th",
    )  # fmt: skip
    lower.plot(
        spikes["time"][won] * 1e-6, spikes["address"][won], "^", color=COLOURS["vermilion"], markersize=6,
        label=f"winners: {int(won.sum())}",
    )  # fmt: skip
    lower.set_ylabel("key neuron")
    lower.set_ylim(-0.02 * keys, 1.02 * keys)
    lower.set_xlabel("simulated time since the query arrived (µs)")
    lower.legend(loc="upper left", bbox_to_anchor=(0, 1.17), ncols=2, borderaxespad=0.0)
    return fig
