"""Where should the neurons of a network stand on a chip: by hand, by capacity, or by traffic?

Two networks on the chip `loihi-sanafe` (8 × 4 tiles of 4 cores), 100 steps with a barrier after each, on the exact
mesh: the DVS-gesture network that SANA-FE ships, on the cores that are usual there (1, 4, 16, 16, 4, 1), and a random
*clustered* network: 16 populations of 1,600 neurons in 4 clusters, whose numbers say nothing about the cluster. A
neuron reaches 4 others in each population of its cluster and 2 in one population outside, with weights too small to
matter, so that a mapping changes no spike. By hand it has 8 cores for each population.

*By hand*: the populations one after another. *Scattered*: the same blocks of neurons on cores drawn at random, five
draws. *By capacity*: each core filled to its 1,024 neurons. *By traffic*: whole cores of a mapping change places until
no exchange of two saves a hop (:func:`hdspike.chip.by_traffic`), for the packets of a profiling run of 50 steps,
which are the beginning of the run that is shown.

Caveats. By traffic only moves cores; it does not move neurons from core to core, and it minimises the sum of packets ×
hops, not the busiest link and not the time. Times hold the barrier, which grows with the number of tiles in use. The
network's own constants decide what a hop is worth: here a hop costs 3 or 4.2 pJ beside 111 pJ for the packet, so a good
mapping can save little energy. Where DVS-gesture has not been fetched, only the clustered network is shown.
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from hdspike import datasets, substrate, workloads
from hdspike.chip import Architecture, ChipActivity, Placement, by_capacity, by_hand, by_traffic
from hdspike.chip import simulate as on_chip
from hdspike.energy import by_unit
from hdspike.network import Network, Population
from hdspike.network.builders import random as random_synapses
from hdspike.network.neurons.integrate_and_fire import IntegrateAndFire
from hdspike.plot.mesh import link_map
from hdspike.plot.style import COLOURS, figure, note

POPULATIONS, CLUSTERS, EACH = 16, 4, 1600
PROFILE = 50  # steps
METRICS = ("packets", "hops", "busiest_link", "step_us", "network_j", "total_j")
METRIC_NAMES = (
    "packets", "packets\n× hops", "busiest\nlink", "time of\na step", "network\nenergy", "energy\nin all",
)  # fmt: skip
MAPPINGS = {
    "scattered": ("scattered (5 draws)", "grey"),
    "hand": ("by hand", "black"),
    "hand_traffic": ("by hand, then by traffic", "vermilion"),
    "capacity": ("by capacity", "sky"),
    "capacity_traffic": ("by capacity, then by traffic", "blue"),
}
GROUP_COLOURS = ("yellow", "sky", "green", "orange", "purple", "blue")


def clustered(rng: np.random.Generator, each: int) -> tuple[Network, list[int]]:
    """The random network, and the cluster of each of its populations."""
    cluster = rng.permutation(np.arange(POPULATIONS) % CLUSTERS)
    populations = [
        Population(
            f"p{i}",
            each,
            IntegrateAndFire(threshold=1.0, reset="subtract", bias=rng.uniform(0.01, 0.05, each)),
        )
        for i in range(POPULATIONS)
    ]
    projections = []
    for i, source in enumerate(populations):
        for j in np.flatnonzero(cluster == cluster[i]):
            projections.append(
                random_synapses(source, populations[j], out_degree=4, weights=np.float32(1e-6), rng=rng)
            )
        other = populations[rng.choice(np.flatnonzero(cluster != cluster[i]))]
        projections.append(random_synapses(source, other, out_degree=2, weights=np.float32(1e-6), rng=rng))
    return Network(populations, projections), cluster.tolist()


def scattered(placed: Placement, cores: int, rng: np.random.Generator) -> Placement:
    """The same blocks on cores drawn at random."""
    return Placement(rng.permutation(cores)[placed.core].astype(np.int32), placed.rank, placed.soma)


def measured(run: ChipActivity) -> dict[str, float]:
    """What is compared."""
    joules = by_unit(run)
    return {
        "packets": run.counts["packets"],
        "hops": run.counts["hops"],
        "busiest_link": float(run.hops.max() / run.activity.steps),
        "step_us": run.simulated_ps / run.activity.steps / 1e6,
        "network_j": joules["network"],
        "total_j": joules["total"],
        "cores": len(run.placement.cores_used),
        "tiles": len(np.unique(run.architecture.tile_of_core[run.placement.cores_used])),
        "fired": run.counts["fired"],
    }


def study(
    network: Network, groups: list[int], cores: Any, chip: Architecture, steps: int, seed: int
) -> dict[str, Any]:
    """A network under every mapping."""
    hand, full = by_hand(network, chip, cores), by_capacity(network, chip)
    profile = on_chip(network, chip, min(PROFILE, steps), placement=hand, max_spikes=0).fired
    placed = {
        "hand": hand,
        "hand_traffic": by_traffic(network, chip, hand, fired=profile),
        "capacity": full,
        "capacity_traffic": by_traffic(network, chip, full, fired=profile),
    }
    runs = {name: on_chip(network, chip, steps, placement=one, noc="exact") for name, one in placed.items()}
    found: dict[str, Any] = {name: measured(run) for name, run in runs.items()}
    draws = [
        measured(on_chip(network, chip, steps, placement=scattered(hand, chip.cores, rng), noc="exact"))
        for rng in map(np.random.default_rng, np.random.SeedSequence([seed, 12]).spawn(5))
    ]
    found["scattered"] = {
        metric: {
            "mean": float(np.mean([d[metric] for d in draws])),
            "low": min(d[metric] for d in draws),
            "high": max(d[metric] for d in draws),
        }
        for metric in METRICS
    }
    spikes = {(one["fired"]) for one in found.values() if "fired" in one} | {d["fired"] for d in draws}
    group = np.repeat(groups, np.diff(network.offsets))
    maps = {}
    for name in ("hand", "hand_traffic"):
        of_core = np.full(chip.cores, -1)
        of_core[placed[name].core] = group
        maps[name] = {"group_of_core": of_core, "hops_per_step": runs[name].hops / steps}
    return {
        "neurons": network.neurons,
        "synapses": network.synapses,
        "steps": steps,
        "same_spikes": len(spikes) == 1,
        "mappings": found,
        "maps": maps,
    }


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Both networks, where both are there."""
    chip = Architecture.from_substrate(substrate.load("loihi-sanafe"))
    steps = 40 if quick else 100
    networks = []
    missing = None
    try:
        job = workloads.build("dvs-gesture")
        names = [p.name for p in job.network.populations]
        networks.append(
            {
                "name": "DVS-gesture",
                "groups": names,
                **study(job.network, list(range(len(names))), job.cores, chip, steps, seed),
            }
        )
    except datasets.Absent as error:
        missing = str(error)
    each = EACH // 8 if quick else EACH
    network, cluster = clustered(np.random.default_rng([seed, 12]), each)
    networks.append(
        {
            "name": "clustered",
            "groups": [f"cluster {c + 1}" for c in range(CLUSTERS)],
            **study(network, cluster, [chip.cores // POPULATIONS] * POPULATIONS, chip, steps, seed),
        }
    )
    return {
        "chip": {
            "name": chip.name,
            "tile_of_core": chip.tile_of_core,
            "tile_x": chip.tile_x,
            "tile_y": chip.tile_y,
        },
        "missing": missing,
        "networks": networks,
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """A row for each network: what the mappings cost, and the mesh before and after."""
    networks, chip = numbers["networks"], numbers["chip"]
    fig, axes = figure(
        len(networks), 3, size=(17, 4.7 * len(networks) + 0.3), squeeze=False,
        gridspec_kw={"width_ratios": [1.1, 1, 1]},
    )  # fmt: skip
    for (bars, *maps), one in zip(axes, networks, strict=True):
        hand = one["mappings"]["hand"]
        place = np.arange(len(METRICS))
        for i, (name, (label, colour)) in enumerate(MAPPINGS.items()):
            found = one["mappings"][name]
            at = place + (i - 2) * 0.165
            ratio = {
                m: {
                    k: v / hand[m]
                    for k, v in (found[m].items() if name == "scattered" else [("mean", found[m])])
                }
                for m in METRICS
            }
            height = np.array([ratio[m]["mean"] for m in METRICS])
            bars.bar(at, height, 0.15, color=COLOURS[colour], label=label)
            if name == "scattered":
                reach = [
                    [ratio[m]["mean"] - ratio[m]["low"] for m in METRICS],
                    [ratio[m]["high"] - ratio[m]["mean"] for m in METRICS],
                ]
                bars.errorbar(
                    at, height, yerr=reach, fmt="none", color=COLOURS["black"], capsize=2, linewidth=1
                )
            if name != "hand":
                for x, h, m in zip(at, height, METRICS, strict=True):
                    if abs(h - 1) < 0.005:
                        continue
                    top = ratio[m].get("high", h)
                    bars.annotate(
                        f"{h:.2f}", (x, top), xytext=(0, 3), textcoords="offset points", ha="center", rotation=90,
                        fontsize=8, color=COLOURS[colour],
                        bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6},
                    )  # fmt: skip
        bars.axhline(1, color=COLOURS["grey"], linewidth=0.8)
        bars.set_xticks(place, METRIC_NAMES, fontsize=9.5)
        highest = max(one["mappings"]["scattered"][m]["high"] / hand[m] for m in METRICS)
        highest = max(
            highest, *(one["mappings"][n][m] / hand[m] for n in MAPPINGS if n != "scattered" for m in METRICS)
        )
        title = f"{one['name']}: {one['neurons']:,} neurons, {one['synapses'] / 1e6:.2f} million synapses"
        bars.set(title=title, ylabel="÷ by hand", ylim=(0, 1.55 * highest), xlabel="")
        bars.legend(loc="upper left", frameon=False, fontsize=9, ncols=2)
        bars.grid(axis="x", visible=False)
        colours = [COLOURS[c] for c in GROUP_COLOURS]
        most = max(float(np.max(m["hops_per_step"])) for m in one["maps"].values())
        for ax, (name, chart) in zip(maps, one["maps"].items(), strict=True):
            found = one["mappings"][name]
            link_map(
                ax, chart["group_of_core"], chip["tile_of_core"], chip["tile_x"], chip["tile_y"],
                chart["hops_per_step"], colours=colours, most=most, label="packets over a link in a step",
            )  # fmt: skip
            ax.set_title(
                f"{MAPPINGS[name][0]}: {found['hops'] / found['packets']:.2f} hops a packet,\nbusiest link "
                f"{found['busiest_link']:.0f} packets a step, a step {found['step_us']:.1f} µs"
            )
            ax.legend(
                handles=[Patch(facecolor=c, edgecolor=COLOURS["grey"], label=g)
                         for c, g in zip(colours, one["groups"], strict=False)],
                loc="upper center", bbox_to_anchor=(0.5, 0.045), ncols=len(one["groups"]), frameon=False, fontsize=8.5,
                handlelength=1, columnspacing=0.9,
            )  # fmt: skip
    cores = "; ".join(
        f"{one['name']}: {one['mappings']['hand']['cores']} cores by hand, "
        f"{one['mappings']['capacity']['cores']} by capacity"
        for one in networks
    )
    note(
        fig,
        f"{chip['name']}, exact mesh, {networks[0]['steps']} steps. {cores}. A colour on the map is a "
        "layer or a cluster, white an empty core; both maps of a row have one scale. Bars of the scattered: range."
        + (f"\nDVS-gesture is not shown: {numbers['missing']}" if numbers["missing"] else ""),
    )
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
