"""The affine power model of a chip, fitted to measured watts and held to the measurement that was left out.

    P(r, f) = P_static + e_cycle · f + e_event · r

``r`` are events and ``f`` clock cycles per second. The same three constants, read from a substrate, give the same
watts through :func:`hdspike.energy.price`; here they come from measurements. What papers print as "joules per synaptic
event" is often P ÷ r at one rate, with leakage and clock inside: :meth:`Affine.inclusive_j` is that number, and it
holds at that rate alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.energy.terms import amount
from hdspike.substrate import Substrate

__all__ = [
    "ODIN",
    "TRUENORTH",
    "Affine",
    "Point",
    "affine",
    "affine_of",
    "errors",
    "held_out",
    "truenorth_events",
]

SAME = 1e-9  # singular values below this part of the largest are none: the points do not tell the constants apart


@dataclass(frozen=True)
class Point:
    """A measured operating point: ``watts`` at ``events_per_s``, and ``cycles_per_s`` where a clock is charged."""

    name: str
    watts: float
    events_per_s: float
    cycles_per_s: float = 0.0
    source: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise TypeError(f"name must be a text, got {self.name!r}")
        if not amount("watts", self.watts) > 0.0:
            raise ValueError(f"watts must be above 0, got {self.watts}")
        amount("events_per_s", self.events_per_s)
        amount("cycles_per_s", self.cycles_per_s)


@dataclass(frozen=True)
class Affine:
    """The constants of the model in W, J per event and J per clock cycle, none of them negative.

    >>> chip = Affine(static_w=27.3e-6, event_j=8.43e-12, cycle_j=1.78e-12)  # ODIN at 75 MHz, 37.5 M events/s
    >>> round(float(chip.watts(37.5e6, 75e6)) * 1e6, 1), round(float(chip.inclusive_j(37.5e6, 75e6)) * 1e12, 1)
    (476.9, 12.7)
    """

    static_w: float
    event_j: float
    cycle_j: float = 0.0

    def __post_init__(self) -> None:
        for name in ("static_w", "event_j", "cycle_j"):
            amount(name, getattr(self, name))

    def parts(self, events_per_s: float, cycles_per_s: float = 0.0) -> dict[str, float]:
        """The watts of one operating point: ``static``, ``clock`` and ``events``."""
        return {
            "static": self.static_w,
            "clock": self.cycle_j * amount("cycles_per_s", cycles_per_s),
            "events": self.event_j * amount("events_per_s", events_per_s),
        }

    def watts(self, events_per_s: Any, cycles_per_s: Any = 0.0) -> NDArray[np.float64]:
        """P(r, f) in W, of numbers or arrays."""
        events, cycles = rates("events_per_s", events_per_s), rates("cycles_per_s", cycles_per_s)
        try:
            np.broadcast_shapes(events.shape, cycles.shape)
        except ValueError as error:
            raise ValueError(
                f"cycles_per_s must broadcast with events_per_s, got {cycles.shape} and {events.shape}"
            ) from error
        return np.asarray(self.static_w + self.cycle_j * cycles + self.event_j * events)

    def inclusive_j(self, events_per_s: Any, cycles_per_s: Any = 0.0) -> NDArray[np.float64]:
        """P(r, f) ÷ r in J per event: all that the chip draws, charged to its events. ``r`` must be above 0."""
        events = rates("events_per_s", events_per_s)
        if not np.all(events > 0.0):
            raise ValueError(f"events_per_s must be above 0, got {events.min()}")
        return np.asarray(self.watts(events, cycles_per_s) / events)


def affine(points: Iterable[Point]) -> Affine:
    """The constants that fit ``points`` with the least sum of squared *relative* errors, none below 0.

    As many points as constants are met exactly, unless a constant would be negative. There is a clock term where a
    point has cycles. Non-negative least squares (Lawson and Hanson 1974).

    Raises ``ValueError`` where the points do not tell the constants apart: too few, or all at the same rates.
    """
    given = _points(points)
    rows = [[1.0, p.events_per_s] for p in given]
    if any(p.cycles_per_s > 0.0 for p in given):
        rows = [[*row, p.cycles_per_s] for row, p in zip(rows, given, strict=True)]
    relative = np.array(rows) / np.array([[p.watts] for p in given])
    scale = np.where(relative.max(axis=0) > 0.0, relative.max(axis=0), 1.0)
    if np.linalg.matrix_rank(relative / scale, tol=SAME) < len(scale):
        raise ValueError(
            f"points must tell {len(scale)} constants apart: at least so many, at rates that are not in line, got "
            + "; ".join(
                f"{p.events_per_s:g} events/s" + (f" at {p.cycles_per_s:g} Hz" if len(scale) > 2 else "")
                for p in given
            )
        )
    from scipy.optimize import nnls  # slow to import, and rarely needed

    found, _ = nnls(relative / scale, np.ones(len(given)))
    return Affine(*(float(value) for value in found / scale))


def affine_of(substrate: Substrate) -> Affine:
    """The model that a substrate states: ``power.static``, ``energy.synaptic_events`` and ``energy.clock_cycles``.

    A chip without a clock term is charged none. ``ValueError`` without the other two: they are not taken as 0.
    """
    if not isinstance(substrate, Substrate):
        raise TypeError(f"substrate must be a Substrate (see substrate.load), not {type(substrate).__name__}")
    for key in ("power.static", "energy.synaptic_events"):
        if not substrate.has(key):
            raise ValueError(f"substrate must state {key}, got {substrate.name!r} without it")
    clock = "energy.clock_cycles"
    return Affine(
        substrate.si("power.static"),
        substrate.si("energy.synaptic_events"),
        substrate.si(clock) if substrate.has(clock) else 0.0,
    )


def errors(model: Affine, points: Iterable[Point]) -> dict[str, float]:
    """The relative error (predicted − measured) ÷ measured at each point, by its name."""
    return {
        p.name: float(model.watts(p.events_per_s, p.cycles_per_s)) / p.watts - 1.0 for p in _points(points)
    }


def held_out(points: Iterable[Point], name: str) -> tuple[Affine, float]:
    """The model fitted without the point ``name``, and its relative error there."""
    given = _points(points)
    left = [p for p in given if p.name == name]
    if not left:
        raise ValueError(f"name must be a point, one of {', '.join(p.name for p in given)}, got {name!r}")
    model = affine(p for p in given if p.name != name)
    return model, errors(model, left)[name]


def truenorth_events(rate_hz: float) -> float:
    """Synaptic events per second of TrueNorth's 2²⁰ neurons with 128 synapses each that fire at this mean rate."""
    return 2.0**20 * 128.0 * amount("rate_hz", rate_hz)


