"""Is ternary sparse, and what do additions alone buy?

A weight of −1, 0 or +1 (BitNet b1.58) is zero where its magnitude is below half the mean. Top left: that share, by law
for weights of three distributions (drawn: marks), and measured in trained perceptrons (rounded after training, or
trained ternary) and in SmolLM2's projections where they were fetched. Top right: what a weight then costs in bits by
format: two bit planes, five weights in a byte, a bit map with signs, a list of two-byte places.

Bottom left: test accuracy of perceptrons (64, 300, 100, 10) on scikit-learn's digits, and (784, 300, 100, 10) on MNIST
where it was fetched, with the same training: dense, ternary after training, and trained ternary (straight through;
weights alone, or activations of 8 bits as well). Means and Student's 95 % intervals over seeds (split, weights, order).

Bottom right: the time of a product of 8-bit activations and ternary weights by the planes, exact in int32, beside
NumPy's integers, a compiled loop of multiplications, and float32 BLAS: medians of the ratios of paired, interleaved
rounds; above 1 the planes are faster. With floats in and out the planes also round the activations and scale the sums.

Caveats. Small networks and tasks; Ma et al. 2024 report no loss from 3 billion weights on. Times are those of the
machine that drew the figure, and only ratios of one moment. Weights stay real while they are learnt: ternary training
costs what dense training costs.
"""

from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hdspike import datasets
from hdspike.contestants.kept import Kept
from hdspike.models import Llama
from hdspike.plot.style import COLOURS, figure, note
from hdspike.sparsity.projections import KINDS, weights_of
from hdspike.sparsity.quantised import quantised
from hdspike.sparsity.task import Task, digits, mnist
from hdspike.sparsity.ternary import TernaryLinear, ternary, ternary_perceptron
from hdspike.sparsity.ternary_law import FORMATS, WEIGHTS, entropy, even_density, stored_bits, zeros
from hdspike.sparsity.ternary_race import OURS, RIVALS, WHOLE, race
from hdspike.sparsity.timing import paired
from hdspike.sparsity.training import Network, perceptron, train
from hdspike.workloads.counting import mean_of

VERSION = 1
HIDDEN = (300, 100)
SETTINGS = {"digits": (8, 20, 64), "mnist": (3, 3, 100)}  # seeds, epochs, batch
SIZES, BATCHES, ROUNDS = ((768, 768), (768, 3072), (4096, 4096)), (1, 64), 9
WAYS = {
    "dense": ("dense", "black"),
    "rounded": ("ternary after training", "vermilion"),
    "ternary": ("trained ternary", "blue"),
    "ternary, int8": ("trained ternary, 8-bit activations", "sky"),
}


def made_ternary(network: Network) -> Network:
    """A perceptron's weights rounded to ternary, one scale for each layer, nothing trained."""
    widths = [len(network.linear[0].weights), *(layer.weights.shape[1] for layer in network.linear)]
    made = ternary_perceptron(widths, rounds_activations=False, rng=0)
    for layer, old in zip(made.linear, network.linear, strict=True):
        for name, values in old.parameters.items():
            layer.parameters[name][...] = values
    return made


def share_of_zeros(network: Network) -> list[float]:
    """Of each layer."""
    return [layer.zeros() for layer in network.linear if isinstance(layer, TernaryLinear)]


def learned(task: Task, seed: int, epochs: int, batch: int) -> dict[str, Any]:
    """Every way on one split from one seed: accuracy, zeros of each layer, bytes, additions, seconds."""
    widths = (task.inputs, *HIDDEN, 10)
    out: dict[str, Any] = {}

    def note_down(way: str, network: Network, seconds: float, flops: float) -> None:
        cost = network.cost()
        out[way] = {
            "accuracy": network.accuracy(task.test_x, task.test_y), "bytes": cost.stored_bytes, "macs": cost.macs,
            "zeros": share_of_zeros(network), "seconds": seconds, "flops": flops,
            "additions": sum(one.additions() for one in network.linear if isinstance(one, TernaryLinear)),
        }  # fmt: skip

    dense = perceptron(widths, rng=seed)
    made = {
        "dense": dense,
        "ternary": ternary_perceptron(widths, rounds_activations=False, rng=seed),
        "ternary, int8": ternary_perceptron(widths, rng=seed),
    }
    for way, network in made.items():
        took = train(network, task.train_x, task.train_y, epochs=epochs, batch=batch, rng=seed)
        note_down(way, network, took.seconds, took.flops)
    note_down("rounded", made_ternary(dense), 0.0, 0.0)
    note_down("int8", quantised(dense, 8), 0.0, 0.0)
    return out


