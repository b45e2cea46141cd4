"""How far a bundle is from its members, place by place, and what that leaves of the information."""

from fractions import Fraction
from functools import cache
from math import ceil, comb, exp, lgamma, log, log2, pi, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc, gammaln, xlog1py

from hdspike import check
from hdspike.theory.interval import EXACT, number

__all__ = ["bundle_bits", "mode_agreement", "mode_distance", "with_errors"]


MANY = 2**20
"""Most members of a bundle of blocks: beyond, the law takes too long."""


def mode_agreement(k: int, *, length: int = 2) -> float:
    r"""Chance that one place of a bundle of K random vectors equals that place of a member.

    .. math:: p(K, L) = \frac{\mathrm{E}[\max_v n_v]}{K}
              \qquad p(K, 2) = \frac12 + \frac{1}{2^{K'}}\binom{K'-1}{(K'-1)/2}

    where n_v counts the members that have value v at that place (K balls thrown into L bins), and K' is K
    where K is odd, K + 1 where it is even. The bundle takes the commonest value, one of them at random where
    several tie; its count is therefore max n_v, and by symmetry each of the K members is one of those counted
    with the same chance. ``1 ≤ K ≤ 2⁵³`` (2²⁰ for L > 2); ``length = 2`` is the majority of bits.

    Source: majority, Kanerva 1996 and Kleyko et al. 2018; the form for L > 2 is derived as above, with
    P(max ≤ c) from L independent Poisson counts given that they sum to K.

    >>> round(mode_agreement(3), 4), round(1 - mode_agreement(201), 5)
    (0.75, 0.47183)
    """
    check.integer("length", length, low=2, high=EXACT)
    return _mode_agreement(check.integer("k", k, low=1, high=EXACT if length == 2 else MANY), length)


@cache
def _mode_agreement(k: int, length: int) -> float:
    if length == 2:
        odd = k if k % 2 else k + 1
        half = (odd - 1) // 2
        if odd <= 10_001:
            return float(Fraction(1, 2) + Fraction(comb(odd - 1, half), 2**odd))
        return 0.5 + 0.5 * (1 - 1 / (8 * half) + 1 / (128 * half**2)) / sqrt(pi * half)  # Stirling, to 10⁻¹³
    rate = k / length
    counts = np.arange(k + 1)
    poisson = np.exp(counts * log(rate) - rate - gammaln(counts + 1))
    whole = exp(k * log(k) - k - lgamma(k + 1))  # the chance that the L counts sum to K
    least = ceil(k / length)
    expected = float(least)  # some value has at least K/L of the members
    for c in range(least, k):
        bound = length * float(bdtrc(c, k, 1 / length))  # P(max > c) is at most the sum over the values
        if bound < 1e-16:
            break
        bounded = np.where(counts <= c, poisson, 0.0)
        expected += min(max(1.0 - _at_sum(bounded, length) / whole, 0.0), bound)
    return expected / k


DIRECT = 256
"""Sums up to this are convolved directly; beyond, by Fourier transform (to about 10⁻¹⁶·L)."""


def _at_sum(pmf: NDArray[np.float64], power: int) -> float:
    """The chance that ``power`` draws from ``pmf`` (0 … K) sum to K, its last index."""
    k = len(pmf) - 1
    if k <= DIRECT:
        return float(_convolution_power(pmf, power)[k])
    size = 1 << (2 * k).bit_length()  # what wraps round lies K and more above the mean K: nothing
    return float(np.fft.irfft(np.fft.rfft(pmf, size) ** power, size)[k])


def _convolution_power(pmf: NDArray[np.float64], power: int) -> NDArray[np.float64]:
    """``pmf`` convolved with itself ``power`` times over, up to its own length."""
    out, square, size = np.eye(1, len(pmf))[0], pmf, len(pmf)
    while power:
        if power & 1:
            out = np.convolve(out, square)[:size]
        power >>= 1
        if power:
            square = np.convolve(square, square)[:size]
    return out


def mode_distance(k: int, *, length: int = 2) -> float:
    """Expected share of places in which a bundle of K differs from a member: ``δ(K) = 1 − p(K, L)``.

    Where p is :func:`mode_agreement`. For bits: δ(1) = 0, δ(3) = ¼, and towards ½ as ``½ − 1/√(2πK)``.

    >>> mode_distance(5)
    0.3125
    """
    return 1.0 - mode_agreement(k, length=length)


def with_errors(distance: float, rate: float, *, length: int = 2) -> float:
    r"""Expected distance once each place is changed with chance b.

    .. math:: \delta' = \delta + \Bigl(1 - \frac{L}{L-1}\,\delta\Bigr)\,b
              \qquad (L = 2:\ \delta + (1 - 2\delta)\,b)

    where δ is the distance before, and a changed place takes one of its L − 1 other values at random.
    ``δ, b ∈ [0, 1]``. Source: for bits, Kleyko, Rahimi et al. 2018.

    >>> round(with_errors(0.25, 0.1), 4)
    0.3
    """
    delta = number("distance", distance, 0, 1)
    b = number("rate", rate, 0, 1)
    check.integer("length", length, low=2, high=EXACT)
    return delta + (1.0 - delta * length / (length - 1)) * b


def bundle_bits(k: int, *, length: int = 2) -> float:
    r"""Bits that one place of a bundle tells about its K members together, at most.

    .. math:: I = K\,\Bigl[\log_2 L + (1-\delta)\log_2(1-\delta) + \delta\log_2\frac{\delta}{L-1}\Bigr]

    where δ is :func:`mode_distance`: each member is read through a symmetric channel that changes a share δ of
    its places. For bits and K → ∞ it tends to ``1/(π ln 2)`` = 0.459 bits per bit: a majority keeps less than
    the ``1/(2 ln 2)`` = 0.72 of the sum before the threshold, of which about ½ is reached in practice (Frady,
    Kleyko & Sommer 2018). A place of L values is stored in log₂ L bits: divide by that to compare.

    >>> round(bundle_bits(5), 3), round(bundle_bits(10_001), 3)
    (0.52, 0.459)
    """
    delta = mode_distance(k, length=length)
    if length == 2:  # what is left of two logarithms that cancel
        lead = 1.0 - 2.0 * delta
        return k * float(xlog1py(1 + lead, lead) + xlog1py(1 - lead, -lead)) / (2 * log(2))
    kept = (1 - delta) * log2(1 - delta) + (delta * log2(delta / (length - 1)) if delta > 0 else 0.0)
    return k * (log2(length) + kept)
