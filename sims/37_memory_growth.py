"""How does a model of spikes grow with its dimension, and with its context to the whole text?

The Spiking HD-Transformer learns a text in one pass and reads on. Left to right: bits per character; synaptic events
per character (both memories and the votes); what is touched.

*Dimension* (above): E lines to a block, D = 28·E bits of which 28 are ones. Ones, winners, keys and the rows of the
lifetime memory stay as many (rows of a pool in proportion to 1/E). A key that has nothing to do with a query shares
one of its m lines by chance, with 1/E: of W keys at most heads·m·W/E are touched in vain, fewer where the race ends
before the oldest key; and W/E^m fire wrongly in each head.

*Context* (below): W keys of attention, to the whole text; k = 32 winners for each head, always. E stays at 4,096, or is
W/16. Exponents: slopes of least squares in the logarithms over the windows drawn, Student's 95 % interval; a power law
is a summary, not a law here. Attention alone has no other memory than the window; with both, what leaves the window is
stored in the rows.

Bits: frozen (filled) and streaming (hollow), with 95 % intervals of a bootstrap over blocks of 1,000 characters.
Brown, when it was fetched: its documents in the order of their names, 1,048,576 characters learned, 50,000 read.

Caveats. One text of each kind, one item memory.
Touched counts keys of the window alone. A full window of 2²⁰ keys is there only at the end of the text that is learned;
events are those of the text read. On Brown E is W/16 always. Models are kept in the user's cache folder when they are
done; a run that was stopped goes on where it was.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator
from scipy import stats

from hdspike import datasets
from hdspike.contestants.trained import Split, builtin, models, point, small, split
from hdspike.datasets.text import tokenise
from hdspike.plot.style import COLOURS, figure, note
from hdspike.transformer import HEADS, Settings

LINES = (128, 512, 2048, 4096, 16_384)
USUAL = 4096
WINDOWS = (256, 2048, 16_384, 131_072, 524_288)
FILLED = (256, 2048, 32_768, 131_072)  # with both memories
BROWN = (32_768, 262_144, 1_048_576)
PER_LINE = 16  # keys to a line, where the lines grow with the window
LEAST = 128  # lines, one for each symbol


def same_rows(settings: Settings, lines: int) -> Settings:
    """As many rows of each head, in pools of ``lines``."""
    heads = tuple(replace(h, rows=max(1, h.rows * settings.lines // lines)) for h in settings.heads)
    return replace(settings, lines=lines, heads=heads)


def plan(quick: bool, seed: int) -> list[tuple[str, str, Settings]]:
    """Curve, memories and settings of every model on the built-in text."""
    base = Settings(seed=seed)
    if quick:
        base, alone = small(base), replace(small(base), memories="window")
        return [
            *(("dimension", "window", replace(alone, lines=lines)) for lines in (128, 512)),
            *(("constant", "window", replace(alone, window=w)) for w in (256, 4096, 16_384)),
            *(("growing", "window", replace(alone, window=w, lines=w // 16)) for w in (4096, 16_384)),
        ]
    alone = replace(base, memories="window")
    rows = [("dimension", "window", replace(alone, lines=lines)) for lines in LINES]
    rows += [("constant", "window", replace(alone, window=window)) for window in WINDOWS]
    rows += [
        ("growing", "window", replace(alone, window=window, lines=window // PER_LINE))
        for window in WINDOWS
        if window // PER_LINE >= LEAST
    ]
    rows += [("dimension", "both", same_rows(base, lines)) for lines in LINES[1:]]
    rows += [("constant", "both", replace(base, window=window)) for window in FILLED]
    return rows


def brown_plan(seed: int) -> list[tuple[str, str, Settings]]:
    """The models on Brown: attention alone, to a million keys."""
    alone = Settings(memories="window", seed=seed)
    return [
        ("growing", "window", replace(alone, window=window, lines=window // PER_LINE)) for window in BROWN
    ]


def brown() -> Split | None:
    """A million characters and what comes after them; None where it was not fetched."""
    try:
        documents = datasets.load("brown")
    except datasets.Absent:
        return None
    content = "\n".join(one.text for one in documents)[: (1 << 20) + 50_000]
    text = tokenise("Brown", content)
    return split(text.source, text.symbols, text.tokens, share=(1 << 20) / len(text))


def rows_of(text: Split, wanted: Sequence[tuple[str, str, Settings]], quick: bool) -> list[dict[str, Any]]:
    """Every model's numbers."""
    rows = []
    for curve, memories, settings in wanted:
        found = point(models(quick), text, settings)
        counts = found["frozen"]["counts"]
        pairs = min(settings.window, len(text.learned)) * len(settings.heads)
        rows.append(
            {
                "text": text.name,
                "curve": curve,
                "memories": memories,
                "lines": settings.lines,
                "dim": settings.dim,
                "window": settings.window,
                "keys": min(settings.window, len(text.learned)),
                "pairs": pairs,
                **{
                    way: {name: found[way][name] for name in ("bits", "low", "high", "accuracy")}
                    for way in ("frozen", "streaming")
                },
                "events": sum(counts[f"{part}_events"] for part in ("window", "lifetime", "vote")),
                "window_events": counts["window_events"],
                "touched": counts["window_touched"],
                "fired": counts["window_fired"],
                "touched_fraction": counts["window_touched"] / pairs,
                "nonzero_fraction": counts["window_fired"] / pairs,
                "in_vain": counts["window_touched"] - counts["window_fired"],
                "in_vain_at_most": pairs * settings.synapses / settings.lines,
                "false_winners": pairs / settings.lines**settings.synapses,
            }
        )
    return rows


