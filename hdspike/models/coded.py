"""k-winner-take-all by dense binary codes: the keys nearest in Hamming distance win, with or without their scores.

A packed search compares every key, 64 bits a word: ``touched_fraction`` is 1, and what it saves is arithmetic, ⌈D/64⌉
exclusive-ors and popcounts in place of d multiply-adds for each pair of a query and a key.
"""

import numpy as np
from numpy.typing import NDArray

from hdspike.bits import Words
from hdspike.bits.distance import _hamming
from hdspike.models.candidates import WEIGHTS, CandidateKWTA
from hdspike.models.signs import SignCode, SignedKeys

__all__ = ["WEIGHTS", "CodedKWTA"]


class _Distances:
    """Hamming distances of the codes of one key head from those of a block of queries."""

    def __init__(self, asked: Words, codes: Words, dim: int, lengths: NDArray[np.float64], span: int) -> None:
        self.asked, self.codes, self.dim, self.lengths, self.span = asked, codes, dim, lengths, span

    def near(self, low: int, high: int) -> NDArray[np.float32]:
        distances = np.empty((high - low, len(self.codes)), dtype=np.int32)
        _hamming(self.asked[low:high], self.codes, distances)
        return -distances.astype(np.float32)

    def estimates(self, near: NDArray[np.floating], low: int, high: int) -> NDArray[np.float64]:
        return np.cos(np.pi / self.dim * near.astype(np.float64)) * self.lengths[low:high, None]


class CodedKWTA(CandidateKWTA):
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

    @property
    def word_xors(self) -> int:
        """64-bit words XORed for the cells counted: ⌈D/64⌉ for each."""
        return self.cells * self.code.words

    popcounts = word_xors

    def _empty(self, layer: int, heads: int, features: int) -> SignedKeys:
        return self.code.keys(layer, heads, features)

    def _search(
        self,
        held: SignedKeys,
        group: int,
        queries: NDArray[np.float32],
        limit: NDArray[np.int64],
        last: int,
    ) -> _Distances:
        block = queries.reshape(len(limit), -1)
        scaled = block * np.float32(block.shape[1] ** -0.5)
        lengths = np.linalg.norm(scaled, axis=1) * held.mean_norms[group, limit - 1]
        asked, span = self.code.queries(block), self.code.space.span
        return _Distances(asked, held.words[group, :last], self.code.dim, lengths, span)
