r"""Superposition: a layer that keeps more features than it has dimensions, because few of them are there at once.

The toy model of Elhage et al. 2022 (arXiv:2209.10652): n features in m < n dimensions,

.. math:: x' = \mathrm{ReLU}(W^\top W x + b), \qquad L = \sum_i I_i\,(x_i - x'_i)^2,
          \qquad x_i = 0 \text{ with chance } 1 - p, \text{ else } x_i \sim U[0, 1]

with W ``(m, n)`` and I the importance of each feature. p is the density, 1 − p what the paper calls sparsity S. Many
instances, each with its own p and I, are trained at once; the gradients are exact. Two features in one dimension have
closed forms, from E xᵢ² = p/3, E xᵢ = p/2 and E min(x₁, x₂)² = p²/6, with I = (1, r):

====================  =============  ==================
solution              W              L
====================  =============  ==================
second one ignored    (1, 0)         r·(p/3 − p²/4)
both, antipodal       (1, −1)        (1 + r)·p²/6
the other one ignored (0, 1)         p/3 − p²/4
====================  =============  ==================

An ignored feature is foretold by its mean, bias p/2, and costs its variance. In the antipodal pair one feature alone
comes back whole, and two at once cost each the smaller of them. So the pair wins below p = 4r/(2 + 5r) for r ≤ 1 and
4/(5 + 2r) for r ≥ 1: 4/7 for equals. These are three candidates; a trained W may have another length and a bias.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.sparsity.layer import Floats

__all__ = [
    "SOLUTIONS",
    "Toys",
    "critical_density",
    "dimensionality",
    "features",
    "gradients",
    "pair_losses",
    "pair_points",
    "solution",
    "train_toys",
]

SOLUTIONS = ("second ignored", "antipodal", "first ignored")


@dataclass(frozen=True)
class Toys:
    """Trained instances: ``weights`` (instances, m, n), ``bias`` (instances, n), ``loss`` (instances,) at the end."""

    weights: Floats
    bias: Floats
    loss: Floats

    def best(self, restarts: int) -> "Toys":
        """The instance of least loss out of every ``restarts`` that follow each other."""
        check.integer("restarts", restarts, low=1)
        if len(self.loss) % restarts:
            raise ValueError(f"restarts must divide {len(self.loss)} instances, got {restarts}")
        rows = self.loss.reshape(-1, restarts)
        chosen = np.arange(len(rows)) * restarts + rows.argmin(axis=1)
        return Toys(self.weights[chosen], self.bias[chosen], self.loss[chosen])


def _shares(name: str, values: Any) -> NDArray[np.float64]:
    given = np.asarray(values, dtype=np.float64)
    if not given.size or not (np.isfinite(given).all() and given.min() > 0 and given.max() <= 1):
        raise ValueError(f"{name} must be in (0, 1], got {values}")
    return given


def _positive(name: str, values: Any) -> NDArray[np.float64]:
    given = np.asarray(values, dtype=np.float64)
    if not given.size or not np.isfinite(given).all() or given.min() <= 0:
        raise ValueError(f"{name} must be finite and above 0, got {values}")
    return given


def pair_losses(density: Any, importance: Any) -> NDArray[np.float64]:
    """The losses of the three :data:`SOLUTIONS` at p = ``density`` and r = ``importance``, in the last axis.

    >>> pair_losses(4 / 7, 1.0).round(6).tolist()
    [0.108844, 0.108844, 0.108844]
    """
    p, r = np.broadcast_arrays(_shares("density", density), _positive("importance", importance))
    ignored = p / 3 - p * p / 4
    return np.stack([r * ignored, (1 + r) * p * p / 6, ignored], axis=-1)


def critical_density(importance: Any) -> NDArray[np.float64]:
    """Below this density the antipodal pair has the least loss of the three: 4r/(2 + 5r), or 4/(5 + 2r) above r = 1.

    >>> critical_density([0.5, 1.0, 2.0]).round(4).tolist()
    [0.4444, 0.5714, 0.4444]
    """
    r = _positive("importance", importance)
    return np.where(r <= 1, 4 * r / (2 + 5 * r), 4 / (5 + 2 * r))


def solution(weights: Any) -> NDArray[np.int64]:
    """Which of :data:`SOLUTIONS` trained weights (…, 1, 2) are: by the angle of (w₁, |w₂|), at π/8 and 3π/8.

    A pair of the same sign is not a solution that keeps both; it counts as the larger one alone.
    """
    w = np.asarray(weights, dtype=np.float64)
    if w.ndim < 2 or w.shape[-2:] != (1, 2) or not np.isfinite(w).all():
        raise ValueError(f"weights must be finite, of shape (…, 1, 2), got {w.shape}")
    first, second = np.abs(w[..., 0, 0]), np.abs(w[..., 0, 1])
    angle = np.arctan2(second, first)
    opposed = w[..., 0, 0] * w[..., 0, 1] < 0
    both = (np.pi / 8 < angle) & (angle < 3 * np.pi / 8) & opposed
    return np.where(both, 1, np.where(first >= second, 0, 2)).astype(np.int64)


def pair_points(density: Any, nodes: int, *, dtype: Any = np.float64) -> tuple[Floats, Floats]:
    """All cases of two features, with their chances: the loss of the pair as a sum instead of a sample.

    U[0, 1] is taken at the middles of ``nodes`` equal parts, whose first two moments differ from 1/2 and 1/3 by 0 and
    1 ÷ (12·nodes²).

    Returns:
        points ((nodes + 1)², 2) and chances (instances, (nodes + 1)²) at each of the densities (instances,).
    """
    p = np.atleast_1d(_shares("density", density))
    if p.ndim != 1:
        raise ValueError(f"density must be a number or a row, got shape {p.shape}")
    count = check.integer("nodes", nodes, low=1)
    values = np.concatenate([[0.0], (np.arange(count) + 0.5) / count])
    each = np.concatenate([(1 - p)[:, None], np.repeat(p[:, None] / count, count, axis=1)], axis=1)
    points = np.stack(np.meshgrid(values, values, indexing="ij"), axis=-1).reshape(-1, 2)
    chances = (each[:, :, None] * each[:, None, :]).reshape(len(p), -1)
    return points.astype(dtype), chances.astype(dtype)


def features(
    count: int, density: Any, batch: int, *, common: bool = False, dtype: Any = np.float32, rng: check.Rng
) -> Floats:
    """Samples (instances, batch, count): each entry is there with the instance's density, and then U[0, 1].

    With ``common``, instances of one density get the same samples, so that their losses can be compared.
    """
    check.integer("count", count, low=1)
    check.integer("batch", batch, low=1)
    p = np.atleast_1d(_shares("density", density))
    # one uniform number does both: it is below p with chance p, and u ÷ p is then uniform
    u = check.generator(rng).random((1 if common else len(p), batch, count), dtype=np.float32)
    scale = p[:, None, None].astype(np.float32)
    return np.where(u < scale, u / scale, np.float32(0)).astype(dtype, copy=False)


def gradients(
    weights: Floats, bias: Floats, x: Floats, importance: Floats, chances: Floats | None = None
) -> tuple[Floats, Floats, Floats]:
    """The loss of each instance, and its exact gradients with respect to W and b.

    Args:
        weights, bias: (instances, m, n) and (instances, n).
        x: (instances, batch, n), or (batch, n) for all.
        importance: (instances, n).
        chances: (instances, batch), of each sample; None: all are equally likely.

    Returns:
        losses (instances,), gradients (instances, m, n) and (instances, n).
    """
    shared = x[None] if x.ndim == 2 else x
    hidden = shared @ weights.transpose(0, 2, 1)
    out = hidden @ weights
    out += bias[:, None]
    on = out > 0
    out *= on
    out -= shared  # x' − x
    share = 1 / x.shape[-2] if chances is None else chances[:, :, None]
    pull = out * share
    pull *= importance[:, None]
    losses = np.einsum("isn,isn->i", pull, out)
    pull *= 2
    pull *= on  # ∂L ÷ ∂(WᵀWx + b)
    back = pull @ weights.transpose(0, 2, 1)
    of_weights = hidden.transpose(0, 2, 1) @ pull
    of_weights += back.transpose(0, 2, 1) @ (shared if x.ndim == 3 else x)
    return losses, of_weights, pull.sum(axis=1)


def train_toys(
    count: int,
    dims: int,
    density: Any,
    *,
    importance: Any = 1.0,
    steps: int = 2000,
    batch: int = 512,
    rate: float = 1e-2,
    nodes: int | None = None,
    dtype: Any = np.float32,
    rng: check.Rng,
) -> Toys:
    """Adam (Kingma and Ba 2015) on every instance at once; the rate falls to a hundredth of ``rate`` by a cosine.

    Args:
        count, dims: n features in m dimensions.
        density: p of each instance, (instances,).
        importance: a number, (n,) for all instances, or (instances, n).
        batch: fresh samples of each instance in each step; the final loss is of 16 times as many, common to all.
        nodes: for two features: no samples but all cases, by :func:`pair_points`.

    >>> toys = train_toys(2, 1, [0.1] * 6 + [1.0] * 6, importance=(1.0, 0.5), nodes=6, steps=300, rate=0.03, rng=1)
    >>> [SOLUTIONS[i] for i in solution(toys.best(6).weights)]
    ['antipodal', 'second ignored']
    """
    n, m = check.integer("count", count, low=1), check.integer("dims", dims, low=1)
    p = np.atleast_1d(_shares("density", density))
    if p.ndim != 1:
        raise ValueError(f"density must be a number or a row, got shape {p.shape}")
    given = _positive("importance", importance)
    if given.shape not in ((), (n,), (len(p), n)):
        raise ValueError(f"importance must have shape (), ({n},) or ({len(p)}, {n}), got {given.shape}")
    if nodes is not None and n != 2:
        raise ValueError(f"nodes must be None for other than 2 features, got {nodes} for {n}")
    if not 0 < rate < np.inf:
        raise ValueError(f"rate must be a finite number above 0, got {rate}")
    check.integer("steps", steps, low=1)
    check.integer("batch", batch, low=1)
    weight = np.broadcast_to(given, (len(p), n)).astype(dtype)
    random = check.generator(rng)
    held = [
        (random.standard_normal((len(p), m, n)) * np.sqrt(1 / n)).astype(dtype),
        np.zeros((len(p), n), dtype=dtype),
    ]
    moments = [(np.zeros_like(value), np.zeros_like(value)) for value in held]
    x, chances = pair_points(p, nodes, dtype=dtype) if nodes is not None else (np.empty(0), None)
    for step in range(1, steps + 1):
        if nodes is None:
            x = features(n, p, batch, dtype=dtype, rng=random)
        _, *slopes = gradients(held[0], held[1], x, weight, chances)
        now = rate * (0.01 + 0.99 * (1 + np.cos(np.pi * (step - 1) / steps)) / 2)
        root = np.sqrt(1 - 0.999**step)
        for value, slope, (first, second) in zip(held, slopes, moments, strict=True):
            first += 0.1 * (slope - first)
            second += 0.001 * (slope * slope - second)
            value -= now * root / (1 - 0.9**step) * first / (np.sqrt(second) + 1e-8 * root)
    if nodes is None:
        parts = [
            gradients(held[0], held[1], features(n, p, batch, common=True, dtype=dtype, rng=random), weight)[
                0
            ]
            for _ in range(16)
        ]
        loss = np.mean(parts, axis=0)
    else:
        loss = gradients(held[0], held[1], x, weight, chances)[0]
    return Toys(held[0], held[1], np.asarray(loss))


def dimensionality(weights: Any) -> NDArray[np.float64]:
    r"""Of each feature: what share of a dimension it has to itself; (…, m, n) → (…, n).

    .. math:: D_i = \frac{\|W_i\|^2}{\sum_j (\hat W_i \cdot W_j)^2}

    with :math:`\hat W_i = W_i / \|W_i\|`: 1 alone, 1/2 in an antipodal pair, 2/5 in a pentagon, 3/4 in a tetrahedron;
    0 where a feature has no direction. The sum is at most the rank of W (Elhage et al. 2022).

    >>> dimensionality([[1.0, -1.0]]).tolist()
    [0.5, 0.5]
    """
    w = np.asarray(weights, dtype=np.float64)
    if w.ndim < 2 or 0 in w.shape[-2:] or not np.isfinite(w).all():
        raise ValueError(f"weights must be finite, of shape (…, m, n), got {w.shape}")
    products = np.square(np.swapaxes(w, -1, -2) @ w).sum(axis=-1)
    squares = np.square(np.square(w).sum(axis=-2))
    return np.divide(squares, products, out=np.zeros_like(squares), where=products > 0)
