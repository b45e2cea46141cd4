"""Keys drawn by their softmax weights: an unbiased estimate of attention, the rival of winners where all keys count.

MagicPIG (Chen et al. 2024) draws keys by locality-sensitive hashing, whose chances come near the weights. Here they are
the weights themselves, which is the best that such a draw can do; it saves no score, and is a yardstick, not a method.
"""

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.models.attention import finite
from hdspike.models.kwta import KWTA

__all__ = ["Sampled"]


class Sampled(KWTA):
    """An attention plug: the mean value of k keys drawn with putting back, each by its softmax weight.

    Its expectation is exact attention, its variance the weighted variance of the values ÷ k: it knows no worst case.

    Args:
        winners: draws of a query, a count or a share of the keys that it sees, as of :class:`hdspike.models.KWTA`.
        counted_from: as there. rng: of the draws.

    ``captured_mass`` is not measured; ``kept`` counts draws, of which several may be of one key.

    >>> rng = np.random.default_rng(0)
    >>> q, k, v = rng.normal(size=(3, 2, 50, 8)).astype(np.float32)
    >>> plug = Sampled(5, rng=1)
    >>> plug(q, k, v, layer=0, seen=np.arange(1, 51)).shape, plug.kept
    ((2, 50, 8), 480)
    """

    def __init__(self, winners: int | str, *, counted_from: int = 0, rng: check.Rng = None) -> None:
        super().__init__(winners, counted_from=counted_from, measure=False)
        self._random = check.generator(rng)

    def _block(
        self,
        scores: NDArray[np.float32],
        values: NDArray[np.float32],
        seen: NDArray[np.int64],
        kept: NDArray[np.int64],
        out: NDArray[np.float32],
    ) -> NDArray[np.float64]:
        """One block of scores; the draws of a row are the places where its cumulated weights pass uniform numbers."""
        best = scores.max(axis=1, keepdims=True)
        finite(best)
        weights = np.cumsum(np.exp(scores - best, dtype=np.float64), axis=1)
        for i in range(len(scores)):
            drawn = self._random.random(kept[i]) * weights[i, -1]
            places = np.searchsorted(weights[i], drawn, side="right")
            out[i] = values[np.minimum(places, seen[i] - 1)].mean(axis=0)
        return np.zeros(len(scores))
