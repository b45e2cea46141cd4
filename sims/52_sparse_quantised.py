"""Sparsity times quantisation: which bytes are spent best, and which order works?

Perceptrons (64, 300, 100, 10) on scikit-learn's digits. *Grid*: pruned by magnitude little by little while they learn
(Zhu and Gupta 2017; each layer to the same sparsity), then quantised (a scale for each output; 2 bits: ternary, 1 bit:
signs) and trained further through the rounding. Stored bytes count values, the cheapest of no mask, a bit map and
two-byte places, scales and biases. Top left: test error over sparsity. Top right: over stored bytes; ringed is what
no other point beats with as few bytes.

*Order*. The same trained dense network is pruned and then quantised, or quantised and then pruned by the rounded
magnitudes (equal ones at random), every output to the same sparsity, and both are trained further alike. Bottom left:
how much more accurate the first order is, paired by seed. Harma et al. 2024 prove sparsity before quantisation better
for max-scaled blocks.

*Stored against active*. Bottom right: bytes that one sample makes a CPU load, where a zero input's weights are left
unread, beside the bytes that must be stored.

Means and Student's 95 % intervals over seeds (split, weights, order). Caveats: a small task and small networks; weights
alone are quantised, activations are not; one rule of pruning; bytes are counted, no time is measured. A CPU that
multiplies what is stored in 3 bits unpacks it before, which is no byte but is work.
"""

from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from hdspike.contestants.kept import Kept
from hdspike.plot.style import COLOURS, figure, note
from hdspike.sparsity.pruning import GradualMagnitude
from hdspike.sparsity.quantised import (
    FULL,
    QuantisedLinear,
    prune_then_quantise,
    quantise_then_prune,
    quantised,
)
from hdspike.sparsity.task import Task, digits
from hdspike.sparsity.training import Network, perceptron, train
from hdspike.workloads.counting import mean_of

VERSION = 1
HIDDEN = (300, 100)
SEEDS, EPOCHS, FURTHER = 8, 20, 10
SPARSITIES, BITS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98), (32, 8, 4, 3, 2, 1)
ORDERED, ORDERED_BITS = (0.5, 0.8), (8, 4, 3, 2, 1)
COLOUR = {32: "black", 8: "purple", 4: "blue", 3: "sky", 2: "green", 1: "vermilion"}
MARK = {0.0: "o", 0.5: "s", 0.8: "^", 0.9: "D", 0.95: "v", 0.98: "P"}
LITTLE = 2.0  # points of accuracy
ORDERS = ("prune, quantise", "quantise, prune")


def named(bits: int) -> str:
    """A width of weights in words."""
    return {1: "1 bit (signs)", 2: "2 bits (ternary)", FULL: "32 bits"}.get(bits, f"{bits} bits")


def skipping(network: Network) -> Network:
    """The same network, whose cost counts what zero inputs leave unread."""
    for layer in network.linear:
        layer.skips_zeros = True
    return network


def cell(network: Network, task: Task) -> dict[str, float]:
    """Accuracy and bytes."""
    accuracy = network.accuracy(task.test_x, task.test_y, batch=len(task.test_x))
    cost = network.cost()
    return {"accuracy": accuracy, "stored": cost.stored_bytes, "active": cost.active_bytes}


