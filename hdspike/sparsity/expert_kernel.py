"""The experts of a few tokens, one after the other: what is read is what was chosen, and nothing is gathered.

For many tokens a product of matrices for each expert is faster (:mod:`hdspike.sparsity.experts`); for few, its calls
take longer than the work.
"""

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.jit import kernel
from hdspike.sparsity.gating import Ints
from hdspike.sparsity.layer import Floats

__all__ = ["mixture"]


@kernel
def _mixture(x, experts, gates, kept, w1, b1, w2, b2, firing, out):
    """``out[n] = Σ_c gates[n, c]·(W2ᵉ·max(W1ᵉ·x[n] + b1ᵉ, 0) + b2ᵉ)``, e = experts[n, c], over the choices kept.

    ``firing`` (hidden) is scratch. Returns the multiplications of weights.
    """
    products = 0
    for n in range(len(x)):
        for o in range(out.shape[1]):
            out[n, o] = 0
        for c in range(experts.shape[1]):
            if not kept[n, c]:
                continue
            e = experts[n, c]
            for u in range(len(firing)):
                firing[u] = b1[e, u]
            for i in range(x.shape[1]):
                value = x[n, i]
                for u in range(len(firing)):
                    firing[u] += value * w1[e, i, u]
            gate = gates[n, c]
            for o in range(out.shape[1]):
                out[n, o] += gate * b2[e, o]
            for u in range(len(firing)):
                value = gate * firing[u] if firing[u] > 0 else 0 * gate
                for o in range(out.shape[1]):
                    out[n, o] += value * w2[e, u, o]
            products += len(firing) * (x.shape[1] + out.shape[1])
    return products


def mixture(
    x: Floats,
    experts: Ints,
    gates: Floats,
    kept: NDArray[np.bool_],
    weights: tuple[Floats, Floats, Floats, Floats],
) -> tuple[Floats, int]:
    """The output ``(n, n_out)`` of a mixture and its multiplications of weights, router apart.

    Args:
        x: (n, n_in).
        experts, gates, kept: (n, k), which experts, their gates, and whether they found a place.
        weights: ``W1`` (E, n_in, hidden), ``b1`` (E, hidden), ``W2`` (E, hidden, n_out), ``b2`` (E, n_out).

    Raises:
        ValueError: shapes that do not fit, or an expert that does not exist.

    >>> one = np.ones((2, 1, 1))
    >>> mixture(np.array([[3.0]]), np.array([[1]]), np.array([[0.5]]), np.array([[True]]), (one, one[0], one, one[0]))
    (array([[2.5]]), 2)
    """
    w1, b1, w2, b2 = (np.ascontiguousarray(array) for array in weights)
    dtype = w1.dtype
    fits = (w1.ndim, w2.ndim) == (3, 3) and (w1.shape[::2], b1.shape) == (w2.shape[:2], w2.shape[:2])
    if not fits or b2.shape != (len(w2), w2.shape[2]):
        raise ValueError(
            f"weights must fit together, got shapes {w1.shape}, {b1.shape}, {w2.shape}, {b2.shape}"
        )
    tokens = np.ascontiguousarray(x, dtype=dtype)
    chosen = check.array("experts", experts, np.int64, ndim=2)
    if tokens.shape != (len(chosen), w1.shape[1]):
        raise ValueError(f"x must be of shape {(len(chosen), w1.shape[1])}, got {tokens.shape}")
    if chosen.size and not (0 <= chosen.min() and chosen.max() < len(w1)):
        raise ValueError(f"experts must be in [0, {len(w1)}), got {chosen.min()} … {chosen.max()}")
    shares, held = np.ascontiguousarray(gates, dtype=dtype), np.ascontiguousarray(kept, dtype=np.bool_)
    if shares.shape != chosen.shape or held.shape != chosen.shape:
        raise ValueError(
            f"gates and kept must be of shape {chosen.shape}, got {shares.shape} and {held.shape}"
        )
    out = np.empty((len(tokens), w2.shape[2]), dtype=dtype)
    firing = np.empty(w1.shape[2], dtype=dtype)
    return out, int(_mixture(tokens, chosen, shares, held, w1, b1, w2, b2, firing, out))
