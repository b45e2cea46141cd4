"""LZMA and bzip2 as language models: the bits that a text adds to what came before it.

For a chunk x after the text t: 8·(size(t x) − size(t)), spread evenly over the characters of x. So each chunk may use
all before it, as the compressor can: they learn while they read, and cannot be frozen. They rank no characters.
LZMA (Pavlov) is the raw stream without headers, preset 9 extreme, with 4 bits of literal context and no position bits,
as text wants it, and a window that holds all; bzip2 (Seward) is at level 9 and sees blocks of 900,000 bytes.
"""

import bz2
import lzma
import time
from typing import Any

import numpy as np

from hdspike import check
from hdspike.contestants.contract import Learning, Reading, text, untaught
from hdspike.contestants.octets import octets

__all__ = ["Bzip2", "Lzma", "frozen"]

LZMA = {"id": lzma.FILTER_LZMA1, "preset": 9 | lzma.PRESET_EXTREME, "lc": 4, "pb": 0}


def frozen(name: str) -> ValueError:
    """The error of a compressor that is asked not to learn while it reads."""
    return ValueError(f"streaming must be True: {name} learns while it reads, got False")


class _Compressor:
    def __init__(self, name: str, chunk: int) -> None:
        self.chunk = check.integer("chunk", chunk, low=1)
        self.name = name
        self.settings: dict[str, int | float | str] = {"chunk": self.chunk}
        self.learning: Learning | None = None
        self._symbols = 0
        self._seen = b""

    def _size(self, data: bytes) -> int:
        raise NotImplementedError

    def learn(self, tokens: Any, symbols: int) -> None:
        given = text("tokens", tokens, symbols)
        start = time.perf_counter()
        self._symbols, self._seen = symbols, octets(given, symbols)
        self._size(self._seen)
        self.learning = Learning(time.perf_counter() - start, {})

    def read(self, tokens: Any, *, streaming: bool) -> Reading:
        """``seconds`` are this text's share of compressing everything once, not of the differences taken.

        What the library computes is not counted: ``counts`` is empty.
        """
        if self.learning is None:
            raise untaught(self.name)
        if not streaming:
            raise frozen(self.name)
        given = text("tokens", tokens, self._symbols)
        bits, start = np.empty(len(given)), 0.0
        size = self._size(self._seen)
        for low in range(0, len(given), self.chunk):
            part = given[low : low + self.chunk]
            self._seen += octets(part, self._symbols)
            start = time.perf_counter()
            larger = self._size(self._seen)
            bits[low : low + self.chunk] = 8 * (larger - size) / len(part)
            size = larger
        added = len(octets(given, self._symbols))
        seconds = (time.perf_counter() - start) * added / len(self._seen)
        return Reading(bits, None, seconds, {}, chunk=self.chunk)

    def stored_bytes(self) -> int:
        """The text seen, one byte a character: the window that matches are found in, without tables to find them."""
        return len(self._seen)

    def active_bytes(self) -> None:
        """Not known."""
        return None


class Lzma(_Compressor):
    """LZMA, by differences of ``chunk`` characters."""

    def __init__(self, *, chunk: int = 1000) -> None:
        super().__init__("lzma", chunk)

    def _size(self, data: bytes) -> int:
        window = max(
            len(data), 1 << 16
        )  # the preset's 64 MiB take longer to lay out than a short text to compress
        return len(lzma.compress(data, format=lzma.FORMAT_RAW, filters=[{**LZMA, "dict_size": window}]))


class Bzip2(_Compressor):
    """bzip2, by differences of ``chunk`` characters."""

    def __init__(self, *, chunk: int = 1000) -> None:
        super().__init__("bzip2", chunk)

    def _size(self, data: bytes) -> int:
        return len(bz2.compress(data, 9))
