"""Winners and bundles: the highest scores are read exactly, all others through a few bundles of keys.

Top-k alone drops the many small weights of a diffuse head. Here every key also enters one of c bundles of its key head
(:mod:`hdspike.models.bundles`) when it arrives, the winners of a query are taken out of theirs, and what is left of
each counts as its number of keys at their mean score. A bundle costs one product of query and sum, as a key does, so
it counts as a cell of the budget: of 41 winners with 16 bundles, 25 are keys.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.jit import spread
from hdspike.models.attention import checked, finite, score_blocks
from hdspike.models.bundles import Bundles, _insert, _read
from hdspike.models.codebook import Codebook
from hdspike.models.kwta import KWTA
from hdspike.models.winners import _select

__all__ = ["Bundled"]

Picker = Callable[[slice, NDArray[np.float32], NDArray[np.int32]], None]


class Bundled(KWTA):
    """An attention plug for a decoder: exact winners, and bundles of the other keys; counted.

    o = (Σ_w e^{s_w} v_w + Σ_c e^{x_c} V_c) ÷ (Σ_w e^{s_w} + Σ_c n_c e^{x_c}) over the winners w and the bundles c
    without them: n_c keys are left, x_c is their mean score, V_c the sum of their values. No bundle is scored above a
    winner that its score chose, for none of the scores in its mean is.

    Bundles are kept from call to call: one that brings the same keys and some more, as with a
    :class:`hdspike.models.Cache`, inserts the new ones alone; any other starts afresh.

    Args:
        winners: cells of a query, a count above the codebook's c or a share such as ``"1%"`` of the keys that it sees:
            winners and c bundles together. Where a share leaves no cell for a winner, one (or the always-on ones) is
            kept all the same. A query that sees no more keys than cells keeps them all, exactly.
        codebook: of the model, learned on another text.
        sinks, recent, counted_from, measure: as of :class:`hdspike.models.KWTA`.

    Attributes:
        rows, cells: as of KWTA. kept: winners and bundles read. bundles: bundles read, of these. inserted: keys put
            into bundles, in all layers and key heads.

    Raises:
        ValueError: at a call, a layer, number of key heads or width that the codebook has not, a query that sees fewer
            keys than the one before it, or scores or keys that are not finite.

    >>> rng = np.random.default_rng(0)
    >>> q, k, v = rng.normal(size=(3, 2, 50, 8)).astype(np.float32)
    >>> books = Codebook(np.array([[np.eye(8)] * 2], np.float32), k[None, :, :4])
    >>> plug = Bundled(10, books)
    >>> plug(q, k, v, layer=0, seen=np.arange(1, 51)).shape
    (2, 50, 8)
    >>> plug.kept / plug.rows <= 10, plug.captured_mass < plug.estimated_mass < 1
    (True, True)
    """

    def __init__(
        self,
        winners: int | str,
        codebook: Codebook,
        *,
        sinks: int = 0,
        recent: int = 0,
        counted_from: int = 0,
        measure: bool = True,
    ) -> None:
        super().__init__(winners, sinks=sinks, recent=recent, counted_from=counted_from, measure=measure)
        if not isinstance(codebook, Codebook):
            raise TypeError(f"codebook must be a Codebook, not {type(codebook).__name__}")
        if not self.winners.endswith("%") and int(self.winners) <= codebook.entries:
            raise ValueError(
                f"winners must be above the {codebook.entries} bundles, which are cells too, got {winners}"
            )
        self.codebook = codebook
        self._held: dict[int, Bundles] = {}

    def reset(self) -> None:
        """Counts from zero. The bundles stay: whether they fit is seen from the keys of the next call."""
        super().reset()
        self.bundles = self.inserted = 0
        self._estimate = 0.0

    @property
    def estimated_mass(self) -> float:
        """Mean of the sum of weights that winners and bundles make ÷ the true Σ_j e^{s_j}; NaN where not measured.

        At most 1, for a bundle is never weighed too much (Jensen); how far below tells the error of the estimate.
        """
        return self._estimate / self.rows if self.rows and self.measure else math.nan

    def counts(self, seen: NDArray[np.int64]) -> NDArray[np.int64]:
        """Winners of a query that sees so many keys, always-on ones included, bundles not."""
        cells = super().counts(seen)
        exact = np.maximum(cells - self.codebook.entries, max(1, self.sinks + self.recent))
        return np.where(cells < seen, np.minimum(exact, seen), seen)

    def _bundles(
        self, layer: int, keys: NDArray[np.float32], values: NDArray[np.float32], seen: int
    ) -> Bundles:
        """Those of the layer that hold the beginning of ``keys``, none behind ``seen``; empty ones otherwise."""
        held = self._held.pop(layer, None)  # what fails half-way is not kept
        if held and held.length <= seen and held.width == values.shape[2] and held.holds(keys, values):
            return held
        return Bundles(self.codebook, layer, width=values.shape[2])

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
        share, width = len(queries) // len(keys), values.shape[2]
        out = np.empty((*queries.shape[:2], width), dtype=np.float32)
        self._match(layer, keys, seen)
        if not len(seen):
            return out
        held, last = self._bundles(layer, keys, values, int(seen[0])), int(seen[-1])
        codes = held.encode(keys[:, held.length : last], values[:, held.length : last])
        self._enter(layer, keys, last)
        allowed, have, group = self.counts(seen), held.length, -1
        for key_head, part, scores, limit in score_blocks(queries, keys, seen):
            if key_head != group:
                group, have = key_head, held.length
                near, far = np.ascontiguousarray(keys[group]), np.ascontiguousarray(values[group])
            asked = np.ascontiguousarray(queries[group * share : (group + 1) * share, part])
            kept = np.tile(allowed[part], share)
            text, stop = (near, far, codes[group]), int(seen[part.stop - 1])
            pick = self._picker(layer, group, asked, limit, kept)
            read, masses, used = self._heads(scores, asked, text, limit, kept, have, held.head(group), pick)
            out[group * share : (group + 1) * share, part] = read.reshape(share, -1, width)
            _insert(*text, have, stop, *held.head(group))
            have = stop
            self._count(limit, kept + used, used, masses)
        self.inserted += len(keys) * (last - held.length)
        held.length = last
        self._held[layer] = held
        return out

    def _enter(self, layer: int, keys: NDArray[np.float32], last: int) -> None:
        """What else must know of the keys that enter, up to ``last``, before they are asked for."""

    def _picker(
        self,
        layer: int,
        group: int,
        asked: NDArray[np.float32],
        seen: NDArray[np.int64],
        kept: NDArray[np.int64],
    ) -> Picker:
        """What finds the winners of some rows of a block in their scores: here the highest of all."""

        def pick(rows: slice, scores: NDArray[np.float32], winners: NDArray[np.int32]) -> None:
            _select(scores, seen[rows], kept[rows], self.sinks, self.recent, winners)

        return pick

    def _heads(
        self,
        scores: NDArray[np.float32],
        asked: NDArray[np.float32],
        text: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint8]],
        seen: NDArray[np.int64],
        kept: NDArray[np.int64],
        have: int,
        sums: tuple[NDArray[Any], ...],
        pick: Picker,
    ) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.int64]]:
        """One block of scores, which is overwritten: outputs, logarithms of the masses, bundles read.

        ``text``: keys, values and their bundles, whose ``sums`` hold ``have`` of them and are left as they are.
        """
        share, count, _ = asked.shape
        read = np.empty((len(scores), text[1].shape[1]), dtype=np.float32)
        masses, used = np.empty((len(scores), 2)), np.empty(len(scores), dtype=np.int64)
        winners = np.empty((len(scores), int(kept.max())), dtype=np.int32)

        def work(low: int, high: int) -> None:
            for head in range(share):  # bundles grow with the queries, so each head goes over them again
                rows = slice(head * count + low, head * count + high)
                here, best = scores[rows], scores[rows].max(axis=1, keepdims=True)
                finite(best)
                pick(rows, here, winners[rows])
                _read(
                    *(asked[head, low:high], here, *text[:2], seen[rows], winners[rows], kept[rows]),
                    *(text[2], have, *(part.copy() for part in sums)),
                    *(read[rows], masses[rows], used[rows]),
                )
                if self.measure:
                    here -= best
                    np.exp(here, out=here)
                    masses[rows] -= best + np.log(here.sum(axis=1, keepdims=True, dtype=np.float64))

        spread(work, count)
        return read, masses, used

    def _match(self, layer: int, keys: NDArray[np.float32], seen: NDArray[np.int64]) -> None:
        """Nothing, if the codebook is of such a layer and the queries are in order."""
        book = self.codebook
        if not 0 <= layer < book.layers:
            raise ValueError(f"layer must be one of the codebook's {book.layers}, got {layer}")
        if (len(keys), keys.shape[2]) != (book.key_heads, book.dim):
            raise ValueError(
                f"keys must be {book.key_heads} heads of {book.dim} numbers as the codebook is, got {keys.shape}"
            )
        if (np.diff(seen) < 0).any():
            raise ValueError("seen must not fall from one query to the next: nothing leaves a bundle")

    def _count(
        self,
        seen: NDArray[np.int64],
        kept: NDArray[np.int64],
        used: NDArray[np.int64],
        masses: NDArray[np.float64],
    ) -> None:
        """Rows that see enough into the counters; ``masses`` are logarithms."""
        counted = self._tally(seen, kept)
        self.bundles += int(used[counted].sum())
        if self.measure:
            captured, estimated = np.exp(masses[counted]).sum(axis=0)
            self._mass += float(captured)
            self._estimate += float(estimated)
