"""What does a race of key neurons with early stop save on a chip, and is it cheaper than multiplying?

The selection of attention inside SmolLM2-135M as a circuit on Loihi (2018). The keys of a head are neurons: sparse
block codes by a product codebook of 16 blocks of 64 lines, learned on other text (`hdspike.models.product`). A query is
at most 128 graded spikes, the lines that contribute most to its scores, *strongest first*; the neurons that reach θ
soonest win, inhibition stops the rest and cancels the input still to come (`hdspike.attention.latency`). Keys are the
first 4,032 of 4,096 tokens of news, queries those of the last 64 (every fourth, three heads that share keys), whose own
keys are taken for always on. k is 1 % of the keys. Either the k winners are taken as they are (1×), or 4k are let
through and scored exactly, and the k best stay (4×). *Mass* is the softmax mass of the k that are left ÷ that of the k
truly best.

θ is chosen on the other text (lore): of a grid of shares of the θ that the median query's k-th (4k-th) potential
reaches with all spikes, the one with the fewest events that keeps 95 % of the mass that the whole code captures there.
*Seeded* is the same spikes in a random order of lines, at the same θ; *exact* takes the highest potentials after the 8,
16, … 128 strongest spikes: it has to know when to stop, a race finds out.

The chip: hop-accurate mesh, one host port. With a barrier its winners are those of the functional runner, bit for bit
(checked here for each query and rule). Without one they follow real arrival times: how many are others than in the
spikes' own order, and than on an unloaded chip, is drawn. Theory beside the data: no order of packets beats the busiest
link. Energy: counts × published constants, one ledger (gates and arrays); the whole chip's static power is charged
although a head fills less than half of it. The dense side is an int8 product with every key, softmax and values left
out on both sides, its keys fetched from DRAM or kept on the chip, alone or shared by queries; the quantised twin of the
circuit itself (all lines of all keys as products with bits); and the same events as inverted lists on a processor.

Caveats. One window of each text, twelve heads of four layers. Weights of spikes are in their addresses: eight lines an
entry. Loihi is 14 nm, the dense arrays 7 nm. Input and output of the chip, and writing keys into it, are not charged;
encoding the query and scoring the 4k candidates are, as int8 arithmetic on the processor. The first token takes most of
the mass in deep layers and is easily found: the mass among the other keys is told as well.
"""

import textwrap
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import t as student

from hdspike import chip, substrate
from hdspike.plot.energy import citations, panels
from hdspike.plot.style import COLOURS, figure, note
from hdspike.workloads import circuit, circuit_bills, circuit_chip, circuit_heads
from hdspike.workloads.circuit_heads import Shape

LAYERS, QUICK_LAYERS = (2, 8, 15, 22), (1,)
CONTEXT, QUICK_CONTEXT = 4096, 1024
SHAPE, QUICK_SHAPE = Shape(blocks=16, lines=64, recent=64, every=4), Shape(recent=64, every=16)
SPIKES = 128
SHARE = 0.01
CANDIDATES = (1, 4)
KEEP = 0.95
FRACTIONS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1)
CUTS = (8, 16, 32, 64, 128)
AIMS = (0.8, 0.85, 0.9, 0.95)
COUNTED = (
    "injected", "delivered", "cancelled", "packets", "hops", "synaptic_events", "updates", "fired", "overshoot",
    "steps",
)  # fmt: skip
STEPS = (1, 2, 4, 8, 16, 32, 64, 128)  # of a race under a barrier, at most
OTHERS = ("quiet", "loaded", "congestion")
EACH = "synaptic_events_per_query_key"
ORDERS = {"strongest": COLOURS["blue"], "seeded": COLOURS["orange"]}
SPIKING_CHIP = "loihi"
BARS = {
    "async_race": "race, no barrier",
    "async_seeded": "the same, seeded order",
    "async_all": "no barrier, no stop",
    "barrier_race": "race, 16 steps at most",
    "barrier_threshold": "threshold, 1 step",
    "barrier_exact": "exact, ramp of 129 steps",
}


