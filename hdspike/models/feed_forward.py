"""The gated feed-forward of the Llama family as a plug: what a model asks of it, and the dense one, the reference.

Neuron i of a layer is row i of ``gate`` and ``up`` and column i of ``down`` (Shazeer 2020, arXiv:2002.05202):
``y = Σ_i silu(gate_i · x) (up_i · x) down_i``.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["FeedForward", "gated", "silu"]

Floats = NDArray[np.float32]


class FeedForward(Protocol):
    """``(n, dim)`` normed states, ``(hidden, dim)`` gate and up, ``(dim, hidden)`` down → ``(n, dim)``.

    ``layer`` counts from 0. A long text comes in several calls of a layer, in its order.
    """

    def __call__(self, x: Floats, gate: Floats, up: Floats, down: Floats, *, layer: int) -> Floats: ...


def silu(x: NDArray[Any]) -> NDArray[Any]:
    """x ÷ (1 + e⁻ˣ), where e⁻ˣ may be too large for a float."""
    with np.errstate(over="ignore"):
        return np.asarray(x / (1 + np.exp(-x)))


def gated(x: Floats, gate: Floats, up: Floats, down: Floats, *, layer: int) -> Floats:
    """All neurons."""
    return np.asarray((silu(x @ gate.T) * (x @ up.T)) @ down.T)
