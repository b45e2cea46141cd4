"""Keys and queries as dense binary hypervectors: the signs of a random projection, written key by key.

The Hamming distance of two codes is binomial, D trials at θ/π, θ the angle between the vectors (Charikar 2002). The
keys of a head lie in a narrow cone: their mean is large beside what tells them apart, and it would use up the bits.
So a key is taken from a centre c. The scores of one query all change by the same q·c, which neither softmax nor the
order of its winners feels; queries are not centred, which would change that order.

Without a given centre, a key is taken from the mean of the keys before it: causal, nothing to fit, a code that is
never written again. Codes of one query then have slightly different centres, and the earliest keys poor ones. A
fixed centre, such as the mean key of other text (:class:`KeyMeans`), has neither flaw.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import bits, check
from hdspike.encode import Projector
from hdspike.models.attention import softmax
from hdspike.spaces import BSC

__all__ = ["KeyMeans", "SignCode", "SignedKeys"]

CHUNK = 4096  # keys worked off at once


class SignCode:
    """Sign random projection into ``dim`` bits; the same projection in every layer and head.

    Args:
        dim: D, bits of a code, in ⌈D/64⌉ words.
        seed: picks the projection.
        centre: ``(layers, G, d)``, what is subtracted from the keys of each layer and key head; None takes the mean
            of the keys before each.

    >>> code = SignCode(100, seed=1)
    >>> code.queries(np.ones((3, 8))).shape
    (3, 2)
    """

    def __init__(self, dim: int = 1024, *, seed: int = 0, centre: Any = None) -> None:
        self.space = BSC(dim)
        self.dim = self.space.dim
        self.words = self.space.width
        self.seed = check.integer("seed", seed, low=0, high=2**64 - 1)
        self.centre: NDArray[np.float64] | None = None
        if centre is not None:
            self.centre = np.array(centre, dtype=np.float64)
            if self.centre.ndim != 3 or not np.isfinite(self.centre).all():
                raise ValueError(
                    f"centre must be finite numbers (layers, heads, d), got shape {self.centre.shape}"
                )
        self._projectors: dict[int, Projector] = {}

    def __repr__(self) -> str:
        return f"SignCode({self.dim}, seed={self.seed}{'' if self.centre is None else ', centre=…'})"

    def projector(self, features: int) -> Projector:
        """The projection of vectors of so many numbers; made once."""
        if features not in self._projectors:
            self._projectors[features] = Projector(self.space, features, seed=self.seed)
        return self._projectors[features]

    def queries(self, vectors: Any) -> bits.Words:
        """``(..., d)`` → words ``(..., ⌈D/64⌉)``, not centred."""
        given = np.asarray(vectors, dtype=np.float64)
        return self.projector(given.shape[-1])(given)

    def keys(self, layer: int, heads: int, features: int) -> "SignedKeys":
        """Room for the codes of one layer's keys, still empty."""
        layer = check.integer("layer", layer, low=0)
        middle = None
        if self.centre is not None:
            if layer >= len(self.centre) or self.centre.shape[1:] != (heads, features):
                raise ValueError(
                    f"centre must hold layer {layer} of {heads} key head(s) by {features} numbers,"
                    f" got shape {self.centre.shape}"
                )
            middle = self.centre[layer]
        return SignedKeys(self.projector(features), heads, middle)


