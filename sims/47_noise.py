"""What makes a network bear noise: sparse weights or sparse activations?

Ahmad and Scheinkman (2019) trained dense and sparse networks on clean digits and tested them on noisy ones: a share of
the pixels set to a bright value (`hdspike.sparsity.noise`). The sparse network, of sparse weights *and* k winners in
each layer, answered more of them. Here the two are told apart, on perceptrons that learn alike: the same optimiser,
epochs, batches and, in the ablation, widths. 30 % of the weights into hidden units exist, or all; 15 % of the units
win, boosted, or all that ReLU lets through. Then widths are changed so that weights are as many, and the dense network
may use what a dense network would: dropout, images whose mean was taken from them, noise in training.

The task is MNIST where it was fetched, and scikit-learn's digits beside it. A seed is a split (digits), initial
weights, masks, the order of training and the noise; forms are compared seed by seed. Error bars: Student's 95 %
interval over seeds. Noise scores are given as shares of all answers, to be compared: there are 110,000 in the paper.

Caveats. A perceptron is no convolutional network: their dense one reaches .993 on clean images and .882 of all noisy
answers, ours less. Training is short (3 epochs of MNIST, 20 of the digits). They let 1.5 times as many units win at
inference; that is drawn as one of the forms, all others keep k. Their networks differ in momentum, rate and epochs as
well as in sparsity: ours do not. The noise is of one kind, bright pixels.
"""

import textwrap
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hdspike import datasets
from hdspike.contestants.kept import Kept
from hdspike.plot.style import COLOURS, figure
from hdspike.sparsity.budgets import interval
from hdspike.sparsity.noise import LEVELS, PUBLISHED, Form, matched_widths, tried
from hdspike.sparsity.task import Task, task

VERSION = 1
DENSITY, SHARE = 0.3, 0.15
RUNS = {"digits": (20, 64, 8), "mnist": (3, 100, 3)}  # epochs, batch, seeds
QUICK = (2, 16, 2)
ABLATION = ("dense", "sparse weights", "sparse activations", "both")
LOOKS = {
    "dense": ("dense", "black"),
    "sparse weights": ("30 % of the weights", "vermilion"),
    "sparse activations": ("15 % winners", "blue"),
    "both": ("both", "green"),
    "both, as many weights": ("both, as many weights as dense", "green"),
    "dense, as few weights": ("dense, as few weights as both", "black"),
    "winners, no boost": ("15 % winners, not boosted", "blue"),
    "winners, 1.5 k": ("15 % winners, 1.5 k at inference", "blue"),
    "dense, dropout": ("dense, dropout ½", "black"),
    "dense, centred": ("dense, image mean removed", "black"),
    "winners, centred": ("15 % winners, image mean removed", "blue"),
    "dense, noise in training": ("dense, noise in training", "black"),
    "winners, noise in training": ("15 % winners, noise in training", "blue"),
}
DUTIES = ("dense", "winners, no boost", "sparse activations")


# --- measured -----------------------------------------------------------------------------------------


def forms(inputs: int) -> dict[str, Form]:
    """Every network that is tried, by name."""
    hidden = Form().hidden
    whole = inputs * hidden[0] + hidden[0] * hidden[1]
    out = 10 * hidden[1]
    wide = matched_widths(inputs, whole + out, DENSITY)
    narrow = matched_widths(inputs, round(DENSITY * whole) + out)
    return {
        "dense": Form(),
        "sparse weights": Form(density=DENSITY),
        "sparse activations": Form(share=SHARE),
        "both": Form(density=DENSITY, share=SHARE),
        "both, as many weights": Form(hidden=wide, density=DENSITY, share=SHARE),
        "dense, as few weights": Form(hidden=narrow),
        "winners, no boost": Form(share=SHARE, boost=0),
        "winners, 1.5 k": Form(share=SHARE, inference=1.5),
        "dense, dropout": Form(dropout=0.5),
        "dense, centred": Form(centred=True),
        "winners, centred": Form(share=SHARE, centred=True),
        "dense, noise in training": Form(augment=True),
        "winners, noise in training": Form(share=SHARE, augment=True),
    }


def mean(values: Any) -> dict[str, Any]:
    """The mean over seeds and Student's 95 % interval; None where one seed alone was tried."""
    found: dict[str, Any] = interval(values)._asdict()
    return found if len(values) > 1 else found | {"low": None, "high": None}


