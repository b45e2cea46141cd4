"""Plugs of all rules for windows of one length: what they learn is learned once, from one reading of another text."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.files import load_array, save_array
from hdspike.models import Bundled, Codebook, Llama, load_codebook, softmax
from hdspike.models.attention import Attention
from hdspike.models.codebook import codebook_of, observed
from hdspike.models.coded import CodedKWTA
from hdspike.models.evented import EventKWTA
from hdspike.models.evented_bundles import EventBundled
from hdspike.models.kwta import KWTA
from hdspike.models.product import ProductBook, learn_product, load_product
from hdspike.models.rules import Options, rule
from hdspike.models.signs import SignCode

__all__ = ["Plugs", "Shelf", "digest", "named"]

LEARNED = ("bits", "bundles", "blocks", "lines")  # options of what is learned, not of a plug


def digest(data: NDArray[Any]) -> str:
    """SHA-256 of an array's bytes."""
    return hashlib.sha256(np.ascontiguousarray(data).data).hexdigest()


def named(key: dict[str, Any]) -> str:
    """A name made of all of ``key``, which JSON can hold."""
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:20]


@dataclass(frozen=True)
class Shelf:
    """Files of what was learned, in ``folder``: named by what it depends on, ``key``; one that is damaged is said."""

    folder: Path
    name: str
    key: dict[str, Any]
    say: Callable[[str], None]

    def path(self, what: str, **more: Any) -> Path:
        """The file of one thing, learned with these settings."""
        return self.folder / f"{self.name}-{what}-{named(self.key | {'what': what} | more)}.npz"

    def read(self, path: Path, load: Callable[[Path], Any]) -> Any:
        """What the file holds; None where there is none, or none that is whole."""
        if not path.exists():
            return None
        try:
            return load(path)
        except ValueError as error:
            self.say(f"{error}; it is learned again")
            return None


class Plugs:
    """``plugs(select, options)`` is the plug of a rule, as :func:`hdspike.models.rules.rule` builds it.

    Args:
        development: ``(count, n)`` tokens of another text. wanted: all that will be asked, name and options; it is
            learned when a rule that needs it is asked for. shelf: where it is kept.
    """

    def __init__(
        self,
        model: Llama,
        development: NDArray[np.int64],
        wanted: Iterable[tuple[str, Options]],
        shelf: Shelf,
    ) -> None:
        self._model = model
        self._development = development
        self._shelf = shelf
        self._makers: dict[Path, _Maker] = {}
        for select, options in wanted:
            self._makers |= self._needed(select, options)
        self._made: dict[Path, Any] = {}

    def _needed(self, select: str, options: Options) -> "dict[Path, _Maker]":
        """What a rule learns, by its file: the mean keys, a codebook for bundles, one for events."""
        found = {}
        takes, seed = rule(select).takes, options.seed
        if "bits" in takes:
            found[self._shelf.path("centre")] = _Maker("centre", _centre, _load_centre, save_array)
        if "bundles" in takes:
            place = self._shelf.path("bundles", entries=options.bundles, seed=seed)
            learn = partial(_bundles, entries=options.bundles, seed=seed)
            found[place] = _Maker("bundles", learn, load_codebook, _save)
        if "blocks" in takes:
            shape = {"blocks": options.blocks, "lines": options.lines}
            place = self._shelf.path("events", **shape, seed=seed)
            found[place] = _Maker("events", partial(_events, **shape, seed=seed), load_product, _save)
        return found

    def _learned(self, select: str, options: Options) -> dict[str, Any]:
        """What the rule learns, by name: read, or learned with all else that is wanted, and kept."""
        needed = self._needed(select, options)
        if not set(needed) <= set(self._made):
            makers = self._makers | needed
            self._made = {place: self._shelf.read(place, maker.load) for place, maker in makers.items()}
            missing = [place for place, made in self._made.items() if made is None]
            if missing:
                self._shelf.say(f"learning from {self._development.size} tokens of another text")
                seen = observed(self._model, self._development)
                for place in missing:
                    self._made[place] = makers[place].learn(*seen)
                    makers[place].save(place, self._made[place])
        return {maker.what: self._made[place] for place, maker in needed.items()}

    def __call__(self, select: str, options: Options, *, measure: bool = True) -> Attention:
        """A plug that has counted nothing yet."""
        if select == "softmax":
            return softmax
        learned = self._learned(select, options)
        given = {name: getattr(options, name) for name in rule(select).takes if name not in LEARNED}
        given |= {"counted_from": options.counted_from, "measure": measure}
        cells = given.pop("winners")
        if select == "kwta":
            return KWTA(cells, **given)
        if select == "signs":
            code = SignCode(options.bits, seed=options.seed, centre=learned["centre"])
            return CodedKWTA(cells, code=code, **given)
        if select == "events":
            return EventKWTA(cells, learned["events"], **given)
        if select == "bundles":
            return Bundled(cells, learned["bundles"], **given)
        if select == "event-bundles":
            return EventBundled(cells, learned["bundles"], learned["events"], **given)
        return rule(select).build(options, self._model, self._development)


@dataclass(frozen=True)
class _Maker:
    """One thing that is learned: its name, out of what is observed, out of its file, into it."""

    what: str
    learn: Callable[..., Any]
    load: Callable[[Path], Any]
    save: Callable[[Path, Any], None]


def _centre(keys: list[NDArray[np.float32]], *_: Any) -> NDArray[np.float64]:
    """The mean keys ``(layers, G, d)``."""
    return np.stack([heads.mean(axis=1, dtype=np.float64) for heads in keys])


def _bundles(keys: Any, moments: Any, *_: Any, entries: int, seed: int) -> Codebook:
    return codebook_of(keys, moments, entries=entries, rng=seed)


def _events(keys: Any, moments: Any, means: Any, *, blocks: int, lines: int, seed: int) -> ProductBook:
    return learn_product(keys, moments, means, blocks=blocks, lines=lines, rng=seed)


def _load_centre(path: Path) -> NDArray[np.float64]:
    return np.array(load_array(path, mmap=False)[0], dtype=np.float64)


def _save(path: Path, book: Codebook | ProductBook) -> None:
    book.save(path)
