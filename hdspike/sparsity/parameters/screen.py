"""What `hdspike params` shows: one model in tables, or all that are known in one."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

__all__ = ["print_all", "print_one", "size"]


def size(value: float, unit: str = "B") -> str:
    """``value`` with a decimal prefix, four digits.

    >>> size(13_761_264_768), size(5_132_849_472, "")
    ('13.76 GB', '5.133 G')
    """
    for prefix, power in (("P", 15), ("T", 12), ("G", 9), ("M", 6), ("k", 3)):
        if abs(value) >= 10**power:
            return f"{value / 10**power:.4g} {prefix}{unit}"
    return f"{value:.4g} {unit}".rstrip()


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=not number)
    return table


def _components(found: dict[str, Any]) -> Table:
    table = _table(
        "By component", "component", "parameters", "of all", "read for a token", "of the component"
    )
    whole = found["total"]
    for name, part in found["components"].items():
        total, read = part["total"], part["read"]
        table.add_row(name, f"{total:,}", _percent(total / whole), f"{read:,}", _percent(read / total))
    table.add_section()
    read = found["active_by_convention"]["row"]
    table.add_row("all", f"{whole:,}", _percent(1), f"{read['active']:,}", _percent(read["share"]))
    return table


def _active(found: dict[str, Any]) -> Table:
    table = _table(
        "Active parameters, as they are counted", "convention", "active", "share", "what it counts"
    )
    table.columns[3].justify = "left"
    for name, entry in found["active_by_convention"].items():
        mark = " (as we read its publisher)" if name == found["convention"] and found["published"] else ""
        table.add_row(f"{name}{mark}", f"{entry['active']:,}", _percent(entry["share"]), entry["means"])
    return table


def _weights(found: dict[str, Any]) -> Table:
    batch = found["batch"]
    table = _table(
        f"Bytes of weights, batch {batch:,}", "stored as", "in all", "read in a step", "read per token", "share read"
    )  # fmt: skip
    for entry in found["bytes"].values():
        if entry is not None:
            read = (entry[key] for key in ("stored", "loaded_per_step", "loaded_per_token"))
            table.add_row(entry["storage"], *(size(value) for value in read), _percent(entry["share_loaded"]))
    return table


def _token(found: dict[str, Any]) -> Table:
    """Operations and cache."""
    operations, held, context = found["flops_per_token"], found["cache"], found["context"]
    table = Table(
        title=f"One token, context {context:,}", title_justify="left", title_style="bold", show_header=False
    )
    table.add_column()
    table.add_column(justify="right")
    table.add_row("FLOPs with weights (2 per weight passed)", size(operations["weights"], "FLOP"))
    table.add_row("FLOPs of attention over the cache", size(operations["attention"], "FLOP"))
    ratio = held["values_per_token_every_head"] / held["values_per_token"]
    every = f"; {ratio:.3g}× less than with a key and a value for every head" if ratio > 1 else ""
    table.add_row(f"cached values per token, {held['kind']}{every}", f"{held['values_per_token']:,}")
    table.add_row("cached bytes per token, 16 bits", size(held["bytes_per_token"]))
    windows = (
        f"; {held['windowed_layers']} layers keep {held['window']:,} tokens"
        if held["windowed_layers"]
        else ""
    )
    table.add_row(f"cache of {context:,} tokens{windows}", size(held["bytes"]))
    return table


def print_one(found: dict[str, Any], console: Console) -> None:
    """One model, part by part."""
    console.print(f"[bold]{escape(found['title'])}[/]: {found['total']:,} parameters")
    if found["published"]:
        published = found["published"]
        console.print(
            escape(f"{published['publisher']} publishes: {published['total']}; active {published['active']}"),
            soft_wrap=True,
        )
    for table in (_active(found), _components(found), _weights(found), _token(found)):
        console.print(table)
    if found["experts"] and found["batch"] > 1:
        experts = found["experts"]
        console.print(
            f"A batch of {found['batch']:,} tokens wakes {experts['distinct']:.2f} of {experts['count']} experts of a "
            "layer, if all are equally likely and tokens independent.",
            soft_wrap=True,
        )
    if found["prediction_module"]:
        console.print(
            f"Not counted: {found['prediction_module']:,} parameters of the multi-token prediction module.",
            soft_wrap=True,
        )
    console.print(found["sentence"], soft_wrap=True)
    for note in found["notes"]:
        console.print(escape(f"note: {note}"), style="dim", soft_wrap=True)
    if found["source"]:
        console.print(escape(f"source: {found['source']}"), style="dim", soft_wrap=True)


def print_all(models: list[dict[str, Any]], console: Console) -> None:
    """The models known by name, one a line."""
    table = _table(
        "Known models; active as the publisher counts, and as read for one token (row)",
        "name", "parameters", "active", "share", "counted", "row", "cache/token", "published",
    )  # fmt: skip
    for column in (4, 7):
        table.columns[column].justify = "left"
    for found in models:
        published = found["published"]
        table.add_row(
            found["name"],
            f"{found['total']:,}",
            f"{found['active']:,}",
            _percent(found["share"]),
            found["convention"],
            _percent(found["active_by_convention"]["row"]["share"]),
            size(found["cache"]["bytes_per_token"]),
            f"{published['total'].split(' ')[0].rstrip(',;')} / {published['active'].split(' ')[0]}",
        )
    console.print(table)
    console.print("`hdspike params NAME` shows one of them, `hdspike params CONFIG.json` any other.")
