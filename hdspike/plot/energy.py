"""Joules per query: one panel per ledger, never two ledgers in one panel."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import EngFormatter, NullFormatter

from hdspike.plot.style import COLOURS, DENSE, LEDGER_COLOURS, SPIKING

__all__ = ["panels"]

SIDES = {"spiking": SPIKING, "dense": DENSE}
NEEDED = ("label", "ledger", "node", "low", "nominal", "high")
ENGINEERING = EngFormatter(unit="J", places=None)


def panels(
    target: Figure | SubFigure | Axes | Sequence[Axes],
    bars: Sequence[Mapping[str, Any]],
    *,
    footnote: bool = True,
) -> list[Axes]:
    """Draw energy bars, one panel per ledger, on a logarithmic axis in joules per query.

    ``bars`` are mappings with ``label``, ``ledger``, ``node``, ``low``, ``nominal``, ``high`` (J per query;
    0 < low ≤ nominal ≤ high): ``{"label": "…", **bill.as_json()}``. Optional: ``components`` (name → J; their
    shares are written under the label, since stacked bars lie on a logarithmic axis), ``sources`` (footnote)
    and ``side`` (``"spiking"`` or ``"dense"``: the colour). A point
    is ``nominal``, its whisker runs from ``low`` to ``high`` (5th to 95th percentile). All panels share one range,
    but their values must not be compared: ledgers differ by what they hold.

    ``target`` is an empty figure (it gets the panels, in the order in which the ledgers appear), one axes per
    ledger in that order, or a single axes. Returns the axes. ``ValueError`` where bars of two ledgers would
    share a panel, where the axes do not match the ledgers, and for a bar that breaks the rules above.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for index, bar in enumerate(bars):
        _check_bar(index, bar)
        groups.setdefault(bar["ledger"], []).append(bar)
    if not groups:
        raise ValueError("bars must hold at least one bar, got none")

    if isinstance(target, Axes):
        axes = [target]
    elif isinstance(target, Figure | SubFigure):
        heights = [len(group) + 1.0 for group in groups.values()]
        grid = target.subplots(len(groups), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
        axes = list(grid[:, 0])
    else:
        axes = list(target)
    if len(axes) != len(groups):
        raise ValueError(
            f"bars must give one ledger to each panel, got {len(groups)} ledger(s) "
            f"({', '.join(groups)}) for {len(axes)} axes"
        )

    left = 0.7 * 10.0 ** math.floor(math.log10(min(float(bar["low"]) for bar in bars)))
    right = 1.4 * max(float(bar["high"]) for bar in bars)
    cited: list[str] = []
    for ax, (ledger, group) in zip(axes, groups.items(), strict=True):
        _panel(ax, ledger, group, cited if footnote else None, (left, right))
    axes[-1].set_xlabel("energy per query (logarithmic axis; whisker: 5th to 95th percentile)", fontsize=9.5)
    if cited:
        _footnote(axes[-1], cited, whole_figure=isinstance(target, Figure | SubFigure))
    return axes


def _footnote(ax: Axes, cited: Sequence[str], *, whole_figure: bool) -> None:
    """The numbered citations below the last panel, as wide as the figure where the figure is ours."""
    box = ax.get_figure(root=True)
    width = box.get_size_inches()[0] if box is not None else 6.4
    characters = int((width if whole_figure else 0.6 * width) * 15.5)
    text = textwrap.fill("   ".join(f"[{i}] {source}" for i, source in enumerate(cited, 1)), characters)
    ax.annotate(
        text,
        xy=(0.01 if whole_figure else 0.0, 0.0),
        xycoords=("figure fraction" if whole_figure else "axes fraction", "axes fraction"),
        xytext=(0, -38),
        textcoords="offset points",
        fontsize=7.5,
        color=COLOURS["grey"],
        va="top",
        annotation_clip=False,
    )


def _check_bar(index: int, bar: Mapping[str, Any]) -> None:
    for key in NEEDED:
        if key not in bar:
            raise ValueError(f"bars[{index}] must have {', '.join(NEEDED)}, got no {key}")
    if bar["ledger"] not in LEDGER_COLOURS:
        known = ", ".join(LEDGER_COLOURS)
        raise ValueError(f"bars[{index}].ledger must be one of {known}, got {bar['ledger']!r}")
    low, nominal, high = (float(bar[key]) for key in ("low", "nominal", "high"))
    if not (0.0 < low <= nominal <= high < math.inf):
        raise ValueError(f"bars[{index}] must have 0 < low ≤ nominal ≤ high, got {low}, {nominal}, {high}")
    side = bar.get("side")
    if side is not None and side not in SIDES:
        raise ValueError(f"bars[{index}].side must be one of {', '.join(SIDES)}, got {side!r}")


def _panel(
    ax: Axes,
    ledger: str,
    bars: Sequence[Mapping[str, Any]],
    cited: list[str] | None,
    span: tuple[float, float],
) -> None:
    """One ledger, on the range that all panels share."""
    left, right = span
    nodes = list(dict.fromkeys(str(bar["node"]) for bar in bars))
    ax.set_xscale("log")
    ax.set_xlim(left, right * 10 ** (0.3 * math.log10(right / left) + 0.2))  # room for the values
    labels = []
    for row, bar in enumerate(bars):
        low, nominal, high = (float(bar[key]) for key in ("low", "nominal", "high"))
        colour = SIDES.get(str(bar.get("side")), LEDGER_COLOURS[ledger])
        whisker = [[nominal - low], [high - nominal]]
        ax.errorbar(
            nominal, row, xerr=whisker, fmt="o", color=colour, ecolor=colour, markersize=9, elinewidth=2,
            capsize=5, zorder=3,
        )  # fmt: skip
        numbers = ""
        if cited is not None:
            cited.extend(source for source in bar.get("sources", ()) if source not in cited)
            numbers = "".join(f" [{cited.index(source) + 1}]" for source in bar.get("sources", ()))
        ax.annotate(
            f"{_joules(nominal)}{numbers}",
            (high, row),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
        small = _shares(bar.get("components", {}))
        node = f" ({bar['node']})" if len(nodes) > 1 else ""
        labels.append(f"{bar['label']}{node}" + (f"\n{small}" if small else ""))
    ax.set_yticks(range(len(bars)), labels, fontsize=9)
    ax.set_ylim(len(bars) - 0.5, -0.5)
    ax.xaxis.set_major_formatter(ENGINEERING)
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.grid(axis="y", visible=False)
    ax.set_title(f"{ledger} ledger, {' and '.join(nodes)}", loc="left")


def _shares(components: Mapping[str, float]) -> str:
    """The nominal shares of the two largest and of the rest: ``memory 72 %, static 27 %, rest <1 %``."""
    total = sum(components.values())
    if total <= 0.0 or len(components) < 2:
        return ""
    ranked = sorted(components.items(), key=lambda item: -item[1])
    rest = sum(joules for _, joules in ranked[2:])
    shown = [*ranked[:2], ("rest", rest)]
    return ", ".join(f"{name} {_percent(joules / total)}" for name, joules in shown if joules > 0.0)


def _percent(share: float) -> str:
    if share < 0.01:
        return "<1 %"
    return f"{100 * share:.0f} %" if share <= 0.99 else ">99 %"


def _joules(value: float) -> str:
    """Three significant digits with an engineering prefix: ``1.45 mJ``."""
    rounded = float(f"{value:.3g}")
    exponent = math.floor(math.log10(rounded) + 1e-12)  # log10(1e-6) may fall just short of −6
    return EngFormatter(unit="J", places=2 - exponent % 3)(rounded)
