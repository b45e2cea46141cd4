r"""How many features one vector holds: real directions added up, beside a majority of binary hypervectors.

n features, each a unit vector in m real dimensions; k of them are there and their sum is kept. Feature i is read by the
product with its own direction: 1 if it is there, plus what the others send into it (Elhage et al. 2022 call it
interference). For random directions a product of two has mean 0 and variance I = 1/m, so that

.. math:: s_i = 1 + x,\; x \sim \mathcal N(0, (k - 1) I), \qquad s_j \sim \mathcal N(0, (k + 2x) I), \qquad
          p = \mathrm E_x\, \Phi\!\Bigl(\frac{1 + x}{\sqrt{(k + 2x) I}}\Bigr)^{n - k}

is the chance that a feature that is there beats all n − k that are not; k + 2x is the squared length of the sum, which
the readout i tells about. It is the law of a bundle of hypervectors (:func:`hdspike.theory.retrieval`; Frady, Kleyko &
Sommer 2018) in other units; in few dimensions the normal distribution gives way to that of a coordinate of a random
unit vector, (1 − t²)^((m−3)/2).

Trained directions can do no better in the mean square than Welch's bound, I = (n − m) ÷ (m (n − 1)) (Welch 1974):
nothing at all for n ≤ m, and as much as random ones for n ≫ m. In a majority of K bits of N the signal is √(2N/πK)
standard deviations, here √(m/k): a real dimension is worth π/2 bits of a hypervector, whatever the bits it takes. Kept
in b bits each (:func:`levels`), the sum has the fidelity ρ² = 1 − distortion, and the signal is ρ√(m/k); at b = 1,
ρ² = 2/π, it *is* the hypervector.
"""

from functools import cache
from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, ndtr, ndtri

from hdspike import check
from hdspike.spaces import BSC
from hdspike.theory import mode_distance

__all__ = [
    "Recall",
    "bundle_error",
    "dense_capacity",
    "dense_error",
    "dense_retrieval",
    "fidelity",
    "interference",
    "levels",
    "quantise",
    "recall_bundle",
    "recall_dense",
    "tight_directions",
    "unit_directions",
]

Array = NDArray[np.float64]
NORMAL = 20_000  # dimensions above which a coordinate of a unit vector is as good as normal


def unit_directions(n: int, m: int, *, rng: check.Rng) -> Array:
    """n random directions in m dimensions, rows of length 1."""
    check.integer("n", n, low=1)
    check.integer("m", m, low=1)
    rows = check.generator(rng).standard_normal((n, m))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def tight_directions(n: int, m: int, *, sweeps: int = 60, rng: check.Rng) -> Array:
    """n directions that meet Welch's bound in the mean square: trained, from random ones.

    By turns the nearest matrix with equal singular values, and rows of length 1 (alternating projection, Tropp et al.
    2005). For n ≤ m they are orthogonal.
    """
    rows = unit_directions(n, m, rng=rng)
    check.integer("sweeps", sweeps, low=1)
    for _ in range(sweeps):
        u, _, v = np.linalg.svd(rows, full_matrices=False)
        rows = u @ v
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return np.asarray(rows)


def interference(n: int, m: int, *, trained: bool = False) -> float:
    """I, the mean square product of two of n directions: 1/m if random, Welch's bound if trained.

    >>> interference(1000, 100), round(interference(1000, 100, trained=True), 6), interference(50, 100, trained=True)
    (0.01, 0.009009, 0.0)
    """
    check.integer("n", n, low=1)
    check.integer("m", m, low=1)
    if not trained:
        return 1 / m
    return max(0.0, (n - m) / (m * (n - 1))) if n > 1 else 0.0


