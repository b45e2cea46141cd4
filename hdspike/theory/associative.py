"""Closed forms of the binary associative memory of Willshaw, and of its retrieval."""

from decimal import Decimal, localcontext
from math import comb, expm1, lgamma, log, log1p, log2

from hdspike import check
from hdspike.theory.interval import EXACT, number

__all__ = ["willshaw_capacity", "willshaw_density", "willshaw_false_ones", "willshaw_information"]


def _sizes(n: int, k: int, n_out: int | None, k_out: int | None) -> tuple[int, int]:
    """The checked output side: that of the input where it is not given."""
    check.integer("n", n, low=1, high=EXACT)
    check.integer("k", k, low=1, high=n)
    m = n if n_out is None else check.integer("n_out", n_out, low=1, high=EXACT)
    return m, check.integer("k_out", k if k_out is None else k_out, low=1, high=m)


def willshaw_density(
    n: int, k: int, stored: int, *, n_out: int | None = None, k_out: int | None = None
) -> float:
    r"""Share of synapses that are 1: ``p₁ = 1 − (1 − k·k'/(n·n'))^M``.

    Where M = ``stored`` pairs of random patterns have k of n inputs and k' = ``k_out`` of n' = ``n_out`` outputs
    active (equal to k and n by default). Source: Willshaw, Buneman & Longuet-Higgins 1969.

    >>> round(willshaw_density(1000, 10, 6931), 4)
    0.5
    """
    m, k2 = _sizes(n, k, n_out, k_out)
    check.integer("stored", stored, low=0, high=EXACT)
    if k * k2 == n * m:
        return float(stored > 0)
    return -expm1(stored * log1p(-k * k2 / (n * m)))


def willshaw_capacity(
    n: int, k: int, *, density: float = 0.5, n_out: int | None = None, k_out: int | None = None
) -> int:
    """Pairs that fill the synapses to a density: ``M = ln(1 − p₁) ÷ ln(1 − k·k'/(n·n'))``, about ``ln 2·n²/k²`` for ½.

    In the limit n → ∞ half of the synapses at 1 carries the most. At finite n some more is carried beyond, in
    patterns that come back with many false ones (:func:`willshaw_information`). Source: Willshaw et al. 1969; Palm
    1980.

    >>> willshaw_capacity(1000, 10)
    6931
    """
    m, k2 = _sizes(n, k, n_out, k_out)
    p1 = number("density", density, 0, 1, open_=True)
    if k * k2 == n * m:
        return 1
    return int(log1p(-p1) / log1p(-k * k2 / (n * m)))


def willshaw_false_ones(
    n: int, k: int, stored: int, *, missing: int = 0, n_out: int | None = None, k_out: int | None = None
) -> float:
    r"""Chance that an output that should be silent fires: the exact law, threshold = the active inputs.

    .. math:: p_{01} = \sum_{i=0}^{c} (-1)^i \binom ci \left[1 - \frac{k'}{n'} (1 - q_i)\right]^{M-1}
              \qquad q_i = \binom{n-i}k \Big/ \binom nk

    where c = k − ``missing`` of the k inputs of a stored pattern are given. An output that takes part in r other
    pairs fires if each of the c inputs does so in at least one of them; r is binomial. The usual p₁^c takes the
    synapses of one output for independent and is too small. Exact for random patterns of exactly k and k'
    ones, other than the pair asked for. Source: Knoblauch 2008 (there with an asymptotic analysis).

    >>> f"{willshaw_false_ones(1000, 10, 6931):.6f}", f"{willshaw_density(1000, 10, 6931) ** 10:.6f}"
    ('0.001263', '0.000976')
    """
    m, k2 = _sizes(n, k, n_out, k_out)
    others = check.integer("stored", stored, low=1, high=EXACT) - 1
    given = k - check.integer("missing", missing, low=0, high=k)
    with localcontext() as context:
        context.prec = 40 + given  # terms as large as C(c, c/2) < 2^c cancel
        f, whole = Decimal(k2) / m, Decimal(comb(n, k))
        total = Decimal(0)
        for i in range(given + 1):
            term = (1 - f * (1 - Decimal(comb(n - i, k)) / whole)) ** others
            total += (-1) ** i * comb(given, i) * term
        return min(1.0, max(0.0, float(total)))


def willshaw_information(
    n: int,
    k: int,
    stored: int,
    *,
    false_ones: float | None = None,
    n_out: int | None = None,
    k_out: int | None = None,
) -> float:
    r"""Bits stored per synapse: what a recalled pattern tells of the right one, times M, over the synapses.

    .. math:: I = \frac M{n n'} \left[\log_2 \binom{n'}{k'} - \log_2 \binom{k' + F}{k'}\right]

    where the right k' ones are among the k' + F recalled and nothing tells which; F is ``false_ones``, the mean
    number of false ones, (n' − k')·p₀₁ by :func:`willshaw_false_ones` where it is not given. The limit for
    n → ∞ is ln 2 = .69 (Willshaw et al. 1969), approached very slowly.

    >>> [round(willshaw_information(n, k, willshaw_capacity(n, k)), 3) for n, k in ((1000, 10), (4000, 12))]
    [0.51, 0.533]
    """
    m, k2 = _sizes(n, k, n_out, k_out)
    check.integer("stored", stored, low=0, high=EXACT)
    if not stored:
        return 0.0
    if false_ones is None:
        false_ones = (m - k2) * willshaw_false_ones(n, k, stored, n_out=n_out, k_out=k_out)
    f = number("false_ones", false_ones, 0, m - k2)
    left = (lgamma(k2 + f + 1) - lgamma(k2 + 1) - lgamma(f + 1)) / log(2)
    return max(0.0, stored * (log2(comb(m, k2)) - left) / (n * m))
