"""Hold the nonzeros constant while the dimension grows: does it help codes, and trained networks?

*Codes*: w = 32 ones in D = 64 … 4,096 bits; the chance that a stranger shares at least θ of them is hypergeometric and
exact (:func:`hdspike.theory.false_match`; more of it in sim 05). *Networks*: perceptrons of one hidden layer without
biases (:mod:`hdspike.sparsity.constant_nonzeros`). The dense one has ``base`` hidden neurons; wider ones have 2 … 64
times as many and exactly as many weights, at places drawn at random that never change (Golubeva, Neyshabur and Gur-Ari
2021: "width is the determining factor … while the number of weights is secondary, as long as the model achieves high
training accuracy"). On one plot stand both, against how many times the dimension has grown.

Two baselines tell width from count: the narrow dense network of as many weights, and the dense network of as many
neurons. *Recovered* is the share of the way from the one error to the other, in logarithms, that width alone goes.

The rate of Adam is chosen for every base and growth from two, on a sixth held out of the training part of seeds that
are not used again. Scaling: weights of variance 2 ÷ (mean inputs of a neuron), as there but for ReLU. Means over seeds
with 95 % intervals by Student's t, differences paired by seed; the best growth with a bootstrap over seeds.

Frantar et al. 2023 (arXiv:2309.08520) find that at fixed nonzeros the optimal sparsity rises with the data. Tried
small: a tenth, three tenths and all of the training images for the same number of steps, and all of them for five times
as many.

Caveats. Small tasks, one hidden layer, and with 64 pixels a neuron of the digits runs out of inputs soon. The errors
of a code and of a network are of different tasks: only their courses compare. The best growth is chosen on the test
images (what it wins has an interval for as many comparisons). The training computes with dense matrices and a mask;
times are of inference, on one core, with random masks.
"""

from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hdspike import datasets, theory
from hdspike.contestants.kept import Kept
from hdspike.plot.constant_width import constant_width
from hdspike.sparsity import constant_nonzeros as constant
from hdspike.sparsity.budgets import interval
from hdspike.sparsity.executables import executables
from hdspike.sparsity.task import Task, task
from hdspike.sparsity.timing import paired
from hdspike.sparsity.training import train

VERSION = 1
QUESTION = "Hold the nonzeros constant while the dimension grows: does it help codes, and trained networks?"
ONES, DENSE_DIM, THETAS = 32, 64, (16, 20, 24)
GROWTHS, QUICK_GROWTHS = (1, 2, 4, 8, 16, 32, 64), (1, 4, 16)
CLASSES = 10
LARGEST = 700_000
"""Places for weights, beyond which a network is not trained: it computes with dense matrices."""
TASKS: dict[str, dict[str, Any]] = {
    "digits": {"bases": (7, 14, 28, 56, 112), "seeds": 12, "epochs": 20, "batch": 64, "held": 28},
    "mnist": {"bases": (4, 16, 64), "seeds": 3, "epochs": 3, "batch": 100, "held": 16},
}
RATES, QUICK_RATE = (1e-2, 3e-2), 3e-2
TUNING = {"digits": (1000, 1001), "mnist": (1000,)}
DATA = ((0.1, 1), (0.3, 1), (1.0, 1), (1.0, 5))
DATA_BASE = {"digits": 14, "mnist": 16}
DATA_SEEDS = {"digits": 16, "mnist": 3}


