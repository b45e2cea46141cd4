"""Where do the joules and the nanoseconds of a spiking network for gestures go, on a chip with a mesh?

The DVS-gesture network that SANA-FE ships (18,678 neurons, 3.56 million synapses), its layers on 1, 4, 16, 16, 4 and 1
cores of the chip `loihi-sanafe`, 1,000 steps with a barrier after each. Energy is counts × the constants of that
chip's file; the total is that of SANA-FE 2.2.9 to nine digits. A layer is charged with the synapses that end in it, its
somas, and the packets that it sends.

Time is told in four models of the network-on-chip that build on each other. *simple*: the slowest core decides,
sending or working. *in order*: a packet is worked on after it was sent, and one after another (our exact mesh, with
hops that take no time and FIFOs without end). *hops*: with the times of the hops. *exact*: with FIFOs of 16 packets,
that fill and hold up routers and senders. Beside it stands SANA-FE's 'detailed', a heuristic: there no queue ever
fills, but a packet waits for a share of the mean work in flight along its way, and for all of what exceeds the
buffers along it. Asked with buffers of 1024, which hardly anything exceeds, it shows the former, and what is left is
the latter: both are larger than what the exact mesh finds, while its hops cost less (a hop counts only where it is
longer than that share).

The same counts are priced a second time with the constants that Davies et al. published for Loihi in 2018, and with the
time that they imply (its own exact run). Whiskers: 5th to 95th percentile, with the ranges of its file.

Caveats. SANA-FE's constants hold no static power; that of `loihi` is a measurement of a whole chip beside
pre-silicon energies of events. In SANA-FE every synapse of this network is charged 35.5 pJ, the unit that its file
lists first, not the 24.0 pJ of its unit for convolutions; we follow. One input, that never changes: nothing here is a
recording of a gesture. Without the fetched network this sim is skipped.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hdspike import substrate, workloads
from hdspike.chip import Architecture, ChipActivity, by_hand
from hdspike.chip import simulate as on_chip
from hdspike.chip.axons import axons
from hdspike.chip.barrier import hop_counts
from hdspike.energy import by_unit, price
from hdspike.network import Network
from hdspike.plot.style import COLOURS, figure, note

ENDLESS = 2**20
DEPTHS = (1, 2, 3, 4, 8, 16, 64, 256, 1024)
ORACLE: dict[
    str, Any
] = {  # SANA-FE 2.2.9 on this network (tests/golden/sanafe_detailed.py): 'detailed' by size of the link buffers
    "steps": 1000,
    "joules": 3.440570683e-3,
    "simple_s": 0.023951345,
    "detailed_s": {"1": 0.029364628, "4": 0.02644859, "16": 0.025885154, "1024": 0.025398236},
    "without_hops_s": {"16": 0.025858113, "1024": 0.025365858},
}
PARTS = ("at_sender", "in_mesh", "in_fifo", "in_service")
PART_NAMES = ("waits at its sender", "in the mesh", "waits for its core", "is worked on")
KINDS = ("synapse", "soma", "packets", "hops")
KIND_NAMES = ("synapses", "somas", "packets sent", "hops")
KIND_COLOURS = ("blue", "green", "orange", "purple")
LAYER_LOOKS = (
    ("black", "D"), ("sky", "o"), ("green", "s"), ("orange", "^"), ("purple", "v"), ("vermilion", "P"),
)  # fmt: skip


def layers(network: Network, chip: Architecture, run: ChipActivity) -> list[dict[str, Any]]:
    """Joules of each population by component, and the mean work of each of its cores in a step."""
    core, steps = run.placement.core, run.activity.steps
    table = axons(network, chip, core)
    rows = np.diff(table.indptr)
    sent, source = np.repeat(run.fired, rows), np.repeat(core, rows)
    sender = np.repeat(np.arange(network.neurons), rows)
    out = []
    for place, population in enumerate(network.populations):
        low, high = int(network.offsets[place]), int(network.offsets[place + 1])
        mine = np.unique(core[low:high])
        synapse, soma, way_in, way_out = (
            chip.units[chip.unit_of(int(mine[0]), kind)]
            for kind in ("synapse", "soma", "axon_in", "axon_out")
        )
        count = {name: run.per_core[name][mine] for name in run.per_core}
        own = (sender >= low) & (sender < high)
        hops = hop_counts(chip, source[own], table.core[own], sent[own])
        accesses = np.bincount(core[low:high], minlength=chip.cores)[mine] * steps
        sending = (
            accesses * soma.access_ps
            + count["updates"] * soma.update_ps
            + count["fired"] * soma.event_ps
            + count["packets_out"] * way_out.event_ps
        )
        working = count["packets_in"] * way_in.event_ps + count["synaptic_events"] * synapse.event_ps
        out.append(
            {
                "name": population.name,
                "neurons": population.size,
                "fired": int(count["fired"].sum()),
                "synapse": float(count["synaptic_events"].sum() * synapse.event_j),
                "soma": float(
                    accesses.sum() * soma.access_j
                    + count["updates"].sum() * soma.update_j
                    + count["fired"].sum() * soma.event_j
                ),
                "packets": float(count["packets_out"].sum() * way_out.event_j),
                "hops": float((hops * chip.hop_j).sum()),
                "sending_us": sending / steps / 1e6,
                "working_us": working / steps / 1e6,
            }
        )
    return out


def bills(run: ChipActivity, loihi_s: float, seed: int) -> list[dict[str, Any]]:
    """The counts of a run, priced on both chips."""
    counts = run.counts
    shared = {name: counts[name] for name in ("packets", "hops_east_west", "hops_north_south")}
    own = {
        "synaptic_events_dense": counts["synaptic_events"],
        "accesses": counts["accesses"],
        "updates": counts["updates"],
        "fired": counts["fired"],
    }
    published = {
        "synaptic_events": counts["synaptic_events"],
        "updates_active": counts["updates"],
        "updates_inactive": counts["accesses"] - counts["updates"],
    }
    out = []
    for name, some, seconds in (
        ("loihi-sanafe", own, run.simulated_ps * 1e-12),
        ("loihi", published, loihi_s),
    ):
        sheet = substrate.load(name)
        amounts = some | shared
        bill = price(amounts, sheet, seconds=seconds, rng=seed)
        parts = dict.fromkeys((*KINDS, "static"), 0.0)
        for key, amount in amounts.items():
            kind = key if key == "packets" else "hops" if key.startswith("hops") else "soma"
            kind = "synapse" if key.startswith("synaptic") else kind
            parts[kind] += amount * sheet.si(f"energy.{key}")
        parts["static"] = bill.components.get("static", 0.0)
        out.append({"chip": name, "title": sheet.title, **bill.as_json(), "parts": parts})
    return out


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """The network on the chip: its energy, and its time under one model after another."""
    job = workloads.build("dvs-gesture")
    network, cores = job.network, job.cores
    assert cores is not None
    chip = Architecture.from_substrate(substrate.load("loihi-sanafe"))
    still = replace(chip, hop_ps=np.zeros_like(chip.hop_ps))
    steps = 40 if quick else 1000
    placed = by_hand(network, chip, cores)

    def run(where: Architecture, noc: str, **options: Any) -> ChipActivity:
        return on_chip(network, where, steps, placement=placed, noc=noc, **options)

    simple, exact = run(chip, "simple"), run(chip, "exact")
    models = {
        "simple": simple,
        "in order": run(still, "exact", fifo_depth=ENDLESS),
        "hops": run(chip, "exact", fifo_depth=ENDLESS),
        "exact": exact,
    }
    published = Architecture.from_substrate(substrate.load("loihi"))
    theirs = on_chip(network, published, steps, placement=by_hand(network, published, cores), noc="exact")
    sweep = []
    for depth in (1, 4, 16, 64) if quick else DEPTHS:
        one = run(chip, "exact", fifo_depth=depth)
        packets = one.counts["packets"]
        sweep.append(
            {
                "depth": depth,
                "seconds": one.simulated_ps * 1e-12,
                "mean_ns": {part: one.network["latency_parts_ps"][part] / packets / 1000 for part in PARTS},
                "p99_ns": one.network["latency_ps"]["p99"] / 1000,
            }
        )
    joules = by_unit(simple)
    tiles = len(np.unique(chip.tile_of_core[placed.cores_used]))
    return {
        "steps": steps,
        "cores": list(cores),
        "counts": simple.counts,
        "joules": joules,
        "apart": abs(joules["total"] / ORACLE["joules"] - 1) if steps == ORACLE["steps"] else None,
        "layers": layers(network, chip, simple),
        "bills": bills(exact, theirs.simulated_ps * 1e-12, seed),
        "models": {name: one.simulated_ps * 1e-12 for name, one in models.items()},
        "barriers_s": steps * chip.barrier_ps(tiles) * 1e-12,
        "oracle": ORACLE if steps == ORACLE["steps"] else None,
        "sweep": sweep,
        "network": {k: exact.network[k] for k in ("latency_ps", "busiest_link", "fullest_fifo")},
        "exact_over_simple": {
            "least": float((exact.step_ps / simple.step_ps).min()),
            "most": float((exact.step_ps / simple.step_ps).max()),
        },
    }


def draw_joules(axes: Any, numbers: dict[str, Any]) -> None:
    """Energy by layer and by price list, and the work of each core."""
    steps, found = numbers["steps"], numbers["layers"]
    ax = axes[0]
    left = np.zeros(len(found))
    rows = np.arange(len(found))
    for kind, name, colour in zip(KINDS, KIND_NAMES, KIND_COLOURS, strict=True):
        part = 1e3 * np.array([layer[kind] for layer in found])
        ax.barh(rows, part, left=left, color=COLOURS[colour], label=name)
        left += part
    for row, total in zip(rows, left, strict=True):
        ax.text(total + 0.01 * left.max(), row, f"{total:.3g} mJ", va="center", fontsize=9.5)
    ax.set_yticks(rows, [f"{one['name']}\n{one['neurons']:,} neurons" for one in found], fontsize=9)
    ax.invert_yaxis()
    ax.set(title=f"Energy by layer, {steps:,} steps", xlabel="energy (mJ)", xlim=(0, 1.22 * left.max()))
    ax.set_ylabel("layer")
    ax.legend(loc="lower right", frameon=False, fontsize=9)

    ax = axes[1]
    looks = zip((*KINDS, "static"), (*KIND_NAMES, "static power"), (*KIND_COLOURS, "grey"), strict=True)
    place = 1.35 * np.arange(len(numbers["bills"]))
    base = np.zeros(len(place))
    for kind, name, colour in looks:
        part = 1e3 * np.array([bill["parts"][kind] for bill in numbers["bills"]])
        ax.bar(place, part, 0.55, bottom=base, color=COLOURS[colour], label=name)
        base += part
    for at, bill in zip(place + 0.36, numbers["bills"], strict=True):
        low, nominal, high = (1e3 * bill[name] for name in ("low", "nominal", "high"))
        ax.errorbar(
            at, nominal, yerr=[[nominal - low], [high - nominal]], color=COLOURS["black"], marker="o", capsize=4,
            markersize=5,
        )  # fmt: skip
        ax.annotate(f"{nominal:.2f} mJ", (at, nominal), xytext=(7, -3), textcoords="offset points")
    ax.set_xticks(place, [f"{b['chip']}\n{1e3 * b['seconds']:.1f} ms" for b in numbers["bills"]])
    top = max(bill["high"] for bill in numbers["bills"])
    ax.set(title="The same counts, two price lists (ledger: circuit)", ylabel="energy (mJ)", xlim=(-0.5, 2.4))
    ax.set_ylim(0, 1.5e3 * top)
    ax.legend(loc="upper left", frameon=False, fontsize=9)

    ax = axes[2]
    for (colour, marker), layer in zip(LAYER_LOOKS, found, strict=True):
        ax.plot(
            layer["sending_us"], layer["working_us"], marker, color=COLOURS[colour], markersize=6,
            label=layer["name"], linestyle="none",
        )  # fmt: skip
    mean = (numbers["models"]["simple"] - numbers["barriers_s"]) / steps * 1e6
    most = 1.1 * max(mean, *(max(one["working_us"]) for one in found))
    ax.plot(
        [0, mean, mean],
        [mean, mean, 0],
        color=COLOURS["grey"],
        linestyle=":",
        label="mean step, without its barrier",
    )
    ax.plot([0, most], [0, most], color=COLOURS["grey"], linewidth=0.8)
    ax.set(title="Work of each core in a mean step", xlabel="visiting neurons and sending (µs)")
    ax.set(ylabel="receiving and adding up (µs)", xlim=(0, most), ylim=(0, most))
    ax.legend(loc="lower right", frameon=False, fontsize=9)


def draw_times(axes: Any, numbers: dict[str, Any]) -> None:
    """Time by model, where packets spend it, and what FIFOs of another depth make of it."""
    steps, models, oracle, sweep = (numbers[name] for name in ("steps", "models", "oracle", "sweep"))
    base = models["simple"]
    ax = axes[0]
    shown = [
        ("simple", 0.0, base, "blue"),
        ("+ in order", base, models["in order"], "green"),
        ("+ hops", models["in order"], models["hops"], "orange"),
        ("+ FIFOs of 16 = exact", models["hops"], models["exact"], "vermilion"),
    ]
    if oracle:
        endless, detailed = (oracle["detailed_s"][depth] for depth in ("1024", "16"))
        shown.append(("SANA-FE 'detailed',\nbuffers of 1024", models["hops"], endless, "grey"))
        shown.append(("the same,\nbuffers of 16", endless, detailed, "grey"))
        ax.plot(
            [1e3 * oracle["simple_s"]], [0], "|", color=COLOURS["black"], markersize=20, markeredgewidth=2,
            label="SANA-FE 'simple'",
        )  # fmt: skip
        ax.legend(loc="upper right", frameon=False, fontsize=9, markerscale=0.5)
    for row, (_, begin, end, colour) in enumerate(shown):
        ax.barh(row, 1e3 * (end - begin), left=1e3 * begin, color=COLOURS[colour], height=0.6)
        change = f"{1e3 * end:.3f} ms" + (f"  (+{100 * (end - begin) / base:.2f} %)" if row else "")
        ax.text(1e3 * end + 0.004e3 * base, row, change, va="center", fontsize=9.5)
    ax.set_yticks(range(len(shown)), [name for name, *_ in shown])
    ax.invert_yaxis()
    last = shown[-1][2]
    ax.set(
        title=f"Time of {steps:,} steps, effect by effect",
        xlabel="simulated time (ms; the axis does not begin at 0)",
    )
    ax.set(ylabel="model", xlim=(0.97e3 * base, 1e3 * (last + 0.65 * (last - 0.97 * base))))

    ax = axes[1]
    place = np.arange(len(sweep))
    depths = [str(one["depth"]) for one in sweep]
    bottom = np.zeros(len(sweep))
    for part, name, colour in zip(PARTS, PART_NAMES, ("sky", "orange", "purple", "green"), strict=True):
        amount = np.array([one["mean_ns"][part] for one in sweep]) / 1000
        ax.bar(place, amount, 0.7, bottom=bottom, color=COLOURS[colour], label=name)
        bottom += amount
    ax.set_xticks(place, depths)
    ax.set(
        title="Where a mean packet spends its time", xlabel="FIFO depth (packets)", ylabel="mean time (µs)"
    )
    ax.set_ylim(0, 1.1 * bottom.max())
    ax.legend(loc="upper left", frameon=False, fontsize=9)

    ax = axes[2]
    series = [("exact mesh", "vermilion", "o-", {str(one["depth"]): one["seconds"] for one in sweep})]
    if oracle:
        series.append(("SANA-FE 'detailed'", "grey", "s--", oracle["detailed_s"]))
    highest = 0.0
    for name, colour, style, seconds in series:
        known = [(at, 1e3 * seconds[depth]) for at, depth in enumerate(depths) if depth in seconds]
        ax.plot(*zip(*known, strict=True), style, color=COLOURS[colour], label=name)
        highest = max(highest, *(ms for _, ms in known))
        for at, ms in known:
            if depths[at] in ("1", "4", "16", "1024"):
                ax.annotate(
                    f"+{100 * (ms / base / 1e3 - 1):.1f} %", (at, ms), xytext=(0, 8), fontsize=9, color=COLOURS[colour],
                    textcoords="offset points", ha="left" if at < 2 else "center",
                )  # fmt: skip
    ax.axhline(1e3 * base, color=COLOURS["blue"], linestyle=":", label="'simple', either tool")
    ax.set_xticks(place, depths)
    ax.set(title="What shorter FIFOs cost", xlabel="FIFO depth, SANA-FE: link buffer (packets)")
    ax.set(ylabel=f"simulated time of {steps:,} steps (ms)")
    ax.set_ylim(0.97e3 * base, highest + 0.15 * (highest - 1e3 * base))
    ax.legend(loc="upper right", frameon=False, fontsize=9)


def draw(numbers: dict[str, Any]) -> Figure:
    """Six panels: joules above, nanoseconds below."""
    fig, axes = figure(2, 3, size=(15.5, 9.2))
    draw_joules(axes[0], numbers)
    draw_times(axes[1], numbers)
    total, counts, steps = numbers["joules"]["total"], numbers["counts"], numbers["steps"]
    beside = f" (SANA-FE the same, {numbers['apart']:.0e} apart)" if numbers["oracle"] else ""
    latency, ratio = numbers["network"]["latency_ps"], numbers["exact_over_simple"]
    least, most = ratio["least"], ratio["most"]
    note(
        fig,
        f"DVS-gesture on loihi-sanafe, {sum(numbers['cores'])} cores, {steps:,} steps: {counts['fired']:,} fired, "
        f"{counts['packets']:,} packets, {counts['synaptic_events']:,} synaptic events; {1e3 * total:.6g} mJ{beside}; "
        "whiskers: 5th to 95th percentile of the constants.\n"
        f"Exact mesh: latency of a packet p50 {latency['p50'] / 1e6:.2f} µs, p99 {latency['p99'] / 1e6:.2f} µs; "
        f"the busiest link is busy {100 * numbers['network']['busiest_link']:.0f} % of the time; a step "
        f"takes {least:.2f} to {most:.2f} times that of 'simple'.",
    )
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
