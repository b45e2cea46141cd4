"""One look for every figure: readable in a classroom, safe for colour-blind eyes, the same bytes each time."""

import io
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg", force=False)

import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib.figure import Figure

from hdspike.files import write_bytes

__all__ = ["COLOURS", "LEDGER_COLOURS", "figure", "note", "save", "svg"]

# Okabe & Ito (2008), a palette that survives every common form of colour blindness.
COLOURS = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "purple": "#CC79A7",
    "grey": "#777777",
}
SPIKING, DENSE = COLOURS["blue"], COLOURS["vermilion"]
LEDGER_COLOURS = {"circuit": COLOURS["blue"], "path": COLOURS["green"], "board": COLOURS["orange"]}

STYLE: Any = {
    "font.size": 11,
    "font.family": "DejaVu Sans",
    "axes.titlesize": 12,
    "axes.labelsize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "lines.linewidth": 1.8,
    "figure.constrained_layout.use": True,
    "axes.prop_cycle": cycler(
        color=[COLOURS[c] for c in ("blue", "vermilion", "green", "orange", "purple", "sky", "black")]
    ),
    "svg.hashsalt": "hdspike",  # the same figure is the same file
    "svg.fonttype": "path",
}


def figure(
    rows: int = 1, columns: int = 1, *, size: tuple[float, float] = (7.5, 4.5), **options: Any
) -> tuple[Figure, Any]:
    """A figure in the house style and its axes; ``size`` in inches, ``options`` go to ``plt.subplots``."""
    with plt.rc_context(STYLE):
        fig, axes = plt.subplots(rows, columns, figsize=size, **options)
    return fig, axes


def note(fig: Figure, text: str) -> None:
    """A caveat in small print below the figure."""
    fig.supxlabel(text, fontsize=8.5, color=COLOURS["grey"], x=0.01, ha="left")


def svg(fig: Figure) -> str:
    """The figure as SVG text, free of dates and random identifiers."""
    buffer = io.StringIO()
    with plt.rc_context(STYLE):
        fig.savefig(buffer, format="svg", metadata={"Date": None, "Creator": "hdspike"})
    return buffer.getvalue()


def save(fig: Figure, path: str | Path) -> None:
    """Write the figure whole or not at all, as SVG or by the ending of ``path``."""
    target = Path(path)
    buffer = io.BytesIO()
    try:
        with plt.rc_context(STYLE):
            if target.suffix == ".svg":
                buffer.write(svg(fig).encode("utf-8"))
            else:
                fig.savefig(buffer, format=target.suffix[1:], dpi=120)
        write_bytes(target, buffer.getvalue())
    finally:
        plt.close(fig)
