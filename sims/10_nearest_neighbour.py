"""What does one nearest-neighbour query cost on Loihi, as it was measured and with sparse codes?

Frady et al. 2020 (arXiv:2004.12691) asked 32 Loihi chips for the nearest of 76,800 synthetic patterns: 667–750 input
spikes to every pattern in 60 steps, 1.33 mJ of dynamic core energy. Top left: the same query (750 features in a
latency code, int8 weights; :mod:`hdspike.workloads.neighbours`), spike by spike, on 32 simulated chips, priced with the
published energies of an event (23.6 pJ) and an update (52 pJ where nothing arrived, 81 pJ where something did). Below:
one such query with a sparse code. Middle and right: how often the exact nearest neighbour is found against synaptic
events and joules, for two searches: noisy copies of independent patterns, and new vectors among crowded patterns.

How it is counted. Every potential is an integer sum, so a query's answer is that of an integer product; that the
simulated network has these potentials, every one of them, is checked on some queries, and all counts of events are
exact. Updates in the sweeps: every pattern is visited in every step. Sparse codes: ``strongest`` is BSDC
(s strongest of 750 features and their signs, no projection), SimHash a sparse block code. The latency code may spare
spikes too: only the strongest features of the query speak, with 60 or with 2 steps.

What disagrees. The synaptic events alone, at 23.6 pJ, are the whole of the measured energy, so the updates are what
stands above it: the published prices are too high for this silicon, and it is not known which of them. The simulated
query is four times shorter than the measured one, and its static energy with it.

Caveats. The published spikes and steps are kept, not the published data, scaling or wiring, which were not at hand. The
prices are pre-silicon estimates. The simulated step is as long as the slowest core and one chip's barrier: links
between chips, the host and the barrier over 32 chips are not in it, so it is shorter than the measured 5.8 µs.
Encoding is not charged, to neither code; nor is the readout of the winner. The dense product is charged arithmetic and
memory arrays of a 7 nm process; Loihi is 14 nm. A code is chosen on other queries than those it is judged by, to miss
at most one in 200 more than the latency code with all its spikes does.
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hdspike import substrate
from hdspike.energy import price
from hdspike.plot.style import COLOURS, figure
from hdspike.workloads import neighbours as nn
from hdspike.workloads.searching import (
    Search,
    by_spikes,
    latency_point,
    on_chips,
    products,
    share,
    simhash_law,
    sparse_active,
    sparse_codes,
)

CHIPS, PER_CHIP, FEATURES, STEPS = 32, 2400, 750, 60
SPIKES, STEP_SECONDS, MEASURED_J = (667, 750), 5.8e-6, 1.33e-3  # Frady et al. 2020, arXiv:2004.12691
MEASURED_PATTERNS = 76_800
MARGIN = 0.005  # two codes find the same where one misses at most one query in 200 more
SIGMAS = 6.0  # the threshold of the race, in deviations of an unrelated pattern's potential
SPARED = (94, 47, 24, 16, 12, 8)  # features that speak
ONES = (40, 50, 60, 75, 100)
WIDTHS = (750, 375, 188, 94, 47, 24)
SEARCHES: dict[str, dict[str, Any]] = {
    "copies": {
        "decay": 0.0,
        "cosine": 0.6,
        "few_steps": 2,
        "few_spikes": (24, 16, 12, 8),
        "asked": 250,
        "tuning": 300,
        "blocks": {16: (48, 96, 144, 192), 64: (48, 96, 144, 192)},
        "what": "noisy copies (cosine 0.6) of independent patterns",
    },
    "crowd": {
        "decay": 1.0,
        "cosine": 0.0,
        "few_steps": 16,
        "few_spikes": (94, 47, 16),
        "asked": 150,
        "tuning": 0,
        "blocks": {64: (48, 96, 144)},
        "what": "new vectors among crowded patterns (variance ∝ 1/k)",
    },
}


def published(patterns: int) -> dict[str, Any]:
    """The derived band and the measurement, for this many patterns (the measurement is of 76,800)."""
    sheet = substrate.load("loihi")
    events = [patterns * spikes for spikes in SPIKES]
    visits = patterns * STEPS
    joules = [
        price({"synaptic_events": e, "updates_inactive": visits}, sheet, seconds=0.0).nominal for e in events
    ]
    return {"events": events, "updates": visits, "joules": joules, "measured_joules": MEASURED_J}


def rebuilt(search: Search, chips: int, simulated: int) -> dict[str, Any]:
    """The measured query on the functional runner (several queries) and on every chip (the first one)."""
    level = nn.levels(search.queries[search.tuning :], steps=STEPS)
    synapses = nn.signed_synapses(search.weights)
    runs = [by_spikes(search, row, synapses, steps=STEPS, sigmas=SIGMAS) for row in level[:simulated]]
    del synapses
    true = search.true[search.tuning :]
    right = [true[i] in run["first"] for i, run in enumerate(runs)]
    made = on_chips(
        search, chips, lambda c: nn.signed_synapses(share(search.weights, c, chips)),
        *nn.latency_query(level[0], steps=STEPS), ramp=True, steps=STEPS,
    )  # fmt: skip
    if made["synaptic_events"] != runs[0]["synaptic_events"] or not all(run["same"] for run in runs):
        raise RuntimeError("the chips, the network and the integer product must agree")
    rule = {"synaptic_events": made["synaptic_events"], "updates_inactive": made["visits"]}
    static = substrate.load("loihi").si("power.static") * chips
    return {
        "runs": [run | {"first": len(run["first"])} for run in runs],
        "race": {"right": int(sum(right)), "asked": len(runs)},
        "chips": made,
        "by_the_derived_rule": price(rule, substrate.load("loihi"), seconds=0.0).nominal,
        "static_at_measured_steps": static * STEPS * STEP_SECONDS,
    }


def choose(points: list[dict[str, Any]], full: dict[str, Any], by: str = "core_joules") -> dict[str, Any]:
    """The code with the fewest joules (or events) of those that miss at most ``MARGIN`` more tuning queries."""
    return min((p for p in points if p["tuning"] >= full["tuning"] - MARGIN), key=lambda p: p[by])


def sweep(name: str, search: Search, quick: bool, seed: int) -> dict[str, Any]:
    """Both codes and the int8 product, with more and fewer spikes, lines and features."""
    kind = SEARCHES[name]
    ones = (50, 75, 100) if quick else ONES
    blocks: dict[int, tuple[int, ...]] = {64: (96, 144)} if quick else kind["blocks"]
    spikes = (47, 24) if quick else SPARED
    few = kind["few_spikes"][: 2 if quick else None]
    sparse = sparse_codes(search, ones, blocks, seed)
    for p in sparse:
        if p["code"].startswith("simhash") and name == "copies":
            p["law"] = simhash_law(search.count, FEATURES, kind["cosine"], p["dim"] // p["ones"], p["ones"])
    return {
        **{key: kind[key] for key in ("decay", "cosine", "what")},
        "asked": len(search.queries) - search.tuning,
        "gap": search.gap,
        "effective_features": search.effective,
        "latency": [latency_point(search, STEPS, some) for some in (None, *spikes)],
        "spared": [latency_point(search, kind["few_steps"], some) for some in few],
        "sparse": sparse,
        "products": products(search, WIDTHS[::2] if quick else WIDTHS),
    }


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """The measured query rebuilt; both codes swept over two searches; the chosen ones on every chip."""
    chips = 1 if quick else CHIPS
    count = chips * PER_CHIP
    out: dict[str, Any] = dict.fromkeys(SEARCHES)
    for name in reversed(SEARCHES):  # the copies last: they are needed on
        kind = SEARCHES[name]
        asked, tuning = (60, 30) if quick else (kind["asked"], kind["tuning"])
        search = Search(
            count, FEATURES, asked=asked, tuning=tuning, decay=kind["decay"], cosine=kind["cosine"], seed=seed
        )
        entry = out[name] = sweep(name, search, quick, seed)
    full = entry["latency"][0]
    spared = choose(entry["latency"] + entry["spared"], full)
    sparse = choose(entry["sparse"], full)
    measured = rebuilt(search, chips, 2 if quick else 4)
    query = search.queries[search.tuning : search.tuning + 1]
    level = nn.levels(query, steps=spared["steps"], spikes=spared["ones"])[0]
    cheap = on_chips(
        search, chips, lambda c: nn.signed_synapses(share(search.weights, c, chips)),
        *nn.latency_query(level, steps=spared["steps"]), ramp=True, steps=spared["steps"],
    )  # fmt: skip
    active, asked_lines, lines = sparse_active(search, sparse, query, seed)
    thin = on_chips(
        search, chips, lambda c: nn.sparse_synapses(share(active, c, chips), lines),
        np.zeros(asked_lines.shape[1], dtype=np.int64), asked_lines[0].astype(np.int64), ramp=False, steps=2,
    )  # fmt: skip
    return {
        "question": "What does one nearest-neighbour query cost on Loihi, as measured and with sparse codes?",
        "patterns": count,
        "chips": chips,
        "features": FEATURES,
        "published": published(count),
        "rebuilt": measured,
        "searches": out,
        "chosen": {
            "full": {"sweep": full, "chips": measured["chips"]},
            "spared": {"sweep": spared, "chips": cheap},
            "sparse": {"sweep": sparse, "chips": thin},
        },
        "fewer": {by: fewer(entry, full, by) for by in ("synaptic_events", "core_joules")},
    }


def fewer(entry: dict[str, Any], full: dict[str, Any], by: str) -> dict[str, float]:
    """How many times more the latency code takes than the sparse one, each at its best, and with all its spikes."""
    sparse = choose(entry["sparse"], full, by)[by]
    spared = choose(entry["latency"] + entry["spared"], full, by)[by]
    return {"than_full": full[by] / sparse, "than_spared": spared / sparse}


SHOWN = {
    "latency": ("latency code, 60 steps", COLOURS["vermilion"], "o"),
    "spared": ("latency code, few steps (see below)", COLOURS["orange"], "s"),
    "strongest": ("sparse: strongest s of 1,500 lines", COLOURS["blue"], "D"),
    "simhash 64": ("sparse: SimHash, blocks of 64", COLOURS["sky"], "^"),
    "simhash 16": ("sparse: SimHash, blocks of 16", COLOURS["green"], "v"),
}
CHOSEN = {
    "full": ("latency code, all features", COLOURS["vermilion"]),
    "spared": ("latency code, few spikes and steps", COLOURS["orange"]),
    "sparse": ("sparse code", COLOURS["blue"]),
}
WAYS = {
    "alone": ("fetched from DRAM", "-"),
    "resident": ("kept on the chip", "--"),
    "shared": ("64 queries share a fetch", ":"),
}


def series(entry: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The points of a search by what they are shown as, rising in events."""
    out: dict[str, list[dict[str, Any]]] = {name: [] for name in SHOWN}
    for p in entry["latency"]:
        out["latency"].append(p)
    for p in entry["spared"]:
        out["spared"].append(p)
    for p in entry["sparse"]:
        out[p["code"]].append(p)
    return {name: points for name, points in out.items() if points}


