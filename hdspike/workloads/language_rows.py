"""The five rows of the original idea for a language model: dimension, operation, attention, activation, hardware.

Both columns are of one token. Every number is a counter of a reading, a size of the model, or a bill; the name of what
it comes from stands beside it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.table import Table

from hdspike import check, dense
from hdspike.dense import Shape
from hdspike.transformer.settings import Settings
from hdspike.workloads.language_counts import LONG, counted, packed_counts
from hdspike.workloads.screen import quantity

__all__ = ["five_rows", "markdown", "table"]

COLUMNS = ("row", "dense", "dense_counter", "spiking", "spiking_counter")
LEAST = "≥ "


def five_rows(
    counts: Mapping[str, int],
    settings: Settings,
    symbols: int,
    shape: Shape,
    *,
    context: int,
    bills: Iterable[Mapping[str, Any]] = (),
    keys: int | None = None,
    rows: int | None = None,
    zeros: float | None = None,
) -> list[dict[str, Any]]:
    """The rows, each with its texts (:data:`COLUMNS`) and its raw ``numbers``.

    Args:
        counts, settings, symbols: a reading of the spiking model.
        shape, context: its dense twin, as it makes one token at a full cache.
        bills: entries of :func:`hdspike.workloads.language_bill.bills`; without any the row of hardware names bytes.
        keys: places in the window while it read (the whole window unless given).
        rows: rows in use (all of them unless given).
        zeros: share of the twin's hidden values that were measured to be zero after its rectifier, where known.

    Raises:
        ValueError: as :func:`hdspike.workloads.language_counts.counted`; ``zeros`` outside [0, 1].
    """
    run = counted(counts, settings, symbols)
    places = settings.window if keys is None else check.integer("keys", keys, low=1)
    every = settings.lines * sum(head.rows for head in settings.heads)
    held = every if rows is None else check.integer("rows", rows, low=0)
    if zeros is not None and not 0 <= zeros <= 1:
        raise ValueError(f"zeros must be in [0, 1], got {zeros}")
    cost = dense.transformer(shape, context=context, precision="fp32")
    found = [
        _dimension(settings, shape),
        _operation(run, settings, symbols, cost),
        _attention(run, settings, shape, context, places),
        _activation(run, settings, shape, cost, places, held, zeros),
        _hardware(list(bills), cost),
    ]
    names = ("dimension", "operation", "attention", "activation", "hardware")
    return [{"row": name, **row} for name, row in zip(names, found, strict=True)]


def _dimension(settings: Settings, shape: Shape) -> dict[str, Any]:
    return {
        "dense": f"{shape.dim:,} numbers, all of them used",
        "dense_counter": "shape.dim",
        "spiking": f"{settings.dim:,} bits, {settings.blocks:,} of them ones "
        f"({100 / settings.lines:.3g} %), {len(settings.heads)} heads of {settings.synapses}",
        "spiking_counter": "settings.dim, settings.blocks",
        "numbers": {"dim": settings.dim, "ones": settings.blocks, "dense_dim": shape.dim},
    }


def _operation(
    run: Mapping[str, int], settings: Settings, symbols: int, cost: dense.DenseCost
) -> dict[str, Any]:
    tokens = run["tokens"]
    packed = packed_counts(run, settings, symbols)
    coincidences = (run["window_events"] + run["lifetime_events"]) / tokens
    votes, codes = run["vote_events"] / tokens, run["encoder_adds"] / tokens
    products = packed["bit_products"] / LONG**2 / tokens
    macs = cost.macs / cost.units
    return {
        "dense": f"{macs:,.0f} float multiply-adds and {cost.counts.get('exps', 0):,.0f} exponentials",
        "dense_counter": "macs, exps",
        "spiking": f"{coincidences:,.0f} spikes that meet a neuron, {votes:,.0f} votes, {codes:,.0f} additions of "
        f"lines; on a processor {packed['adds_int32'] / tokens:,.0f} additions and comparisons; no float "
        f"multiplication, {products:,.0f} products of integers behind the votes (sharpness and rates)",
        "spiking_counter": "window_events + lifetime_events, vote_events, encoder_adds, adds_int32, bit_products",
        "numbers": {
            "coincidences": coincidences,
            "votes": votes,
            "encoder_adds": codes,
            "adds_int32": packed["adds_int32"] / tokens,
            "integer_products": products,
            "float_products": 0,
            "dense_macs": macs,
            "dense_exps": cost.counts.get("exps", 0),
        },
    }


def _attention(
    run: Mapping[str, int], settings: Settings, shape: Shape, context: int, places: int
) -> dict[str, Any]:
    pairs = run["tokens"] * places * len(settings.heads)
    nonzero, touched, each = (run[f"window_{name}"] / pairs for name in ("fired", "touched", "events"))
    cells = shape.layers * shape.heads * context
    return {
        "dense": f"softmax over {context:,} places: {cells:,} of {cells:,} cells non-zero, all touched",
        "dense_counter": "shape.layers × shape.heads × context",
        "spiking": f"k-WTA over {places:,} places: {100 * nonzero:.3g} % of cells non-zero, "
        f"{100 * touched:.3g} % touched, {each:.3g} events per (query, key)",
        "spiking_counter": "window_fired, window_touched, window_events ÷ (tokens × keys × heads)",
        "numbers": {
            "keys": places,
            "nonzero_fraction": nonzero,
            "touched_fraction": touched,
            "synaptic_events_per_query_key": each,
            "dense_cells": cells,
        },
    }


def _activation(
    run: Mapping[str, int],
    settings: Settings,
    shape: Shape,
    cost: dense.DenseCost,
    places: int,
    held: int,
    zeros: float | None,
) -> dict[str, Any]:
    tokens, heads = run["tokens"], len(settings.heads)
    key_share = run["window_fired"] / (tokens * places * heads)
    row_share = run["lifetime_fired"] / (tokens * held) if held else 0.0
    hidden = shape.layers * shape.hidden
    silent = "" if zeros is None else f", {100 * zeros:.0f} % of them zero behind the rectifier"
    return {
        "dense": f"{hidden:,} hidden values, all of them computed{silent}",
        "dense_counter": "shape.layers × shape.hidden" + ("" if zeros is None else ", zeros"),
        "spiking": f"{run['window_fired'] / tokens:,.0f} of {places * heads:,} key neurons "
        f"({100 * key_share:.3g} %), {run['lifetime_fired'] / tokens:.1f} of {held:,} rows ({100 * row_share:.2g} %), "
        f"{settings.blocks} of {settings.dim:,} lines ({100 / settings.lines:.3g} %) fire",
        "spiking_counter": "window_fired, lifetime_fired, settings.blocks",
        "numbers": {
            "keys_fired_share": key_share,
            "rows_fired_share": row_share,
            "lines_fired_share": 1 / settings.lines,
            "dense_values": hidden,
            "dense_zeros": zeros,
        },
    }


def _hardware(entries: list[Mapping[str, Any]], cost: dense.DenseCost) -> dict[str, Any]:
    """The cheapest way of each substrate and side, ledger by ledger."""
    best: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    for entry in entries:
        side = "dense" if entry["side"] in ("dense", "static") else "spiking"
        place = (entry["ledger"], side, entry["substrate"])
        if place not in best or entry["nominal"] < best[place]["nominal"]:
            best[place] = entry
    texts = {}
    for side in ("dense", "spiking"):
        ledgers = dict.fromkeys(ledger for ledger, which, _ in best if which == side)
        parts = []
        for ledger in ledgers:
            own = [best[place] for place in best if place[:2] == (ledger, side)]
            own.sort(key=lambda entry: float(entry["nominal"]))
            parts.append(f"{ledger}: " + ", ".join(map(_cell, own)))
        texts[side] = "; ".join(parts)
    moved = sum(amount for name, amount in cost.counts.items() if name.startswith("dram_bits")) / 8
    return {
        "dense": texts["dense"] or f"{moved:,.0f} bytes of weights and caches moved, fp32",
        "dense_counter": "bills" if texts["dense"] else "dram_bits",
        "spiking": texts["spiking"] or "no bill was given",
        "spiking_counter": "bills",
        "numbers": {
            " ".join(place): {"joules": entry["nominal"], "seconds": entry.get("seconds")}
            for place, entry in best.items()
        },
    }


def _cell(entry: Mapping[str, Any]) -> str:
    """Joules, and the least time where one follows from work that does not wait for itself."""
    seconds = entry.get("seconds") if entry["side"] != "packed" else None
    least = LEAST if entry.get("bound") else ""
    time = f" in {LEAST}{quantity(_three(seconds), 's')}" if seconds else ""
    return f"{least}{quantity(_three(entry['nominal']), 'J')}{time} ({entry['substrate']})"


def _three(value: float) -> float:
    return float(f"{value:.3g}")


def table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """The rows for a terminal."""
    shown = Table(title="One token, dense and spiking", title_justify="left", show_lines=True)
    for name in ("", "dense twin", "Spiking HD-Transformer"):
        shown.add_column(name)
    for row in rows:
        shown.add_row(row["row"], row["dense"], row["spiking"])
    return shown


def markdown(rows: Iterable[Mapping[str, Any]]) -> str:
    """The rows for a page, with the counters that they come from."""
    lines = ["| | dense twin | Spiking HD-Transformer | counted by |", "| --- | --- | --- | --- |"]
    for row in rows:
        counters = f"{row['dense_counter']}; {row['spiking_counter']}"
        lines.append(f"| **{row['row']}** | {row['dense']} | {row['spiking']} | {counters} |")
    return "\n".join(lines) + "\n"
