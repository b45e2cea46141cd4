"""Results that take long are kept on disk as JSON, by all that they depend on, and are never worked off twice.

A point is written whole or not at all, under a name made of its key. What was stopped goes on where it was; the numbers
are the same as those of a run that was not. A file that is damaged, or another's, is said and worked off again.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import platformdirs

from hdspike.files import write_text
from hdspike.vocabulary import plain

__all__ = ["Kept", "spoken"]


def spoken(line: str) -> None:
    """Say it on the screen, beside what a command prints."""
    print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Kept:
    """Points of ``version`` in ``folder``; None: nothing is kept.

    >>> Kept(None)({"what": "sum", "of": [1, 2]}, lambda: {"sum": 3})
    {'sum': 3}
    """

    folder: Path | None
    version: int = 1
    say: Callable[[str], None] = lambda line: None

    @classmethod
    def here(cls, name: str, version: int) -> "Kept":
        """Points in the user's cache folder, said on the screen."""
        return cls(platformdirs.user_cache_path("hdspike") / name, version, spoken)

    def __call__(self, key: dict[str, Any], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The point of ``key``, plain numbers: read, or made and written."""
        whole = json.loads(json.dumps({"version": self.version, **key}, sort_keys=True))
        name = sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:24]
        if self.folder is None:
            return dict(plain(make()))
        file = self.folder / f"{name}.json"
        if file.exists():
            try:
                held = json.loads(file.read_text(encoding="utf-8"))
                if held["key"] != whole:
                    raise ValueError("it is another's")
                return dict(held["point"])
            except (ValueError, KeyError, TypeError) as error:
                self.say(f"{file} must hold the point of its name: {error}; it is worked off again")
        point = dict(plain(make()))
        self.folder.mkdir(parents=True, exist_ok=True)
        write_text(file, json.dumps({"key": whole, "point": point}, ensure_ascii=False))
        return point
