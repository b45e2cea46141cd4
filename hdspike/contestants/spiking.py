"""The Spiking HD-Transformer as a contestant: what it stores, and what a predicted character touches of it."""

import time
from typing import Any

from hdspike.contestants.contract import Learning, Reading, text, untaught
from hdspike.transformer import Settings, SpikingTransformer
from hdspike.transformer.memory import stored_bytes
from hdspike.workloads import language_counts, language_memory

__all__ = ["Spiking"]


class Spiking:
    """:class:`hdspike.transformer.SpikingTransformer` over ``alphabet``: symbol i is its i-th character.

    Streaming is what it does while it learns: each character is predicted, then learned. The counts of a reading are
    those of a chip of neurons (:func:`hdspike.workloads.language_counts.chip_counts`); ``raw`` holds the last ones by
    the model's own names.

    >>> model = Spiking("ab", Settings(lines=16, window=64, winners=4))
    >>> model.learn([0, 1] * 40, 2)
    >>> model.read([0, 1] * 8, streaming=False).bits_per_character < 0.2
    True
    """

    def __init__(self, alphabet: str, settings: Settings | None = None) -> None:
        self.name = "spiking hd-transformer"
        self.model = SpikingTransformer(alphabet, settings)
        config = self.model.settings
        shapes = (
            f"{head.kind[0]}{head.reach}@{head.layer}x{head.rows}x{head.fan_out}" for head in config.heads
        )
        self.settings: dict[str, int | float | str] = {"heads": " ".join(shapes)}
        for name, value in config.as_json().items():
            if name != "heads" and value is not None:
                self.settings[name] = value
        self.learning: Learning | None = None
        self.raw: dict[str, int] = {}
        self._active = 0.0

    def learn(self, tokens: Any, symbols: int) -> None:
        """One pass; what was learned before is forgotten.

        Raises:
            ValueError: ``symbols`` is not the size of the alphabet.
        """
        if symbols != len(self.model.symbols):
            raise ValueError(f"symbols must be the {len(self.model.symbols)} of the alphabet, got {symbols}")
        given = text("tokens", tokens, symbols)
        start = time.perf_counter()
        self.model = SpikingTransformer(self.model.symbols, self.model.settings)
        said = self.model.learn(given)
        self.learning = Learning(time.perf_counter() - start, self._counted(said.counts))

    def read(self, tokens: Any, *, streaming: bool) -> Reading:
        if self.learning is None:
            raise untaught(self.name)
        symbols = len(self.model.symbols)
        given = text("tokens", tokens, symbols)
        start = time.perf_counter()
        said = self.model.learn(given) if streaming else self.model.read(given)
        seconds = time.perf_counter() - start
        counts = self._counted(said.counts)
        self._active = language_counts.active_bytes(said.counts, self.model.settings, symbols)["total"]
        return Reading(said.bits, said.hits, seconds, counts)

    def on_processor(self) -> dict[str, int]:
        """The counters of the last run (learning or reading) as the processor that it ran on does it."""
        return language_counts.packed_counts(self.raw, self.model.settings, len(self.model.symbols))

    def stored_bytes(self) -> int:
        """All that it predicts with and learns on, as its file holds it: room for rows and keys to come is counted."""
        return stored_bytes(self.model.settings, len(self.model.symbols))

    def packed_bytes(self) -> int:
        """The same where only what is used is stored, in the fewest bytes that hold each number."""
        return language_memory.packed_bytes(self.model, learning=False)["total"]

    def active_bytes(self) -> float:
        """Bytes of the model that a character reads or writes: the mean of the last reading."""
        return self._active

    def _counted(self, counts: dict[str, int]) -> dict[str, int]:
        self.raw = counts
        return language_counts.chip_counts(counts, self.model.settings, len(self.model.symbols))
