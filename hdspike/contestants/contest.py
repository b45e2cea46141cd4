"""The contest: many contestants learn the same text and read the same other one; a finished point is kept.

A point is one contestant under one setting: plain numbers, with the bits of each block of 1,000 characters, so that
any two points are compared block by block. It is written whole or not at all, under a name made of all that it depends
on: contestant, settings, text and split. A contest that was stopped goes on where it was.
"""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from hdspike import check
from hdspike.contestants.contract import Contestant, Reading
from hdspike.contestants.interval import BLOCK, accuracy, bits
from hdspike.files import write_text

__all__ = ["Contest", "Entry", "cache", "difference"]

VERSION = 1
"""Of what is kept of a point, and of what contestants do: raised when their numbers change."""
DRAWS = 2000


def cache() -> Path:
    """Where points are kept: in the user's cache folder."""
    return platformdirs.user_cache_path("hdspike") / "contest"


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
        folder: where finished points are kept; None: nowhere.
        say: called with a line for each point.
    """

    def __init__(
        self,
        tokens: NDArray[np.int64],
        symbols: int,
        learned: int,
        *,
        folder: Path | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.tokens = check.array("tokens", tokens, np.int64, ndim=1)
        self.symbols = check.integer("symbols", symbols, low=1)
        self.learned = check.integer("learned", learned, low=1, high=len(self.tokens) - 1)
        self.folder, self.say = folder, say
        self._digest = sha256(self.tokens.tobytes() + f"{symbols} {learned}".encode()).hexdigest()

    def run(self, entries: Iterable[Entry]) -> list[dict[str, Any]]:
        """The points of all entries, in their order; those that need a package that is absent are left out."""
        points = []
        for entry in entries:
            try:
                points.append(self.point(entry))
            except ImportError as error:
                self.say(f"{entry.family}: left out: {error}")
        return points

    def point(self, entry: Entry) -> dict[str, Any]:
        """One point: read from the folder, or worked off."""
        contestant = entry.make()
        key = {
            "version": VERSION,
            "family": entry.family,
            "settings": contestant.settings,
            "text": self._digest,
        }
        name = sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()[:24]
        file = (
            None if self.folder is None else self.folder / f"{contestant.name.replace(' ', '-')}-{name}.json"
        )
        if file is not None and file.exists():
            try:
                kept: dict[str, Any] = json.loads(file.read_text())
                if kept["key"] == json.loads(json.dumps(key, default=str)):
                    return dict(kept["point"])
            except (ValueError, KeyError, TypeError):
                self.say(f"{file} is damaged; it is worked off again")
        begun = time.perf_counter()
        point = self._work(entry, contestant)
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_text(file, json.dumps({"key": key, "point": point}, default=str))
        best = min(way["bits"] for way in point["read"].values())
        self.say(
            f"{entry.family} {contestant.settings}: {best:.3f} bits, {time.perf_counter() - begun:.0f} s"
        )
        return point

    def put(self, point: dict[str, Any]) -> None:
        """Keep a point that was made elsewhere (by a benchmark that needs packages which a sim does not ask for)."""
        if self.folder is None:
            raise ValueError("folder must be a folder where points are kept, this contest has none")
        name = sha256(json.dumps([point["name"], point["settings"]], sort_keys=True).encode()).hexdigest()[
            :24
        ]
        self.folder.mkdir(parents=True, exist_ok=True)
        write_text(self.folder / f"given-{name}.json", json.dumps({"text": self._digest, "point": point}))

    def given(self) -> list[dict[str, Any]]:
        """The points of this text that :meth:`put` has kept, by family and bits."""
        found = []
        for file in sorted(self.folder.glob("given-*.json")) if self.folder is not None else ():
            try:
                kept = json.loads(file.read_text())
                if kept["text"] == self._digest:
                    found.append(dict(kept["point"]))
            except (ValueError, KeyError, TypeError):
                self.say(f"{file} is damaged; it is left out")
        return found

    def _work(self, entry: Entry, contestant: Contestant) -> dict[str, Any]:
        contestant.learn(self.tokens[: self.learned], self.symbols)
        assert contestant.learning is not None
        point: dict[str, Any] = {
            "family": entry.family,
            "name": contestant.name,
            "settings": contestant.settings,
            "learn_seconds": contestant.learning.seconds,
            "learn_counts": contestant.learning.counts,
            "stored_bytes": contestant.stored_bytes(),
            "read": {},
        }
        packed = getattr(contestant, "packed_bytes", None)
        if packed is not None:
            point["packed_bytes"] = packed()
        for way, wanted in (("frozen", entry.frozen), ("streaming", entry.streaming)):
            if wanted:
                reading = contestant.read(self.tokens[self.learned :], streaming=way == "streaming")
                point["read"][way] = summary(reading) | {"active_bytes": contestant.active_bytes()}
        return point


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


def difference(one: dict[str, Any], other: dict[str, Any], *, rng: check.Rng = 0) -> dict[str, float | None]:
    """Bits per character of one reading's summary less the other's, on the blocks that both have, with 95 %.

    Where one is a sample of the text, its block means stand for the blocks.
    """
    mine, theirs = ({n: (s / c, c) for n, s, c in reading["blocks"]} for reading in (one, other))
    shared = sorted(set(mine) & set(theirs))
    if not shared:
        raise ValueError("readings must share blocks of text, they share none")
    size = np.array([min(mine[n][1], theirs[n][1]) for n in shared], dtype=np.float64)
    gap = np.array([mine[n][0] - theirs[n][0] for n in shared])
    value = float((gap * size).sum() / size.sum())
    if len(shared) == 1:
        return {"value": value, "low": None, "high": None}
    drawn = check.generator(rng).multinomial(len(shared), np.full(len(shared), 1 / len(shared)), size=DRAWS)
    low, high = np.quantile((drawn @ (gap * size)) / (drawn @ size), [0.025, 0.975])
    return {"value": value, "low": float(low), "high": float(high)}
