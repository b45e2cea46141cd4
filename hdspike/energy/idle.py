"""What a chip draws from silence to saturation: how event-driven it really is.

    P(r) = P_rest + (P_awake − P_rest) · r/r_max + e · r,        0 ≤ r ≤ r_max
    P_awake = P_static + e_cycle · f + e_update · U

``r`` are events per second, ``f`` clock cycles, ``U`` the updates of neurons that hear nothing (neurons × ticks per
second). A chip whose file states ``power.idle`` rests between events and is awake for the share r/r_max of the time;
one that states ``power.static`` alone never rests: P_rest = P_awake, and its line is P_awake + e·r. On a board ledger
without energies P_awake is ``power.board`` and e = 0. That the line between two published ends is straight is a model.

P(0) ÷ P(r_max) is the part that silence does not save (Barroso and Hölzle 2007, "The case for energy-proportional
computing"). A chip of which neither idle nor static power is published has no such curve: nothing is taken as 0.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.energy.calibration import rates
from hdspike.energy.percentiles import Spread, Term
from hdspike.energy.terms import COMPONENTS, amount
from hdspike.substrate import Quantity, Substrate

__all__ = ["EVENT", "Curve", "at_rest", "curve", "ends", "saturation"]

EVENT: Mapping[str, float] = {"synaptic_events": 1.0}
RESTS = ("idle", "static")
EQUAL = 1e-6  # constants are printed with five digits or more


@dataclass(frozen=True)
class Part:
    """A constant and how much of it a second takes: ``fixed`` + ``per_event`` · r."""

    name: str
    quantity: Quantity
    fixed: float
    per_event: float

    def at(self, events_per_s: Any) -> Any:
        """The watts at so many events per second."""
        return self.quantity.si * (self.fixed + self.per_event * events_per_s)


@dataclass(frozen=True)
class Curve:
    """Power against events per second on one substrate, in one ledger; made by :func:`curve`.

    ``rest`` says what silence is priced with: ``"idle"``, ``"static"``, or ``None`` where nothing is published; then
    :meth:`watts` and all that needs it raise, and :meth:`known_w` is what the constants do say.
    """

    substrate: str
    ledger: str
    node: str
    rest: str | None
    saturation: float
    parts: tuple[Part, ...]

    def known_w(self, events_per_s: Any) -> NDArray[np.float64]:
        """The watts of the constants that are published: a lower bound where ``rest`` is ``None``."""
        events = rates("events_per_s", events_per_s)
        if events.size and events.max() > self.saturation:
            raise ValueError(
                f"events_per_s must be at most {self.saturation:g}, where {self.substrate!r} saturates, "
                f"got {events.max():g}"
            )
        return sum((np.asarray(part.at(events)) for part in self.parts), np.zeros(events.shape))

    def watts(self, events_per_s: Any) -> NDArray[np.float64]:
        """P(r) in W, of numbers or arrays."""
        if self.rest is None:
            raise ValueError(
                f"substrate must state power.idle or power.static for its power at rest, got {self.substrate!r} "
                "with neither: it is not published, and not 0"
            )
        return self.known_w(events_per_s)

    def joules_per_event(self, events_per_s: Any) -> NDArray[np.float64]:
        """P(r) ÷ r in J, all that the chip draws charged to its events; ``r`` must be above 0."""
        events = rates("events_per_s", events_per_s)
        if not np.all(events > 0.0):
            raise ValueError(f"events_per_s must be above 0, got {events.min()}")
        return np.asarray(self.watts(events) / events)

    def split(self, events_per_s: float) -> dict[str, float]:
        """P(r) by part in W: ``idle``, ``static`` or ``board``, ``clock``, ``update``, ``events``."""
        events = amount("events_per_s", events_per_s)
        self.watts(events)
        out: dict[str, float] = {}
        for part in self.parts:
            out[part.name] = out.get(part.name, 0.0) + float(part.at(events))
        return out

    def interval(
        self, events_per_s: float, *, samples: int = 4096, rng: check.Rng = 0
    ) -> tuple[float, float]:
        """The 5th and the 95th percentile of P(r) in W, as in :func:`hdspike.energy.price`; they contain P(r)."""
        events = amount("events_per_s", events_per_s)
        nominal = float(self.watts(events))
        terms = [
            Term(part.name, self.substrate, part.quantity, part.fixed + part.per_event * events)
            for part in self.parts
        ]
        used = [term for term in terms if term.amount > 0.0]
        count = check.integer("samples", samples, low=100, high=1_000_000)
        low, _, high = Spread.of(used).percentiles(samples=count, rng=rng)
        return min(low, nominal), max(high, nominal)

    @property
    def rest_w(self) -> float:
        """P(0) in W."""
        return float(self.watts(0.0))

    @property
    def marginal_j(self) -> float:
        """The slope of the line, what one event more costs, in J."""
        return math.fsum(part.quantity.si * part.per_event for part in self.parts)

    @property
    def at_silence(self) -> float:
        """P(0) ÷ P(r_max): 0 for a chip that draws nothing at rest, 1 for one that events cost nothing."""
        return self.rest_w / float(self.watts(self.saturation))

    @property
    def even(self) -> float:
        """The events per second at which events cost as much as silence: r* = P(0) ÷ slope.

        It may lie beyond ``saturation``: then rest is the larger part at every rate. Infinite where events are free.
        """
        slope = self.marginal_j
        return self.rest_w / slope if slope > 0.0 else math.inf


def at_rest(substrate: Substrate) -> str | None:
    """What the substrate's power at rest is read from: ``"idle"``, ``"static"``, or ``None``: not published."""
    _check_substrate(substrate)
    for name in RESTS:
        if substrate.has(f"power.{name}"):
            return name
    return None


