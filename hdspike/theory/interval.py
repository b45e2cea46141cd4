"""A real argument that must lie in an interval."""

from typing import Any

import numpy as np

__all__ = ["number"]


def number(name: str, value: Any, low: float, high: float, *, open_: bool = False) -> float:
    """``value`` as a float in [low, high], or in (low, high) where ``open_``."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, not {value!r} of type {type(value).__name__}")
    given = float(value)
    inside = low < given < high if open_ else low <= given <= high
    if not inside:
        left, right = "()" if open_ else "[]"
        raise ValueError(f"{name} must be in {left}{low:g}, {high:g}{right}, got {given:g}")
    return given
