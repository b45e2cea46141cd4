"""Barriers or no clock at all: what does each cost in latency, energy and time, and does it change the answer?

One network on the chip `loihi-sanafe`, run both ways: the 8 × 8 digits of scikit-learn, 64 inputs → 96 random rectified
features → 10 outputs (ridge regression on 1,200 images, weights rounded to integers), integrate-and-fire neurons that
lose their threshold at a spike, on 1 + 4 + 1 cores of six tiles. An inference is a Poisson train of 200 input spikes,
pixels in proportion to their brightness. The *same* trains are played at rising rates: only the speed changes.

*Barrier.* The input is collected in periods of T, twice the time of an idle step; a step begins when its period is
over and the step before it is done (hop-accurate mesh, barrier included), so a busy chip falls behind and its periods
queue. An output counts at the end of its step. *Asynchronous* (`hdspike.chip.asynchronous`): each event when it
happens. The yardstick is the asynchronous chip at so low a rate that no input spike waits for another; by this choice
it agrees with itself at low rates. That a barrier's answer does not depend on the mesh is shown on ten images.

Theory, drawn as lines. Latency: barrier (depth + 3/2)·T if no step overruns (depth 2, half a period until the
collection closes); asynchronous, without waiting: Σ of sending, hops and service over both layers, for a mean packet
(too low: neurons that fire together wait for each other at any rate).
Energy of the somas: a barrier visits all N neurons in each step, spike or not; without a clock every synaptic event
is a visit and an update of its own. Time: the input's, or, at high rate, the work of the busiest core.

Caveats. Energies are counts × published constants; no static power, whose share grows with the time an inference
takes. A real asynchronous core might batch updates, or visit less than a Loihi core does: this one is charged as a
Loihi core per event. A clock need not be as fast as it can: a slower one saves visits and waits longer. No network
here was trained for spikes, and the digits are small. Latency is the median over the inferences of: first output
spike, less the input spike that caused it at the yardstick.
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

from hdspike import substrate, theory
from hdspike.chip import Architecture, Placement, asynchronous, by_hand
from hdspike.chip import simulate as on_chip
from hdspike.chip.fanout import fanout
from hdspike.energy import by_unit
from hdspike.network import Network, Population
from hdspike.network.builders import dense
from hdspike.network.neurons.integrate_and_fire import IntegrateAndFire
from hdspike.network.neurons.recorded import Recorded
from hdspike.plot.style import COLOURS, figure, note
from hdspike.spikes import EVENT

TRAIN, HIDDEN, SPIKES, DEPTH = 1200, 96, 200, 2
RATES = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # input spikes per µs
NEAR = {"input": [0], "hidden": [4, 16, 20, 32], "output": [36]}
FAR = {"input": [0], "hidden": [60, 96, 112, 124], "output": [12]}
CHIPS: dict[str, tuple[dict[str, list[int]], dict[str, int]]] = {
    "near": (NEAR, {}), "far": (FAR, {}), "one-packet FIFOs": (NEAR, {"fifo_depth": 1}),
}  # fmt: skip
ASYNC, BARRIER = COLOURS["vermilion"], COLOURS["blue"]


class Digits:
    """The classifier in integers, and its input trains."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 17])
        pixels, self.labels = load_digits(return_X_y=True)
        self.pixels = pixels / 16
        share = self.pixels / self.pixels.sum(axis=1, keepdims=True)
        first = np.rint(6 * rng.normal(size=(64, HIDDEN)))
        hidden = np.maximum(share @ first, 0)
        goal = np.eye(10)[self.labels[:TRAIN]]
        some = hidden[:TRAIN]
        second = np.linalg.solve(some.T @ some + 0.1 * np.eye(HIDDEN), some.T @ goal)
        self.rate_accuracy = float(np.mean((hidden[TRAIN:] @ second).argmax(axis=1) == self.labels[TRAIN:]))
        self.first = first.astype(np.int64)
        self.second = np.rint(second * 60 / np.abs(second).max()).astype(np.int64)
        self.threshold = (int(first.max()), 60)

    def train(self, image: int, rng: np.random.Generator) -> tuple[Any, Any]:
        """Times in units of the mean gap, and pixels: Poisson."""
        share = self.pixels[image] / self.pixels[image].sum()
        return np.cumsum(rng.exponential(size=SPIKES)), rng.choice(64, size=SPIKES, p=share)

    def network(self, events: Any) -> Network:
        """The network with this input."""
        layers = [
            Population("input", 64, Recorded(events)),
            Population(
                "hidden", HIDDEN, IntegrateAndFire(threshold=float(self.threshold[0]), reset="subtract")
            ),
            Population("output", 10, IntegrateAndFire(threshold=float(self.threshold[1]), reset="subtract")),
        ]
        return Network(
            layers, [dense(layers[0], layers[1], self.first), dense(layers[1], layers[2], self.second)]
        )


