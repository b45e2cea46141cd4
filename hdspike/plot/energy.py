"""Joules per unit of work: one panel per ledger, never two ledgers in one panel; the sources are numbered below."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from hdspike.plot.style import COLOURS, DENSE, LEDGER_COLOURS, SPIKING

__all__ = ["SIDES", "citations", "panels", "references", "shares", "size"]

SIDES: dict[str, tuple[str, str]] = {
    "spiking": (SPIKING, "o"),
    "packed": (COLOURS["orange"], "^"),
    "in-memory": (COLOURS["green"], "D"),
    "static": (COLOURS["purple"], "v"),
    "brain": (COLOURS["black"], "*"),
    "dense": (DENSE, "s"),
}
"""What a bar is, as colour and marker: spikes, packed words on a processor, arrays that compute, a static schedule
beside its memory, the brain, and the dense twin."""

MEANING = {
    "circuit": "gates and memory arrays alone",
    "path": "measured on running chips, wires and control included",
    "board": "all that the board draws",
}
NEEDED = ("label", "ledger", "node", "low", "nominal", "high")
ENGINEERING = EngFormatter(unit="J", places=None)
LABEL, SMALL, WIDTH = 9.0, 7.5, 46  # points, points, characters of a label's line


def panels(
    target: Figure | SubFigure | Axes | Sequence[Axes],
    bars: Sequence[Mapping[str, Any]],
    *,
    footnote: bool = True,
) -> list[Axes]:
    """Draw energy bars, one panel per ledger, on a logarithmic axis in joules.

    ``bars`` are mappings with ``label``, ``ledger``, ``node``, ``low``, ``nominal``, ``high`` (J;
    0 < low ≤ nominal ≤ high): ``{"label": "…", **bill.as_json()}``. Optional: ``components`` (name → J; their
    shares are written beside the value, since stacked bars lie on a logarithmic axis), ``sources`` (numbered, the list
    is the footnote), ``per`` (what a bar is of, one for all bars: the axis says it) and ``side`` (one of
    :data:`SIDES`: colour and marker, with a legend where there are two). A point is ``nominal``, its whisker runs from
    ``low`` to ``high`` (5th to 95th percentile). All panels share one range, but their values must not be compared:
    ledgers differ by what they hold.

    ``target`` is an empty figure (it gets the panels, in the order in which the ledgers appear; :func:`size` says how
    large it has to be), one axes per ledger in that order, or a single axes. Without ``footnote`` the numbers stay and
    the list is for the caller to show (:func:`citations`). Returns the axes. ``ValueError`` where bars of two ledgers
    would share a panel, where they are of different work, where the axes do not match the ledgers, and for a bar that
    breaks the rules above.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for index, bar in enumerate(bars):
        _check_bar(index, bar)
        groups.setdefault(bar["ledger"], []).append(bar)
    if not groups:
        raise ValueError("bars must hold at least one bar, got none")
    work = list(dict.fromkeys(str(bar["per"]) for bar in bars if bar.get("per") is not None))
    if len(work) > 1:
        raise ValueError(f"bars must all be per the same work, got per {' and per '.join(work)}")

    if isinstance(target, Axes):
        axes = [target]
    elif isinstance(target, Figure | SubFigure):
        if isinstance(target, Figure) and target.get_layout_engine() is None:
            target.set_layout_engine("constrained")
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

    span = (0.7 * min(float(bar["low"]) for bar in bars), 1.4 * max(float(bar["high"]) for bar in bars))
    numbers = citations(bars)
    for ax, (ledger, group) in zip(axes, groups.items(), strict=True):
        _panel(ax, ledger, group, numbers, span)
    what = f"energy per {work[0]}" if work else "energy"
    axes[-1].set_xlabel(
        f"{what} (logarithmic axis; marker: nominal, whisker: 5th to 95th percentile)", fontsize=9.5
    )
    _legend(target if isinstance(target, Figure | SubFigure) else axes[0], bars)
    if footnote and numbers:
        text = _footnote(numbers, axes[-1].get_figure(root=True))
        if isinstance(target, Figure | SubFigure):
            target.supxlabel(text, x=0.01, ha="left", fontsize=SMALL, color=COLOURS["grey"])
        else:
            axes[-1].annotate(
                text, (0.0, 0.0), xycoords="axes fraction", xytext=(0, -38), textcoords="offset points",
                fontsize=SMALL, color=COLOURS["grey"], va="top", annotation_clip=False,
            )  # fmt: skip
    return axes


