"""Forms of sparsity beside dense networks, at one budget after another: error against cost, and who beats whom."""

from collections.abc import Sequence
from typing import Any

from matplotlib.ticker import NullLocator

from hdspike.plot.style import COLOURS

__all__ = ["difference_table", "error_panel"]

FAMILIES = {
    "weights": COLOURS["blue"],
    "structure": COLOURS["green"],
    "bits": COLOURS["orange"],
    "rank": COLOURS["sky"],
    "activations": COLOURS["purple"],
    "experts": COLOURS["vermilion"],
    "hypervectors": COLOURS["grey"],
}
MARKERS = "osD^vP*X"
PERCENTS = (0.5, 1, 2, 3, 5, 10, 20, 50)
HIGHEST = 40
"""Test errors beyond it, in percent, are of networks that failed; they are in the tables."""
BETTER, WORSE, OPEN = "#CFE8DC", "#F6D3C0", "#FFFFFF"


def looks(points: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Form → colour of its family and a marker of its own within the family."""
    seen: dict[str, list[str]] = {}
    for point in points:
        names = seen.setdefault(point["family"], [])
        if point["form"] not in names:
            names.append(point["form"])
    return {
        name: {"color": FAMILIES.get(family, COLOURS["black"]), "marker": MARKERS[place % len(MARKERS)]}
        for family, names in seen.items()
        for place, name in enumerate(names)
    }


def error_panel(
    ax: Any, points: Sequence[dict[str, Any]], front: Sequence[Sequence[float]], budget: str
) -> None:
    """Test error in percent against a budget, both logarithmic.

    Args:
        points: each with ``form``, ``family``, ``long`` (how many times the usual training), the budget's cost (or
            None), and ``error``, ``low``, ``high`` in percent.
        front: (cost, error) of the dense networks' Pareto front, in percent.
        budget: the key of the cost.
    """
    style = looks(points)
    dashes = "none" if budget.endswith("_us") else "-"  # levels do not come in the order of their times
    dense = [p for p in points if p["family"] == "dense" and p[budget]]
    ax.plot(
        [p[budget] for p in dense], [p["error"] for p in dense], ".", ms=4, color=COLOURS["black"], alpha=0.5
    )
    ax.plot(*zip(*front, strict=True), color=COLOURS["black"], lw=2.2, label="dense, at its best")
    for name, look in style.items():
        own = [p for p in points if p["form"] == name and p["family"] != "dense" and p[budget]]
        for long in sorted({p["long"] for p in own}):
            line = sorted((p for p in own if p["long"] == long), key=lambda p: p[budget])
            x, y = [p[budget] for p in line], [p["error"] for p in line]
            spans = [[p["error"] - p["low"] for p in line], [p["high"] - p["error"] for p in line]]
            filled = {} if long == 1 else {"mfc": "white"}
            dotted = ":" if long > 1 and dashes == "-" else dashes
            ax.errorbar(x, y, yerr=spans, lw=1.1 if long == 1 else 0.7, ls=dotted, ms=6,
                        elinewidth=0.7, label=name if long == 1 else None, **look, **filled)  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    errors = [p["error"] for p in points]
    ax.set_yticks(PERCENTS, [f"{p:g}" for p in PERCENTS])
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_ylim(0.75 * min(errors), min(HIGHEST, 1.3 * max(errors)))


def difference_table(
    ax: Any, rows: Sequence[dict[str, Any]], budgets: dict[str, str], title: str, *, size: float = 10
) -> None:
    """Form × budget: the best difference to dense at the same cost, over the form's levels, in points of accuracy.

    Args:
        rows: each with ``form`` and, by budget, None or ``best`` (difference), ``better`` and ``worse`` (how many
            levels are surely so) and ``levels``.
        budgets: key → head of the column.
    """
    ax.set_axis_off()
    text, colours = [], []
    for row in rows:
        cells, tints = [], []
        for budget in budgets:
            cell = row[budget]
            if cell is None:
                cells.append("–")
                tints.append(OPEN)
                continue
            cells.append(f"{cell['best']:+.1f}   {cell['better']}▲ {cell['worse']}▼ of {cell['levels']}")
            tints.append(BETTER if cell["better"] else WORSE if cell["worse"] == cell["levels"] else OPEN)
        text.append(cells)
        colours.append(tints)
    table = ax.table(
        cellText=text,
        cellColours=colours,
        rowLabels=[row["form"] for row in rows],
        colLabels=list(budgets.values()),
        cellLoc="center",
        bbox=[0.13, 0, 0.87, 1],
    )
    table.auto_set_font_size(False)
    table.set_fontsize(size)
    for cell in table.get_celld().values():
        cell.set_linewidth(0.4)
        cell.set_edgecolor(COLOURS["grey"])
    ax.set_title(title, fontsize=11)
