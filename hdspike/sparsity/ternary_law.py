"""Ternary is not sparse: the share of zeros that the rule of BitNet b1.58 makes, and what it is worth in bits.

A weight becomes 0 where |w| < ½ mean|W|. For weights drawn independently from

    Gaussian    z = erf(1 ÷ (2√π))   = .3101     (E|w| = σ√(2/π))
    Laplace     z = 1 − e^(−1/2)     = .3935     (E|w| = b)
    uniform     z = 1 ÷ 4                        (E|w| = a/2 on [−a, a])

whatever their scale. With both signs equally frequent, a weight carries

    H(z) = −z log₂ z − (1 − z) log₂(1 − z) + (1 − z)   bits,

at most log₂ 3 = 1.585 (z = 1/3; Gaussian weights: 1.583). Storing only what is not zero needs its place as well, and
two-byte places pay against two bit planes only where fewer than 2 in 17 weights are not zero.
"""

from math import erf, exp, isfinite, log2, pi, sqrt

from hdspike import check

__all__ = ["FORMATS", "WEIGHTS", "entropy", "even_density", "stored_bits", "zeros"]

WEIGHTS = ("gaussian", "laplace", "uniform")
FORMATS = ("two planes", "five in a byte", "bit map and signs", "list of places", "entropy")
PLACE = 16  # bits of a place in a list


def zeros(weights: str) -> float:
    """The share of zeros of weights drawn from ``"gaussian"``, ``"laplace"`` or ``"uniform"``, as above.

    >>> [round(zeros(name), 4) for name in WEIGHTS]
    [0.3101, 0.3935, 0.25]
    """
    check.one_of("weights", weights, WEIGHTS)
    return {"gaussian": erf(1 / (2 * sqrt(pi))), "laplace": 1 - exp(-0.5), "uniform": 0.25}[weights]


def entropy(zero: float) -> float:
    """H(z): bits of a weight that is 0 with chance z, else −1 or +1 with equal chance.

    >>> round(entropy(1 / 3), 4), round(entropy(zeros("gaussian")), 4)
    (1.585, 1.5832)
    """
    share = _share("zero", zero)
    some = [-p * log2(p) for p in (share, 1 - share) if p > 0]
    return sum(some) + 1 - share


def stored_bits(zero: float) -> dict[str, float]:
    """Bits a weight in each format, by :data:`FORMATS`, where a share z is zero.

    >>> {name: round(bits, 2) for name, bits in stored_bits(0.31).items()}["list of places"]
    11.73
    """
    some = 1 - _share("zero", zero)
    return dict(zip(FORMATS, (2.0, 1.6, 1 + some, some * (PLACE + 1), entropy(zero)), strict=True))


def even_density() -> float:
    """The share of weights that are not zero at which a list of places is as long as two planes: 2 ÷ 17."""
    return 2 / (PLACE + 1)


def _share(name: str, value: float) -> float:
    if not (isfinite(value) and 0 <= value <= 1):
        raise ValueError(f"{name} must be a share in [0, 1], got {value}")
    return float(value)
