"""Joules of the attention of one token of a decoder: softmax, and a rule, on one substrate, thus in one ledger."""

from typing import Any

from hdspike import dense
from hdspike.dense import DenseCost
from hdspike.energy import price
from hdspike.models import Shape
from hdspike.models.rules import Options
from hdspike.substrate import Substrate

__all__ = ["PRECISIONS", "bills", "costs"]

PRECISIONS = ("bf16", "int8")


def _candidates(options: Options, winners: int, context: int) -> int:
    """Keys scored exactly; none more than win where the weights come from the code."""
    always = options.sinks + options.recent
    factor = options.candidates if options.weights == "softmax" else 1
    return min(context, always + factor * (winners - always))


def costs(shape: Shape, select: str, options: Options, context: int, precision: str) -> dict[str, DenseCost]:
    """What the attention of the last of ``context`` tokens counts, in all layers and heads: softmax's, and the rule's.

    Keys and values come from DRAM for the query heads that share them, those of the token are written there. The
    projections before and behind are the same for every rule and left out.
    """
    group = shape.heads // shape.key_heads
    common: dict[str, Any] = {"precision": precision, "batch": group, "appended": 1, "on_chip": True}
    found = {"softmax": dense.attention(context, shape.head_dim, **common)}
    if select == "kwta":
        found["kwta"] = dense.winners_attention(context, shape.head_dim, options.winners, **common)
    elif select == "bundles":
        exact = max(options.winners - options.bundles, 1, options.sinks + options.recent)
        found["bundles"] = dense.bundled_attention(
            context, shape.head_dim, min(exact, context), options.bundles, **common
        )
    elif select in ("events", "event-bundles"):
        bundles = options.bundles if select == "event-bundles" else 0
        exact = min(max(options.winners - bundles, 1, options.sinks + options.recent), context)
        found[select] = dense.event_attention(
            *(context, shape.head_dim, exact, options.blocks, options.lines, options.events),
            _candidates(options, exact, context),
            bundles=bundles,
            scored=options.weights == "softmax",
            **common,
        )
    elif select == "signs":
        many = _candidates(options, options.winners, context)
        found["signs"] = dense.coded_attention(
            *(context, shape.head_dim, options.winners, options.bits, many),
            scored=options.weights == "softmax",
            **common,
        )
    return {
        name: cost.times(shape.layers * shape.key_heads, unit="token", units=1)
        for name, cost in found.items()
    }


def _seconds(cost: DenseCost, substrate: Substrate) -> float:
    """The roofline with two more pipes, words XORed and words counted, where they are used.

    ``ValueError`` where a substrate that is charged by time does not state them.
    """
    times = [cost.seconds(substrate)]
    timed = substrate.has("power.board") or substrate.has("power.static")
    for pipe in ("word_xors", "popcounts"):
        if cost.counts.get(pipe):
            if substrate.has(f"peak.{pipe}"):
                times.append(cost.counts[pipe] / substrate.si(f"peak.{pipe}"))
            elif timed:
                raise ValueError(f"chip must state peak.{pipe} for codes, got {substrate.name!r}")
    return max(times)


def bills(
    shape: Shape, select: str, options: Options, context: int, substrate: Substrate, *, seed: int = 0
) -> dict[str, Any]:
    """The bills by rule and precision; all that the substrate prices is charged over the roofline's time.

    Raises:
        ValueError: the substrate prices no multiply-accumulate of these precisions, or states no roofline.
    """
    board = substrate.has("power.board")
    priced = set(substrate.priced())
    possible = [precision for precision in PRECISIONS if board or f"macs_{precision}" in priced]
    if not possible:
        wanted = " or ".join(f"macs_{precision}" for precision in PRECISIONS)
        raise ValueError(f"chip must price {wanted}, or state the power of a board, got {substrate.name!r}")
    found = {}
    for precision in possible:
        for name, cost in costs(shape, select, options, context, precision).items():
            bill = price(
                cost.counts,
                substrate,
                seconds=_seconds(cost, substrate),
                charge=[counter for counter in cost.counts if counter in priced],
                rng=seed,
                per="token",
            )
            least = "" if board or priced >= set(cost.counts) else ", not all of it priced"
            found[f"{name}_{precision}"] = {
                "label": f"{name} {precision}{least}",
                **bill.as_json(),
                "counts": cost.counts,
            }
    return {
        "what": "attention of the last token of a window, all layers and heads, at least; an estimate",
        "keys": context,
        "substrate": substrate.name,
        "ledger": substrate.ledger,
        "node": substrate.node,
        "bills": found,
    }
