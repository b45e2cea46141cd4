"""How good is a hyperdimensional classifier on digits and clothes, what does it cost, and how does it bear bit errors?

An image becomes one binary vector through receptive fields (:class:`hdspike.encode.ReceptiveFields`): each bit says
whether its own small patch, seen somewhere in unlabelled training images, is found in its own window; XOR, popcount
and comparisons. A class is one binary vector: the bundle of its images, corrected by integer additions wherever an
image of the training set leads by too little (:class:`hdspike.learn.RetrainingClassifier`). An image's class is that
of the nearest class vector by Hamming distance. Beside it stand the same vectors without corrections (*centroid*),
the plain record of pixels bound to their places, the three or so nearest of all training images (*memory of all*),
and, on the same machine, a logistic regression and a small multilayer perceptron (MLP) on the grey values.

Every method is tuned on the same part, the last sixth of the training set, and then trained on all of it: the stride
of the patches, the margin of the corrections and the number of neighbours; the strength C of the regression, which
then runs until it converges; the width and the number of epochs of the MLP. The numbers tell what was tried. Patch,
window, edge, and epochs and learning rate of the corrections, were fixed before on the same part of MNIST and
Fashion-MNIST, in a wider search than that of the dense models; the temperature of LeHDC on that of MNIST (there, with
10,000 images to train on and D = 4,096, LeHDC and corrections on the pixel record came to .888 and .887, on clothes to
.825 and .829). Other settings are the defaults. The test set is used once for each setting that is shown. Shorter
vectors are the first bits of the long one, with the same choices.

Bit errors invert each stored bit with chance b: of the class vectors alone (five draws; theory: distances move as
independent binomials), of all that the classifier keeps (class vectors, patches and radii; one draw), and of the
weights of the two dense models, quantised to 8 bits, with their biases left whole (five draws). All are of one seed.

Caveats. Convolutional networks reach 99.7 % and 95 % or so on these sets and are not run here. The patches are seen
in training images, so they must be stored: 9 bytes a bit, many times the class vectors; both are counted. Seconds are
of one machine in one run, without the tuning, on all its cores, that other work may have shared. The accuracy against
D is the mean of three seeds of the encoder, all else is of one. Intervals are 95 % Wilson intervals over the test
images, as if these were independent. With ``--quick`` the images are the 8 × 8 digits of scikit-learn, in the order of
their writers.
"""

import time
from collections.abc import Callable, Iterator
from copy import copy
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from hdspike import bits, datasets, theory
from hdspike.encode import ReceptiveFields, level, pixels
from hdspike.faults import flip
from hdspike.learn import CentroidClassifier, LeHDCClassifier, RetrainingClassifier
from hdspike.plot.style import COLOURS, figure
from hdspike.spaces import BSC

LONG, SHORT = 32_768, 8_192
NEIGHBOURS = (1, 3, 5)
PUBLISHED = {"mnist": 0.9735, "fashion-mnist": 0.871}  # the best found in print for binary class vectors
CLASSES = 10
WORN = 0.1  # the share of flipped bits that a title names
DRAWS = 5  # of bit errors at each rate
FIELDS: dict[str, dict[str, Any]] = {
    "mnist": {"patch": 4, "window": 9, "edge": 10.0},
    "fashion-mnist": {"patch": 4, "window": 9, "edge": 10.0},
    "digits": {"patch": 3, "window": 4, "edge": None, "levels": (4, 8, 12)},
}
HIGH = {"mnist": 255.0, "fashion-mnist": 255.0, "digits": 16.0}  # the brightest pixel
PIXEL_LEVELS = 8
PATIENCE = 4  # epochs without a better one, after which the MLP is not tried further
LEARN: dict[str, Any] = {"epochs": 20, "learning_rate": 0.01}


class Task(NamedTuple):
    """Images and labels to train on and to test on; the last sixth of the first is to choose on."""

    name: str
    train_x: NDArray[np.uint8]
    train_y: NDArray[np.int64]
    test_x: NDArray[np.uint8]
    test_y: NDArray[np.int64]

    @property
    def part(self) -> int:
        """How many images to train on where the rest is to choose on."""
        return len(self.train_y) * 5 // 6