class SignedKeys:
    """The codes of one layer's keys, each written as it arrives; grows by doubling.

    Attributes:
        length: keys held.
    """

    def __init__(self, projector: Projector, heads: int, centre: NDArray[np.float64] | None = None) -> None:
        self.length = 0
        self._last = np.empty((heads, projector.features), dtype=np.float32)
        self._projector = projector
        self._centre = centre
        self._sum = np.zeros((heads, projector.features))
        self._words = np.empty((heads, 0, projector.space.width), dtype=np.uint64)
        self._norms = np.empty((heads, 0))

    @property
    def words(self) -> bits.Words:
        """``(G, length, ⌈D/64⌉)``."""
        return self._words[:, : self.length]

    @property
    def mean_norms(self) -> NDArray[np.float64]:
        """``(G, length)``: the mean distance from the centre of each key and those before it."""
        return self._norms[:, : self.length] / np.arange(1, self.length + 1)

    @property
    def bytes(self) -> int:
        """Bytes of memory that the codes take."""
        return self._words.nbytes

    def ends_with(self, keys: NDArray[np.float32]) -> bool:
        """Whether ``(G, d)`` are the newest keys held."""
        return self.length > 0 and np.array_equal(self._last, keys)

    def insert(self, keys: NDArray[np.float32]) -> None:
        """Code ``(G, n, d)`` keys behind those held; the same codes, however the keys are dealt out to calls."""
        if keys.ndim != 3 or keys.shape[::2] != self._sum.shape:
            raise ValueError(
                f"keys must have shape ({len(self._sum)}, n, {self._sum.shape[1]}), got {keys.shape}"
            )
        if not np.isfinite(keys).all():
            raise ValueError("keys must be finite numbers")
        self._reserve(keys.shape[1])
        for low in range(0, keys.shape[1], CHUNK):
            self._write(keys[:, low : low + CHUNK].astype(np.float64))
        if keys.shape[1]:
            self._last[:] = keys[:, -1]

    def _reserve(self, count: int) -> None:
        room = self._words.shape[1]
        if self.length + count <= room:
            return
        room = max(self.length + count, 2 * room)
        words = np.empty((len(self._words), room, self._words.shape[2]), dtype=np.uint64)
        norms = np.empty((len(words), room))
        words[:, : self.length], norms[:, : self.length] = self.words, self._norms[:, : self.length]
        self._words, self._norms = words, norms

    def _write(self, keys: NDArray[np.float64]) -> None:
        start, stop = self.length, self.length + keys.shape[1]
        if self._centre is None:
            sums = np.cumsum(np.concatenate([self._sum[:, None], keys], axis=1), axis=1)
            self._sum = sums[:, -1].copy()
            keys = keys - sums[:, :-1] / np.maximum(1, np.arange(start, stop))[:, None]
        else:
            keys = keys - self._centre[:, None]
        self._words[:, start:stop] = self._projector(keys)
        norms = np.linalg.norm(keys, axis=2)
        norms[:, 0] += self._norms[:, start - 1] if start else 0
        self._norms[:, start:stop] = np.cumsum(norms, axis=1)
        self.length = stop


class KeyMeans:
    """An attention plug, exact softmax, that takes the mean of the keys it is shown, for a fixed centre.

    >>> rng = np.random.default_rng(0)
    >>> q, k, v = rng.normal(size=(3, 2, 50, 8)).astype(np.float32)
    >>> means = KeyMeans()
    >>> means(q, k, v, layer=0, seen=np.arange(1, 51)).shape
    (2, 50, 8)
    >>> SignCode(1024, centre=means.centre)
    SignCode(1024, seed=0, centre=…)
    """

    def __init__(self) -> None:
        self._sums: dict[int, NDArray[np.float64]] = {}
        self._counts: dict[int, int] = {}

    def __call__(
        self,
        queries: NDArray[np.float32],
        keys: NDArray[np.float32],
        values: NDArray[np.float32],
        *,
        layer: int = 0,
        seen: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """``(H, n, d)`` outputs; the last n keys are new, those before them were counted when they came."""
        out = softmax(queries, keys, values, layer=layer, seen=seen)
        new = keys[:, keys.shape[1] - queries.shape[1] :]
        self._sums[layer] = self._sums.get(layer, 0) + new.sum(axis=1, dtype=np.float64)
        self._counts[layer] = self._counts.get(layer, 0) + new.shape[1]
        return out

    @property
    def centre(self) -> NDArray[np.float64]:
        """``(layers, G, d)`` mean keys.

        Raises:
            ValueError: a layer was shown no key.
        """
        layers = range(max(self._sums, default=0) + 1)
        if not all(self._counts.get(layer) for layer in layers):
            raise ValueError("centre must be asked for once every layer was shown a key")
        return np.stack([self._sums[layer] / self._counts[layer] for layer in layers])