@cache
def levels(bits: int) -> tuple[Array, Array]:
    """The 2^bits levels of least squared error for a normal variable (Lloyd 1982, Max 1960), and their edges.

    >>> levels(1)[0].round(4).tolist(), levels(2)[0].round(4).tolist()
    ([-0.7979, 0.7979], [-1.5104, -0.4528, 0.4528, 1.5104])
    """
    count = 2 ** check.integer("bits", bits, low=1, high=8)
    values = sqrt(3) * ndtri((np.arange(count) + 0.5) / count)  # right for many levels (Panter & Dite 1951)
    for _ in range(2000):
        edges = (values[1:] + values[:-1]) / 2
        bounds = np.concatenate([[-np.inf], edges, [np.inf]])
        bell = np.exp(-0.5 * np.square(bounds)) / sqrt(2 * np.pi)
        after = (bell[:-1] - bell[1:]) / np.diff(ndtr(bounds))
        moved = float(np.abs(after - values).max())
        values = after
        if moved < 1e-9:
            break
    edges = (values[1:] + values[:-1]) / 2
    return values, edges


def fidelity(bits: int | None) -> float:
    """ρ² = 1 − E (z − q(z))² of a normal z kept in ``bits`` bits; 1 for None, which keeps the float.

    >>> round(fidelity(1), 4), round(fidelity(2), 4), fidelity(None)
    (0.6366, 0.8825, 1.0)
    """
    if bits is None:
        return 1.0
    values, edges = levels(bits)
    shares = np.diff(ndtr(np.concatenate([[-np.inf], edges, [np.inf]])))
    return float(shares @ np.square(values))


def quantise(x: Array, bits: int | None) -> Array:
    """Each row as its root mean square times the nearest of :func:`levels`; the row itself for None."""
    if bits is None:
        return x
    values, edges = levels(bits)
    size = np.sqrt(np.mean(np.square(x), axis=-1, keepdims=True))
    return np.asarray(size * values[np.searchsorted(edges, x / np.where(size > 0, size, 1))])


def dense_retrieval(
    m: int, n: int, k: int, *, bits: int | None = None, trained: bool = False, members: str = "set"
) -> float:
    """The chance p above, with k of n features in m dimensions of ``bits`` bits each; ``members`` as in
    :func:`hdspike.theory.retrieval`: a feature has n − k rivals in a set, n − 1 in a sequence.

    >>> round(dense_retrieval(100, 1000, 2), 4), round(dense_retrieval(100, 1000, 10), 4)
    (1.0, 0.4952)
    """
    check.integer("n", n, low=1)
    check.integer("k", k, low=1, high=n)
    check.one_of("members", members, ("set", "sequence"))
    rivals = n - (k if members == "set" else 1)
    rho, spread = fidelity(bits), interference(n, m, trained=trained)
    if spread == 0 or rivals == 0:
        return 1.0
    if trained or m > NORMAL:
        t = np.linspace(-12.0, 12.0, 2001)
        weights, t = np.exp(-0.5 * np.square(t)), t * sqrt(spread)
    else:  # t = cos θ has the density (1 − t²)^((m − 3)/2), θ that of sin^(m − 2)
        reach = min(np.pi / 2, 14 / sqrt(m))
        angles = np.pi / 2 + ((np.arange(2000) + 0.5) / 1000 - 1) * reach
        weights, t = np.sin(angles) ** (m - 2), np.cos(angles)
    if m == 1 and not trained:
        weights, t = np.ones(2), np.array([-1.0, 1.0])
    x = sqrt(k - 1) * t
    # what the few bits add to the readout, beside x: of the variance (1 − ρ²)·k·I ÷ ρ²
    nodes, shares = np.polynomial.hermite_e.hermegauss(15 if rho < 1 else 1)
    noise = nodes * sqrt((1 - rho) * k * spread / rho)
    size = np.sqrt(np.maximum(k + 2 * x, 1e-9))
    level = sqrt(rho) * (1 + x + noise[:, None]) / size
    if trained or m > NORMAL:
        below = ndtr(level / sqrt(spread))
    else:
        below = _below(level, m)
    chance = (shares / shares.sum()) @ below**rivals
    return float(chance @ weights / weights.sum())


