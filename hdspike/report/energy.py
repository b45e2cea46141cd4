"""The bills of a run as its page, its figure and its screen show them: one order, one numbering, one verdict."""

from collections.abc import Mapping
from typing import Any

from hdspike import substrate
from hdspike.attention.select import RULES
from hdspike.idea import si
from hdspike.plot.energy import SIDES, citations, references
from hdspike.substrate import LEDGERS

__all__ = ["arranged", "citations", "references", "verdict"]

OF_KIND = {
    "neuromorphic": "spiking",
    "processor": "packed",
    "measured": "packed",
    "memory": "in-memory",
    "static": "static",
    "brain": "brain",
}
"""What a bill is whose label does not say it, by the kind of its substrate."""


def arranged(numbers: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The bills of one query, ledger by ledger, the cheapest at the head, each with its ``side`` and ``per``."""
    optional = {"per": "query", "components": {}, "sources": [], "notes": []}
    bars = [{**optional, **bill, "side": _side(bill)} for bill in numbers["energy"].values()]
    return sorted(bars, key=lambda bar: (LEDGERS.index(bar["ledger"]), bar["nominal"]))


def verdict(numbers: Mapping[str, Any]) -> str:
    """Who is cheapest in each ledger, and whether spikes or the dense twin win there, in words.

    The cheapest spikes may be those of another rule than the run's own, for which alone the answers were judged.
    """
    said, judged = [], numbers.get("settings", {}).get("select")
    bars = arranged(numbers)
    for ledger in LEDGERS:
        here = [bar for bar in bars if bar["ledger"] == ledger]
        best = {
            side: next((bar for bar in here if bar["side"] == side), None) for side in ("spiking", "dense")
        }
        spiking, dense = best["spiking"], best["dense"]
        if spiking is None or dense is None:
            continue
        won, lost = (spiking, dense) if spiking["nominal"] <= dense["nominal"] else (dense, spiking)
        text = (
            f"{ledger} ledger: the {won['side']} side wins with {won['label']} ({si(won['nominal'], 'J')}); "
            f"{lost['label']}, needs {lost['nominal'] / won['nominal']:.3g} times as much"
        )
        if lost["low"] <= won["high"]:
            text += ", but their ranges overlap"
        rule = next((word for word in spiking["label"].replace(",", " ").split() if word in RULES), judged)
        if rule != judged:
            text += f" (how often the {rule} rule is right this run did not ask)"
        made = next(bar for bar in here if bar["side"] != "brain")  # the brain is a reference, no machine
        if made["side"] not in ("spiking", "dense"):
            text += f"; cheapest of all: {made['label']}, {si(made['nominal'], 'J')}"
        said.append(f"{text}.")
    return " ".join(text[0].upper() + text[1:] for text in said)


def _side(bill: Mapping[str, Any]) -> str:
    """The side that a bill's label begins with, or that of its substrate's kind."""
    word = bill["label"].split()[0].rstrip(",:")
    if word in SIDES:
        return str(word)
    known = bill.get("substrate")
    kind = substrate.load(known).kind if known in substrate.available() else "neuromorphic"
    return OF_KIND.get(kind, "packed")
