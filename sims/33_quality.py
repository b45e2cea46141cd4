"""What does a decoder lose when each query reads only a small share of its keys, and which rule loses least?

SmolLM2-135M reads windows of the Brown corpus, the documents of one genre one after the other, with no retraining. A
rule replaces softmax in every layer and head; every query has the same number of cells, a share of the context: that
many keys, or keys and bundles of keys in the proportion 25 to 16. Perplexity is that of the second half of each window.

Above: its excess over that of exact softmax on the same tokens against the share, contexts of 1,024 and 4,096. Below:
at 1 %, against the context; and what dense codes of several lengths lose at 1 % beside exact winners, the limit of
every code that looks for the same keys. Error bars: Student's 95 % interval of paired differences, between windows
where there are eight or more, else between blocks of 256 tokens; neighbouring blocks of one document are taken as
independent. The aim of this project at 1 % of 4,096 keys is drawn: at most 10 % above softmax.

Caveats. One small model, its weights in Q4_1 read as float32; the text is of 1961, which the model may have seen. The
interval speaks of these genres. What codes and bundles learn comes from CPython's documentation, never from the text
that is judged. Nothing is said of time and energy here: `hdspike attend` prices the rules.

The full sweep takes hours on one core. Each window under each rule is kept in the user's cache folder when it is done:
a sweep that was stopped goes on where it was. Ctrl-C ends it and draws the windows that all rules of a panel have.
"""

import sys
import textwrap
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from hdspike import check, datasets
from hdspike.models import LlamaFile, perplexity
from hdspike.models.paired import perplexity_ratio
from hdspike.models.rules import RULES, Options
from hdspike.plot.style import COLOURS, figure, note
from hdspike.workloads.attend import tokens_of
from hdspike.workloads.quality_sweep import Asked, Finished, Part, Sweep

SHARES = ("0.25%", "0.5%", "1%", "2%", "5%", "10%")
SHARE, AIM = "1%", 1.10
BITS = (256, 512, 1024, 4096, 10_240)
FEW = ("0.25%", "1%", "5%")  # at which codes and events are tried
SPLIT = 16 / 41  # of the cells are bundles
GENRES = ("news", "learned", "fiction", "government")  # without lore, on which rules were developed
LEARNED = 8192  # tokens of another text
LOOKS = {
    "kwta": ("o", "black", "exact winners"),
    "signs": ("s", "blue", "winners by dense codes of 1,024 bits"),
    "events": ("^", "orange", "winners by sparse event codes"),
    "bundles": ("D", "green", "exact winners and bundles"),
    "event-bundles": ("v", "purple", "winners by events, and bundles"),
}


def asked(select: str, share: str, context: int, seed: int, *, measure: bool = True, **more: Any) -> Asked:
    """A rule at a share of the context."""
    cells = check.parse_winners(share, context)
    if "bundles" in RULES[select].takes:
        more["bundles"] = max(1, round(SPLIT * cells))
    return Asked(select, Options(winners=cells, seed=seed, **more), measure)


def plan(*, quick: bool, seed: int) -> tuple[Part, ...]:
    """What is compared on which windows."""
    if quick:
        some = tuple(asked(select, "10%", 256, seed) for select in ("kwta", "bundles"))
        return (Part(256, (("news", 0),), (Asked(), *some)),)

    def rules(context: int, shares: tuple[str, ...]) -> list[Asked]:
        return [
            asked(select, share, context, seed, measure=share == SHARE or select in ("kwta", "bundles"))
            for select in LOOKS
            for share in (
                shares if select in ("kwta", "bundles") else [share for share in shares if share in FEW]
            )
        ]

    def codes(context: int) -> list[Asked]:
        found = [asked("signs", SHARE, context, seed, bits=bits) for bits in BITS]
        return [Asked(), asked("kwta", SHARE, context, seed), *found]

    exact = [one for one in rules(4096, SHARES) if one.select in ("kwta", "bundles")]
    return (
        Part(1024, places(GENRES, 20, 40), (Asked(), *rules(1024, SHARES))),
        Part(4096, places(GENRES, 0), (Asked(), *rules(4096, (SHARE,)))),
        Part(
            8192,
            places(GENRES[:2], 1),
            (Asked(), *(one for one in rules(8192, (SHARE,)) if one.select != "signs")),
        ),
        Part(1024, places(GENRES, 20), tuple(codes(1024)), late=1),
        Part(4096, places(GENRES[:2], 0), (Asked(), *exact), late=1),
        Part(4096, places(GENRES[:1], 0), tuple(codes(4096)), late=2),
    )


