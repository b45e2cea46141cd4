"""Progress of anything longer than a second, for those who asked for it."""

import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["track"]

T = TypeVar("T")
PATIENCE = 1.0


def track(steps: Sequence[T], what: str, *, verbose: bool) -> Iterator[T]:
    """``steps`` one by one; with ``verbose`` a bar appears once a second has passed."""
    if not verbose:
        yield from steps
        return
    begin = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, transient=True)
    task = bar.add_task(what, total=len(steps))
    shown = False
    try:
        for step in steps:
            yield step
            bar.advance(task)
            if not shown and time.monotonic() - begin > PATIENCE:
                bar.start()
                shown = True
    finally:
        if shown:
            bar.stop()
