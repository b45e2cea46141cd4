"""What does one predicted character cost, in spikes and in multiplications?

A Spiking HD-Transformer learns the built-in text in one pass and reads its last tenth. Its counts of one character
are priced on every kind of substrate: events on chips with neurons, packed words on a processor (in DRAM, or in the
largest on-chip memory, where the packed model fits), the brain as a reference line. Beside it stand a dense
transformer of characters that trains about as long (3 layers of 96, 128 characters of context) and a larger one (4
layers of 192, 256), in fp16, int8 and with ternary weights, for one text and for 64 together, in DRAM or on the chip,
whichever is cheaper. Panels are ledgers: what a joule contains differs between them by 3 to 5 times. The stacks are
nominal shares of each bill. Learning is charged apart, for one character learned while it is read; the dense side
pays one pass of training (forwards, backwards, optimiser) and would pay as much again for each further one.

Caveats. The two sides do not predict equally well: bits per character are written beside them where this run knows
them (the dense ones are measured by `benchmarks/language.py`). Chips with a clock visit every neuron in every step;
what a chip has no constant for is left out and makes its bar a lower bound (≥). Encoding is free on chips with
neurons. A processor pays operations and bytes, no instructions, and no waiting for the link of a list before the next
is read; on-chip memory costs the same however large it is. All of that favours the spiking side, whose work is
scattered. The dense side gets peak rates, its batch and its reuse. NorthPole's model was never trained at 4 bits.
"""

import textwrap
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hdspike import datasets, substrate
from hdspike.contestants import decoder_counts
from hdspike.dense import Shape
from hdspike.plot.energy import citations, panels
from hdspike.plot.style import COLOURS, STYLE
from hdspike.transformer.model import SpikingTransformer
from hdspike.transformer.settings import Settings
from hdspike.workloads import language_bill as bill
from hdspike.workloads.language_counts import active_bytes
from hdspike.workloads.language_memory import held_bytes, occupied, packed_bytes
from hdspike.workloads.language_rows import five_rows
from hdspike.workloads.screen import quantity

TEST = 0.1
TWINS: dict[str, dict[str, int]] = {
    "twin": {"layers": 3, "dim": 96, "heads": 2, "hidden": 256, "context": 128},
    "larger": {"layers": 4, "dim": 192, "heads": 3, "hidden": 768, "context": 256},
}
TRAINED_IN = 16  # windows of a training step
SHOWN = {
    "circuit": ("brain-marginal", "seneca", "cpu-7nm", "dynap-se", "loihi"),
    "path": ("spinnaker2", "odin", "truenorth", "loihi-silicon", "spinnaker2-prototype", "gh200-path"),
    "board": ("brain-all-in", "northpole", "h100-board"),
}
LEARNING = ("seneca", "loihi", "cpu-7nm")
PRECISIONS = ("fp16", "int8", "ternary")
ONE_BATCH = ("h100-board",)  # no batch changes what a board draws while weights stay on its chip
LATE = 1e-6  # seconds of a token that are worth a word
LEAST_SHARE = 1.0  # per cent of a bill that a part must be to be named
PART_COLOURS = {
    "compute": "blue", "update": "green", "network": "orange", "learning": "yellow", "encoding": "black",
    "SRAM read": "sky", "SRAM write": "sky", "L2 read": "purple", "L2 write": "purple", "DRAM read": "vermilion",
    "DRAM write": "vermilion", "static": "grey", "board": "grey",
}  # fmt: skip


def shape_of(name: str, symbols: int) -> tuple[Shape, int]:
    """A dense twin and its context."""
    sizes: dict[str, Any] = dict(TWINS[name])
    context = sizes.pop("context")
    return Shape(**sizes, vocabulary=symbols, activation="relu", tied=True), context