def places(genres: tuple[str, ...], *numbers: int) -> tuple[tuple[str, int], ...]:
    """Windows of these numbers in each genre."""
    return tuple((genre, number) for number in numbers for genre in genres)


def sweep(*, quick: bool, seed: int) -> Sweep:
    """The points of all parts, ready to run; ``datasets.Absent`` where the model or the text was not fetched."""
    datasets.require("smollm2", "brown")
    file = LlamaFile(next(path for path in datasets.path("smollm2").iterdir() if path.suffix == ".gguf"))
    parts = plan(quick=quick, seed=seed)
    needed: dict[str, int] = {}
    for part in parts:
        for genre, number in part.windows:
            needed[genre] = max(needed.get(genre, 0), part.context * (number + 1))
    documents = datasets.load("brown")
    texts = {
        genre: tokens_of(file, "\n".join(one.text for one in documents if one.genre == genre), count)
        for genre, count in needed.items()
    }
    learned = 256 if quick else LEARNED
    other = tokens_of(file, datasets.builtin_text().content, learned)[:learned]
    return Sweep(file.path, texts, other, parts, say=lambda line: print(line, file=sys.stderr, flush=True))


def row(one: Asked, found: Finished, part: Part, everything: dict[Asked, Finished]) -> dict[str, Any]:
    """One rule beside softmax, and beside exact winners of the same number."""
    ratio = perplexity_ratio(found.losses, everything[Asked()].losses)
    cells = one.options.winners
    exact = next(
        (
            other
            for asked, other in everything.items()
            if (asked.select, asked.options.winners) == ("kwta", cells)
        ),
        None,
    )
    beside = perplexity_ratio(found.losses, exact.losses) if exact and one.select != "kwta" else None
    better = (found.losses.mean(axis=1) < everything[Asked()].losses.mean(axis=1)).sum()
    return {
        "select": one.select,
        **{name: value for name, value in one.given().items() if name != "seed"},
        "share": next((s for s in SHARES if check.parse_winners(s, part.context) == cells), None),
        "perplexity": perplexity(found.losses),
        "ratio": asdict(ratio),
        "ratio_to_kwta": asdict(beside) if beside else None,
        "windows_better_than_softmax": int(better),
        **found.counted,
        "seconds": round(found.seconds, 2),
    }


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Work off what is missing; the rules of each part on the windows that all of them have."""
    made = sweep(quick=quick, seed=seed)
    try:
        made.run()
    except KeyboardInterrupt:
        made.say("stopped; what is finished is drawn")
    return collect(made)


def collect(made: Sweep) -> dict[str, Any]:
    """The numbers of what is finished; ``KeyboardInterrupt`` where that is nothing."""
    parts = []
    for part in made.parts:
        windows, found = made.finished(part)
        if not windows:
            continue
        reference = found[Asked()]
        parts.append(
            {
                "context": part.context,
                "windows": [f"{name} {number}" for name, number in windows],
                "windows_planned": len(part.windows),
                "tokens_judged": int(reference.losses.size),
                "perplexity_softmax": perplexity(reference.losses),
                "rules": [row(one, point, part, found) for one, point in found.items() if one != Asked()],
            }
        )
    if not parts:
        raise KeyboardInterrupt("nothing is finished")
    numbers: dict[str, Any] = {"model": "smollm2", "share": SHARE, "aim": AIM, "parts": parts}
    return numbers | {"words": words(numbers)}


def percent(ratio: dict[str, Any]) -> str:
    """The excess of a ratio and its interval."""
    said = f"{100 * (ratio['value'] - 1):+.1f} %"
    if ratio["low"] is None:
        return said
    return f"{said} ({100 * (ratio['low'] - 1):+.1f} to {100 * (ratio['high'] - 1):+.1f})"


def name(rule: dict[str, Any]) -> str:
    """What a rule is called here."""
    return str(LOOKS[rule["select"]][2])


def compared(numbers: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """Every rule once for each context, on the windows of the part that comes before others."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for part in numbers["parts"]:
        for rule in part["rules"]:
            asked = tuple(
                rule.get(key) for key in ("select", "winners", "bits", "blocks", "lines", "bundles")
            )
            found.setdefault((part["context"], *asked), rule)
    return [(context, rule) for (context, *_), rule in found.items()]