def networks(quick: bool, seed: int, kept: Kept) -> dict[str, Any]:
    """Task → way → means with intervals over the seeds; the differences to dense are paired."""
    out: dict[str, Any] = {}
    for name, (seeds, epochs, batch) in SETTINGS.items():
        if quick and name != "digits":
            continue
        if quick:
            seeds, epochs = 2, 6
        with suppress(datasets.Absent):
            runs = []
            for one in range(seed, seed + seeds):
                task = digits(rng=one) if name == "digits" else mnist()
                key = {"sim": "ternary", "task": name, "seed": one, "epochs": epochs, "batch": batch}
                runs.append(kept(key, partial(learned, task, one, epochs, batch)))
            out[name] = {"seeds": seeds, "epochs": epochs, "ways": summary(runs)}
    return out


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Each way over its runs."""
    dense = np.array([run["dense"]["accuracy"] for run in runs])
    out = {}
    for way in runs[0]:
        accuracy = np.array([run[way]["accuracy"] for run in runs])
        out[way] = {
            "accuracy": mean_of(accuracy), "loss": mean_of(dense - accuracy),
            **{name: float(np.mean([run[way][name] for run in runs])) for name in ("bytes", "macs", "additions")},
            "seconds": float(np.median([run[way]["seconds"] / max(run["dense"]["seconds"], 1e-9) for run in runs])),
            "zeros": [mean_of(layer) for layer in zip(*(run[way]["zeros"] for run in runs), strict=True)],
        }  # fmt: skip
    return out


def drawn(quick: bool, seed: int) -> dict[str, Any]:
    """The share of zeros of weights drawn from each distribution, and its law."""
    rng, count, times = np.random.default_rng(seed), 20_000 if quick else 200_000, 10
    makers: dict[str, Any] = {
        "gaussian": lambda n: rng.normal(0, 0.02, n),
        "laplace": lambda n: rng.laplace(0, 3, n),
        "uniform": lambda n: rng.uniform(-5, 5, n),
    }
    return {
        name: {
            "law": zeros(name),
            "drawn": mean_of(
                [float((ternary(makers[name](count)[None])[0] == 0).mean()) for _ in range(times)]
            ),
        }
        for name in WEIGHTS
    }


def projections() -> dict[str, list[float]]:
    """Kind → the share of zeros that the rule makes of that projection in each block of SmolLM2."""
    folder = datasets.path("smollm2")
    model = Llama(next(path for path in folder.iterdir() if path.suffix == ".gguf"))
    return {
        kind: [
            float((ternary(weights_of(model, layer, kind))[0] == 0).mean())
            for layer in range(len(model.blocks))
        ]
        for kind in KINDS
    }


def times(quick: bool, seed: int) -> list[dict[str, Any]]:
    """Each rival's time over that of the planes, by size and batch."""
    out = []
    for n_in, n_out in SIZES[: 1 if quick else None]:
        for batch in BATCHES[: 1 if quick else None]:
            run = race(n_in, n_out, batch, rng=seed)
            found = paired(
                {name: one.call for name, one in run.contenders.items()}, rounds=3 if quick else ROUNDS
            )
            ratios = {}
            for name in RIVALS:
                scale = run.contenders[name].scale
                ratios[name] = {k: found[name][k] * scale for k in ("ratio", "low", "high")}
            whole = found["float32 BLAS"]["seconds"] / found[WHOLE]["seconds"]
            out.append(
                {
                    "n_in": n_in, "n_out": n_out, "batch": batch, "seconds": found[OURS]["seconds"], "ratios": ratios,
                    "floats": whole, "gmacs": run.work.macs / found[OURS]["seconds"] / 1e9, **run.work._asdict(),
                }
            )  # fmt: skip
    return out


