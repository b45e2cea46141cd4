"""Counts and a substrate → terms (amount × constant): what is charged, and that nothing is silently free."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from hdspike.energy.percentiles import Term
from hdspike.substrate import Substrate
from hdspike.vocabulary import check_counters

__all__ = ["COMPONENTS", "amount", "terms"]

COMPONENTS: dict[str, str] = {
    "synaptic_events": "compute",
    "synaptic_events_dense": "compute",
    "synaptic_events_sparse": "compute",
    "synaptic_events_conv": "compute",
    "word_xors": "compute",
    "popcounts": "compute",
    "macs_fp32": "compute",
    "macs_fp16": "compute",
    "macs_bf16": "compute",
    "macs_int8": "compute",
    "macs_int4": "compute",
    "bit_products": "compute",
    "adds_int32": "compute",
    "exps": "compute",
    "in_memory_xor_bits": "compute",
    "in_memory_and_bits": "compute",
    "in_memory_majority_bits": "compute",
    "cam_bits": "compute",
    "crossbar_bits": "compute",
    "dram_bits": "DRAM read",
    "dram_bits_written": "DRAM write",
    "l2_bits": "L2 read",
    "l2_bits_written": "L2 write",
    "sram_bits": "SRAM read",
    "sram_bits_written": "SRAM write",
    "in_memory_copy_bits": "copies in memory",
    "input_events": "network",
    "packets": "network",
    "hops": "network",
    "hops_east_west": "network",
    "hops_north_south": "network",
    "hops_off_chip": "network",
    "accesses": "update",
    "updates": "update",
    "updates_active": "update",
    "updates_inactive": "update",
    "fired": "update",
    "weight_updates": "learning",
    "encoder_xors": "encoding",
    "encoder_adds": "encoding",
    "encoded_queries": "encoding",
    "clock_cycles": "static",
}
"""What a counter's energy is shown under; ``static`` and ``board`` are the two that no counter has."""

CONTAINS = {"updates": ("updates_active", "updates_inactive"), "hops": ("hops_east_west", "hops_north_south")}


def amount(name: str, value: Any) -> float:
    """A finite number of at least 0."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, not {value!r} of type {type(value).__name__}")
    try:
        number = float(value)
    except OverflowError:  # an integer beyond the floats
        number = math.inf
    if not math.isfinite(number) or number < 0.0:
        raise ValueError(f"{name} must be a finite number of at least 0, got {number}")
    return number


def terms(
    counts: Mapping[str, int | float], substrate: Substrate, charge: Iterable[str] | None, *, seconds: float
) -> tuple[list[Term], list[str]]:
    """Every constant of the bill with how much of it, and notes on what is not in it.

    ``seconds`` are those of all chips together: static and board power are charged over them. The rules are
    those of :func:`hdspike.energy.price`, and so are the errors.
    """
    check_counters(counts)
    amounts = {name: amount(f"counts[{name!r}]", value) for name, value in counts.items()}
    charged = _charged(amounts, substrate, charge)

    def term(component: str, key: str, much: float) -> Term:
        return Term(component, substrate.name, substrate.quantity(key), much)

    timeless = [] if seconds else ["no time: the power that the substrate states is charged over 0 s"]
    if substrate.has("power.board"):
        note = "the power of the whole board over the time: no counter is charged apart"
        return [term("board", "power.board", seconds)], [note, *timeless]
    found = [term(COMPONENTS[name], f"energy.{name}", amounts[name]) for name in charged]
    notes = []
    left = sorted(set(amounts) - set(charged))
    absent = sorted(set(substrate.priced()) - set(amounts))
    if left:
        notes.append(f"not charged, the substrate has no constant: {', '.join(left)}")
    if absent:
        notes.append(f"priced by the substrate, but not counted: {', '.join(absent)}")
    if substrate.has("power.static"):
        found.append(term("static", "power.static", seconds))
        notes += timeless
    elif any(one.quantity.includes_leakage for one in found):
        notes.append("static power is inside the energies of the events")
    else:
        notes.append("no static power in this ledger's constants: none charged")
    return found, notes


def _charged(
    amounts: Mapping[str, float], substrate: Substrate, charge: Iterable[str] | None
) -> tuple[str, ...]:
    """The counters to charge, in the order of the counts, or the reason why they cannot be."""
    if isinstance(charge, str):
        raise TypeError(f"charge must be a collection of counters, not the text {charge!r}")
    if not isinstance(charge, Iterable | None):
        raise TypeError(f"charge must be a collection of counters, not {type(charge).__name__}")
    named = set(amounts if charge is None else charge)
    check_counters(named)
    missing = sorted(named - set(amounts))
    if missing:
        raise ValueError(f"charge must name counters that are in counts, got {', '.join(missing)}")
    if substrate.has("power.board"):
        return ()
    priced = set(substrate.priced())
    unpriced = sorted(named - priced)
    if unpriced:
        raise ValueError(
            f"charge must name counters that the substrate {substrate.name!r} has an energy for "
            f"({', '.join(sorted(priced)) or 'none'}), got {', '.join(unpriced)}"
        )
    free = sorted((priced & set(amounts)) - named)
    if free:
        raise ValueError(
            f"charge must name every counter that the substrate {substrate.name!r} prices, "
            f"so that none is silently free; missing {', '.join(free)}"
        )
    for whole, parts in CONTAINS.items():
        if whole in named and named & set(parts):
            raise ValueError(f"charge must not name {whole} beside its parts, got {', '.join(sorted(named))}")
    shapeless = sorted(named - set(COMPONENTS))
    if shapeless:
        raise ValueError(
            f"charge must name counters of work, one of {', '.join(COMPONENTS)}, got {shapeless[0]}"
        )
    return tuple(name for name in amounts if name in named)
