"""What does a model of spikes forget when it learns a second text?

A contestant learns text A in one pass, then text B, then what follows in A: no epochs, no replay, no sign of where one
ends. Before and after B it reads held-out A and B, frozen. What it has forgotten is the bits per character on held-out
A after B less those before, on the same characters. A is CPython's documentation; B the news of the Brown corpus where
it was fetched, else the second half of the documentation with its letters exchanged for each other.

The Spiking HD-Transformer forgets in two places: its window holds the last 32,768 characters alone; and where a pool of
the lifetime memory is full, a new code takes the row that was used least (homeostasis). So it is drawn with all its
rows, with 1 in 16 of them, and without any (the window alone). The votes, which all texts share, adapt too. Beside it a
Kneser-Ney model, which keeps every count; and, where ``benchmarks/language_dense.py`` was run, the dense twin, trained
by as many steps on B as on A before.

Left: bits per character while learning, each character predicted, then learned; means of stretches. "A again" is drawn
beside what the same contestant says of it that never met B (dashed). Right: what was forgotten, with 95 % intervals of
paired differences (bootstrap of blocks of 1,000 characters).

Caveats. One model of spikes, one pair of texts; the documentation repeats
itself, here and there word by word (the deep dips). Held-out A is read after B with B in the window, so the beginning
of it counts too; the dense twin reads all of held-out A, with A in its context. Contestants are kept in the user's
cache folder when they are done; a run that was stopped goes on where it was.
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hdspike import datasets
from hdspike.contestants.contest import difference, summary
from hdspike.contestants.contract import Contestant
from hdspike.contestants.dense_results import COMMAND, dense_results
from hdspike.contestants.kept import Kept
from hdspike.contestants.ngrams import Ngrams
from hdspike.contestants.spiking import Spiking
from hdspike.contestants.trained import Split, small, split
from hdspike.datasets import builtin_text
from hdspike.datasets.text import tokenise
from hdspike.plot.style import COLOURS, figure, note
from hdspike.transformer import Settings

VERSION = 1
START = 1000  # characters that are learned before the curve begins
READ = 30_000
STRETCHES = 40
GENRE = "news"
ORDER = 6
FEWER = 16
LOOKS = {
    "spikes, all rows": "blue",
    "spikes, 1 in 16 rows": "green",
    "spikes, window alone": "orange",
    "Kneser-Ney, order 6": "black",
    "dense twin": "vermilion",
}


def texts(quick: bool) -> tuple[Split, Split]:
    """A and B over the alphabet of both."""
    content = builtin_text().content
    second, name = None, ""
    if not quick:
        try:
            documents = datasets.load("brown")
            second = "\n\n".join(one.text for one in documents if one.genre == GENRE)
            name = f"Brown, {GENRE}"
        except datasets.Absent:
            pass
    if second is None:
        content = content[: 20_000 if quick else None]
        half = len(content) // 2
        content, second, name = (
            content[:half],
            exchanged(content[half:]),
            "its second half, letters exchanged",
        )
    both = tokenise("both", content + second)
    cut = []
    for title, tokens in (
        ("documentation", both.tokens[: len(content)]),
        (name, both.tokens[len(content) :]),
    ):
        one = split(title, both.symbols, tokens)
        cut.append(replace(one, read=one.read[:READ]))
    first, other = cut
    return first, replace(other, learned=other.learned[: len(first.learned)])


def exchanged(text: str) -> str:
    """Every letter is the one that comes 7 later in the alphabet, so that words and their letters are new.

    >>> exchanged("A cat.")
    'H jha.'
    """
    lower = "abcdefghijklmnopqrstuvwxyz"
    moved = lower[7:] + lower[:7]
    return text.translate(str.maketrans(lower + lower.upper(), moved + moved.upper()))


def entries(alphabet: str, quick: bool, seed: int) -> dict[str, Callable[[], Contestant]]:
    """The contestants by their names."""
    base = Settings(seed=seed)
    base = small(base) if quick else base
    fewer = replace(base, heads=tuple(replace(h, rows=-(-h.rows // FEWER)) for h in base.heads))
    alone = replace(base, memories="window")
    return {
        "spikes, all rows": lambda: Spiking(alphabet, base),
        "spikes, 1 in 16 rows": lambda: Spiking(alphabet, fewer),
        "spikes, window alone": lambda: Spiking(alphabet, alone),
        "Kneser-Ney, order 6": lambda: Ngrams(ORDER),
    }


def stretches(bits: NDArray[np.float64]) -> list[list[float]]:
    """Character in the middle and mean bits of each stretch."""
    parts = np.array_split(np.arange(len(bits)), min(STRETCHES, len(bits)))
    return [[float(part.mean()), float(bits[part].mean())] for part in parts]


def course(model: Contestant, first: Split, second: Split) -> dict[str, Any]:
    """A, then B, then A again."""
    symbols = len(first.alphabet)
    model.learn(first.learned[:START], symbols)

    def held_out() -> dict[str, Any]:
        return {
            name: summary(model.read(one.read, streaming=False))
            for name, one in (("A", first), ("B", second))
        }

    curves = {"A": stretches(model.read(first.learned[START:], streaming=True).bits)}
    before = held_out()
    never = copy.deepcopy(model).read(first.read, streaming=True)
    curves["B"] = stretches(model.read(second.learned, streaming=True).bits)
    after = held_out()
    again = model.read(first.read, streaming=True)
    few = {"bits", "low", "high", "accuracy", "blocks"}
    return {
        "curves": curves | {"again": stretches(again.bits), "never": stretches(never.bits)},
        "before": {name: {k: v for k, v in one.items() if k in few} for name, one in before.items()},
        "after": {name: {k: v for k, v in one.items() if k in few} for name, one in after.items()},
        "again": again.bits_per_character,
        "never": never.bits_per_character,
    }


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Every contestant's course, and what it has forgotten."""
    first, second = texts(quick)
    kept = Kept(None) if quick else Kept.here("continual", VERSION)
    rows = []
    for name, make in entries(first.alphabet, quick, seed).items():

        def worked(make: Callable[[], Contestant] = make, name: str = name) -> dict[str, Any]:
            found = course(make(), first, second)
            kept.say(
                f"{name}: A {found['before']['A']['bits']:.4f}, after B {found['after']['A']['bits']:.4f}"
            )
            return found

        settings = make().settings
        found = kept({"A": first.digest, "B": second.digest, "name": name, "settings": settings}, worked)
        row: dict[str, Any] = {"name": name, "curves": found["curves"]}
        for text in ("A", "B"):
            row[f"{text}_before"] = found["before"][text]["bits"]
            row[f"{text}_after"] = found["after"][text]["bits"]
        row["forgotten"] = difference(found["after"]["A"], found["before"]["A"], rng=seed)
        row["again"], row["again_without_b"] = found["again"], found["never"]
        rows.append(row)
    numbers: dict[str, Any] = {
        "A": first.name,
        "B": second.name,
        "learned": [len(first.learned), len(second.learned)],
        "read": [len(first.read), len(second.read)],
        "rows": rows,
        "dense": None if quick or not second.name.startswith("Brown") else dense(),
    }
    return numbers | {"words": words(numbers)}