def whiskers(ax: Any, points: list[dict[str, Any]], x: list[float], **options: Any) -> None:
    """Top-1 and its interval."""
    y = [p["top1"] for p in points]
    edges = [
        [max(0.0, p["top1"] - p["low"]) for p in points],
        [max(0.0, p["high"] - p["top1"]) for p in points],
    ]
    ax.errorbar(x, y, yerr=edges, **({"capsize": 2, "lw": 1.3, "ms": 5.5} | options))


def frontier(ax: Any, entry: dict[str, Any], key: str) -> None:
    """Top-1 against events or joules."""
    for name, points in series(entry).items():
        label, colour, marker = SHOWN[name]
        some = sorted(points, key=lambda p: p[key])
        whiskers(ax, some, [p[key] for p in some], fmt=f"{marker}-", color=colour, label=label)
        if key == "synaptic_events" and "by_chance" in points[0]:
            ax.plot(
                [p["by_chance"] for p in points],
                [p["top1"] for p in points],
                "|",
                color="black",
                ms=13,
                mew=1.3,
            )
    if key == "synaptic_events":
        ax.plot([], [], "|", color="black", ms=11, mew=1.3, label="N·s²/D events: lines active by chance")
        laws = [p for p in entry["sparse"] if "law" in p]
        if laws:
            ax.plot(
                [p["by_chance"] for p in laws], [p["law"] for p in laws], "x", color=COLOURS["grey"], ms=8, mew=1.6,
                label="law of SimHash for such copies", zorder=5,
            )  # fmt: skip
    ax.set_xscale("log")
    ax.set_ylim(0, 1.05 if key == "synaptic_events" else 1.27)
    ax.set_yticks([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])


