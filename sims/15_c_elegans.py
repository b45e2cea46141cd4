"""Does the wiring of a real worm tell touch at its head from touch at its tail, and what does it cost on a chip?

The 302 neurons of C. elegans (Cook et al. 2019) as Loihi somas in steps of 1 ms; see `hdspike.workloads.c_elegans` for
signs, weights and the rule that sets the two free numbers without a look at the outcome. Touched at the head (ALM, AVM)
a worm backs away, at the tail (PLM) it moves on. Asked of each command neuron: its rate under head touch less that
under tail touch, divided by their sum. The direction index D is the mean of that over the neurons of backward movement
(AVA, AVD, AVE) less the mean over those of forward movement (AVB, PVC): above 0 is the worm's own choice.

Four versions of the real network: the touch receptors' chemical synapses inhibiting, as Chalfie et al. 1985 inferred,
or exciting as plain acetylcholine and glutamate would; connections divided by all that arrive at the target, or not.
Control: every connection with another target, the numbers that leave and arrive at each neuron kept. Error bars: 95 %
of the mean over independent stimuli (Student's t), each with its touches at both ends under the same background.

What comes out is mixed. With Chalfie's signs D is above 0, since touch at the head quietens the forward neurons; the
backward ones hardly tell the ends apart. With plain signs D is below 0: wiring without signs does not give the answer.
Some shuffles go as far from 0; how many, the figure says.

On the chip: the neurons in their alphabetical order on 16 cores, each with its background beside it; the exact mesh.
The cores lie in a block (by hand), on every second tile (scattered), or where a search by traffic moves the scattered
ones; by capacity needs three cores only.

Caveats. Spikes stand for graded potentials, all neurons are alike, the sign of a connection is a guess from the
transmitter, no muscle, no proprioception, no extrasynaptic signal. Chalfie's signs come from behaviour: a D above 0
with them is no independent confirmation. Energies are the constants of the chips' files; background and stimulus come
from outside and cost their packets. Without the fetched connectome this sim is skipped.
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import t as student

from hdspike import datasets, substrate
from hdspike.chip import Architecture, ChipActivity, Placement, by_capacity, by_hand, by_traffic
from hdspike.chip import simulate as on_chip
from hdspike.energy import by_unit, price
from hdspike.functional import simulate as clocked
from hdspike.network import Network
from hdspike.plot.mesh import link_map
from hdspike.plot.style import COLOURS, figure, note
from hdspike.workloads.c_elegans import ANTERIOR, BACKWARD, FORWARD, POSTERIOR, network

CORES = 16
WORM_S = 1e-3  # a step of the worm
KINDS = ("synapse", "soma", "network")
KIND_NAMES = ("synapses", "somas", "packets and hops")
VERSIONS = (
    ("Chalfie's signs", {"chalfie": True, "normalised": True}),
    ("plain signs", {"chalfie": False, "normalised": True}),
    ("Chalfie's signs,\nnot normalised", {"chalfie": True, "normalised": False}),
    ("plain signs,\nnot normalised", {"chalfie": False, "normalised": False}),
)


def interval(values: Any) -> dict[str, float]:
    """Mean and the half width of its 95 % confidence interval."""
    given = np.asarray(values, dtype=float)
    half = student.ppf(0.975, len(given) - 1) * given.std(ddof=1) / np.sqrt(len(given))
    return {"mean": float(given.mean()), "half": float(half)}


def rates(worm: Any, steps: int, **how: Any) -> NDArray[np.float64]:
    """Spikes per second of each neuron under touch that lasts all the time."""
    made = network(worm, between=(0, steps), **how)
    spikes = clocked(made, steps).spikes("neurons")["address"]
    return np.bincount(spikes, minlength=made["neurons"].size) / (steps * WORM_S)


def contrast(head: NDArray[np.float64], tail: NDArray[np.float64], names: list[str]) -> dict[str, float]:
    """(head − tail) ÷ (head + tail) of each class, the mean of its left and right cell; a silent cell has 0."""
    both = head + tail
    each = np.where(both > 0, (head - tail) / np.where(both > 0, both, 1.0), 0.0)
    return {
        name: float(np.mean([each[names.index(name + side)] for side in "LR"]))
        for name in (*BACKWARD, *FORWARD)
    }


def index(by_class: dict[str, float]) -> float:
    """The direction index D, between −2 and 2."""
    return float(np.mean([by_class[n] for n in BACKWARD]) - np.mean([by_class[n] for n in FORWARD]))


def asked(
    worm: Any, names: list[str], steps: int, seeds: range, shuffles: range, how: dict[str, bool]
) -> Any:
    """One version of the network: touched at both ends with several seeds, then shuffled, and at rest."""
    found, shuffled, seen = [], [], []
    for seed in seeds:
        head, tail, rest = (rates(worm, steps, touch=t, seed=seed, **how) for t in ("head", "tail", "none"))
        found.append(contrast(head, tail, names))
        seen.append((head, tail, rest))
    for s in shuffles:
        head, tail = (rates(worm, steps, touch=t, seed=s, shuffle=s, **how) for t in ("head", "tail"))
        shuffled.append(index(contrast(head, tail, names)))
    mean = np.mean(seen, axis=0)
    return {
        "classes": {name: interval([one[name] for one in found]) for name in found[0]},
        "index": interval([index(one) for one in found]),
        "shuffled": shuffled,
        "backward": interval([np.mean([one[n] for n in BACKWARD]) for one in found]),
        "forward": interval([np.mean([one[n] for n in FORWARD]) for one in found]),
        "beyond": int(np.sum(np.abs(shuffled) >= abs(np.mean([index(one) for one in found])))),
        "mean_hz": dict(zip(("head", "tail", "none"), mean.mean(axis=1), strict=True)),
        "class_hz": {
            touch: {
                name: float(np.mean([row[names.index(name + side)] for side in "LR"])) for name in found[0]
            }
            for touch, row in zip(("head", "tail", "none"), mean, strict=True)
        },
    }


def placed(made: Network, chip: Architecture, apart: int = 1) -> Placement:
    """By hand: the neurons on 16 cores, the background of each beside it, the receptors with the first of them."""
    blocks = list(range(0, apart * CORES, apart))
    return by_hand(made, chip, {"stimulus": [0], "background": blocks, "neurons": blocks})


def bill(run: ChipActivity, seconds: float) -> dict[str, Any]:
    """What a run costs, by component, per second of the worm's life, and how long its steps are."""
    joules = by_unit(run)
    step_us = run.step_ps / 1e6
    return {
        "counts": {
            k: run.counts[k] for k in ("fired", "packets", "hops", "synaptic_events", "updates", "accesses")
        },
        "joules_per_s": {kind: joules[kind] / seconds for kind in (*KINDS, "total")},
        "cores": len(run.placement.cores_used),
        "step_us": {
            "mean": float(step_us.mean()),
            "most": float(step_us.max()),
            "quantiles": np.quantile(step_us, np.linspace(0, 1, 101)),
        },
        "faster": float(seconds / (run.simulated_ps * 1e-12)),
        "busy_s": run.simulated_ps * 1e-12,
        "latency_ns": {k: v / 1000 for k, v in run.network["latency_ps"].items() if k in ("p50", "p99")},
    }


