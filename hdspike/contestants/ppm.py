"""Prediction by partial matching: PPMd (Shkarin 2002, variants H and I) of the optional package ``pyppmd``.

The encoder is fed the text piece by piece; what it has written after a chunk, less what it had before, are the bits
of that chunk, spread evenly over its characters (a byte or two waits in the range coder at both ends). It learns
while it reads and cannot be frozen, and it ranks no characters. ``pyppmd`` is LGPL: an optional extra, never needed.
"""

import time
from importlib import import_module
from typing import Any

import numpy as np

from hdspike import check
from hdspike.contestants.compressors import frozen
from hdspike.contestants.contract import Learning, Reading, text, untaught
from hdspike.contestants.octets import octets

__all__ = ["Ppm"]

MIB = 1 << 20
PIECE = 1 << 16  # what the model's memory is measured in


class Ppm:
    """PPMd of ``order`` characters: variant "H" (7-zip's) or "I" (ZIP's), with room for ``memory_mib`` MiB.

    Raises:
        ImportError: ``pyppmd`` is not installed.
    """

    def __init__(
        self, order: int = 8, *, variant: str = "I", memory_mib: int = 256, chunk: int = 1000
    ) -> None:
        self.order = check.integer("order", order, low=2, high=64)
        self.variant = check.one_of("variant", variant, ("H", "I"))
        self.memory = check.integer("memory_mib", memory_mib, low=1, high=2048) * MIB
        self.chunk = check.integer("chunk", chunk, low=1)
        self.name = "ppmd"
        self.settings: dict[str, int | float | str] = {
            "order": self.order, "variant": variant, "memory_mib": memory_mib, "chunk": self.chunk,
        }  # fmt: skip
        self.learning: Learning | None = None
        self._symbols = 0
        self._encoder = self._fresh(self.memory)
        self._seen, self._written = b"", 0

    def _fresh(self, memory: int) -> Any:
        try:
            library = import_module("pyppmd")
        except ImportError as error:
            raise ImportError("PPMd needs pyppmd: pip install 'hdspike[bench]'") from error
        encoder = library.Ppmd7Encoder if self.variant == "H" else library.Ppmd8Encoder
        return encoder(self.order, memory)

    def learn(self, tokens: Any, symbols: int) -> None:
        given = text("tokens", tokens, symbols)
        start = time.perf_counter()
        self._symbols, self._seen = symbols, octets(given, symbols)
        self._encoder = self._fresh(self.memory)
        self._written = len(self._encoder.encode(self._seen))
        self.learning = Learning(time.perf_counter() - start, {})

    def read(self, tokens: Any, *, streaming: bool) -> Reading:
        """What the library computes is not counted: ``counts`` is empty."""
        if self.learning is None:
            raise untaught(self.name)
        if not streaming:
            raise frozen(self.name)
        given = text("tokens", tokens, self._symbols)
        start = time.perf_counter()
        bits, pieces = np.empty(len(given)), [self._seen]
        for low in range(0, len(given), self.chunk):
            part = given[low : low + self.chunk]
            pieces.append(octets(part, self._symbols))
            wrote = len(self._encoder.encode(pieces[-1]))
            self._written += wrote
            bits[low : low + self.chunk] = 8 * wrote / len(part)
        self._seen = b"".join(pieces)
        return Reading(bits, None, time.perf_counter() - start, {}, chunk=self.chunk)

    def stored_bytes(self) -> int:
        """The memory that the model filled: the least, in pieces of 64 KiB, with which it writes the same bytes.

        With less the model is full before the end of the text, and starts anew. Found by bisection: each step
        compresses the whole text again.
        """
        if self.learning is None:
            raise untaught(self.name)
        wanted = self._output(self.memory)
        low, high = 0, self.memory // PIECE
        while high - low > 1:
            middle = (low + high) // 2
            if self._output(middle * PIECE) == wanted:
                high = middle
            else:
                low = middle
        return high * PIECE

    def active_bytes(self) -> None:
        """Not known: the library does not count."""
        return None

    def _output(self, memory: int) -> bytes:
        encoder = self._fresh(memory)
        return bytes(encoder.encode(self._seen) + encoder.flush())
