"""A model of spikes that learned one text and read another: bits per character both ways, and what it counted."""

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.contestants.contest import summary
from hdspike.contestants.contract import Reading
from hdspike.contestants.kept import Kept
from hdspike.contestants.spiking import Spiking
from hdspike.datasets import builtin_text
from hdspike.transformer import Settings
from hdspike.transformer.votes import UNIT

__all__ = ["Split", "builtin", "judged", "models", "point", "small", "split"]

VERSION = 1
"""Of what a model of the same settings does; raised when its numbers change."""


@dataclass(frozen=True)
class Split:
    """A text of ``alphabet``, cut in two: what is learned, and what is then read."""

    name: str
    alphabet: str
    learned: NDArray[np.int64]
    read: NDArray[np.int64]

    @property
    def digest(self) -> str:
        """Of all of it."""
        data = self.learned.tobytes() + b"|" + self.read.tobytes() + self.alphabet.encode()
        return sha256(data).hexdigest()


def models(quick: bool) -> Kept:
    """Where models that have learned and read are kept, for all questions alike; nowhere when it must be quick."""
    return Kept(None) if quick else Kept.here("language", VERSION)


def split(name: str, alphabet: str, tokens: Any, *, share: float = 0.9) -> Split:
    """The beginning of ``tokens`` is learned, the rest is read."""
    given = check.array("tokens", tokens, np.int64, ndim=1)
    cut = int(share * len(given))
    if not 0 < cut < len(given):
        raise ValueError(f"tokens must have something to learn and to read, got {len(given)} cut at {cut}")
    return Split(name, alphabet, given[:cut], given[cut:])


def builtin(characters: int | None = None) -> Split:
    """The documentation topics of CPython, or their beginning: nine tenths are learned."""
    text = builtin_text()
    return split("built-in text", text.symbols, text.tokens[:characters])


def small(settings: Settings) -> Settings:
    """A model for a text of some ten thousand characters: an eighth of the window, of the lines and of the rows."""
    heads = tuple(replace(head, rows=-(-head.rows // 8)) for head in settings.heads)
    window = -(-settings.window // 8)
    delay = None if settings.delay is None else min(settings.delay, window)
    return replace(settings, lines=max(settings.lines // 8, 128), window=window, heads=heads, delay=delay)


def judged(reading: Reading, raw: dict[str, int]) -> dict[str, Any]:
    """The summary of a reading, with the model's own counts per character."""
    said = summary(reading)
    return said | {"counts": {name: count / len(reading.bits) for name, count in raw.items()}}


def point(kept: Kept, text: Split, settings: Settings, *, sharpened: bool = True) -> dict[str, Any]:
    """One model: learned in one pass, read frozen, then streaming.

    ``sharpened``: the temperature of frozen reading is fitted on the text learned; otherwise it is 1.
    """

    def make() -> dict[str, Any]:
        model = Spiking(text.alphabet, settings)
        model.learn(text.learned, len(text.alphabet))
        assert model.learning is not None
        said: dict[str, Any] = {
            "dim": settings.dim,
            "learn_seconds": model.learning.seconds,
            "learn_counts": {name: count / len(text.learned) for name, count in model.raw.items()},
            "sharp": model.model.sharp / UNIT,
        }
        if not sharpened:
            model.model.sharp = UNIT
        for way in ("frozen", "streaming"):
            reading = model.read(text.read, streaming=way == "streaming")
            said[way] = judged(reading, model.raw)
        kept.say(
            f"{text.name}, {len(text.learned):,} characters: {said['frozen']['bits']:.4f} bits frozen, "
            f"{said['streaming']['bits']:.4f} streaming"
        )
        return said

    key = {"text": text.digest, "settings": settings.as_json(), "sharpened": sharpened}
    return kept(key, make)
