"""Can a network be trained sparse from the beginning, and what does it save?

Five ways to a network with 80 … 98 % zeros, beside the dense one (64-300-100-10 on digits; LeNet-300-100 on MNIST when
it is fetched; ReLU, Adam, the same split and order of samples for one seed): a *static* random mask; *SET*, which moves
its weakest connections at random; *RigL*, which moves them to where the gradient is largest; *SRigL*, RigL with as many
weights for every neuron; and *gradual* magnitude pruning, which begins dense. The others are sparse from the
first step (Erdős–Rényi densities). 1×: 20 epochs on digits, 3 on MNIST; 5×: five times as many. RigL's ΔT is 100 steps;
an epoch of digits has 22, so ΔT = 20 there (16 moves in 1×). Between ΔT = 5 and 20 accuracy hardly differed.

FLOPs by RigL's convention: 2 for a product, backward twice forward, a dense gradient where connections move; the FLOPs
are those of a machine that skips every zero. The seconds of training were those of dense products under a mask: none
was saved. Seconds of inference are measured, on networks at their start, in turn, by the programs that fit their form:
BLAS for all; scipy's CSR for any zeros; the gather of constant fan-in for SRigL.

RigL's paper, ResNet-50 on ImageNet: dense 76.8; RigL at 80 %: 75.12 at 1×, 77.17 at 5×, for 2.09 × the dense training
FLOPs. Matching dense costs more training; whether it also costs more FLOPs than dense is read off below.

Caveats. Small tasks and layers: inputs of 64 and 784 leave few weights for a neuron at 98 %, and the learning rate
(1e-3 for all) favours networks that need few steps. The time of one sample is mostly the time to call NumPy.
Bars: 95 % of the mean over seeds, Student's t.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hdspike.contestants.kept import Kept
from hdspike.datasets import Absent
from hdspike.plot.style import COLOURS, figure
from hdspike.sparsity.budgets import interval
from hdspike.sparsity.programs import condensed, programs
from hdspike.sparsity.pruning import GradualMagnitude
from hdspike.sparsity.rigl import RigL
from hdspike.sparsity.srigl import SRigL
from hdspike.sparsity.task import Task, task
from hdspike.sparsity.timing import paired
from hdspike.sparsity.training import Network, Rule, perceptron, train

VERSION = 2
HIDDEN = (300, 100)
SPARSITIES = (0.8, 0.9, 0.95, 0.98)
SETTINGS = {
    "digits": {"epochs": 20, "batch": 64, "every": 20},
    "mnist": {"epochs": 3, "batch": 100, "every": 100},
}
FORMS = {
    "static": ("static random mask", COLOURS["grey"], "v"),
    "SET": ("SET: moved at random", COLOURS["orange"], "^"),
    "RigL": ("RigL: moved by gradient", COLOURS["blue"], "o"),
    "SRigL": ("SRigL: constant fan-in", COLOURS["green"], "s"),
    "gradual": ("dense to sparse, gradual magnitude", COLOURS["purple"], "D"),
}
PAPER = {"dense": 76.8, "1": 75.12, "5": 77.17, "flops": 2.09}
Point = dict[str, Any]


@lru_cache(maxsize=8)
def held(name: str, seed: int) -> Task:
    """A task is read once."""
    return task(name, rng=seed)


def data_of(name: str, seed: int) -> Task:
    """Digits are split anew for every seed; MNIST is as it is."""
    return held(name, seed if name == "digits" else 0)


def rule_of(form: str, sparsity: float, every: int, seed: int) -> Rule | None:
    """What changes the connections; its draws are not those of the network."""
    made: dict[str, Callable[[], Rule | None]] = {
        "dense": lambda: None,
        "static": lambda: RigL(sparsity, grow="nothing", rng=1_000 + seed),
        "SET": lambda: RigL(sparsity, grow="random", every=every, rng=1_000 + seed),
        "RigL": lambda: RigL(sparsity, every=every, rng=1_000 + seed),
        "SRigL": lambda: SRigL(sparsity, every=every, rng=1_000 + seed),
        "gradual": lambda: GradualMagnitude(sparsity),
    }
    return made[form]()


def inference(networks: dict[str, Network], x: Any, rounds: int) -> Point:
    """Seconds of a batch: the dense network by BLAS, the others by every program that fits, all in turn."""
    calls: dict[str, Callable[[], Any]] = {"dense BLAS": partial(networks["dense"].forward, x)}
    for form, network in networks.items():
        if form == "dense":
            continue
        expected = network.forward(x)
        for name, program in programs(network).items():
            if np.abs(program(x) - expected).max() > 1e-3:
                raise RuntimeError(f"{form} by {name} must compute what the network does")
            calls[f"{form} {name}"] = partial(program, x)
    return dict(paired(calls, rounds=rounds))


def trained(name: str, form: str, sparsity: float, times: int, seed: int, epochs: int, every: int) -> Point:
    """What one network came to."""
    setting, data = SETTINGS[name], data_of(name, seed)
    network = perceptron((data.inputs, *HIDDEN, 10), rng=seed)
    took = train(
        network, data.train_x, data.train_y, epochs=epochs * times, batch=setting["batch"],
        rule=rule_of(form, sparsity, every, seed), rng=seed,
    )  # fmt: skip
    cost = condensed(network).cost() if form == "SRigL" else network.cost()
    weights = sum(layer.weights.size for layer in network.linear)
    return {
        "accuracy": network.accuracy(data.test_x, data.test_y),
        "flops": took.flops,
        "bytes": cost.stored_bytes,
        "zeros": 1 - cost.macs / weights,
        "alive": [int(layer.weights.any(axis=0).sum()) for layer in network.linear],
    }


def at_start(inputs: int, form: str, sparsity: float, seed: int) -> Network:
    """A network before its training, with its masks."""
    network = perceptron((inputs, *HIDDEN, 10), rng=seed)
    rule = rule_of(form, sparsity, 1, seed)
    if rule is not None:
        rule.begin(network, 1)
    return network


def summary(points: list[Point]) -> Point:
    """Means over seeds, and the interval of the accuracy."""
    mean, low, high = interval([p["accuracy"] for p in points])
    out: Point = {"accuracy": mean, "low": low, "high": high, "each": [p["accuracy"] for p in points]}
    for name in ("flops", "bytes", "zeros"):
        out[name] = float(np.mean([p[name] for p in points]))
    out["alive"] = np.mean([p["alive"] for p in points], axis=0).tolist()
    return out


def plan(name: str, quick: bool) -> list[tuple[str, float, int, int]]:
    """(form, sparsity, times the training, seeds) of every point."""
    if quick:
        return [(f, s, 1, 2) for f in ("dense", *FORMS) for s in ((0.9, 0.98) if f != "dense" else (0.0,))]
    if name == "digits":
        out = [("dense", 0.0, times, 8) for times in (1, 5)]
        out += [(form, s, 1, 8) for form in FORMS for s in SPARSITIES]
        return out + [(form, s, 5, 8) for form in FORMS if form != "SET" for s in SPARSITIES]
    out = [("dense", 0.0, 1, 3), ("dense", 0.0, 5, 2)]
    out += [(form, s, 1, 3) for form in FORMS if form != "SET" for s in (0.9, 0.98)]
    return out + [("RigL", s, 5, 2) for s in (0.9, 0.98)]


def of_task(name: str, kept: Kept, *, quick: bool, seed: int) -> Point:
    """All points of a task, and the seconds of inference of its networks of one seed."""
    epochs, every = (1, 5) if quick else (SETTINGS[name]["epochs"], SETTINGS[name]["every"])
    points: list[Point] = []
    for form, sparsity, times, seeds in plan(name, quick):
        found = []
        for number in range(seed, seed + seeds):
            key = {
                "task": name,
                "form": form,
                "sparsity": sparsity,
                "times": times,
                "seed": number,
                "epochs": epochs,
            }
            work = partial(trained, name, form, sparsity, times, number, epochs, every)
            found.append(kept(key, work))
        points.append({"form": form, "sparsity": sparsity, "times": times, "seeds": seeds, **summary(found)})
    data, seconds = data_of(name, seed), []
    for sparsity in (0.9, 0.98) if quick else SPARSITIES:
        networks = {form: at_start(data.inputs, form, sparsity, seed) for form in ("dense", "RigL", "SRigL")}
        for batch in (1, 256):
            by = inference(networks, data.test_x[:batch], 3 if quick else 21)
            seconds.append({"sparsity": sparsity, "batch": batch, "by": by})
    return {"points": points, "seconds": seconds, "inputs": data.inputs}


def simulate(*, quick: bool, seed: int) -> Point:
    """Accuracy, FLOPs, bytes and seconds of every form, on digits and, where there is, MNIST."""
    kept = Kept(None) if quick else Kept.here("sparsity", VERSION)
    tasks = {"digits": of_task("digits", kept, quick=quick, seed=seed)}
    if not quick:
        with suppress(Absent):
            tasks["mnist"] = of_task("mnist", kept, quick=quick, seed=seed)
    return {
        "question": "Can a network be trained sparse from the beginning, and what does it save?",
        "quick": quick,
        "tasks": tasks,
        "paper": PAPER,
    }


def points_of(found: Point, form: str, times: int) -> list[Point]:
    """One form at one length of training, by sparsity."""
    some = [p for p in found["points"] if p["form"] == form and p["times"] == times]
    return sorted(some, key=lambda p: p["sparsity"])


def as_good_as_dense(found: Point, form: str, times: int) -> list[float]:
    """The sparsities, from the least on, at which the mean difference to dense, paired by seeds, may be zero."""
    dense, out = points_of(found, "dense", times)[0]["each"], []
    for p in points_of(found, form, times):
        if interval(np.subtract(p["each"], dense[: len(p["each"])])).high < 0:
            break
        out.append(p["sparsity"])
    return out


def found_seeds(found: Point, form: str, times: int) -> int:
    """How few seeds a claim about this form rests on: few show little."""
    return min(p["seeds"] for p in points_of(found, form, times))


def places(sparsities: Any) -> list[float]:
    """Sparsity by the logarithm of what is left, growing to the right."""
    return [-float(np.log10(1 - s)) for s in sparsities]


def plain_log(ax: Any, ticks: list[float]) -> None:
    """A logarithmic axis whose numbers can be read."""
    ax.set_xscale("log")
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()


def accuracy_panel(ax: Any, found: Point, name: str, times: int) -> None:
    """Accuracy against sparsity."""
    (dense,) = points_of(found, "dense", times)
    ax.axhline(dense["accuracy"], color=COLOURS["black"], label="dense")
    ax.axhspan(dense["low"], dense["high"], color=COLOURS["black"], alpha=0.12, lw=0)
    levels: set[float] = set()
    for place, (form, (label, colour, mark)) in enumerate(FORMS.items()):
        some = points_of(found, form, times)
        if some:
            levels |= {p["sparsity"] for p in some}
            y = [p["accuracy"] for p in some]
            spans = [[p["accuracy"] - p["low"] for p in some], [p["high"] - p["accuracy"] for p in some]]
            x = np.array(places(p["sparsity"] for p in some)) + 0.012 * (place - 2)
            ax.errorbar(x, y, yerr=spans, fmt=mark + "-", ms=5, color=colour, capsize=2, label=label)
    ax.set_xticks(places(sorted(levels)), [f"{100 * s:.0f} %" for s in sorted(levels)])
    ax.set_xlabel("zeros among the weights")
    ax.set_ylabel(f"test accuracy, {name}")
    as_good = as_good_as_dense(found, "RigL", times)
    said = (
        f"not surely below dense up to {100 * as_good[-1]:.0f} %"
        if as_good
        else "below dense at all of these"
    )
    said += f" ({found_seeds(found, 'RigL', times)} seeds)"
    ax.set_title(f"{name}, {times}× training:\nRigL {said}", fontsize=11)


def flops_panel(ax: Any, found: Point, name: str) -> None:
    """Accuracy against FLOPs of training, of 1× and 5×."""
    unit = points_of(found, "dense", 1)[0]["flops"]
    for form, (_, colour, mark) in FORMS.items():
        for times, fill in ((1, "white"), (5, colour)):
            some = points_of(found, form, times)
            if some:
                x, y = [p["flops"] / unit for p in some], [p["accuracy"] for p in some]
                ax.plot(x, y, mark + "-", ms=5, color=colour, mfc=fill, lw=1.2)
    for times, fill in ((1, "white"), (5, COLOURS["black"])):
        for p in points_of(found, "dense", times):
            ax.plot(p["flops"] / unit, p["accuracy"], "*", ms=14, color=COLOURS["black"], mfc=fill)
    plain_log(ax, [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5])
    ax.set_xlabel("FLOPs of training ÷ those of dense at 1×, if zeros are skipped")
    ax.set_ylabel(f"test accuracy, {name}")
    dense = points_of(found, "dense", 1)[0]
    good = [
        (p["flops"] / unit, p)
        for times in (1, 5)
        for form in ("RigL", "SRigL", "static", "SET")
        for p in points_of(found, form, times)
        if p["accuracy"] >= dense["accuracy"]
    ]
    cheap = min(good, key=lambda pair: pair[0], default=None)
    said = (
        f"mean not below dense at 1×, sparse from the start, for {cheap[0]:.2f} ×\nits FLOPs: {cheap[1]['form']}, "
        f"{100 * cheap[1]['sparsity']:.0f} % zeros, {cheap[1]['times']}×"
        if cheap
        else "the mean of none that was sparse from\nthe start reaches that of dense at 1×"
    )
    ax.set_title(f"Hollow 1×, filled 5×, stars dense;\n{said}", fontsize=10.5)


def bytes_panel(ax: Any, found: Point, name: str) -> None:
    """Accuracy against bytes, in each form's own format."""
    times = 5 if points_of(found, "RigL", 5) and points_of(found, "SRigL", 5) else 1
    (dense,) = points_of(found, "dense", times)
    for form, (_, colour, mark) in FORMS.items():
        some = points_of(found, form, times)
        ax.plot(
            [p["bytes"] / 1e3 for p in some], [p["accuracy"] for p in some], mark + "-", ms=5, color=colour
        )
    ax.plot(dense["bytes"] / 1e3, dense["accuracy"], "*", ms=14, color=COLOURS["black"])
    plain_log(ax, [5, 10, 20, 50, 100, 200])
    ax.set_xlabel("stored, kilobytes (indices or bit map included)")
    ax.set_ylabel(f"test accuracy, {name}")
    least = points_of(found, "RigL", times)[0]
    ax.set_title(
        f"Bytes after {times}× training: {100 * least['sparsity']:.0f} % zeros save "
        f"{100 * (1 - least['bytes'] / dense['bytes']):.0f} %\nof the bytes: places have to be stored too",
        fontsize=11,
    )