def exponent(places: Sequence[float], values: Sequence[float]) -> dict[str, float | None]:
    """The slope in the logarithms, and its interval where there are three points or more."""
    fit = stats.linregress(np.log(places), np.log(values))
    if len(places) < 3:
        return {"value": float(fit.slope), "low": None, "high": None}
    half = float(stats.t.ppf(0.975, len(places) - 2) * fit.stderr)
    return {"value": float(fit.slope), "low": float(fit.slope) - half, "high": float(fit.slope) + half}


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """All models, and the exponents of what they cost."""
    rows = rows_of(builtin(20_000 if quick else None), plan(quick, seed), quick)
    million = None if quick else brown()
    if million is not None:
        rows += rows_of(million, brown_plan(seed), quick)
    fits = []
    for text, curve, memories in dict.fromkeys((row["text"], row["curve"], row["memories"]) for row in rows):
        if curve == "dimension":
            continue
        some = _of(rows, curve, memories, text)
        keys = [row["keys"] for row in some]
        named = {"text": text, "curve": curve, "memories": memories, "points": len(some)}
        fits.append(
            named
            | {
                name: exponent(keys, [row[name] for row in some])
                for name in ("window_events", "touched_fraction")
            }
        )
    numbers: dict[str, Any] = {
        "heads": len(HEADS),
        "winners": Settings().winners,
        "rows": rows,
        "exponents": fits,
    }
    return numbers | {"words": words(numbers)}


def _of(rows: Sequence[dict[str, Any]], curve: str, memories: str, text: str) -> list[dict[str, Any]]:
    """The points of one curve, in order."""
    some = [row for row in rows if (row["curve"], row["memories"], row["text"]) == (curve, memories, text)]
    return sorted(some, key=lambda row: float(row["lines"] if curve == "dimension" else row["keys"]))


def words(numbers: dict[str, Any]) -> list[str]:
    """What can be said, computed."""
    rows, said = numbers["rows"], []
    text = rows[0]["text"]
    for memories, name in (("window", "attention alone"), ("both", "both memories")):
        some = _of(rows, "dimension", memories, text)
        if len(some) > 1:
            low, high = some[0], some[-1]
            said.append(
                f"D from {low['dim']:,} to {high['dim']:,} at the same ones, {name}: "
                f"{low['frozen']['bits']:.3f} to {high['frozen']['bits']:.3f} bits frozen, "
                f"{low['events']:,.0f} to {high['events']:,.0f} events per character."
            )
    for fit in numbers["exponents"]:
        some = _of(rows, fit["curve"], fit["memories"], fit["text"])
        low, high = some[0], some[-1]
        e = fit["window_events"]
        band = "" if e["low"] is None else f" ({e['low']:.2f} to {e['high']:.2f})"
        lines = f"E = {low['lines']:,}" if fit["curve"] == "constant" else "E in proportion"
        kind = "attention alone" if fit["memories"] == "window" else "both memories"
        said.append(
            f"{fit['text'].capitalize()}, {kind}, {low['keys']:,} to {high['keys']:,} keys, {lines}: "
            f"{low['frozen']['bits']:.3f} to {high['frozen']['bits']:.3f} bits; attention's events ∝ "
            f"W^{e['value']:.2f}{band}; touched at last {100 * high['touched_fraction']:.3f} % of the keys."
        )
    return said


LOOKS = {  # curve, memories → marker, colour, name
    ("dimension", "window"): ("o", "blue", "attention alone"),
    ("dimension", "both"): ("D", "green", "both memories"),
    ("constant", "window"): ("o", "blue", "attention alone, E = {lines:,}"),
    ("growing", "window"): ("s", "orange", "attention alone, E = W ÷ {per_line}"),
    ("constant", "both"): ("D", "green", "both memories, E = {lines:,}"),
}


