"""Which part of the model does what?

The Spiking HD-Transformer learns the first nine tenths of CPython's documentation in one pass and reads the last tenth:
frozen, where only its window moves on, and streaming, where it goes on learning. Each row takes one part away, or
changes its size, and leaves all else as it is: the memories, the layers, the words heads, the winners, the decay of
the residual, what a vote sees of its head, the synapses of a neuron and how many of them it needs, the temperature.

Drawn: bits per character above those of the whole model, on the same characters; bars are 95 % intervals of paired
differences (bootstrap of blocks of 1,000 characters). On the right: synaptic events per character, both memories and
the votes, frozen.

Caveats. One text, one item memory. The parts are taken away one at a time, from a model whose sizes were chosen with
all of them there. The lifetime memory alone stores what it reads at once, since nothing else holds it; "stored at
once" gives it to the whole model too. The temperature is fitted on the text learned, for frozen reading alone.

Each model is kept in the user's cache folder when it is done; a run that was stopped goes on where it was.
"""

from dataclasses import replace
from typing import Any

from matplotlib.figure import Figure

from hdspike.contestants.contest import difference
from hdspike.contestants.trained import builtin, models, point, small
from hdspike.plot.style import COLOURS, figure, note
from hdspike.transformer import HEADS, Settings

WHOLE = "the whole model"
VOTES = {
    "totals": "how many spikes",
    "distincts": "how many symbols",
    "longer": "longer heads",
    "ranks": "who came first",
}
SURE = 0.002
"""Bits below which a change is called none."""


