"""Sparse binary codes: what matches by chance, what a query costs."""

from math import comb, lgamma, log, log2
from typing import Any

import numpy as np

from hdspike import check
from hdspike.theory.interval import EXACT, number

__all__ = [
    "chance_touched",
    "code_bits",
    "events_by_counts",
    "events_per_pair",
    "events_with_shared",
    "false_match",
    "keys_per_event",
    "match_chance",
    "xor_density",
]


def match_chance(length: int) -> float:
    """Chance that one block of two random sparse block codes matches: ``1/L``, L = ``length`` ≥ 2."""
    return 1.0 / check.integer("length", length, low=2, high=EXACT)


def chance_touched(blocks: int, length: int) -> float:
    """Share of random pairs that match in at least one block: ``1 − (1 − 1/L)^B``.

    Where B = ``blocks``, L = ``length``: what a query over unstructured keys must touch, however few win.
    Real text touches more, since its symbols are not uniform. The mean matches per pair are ``B/L``.

    >>> round(chance_touched(128, 1024), 3)
    0.118
    """
    check.integer("blocks", blocks, low=1, high=EXACT)
    return float(-np.expm1(blocks * np.log1p(-match_chance(length))))


def xor_density(first: float, second: float) -> float:
    """Share of ones in the XOR of two random vectors of densities p and q: ``p + q − 2pq``.

    Twice as many ones for sparse codes: XOR does not keep sparsity, block-local addition does (Laiho et al. 2015).

    >>> round(xor_density(0.01, 0.01), 4), xor_density(0.5, 0.1)
    (0.0198, 0.5)
    """
    p, q = number("first", first, 0, 1), number("second", second, 0, 1)
    return p + q - 2 * p * q


def false_match(dim: int, active: int, synapses: int, theta: int) -> float:
    r"""Chance that a random pattern reaches θ on a segment: ``P(X ≥ θ), X ~ Hypergeometric(n, a, s)``.

    .. math:: P = \sum_{x \ge \theta} \binom{a}{x} \binom{n-a}{s-x} \Big/ \binom{n}{s}

    where a = ``active`` of n = ``dim`` bits are on, the segment listens to s = ``synapses`` of them, and
    θ = ``theta`` must be on. Summed in whole numbers, so that the last digit is right however small it is; where
    those would have more than 10⁸ digits to go through, by ``scipy.stats.hypergeom``. Source: Ahmad & Hawkins 2016.

    >>> f"{false_match(100_000, 2_000, 8, 8):.5e}", f"{false_match(4096, 32, 32, 16):.1e}"
    ('2.52507e-14', '1.2e-27')
    """
    n = check.integer("dim", dim, low=1, high=EXACT)
    a = check.integer("active", active, low=0, high=dim)
    s = check.integer("synapses", synapses, low=0, high=dim)
    x = max(check.integer("theta", theta, low=0), a + s - n, 0)
    most = min(a, s)
    if x > most:
        return 0.0
    if theta <= max(0, a + s - n):
        return 1.0
    if (most - x + 1) * _digits(n, s) > 1e8:
        from scipy.stats import hypergeom  # half a second to import: only where it is needed

        return float(hypergeom.sf(x - 1, n, a, s))
    term = total = comb(a, x) * comb(n - a, s - x)
    while x < most:
        term = term * ((a - x) * (s - x)) // ((x + 1) * (n - a - s + x + 1))
        total += term
        x += 1
    return total / comb(n, s)


def _digits(n: int, s: int) -> float:
    """Decimal digits of C(n, s), about."""
    return (lgamma(n + 1) - lgamma(s + 1) - lgamma(n - s + 1)) / log(10)


def code_bits(dim: int, ones: int) -> float:
    """Bits that name one of all patterns of w ones in D: ``log₂ C(D, w)``, D = ``dim``, w = ``ones``.

    >>> round(code_bits(10_000, 32), 2)
    307.47
    """
    check.integer("dim", dim, low=1, high=EXACT)
    check.integer("ones", ones, low=0, high=dim)
    return log2(comb(dim, ones))


def events_per_pair(dim: int, ones: int) -> float:
    """Synaptic events per (query, key) with random codes: ``w²/D``, the mean overlap of two of them.

    Where w = ``ones`` of D = ``dim`` bits are set in both. A query by inverted lists over N keys costs N·w²/D
    events, all pairs N²·w²/D: quadratic, unless D grows with N.

    >>> events_per_pair(1024, 32), events_per_pair(4096, 32)
    (1.0, 0.25)
    """
    w = check.integer("ones", ones, low=0, high=check.integer("dim", dim, low=1, high=EXACT))
    return w * w / dim


def keys_per_event(dim: int, ones: int) -> float:
    """Keys that a query meets for one synaptic event: ``N* = D/w²``, w = ``ones`` ≥ 1 of D = ``dim`` bits.

    Up to N* keys a query costs less than one event in the mean; beyond, events grow in proportion to the keys.

    >>> keys_per_event(100_000, 32)
    97.65625
    """
    w = check.integer("ones", ones, low=1, high=check.integer("dim", dim, low=1, high=EXACT))
    return dim / (w * w)


def events_by_counts(counts: Any, keys: int) -> float:
    r"""Synaptic events per (query, key) with real codes: ``Σ_d df_d² ÷ N²``, for queries that are like the keys.

    Where df_d = ``counts`` is how many of the N = ``keys`` codes have bit d set. It is least, w²/D, where all
    df are equal (Cauchy–Schwarz): skewed codes cost more, however sparse they are.

    >>> events_by_counts([10, 10, 10, 10], 40), events_by_counts([37, 1, 1, 1], 40)
    (0.25, 0.8575)
    """
    df = check.array("counts", counts, np.int64)
    n = check.integer("keys", keys, low=1, high=EXACT)
    if df.size and (df.min() < 0 or df.max() > n):
        raise ValueError(f"counts must be in [0, {n}], got {df.min()} … {df.max()}")
    return float(np.sum(np.square(df / n)))


def events_with_shared(dim: int, ones: int, shared: float) -> float:
    """Synaptic events per (query, key) where keys share symbols: ``c + (1 − c/w)·w²/D``.

    Where c = ``shared`` ∈ [0, w] is the mean number of ones that two keys have in common because they code the same
    symbol there: for blocks, ``Σ_b c_b`` with the chance c_b that two keys have the same symbol in block b. The other
    ones match by chance. It falls with D down to the floor c and no further: where Σ df² breaks the promise of a
    growing dimension. Derived here; measured in ``sims/05_constant_nonzeros.py``.

    >>> round(events_with_shared(4096, 32, 0.0), 4), round(events_with_shared(2**20, 32, 0.34), 4)
    (0.25, 0.341)
    """
    w = check.integer("ones", ones, low=1, high=check.integer("dim", dim, low=1, high=EXACT))
    c = number("shared", shared, 0, w)
    return c + (1 - c / w) * events_per_pair(dim, w)
