"""The Spiking HD-Transformer in dense binary codes, as a contestant."""

import time
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from hdspike import check
from hdspike.contestants.contract import Learning, Reading, text, untaught
from hdspike.transformer.holographic import DenseSettings, HolographicTransformer

__all__ = ["Holographic"]

WORD, VALUE, WEIGHT, NUMBER = 8, 2, 4, 4
"""Bytes of a word, of a key's symbol, of a vote, of the number of a vote."""
USED = ("occurred", "prior", "window", "exponentials", "layers")
"""The votes that it predicts with."""
NAMES = {"window_touched": "touched", "window_fired": "fired", "vote_events": "synaptic_events"}
SAME = ("encoder_xors", "word_xors", "popcounts", "weight_updates")


class Holographic:
    """A :class:`hdspike.transformer.holographic.HolographicTransformer` over the symbols of ``alphabet``.

    Args:
        alphabet: the characters that tokens stand for, in their order; the words heads need to know letters.
        settings: what the model is made of; its ``every`` is the sample that votes are learned from.
        sample: only every n-th character of a text that is read is predicted.
    """

    def __init__(self, alphabet: str, settings: DenseSettings | None = None, *, sample: int = 1) -> None:
        self._config = settings if settings is not None else DenseSettings()
        self._every = check.integer("sample", sample, low=1)
        self._alphabet = alphabet
        self.model = HolographicTransformer(alphabet, replace(self._config, window=1))  # checks the alphabet
        self.name = "dense spiking hd-transformer"
        config = asdict(self._config)
        heads = " ".join(f"{head.kind[0]}{head.reach}@{head.layer}" for head in self._config.heads)
        more = {"heads": heads, "tolerance": self._config.allowed, "dim": self._config.dim, "sample": sample}
        self.settings: dict[str, int | float | str] = config | more
        self.learning: Learning | None = None
        self._active = 0.0

    def learn(self, tokens: Any, symbols: int) -> None:
        if symbols != len(self._alphabet):
            raise ValueError(f"symbols must be those of the alphabet, {len(self._alphabet)}, got {symbols}")
        given = text("tokens", tokens, symbols)
        start = time.perf_counter()
        self.model = HolographicTransformer(self._alphabet, self._config)
        said = self.model.learn(given)
        self.learning = Learning(time.perf_counter() - start, _counts(said.counts))

    def read(self, tokens: Any, *, streaming: bool) -> Reading:
        """Streaming, the keys of all characters are added; votes are learned where they are predicted."""
        if self.learning is None:
            raise untaught(self.name)
        given = text("tokens", tokens, len(self._alphabet))
        start = time.perf_counter()
        model = self.model
        places = np.flatnonzero((model.read_so_far + np.arange(len(given))) % self._every == 0)
        if not places.size:
            raise ValueError(
                f"tokens must reach the next character of the sample, one of {self._every}, got {len(given)}"
            )
        model.settings = replace(self._config, every=self._every)
        try:
            said = model.learn(given) if streaming else model.read(given)
        finally:
            model.settings = self._config
        counts = _counts(said.counts)
        fired, votes = VALUE * counts["fired"], WEIGHT * counts["synaptic_events"]
        self._active = (WORD * counts["word_xors"] + fired + votes) / len(said.bits)
        seconds = time.perf_counter() - start
        return Reading(said.bits, said.hits, seconds, counts, None if self._every == 1 else places)

    def stored_bytes(self) -> int:
        """All arrays that it predicts with, as they lie in memory: room for keys to come is counted."""
        votes = sum(getattr(self.model.votes, name).nbytes for name in USED)
        return votes + sum(array.nbytes for state in (self.model.codes, self.model.window) for array in state)

    def packed_bytes(self) -> int:
        """The same where only what is used is stored: keys that were read, votes that were ever moved."""
        model, votes = self.model, self.model.votes
        held = min(self._config.window, model.read_so_far)
        symbol = 1 if len(self._alphabet) <= 256 else VALUE
        moved = sum(int((uses > 0).sum()) for uses in (votes.prior_uses, votes.window_uses))
        every = WEIGHT * (votes.prior.size + votes.window.size)
        return (
            held * (self._config.dim // 8 + symbol)
            + sum(array.nbytes for array in model.codes)
            + min(moved * (NUMBER + WEIGHT), every)
            + sum(getattr(votes, name).nbytes for name in ("occurred", "exponentials", "layers"))
        )

    def active_bytes(self) -> float:
        """Bytes of the model that a character reads: words compared, symbols of keys that fired, votes.

        Every query reads the keys for itself, as it must when it writes; the reuse in reading a text is not taken off.
        """
        return self._active


def _counts(counts: dict[str, int]) -> dict[str, int]:
    """In the words of the vocabulary; ``dram_bits`` as :meth:`Holographic.active_bytes` says, without the votes."""
    found = {NAMES[name]: counts[name] for name in NAMES} | {name: counts[name] for name in SAME}
    return found | {"dram_bits": 8 * (WORD * found["word_xors"] + VALUE * found["fired"])}
