"""Joules of one query: the spiking chip beside dense softmax attention, one ledger at a time.

The chip's counts and time are those of its timed run, in which one chip holds its share of the keys and finds
its share of the winners. A larger memory is spread over several such chips side by side: counts grow in
proportion to keys × dimension, the time stays, and as many chips are powered as the memory needs. Synaptic events
of the run's own rule are the functional runner's count over all keys. Both sides read values as the symbols they
stand for; the bundle, its cleanup and links between chips are not charged (docs/energy.md).
"""

from collections.abc import Mapping
from math import ceil
from typing import Any

from hdspike import dense, substrate
from hdspike.attention.select import RULES
from hdspike.energy import price
from hdspike.on_chip import OnChip
from hdspike.substrate import Substrate

__all__ = ["chips_needed", "dense_bills", "dense_counts", "share_of", "spiking_bills", "spiking_counts"]

CHARGED = (
    "synaptic_events",
    "updates_active",
    "updates_inactive",
    "packets",
    "hops_east_west",
    "hops_north_south",
)
DENSE = (  # substrate, precision, queries that share one fetch of the keys, whether the keys stay on the chip
    ("a100-circuit", "fp32", 1, False),
    ("a100-circuit", "int8", 1, False),
    ("a100-circuit", "int8", 64, False),
    ("a100-circuit", "int8", 1, True),
    ("a100-path", "fp16", 1, False),
    ("a100-path", "int8", 1, False),
    ("a100-path", "int8", 64, False),
    ("a100-path", "int8", 1, True),
    ("a100-board", "fp32", 1, False),
    ("a100-board", "int8", 1, False),
    ("a100-board", "int8", 64, False),
)


def share_of(timed: OnChip, *, keys: int, dim: int) -> float:
    """How many times the simulated keys × dimension the whole memory is."""
    return keys / timed.keys * dim / timed.space.dim


def chips_needed(timed: OnChip, *, keys: int, dim: int) -> int:
    """Chips that hold ``keys`` keys of ``dim`` bits."""
    return ceil(keys / timed.keys_per_chip * dim / timed.space.dim)


def spiking_counts(
    timed: OnChip, rule: str, *, keys: int, dim: int, synaptic_events: float | None = None
) -> dict[str, float]:
    """Counts of one query over all keys: the timed run's mean, scaled; ``synaptic_events`` where it is known."""
    scale = share_of(timed, keys=keys, dim=dim)
    mean = timed.per_query(rule)
    counts = {name: mean[name] * scale for name in CHARGED}
    return counts if synaptic_events is None else counts | {"synaptic_events": synaptic_events}


def siblings(sheet: Substrate) -> list[Substrate]:
    """The sheet, and the same chip in another ledger where one is shipped for it."""
    other = f"{sheet.name}-silicon"
    shipped = sheet.name in substrate.available() and substrate.load(sheet.name) == sheet
    return [sheet, substrate.load(other)] if shipped and other in substrate.available() else [sheet]


def spiking_bills(
    sheet: Substrate, timed: OnChip, select: str, *, keys: int, dim: int, synaptic_events: float, seed: int
) -> dict[str, dict[str, Any]]:
    """The bill of the run's rule in every ledger that the chip has constants for, and of the other rules."""
    chips = chips_needed(timed, keys=keys, dim=dim)
    bills = {}
    for one in siblings(sheet):
        for rule in (select, *(r for r in RULES if r != select)) if one is sheet else (select,):
            events = synaptic_events if rule == select else None
            counts = spiking_counts(timed, rule, keys=keys, dim=dim, synaptic_events=events)
            bill = price(counts, one, seconds=timed.seconds(rule), chips=chips, rng=seed)
            name = one.name.replace("-", "_") + ("" if rule == select else f"_{rule}")
            bills[name] = {"label": f"spiking {rule}, {chips} × {one.title.split(',')[0]}", **bill.as_json()}
    return bills


def dense_bills(keys: int, dim: int, *, seed: int) -> dict[str, dict[str, Any]]:
    """Softmax attention of one query over ``keys`` keys of ``dim`` dimensions, in every ledger."""
    bills = {}
    for known, precision, batch, resident in DENSE:
        sheet = substrate.load(known)
        if resident and keys * (dim + 1) * dense.BITS[precision] > sheet.si("topology.l2_memory"):
            continue  # they do not fit
        cost = dense.attention(keys, dim, value_dim=1, precision=precision, batch=batch, resident=resident)
        bill = price(cost.counts, sheet, seconds=cost.seconds(sheet), rng=seed)
        name = (
            f"{known}_{precision}"
            + (f"_batch{batch}" if batch > 1 else "")
            + ("_resident" if resident else "")
        )
        sharing = f"{batch} queries share a fetch" if batch > 1 else "one query"
        label = f"dense {precision}, " + ("keys stay on the chip" if resident else sharing)
        bills[name.replace("-", "_")] = {"label": label, **bill.as_json()}
    return bills


def dense_counts(keys: int, dim: int, precision: str) -> Mapping[str, int | float]:
    """The counts of one dense query, alone."""
    return dense.attention(keys, dim, value_dim=1, precision=precision).counts
