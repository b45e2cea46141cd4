"""What a finished run shows: tables on the screen, figures, ``numbers.json`` and a self-contained page."""

import json
import os
import sys
import tempfile
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from hdspike import chip
from hdspike.files import write_text
from hdspike.plot import attention as draw_attention
from hdspike.plot import chip as draw_chip
from hdspike.plot import energy as draw_energy
from hdspike.plot import style
from hdspike.run import Result, si

__all__ = ["Stages", "figures", "print_tables", "writable", "write"]

SHOWN = 40  # queries in the attention maps

FIGURES = {
    "attention": "Softmax attention beside k-winner-take-all, the same queries over the same keys",
    "raster": "One query on the timed chip",
    "chip": "Where the work fell: synaptic events per core, packets per link",
    "energy": "Energy of one query, one panel per ledger",
}


class Stages:
    """Progress on standard error: the stage at work with its time, and a line for each stage when it ends."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.bar = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=self.console,
            transient=True,
        )  # fmt: skip
        self.task: Any = None

    def __enter__(self) -> "Stages":
        self.bar.start()
        return self

    def __call__(self, stage: str) -> None:
        self._end()
        self.task = self.bar.add_task(stage)

    def _end(self) -> None:
        if self.task is not None:
            done = self.bar.tasks[-1]
            self.console.print(f"  {done.description} … {done.elapsed or 0:.1f} s", style="dim")
            self.bar.remove_task(self.task)
            self.task = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._end()
        self.bar.stop()


def writable(out: str | Path) -> Path:
    """The folder ``out``, made if need be, or a ``ValueError`` that says why nothing can be written there."""
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f"out must be a folder that can be written, {folder} is not: {error.strerror}"
        ) from error
    return folder


# --- figures ------------------------------------------------------------------------------------------


def attention_figure(result: Result) -> Figure:
    """Softmax at its own tuned β beside the winners with their weights."""
    from hdspike.attention import winner_weights
    from hdspike.quality import WEIGHTS

    task, numbers = result.task, result.numbers["attention"]
    shown = min(SHOWN, len(result.outcome))
    top = task.space.top_score
    scores = result.layer.potentials(task.vectors["queries"][:shown]) / top
    scores = scores if task.space.name == "sbc" else 2 * scores - 1
    weights = np.exp(result.beta * (scores - scores.max(axis=1, keepdims=True)))
    weights /= weights.sum(axis=1, keepdims=True)
    won = np.zeros_like(weights)
    span = top if task.space.name == "sbc" else top // 2
    given = winner_weights(result.outcome, by=WEIGHTS[result.settings.select], top=span)
    for q in range(shown):
        low, high = result.outcome.indptr[q], result.outcome.indptr[q + 1]
        won[q, result.outcome.winners[low:high]] = given[low:high] / max(1, given[low:high].sum())
    return draw_attention.maps(
        draw_attention.binned(weights),
        draw_attention.binned(won),
        keys=numbers["keys"],
        softmax_title=f"softmax, β = {result.beta:g}: every cell non-zero",
        winners_title=f"k-WTA: {100 * numbers['nonzero_fraction']:.2g} % of cells non-zero, "
        f"{100 * numbers['touched_fraction']:.3g} % touched",
        caption=f"White: no weight. The winners hold {100 * numbers['captured_mass']:.0f} % of the softmax's weight. "
        "k/N non-zero cells are k/N by construction; touched cells are those that cost work.",
    )


def raster_figure(result: Result) -> Figure:
    """The first query of the chip's sample, under the run's own rule and the barrier."""
    timed = result.timed.runs[result.settings.select]
    query = int(np.argmax(np.diff(timed.outcome.indptr) > 0))  # the first that had a winner
    inputs = timed.inputs[timed.inputs_indptr[query] : timed.inputs_indptr[query + 1]]
    spikes = timed.spikes[timed.spikes_indptr[query] : timed.spikes_indptr[query + 1]]
    won = timed.outcome.query(query)
    microseconds = timed.simulated_ps[query] * 1e-6
    return draw_attention.raster(
        inputs,
        spikes,
        won,
        keys=result.timed.keys,
        title=f"{result.settings.select}: {len(inputs):,} deliveries, {len(spikes):,} spikes, {microseconds:.1f} µs",
        input_end_ps=int(inputs["time"].max()) if result.settings.select == "exact" and len(inputs) else None,
    )


def chip_figure(result: Result) -> Figure:
    """Synaptic events per core and packets per link, all sampled queries together."""
    timed = result.timed.runs[result.settings.select]
    config = result.timed.config
    fig, ax = style.figure(1, 1, size=(8.5, 6.4))
    draw_chip.heat_map(
        ax,
        timed.per_core["synaptic_events"] / len(result.timed.queries),
        columns=config.columns,
        cores_per_tile=config.cores_per_tile,
        link_ends=chip.link_ends(config),
        per_link=timed.per_link / len(result.timed.queries),
        core_label="synaptic events per core and query",
        link_label="packets per link and query",
    )
    ax.set_title(
        f"{result.numbers['chip']['name']}: {result.timed.keys:,} keys on {timed.mapping.cores_used} cores, "
        f"mean of {len(result.timed.queries)} queries ({result.settings.select})"
    )
    return fig


def energy_figure(result: Result) -> Figure:
    """Every bill of the run."""
    bars = [
        {**bill, "side": "spiking" if bill["label"].startswith("spiking") else "dense"}
        for bill in result.numbers["energy"].values()
    ]
    fig = style.plt.figure(figsize=(10, 9.5), layout="constrained")
    draw_energy.panels(fig, bars, footnote=False)
    return fig


def figures(result: Result) -> dict[str, Figure]:
    """All figures of a run by name."""
    with style.plt.rc_context(style.STYLE):
        return {
            "attention": attention_figure(result),
            "raster": raster_figure(result),
            "chip": chip_figure(result),
            "energy": energy_figure(result),
        }


# --- the page -----------------------------------------------------------------------------------------


def quality_rows(numbers: dict[str, Any]) -> list[tuple[str, dict[str, float]]]:
    """What is compared, the main job first."""
    settings = numbers["settings"]
    weights = f"weights by spike {settings['weights']}"
    return [
        (f"spiking k-WTA, {settings['select']}, {weights}", numbers["quality"]),
        ("  its bundle unweighted (ablation)", numbers["ablations"]["unweighted"]),
        ("  its integer counters, no threshold (ablation)", numbers["ablations"]["counters"]),
        ("dense softmax over the same keys", numbers["baselines"]["softmax"]),
        ("backoff n-gram over the same memory", numbers["baselines"]["ngram"]),
        ("unigram", numbers["baselines"]["unigram"]),
    ]


def html(result: Result, drawn: dict[str, str]) -> str:
    """The report as one page without any reference outside itself; ``drawn`` are the figures as SVG text."""
    from jinja2 import Environment, StrictUndefined

    source = (files("hdspike") / "templates" / "report.html.j2").read_text(encoding="utf-8")
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page.filters["joules"] = lambda value: si(value, "J")
    cited = list(dict.fromkeys(s for bill in result.numbers["energy"].values() for s in bill["sources"]))
    return page.from_string(source).render(
        n=result.numbers,
        quality=quality_rows(result.numbers),
        figures=[(name, title, drawn[name][drawn[name].index("<svg") :]) for name, title in FIGURES.items()],
        cited=cited,
        beta=result.beta,
    )


def write(result: Result, folder: Path) -> list[Path]:
    """Write ``report.html``, ``numbers.json`` and the figures; nothing is written before all of it is made."""
    drawn = {}
    for name, figure in figures(result).items():
        drawn[name] = style.svg(figure)
        style.plt.close(figure)
    contents = {f"{name}.svg": text for name, text in drawn.items()}
    contents["numbers.json"] = (
        json.dumps(result.numbers, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    )
    contents["report.html"] = html(result, drawn)
    for name, text in contents.items():
        write_text(folder / name, text)
    return [folder / name for name in sorted(contents)]


# --- the screen ---------------------------------------------------------------------------------------


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right", overflow="fold")
    return table


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
    table.add_row("winners per query", f"{attention['winners_mean']:.1f} of {attention['keys']:,}{theta}")
    table.add_row("non-zero cells", f"{100 * attention['nonzero_fraction']:.3f} %")
    table.add_row("touched cells", f"{100 * attention['touched_fraction']:.1f} %")
    table.add_row("synaptic events per (query, key)", f"{attention['synaptic_events_per_query_key']:.3f}")
    table.add_row("softmax weight on the winners", f"{100 * attention['captured_mass']:.1f} %")
    console.print(table)

    table = _table("two runners, one truth", "rule", "winners compared", "differing", "queries", "differing")
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
        f"({100 * congested['queries_differing'] / congested['queries']:.0f} %)"
    )

    table = _table(
        f"energy of one query over {attention['keys']:,} keys", "what", "ledger", "low", "nominal", "high"
    )
    for bill in numbers["energy"].values():
        values = (si(bill[c], "J") for c in ("low", "nominal", "high"))
        table.add_row(bill["label"], f"{bill['ledger']}, {bill['node']}", *values)
    console.print(table)

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
        f"simulated {numbers['time']['simulated_s']:.3g} s of chip time in {numbers['time']['wall_s']:.1f} s"
    )
    print(f"report: {next(path for path in paths if path.suffix == '.html')}")


def row_label(rule: str) -> str:
    """What a row of the agreement compares, in words."""
    return {
        "race_async": "race, asynchronous chip against functional",
        "race_async_quiet": "race, asynchronous chip without load against functional",
        "race_congestion": "race, asynchronous chip with load against without",
    }.get(rule, f"{rule}, barrier against functional")
