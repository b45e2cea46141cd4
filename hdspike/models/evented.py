"""k-winner-take-all by events: a query's strongest spikes reach the keys in their inverted lists, no other key.

Keys are sparse block codes of a codebook that was learned on other text (:mod:`hdspike.models.product`). A key's
potential rests at what every query of the head is expected to say to it, and a query sends what is not expected, the
strongest spikes first (:mod:`hdspike.models.evented_spikes`). The keys with the highest potentials are candidates.

All potentials, strengths and weights are integers, so the winners do not depend on the order of events. What is left to
do for every key is to set its potential to its rest and to compare it with the threshold; on a chip both are the
neuron's own.
"""

import math

import numpy as np
from numpy.typing import NDArray

from hdspike.models.candidates import CandidateKWTA
from hdspike.models.evented_lists import UNIT, EventKeys, EventLists
from hdspike.models.evented_spikes import MOST, deliver
from hdspike.models.kwta import KWTA
from hdspike.models.product import ProductBook

__all__ = ["EventCounts", "EventKWTA", "EventSearch"]

SPAN = 176  # sixteenths of a nat: 16 doublings of e^s, 11 for each


class EventSearch:
    """The lists of one key head, asked by a block of queries.

    Attributes:
        counts: ``(rows, 2)`` events and spikes. marks: ``(rows, N)``, which keys got an event; None if not wanted.
    """

    span = SPAN

    def __init__(
        self,
        held: EventKeys,
        group: int,
        queries: NDArray[np.float32],
        seen: NDArray[np.int64],
        last: int,
        *,
        events: float,
        mark: bool,
    ) -> None:
        heads, count, dim = queries.shape
        own = held.book.means.shape[2]  # heads with a mean of their own
        self.held, self.group, self.seen = held, group, seen
        self.queries = held.book.surprise(held.layer, group, queries).reshape(-1, dim)
        self.lists: EventLists = held.lists[group]
        self.rests = held.rests[group, :, :last]
        self.heads = np.repeat(np.arange(heads) % own, count)
        most = min(events, float(held.book.blocks))  # a key is in no more lists
        self.allowances = np.floor(most * seen).astype(np.int64)
        self.counts = np.zeros((len(seen), 2), dtype=np.int64)
        self.marks = np.zeros((len(seen), last), dtype=np.bool_) if mark else None

    def near(self, low: int, high: int) -> NDArray[np.float32]:
        part, held = slice(low, high), self.held
        found = held.book.contributions(held.layer, self.group, self.queries[part])
        strengths = np.clip(np.rint(found * np.float32(UNIT)), -MOST, MOST).astype(np.int16)
        marks = None if self.marks is None else self.marks[part]
        potentials, self.counts[part] = deliver(
            *(self.lists, strengths, self.rests, self.heads[part], self.seen[part], self.allowances[part]),
            marks=marks,
        )
        return potentials.astype(np.float32)

    def estimates(self, near: NDArray[np.floating], low: int, high: int) -> NDArray[np.float64]:
        return near.astype(np.float64) / UNIT

    def spent(
        self, places: NDArray[np.int32], many: NDArray[np.int64], counted: NDArray[np.bool_]
    ) -> tuple[int, int, int]:
        """Events, spikes and touched pairs of the rows counted: got an event, or is one of ``many`` candidates."""
        events, spikes = (int(x) for x in self.counts[counted].sum(axis=0))
        if self.marks is None:
            return events, spikes, 0
        lifted = np.take_along_axis(self.marks, places, 1)[counted]
        scored = np.arange(places.shape[1]) < many[counted, None]
        return events, spikes, int(self.marks[counted].sum()) + int((scored & ~lifted).sum())


class EventCounts(KWTA):
    """What plugs share whose winners are found by events: what a query may spend, and what was spent."""

    def _allow(self, book: ProductBook, events: float) -> None:
        if not isinstance(book, ProductBook):
            raise TypeError(f"book must be a ProductBook, got {type(book).__name__}")
        self.book = book
        self.events = float(events)
        if not (math.isfinite(self.events) and self.events >= 0):
            raise ValueError(f"events must be a finite number of at least 0, got {events}")

    def reset(self) -> None:
        """Counts from zero; the codes stay."""
        super().reset()
        self.synaptic_events = self.spikes = self.touched = 0

    @property
    def synaptic_events_per_query_key(self) -> float:
        """Synaptic events ÷ pairs of a query and a key that it sees; NaN before the plug was used."""
        return self.synaptic_events / self.cells if self.cells else math.nan

    @property
    def touched_fraction(self) -> float:  # type: ignore[override]
        """Pairs that got an event or were candidates ÷ all; NaN before the plug was used or where not measured.

        Left out is what every key costs: its potential is set to its rest and compared with the threshold.
        """
        return self.touched / self.cells if self.cells and self.measure else math.nan

    def _searched(
        self,
        search: EventSearch,
        places: NDArray[np.int32],
        many: NDArray[np.int64],
        counted: NDArray[np.bool_],
    ) -> None:
        events, spikes, touched = search.spent(places, many, counted)
        self.synaptic_events += events
        self.spikes += spikes
        self.touched += touched


