"""`hdspike train`: one pass over a text into a model file; stopped and gone on with, the file is the same.

A model file is its own checkpoint: it holds all that learning changes, and how far in which text it has come.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.transformer import Head, Settings, SpikingTransformer
from hdspike.transformer.memory import check_memory, memory_bytes, stored_bytes
from hdspike.transformer.saved import load_model, save_model
from hdspike.writing.texts import described, given_text, records, tokens_for, until

__all__ = ["Job", "Request", "load", "run", "warm"]

FIRST = 0.9
PIECE = 4096
"""Characters between two looks at the clock, and at Ctrl-C."""
BIT = 1 << 16
"""Bits of the prediction are summed in whole parts, so that the sum does not depend on where learning stopped."""


@dataclass(frozen=True)
class Request:
    """What `hdspike train` is asked to do; ``None`` leaves the choice to it.

    ``settings`` are those of :class:`hdspike.transformer.Settings` by name, ``heads`` as text, and ``layers``.
    """

    out: str
    text: str | None = None
    begin: str | None = None
    first: float | None = None
    alphabet: tuple[str, ...] = ()
    checkpoint_every: int = 0
    resume: bool = False
    force: bool = False
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass
class Job:
    """A model, the characters that it learns, and the notes that go into its file."""

    out: Path
    model: SpikingTransformer
    tokens: NDArray[np.int64]
    notes: dict[str, Any]
    checkpoint_every: int
    saved: int

    @property
    def record(self) -> dict[str, Any]:
        """How far it is in the text at hand, and what it said of it."""
        last: dict[str, Any] = self.notes["texts"][-1]
        return last


def chosen(given: dict[str, Any], base: Settings | None = None) -> Settings:
    """Settings with what was given in place of what ``base`` has.

    Raises:
        ValueError: heads or layers that are none, or a setting out of its range.
    """
    asked = {name: value for name, value in given.items() if value is not None}
    heads = _heads(asked.pop("heads")) if "heads" in asked else None
    if "layers" in asked:
        layers = check.integer("layers", asked.pop("layers"), low=1)
        every = heads or (base or Settings()).heads
        heads = tuple(head for head in every if head.layer <= layers)
        if not heads or heads[-1].layer < layers:
            raise ValueError(f"layers must be at most those of the heads, {every[-1].layer}, got {layers}")
    if heads is not None:
        asked["heads"] = heads
    return replace(base or Settings(), **asked)


def _heads(text: str) -> tuple[Head, ...]:
    """KIND:REACH:LAYER:ROWS:FAN-OUT, with commas between heads."""
    heads = []
    for part in text.split(","):
        kind, *numbers = part.strip().split(":")
        if len(numbers) != 4 or not all(number.isdecimal() for number in numbers):
            raise ValueError(f"heads must be KIND:REACH:LAYER:ROWS:FAN-OUT with commas between, got {part!r}")
        heads.append(Head(kind, *map(int, numbers)))
    return tuple(heads)


def _place(request: Request) -> Path:
    """The file to write, if it can be written and none is lost by it."""
    place = Path(request.out)
    if place.is_dir():
        raise ValueError(f"out must be a file, it is a folder: {place}")
    if not place.absolute().parent.is_dir():
        raise ValueError(f"out must be a file in a folder that exists, got {place}")
    try:
        with tempfile.NamedTemporaryFile(dir=place.absolute().parent, prefix=f".{place.name}."):
            pass
    except OSError as error:
        raise ValueError(f"out must be a file in a folder that can be written, got {place}") from error
    if request.resume and request.force:
        raise ValueError("resume must be left out with force: one goes on with the file, one replaces it")
    if place.exists() and not (request.resume or request.force):
        raise ValueError(
            f"out must be a new file, {place} exists: --resume goes on with it, --force replaces it"
        )
    return place


def load(request: Request, *, say: Callable[[str], None] = lambda line: None) -> Job:
    """Read the text, and make or open the model; nothing is written.

    ``say`` is told what a new model takes before it is made.

    Raises:
        ValueError: a bad file, a bad setting, characters that the model to go on with does not know, a checkpoint of
            another text or with other settings, or a file that would be lost.
    """
    place = _place(request)
    every = check.integer("checkpoint-every", request.checkpoint_every, low=0)
    if request.begin is not None and request.alphabet:
        raise ValueError("alphabet must be left out with from: the model has its symbols")
    text = given_text(request.text)
    about, learned, model, texts = described(text), -1, None, []
    if request.begin is not None:
        model, notes = load_model(request.begin, mapped=False)
        _same_settings(request, model)
        texts = records(request.begin, notes)
    if request.resume and place.exists():
        before = texts if request.begin is not None else None
        model, notes = load_model(place, mapped=False)
        _same_settings(request, model)
        texts = records(place, notes)
        _same_text(place, about, texts, before)
        learned, stop = texts[-1]["learned"], texts[-1]["until"]
    else:
        stop = until("first", FIRST, len(text))
        texts = [*texts, {**about, "until": stop, "learned": 0, "lost": 0, "hits": 0, "counts": {}}]
    if request.first is not None:
        stop = until("first", request.first, len(text))
    if stop < learned:
        raise ValueError(
            f"first must be at least what {place} has learned, {learned} of {len(text)} characters, "
            f"got {request.first}"
        )
    if stop != texts[-1]["until"]:
        texts[-1]["until"], learned = stop, -1
    if model is not None:
        model.tokens("".join(sorted(_others(request.alphabet))), "alphabet")
    else:
        symbols = "".join(sorted({*text.symbols, *_others(request.alphabet)}))
        settings = chosen(request.settings)
        check_memory(settings, len(symbols))
        say(announced(settings, len(symbols)))
        model = SpikingTransformer(symbols, settings)
    return Job(place, model, tokens_for(model, text)[:stop], {"texts": texts}, every, learned)


def announced(settings: Settings, symbols: int) -> str:
    """A line on what a model is and takes."""
    parts = memory_bytes(settings, symbols)
    shares = ", ".join(f"{name} {size / 1e6:,.1f}" for name, size in parts.items())
    return (
        f"a model of {symbols} symbols, {len(settings.heads)} heads in {settings.heads[-1].layer} layers, "
        f"{settings.dim:,} bits with {settings.blocks} ones: {sum(parts.values()) / 1e6:,.1f} MB of memory "
        f"({shares}), however long it learns; {stored_bytes(settings, symbols) / 1e6:,.1f} MB in its file"
    )


def _others(files: tuple[str, ...]) -> set[str]:
    return {symbol for file in files for symbol in given_text(file).symbols}


def _same_settings(request: Request, model: SpikingTransformer) -> None:
    """Nothing, if what was given is what the model has."""
    asked = chosen(request.settings, model.settings)
    for name, value in asked.as_json().items():
        if value != model.settings.as_json()[name]:
            raise ValueError(
                f"{name} must be left out, or be as in the model file: {getattr(model.settings, name)}, "
                f"got {getattr(asked, name)}"
            )


def _same_text(
    place: Path, about: dict[str, Any], texts: list[dict[str, Any]], before: list[dict[str, Any]] | None
) -> None:
    """Nothing, if a checkpoint is of this text, after the texts of the model that it began from."""
    if not texts:
        raise ValueError(f"{place} must say which text it has learned, and how far")
    if texts[-1]["sha256"] != about["sha256"]:
        raise ValueError(
            f"text must be the one that {place} is learning, {texts[-1]['source']}, got {about['source']}: "
            "to learn another text after it, use --from"
        )
    if before is not None and texts[:-1] != before:
        raise ValueError(f"from must be the model that {place} began from, its texts are others")


def warm() -> float:
    """Compile the kernels, or load them; returns the seconds."""
    begun = time.perf_counter()
    model = SpikingTransformer("ab", replace(Settings(), lines=2, window=2))
    model.learn("ab" * 8)
    model.generate(2, rng=0)
    return time.perf_counter() - begun


def run(
    job: Job,
    *,
    progress: Callable[[int, int, float], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Learn to the end and write the file; whether it got there.

    ``progress`` is called with the characters learned, how many there are, and the bits per character so far.
    Once ``stop`` says so, the file is written as far as it is: a checkpoint.
    """
    record, every, total = job.record, job.checkpoint_every, len(job.tokens)
    while record["learned"] < total and not stop():
        low = record["learned"]
        high = min(total, low + PIECE, (low // every + 1) * every if every else total)
        said = job.model.learn(job.tokens[low:high])
        record["learned"] = high
        record["lost"] += int(np.rint(said.bits * BIT).sum())
        record["hits"] += int(said.hits.sum())
        for name, count in said.counts.items():
            record["counts"][name] = record["counts"].get(name, 0) + count
        if every and high % every == 0:
            save(job)
        if progress:
            progress(high, total, record["lost"] / BIT / high)
    if record["learned"] and job.saved != record["learned"]:
        save(job)
    return bool(record["learned"] == total)


def save(job: Job) -> None:
    """Write the model file."""
    save_model(job.out, job.model, notes=job.notes)
    job.saved = job.record["learned"]
