"""Attention over a context that only grows: a key is searchable as it arrives, and most keys are never touched.

One token after the other puts its key on the strongest of L lines and asks. A query makes its strongest lines spike
until they hold a share of all keys; among these, the nearest by a weighted Hamming distance of dense codes are scored
exactly, the k best win, and softmax over them weighs their values. What is not yet inserted cannot be seen: it is
causal by construction.

Memory is that of the keys and values, and of 8·D/64 + 4 bytes a key for its code; it does not depend on how often is
asked. Time per query: L·d multiply-adds to rank the lines, four popcounts for each touched word, d for each candidate.
"""

import math
from collections import deque
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.jit import spread
from hdspike.models.attention import finite
from hdspike.models.stream_code import StreamCode
from hdspike.models.stream_keys import BLOCK, HeadKeys
from hdspike.models.stream_search import TALLY, _attend

__all__ = ["Found", "KeyStream"]


class Found(NamedTuple):
    """What queries ``(H, n, d)`` read.

    Attributes:
        outputs: ``(H, n, dv)``. places: ``(H, n, most)`` int32, the winners, in no order, of which only the leftmost
            ``kept`` ``(H, n)`` are set. log_sums: ``(H, n)``, ln Σ_w exp(s_w) over the winners.
    """

    outputs: NDArray[np.float32]
    places: NDArray[np.int32]
    kept: NDArray[np.int64]
    log_sums: NDArray[np.float64]


