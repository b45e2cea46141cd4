"""k-winner-take-all by dense binary codes: the keys nearest in Hamming distance win, with or without their scores.

A packed search compares every key, 64 bits a word: ``touched_fraction`` is 1, and what it saves is arithmetic, ⌈D/64⌉
exclusive-ors and popcounts in place of d multiply-adds for each pair of a query and a key.
"""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.attention import winner_weights
from hdspike.bits import Words
from hdspike.bits.distance import _hamming
from hdspike.jit import spread
from hdspike.models.attention import checked, finite, row_blocks, score_blocks
from hdspike.models.kwta import KWTA
from hdspike.models.picked import _mix, _score
from hdspike.models.signs import SignCode, SignedKeys
from hdspike.models.winners import _select
from hdspike.network import Outcome

__all__ = ["WEIGHTS", "CodedKWTA"]

WEIGHTS = ("softmax", "score", "rank", "count")


class CodedKWTA(KWTA):
    """An attention plug: k-winner-take-all among the keys whose codes are nearest to the query's.

    With ``weights="softmax"`` the ``candidates``·k nearest keys are scored exactly, the k best of these win, softmax
    over them weighs their values. The others score nothing: the k nearest win, weighed by what the code alone says.

    - ``"score"``: softmax over the estimated scores ``beta``·|q|·m·cos(π h/D)/√d, h the Hamming distance, m the mean
      distance from the centre of the keys so far;
    - ``"rank"``: ⌊k/r⌋ for the r-th to fire, nearest earliest; ``"count"``: doubled by each D/32 matching bits beyond
      the weakest winner's (both :func:`hdspike.attention.winner_weights`).

    Args:
        winners, sinks, recent, counted_from: as of :class:`KWTA`. Always-on keys are candidates too.
        code: what turns queries and keys into bits.
        candidates: keys scored exactly for each winner, for ``"softmax"``.
        weights: one of ``WEIGHTS``.
        beta: of ``"score"``; ``slope`` measured on other text fits it.
        stream: each call continues the last call of its layer: the queries are those of the newest keys, and only
            these are coded. :meth:`forget` before another text that is not begun at its start.
        measure: whether all scores are computed as well, for ``captured_mass``, ``found_share`` and ``slope``.

    Attributes:
        rows, kept, cells: as of :class:`KWTA`. rescored: pairs of a query and a key scored exactly among the cells.
        inserted: keys coded, of all layers and key heads.

    Ties go to the lower index. Memory is bounded by the codes and some 2²¹ distances at a time.

    >>> rng = np.random.default_rng(0)
    >>> q, k, v = rng.normal(size=(3, 2, 50, 8)).astype(np.float32)
    >>> plug = CodedKWTA("10%", code=SignCode(256, seed=1))
    >>> plug(q, k, v, layer=0, seen=np.arange(1, 51)).shape
    (2, 50, 8)
    >>> plug.kept, plug.cells, plug.rescored, plug.inserted, plug.word_xors
    (264, 2550, 1044, 100, 10200)
    >>> 0.95 < plug.found_share <= 1
    True
    """

    def __init__(
        self,
        winners: int | str,
        *,
        code: SignCode,
        candidates: int = 4,
        weights: str = "softmax",
        beta: float = 1.0,
        stream: bool = False,
        sinks: int = 0,
        recent: int = 0,
        counted_from: int = 0,
        measure: bool = True,
    ) -> None:
        if not isinstance(code, SignCode):
            raise TypeError(f"code must be a SignCode, got {type(code).__name__}")
        self.code = code
        self.candidates = check.integer("candidates", candidates, low=1)
        self.weights = check.one_of("weights", weights, WEIGHTS)
        self.beta = float(beta)
        if not (math.isfinite(self.beta) and self.beta >= 0):
            raise ValueError(f"beta must be a finite number of at least 0, got {beta}")
        self.stream = bool(stream)
        self._held: dict[int, SignedKeys] = {}
        super().__init__(winners, sinks=sinks, recent=recent, counted_from=counted_from, measure=measure)

    def reset(self) -> None:
        """Counts from zero; the codes stay."""
        super().reset()
        self.rescored = self.inserted = 0
        self._exact = self._together = self._across = 0.0

    def forget(self) -> None:
        """No code is held any more: the next call starts another text."""
        self._held.clear()

    @property
    def found_share(self) -> float:
        """Softmax mass of the winners ÷ that of as many exact winners; NaN where it was not measured."""
        return self._mass / self._exact if self._exact else math.nan

    @property
    def slope(self) -> float:
        """Least-squares slope of the winners' exact scores on the estimated ones at β = 1, within each query.

        Measured on other text it is the β that undoes what the noise of the distances spreads.
        """
        return self._together / self._across if self._across else math.nan

    @property
    def word_xors(self) -> int:
        """64-bit words XORed for the cells counted: ⌈D/64⌉ for each."""
        return self.cells * self.code.words

    popcounts = word_xors

    def _codes(self, keys: NDArray[np.float32], layer: int, count: int) -> SignedKeys:
        """The codes of all keys of a layer, of which ``count`` are new to a stream."""
        heads, size, features = keys.shape
        held, old = self._held.get(layer), max(0, size - count)
        if held is None or not old or not self.stream:
            held, old = self.code.keys(layer, heads, features), 0
        elif held.length != old or not held.ends_with(keys[:, old - 1]):
            raise ValueError(
                f"keys must continue the {held.length} held of layer {layer}, got {old} old ones or others;"
                " forget() comes before another text"
            )
        held.insert(keys[:, old:])
        self.inserted += heads * (size - old)
        if self.stream:
            self._held[layer] = held
        return held

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
        seen = checked(queries, keys, values, seen)
        if not np.isfinite(queries).all():
            raise ValueError("queries must be finite numbers")
        share, width = len(queries) // len(keys), values.shape[2]
        codes = self._codes(keys, layer, len(seen))
        norms = codes.mean_norms
        out = np.empty((*queries.shape[:2], width), dtype=np.float32)
        for group, part, scores, limit in self._blocks(queries, keys, seen):
            block = queries[group * share : (group + 1) * share, part].reshape(len(limit), -1)
            read = self._attend(
                block,
                self.code.queries(block),
                norms[group, limit - 1],
                codes.words[group, : limit.max()],
                np.ascontiguousarray(keys[group]),
                np.ascontiguousarray(values[group]),
                limit,
                scores,
            )
            out[group * share : (group + 1) * share, part] = read.reshape(share, -1, width)
        return out

    def _blocks(
        self, queries: NDArray[np.float32], keys: NDArray[np.float32], seen: NDArray[np.int64]
    ) -> Iterator[tuple[int, slice, NDArray[np.float32] | None, NDArray[np.int64]]]:
        """Blocks of rows, with all their scores where these are measured."""
        if self.measure:
            yield from score_blocks(queries, keys, seen)
            return
        for group in range(len(keys)):
            for part, limit in row_blocks(seen, len(queries) // len(keys)):
                yield group, part, None, limit

    def _attend(
        self,
        block: NDArray[np.float32],
        asked: Words,
        norms: NDArray[np.float64],
        codes: Words,
        keys: NDArray[np.float32],
        values: NDArray[np.float32],
        limit: NDArray[np.int64],
        scores: NDArray[np.float32] | None,
    ) -> NDArray[np.float32]:
        """The outputs of one block of queries, counted."""
        kept = self.counts(limit)
        always = np.minimum(self.sinks + self.recent, kept)
        factor = self.candidates if self.weights == "softmax" else 1
        many = np.minimum(always + factor * (kept - always), limit)
        block = block * np.float32(block.shape[1] ** -0.5)
        lengths = np.linalg.norm(block, axis=1) * norms
        distances = np.empty((len(limit), len(codes)), dtype=np.int32)
        places = np.zeros((len(limit), int(many.max())), dtype=np.int32)
        out = np.empty((len(limit), values.shape[1]), dtype=np.float32)
        sums = np.zeros((4, len(limit)))

        def work(low: int, high: int) -> None:
            part = slice(low, high)
            _hamming(asked[part], codes, distances[part])
            near = -distances[part].astype(np.float32)
            _select(near, limit[part], many[part], self.sinks, self.recent, places[part])
            if self.weights == "softmax":
                found = np.empty(places[part].shape, dtype=np.float32)
                _score(block[part], keys, places[part], many[part], found)
                winners, weights = self._best(found, places[part], many[part], kept[part])
            else:
                winners, weights = self._nearest(distances[part], places[part], kept[part], lengths[part])
            _mix(weights, values, winners, kept[part], out[part])
            if scores is not None:
                cosines = np.cos(np.pi / self.code.dim * np.take_along_axis(distances[part], winners, 1))
                estimates = cosines * lengths[part, None]
                sums[:, part] = self._measure(scores[part], limit[part], winners, kept[part], estimates)

        spread(work, len(limit))
        counted = self._tally(limit, kept)
        if self.weights == "softmax":
            self.rescored += int(many[counted].sum())
        for name, total in zip(("_mass", "_exact", "_together", "_across"), sums, strict=True):
            setattr(self, name, getattr(self, name) + float(total[counted].sum()))
        return out

    def _best(
        self,
        found: NDArray[np.float32],
        places: NDArray[np.int32],
        many: NDArray[np.int64],
        kept: NDArray[np.int64],
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The winners among candidates in ascending order, by their exact scores, and their softmax weights."""
        finite(found.max(axis=1))
        chosen = np.zeros((len(kept), int(kept.max())), dtype=np.int32)
        _select(
            found, many, kept, self.sinks, self.recent, chosen
        )  # always-on keys are the outermost candidates
        return np.take_along_axis(places, chosen, 1), _softmax(np.take_along_axis(found, chosen, 1), kept)

    def _nearest(
        self,
        distances: NDArray[np.int32],
        places: NDArray[np.int32],
        kept: NDArray[np.int64],
        lengths: NDArray[np.float64],
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The winners in the order of firing, nearest earliest, and their weights out of their distances."""
        valid = np.arange(places.shape[1]) < kept[:, None]
        far = np.where(valid, np.take_along_axis(distances, places, 1), self.code.dim + 1)
        order = np.argsort(far, axis=1, kind="stable")
        winners, far = np.take_along_axis(places, order, 1), np.take_along_axis(far, order, 1)
        if self.weights == "score":
            estimates = self.beta * lengths[:, None] * np.cos(np.pi / self.code.dim * far)
            return winners, _softmax(estimates.astype(np.float32), kept)
        fired = far[valid].astype(np.int32)
        outcome = Outcome(
            np.concatenate([[0], np.cumsum(kept)]),
            winners[valid],
            self.code.dim - fired,
            np.zeros_like(fired),
        )
        weights = np.zeros(places.shape, dtype=np.float32)
        weights[valid] = winner_weights(outcome, by=self.weights, top=self.code.space.span)
        return winners, weights

    def _measure(
        self,
        scores: NDArray[np.float32],
        seen: NDArray[np.int64],
        winners: NDArray[np.int32],
        kept: NDArray[np.int64],
        estimates: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """``(4, rows)``: mass of the winners, of the exact ones; covariance and variance of the estimates."""
        best = scores.max(axis=1, keepdims=True)
        finite(best)
        whole = best + np.log(np.exp(scores - best).sum(axis=1, keepdims=True, dtype=np.float64))
        exact = np.zeros(winners.shape, dtype=np.int32)
        _select(scores, seen, kept, self.sinks, self.recent, exact)
        valid = np.arange(winners.shape[1]) < kept[:, None]
        won, top = (np.take_along_axis(scores, places, 1).astype(np.float64) for places in (winners, exact))
        mass, most = (np.where(valid, np.exp(x - whole), 0).sum(axis=1) for x in (won, top))
        middle = np.where(valid, estimates, 0).sum(axis=1) / kept
        apart = np.where(valid, estimates - middle[:, None], 0)
        return np.stack([mass, most, (apart * won).sum(axis=1), (apart * apart).sum(axis=1)])


def _softmax(scores: NDArray[np.float32], kept: NDArray[np.int64]) -> NDArray[np.float32]:
    """exp(s − highest) of the leftmost ``kept`` of each row, 0 behind."""
    valid = np.arange(scores.shape[1]) < kept[:, None]
    best = np.where(valid, scores, -np.inf).max(axis=1, keepdims=True)
    return np.where(valid, np.exp(np.minimum(scores - best, 0)), np.float32(0))