def product_lines(ax: Any, entry: dict[str, Any], key: str) -> None:
    """The exact int8 product with fewer and fewer features."""
    points = entry["products"]
    if key == "macs":
        whiskers(ax, points, [p["macs"] for p in points], fmt="*--", color="black", ms=8,
                 label="int8 product, its multiplications")  # fmt: skip
        return
    for way, (label, style) in WAYS.items():
        some = [p for p in points if way in p["joules"]]
        whiskers(ax, some, [p["joules"][way] for p in some], fmt=f"*{style}", color="black", ms=7, elinewidth=0.8,
                 label=f"int8 product, 7 nm: {label}")  # fmt: skip


def measured_bars(ax: Any, numbers: dict[str, Any]) -> None:
    """The measured query: silicon, the derived band, ours; network and static apart."""
    made, band = numbers["rebuilt"], numbers["published"]
    joules, unit = made["chips"]["joules"], 1e3
    low, high = (unit * value for value in band["joules"])
    silicon = unit * band["measured_joules"] * numbers["patterns"] / MEASURED_PATTERNS
    rule = unit * made["by_the_derived_rule"]
    whole = "measured" if numbers["patterns"] == MEASURED_PATTERNS else "in proportion"
    events = unit * joules["compute"]
    rows = (
        (f"silicon, core, {whole}", [(0.0, silicon, COLOURS["grey"])], f"{silicon:.3g}"),
        ("derived: 667–750 spikes", [(low, high - low, COLOURS["yellow"])], f"{low:.4g} – {high:.4g}"),
        (f"simulated, {made['chips']['spikes']} spikes,\nevery update 52 pJ",
         [(0.0, events, COLOURS["blue"]), (events, rule - events, COLOURS["sky"])], f"{rule:.4g}"),
        ("simulated, updates that\nhear something 81 pJ",
         [(0.0, events, COLOURS["blue"]), (events, unit * joules["update"], COLOURS["sky"])],
         f"{events + unit * joules['update']:.4g}"),
        ("network on the chips", [(0.0, unit * joules["network"], COLOURS["green"])],
         f"{unit * joules['network']:.3g}"),
        (f"static, simulated {1e6 * made['chips']['simulated_s']:.0f} µs",
         [(0.0, unit * joules["static"], COLOURS["orange"])], f"{unit * joules['static']:.3g}"),
        ("static, 60 × 5.8 µs, measured", [(0.0, unit * made["static_at_measured_steps"], COLOURS["orange"])],
         f"{unit * made['static_at_measured_steps']:.3g}"),
    )  # fmt: skip
    for y, (_, bars, text) in enumerate(rows):
        for left, width, colour in bars:
            ax.barh(y, width, left=left, color=colour, height=0.62)
        ax.text(max(left + width for left, width, _ in bars) + 0.02 * high, y, text, va="center", fontsize=10)
    ax.axvspan(low, high, color=COLOURS["yellow"], alpha=0.25, zorder=0, lw=0)
    ax.axvline(silicon, color=COLOURS["grey"], ls="--", lw=1.2, zorder=0)
    ax.set_yticks(range(len(rows)), [name for name, _, _ in rows], fontsize=10)
    ax.invert_yaxis()
    ax.set_xlim(0, 1.35 * high)
    ax.grid(axis="y", visible=False)
    for text, colour in (("synaptic events", "blue"), ("neuron updates", "sky")):
        ax.barh(0, 0, color=COLOURS[colour], label=text)
    ax.legend(loc="lower right")
    inside = "inside" if low <= rule <= high else "outside"
    ax.set_title(
        f"The measured query rebuilt: {inside} the derived band,\n{100 * (rule / silicon - 1):.0f} % above the silicon"
    )
    ax.set_xlabel("mJ per query")
    ax.set_ylabel("core, and what stands apart")


