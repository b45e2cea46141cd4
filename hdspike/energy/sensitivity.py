"""Which constant a conclusion hangs on: of one bill, and of a comparison of two.

A bill is linear in its constants, E = Σ amount_i · c_i, so everything about one constant is a closed form:

- its **swing**: E with c_i at its low and at its high, all others nominal (a tornado);
- its **share** of the variance: Var(amount_i · c_i) ÷ Var(E), its first-order Sobol index (Sobol 1993). For a sum of
  independent terms the shares add up to 1 and there are no interactions;
- in a comparison, its **break-even**: the value at which both bills are equal, all others nominal. A constant whose
  break-even lies inside its range can flip the winner alone.

The probability that one bill is below the other needs all constants at once: it is that of the difference of the two,
in which a constant that both bills use is one constant (:mod:`hdspike.energy.percentiles`).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from hdspike import check
from hdspike.energy.bill import Bill
from hdspike.energy.percentiles import Spread, Term
from hdspike.substrate import Quantity

__all__ = ["Comparison", "Lever", "Swing", "compare", "rank"]


@dataclass(frozen=True)
class Swing:
    """One constant of a bill: the bill (J) with it at its low and at its high, and its share of the variance."""

    constant: str
    component: str
    low: float
    high: float
    share: float
    source: str
    verified: bool

    @property
    def joules(self) -> float:
        """The width of the swing (J)."""
        return self.high - self.low


@dataclass(frozen=True)
class Lever:
    """One constant of a comparison: the ratio of the two bills as it goes from its low to its high.

    ``ratio_low`` and ``ratio_high`` are first ÷ second bill, all other constants nominal. ``break_even`` is the value,
    in the constant's own ``unit``, at which the bills are equal; None where no positive value makes them so. ``flips``
    says whether that lies within low … high. ``share`` is the constant's share of the variance of the difference.
    """

    constant: str
    unit: str
    value: float
    low: float
    high: float
    ratio_low: float
    ratio_high: float
    break_even: float | None
    flips: bool
    share: float
    source: str
    verified: bool

    @property
    def swing(self) -> float:
        """How many times the ratio changes over the range, at least 1."""
        return max(self.ratio_high / self.ratio_low, self.ratio_low / self.ratio_high)


@dataclass(frozen=True)
class Comparison:
    """Two bills of one ledger: ``ratio`` is first ÷ second, ``probability`` that of first < second.

    ``error`` is the standard error of ``probability``, 0 where it is a closed form. ``levers`` are the constants, the
    one that changes the ratio most at their head.
    """

    names: tuple[str, str]
    nodes: tuple[str, str]
    ledger: str
    work: str | None
    ratio: float
    probability: float
    error: float
    levers: tuple[Lever, ...]

    @property
    def winner(self) -> str | None:
        """The name of the cheaper bill, by the nominal constants; None where they are equal."""
        return None if self.ratio == 1.0 else self.names[0] if self.ratio < 1.0 else self.names[1]

    def sentence(self) -> str:
        """What the comparison says, in words: who wins, how surely, and on which constant it hangs."""
        first, second = self.names
        if self.winner is None:
            return f"{first} and {second} need the same energy ({self.ledger} ledger)."
        loser, sure = (second, self.probability) if self.ratio < 1.0 else (first, 1.0 - self.probability)
        lever = self.levers[0]
        times = _times(max(self.ratio, 1 / self.ratio))
        told = (
            f"{loser} needs {times} the energy of {self.winner} ({self.ledger} ledger); {self.winner} is the cheaper "
            f"{_probability(sure)}. It hangs most on {lever.constant}, whose range changes the ratio "
            f"{_times(lever.swing)}; "
        )
        flips = [lever.constant for lever in self.levers if lever.flips]
        if flips:
            return f"{told}{' or '.join(flips)} alone can turn it round."
        told += "no constant alone can turn it round"
        near = self.nearest
        if near is None:
            return f"{told}."
        lever, step = near
        way = f"{_times(step)} higher" if step > 1.0 else f"{_times(1 / step)} lower"
        return f"{told}, the nearest, {lever.constant}, would have to be {way}."

    @property
    def nearest(self) -> tuple[Lever, float] | None:
        """The lever whose break-even is the smallest step from its value, and that step as a factor."""
        steps = [
            (lever, lever.break_even / lever.value) for lever in self.levers if lever.break_even is not None
        ]
        return min(steps, key=lambda step: abs(math.log(step[1])), default=None)


def rank(bill: Bill, *, by: str = "swing") -> list[Swing]:
    """The constants of one bill, the one that it hangs on most at the head; those with a single value at the end.

    ``by`` is ``"swing"`` (joules from low to high, others nominal) or ``"share"`` (of the variance). A constant that
    pays for several counters is one constant. Shares add up to 1 unless no constant is uncertain; they are those of
    independent constants.

    Raises ``TypeError`` for anything but a bill and ``ValueError`` for one without terms or an unknown ``by``.
    """
    _check("bill", bill)
    check.one_of("by", by, ("swing", "share"))
    variances = Spread.of(bill.terms).variances
    whole = math.fsum(variances.values())
    nominal = math.fsum(term.joules() for term in bill.terms)
    swings = []
    for name, (term, quantity) in _constants(bill.terms).items():
        rest = nominal - term.joules()
        low, high = (rest + term.joules(value) for value in (quantity.low, quantity.high))
        share = variances.get(name, 0.0) / whole if whole else 0.0
        swings.append(Swing(name, term.component, low, high, share, quantity.source, quantity.verified))
    return sorted(swings, key=lambda one: -(one.joules if by == "swing" else one.share))


def compare(
    first: Bill,
    second: Bill,
    *,
    names: tuple[str, str] | None = None,
    dependence: str = "independent",
    samples: int = 16_384,
    rng: check.Rng = 0,
) -> Comparison:
    """Which of two bills is smaller, how surely, and which constants could change that.

    Draws are paired: a constant of the same substrate that occurs in both bills is the same in both. ``dependence`` is
    that of :func:`hdspike.energy.price`; ``names`` are two different ones that the bills are called by in words (by
    default their substrates).

    Raises ``ValueError`` for bills of two ledgers (a joule of one is not a joule of the other), bills of different
    work (per query, per token) and bills of 0 J, and what :func:`rank` raises.

    >>> from hdspike import substrate
    >>> from hdspike.energy import price
    >>> events = price({"synaptic_events": 1}, substrate.load("loihi"), seconds=0)
    >>> products = price({"macs_fp32": 16}, substrate.load("a100-circuit"), seconds=0)
    >>> found = compare(events, products)
    >>> found.winner, round(found.probability, 2)
    ('loihi', 0.42)
    >>> [(lever.constant, round(lever.break_even, 2), lever.flips) for lever in found.levers]
    [('a100-circuit energy.macs_fp32', 1.48, True), ('loihi energy.synaptic_events', 27.04, True)]
    """
    _check("first", first)
    _check("second", second)
    samples = check.integer("samples", samples, low=100, high=1_000_000)
    if names is None:
        apart = first.substrate != second.substrate
        names = (first.substrate, second.substrate) if apart else ("first", "second")
    if not isinstance(names, tuple | list) or len(names) != 2 or names[0] == names[1]:
        raise ValueError(f"names must be two different names, got {names!r}")
    if first.ledger != second.ledger:
        raise ValueError(f"second must be of the ledger of first, {first.ledger}, got {second.ledger}")
    if first.work != second.work:
        raise ValueError(
            f"second must be per {first.work or 'the same work'} as first, got per {second.work}"
        )
    ends = [bill.nominal for bill in (first, second)]
    if min(ends) <= 0.0:
        raise ValueError(f"first and second must be above 0 J, got {ends[0]:g} and {ends[1]:g}")

    minus = [Term(t.component, t.substrate, t.quantity, -t.amount) for t in second.terms]
    spread = Spread.of((*first.terms, *minus), dependence=dependence)
    probability, error = spread.below(0.0, samples=samples, rng=rng)
    variances = Spread.of((*first.terms, *minus)).variances
    whole = math.fsum(variances.values())
    sides = [_constants(bill.terms) for bill in (first, second)]
    both = sides[1] | sides[0]
    levers = []
    for name, (_, quantity) in both.items():
        amounts = [side[name][0].amount if name in side else 0.0 for side in sides]
        rests = [
            end - amount * quantity.value * quantity.factor for end, amount in zip(ends, amounts, strict=True)
        ]
        levers.append(
            _lever(name, quantity, amounts, rests, variances.get(name, 0.0) / whole if whole else 0.0)
        )
    levers.sort(key=lambda lever: -lever.swing)
    return Comparison(
        (names[0], names[1]), (first.node, second.node), first.ledger, first.work,
        ends[0] / ends[1], probability, error, tuple(levers),
    )  # fmt: skip


def _lever(name: str, quantity: Quantity, amounts: list[float], rests: list[float], share: float) -> Lever:
    """One constant, moved alone: both bills are rest + amount · constant."""

    def ratio(value: float) -> float:
        above, below = (
            rest + amount * value * quantity.factor for rest, amount in zip(rests, amounts, strict=True)
        )
        return above / below

    slope = (amounts[0] - amounts[1]) * quantity.factor
    at = (rests[1] - rests[0]) / slope if slope else -1.0
    break_even = at if at > 0.0 else None
    flips = break_even is not None and quantity.low < break_even < quantity.high
    return Lever(
        name, quantity.unit, quantity.value, quantity.low, quantity.high, ratio(quantity.low), ratio(quantity.high),
        break_even, flips, share, quantity.source, quantity.verified,
    )  # fmt: skip


def _constants(terms: Iterable[Term]) -> dict[str, tuple[Term, Quantity]]:
    """Every constant once, with all of its amounts together."""
    found: dict[str, tuple[Term, Quantity]] = {}
    for term in terms:
        before = found[term.name][0].amount if term.name in found else 0.0
        whole = Term(term.component, term.substrate, term.quantity, before + term.amount)
        found[term.name] = (whole, term.quantity)
    return found


def _check(name: str, bill: Bill) -> None:
    if not isinstance(bill, Bill):
        raise TypeError(f"{name} must be a Bill (see price), not {type(bill).__name__}")
    if not bill.terms:
        raise ValueError(
            f"{name} must charge for something, got a bill of {bill.nominal:g} J without constants"
        )


def _times(factor: float) -> str:
    return f"{factor:.3g} times" if factor < 1000 else f"{factor:,.0f} times"


def _probability(share: float) -> str:
    if share >= 1.0:
        return "at all values that the constants may have"
    shown = "over 99.9" if share > 0.999 else "under 0.1" if share < 0.001 else f"{100 * share:.3g}"
    return f"with a probability of {shown} % over the constants' ranges"
