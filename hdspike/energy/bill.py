"""Counts × substrate → joules, with an honest range.

    E = Σ_c count_c · e_c  +  P_static · T · chips                     (ledgers circuit and path)
    E = P_board · T · chips                                            (ledger board: all work is inside P)

Simulations count, this file alone multiplies: a new energy figure needs no new run.
"""

import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.substrate import Quantity, Substrate
from hdspike.vocabulary import check_counters

__all__ = ["COMPONENTS", "Bill", "price"]

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
LOW, HIGH = 0.05, 0.95  # the percentiles that a constant's low and high, and a bill's, stand for


@dataclass(frozen=True)
class Bill:
    """What some counts cost on one substrate, in joules.

    ``nominal`` uses the constants as published. ``low`` and ``high`` are the 5th and 95th percentile when
    every constant is drawn independently and log-uniformly, its own low…high read as these percentiles;
    where a published constant lies at the edge of its range they are widened to contain ``nominal``.
    ``median`` is the 50th percentile. ``components`` are nominal and add up to ``nominal``.
    """

    substrate: str
    ledger: str
    node: str
    low: float
    nominal: float
    high: float
    median: float
    components: dict[str, float]
    seconds: float
    chips: float
    sources: tuple[str, ...]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The bill as JSON's own types, floats rounded to 6 significant digits."""
        return {
            "ledger": self.ledger,
            "node": self.node,
            "low": _round(self.low),
            "nominal": _round(self.nominal),
            "high": _round(self.high),
            "components": {name: _round(joules) for name, joules in self.components.items()},
            "seconds": _round(self.seconds),
            "sources": list(self.sources),
            "notes": list(self.notes),
        }


def price(
    counts: Mapping[str, int | float],
    substrate: Substrate,
    *,
    seconds: float,
    charge: Iterable[str] | None = None,
    chips: float = 1.0,
    samples: int = 4096,
    rng: check.Rng = 0,
) -> Bill:
    """What ``counts`` cost on ``substrate`` when they take ``seconds`` on ``chips`` chips.

    Nothing is silently free. Without ``charge``, every counter in ``counts`` is charged, and one that the
    substrate has no constant for is an error. With ``charge``, ``counts`` may hold more (a whole run's), but
    the names must be exactly those of ``counts`` that the substrate prices: an unpriced name and a priced
    one left out are both errors. The bill notes what was left uncharged, what the substrate prices but was
    not counted, and whether static power was charged at all. On a ``board`` substrate the board's power over
    ``seconds`` pays for everything, so any counter may be named and none costs extra.

    A substrate whose constants include leakage cannot state a static power (``substrate.load`` refuses it),
    so leakage is never charged twice; an aggregate (``updates``, ``hops``) beside its parts is an error.

    Percentiles come from a seeded Latin hypercube of ``samples`` points, one stratified log-uniform column
    per constant that depends on the constant's name and ``rng`` alone: the same bill on every machine, linear
    in (counts, seconds) and monotone. One uncertain constant is computed exactly.

    Raises ``ValueError``/``TypeError`` for an unknown counter, a count, time or number of chips that is
    negative or not finite, and the rules above.
    """
    if not isinstance(substrate, Substrate):
        raise TypeError(f"substrate must be a Substrate (see substrate.load), not {type(substrate).__name__}")
    if not isinstance(counts, Mapping):
        raise TypeError(f"counts must be a mapping of counters, not {type(counts).__name__}")
    check_counters(counts)
    amounts = {name: _amount(f"counts[{name!r}]", value) for name, value in counts.items()}
    seconds = _amount("seconds", seconds)
    chips = _amount("chips", chips)
    samples = check.integer("samples", samples, low=100, high=1_000_000)
    charged = _charged(amounts, substrate, charge)

    notes: list[str] = []
    terms: list[tuple[str, Quantity, float]] = []  # component, constant, how much of it
    if substrate.has("power.board"):
        terms.append(("board", substrate.quantity("power.board"), seconds * chips))
        notes.append("the power of the whole board over the time: no counter is charged apart")
    else:
        terms.extend(
            (COMPONENTS[name], substrate.quantity(f"energy.{name}"), amounts[name]) for name in charged
        )
        left = sorted(set(amounts) - set(charged))
        absent = sorted(set(substrate.priced()) - set(amounts))
        if left:
            notes.append(f"not charged, the substrate has no constant: {', '.join(left)}")
        if absent:
            notes.append(f"priced by the substrate, but not counted: {', '.join(absent)}")
        if substrate.has("power.static"):
            terms.append(("static", substrate.quantity("power.static"), seconds * chips))
        elif any(quantity.includes_leakage for _, quantity, _ in terms):
            notes.append("static power is inside the energies of the events")
        else:
            notes.append("no static power in this ledger's constants: none charged")

    components: dict[str, float] = {}
    for component, quantity, amount in terms:
        components[component] = components.get(component, 0.0) + amount * quantity.si
    nominal = math.fsum(amount * quantity.si for _, quantity, amount in terms)
    used = [(quantity, amount) for _, quantity, amount in terms if amount > 0.0]
    low, median, high = _percentiles(used, samples, rng)
    doubtful = sorted(quantity.key for quantity, _ in used if not quantity.verified)
    if doubtful:
        notes.append(f"derived or recalled, not verified: {', '.join(doubtful)}")
    return Bill(
        substrate.name,
        substrate.ledger,
        substrate.node,
        min(low, nominal),
        nominal,
        max(high, nominal),
        median,
        components,
        seconds,
        chips,
        tuple(dict.fromkeys(quantity.citation for quantity, _ in used)),
        tuple(notes),
    )


