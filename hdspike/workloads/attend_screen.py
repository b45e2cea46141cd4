"""What `hdspike attend` shows when it is done: quality, counts, energy with its sources."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hdspike.workloads.screen import quantity

__all__ = ["print_attend"]

MEASURES = {
    "captured_mass": "softmax mass of the winners",
    "nonzero_fraction": "non-zero cells",
    "touched_fraction": "touched cells",
}


def _rows(numbers: dict[str, Any]) -> list[tuple[str, str]]:
    ratio = numbers["ratio"]
    interval = "no interval from one observation"
    if ratio["low"] is not None:
        interval = (
            f"{100 * ratio['confidence']:g} % interval {ratio['low']:.4f} to {ratio['high']:.4f}, "
            f"{ratio['count']} {ratio['units']}"
        )
    events = numbers["synaptic_events_per_query_key"]
    rows = [
        ("perplexity, softmax", f"{numbers['perplexity_softmax']:.3f}"),
        (f"perplexity, {numbers['select']}", f"{numbers['perplexity']:.3f}"),
        ("ratio", f"{ratio['value']:.4f} ({interval})"),
    ]
    rows += [
        (what, "not measured" if numbers[name] is None else f"{100 * numbers[name]:.2f} %")
        for name, what in MEASURES.items()
    ]
    rows.append(
        ("synaptic events per (query, key)", "none: no spikes here" if events is None else f"{events:.3f}")
    )
    if events is not None:
        rows.append(("resting potentials read and compared, not among the touched cells", "every key"))
    rows += [(f"seconds, {name}", f"{value:.1f}") for name, value in numbers["seconds"].items()]
    return rows


def print_attend(numbers: dict[str, Any], console: Console) -> None:
    """The numbers of `hdspike attend`, for a reader."""
    given = {name: value for name, value in numbers["options"].items() if value or name == "events"}
    words = {name: value if isinstance(value, str) else f"{value:,}" for name, value in given.items()}
    asked = "".join(f", {word} {name}" for name, word in words.items())
    table = Table(
        title=f"{numbers['model']['name']} over {numbers['text']}: {numbers['windows']} window(s) of "
        f"{numbers['context']:,} tokens, {numbers['select']}{asked}; second halves judged",
        title_justify="left", title_style="bold", show_header=False,
    )  # fmt: skip
    table.add_column()
    table.add_column(justify="right")
    for row in _rows(numbers):
        table.add_row(*row)
    console.print(table)
    energy = numbers["energy"]
    table = Table(
        title=f"{energy['what']}: {energy['keys']:,} keys", title_justify="left", title_style="bold"
    )
    for column in ("what", "ledger", "node", "low", "nominal", "high", "sources"):
        table.add_column(
            column, justify="right" if column in ("low", "nominal", "high") else "left", overflow="fold"
        )
    cited: dict[str, int] = {}
    for bill in energy["bills"].values():
        marks = "".join(f"[{cited.setdefault(source, len(cited) + 1)}]" for source in bill["sources"])
        values = (quantity(bill[name], "J") for name in ("low", "nominal", "high"))
        table.add_row(bill["label"], bill["ledger"], bill["node"], *values, escape(marks))
    console.print(table)
    for source, number in cited.items():
        console.print(escape(f"[{number}] {source}"), style="dim", soft_wrap=True)
    for note in dict.fromkeys(
        note for bill in energy["bills"].values() for note in bill["notes"] if "not counted" not in note
    ):
        console.print(escape(f"note: {note}"), style="dim", soft_wrap=True)
