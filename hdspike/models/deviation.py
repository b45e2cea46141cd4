"""How a head's scores are spread, and the softmax mass that its best keys hold: measured while exact softmax runs.

For i.i.d. normal scores of deviation σ the top share loses what :func:`hdspike.theory.dropped_mass` says. Scores of a
real head need not be normal, nor one heap: one key at the start and the newest keys can stand apart (sinks: Xiao et al.
2024, arXiv:2309.17453). So each query is measured over all keys it sees, and again without the keys at either end.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.jit import kernel, spread
from hdspike.models.attention import checked, finite, score_blocks, softmax
from hdspike.models.winners import _kth

__all__ = ["Measures", "ScoreStatistics", "score_statistics"]

FIELDS = ("deviation", "skewness", "kurtosis", "growth", "outside")


@kernel
def _spread(row, low, high, out):
    """Deviation, skewness, excess kurtosis of ``row[low:high]`` into ``out[:3]``, its mean into ``out[3]``."""
    size = high - low
    total = 0.0
    for j in range(low, high):
        total += float(row[j])
    mean = total / size
    second, third, fourth = 0.0, 0.0, 0.0
    for j in range(low, high):
        apart = float(row[j]) - mean
        square = apart * apart
        second += square
        third += square * apart
        fourth += square * square
    variance = second / size
    out[0] = math.sqrt(variance)
    out[1], out[2] = 0.0, 0.0
    if variance > 0:
        out[1] = third / size / (variance * out[0])
        out[2] = fourth / size / (variance * variance) - 3
    out[3] = mean
    return size


@kernel
def _lose(row, low, high, best, counts, scratch, lost, bars):
    """Into ``lost`` the weight Σ e^(x−best) of ``row[low:high]`` outside its ``counts`` best, which fall in number.

    Into ``bars`` the lowest of these best. Returns the weight of all.
    """
    left = high - low
    for j in range(left):
        scratch[j] = row[low + j]
    tail = 0.0
    for c in range(len(counts)):
        k = counts[c]
        bars[c] = _kth(scratch, left, k)  # and the k highest lie in front
        for j in range(k, left):
            tail += math.exp(scratch[j] - best)
        lost[c] = tail
        left = k
    for j in range(left):
        tail += math.exp(scratch[j] - best)
    return tail


@kernel
def _measure(scores, lows, highs, seen, counts, fields, lost, bars):
    """Each row's :data:`FIELDS`, lost masses and bars (in deviations from the mean); returns the keys measured."""
    scratch = np.empty(scores.shape[1], dtype=np.float32)
    done = 0
    for i in range(len(seen)):
        row, low, high = scores[i], lows[i], highs[i]
        done += _spread(row, low, high, fields[i])
        sigma, mean = fields[i, 0], fields[i, 3]
        best = row[low]
        for j in range(low + 1, high):
            best = max(best, row[j])
        top = best
        for j in range(low):
            top = max(top, row[j])
        for j in range(high, seen[i]):
            top = max(top, row[j])
        whole = _lose(row, low, high, best, counts[i], scratch, lost[i], bars[i])
        apart = 0.0
        for j in range(low):
            apart += math.exp(row[j] - top)
        for j in range(high, seen[i]):
            apart += math.exp(row[j] - top)
        fields[i, 3] = float(best) - mean + math.log(whole / (high - low))
        fields[i, 4] = apart / (apart + whole * math.exp(float(best) - float(top)))
        for c in range(counts.shape[1]):
            lost[i, c] /= whole
            bars[i, c] = (float(bars[i, c]) - mean) / sigma if sigma > 0 else 0.0
    return done


