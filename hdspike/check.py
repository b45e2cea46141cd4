"""Checks of arguments, each raising an error that names the argument, the rule and the value received."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator | int | None


def integer(name: str, value: Any, *, low: int | None = None, high: int | None = None) -> int:
    """``value`` as an ``int`` in ``[low, high]``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, not {value!r} of type {type(value).__name__}")
    number = int(value)
    if low is not None and number < low:
        raise ValueError(f"{name} must be at least {low}, got {number}")
    if high is not None and number > high:
        raise ValueError(f"{name} must be at most {high}, got {number}")
    return number


def one_of(name: str, value: Any, choices: tuple[str, ...]) -> str:
    """``value`` if it is one of ``choices``."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
    return str(value)


def array(name: str, value: Any, dtype: Any, *, ndim: int | None = None) -> NDArray[Any]:
    """``value`` as a contiguous array of ``dtype``; a cast that would change a value is an error."""
    wanted = np.dtype(dtype)
    given = np.asarray(value)
    if given.size == 0 and not isinstance(value, np.ndarray):
        given = given.astype(wanted)  # an empty list has no dtype of its own
    if given.dtype != wanted:
        if given.dtype.kind not in "biu" or wanted.kind not in "iu":
            raise TypeError(f"{name} must have dtype {wanted}, got {given.dtype}")
        if given.size and not (np.iinfo(wanted).min <= given.min() and given.max() <= np.iinfo(wanted).max):
            raise ValueError(f"{name} must fit {wanted}, got values in [{given.min()}, {given.max()}]")
    if ndim is not None and given.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimension(s), got shape {given.shape}")
    return np.ascontiguousarray(given, dtype=wanted)


def generator(rng: Rng) -> np.random.Generator:
    """A ``numpy.random.Generator`` from a generator, a seed, or ``None`` (fresh entropy)."""
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is None:
        return np.random.default_rng()
    if isinstance(rng, bool) or not isinstance(rng, int | np.integer):
        raise TypeError(f"rng must be a numpy Generator, an integer seed or None, not {type(rng).__name__}")
    if rng < 0:
        raise ValueError(f"rng must be a seed of at least 0, got {rng}")
    return np.random.default_rng(int(rng))


def bundle_weights(weights: Any, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Integer weights of a bundle broadcast to ``shape`` = (..., K); one each where ``weights`` is None."""
    if not shape or shape[-1] == 0:
        raise ValueError(f"a bundle must have at least one vector along axis −2, got batch shape {shape}")
    if weights is None:
        return np.ones(shape, dtype=np.int64)
    given = array("weights", weights, np.int64)
    try:
        counts = np.ascontiguousarray(np.broadcast_to(given, shape))
    except ValueError as error:
        raise ValueError(f"weights must broadcast to the batch {shape}, got shape {given.shape}") from error
    if counts.size and (counts.min() < 0 or counts.max() > 2**62 // shape[-1]):
        raise ValueError(f"weights must be in [0, 2^62 ÷ {shape[-1]}], got {counts.min()} … {counts.max()}")
    if counts.size and counts.sum(axis=-1).min() < 1:
        raise ValueError("weights must sum to at least 1")
    return counts


def batch(name: str, value: NDArray[Any], *, least: int = 0) -> NDArray[Any]:
    """``value`` if it is a batch ``(n, width)`` of at least ``least`` vectors."""
    if value.ndim != 2 or len(value) < least:
        raise ValueError(f"{name} must be a batch (n, width) with n ≥ {least}, got shape {value.shape}")
    return value


def receiver(out: Any, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """``out`` if it can hold a result of this shape and dtype, a new array if it is None."""
    if out is None:
        return np.empty(shape, dtype=dtype)
    if not isinstance(out, np.ndarray) or out.dtype != dtype:
        raise TypeError(f"out must be an array of {np.dtype(dtype)}, got {getattr(out, 'dtype', type(out))}")
    if out.shape != shape or not (out.flags.c_contiguous and out.flags.writeable):
        raise ValueError(f"out must be contiguous, writeable and of shape {shape}, got shape {out.shape}")
    return out


def parse_winners(text: str, keys: int) -> int:
    """``"40"`` or ``"1%"`` of the keys as a count from 1 to ``keys``."""
    if not re.fullmatch(r"[0-9]+|[0-9]+(\.[0-9]+)?%", text, re.ASCII) or len(text) > 20:
        raise ValueError(f"winners must be a count such as 40 or a share such as 1%, got {text!r}")
    if text.endswith("%"):
        share = float(text[:-1])
        if not 0 < share <= 100:
            raise ValueError(f"winners must be above 0% and at most 100% of the keys, got {text}")
        return max(1, round(keys * share / 100))
    if not 1 <= int(text) <= keys:
        raise ValueError(f"winners must be at least 1 and at most the number of keys, {keys}, got {text}")
    return int(text)