def at_mass(points: list[dict[str, Any]], mass: float) -> float | None:
    """Events per (query, key) at which a mean curve reaches a mass, between its points; None where it never does."""
    before = None
    for one in sorted(points, key=lambda p: p["synaptic_events_per_query_key"]["mean"]):
        x, y = one["synaptic_events_per_query_key"]["mean"], one["captured_mass"]["mean"]
        if y >= mass:
            if before is None:
                return float(x)
            return float(x - (y - mass) / (y - before[1]) * (x - before[0]))
        before = x, y
    return None


def interval(values: Any) -> dict[str, float]:
    """Mean with a 95 % t interval over heads."""
    data = np.asarray(values, dtype=float)
    half = (
        float(student.ppf(0.975, len(data) - 1) * data.std(ddof=1) / np.sqrt(len(data)))
        if len(data) > 1
        else 0.0
    )
    return {"mean": float(data.mean()), "low": float(data.mean()) - half, "high": float(data.mean()) + half}


def averaged(all_curves: list[dict[str, list[dict[str, float]]]]) -> dict[str, list[dict[str, Any]]]:
    """The mean curve over heads, with intervals of every number."""
    return {
        order: [
            {name: interval([one[order][i][name] for one in all_curves]) for name in all_curves[0][order][i]}
            for i in range(len(all_curves[0][order]))
        ]
        for order in all_curves[0]
    }


def spread(values: NDArray[Any]) -> list[float]:
    """The percentiles 0 to 100, in µs."""
    return [float(v) for v in np.percentile(values / 1e6, np.arange(0, 101, 2))]