def words(numbers: dict[str, Any]) -> list[str]:
    """The verdict, computed."""
    every = compared(numbers)
    sure = [one for _, one in every if one["ratio"]["low"] is not None and one["ratio"]["low"] > 1]
    won = [one for _, one in every if one["ratio"]["high"] is not None and one["ratio"]["high"] < 1]
    said = [
        f"Dense softmax has the lower perplexity in {len(sure)} of {len(every)} comparisons by the whole interval, "
        f"a rule in {len(won)}."
    ]
    here = [rule for context, rule in every if (context, rule["share"]) == (4096, numbers["share"])]
    if len({rule["select"] for rule in here}) > 1:
        best, aim = min(here, key=lambda rule: float(rule["ratio"]["value"])), numbers["aim"]
        met = best["ratio"]["value"] <= aim
        surely = "" if (best["ratio"]["high"] <= aim) == met else ", though not by its whole interval"
        said.append(
            f"Best at {numbers['share'].replace('%', ' %')} of 4,096 keys: {name(best)}, {percent(best['ratio'])} over "
            f"softmax: it {'meets' if met else 'misses'} the aim of {100 * (aim - 1):+.0f} %{surely}."
        )
    for context, rule in every:
        found, events = rule.get("found_share"), rule.get("synaptic_events_per_query_key")
        if not found or rule["share"] != numbers["share"] or rule.get("bits", 1024) != 1024:
            continue
        means = f"{rule['bits']:,} bits" if events is None else f"{events:.2f} events per (query, key)"
        said.append(
            f"At {context:,} keys, {means} with {rule['candidates']}× candidates find {100 * found:.1f} % of the mass "
            f"of the exact {rule['winners']} winners."
        )
    return said


def excess(
    axis: Any, ratios: list[dict[str, Any]], places: list[float], look: tuple[str, str, str], label: str
) -> None:
    """Excess perplexity in percent with its interval, a line for one rule."""
    marker, colour, _ = look
    values = [100 * (ratio["value"] - 1) for ratio in ratios]
    ends = [
        (100 * (r["value"] - r["low"]), 100 * (r["high"] - r["value"])) if r["low"] is not None else (0, 0)
        for r in ratios
    ]
    axis.errorbar(
        places, values, yerr=list(zip(*ends, strict=True)), marker=marker, color=COLOURS[colour], ms=5.5, capsize=3,
        lw=1.6, label=label,
    )  # fmt: skip


def dress(axis: Any, numbers: dict[str, Any]) -> None:
    """The scale of excess perplexity, softmax and the aim."""
    axis.axhline(0, color=COLOURS["vermilion"], lw=1.6, label="exact softmax")
    axis.axhline(
        100 * (numbers["aim"] - 1), color=COLOURS["grey"], lw=1.2, ls="--", label="aim at 1 % of 4,096 keys"
    )
    axis.set_yscale("symlog", linthresh=1, linscale=0.4)
    axis.yaxis.set_major_locator(FixedLocator([-10, -1, 0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000]))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.set_ylabel("perplexity above that of softmax")
    axis.set_ylim(bottom=min(-1.5, axis.dataLim.y0))


def places_on(axis: Any, ticks: list[float], form: str) -> None:
    """A logarithmic axis with these ticks alone; heights in percent."""
    axis.set_xscale("log")
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_locator(FixedLocator(ticks))
    axis.xaxis.set_major_formatter(form)
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:+g} %".replace("-", "−") if value else "0")


def _of(part: dict[str, Any], select: str) -> list[dict[str, Any]]:
    """The rules of one kind with the usual number of bits, by share."""
    found = [rule for rule in part["rules"] if rule["select"] == select and rule.get("bits", 1024) == 1024]
    return sorted(found, key=lambda rule: float(rule["winners"]))


def _title(part: dict[str, Any]) -> str:
    count, units = part["rules"][0]["ratio"]["count"], part["rules"][0]["ratio"]["units"]
    pieces = f"{len(part['windows'])} window{'s' * (len(part['windows']) > 1)}"
    blocks = "" if units == "windows" else f", {count} blocks"
    return f"{pieces}{blocks}; perplexity of softmax {part['perplexity_softmax']:.2f}"


