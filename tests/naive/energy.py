"""Bills one constant at a time: exact distributions by dilogarithms, and sensitivity by pricing again."""

import math
from dataclasses import replace
from types import MappingProxyType

from scipy.special import spence

from hdspike.energy import price

MIDDLES = 400


def ends(quantity, amount):
    """The full range of amount · constant in J, whose 5th and 95th percentile are the constant's low and high."""
    step = (quantity.high / quantity.low) ** (0.05 / 0.9)
    scale = amount * quantity.factor
    return scale * quantity.low / step, scale * quantity.high * step


def below_one(t, a, b):
    """P(X < t) of X log-uniform on [a, b]."""
    if t <= a:
        return 0.0
    return 1.0 if t >= b else math.log(t / a) / math.log(b / a)


def below_two(t, first, second):
    """P(X + Y < t), both log-uniform: ∫ F_Y(t − x) dx/(x·L), by ∫ ln(t − x)/x dx = ln t · ln x − Li₂(x/t)."""
    (a, b), (c, d) = first, second

    def integral(x):
        return math.log(t) * math.log(x) - float(spence(1.0 - x / t))  # spence(1 − z) is Li₂(z)

    found = 0.0
    whole = min(b, t - d)  # up to here Y < t − x for certain
    if whole > a:
        found += math.log(whole / a)
    low, high = max(a, t - d), min(b, t - c)  # between, it is a matter of Y
    if high > low:
        found += (integral(high) - integral(low) - math.log(c) * math.log(high / low)) / math.log(d / c)
    return found / math.log(b / a)


def below(t, ranges):
    """P(Σ < t) of one, two or more: two by the dilogarithm, the others by the middles of many strata."""
    if len(ranges) == 1:
        return below_one(t, *ranges[0])
    if len(ranges) == 2:
        return below_two(t, *ranges) if t > ranges[0][0] + ranges[1][0] else 0.0
    (a, b), *others = ranges
    total = 0.0
    for i in range(MIDDLES):
        total += below(t - a * (b / a) ** ((i + 0.5) / MIDDLES), others)
    return total / MIDDLES


def percentile(p, pairs):
    """The value that Σ amount · constant stays below with probability ``p``, by halving; (constant, amount) pairs."""
    fixed = sum(amount * q.value * q.factor for q, amount in pairs if q.low == q.high)
    ranges = [ends(q, amount) for q, amount in pairs if q.low < q.high]
    low, high = (sum(end) for end in zip(*ranges, strict=True))
    for _ in range(60):
        middle = (low + high) / 2
        if below(middle, ranges) < p:
            low = middle
        else:
            high = middle
    return fixed + (low + high) / 2


def with_constant(substrate, key, value):
    """The same substrate with one constant at ``value``, of which there is no doubt any more."""
    changed = replace(substrate.quantities[key], value=value, low=value, high=value)
    return replace(substrate, quantities=MappingProxyType({**substrate.quantities, key: changed}))


def swings(counts, substrate, **options):
    """key → (J at its low, J at its high): the job priced again with a changed substrate."""
    found = {}
    for key in (*(f"energy.{name}" for name in counts), "power.static", "power.board"):
        if key in substrate.quantities:
            q = substrate.quantities[key]
            found[key] = tuple(
                price(counts, with_constant(substrate, key, value), **options).nominal
                for value in (q.low, q.high)
            )
    return found


def break_even(first, second, substrate, key):
    """The value of one constant at which two functions of a substrate are equal, by halving over 24 decades."""
    low, high = 1e-12, 1e12

    def gap(value):
        changed = with_constant(substrate, key, value)
        return first(changed) - second(changed)

    if gap(low) * gap(high) > 0:
        return None
    for _ in range(100):
        middle = math.sqrt(low * high)
        if gap(low) * gap(middle) <= 0:
            high = middle
        else:
            low = middle
    return math.sqrt(low * high)
