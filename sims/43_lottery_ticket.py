"""Is there a winning ticket in a small network, and do its controls fail?

Frankle and Carbin 2019: train, take 20 % of the smallest weights away (10 % in the output layer), put the others back
to their initial values, again and again. A *ticket* is such a mask with its initial values. Beside it, with as many
weights in each layer: the same mask with *new initial values*; a *random mask*; *one-shot*: the trained dense network,
pruned at once by magnitude and trained once more, not rewound. All are trained for as many epochs as the dense one, on
the same split and from the same beginnings for one seed (the order of samples is drawn anew in every round), on digits
(64-300-100-10, 20 epochs) and, when fetched, on MNIST (LeNet-300-100, 3 epochs). Learning speed: accuracy on held-out
samples after a twentieth of the training, and before any: what the mask alone knows (Zhou et al. 2019: supermasks).

The paper's findings for LeNet on MNIST (50,000 steps of 60 samples, early stopping) are drawn beside ours, which sees
an eighteenth of the samples: 21.1 % of the weights reach the least validation loss 38 % earlier than the dense network;
at 3.6 % the ticket is as good as the dense network; with new initial values accuracy falls from 21.1 % downwards.

What a ticket costs is counted with all rounds: in FLOPs of the weights that exist, and in trainings, which is what it
takes on hardware that does not skip zeros.

Caveats. Small tasks. One-shot had two trainings, the search for a ticket twenty: what pruning round by round would do
without rewinding is not asked. The paper found no tickets from initialisation in deep networks at high rates (there
one rewinds to an early step). At the rate of 1e-3, which all figures of this kind share, 20 epochs are too few for
sparse networks on digits: shown in a panel of its own; the others use 3e-3, at which the dense network is better too.
Training is so short that the loss on held-out samples falls nearly until the end: the early-stopping step, which is
in the JSON, says little here.
Bands: 95 % of the mean over seeds, Student's t.
"""

from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hdspike.contestants.kept import Kept
from hdspike.datasets import Absent
from hdspike.plot.style import COLOURS, figure
from hdspike.sparsity.budgets import interval
from hdspike.sparsity.lottery import Round, lottery_ticket, random_masks, reinitialise, rewind
from hdspike.sparsity.pruning import one_shot
from hdspike.sparsity.task import Task, task
from hdspike.sparsity.training import Learning, Network, perceptron, train
from hdspike.sparsity.watch import Watch

VERSION = 1
HIDDEN = (300, 100)
SETTINGS: dict[str, dict[str, Any]] = {
    "digits": {"task": "digits", "epochs": 20, "batch": 64, "rate": 3e-3, "seeds": 8, "held": 200},
    "digits, shared rate": {
        "task": "digits",
        "epochs": 20,
        "batch": 64,
        "rate": 1e-3,
        "seeds": 8,
        "held": 200,
    },
    "mnist": {"task": "mnist", "epochs": 3, "batch": 100, "rate": 1e-3, "seeds": 3, "held": 5000},
}
SPARSITY = 0.98
CONTROLLED = {"digits": (3, 7, 11, 15, 99), "mnist": (7, 15, 99)}
"""After which rounds the controls are run, as far as there are so many; 99: the last one."""
LOOKS = 20
FORMS = {
    "ticket": ("ticket", COLOURS["blue"], "o"),
    "new": ("same mask, new initial values", COLOURS["vermilion"], "s"),
    "random": ("random mask", COLOURS["orange"], "^"),
    "one-shot": ("one-shot magnitude, trained on", COLOURS["green"], "D"),
}


def looked(watch: Watch, network: Network, data: Task, learning: Learning) -> dict[str, float]:
    """What one training came to."""
    return {
        "accuracy": network.accuracy(data.test_x, data.test_y),
        "before": watch.accuracies[0],
        "soon": watch.accuracies[1],
        "soon_step": watch.steps[1],
        "early_stop": watch.early_stop,
        "flops": learning.flops,
        "seconds": learning.seconds,
    }


