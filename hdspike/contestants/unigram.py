"""The unigram: p(v) = (n(v) + 1) ÷ (n + V), one count for each symbol and no context."""

import time
from typing import Any

import numpy as np

from hdspike.contestants.contract import Learning, Reading, text, untaught

__all__ = ["Unigram"]


class Unigram:
    """Symbol frequencies with one added to every count (Laplace).

    >>> model = Unigram()
    >>> model.learn([0, 0, 1], 2)
    >>> [round(float(b), 4) for b in model.read([0, 0], streaming=True).bits]
    [0.737, 0.585]
    """

    def __init__(self) -> None:
        self.name = "unigram"
        self.settings: dict[str, int | float | str] = {}
        self.learning: Learning | None = None
        self._counts = np.zeros(0, dtype=np.int64)

    def learn(self, tokens: Any, symbols: int) -> None:
        given = text("tokens", tokens, symbols)
        start = time.perf_counter()
        self._counts = np.bincount(given, minlength=symbols)
        size = len(given)
        counts = {"adds_int32": size, "sram_bits": 32 * size, "sram_bits_written": 32 * size}
        self.learning = Learning(time.perf_counter() - start, counts)

    def read(self, tokens: Any, *, streaming: bool) -> Reading:
        if self.learning is None:
            raise untaught(self.name)
        symbols = len(self._counts)
        given = text("tokens", tokens, symbols)
        start = time.perf_counter()
        size, seen = len(given), self._counts + 1
        if streaming:
            own, best = np.empty(size), np.empty(size, dtype=np.int64)
            for t, symbol in enumerate(given):
                own[t], best[t] = seen[symbol], seen.argmax()
                seen[symbol] += 1
            probability = own / (self._counts.sum() + symbols + np.arange(size))
            self._counts = seen - 1
        else:
            probability, best = (seen / seen.sum())[given], np.full(size, seen.argmax())
        changed = size if streaming else 0
        counts = {
            "macs_fp32": symbols * size,  # each probability is a count over a total
            "adds_int32": 2 * changed,
            "sram_bits": 32 * (symbols + 1) * size,
            "sram_bits_written": 64 * changed,
        }
        return Reading(-np.log2(probability), best == given, time.perf_counter() - start, counts)

    def stored_bytes(self) -> int:
        """A 32-bit count for each symbol."""
        return 4 * len(self._counts)

    def active_bytes(self) -> float:
        """All counts and their sum."""
        return 4.0 * (len(self._counts) + 1)