def on_chips(worm: Any, steps: int, seed: int) -> dict[str, Any]:
    """One touch at the head on the chip: three placements, two price lists, the mesh."""
    made = network(worm, between=(0, steps), seed=seed)
    sanafe = Architecture.from_substrate(substrate.load("loihi-sanafe"))
    hand, scattered = placed(made, sanafe), placed(made, sanafe, 8)
    runs = {"by hand": on_chip(made, sanafe, steps, placement=hand, noc="exact")}
    runs["scattered"] = on_chip(made, sanafe, steps, placement=scattered, noc="exact")
    moved = by_traffic(made, sanafe, scattered, fired=runs["scattered"].fired)
    runs["by traffic"] = on_chip(made, sanafe, steps, placement=moved, noc="exact")
    runs["by capacity"] = on_chip(made, sanafe, steps, placement=by_capacity(made, sanafe), noc="exact")
    sheet = substrate.load("loihi")
    published = Architecture.from_substrate(sheet)
    theirs = on_chip(made, published, steps, placement=placed(made, published), noc="exact")
    counts, seconds = theirs.counts, steps * WORM_S
    other = price(
        {
            "synaptic_events": counts["synaptic_events"],
            "updates_active": counts["updates"],
            "updates_inactive": counts["accesses"] - counts["updates"],
            **{k: counts[k] for k in ("packets", "hops_east_west", "hops_north_south")},
        },
        sheet,
        seconds=theirs.simulated_ps * 1e-12,
        rng=seed,
    )
    low, high = int(made.offsets[2]), int(made.offsets[3])
    maps = []
    for name, where in (("scattered", scattered), ("by traffic", moved)):
        group = np.full(sanafe.cores, -1)
        group[np.unique(where.core[low:high])] = 0
        maps.append({"name": name, "group": group, "hops": runs[name].hops / seconds})
    return {
        "seconds": seconds,
        "runs": {name: bill(run, seconds) for name, run in runs.items()},
        "published": {**bill(theirs, seconds), "static_watts": sheet.si("power.static"), **other.as_json()},
        "background_share": float(runs["by hand"].fired[:low].sum() / counts["packets"]),
        "mesh": {
            "maps": maps,
            "tile_of_core": sanafe.tile_of_core,
            "tile_x": sanafe.tile_x,
            "tile_y": sanafe.tile_y,
        },
        "synapses": made.synapses,
    }


