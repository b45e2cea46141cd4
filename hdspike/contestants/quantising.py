"""Numbers of few bits in NumPy: int8 with a scale for each row, ternary with one for each matrix, and their products.

    int8      q = round(w ÷ s),  s = max|w| ÷ 127 of each row        (symmetric; per output channel, per token)
    ternary   q = round(w ÷ γ) clipped to {−1, 0, 1},  γ = mean|w|   (Ma et al. 2024, arXiv:2402.17764)

A product of them is a sum of integers times the scales. With ternary weights the integers are only added and
subtracted. Five ternary weights are stored in a byte (3⁵ = 243 ≤ 256): 1.6 bits for each.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check

__all__ = [
    "int8_rows",
    "packed_ternary",
    "product_by_adds",
    "product_int8",
    "ternary",
    "unpacked_ternary",
]

POWERS = 3 ** np.arange(5)
LEAST = 127 * float(np.finfo(np.float32).tiny)
"""A row whose largest number is below this is as good as zeros: its scale would not be a normal float."""


def int8_rows(values: Any) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Integers in [−127, 127] and the scale of each row ``(..., 1)``; a row of (as good as) zeros has the scale 1.

    >>> int8_rows([[1.0, -0.5], [0.0, 0.0]])[0].tolist()
    [[127, -64], [0, 0]]
    """
    given = _finite(values)
    largest = np.abs(given).max(-1, keepdims=True, initial=0)
    scale = np.where(largest >= LEAST, largest / np.float32(127), np.float32(1)).astype(np.float32)
    return np.rint(given / scale).astype(np.int8), scale


def ternary(values: Any) -> tuple[NDArray[np.int8], np.float32]:
    """Integers in {−1, 0, 1} and the scale of the matrix.

    >>> ternary([[0.9, -0.1], [-1.0, 0.4]])[0].tolist()
    [[1, 0], [-1, 1]]
    """
    given = _finite(values)
    scale = np.float32(np.abs(given).mean()) if given.size else np.float32(0)
    if scale == 0:
        return np.zeros(given.shape, dtype=np.int8), np.float32(1)
    return np.clip(np.rint(given / scale), -1, 1).astype(np.int8), scale


def product_int8(x: Any, weights: Any) -> NDArray[np.int32]:
    """x Wᵀ of integers ``(..., n)`` and ``(m, n)`` of 8 bits, summed in 32 bits."""
    left, right = _operands(x, weights)
    return left.astype(np.int32) @ right.astype(np.int32).T


def product_by_adds(x: Any, weights: Any) -> tuple[NDArray[np.int32], int]:
    """The same for W of {−1, 0, 1}, by additions and subtractions alone, and how many there were."""
    left, right = _operands(x, weights)
    if right.size and (right.min() < -1 or right.max() > 1):
        raise ValueError(f"weights must be in {{−1, 0, 1}}, got values in [{right.min()}, {right.max()}]")
    wide = left.astype(np.int32)
    out = np.zeros((*left.shape[:-1], len(right)), dtype=np.int32)
    for row, signs in enumerate(right):
        out[..., row] = wide[..., signs > 0].sum(-1) - wide[..., signs < 0].sum(-1)
    return out, int(np.count_nonzero(right)) * int(np.prod(left.shape[:-1]))


def packed_ternary(weights: Any) -> NDArray[np.uint8]:
    """Integers of {−1, 0, 1} as bytes, five in each, in row order.

    >>> packed_ternary([[1, 0, -1]]).tolist()
    [5]
    """
    flat = check.array("weights", weights, np.int8).ravel()
    if flat.size and (flat.min() < -1 or flat.max() > 1):
        raise ValueError(f"weights must be in {{−1, 0, 1}}, got values in [{flat.min()}, {flat.max()}]")
    padded = np.zeros(-(-flat.size // 5) * 5, dtype=np.int64)
    padded[: flat.size] = flat + 1
    return (padded.reshape(-1, 5) @ POWERS).astype(np.uint8)


def unpacked_ternary(packed: Any, shape: tuple[int, ...]) -> NDArray[np.int8]:
    """The integers of {−1, 0, 1} that :func:`packed_ternary` stored."""
    given = check.array("packed", packed, np.uint8, ndim=1)
    size = int(np.prod(shape))
    if given.size != -(-size // 5):
        raise ValueError(f"packed must have {-(-size // 5)} bytes for shape {shape}, got {given.size}")
    if given.size and given.max() >= 243:
        raise ValueError(f"packed must have bytes below 243 = 3⁵, got {given.max()}")
    digits = given[:, None].astype(np.int64) // POWERS % 3
    return (digits.ravel()[:size] - 1).astype(np.int8).reshape(shape)


def _finite(values: Any) -> NDArray[np.float32]:
    given = np.asarray(values)
    if given.dtype.kind not in "biuf":
        raise TypeError(f"values must be real numbers, got dtype {given.dtype}")
    given = given.astype(np.float32)
    if not np.isfinite(given).all():
        raise ValueError(f"values must be finite in fp32, {int((~np.isfinite(given)).sum())} are not")
    return given


def _operands(x: Any, weights: Any) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    left = check.array("x", x, np.int8)
    right = check.array("weights", weights, np.int8, ndim=2)
    if not left.ndim or left.shape[-1] != right.shape[1]:
        raise ValueError(f"x must have {right.shape[1]} entries along its last axis, got shape {left.shape}")
    return left, right
