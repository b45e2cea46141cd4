"""One-shot learning: a class is the bundle of its vectors (Kanerva 2009; Rahimi et al. 2016)."""

from typing import Any

import numpy as np

from hdspike import bits
from hdspike.learn.classifier import HypervectorClassifier
from hdspike.learn.model import fits
from hdspike.learn.prototypes import Prototypes

__all__ = ["CentroidClassifier"]


class CentroidClassifier(HypervectorClassifier):
    """A class is the bundle of its vectors, ``c_k = Σ_{y_n = k} s(x_n)``; predicts the most similar bundle.

    With ``binary`` a class vector is the majority ``[c_k > 0]``, equal to :func:`hdspike.bits.majority` of the class's
    vectors bit for bit, and is compared by Hamming distance; otherwise by the cosine of the counters. One pass, no
    parameters to tune, the order of the data does not matter; :meth:`partial_fit` goes on from there.

    Args:
        dim: D, bits of a hypervector.
        encoder: ``"fourier"``, ``"projection"``, ``"record"``, ``"words"`` or an encoder.
        binary: compare with bits, or with integer counters.
        random_state: an int, a ``RandomState`` or None.
        verbose: show progress of what takes over a second.

    >>> words = bits.random(2, 1000, rng=0)
    >>> model = CentroidClassifier(1000, encoder="words").fit(words, ["a", "b"])
    >>> model.predict(words).tolist()
    ['a', 'b']
    """

    def __init__(
        self,
        dim: int = 10_000,
        *,
        encoder: Any = "fourier",
        binary: bool = True,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.dim = dim
        self.encoder = encoder
        self.binary = binary
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> "CentroidClassifier":
        """Bundle the vectors of each class."""
        words, labels, _ = self._start_labels(X, y)
        self._made = Prototypes(np.arange(len(self.classes_)), self.dim_, binary=self.binary)
        return self._bundle(words, labels)

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> "CentroidClassifier":
        """Add more vectors; the first call names all ``classes`` and fits the encoder on its own X."""
        if not hasattr(self, "counters_"):
            if classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit")
            words, _, _ = self._start_labels(X, y)
            self.classes_ = np.unique(np.asarray(classes))
            self._made = Prototypes(np.arange(len(self.classes_)), self.dim_, binary=self.binary)
        else:
            if classes is not None and not np.array_equal(np.unique(np.asarray(classes)), self.classes_):
                raise ValueError(f"classes must be those of the first call, {self.classes_}, got {classes}")
            words = self._words(X)
        labels = np.asarray(y)
        if labels.ndim != 1 or len(labels) != len(words):
            raise ValueError(f"y must have one label per row of X, {len(words)}, got shape {labels.shape}")
        places = np.searchsorted(self.classes_, labels)
        known = self.classes_[np.minimum(places, len(self.classes_) - 1)] == labels
        if not np.all(known):
            raise ValueError(f"y must be one of the classes {self.classes_}, got {labels[~known][0]!r}")
        return self._bundle(words, places.astype(np.int64))

    def _bundle(self, words: Any, labels: Any) -> "CentroidClassifier":
        self._made.add(words, bits.hash64(words), np.arange(len(words)), labels, 1)
        self._keep(self._made)
        self.seeds_ = self._made.seeds
        return self

    def _saved(self) -> tuple[str, ...]:
        return ("classes_", "owners_", "counters_", "seeds_")

    def _restore(self) -> None:
        self._restore_classes()
        if not np.array_equal(self.owners_, np.arange(len(self.classes_))):
            raise ValueError("array owners_ must name the classes in order")
        fits("counters_", self.counters_, np.int32, len(self.classes_), self.dim_)
        fits("seeds_", self.seeds_, np.uint64, len(self.classes_))
        made = Prototypes(self.owners_, self.dim_, binary=self.binary)
        made.counters[:], made.seeds[:] = self.counters_, self.seeds_
        self._made = made
        self._keep(made)