def study(
    pairs: list[tuple[circuit.Head, circuit.Head]], config: chip.ChipConfig, times: int, *, seed: int
) -> dict[str, Any]:
    """All heads with ``times``·k let through."""
    sheet = substrate.load(SPIKING_CHIP)
    k = max(1, round(SHARE * len(pairs[0][0].keys)))
    fire = min(times * k, len(pairs[0][0].keys))
    per_head: list[dict[str, Any]] = []
    all_curves = []
    steps: dict[int, list[tuple[float, circuit_chip.Timed]]] = {}
    runs: dict[str, list[circuit_chip.Timed]] = {}
    differing = 0
    course: dict[str, Any] = {}
    for number, (head, other) in enumerate(pairs):
        trained = circuit.layer_of(other, fire=fire, spikes=SPIKES, seed=seed)
        full = trained.calibrate(other.contributions)
        theta, fraction = circuit.choose_theta(other, trained, k=k, fractions=FRACTIONS, keep=KEEP)
        layer = circuit.layer_of(head, fire=fire, spikes=SPIKES, seed=seed)
        thetas = [max(1, round(share * full)) for share in FRACTIONS]
        all_curves.append(circuit.curves(head, layer, k=k, thetas=thetas, cuts=CUTS))
        layer.theta = theta
        mapping = chip.place(layer.network, config)
        ran, changed = circuit_chip.every_clock(head, layer, config, mapping=mapping)
        differing += changed["differing"]
        if number == len(pairs) // 2:
            course = {"head": head.name, **circuit_chip.time_course(layer, ran)}
        for name, run in ran.items():
            runs.setdefault(name, []).append(circuit_chip.without_record(run))
        for count, run in circuit_chip.by_steps(head, layer, config, mapping=mapping, ticks=STEPS).items():
            steps.setdefault(count, []).append((circuit.captured(head, run.run.outcome, k).mean(), run))
        per_head.append(
            {
                "head": head.name,
                "theta": theta,
                "fraction": fraction,
                "cores": mapping.cores_used,
                "other_winners": {name: changed[name] for name in OTHERS},
                "in_order": circuit.point(head, changed["in_order"], k, fire),
                "exact": all_curves[-1]["exact"][-1],
            }
            | {
                name: circuit.point(head, ran[name].run.outcome, k, fire)
                for name in ("barrier_race", "async_race", "async_seeded")
            }
        )
    by_steps = [
        {
            "steps": count,
            "captured_mass": interval([mass for mass, _ in some]),
            "won_us": interval([run.won_ps.mean() / 1e6 for _, run in some]),
            "overshoot": interval([run.run.outcome.counts["overshoot"].mean() for _, run in some]),
            "joules": circuit_bills.bill([run for _, run in some], sheet, seed=seed)["nominal"],
        }
        for count, some in steps.items()
    ]
    bills = {
        name: {"label": label, **circuit_bills.bill(runs[name], sheet, seed=seed), "side": "spiking"}
        for name, label in BARS.items()
    }
    cheapest = min(by_steps, key=lambda one: one["joules"])["steps"]
    label = f"race, {cheapest} steps: the cheapest"
    some = [run for _, run in steps[cheapest]]
    bills["barrier_cheapest"] = {
        "label": label,
        **circuit_bills.bill(some, sheet, seed=seed),
        "side": "spiking",
    }
    mean_curves = averaged(all_curves)
    return {
        "fire": fire,
        "k": k,
        "heads": per_head,
        "mean": {
            setting: {name: interval([one[setting][name] for one in per_head]) for name in per_head[0]["in_order"]}
            for setting in ("exact", "in_order", "barrier_race", "async_race", "async_seeded")
        },
        "curves": mean_curves,
        "events_at": [
            {"captured_mass": aim, **{order: at_mass(mean_curves[order], aim) for order in mean_curves}} for aim in AIMS
        ],
        "other_winners": {name: interval([one["other_winners"][name] for one in per_head]) for name in OTHERS},
        "steps": by_steps,
        "barrier_differing": differing,
        "latency_us": {
            name: {
                "won": spread(np.concatenate([run.won_ps for run in some])),
                "last": spread(np.concatenate([run.last_ps for run in some])),
                "won_mean": interval([run.won_ps.mean() / 1e6 for run in some]),
                "last_mean": interval([run.last_ps.mean() / 1e6 for run in some]),
                "end_mean": interval([run.end_ps.mean() / 1e6 for run in some]),
                "bound_mean": interval([run.bound_ps(config) / 1e6 for run in some]),
            }
            for name, some in runs.items()
        },
        "counts": {
            name: {c: sum(run.run.counts[c] for run in some) / sum(len(run.won_ps) for run in some) for c in COUNTED}
            for name, some in runs.items()
        },
        "time_course": course,
        "bills": bills | circuit_bills.rivals(pairs[0][0], layer, k, runs["async_race"], seed=seed),
        "path": circuit_bills.measured_path(pairs[0][0], runs["async_race"], fire=fire, k=k, seed=seed),
    }  # fmt: skip


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """All heads, with k and with 4k winners of the race."""
    context, layers, shape = (QUICK_CONTEXT, QUICK_LAYERS, QUICK_SHAPE) if quick else (CONTEXT, LAYERS, SHAPE)
    pairs = circuit_heads.heads_of_smollm2(context, layers, shape, seed=seed)
    sheet = substrate.load(SPIKING_CHIP)
    config = chip.ChipConfig.from_substrate(sheet)
    studies = {str(times): study(pairs, config, times, seed=seed) for times in CANDIDATES}
    return {
        "chip": sheet.title,
        "keys": len(pairs[0][0].keys),
        "queries": len(pairs[0][0].scores),
        "key_heads": len(pairs),
        "spikes": SPIKES,
        "keep": KEEP,
        "cores": config.cores,
        "candidates": studies,
    }


def band(ax: Any, points: list[dict[str, Any]], **style: Any) -> None:
    """Mass against events of a mean curve, with the interval over heads."""
    some = sorted(points, key=lambda p: p["synaptic_events_per_query_key"]["mean"])
    x = [p["synaptic_events_per_query_key"]["mean"] for p in some]
    mass = [p["captured_mass"] for p in some]
    ax.plot(x, [m["mean"] for m in mass], markersize=4, linewidth=1.3, **style)
    if style.get("linestyle", "-") == "-":
        ax.fill_between(
            x, [m["low"] for m in mass], [min(1.0, m["high"]) for m in mass], color=style["color"], alpha=0.13,
            linewidth=0,
        )  # fmt: skip