def _points(points: Iterable[Point]) -> list[Point]:
    if not isinstance(points, Iterable):
        raise TypeError(f"points must be a collection of Points, not {type(points).__name__}")
    given = list(points)
    wrong = next((p for p in given if not isinstance(p, Point)), None)
    if wrong is not None:
        raise TypeError(f"points must be of type Point, not {type(wrong).__name__}")
    names = [p.name for p in given]
    if not given or len(set(names)) < len(names):
        raise ValueError(
            f"points must be at least one, each with a name of its own, got {', '.join(names) or 'none'}"
        )
    return given


def rates(name: str, value: Any) -> NDArray[np.float64]:
    """Finite numbers of at least 0."""
    given = np.asarray(value)
    if given.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be numbers, not {value!r} of type {type(value).__name__}")
    if given.size and not (np.all(np.isfinite(given)) and given.min() >= 0):
        raise ValueError(f"{name} must be finite and at least 0, got {given.min()} … {given.max()}")
    return given.astype(np.float64)


FIGURE_17 = (
    "Akopyan et al., IEEE TCAD 34(10), 2015, Fig. 17; recurrent networks, 128 synapses a neuron, 0.8 V"
)
TRUENORTH = tuple(
    Point(f"{rate:g} Hz", milliwatts * 1e-3, truenorth_events(rate), source=FIGURE_17)
    for rate, milliwatts in ((11.58, 68.0), (20.07, 71.0), (95.93, 94.0))
)
"""TrueNorth as measured, at three mean firing rates."""

FRENKEL = "Frenkel et al., IEEE TBioCAS 13(1), 2019; 0.55 V"
ODIN = (
    Point("75 MHz", 477e-6, 37.5e6, 75e6, source=FRENKEL),
    Point("1.3 MHz", 35e-6, 0.65e6, 1.3e6, source=FRENKEL),
)
"""ODIN as measured, one synaptic event every second clock cycle."""
