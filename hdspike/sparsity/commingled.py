r"""What it costs to keep real features on top of each other: a hidden layer squeezed into one vector and read back.

The n activities h of a hidden layer are kept as ``c = hᵀ V`` in m numbers, with a direction in each row of V, and read
back as ``ĥ = max(0, c V⁺)``; the next layer computes with ĥ. Three kinds of directions: random ones, read by their
products as in superposition (``V⁺ = Vᵀ``, error |h|²/m per feature); the principal axes of the activities, which are
trained; and hypervectors, of which the weighted majority ``sign(Σ hᵢ sᵢ)``, sᵢ ∈ {−1, 1}^N, is kept with the length
|h|: ``ĥᵢ = |h|·√(π/2)·⟨sᵢ, c⟩ ÷ N``, the estimate that is right on average for many features of one size.
"""

from math import pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.sparsity.feature_capacity import levels, quantise, unit_directions
from hdspike.sparsity.layer import Floats

__all__ = ["KINDS", "numbers_of_bits", "read_back", "strongest"]

KINDS = ("random", "principal", "hypervectors")
LENGTH_BITS = 32  # of the length |h| beside a vector of few-bit numbers


def strongest(activities: Floats, k: int) -> Floats:
    """The k largest of each row; all others zero."""
    h = _activities(activities)
    check.integer("k", k, low=1, high=h.shape[1])
    out = np.zeros_like(h)
    chosen = np.argpartition(h, h.shape[1] - k, axis=1)[:, h.shape[1] - k :]
    np.put_along_axis(out, chosen, np.take_along_axis(h, chosen, axis=1), axis=1)
    return out


def numbers_of_bits(room: int, bits: int | None) -> int:
    """How many numbers fit into ``room`` bits: floats of 32 for None, else of ``bits`` with the length in 32.

    >>> numbers_of_bits(1024, None), numbers_of_bits(1024, 8), numbers_of_bits(1024, 1)
    (32, 124, 992)
    """
    check.integer("room", room, low=64)
    if bits is None:
        return room // 32
    return (room - LENGTH_BITS) // check.integer("bits", bits, low=1, high=8)


def read_back(
    activities: Floats,
    kind: str,
    room: int,
    *,
    bits: int | None = None,
    sample: Any = None,
    rng: check.Rng,
) -> NDArray[np.float64]:
    """``ĥ`` of activities (batch, n) ≥ 0, each row kept in ``room`` bits.

    Args:
        kind: one of :data:`KINDS`.
        bits: of each number, None for float32; hypervectors have one.
        sample: (samples, n), from which the principal axes and the mean are taken; not the activities themselves.

    Raises:
        ValueError: the activities are negative or not finite; principal axes without a sample; ``bits`` for
            hypervectors other than 1 or None.
    """
    h = _activities(activities)
    check.one_of("kind", kind, KINDS)
    if kind == "hypervectors":
        if bits not in (None, 1):
            raise ValueError(f"bits must be 1 for hypervectors, got {bits}")
        dim = numbers_of_bits(room, 1)
        signs = check.generator(rng).integers(0, 2, (h.shape[1], dim)).astype(np.float64) * 2 - 1
        kept = np.sign(h @ signs)
        length = np.linalg.norm(h, axis=1, keepdims=True)
        return np.maximum(0, length * sqrt(pi / 2) * (kept @ signs.T) / dim)
    m = numbers_of_bits(room, bits)
    if kind == "random":
        directions = unit_directions(h.shape[1], m, rng=rng)
        return np.maximum(0, quantise(h @ directions, bits) @ directions.T)
    if sample is None:
        raise ValueError("sample must be activities of other inputs for principal axes, got None")
    seen = _activities(sample, "sample")
    middle = seen.mean(axis=0)
    _, _, axes = np.linalg.svd(seen - middle, full_matrices=False)
    axes = axes[:m]
    z, size = (h - middle) @ axes.T, ((seen - middle) @ axes.T).std(axis=0)
    if bits is not None:
        values, edges = levels(bits)
        z = size * values[np.searchsorted(edges, z / np.where(size > 0, size, 1))]
    return np.maximum(0, z @ axes + middle)


def _activities(values: Any, name: str = "activities") -> NDArray[np.float64]:
    given = np.asarray(values, dtype=np.float64)
    if given.ndim != 2 or 0 in given.shape:
        raise ValueError(f"{name} must be (batch, n) of at least one number, got shape {given.shape}")
    if not np.isfinite(given).all() or given.min() < 0:
        raise ValueError(f"{name} must be finite and at least 0, got {given.min()}")
    return given