def one_query(ax: Any, study: dict[str, Any]) -> None:
    """The time course of one query: input spikes, delivered or cancelled, and the neurons that fired."""
    course, red = study["time_course"], COLOURS["vermilion"]
    for name, look in (
        ("cancelled", {"color": COLOURS["sky"], "marker": "x", "alpha": 0.8}),
        ("delivered", {"color": COLOURS["blue"], "marker": "|"}),
    ):
        if course[name]:
            times, weights = zip(*course[name], strict=True)
            ax.scatter(times, weights, s=40, label=f"{len(times)} input spikes {name}", **look)
    ax.axvline(course["won_us"], color=red, linewidth=1.1)
    ax.set(xlabel="µs", ylabel="weight of an input spike", ylim=(0, 24))
    ax.set_title(f"One query, keys {course['head']}, no barrier")
    ax.legend(loc="upper right", fontsize=8.5)
    right = ax.twinx()
    right.spines["right"].set_visible(True)
    right.grid(visible=False)
    for name, style in (("would_fire_us", ":"), ("fired_us", "-")):
        fired = course[name]
        height = np.arange(len(fired) + 1)
        right.step([0, *fired], height, where="post", color=red, linestyle=style, linewidth=1.3)
    right.axhline(study["fire"], color=COLOURS["grey"], linewidth=0.8, linestyle="--")
    right.set_ylim(0, 2.2 * study["fire"])
    right.set_ylabel("key neurons that fired (dots: without a stop)", color=red)
    where = right.get_yaxis_transform()
    right.text(0.98, 1.02 * study["fire"], f"{study['fire']} win", fontsize=8.5, ha="right", transform=where)


def trade(ax: Any, numbers: dict[str, Any]) -> None:
    """Mass against events, over θ and over the spikes heard."""
    for times, style in (("4", "-"), ("1", "--")):
        study, whole = numbers["candidates"][times], style == "-"
        for order, colour in ORDERS.items():
            mark = "o" if whole else ""
            band(ax, study["curves"][order], color=colour, linestyle=style, marker=mark,
                 label=f"race, {order}, {times}×")  # fmt: skip
        band(ax, study["curves"]["exact"], color=COLOURS["green"], linestyle=style, marker="s" if whole else "",
             label=f"exact after 8 … 128 spikes, {times}×")  # fmt: skip
        chosen = study["mean"]["in_order"]
        ax.plot(chosen[EACH]["mean"], chosen["captured_mass"]["mean"], "*", color=COLOURS["black"], markersize=12,
                label="θ chosen on other text" if whole else None)  # fmt: skip
    ax.set(xlabel="synaptic events per (query, key)", ylabel="mass ÷ that of the true best k", ylim=(0, 1.02))
    ax.set(title="Mass against events", xlim=(0, None))
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), fontsize=8, ncols=2)


def latency(ax: Any, study: dict[str, Any]) -> None:
    """How long queries take, with and without a stop, and what no order of packets can beat."""
    share = np.arange(0, 101, 2) / 100
    for name, when, label, colour, style in (
        ("async_race", "won", "no barrier: the race is won", "blue", "-"),
        ("async_seeded", "won", "the same, seeded order", "orange", "-"),
        ("async_all", "last", "no barrier: last event, no stop", "blue", ":"),
        ("barrier_race", "won", "16 steps: the race is won", "purple", "-"),
        ("barrier_all", "last", "16 steps: last event, no stop", "purple", ":"),
    ):
        ax.step(study["latency_us"][name][when], share, where="post", color=COLOURS[colour], linestyle=style,
                label=label)  # fmt: skip
    for name in ("async_race", "async_all"):
        bound = study["latency_us"][name]["bound_mean"]["mean"]
        ax.axvline(bound, color=COLOURS["grey"], linestyle="--", linewidth=1.1)
    ax.plot(
        [], [], color=COLOURS["grey"], linestyle="--", linewidth=1.1, label="theory: busiest link (race; all)"
    )
    ax.set(xscale="log", xlabel="µs", ylabel="share of queries", title="Latency, 4×", ylim=(0, 1.02))
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), fontsize=8, ncols=2)


