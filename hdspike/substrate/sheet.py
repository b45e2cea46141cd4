"""A substrate's numbers as tables: for the documentation in Markdown, for the screen with numbered citations."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from hdspike.substrate.quantity import KINDS, Quantity, Substrate
from hdspike.substrate.reading import TABLES, available, load

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["absent", "listing", "markdown", "sheet"]

UNCERTAIN = ("energy", "power")  # the tables whose entries have ranges
FLAGS = ("(derived)", "(recalled)", "(assumed)")


def markdown(names: Iterable[str] | None = None) -> str:
    """A Markdown table of every energy and power of the named substrates (all that are shipped)."""
    lines = [
        "| substrate | ledger | node | constant | value | low to high | verified | source |",
        "|" + "---|" * 8,
    ]
    for name in available() if names is None else names:
        chip = load(name)
        for key, q in chip.quantities.items():
            if key.startswith(("energy.", "power.")):
                cells = (
                    chip.name,
                    q.ledger,
                    q.node,
                    f"`{key}`",
                    f"{q.value:g} {q.unit}",
                    f"{q.low:g} to {q.high:g}",
                    "yes" if q.verified else "no",
                    q.source,
                )
                lines.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
    return "\n".join(lines)


def listing() -> "Table":
    """The substrates that come with the package, kind by kind: name, kind, node, ledger, title."""
    from rich.table import Table
    from rich.text import Text

    chips = sorted((load(name) for name in available()), key=lambda chip: (KINDS.index(chip.kind), chip.name))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("name", "kind", "node", "ledger"):
        table.add_column(column, no_wrap=True)
    table.add_column("title", overflow="fold")
    for chip in chips:
        table.add_row(*(Text(cell) for cell in (chip.name, chip.kind, chip.node, chip.ledger, chip.title)))
    return table


def absent() -> str:
    """What the list has no substrate of, in words; empty where every kind is there."""
    missing = [kind for kind in KINDS if kind not in {load(name).kind for name in available()}]
    where = {"measured": "none here, `benchmarks/gpu_energy.py` writes one on a machine with an NVIDIA GPU"}
    return "\n".join(f"{kind}: {where.get(kind, 'none here')}" for kind in missing)


def sheet(chip: Substrate) -> list[Any]:
    """What ``hdspike chip show`` prints of a substrate: a head, a table for each table of the file, citations, notes.

    Ranges run from the 5th to the 95th percentile. Numbers in square brackets lead from a constant to its citation; how
    it was got from there stands beside it.
    """
    from rich.table import Table
    from rich.text import Text

    cited: dict[str, int] = {}
    shown: list[Any] = [
        Text(f"{chip.name}: {chip.title}", style="bold"),
        Text(f"kind {chip.kind}, node {chip.node}, ledger {chip.ledger}"),
    ]
    for name in TABLES:
        entries = [q for key, q in chip.quantities.items() if key.startswith(f"{name}.")]
        if not entries:
            continue
        table = Table(title=name, title_justify="left", title_style="bold", box=None, pad_edge=False)
        table.add_column("constant", no_wrap=True)
        table.add_column("value", no_wrap=True)
        if name in UNCERTAIN:
            table.add_column("5th to 95th", no_wrap=True)
        table.add_column("standing", no_wrap=True)
        table.add_column("", no_wrap=True)
        table.add_column("how", overflow="fold")
        for q in entries:
            number = cited.setdefault(_citation(q), len(cited) + 1)
            span = [f"{q.low:.4g} to {q.high:.4g}"] if name in UNCERTAIN else []
            cells = [q.key.split(".", 1)[1], _value(q), *span]
            table.add_row(*(Text(cell) for cell in (*cells, q.standing, f"[{number}]", _details(q, chip))))
        shown += [Text(""), table]
    if cited:
        shown += [Text(""), Text("sources", style="bold")]
        shown += [Text(f"[{number}] {text}") for text, number in cited.items()]
    shown += [Text(""), Text("notes", style="bold"), Text(" ".join(chip.notes.split()))]
    return shown


def _value(quantity: Quantity) -> str:
    """Value and unit; whole numbers in full, a count without a unit."""
    value = quantity.value
    number = f"{value:,.0f}" if value.is_integer() and value < 1e15 else f"{value:g}"
    return number if quantity.unit == "1" else f"{number} {quantity.unit}"


def _citation(quantity: Quantity) -> str:
    """What is cited, without the flag that the standing already says."""
    text = quantity.citation
    for flag in FLAGS:
        text = text.replace(flag, "")
    return " ".join(text.split())


def _details(quantity: Quantity, chip: Substrate) -> str:
    """How the number was got, and what differs from the head of the sheet."""
    node = quantity.node if quantity.node != chip.node else ""
    leakage = "leakage included" if quantity.includes_leakage else ""
    return "; ".join(part for part in (node, leakage, quantity.how) if part)
