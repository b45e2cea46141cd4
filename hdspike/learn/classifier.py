"""What all classifiers share: labels, prediction by the most similar prototype, epochs with early stopping."""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from hdspike import check
from hdspike.learn import counters as _counters
from hdspike.learn.cluster import k_majority
from hdspike.learn.model import HypervectorModel, fits, fits_words
from hdspike.learn.progress import track
from hdspike.learn.prototypes import Prototypes, cosines, similarities
from hdspike.learn.settings import fraction, truth

__all__ = ["HypervectorClassifier", "accuracy", "batch_rows", "rivals", "start"]

State = TypeVar("State")


def batch_rows(value: Any, rows: int) -> int:
    """``batch_size``: an integer, or ``"auto"``: a sixty-fourth of the rows, from 1 to 256."""
    if isinstance(value, str):
        check.one_of("batch_size", value, ("auto",))
        return min(max(1, rows // 64), 256)
    return check.integer("batch_size", value, low=1, high=2**18)


def start(
    words: Any, labels: Any, hashes: Any, dim: int, per_class: int, *, binary: bool, rng: np.random.Generator
) -> Prototypes:
    """Prototypes bundled from the vectors of each class, or of ``per_class`` clusters in it."""
    check.integer("prototypes", per_class, low=1)
    rows, owners = [], []
    for label in range(int(labels.max()) + 1):
        inside = np.flatnonzero(labels == label)
        count = min(per_class, len(inside))
        part = np.zeros(len(inside), dtype=np.int64)
        if count > 1:
            part = k_majority(words[inside], dim, count, rng=rng).labels
        for cluster in range(count):
            rows.append(inside[part == cluster])
            owners.append(label)
    made = Prototypes(owners, dim, binary=binary)
    targets = np.repeat(np.arange(len(rows)), [len(r) for r in rows])
    made.add(words, hashes, np.concatenate(rows), targets, 1)
    return made


class HypervectorClassifier(ClassifierMixin, HypervectorModel):
    """Predicts the class of the most similar prototype.

    Fitted: ``classes_``; ``owners_`` (P,) the class index of each prototype; ``prototypes_`` (P, W) words where
    ``binary``, and ``counters_`` (P, dim) integers.
    """

    binary: Any = True

    def _start_labels(self, X: Any, y: Any) -> tuple[Any, NDArray[np.int64], np.random.Generator]:
        if y is None:
            raise ValueError("y must be given: requires y to be passed, but the target y is None")
        truth("binary", self.binary)
        words, y, random = self._begin(X, y)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        return words, labels.astype(np.int64), random

    def _keep(self, made: Prototypes) -> None:
        self.owners_, self.counters_ = made.owners, made.counters
        if self.binary:
            self.prototypes_ = made.words().copy()

    def _saved(self) -> tuple[str, ...]:
        return ("classes_", "owners_", "prototypes_" if self.binary else "counters_")

    def _restore(self) -> None:
        self._restore_classes()
        if self.binary:
            fits_words("prototypes_", self.prototypes_, len(self.owners_), self.dim_)
        else:
            fits("counters_", self.counters_, np.int32, len(self.owners_), self.dim_)

    def _restore_classes(self) -> None:
        truth("binary", self.binary)
        classes, owners = self.classes_, self.owners_
        fits("classes_", classes, np.asarray(classes).dtype, np.size(classes))
        if classes.dtype.kind == "U" and classes.view(np.uint32).max(initial=0) > sys.maxunicode:
            raise ValueError("array classes_ must be text")
        if not np.all(classes[:-1] < classes[1:]):
            raise ValueError("array classes_ must be distinct and in order")
        fits("owners_", owners, np.int64, np.size(owners))
        if not np.array_equal(np.unique(owners), np.arange(max(1, len(classes)))):
            raise ValueError(f"array owners_ must name each of the {len(classes)} classes, and no other")

    # --- prediction ----------------------------------------------------------------------------------

    def similarity(self, X: Any) -> NDArray[np.float64]:
        """Similarity to the best prototype of each class, in [−1, 1]: ``(n, classes)``."""
        words = self._words(X)
        if self.binary:
            every = similarities(words, self.prototypes_, self.dim_)
        else:
            every = cosines(words, self.counters_)
        out = np.full((len(words), len(self.classes_)), -np.inf)
        np.maximum.at(out.T, self.owners_, every.T)
        return out

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Similarity of each class ``(n, classes)``; of two classes, the second's less the first's ``(n,)``."""
        scores = self.similarity(X)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def predict(self, X: Any) -> NDArray[Any]:
        """The class of the most similar prototype, the first of equal ones: ``(n,)``."""
        best = self.similarity(X).argmax(axis=1)
        return self.classes_[best]

    # --- training in epochs ----------------------------------------------------------------------------

    def _start_parts(self, X: Any, y: Any) -> tuple[Any, Any, Any, Any, np.random.Generator]:
        """Words and labels to train on, words and labels held out to check on (maybe none), and the generator."""
        words, labels, random = self._start_labels(X, y)
        train, valid = self._hold_out(labels, random)
        checking, answers = words[valid], labels[valid]
        if len(valid):  # without any, nothing is copied
            words, labels = words[train], labels[train]
        return words, labels, checking, answers, random

    def _hold_out(self, labels: Any, rng: np.random.Generator) -> tuple[Any, Any]:
        """Rows to train on and rows to validate on; each class keeps at least one row to train on."""
        share = fraction("validation_fraction", self.validation_fraction, 0.0, 1.0)
        if not truth("early_stopping", self.early_stopping):
            return np.arange(len(labels)), np.arange(0)
        held = []
        for label in np.unique(labels):
            inside = rng.permutation(np.flatnonzero(labels == label))
            held.append(inside[: min(int(np.ceil(share * len(inside))), len(inside) - 1)])
        valid = np.sort(np.concatenate(held))
        if not len(valid):
            raise ValueError(
                f"validation_fraction must leave something to validate on, got {share} of n_samples = {len(labels)}"
            )
        return np.setdiff1d(np.arange(len(labels)), valid), valid

    def _epochs(
        self,
        epoch: Callable[[int], int],
        snapshot: Callable[[], State],
        accuracy: Callable[[State], float],
    ) -> State:
        """Run ``epoch`` until it corrects nothing, or validation no longer gains; the last or the best state."""
        count = check.integer("epochs", self.epochs, low=0)
        patience = check.integer("n_iter_no_change", self.n_iter_no_change, low=1)
        best, highest, since = snapshot(), -1.0, 0
        if self.early_stopping:
            highest = accuracy(best)
        self.errors_: list[int] = []
        self.validation_scores_: list[float] = []
        for step in track(range(count), "train", verbose=self.verbose):
            self.errors_.append(epoch(step))
            if self.early_stopping:
                state = snapshot()
                self.validation_scores_.append(accuracy(state))
                since += 1
                if self.validation_scores_[-1] > highest:
                    best, highest, since = state, self.validation_scores_[-1], 0
                if since >= patience:
                    break
            if self.errors_[-1] == 0:
                break
        self.n_iter_ = len(self.errors_)
        return best if self.early_stopping else snapshot()


def accuracy(scores: Any, owners: Any, labels: Any) -> float:
    """Share of rows of scores ``(n, P)`` whose best prototype has the label."""
    return float(np.mean(owners[scores.argmax(axis=1)] == labels))


def rivals(scores: Any, labels: Any, owners: Any) -> tuple[Any, Any, Any]:
    """Per row: the best prototype of its own class, the best of any other, and by how much the own one leads."""
    own, other = _counters.rival(scores, labels, owners)
    rows = np.arange(len(labels))
    return own, other, scores[rows, own] - scores[rows, other]