def effects(score: dict[str, NDArray[np.float64]]) -> dict[str, Any]:
    """Paired differences of noise scores: what each form adds to the dense network, and the two factors alone."""
    dense, weights, activations, both = (score[name] for name in ABLATION)
    out = {name: mean(values - dense) for name, values in score.items() if name != "dense"}
    rivals = [form for form in out if form.startswith("dense, ")]
    sparse = [
        form for form in out if form not in rivals and not form.endswith(("noise in training", "centred"))
    ]
    rival, best = (max(some, key=lambda form: float(out[form]["mean"])) for some in (rivals, sparse))
    return {
        "over dense": out,
        "best": {"dense": rival, "sparse": best},
        "best dense over best sparse": mean(score[rival] - score[best]),
        "winners over centred": mean(score["winners, centred"] - score["dense, centred"]),
        "winners over noise": mean(score["winners, noise in training"] - score["dense, noise in training"]),
        "weights": mean((weights - dense + both - activations) / 2),
        "activations": mean((activations - dense + both - weights) / 2),
        "together": mean(both - activations - weights + dense),
    }


def point_of(form: Form, given: Task, **how: int) -> dict[str, Any]:
    """One form, one seed, as plain numbers."""
    return asdict(tried(form, given, **how))


def studied(name: str, run: tuple[int, int, int], *, seed: int, kept: Kept) -> dict[str, Any]:
    """All forms on one task; ``run``: epochs, samples of a batch, seeds."""
    epochs, batch, seeds = run
    found: dict[str, list[dict[str, Any]]] = {}
    for number in range(seed, seed + seeds):
        given = task(name, rng=number)
        for form, what in forms(given.inputs).items():
            key = {"sim": "noise", "task": name, "seed": number, "epochs": epochs, "batch": batch} | asdict(
                what
            )
            point = kept(key, partial(point_of, what, given, epochs=epochs, batch=batch, rng=number))
            found.setdefault(form, []).append(point)
    rows, score = {}, {}
    for form, points in found.items():
        accuracy = np.array([np.divide(one["correct"], one["tested"]) for one in points])
        score[form] = accuracy.mean(axis=1)
        rows[form] = {
            "hidden": forms(given.inputs)[form].hidden,
            "weights": round(float(np.mean([one["weights"] for one in points]))),
            "active": round(float(np.mean([one["active"] for one in points]))),
            "test": mean(accuracy[:, 0]),
            "score": mean(score[form]),
            "by level": [mean(column) for column in accuracy.T],
            "zeros": np.mean([one["zeros"] for one in points], axis=0),
        }
        if form in DUTIES:
            rows[form]["duty"] = np.mean([one["duty"] for one in points], axis=0)
    return {
        "task": name,
        "seeds": seeds,
        "epochs": epochs,
        "tested": points[0]["tested"],
        "forms": rows,
        "effects": effects(score),
    }


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Digits always, MNIST where it was fetched."""
    kept = Kept(None) if quick else Kept.here("sparsity", VERSION)
    tasks = [studied("digits", QUICK if quick else RUNS["digits"], seed=seed, kept=kept)]
    if not quick:
        try:
            datasets.require("mnist")
            tasks.append(studied("mnist", RUNS["mnist"], seed=seed, kept=kept))
        except datasets.Absent:
            kept.say("mnist was not fetched: the figure shows the digits alone")
    numbers: dict[str, Any] = {
        "question": "What makes a network bear noise: sparse weights or sparse activations?",
        "levels": LEVELS,
        "density": DENSITY,
        "share": SHARE,
        "published": {
            name: {"test": a, "score": s / 110_000, "sd": d / 110_000}
            for name, (a, s, d) in PUBLISHED.items()
        },
        "tasks": tasks,
    }
    return numbers | {"words": [line for one in tasks for line in words(one)]}


# --- said ---------------------------------------------------------------------------------------------


def points_of(effect: dict[str, Any]) -> str:
    """A difference of noise scores in percentage points, with its interval."""
    said = f"{100 * effect['mean']:+.1f}"
    if effect["low"] is None:
        return f"{said} points"
    return f"{said} points ({100 * effect['low']:+.1f} to {100 * effect['high']:+.1f})"


def verdict(effect: dict[str, Any]) -> str:
    """ "more", "less" or "neither", by the whole interval."""
    if effect["low"] is None or effect["low"] <= 0 <= effect["high"]:
        return "neither"
    return "more" if effect["mean"] > 0 else "less"


AHEAD = {
    "more": "the dense rival is ahead",
    "less": "the sparse network is ahead",
    "neither": "which of them is ahead cannot be told",
}
SAID = {"more": "help", "less": "harm", "neither": "cannot be told from nothing"}


def words(one: dict[str, Any]) -> list[str]:
    """What a task says, computed."""
    found, over = one["effects"], one["effects"]["over dense"]
    name = {"mnist": "MNIST"}.get(one["task"], one["task"])
    said = [
        f"{name}: sparse activations {SAID[verdict(found['activations'])]} ({points_of(found['activations'])} of all "
        f"noisy answers), sparse weights {SAID[verdict(found['weights'])]} ({points_of(found['weights'])}), and the "
        f"two together add {points_of(found['together'])} to their sum."
    ]
    clean = one["forms"]["both"]["test"]["mean"] - one["forms"]["dense"]["test"]["mean"]
    said.append(f"{name}: on clean images both together change accuracy by {100 * clean:+.1f} points.")
    best, top = found["best"]["dense"], found["best"]["sparse"]
    ahead = AHEAD[verdict(found["best dense over best sparse"])]
    said.append(
        f"{name}: the best sparse network ({LOOKS[top][0]}) is {points_of(over[top])} from dense, the best dense rival "
        f"({LOOKS[best][0]}) {points_of(over[best])}: {ahead}."
    )
    besides = found["winners over centred"]
    trained = found["winners over noise"]
    said.append(
        f"{name}: where the image mean is removed, winners {SAID[verdict(besides)]} ({points_of(besides)}); where "
        f"there is noise in training, they {SAID[verdict(trained)]} ({points_of(trained)})."
    )
    return said


# --- drawn --------------------------------------------------------------------------------------------


def band(ax: Any, x: Any, rows: list[dict[str, Any]], colour: str, **look: Any) -> None:
    """Means in percent with their interval as a band."""
    ax.plot(x, [100 * row["mean"] for row in rows], color=colour, **look)
    if rows[0]["low"] is not None:
        low, high = ([100 * row[end] for row in rows] for end in ("low", "high"))
        ax.fill_between(x, low, high, color=colour, alpha=0.15, lw=0)


def level_panel(ax: Any, numbers: dict[str, Any], one: dict[str, Any]) -> None:
    x = [100 * level for level in numbers["levels"]]
    for form in ABLATION:
        label, colour = LOOKS[form]
        band(ax, x, one["forms"][form]["by level"], COLOURS[colour], label=label)
    others = {"dense, centred": "--", "dense, dropout": ":", "dense, noise in training": "-."}
    for form, style in others.items():
        band(ax, x, one["forms"][form]["by level"], COLOURS["grey"], label=LOOKS[form][0], ls=style)
    ax.set_ylim(0, 102)
    ax.set_xlabel("pixels set to a bright value (%)")
    ax.set_ylabel("test accuracy (%)")
    name = {"mnist": "MNIST"}.get(one["task"], one["task"])
    ax.set_title(f"{name}, {one['epochs']} epochs of training, {one['seeds']} seed(s)")
    ax.legend(loc="lower left", fontsize=8.5)


def score_panel(ax: Any, numbers: dict[str, Any], one: dict[str, Any]) -> None:
    """The noise score of every form, and what was published."""
    names = list(LOOKS)
    ticks = []
    for place, form in enumerate(reversed(names)):
        row = one["forms"][form]
        value, colour = row["score"], COLOURS[LOOKS[form][1]]
        error = None if value["low"] is None else 100 * (value["high"] - value["mean"])
        ax.errorbar(100 * value["mean"], place, xerr=error, fmt="o", color=colour, ms=5.5, capsize=3)
        ticks.append(f"{LOOKS[form][0]} · {row['weights'] / 1000:.0f}k")
    for shown, (label, colour) in {
        "Dense CNN-2": ("their dense CNN", "black"),
        "Sparse CNN-2": ("their sparse CNN", "green"),
    }.items():
        score = numbers["published"][shown]["score"]
        ax.axvline(100 * score, color=COLOURS[colour], ls=":", lw=1.4)
        ax.text(100 * score - 0.5, len(names) - 0.4, label, rotation=90, ha="right", va="top", fontsize=8.5)
    ax.axvline(100 * one["forms"]["dense"]["score"]["mean"], color=COLOURS["grey"], lw=0.8)
    ax.set_yticks(range(len(names)), ticks, fontsize=9)
    ax.set_ylim(-0.6, len(names) - 0.3)
    ax.set_xlabel("noise score: correct answers, all levels (%)")
    weights, activations = (one["effects"][name]["mean"] for name in ("weights", "activations"))
    ax.set_title(f"Winners {100 * activations:+.1f} points, sparse weights {100 * weights:+.1f}", loc="right")


def effect_panel(ax: Any, numbers: dict[str, Any]) -> None:
    """The two factors, their interaction, and rivals beside them, for each task."""
    names = {
        "sparse activations": lambda e: e["activations"],
        "sparse weights": lambda e: e["weights"],
        "the two together, beyond their sum": lambda e: e["together"],
        "both, as many weights": lambda e: e["over dense"]["both, as many weights"],
        "dense, as few weights": lambda e: e["over dense"]["dense, as few weights"],
        "dense, image mean removed": lambda e: e["over dense"]["dense, centred"],
        "dense, noise in training": lambda e: e["over dense"]["dense, noise in training"],
        "winners besides the mean removed": lambda e: e["winners over centred"],
        "winners besides noise in training": lambda e: e["winners over noise"],
    }
    for i, one in enumerate(numbers["tasks"]):
        for place, pick in enumerate(reversed(list(names.values()))):
            effect = pick(one["effects"])
            error = None if effect["low"] is None else 100 * (effect["high"] - effect["mean"])
            ax.errorbar(
                100 * effect["mean"],
                place + 0.16 * (0.5 - i) * 2,
                xerr=error,
                fmt="os"[i],
                color=COLOURS[("sky", "blue")[i]],
                ms=5.5,
                capsize=3,
                label={"mnist": "MNIST"}.get(one["task"], one["task"]) if place == 0 else None,
            )
    ax.axvline(0, color=COLOURS["black"], lw=1)
    ax.set_yticks(range(len(names)), list(reversed(names)), fontsize=9)
    ax.set_xlabel("change of the noise score (points)")
    ax.set_title("Paired differences, with 95 % intervals", loc="right")
    ax.legend(loc="lower right")


def duty_panel(ax: Any, one: dict[str, Any]) -> None:
    """How often each unit of the lowest hidden layer speaks."""
    looks = {"dense": ("ReLU", "black"), "winners, no boost": ("winners, not boosted", "sky")}
    for form in DUTIES:
        label, colour = looks.get(form, ("winners, boosted", "blue"))
        row = one["forms"][form]
        duty = 100 * np.array(row["duty"])
        silent = 100 * float(np.mean(duty < 1))
        x = 100 * (np.arange(len(duty)) + 0.5) / len(duty)
        said = f"{label}: zeros {100 * row['zeros'][0]:.0f} %, silent {silent:.0f} %"
        ax.plot(x, duty, color=COLOURS[colour], label=said)
    ax.axhline(100 * SHARE, color=COLOURS["grey"], ls=":", lw=1)
    ax.text(99, 100 * SHARE + 1.5, "15 % each", fontsize=8.5, color=COLOURS["grey"], ha="right")
    ax.set_ylim(0, 102)
    ax.set_xlabel("units of the lowest hidden layer, by rank (%)")
    ax.set_ylabel("test images for which the unit speaks (%)")
    ax.set_title("Duty cycles: boosting wakes the silent units" if spread_is_less(one) else "Duty cycles")
    ax.legend(loc="upper left")


def spread_is_less(one: dict[str, Any]) -> bool:
    """Whether the duty cycles of boosted winners lie closer together than those of others."""
    boosted, plain = (
        np.std(one["forms"][form]["duty"]) for form in ("sparse activations", "winners, no boost")
    )
    return bool(boosted < plain)


def draw(numbers: dict[str, Any]) -> Figure:
    """Accuracy by noise, noise scores, paired effects, and duty cycles."""
    fig, axes = figure(2, 2, size=(13.5, 10.2))
    one = numbers["tasks"][-1]
    level_panel(axes[0, 0], numbers, one)
    score_panel(axes[0, 1], numbers, one)
    effect_panel(axes[1, 0], numbers)
    duty_panel(axes[1, 1], one)
    fig.supxlabel(
        "\n".join(textwrap.fill(line, 180) for line in numbers["words"][-4:]), fontsize=9.5, color="#444444"
    )
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