def barrier(ax: Any, study: dict[str, Any]) -> None:
    """What a barrier costs: energy and latency against the steps that the spikes are dealt to."""
    count = [one["steps"] for one in study["steps"]]
    ax.plot(
        count,
        [1e6 * one["joules"] for one in study["steps"]],
        "s-",
        color=COLOURS["purple"],
        label="µJ a query",
    )
    won = [one["won_us"] for one in study["steps"]]
    reach = [[w["mean"] - w["low"] for w in won], [w["high"] - w["mean"] for w in won]]
    ax.errorbar(count, [w["mean"] for w in won], yerr=reach, fmt="o-", color=COLOURS["green"], capsize=2, markersize=5,
                label="µs till the race is won")  # fmt: skip
    free = study["bills"]["async_race"]["nominal"] * 1e6
    ax.axhline(free, color=COLOURS["blue"], linestyle="--", linewidth=1.2, label="µJ without a barrier")
    for one in study["steps"]:
        ax.annotate(f"{one['captured_mass']['mean']:.2f}", (one["steps"], 1e6 * one["joules"]), xytext=(0, -13),
                    textcoords="offset points", fontsize=8, ha="center", color=COLOURS["grey"])  # fmt: skip
    ax.set(xscale="log", yscale="log", xlabel="steps of the input at most (grey: mass)", ylabel="µJ, µs")
    ax.set_xticks(count, [str(c) for c in count])
    ax.minorticks_off()
    ax.set(title="What a barrier costs, 4×", ylim=(0.5 * free, None))
    ax.legend(loc="upper left", fontsize=8.5)


def arrivals(ax: Any, numbers: dict[str, Any]) -> None:
    """How many winners real arrival times change, head by head."""
    told = {
        "quiet": "unloaded,\nfrom the\nspikes' order",
        "loaded": "loaded,\nfrom the\nspikes' order",
        "congestion": "loaded,\nfrom\nunloaded",
    }
    for times, colour, shift in (("4", "blue", -0.12), ("1", "sky", 0.12)):
        study = numbers["candidates"][times]
        for x, name in enumerate(OTHERS):
            each = [100 * one["other_winners"][name] for one in study["heads"]]
            spot = x + shift + 0.03 * np.linspace(-1, 1, len(each))
            ax.plot(spot, each, "o", color=COLOURS[colour], markersize=3.5, alpha=0.6)
            mean = 100 * study["other_winners"][name]["mean"]
            ax.plot([x + shift - 0.08, x + shift + 0.08], [mean, mean], color=COLOURS["black"], linewidth=2)
        ax.plot([], [], "o", color=COLOURS[colour], markersize=4, label=f"no barrier, {times}×, a head each")
    ax.plot([], [], color=COLOURS["black"], linewidth=2, label="mean")
    differing = sum(study["barrier_differing"] for study in numbers["candidates"].values())
    same = "barrier: 0, bit for bit" if differing == 0 else f"barrier: {differing} winners differ"
    ax.axhline(0, color=COLOURS["purple"], linewidth=2, label=same)
    ax.set_xticks(range(len(OTHERS)), [told[name] for name in OTHERS], fontsize=9)
    ax.set(ylabel="other winners (%)", title="What arrival times change", ylim=(-2, 1.35 * ax.get_ylim()[1]))
    ax.legend(loc="upper right", fontsize=8.5)


def by_head(ax: Any, study: dict[str, Any]) -> None:
    """What stopping saves in each head."""
    heads, at = study["heads"], np.arange(len(study["heads"]))
    whole = [one["exact"][EACH] for one in heads]
    ax.barh(at, whole, color=COLOURS["sky"], alpha=0.45, label="saved by stopping")
    ax.barh(at, [one["async_race"][EACH] for one in heads], color=COLOURS["blue"], label="delivered")
    ax.plot([one["async_seeded"][EACH] for one in heads], at, "D", color=COLOURS["orange"], markersize=5,
            label="delivered, seeded")  # fmt: skip
    for y, one in enumerate(heads):
        kept = f"{one['async_race']['captured_mass']:.2f} of {one['exact']['captured_mass']:.2f}"
        ax.text(whole[y] + 0.03, y, kept, va="center", fontsize=8.5)
    ax.set_yticks(at, [one["head"] for one in heads])
    ax.invert_yaxis()
    ax.set(xlabel="synaptic events per (query, key)", ylabel="keys: layer.head", xlim=(0, 1.4 * max(whole)))
    ax.set(title="Events saved, 4× (text: mass, race of all)")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3, fontsize=8)


