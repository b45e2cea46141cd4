"""The contest: many contestants learn the same text and read the same other one; a finished point is kept.

A point is one contestant under one setting: plain numbers, with the bits of each block of 1,000 characters, so that
any two points are compared block by block. It is kept by all that it depends on: contestant, settings, text and split.
"""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.contestants.contract import Contestant, Reading
from hdspike.contestants.interval import BLOCK, accuracy, bits, resampled
from hdspike.contestants.kept import Kept

__all__ = ["VERSION", "Contest", "Entry", "difference", "summary"]

VERSION = 1
"""Of what is kept of a point, and of what contestants do: raised when their numbers change."""


@dataclass(frozen=True)
class Entry:
    """A contestant to be made: its family (a colour and a name in figures) and whether it can read both ways."""

    family: str
    make: Callable[[], Contestant]
    frozen: bool = True
    streaming: bool = True


class Contest:
    """Entries that learn the first ``learned`` tokens of a text and are judged on the rest.

    Args:
        tokens: the text ``(n,)``; symbols: how many there are.
        kept: where finished points are kept.
    """

    def __init__(self, tokens: NDArray[np.int64], symbols: int, learned: int, kept: Kept) -> None:
        self.tokens = check.array("tokens", tokens, np.int64, ndim=1)
        self.symbols = check.integer("symbols", symbols, low=1)
        self.learned = check.integer("learned", learned, low=1, high=len(self.tokens) - 1)
        self.kept = kept
        self._digest = sha256(self.tokens.tobytes() + f"{symbols} {learned}".encode()).hexdigest()

    def run(self, entries: Iterable[Entry]) -> list[dict[str, Any]]:
        """The points of all entries, in their order; those that need a package that is absent are left out."""
        points = []
        for entry in entries:
            try:
                points.append(self.point(entry))
            except ImportError as error:
                self.kept.say(f"{entry.family}: left out: {error}")
        return points

    def point(self, entry: Entry) -> dict[str, Any]:
        """One point: as it was kept, or worked off."""
        contestant = entry.make()

        def make() -> dict[str, Any]:
            begun = time.perf_counter()
            point = self._work(entry, contestant)
            best = min(way["bits"] for way in point["read"].values())
            seconds = time.perf_counter() - begun
            self.kept.say(f"{entry.family} {contestant.settings}: {best:.3f} bits, {seconds:.0f} s")
            return point

        key = {"family": entry.family, "name": contestant.name, "settings": contestant.settings}
        return self.kept({**key, "text": self._digest}, make)

    def _work(self, entry: Entry, contestant: Contestant) -> dict[str, Any]:
        contestant.learn(self.tokens[: self.learned], self.symbols)
        assert contestant.learning is not None
        point: dict[str, Any] = {
            "family": entry.family,
            "name": contestant.name,
            "settings": contestant.settings,
            "learn_seconds": contestant.learning.seconds,
            "learn_counts": _work_of(contestant, contestant.learning.counts),
            "stored_bytes": contestant.stored_bytes(),
            "read": {},
        }
        packed = getattr(contestant, "packed_bytes", None)
        if packed is not None:
            point["packed_bytes"] = packed()
        for way, wanted in (("frozen", entry.frozen), ("streaming", entry.streaming)):
            if wanted:
                reading = contestant.read(self.tokens[self.learned :], streaming=way == "streaming")
                work = _work_of(contestant, reading.counts)
                each = {name: count / len(reading.bits) for name, count in work.items()}
                point["read"][way] = summary(reading) | {
                    "counts": each,
                    "active_bytes": contestant.active_bytes(),
                }
        return point


def _work_of(contestant: Contestant, counts: dict[str, int]) -> dict[str, int]:
    """What its last run was for a processor, so that all are priced alike: a spiking model counts spikes by itself."""
    own = getattr(contestant, "on_processor", None)
    return counts if own is None else dict(own())


def summary(reading: Reading) -> dict[str, Any]:
    """The plain numbers of a reading; ``blocks``: place, sum of bits and characters of each block of 1,000."""
    said = bits(reading)
    places = np.arange(len(reading.bits)) if reading.positions is None else reading.positions
    number, of = np.unique(places // BLOCK, return_inverse=True)
    right = None if reading.hits is None else accuracy(reading)
    return {
        "bits": said.value,
        "low": said.low,
        "high": said.high,
        "accuracy": None if right is None else right.value,
        "accuracy_low": None if right is None else right.low,
        "accuracy_high": None if right is None else right.high,
        "characters": len(reading.bits),
        "sampled": reading.positions is not None,
        "microseconds": reading.microseconds,
        "counts": {name: count / len(reading.bits) for name, count in reading.counts.items()},
        "blocks": [
            [int(n), float(s), int(c)]
            for n, s, c in zip(number, np.bincount(of, reading.bits), np.bincount(of), strict=True)
        ],
    }


def difference(one: dict[str, Any], other: dict[str, Any], *, rng: check.Rng = 0) -> dict[str, Any]:
    """Bits per character of one reading's summary less the other's with 95 %, on the blocks of both (``paired``).

    Where one is a sample of the text, its block means stand for the blocks. Where one has no blocks, the intervals of
    both are added as independent errors: wider, and said.
    """
    mine, theirs = ({n: (s / c, c) for n, s, c in reading["blocks"]} for reading in (one, other))
    shared = sorted(set(mine) & set(theirs))
    if not shared:
        ends = [reading[end] for reading in (one, other) for end in ("low", "high")]
        value = one["bits"] - other["bits"]
        if None in ends:
            return {"value": value, "low": None, "high": None, "paired": False}
        half = math.hypot((ends[1] - ends[0]) / 2, (ends[3] - ends[2]) / 2)
        return {"value": value, "low": value - half, "high": value + half, "paired": False}
    size = np.array([min(mine[n][1], theirs[n][1]) for n in shared], dtype=np.float64)
    gap = np.array([mine[n][0] - theirs[n][0] for n in shared])
    value = float((gap * size).sum() / size.sum())
    low, high = resampled(gap * size, size, rng=rng)
    return {"value": value, "low": low, "high": high, "paired": True}