def learned(
    given: Task,
    base: int,
    growth: int,
    *,
    rate: float,
    seed: int,
    epochs: int,
    share: float = 1.0,
    long: int = 1,
) -> float:
    """Test error of one trained network; ``share`` of the images for as many steps as all of them would take."""
    plan = TASKS[given.name]
    count = round(share * len(given.train_x))
    steps = long * epochs * -(-len(given.train_x) // plan["batch"])
    network = constant.wide_network(
        given.inputs,
        base * growth,
        CLASSES,
        nonzeros=base * (given.inputs + CLASSES),
        rng=np.random.default_rng([seed, base, growth]),
    )
    rounds = round(steps / -(-count // plan["batch"]))
    x, labels = given.train_x[:count], given.train_y[:count]
    train(network, x, labels, epochs=rounds, batch=plan["batch"], rate=rate, rng=seed)
    return 1 - network.accuracy(given.test_x, given.test_y)


class Trials:
    """The networks of one task, each trained when it is needed and kept."""

    def __init__(self, name: str, kept: Kept, *, quick: bool, seed: int) -> None:
        self.name, self.kept, self.quick, self.seed = name, kept, quick, seed
        self.plan: dict[str, Any] = TASKS[name]
        self.epochs = 6 if quick else self.plan["epochs"]
        self.growths = QUICK_GROWTHS if quick else GROWTHS
        self.bases = self.plan["bases"][:2] if quick else self.plan["bases"]
        self.seeds = 2 if quick else self.plan["seeds"]
        self.fixed = None if name == "digits" else task(name, rng=0)
        self.inputs = self.given(0).inputs

    def given(self, seed: int) -> Task:
        """The task; its images in an order, and where they are split at random a split, of this seed."""
        if self.fixed is None:
            return task(self.name, rng=seed)
        order = np.random.default_rng(seed).permutation(len(self.fixed.train_x))
        return self.fixed._replace(train_x=self.fixed.train_x[order], train_y=self.fixed.train_y[order])

    def fits(self, base: int, growth: int) -> bool:
        return base * growth * (self.inputs + CLASSES) <= LARGEST

    def error(self, base: int, growth: int, seed: int, **options: Any) -> float:
        """Test error at the chosen rate."""
        rate = self.rate(base, growth)

        def make() -> dict[str, Any]:
            error = learned(
                self.given(seed), base, growth, rate=rate, seed=seed, epochs=self.epochs, **options
            )
            self.kept.say(f"{self.name}, base {base} × {growth}, seed {seed}, {options}: {error:.4f}")
            return {"error": error}

        key = {
            "sim": 51,
            "task": self.name,
            "base": base,
            "growth": growth,
            "seed": seed,
            "rate": rate,
            **options,
        }
        return float(self.kept(key, make)["error"])

    def rate(self, base: int, growth: int) -> float:
        """The better of the two, on images held out of training."""
        if self.quick:
            return QUICK_RATE

        def make() -> dict[str, Any]:
            errors = dict.fromkeys(RATES, 0.0)
            for seed in TUNING[self.name]:
                given = self.given(self.seed + seed)
                part = len(given.train_x) * 5 // 6
                held = given._replace(
                    train_x=given.train_x[:part], train_y=given.train_y[:part],
                    test_x=given.train_x[part:], test_y=given.train_y[part:],
                )  # fmt: skip
                for rate in RATES:
                    errors[rate] += learned(held, base, growth, rate=rate, seed=seed, epochs=self.epochs)
            return {"rate": min(RATES, key=lambda rate: errors[rate])}

        key = {
            "task": self.name,
            "base": base,
            "growth": growth,
            "tuned": TUNING[self.name],
            "seed": self.seed,
        }
        return float(self.kept(key, make)["rate"])

    def errors(self, base: int, seeds: int, **options: Any) -> tuple[list[int], NDArray[np.float64]]:
        """The growths that fit, and (growths, seeds) of test errors."""
        growths = [growth for growth in self.growths if self.fits(base, growth)]
        found = [[self.error(base, g, self.seed + n, **options) for n in range(seeds)] for g in growths]
        return growths, np.array(found)


def course(growths: list[int], errors: NDArray[np.float64]) -> dict[str, Any]:
    """Errors along the growths, with intervals, the best growth, and what it wins over the dense network."""
    best, low, high = constant.best_growth(errors)
    return {
        "growths": growths,
        "errors": errors.tolist(),
        "mean": [interval(row)._asdict() for row in errors],
        "best": {"growth": growths[best], "low": growths[low], "high": growths[high]},
        # for as many as there are to choose from (Bonferroni)
        "gain": interval(errors[0] - errors[best], confidence=1 - 0.05 / len(growths))._asdict(),
        "loss_at_last": interval(errors[-1] - errors[0])._asdict(),
    }


def network_course(trials: Trials) -> dict[str, Any]:
    """All bases of one task, and what width recovers of the way to the dense network of as many neurons."""
    rows, dense = [], {}
    for base in trials.bases:
        growths, errors = trials.errors(base, trials.seeds)
        dense[base] = errors[0]
        nonzeros = base * (trials.inputs + CLASSES)
        first = [
            constant.equalised([trials.inputs * base * g, base * g * CLASSES], nonzeros)[0] for g in growths
        ]
        rows.append(
            {
                "base": base,
                "nonzeros": nonzeros,
                "rates": [trials.rate(base, g) for g in growths],
                "inputs_each": [m / (base * g) for m, g in zip(first, growths, strict=True)],
                "living": [
                    constant.living_width(trials.inputs, base * g, CLASSES, nonzeros=nonzeros)
                    for g in growths
                ],
                **course(growths, errors),
            }
        )
    shares = []
    for row in rows:
        for growth, sparse in zip(row["growths"], row["mean"], strict=True):
            wide = dense.get(row["base"] * growth)
            if growth == 1 or wide is None:
                continue
            narrow = dense[row["base"]]
            if interval(narrow - wide).low > 0:  # where more weights of as many neurons surely help at all
                way = np.log(narrow.mean() / wide.mean())
                share = np.log(narrow.mean() / sparse["mean"]) / way
                shares.append({"nonzeros": row["nonzeros"], "growth": growth, "recovered": float(share)})
    return {
        "name": trials.name,
        "inputs": trials.inputs,
        "seeds": trials.seeds,
        "rows": rows,
        "recovered": shares,
    }


def data_course(trials: Trials) -> dict[str, Any]:
    """One base, growing data and training."""
    base = DATA_BASE[trials.name]
    seeds = 2 if trials.quick else DATA_SEEDS[trials.name]
    rows = []
    for share, long in DATA[1:3] if trials.quick else DATA:
        if trials.name == "mnist" and long > 1:
            continue
        options = (
            {} if (share, long) == (1.0, 1) else {"share": share, "long": long}
        )  # the usual one is there
        growths, errors = trials.errors(base, seeds, **options)
        rows.append({"share": share, "long": long, **course(growths, errors)})
    return {"name": trials.name, "base": base, "seeds": seeds, "rows": rows}


def costs(inputs: int, base: int, growths: tuple[int, ...], *, rounds: int) -> dict[str, Any]:
    """What grows with the width at fixed nonzeros: bits that say where a weight is, neurons, seconds."""
    nonzeros = base * (inputs + CLASSES)
    x = np.random.default_rng(0).random((256, inputs), dtype=np.float32)
    out: dict[str, Any] = {
        "inputs": inputs,
        "nonzeros": nonzeros,
        "index_bits": [],
        "neurons": [],
        "seconds": {},
    }
    for growth in growths:
        network = constant.wide_network(inputs, base * growth, CLASSES, nonzeros=nonzeros, rng=growth)
        out["index_bits"].append(constant.index_bits(network))
        out["neurons"].append(base * growth)
        for rows in (1, 256):
            runs = {
                name: (lambda run=run, some=x[:rows]: run(some)) for name, run in executables(network).items()
            }
            for name, found in paired(runs, rounds=rounds).items():
                out["seconds"].setdefault(f"{name}, batch {rows}", []).append(found["seconds"] / rows)
    for rows in (1, 256):  # the network that is not wider has no zeros to leave out
        whole = out["seconds"].get(f"compressed rows, batch {rows}", [])
        out["seconds"][f"compressed rows, batch {rows}"] = [None, *whole]
    return out


def codes(growths: tuple[int, ...]) -> dict[str, Any]:
    """The exact side."""
    dims = [DENSE_DIM * growth for growth in growths]
    return {
        "ones": ONES,
        "dims": dims,
        "false_match": {str(t): [theory.false_match(d, ONES, ONES, t) for d in dims] for t in THETAS},
        "bits": [theory.code_bits(d, ONES) for d in dims],
        "events": [theory.events_per_pair(d, ONES) for d in dims],
    }


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Codes by their laws, networks by training."""
    kept = Kept(None) if quick else Kept.here("sparsity", VERSION)
    growths = QUICK_GROWTHS if quick else GROWTHS
    found, data = [], []
    for name in TASKS if not quick else ("digits",):
        try:
            trials = Trials(name, kept, quick=quick, seed=seed)
        except datasets.Absent:
            continue
        found.append(network_course(trials))
        data.append(data_course(trials))
    inputs = found[-1]["inputs"]
    numbers: dict[str, Any] = {
        "question": QUESTION,
        "growths": growths,
        "codes": codes(growths),
        "networks": found,
        "data": data,
        "costs": costs(inputs, TASKS[found[-1]["name"]]["held"], growths, rounds=3 if quick else 25),
    }
    return numbers | {"words": words(numbers)}


def words(numbers: dict[str, Any]) -> list[str]:
    """What can be said, computed."""
    law, last = next(iter(numbers["codes"]["false_match"].values())), numbers["growths"][-1]
    said = [
        f"Codes: ×{last} takes a false match, {THETAS[0]} of {ONES} ones, from {law[0]:.2g} to {law[-1]:.1g}."
    ]
    for one in numbers["networks"]:
        parts = []
        for row in one["rows"]:
            best, gain = row["best"], row["gain"]
            sure = "" if gain["low"] > 0 else ", not sure"
            parts.append(
                f"{row['nonzeros']:,}: ×{best['growth']} [{best['low']}–{best['high']}] "
                f"({100 * gain['mean']:+.1f}{sure})"
            )
        said.append(f"{one['name']}, weights: best growth [95 %] (points of error won): {'; '.join(parts)}.")
        said += recovery(one)
    for one in numbers["data"]:
        best = [row["best"] for row in one["rows"]]
        listed = ", ".join(
            f"{100 * row['share']:.0f} %{' and 5 × steps' if row['long'] > 1 else ''} ×{row['best']['growth']} "
            f"[{row['best']['low']}–{row['best']['high']}]"
            for row in one["rows"]
        )
        rises = (
            all(a["growth"] <= b["growth"] for a, b in pairwise(best))
            and best[0]["growth"] < best[-1]["growth"]
        )
        seen = "does not rise"
        if rises:
            seen = (
                "rises beyond its intervals"
                if best[0]["high"] < best[-1]["low"]
                else "rises, but within its intervals"
            )
        said.append(f"More data ({one['name']}, base {one['base']}): best growth {listed}: it {seen}.")
    return said


def recovery(one: dict[str, Any]) -> list[str]:
    """How far width alone goes from the narrow dense network to the one of as many neurons, at its best."""
    best: dict[int, dict[str, Any]] = {}
    for share in one["recovered"]:
        if share["recovered"] > best.get(share["nonzeros"], {"recovered": -np.inf})["recovered"]:
            best[share["nonzeros"]] = share
    if not best:
        return []
    listed = ", ".join(
        f"{100 * b['recovered']:.0f} % from {n:,} weights (×{b['growth']})" for n, b in best.items()
    )
    most = [n for n, b in best.items() if b["recovered"] > 0.5]
    verdict = (
        f"width, not weight count, decides for {len(most)} of {len(best)} sizes"
        if most
        else "weight count, not width, decides"
    )
    return [
        f"{one['name']}: of the way (log error) from the narrow dense network to the dense one of as many neurons, "
        f"width alone goes at most {listed}: {verdict}."
    ]


def draw(numbers: dict[str, Any]) -> Figure:
    """Both on one plot; each task by itself; inputs of a neuron; data; costs."""
    return constant_width(numbers)


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
