"""Selection rules: who wins. One file each; :func:`make` builds the k-winner-take-all group of a rule."""

from hdspike import check
from hdspike.attention.select import exact, race, threshold
from hdspike.attention.select.theta import calibrate
from hdspike.network import KWTA

__all__ = ["RULES", "calibrate", "make", "needs_theta", "ticks"]

RULES = ("exact", "race", "threshold")


def needs_theta(rule: str) -> bool:
    """Whether the rule compares with a threshold that must be calibrated or given."""
    return check.one_of("select", rule, RULES) != "exact"


def ticks(rule: str) -> int:
    """In how many ticks the input of a query arrives: only a race profits from more than one."""
    return race.TICKS if check.one_of("select", rule, RULES) == "race" else 1


def make(rule: str, *, k: int, top: int, theta: int | None = None) -> KWTA:
    """The group for ``rule``: ``exact`` (the k highest), ``race`` (the first k at θ), ``threshold`` (all at θ).

    ``top`` is the largest potential the code can reach, where a ramp begins.
    """
    check.one_of("select", rule, RULES)
    if rule == "exact":
        return exact.kwta(k=k, top=top)
    if theta is None:
        raise ValueError(f"theta must be given or calibrated for select {rule!r}")
    return race.kwta(k=k, theta=theta) if rule == "race" else threshold.kwta(theta=theta)
