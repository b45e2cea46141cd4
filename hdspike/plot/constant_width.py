"""Constant nonzeros in a growing dimension: codes and trained networks, drawn beside each other."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from hdspike.plot.style import COLOURS, figure

__all__ = ["constant_width"]

HUES = ("sky", "blue", "green", "orange", "vermilion")
LOOKS = {"digits": ("o", "-", "vermilion"), "mnist": ("s", "--", "blue")}
PERCENTS = (1, 2, 5, 10, 20, 50)


def growth_axis(ax: Any, growths: Sequence[int], label: str) -> None:
    """Powers of two from ×1 on."""
    ax.set_xscale("log", base=2)
    ax.set_xticks(growths, [f"×{g}" for g in growths])
    ax.set_xlabel(label)


def percent_axis(ax: Any) -> None:
    """Test errors in percent, logarithmic, with readable ticks."""
    ax.set_yscale("log")
    ax.set_yticks(PERCENTS, [str(p) for p in PERCENTS])
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_ylabel("test error (%)")


def line(ax: Any, x: Sequence[float], means: Sequence[dict[str, float]], **look: Any) -> None:
    """Mean errors in percent with their intervals."""
    y = [100 * m["mean"] for m in means]
    below = [100 * (m["mean"] - max(m["low"], 1e-3)) for m in means]
    above = [100 * (m["high"] - m["mean"]) for m in means]
    ax.errorbar(x, y, yerr=[below, above], capsize=2, ms=4, elinewidth=0.8, **look)


def common_panel(ax: Any, numbers: dict[str, Any]) -> None:
    """Codes and networks on one pair of axes."""
    laws = numbers["codes"]["false_match"]
    for theta, dashes in zip(laws, ("-", "--", ":"), strict=False):
        label = f"codes: {theta} or more of {numbers['codes']['ones']} ones by chance"
        ax.plot(numbers["growths"], laws[theta], dashes, color=COLOURS["black"], label=label)
    for one in numbers["networks"]:
        marker, _, hue = LOOKS[one["name"]]
        for number, row in enumerate(one["rows"]):
            label = "_" if number else f"networks: test error, {one['name']}"
            y = [m["mean"] for m in row["mean"]]
            ax.plot(row["growths"], y, marker=marker, ms=3, lw=1.2, color=COLOURS[hue], label=label)
    ax.set_yscale("log")
    growth_axis(ax, numbers["growths"], "dimension ÷ that of the dense form, nonzeros constant")
    ax.set_ylabel("chance of an error")
    law = next(iter(laws.values()))
    rows = [row["mean"] for one in numbers["networks"] for row in one["rows"]]
    factor = max(means[0]["mean"] / min(m["mean"] for m in means) for means in rows)
    ax.set_title(
        f"One plot: codes gain {np.log10(law[0] / law[-1]):.0f} powers of ten,\n"
        f"trained networks a factor of {factor:.1f} at best, and lose it again"
    )
    ax.legend(loc="lower left", fontsize=8.5)


def width_panel(ax: Any, one: dict[str, Any]) -> None:
    """Test error against the number of hidden neurons."""
    dense = [row["mean"][0] for row in one["rows"]]
    bases = [row["base"] for row in one["rows"]]
    label = "dense: weights grow with the width"
    ax.plot(bases, [100 * m["mean"] for m in dense], color=COLOURS["black"], ls="--", label=label)
    for row, hue in zip(one["rows"], HUES, strict=False):
        x = [row["base"] * g for g in row["growths"]]
        line(ax, x, row["mean"], color=COLOURS[hue], marker="o", label=f"{row['nonzeros']:,} weights")
    percent_axis(ax)
    ax.set_xscale("log", base=2)
    ax.set_xlabel("hidden neurons (leftmost of each line: dense)")
    won = sum(row["gain"]["low"] > 0 for row in one["rows"])
    ax.set_title(
        f"{one['name']}: wider at fixed weights is surely better\n"
        f"for {won} of {len(one['rows'])} sizes ({one['seeds']} seeds)"
    )
    ax.set_ylim(0.35, 70)
    ax.legend(fontsize=8.5, loc="lower left", ncols=2)


def inputs_panel(ax: Any, numbers: dict[str, Any]) -> None:
    """Error relative to dense, against the inputs of a neuron."""
    best = []
    for one in numbers["networks"]:
        marker, dashes, _ = LOOKS[one["name"]]
        for row, hue in zip(one["rows"], HUES, strict=False):
            y = [m["mean"] / row["mean"][0]["mean"] for m in row["mean"]]
            label = f"{one['name']}, {row['nonzeros']:,}"
            look = {"marker": marker, "ls": dashes, "color": COLOURS[hue]}
            ax.plot(row["inputs_each"], y, ms=4, lw=1.2, label=label, **look)
            if row["gain"]["low"] > 0:
                best.append(row["inputs_each"][row["growths"].index(row["best"]["growth"])])
    ax.axhline(1, color=COLOURS["black"], lw=1)
    ax.set_xscale("log")
    ax.set_yscale("log", base=2)
    ax.invert_xaxis()
    ax.set_xlabel("inputs of a hidden neuron, mean (wider →)")
    ax.set_ylabel("test error ÷ that of the dense network")
    span = f"where it pays, best at {min(best):.0f} … {max(best):.0f}" if best else "it surely pays nowhere"
    ax.set_title(f"By the inputs of a neuron: {span};\nneurons of a few inputs lose")
    ax.legend(fontsize=8, ncols=2)


def data_panel(ax: Any, numbers: dict[str, Any]) -> None:
    """Error against growth for growing data, and the best growth with its interval."""
    titles = []
    for one in numbers["data"]:
        marker, dashes, _ = LOOKS[one["name"]]
        for row, hue in zip(one["rows"], HUES, strict=False):
            longer = f", {row['long']} × steps" if row["long"] > 1 else ""
            label = f"{one['name']}, {100 * row['share']:.0f} % of the images{longer}"
            line(
                ax,
                row["growths"],
                row["mean"],
                label=label,
                color=COLOURS[hue],
                marker=marker,
                ls=dashes,
                lw=1.4,
            )
            best = row["best"]
            y = 100 * row["mean"][row["growths"].index(best["growth"])]["mean"]
            ax.plot([best["low"] / 1.08, best["high"] * 1.08], [y, y], color=COLOURS[hue], lw=7, alpha=0.3)
        titles.append(f"{one['name']} " + " → ".join(f"×{row['best']['growth']}" for row in one["rows"]))
    percent_axis(ax)
    growth_axis(ax, numbers["growths"], "growth of the width, nonzeros constant")
    ax.set_title(f"More data, same weights: best growth (bars: 95 %)\n{'; '.join(titles)}")
    ax.legend(fontsize=8)


def cost_panel(ax: Any, numbers: dict[str, Any]) -> None:
    """What is paid, relative to dense."""
    held, growths = numbers["costs"], numbers["growths"]
    ax.plot(growths, growths, color=COLOURS["grey"], ls=":", label="network: neurons visited")
    for rows, hue in ((1, "vermilion"), (256, "blue")):
        start = held["seconds"][f"dense, batch {rows}"][0]
        for kernel, dashes in (("dense", "-"), ("compressed rows", "--")):
            name = f"{kernel}, batch {rows}"
            points = [(g, s / start) for g, s in zip(growths, held["seconds"][name], strict=False) if s]
            look = {"marker": "o", "ms": 3, "color": COLOURS[hue], "ls": dashes}
            ax.plot(*zip(*points, strict=True), label=f"network: seconds, {name}", **look)
    places = [1 + b / 32 for b in held["index_bits"]]
    ax.plot(growths, places, color=COLOURS["green"], label="network: bits of a weight and its place")
    for name, dashes, label in (
        ("events", "-", "events per pair, w²/D"),
        ("bits", "--", "bits, log₂ C(D, w)"),
    ):
        values = numbers["codes"][name]
        y = [v / values[0] for v in values]
        ax.plot(growths, y, dashes, color=COLOURS["black"], label=f"codes: {label}")
    ax.set_yscale("log")
    growth_axis(ax, growths, "growth of the dimension, nonzeros constant")
    ax.set_ylabel("cost ÷ that of the dense form")
    ax.set_title(
        f"What it costs ({held['inputs']} inputs, {held['nonzeros']:,} weights):\n"
        "codes touch less of each other, networks visit more neurons"
    )
    ax.set_ylim(top=ax.get_ylim()[1] * 30)
    ax.legend(fontsize=8, loc="upper left")


def constant_width(numbers: dict[str, Any]) -> Figure:
    """Both on one plot; each task by itself; inputs of a neuron; data; costs."""
    fig, axes = figure(2, 3, size=(18, 12))
    common_panel(axes[0, 0], numbers)
    for place, one in enumerate(numbers["networks"]):
        width_panel(axes[0, 1 + place], one)
    if len(numbers["networks"]) == 1:
        axes[0, 2].set_axis_off()
    inputs_panel(axes[1, 0], numbers)
    data_panel(axes[1, 1], numbers)
    cost_panel(axes[1, 2], numbers)
    lines = [textwrap.fill(line, 205, subsequent_indent="    ") for line in numbers["words"]]
    fig.supxlabel("\n".join(lines), fontsize=10, color="#444444", x=0.01, ha="left")
    return fig
