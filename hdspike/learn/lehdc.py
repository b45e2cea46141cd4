"""Binary class vectors trained as a one-layer binary neural network (LeHDC)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import bits
from hdspike.learn import counters as _counters
from hdspike.learn.classifier import HypervectorClassifier, accuracy, batch_rows, start
from hdspike.learn.prototypes import similarities
from hdspike.learn.settings import fraction

__all__ = ["LeHDCClassifier"]

UNIT = 2**12
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


class LeHDCClassifier(HypervectorClassifier):
    """LeHDC (Duan et al. 2022): binary class vectors learned by gradient descent on the cross-entropy.

    Latent weights ``w_k ∈ [−1, 1]^D`` have the class vectors as their signs. With ``z_k = (D − 2·|x ⊕ [w_k > 0]|)/√D``,
    the score in standard deviations of a random pair, and ``p = softmax(z/T)``, the gradient ``(p_k − [y = k])·s(x)``
    goes straight through the sign to the latent weights, and Adam follows it. Inference is a popcount.

    Gradients are rounded to 1/4096 of a vector, so that the sum over a batch is an exact sum of integers; a vector
    that is already right costs nothing.

    Args:
        dim: D, bits of a hypervector.
        encoder: ``"fourier"``, ``"projection"``, ``"record"``, ``"words"`` or an encoder.
        prototypes: per class, the most similar one speaks for it; they start from clusters (k-majority).
        epochs: passes over the data at most.
        learning_rate: of Adam at the beginning; it falls to 0 along a cosine.
        temperature: T.
        dropout: share of the bits left out of each batch.
        weight_decay: added to the gradient, times the latent weight.
        batch_size: vectors per step; ``"auto"`` is n/64, from 1 to 256.
        early_stopping: hold out ``validation_fraction`` of the data and keep the epoch that is best on it; stop after
            ``n_iter_no_change`` epochs without a gain.
        random_state: an int, a ``RandomState`` or None.
        verbose: show progress of what takes over a second.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LeHDCClassifier(1000, epochs=5, random_state=0).fit(X[::2], y[::2])
    >>> bool(model.score(X[1::2], y[1::2]) > 0.9)
    True
    """

    binary = True

    def __init__(
        self,
        dim: int = 10_000,
        *,
        encoder: Any = "fourier",
        prototypes: int = 1,
        epochs: int = 20,
        learning_rate: float = 0.01,
        temperature: float = 1.0,
        dropout: float = 0.0,
        weight_decay: float = 0.0,
        batch_size: int | str = "auto",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.dim = dim
        self.encoder = encoder
        self.prototypes = prototypes
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.temperature = temperature
        self.dropout = dropout
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> "LeHDCClassifier":
        """Bundle each class, then descend."""
        fraction("learning_rate", self.learning_rate, 0.0, 1.0)
        fraction("dropout", self.dropout, 0.0, 1.0)
        fraction("weight_decay", self.weight_decay, 0.0, 1.0)
        if fraction("temperature", self.temperature, 0.0, np.inf) == 0:
            raise ValueError("temperature must be above 0, got 0")
        words, labels, checking, answers, random = self._start_parts(X, y)
        hashes = bits.hash64(words)
        made = start(words, labels, hashes, self.dim_, self.prototypes, binary=True, rng=random)
        descent = _Descent(self, made, words, labels, random)
        kept = self._epochs(
            descent.epoch,
            lambda: bits.pack(descent.latent > 0),
            lambda vectors: accuracy(similarities(checking, vectors, self.dim_), made.owners, answers),
        )
        self.owners_, self.prototypes_ = made.owners, kept
        return self


class _Descent:
    """Latent weights, Adam's moments, and one epoch over the data."""

    def __init__(self, settings: LeHDCClassifier, made: Any, words: Any, labels: Any, rng: Any) -> None:
        self.settings, self.words, self.labels, self.rng = settings, words, labels, rng
        self.dim, self.owners = made.dim, made.owners
        largest = np.abs(made.counters).max(axis=1, keepdims=True)
        self.latent = made.counters / np.maximum(largest, 1).astype(np.float32)
        self.latent = np.where(bits.unpack(made.words(), self.dim) == 1, 1, -1) * np.maximum(
            np.abs(self.latent), np.float32(1e-6)
        )
        self.latent = self.latent.astype(np.float32)
        self.first = np.zeros_like(self.latent)
        self.second = np.zeros_like(self.latent)
        self.steps = 0
        # the prototypes of each class, for the best one of each
        self.groups = [np.flatnonzero(self.owners == k) for k in range(int(self.owners.max()) + 1)]

    def epoch(self, number: int) -> int:
        """One pass; how many vectors still had a gradient."""
        size, rate = batch_rows(self.settings.batch_size, len(self.words)), self.settings.learning_rate
        rate *= 0.5 * (1 + np.cos(np.pi * number / max(1, self.settings.epochs)))
        order = self.rng.permutation(len(self.words))
        return sum(self.step(order[low : low + size], rate) for low in range(0, len(order), size))

    def step(self, batch: NDArray[np.int64], rate: float) -> int:
        """One step of Adam on a batch; how many of its vectors had a gradient."""
        words, vectors, kept = self.words[batch], bits.pack(self.latent > 0), self.dim
        mask = None
        if self.settings.dropout:
            mask = self.rng.random(self.dim) >= self.settings.dropout
            packed = bits.pack(mask)
            kept = max(1, int(mask.sum()))
            words, vectors = words & packed, vectors & packed
        scores = (kept - 2.0 * bits.hamming(words, vectors, self.dim)) * (np.sqrt(self.dim) / kept)
        best = np.stack([g[scores[:, g].argmax(axis=1)] for g in self.groups], axis=1)
        logits = np.take_along_axis(scores, best, axis=1) / self.settings.temperature
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        shares[np.arange(len(batch)), self.labels[batch]] -= 1
        whole = np.rint(shares * UNIT).astype(np.int64)
        rows, columns = np.nonzero(whole)
        sums = np.zeros(self.latent.shape, dtype=np.int32)
        _counters.add(sums, self.words[batch], rows, best[rows, columns], whole[rows, columns])
        gradient = sums.astype(np.float32) * np.float32(1 / (UNIT * len(batch)))
        if mask is not None:
            gradient *= mask
        if self.settings.weight_decay:
            gradient += np.float32(self.settings.weight_decay) * self.latent
        self.steps += 1
        self.first += np.float32(1 - BETA1) * (gradient - self.first)
        self.second += np.float32(1 - BETA2) * (gradient * gradient - self.second)
        pace = np.float32(rate / (1 - BETA1**self.steps))
        root = np.sqrt(self.second * np.float32(1 / (1 - BETA2**self.steps))) + np.float32(EPSILON)
        self.latent -= pace * self.first / root
        np.clip(self.latent, -1, 1, out=self.latent)
        return len(np.unique(rows))
