"""A scikit-learn transformer from float features to packed hypervectors."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from hdspike import bits, check, encode
from hdspike.learn.progress import track
from hdspike.learn.settings import truth
from hdspike.spaces import BSC

__all__ = ["METHODS", "HypervectorEncoder"]

METHODS = ("projection", "fourier", "record")
FEATURE, WEIGHT, TURN = 2**10, 2**10, 2**16
REACH = 2**10
MOST_FEATURES = 2**16
BLOCK = 2**22


def _moments(given: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each column, finite for all that doubles hold."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean, spread = given.mean(axis=0), given.std(axis=0)
    large = np.flatnonzero(~(np.isfinite(mean) & np.isfinite(spread)))
    if len(large):
        most = np.abs(given[:, large]).max(axis=0)
        mean[large] = (given[:, large] / most).mean(axis=0) * most
        spread[large] = (given[:, large] / most).std(axis=0) * most
    return mean, spread


class HypervectorEncoder(TransformerMixin, BaseEstimator):
    """Float features ``(n, F)`` → words ``(n, ⌈dim/64⌉)``; each feature is standardised with ``z = (x − μ)/σ``.

    Methods:
        * ``"projection"``: bit ``i`` is ``[⟨r_i, z⟩ > 0]``, r_i normal. Hamming distance ``D·θ/π`` with θ the angle
          between two z (Charikar 2002). It forgets how long z is.
        * ``"fourier"``: bit ``i`` is ``[cos(⟨r_i, z⟩ + φ_i) > 0]``, ``r_i ~ N(0, 2γ)``, φ_i uniform. The expected
          similarity is ``8/π² Σ_{m odd} e^{−m²γ‖z−z'‖²}/m²``, close to a Gaussian kernel (Li & Li
          2022; with a random threshold, Raginsky & Lazebnik 2009).
        * ``"record"``: ``[Σ_f ID_f ⊗ L_{q(x_f)}]``, q the level of x_f between the least and the greatest seen
          (Kleyko et al. 2018).

    Features and weights of the two projections are fixed-point numbers whose sums are exact in double precision, so
    a vector's bits depend neither on threads nor on what else is in the batch. A z beyond ±1024 is clipped.

    Args:
        dim: D, bits of a hypervector.
        method: how to encode.
        gamma: of ``"fourier"``: γ = ``gamma ÷ F`` (1 is the default width of scikit-learn's SVC).
        levels: of ``"record"``: how many levels a feature has.
        random_state: an int, a ``RandomState`` or None.
        verbose: show progress of what takes over a second.

    >>> import numpy as np
    >>> X = np.array([[0.0, 1.0], [0.1, 1.0], [5.0, -3.0]])
    >>> words = HypervectorEncoder(1000, method="fourier", random_state=0).fit_transform(X)
    >>> words.shape, bool(bits.hamming(words[:1], words, 1000).argsort()[0, -1] == 2)
    ((3, 16), True)
    """

    def __init__(
        self,
        dim: int = 10_000,
        *,
        method: str = "fourier",
        gamma: float = 1.0,
        levels: int = 32,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.dim = dim
        self.method = method
        self.gamma = gamma
        self.levels = levels
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # words come out, whatever goes in
        return tags

    def fit(self, X: Any, y: Any = None) -> "HypervectorEncoder":
        """Learn the mean, spread and range of each feature; draw the seed."""
        given = validate_data(self, X, dtype=np.float64)
        self._check(given.shape[1])
        self.mean_, spread = _moments(given)
        self.scale_ = np.where(spread > 0, spread, 1.0)
        self.low_, self.high_ = given.min(axis=0), given.max(axis=0)
        self.seed_ = int(check_random_state(self.random_state).randint(2**31 - 1))
        return self._draw()

    def _check(self, features: int) -> None:
        """The settings, of a fit or of a file."""
        truth("verbose", self.verbose)
        check.integer("dim", self.dim, low=1)
        check.one_of("method", self.method, METHODS)
        check.integer("levels", self.levels, low=2)
        if not (np.isreal(self.gamma) and 0 < float(self.gamma) < 2**20):
            raise ValueError(f"gamma must be a number above 0 and below 2^20, got {self.gamma!r}")
        if features > MOST_FEATURES:
            raise ValueError(f"X must have at most {MOST_FEATURES} features, got {features}")

    def _draw(self) -> "HypervectorEncoder":
        """The random parts, from the seed alone: what a saved model need not hold."""
        random = np.random.default_rng(self.seed_)
        features = len(self.mean_)
        if self.method == "record":
            space = BSC(self.dim)
            self.ids_ = space.random(features, rng=random)
            self.level_words_ = encode.levels(space, self.levels, rng=random)
            return self
        weights = random.standard_normal((features, self.dim))
        if self.method == "projection":
            self.weights_ = np.rint(weights * WEIGHT)
            return self
        turns = np.sqrt(2 * self.gamma / features) / (2 * np.pi)
        self.weights_ = np.clip(np.rint(weights * turns * TURN), -(2**26), 2**26)
        self.phases_ = random.integers(FEATURE * TURN, size=self.dim)
        return self

    def _standard(self, given: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(over="ignore"):  # halves, whose difference is always finite
            z = (given / 2 - self.mean_ / 2) / self.scale_
            return np.rint(np.clip(2 * z, -REACH, REACH) * FEATURE)

    def _project(self, given: NDArray[np.float64]) -> NDArray[np.bool_]:
        sums = self._standard(given) @ self.weights_
        if self.method == "projection":
            return sums > 0
        quarter = FEATURE * TURN // 4
        return ((sums.astype(np.int64) + self.phases_ + quarter) & (4 * quarter - 1)) < 2 * quarter

    def _record(self, given: NDArray[np.float64]) -> NDArray[np.uint64]:
        half = self.high_ / 2 - self.low_ / 2  # halves, whose difference is always finite
        with np.errstate(over="ignore"):
            share = np.clip((given / 2 - self.low_ / 2) / np.where(half > 0, half, 1.0), 0.0, 1.0)
        level = np.rint(share * (self.levels - 1)).astype(np.int64)
        return encode.record(BSC(self.dim), self.ids_, self.level_words_[level])

    def transform(self, X: Any) -> NDArray[np.uint64]:
        """Words ``(n, ⌈dim/64⌉)`` of features ``(n, F)``."""
        check_is_fitted(self)
        given = validate_data(self, X, dtype=np.float64, reset=False)
        out = np.empty((len(given), bits.word_count(self.dim)), dtype=np.uint64)
        wide = self.dim * (1 if self.method != "record" else max(1, given.shape[1] // 32))
        rows = max(1, BLOCK // wide)
        starts = range(0, len(given), rows)
        for start in track(starts, "encode", verbose=self.verbose):
            part = given[start : start + rows]
            out[start : start + rows] = (
                self._record(part) if self.method == "record" else bits.pack(self._project(part))
            )
        return out
