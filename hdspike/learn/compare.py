"""Every learner beside a logistic regression and a small network: on the sets that the defaults were chosen on, and
on sets that nothing was chosen on."""

import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from hdspike.learn.centroid import CentroidClassifier
from hdspike.learn.lehdc import LeHDCClassifier
from hdspike.learn.online import OnlineHDClassifier
from hdspike.learn.retraining import RetrainingClassifier

__all__ = ["FETCHED", "TIMED", "TUNED", "compare", "learners", "markdown"]

TUNED = ("digits", "iris", "wine", "breast_cancer")  # of scikit-learn
FETCHED = ("letter", "optdigits", "penbased", "satimage", "splice")
TIMED = "letter"
DENSE = ("logistic regression", "MLP, 128 hidden")
TUNED_ONLY = ("Centroid", "OnlineHD")  # to save time
ROWS = 1000

Data = tuple[NDArray[np.float64], NDArray[Any]]


def learners(dim: int, seed: int) -> Iterator[tuple[str, Any]]:
    """What is compared: everything by its defaults."""
    yield DENSE[0], make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    yield DENSE[1], make_pipeline(StandardScaler(), MLPClassifier((128,), random_state=seed))
    for kind in (CentroidClassifier, RetrainingClassifier, OnlineHDClassifier):
        for binary in (True, False):
            made = kind(dim, binary=binary, random_state=seed)
            yield f"`{kind.__name__}`, {'bits' if binary else 'counters'}", made
    yield "`LeHDCClassifier`, bits", LeHDCClassifier(dim, random_state=seed)


def _given(load: Callable[[str], Any] | None, rows: int, seed: int) -> Iterator[tuple[str, Data]]:
    """The sets that there are, at most ``rows`` rows of a fetched one, stratified."""
    for name in TUNED:
        yield name, getattr(datasets, f"load_{name}")(return_X_y=True)
    for name in FETCHED:
        if load is None:
            return
        try:
            table = load(name)
        except ValueError:  # it has not been fetched
            continue
        x, y = table.x, table.y
        if x.dtype.kind == "U":  # letters, one of which is 1
            x = (x[:, :, None] == np.unique(x)).reshape(len(x), -1).astype(np.float64)
        if name == "optdigits":  # scikit-learn's digits are a part of it
            known = {row.tobytes() for row in datasets.load_digits().data}
            fresh = np.array([row.tobytes() not in known for row in np.ascontiguousarray(x)])
            x, y = x[fresh], y[fresh]
        if len(x) > rows:
            x, _, y, _ = train_test_split(x, y, train_size=rows, stratify=y, random_state=seed)
        yield name, (x, y)


def sizes(model: Any) -> tuple[int, int]:
    """Bytes of what a fitted model learned with its standardisation, and of what it draws from a seed."""
    if isinstance(model, Pipeline):
        scaler, last = model[0], model[-1]
        held = [scaler.mean_, scaler.scale_]
        held += (
            [*last.coefs_, *last.intercepts_] if hasattr(last, "coefs_") else [last.coef_, last.intercept_]
        )
        return sum(a.nbytes for a in held), 0
    made = model.encoder_
    held = [made.mean_, made.scale_, model.prototypes_ if model.binary else model.counters_]
    return sum(a.nbytes for a in held), made.weights_.nbytes + made.phases_.nbytes