def _amount(name: str, value: Any) -> float:
    """A finite number of at least 0."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, not {value!r} of type {type(value).__name__}")
    number = float(value)
    if not math.isfinite(number) or number < 0.0:
        raise ValueError(f"{name} must be a finite number of at least 0, got {number}")
    return number


def _charged(
    amounts: Mapping[str, float], substrate: Substrate, charge: Iterable[str] | None
) -> tuple[str, ...]:
    """The counters to charge, in the order of the counts, or the reason why they cannot be."""
    if isinstance(charge, str):
        raise TypeError(f"charge must be a collection of counters, not the text {charge!r}")
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


def _percentiles(
    terms: list[tuple[Quantity, float]], samples: int, rng: check.Rng
) -> tuple[float, float, float]:
    """The 5th, 50th and 95th percentile of Σ amount · constant (J)."""
    exact = math.fsum(amount * q.si for q, amount in terms if q.low == q.high)
    uncertain = [(q, amount) for q, amount in terms if q.low < q.high]
    if len(uncertain) <= 1:
        low = exact + sum(amount * q.low * q.factor for q, amount in uncertain)
        high = exact + sum(amount * q.high * q.factor for q, amount in uncertain)
        middle = exact + sum(amount * math.sqrt(q.low * q.high) * q.factor for q, amount in uncertain)
        return low, middle, high
    # A generator is asked once, so that a constant's column does not depend on which others are in the bill.
    seed = int(check.generator(rng).integers(2**63))
    total = np.full(samples, exact)
    for q, amount in uncertain:
        total += amount * q.factor * _log_uniform(q, samples, seed)
    # Hazen's positions (i − ½)/n are where the strata have their middles: no bias at the percentiles.
    low, middle, high = np.quantile(total, [LOW, 0.5, HIGH], method="hazen")
    return float(low), float(middle), float(high)


def _log_uniform(quantity: Quantity, samples: int, seed: int) -> NDArray[np.float64]:
    """One stratified column: log-uniform with ``low`` and ``high`` at the 5th and 95th percentile."""
    column = np.random.default_rng([seed, zlib.crc32(quantity.key.encode())])
    uniform = (column.permutation(samples) + 0.5) / samples
    return quantity.low * (quantity.high / quantity.low) ** ((uniform - LOW) / (HIGH - LOW))


def _round(value: float) -> float:
    return float(f"{value:.6g}")