def citations(bars: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Every source of the bars with its number, in the order in which :func:`panels` meets them."""
    ledgers = dict.fromkeys(bar["ledger"] for bar in bars)
    found: dict[str, int] = {}
    for ledger in ledgers:
        for bar in bars:
            for source in bar.get("sources", ()) if bar["ledger"] == ledger else ():
                found.setdefault(source, len(found) + 1)
    return found


def references(bar: Mapping[str, Any], numbers: Mapping[str, int]) -> str:
    """The numbers of a bar's sources: ``[1, 3]``, or nothing."""
    shown = ", ".join(str(n) for n in sorted({numbers[source] for source in bar.get("sources", ())}))
    return f"[{shown}]" if shown else ""


def size(bars: Sequence[Mapping[str, Any]], *, width: float = 11.0) -> tuple[float, float]:
    """Width and height (inches) of a figure on which :func:`panels` shows these bars without overlap."""
    lines = max((_label(bar).count("\n") + 1 for bar in bars), default=1)
    rows = len(bars) * max(2.3, lines + 0.5) * LABEL * 1.25 / 72
    ledgers = len({bar["ledger"] for bar in bars})
    notes = len(_lines(citations(bars), width)) * SMALL * 1.3 / 72
    return width, rows + 0.75 * ledgers + 1.0 + notes


def _lines(numbers: Mapping[str, int], width: float) -> list[str]:
    """The list of sources, each on lines of its own, as wide as a figure of ``width`` inches."""
    characters = int(15.5 * width)
    lines = []
    for source, number in numbers.items():
        lines += textwrap.wrap(f"[{number}] {source}", characters, subsequent_indent="      ")
    return lines


def _footnote(numbers: Mapping[str, int], box: Figure | None) -> str:
    return "\n".join(_lines(numbers, float(box.get_size_inches()[0]) if box is not None else 6.4))


def _legend(target: Figure | SubFigure | Axes, bars: Sequence[Mapping[str, Any]]) -> None:
    """What colours and markers mean, where there are two: above the panels of a figure, inside an axes."""
    shown = [side for side in SIDES if any(bar.get("side") == side for bar in bars)]
    if len(shown) < 2:
        return
    handles = [
        Line2D(
            [], [], color=SIDES[side][0], marker=SIDES[side][1], linestyle="none", markersize=7, label=side
        )
        for side in shown
    ]
    if isinstance(target, Axes):
        target.legend(handles=handles, fontsize=LABEL, frameon=False, handletextpad=0.2)
    else:
        target.legend(
            handles=handles, loc="outside upper center", ncols=len(shown), fontsize=LABEL + 1, frameon=False,
            handletextpad=0.2, columnspacing=1.5,
        )  # fmt: skip


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
    numbers: Mapping[str, int],
    span: tuple[float, float],
) -> None:
    """One ledger, on the range that all panels share; values, sources and shares in a column at the right."""
    ax.set_xscale("log")
    ax.set_xlim(*span)
    for row, bar in enumerate(bars):
        low, nominal, high = (float(bar[key]) for key in ("low", "nominal", "high"))
        colour, marker = SIDES.get(str(bar.get("side")), (LEDGER_COLOURS[ledger], "o"))
        ax.errorbar(
            nominal, row, xerr=[[nominal - low], [high - nominal]], fmt=marker, color=colour, ecolor=colour,
            markersize=11 if marker == "*" else 7.5, elinewidth=2, capsize=4, zorder=3,
        )  # fmt: skip
        small = shares(bar.get("components", {}))
        beside: Any = {
            "xycoords": ("axes fraction", "data"),
            "textcoords": "offset points",
            "annotation_clip": False,
        }
        ax.annotate(
            f"{_joules(nominal)} {references(bar, numbers)}".rstrip(), (1.0, row), xytext=(7, 1 if small else 0),
            va="bottom" if small else "center", fontsize=LABEL, **beside,
        )  # fmt: skip
        if small:
            ax.annotate(
                small, (1.0, row), xytext=(7, -1), va="top", fontsize=SMALL, color=COLOURS["grey"], **beside
            )
    ax.set_yticks(range(len(bars)), [_label(bar) for bar in bars], fontsize=LABEL)
    ax.set_ylim(len(bars) - 0.5, -0.5)
    ax.xaxis.set_major_locator(LogLocator(numticks=9))
    ax.xaxis.set_major_formatter(ENGINEERING)
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.grid(axis="y", visible=False)
    ax.set_title(f"{ledger} ledger: {MEANING[ledger]}", loc="left", fontsize=10.5)


def _label(bar: Mapping[str, Any]) -> str:
    """The label with its node, in lines that a figure has room for."""
    return textwrap.fill(f"{bar['label']} ({bar['node']})", WIDTH)


def shares(components: Mapping[str, float], most: int = 2) -> str:
    """The nominal shares of the ``most`` largest and of the rest: ``DRAM read 72 %, static 27 %, rest <1 %``."""
    total = sum(components.values())
    if total <= 0.0 or len(components) < 2:
        return ""  # one component is all of it
    ranked = sorted(components.items(), key=lambda item: -item[1])
    large = [item for item in ranked[:most] if item[1] >= 0.01 * total]
    rest = total - sum(joules for _, joules in large)
    shown = large if rest <= 1e-9 * total else [*large, ("rest", rest)]
    return ", ".join(f"{name} {_percent(joules / total)}" for name, joules in shown)


def _percent(share: float) -> str:
    if share < 0.01:
        return "<1 %"
    return f"{100 * share:.0f} %" if share <= 0.99 else ">99 %"


def _joules(value: float) -> str:
    """Three significant digits with an engineering prefix: ``1.45 mJ``."""
    rounded = float(f"{value:.3g}")
    exponent = math.floor(math.log10(rounded) + 1e-12)  # log10(1e-6) may fall just short of −6
    return EngFormatter(unit="J", places=2 - exponent % 3)(rounded)