def bars(
    counts: dict[str, int], model: SpikingTransformer, seed: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What is drawn, and every bill of the twin."""
    symbols, shape, context = len(model.symbols), *shape_of("twin", len(model.symbols))
    common: dict[str, Any] = {
        "stored": packed_bytes(model, learning=False)["total"],
        "used": occupied(model),
        "rng": seed,
    }
    every = bill.bills(
        counts, model.settings, symbols, shape=shape, context=context, precisions=PRECISIONS, **common
    )
    shown = []
    for names in SHOWN.values():
        for name in names:
            own = [one for one in every if one["substrate"] == name]
            if name in ONE_BATCH:
                own = [one for one in own if "batch" not in one["plan"]]
            shown += sorted(own, key=lambda one: float(one["nominal"]))
    larger, far = shape_of("larger", symbols)
    for plan in bill.dense_plans(larger, far, substrate.load("cpu-7nm"), precisions=("int8",)):
        shown.append(
            {**plan.as_json(rng=seed), "per": "token", "side": "dense", "plan": plan.name, "bound": ""}
        )
        shown[-1]["label"] = shown[-1]["label"].replace("dense", "larger dense")
    ledgers = list(SHOWN)
    shown.sort(key=lambda one: (ledgers.index(one["ledger"]), float(one["nominal"])))
    return shown, every


def learning_bars(counts: dict[str, int], model: SpikingTransformer, seed: int) -> list[dict[str, Any]]:
    """One character learned, in the circuit ledger."""
    symbols = len(model.symbols)
    found = bill.bills(
        counts,
        model.settings,
        symbols,
        stored=packed_bytes(model)["total"],
        used=occupied(model),
        substrates=LEARNING,
        rng=seed,
    )
    shape, context = shape_of("twin", symbols)
    steps = 100
    trained = decoder_counts.training(
        shape, steps=steps, batch=TRAINED_IN, context=context, optimiser="muon", precision="bf16"
    )
    plan = bill.counted_plan(
        f"dense bf16, one pass in steps of {TRAINED_IN} × {context}",
        trained,
        steps * TRAINED_IN * context,
        substrate.load("cpu-7nm"),
    )
    if plan is not None:
        found.append(
            {**plan.as_json(rng=seed), "per": "token", "side": "dense", "plan": plan.name, "bound": ""}
        )
    return sorted(found, key=lambda one: float(one["nominal"]))


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Learn, read frozen and streaming, and price both."""
    text = datasets.builtin_text()
    cut = int((1 - TEST) * len(text.tokens))
    train, test = text.tokens[:cut], text.tokens[cut:]
    if quick:
        train, test = train[:20_000], test[:2_000]
    model = SpikingTransformer(text.symbols, Settings(window=4096 if quick else 32_768, seed=seed))
    model.learn(train)
    frozen = model.read(test)
    streaming = model.read(test, streaming=True)
    shown, every = bars(frozen.counts, model, seed)
    shape, context = shape_of("twin", len(text.symbols))
    used = occupied(model)
    rows = five_rows(
        frozen.counts,
        model.settings,
        len(text.symbols),
        shape,
        context=context,
        bills=every,
        keys=min(model.settings.window, model.read_so_far),
        rows=used.rows,
    )
    return {
        "characters": {"learned": len(train), "read": len(test), "symbols": len(text.symbols)},
        "bits_per_character": {
            "frozen": float(frozen.bits.mean()),
            "streaming": float(streaming.bits.mean()),
        },
        "accuracy": {"frozen": float(frozen.hits.mean()), "streaming": float(streaming.hits.mean())},
        "counts_per_token": {
            name: amount / frozen.counts["tokens"] for name, amount in frozen.counts.items()
        },
        "learning_counts_per_token": {
            name: amount / streaming.counts["tokens"] for name, amount in streaming.counts.items()
        },
        "bytes": {
            "held": held_bytes(model),
            "packed": packed_bytes(model),
            "packed_to_predict": packed_bytes(model, learning=False),
            "active": active_bytes(frozen.counts, model.settings, len(text.symbols)),
        },
        "used": {"keys": used.keys, "rows": used.rows, "synapses": used.synapses, "votes": used.votes},
        "dense": {
            name: {
                "context": shape_of(name, len(text.symbols))[1],
                "parameters": shape_of(name, len(text.symbols))[0].parameters,
                "layers": TWINS[name]["layers"],
                "dim": TWINS[name]["dim"],
            }
            for name in TWINS
        },
        "bars": shown,
        "learning": learning_bars(streaming.counts, model, seed),
        "words": words(every),
        "idea": rows,
    }


def words(every: list[dict[str, Any]]) -> dict[str, str]:
    """Who wins in each ledger, by how much."""
    found = {}
    for ledger in SHOWN:
        own = [one for one in every if one["ledger"] == ledger]
        best = {
            side: min(
                (one for one in own if one["side"] in names), key=lambda one: float(one["nominal"]), default=None
            )
            for side, names in {
                "dense": ("dense", "static"), "spiking": ("spiking",), "packed": ("packed",),
            }.items()
        }  # fmt: skip
        dense = best["dense"]
        if dense is None:
            continue
        parts = []
        for side in ("spiking", "packed"):
            mine = best[side]
            if mine is None:
                continue
            what = f"{'spikes' if side == 'spiking' else 'packed words'} on {mine['substrate']}"
            parts.append(f"{what}: {against(mine, dense)}")
        worst = [one for one in own if one["side"] == "spiking" and not one["nominal"] < dense["nominal"]]
        if worst:
            low = min(float(one["nominal"]) for one in worst) / dense["nominal"]
            high = max(float(one["nominal"]) for one in worst) / dense["nominal"]
            span = times(low) if len(worst) == 1 else f"{times(low)} to {times(high)}"
            names = ", ".join(
                one["substrate"] for one in sorted(worst, key=lambda one: float(one["nominal"]))
            )
            parts.append(f"the dense twin wins against {names}, by {span}")
            top = max(worst, key=lambda one: max(one["components"].values()) / one["nominal"])
            part, value = max(top["components"].items(), key=lambda item: float(item[1]))
            what = {"update": "neurons visited", "network": "packets and hops"}.get(part, part)
            parts.append(f"{100 * value / top['nominal']:.0f} % of the bill of {top['substrate']}: {what}")
        clocked = [one for one in own if one["side"] == "spiking" and one.get("seconds", 0.0) > LATE]
        if clocked:
            late = ", ".join(f"{joined(one['seconds'])} on {one['substrate']}" for one in clocked)
            parts.append(f"a token takes at least {late}")
        found[ledger] = (
            f"Cheapest dense: {joules(dense['nominal'])} ({dense['label']}, {dense['substrate']}). "
            + ("; ".join(parts) if parts else "No chip of the other side has a price here")
            + "."
        )
    return found


def against(mine: dict[str, Any], dense: dict[str, Any]) -> str:
    """In words: which of two bills is lower, and whether their ranges part them."""
    ratio = dense["nominal"] / mine["nominal"]
    least, most = ("≥ ", "at most ") if mine["bound"] else ("", "")
    apart = mine["high"] < dense["low"] or dense["high"] < mine["low"]
    sure = "" if apart else ", but the ranges overlap"
    if ratio >= 1:
        return f"{least}{joules(mine['nominal'])}, {most}{times(ratio)} less{sure}"
    least = "at least " if mine["bound"] else ""
    return f"{joules(mine['nominal'])}, {least}{times(1 / ratio)} more: dense wins{sure}"


def joules(value: float) -> str:
    """Three digits."""
    return quantity(float(f"{value:.3g}"), "J")


def joined(seconds: float) -> str:
    """Two digits."""
    return quantity(float(f"{seconds:.2g}"), "s")


def times(ratio: float) -> str:
    """``3.1 times`` or ``4,700 times``."""
    return f"{ratio:.1f} times" if ratio < 100 else f"{float(f'{ratio:.2g}'):,.0f} times"


def stacks(ax: Axes, shown: list[dict[str, Any]]) -> None:
    """Shares of each bill of one ledger; reads and writes of one memory together."""
    groups = {
        "SRAM": ("SRAM read", "SRAM write"),
        "L2": ("L2 read", "L2 write"),
        "DRAM": ("DRAM read", "DRAM write"),
    }
    widest: dict[str, float] = {}
    for row, one in enumerate(shown):
        parts: dict[str, float] = {}
        for name, value in one["components"].items():
            group = next((key for key, names in groups.items() if name in names), name)
            parts[group] = parts.get(group, 0.0) + value
        left = 0.0
        for name, value in sorted(parts.items(), key=lambda part: -part[1]):
            colour = COLOURS[PART_COLOURS[groups[name][0] if name in groups else name]]
            share = 100 * value / one["nominal"]
            ax.barh(row, share, 0.7, left=left, color=colour, label=name if name not in widest else None)
            widest[name] = max(share, widest.get(name, 0.0))
            left += share
    handles, names = ax.get_legend_handles_labels()
    wide = [at for at, name in enumerate(names) if widest[name] >= LEAST_SHARE]
    ax.set_yticks(range(len(shown)), [short(one) for one in shown], fontsize=8.5)
    ax.set_ylim(len(shown) - 0.5, -0.5)
    ax.set_xlim(0, 100)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("share of the nominal bill (%)", fontsize=9.5)
    ax.set_title("Where the joules go, circuit ledger", loc="left", fontsize=10.5)
    ax.legend(
        [handles[at] for at in wide], [names[at] for at in wide], loc="lower center", bbox_to_anchor=(0.5, 1.04),
        ncols=len(wide), fontsize=8.5, frameon=False, columnspacing=1.2, handlelength=1.2,
    )  # fmt: skip


def unbroken(one: dict[str, Any]) -> dict[str, Any]:
    """A bar whose node stays on one line."""
    return {**one, "node": one["node"].replace(" ", "\u00a0")}


def short(one: dict[str, Any]) -> str:
    """A label of few words."""
    name = one["substrate"] if one["side"] in ("spiking", "brain") else one["label"].split(" (")[0]
    return str(name).replace("one text", "1 text").replace("arrays ", "")


def halves(parent: Any, rows: int, columns: int, **how: Any) -> tuple[Any, Any]:
    """Two parts of a figure."""
    first, second = parent.subfigures(rows, columns, **how)
    return first, second


def draw(numbers: dict[str, Any]) -> Figure:
    """Bills by ledger at the left, their parts and learning at the right."""
    shown, learning = numbers["bars"], numbers["learning"]
    circuit = [one for one in shown if one["ledger"] == "circuit"]
    with plt.rc_context({**STYLE, "figure.constrained_layout.use": False}):
        fig = plt.figure(figsize=(18.5, 13.6), layout="constrained")
        top, below = halves(fig, 2, 1, height_ratios=(11.7, 1.9))
        left, right = halves(top, 1, 2, width_ratios=(1.12, 1), wspace=0.02)
        panels(left, [unbroken(one) for one in shown], footnote=False)
        upper, lower = halves(right, 2, 1, height_ratios=(1.35, 1))
        stacks(upper.subplots(1, 1), circuit)
        panels(lower, [{**unbroken(one), "sources": ()} for one in learning], footnote=False)[0].set_title(
            "One character read and learned, circuit ledger", loc="left", fontsize=10.5
        )
        bits, characters, dense = numbers["bits_per_character"], numbers["characters"], numbers["dense"]
        fig.suptitle(
            f"One predicted character: spiking {bits['frozen']:.3f} bits/char frozen, {bits['streaming']:.3f} "
            f"streaming ({characters['learned']:,} characters learned); dense twin {dense['twin']['layers']} × "
            f"{dense['twin']['dim']}, {dense['twin']['parameters']:,} parameters: not the same quality",
            fontsize=13, x=0.01, ha="left",
        )  # fmt: skip
        text = [f"{ledger}: {said}" for ledger, said in numbers["words"].items()]
        text.append(
            "≥: a lower bound, a part has no constant there or the chip cannot hold the model as it is. Whiskers: 5th "
            "to 95th percentile of the constants. Panels hold different things and must not be compared."
        )
        sources = "   ".join(f"[{number}] {source}" for source, number in citations(shown).items())
        below.text(0.008, 0.99, "\n".join(textwrap.fill(one, 250) for one in text), fontsize=9, va="top")
        below.text(0.008, 0.01, textwrap.fill(sources, 330), fontsize=7, va="bottom", color=COLOURS["grey"])
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
