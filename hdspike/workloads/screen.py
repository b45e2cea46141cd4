"""What `hdspike chip run` shows: the steps while it works, one table when it is done."""

import os
import sys
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

__all__ = ["Steps", "print_run"]


class Steps:
    """A progress bar over the steps of a run, on standard error; silent away from a terminal."""

    def __init__(self, console: Console, what: str = "step") -> None:
        self.bar = Progress(
            TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
            console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self.task = self.bar.add_task(what, total=None)

    def __enter__(self) -> "Steps":
        self.bar.start()
        return self

    def __call__(self, done: int, total: int) -> None:
        self.bar.update(self.task, completed=done, total=total)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()


def quantity(value: float, unit: str) -> str:
    """A value with four digits and the SI prefix that suits it."""
    for factor, prefix in ((1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p")):
        if value >= factor:
            return f"{value / factor:.4g} {prefix}{unit}"
    return f"{value:.4g} {unit}"


def print_run(numbers: dict[str, Any]) -> None:
    """The numbers of a run, for a reader."""
    title = (
        f"{numbers['workload']} on {numbers['chip']}: {numbers['steps']} steps, {numbers['cores']} cores "
        f"({numbers['place']}), {numbers['clock']} clock, {numbers['noc']} network-on-chip"
    )
    table = Table(title=title, title_justify="left", title_style="bold", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name in ("fired", "packets", "synaptic_events", "updates", "hops", "dropped"):
        table.add_row(name.replace("_", " "), f"{numbers[name]:,}")
    for name, joules in numbers["energy"].items():
        table.add_row(f"energy, {name}", quantity(joules, "J"))
    table.add_row("simulated time", quantity(numbers["simulated_s"], "s"))
    latency = numbers["network"].get("latency_ps")
    if isinstance(latency, dict) and latency["mean"] is not None:  # packets there were
        for name, ps in latency.items():
            table.add_row(f"packet latency, {name}", quantity(ps * 1e-12, "s"))
    if numbers["network"].get("stopped") == "max_events":
        table.add_row("stopped early", "at the limit of events")
    table.add_row("wall-clock time", quantity(numbers["wall_s"], "s"))
    table.add_row("build and map", quantity(numbers["load_s"], "s"))
    table.add_row("compile or load kernels", quantity(numbers["compile_s"], "s"))
    audit = numbers["audit"]
    table.add_row(
        "audit",
        f"{audit['injected']:,} injected = {audit['delivered']:,} delivered + {audit['dropped']:,} dropped "
        f"+ {audit['in_flight']:,} in flight",
    )
    width = None if sys.stdout.isatty() else int(os.environ.get("COLUMNS", "118"))
    Console(highlight=False, width=width).print(table)