def events_of(times: Any, pixels: Any) -> Any:
    """As events."""
    out = np.empty(len(times), dtype=EVENT)
    out["time"], out["address"] = np.asarray(times, dtype=np.int64), pixels
    return out


def answer(spikes: Any) -> int:
    """The output that fired most, of equals the one that did so earliest; −1 for silence."""
    if not len(spikes):
        return -1
    counts = np.bincount(spikes["address"], minlength=10)
    best = np.flatnonzero(counts == counts.max())
    reached = [spikes["time"][spikes["address"] == b][-1] for b in best]
    return int(best[int(np.argmin(reached))])


def free(
    network: Network, chip: Architecture, hands: Any, *, duration: int = 10**13, **options: Any
) -> dict[str, Any]:
    """One inference without a clock."""
    placed = by_hand(network, chip, hands)
    run = asynchronous.simulate(network, chip, duration, placement=placed, **options)
    out = run.spikes("output")
    return {
        "answer": answer(out), "first": int(out["time"][0]) if len(out) else None, "order": out["address"].tolist(),
        "joules": by_unit(run)["total"], "soma": by_unit(run)["soma"], "end": int(run.spike_times.max(initial=0)),
        "busy": int(run.per_core["busy_ps"].max()), "events": run.counts["synaptic_events"],
    }  # fmt: skip


def clocked(digits: Digits, train: Any, period: int, chip: Architecture, hands: Any) -> dict[str, Any]:
    """One inference with barriers: the input of a period is handed on in the next, or as soon as the chip is there."""
    steps = train[0] // period
    network = digits.network(Recorded.in_steps(steps, train[1]).events)
    placed = by_hand(network, chip, hands)
    length = int(steps.max()) + DEPTH + 1
    while True:  # until the last step is silent: a backlog may take longer than the depth
        run = on_chip(network, chip, length, placement=placed, noc="exact", step_s=1e-12)
        last = int(run.activity.spike_steps.max(initial=0))
        if last < length - 1:
            break
        length += 8
    end = np.zeros(length, dtype=np.int64)
    before = 0
    for step, busy in enumerate(run.step_ps.tolist()):
        closed = (step + 1) * period if step <= steps.max() else 0  # after the input it runs on freely
        before = end[step] = max(closed, before) + busy
    seen = run.activity
    low = int(network.offsets[2])
    mine = seen.spike_neurons >= low
    out = events_of(end[seen.spike_steps[mine]], seen.spike_neurons[mine] - low)
    return {
        "answer": answer(out), "first": int(out["time"][0]) if len(out) else None, "order": out["address"].tolist(),
        "joules": by_unit(run)["total"], "soma": by_unit(run)["soma"], "end": int(end[last]),
        "busy": int(run.step_ps[: last + 1].sum()), "steps": length,
    }  # fmt: skip


