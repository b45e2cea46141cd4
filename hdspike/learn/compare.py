"""Every learner beside a logistic regression, on the data sets that come with scikit-learn."""

import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hdspike.learn.centroid import CentroidClassifier
from hdspike.learn.lehdc import LeHDCClassifier
from hdspike.learn.online import OnlineHDClassifier
from hdspike.learn.retraining import RetrainingClassifier

__all__ = ["SETS", "compare", "learners", "markdown"]

SETS = ("digits", "iris", "wine", "breast_cancer")


def learners(dim: int, seed: int) -> Iterator[tuple[str, Any]]:
    """What is compared: everything by its defaults."""
    yield "logistic regression", make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    for kind in (CentroidClassifier, RetrainingClassifier, OnlineHDClassifier):
        for binary in (True, False):
            made = kind(dim, binary=binary, random_state=seed)
            yield f"`{kind.__name__}`, {'bits' if binary else 'counters'}", made
    yield "`LeHDCClassifier`, bits", LeHDCClassifier(dim, random_state=seed)


def compare(*, dim: int = 10_000, folds: int = 5, seed: int = 0) -> list[dict[str, Any]]:
    """Accuracy of each learner on each set: mean and standard error over the folds, and the seconds it took."""
    rows = []
    for name, model in learners(dim, seed):
        begin = time.perf_counter()
        row: dict[str, Any] = {"learner": name}
        for data in SETS:
            X, y = getattr(datasets, f"load_{data}")(return_X_y=True)
            cut = StratifiedKFold(folds, shuffle=True, random_state=seed).split(X, y)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                scores = [model.fit(X[train], y[train]).score(X[test], y[test]) for train, test in cut]
            row[data] = (float(np.mean(scores)), float(np.std(scores, ddof=1) / np.sqrt(folds)))
        row["seconds"] = time.perf_counter() - begin
        rows.append(row)
    return rows


def markdown(rows: list[dict[str, Any]]) -> str:
    """The rows of :func:`compare` as a Markdown table, without the seconds: they differ from run to run."""
    head = ["accuracy, %", *(data.replace("_", " ") for data in SETS)]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for row in rows:
        cells = [f"{100 * row[data][0]:.1f} ± {100 * row[data][1]:.1f}" for data in SETS]
        lines.append("| " + " | ".join([row["learner"], *cells]) + " |")
    return "\n".join(lines)