class KeyStream:
    """A stream of keys and values of G heads, and k-winner-take-all attention over all that it holds.

    Args:
        code: what was learned of such keys, by :func:`hdspike.models.stream_code.learn_stream`.
        winners: a count, or a share such as "1%" of the keys held.
        share: of the keys held, how many the spiking lines hold at least; above 0, at most 1.
        candidates: keys scored exactly for each winner, about; at least 1.
        value_dim: numbers in a value, the same as in a key unless given.
        capacity: keys that room is made for at once; more are taken in as they come.

    Attributes:
        length: keys held of each head.
        rows: queries asked. tally: lines that spiked, keys touched, keys scored exactly and winners, of all of them.

    Equal scores: the key found earlier wins. Threads share the queries out: the answer does not depend on them.

    >>> from hdspike.models.stream_code import learn_stream
    >>> rng = np.random.default_rng(0)
    >>> keys, values = rng.normal(size=(2, 1, 500, 8)).astype(np.float32)
    >>> queries = rng.normal(size=(3, 4, 8)).astype(np.float32)
    >>> stream = KeyStream(learn_stream(keys, queries, lines=16, rng=0), winners=5)
    >>> stream.insert(keys, values)
    >>> stream.attend(queries).shape, stream.length
    ((3, 4, 8), 500)
    >>> stream.tally["kept"], stream.touched_fraction < 0.5
    (60, True)
    """

    def __init__(
        self,
        code: StreamCode,
        *,
        winners: int | str = "1%",
        share: float = 0.3,
        candidates: float = 2.0,
        value_dim: int | None = None,
        capacity: int = 1024,
    ) -> None:
        if not isinstance(code, StreamCode):
            raise TypeError(f"code must be a StreamCode, got {type(code).__name__}")
        self.code = code
        if isinstance(winners, str):
            check.parse_winners(winners, 1 << 40)
            self.winners: int | str = winners
        else:
            self.winners = check.integer("winners", winners, low=1)
        self.share, self.candidates = float(share), float(candidates)
        if not 0 < self.share <= 1:
            raise ValueError(f"share must be above 0 and at most 1, got {share}")
        if not (math.isfinite(self.candidates) and self.candidates >= 1):
            raise ValueError(f"candidates must be a finite number of at least 1, got {candidates}")
        width = code.dim if value_dim is None else check.integer("value_dim", value_dim, low=1)
        self._heads = [HeadKeys(code, group, width, capacity=capacity) for group in range(code.groups)]
        self._width = width
        self._free: deque[tuple[NDArray[Any], ...]] = deque()
        self.reset()

    def reset(self) -> None:
        """Counts from zero; what is held stays."""
        self.rows = self._pairs = 0
        self.tally = dict.fromkeys(TALLY, 0)

    @property
    def length(self) -> int:
        return self._heads[0].length

    @property
    def bytes(self) -> int:
        """Bytes of memory of keys, values and codes, room to grow among them, and of the code book."""
        return sum(head.bytes for head in self._heads) + self.code.bytes

    @property
    def touched_fraction(self) -> float:
        """Keys that got a synaptic event ÷ pairs of a query and a key that it saw."""
        return self.tally["touched"] / self._pairs if self._pairs else math.nan

    def count(self) -> int:
        """Winners among the keys held now."""
        if isinstance(self.winners, str):
            return check.parse_winners(self.winners, self.length)
        return min(self.winners, self.length)

    def insert(self, keys: Any, values: Any) -> None:
        """Take in ``(G, n, d)`` keys and ``(G, n, dv)`` values, float32: each query from now on sees them.

        Raises:
            TypeError, ValueError: other shapes or types, or keys that are not finite; nothing is taken in then.
        """
        keys = check.array("keys", keys, np.float32, ndim=3)
        values = check.array("values", values, np.float32, ndim=3)
        groups, count, _ = keys.shape
        if keys.shape != (self.code.groups, count, self.code.dim):
            raise ValueError(
                f"keys must have shape ({self.code.groups}, n, {self.code.dim}), got {keys.shape}"
            )
        if values.shape != (groups, count, self._width):
            raise ValueError(f"values must have shape {(groups, count, self._width)}, got {values.shape}")
        for name, given in (("keys", keys), ("values", values)):
            if not np.isfinite(given).all():
                raise ValueError(f"{name} must be finite numbers")
        for head, k, v in zip(self._heads, keys, values, strict=True):
            head.insert(k, v)

    def attend(self, queries: Any) -> NDArray[np.float32]:
        """``(H, n, dv)``: what queries ``(H, n, d)`` read out of all keys held; head h reads key head h·G/H."""
        return self.search(queries).outputs

    def search(self, queries: Any) -> Found:
        """The same, and which keys won.

        Raises:
            TypeError, ValueError: other shapes or types, numbers or scores that are not finite, or no key to read.
        """
        queries = check.array("queries", queries, np.float32, ndim=3)
        heads, count, dim = queries.shape
        groups = self.code.groups
        if not heads or heads % groups or dim != self.code.dim:
            raise ValueError(
                f"queries must have shape (H, n, {self.code.dim}), H a multiple of {groups}, got {queries.shape}"
            )
        if not np.isfinite(queries).all():
            raise ValueError("queries must be finite numbers")
        if not self.length:
            raise ValueError("keys must be inserted before a query asks for them, got none")
        winners = self.count()
        candidates = min(self.length, math.ceil(self.candidates * winners))
        wanted = max(candidates, math.ceil(self.share * self.length))
        rows = queries.reshape(-1, dim)
        out = np.empty((len(rows), self._width), dtype=np.float32)
        picked = np.empty((len(rows), winners), dtype=np.int32)
        kept, logs = np.empty(len(rows), dtype=np.int64), np.empty(len(rows))
        tally = np.empty((len(rows), len(TALLY)), dtype=np.int64)

        def work(low: int, high: int) -> None:
            scratch = self._scratch()
            each = len(rows) // groups
            for group in range(groups):
                first, last = max(low, group * each), min(high, (group + 1) * each)
                if first < last:
                    head = self._heads[group]
                    _attend(
                        rows, first, last, self.code.query_turns[group], head.lines, head.steps, head.bits, head.sizes,
                        head.heads, head.before, head.words, head.places, head.keys, head.values, head.length,
                        winners, candidates, wanted, *scratch, out, picked, kept, logs, tally,
                    )  # fmt: skip
            self._free.append(scratch)

        spread(work, len(rows))
        finite(logs)
        self.rows += len(rows)
        self._pairs += len(rows) * self.length
        for name, total in zip(TALLY, tally.sum(axis=0).tolist(), strict=True):
            self.tally[name] += total
        shape = (heads, count)
        return Found(
            out.reshape(*shape, -1), picked.reshape(*shape, -1), kept.reshape(shape), logs.reshape(shape)
        )

    def _scratch(self) -> tuple[NDArray[Any], ...]:
        """Room for one thread: blocks, distances, the keys found, their scores, and scores to select among."""
        room = max(head.blocks for head in self._heads)
        try:
            held = self._free.pop()
        except IndexError:
            held = ()
        if held and len(held[0]) >= room:
            return held
        room += room // 4
        size = room * BLOCK
        return (
            np.empty(room, dtype=np.int64), np.empty(size, dtype=np.uint16), np.empty(size, dtype=np.int32),
            np.empty(size, dtype=np.float32), np.empty(size, dtype=np.float32),
        )  # fmt: skip
