"""How few synaptic events find the keys that matter inside a real model, and how many bits does a dense code need?

SmolLM2-135M reads 4,096 tokens of the Brown corpus. In some of its layers every query of a sample asks for its k best
of the keys it sees, k = 1 % of the context. A code offers c·k candidates; the mass of the best k of these ÷ the mass of
the k best of all is the *share found*, in the mean over queries. Everything learned is learned from another genre.

- **Events**: keys are in inverted lists, one in each of B blocks of E lines. A query sends its strongest lines, as far
  as its events reach: one for each key that hears one. *Rests*: potentials start at q̄·k, what the head's mean query
  says of the key. *Metric*: lines are learned where queries look (T of the queries' covariance, not of keys alone).
- **Signs**: D signs of a random projection; the nearest in Hamming distance are candidates. All keys are compared.

Caveats. Rests are found before any event: what they find alone, and with the keys at the start and the newest, is drawn
as such. They are one number for each key and query head, written once, read by every query: on a chip the neuron's own,
on a processor 16 bits of memory. Intervals are over heads (Student, 95 %), which share a text: one window, one model.
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import stats

from hdspike import datasets
from hdspike.models import Llama, softmax
from hdspike.models.candidates import CandidateKWTA
from hdspike.models.coded import CodedKWTA
from hdspike.models.evented import EventKWTA
from hdspike.models.found import found_shares
from hdspike.models.product import ProductBook, learn_product
from hdspike.models.signs import SignCode
from hdspike.plot.style import COLOURS, figure, note

CONTEXT = 4096
SHARE = 0.01
LEARN, JUDGE = "lore", "news"
LAYERS = (2, 8, 15, 22, 28)
MULTIPLES = (1, 2, 4, 8)
AIM, MOST_EVENTS = 0.95, 1.0
DENSE_AIM = 0.99
EVENTS = (0.0, 0.0625, 0.125, 0.25, 0.5, 1.0, 2.0)
BITS = (128, 256, 512, 1024, 2048, 10240)
ALWAYS = (4, 16)  # sinks, recent
BOOKS = {
    "4 × 256, metric, rests": (4, 256, True, True),
    "8 × 256, metric, rests": (8, 256, True, True),
    "16 × 64, metric, no rests": (16, 64, True, False),
    "16 × 64, plain, no rests": (16, 64, False, False),
}
MAIN = next(iter(BOOKS))

Texts = dict[str, dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]]]


# --- measured -----------------------------------------------------------------------------------------


def read(model: Llama, context: int, layers: tuple[int, ...]) -> Texts:
    """Queries and keys of some layers over the beginning of either genre, by genre and layer."""
    tokenizer = model.file.tokenizer()
    found: Texts = {}
    for genre in (LEARN, JUDGE):
        text = "\n".join(document.text for document in datasets.load("brown") if document.genre == genre)
        tokens = tokenizer.encode(text[: 8 * context]).ids[:context]
        if len(tokens) < context:
            raise ValueError(f"context must be at most the {len(tokens)} tokens of {genre}, got {context}")
        found[genre] = {}

        def watch(
            queries: NDArray[np.float32],
            keys: NDArray[np.float32],
            values: NDArray[np.float32],
            *,
            layer: int,
            seen: NDArray[np.int64],
            kept: dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]] = found[genre],
        ) -> NDArray[np.float32]:
            if layer in layers:
                kept[layer] = queries.copy(), keys.copy()
            if layer >= max(layers):  # nothing behind is asked for
                return np.zeros((*queries.shape[:2], values.shape[2]), dtype=np.float32)
            return softmax(queries, keys, values, layer=layer, seen=seen)

        model.hidden(np.array(tokens), watch)
    return found


def learned(
    texts: Texts, blocks: int, lines: int, metric: bool, rests: bool, rng: np.random.Generator
) -> ProductBook:
    """A codebook whose layers are those that were watched, in their order."""
    read_ = [texts[LEARN][layer] for layer in sorted(texts[LEARN])]
    keys = [k for _, k in read_]
    moments = None
    if metric:
        moments = np.array([[_moment(q, g, len(k)) for g in range(len(k))] for q, k in read_])
    means = np.array([q.mean(axis=1, dtype=float) for q, _ in read_]) if rests else None
    return learn_product(keys, moments, means, blocks=blocks, lines=lines, rng=rng)


def _moment(queries: NDArray[np.float32], group: int, groups: int) -> NDArray[np.float64]:
    """E[q qᵀ] of the query heads of one key head."""
    rows = queries.reshape(groups, -1, queries.shape[2])[group].astype(float)
    return rows.T @ rows / len(rows)


def shares(plug: CandidateKWTA, texts: Texts, sample: NDArray[np.int64]) -> dict[str, Any]:
    """Share found and events of a plug over all layers that were watched: means over heads, and their intervals."""
    each, masses, events = [], [], []
    for i, layer in enumerate(sorted(texts[JUDGE])):
        queries, keys = texts[JUDGE][layer]
        found, most, spent = found_shares(plug, queries[:, sample], keys, MULTIPLES, layer=i, seen=sample + 1)
        each.append((found / most[..., None]).mean(axis=1))
        masses.append((found.sum(axis=(0, 1)), most.sum()))
        events.append((spent / (sample + 1)).mean())
    heads = np.concatenate(each)
    half = stats.t.ppf(0.975, len(heads) - 1) * heads.std(axis=0, ddof=1) / len(heads) ** 0.5
    sums = sum(found for found, _ in masses) / sum(most for _, most in masses)
    return {
        "events": float(np.mean(events)),
        "mean": heads.mean(axis=0).tolist(),
        "half": half.tolist(),
        "of_sums": sums.tolist(),
        "worst_head": heads.min(axis=0).tolist(),
    }


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Share found by events and by bits."""
    context = 512 if quick else CONTEXT
    layers = LAYERS[:1] if quick else LAYERS
    (path,) = (p for p in datasets.path("smollm2").iterdir() if p.suffix == ".gguf")
    datasets.path("brown")
    return measure(read(Llama(path), context, layers), context, quick=quick, seed=seed)