def component_dots(ax: Any, numbers: dict[str, Any]) -> None:
    """Joules of one query on all chips, part by part, of three codes."""
    parts = {
        "compute": "synaptic\nevents",
        "update": "neuron\nupdates",
        "network": "network",
        "static": "static",
    }
    for place, (name, (label, colour)) in enumerate(CHOSEN.items()):
        entry = numbers["chosen"][name]
        joules = entry["chips"]["joules"]
        shift = (place - 1) * 0.24
        what = f"{label}: {entry['chips']['spikes']} spikes, {entry['chips']['steps']} steps"
        for x, part in enumerate(parts):
            ax.bar(x + shift, 1e6 * joules[part], width=0.22, color=colour, label=what if x == 0 else None)
        total = 1e6 * sum(joules.values())
        ax.bar(len(parts) + shift, total, width=0.22, color=colour, hatch="//", edgecolor="white", lw=0)
        ax.text(
            len(parts) + shift,
            1.12 * total,
            f"{total:,.0f}" if total >= 10 else f"{total:.2g}",
            ha="center",
            fontsize=9,
        )
    ax.set_yscale("log")
    ax.set_ylim(top=40 * 1e6 * sum(numbers["chosen"]["full"]["chips"]["joules"].values()))
    ax.set_xticks(range(len(parts) + 1), [*parts.values(), "all"])
    ax.legend(loc="upper left")
    ax.grid(axis="x", visible=False)
    fewer = numbers["fewer"]["synaptic_events"]
    ax.set_title(
        f"A sparse code: {fewer['than_full']:.0f}× fewer events than all spikes,\n"
        f"{fewer['than_spared']:.1f}× fewer than the latency code that spares spikes"
    )
    ax.set_ylabel("µJ per query")
    ax.set_xlabel(f"one query on {numbers['chips']} Loihi chips, simulated")