@dataclass(frozen=True)
class Measures:
    """What was measured of each query, ``(...)``; ``lost`` and ``bars`` have an axis of shares behind.

    Attributes:
        keys: how many were measured.
        deviation, skewness, kurtosis: of their scores; kurtosis is 0 where they are normal.
        growth: ln⟨e^(s−⟨s⟩)⟩, σ²/2 where scores are normal and many.
        outside: softmax mass of the keys left out.
        lost: mass outside the top share, of that of the keys measured.
        bars: the lowest score of the top share, in deviations from the mean; 0 where all are equal.
    """

    keys: NDArray[np.int64]
    deviation: NDArray[np.float64]
    skewness: NDArray[np.float64]
    kurtosis: NDArray[np.float64]
    growth: NDArray[np.float64]
    outside: NDArray[np.float64]
    lost: NDArray[np.float64]
    bars: NDArray[np.float64]


def score_statistics(
    scores: Any, seen: Any, shares: Sequence[float], *, sinks: int = 0, recent: int = 0
) -> Measures:
    """Of each row of scores, how they are spread and what mass the top shares lose.

    Args:
        scores: ``(n, N)`` float32, finite in front of ``seen``.
        seen: ``(n,)``, how many keys of its row each query sees.
        shares: each in (0, 1]; the top is ``max(1, round(share · keys))`` of the keys measured.
        sinks, recent: so many keys at the start, and at the end of what is seen, are left out; at least one remains.

    >>> found = score_statistics(np.array([[9, 0, 1, 2, 7]], np.float32), [5], (0.34,), sinks=1, recent=1)
    >>> found.keys, found.deviation.round(3), found.lost.round(3)
    (array([3]), array([0.816]), array([[0.335]]))
    """
    scores = check.array("scores", scores, np.float32, ndim=2)
    seen = check.array("seen", seen, np.int64, ndim=1)
    if seen.shape != (len(scores),):
        raise ValueError(f"seen must have shape ({len(scores)},), got {seen.shape}")
    sinks, recent = check.integer("sinks", sinks, low=0), check.integer("recent", recent, low=0)
    if len(seen) and not sinks + recent < seen.min() <= seen.max() <= scores.shape[1]:
        raise ValueError(
            f"seen must be above the {sinks + recent} keys left out and at most {scores.shape[1]},"
            f" got {seen.min()} to {seen.max()}"
        )
    behind = np.arange(scores.shape[1]) >= seen[:, None]
    finite(np.where(behind, 0, scores))
    return _statistics(scores, seen, _shares(shares), sinks, recent)


def _shares(shares: Sequence[float]) -> NDArray[np.float64]:
    given = np.array(shares, dtype=np.float64)
    if given.ndim != 1 or not given.size or not ((given > 0) & (given <= 1)).all():
        raise ValueError(f"shares must be numbers in (0, 1], at least one, got {shares!r:.80}")
    return given


def _statistics(
    scores: NDArray[np.float32], seen: NDArray[np.int64], shares: NDArray[np.float64], sinks: int, recent: int
) -> Measures:
    rows = len(seen)
    keys = seen - sinks - recent
    order = np.argsort(-shares, kind="stable")
    counts = np.clip(np.rint(shares[order] * keys[:, None]).astype(np.int64), 1, keys[:, None])
    fields = np.empty((rows, len(FIELDS)))
    lost, bars = np.empty((2, rows, len(shares)))
    lows, highs = np.full(rows, sinks), seen - recent

    def work(low: int, high: int) -> None:
        part = slice(low, high)
        _measure(
            *(scores[part], lows[part], highs[part], seen[part], counts[part]),
            *(fields[part], lost[part], bars[part]),
        )

    spread(work, rows)
    back = np.argsort(order)
    deviation, skewness, kurtosis, growth, outside = fields.T
    return Measures(keys, deviation, skewness, kurtosis, growth, outside, lost[:, back], bars[:, back])