def ends(substrate: Substrate) -> tuple[float, float]:
    """(P at rest, P at full activity) in W of a chip of which just these two are published.

    ``ValueError`` where ``power.idle`` or ``power.full`` is missing, or rest is above full.
    """
    _check_substrate(substrate)
    missing = [name for name in ("idle", "full") if not substrate.has(f"power.{name}")]
    if missing:
        raise ValueError(
            f"substrate must state power.idle and power.full, got {substrate.name!r} without {' and '.join(missing)}"
        )
    rest, full = substrate.si("power.idle"), substrate.si("power.full")
    if rest > full:
        raise ValueError(f"power.idle must be at most power.full, {full:g} W, got {rest:g} W")
    return rest, full


def saturation(substrate: Substrate, event: Mapping[str, float] = EVENT) -> float:
    """The events per second that the substrate can do at most, by what its file states.

    ``peak.synaptic_events``; or all cores at once, ``timing.synaptic_event`` each (tiles × cores per tile, or
    ``topology.cores``); or the roofline of a processor, the least of ``peak.<precision>`` ÷ 2 per multiply-add and
    ``peak.dram`` × 8 per bit of DRAM. ``ValueError`` where it states none of these.
    """
    _check_substrate(substrate)
    amounts = _amounts("event", event)
    limits: list[float] = []
    synaptic = math.fsum(much for name, much in amounts.items() if name.startswith("synaptic_events"))
    if synaptic > 0.0 and substrate.has("peak.synaptic_events"):
        limits.append(substrate.si("peak.synaptic_events") / synaptic)
    elif synaptic > 0.0 and substrate.has("timing.synaptic_event") and _cores(substrate):
        limits.append(_cores(substrate) / substrate.si("timing.synaptic_event") / synaptic)
    for name, much in amounts.items():
        pipe = f"peak.{name.removeprefix('macs_')}"
        if name.startswith("macs_") and much > 0.0 and substrate.has(pipe):
            limits.append(substrate.si(pipe) / 2.0 / much)
    if amounts.get("dram_bits", 0.0) > 0.0 and substrate.has("peak.dram"):
        limits.append(8.0 * substrate.si("peak.dram") / amounts["dram_bits"])
    if not limits:
        raise ValueError(
            "substrate must state how many events it can do: peak.synaptic_events, timing.synaptic_event with its "
            f"cores, or a roofline, got {substrate.name!r} for {', '.join(amounts) or 'no counter'}"
        )
    return min(limits)


