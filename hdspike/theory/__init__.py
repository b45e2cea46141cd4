"""Closed forms, in one place: what a simulation should find, computed without one.

A *place* is what two vectors are compared by: a bit (``length = 2`` values) of a dense binary vector, or a
block (``length = L`` values) of a sparse block code. Most laws hold for both, with ``length`` as their one
difference. Nothing here draws a random number, except where a function takes ``rng``.
"""

from functools import cache
from math import comb, exp, lgamma, log, log2, pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrc, gammaln, log_ndtr, ndtr, ndtri

from hdspike import check

__all__ = [
    "capacity",
    "chance_touched",
    "code_bits",
    "dropped_mass",
    "dropped_mass_sample",
    "false_match",
    "match_chance",
    "mode_agreement",
    "mode_distance",
    "or_density",
    "retrieval",
    "retrieval_normal",
    "softmax_entropy",
    "wilson",
    "winners_needed",
    "with_errors",
]


def _number(name: str, value: Any, low: float, high: float, *, open_: bool = False) -> float:
    """``value`` as a float in [low, high], or in (low, high) where ``open_``."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, not {value!r} of type {type(value).__name__}")
    number = float(value)
    inside = low < number < high if open_ else low <= number <= high
    if not inside:
        left, right = "()" if open_ else "[]"
        raise ValueError(f"{name} must be in {left}{low:g}, {high:g}{right}, got {number:g}")
    return number


# --- bundles ------------------------------------------------------------------------------------------


def mode_agreement(k: int, *, length: int = 2) -> float:
    r"""Chance that one place of a bundle of K random vectors equals that place of a member.

    .. math:: p(K, L) = \frac{\mathrm{E}[\max_v n_v]}{K}
              \qquad p(K, 2) = \frac12 + \frac{1}{2^{K'}}\binom{K'-1}{(K'-1)/2}

    where n_v counts the members that have value v at that place (K balls thrown into L bins), and K' is K
    where K is odd, K + 1 where it is even. The bundle takes the commonest value, one of them at random where
    several tie; its count is therefore max n_v, and by symmetry each of the K members is one of those counted
    with the same chance. ``K ≥ 1``; ``length = 2`` is the majority of bits.

    Source: majority, Kanerva 1996 and Kleyko et al. 2017; the form for L > 2 is derived as above, with
    P(max ≤ c) from L independent Poisson counts given that they sum to K.

    >>> round(mode_agreement(3), 4), round(1 - mode_agreement(201), 5)
    (0.75, 0.47183)
    """
    return _mode_agreement(check.integer("k", k, low=1), check.integer("length", length, low=2))


@cache
def _mode_agreement(k: int, length: int) -> float:
    if length == 2:
        odd = k if k % 2 else k + 1
        half = (odd - 1) // 2
        if odd <= 1001:
            return 0.5 + comb(odd - 1, half) / 2**odd
        return 0.5 + exp(lgamma(odd) - 2 * lgamma(half + 1) - odd * log(2.0))
    rate = k / length
    counts = np.arange(k + 1)
    poisson = np.exp(counts * log(rate) - rate - gammaln(counts + 1))
    whole = exp(k * log(k) - k - lgamma(k + 1))  # the chance that the L counts sum to K
    expected = 1.0  # max ≥ 1 surely
    for c in range(1, k):
        bounded = np.where(counts <= c, poisson, 0.0)
        beyond = 1.0 - _convolution_power(bounded, length)[k] / whole
        if beyond < 1e-15:
            break
        expected += beyond
    return expected / k


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
    ``δ, b ∈ [0, 1]``. Source: for bits, Kleyko, Rahimi et al. 2017.
    """
    delta = _number("distance", distance, 0, 1)
    b = _number("rate", rate, 0, 1)
    check.integer("length", length, low=2)
    return delta + (1.0 - delta * length / (length - 1)) * b


# --- retrieval ----------------------------------------------------------------------------------------


def retrieval_normal(dim: int, items: int, k: int, *, error: float = 0.0) -> float:
    r"""Chance that a member is the item nearest to a bundle of K, in the normal approximation.

    .. math:: p = \int \mathcal N\bigl(u;\ N(\tfrac12-\delta'),\ N/4\bigr)\,\Phi(2u/\sqrt N)^{M-1}\,du

    where N = ``dim`` bits, M = ``items``, u is the number of equal bits above N/2, δ' is
    :func:`mode_distance` with the bit-error rate ``error``. It takes the variance of *random* pairs for the
    member too; :func:`retrieval` does not. Source: Kleyko, Rahimi et al. 2017.

    >>> round(retrieval_normal(10_000, 1000, 201), 4), round(retrieval_normal(5_000, 1000, 101), 4)
    (0.9874, 0.9872)
    """
    check.integer("dim", dim, low=1)
    check.integer("items", items, low=1)
    centre = sqrt(dim) * (1.0 - 2.0 * with_errors(mode_distance(k), error))
    z = np.linspace(-12.0, 12.0, 4801) + centre  # a trapezoid of a smooth bell is exact to many digits
    bell = np.exp(-0.5 * (z - centre) ** 2) / sqrt(2 * pi)
    return float(np.sum(bell * np.exp((items - 1) * log_ndtr(z))) * (z[1] - z[0]))


def retrieval(
    dim: int, items: int, k: int, *, error: float = 0.0, members: str = "sequence", length: int = 2
) -> float:
    r"""Chance that a member is the item nearest to a bundle of K: the exact law, as sums of binomials.

    .. math:: p = \sum_{h=0}^{N} P(H = h)\ \frac{F(h)^{R+1} - F(h-1)^{R+1}}{(R+1)\,f(h)}
              \qquad H \sim \mathrm{Bin}(N, 1 - \delta'), \quad B \sim \mathrm{Bin}(N, 1/L)

    where N = ``dim`` places are compared (bits, or blocks of ``length`` L), f and F are the chance and the
    cumulative chance of the matches B of a random rival, and the fraction is the chance that none of R rivals
    beats h, with equal scores decided at random. R = M − 1 for ``members="sequence"`` (each member is
    unbound from its role, so that all other items are strangers) and M − K for ``"set"`` (bundled members are
    all right answers). Exact for independent random vectors; ``M ≥ 1``, ``1 ≤ K ≤ M`` for a set.

    >>> round(retrieval(10_000, 1000, 201, members="set"), 4)
    0.9891
    """
    check.integer("dim", dim, low=1)
    check.integer("items", items, low=1)
    check.one_of("members", members, ("sequence", "set"))
    if members == "set":
        check.integer("k", k, low=1, high=items)
    delta = with_errors(mode_distance(k, length=length), error, length=length)
    rivals = items - 1 if members == "sequence" else items - k
    h = np.arange(dim + 1)
    own = _binomial(dim, min(max(1.0 - delta, 0.0), 1.0))
    chance = 1.0 / length
    f, below, above = _binomial(dim, chance), bdtr(h, dim, chance), bdtrc(h, dim, chance)
    n = rivals + 1
    ratio = np.clip(f / np.maximum(below, 1e-300), 0.0, 1.0)
    # log of 0 and log1p(−1) are −∞, rightly: nothing lies below. A ratio near 0 leaves a share of 1.
    with np.errstate(divide="ignore"):
        log_below = np.where(below < 0.5, np.log(below), np.log1p(-above))
        share = np.where(
            ratio > 1e-200, -np.expm1(n * np.log1p(-ratio)) / (n * np.maximum(ratio, 1e-200)), 1.0
        )
    won = np.exp(rivals * log_below) * share if rivals else 1.0
    return float(min(1.0, np.sum(own * won)))


def _binomial(n: int, p: float) -> NDArray[np.float64]:
    """The probabilities of 0 … n hits in n trials of chance p."""
    h = np.arange(n + 1)
    if p in (0.0, 1.0):
        return np.where(h == (n if p else 0), 1.0, 0.0)
    weights = gammaln(n + 1) - gammaln(h + 1) - gammaln(n - h + 1) + h * log(p) + (n - h) * np.log1p(-p)
    return np.asarray(np.exp(weights), dtype=np.float64)


def capacity(dim: int, items: int, *, accuracy: float = 0.99) -> int:
    """The largest odd K whose members are retrieved with at least ``accuracy``: ``max{K : p(K) ≥ accuracy}``.

    Where p is :func:`retrieval_normal` over N = ``dim`` bits and M = ``items``; 0 where even K = 1 fails.
    About N ÷ 51.7 for 99 % of M = 1000. An even K is retrieved as K + 1.

    >>> capacity(5_000, 1000), capacity(10_000, 1000)
    (97, 193)
    """
    goal = _number("accuracy", accuracy, 0, 1, open_=True)
    low, high = -1, 1  # odd K = 2·index + 1: index ``low`` holds, ``high`` fails
    while retrieval_normal(dim, items, 2 * high + 1) >= goal:
        if high > 8 * dim:
            raise ValueError(f"accuracy must be above the chance of a guess, 1/{items}, got {goal:g}")
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if retrieval_normal(dim, items, 2 * middle + 1) >= goal:
            low = middle
        else:
            high = middle
    return 2 * low + 1 if low >= 0 else 0


# --- sparse codes -------------------------------------------------------------------------------------


def match_chance(length: int) -> float:
    """Chance that one block of two random sparse block codes matches: ``1/L``, L = ``length`` ≥ 2."""
    return 1.0 / check.integer("length", length, low=2)


def chance_touched(blocks: int, length: int) -> float:
    """Share of random pairs that match in at least one block: ``1 − (1 − 1/L)^B``.

    Where B = ``blocks``, L = ``length``: what a query over unstructured keys must touch, however few win.
    Real text touches more, since its symbols are not uniform. The mean matches per pair are ``B/L``.

    >>> round(chance_touched(128, 1024), 3)
    0.118
    """
    check.integer("blocks", blocks, low=1)
    return float(-np.expm1(blocks * np.log1p(-match_chance(length))))


def or_density(dim: int, ones: int, count: int) -> float:
    """Share of ones in the OR of K random vectors: ``1 − (1 − w/D)^K``.

    Where w = ``ones`` of D = ``dim`` bits are set in each and K = ``count``. Source: Bloom 1970; the chance
    that a stranger seems to be contained is about density^w.
    """
    check.integer("dim", dim, low=1)
    check.integer("ones", ones, low=0, high=dim)
    check.integer("count", count, low=0)
    return float(1.0 - (1.0 - ones / dim) ** count)


def false_match(dim: int, active: int, synapses: int, theta: int) -> float:
    """Chance that a random pattern reaches θ on a segment: ``P(X ≥ θ), X ~ Hypergeometric(n, a, s)``.

    Where a = ``active`` of n = ``dim`` bits are on, the segment listens to s = ``synapses`` of them, and
    θ = ``theta`` must be on. Source: Ahmad & Hawkins 2016 (``scipy.stats.hypergeom.sf(θ − 1, n, a, s)``).

    >>> f"{false_match(100_000, 2_000, 8, 8):.5e}"
    '2.52507e-14'
    """
    from scipy.stats import hypergeom  # half a second to import: only where it is needed

    check.integer("dim", dim, low=1)
    check.integer("active", active, low=0, high=dim)
    check.integer("synapses", synapses, low=0, high=dim)
    return float(hypergeom.sf(check.integer("theta", theta, low=0) - 1, dim, active, synapses))


def code_bits(dim: int, ones: int) -> float:
    """Bits that name one of all patterns of w ones in D: ``log₂ C(D, w)``, D = ``dim``, w = ``ones``."""
    check.integer("dim", dim, low=1)
    check.integer("ones", ones, low=0, high=dim)
    return log2(comb(dim, ones))


# --- softmax against the winners ----------------------------------------------------------------------


def dropped_mass(share: float, sigma: float) -> float:
    r"""Softmax mass lost when only the top share s of normal scores is kept, as N → ∞.

    .. math:: \tau = \Phi(z_{1-s} - \sigma)

    where scores are i.i.d. normal of deviation σ = ``sigma`` ≥ 0 and z_{1−s} is the normal quantile (2.326
    at s = 1 %): weighting by e^score moves the bell up by σ², that is, by σ deviations. τ is also the total
    variation between softmax and its top share. A finite N loses **more**: :func:`dropped_mass_sample`.
    ``s ∈ (0, 1)``. Source: arXiv:2512.07647.

    >>> [round(dropped_mass(0.01, s), 3) for s in (1, 2, 3, 4)]
    [0.908, 0.628, 0.25, 0.047]
    """
    s = _number("share", share, 0, 1, open_=True)
    return float(ndtr(-ndtri(s) - _number("sigma", sigma, 0, 1e6)))


def winners_needed(loss: float, sigma: float) -> float:
    """Share of winners that loses the mass ε: ``k_ε/N = Φᶜ(σ + Φ⁻¹(ε))``; inverts :func:`dropped_mass`.

    Where ε = ``loss`` ∈ (0, 1), σ = ``sigma`` ≥ 0, Φᶜ = 1 − Φ, N → ∞. Source: arXiv:2512.07647.
    """
    epsilon = _number("loss", loss, 0, 1, open_=True)
    return float(ndtr(-(_number("sigma", sigma, 0, 1e6) + ndtri(epsilon))))


def dropped_mass_sample(
    share: float, sigma: float, keys: int, *, draws: int = 400, rng: check.Rng = None
) -> NDArray[np.float64]:
    """Monte Carlo of the mass lost at finite N: ``τ = 1 − Σ_top e^x ÷ Σ e^x``, once per draw: ``(draws,)``.

    Where x are N = ``keys`` normal scores of deviation σ = ``sigma`` and top are the k largest,
    ``k = max(1, round(s·N))``. Its mean lies above :func:`dropped_mass`, the more so the larger σ; its spread
    is what a single query shows. ``s ∈ (0, 1]``.
    """
    s = _number("share", share, 0, 1)
    deviation = _number("sigma", sigma, 0, 700)
    check.integer("keys", keys, low=1)
    k = min(keys, max(1, round(s * keys)))
    random = check.generator(rng)
    out = np.empty(check.integer("draws", draws, low=1))
    for i in range(draws):
        x = random.standard_normal(keys)
        weight = np.exp(deviation * (x - x.max()))
        weight.partition(keys - k)
        out[i] = weight[: keys - k].sum() / weight.sum()
    return out


def softmax_entropy(keys: int, sigma: float, *, share: float = 1.0) -> float:
    r"""Entropy (nats) of softmax over the top share s of N normal scores, for large N.

    .. math:: H = \ln N - \tfrac12\sigma^2 + \ln\Phi(x) - \sigma\,\frac{\varphi(x)}{\Phi(x)}
              \qquad x = \sigma - z_{1-s}

    where z_{1−s} cuts off the top share (at s = 1, H = ln N − σ²/2) and σ = ``sigma``. The mean of the
    exponential weights must not hang on a few keys: it holds for ``σ < √(2 ln N)``, beyond which H tends to a
    few keys' worth (random energy model, Derrida 1981); there the value returned is held at 0 or above.
    Uniform winners have ``ln k`` instead.
    """
    check.integer("keys", keys, low=1)
    deviation = _number("sigma", sigma, 0, 1e3)
    s = _number("share", share, 0, 1)
    if s == 0:
        raise ValueError("share must be in (0, 1], got 0")
    entropy = log(keys) - deviation**2 / 2
    if s < 1:
        inside = deviation + float(ndtri(s))
        log_mass = float(log_ndtr(inside))
        entropy += log_mass - deviation * exp(-0.5 * inside**2 - 0.5 * log(2 * pi) - log_mass)
    return max(0.0, entropy)


# --- counting -----------------------------------------------------------------------------------------


def wilson(hits: float, trials: float, *, z: float = 1.959964) -> tuple[float, float]:
    r"""The interval of a share that was counted: ``hits`` of ``trials``.

    .. math:: \frac{\hat p + z^2/2n \pm z\sqrt{\hat p(1-\hat p)/n + z^2/4n^2}}{1 + z^2/n}

    where p̂ = hits/trials, n = ``trials`` > 0 (an effective number may be fractional), z = 1.96 for 95 %. It
    stays inside [0, 1] and has a width at p̂ = 0 and 1 too. Source: Wilson 1927.
    """
    n = _number("trials", trials, 0, 1e18, open_=True)
    share = _number("hits", hits, 0, n) / n
    width = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    centre = share + z * z / (2 * n)
    scale = 1 + z * z / n
    return max(0.0, (centre - width) / scale), min(1.0, (centre + width) / scale)