def mean_path(network: Network, chip: Architecture, placed: Placement) -> float:
    """ps from an input spike to an output spike without waiting: Σ over layers of the mean packet's time."""
    table = fanout(network, chip, placed, 1)
    soma = next(u for u in chip.units if u.kind == "soma")
    out = next(u for u in chip.units if u.kind == "axon_out").event_ps
    tile = chip.tile_of_core
    total = 0.0
    for layer in (0, 1):
        times = []
        for n in range(int(network.offsets[layer]), int(network.offsets[layer + 1])):
            rows = range(int(table.axons.indptr[n]), int(table.axons.indptr[n + 1]))
            for rank, row in enumerate(rows):
                a, b = tile[placed.core[n]], tile[table.axons.core[row]]
                hops = abs(chip.tile_x[a] - chip.tile_x[b]) * chip.hop_ps[a, 1]
                hops += abs(chip.tile_y[a] - chip.tile_y[b]) * chip.hop_ps[a, 0]
                sent = (rank + 1) * out + (soma.event_ps if layer else 0)
                times.append(sent + hops + table.service_ps[row])
        total += float(np.mean(times))
    return total


def interval(values: Any) -> dict[str, float]:
    """Mean with a 95 % interval (1.96 standard errors)."""
    data = np.asarray(values, dtype=float)
    half = 1.96 * data.std(ddof=1) / np.sqrt(len(data)) if len(data) > 1 else 0.0
    return {"mean": float(data.mean()), "low": float(data.mean() - half), "high": float(data.mean() + half)}


def middle(values: Any) -> dict[str, float]:
    """Median with its 95 % interval by order statistics."""
    data = np.sort(np.asarray(values, dtype=float))
    reach = 0.98 * np.sqrt(len(data))
    low, high = (
        int(max(0, np.floor(len(data) / 2 - reach))),
        int(min(len(data) - 1, np.ceil(len(data) / 2 + reach))),
    )
    return {"mean": float(np.median(data)), "low": float(data[low]), "high": float(data[high])}


