"""Trees: every leaf bound with the way to it, all leaves bundled."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.encode.contract import need
from hdspike.encode.tokens import in_range
from hdspike.spaces import Space

Path = Sequence[int] | str


def _way(space: Space, sides: NDArray[Any], path: Path) -> NDArray[Any] | None:
    """``⊗_d ρ^d side(path_d)``; None at the root."""
    if isinstance(path, str):
        if set(path) - {"l", "r"}:
            raise ValueError(f"path must be made of 'l' and 'r', got {path!r}")
        path = ["lr".index(step) for step in path]
    steps = in_range("path", check.array("path", path, np.int64, ndim=1), len(sides))
    out = None
    for depth, step in enumerate(steps):
        side = space.permute(sides[step], depth + 1)
        out = side if out is None else space.bind(out, side)
    return out


def tree(space: Space, sides: Any, paths: Sequence[Path], leaves: Any) -> NDArray[Any]:
    """A tree in one vector: ``[Σ_leaf x_leaf ⊗ ρ side(p_1) ⊗ ρ² side(p_2) ⊗ …]``.

    Args:
        sides: ``(arity, width)``: in a binary tree, the vectors of left and right.
        paths: from the root to each leaf: child numbers, ``[0, 1]``, or ``"lr"``. An inner node may hold a value too.
        leaves: ``(..., len(paths), width)``.

    Returns:
        ``(..., width)``.

    Source: Kanerva (2009); Frady, Kent, Olshausen & Sommer (2020), "Resonator networks 1".
    """
    need(space, "associative", "a tree")
    branches = check.batch("sides", space.checked("sides", sides), least=1)
    values = space.checked("leaves", leaves)
    if values.ndim < 2 or values.shape[-2] != len(paths) or not len(paths):
        raise ValueError(
            f"leaves must be (..., {len(paths)}, width), one for each path, got shape {values.shape}"
        )
    bound = []
    for i, path in enumerate(paths):
        way = _way(space, branches, path)
        bound.append(values[..., i, :] if way is None else space.bind(values[..., i, :], way))
    return space.bundle(np.stack(bound, axis=-2))


def leaf(space: Space, tree: Any, sides: Any, path: Path) -> NDArray[Any]:
    """The value at the end of ``path``, with the noise of the other leaves: the tree with the way unbound.

    ``(..., width)`` → ``(..., width)``.

    >>> from hdspike.spaces import BSC
    >>> space = BSC(10_000)
    >>> sides, x = space.random(2, rng=0), space.random(3, rng=1)
    >>> t = tree(space, sides, ["l", "rl", "rr"], x)
    >>> [int(space.score([leaf(space, t, sides, path)], x).argmax()) for path in ("rr", "l", "rl")]
    [2, 0, 1]
    """
    need(space, "invertible", "reading a leaf")
    whole = space.checked("tree", tree)
    way = _way(space, check.batch("sides", space.checked("sides", sides), least=1), path)
    return whole.copy() if way is None else space.bind(whole, space.inverse(way))
