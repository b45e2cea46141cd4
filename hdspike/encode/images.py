"""Images: the record of their pixels, each bound to its place."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.encode.scalars import finite, level, quantise
from hdspike.spaces import Space

__all__ = ["grid", "pixels"]

CHUNK = 1 << 22  # numbers of vectors bundled at a time


def grid(space: Space, rows: int, columns: int, *, rng: check.Rng = None) -> NDArray[Any]:
    """Vectors of the places of a picture, near places alike: ``row_y ⊗ column_x``, both of :func:`level`.

    In bsc two places Δy rows and Δx columns apart have a similarity of ``(1 − Δy/(H−1))·(1 − Δx/(W−1))``.
    → ``(rows, columns, width)``.

    Compare Kleyko, Khan, Osipov & Yong (2017), "Modality classification of medical images with distributed
    representations based on cellular automata reservoir computing".

    >>> from hdspike.spaces import BSC
    >>> space = BSC(10_000)
    >>> places = grid(space, 5, 5, rng=0)
    >>> space.similarity(places[0, 0][None], places[[0, 0, 2], [0, 2, 2]]).round(1).tolist()
    [[1.0, 0.5, 0.2]]
    """
    random = check.generator(rng)
    return space.bind(level(space, rows, rng=random)[:, None], level(space, columns, rng=random))


def pixels(
    space: Space, places: Any, levels: Any, images: Any, *, low: float = 0.0, high: float = 255.0
) -> NDArray[Any]:
    """The record of an image's pixels: ``[Σ_p place_p ⊗ level(v_p)]``.

    Args:
        places: ``(H, W, width)`` the vectors of :func:`grid`, or unrelated ones.
        levels: ``(L, width)`` the vectors of :func:`hdspike.encode.level`.
        images: ``(..., H, W)`` finite numbers; :func:`hdspike.encode.quantise` puts them on the levels of [low, high].

    Returns:
        ``(..., width)``.

    Source: Kleyko, Rahimi, Rachkovskij, Osipov & Rabaey (2018), "Classification and recall with binary
    hyperdimensional computing: tradeoffs in choice of density and mapping characteristics".

    >>> from hdspike.spaces import BSC
    >>> space = BSC(10_000)
    >>> image = np.zeros((8, 8), dtype=np.uint8)
    >>> image[2:6, 3] = 255
    >>> code = pixels(space, grid(space, 8, 8, rng=0), level(space, 2, rng=1), [image, image.T, 255 - image])
    >>> bool(space.score(code[:1], code)[0].argmax() == 0)
    True
    """
    where, scale = (
        space.checked("places", places),
        check.batch("levels", space.checked("levels", levels), least=1),
    )
    given = finite("images", images)
    if where.ndim != 3 or not where.size:
        raise ValueError(f"places must be (H, W, {space.width}), got shape {where.shape}")
    if given.ndim < 2 or given.shape[-2:] != where.shape[:2]:
        raise ValueError(f"images must be (..., {where.shape[0]}, {where.shape[1]}), got shape {given.shape}")
    taken = quantise(given, len(scale), low=low, high=high).reshape(-1, where.shape[0] * where.shape[1])
    flat = where.reshape(-1, space.width)
    out = np.empty((len(taken), space.width), dtype=where.dtype)
    step = max(1, CHUNK // flat.size)
    for start in range(0, len(taken), step):
        out[start : start + step] = space.bundle(space.bind(flat, scale[taken[start : start + step]]))
    return out.reshape(*given.shape[:-2], space.width)