def dense() -> dict[str, Any] | None:
    """What the dense twin forgot; None where its benchmark was not run."""
    found = dense_results("continual")
    if found is None:
        return None
    part = found["continual"]
    ways = {"A_before": "first_before", "A_after": "first_after", "B_after": "second_after"}
    bits = {name: part[key]["bits_per_character"] for name, key in ways.items()}
    return {"budget": found["budget"], "parameters": found["parameters"], **bits}


def words(numbers: dict[str, Any]) -> list[str]:
    """What can be said, computed."""
    said = []
    for row in numbers["rows"]:
        gap = row["forgotten"]
        band = "" if gap["low"] is None else f" ({gap['low']:+.3f} to {gap['high']:+.3f})"
        said.append(
            f"{row['name']}: held-out A {row['A_before']:.3f} bits, after B {row['A_after']:.3f}: {gap['value']:+.3f}"
            f"{band}; B {row['B_before']:.3f}, then {row['B_after']:.3f}; A again {row['again']:.3f} streaming, "
            f"without B {row['again_without_b']:.3f}."
        )
    twin = numbers["dense"]
    if twin is None:
        said.append(f"The dense twin is left out: no results of `{COMMAND}` for these texts.")
    else:
        gap = twin["A_after"] - twin["A_before"]
        said.append(
            f"Dense twin ({twin['parameters']:,} weights, {twin['budget']:g} s each): held-out A "
            f"{twin['A_before']:.3f} bits, after B {twin['A_after']:.3f}: {gap:+.3f}; B then {twin['B_after']:.3f}."
        )
    return said


