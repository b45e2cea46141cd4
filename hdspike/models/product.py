"""Keys as sparse block codes that were learned: the numbers of a key, in B blocks, each near one of E centroids.

A key has one line in each block, that of the nearest centroid, so its code has D = B·E bits of which B are one: a
product codebook (Jégou, Douze & Schmid 2011). Distances are taken after k → (k − c)T, c the mean key. With
M = E[(q − q̄)(q − q̄)ᵀ] = UΛUᵀ of the queries met and T = U√Λ V, V a rotation, the squared distance of two keys is
E[((q − q̄)·(k − k′))²], how far apart their scores are beyond what the mean query q̄ makes of them. V turns to the
principal axes of the keys and deals them out so that every block gets about the same product of variances (Ge et al.
2013).

The score of a key is q·k = q̄·k + (q − q̄)·k. What every query of a head is expected to say, q̄·k, is known when the key
arrives: its *rest*. The surprise turns into (q − q̄)T⁻ᵀ, which keeps products: less what all keys share, it is the sum
over blocks of what the lines of the key contribute. That is zero in the mean over the keys learned from. A line that
contributes much is a synapse that is worth an event: the strongest spike first.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.models.bundles import _nearest
from hdspike.models.gguf_file import Shape
from hdspike.models.learned import read_arrays, write_arrays

__all__ = ["ProductBook", "fit_product", "learn_product", "load_product"]

KIND, VERSION = "hdspike-product", 1
NAMES = ("transforms", "centres", "centroids", "means")
MOST = 256  # lines of a block: a key's line is one byte
FLOOR = 1e-6  # of the largest eigenvalue: T must have an inverse


@dataclass(frozen=True, eq=False)
class ProductBook:
    """Transforms T ``(layers, G, d, d)``, centres c ``(layers, G, d)`` and centroids ``(layers, G, B, E, d/B)``.

    float32. ``blocks`` is B, a divisor of d; ``lines`` is E, from 1 to 256. ``means`` are the mean queries q̄
    ``(layers, G, R, d)`` of the R heads that share a key head, 0 where nothing is expected.

    >>> one, none = np.ones((1, 1, 1, 1), np.float32), np.zeros((1, 1, 1, 1), np.float32)
    >>> lines = np.array([-1, 3], np.float32).reshape(1, 1, 1, 2, 1)
    >>> book = ProductBook(one, none[0], lines, none)
    >>> book.keys(0, 0, np.array([[-2], [2]], np.float32)).tolist()
    [[0], [1]]
    >>> book.contributions(0, 0, np.array([[2]], np.float32)).tolist()
    [[[-2.0, 6.0]]]
    """

    transforms: NDArray[np.float32]
    centres: NDArray[np.float32]
    centroids: NDArray[np.float32]
    means: NDArray[np.float32]

    def __post_init__(self) -> None:
        for name, ndim in (("transforms", 4), ("centres", 3), ("centroids", 5), ("means", 4)):
            given = check.array(name, getattr(self, name), np.float32, ndim=ndim)
            if not np.isfinite(given).all():
                raise ValueError(f"{name} must be finite, got {given[~np.isfinite(given)][0]}")
            object.__setattr__(self, name, given)
        layers, groups, blocks, lines, part = self.centroids.shape
        if not (layers and groups and blocks and part and 1 <= lines <= MOST):
            raise ValueError(
                f"centroids must be (layers, G, B, 1 to {MOST}, d/B), none of them 0, got {self.centroids.shape}"
            )
        dim = blocks * part
        if self.transforms.shape != (layers, groups, dim, dim):
            raise ValueError(
                f"transforms must have shape {(layers, groups, dim, dim)}, got {self.transforms.shape}"
            )
        if self.centres.shape != (layers, groups, dim):
            raise ValueError(f"centres must have shape {(layers, groups, dim)}, got {self.centres.shape}")
        if self.means.shape[:2] != (layers, groups) or not self.means.shape[2] or self.means.shape[3] != dim:
            raise ValueError(f"means must have shape {(layers, groups, 'R', dim)}, got {self.means.shape}")
        try:
            inverses = np.linalg.inv(self.transforms.astype(np.float64))
        except np.linalg.LinAlgError as error:
            raise ValueError(f"transforms must have inverses: {error}") from error
        object.__setattr__(self, "_inverses", inverses)

    @property
    def layers(self) -> int:
        return self.centroids.shape[0]

    @property
    def key_heads(self) -> int:
        return self.centroids.shape[1]

    @property
    def blocks(self) -> int:
        return self.centroids.shape[2]

    @property
    def lines(self) -> int:
        return self.centroids.shape[3]

    @property
    def dim(self) -> int:
        """d, numbers in a key."""
        return self.transforms.shape[2]

    def keys(self, layer: int, group: int, keys: NDArray[np.float32]) -> NDArray[np.uint8]:
        """The lines ``(N, B)`` of keys ``(N, d)``: the nearest centroid of each block, ties to the lower."""
        if keys.ndim != 2 or keys.shape[1] != self.dim or not np.isfinite(keys).all():
            raise ValueError(f"keys must be finite and of shape (N, {self.dim}), got shape {keys.shape}")
        turned = (keys.astype(np.float64) - self.centres[layer, group]) @ self.transforms[layer, group]
        out = np.empty((len(keys), self.blocks), dtype=np.uint8)
        part = self.dim // self.blocks
        for block, centroids in enumerate(self.centroids[layer, group].astype(np.float64)):
            here = np.ascontiguousarray(turned[:, block * part : (block + 1) * part])
            _nearest(here, np.ascontiguousarray(centroids.T), (centroids**2).sum(axis=1) / 2, out[:, block])
        return out

    def contributions(self, layer: int, group: int, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        """What each line adds to q·(k − c)/√d of a key that has it: ``(n, B, E)`` for queries ``(n, d)``.

        Where the keys rest at q̄·k, ask for the contributions of q − q̄ (:meth:`surprise`).
        """
        turned = queries.astype(np.float64) @ self._inverses[layer, group].T / np.sqrt(self.dim)  # type: ignore[attr-defined]
        parts = turned.reshape(len(queries), self.blocks, -1).swapaxes(0, 1)
        made = parts @ self.centroids[layer, group].astype(np.float64).swapaxes(1, 2)
        return made.swapaxes(0, 1).astype(np.float32, order="C")

    def surprise(self, layer: int, group: int, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        """q − q̄ of the queries ``(R, n, d)`` of the heads that share a key head."""
        return queries - self.means[layer, group][:, None]

    def rests(self, layer: int, keys: NDArray[np.float32]) -> NDArray[np.float64]:
        """q̄·k/√d ``(G, R, N)`` of keys ``(G, N, d)``: where the potentials of each head start."""
        means = self.means[layer].astype(np.float64)
        found: NDArray[np.float64] = means @ keys.astype(np.float64).swapaxes(1, 2) / np.sqrt(self.dim)
        return found

    def require(self, shape: Shape) -> None:
        """Nothing, if it was learned on a model of such sizes; else a ``ValueError``."""
        mine = (self.layers, self.key_heads, self.dim)
        other = (shape.layers, shape.key_heads, shape.head_dim)
        if mine != other:
            raise ValueError(
                "product codebook must be of the model's (layers, key heads, numbers in a key)"
                f" = {other}, it is of {mine}"
            )

    def save(self, path: str | Path) -> None:
        """Write one ``.npz`` file of plain arrays, whole or not at all."""
        arrays = {name: getattr(self, name) for name in NAMES}
        write_arrays(path, KIND, VERSION, **arrays)


def load_product(path: str | Path) -> ProductBook:
    """What :meth:`ProductBook.save` wrote. Nothing is unpickled.

    Raises:
        ValueError: a damaged or foreign file, another version, or arrays that make no product codebook.
    """
    arrays = read_arrays(path, "product codebook", KIND, VERSION, NAMES)
    try:
        return ProductBook(**arrays)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no product codebook: {error}") from error


def _dealt(variances: NDArray[np.float64], blocks: int) -> NDArray[np.int64]:
    """An order of the axes that gives each block as many, and about the same product of variances.

    Largest variance first, each to the block with the smallest product that has room.
    """
    room = len(variances) // blocks
    given: list[list[int]] = [[] for _ in range(blocks)]
    products = np.zeros(blocks)
    logs = np.log(np.maximum(variances, 1e-30))
    logs = logs - logs.min() + 1  # so that each axis fills its block
    for axis in np.argsort(-variances, kind="stable"):
        block = min((b for b in range(blocks) if len(given[b]) < room), key=lambda b: (products[b], b))
        given[block].append(int(axis))
        products[block] += logs[axis]
    return np.array([axis for axes in given for axis in axes], dtype=np.int64)


def fit_product(
    keys: Any,
    moment: Any = None,
    *,
    blocks: int = 4,
    lines: int = 256,
    iterations: int = 12,
    rng: check.Rng = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """T ``(d, d)``, c ``(d,)`` and centroids ``(B, E, d/B)`` of the keys ``(n, d)`` of one head.

    Args:
        keys: float32, at least ``lines`` of them. moment: M = E[q qᵀ] ``(d, d)`` float64 of the queries, or None for
            Λ = I. iterations: of Lloyd's algorithm, from keys drawn at random.
    """
    keys = check.array("keys", keys, np.float32, ndim=2)
    dim = keys.shape[1]
    lines = check.integer("lines", lines, low=1, high=MOST)
    blocks = check.integer("blocks", blocks, low=1, high=dim)
    iterations = check.integer("iterations", iterations, low=1)
    if dim % blocks:
        raise ValueError(f"blocks must divide the {dim} numbers of a key, got {blocks}")
    if len(keys) < lines:
        raise ValueError(f"keys must be at least as many as the lines, {lines}, got {len(keys)}")
    if not np.isfinite(keys).all():
        raise ValueError("keys must be finite")
    transform = np.eye(dim)
    if moment is not None:
        moment = check.array("moment", moment, np.float64, ndim=2)
        if moment.shape != (dim, dim) or not np.isfinite(moment).all():
            raise ValueError(f"moment must be finite and of shape {(dim, dim)}, got shape {moment.shape}")
        sizes, axes = np.linalg.eigh(moment)
        transform = axes * np.sqrt(np.maximum(sizes, max(FLOOR * sizes[-1], 1e-30)))
    centre = keys.mean(axis=0, dtype=np.float64)
    turned = (keys - centre) @ transform
    variances, axes = np.linalg.eigh(turned.T @ turned / len(keys))
    order = _dealt(variances, blocks)
    transform, turned = transform @ axes[:, order], turned @ axes[:, order]
    rng = check.generator(rng)
    parts = np.split(turned.astype(np.float32), blocks, axis=1)
    centroids = np.stack([_lloyd(np.ascontiguousarray(part), lines, iterations, rng) for part in parts])
    return transform.astype(np.float32), centre.astype(np.float32), centroids


def _lloyd(
    points: NDArray[np.float32], entries: int, iterations: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """k-means centroids; one without points goes to a point drawn anew."""
    found = points[rng.choice(len(points), entries, replace=False)]
    for _ in range(iterations):
        nearness = points @ found.T
        nearness -= np.square(found).sum(axis=1) / 2
        codes = nearness.argmax(axis=1)
        sizes = np.bincount(codes, minlength=entries)
        sums = np.stack([np.bincount(codes, weights=axis, minlength=entries) for axis in points.T], axis=1)
        drawn = points[rng.choice(len(points), entries)]
        means = (sums / np.maximum(sizes, 1)[:, None]).astype(np.float32)
        found = np.where(sizes[:, None] > 0, means, drawn)
    return found


def learn_product(
    keys: Any,
    moments: Any = None,
    means: Any = None,
    *,
    blocks: int = 4,
    lines: int = 256,
    iterations: int = 12,
    rng: check.Rng = None,
) -> ProductBook:
    """The product codebook of the keys ``(G, n, d)`` of every layer, as :func:`hdspike.models.codebook.observed` finds.

    The text must not be the one that is tested.

    Args:
        keys: a sequence over layers, float32. moments: ``(layers, G, d, d)`` float64 E[q qᵀ], or None.
        means: ``(layers, H, d)`` mean queries q̄, or None for 0.
    """
    rng = check.generator(rng)
    if not len(keys):
        raise ValueError("keys must be those of one layer at least, got none")
    keys = [check.array("keys", some, np.float32, ndim=3) for some in keys]
    shape = (len(keys), len(keys[0]), keys[0].shape[2])
    if not shape[1] or any((len(some), some.shape[2]) != shape[1:] for some in keys):
        raise ValueError(
            f"keys must be of the same heads in every layer, got {[some.shape for some in keys]}"
        )
    if moments is not None and np.shape(moments) != (*shape, shape[2]):
        raise ValueError(f"moments must have shape {(*shape, shape[2])}, got {np.shape(moments)}")
    rests = np.zeros((len(keys), len(keys[0]), 1, keys[0].shape[2]))
    if means is not None:
        means = check.array("means", means, np.float64, ndim=3)
        if means.shape[::2] != shape[::2] or not means.shape[1] or means.shape[1] % shape[1]:
            raise ValueError(
                f"means must have shape {(shape[0], 'H', shape[2])} with H a multiple of {shape[1]}, got {means.shape}"
            )
        rests = means.reshape(len(keys), len(keys[0]), -1, means.shape[2])
        if moments is not None:
            moments = moments - np.einsum("lgrx,lgry->lgxy", rests, rests) / rests.shape[2]
    made = [
        [
            fit_product(
                keys[layer][group],
                None if moments is None else moments[layer][group],
                blocks=blocks,
                lines=lines,
                iterations=iterations,
                rng=rng,
            )
            for group in range(len(keys[layer]))
        ]
        for layer in range(len(keys))
    ]
    transforms, centres, centroids = (np.array([[head[i] for head in row] for row in made]) for i in range(3))
    return ProductBook(transforms, centres, centroids, rests.astype(np.float32))