def plan(seed: int) -> list[tuple[str, str, Settings, bool]]:
    """Group, name, settings, and whether the temperature is fitted: the whole model comes before the others."""
    base = Settings(seed=seed)
    rows: list[tuple[str, str, dict[str, Any]]] = [
        ("memories", "window alone", {"memories": "window"}),
        ("memories", "lifetime alone", {"memories": "lifetime", "window": 1, "delay": 1}),
        ("memories", "both, stored at once", {"delay": 1}),
        ("heads", "no words heads", {"heads": tuple(h for h in HEADS if h.kind != "words")}),
        ("heads", "words heads alone", {"heads": tuple(h for h in HEADS if h.kind == "words")}),
        *(("layers", f"{n} of 5", {"heads": tuple(h for h in HEADS if h.layer <= n)}) for n in (1, 2, 3, 4)),
        *(("winners, k = 32", f"k = {k}", {"winners": k}) for k in (1, 4, 16, 128)),
        *(("decay, 2⁻³", "none" if d == 0 else f"1 ÷ {1 << d}", {"decay": d}) for d in (0, 1, 2, 5)),
        *(
            ("votes blind to", name, {option: 1})
            for option, name in VOTES.items()
            if getattr(base, option) > 1
        ),
        ("votes blind to", "all of these", dict.fromkeys(VOTES, 1)),
        *([("votes that see", "how many spikes", {"totals": 10})] if base.totals == 1 else []),
        ("synapses, m = θ = 2", "m = θ = 1", {"synapses": 1}),
        ("synapses, m = θ = 2", "m = 3, θ = 2", {"synapses": 3, "threshold": 2}),
        ("synapses, m = θ = 2", "m = θ = 3", {"synapses": 3}),
    ]
    return [
        ("", WHOLE, base, True),
        *((group, name, replace(base, **change), True) for group, name, change in rows),
        ("temperature", "not fitted", base, False),
    ]


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Every model, and how far it is from the whole one."""
    text = builtin(40_000 if quick else None)
    wanted = plan(seed)
    if quick:
        few = (WHOLE, "window alone", "lifetime alone", "k = 1")
        wanted = [(group, name, small(one), fitted) for group, name, one, fitted in wanted if name in few]
    kept = models(quick)
    points = [point(kept, text, one, sharpened=fitted) for _, _, one, fitted in wanted]
    rows = []
    for (group, name, one, _), found in zip(wanted, points, strict=True):
        row: dict[str, Any] = {
            "group": group,
            "name": name,
            "dim": one.dim,
        }
        for way in ("frozen", "streaming"):
            said, counts = found[way], found[way]["counts"]
            row[way] = {
                "bits": said["bits"],
                "accuracy": said["accuracy"],
                "change": difference(said, points[0][way], rng=seed),
                "events": sum(counts[f"{part}_events"] for part in ("window", "lifetime", "vote")),
            }
        if name == WHOLE or name != "not fitted":
            rows.append(row)
        else:
            rows.append(row | {"streaming": None})  # it does not use the temperature
    numbers: dict[str, Any] = {
        "text": text.name,
        "learned": len(text.learned),
        "read": len(text.read),
        "rows": rows,
    }
    return numbers | {"words": words(numbers)}


def words(numbers: dict[str, Any]) -> list[str]:
    """What can be said, computed."""
    whole, *rest = numbers["rows"]
    said = [
        f"The whole model: {whole['frozen']['bits']:.3f} bits per character frozen, {whole['streaming']['bits']:.3f} "
        f"streaming; {whole['frozen']['events']:,.0f} synaptic events per character."
    ]
    worst = sorted(rest, key=lambda row: -float(row["frozen"]["change"]["value"]))[:3]
    listed = ", ".join(f"{_called(row)} {row['frozen']['change']['value']:+.3f}" for row in worst)
    said.append(f"Frozen, most is lost with: {listed}.")
    better = [
        row
        for row in rest
        if row["frozen"]["change"]["high"] is not None and row["frozen"]["change"]["high"] < 0
    ]
    same = [row for row in rest if abs(row["frozen"]["change"]["value"]) < SURE and row not in better]
    if better:
        listed = ", ".join(f"{_called(row)} {row['frozen']['change']['value']:+.3f}" for row in better)
        said.append(f"Better than the whole model by the whole interval: {listed}.")
    if same:
        said.append(f"Less than {SURE} bits either way: {', '.join(map(_called, same))}.")
    return [line.replace(" -0", " −0") for line in said]


def _called(row: dict[str, Any]) -> str:
    return f"{row['group'].split(',')[0]}: {row['name']}"


def draw(numbers: dict[str, Any]) -> Figure:
    """One row for each model, the change frozen and streaming, and its events."""
    whole, *rows = numbers["rows"]
    fig, (axis, events) = figure(
        1, 2, size=(11, 1.9 + 0.33 * len(rows)), sharey=True, gridspec_kw={"width_ratios": [3, 1]}
    )
    places, groups, place = [], [], 0.0
    for i, row in enumerate(rows):
        if i and row["group"] != rows[i - 1]["group"]:
            place += 0.7
        if not i or row["group"] != rows[i - 1]["group"]:
            groups.append((place, row["group"]))
        places.append(place)
        place += 1
    looks = {"frozen": ("o", "blue", -0.14), "streaming": ("s", "orange", 0.14)}
    for way, (marker, colour, shift) in looks.items():
        held = [(at, row[way]["change"]) for at, row in zip(places, rows, strict=True) if row[way]]
        values = [change["value"] for _, change in held]
        ends = [
            (change["value"] - change["low"], change["high"] - change["value"])
            if change["low"] is not None
            else (0, 0)
            for _, change in held
        ]
        axis.errorbar(
            values, [at + shift for at, _ in held], xerr=list(zip(*ends, strict=True)), fmt=marker, ms=5.5,
            color=COLOURS[colour], capsize=2.5, lw=1.4, label=f"{way}: {whole[way]['bits']:.3f} bits whole",
        )  # fmt: skip
    axis.axvline(0, color=COLOURS["black"], lw=1.2)
    axis.set_xscale("symlog", linthresh=0.01, linscale=0.8)
    ticks = [-0.1, -0.03, -0.01, 0, 0.01, 0.03, 0.1, 0.3, 1]
    low, high = axis.dataLim.x0, axis.dataLim.x1
    low, high = min(2.5 * low, -0.05), max(1.3 * high, 0.02)  # room for the names of groups
    axis.set_xlim(low, high)
    axis.set_xticks([tick for tick in ticks if low <= tick <= high])
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:+g}".replace("-", "−") if value else "0")
    axis.minorticks_off()
    axis.set_yticks(places, [row["name"] for row in rows])
    axis.set_ylim(place - 0.3, -0.7)
    for at, name in groups:
        axis.annotate(
            name, (0.01, at), xycoords=("axes fraction", "data"), ha="left", va="center", fontsize=9,
            color=COLOURS["grey"], fontstyle="italic",
        )  # fmt: skip
    axis.set_xlabel("bits per character above the whole model (linear within ±0.01)")
    axis.set_title(f"{numbers['text']}: {numbers['learned']:,} characters learned, {numbers['read']:,} read")
    fig.legend(loc="outside upper center", ncols=2)
    events.barh(places, [row["frozen"]["events"] for row in rows], color=COLOURS["sky"], height=0.6)
    events.axvline(whole["frozen"]["events"], color=COLOURS["black"], lw=1.2, ls="--")
    events.set_xlabel("synaptic events per character")
    events.set_title("dashed: the whole model", fontsize=10)
    note(fig, "\n".join(numbers["words"]))
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
