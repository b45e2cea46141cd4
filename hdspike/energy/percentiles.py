"""How far a sum of uncertain constants may lie from its nominal value: Σ amount · constant, all log-uniform.

A constant with 5th and 95th percentile l and h is, with u uniform on (0, 1),

    c(u) = l · (h/l)^((u − 0.05) / 0.9) = a · e^(k·u),      a = c(0),  b = c(1),  k = ln(b/a)

and so E[c] = (b − a)/k, E[c·c′] = a·a′·(e^(k+k′) − 1)/(k + k′) for two that share their u. Constants that share no u
are independent: means and variances of any sum are closed forms. Its percentiles are a closed form where one u is
uncertain, and where all share theirs (comonotone: the percentile of the sum is the sum of the percentiles). Otherwise

    P(S ≤ t) = E[ P(largest part ≤ t − all others) ],

the inner probability exactly (its table of u), the outer mean over a seeded Latin hypercube of the others. With two
uncertain parts that is the midpoint rule of a convolution, good to 1e-7 and without chance; with more the error is
that of a Monte Carlo whose largest part has been integrated out.
"""

import math
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.substrate import Quantity

__all__ = ["DEPENDENCES", "HIGH", "LOW", "Spread", "Term", "family"]

LOW, HIGH = 0.05, 0.95  # the percentiles that a constant's low and high, and a bill's, stand for
DEPENDENCES = ("independent", "source", "full")
"""What shares its u: nothing but the same constant; all constants of one source; all constants."""

TINY = 2.0**-53  # what is possible, though no sample met it

Part = tuple[float, float]  # amount · c(0) in J, and k


@dataclass(frozen=True)
class Term:
    """``amount`` times one constant of the substrate called ``substrate``, shown under ``component``."""

    component: str
    substrate: str
    quantity: Quantity
    amount: float

    @property
    def name(self) -> str:
        """The constant, once in the world: ``loihi energy.packets``."""
        return f"{self.substrate} {self.quantity.key}"

    def joules(self, value: float | None = None) -> float:
        """Amount × the constant (J), or × ``value`` in the constant's own unit."""
        return self.amount * (self.quantity.value if value is None else value) * self.quantity.factor


def family(quantity: Quantity) -> str:
    """The source of a constant without its table, its flag and its explanation."""
    bare = re.sub(r"\s*\((derived|recalled|assumed)\)", "", quantity.citation)
    return re.sub(r", Tables? [0-9]+\b", "", bare)


