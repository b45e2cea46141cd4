"""The counts of dense work: what every function of this room returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hdspike import check
from hdspike.dense.roofline import Roofline, roofline
from hdspike.substrate import Substrate

__all__ = ["LARGEST", "REGISTER_TILE", "SECTOR_BITS", "DenseCost", "combine"]

REGISTER_TILE = 64
"""Inputs that share one read of a weight or key from SRAM: 64 × 256 entries and their sums fit a register file."""
SECTOR_BITS = 256
"""What DRAM gives at least, for words that lie scattered: 32 bytes."""
LARGEST = 2**40


@dataclass(frozen=True)
class DenseCost:
    """The counts of ``units`` queries or tokens that are worked on together.

    ``totals`` holds integers of all of them, ``counts`` the same for one (amortised, so an entry may be
    fractional); the names are those of :data:`hdspike.vocabulary.COUNTERS`. ``macs`` are the
    multiply-accumulates of the mathematics, whatever counters do them. ``parts`` are the costs that it is made
    of, over the same units; their totals add up to ``totals``.
    """

    what: str
    unit: str
    units: int
    precision: str
    macs: int
    totals: dict[str, int]
    parts: dict[str, "DenseCost"] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int | float]:
        """The counts of one query or token: totals ÷ units."""
        return {
            name: total // self.units if total % self.units == 0 else total / self.units
            for name, total in self.totals.items()
        }

    @property
    def flops(self) -> float:
        """Operations of the mathematics for one query or token: 2 for a multiply-accumulate."""
        return 2 * self.macs / self.units

    def roofline(self, substrate: Substrate) -> Roofline:
        """The roofline of all the units together (see :func:`hdspike.dense.roofline`)."""
        return roofline(self.totals, substrate)

    def seconds(self, substrate: Substrate) -> float:
        """Roofline time of one query or token, amortised over the units (s).

        ``substrate`` must state a peak for every pipe that the work uses (``peak.fp32`` for exponentials) and
        ``peak.dram``, or ``ValueError``.
        """
        return self.roofline(substrate).seconds / self.units

    def as_bits(self) -> "DenseCost":
        """The same work with integer products bit by bit, for a substrate that has no counter of their width.

        A multiply-accumulate of w-bit integers becomes w² ``bit_products`` and one of ``adds_int32``. It runs at
        the roofline of bytes (:func:`hdspike.dense.roofline`).
        """
        totals = dict(self.totals)
        for width in (4, 8):
            macs = totals.pop(f"macs_int{width}", 0)
            for name, each in (("bit_products", width * width), ("adds_int32", 1)):
                if macs:
                    totals[name] = totals.get(name, 0) + each * macs
        return replace(self, totals=totals, parts={name: part.as_bits() for name, part in self.parts.items()})

    def times(self, factor: int, *, unit: str | None = None, units: int | None = None) -> "DenseCost":
        """``factor`` times the same work, seen as so many ``units`` (its own number unless given)."""
        factor = check.integer("factor", factor, low=1, high=LARGEST)
        return replace(
            self,
            unit=self.unit if unit is None else unit,
            units=self.units if units is None else units,
            macs=self.macs * factor,
            totals={name: total * factor for name, total in self.totals.items()},
            parts={name: part.times(factor, unit=unit, units=units) for name, part in self.parts.items()},
        )


def combine(what: str, precision: str, parts: Mapping[str, DenseCost]) -> DenseCost:
    """One cost made of ``parts``, which must be over the same units."""
    units = {(part.unit, part.units) for part in parts.values()}
    if len(units) != 1:
        raise ValueError(f"parts must be over the same units, got {sorted(units)}")
    unit, number = units.pop()
    totals: dict[str, int] = {}
    for part in parts.values():
        for name, total in part.totals.items():
            totals[name] = totals.get(name, 0) + total
    macs = sum(part.macs for part in parts.values())
    return DenseCost(what, unit, number, precision, macs, totals, dict(parts))


def counted(totals: Mapping[str, int]) -> dict[str, int]:
    """``totals`` without the counters that counted nothing: they need no price."""
    return {name: total for name, total in totals.items() if total}
