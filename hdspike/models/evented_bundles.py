"""Winners that events find, and bundles of the other keys: no score is computed but those of a few candidates."""

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.models.bundled import Bundled, Picker
from hdspike.models.bundles import Bundles
from hdspike.models.codebook import Codebook
from hdspike.models.evented import EventCounts, EventSearch
from hdspike.models.evented_lists import EventKeys
from hdspike.models.product import ProductBook
from hdspike.models.winners import _select, widened

__all__ = ["EventBundled"]


class EventBundled(EventCounts, Bundled):
    """An attention plug for a decoder: as :class:`hdspike.models.Bundled`, with the winners of :class:`EventKWTA`.

    A key that no event lifts is read through its bundle, as are all that do not win. All scores are computed here all
    the same: they tell the mass (``captured_mass``, ``estimated_mass``); of the others nothing is used.

    Args:
        winners, codebook, sinks, recent, counted_from, measure: as of :class:`hdspike.models.Bundled`.
        book, events, candidates: as of :class:`hdspike.models.evented.EventKWTA`.

    Attributes:
        rows, kept, cells, bundles, inserted: as of :class:`hdspike.models.Bundled`.
        synaptic_events, spikes, touched, rescored: as of :class:`hdspike.models.evented.EventKWTA`.

    >>> from hdspike.models.product import learn_product
    >>> rng = np.random.default_rng(0)
    >>> q, k, v = rng.normal(size=(3, 2, 50, 8)).astype(np.float32)
    >>> bundles = Codebook(np.array([[np.eye(8)] * 2], np.float32), k[None, :, :4])
    >>> plug = EventBundled(10, bundles, learn_product([k], blocks=4, lines=16, rng=1))
    >>> plug(q, k, v, layer=0, seen=np.arange(1, 51)).shape
    (2, 50, 8)
    >>> plug.kept / plug.rows <= 10, plug.synaptic_events_per_query_key <= 0.5
    (True, True)
    """

    def __init__(
        self,
        winners: int | str,
        codebook: Codebook,
        book: ProductBook,
        *,
        events: float = 0.5,
        candidates: int = 4,
        sinks: int = 0,
        recent: int = 0,
        counted_from: int = 0,
        measure: bool = True,
    ) -> None:
        self._allow(book, events)
        self.candidates = check.integer("candidates", candidates, low=1)
        super().__init__(
            winners, codebook, sinks=sinks, recent=recent, counted_from=counted_from, measure=measure
        )
        self._lists: dict[int, EventKeys] = {}

    def reset(self) -> None:
        """Counts from zero. What is held of the keys stays: whether it fits is seen from those of the next call."""
        super().reset()
        self.rescored = 0

    def _match(self, layer: int, keys: NDArray[np.float32], seen: NDArray[np.int64]) -> None:
        super()._match(layer, keys, seen)
        book = self.book
        if (book.layers, book.key_heads, book.dim) != (
            self.codebook.layers,
            self.codebook.key_heads,
            keys.shape[2],
        ):
            raise ValueError(
                "book must be of the codebook's (layers, key heads, numbers in a key)"
                f" = {(self.codebook.layers, self.codebook.key_heads, self.codebook.dim)},"
                f" it is of {(book.layers, book.key_heads, book.dim)}"
            )

    def _bundles(
        self, layer: int, keys: NDArray[np.float32], values: NDArray[np.float32], seen: int
    ) -> Bundles:
        """The bundles, with lists of the same keys and of those that are to enter."""
        held, lists = super()._bundles(layer, keys, values, seen), self._lists.pop(layer, None)
        if lists is None or not held.length or lists.length != held.length:
            lists = EventKeys(self.book, layer)
        self._lists[layer] = lists
        return held

    def _enter(self, layer: int, keys: NDArray[np.float32], last: int) -> None:
        lists = self._lists[layer]
        lists.insert(keys[:, lists.length : last])

    def _picker(
        self,
        layer: int,
        group: int,
        asked: NDArray[np.float32],
        seen: NDArray[np.int64],
        kept: NDArray[np.int64],
    ) -> Picker:
        """The best of the candidates that events have found."""
        held = self._lists[layer]
        search = EventSearch(held, group, asked, seen, int(seen.max()), events=self.events, mark=self.measure)
        many = widened(seen, kept, self.candidates, self.sinks, self.recent)
        places = np.zeros((len(seen), int(many.max())), dtype=np.int32)
        self._asked = search, places, many

        def pick(rows: slice, scores: NDArray[np.float32], winners: NDArray[np.int32]) -> None:
            some, most, wanted = places[rows], many[rows], kept[rows]
            near = search.near(rows.start, rows.stop)
            _select(near, seen[rows], most, self.sinks, self.recent, some)
            found = np.take_along_axis(scores, some, 1)
            found[np.arange(some.shape[1]) >= most[:, None]] = -np.inf
            chosen = np.zeros(winners.shape, dtype=np.int32)
            _select(found, most, wanted, self.sinks, self.recent, chosen)
            winners[:] = np.take_along_axis(some, chosen, 1)

        return pick

    def _count(
        self,
        seen: NDArray[np.int64],
        kept: NDArray[np.int64],
        used: NDArray[np.int64],
        masses: NDArray[np.float64],
    ) -> None:
        super()._count(seen, kept, used, masses)
        search, places, many = self._asked
        counted = seen > self.counted_from
        self.rescored += int(many[counted].sum())
        self._searched(search, places, many, counted)