def share(values: Any) -> dict[str, float]:
    """A share with its 95 % Wilson interval."""
    yes = [bool(v) for v in values]
    low, high = theory.wilson(sum(yes), len(yes))
    return {"mean": float(np.mean(yes)), "low": float(low), "high": float(high)}


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """The same trains at rising rates, both ways."""
    chip = Architecture.from_substrate(substrate.load("loihi-sanafe"))
    digits = Digits(seed)
    images, rates = (5, (0.1, 1.0, 10.0)) if quick else (40, RATES)
    rng = np.random.default_rng([seed, 18])
    chosen = TRAIN + rng.permutation(len(digits.labels) - TRAIN)[:images]
    trains = [digits.train(int(i), rng) for i in chosen]
    slow = 10**10  # ps per mean gap: nothing waits
    ideal = [free(digits.network(events_of(t * slow, p)), chip, NEAR, duration=10**15) for t, p in trains]
    cause = [
        None if one["first"] is None else t[np.searchsorted(t * slow, one["first"]) - 1]
        for one, (t, _) in zip(ideal, trains, strict=True)
    ]
    idle = digits.network(events_of([], []))
    period = 2 * int(on_chip(idle, chip, 1, placement=by_hand(idle, chip, NEAR), noc="exact").step_ps[0])
    points = []
    for rate in rates:
        gap = 1e6 / rate  # ps
        scaled = [((t * gap).astype(np.int64), p) for t, p in trains]
        shift = [None if c is None else c * gap for c in cause]
        loose = {
            name: [free(digits.network(events_of(t, p)), chip, hands, **mesh) for t, p in scaled]
            for name, (hands, mesh) in CHIPS.items()
        }
        tight = [clocked(digits, train, period, chip, NEAR) for train in scaled]
        other = [clocked(digits, train, period, chip, FAR) for train in scaled[: 5 if quick else 10]]
        entry: dict[str, Any] = {"rate": rate}
        for name, runs in (("asynchronous", loose["near"]), ("barrier", tight)):
            late = [
                (one["first"] - s) / 1e6
                for one, s in zip(runs, shift, strict=True)
                if one["first"] is not None and s is not None
            ]
            entry[name] = {
                "latency_us": middle(late),
                "joules": interval([one["joules"] for one in runs]),
                "soma": interval([one["soma"] for one in runs]),
                "time_us": interval(
                    [(one["end"] - t[0]) / 1e6 for one, (t, _) in zip(runs, scaled, strict=True)]
                ),
                "other_answer": share(
                    [one["answer"] != best["answer"] for one, best in zip(runs, ideal, strict=True)]
                ),
                "other_order": share(
                    [one["order"] != best["order"] for one, best in zip(runs, ideal, strict=True)]
                ),
                "right": share(
                    [one["answer"] == digits.labels[i] for one, i in zip(runs, chosen, strict=True)]
                ),
            }
        for name in list(CHIPS)[1:]:
            pairs = list(zip(loose["near"], loose[name], strict=True))
            entry[name] = {
                "other_answer": share([a["answer"] != b["answer"] for a, b in pairs]),
                "other_order": share([a["order"] != b["order"] for a, b in pairs]),
            }
        entry["barrier_far_same"] = all(a["order"] == b["order"] for a, b in zip(tight, other, strict=False))
        entry["steps"] = float(np.mean([one["steps"] for one in tight]))
        entry["barrier_us"] = float(np.mean([one["busy"] for one in tight])) / 1e6
        entry["busiest_us"] = float(np.mean([one["busy"] for one in loose["near"]])) / 1e6
        entry["events"] = float(np.mean([one["events"] for one in loose["near"]]))
        points.append(entry)
    network = digits.network(events_of([0], [0]))
    soma = next(u for u in chip.units if u.kind == "soma")
    return {
        "chip": chip.name,
        "images": images,
        "spikes": SPIKES,
        "hidden": HIDDEN,
        "depth": DEPTH,
        "rate_accuracy": digits.rate_accuracy,
        "ideal_right": share(
            [one["answer"] == digits.labels[i] for one, i in zip(ideal, chosen, strict=True)]
        ),
        "period_us": period / 1e6,
        "path_us": mean_path(network, chip, by_hand(network, chip, NEAR)) / 1e6,
        "somas": HIDDEN + 10,
        "visit_pj": soma.access_j * 1e12,
        "update_pj": soma.update_j * 1e12,
        "points": points,
    }


def curve(ax: Any, points: list[dict[str, Any]], clock: str, what: str, scale: float, **style: Any) -> None:
    """One quantity of one machine against the rate, with its interval."""
    found = [p[clock][what] for p in points]
    centre = scale * np.array([f["mean"] for f in found])
    reach = np.maximum(
        [centre - [scale * f["low"] for f in found], [scale * f["high"] for f in found] - centre], 0
    )
    ax.errorbar(
        [p["rate"] for p in points], centre, yerr=reach, capsize=2, markersize=5, linewidth=1.2, **style
    )


