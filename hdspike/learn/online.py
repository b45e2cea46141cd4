"""Similarity-weighted updates: what is already known is added less (OnlineHD)."""

from typing import Any

import numpy as np

from hdspike import bits
from hdspike.learn.classifier import HypervectorClassifier, accuracy, batch_rows, rivals
from hdspike.learn.prototypes import Prototypes
from hdspike.learn.settings import fraction

__all__ = ["OnlineHDClassifier"]

UNIT = 2**8


class OnlineHDClassifier(HypervectorClassifier):
    """OnlineHD (Hernández-Cano, Matsumoto, Ping & Imani 2021): corrections weighted by what is not yet known.

    One pass, then ``epochs`` more, with δ the cosine to a class counter, k the own class and r the best other:

    * first pass: ``c_k += η(1 − δ_k)·s(x)``, and where r was predicted ``c_r −= η(1 − δ_r)·s(x)``;
    * later passes: both, only where r was predicted.

    Weights are whole multiples of 1/256, so that counters stay integers and sums exact. The δ of a batch are those at
    its beginning: ``batch_size=1`` is the rule as published. With ``binary`` the counters are quantised in the end
    and compared by Hamming distance; training compares counters.

    Args:
        dim: D, bits of a hypervector.
        encoder: ``"fourier"``, ``"projection"``, ``"record"``, ``"words"`` or an encoder.
        binary: predict with bits, or with integer counters.
        epochs: passes after the first one, at most.
        learning_rate: η.
        batch_size: vectors between two refreshes of the counters; ``"auto"`` is n/64, from 1 to 256.
        early_stopping: hold out ``validation_fraction`` of the data and keep the epoch that is best on it; stop after
            ``n_iter_no_change`` epochs without a gain.
        random_state: an int, a ``RandomState`` or None.
        verbose: show progress of what takes over a second.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = OnlineHDClassifier(1000, epochs=5, random_state=0).fit(X[::2], y[::2])
    >>> bool(model.score(X[1::2], y[1::2]) > 0.9)
    True
    """

    def __init__(
        self,
        dim: int = 10_000,
        *,
        encoder: Any = "fourier",
        binary: bool = False,
        epochs: int = 20,
        learning_rate: float = 1.0,
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
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> "OnlineHDClassifier":
        """One adaptive pass, then passes over what is predicted wrong."""
        if fraction("learning_rate", self.learning_rate, 0.0, 1024.0) * UNIT < 1:
            raise ValueError(f"learning_rate must be at least 1/{UNIT}, got {self.learning_rate}")
        words, labels, checking, answers, random = self._start_parts(X, y)
        hashes = bits.hash64(words)
        size = batch_rows(self.batch_size, len(words))
        model = Prototypes(np.arange(len(self.classes_)), self.dim_, binary=False)

        def step(*, every: bool) -> int:
            order = random.permutation(len(words))
            return sum(
                self._update(model, words, hashes, labels, order[low : low + size], every=every)
                for low in range(0, len(words), size)
            )

        def snapshot() -> Prototypes:
            out = Prototypes(model.owners, self.dim_, binary=self.binary)
            out.counters[:], out.seeds[:] = model.counters, model.seeds
            return out

        step(every=True)
        several = len(self.classes_) > 1
        kept = self._epochs(
            lambda _: step(every=False) if several else 0,
            snapshot,
            lambda m: accuracy(m.similarity(checking), m.owners, answers),
        )
        self._keep(kept)
        return self

    def _update(
        self, model: Prototypes, words: Any, hashes: Any, labels: Any, batch: Any, *, every: bool
    ) -> int:
        """One batch; how many of its vectors were predicted wrong."""
        scores = model.similarity(words[batch])
        places = np.arange(len(batch))
        own, other, lead = rivals(scores, labels[batch], model.owners)
        wrong = (lead <= 0) & (own != other)
        gain = np.rint(self.learning_rate * UNIT * (1 - scores[places, own])).astype(np.int64)
        loss = np.rint(self.learning_rate * UNIT * (1 - scores[places, other])).astype(np.int64)
        taught = np.flatnonzero(wrong | every)
        erring = np.flatnonzero(wrong)
        rows = np.concatenate([batch[taught], batch[erring]])
        targets = np.concatenate([own[taught], other[erring]])
        model.add(words, hashes, rows, targets, np.concatenate([gain[taught], -loss[erring]]))
        return len(erring)