class ScoreStatistics:
    """An attention plug: exact softmax, and :func:`score_statistics` of its scores, head by head.

    Args:
        shares: of the keys measured, whose best are the top.
        without: each a pair (sinks, recent) of keys left out at either end; (0, 0) leaves out none.
        counted_from: queries that see no more keys than this are not measured.
        every: of the others every so manieth is measured, from the last one on.

    >>> rng = np.random.default_rng(0)
    >>> q, k, v = rng.normal(size=(3, 2, 50, 8)).astype(np.float32)
    >>> plug = ScoreStatistics((0.01, 0.1), counted_from=25, every=5)
    >>> plug(q, k, v, layer=0, seen=np.arange(1, 51)).shape
    (2, 50, 8)
    >>> found = plug.found()
    >>> found.deviation.shape, found.lost.shape, found.keys[0, 0, 0].tolist()
    ((1, 1, 2, 5), (1, 1, 2, 5, 2), [30, 35, 40, 45, 50])
    """

    def __init__(
        self,
        shares: Sequence[float] = (0.01,),
        *,
        without: Sequence[tuple[int, int]] = ((0, 0),),
        counted_from: int = 0,
        every: int = 1,
    ) -> None:
        self.shares = _shares(shares)
        self.without = [
            (check.integer("without", sinks, low=0), check.integer("without", recent, low=0))
            for sinks, recent in without
        ]
        if not self.without:
            raise ValueError("without must hold at least one pair, got none")
        self.every = check.integer("every", every, low=1)
        most = max(sinks + recent for sinks, recent in self.without)
        self.counted_from = check.integer("counted_from", counted_from, low=0)
        if self.counted_from < most:
            raise ValueError(
                f"counted_from must be at least the {most} keys that are left out, got {self.counted_from}"
            )
        self.reset()

    def reset(self) -> None:
        """Nothing measured yet."""
        self._layers: dict[int, list[Measures]] = {}

    def __call__(
        self,
        queries: NDArray[np.float32],
        keys: NDArray[np.float32],
        values: NDArray[np.float32],
        *,
        layer: int = 0,
        seen: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """``(H, n, d)`` outputs; see :class:`hdspike.models.attention.Attention`."""
        out = softmax(queries, keys, values, layer=layer, seen=seen)
        seen = checked(queries, keys, values, seen)
        chosen = np.flatnonzero(seen > self.counted_from)[::-1][:: self.every][::-1]
        if len(chosen):
            self._layers.setdefault(layer, []).append(self._measured(queries[:, chosen], keys, seen[chosen]))
        return out

    def _measured(
        self, queries: NDArray[np.float32], keys: NDArray[np.float32], seen: NDArray[np.int64]
    ) -> Measures:
        """``(variants, H, n)``."""
        heads, count, _ = queries.shape
        share = heads // len(keys)
        shape = (len(self.without), heads, count)
        shapes: dict[str, tuple[int, ...]] = dict.fromkeys(Measures.__dataclass_fields__, shape)
        shapes["lost"] = shapes["bars"] = (*shape, len(self.shares))
        whole = Measures(
            **{name: np.empty(s, dtype=np.int64 if name == "keys" else float) for name, s in shapes.items()}
        )
        for group, part, scores, limit in score_blocks(queries, keys, seen):
            own = slice(group * share, (group + 1) * share)
            for variant, (sinks, recent) in enumerate(self.without):
                found = _statistics(scores, limit, self.shares, sinks, recent)
                for name in shapes:
                    block = getattr(found, name)
                    getattr(whole, name)[variant, own, part] = block.reshape(share, -1, *block.shape[1:])
        return whole

    def found(self) -> Measures:
        """Measures ``(variants, layers, H, queries)``, the queries of all calls one behind the other.

        Raises:
            ValueError: some layer was shown no query to measure, or fewer than another layer.
        """
        layers = range(max(self._layers, default=0) + 1)
        parts = [self._layers.get(layer, []) for layer in layers]
        sizes = {sum(found.keys.shape[2] for found in part) for part in parts}
        if len(sizes) != 1 or sizes == {0}:
            raise ValueError("found must be asked for once every layer was shown the same queries")
        return Measures(
            **{
                name: np.stack(
                    [np.concatenate([getattr(found, name) for found in part], axis=2) for part in parts],
                    axis=1,
                )
                for name in Measures.__dataclass_fields__
            }
        )