def _curves(numbers: dict[str, Any], above: bool) -> list[tuple[list[dict[str, Any]], str, str, str, str]]:
    """The curves of a line of panels: points, marker, colour, style and label."""
    out = []
    for text in dict.fromkeys(row["text"] for row in numbers["rows"]):
        for (curve, memories), (marker, colour, name) in LOOKS.items():
            some = _of(numbers["rows"], curve, memories, text)
            if some and (curve == "dimension") == above:
                later = text != numbers["rows"][0]["text"]
                lines = some[0]["lines"]
                name = name.format(lines=lines, per_line=some[0]["window"] // lines)
                out.append(
                    (some, marker, colour, ":" if later else "-", f"{name}{f', {text}' if later else ''}")
                )
    return out


def draw(numbers: dict[str, Any]) -> Figure:
    """Bits, events and what is touched: against the dimension, and against the window."""
    fig, axes = figure(2, 3, size=(16, 9.6))
    for line, (bits, events, touched) in enumerate(axes):
        above = line == 0
        for some, marker, colour, style, label in _curves(numbers, above):
            places = [row["dim" if above else "keys"] for row in some]
            look = {"marker": marker, "color": COLOURS[colour], "ls": style, "ms": 5.5}
            for way, face in (("frozen", COLOURS[colour]), ("streaming", "white")):
                values = [row[way]["bits"] for row in some]
                ends = [
                    (row[way]["bits"] - row[way]["low"], row[way]["high"] - row[way]["bits"])
                    if row[way]["low"] is not None
                    else (0, 0)
                    for row in some
                ]
                bits.errorbar(
                    places, values, yerr=list(zip(*ends, strict=True)), **look, lw=1.6 if way == "frozen" else 0.9,
                    mfc=face, capsize=2.5, label=label if way == "frozen" else None,
                )  # fmt: skip
            cost = "events" if above else "window_events"
            fit = next(
                (
                    f
                    for f in numbers["exponents"]
                    if not above and _of(numbers["rows"], f["curve"], f["memories"], f["text"]) == some
                ),
                None,
            )
            slope = "" if fit is None else f": ∝ W^{fit['window_events']['value']:.2f}"
            events.plot(places, [row[cost] for row in some], **look, label=f"{label}{slope}")
            if above:
                touched.plot(
                    places, [row["in_vain"] for row in some], **look, label=f"touched in vain, {label}"
                )
            else:
                touched.plot(places, [row["touched_fraction"] for row in some], **look, label=label)
        if above:
            some = _of(numbers["rows"], "dimension", "window", numbers["rows"][0]["text"])
            places = [row["dim"] for row in some]
            theory = {"color": COLOURS["black"], "lw": 1.2}
            touched.plot(
                places,
                [row["in_vain_at_most"] for row in some],
                **theory,
                ls="--",
                label="at most: heads·m·W/E",
            )
            touched.plot(
                places,
                [row["false_winners"] for row in some],
                **theory,
                ls=":",
                label="false winners: heads·W/E²",
            )
            touched.set_ylabel("keys per character, all heads")
            touched.set_title("touched in vain")
            bits.set_title(f"the dimension grows, {2 * numbers['heads']} ones of D")
            events.set_title("events: both memories and votes")
        else:
            touched.set_ylabel("(query, key) pairs that got an event, share")
            touched.set_title("touched fraction")
            bits.set_title(f"the context grows, {numbers['winners']} winners of W")
            events.set_title("events of attention")
        ticks: list[int] = []
        for row in sorted(numbers["rows"], key=lambda row: int(row["dim" if above else "window"])):
            place = row["dim" if above else "window"]
            if (row["curve"] == "dimension") == above and (not ticks or place > 2.5 * ticks[-1]):
                ticks.append(place)
        for axis in (bits, events, touched):
            axis.set_xscale("log")
            axis.xaxis.set_major_locator(FixedLocator(ticks))
            axis.xaxis.set_minor_locator(NullLocator())
            axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
            axis.tick_params(axis="x", rotation=30)
            axis.set_xlabel("D, bits" if above else "W, keys that attention looks at")
            axis.legend(fontsize=8.5)
        for axis in (events, touched):
            axis.set_yscale("log")
        bits.set_ylabel("bits per character\n(filled: frozen, hollow: streaming)")
        bits.set_ylim(top=bits.get_ylim()[1] + 0.3 * np.ptp(bits.get_ylim()))  # room for the legend
        events.set_ylabel("synaptic events per character")
    note(fig, "\n".join(numbers["words"]))
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