def by_share(axis: Any, part: dict[str, Any], numbers: dict[str, Any]) -> None:
    """Excess against the share of one context."""
    for shift, (select, look) in enumerate(LOOKS.items()):
        rules = _of(part, select)
        places = [100 * rule["winners"] / part["context"] * (1 + 0.03 * (shift - 1.5)) for rule in rules]
        if rules:
            excess(axis, [rule["ratio"] for rule in rules], places, look, look[2])
    dress(axis, numbers)
    places_on(axis, [float(share[:-1]) for share in SHARES], "{x:g} %")
    axis.set_xlabel("cells of each query, share of the context")
    axis.set_title(f"context of {part['context']:,} tokens\n{_title(part)}")


def by_context(axis: Any, parts: list[dict[str, Any]], numbers: dict[str, Any]) -> None:
    """Excess at 1 % against the context."""
    for shift, (select, look) in enumerate(LOOKS.items()):
        found = [
            (part["context"], rule)
            for part in parts
            for rule in _of(part, select)
            if rule["share"] == numbers["share"]
        ]
        if found:
            places = [context * (1 + 0.02 * (shift - 1.5)) for context, _ in found]
            excess(axis, [rule["ratio"] for _, rule in found], places, look, look[2])
    dress(axis, numbers)
    places_on(axis, [part["context"] for part in parts], "{x:,.0f}")
    axis.set_xlabel("context, tokens")
    counts = ", ".join(str(len(part["windows"])) for part in parts)
    axis.set_title(f"{numbers['share'].replace('%', ' %')} of each context\nwindows: {counts}")


def by_bits(axis: Any, parts: list[dict[str, Any]], numbers: dict[str, Any]) -> None:
    """What dense codes lose at 1 % beside exact winners, against their bits."""
    axis.axhline(0, color=COLOURS["black"], lw=1.6, label="as many exact winners")
    for shift, (part, look) in enumerate(zip(parts, (("s", "blue", ""), ("v", "purple", "")), strict=False)):
        codes = [
            rule for rule in part["rules"] if (rule["select"], rule["share"]) == ("signs", numbers["share"])
        ]
        codes.sort(key=lambda rule: float(rule["bits"]))
        bits = [rule["bits"] * (1 + 0.05 * (shift - 0.5)) for rule in codes]
        excess(
            axis, [rule["ratio_to_kwta"] for rule in codes], bits, look,
            f"context {part['context']:,}, {len(part['windows'])} window{'s' * (len(part['windows']) > 1)}",
        )  # fmt: skip
    places_on(axis, list(BITS), "{x:,.0f}")
    axis.set_ylabel("perplexity above that of exact winners")
    axis.set_xlabel("bits of a code, 4 candidates for each winner")
    axis.set_title(f"winners by dense codes, {numbers['share'].replace('%', ' %')} of the context")


def draw(numbers: dict[str, Any]) -> Figure:
    """Excess perplexity by share, by context, by bits."""
    parts = numbers["parts"]
    lengths = [p for p in parts if len({rule.get("bits", 1024) for rule in p["rules"]}) > 1]
    curves = [p for p in parts if len({rule["winners"] for rule in p["rules"]}) > 1]
    at_one: dict[int, dict[str, Any]] = {}
    for part in parts:
        if any(rule["share"] == numbers["share"] for rule in part["rules"]):
            at_one.setdefault(part["context"], part)
    panels: list[tuple[Callable[..., None], Any]] = [(by_share, part) for part in curves or parts]
    panels += [(by_context, list(at_one.values()))] if len(at_one) > 1 else []
    panels += [(by_bits, lengths)] if lengths else []
    columns = min(2, len(panels))
    fig, axes = figure(
        -(-len(panels) // columns),
        columns,
        size=(7.2 * columns, 5.2 * -(-len(panels) // columns)),
        squeeze=False,
    )
    for axis, (make, given) in zip(axes.flat, panels, strict=False):
        make(axis, given, numbers)
        axis.legend(fontsize=8.5)
    for axis in axes.flat[len(panels) :]:
        axis.remove()
    source = (
        "SmolLM2-135M, Brown corpus, second halves of windows, no retraining. Bars: 95 %, paired differences."
    )
    note(fig, "\n".join(textwrap.fill(line, 78 * columns) for line in (*numbers["words"], source)))
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