def seconds_panel(ax: Any, found: Point) -> None:
    """Seconds of inference relative to the dense network, by program."""
    looks = {
        "RigL BLAS": ("any mask, BLAS", COLOURS["grey"], "v"),
        "RigL CSR": ("any mask, scipy CSR", COLOURS["blue"], "o"),
        "SRigL constant fan-in": ("constant fan-in, gather", COLOURS["green"], "s"),
    }
    quickest = {}
    for batch, style in ((1, "--"), (256, "-")):
        rows = [row for row in found["seconds"] if row["batch"] == batch]
        x = places(row["sparsity"] for row in rows)
        for program, (label, colour, mark) in looks.items():
            y = [1 / row["by"][program]["ratio"] for row in rows]
            ax.plot(
                x, y, mark + style, ms=5, color=colour, mfc=colour if batch == 256 else "white",
                label=label if batch == 256 else None,
            )  # fmt: skip
            quickest[program, batch] = dict(zip([row["sparsity"] for row in rows], y, strict=True))
        ax.set_xticks(x, [f"{100 * row['sparsity']:.0f} %" for row in rows])
    ax.axhline(1, color=COLOURS["black"])
    ax.set_yscale("log")
    ticks = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20]
    ax.set_yticks(ticks, [f"{t:g}" for t in ticks])
    ax.set_xlabel("zeros among the weights")
    ax.set_ylabel("times faster than the dense network")
    wide = found["inputs"]
    even = quickest["SRigL constant fan-in", 256][0.9], quickest["RigL CSR", 256][0.9]
    ax.set_title(
        f"Measured inference, {wide}-300-100-10, at 90 % zeros and\nbatch 256: gather {even[0]:.1f} ×, "
        f"CSR {even[1]:.1f} × dense BLAS",
        fontsize=11,
    )
    ax.legend(fontsize=9, title="dashed, hollow: one sample; solid: batch of 256", alignment="left")