def simulate(*, quick: bool = False, seed: int = 0) -> dict[str, Any]:
    """Zeros by law and by measurement, bits by format, accuracies of trained networks, times."""
    kept = Kept(None) if quick else Kept.here("sparsity", VERSION)
    found: dict[str, Any] = {}
    if not quick:
        with suppress(datasets.Absent):
            found = kept({"sim": "ternary", "zeros of": "smollm2"}, projections)
    axis = np.linspace(0, 1, 101)
    return {
        "drawn": drawn(quick, seed),
        "networks": networks(quick, seed, kept),
        "projections": {kind: mean_of(shares) | {"layers": shares} for kind, shares in found.items()},
        "formats": {"zero": axis, **{f: [stored_bits(z)[f] for z in axis] for f in FORMATS}},
        "gaussian_bits": stored_bits(zeros("gaussian")),
        "entropy": entropy(zeros("gaussian")),
        "even_density": even_density(),
        "times": times(quick, seed),
    }


def zeros_panel(ax: Any, numbers: dict[str, Any]) -> None:
    """Shares of zeros: law and drawn, trained layers, a real model's projections."""
    rows: list[tuple[str, float, float, str]] = []
    for name, entry in numbers["drawn"].items():
        rows.append((name, entry["drawn"]["mean"], entry["drawn"]["half"], "black"))
    for task, entry in numbers["networks"].items():
        for way, title in (("rounded", "rounded"), ("ternary", "trained")):
            for number, layer in enumerate(entry["ways"][way]["zeros"], 1):
                rows.append((f"{task}, {title}, layer {number}", layer["mean"], layer["half"], WAYS[way][1]))
    for kind, entry in numbers["projections"].items():
        rows.append((f"SmolLM2 {kind}", entry["mean"], entry["half"], "green"))
    places = np.arange(len(rows))[::-1]
    for place, (_, mean, half, colour) in zip(places, rows, strict=True):
        ax.errorbar(mean, place, xerr=half, fmt="o", color=COLOURS[colour], ms=5, capsize=2)
    for entry, place in zip(numbers["drawn"].values(), places, strict=False):
        ax.plot([entry["law"]] * 2, [place - 0.4, place + 0.4], color=COLOURS["grey"], lw=2)
    law = numbers["drawn"]["gaussian"]["law"]
    ax.axvline(law, color=COLOURS["grey"], ls=":", lw=1.2)
    ax.set_yticks(places, [row[0] for row in rows], fontsize=8.5)
    ax.set_xlim(0, 0.6)
    ax.set_xlabel("share of zeros (grey: law; dotted: Gaussian)")
    ax.set_ylabel("weights")
    ax.set_title(f"Ternary is not sparse: {law:.1%} of Gaussian weights are zero")


def formats_panel(ax: Any, numbers: dict[str, Any]) -> None:
    """Bits a weight over the share of zeros."""
    entry = numbers["formats"]
    looks = dict(zip(FORMATS, ("blue", "sky", "green", "vermilion", "black"), strict=True))
    for name, colour in looks.items():
        label = "entropy (no format is shorter)" if name == "entropy" else name
        ax.plot(
            entry["zero"],
            entry[name],
            color=COLOURS[colour],
            ls="--" if name == "entropy" else "-",
            label=label,
        )
    law = numbers["drawn"]["gaussian"]["law"]
    ax.axvline(law, color=COLOURS["grey"], ls=":", lw=1.2)
    ax.axvline(1 - numbers["even_density"], color=COLOURS["vermilion"], ls=":", lw=1.2)
    ax.set_ylim(0, 6)
    ax.set_xlim(0, 1)
    ax.set_xlabel("share of zeros (dotted: Gaussian; where a list is as short as two planes)")
    ax.set_ylabel("bits a weight")
    bits = numbers["gaussian_bits"]
    ax.set_title(
        f"There a weight holds {bits['entropy']:.2f} bits; a list of places takes {bits['list of places']:.1f},\n"
        f"and pays against two planes only from {1 - numbers['even_density']:.0%} zeros on"
    )
    ax.legend(loc="upper left")


