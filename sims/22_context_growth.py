"""What does attention cost per token as the context grows from 1k to 1M, dense and by spikes: where do they cross?

*Dense*: a layer of Llama 3 8B (32 query heads in groups of 4 over 8 key heads of 128 entries) and one of GPT-2 small
(12 heads of 64), one new token at a time. Attention reads the whole cache of its sequence from DRAM; 64 sequences share
the weights of projections and feed-forward but not their caches. Two better cases for the dense side are drawn apart:
the cache stays in on-chip memory, on as many chips as hold it (which is what the spiking side does with its keys); and
64 queries that ask one cache together (a prompt that many share, a block of a prefill), which is fetched once for them.

*Spiking*: every query head asks its own question, the heads of a group the same chips one after another. Its keys are
neurons (sparse block codes, s = 128 active lines of D bits); the query's lines are spikes; k = 64 winners. What chips
cannot do stays on the dense partner and is charged there, in the same ledger: the code of query and key (SimHash,
head_dim × s·log2(D/s) int8 products), and a softmax over the k winners, whose keys and values are fetched. The winners
are found in three ways: ``exact``, a ramp over all scores under a barrier; ``threshold``, one step under a barrier;
``touched``, no barrier: hypothetical, what Loihi would pay if only neurons that receive an event were updated (its own
race without a barrier). A new token writes s synapses for each key head where that has a price (Loihi: the published
STDP update, 120 pJ). Chips: as many as hold the keys, their static power charged over the query's time. Counts are
closed forms (:mod:`hdspike.workloads.growing`), anchored by runs of the functional runner and of the timed chip.

*Whole layer*: spikes replace the attention alone; projections and feed-forward stay dense (int8, 64 sequences).

Caveats. Joules, not quality: k winners are not a softmax over all keys (what is lost is measured in 02 and 08). Random
keys; those of data share lines, and cost more events. The partner's constant power is charged over its own roofline
time, not while the chips search: it serves other tokens meanwhile. Links between chips, the host, and reading winners
out are not charged; nor are, on SENECA and SpiNNaker2, counts without a published constant (lower bounds). A chip is
charged only while its keys are asked: the chips of all other layers wait meanwhile, and what they draw is said above
the figure, not drawn. On-chip caches of the dense side wait for free too.
An A100 does not have the on-chip memory for a long cache: several share it, links between them are not charged either.
Loihi is 14 nm, the A100 7 nm. Pre-silicon energies (Loihi) beside tables of operations (A100 circuit): estimates. No
neuromorphic chip has a board-level price here, so on that ledger stand the boards and the brain alone.
"""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hdspike import dense, substrate
from hdspike.dense import SHAPES, DenseCost, Shape
from hdspike.energy.break_even import crossing_range
from hdspike.energy.grid import GridBill, band, price_grid
from hdspike.energy.percentiles import family
from hdspike.plot.style import COLOURS, figure, note
from hdspike.schedules import brain, events, static
from hdspike.schedules.job import Job
from hdspike.workloads.growing import closed_form, measured
from hdspike.workloads.hybrid import along, dense_along, partner_work, spiking_attention, written_synapses

BLOCKS, WINNERS, DIM, DIM_PER_KEY, BATCH = 128, 64, 131_072, 4, 64
SHOWN = {"llama3-8b": "a layer of Llama 3 8B", "gpt2-small": "a layer of GPT-2 small"}
PARTNER = {"circuit": "a100-circuit", "path": "a100-path", "board": "a100-board"}
WAYS: dict[str, tuple[str, str, str]] = {  # rule, clock, label
    "exact": ("exact", "barrier", f"exact ({BLOCKS + 1} steps)"),
    "threshold": ("threshold", "barrier", "threshold (1 step)"),
    "touched": ("race", "async", "touched only (hypothetical)"),
}
CHIPS = {
    "circuit": {"loihi": tuple(WAYS), "seneca": ("threshold",)},
    "path": {"loihi-silicon": tuple(WAYS), "truenorth": ("threshold",), "spinnaker2": ("threshold",)},
    "board": {},
}
BRAIN = {"circuit": "brain-marginal", "board": "brain-all-in"}
DENSE_ATTENTION: dict[
    str, tuple[str, int, bool, str]
] = {  # precision, queries of a cache, on the chip, label
    "bf16": ("bf16", 1, False, "dense bf16, cache in DRAM"),
    "int8": ("int8", 1, False, "dense int8, cache in DRAM"),
    "int8_resident": ("int8", 1, True, "dense int8, cache on chip"),
    "int8_shared": ("int8", BATCH, False, f"dense int8, {BATCH} queries share a cache"),
}
DENSE_LAYER: dict[str, tuple[str, int, str]] = {
    "bf16": ("bf16", 1, "dense bf16, 1 sequence"),
    "int8": ("int8", 1, "dense int8, 1 sequence"),
    "int8_batch": ("int8", BATCH, f"dense int8, {BATCH} sequences"),
    "ternary_batch": ("ternary", BATCH, f"dense ternary, {BATCH} sequences"),
}


