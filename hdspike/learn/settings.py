"""Checks of the settings of learners."""

from typing import Any

import numpy as np

__all__ = ["fraction", "truth"]


def fraction(name: str, value: Any, low: float, high: float) -> float:
    """``value`` as a float in ``[low, high)``."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, not {value!r} of type {type(value).__name__}")
    if not low <= value < high:
        raise ValueError(f"{name} must be in [{low}, {high}), got {value}")
    return float(value)


def truth(name: str, value: Any) -> bool:
    """``value`` if it is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, not {value!r}")
    return bool(value)
