"""At a full FIFO, wait or throw away: what does either cost in time, in lost synaptic events, and in the answer?

Under **stall** a packet waits for a free place, and so does all behind it. Under **drop** it is thrown away, and its
synaptic events never happen. Three things are shown.

*The law.* Poisson packets for one busy core, thrown away at a full FIFO: the share lost is that of an M/D/1/K queue
with K = FIFO + 1 places (:func:`hdspike.theory.md1k_loss`, exact). Uniform traffic on an 8 × 8 mesh: what arrives under
either policy, beside the bisection bound.

*A network for gestures* (the DVS-gesture network that SANA-FE ships, 100 steps, on the cores that are usual there,
chip `loihi-sanafe`): dropped packets, synaptic events that did not happen, time of a step, and how far the spikes are
from those of the run without drops: 1 − |A ∩ B| ÷ |A ∪ B| over the spikes (step, neuron) of a layer. Three inputs: the
one of the package and two shifted copies of it; bars are their range. A barrier ends each step and all cores begin
at once, so a step is a burst: a queue forms before each busy core however low the mean load is.

*A classifier* whose answer can be right or wrong: the 8 × 8 digits of scikit-learn, 64 inputs → 192 random rectified
features → 10 outputs (ridge regression on 1,200 images), as a rate-coded network of integrate-and-fire neurons, 24
steps, its hidden layer on one core or on four; accuracy on images that were not used, 95 % Wilson intervals.

Caveats. No network here was trained to bear losses. On a chip with barriers a drop is also a systematic loss: the
cores visit their neurons in order, so it is always the last neurons of a burst that are not heard. Stalls change no
spike on such a chip, only the time; without barriers they may. Where the DVS network has not been fetched, the digits
stand in for it, and the figure says so.
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

from hdspike import datasets, substrate, theory, workloads
from hdspike.chip import Architecture, by_hand, traffic
from hdspike.chip import simulate as on_chip
from hdspike.chip.grid import Grid
from hdspike.network import Network, Population
from hdspike.network.builders import dense
from hdspike.network.neurons.integrate_and_fire import IntegrateAndFire
from hdspike.network.neurons.loihi import LoihiSoma
from hdspike.plot.style import COLOURS, figure, note

UNIT = 1000  # ps: the service time of the law, the hop of the mesh
LAW_DEPTHS = (1, 4, 16)
LOADS = (0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5)
SHARES = (0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5)
SIDE = 8
DEPTHS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024)
ENDLESS = 2**20
SHIFTS = ((0, 0), (0, 1), (2, 2))  # of the input's rows and columns; all three excite the output
TRAIN, HIDDEN, DIGIT_STEPS = 1200, 192, 24
DIGIT_DEPTHS = (1, 2, 4, 8, 16, 32)
LAYOUTS = {"hidden layer on 1 core": (1, 1, 1), "hidden layer on 4 cores": (1, 4, 1)}
DEPTH_LOOKS = {1: ("vermilion", "^"), 4: ("orange", "s"), 16: ("blue", "o")}


def law(depth: int, load: float, packets: int, rng: np.random.Generator) -> float:
    """The share of Poisson packets that a core with a FIFO of ``depth`` loses."""
    grid = Grid(
        columns=1, rows=1, tile_of_core=np.zeros(2, dtype=np.int64), hop_ps=[UNIT] * 4, fifo_depth=depth
    )
    times = np.cumsum(rng.exponential(UNIT / load, packets)).astype(np.int64)
    zeros = np.zeros(packets, dtype=np.int64)
    return traffic(grid, times, zeros, zeros + 1, service_ps=UNIT, policy="drop").counts["dropped"] / packets


def crowd(
    depth: int, share: float, policy: str, packets: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Uniform traffic on a mesh: packets that arrive per hop time in the second half of the run, and their hops."""
    grid = Grid(
        columns=SIDE, rows=SIDE, tile_of_core=np.arange(SIDE * SIDE), hop_ps=[UNIT] * 4, fifo_depth=depth
    )  # fmt: skip
    rate = share * theory.bisection_bound(SIDE, SIDE)
    times = np.cumsum(rng.exponential(UNIT / rate, packets)).astype(np.int64)
    sources, targets = rng.integers(grid.cores, size=(2, packets))
    done = traffic(grid, times, sources, targets, service_ps=0, policy=policy)
    finished = np.where(done.delivered, times + done.latency_ps, -1)
    begin, end = int(times[-1]) // 2, int(times[-1])
    seen = (finished >= begin) & (finished < end)
    hops = np.abs(sources // SIDE - targets // SIDE) + np.abs(sources % SIDE - targets % SIDE)
    return np.count_nonzero(seen) * UNIT / (end - begin), float(hops[seen].mean())


def spread(values: list[float]) -> dict[str, float]:
    """Mean and range."""
    return {"mean": float(np.mean(values)), "low": float(min(values)), "high": float(max(values))}


class Digits:
    """The classifier: random rectified features, ridge regression, and the same as spiking networks."""

    def __init__(self, seed: int) -> None:
        pixels, labels = load_digits(return_X_y=True)
        self.pixels, self.labels = pixels / 16, labels
        rng = np.random.default_rng([seed, 13])
        self.first = rng.normal(size=(64, HIDDEN)) / 4
        self.bias = rng.normal(size=HIDDEN) / 4
        features = self.features(self.pixels[:TRAIN])
        goal = np.eye(10)[labels[:TRAIN]]
        self.second = np.linalg.solve(features.T @ features + np.eye(HIDDEN), features.T @ goal)
        self.scale = float(np.percentile(features, 99.5))
        self.top = float(np.percentile(features @ self.second, 99.5))

    def features(self, pixels: Any) -> Any:
        """The rectified hidden layer."""
        return np.maximum(pixels @ self.first + self.bias, 0)

    def rate_accuracy(self) -> float:
        """What the features and the regression know without spikes."""
        said = (self.features(self.pixels[TRAIN:]) @ self.second).argmax(axis=1)
        return float(np.mean(said == self.labels[TRAIN:]))

    def network(self, image: int) -> Network:
        """One image as a constant current; a neuron fires in proportion to what it gets."""
        model = [
            IntegrateAndFire(threshold=1.0, reset="subtract", bias=self.pixels[image]),
            IntegrateAndFire(threshold=self.scale, reset="subtract", bias=self.bias),
            IntegrateAndFire(threshold=self.top, reset="subtract"),
        ]
        layers = [
            Population(name, size, one)
            for name, size, one in zip(("input", "hidden", "output"), (64, HIDDEN, 10), model, strict=True)
        ]
        weights = (self.first.astype(np.float32), (self.second * self.scale).astype(np.float32))
        return Network(layers, [dense(a, b, w) for a, b, w in zip(layers, layers[1:], weights, strict=False)])

    def right(
        self, image: int, cores: tuple[int, ...], chip: Architecture, **options: Any
    ) -> tuple[bool, Any]:
        """Whether the output neuron that got most is that of the class; and the run."""
        network = self.network(image)
        first = int(network.offsets[2])
        run = on_chip(
            network, chip, DIGIT_STEPS, placement=by_hand(network, chip, cores), noc="exact",
            watch=range(first, first + 10), **options,
        )  # fmt: skip
        fired = np.bincount(run.activity.spike_neurons, minlength=network.neurons)[first:]
        got = fired * self.top + run.activity.potentials[-1]
        return bool(got.argmax() == self.labels[image]), run


def gestures(shifts: Any) -> list[Network]:
    """The DVS-gesture network with its input, shifted."""
    plain = workloads.build("dvs-gesture").network
    first = plain.populations[0]
    model = first.model
    assert isinstance(model, LoihiSoma)
    out = []
    for shift in shifts:
        bias = np.roll(model["bias"].reshape(first.shape), shift, axis=(-2, -1)).ravel()
        moved = Population(
            first.name, first.size, LoihiSoma(threshold=model["threshold"], bias=bias), first.shape
        )
        out.append(Network([moved, *plain.populations[1:]], plain.projections))
    return out


def study(networks: list[Network], cores: Any, chip: Architecture, steps: int, depths: Any) -> dict[str, Any]:
    """Both policies at each depth, each network: time, losses, and distances to the run without drops."""
    layers = [p.name for p in networks[0].populations]
    free, alike, points = [], True, []
    spikes, events = [], []
    for network in networks:
        run = on_chip(
            network, chip, steps, placement=by_hand(network, chip, cores), noc="exact", fifo_depth=ENDLESS
        )
        free.append(run.simulated_ps)
        spikes.append(keys(run))
        events.append(run.counts["synaptic_events"])
    for depth in depths:
        found: dict[str, list[Any]] = {n: [] for n in ("stall", "drop", "dropped", "events_lost", "distance")}
        for i, network in enumerate(networks):
            options = {"placement": by_hand(network, chip, cores), "noc": "exact", "fifo_depth": depth}
            stall = on_chip(network, chip, steps, policy="stall", **options)
            drop = on_chip(network, chip, steps, policy="drop", **options)
            alike &= bool(np.array_equal(keys(stall), spikes[i]))
            found["stall"].append(stall.simulated_ps / free[i])
            found["drop"].append(drop.simulated_ps / free[i])
            found["dropped"].append(drop.counts["dropped"] / drop.counts["packets"])
            found["events_lost"].append(1 - drop.counts["synaptic_events"] / events[i])
            found["distance"].append(distances(network, spikes[i], keys(drop)))
        points.append(
            {
                "depth": depth,
                **{name: spread(values) for name, values in found.items() if name != "distance"},
                "distance": {
                    layer: spread([one[j] for one in found["distance"]]) for j, layer in enumerate(layers)
                },
            }
        )
    return {
        "layers": layers,
        "steps": steps,
        "inputs": len(networks),
        "cores": list(cores),
        "endless_us": spread([ps / steps / 1e6 for ps in free]),
        "stall_changes_no_spike": alike,
        "points": points,
    }


def keys(run: Any) -> Any:
    """Each spike as one number: neuron · 2³² + step."""
    return np.sort(run.activity.spike_neurons.astype(np.int64) * 2**32 + run.activity.spike_steps)


def distances(network: Network, one: Any, other: Any) -> list[float]:
    """For each population, the share of spikes that only one of two runs has."""
    out = []
    for low, high in zip(network.offsets[:-1], network.offsets[1:], strict=True):
        a, b = (k[np.searchsorted(k, low << 32) : np.searchsorted(k, high << 32)] for k in (one, other))
        both = len(np.intersect1d(a, b, assume_unique=True))
        union = len(a) + len(b) - both
        out.append(1 - both / union if union else 0.0)
    return out


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """The law, the mesh, the network for gestures and the classifier."""
    packets, runs, images = (4_000, 2, 8) if quick else (30_000, 4, 100)
    fresh = np.random.SeedSequence([seed, 13]).spawn
    laws = [
        {
            "depth": depth,
            "loads": LOADS,
            "lost": [
                spread([law(depth, x, packets, np.random.default_rng(s)) for s in fresh(runs)]) for x in LOADS
            ],
            "theory_loads": (fine := np.linspace(0.02, 1.5, 100)),
            "theory": [theory.md1k_loss(x, depth + 1) for x in fine],
        }
        for depth in LAW_DEPTHS
    ]
    bound = theory.bisection_bound(SIDE, SIDE)
    crowds = []
    for depth in (1, 4):
        for policy in ("stall", "drop"):
            found = [
                [crowd(depth, x, policy, packets, np.random.default_rng(s)) for s in fresh(runs)]
                for x in SHARES
            ]
            crowds.append(
                {
                    "depth": depth,
                    "policy": policy,
                    "shares": SHARES,
                    "arrived": [spread([load / bound for load, _ in some]) for some in found],
                    "hops": [spread([hops for _, hops in some]) for some in found],
                }
            )

    chip = Architecture.from_substrate(substrate.load("loihi-sanafe"))
    digits = Digits(seed)
    test = TRAIN + np.random.default_rng([seed, 14]).permutation(len(digits.labels) - TRAIN)[:images]
    layouts = []
    for name, cores in LAYOUTS.items():
        entry: dict[str, Any] = {"name": name, "cores": cores, "points": []}
        base = [digits.right(i, cores, chip, fifo_depth=ENDLESS)[0] for i in test]
        entry["without_drops"] = theory.runs([np.array(base)])
        for depth in DIGIT_DEPTHS[::3] if quick else DIGIT_DEPTHS:
            said = [digits.right(i, cores, chip, policy="drop", fifo_depth=depth) for i in test]
            entry["points"].append(
                {
                    "depth": depth,
                    **theory.runs([np.array([right for right, _ in said])]),
                    "dropped": sum(r.counts["dropped"] for _, r in said)
                    / sum(r.counts["packets"] for _, r in said),
                }
            )
        layouts.append(entry)

    depths = (1, 16, 256) if quick else DEPTHS
    try:
        networks = gestures(SHIFTS[:1] if quick else SHIFTS)
        subject = {
            "name": "DVS-gesture",
            **study(networks, (1, 4, 16, 16, 4, 1), chip, 30 if quick else 100, depths),
        }
    except datasets.Absent:
        some = [digits.network(int(i)) for i in test[:3]]
        subject = {
            "name": "stand-in: digits (DVS-gesture is not fetched)",
            **study(some, LAYOUTS["hidden layer on 4 cores"], chip, DIGIT_STEPS, depths),
        }
    return {
        "law": laws,
        "mesh": {"side": SIDE, "bound": bound, "mean_hops": theory.mean_hops(SIDE, SIDE), "series": crowds},
        "packets_per_run": packets,
        "runs": runs,
        "network": subject,
        "digits": {
            "images": images,
            "steps": DIGIT_STEPS,
            "rate_accuracy": digits.rate_accuracy(),
            "layouts": layouts,
        },
    }


def points(ax: Any, x: Any, found: list[dict[str, float]], colour: str, marker: str, **style: Any) -> None:
    """Means with their ranges (or intervals)."""
    centre = np.array([f.get("mean", f.get("accuracy")) for f in found], dtype=float)
    reach = np.abs([[f["low"], f["high"]] - c for f, c in zip(found, centre, strict=True)]).T
    options = {"linewidth": 1.2, "markersize": 4.5, "capsize": 2, **style}
    ax.errorbar(x, centre, yerr=reach, color=COLOURS[colour], marker=marker, **options)


def draw(numbers: dict[str, Any]) -> Figure:
    """Six panels: the law, the mesh, losses; time, distances, accuracy."""
    fig, axes = figure(2, 3, size=(15.5, 9.2))

    ax = axes[0, 0]
    for entry in numbers["law"]:
        colour, marker = DEPTH_LOOKS[entry["depth"]]
        ax.plot(entry["theory_loads"], entry["theory"], color=COLOURS["grey"], linewidth=1.2)
        points(
            ax,
            entry["loads"],
            entry["lost"],
            colour,
            marker,
            linestyle="none",
            label=f"FIFO of {entry['depth']}",
        )
    ax.plot([], [], color=COLOURS["grey"], label="theory: M/D/1/K, K = FIFO + 1 (exact)")
    ax.set(title="Drops before one core", xlabel="offered load (packets per service time)", yscale="log")
    ax.set(ylabel="share of packets dropped", ylim=(1e-4, 20))
    ax.legend(loc="upper left", frameon=False, fontsize=9)

    ax = axes[0, 1]
    ax.plot([0, 1, 1.5], [0, 1, 1], color=COLOURS["grey"], label="theory: bisection bound")
    for entry in numbers["mesh"]["series"]:
        colour, marker = DEPTH_LOOKS[entry["depth"]]
        stall = entry["policy"] == "stall"
        points(
            ax, entry["shares"], entry["arrived"], colour, marker, linestyle="-" if stall else "--",
            markerfacecolor=COLOURS[colour] if stall else "white", label=f"{entry['policy']}, FIFO of {entry['depth']}",
        )  # fmt: skip
    side = numbers["mesh"]["side"]
    ax.set(title=f"Uniform traffic on {side} × {side} tiles", xlabel="offered load ÷ bisection bound")
    ax.set(ylabel="arrived load ÷ bisection bound", ylim=(0, 1.3))
    ax.legend(loc="upper left", frameon=False, fontsize=9, ncols=2)

    network = numbers["network"]
    depth = [p["depth"] for p in network["points"]]
    for ax in (axes[0, 2], axes[1, 0], axes[1, 1], axes[1, 2]):
        ax.set_xscale("log", base=2)
        ax.set_xlabel("FIFO depth (packets)")
        ax.xaxis.set_major_formatter(lambda x, _: f"{x:g}")

    ax = axes[0, 2]
    points(ax, depth, [p["dropped"] for p in network["points"]], "vermilion", "^", label="packets dropped")
    points(
        ax, depth, [p["events_lost"] for p in network["points"]], "purple", "s",
        label="synaptic events that did not happen",
    )  # fmt: skip
    ax.axhline(0, color=COLOURS["blue"], label="stall: nothing")
    ax.set(title=f"{network['name']}: losses under drop", ylabel="share", ylim=(-0.03, 1))
    ax.legend(loc="upper right", frameon=False, fontsize=9)

    ax = axes[1, 0]
    points(ax, depth, [p["stall"] for p in network["points"]], "blue", "o", label="stall")
    points(
        ax,
        depth,
        [p["drop"] for p in network["points"]],
        "vermilion",
        "^",
        label="drop (work that was not done)",
    )
    ax.axhline(1, color=COLOURS["grey"], linestyle=":", label="FIFOs without end")
    for p in network["points"]:
        if p["depth"] in (1, 4, 16):
            ax.annotate(
                f"+{100 * (p['stall']['mean'] - 1):.1f} %", (p["depth"], p["stall"]["mean"]), xytext=(5, 6), fontsize=9,
                textcoords="offset points", color=COLOURS["blue"],
            )  # fmt: skip
    top = max(p["stall"]["high"] for p in network["points"])
    ax.set(
        title=f"{network['name']}: time",
        ylabel="simulated time ÷ that without full FIFOs",
        ylim=(0, 1.25 * top),
    )
    ax.legend(loc="lower right", frameon=False, fontsize=9)

    ax = axes[1, 1]
    looks = zip(
        network["layers"][1:],
        ("sky", "green", "orange", "purple", "black"),
        ("o", "s", "^", "D", "v"),
        strict=False,
    )
    for layer, colour, marker in looks:
        points(
            ax,
            depth,
            [p["distance"][layer] for p in network["points"]],
            colour,
            marker,
            label=f"drop: {layer}",
        )
    ax.axhline(0, color=COLOURS["blue"], label="stall: every layer")
    ax.set(
        title=f"{network['name']}: spikes", ylabel="distance to the spikes without drops", ylim=(-0.03, 1.35)
    )
    ax.legend(loc="upper right", frameon=False, fontsize=9, ncols=2)

    ax = axes[1, 2]
    digits = numbers["digits"]
    for entry, colour, marker in zip(digits["layouts"], ("vermilion", "orange"), ("^", "s"), strict=True):
        points(
            ax,
            [p["depth"] for p in entry["points"]],
            entry["points"],
            colour,
            marker,
            label=f"drop, {entry['name']}",
        )
        for p in entry["points"]:
            low = entry is digits["layouts"][0]
            ax.annotate(
                f"{100 * p['dropped']:.0f} %", (p["depth"], p["accuracy"]), xytext=(7, -12) if low else (-24, 7),
                fontsize=8.5, textcoords="offset points", color=COLOURS[colour],
            )  # fmt: skip
    whole = digits["layouts"][0]["without_drops"]
    ax.axhspan(whole["low"], whole["high"], color=COLOURS["blue"], alpha=0.12, linewidth=0)
    ax.axhline(whole["accuracy"], color=COLOURS["blue"], label="stall, both")
    ax.axhline(0.1, color=COLOURS["grey"], linestyle=":", label="chance")
    ax.set(
        title="Digits: the answer (and packets dropped, %)",
        ylabel="accuracy",
        ylim=(0, 1.12),
        xlim=(0.65, 44),
    )
    ax.legend(loc="lower right", bbox_to_anchor=(1.02, 0.1), frameon=False, fontsize=8.5, handlelength=1.3)
    crowded = numbers["mesh"]["series"][-1]
    shares, depth_drawn, hops = crowded["shares"][-1], crowded["depth"], crowded["hops"][-1]["mean"]
    note(
        fig,
        f"Law and mesh: {numbers['runs']} runs of {numbers['packets_per_run']:,} packets a point, bars their range; "
        f"at {shares:g} × the bound, what arrives under drop with FIFOs of {depth_drawn} went {hops:.1f} hops, of "
        f"{numbers['mesh']['mean_hops']:g} that were wanted. {network['name']}: {network['steps']} steps on\n"
        f"{sum(network['cores'])} cores, {network['inputs']} inputs, bars their range; all FIFOs are of one depth. "
        f"Digits: {digits['images']} test images, {digits['steps']} steps, 95 % Wilson intervals; features and "
        f"regression alone: {100 * digits['rate_accuracy']:.1f} % of all test images.",
    )
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