def measure(texts: Texts, context: int, *, quick: bool, seed: int) -> dict[str, Any]:
    """The numbers of queries and keys that were read."""
    rng = np.random.default_rng(seed)
    winners = max(1, round(SHARE * context))
    sample = np.arange(context // 2 + 7, context, 64 if quick else 32)
    grid = EVENTS[::3] if quick else EVENTS
    books = {}
    for name, (blocks, lines, metric, rests) in BOOKS.items():
        if quick and name != MAIN:
            continue
        book = learned(texts, blocks, min(lines, context // 4), metric, rests, rng)
        some = grid if name == MAIN else grid[2:]
        books[name] = [shares(EventKWTA(winners, book, events=e), texts, sample) for e in some]
        if name == MAIN:
            sinks, recent = (min(a, winners // 2) for a in ALWAYS)
            always = {"sinks": sinks, "recent": recent}
            plugs = (EventKWTA(winners, book, events=e, sinks=sinks, recent=recent) for e in (0.0, 0.25))
            helped = [shares(plug, texts, sample) for plug in plugs]
    keys = texts[LEARN]
    centre = np.array([keys[layer][1].mean(axis=1, dtype=float) for layer in sorted(keys)])
    bits = BITS[:2] if quick else BITS
    signs = [
        {"bits": d} | shares(CodedKWTA(winners, code=SignCode(d, seed=seed, centre=centre)), texts, sample)
        for d in bits
    ]
    numbers = {
        "context": context, "winners": winners, "layers": sorted(texts[JUDGE]), "queries": len(sample),
        "heads": sum(len(q) for q, _ in texts[JUDGE].values()), "multiples": list(MULTIPLES),
        "learned_from": LEARN, "judged_on": JUDGE, "aim": AIM, "most_events": MOST_EVENTS, "dense_aim": DENSE_AIM,
        "books": books, "always": always, "helped": helped, "signs": signs,
    }  # fmt: skip
    return numbers | {"verdicts": verdicts(numbers)}


def verdicts(numbers: dict[str, Any]) -> list[str]:
    """What the numbers say, in words."""
    four = numbers["multiples"].index(4)
    rows = numbers["books"][MAIN]
    reached = [row for row in rows if row["mean"][four] >= AIM]
    said = [f"No number of events tried finds {AIM:g} of the mass at 4× candidates."]
    if reached:
        best = min(reached, key=lambda row: row["events"])
        most = max(rows, key=lambda row: (row["events"] <= MOST_EVENTS, row["events"]))
        aim = "met" if best["events"] <= MOST_EVENTS else "missed"
        said = [
            f"Aim {aim}: {best['mean'][four]:.3f} of the mass at 4× with {best['events']:.2f} events"
            f" a (query, key), {most['mean'][four]:.3f} with {most['events']:.2f}."
        ]
    silent, helped = rows[0], numbers["helped"]
    said.append(
        f"With no event at all, rests alone find {silent['mean'][four]:.3f}; with"
        f" {numbers['always']['sinks']} sinks and {numbers['always']['recent']} recent keys"
        f" {helped[0]['mean'][four]:.3f}, and with {helped[1]['events']:.2f} events {helped[1]['mean'][four]:.3f}."
    )
    others = [
        name for name in ("16 × 64, metric, no rests", "16 × 64, plain, no rests") if name in numbers["books"]
    ]
    for name in others:
        most = max(
            (row for row in numbers["books"][name] if row["events"] <= MOST_EVENTS),
            key=lambda row: row["events"],
        )
        said.append(f"{name}: {most['mean'][four]:.3f} with {most['events']:.2f} events.")
    for row in numbers["signs"]:
        if row["bits"] == 1024:
            lost = 100 * (1 - row["mean"][four])
            said.append(
                f"1,024 sign bits at 4× lose {lost:.1f} % of the exact mass:"
                f" {'at most' if lost <= 100 * (1 - DENSE_AIM) else 'more than'} 1 %; they compare every key."
            )
    return said


# --- drawn --------------------------------------------------------------------------------------------

LINES = dict(zip(MULTIPLES, ("sky", "green", "vermilion", "purple"), strict=True))
MARKS = dict(zip(BOOKS, ("o", "s", "^", "v"), strict=True))


def draw(numbers: dict[str, Any]) -> Figure:
    """Events and bits on the same scale of shares."""
    fig, (left, middle, right) = figure(1, 3, size=(14.5, 6.0), sharey=True)
    fours = numbers["multiples"].index(4)
    for i, c in enumerate(numbers["multiples"]):
        colour = COLOURS[LINES[c]]
        for axis, rows, x in ((left, numbers["books"][MAIN], "events"), (right, numbers["signs"], "bits")):
            axis.errorbar(
                [row[x] for row in rows], [row["mean"][i] for row in rows], [row["half"][i] for row in rows],
                color=colour, marker="o", markersize=4, capsize=2, label=f"{c}× candidates",
            )  # fmt: skip
    for name, rows in numbers["books"].items():
        middle.errorbar(
            [row["events"] for row in rows], [row["mean"][fours] for row in rows],
            [row["half"][fours] for row in rows], marker=MARKS[name], markersize=5, capsize=2, label=name,
            color=COLOURS[("vermilion", "blue", "orange", "black")[list(BOOKS).index(name)]],
        )  # fmt: skip
    helped = numbers["helped"]
    always = numbers["always"]
    middle.errorbar(
        [row["events"] for row in helped], [row["mean"][fours] for row in helped],
        [row["half"][fours] for row in helped], marker="D", markersize=5, capsize=2, linestyle="--",
        color=COLOURS["green"], label=f"4 × 256 and {always['sinks']} sinks, {always['recent']} recent",
    )  # fmt: skip
    for axis in (left, middle):
        axis.set_xscale("symlog", linthresh=0.05)
        axis.set_xticks([0, 0.1, 0.25, 0.5, 1, 2], ["0", "0.1", "0.25", "0.5", "1", "2"])
        axis.minorticks_off()
        axis.set_xlim(-0.008, 2.3)
        axis.text(0.0, numbers["aim"], " aim", fontsize=8, color="#666666", va="bottom")
        axis.axvline(numbers["most_events"], color="#888888", linewidth=0.8, linestyle=":")
        axis.axhline(numbers["aim"], color="#888888", linewidth=0.8, linestyle=":")
        axis.set_xlabel("synaptic events per (query, key)")
    right.set_xscale("log", base=2)
    ticks = [row["bits"] for row in numbers["signs"]]
    right.set_xticks(ticks, [f"{d:,}" for d in ticks])
    right.minorticks_off()
    right.axhline(numbers["dense_aim"], color="#888888", linewidth=0.8, linestyle=":")
    right.set_xlabel("bits of a sign code, all keys compared")
    left.set_ylabel(f"share of the mass of the {numbers['winners']} best keys")
    left.set_title(f"Events: {MAIN}")
    middle.set_title("What it is due to, at 4× candidates")
    right.set_title(f"Dense binary codes (aim at 1,024 bits, 4×: {numbers['dense_aim']:g})")
    left.set_ylim(None, 1.02)
    for axis, place in ((left, "lower right"), (middle, "lower left"), (right, "lower right")):
        axis.legend(fontsize=8, loc=place, frameon=False)
    fig.suptitle(
        f"SmolLM2-135M, {numbers['context']:,} tokens of {numbers['judged_on']}, learned from"
        f" {numbers['learned_from']}; {numbers['heads']} heads of layers"
        f" {', '.join(map(str, numbers['layers']))}; intervals over heads, 95 %",
        fontsize=10,
    )
    note(fig, "\n".join(numbers["verdicts"]))
    return fig