class EventKWTA(EventCounts, CandidateKWTA):
    """An attention plug: k-winner-take-all among the keys that a query's events lift the highest.

    With ``weights="softmax"`` the ``candidates``·k keys of the highest potentials are scored exactly, the k best of
    these win, softmax over them weighs their values. The others score nothing: the k highest win, weighed by

    - ``"score"``: softmax over ``beta``·potential;
    - ``"rank"``: ⌊k/r⌋ for the r-th to fire, highest earliest; ``"count"``: doubled by each ln 2 of potential beyond
      the weakest winner's (both :func:`hdspike.attention.winner_weights`).

    Args:
        winners, sinks, recent, counted_from: as of :class:`hdspike.models.KWTA`. Always-on keys are candidates too.
        book: of the model, learned on another text.
        events: synaptic events that a query may spend, for each key it sees: an upper bound for every query.
        candidates, weights, beta, stream: as of :class:`hdspike.models.coded.CodedKWTA`.
        measure: whether all scores are computed as well, for ``captured_mass``, ``found_share`` and ``slope``, and
            touched keys are counted.

    Attributes:
        rows, kept, cells, rescored, inserted: as of :class:`hdspike.models.candidates.CandidateKWTA`.
        synaptic_events: one for each spike, key in its list and query that sees the key. spikes: lines that spiked.
        touched: pairs that got an event, or whose key was a candidate.

    Ties go to the lower index. Memory is bounded by lists, codes, rests and some 2²¹ potentials at a time.

    >>> from hdspike.models.product import learn_product
    >>> rng = np.random.default_rng(0)
    >>> q, k, v = rng.normal(size=(3, 2, 50, 8)).astype(np.float32)
    >>> book = learn_product([rng.normal(size=(2, 200, 8)).astype(np.float32)], blocks=4, lines=16, rng=1)
    >>> plug = EventKWTA("10%", book, events=0.5)
    >>> plug(q, k, v, layer=0, seen=np.arange(1, 51)).shape
    (2, 50, 8)
    >>> plug.kept, plug.cells, plug.synaptic_events <= plug.cells / 2
    (264, 2550, True)
    >>> 0.9 < plug.found_share <= 1
    True
    """

    def __init__(
        self,
        winners: int | str,
        book: ProductBook,
        *,
        events: float = 0.5,
        candidates: int = 4,
        weights: str = "softmax",
        beta: float = 1.0,
        stream: bool = False,
        sinks: int = 0,
        recent: int = 0,
        counted_from: int = 0,
        measure: bool = True,
    ) -> None:
        self._allow(book, events)
        super().__init__(
            winners,
            candidates=candidates,
            weights=weights,
            beta=beta,
            stream=stream,
            sinks=sinks,
            recent=recent,
            counted_from=counted_from,
            measure=measure,
        )

    def _empty(self, layer: int, heads: int, features: int) -> EventKeys:
        if not 0 <= layer < self.book.layers:
            raise ValueError(f"layer must be one of the codebook's {self.book.layers}, got {layer}")
        if (heads, features) != (self.book.key_heads, self.book.dim):
            raise ValueError(
                f"keys must be {self.book.key_heads} heads of {self.book.dim} numbers as the codebook is,"
                f" got {heads} of {features}"
            )
        return EventKeys(self.book, layer)

    def _search(
        self,
        held: EventKeys,
        group: int,
        queries: NDArray[np.float32],
        limit: NDArray[np.int64],
        last: int,
    ) -> EventSearch:
        heads = self.book.means.shape[2]
        if heads not in (1, len(queries)):
            raise ValueError(
                f"queries must be of {heads} heads for each key head as the codebook is, got {len(queries)}"
            )
        return EventSearch(held, group, queries, limit, last, events=self.events, mark=self.measure)