def compare(
    load: Callable[[str], Any] | None = None,
    *,
    dim: int = 10_000,
    folds: int = 5,
    seed: int = 0,
    rows: int = ROWS,
) -> list[dict[str, Any]]:
    """Accuracy of each learner on each set: mean and standard error over stratified folds.

    ``load`` is :func:`hdspike.datasets.load`, or another function from a name of :data:`FETCHED` to a table with
    ``x`` and ``y``; what it refuses with a ``ValueError`` is left out, and all of these without ``load``. A row has
    ``learner``, a pair for each set that it was run on (the network on the fetched ones, bundling alone and OnlineHD
    on the others), ``seconds`` in all, and with :data:`TIMED` the median ``fit_s`` of a fit and the
    bytes ``learned`` and ``drawn`` (from a seed).
    """
    given = dict(_given(load, rows, seed))
    out = []
    for name, model in learners(dim, seed):
        begin = time.perf_counter()
        row: dict[str, Any] = {"learner": name}
        for data, (X, y) in given.items():
            if name == DENSE[1] and data in TUNED:
                continue
            if data in FETCHED and any(part in name for part in TUNED_ONLY):
                continue
            scores, spent = [], []
            for train, test in StratifiedKFold(folds, shuffle=True, random_state=seed).split(X, y):
                # One thread of BLAS: in products as small as these, threads mostly wait for each other.
                with warnings.catch_warnings(), threadpool_limits(1, "blas"):
                    warnings.simplefilter("ignore", ConvergenceWarning)
                    started = time.perf_counter()
                    model.fit(X[train], y[train])
                    spent.append(time.perf_counter() - started)
                scores.append(model.score(X[test], y[test]))
            row[data] = (float(np.mean(scores)), float(np.std(scores, ddof=1) / np.sqrt(folds)))
            if data == TIMED:
                row["fit_s"], row["rows"] = float(np.median(spent)), len(y)
                row["learned"], row["drawn"] = sizes(model)
        row["seconds"] = time.perf_counter() - begin
        out.append(row)
    return out


def _table(head: list[str], body: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *body))


def _accuracies(rows: list[dict[str, Any]], sets: list[str]) -> str:
    rows = [r for r in rows if sets[0] in r]
    body = [
        [r["learner"], *(f"{100 * r[data][0]:.1f} ± {100 * r[data][1]:.1f}" for data in sets)] for r in rows
    ]
    return _table(["accuracy, %", *(data.replace("_", " ") for data in sets)], body)


def _verdict(rows: list[dict[str, Any]], sets: list[str]) -> str:
    """Where the better dense model leads the best learner, and where not."""
    lines: dict[bool, list[str]] = {True: [], False: []}
    for data in sets:
        dense = max(r[data][0] for r in rows if data in r and r["learner"] in DENSE)
        ours = max(r[data][0] for r in rows if data in r and r["learner"] not in DENSE)
        lines[dense > ours].append(f"{data.replace('_', ' ')} ({100 * dense:.1f} against {100 * ours:.1f} %)")
    said = [
        f"{who} on {', '.join(found)}."
        for who, found in (
            ("By the means alone, the best dense model is ahead of every learner here", lines[True]),
            ("The best learner here is level or ahead", lines[False]),
        )
        if found
    ]
    return " ".join(said)


def markdown(rows: list[dict[str, Any]]) -> str:
    """The rows of :func:`compare` as Markdown: the sets of either kind, who wins, and what a fit costs."""
    parts = []
    tuned = [data for data in TUNED if data in rows[0]]
    fetched = [data for data in FETCHED if data in rows[0]]
    absent = [data for data in FETCHED if data not in rows[0]]
    if tuned:
        parts += ["Sets on which the defaults were chosen:", _accuracies(rows, tuned), _verdict(rows, tuned)]
    if fetched:
        parts += ["Sets on which nothing was chosen:", _accuracies(rows, fetched), _verdict(rows, fetched)]
    if absent:
        parts.append(
            f"Left out, as they have not been fetched (`hdspike data fetch …`): {', '.join(absent)}."
        )
    if TIMED in rows[0]:
        body = [
            [
                r["learner"],
                f"{r['fit_s']:.2g} s",
                f"{r['learned']:,}",
                f"{r['drawn']:,}" if r["drawn"] else "",
            ]
            for r in rows
            if TIMED in r
        ]
        parts.append(f"What a fit to four fifths of {rows[0]['rows']:,} rows of {TIMED} costs:")
        parts.append(_table([TIMED, "fit", "bytes learned", "bytes drawn from the seed"], body))
    return "\n\n".join(parts)