def draw(numbers: dict[str, Any]) -> Figure:
    """Six panels: latency, energy, time; answers, orders, and what a clock period is."""
    fig, axes = figure(2, 3, size=(15.5, 9.4))
    points = numbers["points"]
    rate = np.array([p["rate"] for p in points])
    period = numbers["period_us"]
    looks: dict[str, dict[str, Any]] = {
        "asynchronous": {"color": ASYNC, "marker": "o", "label": "asynchronous"},
        "barrier": {"color": BARRIER, "marker": "s", "label": "barrier"},
    }
    for ax in axes.flat:
        ax.set(xscale="log", xlabel="input spikes per µs")
    grey = {"color": COLOURS["grey"], "linewidth": 1.4}

    ax = axes[0, 0]
    for clock, look in looks.items():
        curve(ax, points, clock, "latency_us", 1.0, linestyle="none", **look)
    ax.axhline((numbers["depth"] + 1.5) * period, linestyle="--", label="theory: (depth + 3/2)·T", **grey)
    ax.axhline(numbers["path_us"], label="theory: a mean path, nothing waits", **grey)
    ax.set(title="Latency of the first output spike", ylabel="µs", yscale="log")

    ax = axes[0, 1]
    for clock, look in looks.items():
        curve(ax, points, clock, "joules", 1e9, **look)
        curve(ax, points, clock, "soma", 1e9, **{
            **look, "label": f"{clock}: somas alone", "linestyle": "none", "markerfacecolor": "white",
        })  # fmt: skip
    visits = numbers["somas"] * np.array([p["steps"] for p in points]) * numbers["visit_pj"] / 1e3
    each = np.array([p["events"] for p in points]) * (numbers["visit_pj"] + numbers["update_pj"]) / 1e3
    ax.plot(rate, visits, linestyle="--", label="lower bound: N visits a step", **grey)
    ax.plot(rate, each, label="theory: a visit and update an event", **grey)
    ax.set(title="Energy of an inference, without static power", ylabel="nJ", yscale="log")

    ax = axes[0, 2]
    for clock, look in looks.items():
        curve(ax, points, clock, "time_us", 1.0, linestyle="none", **look)
    span = numbers["spikes"] / rate
    ax.plot(rate, np.maximum(span, [p["busiest_us"] for p in points]), **grey,
            label="theory: the input, or the busiest core")  # fmt: skip
    ax.plot(rate, np.maximum(span + (numbers["depth"] + 1) * period, [p["barrier_us"] for p in points]), linestyle="--",
            label="theory: the input + steps, or all steps", **grey)  # fmt: skip
    ax.set(title="Time of an inference, input to silence", ylabel="µs", yscale="log")

    ax = axes[1, 0]
    for clock, look in looks.items():
        curve(ax, points, clock, "other_answer", 100, **look)
    ax.set(title="Another answer than at a rate near 0", ylabel="inferences (%)", ylim=(-2, 50))

    ax = axes[1, 1]
    for name, colour, marker in (("far", "orange", "^"), ("one-packet FIFOs", "purple", "v")):
        label = {"far": "cores far apart", "one-packet FIFOs": "FIFOs of one packet"}[name]
        curve(ax, points, name, "other_order", 100, color=COLOURS[colour], marker=marker, linestyle="--",
              markerfacecolor="white", label=f"order of output spikes: {label}")  # fmt: skip
        curve(
            ax,
            points,
            name,
            "other_answer",
            100,
            color=COLOURS[colour],
            marker=marker,
            label=f"answer: {label}",
        )
    same = all(p["barrier_far_same"] for p in points)
    ax.plot(rate, np.zeros(len(rate)) if same else np.full(len(rate), np.nan), "s-", color=BARRIER, markersize=4,
            label="barrier, cores far apart: both the same")  # fmt: skip
    ax.set(title="Asynchronous: the mesh changes the result", ylabel="inferences (%)", ylim=(-4, 165))
    ax.set_yticks([0, 25, 50, 75, 100])

    ax = axes[1, 2]
    for clock, look in looks.items():
        curve(ax, points, clock, "right", 100, **look)
    ax.axhline(100 * numbers["ideal_right"]["mean"], label="asynchronous, at a rate near 0", **grey)
    ax.set(title="Accuracy", ylabel="right answers (%)", ylim=(0, 135))
    ax.set_yticks([0, 25, 50, 75, 100])
    for ax in axes.flat:
        ax.legend(loc="best" if ax is not axes[1, 1] else "upper left", fontsize=8.5)
    low, high = axes[0, 0].get_ylim()
    axes[0, 0].set_ylim(low, high * 3)
    note(
        fig,
        f"{numbers['chip']}, digits 64 → {numbers['hidden']} → 10, {numbers['images']} images, {numbers['spikes']} "
        f"input spikes each; bars: 95 % intervals (shares: Wilson). A period T is {period:.2f} µs, twice an idle "
        f"step.\nThe rate network alone is right in "
        f"{100 * numbers['rate_accuracy']:.0f} % of all test images. Energies are counts × published constants.",
    )
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
