"""Three panels over the length of the context: events, seconds and joules of one query, with fitted exponents."""

from typing import Any

from attention_times import Fit, crossing, fit
from matplotlib.figure import Figure

from hdspike.plot.style import COLOURS, figure, note

__all__ = ["LEAST", "crossings", "draw", "exponents"]

LEAST = 16_384  # keys from which on exponents are fitted
OURS = {
    "lines 1%": ("events, constant D: 1,024 lines", "blue", "o"),
    "growing 1%": ("events, D ∝ N: N/128 lines", "green", "s"),
    "growing 41": ("events, D ∝ N, 41 winners", "sky", "v"),
    "packed 1%": ("packed popcount, every key", "purple", "D"),
}
DENSE = {"1": ("dense, batch 1", "vermilion", "^"), "64": ("dense, batch 64", "orange", "<")}


def _named(point: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {f"{row['kind']} {row['rule']}": row for row in point["ours"]}


def _series(points: list[dict[str, Any]]) -> dict[str, dict[str, tuple[list[int], list[float]]]]:
    """Panel → line → (keys, amounts)."""
    out: dict[str, dict[str, tuple[list[int], list[float]]]] = {"events": {}, "seconds": {}, "joules": {}}

    def add(panel: str, name: str, size: int, amount: float) -> None:
        sizes, amounts = out[panel].setdefault(name, ([], []))
        sizes.append(size)
        amounts.append(amount)

    for point in points:
        size = point["keys"]
        for name, row in _named(point).items():
            add("events", name, size, row["per_query"]["touched"])
            for batch, found in row["seconds"].items():
                add("seconds", f"{name} {batch}", size, found["s"])
            for batch, found in row["joules"].items():
                add("joules", f"{name} {batch}", size, found["nominal"])
        for name, found in point["dense"].items():
            if name.startswith("best"):
                add("seconds", name.replace("best", "dense"), size, found["s"])
        for name, found in point["dense"]["joules"].items():
            add("joules", f"dense {name}", size, found["nominal"])
    return out


def exponents(points: list[dict[str, Any]], least: int = LEAST) -> dict[str, dict[str, Fit]]:
    """The fit of every line of every panel, over contexts of ``least`` and more; lines too short are left out."""
    out: dict[str, dict[str, Fit]] = {}
    for panel, lines in _series(points).items():
        for name, (sizes, amounts) in lines.items():
            if sum(n >= least for n in sizes) >= 3:
                out.setdefault(panel, {})[name] = fit(sizes, amounts, least=least)
    return out


def crossings(points: list[dict[str, Any]]) -> dict[str, float | None]:
    """The context from which on each of our contenders takes less time than the best dense way, by batch."""
    found: dict[str, float | None] = {}
    for name in _named(points[0]):
        for batch in ("1", "64"):
            rows = [(p["keys"], _named(p)[name]["seconds"][batch].get("ratio")) for p in points]
            if all(ratio is not None for _, ratio in rows):
                found[f"{name} {batch}"] = crossing(*zip(*rows, strict=True))
    return found


def _power(made: Fit | None) -> str:
    """The exponent and its interval in words of a legend."""
    if made is None:
        return ""
    return f"  N^{made['exponent']:.2f} ({made['low']:.2f} to {made['high']:.2f})"


def draw(points: list[dict[str, Any]], *, ledger: str, least: int = LEAST) -> Figure:
    """The figure; hollow marks are contexts whose keys are not all real."""
    lines, fits, crossed = _series(points), exponents(points, least), crossings(points)
    real = {p["keys"]: p["real"] == p["keys"] for p in points}
    fig, axes = figure(1, 3, size=(17, 8.6))
    titles = {
        "events": ("synaptic events per query", "keys on spiking lines"),
        "seconds": ("time per query, one insertion charged", "seconds"),
        "joules": ("energy per query, one insertion charged", f"joules, {ledger}, an estimate"),
    }
    for ax, (panel, (title, label)) in zip(axes, titles.items(), strict=True):
        for name, (sizes, amounts) in lines[panel].items():
            look = _look(panel, name)
            if look is None:
                continue
            text, colour, mark, style = look
            ax.plot(
                sizes,
                amounts,
                style,
                color=COLOURS[colour],
                label=text + _power(fits.get(panel, {}).get(name)),
            )
            for whole in (True, False):
                some = [(n, y) for n, y in zip(sizes, amounts, strict=True) if real[n] == whole]
                if some:
                    ax.plot(*zip(*some, strict=True), mark, color=COLOURS[colour], markersize=5,
                            markerfacecolor=COLOURS[colour] if whole else "white")  # fmt: skip
        ax.set(xscale="log", yscale="log", xlabel="keys N", ylabel=label, title=title)
    sizes = sorted(real)
    axes[0].plot(
        sizes, [n / 100 for n in sizes], ":", color=COLOURS["black"], label="the winners alone: N/100"
    )
    axes[0].plot(sizes, sizes, "--", color=COLOURS["grey"], label="every key: N")
    for name, (colour, style) in {"lines 1% 1": ("blue", "-"), "lines 1% 64": ("blue", "--")}.items():
        at = crossed.get(name)
        if at:
            axes[1].axvline(at, color=COLOURS[colour], linestyle=style, linewidth=0.9, alpha=0.6)
            axes[1].text(at * 1.06, axes[1].get_ylim()[0] * 1.3, f"{at:,.0f}", rotation=90, fontsize=8.5,
                         color=COLOURS[colour], va="bottom")  # fmt: skip
    for ax in axes:
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), fontsize=8.5)
    shares = [row["found"] for p in points for name, row in _named(p).items() if name == "lines 1%"]
    note(
        fig,
        "Solid lines: batch 1; dashed: batch 64. Dense: the best of scaled_dot_product_attention and matmul, "
        "float32 and bfloat16; upright lines: from there on 1,024 lines take less time than dense.\n"
        f"Winners of 1,024 lines hold {min(shares):.3f} to {max(shares):.3f} of the exact top-1 % mass. Exponents are "
        f"fitted from {least:,} keys on, with 95 % intervals. Hollow: not all keys are real ones.",
    )
    return fig


def _look(panel: str, name: str) -> tuple[str, str, str, str] | None:
    """Label, colour, mark and line of a series; None for what is not drawn."""
    if panel == "events":
        if name == "packed 1%":
            return None  # every key, drawn as a line of its own
        return (*OURS[name], "-")
    if name.startswith("dense"):
        parts = name.split()
        batch = parts[-1]
        text, colour, mark = DENSE[batch]
        if len(parts) == 3:
            if parts[1] == "int8":
                return (f"{text}, int8", "grey", mark, "-" if batch == "1" else "--")
            text += ", bf16"
        return text, colour, mark, "-" if batch == "1" else "--"
    line, batch = name.rsplit(" ", 1)
    text, colour, mark = OURS[line]
    if batch == "64":
        return (f"{text}, batch 64", colour, mark, "--") if line == "lines 1%" else None
    return text, colour, mark, "-"
