"""Retraining: bundles corrected where they err, as a perceptron is (AdaptHD, QuantHD, RefineHD)."""

from typing import Any

import numpy as np

from hdspike import bits
from hdspike.learn.classifier import HypervectorClassifier, accuracy, batch_rows, rivals, start
from hdspike.learn.prototypes import Prototypes
from hdspike.learn.settings import fraction, truth

__all__ = ["RetrainingClassifier"]

DEPTH = 15


def _own_share(model: Prototypes, num: int) -> float:
    """``min(1, (1 − ρ)/ρ)``, ρ the mean similarity of all pairs of the ``num`` vectors bundled: ``‖Σ s‖² ÷ (D·num²)``.

    A correction moves what vectors share by ρ and what is one's own by 1 − ρ.
    """
    total = model.counters.sum(axis=0, dtype=np.int64)
    shared = float(np.square(total, dtype=np.float64).sum()) / (model.dim * num**2)
    return 1.0 if shared <= 0.5 else (1 - shared) / shared


class RetrainingClassifier(HypervectorClassifier):
    """Class bundles, then epochs of corrections: an erring vector is added to its class and taken from the rival.

    With ``k`` the best prototype of x's own class, ``r`` the best of the others and δ the similarity, wherever
    ``δ_k(x) − δ_r(x) ≤ margin``: ``c_k += α·s(x)``, ``c_r −= α·s(x)`` (AdaptHD, Imani et al. 2019). With ``binary``
    the error is that of the quantised vectors while the correction goes to the counters (QuantHD, Imani et al.
    2020); with a margin, vectors that are right by too little correct too (RefineHD, Vergés et al. 2023). With
    ``average`` the model is the mean of the counters over all batches (the averaged perceptron, Freund & Schapire
    1999): over all batches of the second half of the epochs.

    α falls linearly over the epochs, from ``learning_rate`` × the mean number of vectors of a class, to 1 at least.
    With ``binary`` it is taken times ``(1 − ρ)/ρ`` where the mean similarity ρ of the vectors is above ½: a correction
    also moves what all of them share, and through the signs a large one makes a class the nearest to everything.
    Corrections are counted per batch against the prototypes at its beginning: ``batch_size=1`` is the strictly
    sequential rule.

    Args:
        dim: D, bits of a hypervector.
        encoder: ``"fourier"``, ``"projection"``, ``"record"``, ``"words"`` or an encoder.
        binary: compare with bits, or with integer counters.
        prototypes: per class; more than one start from clusters of the class's vectors (k-majority).
        epochs: passes over the data at most; fewer where a pass corrects nothing.
        learning_rate: the weight of a correction at the beginning, as a share of what was bundled in a class.
        margin: what the own class must lead by, in similarity.
        average: keep the mean of the counters rather than the last ones.
        batch_size: vectors between two refreshes of the prototypes; ``"auto"`` is n/64, from 1 to 256.
        early_stopping: hold out ``validation_fraction`` of the data and keep the epoch that is best on it; stop after
            ``n_iter_no_change`` epochs without a gain.
        random_state: an int, a ``RandomState`` or None.
        verbose: show progress of what takes over a second.

    Fitted beside the prototypes: ``errors_`` corrections per epoch, ``validation_scores_``, ``n_iter_``.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = RetrainingClassifier(1000, epochs=5, random_state=0).fit(X[::2], y[::2])
    >>> bool(model.score(X[1::2], y[1::2]) > 0.9)
    True
    """

    def __init__(
        self,
        dim: int = 10_000,
        *,
        encoder: Any = "fourier",
        binary: bool = True,
        prototypes: int = 1,
        epochs: int = 20,
        learning_rate: float = 0.1,
        margin: float = 0.03,
        average: bool = True,
        batch_size: int | str = "auto",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.dim = dim
        self.encoder = encoder
        self.binary = binary
        self.prototypes = prototypes
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.margin = margin
        self.average = average
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> "RetrainingClassifier":
        """Bundle each class, then correct."""
        rate = fraction("learning_rate", self.learning_rate, 0.0, 64.0)
        truth("average", self.average)
        fraction("margin", self.margin, 0.0, 2.0)
        words, labels, checking, answers, random = self._start_parts(X, y)
        hashes = bits.hash64(words)
        model = start(words, labels, hashes, self.dim_, self.prototypes, binary=self.binary, rng=random)
        total = np.zeros(model.counters.shape, dtype=np.int64)
        size = batch_rows(self.batch_size, len(words))
        several = len(self.classes_) > 1
        if self.binary:
            rate *= _own_share(model, len(words))

        def epoch(number: int) -> int:
            alpha = max(1, round(rate * (1 - number / self.epochs) * len(words) / len(self.classes_)))
            order, wrong = random.permutation(len(words)), 0
            for low in range(0, len(words) if several else 0, size):
                wrong += self._correct(model, words, hashes, labels, order[low : low + size], alpha)
                if self.average and 2 * number >= self.epochs:
                    total[:] += model.counters
            return wrong

        def snapshot() -> Prototypes:
            out = Prototypes(model.owners, self.dim_, binary=self.binary)
            mean = total if total.any() else model.counters
            # as many bits as a vote needs, so that a product has few planes
            shift = max(0, int(np.abs(mean).max()).bit_length() - DEPTH)
            out.counters[:] = (mean + (1 << shift >> 1)) >> shift
            out.seeds[:] = model.seeds
            return out

        kept = self._epochs(epoch, snapshot, lambda m: accuracy(m.similarity(checking), m.owners, answers))
        self._keep(kept)
        return self

    def _correct(
        self, model: Prototypes, words: Any, hashes: Any, labels: Any, batch: Any, alpha: int
    ) -> int:
        """Correct one batch; how many of its vectors corrected."""
        own, other, lead = rivals(model.similarity(words[batch]), labels[batch], model.owners)
        wrong = np.flatnonzero(lead <= self.margin)
        if len(wrong):
            rows = np.concatenate([batch[wrong], batch[wrong]])
            targets = np.concatenate([own[wrong], other[wrong]])
            model.add(words, hashes, rows, targets, np.repeat(np.array([alpha, -alpha]), len(wrong)))
        return len(wrong)
