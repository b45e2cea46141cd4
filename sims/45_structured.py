"""What does structured pruning buy: blocks, neurons, heads?

A dense network is trained, pruned at once to 80 … 98 % zeros, and what is left is trained for as long again (1×) or
five times as long (5×). *Single weights*: the smallest of each layer. *Blocks* of b × b: the tiles of least mean |w|.
*Neurons*: hidden units of least ‖in‖·‖out‖, taken out physically: a smaller dense network. Beside it that smaller
network *from scratch*, trained from new initial values for as many epochs as both trainings together: pruning has to
beat it to be worth anything (Liu et al. 2019). Hidden layers keep ``(1 − 0.2)^r`` of their weights, the output layer
``(1 − 0.1)^r``, as lottery tickets do. Digits: 64-300-100-10, 20 epochs at a rate of 3e-3 (at the 1e-3 of the other
figures sparse networks need more than 20 epochs); MNIST, when fetched: LeNet-300-100, 3 epochs at 1e-3.

Time: one answer of LeNet-300-100 (its products, biases and ReLUs) by scipy's compressed rows, by a compiled product of
blocks (this package's), by BLAS on the shrunk network, all against BLAS on the dense network in the same moments:
median of paired ratios, bars their quartiles. One thread. Times are of this machine and of this size.

Heads: a transformer of two layers of eight heads reads digits as eight rows; heads go by |∂L ÷ ∂gate| (Michel et al.
2019), least or most important in front, without training, and least in front with training (1×).

"Pays" means: faster than dense in three of four pairs, and at most one point of accuracy lost on average.

Caveats. Pruned at once; little by little is better for single weights at 98 %. The dense network is trained once:
what was pruned has had two or six times its epochs, and its lead of a tenth of a point is no more than that. Blocks and
neurons cannot hit a sparsity exactly. Accuracy is of digits or MNIST as said, time of LeNet in either case. Digits do
not need attention: what the heads show is how to remove them, not that attention is idle elsewhere.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits

from hdspike.contestants.kept import Kept
from hdspike.datasets import Absent
from hdspike.plot.style import COLOURS, figure
from hdspike.sparsity.budgets import interval
from hdspike.sparsity.head_layer import Attention, attending, head_importance, without_heads
from hdspike.sparsity.structured_forms import FORMS, executable, pruned
from hdspike.sparsity.task import task
from hdspike.sparsity.timing import paired
from hdspike.sparsity.training import Network, perceptron, train

VERSION = 1
HIDDEN, LENET = (300, 100), (784, 300, 100, 10)
SPARSITIES = (0.8, 0.9, 0.95, 0.98)
SETTINGS: dict[str, dict[str, Any]] = {
    "digits": {"epochs": 20, "batch": 64, "rate": 3e-3, "seeds": 8, "times": (1, 5)},
    "mnist": {"epochs": 3, "batch": 100, "rate": 1e-3, "seeds": 3, "times": (1,)},
}
LOOKS = {
    "single": ("single weights", COLOURS["black"], "o"),
    "4": ("blocks of 4 × 4", COLOURS["sky"], "s"),
    "8": ("blocks of 8 × 8", COLOURS["blue"], "D"),
    "16": ("blocks of 16 × 16", COLOURS["purple"], "^"),
    "neurons": ("neurons", COLOURS["orange"], "v"),
    "scratch": ("as few neurons, from scratch", COLOURS["green"], "x"),
}
LONGER = ("single", "16", "neurons")
"""The forms that are also fine-tuned for longer."""
KEPT_HEADS = (16, 12, 8, 4, 2, 1, 0)
TOLERATED = 0.01


def trial(name: str, setting: dict[str, Any], seed: int, sparsities: tuple[float, ...]) -> dict[str, Any]:
    """One seed: the dense network, every form at every sparsity, fine-tuned for 1× and more."""
    data, epochs = task(name, rng=seed), setting["epochs"]
    how = {key: setting[key] for key in ("batch", "rate")} | {"rng": seed}
    widths = (data.inputs, *HIDDEN, 10)
    dense = perceptron(widths, rng=seed)
    train(dense, data.train_x, data.train_y, epochs=epochs, **how)
    weights = sum(layer.weights.size for layer in dense.linear)
    out: dict[str, Any] = {"dense": dense.accuracy(data.test_x, data.test_y)}
    for times in setting["times"]:
        rows = out[f"{times}x"] = []
        for form in LOOKS if times == 1 else LONGER:
            for sparsity in sparsities:
                network = pruned(dense, "neurons" if form == "scratch" else form, sparsity)
                zeros = 1 - sum(np.count_nonzero(w.weights) for w in network.linear) / weights
                before = network.accuracy(data.test_x, data.test_y)
                if form == "scratch":
                    few = [data.inputs, *(layer.weights.shape[1] for layer in network.linear)]
                    network = perceptron(few, rng=seed)
                total = times * epochs + (epochs if form == "scratch" else 0)
                took = train(network, data.train_x, data.train_y, epochs=total, **how)
                rows.append({"form": form, "sparsity": sparsity, "zeros": zeros, "before": before})
                rows[-1] |= {
                    "accuracy": network.accuracy(data.test_x, data.test_y),
                    "stored": network.cost().stored,
                    "flops": took.flops,
                }
    return out


def heads(seed: int, epochs: int, numbers: tuple[int, ...]) -> dict[str, Any]:
    """One seed: accuracy with fewer heads."""
    data = task("digits", rng=seed)
    how: dict[str, Any] = {"epochs": epochs, "rate": 3e-3, "rng": seed}
    network = attending(rng=seed)
    train(network, data.train_x, data.train_y, **how)
    layers = [layer for layer in network.layers if isinstance(layer, Attention)]
    order = np.argsort(np.concatenate(head_importance(network, data.train_x, data.train_y)), kind="stable")
    out: dict[str, Any] = {"least": [], "most": [], "trained": [], "stored": []}
    for kept in numbers:
        for name, gone in (("most", order[::-1][: 16 - kept]), ("least", order[: 16 - kept])):
            stays = np.ones(16, dtype=bool)
            stays[gone] = False
            pieces = np.split(stays, len(layers))
            small = [without_heads(layer, piece) for layer, piece in zip(layers, pieces, strict=True)]
            other = Network([network.layers[0], *small, network.layers[-1]])
            out[name].append(other.accuracy(data.test_x, data.test_y))
        out["stored"].append(other.cost().stored)
        held = network.state()  # the two share their outer layers
        train(other, data.train_x, data.train_y, **how)
        out["trained"].append(other.accuracy(data.test_x, data.test_y))
        network.restore(held)
    return out


def timed(sparsities: tuple[float, ...], rounds: int) -> list[dict[str, Any]]:
    """Paired seconds of every form of LeNet-300-100 at each sparsity, for one image and for 256."""
    random, out = np.random.default_rng(0), []
    for sparsity in sparsities:
        whole = perceptron(LENET, rng=0)
        runs = {"dense": executable(whole, "dense")}
        runs |= {form: executable(pruned(whole, form, sparsity), form) for form in FORMS}
        for batch in (1, 256):
            x = random.random((batch, LENET[0])).astype(np.float32)
            calls: dict[str, Callable[[], Any]] = {name: partial(run, x) for name, run in runs.items()}
            with threadpool_limits(1, "blas"):
                found = paired(calls, rounds=rounds)
            out.append({"sparsity": sparsity, "batch": batch, "forms": found})
    return out


def over_seeds(trials: list[dict[str, Any]]) -> dict[str, Any]:
    """Intervals over the seeds; what is lost against dense is paired."""
    dense = [one["dense"] for one in trials]
    out: dict[str, Any] = {"dense": interval(dense)._asdict(), "seeds": len(trials)}
    for times in (name for name in trials[0] if name != "dense"):
        rows = out[times] = []
        for number, first in enumerate(trials[0][times]):
            same = [one[times][number] for one in trials]
            entry = {key: first[key] for key in ("form", "sparsity")}
            for key in ("accuracy", "before"):
                entry[key] = interval([row[key] for row in same])._asdict()
            lost = [whole - row["accuracy"] for whole, row in zip(dense, same, strict=True)]
            entry["lost"] = interval(lost)._asdict()
            entry |= {key: float(np.mean([row[key] for row in same])) for key in ("zeros", "stored", "flops")}
            rows.append(entry)
    return out


def verdicts(accuracy: dict[str, Any], times: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each form and sparsity: points lost, how much faster, and whether it pays."""
    out = []
    for row in accuracy["1x"]:
        form = "neurons" if row["form"] == "scratch" else row["form"]
        entry = {"form": row["form"], "sparsity": row["sparsity"], "lost": row["lost"]["mean"]}
        for batch in (1, 256):
            found = next(t for t in times if (t["sparsity"], t["batch"]) == (row["sparsity"], batch))[
                "forms"
            ][form]
            entry[f"faster_{batch}"] = 1 / found["ratio"]
            entry[f"pays_{batch}"] = bool(found["high"] < 1 and row["lost"]["mean"] <= TOLERATED)
        out.append(entry)
    return out


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Accuracies over seeds, paired times, heads, and the verdicts."""
    kept = Kept(None) if quick else Kept.here("sparsity", VERSION)
    sparsities = (0.9,) if quick else SPARSITIES
    out: dict[str, Any] = {
        "question": "What does structured pruning buy: blocks, neurons, heads?",
        "sparsities": sparsities,
        "tolerated": TOLERATED,
        "tasks": {},
    }
    for name, setting in SETTINGS.items():
        if quick and name != "digits":
            continue
        how = setting | ({"epochs": 2, "times": (1,), "seeds": 2} if quick else {})
        same = {key: value for key, value in how.items() if key != "seeds"}
        trials = []
        try:
            for number in range(seed, seed + how["seeds"]):
                key = {"sim": "structured", "task": name, "seed": number, "sparsities": sparsities, **same}
                trials.append(kept(key, partial(trial, name, how, number, sparsities)))
        except Absent:
            continue
        out["tasks"][name] = how | over_seeds(trials)
    many, epochs = (2, 1) if quick else (SETTINGS["digits"]["seeds"], SETTINGS["digits"]["epochs"])
    stay = (16, 8, 0) if quick else KEPT_HEADS
    found = [
        kept({"sim": "heads", "seed": n, "epochs": epochs, "kept": stay}, partial(heads, n, epochs, stay))
        for n in range(seed, seed + many)
    ]
    out["heads"] = {
        "kept": stay,
        "stored": np.mean([one["stored"] for one in found], axis=0).tolist(),
    } | {
        name: [interval(column)._asdict() for column in zip(*(one[name] for one in found), strict=True)]
        for name in ("least", "most", "trained")
    }
    out["times"] = timed(sparsities, 3 if quick else 41)
    judged = "mnist" if "mnist" in out["tasks"] else "digits"
    out["judged"] = judged
    out["verdicts"] = verdicts(out["tasks"][judged], out["times"])
    return out


def accuracy_panel(ax: Any, held: dict[str, Any], title: str) -> None:
    """Test error against stored parameters."""
    for times, style in (("5x", "--"), ("1x", "-")):
        for form, (label, colour, marker) in LOOKS.items():
            rows = [row for row in held.get(times, []) if row["form"] == form]
            if not rows:
                continue
            x = [row["stored"] for row in rows]
            y, low, high = (
                np.array([100 - 100 * row["accuracy"][part] for row in rows])
                for part in ("mean", "high", "low")
            )
            if times == "1x":
                spans = [y - np.maximum(low, 0.1), high - y]
                ax.errorbar(x, y, yerr=spans, color=colour, marker=marker, ms=5, capsize=2, label=label)
            else:
                ax.plot(x, y, ls=style, lw=1.2, color=colour, marker=marker, ms=3)
    dense = 100 - 100 * held["dense"]["mean"]
    ax.axhline(dense, color=COLOURS["grey"], lw=1, ls=":", label="dense")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_ylim(0.7 * dense, 100)
    ax.set_yticks([2, 5, 10, 20, 50, 100], ["2", "5", "10", "20", "50", "100"])
    ax.set_xticks([1000, 2000, 5000, 10_000, 20_000, 50_000], ["1 k", "2 k", "5 k", "10 k", "20 k", "50 k"])
    ax.minorticks_off()
    stored = [row["stored"] for row in held["1x"]]
    ax.set_xlim(0.8 * min(stored), 1.25 * max(stored))
    ax.set_xlabel("stored parameters (without indices)")
    ax.set_ylabel("test error (%)")
    last = held["1x"][-1]["sparsity"]
    lost = {row["form"]: 100 * row["lost"]["mean"] for row in held["1x"] if row["sparsity"] == last}
    ax.set_title(
        f"{title}: points lost at {100 * last:.0f} % zeros: single weights {lost['single']:.1f},\n"
        f"blocks of 4, 8, 16: {lost['4']:.1f}, {lost['8']:.1f}, {lost['16']:.1f}; neurons {lost['neurons']:.1f}"
    )


def time_panel(ax: Any, numbers: dict[str, Any], batch: int) -> None:
    """How many times as fast as dense."""
    rows = [row for row in numbers["times"] if row["batch"] == batch]
    for form, (label, colour, marker) in LOOKS.items():
        if form == "scratch":
            continue
        x = [100 * row["sparsity"] for row in rows]
        y = [1 / row["forms"][form]["ratio"] for row in rows]
        spans = [
            [v - 1 / row["forms"][form]["high"] for v, row in zip(y, rows, strict=True)],
            [1 / row["forms"][form]["low"] - v for v, row in zip(y, rows, strict=True)],
        ]
        ax.errorbar(
            x, y, yerr=np.maximum(spans, 0), color=colour, marker=marker, ms=5, capsize=2, label=label
        )
    ax.axhline(1, color=COLOURS["grey"], lw=1, ls=":")
    ax.set_yscale("log")
    ax.set_yticks([0.5, 1, 2, 5, 10, 20], ["0.5", "1", "2", "5", "10", "20"])
    ax.minorticks_off()
    ax.set_xticks([100 * s for s in numbers["sparsities"]])
    ax.set_xlabel("zeros (%)")
    ax.set_ylabel("times as fast as dense")
    micro = 1e6 * rows[0]["forms"]["dense"]["seconds"] / batch
    winner = max(rows[-1]["forms"], key=lambda form: 1 / rows[-1]["forms"][form]["ratio"])
    slow = sum(row["ratio"] > 1 for form, row in rows[0]["forms"].items() if form != "dense")
    ax.set_title(
        f"Batch of {batch}: dense takes {micro:.3g} µs an image; {LOOKS.get(winner, ['dense'])[0]}\nfastest at "
        f"{100 * rows[-1]['sparsity']:.0f} %; at {100 * rows[0]['sparsity']:.0f} % dense beats {slow} of 5 forms"
    )


def heads_panel(ax: Any, held: dict[str, Any]) -> None:
    """Accuracy against the heads that stay."""
    for name, label, colour in (
        ("trained", "least important gone, trained on", COLOURS["green"]),
        ("least", "least important gone", COLOURS["blue"]),
        ("most", "most important gone", COLOURS["vermilion"]),
    ):
        y, low, high = ([100 * row[part] for row in held[name]] for part in ("mean", "low", "high"))
        ax.plot(held["kept"], y, "o-", ms=4.5, color=colour, label=label)
        ax.fill_between(held["kept"], low, high, color=colour, alpha=0.18, lw=0)
    ax.set_ylim(0, 101)
    ax.set_xlim(16.5, -0.5)
    ax.set_xlabel("heads that stay (of 2 × 8)")
    ax.set_ylabel("test accuracy (%)")
    ax.legend(loc="lower left", fontsize=9)
    half, none = held["kept"].index(8), held["kept"].index(0)
    ax.set_title(
        f"Heads: 8 of 16 keep {100 * held['least'][half]['mean']:.1f} %, trained on "
        f"{100 * held['trained'][half]['mean']:.1f} (all {100 * held['least'][0]['mean']:.1f});\n"
        f"none {100 * held['trained'][none]['mean']:.1f} % with "
        f"{100 * held['stored'][none] / held['stored'][0]:.0f} % of the parameters"
    )


def verdict_panel(ax: Any, numbers: dict[str, Any]) -> None:
    """What pays: a table."""
    ax.axis("off")
    columns, rows = [f"{100 * s:.0f} %" for s in numbers["sparsities"]], list(LOOKS)
    cells, colours = [], []
    for form in rows:
        line, tints = [], []
        for sparsity in numbers["sparsities"]:
            here = next(v for v in numbers["verdicts"] if (v["form"], v["sparsity"]) == (form, sparsity))
            line.append(f"{-100 * here['lost']:+.1f}\n×{here['faster_1']:.2g}, ×{here['faster_256']:.2g}")
            both = here["pays_1"] + here["pays_256"]
            tints.append(("#ffffff", "#cfe8f7", "#8fcdee")[both])
        cells.append(line)
        colours.append(tints)
    table = ax.table(
        cells, cellColours=colours, rowLabels=[LOOKS[f][0] for f in rows], colLabels=columns, loc="center",
        cellLoc="center", bbox=(0.3, 0.0, 0.7, 0.92),
    )  # fmt: skip
    table.auto_set_font_size(False)
    table.set_fontsize(8.5)
    ax.set_title(
        f"Points lost ({numbers['judged']}, 1×), speed at batch 1 and 256.\n"
        "Blue: pays at one of them; darker: at both"
    )


def sentence(verdicts: list[dict[str, Any]]) -> str:
    """Which structure pays, and where."""
    said = []
    for form, (label, _, _) in LOOKS.items():
        good = [v["sparsity"] for v in verdicts if v["form"] == form and (v["pays_1"] or v["pays_256"])]
        said.append(f"{label} " + (", ".join(f"{100 * s:.0f}" for s in good) + " %" if good else "never"))
    return "It pays: " + "; ".join(said) + "."


def draw(numbers: dict[str, Any]) -> Figure:
    """Accuracy for each task, heads, times, verdicts."""
    fig, axes = figure(2, 3, size=(16, 9.6))
    tasks = numbers["tasks"]
    accuracy_panel(axes[0, 0], tasks["digits"], "Digits")
    axes[0, 0].legend(loc="upper right", fontsize=8)
    if "mnist" in tasks:
        accuracy_panel(axes[0, 1], tasks["mnist"], "MNIST")
    else:
        axes[0, 1].axis("off")
        axes[0, 1].text(0.5, 0.5, "MNIST: not run", ha="center", color=COLOURS["grey"])
    heads_panel(axes[0, 2], numbers["heads"])
    time_panel(axes[1, 0], numbers, 1)
    axes[1, 0].legend(loc="upper left", fontsize=9)
    time_panel(axes[1, 1], numbers, 256)
    verdict_panel(axes[1, 2], numbers)
    seeds = ", ".join(f"{held['seeds']} ({name})" for name, held in tasks.items())
    fig.supxlabel(
        f"Bars and bands above: 95 % of the mean over seeds, {seeds}. Solid: fine-tuned as long as trained (1×); thin "
        "dashes: five times as long.\nTimes: LeNet-300-100, one thread of this machine, paired medians with quartiles. "
        f"Pays: faster in three of four pairs and at most {100 * numbers['tolerated']:.0f} point lost.\n"
        + sentence(numbers["verdicts"]),
        fontsize=10, color="#444444",
    )  # fmt: skip
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
