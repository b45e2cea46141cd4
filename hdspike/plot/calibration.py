"""Power laws of chips beside what was measured: the fit, its parts, joules per event, and misused constants."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from hdspike.plot.style import COLOURS

__all__ = ["factors", "fit", "per_event", "shares"]

NAMES = {"truenorth": "TrueNorth", "odin": "ODIN"}
LOOKS = {"truenorth": ("blue", "o"), "odin": ("vermilion", "s")}
PARTS = {"static": COLOURS["grey"], "clock": COLOURS["orange"], "events": COLOURS["blue"]}


def fit(ax: Axes, found: Mapping[str, Any]) -> None:
    """TrueNorth: two points, the line through them, and the point that it never saw."""
    rate = np.array([p["events_per_s"] for p in found["file"]])
    rising = np.array([0.0, 1.08 * rate.max()])
    ax.fill_between(rising / 1e9, 0, 1e3 * found["static_w"], color=COLOURS["grey"], alpha=0.2, lw=0)
    ax.text(
        0.45 * rising[1] / 1e9, 28, f"static: {1e3 * found['static_w']:.2f} mW", color="#444444", ha="center"
    )
    ax.plot(
        rising / 1e9, 1e3 * (found["static_w"] + found["event_j"] * rising), color=COLOURS["blue"],
        label=f"fit of two points: slope {1e12 * found['event_j']:.3f} pJ/event",
    )  # fmt: skip
    for p in found["file"]:
        left_out = p["point"] == found["held_out"]
        ax.plot(
            p["events_per_s"] / 1e9, 1e3 * p["measured_w"], "D" if left_out else "o", ms=9, mew=2, ls="none",
            mfc="white" if left_out else COLOURS["black"], mec=COLOURS["vermilion" if left_out else "black"],
            label=f"held out: {p['point']}, {found['held_out_error_percent']:+.2f} %" if left_out else
            f"fitted: {p['point']}, {1e3 * p['measured_w']:.0f} mW",
        )  # fmt: skip
    ax.set(xlabel="synaptic events (10⁹ per second)", ylabel="power of the chip (mW)", ylim=(0, 135))
    ax.set_xlim(*rising / 1e9)
    ax.set_title(
        f"TrueNorth (path): the point left out\nis met to {abs(found['held_out_error_percent']):.2f} %"
    )
    ax.legend(loc="upper left")


def shares(ax: Axes, points: Sequence[Mapping[str, Any]], held_out: str) -> None:
    """What a predicted watt consists of, as a part of the measured one."""
    for row, p in enumerate(points):
        left = 0.0
        for part, colour in PARTS.items():
            width = 100.0 * p["parts"][part] / p["measured_w"]
            ax.barh(row, width, left=left, color=colour, height=0.6, label=part if row == 0 else None)
            left += width
        ax.text(103, row, f"{p['error_percent']:+.2f} %", va="center", fontsize=10)
    ax.axvline(100, color=COLOURS["black"], ls="--", lw=1.3)
    ax.set_yticks(
        range(len(points)),
        [
            f"{NAMES[p['chip']]}, {p['point']}"
            + (" (held out)" if p["point"] == held_out else "")
            + f"\n{watt(p['measured_w'])} measured"
            for p in points
        ],
        fontsize=9.5,
    )
    ax.set_ylim(len(points) - 0.4, -1.0)
    ax.set_xlim(0, 122)
    ax.grid(axis="y", visible=False)
    ax.legend(loc="upper left", ncols=3)
    worst = max(abs(p["error_percent"]) for p in points)
    ax.set_title(f"Constants of the files (path) against silicon:\nall five within {worst:.2f} %")
    ax.set(xlabel="predicted power, % of the measured (dashed)", ylabel="chip and operating point")


def watt(value: float) -> str:
    """1.2e-4 → 120 µW."""
    return f"{1e3 * value:.0f} mW" if value >= 1e-3 else f"{1e6 * value:.0f} µW"


def per_event(
    ax: Axes, stated: Sequence[Mapping[str, Any]], points: Mapping[str, Sequence[Mapping[str, Any]]]
) -> None:
    """Joules per event against the rate: the law, the measured ``points`` by chip, and the one that is quoted."""
    for entry in stated:
        some = points[entry["chip"]]
        name, (colour, marker) = NAMES[entry["chip"]], LOOKS[entry["chip"]]
        rate = np.array([p["events_per_s"] for p in some])
        grid = np.geomspace(rate.min() / 10, rate.max())
        parts, top = some[0]["parts"], some[0]["events_per_s"]
        each = (parts["clock"] + parts["events"]) / top  # ODIN's clock follows its events
        ax.plot(
            grid,
            1e12 * (parts["static"] / grid + each),
            color=COLOURS[colour],
            label=f"{name}: P ÷ r, the law",
        )
        ax.plot(
            rate, [1e12 * p["measured_j_per_event"] for p in some], marker, ls="none", ms=8, mfc="white", mew=2,
            color=COLOURS[colour], label=f"{name}: P ÷ r, measured",
        )  # fmt: skip
        ax.plot(
            grid, np.full_like(grid, 1e12 * entry["published_j"]), color=COLOURS[colour], ls=":",
            label=f"{name}: {1e12 * entry['published_j']:g} pJ at any rate",
        )  # fmt: skip
    ax.set(xscale="log", yscale="log", xlabel="synaptic events per second", ylabel="pJ per event, all inside")
    ax.set_ylim(3, 10_000)
    ax.legend(loc="upper right", fontsize=9)
    errors = ", ".join(f"{e['error_percent']:+.1f} %" for e in stated)
    ax.set_title(f"pJ per event with all inside (path): met at\nthe stated rate ({errors}), not at others")


def factors(ax: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    """How wrong each misuse is."""
    for row, one in enumerate(rows):
        low, high = sorted((1.0, one["factor"]))
        ax.barh(row, high - low, left=low, color=COLOURS["purple"], height=0.5)
        ax.text(1.15 * high, row, f"× {one['factor']:.2g}", va="center")
    ax.axvline(1, color=COLOURS["black"], lw=1.3)
    ax.set_xscale("log")
    ax.set_xlim(0.05, 40)
    ax.set_xticks([0.1, 0.3, 1, 3, 10, 30], ["0.1", "0.3", "1", "3", "10", "30"])
    ax.minorticks_off()
    ax.set_yticks(range(len(rows)), [textwrap.fill(one["trap"], 30) for one in rows], fontsize=9)
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    worst = max(rows, key=lambda one: abs(np.log(one["factor"])))
    ax.set_title(
        f"Constants used outside what they hold:\nup to {max(worst['factor'], 1 / worst['factor']):.0f}× wrong"
    )
    ax.set(xlabel="wrong figure ÷ right figure", ylabel="what was computed")