def _below(t: Array, m: int) -> Array:
    """The chance that a coordinate of a random unit vector of m dimensions is at most t."""
    if m == 1:
        return np.asarray(np.where(t >= 1, 1.0, np.where(t >= -1, 0.5, 0.0)))
    half = betainc(0.5, (m - 1) / 2, np.minimum(np.square(t), 1.0)) / 2
    return np.asarray(0.5 + np.sign(t) * half)


def dense_capacity(
    m: int,
    n: int,
    *,
    accuracy: float = 0.99,
    bits: int | None = None,
    trained: bool = False,
    members: str = "set",
) -> int:
    """The largest k whose features are found with at least ``accuracy``; 0 if not even one is.

    >>> dense_capacity(1000, 1000), dense_capacity(1000, 1000, bits=1)
    (31, 19)
    """
    if not 0 < accuracy < 1:
        raise ValueError(f"accuracy must be inside (0, 1), got {accuracy}")

    def holds(k: int) -> bool:
        return dense_retrieval(m, n, k, bits=bits, trained=trained, members=members) >= accuracy

    low, high = 0, 1
    while high <= n and holds(high):
        low, high = high, 2 * high
    high = min(high, n + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def dense_error(m: int, k: int, *, bits: int | None = None) -> float:
    """Root mean square error of a present feature's readout with k − 1 others there: ``√((k − 1)/m)``.

    Kept in b bits and read as score ÷ ρ², ``√((k − ρ²) ÷ ρ²m)``, in the limit of many others.
    """
    check.integer("m", m, low=1)
    rho = fidelity(bits)
    return sqrt((check.integer("k", k, low=1) - rho) / (rho * m))


def bundle_error(dim: int, k: int) -> float:
    """The same for a majority of k hypervectors of N = ``dim`` bits, read as ``(1 − 2h/N) ÷ (1 − 2δ)``.

    ``2·√(δ(1 − δ)/N) ÷ (1 − 2δ) ≈ √(πk/2N)``, with δ the expected distance (:func:`hdspike.theory.mode_distance`).
    """
    check.integer("dim", dim, low=1)
    delta = mode_distance(k)
    return float(2 * sqrt(delta * (1 - delta) / dim) / (1 - 2 * delta))


class Recall(NamedTuple):
    """Of each trial: the share of the features that were there which beat all that were not, and their mean square
    error of readout."""

    found: Array
    squares: Array


def recall_dense(
    directions: Array, k: int, trials: int, *, bits: int | None = None, rng: check.Rng
) -> Recall:
    """Keep k random features in one vector, ``trials`` times, and read all of them, as score ÷ ρ²."""
    n = len(directions)
    check.integer("k", k, low=1, high=n)
    random, rho = check.generator(rng), fidelity(bits)
    found, squares = np.empty((2, check.integer("trials", trials, low=1)))
    for i in range(trials):
        there = random.choice(n, size=k, replace=False)
        kept = quantise(directions[there].sum(axis=0)[None], bits)[0]
        scores = directions @ kept / rho
        own = scores[there]
        scores[there] = -np.inf
        found[i] = np.mean(own > scores.max())
        squares[i] = np.mean(np.square(own - 1))
    return Recall(found, squares)


def recall_bundle(dim: int, n: int, k: int, trials: int, *, rng: check.Rng) -> Recall:
    """The same with a majority of k of n random hypervectors of ``dim`` bits, by Hamming distance; ties are lost."""
    check.integer("n", n, low=1)
    check.integer("k", k, low=1, high=n)
    random, space = check.generator(rng), BSC(dim)
    items, scale = space.random(n, rng=random), dim * (1 - 2 * mode_distance(k))
    found, squares = np.empty((2, check.integer("trials", trials, low=1)))
    for i in range(trials):
        there = random.choice(n, size=k, replace=False)
        scores = np.asarray(space.score(space.bundle(items[there])[None], items), dtype=np.int64).ravel()
        own = scores[there]
        scores[there] = -1
        found[i] = np.mean(own > scores.max())
        squares[i] = np.mean(np.square((2 * own - dim) / scale - 1))
    return Recall(found, squares)