def dense_attention(shape: Shape, context: int, precision: str, queries: int, resident: bool) -> DenseCost:
    """The attention of one token; ``queries`` tokens ask the same cache together."""
    group = shape.heads // shape.kv_heads
    one = dense.attention(
        context,
        shape.head_dim,
        precision=precision,
        batch=group * queries,
        appended=queries,
        resident=resident,
        on_chip=True,
    )
    return one.times(shape.kv_heads, unit="token", units=queries)


def dims_of(contexts: Sequence[int], growing: bool) -> list[int]:
    """D at every context: the same, or in proportion (in whole blocks)."""
    return [BLOCKS * round(DIM_PER_KEY * n / BLOCKS) if growing else DIM for n in contexts]


def jobs_of(shape: Shape, contexts: Sequence[int], way: str, growing: bool) -> list[Job]:
    """One query at every context, with its run on Loihi's mesh."""
    rule, clock, _ = WAYS[way]
    loihi = substrate.load("loihi")
    return [
        closed_form(
            n, dim=dim, blocks=BLOCKS, winners=min(WINNERS, n), rule=rule, twin_dim=shape.head_dim, on=loihi,
            clock=clock,
        )
        for n, dim in zip(contexts, dims_of(contexts, growing), strict=True)
    ]  # fmt: skip


def label_of(chip: str, way: str) -> str:
    """What a line of spikes is called."""
    if chip.startswith("loihi"):
        return f"Loihi, {WAYS[way][2]}"
    one = substrate.load(chip)
    name = f"{one.title.split(',')[0].removeprefix('IBM ')} ({one.node})"
    bound = events.plan(jobs_of(SHAPES["gpt2-small"], [1024], way, False)[0], one).bound
    return name + (", lower bound" if bound else "")


def spiking_bill(shape: Shape, contexts: Sequence[int], chip: str, way: str, growing: bool) -> GridBill:
    """The attention of one token by spikes: the search on the chips, the rest on the partner, in one ledger."""
    sheet = substrate.load(chip)
    return spiking_attention(
        shape, jobs_of(shape, contexts, way, growing), sheet, substrate.load(PARTNER[sheet.ledger])
    )


def curve(name: str, label: str, side: str, bill: GridBill, seed: int, **more: Any) -> dict[str, Any]:
    """One line of a panel."""
    low, high = band(bill, rng=seed)
    where = list(dict.fromkeys(term.substrate for term in bill.terms))
    return {
        "name": name, "label": label, "side": side, "ledger": bill.ledger, "substrates": where,
        "joules": bill.joules, "low": low, "high": high, **more,
    }  # fmt: skip