class Plan(NamedTuple):
    """How much is done."""

    long: int
    short: int
    strides: tuple[int, ...]
    margins: tuple[float, ...]
    seeds: int
    dims: tuple[int, ...]
    rates: tuple[float, ...]
    asked: int  # validation images for the neighbours
    strengths: tuple[float, ...]  # of the logistic regression: C
    widths: tuple[int, ...]  # of the MLP
    epochs: int  # of the MLP, at most


FULL = Plan(
    LONG, SHORT, (1, 2), (0.02, 0.04), 3, (256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768),
    (0.0, 0.001, 0.003, 0.01, 0.03, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.48),
    2000, (0.03, 0.1, 0.3), (128, 512), 12,
)  # fmt: skip
QUICK = Plan(
    2048, 1024, (1,), (0.04, 0.08), 2, (256, 512, 1024, 2048),
    (0.0, 0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.45), 200, (0.1, 1.0), (32, 128), 60,
)  # fmt: skip


def tasks(quick: bool) -> list[Task]:
    """The sets: MNIST and Fashion-MNIST, or for a quick look scikit-learn's digits."""
    if quick:
        x, y = load_digits(return_X_y=True)
        images = x.reshape(-1, 8, 8).astype(np.uint8)
        return [
            Task("digits", images[:1200], y[:1200].astype(np.int64), images[1200:], y[1200:].astype(np.int64))
        ]
    names = ("mnist", "fashion-mnist")
    datasets.require(*names)
    out = []
    for name in names:
        got = datasets.load(name)
        out.append(
            Task(name, got.train_x, got.train_y.astype(np.int64), got.test_x, got.test_y.astype(np.int64))
        )
    return out


