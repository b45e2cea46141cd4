"""Do sparse models work better than dense?

It depends on what is held equal. Every form of :data:`hdspike.sparsity.forms.FORMS` is trained on the same task at
several levels and compared with dense networks that cost as much, by four budgets: *stored* parameters (and bytes,
indices and masks included), *active* parameters of a sample, *FLOPs* of the training (RigL's convention: connections
that exist then; the lottery ticket pays for all its rounds), and *measured* seconds of a sample, alone and in a batch
of 256, by the fastest kernel of the form that this package has (:mod:`hdspike.sparsity.executables`).

The dense side is the Pareto front of perceptrons of two shapes and up to eleven sizes, trained once or five times as
long, anew for each budget. Differences of accuracy are paired by seed (split, order of samples); *surely* means that
zero lies outside of the 95 % interval by Student's t after Bonferroni's correction for all comparisons of that budget;
what is better by its own interval alone is named apart.

Shares of weights (or of active parameters: experts, k-WTA) are 2 … 100 %; sparse training, pruning and low rank also go
five times as long at two levels. Every form has at every level the better of two shapes of as many weights, with one
and with two hidden layers, chosen on a sixth held out of the training part of seeds that are not used again; the dense
side has both. Adam at one rate for all: on the digits the best of .001, .003 and .01 for each form that was tried,
and is a third of it for the longer training.

Caveats. The tasks are small: a dense network of 50,000 weights takes 10 µs for a digit, and much of that is the
calling. The front is chosen by the test images themselves, in favour of the dense side; between two of its sizes a
straight line stands for a curve that hangs through, in favour of the sparse; a form's best level is chosen likewise.
Masked training computes with dense matrices: FLOPs are what it would take, not what it took. Times are ratios to the
dense network of full size, measured in the same moments, times its median; dense may take a tenth more or less, so that
no form wins by the calling alone. On digits the images that chose shape and rate are tested on with other seeds. A
hypervector classifier counts one-bit numbers as parameters and has no FLOPs.
"""

import textwrap
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hdspike import datasets
from hdspike.contestants.kept import Kept
from hdspike.plot.budgets import difference_table, error_panel
from hdspike.plot.style import figure
from hdspike.sparsity.budgets import BUDGETS, compared, front, interval
from hdspike.sparsity.executables import ALONE, executables
from hdspike.sparsity.forms import FORMS, Trained, Trial
from hdspike.sparsity.task import Task, task
from hdspike.sparsity.timing import paired
from hdspike.sparsity.training import perceptron

VERSION = 1
QUESTION = "Do sparse models work better than dense?"
TASKS: dict[str, dict[str, Any]] = {
    "digits": {
        "shapes": ((64, 300, 100, 10), (64, 678, 10)),
        "rate": 1e-2,
        "seeds": 10,
        "epochs": 20,
        "batch": 64,
        "tuning": {"seeds": (1000, 1001), "images": 2000, "epochs": 20},
    },
    "mnist": {
        "shapes": ((784, 300, 100, 10), (784, 335, 10)),
        "rate": 3e-3,
        "seeds": 3,
        "epochs": 3,
        "batch": 100,
        "tuning": {"seeds": (1000,), "images": 12_000, "epochs": 9},
    },
}
"""Shapes: two of as many weights, of which a form has the better one by ``tuning``."""
LONG, SLOWER = 5, 3
"""The longer training: so many times the epochs, at the rate divided by so much."""
SHAPED = ("dense", "activations", "experts", "hypervectors")
"""Families that are of one shape, or on the list with both; where activations are saved, the one with two layers."""
FEW = (1.0, 0.1, 0.02)
"""Shares on MNIST of what is not dense."""
SLOW = ("lottery ticket", "hypervector classifier")
"""Forms that are left out on MNIST."""
QUICK = {"dense": (0.2, 0.02), "RigL": (0.05,), "neurons": (0.05,), "experts": (0.1,)}
BATCHES = {"alone_us": 1, "batch_us": 256}
TIMING = 0.1
"""How far off a measured time may be: equal within that is equal, and the difference nearest to zero counts."""
SPARSE = {"weights", "structure", "activations", "experts"}
"""Families of forms in which something is zero and skipped. Ternary weights, low rank and hypervectors are none."""
FEW_SEEDS = 5
SHORT = {
    "stored": "stored parameters",
    "stored_bytes": "stored bytes",
    "active": "active parameters",
    "flops": "training FLOPs",
    "alone_us": "time alone",
    "batch_us": "time in batches of 256",
}