def grid(seed: int, sparsities: tuple[float, ...], widths: tuple[int, ...], epochs: int) -> dict[str, Any]:
    """Sparsity → bits → accuracy and bytes, of one split and initialisation."""
    task, further = digits(rng=seed), max(1, epochs * FURTHER // EPOCHS)
    out: dict[str, Any] = {}
    for sparsity in sparsities:
        network = perceptron((task.inputs, *HIDDEN, 10), rng=seed)
        rule = GradualMagnitude(sparsity, scope="layer") if sparsity else None
        train(network, task.train_x, task.train_y, epochs=epochs, rule=rule, rng=seed)
        skipping(network)
        row = {}
        for bits in widths:
            made = quantised(network, bits)
            after = cell(made, task)["accuracy"]
            train(made, task.train_x, task.train_y, epochs=further, rng=seed + 1)
            row[str(bits)] = cell(made, task) | {"untrained": after}
        out[str(sparsity)] = row
    return out


def orders(seed: int, sparsities: tuple[float, ...], widths: tuple[int, ...], epochs: int) -> dict[str, Any]:
    """Sparsity → bits → order → accuracy at once and after training further."""
    task, further = digits(rng=seed), max(1, epochs * FURTHER // EPOCHS)
    network = perceptron((task.inputs, *HIDDEN, 10), rng=seed)
    train(network, task.train_x, task.train_y, epochs=epochs, rng=seed)
    out: dict[str, Any] = {}
    for sparsity in sparsities:
        row: dict[str, Any] = {}
        for bits in widths:
            both = {
                ORDERS[0]: prune_then_quantise(network, sparsity, bits),
                ORDERS[1]: quantise_then_prune(network, sparsity, bits, rng=seed),
            }
            row[str(bits)] = {}
            for name, made in both.items():
                at_once = cell(made, task)["accuracy"]
                for layer in made.linear:
                    if isinstance(layer, QuantisedLinear):
                        layer.thaw()
                train(made, task.train_x, task.train_y, epochs=further, rng=seed + 1)
                row[str(bits)][name] = {"at once": at_once, "trained": cell(made, task)["accuracy"]}
        out[str(sparsity)] = row
    return out


def beyond(found: dict[str, Any], sparsity: float, bits: int, none: float) -> float:
    """What both together lose beyond the sum of what each loses alone, of one seed."""
    dense, sparse, coarse, both = (
        found[str(share)][str(width)]["accuracy"]
        for share, width in ((none, FULL), (sparsity, FULL), (none, bits), (sparsity, bits))
    )
    return float((dense - both) - (dense - sparse) - (dense - coarse))


def front(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The points that none with as few bytes beats in mean accuracy, by bytes."""
    best, out = -1.0, []
    for point in sorted(points, key=lambda p: (p["stored"], -p["accuracy"]["mean"])):
        if point["accuracy"]["mean"] > best:
            best = point["accuracy"]["mean"]
            out.append(point)
    return out


def simulate(*, quick: bool = False, seed: int = 0) -> dict[str, Any]:
    """The grid and the orders over the seeds, with means, intervals, and the front of bytes."""
    kept = Kept(None) if quick else Kept.here("sparsity", VERSION)
    seeds, epochs = (2, 6) if quick else (SEEDS, EPOCHS)
    sparsities, widths = ((0.0, 0.8), (32, 2)) if quick else (SPARSITIES, BITS)
    ordered, ordered_bits = ((0.8,), (4, 1)) if quick else (ORDERED, ORDERED_BITS)
    grids, found = [], []
    for one in range(seed, seed + seeds):
        key = {"sim": "sparse_quantised", "seed": one, "epochs": epochs, "further": FURTHER}
        grids.append(
            kept(
                key | {"grid": [sparsities, widths]},
                partial(grid, one, sparsities, widths, epochs),
            )
        )
        found.append(
            kept(
                key | {"orders": [ordered, ordered_bits, "output"]},
                partial(orders, one, ordered, ordered_bits, epochs),
            )
        )
    points: list[dict[str, Any]] = []
    for sparsity in sparsities:
        for bits in widths:
            runs = [one[str(sparsity)][str(bits)] for one in grids]
            points.append(
                {
                    "sparsity": sparsity, "bits": bits,
                    **{name: mean_of([run[name] for run in runs]) for name in ("accuracy", "untrained")},
                    "beyond": mean_of([beyond(one, sparsity, bits, sparsities[0]) for one in grids]),
                    **{name: float(np.mean([run[name] for run in runs])) for name in ("stored", "active")},
                }
            )  # fmt: skip
    gaps = []
    for sparsity in ordered:
        for bits in ordered_bits:
            pair = [one[str(sparsity)][str(bits)] for one in found]
            gaps.append(
                {"sparsity": sparsity, "bits": bits}
                | {
                    when: mean_of([run[ORDERS[0]][when] - run[ORDERS[1]][when] for run in pair])
                    | {name: float(np.mean([run[name][when] for run in pair])) for name in ORDERS}
                    for when in ("at once", "trained")
                }
            )
    return {
        "seeds": seeds,
        "points": points,
        "front": [{"sparsity": p["sparsity"], "bits": p["bits"]} for p in front(points)],
        "orders": gaps,
    }


def chosen(numbers: dict[str, Any], **wanted: Any) -> list[dict[str, Any]]:
    """The points that have these values."""
    return [p for p in numbers["points"] if all(p[name] == value for name, value in wanted.items())]


def widths_of(numbers: dict[str, Any]) -> list[int]:
    """The widths of weights, in order."""
    return list(dict.fromkeys(p["bits"] for p in numbers["points"]))


def losses(numbers: dict[str, Any]) -> str:
    """Whether the losses of sparsity and of few bits add up, where sparsity alone still loses little."""

    def lost(share: float, bits: int) -> float:
        return 100 * (dense - chosen(numbers, sparsity=share, bits=bits)[0]["accuracy"]["mean"])

    shares = list(dict.fromkeys(p["sparsity"] for p in numbers["points"]))
    dense = chosen(numbers, sparsity=shares[0], bits=FULL)[0]["accuracy"]["mean"]
    share = max((s for s in shares if lost(s, FULL) < LITTLE), default=shares[0])
    bits = min(widths_of(numbers))
    beyond = chosen(numbers, sparsity=share, bits=bits)[0]["beyond"]
    word = "more than" if beyond["mean"] > beyond["half"] else "less than"
    word = "not measurably other than" if abs(beyond["mean"]) <= beyond["half"] else word
    return (
        f"{share:.0%} sparsity alone loses {lost(share, FULL):.1f} points, {named(bits)} alone "
        f"{lost(shares[0], bits):.1f};\nboth {lost(share, bits):.1f}, {word} the sum"
    )


def errors(entry: dict[str, float]) -> tuple[float, float]:
    """Test error and half its interval, in per cent."""
    return 100 * (1 - entry["mean"]), 100 * entry["half"]


def per_cent(axis: Any) -> None:
    """Ticks of an axis of errors."""
    axis.set_major_locator(FixedLocator([1, 2, 5, 10, 20, 50]))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_locator(NullLocator())


def kilobytes(axis: Any) -> None:
    """Ticks of an axis of bytes."""
    axis.set_major_locator(FixedLocator([1000 * n for n in (1, 2, 5, 10, 20, 50, 100, 200)]))
    axis.set_major_formatter(lambda value, _: f"{value / 1000:g}")
    axis.set_minor_locator(NullLocator())


def grid_panel(ax: Any, numbers: dict[str, Any]) -> None:
    """Accuracy over sparsity."""
    shares = list(dict.fromkeys(p["sparsity"] for p in numbers["points"]))
    for shift, bits in enumerate(widths_of(numbers)):
        row = chosen(numbers, bits=bits)
        x = np.arange(len(shares)) + 0.06 * (shift - 2.5)
        ax.errorbar(
            x, [errors(p["accuracy"])[0] for p in row], yerr=[errors(p["accuracy"])[1] for p in row],
            fmt="o-", ms=4, capsize=2, lw=1.2, color=COLOURS[COLOUR[bits]], label=named(bits),
        )  # fmt: skip
    ax.set_xticks(range(len(shares)), [f"{share:.0%}" for share in shares])
    ax.set_yscale("log")
    per_cent(ax.yaxis)
    ax.set_xlabel("sparsity: share of weights that do not exist")
    ax.set_ylabel("test error (%)")
    ax.set_title(losses(numbers))
    ax.legend(loc="upper left", fontsize=9)


def bytes_panel(ax: Any, numbers: dict[str, Any]) -> None:
    """Accuracy over stored bytes, and the front."""
    for bits in widths_of(numbers):
        row = chosen(numbers, bits=bits)
        ax.plot([p["stored"] for p in row], [errors(p["accuracy"])[0] for p in row], lw=1,
                color=COLOURS[COLOUR[bits]])  # fmt: skip
        for p in row:
            mean, half = errors(p["accuracy"])
            ax.errorbar(
                p["stored"], mean, yerr=half, fmt=MARK[p["sparsity"]], ms=5, color=COLOURS[COLOUR[bits]]
            )
    best = [chosen(numbers, **entry)[0] for entry in numbers["front"]]
    ax.plot([p["stored"] for p in best], [errors(p["accuracy"])[0] for p in best], "o", ms=12, mfc="none",
            color=COLOURS["orange"], label="not beaten by fewer bytes")  # fmt: skip
    for share in dict.fromkeys(p["sparsity"] for p in numbers["points"]):
        ax.plot([], [], MARK[share], color=COLOURS["grey"], label=f"{share:.0%} sparse")
    ax.set_xscale("log")
    kilobytes(ax.xaxis)
    ax.set_yscale("log")
    per_cent(ax.yaxis)
    ax.set_xlabel("stored (kB: values, mask, scales, biases)")
    ax.set_ylabel("test error (%)")
    top = max(p["accuracy"]["mean"] for p in numbers["points"])
    near = min(
        (p for p in numbers["points"] if p["accuracy"]["mean"] >= top - 0.01), key=lambda p: p["stored"]
    )
    least = chosen(numbers, sparsity=0.0, bits=min(widths_of(numbers)))[0]
    rivals = [p for p in numbers["points"] if p["sparsity"] and p["stored"] <= least["stored"]]
    rival = max(rivals, key=lambda p: p["accuracy"]["mean"])
    ax.set_title(
        f"Within a point of the best: {near['stored'] / 1000:.1f} kB, {near['sparsity']:.0%} sparse, "
        f"{named(near['bits'])};\nin {least['stored'] / 1000:.1f} kB: dense, {named(least['bits'])} "
        f"{errors(least['accuracy'])[0]:.1f} % error, the best sparse {errors(rival['accuracy'])[0]:.1f} %"
    )
    ax.legend(loc="upper right", fontsize=9)


def order_panel(ax: Any, numbers: dict[str, Any]) -> None:
    """Paired differences between the orders."""
    rows = numbers["orders"]
    widths = list(dict.fromkeys(row["bits"] for row in rows))
    looks = {"at once": ("o", "no more training"), "trained": ("x", "trained further")}
    for number, share in enumerate(dict.fromkeys(row["sparsity"] for row in rows)):
        for when, (mark, words) in looks.items():
            own = [row for row in rows if row["sparsity"] == share]
            x = np.arange(len(own)) + 0.15 * (number - 0.5) + (0.05 if when == "trained" else -0.02)
            ax.errorbar(
                x, [100 * row[when]["mean"] for row in own], yerr=[100 * row[when]["half"] for row in own], fmt=mark,
                capsize=2, color=COLOURS[("blue", "vermilion")[number]], label=f"{share:.0%} sparse, {words}",
            )  # fmt: skip
    ax.axhline(0, color=COLOURS["black"], lw=1)
    ax.set_yscale("symlog", linthresh=1)
    ax.yaxis.set_major_locator(FixedLocator([-10, -1, 0, 1, 10, 100]))
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.set_xticks(range(len(widths)), [named(bits).replace(" (", "\n(") for bits in widths])
    ax.set_xlabel("bits of a weight")
    ax.set_ylabel("prune then quantise less quantise then prune\n(points of accuracy)")
    ahead = [sum(r[w]["mean"] > r[w]["half"] for r in rows) for w in looks]
    behind = [sum(r[w]["mean"] < -r[w]["half"] for r in rows) for w in looks]
    ax.set_title(
        f"Pruning ahead of quantising is better in {ahead[0]} of {len(rows)} settings, worse in {behind[0]};\n"
        f"after more training better in {ahead[1]}, worse in {behind[1]}"
    )
    ax.legend(loc="upper left", fontsize=9)


def active_panel(ax: Any, numbers: dict[str, Any]) -> None:
    """Active over stored bytes."""
    for bits in widths_of(numbers):
        row = chosen(numbers, bits=bits)
        ax.plot([p["stored"] for p in row], [p["active"] for p in row], lw=1, color=COLOURS[COLOUR[bits]],
                label=named(bits))  # fmt: skip
        for p in row:
            ax.plot(p["stored"], p["active"], MARK[p["sparsity"]], color=COLOURS[COLOUR[bits]], ms=5)
    ends = np.array(
        [min(p["stored"] for p in numbers["points"]), max(p["stored"] for p in numbers["points"])]
    )
    ax.plot(ends, ends, ls=":", color=COLOURS["grey"], label="all that is stored")
    ax.set_xscale("log")
    ax.set_yscale("log")
    kilobytes(ax.xaxis)
    kilobytes(ax.yaxis)
    ax.set_xlabel("stored (kB)")
    ax.set_ylabel("loaded for one sample (kB)")
    shares = [p["active"] / p["stored"] for p in numbers["points"]]
    ax.set_title(
        f"A sample loads {min(shares):.0%} to {max(shares):.0%} of what is stored:\n"
        "zero inputs leave weights unread, scales and biases stay"
    )
    ax.legend(loc="upper left", fontsize=9)


def draw(numbers: dict[str, Any]) -> Figure:
    """Accuracy over sparsity and over bytes, the two orders, active bytes."""
    fig, axes = figure(2, 2, size=(13, 10.5))
    for panel, ax in zip((grid_panel, bytes_panel, order_panel, active_panel), axes.ravel(), strict=True):
        panel(ax, numbers)
    note(
        fig,
        f"Digits, {numbers['seeds']} seeds, means with Student's 95 % intervals; the same colours and marks in all but "
        "the third panel. A point counts as better or worse where its interval leaves out 0.",
    )
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