def head(words: NDArray[np.uint64], dim: int) -> NDArray[np.uint64]:
    """The first ``dim`` bits, a whole number of words."""
    return np.ascontiguousarray(words[..., : dim // 64])


def learnt(words: Any, y: Any, dim: int, margin: float, seed: int) -> RetrainingClassifier:
    """One corrected vector per class."""
    model = RetrainingClassifier(dim, encoder="words", margin=margin, random_state=seed, **LEARN)
    return model.fit(words, y)


def voted(found: NDArray[np.int64], y: NDArray[np.int64]) -> NDArray[np.int64]:
    """The class of most of the neighbours ``(n, k)``; of equal ones, that of the nearest."""
    votes = (y[found][:, :, None] == np.arange(CLASSES)).astype(np.float64)
    votes *= 1 - 1e-3 * np.arange(found.shape[1])[None, :, None]
    return np.asarray(votes.sum(axis=1).argmax(axis=1))


def choose(task: Task, plan: Plan, seed: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Stride, margin and number of neighbours that are best on the part of the training set held out."""
    part, tried = task.part, []
    y, own = task.train_y[:part], task.train_y[part:]
    best: dict[str, Any] = {"accuracy": -1.0}
    for stride in plan.strides:
        fields = ReceptiveFields(
            plan.short, task.train_x[:part], stride=stride, rng=seed, **FIELDS[task.name]
        )
        train, held = fields(task.train_x[:part]), fields(task.train_x[part:])
        for margin in plan.margins:
            score = float(learnt(train, y, plan.short, margin, seed).score(held, own))
            tried.append({"stride": stride, "margin": margin, "accuracy": score})
            if score > best["accuracy"]:
                best = dict(tried[-1])
        if best["stride"] == stride:
            found, _ = bits.nearest(held[: plan.asked], train, plan.short, max(NEIGHBOURS))
            right = [float(np.mean(voted(found[:, :k], y) == own[: plan.asked])) for k in NEIGHBOURS]
            neighbours = {"k": NEIGHBOURS[int(np.argmax(right))], "by_k": right}
    return best | {"neighbours": neighbours}, tried


def timed(work: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """What ``work`` returns, and the seconds it took."""
    begin = time.perf_counter()
    return work(*arguments), time.perf_counter() - begin


def row(name: str, answers: NDArray[Any], task: Task, **cost: float) -> dict[str, Any]:
    """One line of the table; the cost of a test is per image, its encoding included."""
    cost["test_us"] = 1e6 * cost.pop("test_s") / len(task.test_y)
    return {"name": name, **theory.runs([answers == task.test_y]), **cost}


def fit_logistic(x: Any, y: Any, *strengths: float) -> list[LogisticRegression]:
    """One for each strength, from weak to strong, begun where the one before ended and run until it converges."""
    model, out = LogisticRegression(max_iter=1000, warm_start=True), []
    for strength in strengths:
        out.append(copy(model.set_params(C=strength).fit(x, y)))
    return out


def fit_mlp(x: Any, y: Any, width: int, epochs: int, seed: int) -> MLPClassifier:
    return list(grown(x, y, width, epochs, seed))[-1]


def grown(x: Any, y: Any, width: int, epochs: int, seed: int) -> Iterator[MLPClassifier]:
    """The MLP after each epoch, in an order of the images that is new each time."""
    model = MLPClassifier((width,), random_state=np.random.RandomState(seed))
    for _ in range(epochs):
        yield model.partial_fit(x, y, classes=np.arange(CLASSES))


def choose_dense(task: Task, plan: Plan, x: Any, seed: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Strength of the regression, width and epochs of the MLP that are best on the part held out."""
    part, tried = task.part, []
    train, y, held, own = x[:part], task.train_y[:part], x[part:], task.train_y[part:]
    for strength, model in zip(plan.strengths, fit_logistic(train, y, *plan.strengths), strict=True):
        steps = int(model.n_iter_.max())
        tried.append({"C": strength, "steps": steps, "accuracy": float(model.score(held, own))})
    logistic = max(tried, key=lambda entry: entry["accuracy"])
    tried_mlp: list[dict[str, Any]] = []
    for width in plan.widths:
        scores: list[float] = []
        for model in grown(train, y, width, plan.epochs, seed):
            scores.append(float(model.score(held, own)))
            if len(scores) - int(np.argmax(scores)) > PATIENCE:
                break
        tried_mlp.append({"width": width, "epochs": 1 + int(np.argmax(scores)), "accuracy": max(scores)})
    mlp = max(tried_mlp, key=lambda entry: entry["accuracy"])
    return {"logistic regression": logistic, "MLP": mlp}, tried + tried_mlp


def dense(task: Task, plan: Plan, seed: int) -> dict[str, Any]:
    """The logistic regression and the MLP on grey values in [0, 1], and what bit errors do to their 8-bit weights."""
    x, test = (
        a.reshape(len(a), -1).astype(np.float32) / HIGH[task.name] for a in (task.train_x, task.test_x)
    )
    chosen, tried = choose_dense(task, plan, x, seed)
    mlp = chosen["MLP"]
    (logistic,), logistic_s = timed(fit_logistic, x, task.train_y, chosen["logistic regression"]["C"])
    made = {
        "logistic regression": (logistic, logistic_s),
        f"MLP, {mlp['width']} hidden": timed(fit_mlp, x, task.train_y, mlp["width"], mlp["epochs"], seed),
    }
    rows: list[dict[str, Any]] = []
    errors: dict[str, list[dict[str, Any]]] = {}
    for name, (model, train_s) in made.items():
        answers, test_s = timed(model.predict, test)
        weights = [model.coef_.T] if hasattr(model, "coef_") else model.coefs_
        biases = [model.intercept_] if hasattr(model, "intercept_") else model.intercepts_
        size = 4 * sum(w.size for w in (*weights, *biases))
        rows.append(row(name, answers, task, train_s=train_s, test_s=test_s, bytes=size, encoder_bytes=0))
        scales = [float(np.abs(w).max()) / 127 for w in weights]
        whole = [np.rint(w / s).astype(np.int8) for w, s in zip(weights, scales, strict=True)]
        errors[name] = []
        for i, rate in enumerate(plan.rates):
            random = np.random.default_rng([seed, i, len(weights)])
            rights = []
            for _ in range(DRAWS):
                worn = [flip(w, rate, rng=random) * np.float32(s) for w, s in zip(whole, scales, strict=True)]
                rights.append(forward(test, worn, biases) == task.test_y)
            errors[name].append({"rate": rate, "draws": DRAWS, **theory.runs(rights)})
    return {"chosen": chosen, "choices": tried, "models": rows, "errors": errors}


def forward(x: Any, weights: list[Any], biases: list[Any]) -> NDArray[np.int64]:
    """The classes that a network with rectified hidden layers answers."""
    for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
        x = x @ w + b.astype(np.float32)
        if i + 1 < len(weights):
            x = np.maximum(x, 0)
    return np.asarray(x.argmax(axis=1))


def recorded(task: Task, plan: Plan, seed: int) -> list[dict[str, Any]]:
    """The plain record of pixels, places unrelated: centroids, and LeHDC, about as good there as corrections."""
    space = BSC(plan.short)
    rows, columns = task.train_x.shape[1:3]
    places = space.random(rows * columns, rng=seed).reshape(rows, columns, -1)
    levels = level(space, PIXEL_LEVELS, rng=seed + 1)

    def encoded(images: Any) -> Any:
        return pixels(space, places, levels, images, high=HIGH[task.name])

    train, encode_s = timed(encoded, task.train_x)
    test, test_s = timed(encoded, task.test_x)
    lehdc = LeHDCClassifier(plan.short, encoder="words", temperature=0.5, random_state=seed)
    out = []
    made = {"centroid": CentroidClassifier(plan.short, encoder="words", random_state=seed), "LeHDC": lehdc}
    for name, model in made.items():
        _, train_s = timed(model.fit, train, task.train_y)
        answers, more = timed(model.predict, test)
        out.append(
            row(f"pixel record, {name}", answers, task, dim=plan.short, train_s=encode_s + train_s,
                test_s=test_s + more, bytes=model.prototypes_.nbytes, encoder_bytes=0)
        )  # fmt: skip
    return out


def worn_encoder(fields: ReceptiveFields, rate: float, random: np.random.Generator) -> ReceptiveFields:
    """A copy whose stored patches and radii have flipped bits."""
    out = fields.head(fields.dim)
    length = bits.BITS * fields.patches.shape[1]
    worn = flip(np.moveaxis(fields.patches, 1, 2), rate, dim=length, rng=random)
    out.patches = np.ascontiguousarray(np.moveaxis(worn, 2, 1))
    out.radii = flip(fields.radii, rate, rng=random)
    return out


def errors(
    task: Task, plan: Plan, fields: ReceptiveFields, test: Any, model: Any, seed: int, *, whole: bool
) -> dict[str, list[dict[str, Any]]]:
    """Accuracy where bits of the class vectors are flipped; with ``whole``, also those of all that is stored."""
    dim = fields.dim
    plain = bits.hamming(test, model, dim)
    name, every = f"class vectors, D = {dim:,}", f"and the encoder, D = {dim:,}"
    out: dict[str, list[dict[str, Any]]] = {name: []}
    if whole:
        out[every] = []
    for i, rate in enumerate(plan.rates):
        random = np.random.default_rng([seed, i, dim])
        models = [flip(model, rate, dim=dim, rng=random) for _ in range(DRAWS)]
        rights = [bits.hamming(test, m, dim).argmin(axis=1) == task.test_y for m in models]
        law = theory.accuracy_after_flips(plain, task.test_y, rate, dim)
        out[name].append({"rate": rate, "draws": DRAWS, **theory.runs(rights), "theory": law})
        if whole:
            asked = worn_encoder(fields, rate, random)(task.test_x)
            right = bits.hamming(asked, models[0], dim).argmin(axis=1) == task.test_y
            out[every].append({"rate": rate, "draws": 1, **theory.runs([right])})
    return out


def one(task: Task, plan: Plan, seed: int) -> dict[str, Any]:
    """Everything about one set."""
    chosen, tried = choose(task, plan, seed)
    margin, count = chosen["margin"], len(task.train_y)
    by_dim: dict[int, list[NDArray[np.bool_]]] = {dim: [] for dim in plan.dims}
    rows: list[dict[str, Any]] = []
    worn: dict[str, Any] = {}
    for s in range(seed, seed + plan.seeds):
        begin = time.perf_counter()
        fields = ReceptiveFields(plan.long, task.train_x, stride=chosen["stride"], rng=s, **FIELDS[task.name])
        train = fields(task.train_x)
        encode_s = time.perf_counter() - begin
        test, test_s = timed(fields, task.test_x)
        for dim in plan.dims:
            part, asked = head(train, dim), head(test, dim)
            model, train_s = timed(learnt, part, task.train_y, dim, margin, s)
            answers, predict_s = timed(model.predict, asked)
            by_dim[dim].append(answers == task.test_y)
            if s > seed or dim not in (plan.short, plan.long):
                continue
            share = dim / plan.long  # a shorter encoder takes its share of the longer one's time
            cost = {"encode_s": share * encode_s, "ask_s": share * test_s}
            short = fields.head(dim)
            rows.append(
                row(f"class vectors, D = {dim:,}", answers, task, dim=dim, train_s=cost["encode_s"] + train_s,
                    test_s=cost["ask_s"] + predict_s, bytes=model.prototypes_.nbytes, encoder_bytes=short.nbytes)
            )  # fmt: skip
            whole = dim == plan.short
            worn |= errors(task, plan, short, asked, model.prototypes_, seed, whole=whole)
            if whole:
                rows += baselines(task, part, asked, chosen, short, seed, cost)
    rows += recorded(task, plan, seed)
    others = dense(task, plan, seed)
    rows += others["models"]
    return {
        "name": task.name,
        "train": count,
        "test": len(task.test_y),
        "shape": list(task.train_x.shape[1:]),
        "chosen": chosen | {"dense": others["chosen"]},
        "choices": tried,
        "dense_choices": others["choices"],
        "seeds": plan.seeds,
        "published": PUBLISHED.get(task.name),
        "dims": [{"dim": dim, **theory.runs(by_dim[dim])} for dim in plan.dims],
        "models": rows,
        "errors": worn | others["errors"],
    }


def baselines(
    task: Task, train: Any, test: Any, chosen: Any, fields: ReceptiveFields, seed: int, cost: dict[str, float]
) -> list[dict[str, Any]]:
    """The same vectors without corrections, and all of them as a memory."""
    encode_s, ask_s, dim = cost["encode_s"], cost["ask_s"], fields.dim
    model = CentroidClassifier(dim, encoder="words", random_state=seed)
    _, train_s = timed(model.fit, train, task.train_y)
    answers, predict_s = timed(model.predict, test)
    shared = {"dim": dim, "encoder_bytes": fields.nbytes}
    out = [
        row("centroid, same vectors", answers, task, train_s=encode_s + train_s, test_s=ask_s + predict_s,
            bytes=model.prototypes_.nbytes, **shared)
    ]  # fmt: skip
    k = chosen["neighbours"]["k"]
    (found, _), search_s = timed(bits.nearest, test, train, dim, k)
    name = f"memory of all, {k} nearest" if k > 1 else "memory of all, the nearest"
    out.append(
        row(name, voted(found, task.train_y), task, train_s=encode_s, test_s=ask_s + search_s,
            bytes=train.nbytes, **shared)
    )  # fmt: skip
    return out


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Accuracy against D, cost and bit errors, on each set."""
    plan = QUICK if quick else FULL
    return {
        "question": "How good is a hyperdimensional classifier on digits, and at what cost?",
        "long": plan.long,
        "short": plan.short,
        "data": "scikit-learn's 8 × 8 digits (quick)" if quick else "MNIST and Fashion-MNIST",
        "sets": [one(task, plan, seed) for task in tasks(quick)],
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Wrong answers against D, against bit errors, and the table of costs, for each set."""
    sets = numbers["sets"]
    fig, axes = figure(len(sets), 3, size=(19, 5.6 * len(sets)))
    for line, entry in zip(np.atleast_2d(np.asarray(axes, dtype=object)), sets, strict=True):
        dims_axes(line[0], entry)
        errors_axes(line[1], entry)
        table_axes(line[2], entry)
    best = [f"{TITLES[e['name']]} {100 * e['dims'][-1]['accuracy']:.2f} %" for e in sets]
    fig.suptitle(
        f"One binary vector of {numbers['long']:,} bits per class: {', '.join(best)} of the test images "
        f"(mean of {sets[0]['seeds']} seeds)", fontsize=14,
    )  # fmt: skip
    fig.supxlabel(
        "Left: lines are means over seeds of the encoder, bands worst to best. Middle: points with 95 % intervals "
        f"(Wilson, test images), means of {DRAWS} draws, with the encoder 1; lines through the class vectors: theory.\n"
        "Right: seconds on this machine, encoding included; kB of the model + kB of the encoder.",
        fontsize=10, color="#444444",
    )  # fmt: skip
    return fig


TITLES = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST", "digits": "8 × 8 digits"}
MARKS = ("blue", "o"), ("sky", "D"), ("green", "^"), ("orange", "s"), ("vermilion", "v")


def wrong(share: float) -> float:
    return 100 * (1 - share)


def wrong_axis(axis: Any, low: float, high: float) -> None:
    """Wrong answers in percent on a logarithmic scale with plain numbers."""
    ticks = [t for t in (0.5, 1, 2, 5, 10, 20, 50, 100) if low <= t <= high]
    axis.axes.set_yscale("log") if axis.axis_name == "y" else axis.axes.set_xscale("log")
    axis.set_ticks(ticks, [f"{t:g}" for t in ticks])
    axis.set_minor_locator(NullLocator())


def dims_axes(ax: Any, entry: dict[str, Any]) -> None:
    """One panel: wrong answers against D, and the other models."""
    x = [p["dim"] for p in entry["dims"]]
    y = [wrong(p["accuracy"]) for p in entry["dims"]]
    ax.plot(x, y, "o-", color=COLOURS["blue"], label="class vectors")
    ax.fill_between(x, [wrong(p["best"]) for p in entry["dims"]], [wrong(p["worst"]) for p in entry["dims"]],
                    color=COLOURS["blue"], alpha=0.2, lw=0)  # fmt: skip
    named = {m["name"]: m for m in entry["models"]}
    lines = [
        ("logistic regression", "orange", "--"),
        (next(n for n in named if n.startswith("MLP")), "vermilion", "-."),
        (next(n for n in named if n.startswith("memory")), "green", ":"),
    ]
    for name, colour, style in lines:
        at = f", D = {named[name]['dim']:,}" if "dim" in named[name] else ""
        ax.axhline(wrong(named[name]["accuracy"]), color=COLOURS[colour], ls=style, lw=1.6, label=name + at)
        y.append(wrong(named[name]["accuracy"]))
    if entry["published"]:
        ax.axhline(
            wrong(entry["published"]), color=COLOURS["black"], lw=1, label="best published found, binary HD"
        )
        y.append(wrong(entry["published"]))
    ax.set_xscale("log")
    ax.set_xticks(x, [f"{d:,}" for d in x], rotation=35)
    ax.minorticks_off()
    ax.set_ylim(0.8 * min(y), 1.5 * max(y))
    wrong_axis(ax.yaxis, 0.8 * min(y), 1.5 * max(y))
    ax.set_xlabel("dimension D (bits)")
    ax.set_ylabel("wrong answers (%)")
    ax.set_title(
        f"{TITLES[entry['name']]}: {entry['train']:,} images to train on, {entry['test']:,} to test on"
    )
    ax.legend(loc="upper right")


def errors_axes(ax: Any, entry: dict[str, Any]) -> None:
    """One panel: accuracy against the share of stored bits that are flipped."""
    for (name, series), (colour, mark) in zip(sorted(entry["errors"].items(), key=order), MARKS, strict=True):
        points = [p for p in series if p["rate"] > 0]
        x, y = [100 * p["rate"] for p in points], [100 * p["accuracy"] for p in points]
        arms = [[max(0.0, v - 100 * p["low"]) for v, p in zip(y, points, strict=True)],
                [max(0.0, 100 * p["high"] - v) for v, p in zip(y, points, strict=True)]]  # fmt: skip
        if "theory" in points[0]:
            ax.plot(x, [100 * p["theory"] for p in points], color=COLOURS[colour], lw=1.4)
            label, line = name, "none"
        else:
            label, line = name if name.startswith("and") else f"{name}, 8 bits a weight", ":"
        ax.errorbar(
            x, y, yerr=arms, fmt=mark, ls=line, lw=1, ms=5, capsize=2, color=COLOURS[colour], label=label
        )
    ax.axhline(100 / CLASSES, color=COLOURS["grey"], lw=1, ls=":")
    ax.text(
        0.02, 100 / CLASSES - 1, "guessing", transform=ax.get_yaxis_transform(), va="top", color="#555555"
    )
    ax.set_xscale("log")
    ticks = [t for t in (0.1, 0.3, 1, 3, 10, 20, 50) if x[0] <= t <= 50]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()
    ax.set_ylim(0, 102)
    ax.set_xlabel("share of stored bits flipped (%)")
    ax.set_ylabel("right answers (%)")
    worn = {n: next(p["accuracy"] for p in e if p["rate"] == WORN) for n, e in entry["errors"].items()}
    most = max(v for n, v in worn.items() if n.startswith("class"))
    every, mlp = (next(v for n, v in worn.items() if n.startswith(kind)) for kind in ("and", "MLP"))
    ax.set_title(
        f"{100 * WORN:.0f} % flipped: in the class vectors {100 * most:.1f} % right,\n"
        f"in the encoder too {100 * every:.0f} %; 8-bit MLP {100 * mlp:.0f} %"
    )
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 0.12))


def order(item: tuple[str, Any]) -> tuple[int, int]:
    """Class vectors, longest last; then the encoder; then dense models."""
    kinds = ("class vectors", "and the encoder", "logistic", "MLP")
    return next(i for i, kind in enumerate(kinds) if item[0].startswith(kind)), len(item[0])


def table_axes(ax: Any, entry: dict[str, Any]) -> None:
    """One panel: wrong answers of each model, its seconds and its bytes."""
    models = sorted(entry["models"], key=lambda m: m["accuracy"])
    for i, m in enumerate(models):
        mean, dense = wrong(m["accuracy"]), m["name"].startswith(("log", "MLP"))
        colour = COLOURS["vermilion" if dense else "blue"]
        ax.errorbar(mean, i, xerr=[[mean - wrong(m["high"])], [wrong(m["low"]) - mean]], fmt="s" if dense else "o",
                    color=colour, capsize=3)  # fmt: skip
        size = f"{m['bytes'] / 1000:,.1f}" + (
            f" + {m['encoder_bytes'] / 1000:,.0f}" if m["encoder_bytes"] else ""
        )
        cells = (f"{100 * m['accuracy']:.2f}", f"{m['train_s']:.1f}", f"{m['test_us']:.0f}", size)
        for place, cell in zip(PLACES, cells, strict=True):
            ax.text(place, i, cell, transform=ax.get_yaxis_transform(), ha="right", va="center", fontsize=9.5)
    for place, head_ in zip(
        PLACES, ("right\n(%)", "train\n(s)", "test\n(µs/image)", "model + encoder\n(kB)"), strict=True
    ):
        ax.text(place, len(models) - 0.4, head_, transform=ax.get_yaxis_transform(), ha="right", va="bottom",
                fontsize=9.5, color="#444444")  # fmt: skip
    ax.set_yticks(range(len(models)), [m["name"] for m in models], fontsize=9.5)
    ax.set_ylim(-0.7, len(models) + 0.6)
    low, high = wrong(models[-1]["high"]), wrong(models[0]["low"])
    ax.set_xlim(0.8 * low, high * (high / low) ** 2)
    wrong_axis(ax.xaxis, 0.8 * low, 1.2 * high)
    ax.set_xlabel("wrong answers (%)", loc="left")
    ax.set_title("What each model costs")


PLACES = (0.46, 0.57, 0.73, 1.0)  # of the columns of the table


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
