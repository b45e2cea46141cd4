"""A plan: what one job counts on one substrate, and how long it takes there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hdspike import check
from hdspike.energy import Bill, price
from hdspike.substrate import Substrate

__all__ = ["Plan", "sharing", "suffix"]


@dataclass(frozen=True)
class Plan:
    """The counts of one query of a job on a substrate.

    ``seconds`` is the time during which one query holds the chips (its share of a batch), ``None`` where the
    substrate states nothing that a time follows from: then no static power can be charged either, and a
    substrate that has one cannot be billed. ``bound`` says why the counts are only a lower bound, "" where they are
    not: the chip cannot hold or do the job as it is, or states no constant for a part of it.
    """

    substrate: Substrate
    name: str
    """The plan among those of its substrate: letters, digits and underscores."""
    label: str
    counts: Mapping[str, float]
    seconds: float | None
    chips: float = 1.0
    notes: tuple[str, ...] = ()
    bound: str = ""

    @property
    def missing(self) -> str:
        """What a bill would need and the substrate does not state, "" where nothing is missing."""
        if self.substrate.has("power.board") or self.substrate.has("power.static"):
            return "no time for the power it draws" if self.seconds is None else ""
        return "" if self.charge else "no constant for any of its counts"

    @property
    def priceable(self) -> bool:
        """Whether a bill can be written: a time where power is charged, or a constant for at least one count."""
        return not self.missing

    @property
    def charge(self) -> tuple[str, ...]:
        """The counters that the substrate prices: all of them are charged."""
        priced = set(self.substrate.priced())
        return tuple(name for name in self.counts if name in priced)

    def bill(self, *, rng: check.Rng = 0, samples: int = 4096) -> Bill:
        """The bill of one query; ``ValueError`` where the plan is not :attr:`priceable`."""
        if self.missing:
            raise ValueError(
                f"plan must be priceable: {self.substrate.name!r} states {self.missing}, got {self.name!r}"
            )
        return price(
            self.counts,
            self.substrate,
            seconds=self.seconds or 0.0,
            charge=self.charge,
            chips=self.chips,
            rng=rng,
            samples=samples,
            per="query",
        )

    def as_json(self, *, rng: check.Rng = 0) -> dict[str, Any]:
        """The bill under the plan's label, with the plan's own notes before the bill's."""
        bill = self.bill(rng=rng).as_json()
        notes = [*([f"a lower bound: {self.bound}"] if self.bound else []), *self.notes]
        if self.seconds is None:
            notes.append("no time: the substrate states no rate")
            del bill["seconds"]
        return {"label": self.label, **bill, "notes": [*notes, *bill["notes"]]}


def sharing(batch: int, resident: bool) -> str:
    """In words: how often the keys are fetched."""
    if resident:
        return "keys stay on the chip"
    return f"{batch} queries share a fetch" if batch > 1 else "one query"


def suffix(batch: int, resident: bool) -> str:
    """The same in a plan's name."""
    return (f"_batch{batch}" if batch > 1 else "") + ("_resident" if resident else "")
