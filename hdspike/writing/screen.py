"""What `hdspike train` and `hdspike evaluate` show: how learning goes, and a table of marks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

__all__ = ["Learning", "predicting", "print_evaluation", "print_learned"]


@contextmanager
def predicting(console: Console, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar over ``total`` characters to predict; silent away from a terminal."""
    bar = Progress(
        TextColumn("predicting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip
    task = bar.add_task("predicting", total=total)
    with bar:
        yield lambda count: bar.advance(task, count)


class Learning:
    """A progress bar over the characters of a text, on standard error; silent away from a terminal."""

    def __init__(self, console: Console) -> None:
        self.bar = Progress(
            TextColumn("learning"), BarColumn(), MofNCompleteColumn(),
            TextColumn("{task.fields[speed]} characters/s, {task.fields[bits]} bits/character so far"),
            TimeElapsedColumn(), TimeRemainingColumn(),
            console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self.task = self.bar.add_task("learning", total=None, speed="?", bits="?")

    def __enter__(self) -> "Learning":
        self.bar.start()
        return self

    def __call__(self, done: int, total: int, bits: float) -> None:
        speed = self.bar.tasks[0].speed
        self.bar.update(
            self.task,
            completed=done,
            total=total,
            bits=f"{bits:.3f}",
            speed="?" if speed is None else f"{speed:,.0f}",
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()


def print_learned(record: dict[str, Any], learned_now: int, seconds: float, console: Console) -> None:
    """What a pass over a text came to."""
    done, counts = record["learned"], record["counts"]
    bits, hits = record["lost"] / (1 << 16) / done, record["hits"] / done
    speed = f" ({learned_now / seconds:,.0f} characters/s)" if learned_now else ""
    console.print(
        f"learned {done:,} of the {record['characters']:,} characters of {escape(record['source'])}, "
        f"{learned_now:,} of them now, in {seconds:.1f} s{speed}; before it learned each, "
        f"{bits:.4f} bits/character and accuracy {hits:.3f}",
        soft_wrap=True,
    )
    each = {name: f"{counts.get(counter, 0) / done:,.0f} {what}" for name, counter, what in EACH}
    console.print(f"for each character: {', '.join(each.values())}", soft_wrap=True)


EACH = (
    ("window", "window_events", "events in the window"),
    ("lifetime", "lifetime_events", "in the lifetime memory"),
    ("votes", "vote_events", "votes"),
    ("recruited", "recruited", "rows recruited"),
)


def _interval(mark: dict[str, Any], digits: int = 4) -> str:
    value = f"{mark['value']:.{digits}f}"
    if mark["low"] is None:
        return value
    return f"{value}  \\[{mark['low']:.{digits}f}, {mark['high']:.{digits}f}]"


def print_evaluation(numbers: dict[str, Any], console: Console) -> None:
    """The numbers of `hdspike evaluate`, for a reader."""
    model, text, readings = numbers["model"], numbers["text"], numbers["readings"]
    table = Table(
        title=f"{escape(model['file'])} over the last {text['judged']:,} of {text['characters']:,} characters of "
        f"{escape(text['source'])}",
        title_justify="left", title_style="bold",
    )  # fmt: skip
    table.add_column()
    for way in readings:
        table.add_column(way, justify="right")
    confidence = next(iter(readings.values()))["bits_per_character"]["confidence"]
    marks = {
        f"bits per character, {100 * confidence:g} % interval": lambda r: _interval(r["bits_per_character"]),
        "accuracy": lambda r: _interval(r["accuracy"]),
        "non-zero cells of the window": lambda r: f"{100 * r['nonzero_fraction']:.4f} %",
        "touched cells of the window": lambda r: f"{100 * r['touched_fraction']:.4f} %",
        "synaptic events per (query, key)": lambda r: f"{r['synaptic_events_per_query_key']:.6f}",
        "events per character, window": lambda r: f"{r['events_per_token']['window']:,.1f}",
        "lifetime memory": lambda r: f"{r['events_per_token']['lifetime']:,.1f}",
        "votes": lambda r: f"{r['events_per_token']['votes']:,.1f}",
        "additions of the encoder": lambda r: f"{r['events_per_token']['encoder']:,.1f}",
        "microseconds per character here": lambda r: f"{r['microseconds_per_token']:,.1f}",
    }
    for what, shown in marks.items():
        table.add_row(what, *(shown(reading) for reading in readings.values()))
    console.print(table)
    console.print(
        f"{model['symbols']} symbols, {model['heads']} heads in {model['layers']} layers, {model['dim']:,} bits with "
        f"{model['ones']} ones; {model['stored_bytes'] / 1e6:,.1f} MB to keep, {model['memory_bytes'] / 1e6:,.1f} MB "
        "of memory",
        soft_wrap=True,
    )
    ways = {
        "frozen": "nothing is learned, only the window moves on",
        "streaming": "each character is learned after it was predicted",
    }
    for way in readings:
        console.print(f"{way}: {ways[way]}", style="dim")
    if text["learned_before"]:
        console.print(
            f"note: the model has learned {text['learned_before']:,} of these characters before: this is no test",
            style="bold",
        )
