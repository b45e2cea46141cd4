"""Softmax against its winners: the mass that is lost when only the best keys are kept.

arXiv:2512.07647 is Tzachristas et al. (2025), "A mathematical theory of top-k sparse attention via total variation
distance".
"""

from math import exp, expm1, log, pi, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr, ndtri

from hdspike import check
from hdspike.theory.interval import EXACT, LONGEST, number

__all__ = [
    "attention_error",
    "dropped_mass",
    "dropped_mass_sample",
    "mass_of_divergence",
    "sharpness_needed",
    "softmax_entropy",
    "winners_needed",
]


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
    s = number("share", share, 0, 1, open_=True)
    return float(ndtr(-ndtri(s) - number("sigma", sigma, 0, 1e6)))


def winners_needed(loss: float, sigma: float) -> float:
    """Share of winners that loses the mass ε: ``k_ε/N = Φᶜ(σ + Φ⁻¹(ε))``; inverts :func:`dropped_mass`.

    Where ε = ``loss`` ∈ (0, 1), σ = ``sigma`` ≥ 0, Φᶜ = 1 − Φ, N → ∞. Source: arXiv:2512.07647.
    """
    epsilon = number("loss", loss, 0, 1, open_=True)
    return float(ndtr(-(number("sigma", sigma, 0, 1e6) + ndtri(epsilon))))


def dropped_mass_sample(
    share: float, sigma: float, keys: int, *, draws: int = 400, rng: check.Rng = None
) -> NDArray[np.float64]:
    """Monte Carlo of the mass lost at finite N: ``τ = 1 − Σ_top e^x ÷ Σ e^x``, once per draw: ``(draws,)``.

    Where x are N = ``keys`` normal scores of deviation σ = ``sigma`` and top are the k largest,
    ``k = max(1, round(s·N))``. Its mean lies above :func:`dropped_mass`, the more so the larger σ; its spread
    is what a single query shows. ``s ∈ (0, 1]``.
    """
    s = number("share", share, 0, 1)
    deviation = number("sigma", sigma, 0, 700)
    check.integer("keys", keys, low=1, high=LONGEST)
    k = min(keys, max(1, round(s * keys)))
    random = check.generator(rng)
    out = np.empty(check.integer("draws", draws, low=1, high=LONGEST))
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
    check.integer("keys", keys, low=1, high=EXACT)
    deviation = number("sigma", sigma, 0, 1e3)
    s = number("share", share, 0, 1)
    if s == 0:
        raise ValueError("share must be in (0, 1], got 0")
    entropy = log(keys) - deviation**2 / 2
    if s < 1:
        inside = deviation + float(ndtri(s))
        log_mass = float(log_ndtr(inside))
        entropy += log_mass - deviation * exp(-0.5 * inside**2 - 0.5 * log(2 * pi) - log_mass)
    return max(0.0, entropy)


def mass_of_divergence(divergence: float) -> float:
    """Mass dropped by a cut softmax, from its divergence: ``τ = 1 − exp(−KL(P̂‖P))``.

    Where P is softmax over all keys and P̂ the same cut to its winners and normalised again; KL =
    ``divergence`` ≥ 0 in nats. τ is the dropped mass and the total variation between P and P̂: all three say the
    same. Source: arXiv:2512.07647.

    >>> round(mass_of_divergence(0.1), 4)
    0.0952
    """
    return -expm1(-number("divergence", divergence, 0, float("inf")))


def attention_error(dropped: float, tail_mean: object, head_mean: object) -> float:
    """Distance between full and cut attention: ``‖Attn − Attn_k‖ = τ·‖μ_tail − μ_head‖``.

    Where τ = ``dropped`` is the softmax mass outside the winners, and μ are the softmax-weighted means ``(F,)`` of
    the values of the keys that were dropped (tail) and kept (head). An identity. Source: arXiv:2512.07647.
    """
    tau = number("dropped", dropped, 0, 1)
    tail, head = np.asarray(tail_mean, dtype=np.float64), np.asarray(head_mean, dtype=np.float64)
    for name, mean in (("tail_mean", tail), ("head_mean", head)):
        if mean.ndim != 1 or not np.all(np.isfinite(mean)):
            raise ValueError(f"{name} must be finite numbers of shape (F,), got shape {mean.shape}")
    if tail.shape != head.shape:
        raise ValueError(f"head_mean must have shape {tail.shape} like tail_mean, got {head.shape}")
    return tau * float(np.linalg.norm(tail - head))


def sharpness_needed(dim: int, share: float, loss: float) -> float:
    """Inverse temperature at which random keys lose at most ε outside the top share s: ``β = √D·(z_{1−s} + z_{1−ε})``.

    Where the cosine of two random bipolar vectors of D = ``dim`` has deviation 1/√D, so that scores β·cosine have
    σ = β/√D, and ε = ``loss`` solves :func:`dropped_mass`. ``s, ε ∈ (0, 1)``; 0 where even β = 0 loses less.
    For s = 1 % and ε = 5 %: about 4√D.

    >>> round(sharpness_needed(10_000, 0.01, 0.05))
    397
    """
    s = number("share", share, 0, 1, open_=True)
    epsilon = number("loss", loss, 0, 1, open_=True)
    return max(0.0, sqrt(check.integer("dim", dim, low=1, high=EXACT)) * float(-ndtri(s) - ndtri(epsilon)))
