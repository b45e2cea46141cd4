"""Many rules over many windows of text, one point at a time: what is finished is kept, and is never worked off twice.

A point is one window under one rule: the losses of its second half, and what the rule's plug counted. It is written
whole or not at all, under a name made of all that it depends on: the model's file, the window's tokens, the rule and
its options, the text that the rule learned from, the seed. A sweep that was stopped goes on where it was; the numbers
are the same as those of one that was not.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from hdspike import check
from hdspike.files import load_array, save_array
from hdspike.models import Llama, second_half, softmax, windows
from hdspike.models.rules import Options, measured, rule
from hdspike.workloads.quality_plugs import Plugs, Shelf, digest, named

__all__ = ["Asked", "Finished", "Part", "Sweep", "cache"]

NAMED = ("winners", "bits", "blocks", "lines", "events", "bundles")  # of a point, on the screen
VERSION = 1  # of what a rule of this name does; raised when its numbers change

USUAL: dict[str, Any] = {
    "winners": 41, "sinks": 0, "recent": 0, "bits": 1024, "candidates": 4, "weights": "softmax", "bundles": 16,
    "seed": 0,
}  # fmt: skip


def cache() -> Path:
    """Where points are kept: in the user's cache folder."""
    return platformdirs.user_cache_path("hdspike") / "quality"


@dataclass(frozen=True)
class Asked:
    """A rule by its name and what it is asked; ``measure`` whether what the plug captures is measured as well."""

    select: str = "softmax"
    options: Options = field(default_factory=Options)
    measure: bool = True

    def given(self) -> dict[str, Any]:
        """The options that the rule takes."""
        chosen, given = rule(self.select), asdict(self.options)
        return {name: given[name] for name in (*chosen.takes, *(("seed",) if chosen.learns else ()))}

    def key(self) -> dict[str, Any]:
        """What the outcome depends on. What is usual is not named, so that a new option changes no old point."""
        taken = {name: value for name, value in self.given().items() if value != USUAL.get(name)}
        return {"select": self.select, "measure": self.measure and self.select != "softmax", **taken}


@dataclass(frozen=True)
class Part:
    """Rules to be compared on the same windows, each a text's name and the window's number in it.

    ``late``: 0, or how much later its windows come than those of other parts; 1 is behind all of them.
    """

    context: int
    windows: tuple[tuple[str, int], ...]
    asked: tuple[Asked, ...]
    late: float = 0.0


@dataclass(frozen=True)
class Finished:
    """Losses ``(windows, n)`` in nats of one rule, what it counted and the seconds it took, means of the windows."""

    losses: NDArray[np.float64]
    counted: dict[str, float | None]
    seconds: float


@dataclass(frozen=True)
class _Job:
    """One point: where it belongs, what it depends on, and its file."""

    context: int
    window: tuple[str, int]
    asked: Asked
    key: dict[str, Any]
    path: Path

    def __str__(self) -> str:
        given = "".join(f", {value} {name}" for name, value in self.asked.given().items() if name in NAMED)
        return f"{self.context} {self.window[0]} {self.window[1]} {self.asked.select}{given}"


