"""The five rows of the original idea: standard transformer against simulated brain-like one.

Every cell is a count or size of the run, with the name of the counter it came from.
"""

from collections.abc import Mapping
from typing import Any

__all__ = ["si", "the_idea"]


def si(value: float, unit: str = "") -> str:
    """``value`` with three digits and an SI prefix."""
    if value == 0:
        return f"0 {unit}".strip()
    for factor, prefix in (
        (1e9, "G"),
        (1e6, "M"),
        (1e3, "k"),
        (1, ""),
        (1e-3, "m"),
        (1e-6, "µ"),
        (1e-9, "n"),
    ):
        if abs(value) >= factor:
            return f"{value / factor:.3g} {prefix}{unit}".strip()
    return f"{value / 1e-12:.3g} p{unit}".strip()


def the_idea(numbers: Mapping[str, Any]) -> list[dict[str, str]]:
    """Dimension, operation, attention, activation and hardware, from the numbers of one run.

    Both columns are of one query over all keys; the dense one is the dense twin of the run.
    """
    attention, chip, dense = numbers["attention"], numbers["chip"], numbers["dense"]
    keys, queries, counts = attention["keys"], attention["queries"], numbers["dense"]["counts"]
    per_query = attention["counts"]["synaptic_events"] / queries
    active = (attention["counts"]["input_events"] + attention["counts"]["cancelled_events"]) / queries
    spikes = attention["counts"]["fired"] / queries
    chips = chip["chips_for_all_keys"]
    rows = [
        (
            "dimension",
            f"{dense['dim']} numbers, {100 * dense['nonzero_share']:.0f} % of them non-zero",
            "dense.dim, dense.nonzero_share",
            f"{numbers['settings']['dim']:,} bits, {active:,.0f} of them active in a query",
            "settings.dim, attention.counts.input_events + attention.counts.cancelled_events",
        ),
        (
            "operation",
            f"{si(counts['macs_fp32'])} multiply-accumulates a query",
            "dense.counts.macs_fp32",
            f"{si(per_query)} synaptic events (one addition each) a query, no multiplication",
            "attention.counts.synaptic_events",
        ),
        (
            "attention",
            f"softmax: {keys:,} of {keys:,} cells non-zero, all touched",
            "attention.keys",
            f"k-WTA: {100 * attention['nonzero_fraction']:.2f} % of cells non-zero, "
            f"{100 * attention['touched_fraction']:.1f} % touched, "
            f"{attention['synaptic_events_per_query_key']:.2f} events and "
            f"{attention['updates_per_query_key']:.1f} neuron updates per (query, key)",
            "attention.nonzero_fraction, attention.touched_fraction, attention.synaptic_events_per_query_key, "
            "attention.updates_per_query_key",
        ),
        (
            "activation",
            f"{si(counts['exps'])} exponentials a query",
            "dense.counts.exps",
            f"{spikes:,.0f} spikes a query, {attention['winners_mean']:.0f} of them winners",
            "attention.counts.fired, attention.winners_mean",
        ),
        (
            "hardware",
            f"{si(counts['dram_bits'] / 8, 'B')} of keys and values moved a query, fp32",
            "dense.counts.dram_bits",
            f"{si(chip['packets_per_query'])} packets, {si(chip['hops_per_query'])} hops a query on "
            f"{chips} chip{'s' * (chips > 1)} of {chip['keys_per_chip']:,} keys, "
            f"{si(chip['simulated_s_per_query'], 's')}",
            "chip.packets_per_query, chip.hops_per_query, chip.chips_for_all_keys, chip.simulated_s_per_query",
        ),
    ]
    names = ("row", "dense", "dense_counter", "spiking", "spiking_counter")
    return [dict(zip(names, row, strict=True)) for row in rows]
