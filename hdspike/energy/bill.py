"""Counts × substrate → joules, with an honest range.

    E = Σ_c count_c · e_c  +  P_static · T · chips                     (ledgers circuit and path)
    E = P_board · T · chips                                            (ledger board: all work is inside P)

Simulations count, this room alone multiplies: a new energy figure needs no new run.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hdspike import check
from hdspike.energy.percentiles import HIGH, LOW, Spread, Term
from hdspike.energy.terms import amount, terms
from hdspike.substrate import Substrate

__all__ = ["WORK", "Bill", "price"]

WORK = ("query", "token", "inference", "second", "sample", "step", "event", "operation", "run")
"""What a bill may be of: ``per`` says which. None says nothing: the bill is of the counts as they were given."""


@dataclass(frozen=True)
class Bill:
    """What some counts cost on one substrate, in joules.

    ``nominal`` uses the constants as published. ``low`` and ``high`` are the 5th and 95th percentile when
    every constant is drawn log-uniformly, its own low…high read as these percentiles; where a published constant lies
    at the edge of its range they are widened to contain ``nominal``. ``median`` is the 50th percentile.
    ``components`` are nominal and add up to ``nominal``. ``work`` is what the bill is of, one of :data:`WORK` or None.
    ``dependence`` says which constants moved together; ``terms`` are the constants with their amounts.
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
    terms: tuple[Term, ...] = ()
    work: str | None = None
    dependence: str = "independent"

    @property
    def watts(self) -> float:
        """The mean power (W): joules ÷ seconds. ``ValueError`` where the work takes no time."""
        if self.seconds == 0.0:
            raise ValueError("seconds must be above 0 for a power, got 0.0")
        return self.nominal / self.seconds

    @property
    def mean(self) -> float:
        """The expected energy (J) over the full ranges of the constants, a closed form."""
        return Spread.of(self.terms, dependence=self.dependence).mean

    @property
    def deviation(self) -> float:
        """The standard deviation (J) over the full ranges of the constants, a closed form."""
        spread = Spread.of(self.terms, dependence=self.dependence)
        return math.sqrt(math.fsum(spread.variances.values()))

    @property
    def bounds(self) -> tuple[float, float]:
        """The 5th and 95th percentile (J) if all constants were wrong together: Σ of their lows, Σ of their highs.

        Full dependence has the greatest variance of all; independence, the usual assumption, the narrower range.
        """
        low, high = (
            math.fsum(t.joules(getattr(t.quantity, end)) for t in self.terms) for end in ("low", "high")
        )
        return low, high

    def ranges(self, *, samples: int = 4096, rng: check.Rng = 0) -> dict[str, tuple[float, float, float]]:
        """(low, nominal, high) in J of every component alone. Lows and highs do not add up to the bill's."""
        found = {}
        for component, nominal in self.components.items():
            own = [term for term in self.terms if term.component == component]
            low, high = Spread.of(own, dependence=self.dependence).percentiles(
                (LOW, HIGH), samples=samples, rng=rng
            )
            found[component] = (min(low, nominal), nominal, max(high, nominal))
        return found

    def per(self, count: float | None = None, unit: str = "query") -> "Bill":
        """This bill ÷ ``count``, of one ``unit`` of work: joules and seconds alike, so the power stays.

        ``bill.per(512, "token")``: the counts were of 512 tokens. ``bill.per(unit="second")`` takes no count: the
        bill's own seconds are the count, and joules of one second are watts.

        Raises ``ValueError`` for a unit that is not in :data:`WORK`, a count that is not above 0, a count of seconds,
        and a bill of one second where the work takes no time.
        """
        check.one_of("unit", unit, WORK)
        if unit == "second":
            if count is not None:
                raise ValueError(
                    f"count must not be given for unit second: it is the bill's own, got {count!r}"
                )
            if self.seconds == 0.0:
                raise ValueError("seconds must be above 0 for a bill of one second, got 0.0")
            divisor = self.seconds
        else:
            divisor = amount("count", count)
        if divisor == 0.0:
            raise ValueError("count must be above 0, got 0.0")
        return replace(
            self,
            low=self.low / divisor,
            nominal=self.nominal / divisor,
            high=self.high / divisor,
            median=self.median / divisor,
            components={name: joules / divisor for name, joules in self.components.items()},
            seconds=self.seconds / divisor,
            terms=tuple(replace(term, amount=term.amount / divisor) for term in self.terms),
            work=unit,
        )

    def as_json(self) -> dict[str, Any]:
        """The bill as JSON's own types, floats rounded to 6 significant digits."""
        document: dict[str, Any] = {
            "substrate": self.substrate,
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
        return document if self.work is None else {**document, "per": self.work}


def price(
    counts: Mapping[str, int | float],
    substrate: Substrate,
    *,
    seconds: float,
    charge: Iterable[str] | None = None,
    chips: float = 1.0,
    samples: int = 4096,
    rng: check.Rng = 0,
    per: str | None = None,
    dependence: str = "independent",
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

    ``per`` says what the counts are of, one of :data:`WORK` (``"query"``, ``"token"``, …); :meth:`Bill.per` divides.

    Percentiles (:mod:`hdspike.energy.percentiles`) are exact where one constant is uncertain, a quadrature good to
    1e-7 where two are, and else a seeded Latin hypercube of ``samples`` points over all but the most uncertain
    constant, which is integrated out. A constant's column depends on its name and on ``rng`` alone: the same bill on
    every machine, linear in (counts, seconds). ``dependence`` says which constants are wrong together:
    ``"independent"`` none, ``"source"`` those of one source (one model of a process, one factor of a calibration),
    ``"full"`` all of them (exact, and the widest: low and high are those of :attr:`Bill.bounds`).

    Raises ``ValueError``/``TypeError`` for an unknown counter, unit of work or dependence, a count, time or number of
    chips that is negative or not finite, and the rules above.

    >>> from hdspike import substrate
    >>> bill = price({"synaptic_events": 5.4e7}, substrate.load("loihi"), seconds=60 * 5.8e-6, chips=32, per="query")
    >>> {name: round(1e3 * joules, 2) for name, joules in bill.components.items()}  # mJ
    {'compute': 1.27, 'static': 1.16}
    >>> [round(1e3 * joules, 2) for joules in (bill.low, bill.nominal, bill.high)]
    [2.19, 2.43, 3.42]
    """
    if not isinstance(substrate, Substrate):
        raise TypeError(f"substrate must be a Substrate (see substrate.load), not {type(substrate).__name__}")
    if not isinstance(counts, Mapping):
        raise TypeError(f"counts must be a mapping of counters, not {type(counts).__name__}")
    seconds = amount("seconds", seconds)
    chips = amount("chips", chips)
    samples = check.integer("samples", samples, low=100, high=1_000_000)
    if per is not None:
        check.one_of("per", per, WORK)
    found, notes = terms(counts, substrate, charge, seconds=seconds * chips)

    components: dict[str, float] = {}
    for term in found:
        components[term.component] = components.get(term.component, 0.0) + term.joules()
    nominal = math.fsum(term.joules() for term in found)
    used = tuple(term for term in found if term.amount > 0.0)
    low, median, high = Spread.of(used, dependence=dependence).percentiles(samples=samples, rng=rng)
    doubtful = sorted(term.quantity.key for term in used if not term.quantity.verified)
    if doubtful:
        notes.append(f"derived or recalled, not verified: {', '.join(doubtful)}")
    if dependence != "independent":
        together = "constants of one source" if dependence == "source" else "all constants"
        notes.append(f"range: {together} are wrong together")
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
        tuple(dict.fromkeys(term.quantity.citation for term in used)),
        tuple(notes),
        used,
        per,
        dependence,
    )


def _round(value: float) -> float:
    return float(f"{value:.6g}")