class Sweep:
    """Points of all ``parts``, kept in ``folder``.

    Windows are the outer loop, those of all parts in turn, so that a sweep that stops leaves rules that can be
    compared. ``say`` is called with a line for each point, with the time that the others will need.

    Args:
        model: path of a GGUF file. It is not loaded where nothing is missing.
        texts: name → tokens ``(n,)`` int64. development: tokens of another text, for rules that learn.

    Raises:
        ValueError: a text is shorter than a window that is asked for, or a part without softmax, the reference.
    """

    def __init__(
        self,
        model: str | Path,
        texts: Mapping[str, NDArray[np.int64]],
        development: NDArray[np.int64],
        parts: Iterable[Part],
        *,
        folder: str | Path | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.model = Path(model)
        self.parts = tuple(parts)
        self.say = say
        self.folder = Path(folder) if folder is not None else cache()
        self._texts = texts
        self._development = check.array("development", development, np.int64, ndim=1)
        self._file = digest(np.fromfile(self.model, dtype=np.uint8))
        for part in self.parts:
            if Asked() not in part.asked or not part.windows:
                raise ValueError(f"parts must each have a window and softmax, the reference, got {part}")
        self._jobs = [
            [[self._job(part, window, asked) for asked in part.asked] for window in part.windows]
            for part in self.parts
        ]

    def learned_from(self, context: int) -> NDArray[np.int64]:
        """Windows of the other text, as long as those that are judged where it has so many tokens."""
        length = min(context, len(self._development))
        return windows(self._development, length)

    def window(self, context: int, which: tuple[str, int]) -> NDArray[np.int64]:
        """Its tokens ``(context,)``."""
        name, number = which
        if name not in self._texts:
            raise ValueError(f"windows must be of {', '.join(self._texts)}, got {name!r}")
        return windows(self._texts[name], context, count=number + 1)[number]

    def _job(self, part: Part, window: tuple[str, int], asked: Asked) -> _Job:
        learned = rule(asked.select).learns
        key = {
            "version": VERSION,
            "model": self._file,
            "window": digest(self.window(part.context, window)),
            "context": part.context,
            "rule": asked.key(),
            "learned_from": digest(self.learned_from(part.context)) if learned else None,
        }
        path = self.folder / f"{part.context}-{window[0]}-{window[1]}-{asked.select}-{named(key)}.point"
        return _Job(part.context, window, asked, key, path)

    def _read(self, job: _Job) -> Finished | None:
        """The point if it is finished; one that is damaged is as good as none, and said."""
        if not job.path.exists():
            return None
        try:
            losses, meta = load_array(job.path, mmap=False)
            count = job.context - max(1, job.context // 2)
            if meta.get("key") != job.key:
                raise ValueError(f"{job.path} must be the point of its name, it is another")
            if losses.shape != (count,) or losses.dtype != np.float64 or meta["sum"] != digest(losses):
                raise ValueError(f"{job.path} must hold the {count} losses that were written, it was changed")
            return Finished(losses, dict(meta["counted"]), float(meta["seconds"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.say(f"{error}; it is worked off again")
            return None

    def run(self) -> None:
        """Work off all that is missing.

        Raises:
            ValueError: as of :class:`hdspike.models.Llama`.
        """
        order = [
            (part.late + (number + 1) / len(part.windows), place, number)
            for place, part in enumerate(self.parts)
            for number in range(len(part.windows))
        ]
        jobs = list(
            {
                job.path: job for _, place, number in sorted(order) for job in self._jobs[place][number]
            }.values()
        )
        known = [(job, self._read(job)) for job in jobs]
        todo = [job for job, point in known if point is None]
        clock = _Clock([(job, point.seconds) for job, point in known if point is not None])
        if not todo:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self.say(f"{len(jobs) - len(todo)} of {len(jobs)} points are there already, in {self.folder}")
        model = Llama(self.model)
        plugs: dict[int, Plugs] = {}
        for done, job in enumerate(todo):
            context = job.context
            if context not in plugs:
                wanted = [(one.asked.select, one.asked.options) for one in todo if one.context == context]
                plugs[context] = Plugs(model, self.learned_from(context), wanted, self._shelf(context))
            point = self._work(job, model, plugs[context])
            clock.add(job, point.seconds)
            left = clock.left(todo[done + 1 :])
            self.say(
                f"{len(jobs) - len(todo) + done + 1}/{len(jobs)}: {job}: {point.seconds:.1f} s, "
                f"perplexity {np.exp(point.losses.mean()):.2f}; {left / 60:.0f} min left"
            )

    def _shelf(self, context: int) -> Shelf:
        """Where what is learned for this context is kept."""
        key = {"version": VERSION, "model": self._file, "from": digest(self.learned_from(context))}
        return Shelf(self.folder, f"learned-{context}", key, self.say)

    def _work(self, job: _Job, model: Llama, plugs: Plugs) -> Finished:
        """One point, worked off and written."""
        options = replace(job.asked.options, counted_from=job.context // 2)
        plug = plugs(job.asked.select, options, measure=job.asked.measure)
        begun = time.perf_counter()
        losses = second_half(model, self.window(job.context, job.window), plug)
        seconds = time.perf_counter() - begun
        counted: dict[str, float | None] = measured(plug)
        found = getattr(plug, "found_share", None)
        if plug is not softmax and found is not None and found == found:
            counted["found_share"] = float(found)
        save_array(
            job.path,
            losses,
            key=job.key,
            counted=counted,
            seconds=seconds,
            sum=digest(losses),
            point=str(job),
        )
        return Finished(losses, counted, seconds)

    def finished(self, part: Part) -> tuple[tuple[tuple[str, int], ...], dict[Asked, Finished]]:
        """The windows that all rules of the part have finished, and what each made of them; empty where none is."""
        whole, found = [], []
        for window, jobs in zip(part.windows, self._jobs[self.parts.index(part)], strict=True):
            points = [self._read(job) for job in jobs]
            if all(points):
                whole.append(window)
                found.append(points)
        if not whole:
            return (), {}
        out = {}
        for asked, column in zip(part.asked, zip(*found, strict=True), strict=True):
            some = [point for point in column if point is not None]
            out[asked] = Finished(
                np.stack([point.losses for point in some]),
                {name: _mean([point.counted[name] for point in some]) for name in some[0].counted},
                float(np.mean([point.seconds for point in some])),
            )
        return tuple(whole), out


def _mean(values: list[float | None]) -> float | None:
    given = [value for value in values if value is not None]
    return float(np.mean(given)) if given else None


class _Clock:
    """How long points take, by what they are: from points of the same kind, else from the nearest that are known."""

    def __init__(self, done: Iterable[tuple[_Job, float]]) -> None:
        self._seconds: dict[tuple[Any, ...], list[float]] = {}
        for job, seconds in done:
            self.add(job, seconds)

    @staticmethod
    def _kinds(job: _Job) -> list[tuple[Any, ...]]:
        """From the closest to any; each keeps seconds per token."""
        select, context, bits = job.asked.select, job.context, job.asked.options.bits
        return [(select, context, bits), (select, context), (context,), (select,), ()]

    def add(self, job: _Job, seconds: float) -> None:
        for kind in self._kinds(job):
            self._seconds.setdefault(kind, []).append(seconds / job.context)

    def left(self, jobs: Iterable[_Job]) -> float:
        """Seconds that these will take."""
        total = 0.0
        for job in jobs:
            kind = next(kind for kind in self._kinds(job) if kind in self._seconds)
            total += float(np.mean(self._seconds[kind])) * job.context
        return total
