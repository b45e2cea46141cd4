"""Joules of one query: the spiking chip beside dense softmax attention, one ledger at a time.

The chip's counts are those of its timed run. A memory larger than was simulated on one chip is spread over several
that work side by side: counts and chips grow in proportion, the time stays; synaptic events are the functional
runner's own count over all keys. Dense vectors that were cut to a core's input axons are spread over as many
chips as pieces. Links between chips and the sums across pieces are not charged: their source gives no figure.
"""

from collections.abc import Mapping
from math import ceil
from typing import Any

from hdspike import dense, substrate
from hdspike.energy import price
from hdspike.on_chip import OnChip

__all__ = ["dense_bills", "spiking_bills"]

CHARGED = (
    "synaptic_events",
    "updates_active",
    "updates_inactive",
    "packets",
    "hops_east_west",
    "hops_north_south",
)
DENSE = (  # substrate, precision, queries that share one fetch of the keys
    ("a100-circuit", "fp32", 1),
    ("a100-circuit", "int8", 1),
    ("a100-circuit", "int8", 64),
    ("a100-path", "fp16", 1),
    ("a100-path", "int8", 1),
    ("a100-path", "int8", 64),
    ("a100-board", "fp32", 1),
    ("a100-board", "int8", 1),
    ("a100-board", "int8", 64),
)


def share_of(timed: OnChip, *, keys: int, dim: int) -> float:
    """How many times the simulated chip's keys × dimension the whole memory is."""
    return keys / timed.keys * dim / timed.space.dim


def chips_needed(timed: OnChip, *, keys: int, dim: int) -> int:
    """Chips like the simulated one that hold ``keys`` keys of ``dim`` bits."""
    return ceil(share_of(timed, keys=keys, dim=dim))


def spiking_counts(
    timed: OnChip, rule: str, *, keys: int, dim: int, synaptic_events: float
) -> dict[str, float]:
    """Counts of one query over all keys: the timed chip's, scaled up, and its own synaptic events."""
    scale = share_of(timed, keys=keys, dim=dim)
    mean = timed.per_query(rule)
    return {name: mean[name] * scale for name in CHARGED} | {"synaptic_events": synaptic_events}


def spiking_bills(
    name: str, timed: OnChip, rule: str, *, keys: int, dim: int, synaptic_events: float, seed: int
) -> dict[str, dict[str, Any]]:
    """One bill per ledger that the chip has constants for: ``name``, and ``name-silicon`` where it exists."""
    counts = spiking_counts(timed, rule, keys=keys, dim=dim, synaptic_events=synaptic_events)
    chips = chips_needed(timed, keys=keys, dim=dim)
    bills = {}
    for known in (name, f"{name}-silicon"):
        if known == name or known in substrate.available():
            sheet = substrate.load(known)
            bill = price(counts, sheet, seconds=timed.seconds(rule), chips=chips, rng=seed)
            label = f"spiking, {chips} × {sheet.title.split(',')[0]}"
            bills[sheet.name.replace("-", "_")] = {"label": label, **bill.as_json()}
    return bills


def dense_bills(keys: int, dim: int, *, seed: int) -> dict[str, dict[str, Any]]:
    """Softmax attention of one query over ``keys`` keys of ``dim`` dimensions, in every ledger."""
    bills = {}
    for known, precision, batch in DENSE:
        sheet = substrate.load(known)
        cost = dense.attention(keys, dim, precision=precision, batch=batch)
        bill = price(cost.counts, sheet, seconds=cost.seconds(sheet), rng=seed)
        name = f"{known}_{precision}".replace("-", "_") + (f"_batch{batch}" if batch > 1 else "")
        label = f"dense {precision}" + (f", {batch} queries at once" if batch > 1 else ", one query")
        bills[name] = {"label": label, **bill.as_json()}
    return bills


def dense_counts(keys: int, dim: int, precision: str) -> Mapping[str, int | float]:
    """The counts of one dense query, alone."""
    return dense.attention(keys, dim, precision=precision).counts