def raster(worm: Any, seed: int) -> dict[str, Any]:
    """A second with one touch at the head in its middle."""
    begin, end, steps = 400, 700, 1000
    made = network(worm, between=(begin, end), seed=seed)
    names: list[str] = list(made.metadata["names"])  # type: ignore[call-overload]
    groups = {
        "head touch": [n for n in names if n in ANTERIOR],
        "tail touch": [n for n in names if n in POSTERIOR],
        "backward": [n for n in names if n[:-1] in BACKWARD],
        "forward": [n for n in names if n[:-1] in FORWARD],
    }
    known = [n for some in groups.values() for n in some]
    groups["all others"] = [n for n in names if n not in known]
    row = np.empty(len(names), dtype=np.int64)
    row[[names.index(n) for some in groups.values() for n in some]] = np.arange(len(names))
    spikes = clocked(made, steps).spikes("neurons")
    return {
        "touch_ms": [begin, end],
        "steps": steps,
        "groups": {name: len(some) for name, some in groups.items()},
        "time_ms": spikes["time"] // 10**9,
        "row": row[spikes["address"]],
    }


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """The question to the worm in four versions, and one touch on the chip."""
    worm = datasets.load("c-elegans")
    names: list[str] = list(network(worm).metadata["names"])  # type: ignore[call-overload]
    steps, seeds, shuffles = (600, 3, 2) if quick else (2000, 8, 40)
    first = 1000 * seed + 1
    versions = []
    for place, (name, how) in enumerate(VERSIONS):
        if quick and place > 1:
            break
        many = range(first, first + (shuffles if how["normalised"] else shuffles // 2))
        found = asked(worm, names, steps, range(first, first + seeds), many, how)
        versions.append({"name": name, **how, **found})
    alone = rates(worm, steps, touch="none", gain=0.0, seed=first)
    return {
        "neurons": len(names),
        "steps": steps,
        "seeds": seeds,
        "alone_hz": float(alone.mean()),
        "versions": versions,
        "raster": raster(worm, first),
        "chip": on_chips(worm, 200 if quick else 1000, first),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Six panels: a raster, the command neurons, the direction index; the mesh, energy, the time of a step."""
    fig, axes = figure(2, 3, size=(15.5, 9.2))
    versions, chip = numbers["versions"], numbers["chip"]
    backward, forward = COLOURS["blue"], COLOURS["orange"]

    ax = axes[0, 0]
    one = numbers["raster"]
    row, time = np.array(one["row"]), np.array(one["time_ms"])
    shades = ("vermilion", "purple", "blue", "orange", "grey")
    # the small groups are drawn wider: a row of each is worth ten of the others
    sizes = list(one["groups"].values())
    edges = np.concatenate([[0], np.cumsum(sizes)])
    heights = np.array([10 * n if i < len(sizes) - 1 else n for i, n in enumerate(sizes)])
    tops = np.concatenate([[0], np.cumsum(heights + 12)])
    for place, (count, shade) in enumerate(zip(sizes, shades, strict=True)):
        mine = (row >= edges[place]) & (row < edges[place + 1])
        y = tops[place] + (row[mine] - edges[place] + 0.5) * heights[place] / count
        wide = place < len(sizes) - 1
        ax.plot(
            time[mine], y, "|" if wide else ",", markersize=6 if wide else 1, color=COLOURS[shade], rasterized=True
        )  # fmt: skip
    ax.set_yticks(
        [float(tops[i] + heights[i] / 2) for i in range(len(sizes))],
        [f"{n} ({s})" for n, s in zip(one["groups"], sizes, strict=True)],
        fontsize=9,
    )
    ax.axvspan(*one["touch_ms"], color=COLOURS["yellow"], alpha=0.3, linewidth=0, zorder=0)
    ax.set(title="One touch at the head (yellow), Chalfie's signs", xlabel="time (ms)", ylabel="neurons")
    ax.set(xlim=(0, one["steps"]), ylim=(float(tops[-1]), -6))
    ax.grid(False)

    ax = axes[0, 1]
    classes = (*BACKWARD, *FORWARD)
    for place, version in enumerate(versions[:2]):
        at = np.arange(len(classes)) + (place - 0.5) * 0.36
        ax.bar(
            at, [version["classes"][n]["mean"] for n in classes], 0.34,
            yerr=[version["classes"][n]["half"] for n in classes], capsize=3,
            color=[backward if n in BACKWARD else forward for n in classes],
            hatch="" if place == 0 else "//", edgecolor="white", label=None,
        )  # fmt: skip
        ax.bar(
            [0],
            [0],
            color=COLOURS["grey"],
            hatch="" if place == 0 else "//",
            edgecolor="white",
            label=version["name"],
        )
    ax.axhline(0, color=COLOURS["black"], linewidth=0.8)
    ax.axvline(len(BACKWARD) - 0.5, color=COLOURS["grey"], linestyle=":", linewidth=1)
    reach = 1.5 * max(
        abs(v["classes"][n]["mean"]) + v["classes"][n]["half"] for v in versions[:2] for n in classes
    )
    ax.set_xticks(
        range(len(classes)), [f"{n}\n{'backward' if n in BACKWARD else 'forward'}" for n in classes]
    )
    ax.set(title="Which touch excites the command neurons?", xlabel="class of neurons", ylim=(-reach, reach))
    ax.set_ylabel("(head − tail) ÷ (head + tail)\ntail ← rate under touch at → head")
    ax.legend(loc="upper right", frameon=False, fontsize=9)

    ax = axes[0, 2]
    generator = np.random.default_rng(0)
    for place, version in enumerate(versions):
        cloud = np.array(version["shuffled"])
        ax.plot(
            place + 0.22 + 0.12 * (generator.random(len(cloud)) - 0.5), cloud, "o", color=COLOURS["grey"],
            markersize=3.5, alpha=0.7, linestyle="none", label="targets shuffled, one each" if not place else None,
        )  # fmt: skip
        ax.errorbar(
            place - 0.12, version["index"]["mean"], yerr=version["index"]["half"], fmt="D", color=COLOURS["vermilion"],
            markersize=7, capsize=4, label="the real wiring, 95 %" if not place else None,
        )  # fmt: skip
    ax.axhline(0, color=COLOURS["black"], linewidth=0.8)
    ax.set_xticks(range(len(versions)), [v["name"] for v in versions], fontsize=8.5)
    most = 1.45 * max(abs(v["index"]["mean"]) for v in versions)
    most = max(most, 1.2 * max(max(map(abs, v["shuffled"]), default=0.0) for v in versions))
    ax.set(title="Direction index: above 0 as the worm does", ylabel="D = backward − forward")
    ax.set(
        xlabel="signs of the touch receptors, weights", xlim=(-0.5, len(versions) - 0.5), ylim=(-most, most)
    )
    ax.legend(loc="lower left", frameon=False, fontsize=9)

    ax = axes[1, 0]
    mesh = chip["mesh"]
    ax.axis("off")
    most = max(max(map(max, one["hops"])) for one in mesh["maps"]) / 1000
    for place, one in enumerate(mesh["maps"]):
        inner = ax.inset_axes((0.0, 0.55 - 0.47 * place, 1.0, 0.38))
        link_map(
            inner, one["group"], mesh["tile_of_core"], mesh["tile_x"], mesh["tile_y"], np.array(one["hops"]) / 1000,
            colours=(COLOURS["sky"],), most=most, label="thousand packets per second" if place else "",
        )  # fmt: skip
        inner.set_title(one["name"], fontsize=10)
    ax.set_title(f"{CORES} of 128 cores (blue), and the load of the links")

    ax = axes[1, 1]
    rows = [*chip["runs"].items()]
    for place, (_, found) in enumerate(rows):
        base = 0.0
        for kind, name, shade in zip(KINDS, KIND_NAMES, ("blue", "green", "orange"), strict=True):
            part = 1e6 * found["joules_per_s"][kind]
            ax.bar(place, part, 0.6, bottom=base, color=COLOURS[shade], label=name if not place else None)
            base += part
        ax.text(place, base, f"{base:.0f} µJ", ha="center", va="bottom", fontsize=9.5)
    theirs = chip["published"]
    base = 0.0
    for kind, shade in zip(KINDS, ("blue", "green", "orange"), strict=True):
        part = 1e6 * theirs["joules_per_s"][kind]
        ax.bar(len(rows), part, 0.6, bottom=base, color=COLOURS[shade])
        base += part
    static = 1e6 * theirs["static_watts"] * theirs["busy_s"] / chip["seconds"]
    ax.bar(len(rows), static, 0.6, bottom=base, color=COLOURS["grey"], label="static, while it computes")
    ax.text(len(rows), base + static, f"{base + static:.0f} µJ", ha="center", va="bottom", fontsize=9.5)
    ax.set_xticks(
        range(len(rows) + 1),
        [
            f"{name}\n{found['cores']} cores\n{found['counts']['hops'] / chip['seconds']:,.0f} hops"
            for name, found in rows
        ]
        + [f"by hand\n{CORES} cores\n'loihi'"],
        fontsize=8,
    )
    ax.set(
        title="Energy per second of the worm's life",
        ylabel="energy (µJ)",
        xlabel="placement, on 'loihi-sanafe'",
    )
    high = max([base + static, *(1e6 * f["joules_per_s"]["total"] for _, f in rows)])
    ax.set_ylim(0, 1.5 * high)
    ax.legend(loc="upper left", frameon=False, fontsize=9, ncols=2)

    ax = axes[1, 2]
    share = np.linspace(0, 1, 101)
    shown = [*((f"{n}, 'loihi-sanafe'", f) for n, f in rows), ("by hand, 'loihi'", theirs)]
    for (name, found), shade in zip(shown, ("blue", "purple", "green", "orange", "grey"), strict=True):
        ax.plot(
            found["step_us"]["quantiles"], share, color=COLOURS[shade], drawstyle="steps-post",
            linestyle="--" if shade == "green" else "-", label=f"{name}: {found['faster']:.0f} times the worm",
        )  # fmt: skip
    ax.axvline(1000, color=COLOURS["vermilion"], linestyle=":", label="the worm: 1 ms")
    ax.set(
        title="Time of a step of 1 ms on the chip", xlabel="time of a step (µs)", ylabel="share of the steps"
    )
    ax.set(xscale="log", ylim=(0, 1.55), yticks=np.linspace(0, 1, 6))
    ax.set_xlim(right=2000)
    ax.legend(loc="upper left", frameon=False, fontsize=9)

    rest, hand, seconds = versions[0]["mean_hz"]["none"], chip["runs"]["by hand"], chip["seconds"]
    some = {k: f"{v / seconds:,.0f}" for k, v in hand["counts"].items()}
    lines = [
        f"{v['name']} {v['index']['mean']:+.2f} ± {v['index']['half']:.2f} "
        f"({v['backward']['mean']:+.2f} less {v['forward']['mean']:+.2f}; as far from 0: "
        f"{v['beyond']} of {len(v['shuffled'])} shuffles)".replace("\n", " ")
        for v in versions
    ]
    found = ";\n".join("; ".join(lines[i : i + 2]) for i in range(0, len(lines), 2))
    note(
        fig,
        f"{numbers['neurons']} neurons; background alone {numbers['alone_hz']:.1f} Hz, connected and untouched "
        f"{rest:.1f} Hz (aims: 5 and 10). Bars: 95 % over {numbers['seeds']} stimuli of "
        f"{numbers['steps'] / 1000:g} s at each end; a shuffle has one.\nD: {found}.\n"
        f"By hand, per second: {some['fired']} spikes, {some['packets']} packets "
        f"({100 * chip['background_share']:.0f} % background and stimulus), {some['hops']} hops, "
        f"{some['synaptic_events']} synaptic events. Kept on all second, "
        f"the chip's static power ({1000 * theirs['static_watts']:.0f} mW, an estimate) would be the bill.",
    )
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