def draw(numbers: dict[str, Any]) -> Figure:
    """The measured query, its parts with three codes, and the frontiers of two searches."""
    fig, axes = figure(2, 3, size=(20, 11.5))
    measured_bars(axes[0, 0], numbers)
    component_dots(axes[1, 0], numbers)
    for row, entry in enumerate(numbers["searches"].values()):
        events, joules = axes[row, 1:]
        frontier(events, entry, "synaptic_events")
        product_lines(events, entry, "macs")
        frontier(joules, entry, "core_joules")
        product_lines(joules, entry, "joules")
        sparse, latency = (max(p["top1"] for p in entry[kind]) for kind in ("sparse", "latency"))
        ending = f"sparse codes find {100 * sparse:.0f} %, the latency code {100 * latency:.0f} %"
        events.set_title(f"{entry['what'].capitalize()}:\n{ending}")
        joules.set_title(
            f"The same in joules of the core\n(mean gap of the two nearest: {entry['gap']:.2g} in cosine)"
        )
        events.set_xlabel("synaptic events (multiplications) per query")
        joules.set_xlabel("J per query: events + updates; network and static apart")
        for ax in (events, joules):
            ax.set_ylabel(f"top-1: nearest of {numbers['patterns']:,} found")
        handles = [h for h in zip(*joules.get_legend_handles_labels(), strict=True) if "int8" in h[1]]
        joules.legend(*zip(*handles, strict=True), loc="upper left")
    axes[1, 1].legend(*axes[0, 1].get_legend_handles_labels(), loc="upper left")
    asked = " and ".join(str(entry["asked"]) for entry in numbers["searches"].values())
    fig.supxlabel(
        f"Points: exact counts; bars: 95 % intervals over {asked} queries. Prices: Davies et al. 2018 (Loihi, 14 nm, "
        "pre-silicon), Jouppi et al. 2021 (7 nm).  Silicon: Frady et al. 2020.  Few steps: "
        + ", ".join(f"{entry['spared'][0]['steps']} ({name})" for name, entry in numbers["searches"].items())
        + ".  Encoding and readout are not charged.",
        fontsize=10, color="#444444",
    )  # fmt: skip
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