def curve(
    substrate: Substrate,
    *,
    event: Mapping[str, float] = EVENT,
    max_events_per_s: float | None = None,
    always: Mapping[str, float] | None = None,
    rest: str | None = None,
) -> Curve:
    """The power of ``substrate`` against events per second.

    Args:
        event: the counters of one event, for example one synaptic event and its share of a packet; none where events
            cost nothing. On a ``board`` ledger that states ``power.board`` they set the saturation alone.
        max_events_per_s: where the chip saturates; by default :func:`saturation`.
        always: counters that run whether events come or not, each per second awake: ``clock_cycles`` of a clock,
            ``updates_inactive`` or ``updates`` of a chip that visits every neuron in every tick (neurons × ticks).
        rest: ``"idle"`` or ``"static"``, by default :func:`at_rest`: an idle power may be that of another clock.

    Raises ``ValueError``/``TypeError`` for a counter that the substrate has no energy for, a rate that is negative or
    not finite, an energy that holds leakage (it is that of one rate), an idle power above that of the chip awake, and a
    board whose idle power is not published.

    >>> from hdspike import substrate
    >>> line = curve(substrate.load("loihi"))
    >>> [round(float(line.watts(rate)), 4) for rate in (0, 1e9)], round(line.even / 1e9, 2)
    ([0.104, 0.1276], 4.41)
    """
    _check_substrate(substrate)
    amounts, running = _amounts("event", event), _amounts("always", {} if always is None else always)
    limit = saturation(substrate, event) if max_events_per_s is None else max_events_per_s
    most = amount("max_events_per_s", limit)
    if most == 0.0:
        raise ValueError("max_events_per_s must be above 0, got 0.0")
    if rest is not None and not substrate.has(f"power.{check.one_of('rest', rest, RESTS)}"):
        raise ValueError(f"rest must be a power that {substrate.name!r} states, got {rest!r}")
    silence = at_rest(substrate) if rest is None else rest

    awake = _awake(substrate, running)
    parts = [
        Part("events", _energy(substrate, name, "event"), 0.0, much)
        for name, much in amounts.items()
        if much > 0.0 and not substrate.has("power.board")
    ]
    if silence == "idle":
        idle, working = substrate.si("power.idle"), math.fsum(q.si * much for _, q, much in awake)
        if awake and idle > working * (1.0 + EQUAL):
            raise ValueError(
                f"power.idle must be at most what {substrate.name!r} draws awake, {working:g} W, got {idle:g} W"
            )
        # Without a figure for the chip awake it idles on, and events come on top.
        parts.append(Part("idle", substrate.quantity("power.idle"), 1.0, -1.0 / most if awake else 0.0))
        parts.extend(Part(name, quantity, 0.0, much / most) for name, quantity, much in awake)
    elif substrate.has("power.board"):
        raise ValueError(
            f"substrate must state power.idle beside power.board, or nothing is known below saturation, "
            f"got {substrate.name!r} without it"
        )
    else:
        parts.extend(Part(name, quantity, much, 0.0) for name, quantity, much in awake)
    return Curve(substrate.name, substrate.ledger, substrate.node, silence, most, tuple(parts))


def _check_substrate(substrate: Any) -> None:
    if not isinstance(substrate, Substrate):
        raise TypeError(f"substrate must be a Substrate (see substrate.load), not {type(substrate).__name__}")


def _amounts(name: str, counters: Mapping[str, float]) -> dict[str, float]:
    """Checked counters and how much of each."""
    if not isinstance(counters, Mapping):
        raise TypeError(f"{name} must be a mapping of counters, not {type(counters).__name__}")
    unknown = sorted(set(counters) - set(COMPONENTS))
    if unknown:
        raise ValueError(
            f"{name} must use counters of work, one of {', '.join(COMPONENTS)}, got {unknown[0]}"
        )
    return {key: amount(f"{name}[{key!r}]", much) for key, much in counters.items()}


def _awake(substrate: Substrate, running: Mapping[str, float]) -> list[tuple[str, Quantity, float]]:
    """What a chip draws without events while it is awake: part, constant, how much of it."""
    powers = [name for name in ("static", "board") if substrate.has(f"power.{name}")]
    return [(name, substrate.quantity(f"power.{name}"), 1.0) for name in powers] + [
        ("clock" if name == "clock_cycles" else COMPONENTS[name], _energy(substrate, name, "always"), much)
        for name, much in running.items()
        if much > 0.0 and "board" not in powers
    ]


def _cores(substrate: Substrate) -> float:
    """Cores of the chip, or 0."""
    if substrate.has("topology.cores"):
        return substrate.si("topology.cores")
    sides = [f"topology.{key}" for key in ("columns", "rows", "cores_per_tile")]
    return math.prod(substrate.si(key) if substrate.has(key) else 0.0 for key in sides)


def _energy(substrate: Substrate, counter: str, argument: str) -> Quantity:
    """The constant of a counter, or the reason why there is none that a curve can use."""
    key = f"energy.{counter}"
    if not substrate.has(key):
        raise ValueError(
            f"{argument} must have counters that the substrate {substrate.name!r} has an energy for "
            f"({', '.join(substrate.priced()) or 'none'}), got {counter}"
        )
    quantity = substrate.quantity(key)
    if quantity.includes_leakage:
        raise ValueError(
            f"{argument} must not be priced by {key} of {substrate.name!r}: it includes leakage and "
            f"so holds at one rate, got {quantity.value:g} {quantity.unit}"
        )
    return quantity