@dataclass(frozen=True)
class Spread:
    """The distribution of ``fixed`` + Σ of independent ``groups``, each Σ A·e^(k·u) with one u. See :meth:`of`."""

    fixed: float
    groups: tuple[tuple[str, tuple[Part, ...]], ...]

    @classmethod
    def of(cls, terms: Iterable[Term], *, dependence: str = "independent") -> "Spread":
        """The distribution of Σ amount · constant (J); amounts may be negative, in a difference of two bills.

        A constant that occurs twice is one constant. ``dependence`` says which constants move together:
        ``independent`` none, ``source`` those of one source, ``full`` all.
        """
        check.one_of("dependence", dependence, DEPENDENCES)
        pooled: dict[str, tuple[Quantity, list[float]]] = {}
        for term in terms:
            pooled.setdefault(term.name, (term.quantity, []))[1].append(term.amount)
        fixed: list[float] = []
        groups: dict[str, list[Part]] = {}
        for name, (quantity, amounts) in pooled.items():
            scale = math.fsum(amounts) * quantity.factor
            if quantity.low == quantity.high:
                fixed.append(scale * quantity.low)
            elif scale:
                k = math.log(quantity.high / quantity.low) / (HIGH - LOW)
                group = {"independent": name, "source": family(quantity), "full": "all"}[dependence]
                groups.setdefault(group, []).append((scale * quantity.low * math.exp(-LOW * k), k))
        return cls(math.fsum(fixed), tuple((name, tuple(parts)) for name, parts in groups.items()))

    @property
    def mean(self) -> float:
        """E[S] in J, a closed form over the full support."""
        return self.fixed + math.fsum(a * _mean(k) for _, parts in self.groups for a, k in parts)

    @property
    def variances(self) -> dict[str, float]:
        """The variance (J²) that each group brings, a closed form; their sum is that of S."""
        return {
            name: max(0.0, math.fsum(a * b * (_mean(k + m) - _mean(k) * _mean(m)) for a, k in parts for b, m in parts))
            for name, parts in self.groups
        }  # fmt: skip

    @property
    def support(self) -> tuple[float, float]:
        """The least and the greatest value of S (J)."""
        ends = [(a, a * math.exp(k)) for _, parts in self.groups for a, k in parts]
        return self.fixed + math.fsum(map(min, ends)), self.fixed + math.fsum(map(max, ends))

    def percentiles(
        self, at: Iterable[float] = (LOW, 0.5, HIGH), *, samples: int = 4096, rng: check.Rng = 0
    ) -> tuple[float, ...]:
        """The values (J) that S stays below with the probabilities ``at``, each inside (0, 1)."""
        rising = all(a >= 0.0 for _, parts in self.groups for a, _ in parts)
        if len(self.groups) <= 1 and rising:
            parts = self.groups[0][1] if self.groups else ()
            return tuple(self.fixed + math.fsum(a * math.exp(k * p) for a, k in parts) for p in at)
        from scipy.optimize import brentq

        least, most = self.support
        if least == most:  # amounts so small that a joule of them is 0
            return tuple(least for _ in at)
        split = _Split(self, samples, rng)
        size = max(abs(least), abs(most))
        found = []
        for p in at:
            found.append(
                float(
                    brentq(
                        lambda t, p=p: split.inner(t).mean() - p, least, most, xtol=1e-13 * size, rtol=1e-13
                    )
                )
            )
        return tuple(found)

    def below(self, value: float, *, samples: int = 16_384, rng: check.Rng = 0) -> tuple[float, float]:
        """P(S < ``value``) and its standard error, which is 0 where the probability is a closed form.

        0 and 1 are said where they are certain, outside the support, and nowhere else.
        """
        least, most = self.support
        if value <= least or value > most:
            return float(value > most), 0.0
        if len(self.groups) == 1 and len(self.groups[0][1]) == 1:
            a, k = self.groups[0][1][0]
            u = math.log((value - self.fixed) / a) / k  # inside the support, so both have one sign
            return (u if a > 0.0 else 1.0 - u), 0.0
        probability, error = _Split(self, samples, rng).below(value)
        return min(max(probability, TINY), 1.0 - TINY), error or 1.0 / samples


def _mean(k: float) -> float:
    """E[e^(k·u)] = (e^k − 1)/k."""
    return math.expm1(k) / k


class _Split:
    """S = its group of the greatest variance, as a table of u, + all others, as a sorted sample."""

    def __init__(self, spread: Spread, samples: int, rng: check.Rng) -> None:
        variances = spread.variances
        largest = max(variances, key=lambda name: variances[name])
        # A generator is asked once, so that a group's column does not depend on which others are in the sum.
        seed = int(check.generator(rng).integers(2**63))
        self.u = np.linspace(0.0, 1.0, samples + 1)
        rest = np.full(samples, spread.fixed)
        for name, parts in spread.groups:
            if name == largest:
                self.table = np.sort(_along(parts, self.u))  # falls somewhere only in a difference of bills
            else:
                column = np.random.default_rng([seed, zlib.crc32(name.encode())])
                rest += _along(parts, (column.permutation(samples) + 0.5) / samples)
        self.rest = np.sort(rest)  # np.interp is fastest along its table

    def inner(self, value: float) -> NDArray[np.float64]:
        """P(largest < value − rest) for every rest."""
        return np.interp(value - self.rest, self.table, self.u, left=0.0, right=1.0)

    def below(self, value: float) -> tuple[float, float]:
        """P(S < value), and the standard error of a sample of this size that is not stratified."""
        inner = self.inner(value)
        return float(inner.mean()), float(inner.std()) / math.sqrt(len(inner))


def _along(parts: tuple[Part, ...], u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Σ A·e^(k·u) at every u."""
    total = np.zeros_like(u)
    for a, k in parts:
        total += a * np.exp(k * u)
    return total
