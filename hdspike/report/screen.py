"""What a run shows on the screen: its stages while it works, its tables when it is done."""

import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from hdspike.idea import si
from hdspike.report.energy import arranged, citations, references, verdict
from hdspike.report.page import quality_rows, row_label

__all__ = ["Stages", "print_tables"]


class Stages:
    """Progress on standard error: the stage at work with its time, and a line for each stage when it ends.

    Away from a terminal only the lines are written.
    """

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.bar = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=self.console,
            transient=True, disable=not self.console.is_terminal,
        )  # fmt: skip
        self.stage, self.began = "", 0.0

    def __enter__(self) -> "Stages":
        self.bar.start()
        return self

    def __call__(self, stage: str) -> None:
        self._end()
        self.stage, self.began = stage, time.perf_counter()
        self.bar.add_task(stage)

    def _end(self) -> None:
        if self.stage:
            seconds = time.perf_counter() - self.began
            self.console.print(f"  {self.stage} … {seconds:.1f} s", style="dim")
            for task in self.bar.task_ids:
                self.bar.remove_task(task)
            self.stage = ""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._end()
        self.bar.stop()


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right", overflow="fold")
    return table


def _print_energy(console: Console, numbers: dict[str, Any]) -> None:
    """Every bill with its ledger, its node and the numbers of its sources, and the sources below."""
    bills = arranged(numbers)
    cited = citations(bills)
    title = f"energy of one query over {numbers['attention']['keys']:,} keys, an estimate: counts × constants"
    table = _table(title, "what", "ledger", "node", "low", "nominal", "high", "sources")
    for bill in bills:
        values = (si(bill[c], "J") for c in ("low", "nominal", "high"))
        table.add_row(bill["label"], bill["ledger"], bill["node"], *values, escape(references(bill, cited)))
    console.print(table)
    for source, number in cited.items():
        console.print(escape(f"[{number}] {source}"), style="dim", soft_wrap=True)


def print_tables(numbers: dict[str, Any], paths: list[Path]) -> None:
    """Print the run's tables, and where its report is."""
    console = Console(
        highlight=False, width=None if sys.stdout.isatty() else int(os.environ.get("COLUMNS", "118"))
    )
    attention, data = numbers["attention"], numbers["data"]
    console.print(
        f"{data['source']}: {data['characters']:,} characters, {data['keys']:,} keys from position "
        f"{data['start']:,}, {data['development']} development and {data['queries']} query positions after them"
    )
    table = _table("next character", "method", "top-1", "bits/char", "β", "λ")
    for name, fitted in quality_rows(numbers):
        table.add_row(
            name, f"{fitted['top1']:.3f}", f"{fitted['bits_per_char']:.3f}", f"{fitted['beta']:g}",
            f"{fitted['lambda']:g}",
        )  # fmt: skip
    console.print(table)

    table = _table("attention", "measure", "value")
    theta = "" if attention["theta"] is None else f", θ = {attention['theta']}"
    table.add_row(
        "winners per query",
        f"{attention['winners']} asked, {attention['winners_mean']:.1f} in the mean, "
        f"{attention['winners_median']:g} in the median of {attention['keys']:,}{theta}",
    )
    table.add_row("queries without a winner", f"{100 * attention['silent_fraction']:.1f} %")
    table.add_row("non-zero cells", f"{100 * attention['nonzero_fraction']:.3f} %")
    table.add_row("touched cells", f"{100 * attention['touched_fraction']:.1f} %")
    table.add_row("synaptic events per (query, key)", f"{attention['synaptic_events_per_query_key']:.3f}")
    table.add_row("neuron updates per (query, key), barrier", f"{attention['updates_per_query_key']:.1f}")
    table.add_row("softmax weight on the winners", f"{100 * attention['captured_mass']:.1f} %")
    console.print(table)

    table = _table(
        "two runners, one truth", "rule", "places of winners", "differing", "sets of winners", "differing"
    )
    for name, row in numbers["agreement"].items():
        label = row_label(name)
        table.add_row(
            label, *(f"{row[c]:,}" for c in ("compared", "differing", "queries", "queries_differing"))
        )
    console.print(table)

    events = numbers["events"]
    console.print(
        f"books: {events['injected']:,} packets injected = {events['delivered']:,} delivered + "
        f"{events['dropped']:,} dropped + {events['cancelled']:,} cancelled + {events['in_flight']:,} in flight"
    )
    congested = numbers["agreement"]["race_congestion"]
    console.print(
        f"congestion decides {congested['queries_differing']} of {congested['queries']} races differently "
        f"(95 % interval {100 * congested['share_low']:.0f} to {100 * congested['share_high']:.0f} %)"
    )

    _print_energy(console, numbers)
    console.print(verdict(numbers))
    table = Table(
        title="the idea, in counts of this run", title_justify="left", title_style="bold", show_lines=True
    )
    for column in ("", f"dense transformer ({numbers['dense']['dim']} dimensions)", "brain-like, simulated"):
        table.add_column(column, overflow="fold")
    for row in numbers["idea"]:
        table.add_row(
            row["row"],
            f"{row['dense']}\n[dim]{row['dense_counter']}[/dim]",
            f"{row['spiking']}\n[dim]{row['spiking_counter']}[/dim]",
        )
    console.print(table)
    console.print(
        "The bundle keeps little but its strongest symbol, which costs bits per character and no accuracy; "
        "its counters before the threshold keep more."
    )
    console.print(
        f"simulated {numbers['time']['simulated_s']:.3g} s of chip time in {numbers['time']['wall_s']:.1f} s"
    )
    print(f"report: {next(path for path in paths if path.suffix == '.html')}")
