"""k-winner-take-all among keys that a cheaper search has found: candidates, their scores, the winners' weights.

What searches is the idea of a file of its own (:mod:`hdspike.models.coded`, :mod:`hdspike.models.evented`). It says for
each key how near it seems; the nearest are candidates.
"""

import math
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.attention import winner_weights
from hdspike.jit import spread
from hdspike.models.attention import checked, finite, row_blocks, score_blocks
from hdspike.models.kwta import KWTA
from hdspike.models.picked import _mix, _score
from hdspike.models.winners import _select, widened
from hdspike.network import Outcome

__all__ = ["WEIGHTS", "CandidateKWTA", "HeldKeys", "Search"]

WEIGHTS = ("softmax", "score", "rank", "count")


class HeldKeys(Protocol):
    """What a search keeps of one layer's keys, each written as it arrives."""

    length: int

    def insert(self, keys: NDArray[np.float32]) -> None:
        """``(G, n, d)`` keys behind those held."""

    def ends_with(self, keys: NDArray[np.float32]) -> bool:
        """Whether ``(G, d)`` are the newest keys held."""


class Search(Protocol):
    """The keys of one key head, asked by a block of queries. ``span``: of ``near``, 16 doublings of a count."""

    span: int

    def near(self, low: int, high: int) -> NDArray[np.float32]:
        """How near each key seems to each of the queries ``low`` to ``high``: integers, higher is nearer."""

    def estimates(self, near: NDArray[np.floating], low: int, high: int) -> NDArray[np.float64]:
        """What ``near`` says of the scores of some keys of these queries, but for what all keys share."""


class CandidateKWTA(KWTA):
    """What the plugs share whose winners are found among candidates. A subclass says how they are searched.

    Attributes:
        rows, kept, cells: as of :class:`KWTA`. rescored: pairs of a query and a key scored exactly among the cells.
        inserted: keys coded, of all layers and key heads.
    """

    def __init__(
        self,
        winners: int | str,
        *,
        candidates: int,
        weights: str,
        beta: float,
        stream: bool,
        sinks: int,
        recent: int,
        counted_from: int,
        measure: bool,
    ) -> None:
        self.candidates = check.integer("candidates", candidates, low=1)
        self.weights = check.one_of("weights", weights, WEIGHTS)
        self.beta = float(beta)
        if not (math.isfinite(self.beta) and self.beta >= 0):
            raise ValueError(f"beta must be a finite number of at least 0, got {beta}")
        self.stream = bool(stream)
        self._held: dict[int, Any] = {}
        super().__init__(winners, sinks=sinks, recent=recent, counted_from=counted_from, measure=measure)

    def _empty(self, layer: int, heads: int, features: int) -> HeldKeys:
        """Room for the keys of one layer."""
        raise NotImplementedError

    def _search(
        self, held: Any, group: int, queries: NDArray[np.float32], limit: NDArray[np.int64], last: int
    ) -> Search:
        """The keys of one head up to ``last`` for queries ``(heads, n, d)`` that see ``limit`` ``(heads·n,)``."""
        raise NotImplementedError

    def _searched(
        self, search: Any, places: NDArray[np.int32], many: NDArray[np.int64], counted: NDArray[np.bool_]
    ) -> None:
        """What a search has counted, into the counters; ``places`` are the candidates."""

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

        Measured on other text it is the β that undoes what the noise of the search spreads.
        """
        return self._together / self._across if self._across else math.nan

    def _codes(self, keys: NDArray[np.float32], layer: int, count: int) -> Any:
        """What is held of all keys of a layer, of which ``count`` are new to a stream."""
        heads, size, features = keys.shape
        held, old = self._held.get(layer), max(0, size - count)
        if held is None or not old or not self.stream:
            held, old = self._empty(layer, heads, features), 0
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
        held = self._codes(keys, layer, len(seen))
        out = np.empty((*queries.shape[:2], width), dtype=np.float32)
        for group, part, scores, limit in self._blocks(queries, keys, seen):
            block = queries[group * share : (group + 1) * share, part]
            search = self._search(held, group, block, limit, int(limit.max()))
            near, far = np.ascontiguousarray(keys[group]), np.ascontiguousarray(values[group])
            read = self._attend(block.reshape(len(limit), -1), search, near, far, limit, scores)
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
        search: Search,
        keys: NDArray[np.float32],
        values: NDArray[np.float32],
        limit: NDArray[np.int64],
        scores: NDArray[np.float32] | None,
    ) -> NDArray[np.float32]:
        """The outputs of one block of queries, counted."""
        kept = self.counts(limit)
        factor = self.candidates if self.weights == "softmax" else 1
        many = widened(limit, kept, factor, self.sinks, self.recent)
        block = block * np.float32(block.shape[1] ** -0.5)
        places = np.zeros((len(limit), int(many.max())), dtype=np.int32)
        out = np.empty((len(limit), values.shape[1]), dtype=np.float32)
        sums = np.zeros((4, len(limit)))

        def work(low: int, high: int) -> None:
            part = slice(low, high)
            near = search.near(low, high)
            _select(near, limit[part], many[part], self.sinks, self.recent, places[part])
            if self.weights == "softmax":
                found = np.empty(places[part].shape, dtype=np.float32)
                _score(block[part], keys, places[part], many[part], found)
                winners, weights = self._best(found, places[part], many[part], kept[part])
            else:
                winners, weights = self._nearest(search, near, places[part], kept[part], low)
            _mix(weights, values, winners, kept[part], out[part])
            if scores is not None:
                estimates = search.estimates(np.take_along_axis(near, winners, 1), low, high)
                sums[:, part] = self._measure(scores[part], limit[part], winners, kept[part], estimates)

        spread(work, len(limit))
        counted = self._tally(limit, kept)
        self._searched(search, places, many, counted)
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
        # always-on keys are the outermost candidates
        _select(found, many, kept, self.sinks, self.recent, chosen)
        return np.take_along_axis(places, chosen, 1), _softmax(np.take_along_axis(found, chosen, 1), kept)

    def _nearest(
        self,
        search: Search,
        near: NDArray[np.float32],
        places: NDArray[np.int32],
        kept: NDArray[np.int64],
        low: int,
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The winners in the order of firing, nearest earliest, and their weights out of how near they are."""
        valid = np.arange(places.shape[1]) < kept[:, None]
        reached = np.where(valid, np.take_along_axis(near, places, 1), -np.inf)
        order = np.argsort(-reached, axis=1, kind="stable")
        winners, reached = np.take_along_axis(places, order, 1), np.take_along_axis(reached, order, 1)
        if self.weights == "score":
            some = np.where(valid, reached, reached[:, :1])
            estimates = self.beta * search.estimates(some, low, low + len(kept))
            return winners, _softmax(estimates.astype(np.float32), kept)
        potentials = reached[valid].astype(np.int32)
        outcome = Outcome(
            np.concatenate([[0], np.cumsum(kept)]),
            winners[valid],
            potentials - potentials.min(initial=0),
            np.zeros_like(potentials),
        )
        weights = np.zeros(places.shape, dtype=np.float32)
        weights[valid] = winner_weights(outcome, by=self.weights, top=search.span)
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
