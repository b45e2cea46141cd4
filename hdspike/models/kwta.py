"""Exact k-winner-take-all: the k highest scores of each query win, softmax over the winners weighs their values.

This is the functional limit of a race among key neurons that nobody disturbs, and the reference of every code that
looks for the same keys with less work. All scores are computed here: ``touched_fraction`` is 1.
"""

import math

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.jit import spread
from hdspike.models.attention import checked, finite, score_blocks
from hdspike.models.winners import _select, _weigh, budget

__all__ = ["KWTA"]


class KWTA:
    """An attention plug: exact k-winner-take-all, counted.

    Args:
        winners: a count such as ``41``, or a share such as ``"1%"`` of the keys that a query sees (at least one).
        sinks: keys at the start that always win. recent: keys at the end of what is seen that always win. Both count
            as winners; where they alone are more than ``winners``, they are all kept.
        counted_from: only queries that see more keys than this are counted, such as half the window.
        measure: whether the softmax mass of the winners is summed (``captured_mass``); it costs an exponential per
            score.

    Attributes:
        rows: queries × heads × layers counted. kept: winners among them. cells: pairs of a query and a key it sees.

    >>> rng = np.random.default_rng(0)
    >>> q, k, v = rng.normal(size=(3, 2, 50, 8)).astype(np.float32)
    >>> plug = KWTA("10%")
    >>> plug(q, k, v, layer=0, seen=np.arange(1, 51)).shape
    (2, 50, 8)
    >>> plug.kept, plug.cells
    (264, 2550)
    """

    touched_fraction = 1.0

    def __init__(
        self,
        winners: int | str,
        *,
        sinks: int = 0,
        recent: int = 0,
        counted_from: int = 0,
        measure: bool = True,
    ) -> None:
        if isinstance(winners, bool) or not isinstance(winners, int | np.integer | str):
            raise TypeError(f"winners must be a count or a share such as '1%', not {winners!r}")
        self.winners = str(winners)
        check.parse_winners(self.winners, 2**62)
        self.sinks = check.integer("sinks", sinks, low=0)
        self.recent = check.integer("recent", recent, low=0)
        self.counted_from = check.integer("counted_from", counted_from, low=0)
        self.measure = bool(measure)
        self.reset()

    def reset(self) -> None:
        """Counts from zero."""
        self.rows = self.kept = self.cells = 0
        self._mass = 0.0

    @property
    def captured_mass(self) -> float:
        """Mean softmax mass of the winners; NaN before the plug was used or where it was not measured."""
        return self._mass / self.rows if self.rows and self.measure else math.nan

    @property
    def nonzero_fraction(self) -> float:
        """Winners ÷ pairs of a query and a key that it sees; NaN before the plug was used."""
        return self.kept / self.cells if self.cells else math.nan

    def counts(self, seen: NDArray[np.int64]) -> NDArray[np.int64]:
        """Winners of a query that sees so many keys, always-on ones included."""
        if self.winners.endswith("%"):
            sizes, back = np.unique(seen, return_inverse=True)
            wanted = np.array([check.parse_winners(self.winners, int(n)) for n in sizes], dtype=np.int64)[
                back
            ]
        else:
            wanted = np.full(len(seen), int(self.winners))
        return budget(seen, wanted, self.sinks, self.recent)

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
        allowed = self.counts(seen)
        for group, part, scores, limit in score_blocks(queries, keys, seen):
            kept = np.tile(allowed[part], share)
            read = np.empty((len(scores), width), dtype=np.float32)
            mass = self._block(scores, np.ascontiguousarray(values[group]), limit, kept, read)
            out[group * share : (group + 1) * share, part] = read.reshape(share, -1, width)
            self._mass += float(mass[self._tally(limit, kept)].sum())
        return out

    def _tally(self, seen: NDArray[np.int64], kept: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Rows, what they kept and their cells into the counters; which of the rows count."""
        counted = seen > self.counted_from
        self.rows += int(counted.sum())
        self.kept += int(kept[counted].sum())
        self.cells += int(seen[counted].sum())
        return counted

    def _block(
        self,
        scores: NDArray[np.float32],
        values: NDArray[np.float32],
        seen: NDArray[np.int64],
        kept: NDArray[np.int64],
        out: NDArray[np.float32],
    ) -> NDArray[np.float64]:
        """One block of scores, which is overwritten; the mass of each row's winners."""
        winners = np.empty((len(scores), int(kept.max())), dtype=np.int32)
        mass = np.zeros(len(scores))

        def work(low: int, high: int) -> None:
            rows, best = scores[low:high], scores[low:high].max(axis=1, keepdims=True)
            finite(best)
            _select(rows, seen[low:high], kept[low:high], self.sinks, self.recent, winners[low:high])
            _weigh(rows, values, winners[low:high], kept[low:high], out[low:high], mass[low:high])
            if self.measure:
                rows -= best
                np.exp(rows, out=rows)
                whole = best[:, 0] + np.log(rows.sum(axis=1, dtype=np.float64))
                mass[low:high] = np.exp(mass[low:high] - whole)

        spread(work, len(scores))
        return mass