def draw(numbers: dict[str, Any]) -> Figure:
    """One query in time, mass against events, latency, steps; energy, arrival, heads."""
    fig, axes = figure(2, 4, size=(21, 11.5), gridspec_kw={"width_ratios": [1, 0.9, 0.9, 0.75]})
    study = numbers["candidates"]["4"]
    one_query(axes[0, 0], study)
    trade(axes[0, 1], numbers)
    latency(axes[0, 2], study)
    barrier(axes[1, 0], study)
    arrivals(axes[1, 1], numbers)
    by_head(axes[1, 2], study)
    tall = axes[0, 3].get_gridspec()[:, 3]
    axes[0, 3].remove()
    axes[1, 3].remove()
    panels(fig.add_subplot(tall), list(study["bills"].values()), footnote=False)
    note(fig, words(numbers))
    return fig


def against(race: float, bills: dict[str, float]) -> str:
    """Who needs less than the race, who more, in words."""
    told = {
        "dense_dram": "int8 from DRAM",
        "dense_dram_shared": "int8 from DRAM for 3 heads",
        "dense_dram_many": "int8 from DRAM for 64 queries",
        "dense_resident": "int8 from the chip's memory",
        "dense_resident_shared": "int8 from the chip's memory for 3 heads",
        "twin": "the quantised twin",
        "lists": "the same events on a processor",
    }
    less = [f"{told[name]} ({race / joules:.2g}×)" for name, joules in bills.items() if joules < race]
    more = [f"{told[name]} ({joules / race:.2g}×)" for name, joules in bills.items() if joules >= race]
    return f"less is needed by {', '.join(less) or 'no other'}; more by {', '.join(more) or 'no other'}"


def words(numbers: dict[str, Any]) -> str:
    """What the figure finds, and who wins, computed from the numbers."""
    study = numbers["candidates"]["4"]
    mean, time = study["mean"], study["latency_us"]
    free, seeded, whole = mean["async_race"], mean["async_seeded"], mean["exact"]
    used = [one["cores"] for one in study["heads"]]

    def joules(bills: dict[str, Any]) -> tuple[float, dict[str, float]]:
        race = sum(bills[name]["nominal"] for name in ("async_race", "encode", "rescore") if name in bills)
        rivals = ("dense_", "twin", "lists")
        return race, {name: bill["nominal"] for name, bill in bills.items() if name.startswith(rivals)}

    circuit_race, circuit_rivals = joules(study["bills"])
    path_race, path_rivals = joules(study["path"])
    half = free["captured_mass"]["high"] - free["captured_mass"]["mean"]
    cited = citations(list(study["bills"].values()))
    parts = (
        f"{numbers['chip']}, SmolLM2-135M, {numbers['key_heads']} heads of keys, {numbers['keys']:,} keys, "
        f"{numbers['queries']} queries each, k {study['k']}; a head fills {min(used)} to {max(used)} of "
        f"{numbers['cores']} cores. The whole code captures {whole['captured_mass']['mean']:.3f} of the mass at "
        f"{whole[EACH]['mean']:.2f} events per (query, key); the race {free['captured_mass']['mean']:.3f} ± "
        f"{half:.3f} at {free[EACH]['mean']:.2f} (without the first token's mass "
        f"{free['captured_mass_without_sink']['mean']:.3f}): "
        f"{100 * (1 - free['delivered_share']['mean']):.0f} % of the input is cancelled, the race is won after "
        f"{time['async_race']['won_mean']['mean']:.2f} µs where all events take "
        f"{time['async_all']['last_mean']['mean']:.2f} µs. "
        f"In seeded order, at the same θ: {seeded['captured_mass']['mean']:.3f} at {seeded[EACH]['mean']:.2f}.",
        f"Joules, gates and arrays: the race, with encoding and candidates, {1e9 * circuit_race:.0f} nJ; "
        f"{against(circuit_race, circuit_rivals)}.",
        f"In the ledger of measured chips (not drawn) {1e9 * path_race:.0f} nJ; {against(path_race, path_rivals)}. "
        "Bands, bars and ±: 95 % t intervals over heads.",
        "Sources: " + "; ".join(f"[{number}] {source}" for source, number in cited.items()),
    )
    return "\n".join("\n".join(textwrap.wrap(part, 250)) for part in parts)


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