def accuracy_panel(ax: Any, numbers: dict[str, Any]) -> None:
    """Test accuracies by way and task."""
    tasks = list(numbers["networks"])
    for shift, (way, (label, colour)) in enumerate(WAYS.items()):
        for place, task in enumerate(tasks):
            entry = numbers["networks"][task]["ways"][way]["accuracy"]
            ax.errorbar(
                place + 0.18 * (shift - 1.5), 100 * entry["mean"], yerr=100 * entry["half"], fmt="o",
                color=COLOURS[colour], capsize=3, label=label if not place else None,
            )  # fmt: skip
    ax.set_xticks(range(len(tasks)), [f"{t}, {numbers['networks'][t]['seeds']} seeds" for t in tasks])
    ax.set_xlim(-0.5, len(tasks) + 0.6)
    ax.set_xlabel("task")
    ax.set_ylabel("test accuracy (%)")
    ways = numbers["networks"]["digits"]["ways"]
    smaller = ways["dense"]["bytes"] / ways["ternary"]["bytes"]
    lost, rounded = ways["ternary, int8"]["loss"], 100 * ways["rounded"]["loss"]["mean"]
    word = "loses" if lost["mean"] > lost["half"] else "does not measurably lose"
    ax.set_title(
        f"Digits: trained ternary {word} {100 * lost['mean']:.1f} ± {100 * lost['half']:.1f} points\n"
        f"in {smaller:.0f}× fewer bytes; rounded after training it loses {rounded:.1f}"
    )
    ax.set_ylim(max(ax.get_ylim()[0], 50), 100.5)
    ax.legend(loc="center right", fontsize=9)


def times_over(ratios: list[float]) -> str:
    """The least and the largest ratio in words."""
    low, high = (f"{r:.0f}" if r >= 10 else f"{r:.1f}" for r in (min(ratios), max(ratios)))
    return f"{low}×" if low == high else f"{low} to {high}×"


def times_panel(ax: Any, numbers: dict[str, Any]) -> None:
    """Ratios of times, by size."""
    rows = numbers["times"]
    looks = {
        "NumPy int8": "purple",
        "NumPy int32": "green",
        "compiled int8": "orange",
        "float32 BLAS": "vermilion",
    }
    for shift, (name, colour) in enumerate(looks.items()):
        x = np.arange(len(rows)) + 0.17 * (shift - 2)
        y = np.array([row["ratios"][name]["ratio"] for row in rows])
        spread = [
            np.maximum([v - row["ratios"][name]["low"] for v, row in zip(y, rows, strict=True)], 0),
            np.maximum([row["ratios"][name]["high"] - v for v, row in zip(y, rows, strict=True)], 0),
        ]
        ax.errorbar(x, y, yerr=spread, fmt="o", color=COLOURS[colour], capsize=2, label=f"{name} ÷ planes")
    x = np.arange(len(rows)) + 0.34
    ax.plot(
        x,
        [row["floats"] for row in rows],
        "x",
        color=COLOURS["vermilion"],
        label="the same, floats in and out",
    )
    ax.axhline(1, color=COLOURS["black"], lw=1)
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    ax.set_ylim(min(low, 0.4), high * 6)
    ax.set_xticks(
        range(len(rows)), [f"{r['n_in']} × {r['n_out']}\nbatch {r['batch']}" for r in rows], fontsize=8.5
    )
    ax.set_xlabel("weights, and samples at a time")
    ax.set_ylabel("rival's time ÷ that of the bit planes")
    int8 = [row["ratios"]["NumPy int8"]["ratio"] for row in rows]
    blas = [row["ratios"]["float32 BLAS"]["ratio"] for row in rows]
    whole = [row["floats"] for row in rows]
    faster = "Yes" if min(int8) > 1 else "No" if max(int8) < 1 else "Not everywhere"
    ax.set_title(
        f"Faster than NumPy's dense int8? {faster}, {times_over(int8)};\n"
        f"{'faster' if min(blas) > 1 else 'not everywhere faster'} than float32 BLAS, {times_over(blas)} "
        f"({times_over(whole)} with the rounding)"
    )
    ax.legend(loc="upper left", ncols=2, fontsize=8.5)


def draw(numbers: dict[str, Any]) -> Figure:
    """Zeros, bits, accuracy, time."""
    fig, axes = figure(2, 2, size=(13.5, 11))
    panels = (zeros_panel, formats_panel, accuracy_panel, times_panel)
    for panel, ax in zip(panels, axes.ravel(), strict=True):
        panel(ax, numbers)
    way = numbers["networks"]["digits"]["ways"]["ternary, int8"]
    note(
        fig,
        f"A sample of the digits' network: {way['additions']:,.0f} additions (weights that are not zero) in place of "
        f"{way['macs']:,.0f} multiplications with an addition. Its training took {way['seconds']:.2f} × as long.\n"
        "Intervals: Student's 95 % over seeds (SmolLM2: over blocks); times: median and quartiles of paired rounds. "
        "Means of draws and of layers; laws of weights drawn independently.",
    )
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
