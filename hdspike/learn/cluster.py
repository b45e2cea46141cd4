"""Clusters of packed vectors: k-means in Hamming space, whose means are majorities (HDCluster)."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClusterMixin, TransformerMixin

from hdspike import bits, check
from hdspike.learn.model import HypervectorModel, fits, fits_words
from hdspike.learn.progress import track
from hdspike.learn.prototypes import Prototypes

__all__ = ["Clustering", "HDCluster", "k_majority", "seeds"]


class Clustering(NamedTuple):
    """``labels`` (n,), ``centres`` (k, W) words, ``inertia`` Σ Hamming distances, ``iterations`` taken."""

    labels: NDArray[np.int64]
    centres: NDArray[np.uint64]
    inertia: int
    iterations: int


def seeds(words: NDArray[np.uint64], dim: int, k: int, *, rng: np.random.Generator) -> NDArray[np.int64]:
    """k rows to start from, each drawn with probability ∝ its distance to those drawn before (k-means++).

    The Hamming distance is the squared Euclidean one of the signs, ÷ 4 (Arthur & Vassilvitskii 2007).
    """
    chosen = [int(rng.integers(len(words)))]
    nearest = np.full(len(words), dim, dtype=np.int64)
    while len(chosen) < k:
        np.minimum(nearest, bits.hamming(words, words[chosen[-1] : chosen[-1] + 1], dim)[:, 0], out=nearest)
        edges = np.cumsum(nearest)
        if edges[-1] == 0:  # fewer distinct vectors than clusters
            rest = np.setdiff1d(np.arange(len(words)), chosen)
            chosen.append(int(rest[0]))
        else:
            chosen.append(int(np.searchsorted(edges, rng.integers(edges[-1]), side="right")))
    return np.array(chosen)


def k_majority(
    words: NDArray[np.uint64], dim: int, k: int, *, rng: np.random.Generator, iterations: int = 50
) -> Clustering:
    """Assign to the nearest centre, take the majority of each cluster, until nothing moves.

    An emptied cluster takes the vector that is farthest from its centre.
    """
    centres = words[seeds(words, dim, k, rng=rng)]
    hashes = bits.hash64(words)
    rows = np.arange(len(words))
    before = np.full(len(words), -1)
    done = 0
    while True:
        distance = bits.hamming(words, centres, dim)
        labels = distance.argmin(axis=1)
        own = distance[rows, labels].astype(np.int64)
        result = Clustering(labels, centres, int(own.sum()), done)
        if done >= iterations or np.array_equal(labels, before):
            return result
        before = labels.copy()
        for empty in np.flatnonzero(np.bincount(labels, minlength=k) == 0):
            alone = np.bincount(labels, minlength=k)[labels] == 1
            far = int(np.where(alone, -1, own).argmax())
            labels[far], own[far] = empty, 0
        made = Prototypes(np.arange(k), dim, binary=True)
        made.add(words, hashes, rows, labels, 1)
        centres = made.words().copy()
        done += 1


class HDCluster(ClusterMixin, TransformerMixin, HypervectorModel):
    """k-means in Hamming space: a cluster's centre is the majority of its vectors (HDCluster, Imani et al. 2019).

    ``label(x) = argmin_k |x ⊕ m_k|``, ``m_k = [Σ_{label(x) = k} x]``, from k-means++-like seeds, best of ``n_init``
    runs by the sum of distances.

    Args:
        n_clusters: k.
        dim: D, bits of a hypervector.
        encoder: ``"fourier"``, ``"projection"``, ``"record"``, ``"words"`` or an encoder.
        n_init: restarts.
        max_iter: rounds of a run at most.
        random_state: an int, a ``RandomState`` or None.
        verbose: show progress of what takes over a second.

    Fitted: ``labels_``, ``centres_`` (k, W) words, ``inertia_`` the sum of Hamming distances, ``n_iter_``.

    >>> words = bits.random(2, 1000, rng=0)[[0, 1, 0, 1]]
    >>> labels = HDCluster(2, 1000, encoder="words", random_state=0).fit_predict(words)
    >>> bool(labels[0] == labels[2] != labels[1] == labels[3])
    True
    """

    def __init__(
        self,
        n_clusters: int = 8,
        dim: int = 10_000,
        *,
        encoder: Any = "fourier",
        n_init: int = 4,
        max_iter: int = 50,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.n_clusters = n_clusters
        self.dim = dim
        self.encoder = encoder
        self.n_init = n_init
        self.max_iter = max_iter
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> "HDCluster":
        """Find the clusters."""
        count = check.integer("n_clusters", self.n_clusters, low=1)
        check.integer("n_init", self.n_init, low=1)
        check.integer("max_iter", self.max_iter, low=1)
        words, _, random = self._begin(X)
        if count > len(words):
            raise ValueError(
                f"n_clusters must be at most the {len(words)} rows (n_samples) of X, got {count}"
            )
        runs = [
            k_majority(words, self.dim_, count, rng=random, iterations=self.max_iter)
            for _ in track(range(self.n_init), "cluster", verbose=self.verbose)
        ]
        best = min(runs, key=lambda run: run.inertia)
        self.labels_, self.centres_ = best.labels, best.centres
        self.inertia_, self.n_iter_ = best.inertia, best.iterations
        return self

    def _distances(self, X: Any) -> NDArray[np.int32]:
        return bits.hamming(self._words(X), self.centres_, self.dim_)

    def predict(self, X: Any) -> NDArray[np.int64]:
        """The nearest centre, the first of equal ones: ``(n,)``."""
        return self._distances(X).argmin(axis=1)

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Share of bits that differ from each centre: ``(n, k)``."""
        return self._distances(X) / self.dim_

    def score(self, X: Any, y: Any = None) -> float:
        """Minus the sum of Hamming distances to the nearest centres."""
        return -float(self._distances(X).min(axis=1).sum())

    def _saved(self) -> tuple[str, ...]:
        return ("labels_", "centres_", "inertia_", "n_iter_")

    def _restore(self) -> None:
        count = np.shape(self.centres_)[0]
        fits_words("centres_", self.centres_, check.integer("centres_", count, low=1), self.dim_)
        fits("labels_", self.labels_, np.int64, np.size(self.labels_))
        if self.labels_.size and not 0 <= self.labels_.min() <= self.labels_.max() < count:
            raise ValueError(f"array labels_ must be in [0, {count})")
        check.integer("inertia_", self.inertia_, low=0)
        check.integer("n_iter_", self.n_iter_, low=0)
