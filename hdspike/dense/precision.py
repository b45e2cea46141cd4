"""Number formats of a dense network, and which counters a product of each costs.

========== ======= =========== ================================================================
precision  weight  activation  one multiply-accumulate of a weight and an activation costs
========== ======= =========== ================================================================
fp32       32 bit  32 bit      ``macs_fp32``
fp16       16      16          ``macs_fp16``
bf16       16      16          ``macs_bf16``
int8       8       8           ``macs_int8``
int4       4       4           ``macs_int4``
ternary    2       8           ``adds_int32`` × the share of weights that are not zero: no product
========== ======= =========== ================================================================

A ternary weight of {−1, 0, 1} holds log₂3 = 1.58 bits and is stored as 2; its activations are int8 (Ma et al.
2024, BitNet b1.58, arXiv:2402.17764). Products of two activations (attention) are int8 there, and so are the
embedding and the output head.
"""

from numbers import Real
from typing import Any

__all__ = ["BITS", "NONZERO", "PRECISIONS", "WEIGHT_BITS"]

BITS = {"fp32": 32, "fp16": 16, "bf16": 16, "int8": 8, "int4": 4, "ternary": 8}
"""Bits of one activation: of a key, value, query or output entry."""
WEIGHT_BITS = BITS | {"ternary": 2}
"""Bits of one weight as stored."""
PRECISIONS = tuple(BITS)
NONZERO = 2 / 3
"""Share of ternary weights that are not zero where nothing is said: three values equally often, which is when
they hold 1.58 bits. An assumption: the share of a trained network is its own."""


def share(name: str, value: Any) -> float:
    """``value`` as a number in [0, 1]."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number in [0, 1], not {value!r} of type {type(value).__name__}")
    if not 0.0 <= float(value) <= 1.0:
        raise ValueError(f"{name} must be in [0, 1], got {value}")
    return float(value)


def activation_products(precision: str, count: int) -> dict[str, int]:
    """The counters of ``count`` multiply-accumulates of two activations."""
    return {f"macs_{'int8' if precision == 'ternary' else precision}": count}


def weight_products(precision: str, weights: int, batch: int, nonzero: float) -> dict[str, int]:
    """The counters of ``weights`` weights, each multiplied with one activation for each of ``batch`` inputs."""
    if precision == "ternary":
        return {"adds_int32": round(weights * nonzero) * batch}
    return {f"macs_{precision}": weights * batch}
