"""Language models at four budgets: bits per character against bytes, work and time."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullFormatter

from hdspike.plot.style import COLOURS, figure

__all__ = ["FAMILIES", "budgets"]

FAMILIES = {
    "n-grams": ("s", "green"),
    "PPMd": ("^", "orange"),
    "LZMA, bzip2": ("v", "yellow"),
    "nearest neighbours": ("P", "purple"),
    "dense transformer": ("o", "vermilion"),
    "its int8 twin": ("<", "vermilion"),
    "its ternary twin": (">", "vermilion"),
    "spiking, dense codes": ("h", "sky"),
    "spiking, sparse codes": ("D", "blue"),
}
"""A marker and a colour of each family that is drawn."""

PANELS = (
    ("stored_bytes", "bytes stored"),
    ("active_bytes", "bytes touched per character"),
    ("training_operations", "operations of training"),
    ("microseconds", "µs per character, measured"),
)
BITS = (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 4, 5)


def frontier(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Those that no other beats in both, from the cheapest.

    >>> frontier([(2.0, 1.0), (1.0, 3.0), (3.0, 2.0)])
    [(1.0, 3.0), (2.0, 1.0)]
    """
    best: list[tuple[float, float]] = []
    for x, y in sorted(points):
        if not best or y < best[-1][1]:
            best.append((x, y))
    return best


def _panel(axes: Axes, points: list[dict[str, Any]], what: str, label: str) -> None:
    for family, (marker, colour) in FAMILIES.items():
        own = [p for p in points if p["family"] == family and p.get(what)]
        for way, face in (("frozen", "white"), ("streaming", COLOURS[colour])):
            seen = [p for p in own if p["way"] == way]
            if not seen:
                continue
            line = frontier([(p[what], p["bits"]) for p in seen])
            style = "-" if way == "streaming" else ":"
            axes.plot(*zip(*line, strict=True), style, color=COLOURS[colour], lw=1.1, alpha=0.8, zorder=2)
            for p in seen:
                axes.plot(
                    p[what], p["bits"], marker, ms=5.5, mfc=face, mec=COLOURS[colour], mew=1.1, zorder=3
                )
                if p["low"] is not None:
                    axes.plot([p[what]] * 2, [p["low"], p["high"]], color=COLOURS[colour], lw=0.8, zorder=1)
    axes.set(xscale="log", yscale="log", xlabel=label)
    seen = [p for p in points if p["family"] in FAMILIES]
    axes.set_ylim(0.98 * min(p["low"] or p["bits"] for p in seen), 1.05 * max(p["bits"] for p in seen))
    axes.yaxis.set_major_locator(FixedLocator(list(BITS)))
    axes.set_yticklabels([f"{b:g}" for b in BITS])
    axes.yaxis.set_minor_formatter(NullFormatter())


def budgets(points: list[dict[str, Any]], title: str) -> Figure:
    """Four panels. A point: ``family``, ``way`` (frozen or streaming), ``bits``, ``low``, ``high`` and the budgets."""
    fig, axes = figure(2, 2, size=(11, 9.2), sharey=True)
    for ax, (what, label) in zip(axes.flat, PANELS, strict=True):
        _panel(ax, points, what, label)
    for ax in axes[:, 0]:
        ax.set_ylabel("bits per character")
    handles = [
        Line2D([], [], marker=m, color=COLOURS[c], ls="", ms=6, label=f)
        for f, (m, c) in FAMILIES.items()
        if any(p["family"] == f for p in points)
    ]
    handles += [
        Line2D([], [], color=COLOURS["black"], marker="D", ms=5, ls=line, mfc=face, label=label)
        for line, face, label in (("-", COLOURS["black"], "learns while it reads"), (":", "white", "frozen"))
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=4)
    fig.suptitle(title, fontsize=12)
    return fig