class Trials:
    """All trainings of one task, each kept."""

    def __init__(self, name: str, kept: Kept, *, quick: bool, seed: int) -> None:
        self.name, self.kept, self.quick, self.seed = name, kept, quick, seed
        self.plan: dict[str, Any] = TASKS[name]
        self.seeds = 2 if quick else self.plan["seeds"]
        self.fixed = None if name == "digits" else task(name, rng=0)
        self.reference = executables(perceptron(self.plan["shapes"][0], rng=0))["dense"]

    def levels(self) -> list[tuple[str, float, int]]:
        """Form, share, how many times the usual training."""
        if self.quick:
            return [(name, share, 1) for name, shares in QUICK.items() for share in shares]
        out = []
        for name, form in FORMS.items():
            if self.name == "mnist" and name in SLOW:
                continue
            few = self.name == "mnist" and form.family != "dense"
            shares = [s for s in form.shares if s in FEW] if few else list(form.shares)
            longer = () if self.name == "mnist" else form.longer
            out += [(name, share, 1) for share in shares] + [(name, share, LONG) for share in longer]
        return out

    def given(self, seed: int) -> Task:
        return task(self.name, rng=seed) if self.fixed is None else self.fixed

    def shape(self, name: str, share: float) -> int:
        """The better of the two shapes, on images held out of training."""
        if name == "lottery ticket":  # eighteen trainings each
            return self.shape("magnitude pruning", share)
        if self.quick or FORMS[name].family in SHAPED:
            return 0
        tuning, shapes = self.plan["tuning"], range(len(self.plan["shapes"]))

        def make() -> dict[str, Any]:
            right = [0.0] * len(shapes)
            for seed in tuning["seeds"]:
                whole = self.given(self.seed + seed)
                some = np.random.default_rng(seed).permutation(len(whole.train_x))[: tuning["images"]]
                learned, tested = np.split(some, [len(some) * 5 // 6])
                held = whole._replace(
                    train_x=whole.train_x[learned], train_y=whole.train_y[learned],
                    test_x=whole.train_x[tested], test_y=whole.train_y[tested],
                )  # fmt: skip
                for shape in shapes:
                    trial = self.trial(held, shape, share, tuning["epochs"], self.plan["rate"], seed)
                    right[shape] += FORMS[name].learn(trial).accuracy
            return {"shape": int(np.argmax(right))}

        key = {
            "sim": 53,
            "task": self.name,
            "form": name,
            "share": share,
            "tuning": tuning,
            "seed": self.seed,
        }
        return int(self.kept(key, make)["shape"])

    def trial(self, given: Task, shape: int, share: float, epochs: int, rate: float, seed: int) -> Trial:
        return Trial(given, self.plan["shapes"][shape], share, epochs, self.plan["batch"], rate, seed)

    def point(self, name: str, share: float, long: int, seed: int) -> dict[str, Any]:
        """One training: what it is worth, what it cost, and its kernels' times."""
        shape, rate = self.shape(name, share), self.plan["rate"] / (1 if long == 1 else SLOWER)
        epochs = 3 if self.quick else long * self.plan["epochs"]

        def make() -> dict[str, Any]:
            given = self.given(seed)
            done = FORMS[name].learn(self.trial(given, shape, share, epochs, rate, seed))
            self.kept.say(f"{self.name}, {name}, share {share:g}, × {long}, seed {seed}: {done.accuracy:.4f}")
            cost = done.cost
            return {
                "accuracy": done.accuracy, "flops": done.flops, "seconds": done.seconds,
                "stored": cost.stored, "stored_bytes": cost.stored_bytes,
                "active": cost.active, "active_bytes": cost.active_bytes,
                "times": {budget: self.times(given, done, rows) for budget, rows in BATCHES.items()},
            }  # fmt: skip

        key = {
            "sim": 53,
            "task": self.name,
            "form": name,
            "share": share,
            "long": long,
            "seed": seed,
            "shape": shape,
            "rate": rate,
        }
        return self.kept(key, make)

    def times(self, given: Task, done: Trained, rows: int) -> dict[str, Any]:
        """Kernel → its time ÷ the reference's; and the reference's in µs a sample."""
        x = given.test_x[:rows]
        runs = {name: run for name, run in done.runs.items() if rows == 1 or name not in ALONE}
        calls: dict[str, Any] = {"reference": lambda: self.reference(x)}
        calls |= {name: (lambda run=run: run(x)) for name, run in runs.items()}
        found = paired(calls, rounds=3 if self.quick else 11)
        return {
            "reference_us": 1e6 * found.pop("reference")["seconds"] / len(x),
            "ratios": {name: one["ratio"] for name, one in found.items()},
        }

    def gathered(self) -> list[dict[str, Any]]:
        """A row for every form, share and length: its seeds' accuracies and mean costs."""
        rows, singles = [], {}
        for level in self.levels():
            singles[level] = [self.point(*level, self.seed + n) for n in range(self.seeds)]
        unit = {
            budget: float(
                np.median([p["times"][budget]["reference_us"] for some in singles.values() for p in some])
            )
            for budget in BATCHES
        }
        for (name, share, long), some in singles.items():
            row: dict[str, Any] = {"form": name, "family": FORMS[name].family, "share": share, "long": long,
                                   "shape": self.shape(name, share), "kernels": {}}  # fmt: skip
            row["accuracies"] = [p["accuracy"] for p in some]
            for cost in ("stored", "stored_bytes", "active", "active_bytes", "flops", "seconds"):
                values = [p[cost] for p in some]
                row[cost] = None if None in values else float(np.mean(values))
            for budget in BATCHES:
                ratios = {
                    kernel: float(np.median([p["times"][budget]["ratios"].get(kernel, np.inf) for p in some]))
                    for kernel in some[0]["times"][budget]["ratios"]
                }
                best = min(ratios, key=lambda kernel: ratios[kernel])
                row["kernels"][budget] = {
                    "best": best,
                    "ratios": {k: r for k, r in ratios.items() if np.isfinite(r)},
                }
                row[budget] = ratios[best] * unit[budget]
            accuracy = interval(row["accuracies"])
            row["error"] = 100 * (1 - accuracy.mean)
            row["low"], row["high"] = max(0.02, 100 * (1 - accuracy.high)), 100 * (1 - accuracy.low)
            rows.append(row)
        return rows


def judged(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """By budget: the dense front, every other point's difference to it, and for each form the best of them."""
    dense = [row for row in rows if row["family"] == "dense"]
    others = [row for row in rows if row["family"] != "dense"]
    out: dict[str, Any] = {"fronts": {}, "differences": {}, "table": []}
    for budget in BUDGETS:
        chosen = front([d[budget] for d in dense], [np.mean(d["accuracies"]) for d in dense])
        out["fronts"][budget] = [[dense[i][budget], dense[i]["error"]] for i in chosen]
        priced = [row for row in others if row[budget] is not None]
        found = compared(priced, dense, budget, margin=TIMING if budget in BATCHES else 0.0)
        out["differences"][budget] = [
            {"form": row["form"], "share": row["share"], "long": row["long"], "cost": row[budget], **one}
            for row, one in zip(priced, found, strict=True)
        ]
    for name in dict.fromkeys(row["form"] for row in others):
        cells: dict[str, Any] = {"form": name}
        for budget in BUDGETS:
            mine = [
                d for d in out["differences"][budget] if d["form"] == name and d["difference"] is not None
            ]
            cells[budget] = {
                "best": 100 * max(d["difference"] for d in mine),
                "better": sum(d["sure"] and d["difference"] > 0 for d in mine),
                "worse": sum(d["sure"] and d["difference"] < 0 for d in mine),
                "levels": len(mine),
            } if mine else None  # fmt: skip
        out["table"].append(cells)
    return out


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Train every form, price it, and compare it with dense networks at each budget."""
    kept = Kept(None) if quick else Kept.here("sparsity", VERSION)
    tasks = []
    for name in ("digits",) if quick else TASKS:
        try:
            trials = Trials(name, kept, quick=quick, seed=seed)
        except datasets.Absent:
            continue
        rows = trials.gathered()
        told = {"name": name, "shapes": trials.plan["shapes"], "seeds": trials.seeds, "points": rows}
        tasks.append(told | judged(rows))
    numbers: dict[str, Any] = {"question": QUESTION, "tasks": tasks}
    return numbers | {"words": [line for one in tasks for line in words(one)]}


def words(one: dict[str, Any]) -> list[str]:
    """The sentence that the numbers support, and the detail: only what is sparse counts as sparse in the first."""
    family = {point["form"]: point["family"] for point in one["points"]}
    said, wins, losses = [], [], []
    for budget, called in SHORT.items():
        best: dict[str, dict[str, Any]] = {}
        for d in one["differences"][budget]:
            if d["sure"] and d["difference"] > best.get(d["form"], {"difference": 0})["difference"]:
                best[d["form"]] = d
        sparse = [form for form in best if family[form] in SPARSE]
        if sparse:
            wins.append(f"{called} ({', '.join(sparse)})")
        else:
            losses.append(called)
        if best:
            listed = ", ".join(f"{name} (+{100 * d['difference']:.1f} points)" for name, d in best.items())
            said.append(f"at equal {called} surely better than dense: {listed}")
        else:
            said.append(f"at equal {called} no form is surely better than dense")
        weaker = {d["form"]: d for d in sorted(one["differences"][budget], key=lambda d: d["difference"] or 0)
                  if d["difference"] is not None and d["low"] > 0 and d["form"] not in best}  # fmt: skip
        if weaker:
            listed = ", ".join(f"{name} {100 * d['difference']:+.1f}" for name, d in weaker.items())
            said[-1] += f" (better by their own 95 % intervals, uncorrected: {listed})"
        worse = [r["form"] for r in one["table"] if r[budget] and r[budget]["worse"] == r[budget]["levels"]]
        if worse:
            said[-1] += f"; surely worse at every level: {', '.join(worse)}"
    answer = f"{one['name']} ({one['seeds']} seeds): sparse surely beats dense at "
    answer += f"equal {', '.join(wins)}" if wins else "no budget"
    if wins and losses:
        answer += f"; no sure difference in its favour at equal {', '.join(losses)}"
    if one["seeds"] < FEW_SEEDS:
        answer += "; with so few seeds much that is true cannot be sure"
    return [f"{answer}.", f"In detail, {one['name']}: {'; '.join(said)}."]


def draw(numbers: dict[str, Any]) -> Figure:
    """Error against each budget, and for each task the table of differences."""
    tasks = numbers["tasks"]
    shown = tasks[0]
    fig, axes = figure(
        2 + len(tasks), 3, size=(18, 11.5 + 5.2 * len(tasks)), height_ratios=[1, 1] + [0.85] * len(tasks)
    )
    for ax, (budget, label) in zip(axes[:2].ravel(), BUDGETS.items(), strict=True):
        error_panel(ax, shown["points"], shown["fronts"][budget], budget)
        ax.set_xlabel(label)
        ax.set_ylabel(f"test error, {shown['name']} (%)")
        cells = [r[budget] for r in shown["table"] if r[budget]]
        better = sum(cell["better"] > 0 for cell in cells)
        ax.set_title(
            f"Equal {SHORT[budget]}: {better} of {len(cells)} forms\nsurely beat dense at some level"
        )
    handles, labels = axes[0, 0].get_legend_handles_labels()
    for place, one in enumerate(tasks):
        for ax in axes[2 + place]:
            ax.remove()
        wide = fig.add_subplot(axes[0, 0].get_gridspec()[2 + place, :])
        difference_table(
            wide, one["table"], SHORT,
            f"{one['name']}: accuracy minus that of dense at the same cost, in points: best level of each form; "
            "levels surely better (▲) or worse (▼)",
        )  # fmt: skip
    fig.legend(handles, labels, loc="outside upper center", ncols=7, fontsize=10)
    lines = [textwrap.fill(line, 220, subsequent_indent="    ") for line in numbers["words"]]
    fig.supxlabel("\n".join(lines), fontsize=9.5, color="#444444", x=0.01, ha="left")
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
