"""Time series of several channels (Rahimi, Benatti, Kanerva, Benini & Rabaey 2016)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.encode.grams import windows
from hdspike.encode.scalars import finite, quantise
from hdspike.spaces import Space

CHUNK = 1 << 22  # numbers bundled at a time


def time_series(
    space: Space, channels: Any, levels: Any, values: Any, *, low: float, high: float, n: int = 3
) -> NDArray[Any]:
    """A stretch of a signal in one vector: what the channels held at a time, in order, over all times.

    ``r_t = [Σ_c channel_c ⊗ level(v_tc)]`` is the record of time t, ``g_t = r_t ⊗ ρ r_{t−1} ⊗ … ⊗ ρ^{n−1} r_{t−n+1}``
    the n-gram that ends there, ``[Σ_t g_t]`` the stretch.

    Args:
        channels: ``(C, width)`` one vector per channel.
        levels: ``(L, width)`` the vectors of :func:`level`.
        values: ``(..., T, C)`` finite numbers; :func:`quantise` puts them on the levels of [low, high].
        n: times that a gram spans, at most T; 1 forgets the order.

    Returns:
        ``(..., width)``.

    Source: Rahimi et al. (2016), "Hyperdimensional biosignal processing: a case study for EMG-based hand gesture
    recognition".

    >>> from hdspike.encode import level
    >>> from hdspike.spaces import BSC
    >>> space, t = BSC(10_000), np.arange(60)[:, None]
    >>> channels, levels = space.random(2, rng=0), level(space, 21, rng=1)
    >>> waves = np.sin(0.5 * t + [0, 1]), np.sin(0.5 * t + [0.2, 1.2]), np.sin(1.4 * t + [0, 2])
    >>> a, same, other = (time_series(space, channels, levels, w, low=-1, high=1) for w in waves)
    >>> bool(space.score([a], [same])[0, 0] > space.score([a], [other])[0, 0])
    True
    """
    names = check.batch("channels", space.checked("channels", channels), least=1)
    scale = check.batch("levels", space.checked("levels", levels), least=1)
    given = finite("values", values)
    if given.ndim < 2 or given.shape[-1] != len(names):
        raise ValueError(
            f"values must be (..., T, {len(names)}), a column a channel, got shape {given.shape}"
        )
    windows(given.shape[:-1], n)
    taken = quantise(given, len(scale), low=low, high=high)
    flat = taken.reshape(-1, *taken.shape[-2:])
    out = np.empty((len(flat), space.width), dtype=names.dtype)
    for series, row in zip(flat, out, strict=True):
        row[:] = _stretch(space, names, scale, series, n)
    return out.reshape(*given.shape[:-2], space.width)


def _stretch(space: Space, channels: Any, levels: Any, taken: NDArray[np.int64], n: int) -> NDArray[Any]:
    pairs = space.bind(channels[:, None], levels)  # every channel with every level
    which = np.arange(len(channels))
    step = max(1, CHUNK // (len(channels) * space.width))
    records = np.concatenate(
        [space.bundle(pairs[which, taken[low : low + step]]) for low in range(0, len(taken), step)]
    )
    rows = len(records) - n + 1
    grams = records[n - 1 :]
    for j in range(1, n):
        grams = space.bind(grams, space.permute(records[n - 1 - j : n - 1 - j + rows], j))
    return space.bundle(grams)