def simulate_shape(name: str, contexts: list[int], ledger: str, seed: int) -> dict[str, Any]:
    """Every line of one shape in one ledger, and every crossing."""
    shape, sheet = SHAPES[name], substrate.load(PARTNER[ledger])
    priced = set(sheet.priced())
    rivals = {
        key: dense_along([dense_attention(shape, n, p, queries, resident) for n in contexts], sheet)
        for key, (p, queries, resident, _) in DENSE_ATTENTION.items()
        if not (resident and ledger == "board")  # the roofline knows no bandwidth of that memory
    }
    layers = {
        key: dense_along(
            [dense.transformer_layer(shape, context=n, precision=p, batch=b) for n in contexts], sheet
        )
        for key, (p, b, _) in DENSE_LAYER.items()
        if ledger == "board" or p != "ternary" or "adds_int32" in priced
    }
    whole = dense.transformer_layer(shape, context=1, precision="int8", batch=BATCH)
    rest = {part: whole.parts[part] for part in ("projections", "feed_forward")}
    others = dense_along([dense.combine("all but attention", "int8", rest)], sheet)

    panels: dict[str, list[dict[str, Any]]] = {"constant": [], "growing": [], "layer": []}
    crossings: list[dict[str, Any]] = []
    for key, bill in rivals.items():
        for panel in ("constant", "growing"):
            panels[panel].append(curve(key, DENSE_ATTENTION[key][-1], "dense", bill, seed))
    for key, bill in layers.items():
        panels["layer"].append(curve(key, DENSE_LAYER[key][-1], "dense", bill, seed))
    for chip, way in ((chip, way) for chip, ways in CHIPS[ledger].items() for way in ways):
        label = label_of(chip, way)
        for panel in ("constant", "growing"):
            bill = spiking_bill(shape, contexts, chip, way, panel == "growing")
            panels[panel].append(curve(f"{chip}_{way}", label, "spiking", bill, seed))
            for key, rival in rivals.items():
                ends = (rival.joules / bill.joules)[[0, -1]]
                found = vars(crossing_range(contexts, rival, bill, rng=seed)) | {"ratio_at_ends": ends}
                bound = label.endswith("lower bound")
                crossings.append(
                    {"chip": chip, "way": way, "bound": bound, "dim": panel, "rival": key} | found
                )
            if panel == "constant":
                panels["layer"].append(curve(f"{chip}_{way}", label, "spiking", bill + others, seed))
    for panel in ("constant", "growing"):
        jobs = jobs_of(shape, contexts, "threshold", panel == "growing")
        if ledger in BRAIN:
            plans = [brain.plan(job, substrate.load(BRAIN[ledger])) for job in jobs]
            bill = along(plans, times=shape.heads)
            panels[panel].append(curve("brain", plans[0].label, "brain", bill, seed))
        if ledger == "board":
            bill = along([static.plan(job, substrate.load("northpole")) for job in jobs], times=shape.heads)
            panels[panel].append(curve("northpole", "NorthPole, dense int4", "dense", bill, seed))
    return {"panels": panels, "crossings": crossings}


def anchors(quick: bool, seed: int) -> list[dict[str, Any]]:
    """Measured queries: the functional runner's events, and the timed chip's bill where it holds the keys."""
    sheet, shape = substrate.load("loihi"), SHAPES["llama3-8b"]
    partner = substrate.load(PARTNER["circuit"])
    found = []
    for keys in (1024,) if quick else (1024, 2048, 4096, 16_384):
        for way, (rule, clock, _) in WAYS.items():
            run = measured(
                keys, dim=DIM, blocks=BLOCKS, winners=WINNERS, rule=rule, clock=clock, queries=4 if quick else 32,
                on=sheet, rng=np.random.default_rng([seed, keys]),
            )  # fmt: skip
            law = closed_form(keys, dim=DIM, blocks=BLOCKS, winners=WINNERS, rule=rule, clock=clock, on=sheet)
            entry: dict[str, Any] = {
                "keys": keys,
                "way": way,
                "events": run["counts"]["synaptic_events"],
                "events_by_law": law.synaptic_events,
                "seconds": run["seconds"],
                "joules": None,
            }
            if run["seconds"] is not None:
                assert law.timed is not None
                counts = {
                    name: shape.heads * run["counts"][name]
                    for name in sheet.priced()
                    if name in run["counts"]
                }
                writes = written_synapses(shape, law, sheet)
                search = price_grid(counts | writes, sheet, seconds=shape.heads * run["seconds"])
                both = search + dense_along([partner_work(shape, law)], partner)
                entry |= {"seconds_by_law": law.timed.seconds, "joules": float(both.joules[0])}
            found.append(entry)
    return found


