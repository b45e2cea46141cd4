"""Memories that compute: errors of their operations, answers after them, and joules, one panel each."""

from typing import Any

import numpy as np

from hdspike.in_memory import design_law, xor_errors
from hdspike.plot import energy as energy_plot
from hdspike.plot.style import COLOURS, DENSE

__all__ = ["bars", "bundles", "designs", "digits", "frontier", "iso", "recall", "sided", "xor"]

LOOKS = {
    "processor": ("processor, from DRAM", DENSE, "s"),
    "resident": ("processor, from its cache", COLOURS["orange"], "D"),
    "dram": ("DRAM rows", COLOURS["blue"], "o"),
    "columns": ("DRAM columns", COLOURS["sky"], "^"),
    "bitline": ("SRAM bit lines", COLOURS["green"], "v"),
    "cam": ("match array", COLOURS["purple"], "P"),
    "crossbar": ("crossbar", COLOURS["black"], "X"),
    "stuck": ("stuck columns", COLOURS["green"], "v"),
}
ERRORS = {
    "dram": "DRAM rows: p",
    "columns": "DRAM columns: p",
    "cam": "match array: b of cells",
    "crossbar": "crossbar: σ",
    "stuck": "stuck columns: share u",
}


def whiskers(ax: Any, x: Any, points: list[dict[str, Any]], **options: Any) -> None:
    """Accuracies and their intervals in percent."""
    y = [100 * p["accuracy"] for p in points]
    arms = [
        [max(0.0, v - 100 * p["low"]) for v, p in zip(y, points, strict=True)],
        [max(0.0, 100 * p["high"] - v) for v, p in zip(y, points, strict=True)],
    ]
    ax.errorbar(x, y, yerr=arms, **({"capsize": 2, "ms": 5, "lw": 1.1, "ls": "none"} | options))


def error_axis(ax: Any, numbers: dict[str, Any], low: float, *, marked: bool = True) -> None:
    """Errors in percent on a logarithmic axis, with the published points."""
    ax.set_xscale("log")
    ticks = [
        t for t in (0.001, 0.01, 0.1, 0.3, 1, 3, 10, 30) if t >= low and (low >= 0.1 or t not in (0.3, 3, 30))
    ]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()
    ax.set_xlim(0.8 * low, 60)
    for name, rate in numbers["published"]["ambit"].items() if marked else ():
        if rate > 0:
            ax.axvline(100 * rate, color=COLOURS["grey"], lw=1, ls=":")
            ax.text(
                100 * rate,
                0.01,
                f" {name}",
                transform=ax.get_xaxis_transform(),
                fontsize=9,
                va="bottom",
                color="#555555",
            )


def percent(numbers: dict[str, Any], design: str, dim: int, errors: Any) -> list[float]:
    """The closed form over a range of errors, in percent."""
    items, changed = numbers["items"], numbers["changed"]
    return [100 * (design_law(design, dim, items, changed, error) or 0.0) for error in errors]


def headroom(ax: Any, top: float = 140) -> None:
    """Percent, and a legend above what 100 % of them reach."""
    ax.set_ylim(0, top)
    ax.set_yticks(range(0, 101, 20))
    ax.legend(loc="upper left", fontsize=8.5, ncols=2)