def worth_panel(ax: Any, found: Point, name: str) -> None:
    """Accuracy against the measured time of a sample, each form by its quickest program."""
    programs = {
        "RigL": ("RigL BLAS", "RigL CSR"),
        "SRigL": ("SRigL BLAS", "SRigL CSR", "SRigL constant fan-in"),
    }
    (dense,) = points_of(found, "dense", 1)
    won = []
    for batch, style in ((1, "--"), (256, "-")):
        by = {row["sparsity"]: row["by"] for row in found["seconds"] if row["batch"] == batch}
        unit = 1e6 * float(np.median([each["dense BLAS"]["seconds"] for each in by.values()])) / batch
        ax.plot(
            unit, dense["accuracy"], "*", ms=14, color=COLOURS["black"], mfc="white" if batch == 1 else None
        )
        for form, names in programs.items():
            _, colour, mark = FORMS[form]
            some = [p for p in points_of(found, form, 1) if p["sparsity"] in by]
            x = [unit * min(by[p["sparsity"]][n]["ratio"] for n in names) for p in some]
            y = [p["accuracy"] for p in some]
            ax.plot(x, y, mark + style, ms=6, color=colour, mfc="white" if batch == 1 else colour)
            won += [(batch, form, a / unit) for a, p in zip(x, some, strict=True) if p["sparsity"] == 0.9]
    ax.set_xscale("log")
    ax.set_xlabel("µs a sample (hollow: alone; filled: in a batch of 256)")
    ax.set_ylabel(f"test accuracy, {name}")
    words = {form: [f"{share:.2f}" for _, f, share in won if f == form] for form in programs}
    ax.set_title(
        f"1× training, stars dense; time at 90 % zeros ÷ dense's,\nalone and in a batch: RigL "
        f"{', '.join(words['RigL'])}; SRigL {', '.join(words['SRigL'])}",
        fontsize=10.5,
    )


