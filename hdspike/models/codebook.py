"""What says in which bundle a key belongs: centroids of keys, of every layer and key head, found in another text.

A key k belongs to the centroid C_c nearest to kT. With M = E[q qᵀ] of the queries met, M = UΛUᵀ and T = U√Λ, the
squared distance of two keys is E[(q·(k − k′))²], how far apart their scores are (*query-aware*); T = I makes it plain
k-means. What is learned is bound to the sizes of its model, and says nothing of any other.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.models.attention import softmax
from hdspike.models.gguf_file import Shape
from hdspike.models.learned import read_arrays, write_arrays
from hdspike.models.llama import Llama

__all__ = ["Codebook", "codebook_of", "fit", "learn_codebook", "load_codebook", "observed"]

KIND, VERSION = "hdspike-codebook", 1
MOST = 256  # entries: a key's bundle is one byte


@dataclass(frozen=True, eq=False)
class Codebook:
    """Transforms T ``(layers, G, d, d)`` and centroids ``(layers, G, c, d)`` of transformed keys, float32.

    ``entries`` is c, from 1 to 256.

    >>> line = Codebook(np.ones((1, 1, 1, 1), np.float32), np.array([[[[-1], [3]]]], np.float32))
    >>> line.entries, line.layers, line.key_heads, line.dim
    (2, 1, 1, 1)
    """

    transforms: NDArray[np.float32]
    centroids: NDArray[np.float32]

    def __post_init__(self) -> None:
        for name in ("transforms", "centroids"):
            given = check.array(name, getattr(self, name), np.float32, ndim=4)
            if not np.isfinite(given).all():
                raise ValueError(f"{name} must be finite, got {given[~np.isfinite(given)][0]}")
            object.__setattr__(self, name, given)
        layers, groups, entries, dim = self.centroids.shape
        if not (layers and groups and dim and 1 <= entries <= MOST):
            raise ValueError(
                f"centroids must be (layers, G, 1 to {MOST}, d), none of them 0, got {self.centroids.shape}"
            )
        if self.transforms.shape != (layers, groups, dim, dim):
            raise ValueError(
                f"transforms must have shape {(layers, groups, dim, dim)}, got {self.transforms.shape}"
            )

    @property
    def layers(self) -> int:
        return self.centroids.shape[0]

    @property
    def key_heads(self) -> int:
        return self.centroids.shape[1]

    @property
    def entries(self) -> int:
        return self.centroids.shape[2]

    @property
    def dim(self) -> int:
        return self.centroids.shape[3]

    def directions(self, layer: int, group: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """P ``(d, c)`` and h ``(c,)``: the nearest centroid of a key is argmax_c k·P_c − h_c."""
        centroids = self.centroids[layer, group].astype(np.float64)
        return np.ascontiguousarray(self.transforms[layer, group] @ centroids.T), (centroids**2).sum(1) / 2

    def require(self, shape: Shape) -> None:
        """Nothing, if it was learned on a model of such sizes; else a ``ValueError``."""
        mine, other = (
            (self.layers, self.key_heads, self.dim),
            (shape.layers, shape.key_heads, shape.head_dim),
        )
        if mine != other:
            raise ValueError(
                "codebook must be of the model's (layers, key heads, numbers in a key)"
                f" = {other}, it is of {mine}"
            )

    def save(self, path: str | Path) -> None:
        """Write one ``.npz`` file of plain arrays, whole or not at all."""
        write_arrays(path, KIND, VERSION, transforms=self.transforms, centroids=self.centroids)


def load_codebook(path: str | Path) -> Codebook:
    """What :meth:`Codebook.save` wrote. Nothing is unpickled.

    Raises:
        ValueError: a damaged or foreign file, another version, or arrays that make no codebook.
    """
    arrays = read_arrays(path, "codebook", KIND, VERSION, ("transforms", "centroids"))
    try:
        return Codebook(**arrays)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no codebook: {error}") from error


def fit(
    keys: Any,
    moment: Any = None,
    *,
    entries: int = 16,
    iterations: int = 12,
    rng: check.Rng = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """T ``(d, d)`` and k-means centroids ``(entries, d)`` of keys ``(n, d)`` of one head.

    Lloyd's iterations (``scipy.cluster.vq.kmeans2``) from keys drawn at random. A centroid left without keys stays
    where it was.

    Args:
        keys: float32, at least ``entries`` of them. moment: M = E[q qᵀ] ``(d, d)`` float64 of the queries, or None for
            T = I.
    """
    from scipy.cluster.vq import kmeans2

    keys = check.array("keys", keys, np.float32, ndim=2)
    entries = check.integer("entries", entries, low=1, high=MOST)
    iterations = check.integer("iterations", iterations, low=1)
    if len(keys) < entries:
        raise ValueError(f"keys must be at least as many as the entries, {entries}, got {len(keys)}")
    if not np.isfinite(keys).all():
        raise ValueError("keys must be finite")
    dim = keys.shape[1]
    transform = np.eye(dim)
    if moment is not None:
        moment = check.array("moment", moment, np.float64, ndim=2)
        if moment.shape != (dim, dim) or not np.isfinite(moment).all():
            raise ValueError(f"moment must be finite and of shape {(dim, dim)}, got shape {moment.shape}")
        sizes, axes = np.linalg.eigh(moment)
        transform = axes * np.sqrt(np.maximum(sizes, 0))
    turned = keys @ transform
    start = turned[check.generator(rng).choice(len(keys), entries, replace=False)]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="One of the clusters is empty")
        centroids, _ = kmeans2(turned, start, iter=iterations, minit="matrix", missing="warn")
    return transform.astype(np.float32), centroids.astype(np.float32)


def observed(
    model: Llama, windows: NDArray[np.int64]
) -> tuple[list[NDArray[np.float32]], NDArray[np.float64], NDArray[np.float64]]:
    """The keys of every layer, ``(G, windows·context, d)``, and of the queries E[q qᵀ] ``(layers, G, d, d)`` and E[q].

    The mean queries ``(layers, H, d)`` are those of each head, the moments of the heads that share a key head.

    Each row of ``windows`` is a text of its own, read with exact softmax attention.
    """
    shape = model.shape
    held: list[list[NDArray[np.float32]]] = [[] for _ in range(shape.layers)]
    moments = np.zeros((shape.layers, shape.key_heads, shape.head_dim, shape.head_dim))
    means = np.zeros((shape.layers, shape.heads, shape.head_dim))

    def watch(
        queries: NDArray[np.float32],
        keys: NDArray[np.float32],
        values: NDArray[np.float32],
        *,
        layer: int,
        seen: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        held[layer].append(keys.copy())
        rows = queries.reshape(shape.key_heads, -1, shape.head_dim)
        moments[layer] += rows.transpose(0, 2, 1) @ rows
        means[layer] += queries.sum(axis=1, dtype=np.float64)
        return softmax(queries, keys, values, layer=layer, seen=seen)

    for window in windows:
        model.hidden(window, watch)
    moments /= windows.size * (shape.heads // shape.key_heads)
    return [np.concatenate(keys, axis=1) for keys in held], moments, means / windows.size


def learn_codebook(
    model: Llama,
    windows: Any,
    *,
    entries: int = 16,
    query_aware: bool = True,
    iterations: int = 12,
    rng: check.Rng = None,
) -> Codebook:
    """A codebook of the keys that ``model`` makes of development text, read with exact softmax attention.

    The text must not be the one that is tested. All keys of all windows are held at once: layers × G × d × 4 bytes a
    token (0.02 MB for SmolLM2-135M).

    Args:
        windows: ``(count, context)`` tokens, each row a text of its own, as from :func:`hdspike.models.windows`.
        entries: bundles of each key head. query_aware: whether T weighs directions by the queries; plain k-means
            otherwise.

    Raises:
        ValueError: fewer tokens than ``entries``, or tokens outside the vocabulary.
    """
    windows = check.array("windows", windows, np.int64, ndim=2)
    entries = check.integer("entries", entries, low=1, high=MOST)
    if windows.size < entries:
        raise ValueError(
            f"windows must hold at least as many tokens as entries, {entries}, got {windows.size}"
        )
    keys, moments, _ = observed(model, windows)
    return codebook_of(
        keys, moments if query_aware else None, entries=entries, iterations=iterations, rng=rng
    )


def codebook_of(
    keys: Any, moments: Any = None, *, entries: int = 16, iterations: int = 12, rng: check.Rng = None
) -> Codebook:
    """The codebook of what :func:`observed` found: keys ``(G, n, d)`` of every layer, moments ``(layers, G, d, d)``."""
    rng = check.generator(rng)
    made = [
        [
            fit(
                head,
                None if moments is None else moments[layer][group],
                entries=entries,
                iterations=iterations,
                rng=rng,
            )
            for group, head in enumerate(heads)
        ]
        for layer, heads in enumerate(keys)
    ]
    return Codebook(
        np.array([[transform for transform, _ in row] for row in made]),
        np.array([[centroids for _, centroids in row] for row in made]),
    )
