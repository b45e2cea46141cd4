r"""Low rank: a matrix as the product of two thin ones. Nothing is zero; what is left out are directions, not weights.

.. math:: W \approx U_r V_r, \qquad \min_{\mathrm{rank}\,A \le r} \|W - A\|_F^2 = \sum_{i > r} \sigma_i^2

with the singular values σ₁ ≥ σ₂ ≥ … of W ``(n_in, n_out)``; the minimum is the truncated singular value decomposition
(Eckart & Young 1936). It stores and multiplies r·(n_in + n_out) numbers instead of n_in·n_out, which is fewer below
r = n_in·n_out ÷ (n_in + n_out); all of them are loaded for every input.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from hdspike import check
from hdspike.sparsity.layer import Cost, Floats, Layer, Linear, Relu
from hdspike.sparsity.training import Network

__all__ = [
    "Factors",
    "LowRankLinear",
    "effective_rank",
    "energy_share",
    "low_rank_perceptron",
    "random_energy_share",
    "rank_of_share",
    "truncated",
]


RIDGE = 1e-6


class Factors(NamedTuple):
    """``W ≈ left @ right``: (n_in, r) and (r, n_out), and all singular values of W, largest ahead."""

    left: NDArray[np.float64]
    right: NDArray[np.float64]
    values: NDArray[np.float64]

    @property
    def error(self) -> float:
        """``‖W − left·right‖ ÷ ‖W‖`` (Frobenius), from the singular values alone; 0 for a matrix of zeros."""
        rank = self.left.shape[1]
        return sqrt(1 - energy_share(self.values, rank)) if self.values.any() else 0.0


def matrix(name: str, value: Any) -> NDArray[np.float64]:
    """``value`` as a float64 matrix of finite numbers with at least one entry."""
    given = np.asarray(value)
    if given.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be a matrix of real numbers, got dtype {given.dtype}")
    if given.ndim != 2 or 0 in given.shape:
        raise ValueError(f"{name} must be a matrix of at least one row and column, got shape {given.shape}")
    if not np.isfinite(given).all():
        raise ValueError(f"{name} must hold finite numbers, got {given[~np.isfinite(given)][0]}")
    return given.astype(np.float64)


def truncated(weights: Any, rank: int, *, moments: Any = None) -> Factors:
    r"""The best approximation of rank r: both factors hold √σ, so that they are of one size.

    Args:
        weights: W (n_in, n_out).
        rank: 1 ≤ r ≤ min(n_in, n_out).
        moments: (n_in, n_in), ``C = E[x xᵀ]`` of the inputs: then the error that is least is that of the *outputs*,
            ``E‖xW − xUV‖² = tr (W − UV)ᵀ C (W − UV)``, by the decomposition of LᵀW with C = LLᵀ (SVD-LLM, Wang
            et al. 2024), and ``values`` are those of LᵀW. A millionth of C's mean square is added to its diagonal.

    >>> factors = truncated(np.outer([1.0, 2.0], [3.0, 4.0, 5.0]), 1)
    >>> bool(np.allclose(factors.left @ factors.right, [[3, 4, 5], [6, 8, 10]])), factors.error < 1e-7
    (True, True)
    """
    w = matrix("weights", weights)
    r = check.integer("rank", rank, low=1, high=min(w.shape))
    if moments is None:
        u, s, v = np.linalg.svd(w, full_matrices=False)
        root = np.sqrt(s[:r])
        return Factors(u[:, :r] * root, root[:, None] * v[:r], s)
    c = matrix("moments", moments)
    if c.shape != (len(w), len(w)) or not np.allclose(c, c.T, rtol=1e-5, atol=1e-8 * np.abs(c).max()):
        raise ValueError(f"moments must be a symmetric matrix of {len(w)} × {len(w)}, got shape {c.shape}")
    if np.diagonal(c).min() < 0 or not c.any():
        raise ValueError("moments must be positive semidefinite and not zero, got none or negative squares")
    c = (c + c.T) / 2 + RIDGE * np.trace(c) / len(c) * np.eye(len(c))
    try:
        root = np.linalg.cholesky(c)
    except np.linalg.LinAlgError as error:
        raise ValueError("moments must be positive semidefinite, got a matrix that is not") from error
    u, s, v = np.linalg.svd(root.T @ w, full_matrices=False)
    size = np.sqrt(s[:r])
    return Factors(solve_triangular(root.T, u[:, :r] * size), size[:, None] * v[:r], s)


def energy_share(values: Any, rank: int) -> float:
    """``Σ_{i ≤ r} σᵢ² ÷ Σ σᵢ²``: what r directions keep; one minus it is the squared relative error."""
    s = _values(values)
    r = check.integer("rank", rank, low=0, high=len(s))
    squares = np.square(np.sort(s / s.max())[::-1])
    return float(min(1.0, squares[:r].sum() / squares.sum()))


def effective_rank(values: Any) -> float:
    """``exp(−Σ pᵢ ln pᵢ)`` with pᵢ = σᵢ ÷ Σ σ: n for n equal values, 1 for one (Roy & Vetterli 2007).

    >>> round(effective_rank([1, 1, 1, 1]), 6), round(effective_rank([5, 0, 0, 0]), 6)
    (4.0, 1.0)
    """
    s = _values(values)
    p = s[s > 0] / s.sum()
    return float(np.exp(-np.sum(p * np.log(p))))


def _values(values: Any) -> NDArray[np.float64]:
    s = np.asarray(values, dtype=np.float64)
    if s.ndim != 1 or not s.size or not np.isfinite(s).all() or s.min() < 0 or s.max() == 0:
        raise ValueError(
            f"values must be singular values: a row of at least one, ≥ 0, not all 0, got {values}"
        )
    return s


def random_energy_share(n_in: int, n_out: int, rank: int) -> float:
    r"""What rank r keeps of a matrix of independent entries of one variance: the yardstick of "no structure".

    .. math:: \int_{\lambda_r}^{\lambda_+} \lambda\,\rho(\lambda)\,d\lambda, \qquad
              \rho(\lambda) = \frac{\sqrt{(\lambda_+ - \lambda)(\lambda - \lambda_-)}}{2\pi\beta\lambda},
              \quad \lambda_\pm = (1 \pm \sqrt\beta)^2

    with β = min ÷ max of the sides and λ_r such that the share r ÷ min(n_in, n_out) lies above it (Marchenko & Pastur
    1967); in the limit of large matrices.

    >>> round(random_energy_share(100, 100, 50), 2)
    0.89
    """
    small, large = sorted((check.integer("n_in", n_in, low=1), check.integer("n_out", n_out, low=1)))
    r = check.integer("rank", rank, low=0, high=small)
    beta = small / large
    # λ = 1 + β + 2√β cos t makes the density smooth: (λ₊ − λ)(λ − λ₋) = 4β sin² t
    t = (np.arange(20_000) + 0.5) * np.pi / 20_000
    value = 1 + beta + 2 * sqrt(beta) * np.cos(t)
    mass = np.sin(t) ** 2 / value
    above = np.concatenate([[0.0], np.cumsum(mass)]) / mass.sum()
    energy = np.concatenate([[0.0], np.cumsum(mass * value)]) / (mass * value).sum()
    return float(np.interp(r / small, above, energy))


def rank_of_share(n_in: int, n_out: int, share: float) -> int:
    """The largest rank whose factors hold at most ``share`` of the n_in·n_out numbers, at least 1.

    >>> rank_of_share(64, 300, 0.1)
    5
    """
    check.integer("n_in", n_in, low=1)
    check.integer("n_out", n_out, low=1)
    if not 0 < share <= 1:
        raise ValueError(f"share must be in (0, 1], got {share}")
    return max(1, int(share * n_in * n_out / (n_in + n_out)))


class LowRankLinear:
    """``y = (x U) V + b`` with U (n_in, r) and V (r, n_out), both learned.

    U ~ N(0, 1 ÷ n_in), V ~ N(0, 2 ÷ r): a product's entry has the variance 2 ÷ n_in of :class:`Linear`.

    Args:
        n_in, n_out: the widths.
        rank: 1 ≤ r ≤ min(n_in, n_out).

    >>> layer = LowRankLinear(64, 300, 5, rng=0)
    >>> layer.forward(np.ones((2, 64), dtype=np.float32)).shape, layer.cost().macs
    ((2, 300), 1820)
    """

    def __init__(self, n_in: int, n_out: int, rank: int, *, dtype: Any = np.float32, rng: check.Rng) -> None:
        check.integer("n_in", n_in, low=1)
        check.integer("n_out", n_out, low=1)
        check.integer("rank", rank, low=1, high=min(n_in, n_out))
        random = check.generator(rng)
        left = random.standard_normal((n_in, rank)) * sqrt(1 / n_in)
        right = random.standard_normal((rank, n_out)) * sqrt(2 / rank)
        self.parameters: dict[str, Floats] = {
            "W_left": left.astype(dtype),
            "W_right": right.astype(dtype),
            "b": np.zeros(n_out, dtype=dtype),
        }
        self.gradients: dict[str, Floats] = {}

    @classmethod
    def of(cls, layer: Linear, rank: int) -> "LowRankLinear":
        """The best approximation of a trained layer, its bias unchanged."""
        factors = truncated(layer.weights, rank)
        n_in, n_out = layer.weights.shape
        made = cls(n_in, n_out, rank, dtype=layer.weights.dtype, rng=0)
        made.parameters["W_left"][...] = factors.left
        made.parameters["W_right"][...] = factors.right
        made.parameters["b"][...] = layer.parameters["b"]
        return made

    @property
    def weights(self) -> Floats:
        """(n_in, n_out), the product."""
        return np.asarray(self.parameters["W_left"] @ self.parameters["W_right"])

    @property
    def rank(self) -> int:
        """r, the directions that pass."""
        return self.parameters["W_left"].shape[1]

    def forward(self, x: Floats, *, training: bool = False) -> Floats:
        between = x @ self.parameters["W_left"]
        if training:
            self._x, self._between = x, between
        return np.asarray(between @ self.parameters["W_right"] + self.parameters["b"])

    def backward(self, upstream: Floats) -> Floats:
        between = upstream @ self.parameters["W_right"].T
        self.gradients = {
            "W_left": self._x.T @ between,
            "W_right": self._between.T @ upstream,
            "b": upstream.sum(axis=0),
        }
        return np.asarray(between @ self.parameters["W_left"].T)

    def cost(self) -> Cost:
        """Nothing is skipped: both factors are stored, loaded and multiplied whole, at 4 bytes a number."""
        n_in, n_out = len(self.parameters["W_left"]), len(self.parameters["b"])
        macs = self.rank * (n_in + n_out)
        every = macs + n_out
        return Cost(stored=every, active=every, stored_bytes=4 * every, active_bytes=4 * every, macs=macs)


def low_rank_perceptron(
    widths: Sequence[int],
    *,
    rank: int | Sequence[int | None] | None = None,
    share: float | None = None,
    rng: check.Rng,
    dtype: Any = np.float32,
) -> Network:
    """A perceptron with ReLU whose layers are factored where that saves anything.

    Args:
        widths: of the input, the hidden layers, the output.
        rank: of every layer, or of each; None leaves a layer dense. A layer whose factors would hold as many numbers
            as the matrix stays dense too.
        share: instead of ``rank``: the largest rank of each layer whose factors hold at most this share of the
            numbers; at least 1, so that a narrow layer may hold more.

    >>> network = low_rank_perceptron((64, 300, 100, 10), rank=8, rng=0)
    >>> [type(layer).__name__ for layer in network.layers[::2]], network.cost().macs
    (['LowRankLinear', 'LowRankLinear', 'LowRankLinear'], 6992)
    """
    if len(widths) < 2:
        raise ValueError(f"widths must name at least an input and an output, got {list(widths)}")
    pairs = list(pairwise(widths))
    if (rank is None) == (share is None):
        raise ValueError(f"rank must be given, or share, and not both, got rank {rank!r} and share {share!r}")
    ranks: Sequence[int | None]
    if share is not None:
        ranks = [rank_of_share(n_in, n_out, share) for n_in, n_out in pairs]
    elif rank is None or isinstance(rank, int | np.integer):
        ranks = [rank] * len(pairs)
    else:
        ranks = list(rank)
    if len(ranks) != len(pairs):
        raise ValueError(f"rank must be one number or one for each of {len(pairs)} layers, got {list(ranks)}")
    random = check.generator(rng)
    layers: list[Layer] = []
    for (n_in, n_out), r in zip(pairs, ranks, strict=True):
        check.integer("widths", n_in, low=1)
        check.integer("widths", n_out, low=1)
        dense = r is None or check.integer("rank", r, low=1) * (n_in + n_out) >= n_in * n_out
        if r is None or dense:
            layers.append(Linear(n_in, n_out, dtype=dtype, rng=random))
        else:
            layers.append(LowRankLinear(n_in, n_out, r, dtype=dtype, rng=random))
        layers.append(Relu())
    return Network(layers[:-1])