def pairs(curve: list[list[float]]) -> NDArray[np.float64]:
    """Means of two stretches each: a calmer curve."""
    return np.array(curve[: len(curve) // 2 * 2]).reshape(-1, 2, 2).mean(axis=1)


def draw(numbers: dict[str, Any]) -> Figure:
    """Curves of learning A, B and A again, and what was forgotten."""
    fig, axes = figure(1, 4, size=(16.5, 6), gridspec_kw={"width_ratios": [3, 3, 2, 2.4]})
    *phases, bars = axes
    titles = (f"A: {numbers['A']}", f"then B: {numbers['B']}", "then A again (held out)")
    for axis, phase, title in zip(phases, ("A", "B", "again"), titles, strict=True):
        for row in numbers["rows"]:
            colour = COLOURS[LOOKS[row["name"]]]
            places, values = pairs(row["curves"][phase]).T
            axis.plot(places / 1000, values, color=colour, lw=1.6, label=row["name"])
            if phase == "again":
                places, values = pairs(row["curves"]["never"]).T
                axis.plot(places / 1000, values, color=colour, lw=0.9, ls="--")
        axis.set_xlabel("thousand characters learned")
        axis.set_title(title, fontsize=11)
        axis.sharey(phases[0])
    phases[0].set_ylabel("bits per character, predicted then learned")
    phases[0].legend()
    phases[2].plot([], [], color=COLOURS["grey"], lw=0.9, ls="--", label="never met B")
    phases[2].legend(handles=phases[2].lines[-1:], loc="upper right")
    gaps = [(row["name"], row["forgotten"]) for row in numbers["rows"]]
    twin = numbers["dense"]
    if twin is not None:
        gaps.append(("dense twin", {"value": twin["A_after"] - twin["A_before"], "low": None, "high": None}))
    for place, (name, gap) in enumerate(gaps):
        bars.barh(place, gap["value"], color=COLOURS[LOOKS[name]], height=0.6)
        if gap["low"] is not None:
            ends = [[gap["value"] - gap["low"]], [gap["high"] - gap["value"]]]
            bars.errorbar(gap["value"], place, xerr=ends, color=COLOURS["grey"], capsize=4, lw=1.6)
        bars.annotate(
            f" {gap['value']:+.2f}", (max(gap["high"] or gap["value"], 0), place), va="center", fontsize=10
        )
    bars.set_yticks(range(len(gaps)), [name.replace(", ", ",\n") for name, _ in gaps])
    bars.invert_yaxis()
    bars.axvline(0, color=COLOURS["black"], lw=1)
    bars.set_xscale("symlog", linthresh=0.1, linscale=0.6)
    most = max(gap["high"] or gap["value"] for _, gap in gaps)
    bars.set_xticks([tick for tick in (0, 0.1, 0.2, 0.5, 1, 2, 5) if tick <= 1.3 * most])
    bars.set_xlim(right=max(3 * most, 0.15))
    bars.xaxis.set_major_formatter("{x:g}")
    bars.minorticks_off()
    bars.set_xlabel("bits per character on held-out A,\nafter B less before (linear below 0.1)")
    bars.set_title("forgotten", fontsize=11)
    note(fig, "\n".join(numbers["words"]))
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