def sources() -> dict[str, str]:
    """Where the energies of every substrate come from."""
    chips = (
        {name for ledger in CHIPS.values() for name in ledger} | set(PARTNER.values()) | set(BRAIN.values())
    )
    out = {}
    for name in sorted(chips | {"northpole"}):
        entries = substrate.load(name).quantities.items()
        said = [
            family(q)
            for key, q in entries
            if key.startswith("energy.") or key in ("power.static", "power.board")
        ]
        out[name] = "; ".join(dict.fromkeys(said))
    return out


def update_share(contexts: list[int]) -> dict[str, Any]:
    """How much of the search on Loihi the updates, the static power and the events are, at every context."""
    out = {}
    for way in WAYS:
        plans = [
            events.plan(job, substrate.load("loihi"))
            for job in jobs_of(SHAPES["llama3-8b"], contexts, way, False)
        ]
        bill = along(plans)
        out[way] = {name: part / bill.joules for name, part in bill.components.items()}
    return out


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Both shapes, three ledgers, every context."""
    contexts = [round(2 ** (p / 2)) for p in range(20, 41, 4 if quick else 1)]
    return {
        "question": "What does attention cost per token as the context grows, and where do the sides cross?",
        "contexts": contexts,
        "blocks": BLOCKS,
        "winners": WINNERS,
        "dim": DIM,
        "dim_per_key": DIM_PER_KEY,
        "layers": SHAPES["llama3-8b"].layers,
        "shapes": {
            name: {ledger: simulate_shape(name, contexts, ledger, seed) for ledger in PARTNER}
            for name in SHOWN
        },
        "sources": sources(),
        "anchors": anchors(quick, seed),
        "search_shares": update_share(contexts),
    }


LOOKS: dict[str, tuple[str, str, str]] = {  # colour, line, marker
    "bf16": ("orange", "--", ""),
    "int8": ("vermilion", "-", ""),
    "int8_resident": ("vermilion", ":", ""),
    "int8_shared": ("vermilion", "-.", ""),
    "int8_batch": ("vermilion", "-.", ""),
    "ternary_batch": ("orange", ":", ""),
    "northpole": ("purple", "-", ""),
    "exact": ("blue", "--", ""),
    "threshold": ("blue", "-", ""),
    "touched": ("sky", "-", ""),
    "seneca_threshold": ("green", "-", ""),
    "truenorth_threshold": ("green", "-", ""),
    "spinnaker2_threshold": ("green", "--", ""),
    "brain": ("black", ":", ""),
}
TITLES = {
    "constant": f"Attention alone, D = {DIM:,}",
    "growing": f"Attention alone, D = {DIM_PER_KEY} · context",
    "layer": f"Whole layer (all but attention stays dense), D = {DIM:,}",
}
WHERE = {
    "circuit": "circuit ledger: A100-class arithmetic, 7 nm; Loihi, 14 nm",
    "path": "path ledger: A100, 7 nm; Loihi scaled to silicon, 14 nm",
    "board": "board ledger: A100, 7 nm; NorthPole, 12 nm",
}


def short(n: float) -> str:
    """1,024 → 1k."""
    value, unit = (n / 2**20, "M") if n >= 2**20 else (n / 1024, "k")
    return f"{value:.2g}{unit}" if value < 10 else f"{value:.0f}{unit}"


def verdict(c: dict[str, Any], contexts: Sequence[int]) -> str:
    """One crossing in words."""
    sides = {"spiking": "spikes", "dense": "dense"}
    first, last = short(contexts[0]), short(contexts[-1])
    end = sides[c["above"]]
    if c["nominal"] is None:
        sure = c["spiking_at_end"] if c["above"] == "spiking" else 1 - c["spiking_at_end"]
        return f"{end} throughout" + ("" if sure >= 0.95 else f" ({100 * sure:.0f} % at {last})")
    low = short(c["low"]) if c["low"] else f"< {first}"
    high = short(c["high"]) if c["high"] else f"> {last}"
    return f"{end} above {short(c['nominal'])} ({low} … {high})"


def draw_lines(ax: Any, numbers: dict[str, Any], ledger: str, panel: str) -> None:
    """One ledger, one panel of curves with their ranges."""
    contexts = numbers["contexts"]
    for line in numbers["shapes"]["llama3-8b"][ledger]["panels"][panel]:
        name = line["name"]
        colour, style, _ = LOOKS.get(name) or LOOKS[name.split("_")[-1]]
        ax.fill_between(contexts, line["low"], line["high"], color=COLOURS[colour], alpha=0.13, linewidth=0)
        ax.plot(contexts, line["joules"], style, color=COLOURS[colour], label=line["label"], linewidth=2.4)
    if (ledger, panel) == ("circuit", "constant"):
        shown = [a for a in numbers["anchors"] if a["joules"]]
        ax.plot(
            [a["keys"] for a in shown], [a["joules"] for a in shown], "o", color="black", mfc="none", ms=8, mew=1.6,
            label="simulated chip (counts and time)",
        )  # fmt: skip
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks([2**p for p in range(10, 21, 2)], ["1k", "4k", "16k", "64k", "256k", "1M"])
    ax.set_xlim(contexts[0], contexts[-1])
    ax.set_xlabel("context (tokens)")
    ax.set_ylabel("J per token and layer")


def draw_table(ax: Any, numbers: dict[str, Any]) -> None:
    """Who wins where: two rows (constant D, D ∝ N) for each way of spiking, a column for each dense rival."""
    contexts = numbers["contexts"]
    found = [(ledger, c) for ledger in PARTNER for c in numbers["shapes"]["llama3-8b"][ledger]["crossings"]]
    rows = list(dict.fromkeys((ledger, c["chip"], c["way"]) for ledger, c in found))
    rivals = list(DENSE_ATTENTION)
    tint = {"spiking": COLOURS["sky"], "dense": COLOURS["orange"]}
    for ledger, c in found:
        y = rows.index((ledger, c["chip"], c["way"])) + (0.0 if c["dim"] == "constant" else 0.48)
        x = rivals.index(c["rival"])
        place = contexts[-1] if c["nominal"] is None else c["nominal"]
        part = 0.97 * np.log(place / contexts[0]) / np.log(contexts[-1] / contexts[0])
        before = c["above"] if c["nominal"] is None else ({"spiking", "dense"} - {c["above"]}).pop()
        for left, width, side in ((x, part, before), (x + part, 0.97 - part, c["above"])):
            ax.barh(y, width, 0.44, left=left, align="edge", color=tint[side], alpha=0.45)
        ax.text(x + 0.485, y + 0.23, verdict(c, contexts), va="center", ha="center", fontsize=8.5)
    for y, (ledger, chip, way) in enumerate(rows):
        ax.text(
            -0.34, y + 0.46, f"{label_of(chip, way)}\n{ledger} ledger", va="center", ha="right", fontsize=10
        )
        for half, name in ((0.22, "D fixed"), (0.7, "D ∝ N")):
            ax.text(-0.02, y + half, name, va="center", ha="right", fontsize=9)
    for x, rival in enumerate(rivals):
        name = DENSE_ATTENTION[rival][-1].replace(", ", ",\n")
        ax.text(x + 0.485, -0.15, f"against {name}", ha="center", fontsize=10)
    ax.set(xlim=(-1.55, len(rivals)), ylim=(len(rows), -0.75), xticks=[], yticks=[])
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_xlabel(
        "Each box runs from 1k (left) to 1M tokens (right). Blue: spikes need less; orange: the dense side does. In "
        "brackets: 5th to 95th percentile\nof the crossing over draws of all constants; a share: of the draws in which "
        "that side wins at 1M, where that is not certain.",
        fontsize=10,
    )


def draw(numbers: dict[str, Any]) -> Figure:
    """Three ledgers, never two in a panel; then where the sides cross."""
    fig, axes = figure(3, 3, size=(19, 18), gridspec_kw={"height_ratios": [1, 1, 1.2]})
    for row, (ledger, span) in enumerate((("circuit", (8e-8, 1e3)), ("path", (8e-6, 1e3)))):
        for ax, panel in zip(axes[row], TITLES, strict=True):
            draw_lines(ax, numbers, ledger, panel)
            ax.set_title(f"{TITLES[panel]}\n{WHERE[ledger]}", fontsize=11.5)
            ax.set_ylim(span)
            ax.legend(loc="upper left", ncols=2, fontsize=9, columnspacing=1.0)
    draw_lines(axes[2, 0], numbers, "board", "constant")
    axes[2, 0].set_title(f"{TITLES['constant']}\n{WHERE['board']}", fontsize=11.5)
    axes[2, 0].set_ylim(1e-7, 1e3)
    axes[2, 0].legend(loc="upper left", fontsize=9)
    grid = axes[2, 1].get_gridspec()
    for ax in axes[2, 1:]:
        ax.remove()
    table = fig.add_subplot(grid[2, 1:])
    draw_table(table, numbers)
    table.set_title("Where attention by spikes crosses dense attention (a layer of Llama 3 8B)", fontsize=12)
    said = [textwrap.fill(line, 190) for line in words(numbers)]
    fig.suptitle("\n".join(said), fontsize=12.5, x=0.01, ha="left")
    cited = "   ".join(f"{name}: {source}." for name, source in numbers["sources"].items())
    note(fig, textwrap.fill("Sources. " + cited, 240))
    return fig


def lower_bounds(count: int) -> str:
    """Ways of which part of the work has no price."""
    return f"{count} lower bound" + ("s" if count > 1 else "")


def words(numbers: dict[str, Any]) -> list[str]:
    """What the numbers say, in sentences."""
    contexts, shares = numbers["contexts"], numbers["search_shares"]
    at = min(range(len(contexts)), key=lambda i: abs(contexts[i] - 32_768))
    lines = [
        f"The search on Loihi at {short(contexts[at])} tokens (circuit): "
        + "; ".join(
            f"{label} {100 * shares[way]['update'][at]:.0f} % neuron updates, "
            f"{100 * shares[way]['static'][at]:.0f} % static power, "
            f"{100 * shares[way]['compute'][at]:.0f} % synaptic events"
            for way, (_, _, label) in WAYS.items()
        )
        + f". Chips are charged only while they are asked; if those of all {numbers['layers']} layers stayed on "
        "meanwhile, the search would cost "
        + ", ".join(
            f"{label} {1 + (numbers['layers'] - 1) * shares[way]['static'][at]:.0f} times"
            for way, (_, _, label) in WAYS.items()
        )
        + " as much."
    ]
    for ledger in ("circuit", "path"):
        every = numbers["shapes"]["llama3-8b"][ledger]["crossings"]
        ends = [c for c in every if c["dim"] == "constant"]
        ways = {(c["chip"], c["way"]): c["bound"] for c in ends}
        bounds = sum(ways.values())
        won = []
        for rival, (*_, label) in DENSE_ATTENTION.items():
            less = [c["bound"] for c in ends if c["rival"] == rival and c["above"] == "spiking"]
            maybe = f" (and {lower_bounds(sum(less))})" if any(less) else ""
            won.append(f"{len(less) - sum(less)}{maybe} need less than {label.removeprefix('dense ')}")
        of = f"of {len(ways) - bounds} ways to spike" + (f" and {lower_bounds(bounds)}" if bounds else "")
        lines.append(f"At {short(contexts[-1])} tokens, {ledger} ledger, D fixed: {of}: {', '.join(won)}.")
    both = [[c for ledger in PARTNER for c in one[ledger]["crossings"]] for one in numbers["shapes"].values()]
    same = sum(a["above"] == b["above"] for a, b in zip(*both, strict=True))
    ratio = [a["events"] / a["events_by_law"] for a in numbers["anchors"] if a["way"] != "touched"]
    lines.append(
        f"A layer of GPT-2 small ends with the same winner in {same} of {len(both[0])} comparisons. Measured synaptic "
        f"events are {min(ratio):.2f} to {max(ratio):.2f} times the closed form's. Bands: 5th to 95th percentile of "
        "the constants. Energy alone: k winners are not a softmax over all keys."
    )
    return lines


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