def draw(numbers: Point) -> Figure:
    """Accuracy by sparsity at 1× and 5×, on the larger task, against FLOPs, bytes, and the seconds of inference."""
    tasks = numbers["tasks"]
    digits = tasks["digits"]
    large = "mnist" if "mnist" in tasks else "digits"
    both = bool(points_of(digits, "RigL", 5))
    fig, axes = figure(2, 4, size=(22.5, 10.4))
    panels = axes.ravel()
    accuracy_panel(panels[0], digits, "digits", 1)
    if both:
        accuracy_panel(panels[1], digits, "digits", 5)
    flops_panel(panels[2], digits, "digits")
    bytes_panel(panels[3], digits, "digits")
    if large == "mnist":
        accuracy_panel(panels[4], tasks["mnist"], "MNIST", 1)
        flops_panel(panels[5], tasks["mnist"], "MNIST")
    seconds_panel(panels[6], tasks[large])
    worth_panel(panels[7], tasks[large], "MNIST" if large == "mnist" else large)
    for ax in panels:
        ax.set_visible(bool(ax.lines))
    for ax in (panels[0], panels[1], panels[4]):
        if ax.lines:
            ax.legend(loc="lower left", fontsize=9)
    paper = numbers["paper"]
    seeds = max(p["seeds"] for p in digits["points"])
    fig.supxlabel(
        f"Means of {seeds} seeds on digits" + (", 2 or 3 on MNIST" if large == "mnist" else " (MNIST was not fetched)")
        + ", with 95 % intervals. FLOPs are counted as if every zero were skipped; training itself saved no time. "
        f"RigL's paper, ResNet-50, 80 % zeros:\ndense {paper['dense']}, RigL {paper['1']} at 1×, {paper['5']} at 5× "
        f"for {paper['flops']} × the dense FLOPs.",
        fontsize=10, color="#444444",
    )  # fmt: skip
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