def sided(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """The bars of a large memory with what they are."""
    sides = {True: "dense", False: "in-memory"}
    return [{"side": sides[q["design"] == "processor"], "per": "query", **q} for q in entry["queries"]]


def xor(ax: Any, numbers: dict[str, Any]) -> None:
    """Errors of an XOR from those of its activations."""
    rows = numbers["xor"]
    x = [100 * r["rate"] for r in rows]
    for name, colour, marker in (("equal", "blue", "o"), ("different", "orange", "s")):
        y = [100 * r[name]["share"] for r in rows]
        arms = [[v - 100 * r[name]["low"] for v, r in zip(y, rows, strict=True)],
                [100 * r[name]["high"] - v for v, r in zip(y, rows, strict=True)]]  # fmt: skip
        ax.errorbar(
            x, y, yerr=arms, fmt=marker, color=COLOURS[colour], ms=5, capsize=2, label=f"operands {name}"
        )
    p = np.geomspace(0.001, 0.5, 80)
    laws = np.array([xor_errors(v) for v in p])
    for column, colour in ((0, "blue"), (1, "orange")):
        ax.plot(100 * p, 100 * laws[:, column], color=COLOURS[colour], lw=1.4)
    ax.plot(100 * p, 100 * p, color=COLOURS["grey"], ls="--", lw=1.2, label="one activation")
    ax.set_yscale("log")
    ax.set_yticks([0.1, 1, 10, 50], ["0.1", "1", "10", "50"])
    ax.set_xlabel("wrong bits of one activation, p (%)")
    ax.set_ylabel("wrong bits of an XOR (%)")
    error_axis(ax, numbers, 0.1)
    at = next(r for r in rows if r["rate"] == numbers["published"]["ambit"]["±15 %"])
    wrong = [100 * at[name]["share"] for name in ("equal", "different")]
    ax.set_title(
        f"An XOR is three activations: at p = {100 * at['rate']:.2f} %\n"
        f"{wrong[0]:.1f} % of equal and {wrong[1]:.1f} % of different bits are wrong"
    )
    ax.legend(loc="upper left")


def recall(ax: Any, numbers: dict[str, Any]) -> None:
    """Recall in DRAM rows against p, by dimension."""
    dims = sorted({p["dim"] for p in numbers["recall"]})
    p = np.concatenate([[0.001], np.geomspace(0.0015, 0.5, 60)])
    for dim, colour in zip(dims, ("orange", "green", "blue", "purple"), strict=False):
        points = [q for q in numbers["recall"] if q["dim"] == dim and q["error"] > 0]
        whiskers(
            ax,
            [100 * q["error"] for q in points],
            points,
            fmt="o",
            color=COLOURS[colour],
            label=f"D = {dim:,}",
        )
        ax.plot(
            100 * p,
            percent(numbers, "dram", dim, p),
            color=COLOURS[colour],
        )
    error_axis(ax, numbers, 0.1)
    ax.set_xlabel("wrong bits of one activation, p (%)")
    ax.set_ylabel(f"right item of {numbers['items']:,} found (%)")
    largest, worst = dims[-1], numbers["published"]["ambit"]["±15 %"]
    found = {
        d: q["accuracy"] for d in dims for q in numbers["recall"] if (q["dim"], q["error"]) == (d, worst)
    }
    ax.set_title(
        f"Recall in DRAM rows at ±15 %: {100 * found[dims[0]]:.0f} % right with\n"
        f"D = {dims[0]:,}, {100 * found[largest]:.0f} % with D = {largest:,}"
    )
    headroom(ax)


def designs(ax: Any, numbers: dict[str, Any]) -> None:
    """Recall by design, each against its own error."""
    grid = np.geomspace(1e-5, 0.5, 90)
    for design, label in ERRORS.items():
        _, colour, marker = LOOKS[design]
        points = [q for q in numbers["designs"] if q["design"] == design]
        line = ":" if design == "columns" else "none"
        whiskers(
            ax, [100 * q["error"] for q in points], points, fmt=marker, color=colour, ls=line, label=label
        )
        if design != "columns":
            told = [
                100 * (design_law(design, numbers["middle"], numbers["items"], numbers["changed"], v) or 0.0)
                for v in grid
            ]
            ax.plot(100 * grid, told, color=colour, lw=1.3)
    error_axis(ax, numbers, 0.001)
    ax.set_xlabel("error of the operation or the device (%)")
    ax.set_ylabel(f"right item of {numbers['items']:,} found (%)")
    at = {q["design"]: 100 * q["accuracy"] for q in numbers["designs"] if q["error"] == 0.0029}
    ax.set_title(
        f"The same recall by design, D = {numbers['middle']:,}: at p = 0.29 % DRAM rows find\n"
        f"{at['dram']:.0f} %, but {at['columns']:.0f} % where the ones are counted inside"
    )
    headroom(ax)


def bundles(ax: Any, numbers: dict[str, Any]) -> None:
    """Lean of bundles against members."""
    looks = iter(
        (("black", "s"), ("blue", "o"), ("sky", "^"), ("green", "v"), ("orange", "D"), ("purple", "P"),
         ("vermilion", "X"), ("grey", "*"))
    )  # fmt: skip
    for entry in numbers["bundles"]:
        colour, marker = next(looks)
        points = entry["points"]
        if not points:
            continue
        name = "majority of all (exact)"
        if entry["name"].startswith("tree"):
            name = f"tree of threes, {entry['name'][5:]} variation"
        elif entry["fan"]:
            name = f"DDR4: majority of {entry['fan']}, {100 * (1 - entry['weak']):.4g} % of cells right"
        x = [p["members"] for p in points]
        y, half = [p["lean"] for p in points], [p["half"] for p in points]
        arms = [[min(h, 0.9 * v) for h, v in zip(half, y, strict=True)], half]
        ax.errorbar(x, y, yerr=arms, fmt=marker, ms=5, capsize=2, color=COLOURS[colour], label=name)
        ax.plot(x, [p["law"] for p in points], color=COLOURS[colour], lw=1.2)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xticks([3, 9, 27, 81, 243], ["3", "9", "27", "81", "243"])
    ax.minorticks_off()
    ax.set_xlim(2.6, 1.15 * max(p["members"] for p in numbers["bundles"][0]["points"]))
    ax.set_ylim(1.5e-4, 1.3)
    ax.set_yticks([0.001, 0.01, 0.1, 1], ["0.001", "0.01", "0.1", "1"])
    ax.set_xlabel("members of the bundle")
    ax.set_ylabel("lean to a member: 2 × agreement − 1")
    whole, tree = (next(p["lean"] for p in e["points"] if p["members"] == 81) for e in numbers["bundles"][:2])
    ax.set_title(
        "A tree of majorities is not the majority: of 81 members\n"
        f"it keeps {100 * tree / whole:.0f} % of the lean, without any error"
    )
    ax.legend(loc="lower left", fontsize=8.5)


def digits(ax: Any, numbers: dict[str, Any]) -> None:
    """Classes of digits against errors."""
    entry = numbers["digits"]
    for design, label in ERRORS.items():
        points = [q for q in entry["swept"] if q["design"] == design]
        if not points:
            continue
        _, colour, marker = LOOKS[design]
        line = "none" if design == "cam" else ":"
        x = [100 * q["error"] for q in points]
        whiskers(ax, x, points, fmt=marker, color=colour, ls=line, label=label)
        if design == "cam":
            ax.plot(x, [100 * q["law"] for q in points], color=colour, lw=1.4)
    ax.axhline(100 / entry["classes"], color=COLOURS["grey"], lw=1, ls=":")
    error_axis(ax, numbers, 0.1)
    ax.set_xlabel("error of the operation or the device (%)")
    ax.set_ylabel("digits classified rightly (%)")
    worst = numbers["published"]["ambit"]["±15 %"]
    at = {q["design"]: 100 * q["accuracy"] for q in entry["swept"] if q["error"] == worst}
    ax.set_title(
        f"Digits, D = {entry['dim']:,}: at {100 * worst:.2f} % DRAM rows {at['dram']:.0f} %,\n"
        f"match array {at['cam']:.0f} %, counted in columns {at['columns']:.0f} % right"
    )
    headroom(ax)


def frontier(ax: Any, numbers: dict[str, Any]) -> None:
    """Accuracy of recall against energy; the dimension runs along each line."""
    groups: dict[tuple[str, float], list[Any]] = {}
    for q in numbers["frontier"]:
        groups.setdefault((q["design"], q["error"]), []).append(q)
    marks = numbers["published"]["ambit"]
    lines = dict(zip(marks.values(), ("-", "--", ":"), strict=True))
    names = {rate: name for name, rate in marks.items()}
    for (design, error), points in groups.items():
        label, colour, marker = LOOKS[design]
        in_dram = design in ("dram", "columns")
        x = [p["joules"]["nominal"] for p in points]
        arms = [[v - p["joules"]["low"] for v, p in zip(x, points, strict=True)],
                [p["joules"]["high"] - v for v, p in zip(x, points, strict=True)]]  # fmt: skip
        whiskers(
            ax, x, points, fmt=marker, color=colour, mfc=colour if error == 0 else "white",
            ls=lines[error] if error == 0 or points[0]["law"] is None else "none",
            label=f"{label}, {names[error]}" if in_dram else label,
        )  # fmt: skip
        if error and points[0]["law"] is not None:
            ax.plot(x, [100 * p["law"] for p in points], color=colour, lw=1.1, ls=lines[error])
        last = points[-1]
        ax.errorbar(
            x[-1:], [100 * last["accuracy"]], xerr=[arms[0][-1:], arms[1][-1:]], color=colour, lw=1, capsize=2
        )
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(energy_plot.ENGINEERING)
    ax.set_xlabel("energy per query (circuit ledger; D doubles from point to point)")
    ax.set_ylabel(f"right item of {numbers['items']:,} found (%)")
    dims = sorted({q["dim"] for q in numbers["frontier"]})
    best = {d: p[-1]["joules"]["nominal"] for (d, e), p in groups.items() if e == 0}
    ax.set_title(
        f"Accuracy against energy, {numbers['items']:,} items, D = {dims[0]:,} … {dims[-1]:,}: DRAM rows\n"
        f"cost {best['dram'] / best['processor']:.2g} × a fetch, "
        f"{best['dram'] / best['resident']:.0f} × items kept in the cache"
    )
    headroom(ax, 170)


def iso(ax: Any, numbers: dict[str, Any]) -> None:
    """Energy of a recall that is right in 99 of 100 cases, against the error."""
    for design in ("dram", "bitline", "cam", "crossbar"):
        label, colour, marker = LOOKS[design]
        points = [q for q in numbers["iso"] if q["design"] == design]
        x = [max(100 * q["error"], 0.1) for q in points]
        y = [q["joules"]["nominal"] for q in points]
        ax.plot(x, y, marker=marker, color=colour, ms=5, label=label)
        ax.fill_between(x, [q["joules"]["low"] for q in points], [q["joules"]["high"] for q in points],
                        color=colour, alpha=0.12, lw=0)  # fmt: skip
    for design in ("processor", "resident"):
        label, colour, _ = LOOKS[design]
        (one,) = (q for q in numbers["iso"] if q["design"] == design)
        ax.axhline(one["joules"]["nominal"], color=colour, ls="--", lw=1.4, label=f"{label}, no errors")
    ax.set_yscale("log")
    ax.set_ylim(top=1000 * ax.get_ylim()[1])
    ax.yaxis.set_major_formatter(energy_plot.ENGINEERING)
    error_axis(ax, numbers, 0.1)
    ax.set_xlabel("error of the operation or the device (%; leftmost: none)")
    ax.set_ylabel(f"energy per query at {100 * numbers['goal']:.0f} % (circuit ledger)")
    cam = [q for q in numbers["iso"] if q["design"] == "cam"]
    at = next(q for q in cam if q["error"] == 0.25)
    ax.set_title(
        f"Energy of {100 * numbers['goal']:.0f} % right, by the law: 25 % of cells wrong cost\n"
        f"{at['joules']['nominal'] / cam[0]['joules']['nominal']:.1f} × the energy: "
        f"D = {cam[0]['dim']:,} becomes {at['dim']:,}"
    )
    ax.legend(loc="upper left", fontsize=8.5)


def bars(ax: Any, numbers: dict[str, Any]) -> None:
    """One query of a large memory."""
    entry = numbers["bars"]
    energy_plot.panels(ax, sided(entry), footnote=False)
    by = {q["label"]: q["nominal"] for q in entry["queries"]}
    fetched = by["fetched"]
    rows, columns = by["DRAM rows"] / fetched, by["DRAM columns"] / fetched
    small = entry["small"]["columns"] / entry["small"]["processor"]
    ax.set_title(
        f"{entry['items']:,} items, D = {entry['dim']:,}, circuit ledger: DRAM rows cost {rows:.1f} × a fetch;\n"
        f"counted inside {columns:.2f} × ({small:.2g} × with {numbers['items']:,} items)", loc="left",
    )  # fmt: skip