def trial(setting: dict[str, Any], seed: int, *, sparsity: float) -> dict[str, Any]:
    """The search for a ticket from one seed, and the controls at some of its rounds."""
    data = task(setting["task"], rng=seed)
    order, held = np.random.default_rng([seed, 1]).permutation(len(data.train_x)), setting["held"]
    x, y = data.train_x[order[held:]], data.train_y[order[held:]]
    steps = setting["epochs"] * -(-len(x) // setting["batch"])
    watch = Watch(data.train_x[order[:held]], data.train_y[order[:held]], every=max(1, steps // LOOKS))
    how = {name: setting[name] for name in ("epochs", "batch", "rate")} | {"rule": watch}
    rows: list[dict[str, Any]] = []
    dense: list[Any] = []

    def each(one: Round, network: Network) -> None:
        if not dense:
            dense.append(network.state())
        entry = {"remaining": one.remaining, "pruned": one.pruned}
        rows.append(entry | looked(watch, network, data, one.learning))

    def fresh() -> Network:
        return perceptron((data.inputs, *HIDDEN, 10), rng=seed)

    found = lottery_ticket(fresh(), x, y, sparsity, **how, each=each, rng=seed)
    out: dict[str, Any] = {"ticket": rows, "new": [], "random": [], "one-shot": []}
    for number in sorted({min(n, len(rows) - 1) for n in CONTROLLED[setting["task"]]}):
        masks, random = found.rounds[number].masks, np.random.default_rng([seed, 2, number])
        for form in ("new", "random", "one-shot"):
            network = fresh()
            if form == "one-shot":
                network.restore(dense[0])
                zeros = [float(1 - mask.mean()) for mask in masks]
                learning = one_shot(network, x, y, zeros, scope="layer", **how, rng=seed)
            else:
                rewind(network, found.start, random_masks(masks, rng=random) if form == "random" else masks)
                if form == "new":
                    reinitialise(network, rng=random)
                learning = train(network, x, y, **how, rng=seed)
            entry = {"remaining": rows[number]["remaining"], "pruned": rows[number]["pruned"]}
            out[form].append(entry | looked(watch, network, data, learning))
    return out


def over_seeds(trials: list[dict[str, Any]]) -> dict[str, Any]:
    """Each form's rows with intervals over the seeds; differences to the dense network and to the ticket are paired."""
    out: dict[str, Any] = {}
    for form in FORMS:
        rows = []
        for number, here in enumerate(trials[0][form]):
            entry: dict[str, Any] = {"remaining": here["remaining"], "pruned": here["pruned"]}
            mine = [one[form][number] for one in trials]
            same = [next(r for r in one["ticket"] if r["pruned"] == here["pruned"]) for one in trials]
            for name in ("accuracy", "before", "soon", "early_stop", "flops"):
                entry[name] = interval([row[name] for row in mine])._asdict()
            pairs = {"to_dense": [one["ticket"][0] for one in trials], "to_ticket": same}
            for name, others in pairs.items():
                gaps = [row["accuracy"] - other["accuracy"] for row, other in zip(mine, others, strict=True)]
                entry[name] = interval(gaps)._asdict()
            entry["accuracies"] = [row["accuracy"] for row in mine]
            entry["cost"] = interval([cost(one, form, number) for one in trials])._asdict()
            rows.append(entry)
        out[form] = rows
    out["soon_step"] = trials[0]["ticket"][0]["soon_step"]
    out["seeds"] = len(trials)
    return out


def cost(one: dict[str, Any], form: str, number: int) -> float:
    """Training FLOPs of this network and of all that was needed to come by it, in trainings of the dense network."""
    own, search = one[form][number]["flops"], [row["flops"] for row in one["ticket"]]
    rounds = next(n for n, row in enumerate(one["ticket"]) if row["pruned"] == one[form][number]["pruned"])
    before = {"ticket": sum(search[:rounds]), "one-shot": search[0], "new": sum(search[:rounds]), "random": 0}
    return float((own + before[form]) / search[0])


def least_as_good(rows: list[dict[str, Any]]) -> float:
    """The smallest share of weights down to which no interval of (this form − dense) lies below zero."""
    least = 1.0
    for row in rows:
        if row["to_dense"]["high"] < 0:
            break
        least = row["remaining"]
    return least


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Every setting whose data are there; the points of each seed are kept."""
    kept = Kept(None) if quick else Kept.here("sparsity", VERSION)
    out: dict[str, Any] = {
        "question": "Is there a winning ticket in a small network, and do its controls fail?",
        "settings": {},
    }
    sparsity = 0.8 if quick else SPARSITY
    for name, setting in SETTINGS.items():
        if quick and name != "digits":
            continue
        how = setting | ({"epochs": 3, "seeds": 2} if quick else {})
        same = {name: value for name, value in how.items() if name != "seeds"}
        trials = []
        try:
            for number in range(seed, seed + how["seeds"]):
                key = {"sim": "lottery ticket", "seed": number, "sparsity": sparsity, "looks": LOOKS, **same}
                trials.append(kept(key, partial(trial, how, number, sparsity=sparsity)))
        except Absent:
            continue
        held = over_seeds(trials)
        out["settings"][name] = {**how, **held, "least_as_good": least_as_good(held["ticket"])}
    return out | {"words": [line for name, held in out["settings"].items() for line in words(name, held)]}


def words(name: str, held: dict[str, Any]) -> list[str]:
    """What the numbers of one setting say of the ticket and of each control, the strongest of all included."""
    last, points = held["ticket"][-1], {form: held[form][-1] for form in FORMS if form != "ticket"}
    called = f"{name}, rate {held['rate']:g}, {held['seeds']} seeds"

    def gap(row: dict[str, Any]) -> str:
        found = row["to_ticket"]
        return f"{100 * found['mean']:+.1f} ({100 * found['low']:+.1f} to {100 * found['high']:+.1f})"

    listed = ", ".join(f"{FORMS[form][0]} {gap(row)}" for form, row in points.items())
    least = least_as_good(held["one-shot"])
    return [
        f"{called}: the ticket is not surely below dense down to {held['least_as_good']:.1%} of the weights; at "
        f"{last['remaining']:.0%} it has {last['accuracy']['mean']:.1%}, and against it, in points: {listed}.",
        f"{called}: one-shot pruning is not surely below dense down to {least:.1%} of those tried, for "
        f"{points['one-shot']['cost']['mean']:.1f} to {held['one-shot'][0]['cost']['mean']:.1f} dense trainings in "
        f"FLOPs; the ticket of {last['remaining']:.0%} takes {last['cost']['mean']:.1f}.",
    ]


def curve(ax: Any, rows: list[dict[str, Any]], name: str, form: str, **look: Any) -> None:
    """One form over the share of weights, with its interval."""
    label, colour, marker = FORMS[form]
    x = [100 * row["remaining"] for row in rows]
    y, low, high = ([100 * row[name][part] for row in rows] for part in ("mean", "low", "high"))
    ax.plot(x, y, ms=4.5, color=colour, **({"label": label, "marker": marker} | look))
    ax.fill_between(x, low, high, color=colour, alpha=0.18, lw=0)


def share_axis(ax: Any) -> None:
    ax.set_xscale("log")
    ax.set_xlim(110, 1.7)
    ax.set_xticks([100, 50, 20, 10, 5, 2], ["100", "50", "20", "10", "5", "2"])
    ax.minorticks_off()
    ax.set_xlabel("weights that remain (%)")


def accuracy_panel(ax: Any, held: dict[str, Any], title: str) -> None:
    """Test accuracy after training."""
    for form in FORMS:
        curve(ax, held[form], "accuracy", form)
    dense = held["ticket"][0]["accuracy"]
    ax.axhline(100 * dense["mean"], color=COLOURS["black"], lw=1, ls="--", label="dense")
    share_axis(ax)
    means = [100 * row["accuracy"]["mean"] for form in FORMS for row in held[form]]
    ax.set_ylim(max(0, min(means) - 5), min(100.5, max(means) + 3))
    ax.set_ylabel("test accuracy (%)")
    end, last = held["ticket"][-1], {form: held[form][-1]["to_ticket"]["mean"] for form in ("new", "random")}
    ax.set_title(
        f"{title}: as dense down to {100 * held['least_as_good']:.3g} %. At {100 * end['remaining']:.2g} %:\n"
        f"ticket {100 * end['accuracy']['mean']:.1f}, new values {100 * last['new']:+.1f}, "
        f"random mask {100 * last['random']:+.1f}"
    )


def speed_panel(ax: Any, held: dict[str, Any], title: str) -> None:
    """Held-out accuracy after few steps, and before any."""
    for form in ("ticket", "new", "random"):
        curve(ax, held[form], "soon", form)
    curve(ax, held["ticket"], "before", "ticket", label="ticket, before any training", ls=":", marker=".")
    dense = held["ticket"][0]["soon"]["mean"]
    ax.axhline(100 * dense, color=COLOURS["black"], lw=1, ls="--", label="dense")
    share_axis(ax)
    ax.set_ylim(0, 101)
    ax.set_ylabel("held-out accuracy (%)")
    best = max(held["ticket"], key=lambda row: row["before"]["mean"])
    ax.set_title(
        f"{title}, after {held['soon_step']} steps. Before any, a ticket of\n{100 * best['remaining']:.2g} % knows "
        f"{100 * best['before']['mean']:.0f} % already (dense {100 * held['ticket'][0]['before']['mean']:.0f} %)"
    )


def cost_panel(ax: Any, held: dict[str, Any], title: str) -> None:
    """What it takes to come by a network of so many weights."""
    for form in ("ticket", "one-shot", "random"):
        label, colour, marker = FORMS[form]
        rows = held[form]
        x = [100 * row["remaining"] for row in rows]
        ax.plot(x, [row["cost"]["mean"] for row in rows], marker=marker, ms=4.5, color=colour, label=label)
    rows = held["ticket"]
    ax.plot(
        [100 * row["remaining"] for row in rows], range(1, len(rows) + 1), color=COLOURS["blue"], ls=":",
        label="ticket, where zeros are not skipped",
    )  # fmt: skip
    ax.axhline(1, color=COLOURS["black"], lw=1, ls="--", label="dense")
    share_axis(ax)
    ax.set_yscale("log")
    ax.set_ylim(0.003, 30)
    ax.set_yticks([0.01, 0.1, 1, 10], ["0.01", "0.1", "1", "10"])
    ax.set_ylabel("training FLOPs with all rounds (dense = 1)")
    ax.set_title(
        f"{title}: a ticket of {100 * rows[-1]['remaining']:.2g} % costs {rows[-1]['cost']['mean']:.1f} dense\n"
        f"trainings; {len(rows)} where zeros are computed"
    )


def paper_anchors(ax: Any) -> None:
    """What the paper found for LeNet on MNIST."""
    bottom, top = ax.get_ylim()
    for share, text in ((21.1, "paper: learns 38 %\nfaster than dense"), (3.6, "paper: as\ngood as dense")):
        ax.axvline(share, color=COLOURS["grey"], lw=1, ls=":")
        height = bottom + 0.03 * (top - bottom)
        ax.annotate(text, (1.04 * share, height), fontsize=8.5, color=COLOURS["grey"], ha="right")


def draw(numbers: dict[str, Any]) -> Figure:
    """A column for each task, accuracy above learning speed; what it costs; the panel at the shared rate."""
    held, digits = numbers["settings"], numbers["settings"]["digits"]
    tasks = {name: title for name, title in (("digits", "Digits"), ("mnist", "MNIST")) if name in held}
    fig, axes = figure(2, len(tasks) + 1, size=(5.4 * (len(tasks) + 1), 9.2))
    for column, (name, title) in enumerate(tasks.items()):
        accuracy_panel(axes[0, column], held[name], title)
        speed_panel(axes[1, column], held[name], title)
        if name == "mnist":
            paper_anchors(axes[0, column])
    for ax in axes[:, 0]:
        ax.legend(loc="lower left", fontsize=9)
    name, title = list(tasks.items())[-1]
    cost_panel(axes[0, -1], held[name], title)
    axes[0, -1].legend(loc="lower left", fontsize=9)
    if "digits, shared rate" in held:
        accuracy_panel(axes[1, -1], held["digits, shared rate"], "Digits at a rate of 1e-3")
    else:
        axes[1, -1].axis("off")
    fig.supxlabel(
        f"Bands: 95 % of the mean, {digits['seeds']} seeds (digits)"
        + (f", {held['mnist']['seeds']} (MNIST)" if "mnist" in held else "")
        + ". “As dense”: until the interval of the paired difference lies below zero; few seeds show little.\n"
        "Signed numbers: points against the ticket. All forms have as many weights in each layer. One-shot is trained "
        "twice,\na ticket once after rewinding, but it took all rounds to find it.",
        fontsize=10, color="#444444",
    )  # fmt: skip
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
