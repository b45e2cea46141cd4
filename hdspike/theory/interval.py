"""A real argument that must lie in an interval, and how large a whole one may be."""

from math import copysign, inf
from typing import Any

import numpy as np

__all__ = ["EXACT", "LONGEST", "PLACES", "number"]

EXACT = 2**53
"""The largest whole number of a law: up to here doubles count exactly."""

LONGEST = 2**26
"""Most places, draws or keys of what is held in an array each, and of a dimension that is searched."""

PLACES = 2**32
"""Most places of a law that sums over a share ~ √N of them."""


def number(name: str, value: Any, low: float, high: float, *, open_: bool = False) -> float:
    """``value`` as a float in [low, high], or in (low, high) where ``open_``."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, not {value!r} of type {type(value).__name__}")
    try:
        given = float(value)
    except OverflowError:  # a whole number beyond all doubles
        given = copysign(inf, value > 0 or -1)
    inside = low < given < high if open_ else low <= given <= high
    if not inside:
        left, right = "()" if open_ else "[]"
        raise ValueError(f"{name} must be in {left}{low:g}, {high:g}{right}, got {given:g}")
    return given
