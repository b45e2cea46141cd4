"""What says where a key of a long context belongs: one of many lines, and bits for what is left of it.

Keys are seen as x = (k − c)T, queries as y = qT⁻ᵀ/√d, so that y·x is the score less what all keys share. With
M = E[q qᵀ] = UΛUᵀ of the queries met, T = U√Λ V: a squared distance of keys is how far apart their scores are, and V
turns to the principal axes of what the lines leave. A key gets

- one of L **lines**, that of the nearest centroid: a sparse code with one bit in L;
- a **dense code** of D bits for x less its centroid, r: axis i has b_i of them, the number ⌊r_i/Δ_i⌋ + 2^{b_i−1} in
  [0, 2^{b_i}), which stands for r_i = Δ_i·(number − (2^{b_i} − 1)/2). Bits go where they take most of the squared
  error away (reverse water-filling: Cover & Thomas 2006, §10.3).

A query weighs the bits: its score of a key is y·centroid + Σ_j |a_j|/2 − Σ_j |a_j|·[bit j ≠ (a_j > 0)], with
a_j = y_i·Δ_i·2^p for bit p of axis i. The last sum is a Hamming distance with a weight on each bit; with weights of
four bits it is four popcounts a word.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.models.learned import read_arrays, write_arrays

__all__ = ["StreamCode", "learn_stream", "load_stream"]

KIND, VERSION = "hdspike-stream", 1
FLOOR = 1e-4  # of the largest eigenvalue of M: T must have an inverse
MOST_BITS = 6  # of an axis
MOST_TOTAL = 512  # of a head: distances have 15 bits
PAIR = 128  # bits: words are counted two by two
ROWS = 4096  # points whose distances are held at once
STEPS = (0.0, 1.596, 0.9957, 0.586, 0.3352, 0.1881, 0.1041)
"""Best equal steps for a normal number of deviation 1, by bits (Max 1960)."""
ERRORS = (1.0, 0.3634, 0.1188, 0.03744, 0.01154, 0.003495, 0.00104)
"""The squared errors that these leave."""


@dataclass(frozen=True, eq=False)
class StreamCode:
    """Codes of the keys of G heads, float32 but for ``bits``.

    Attributes:
        key_turns: T ``(G, d, d)``. query_turns: T⁻ᵀ/√d ``(G, d, d)``. centres: c ``(G, d)``.
        lines: centroids ``(G, L, d)``.
        steps: Δ ``(G, d)``. bits: b ``(G, d)`` int64 in [0, 6], D in all.
    """

    key_turns: NDArray[np.float32]
    query_turns: NDArray[np.float32]
    centres: NDArray[np.float32]
    lines: NDArray[np.float32]
    steps: NDArray[np.float32]
    bits: NDArray[np.int64]

    def __post_init__(self) -> None:
        sizes = {"key_turns": 3, "query_turns": 3, "centres": 2, "lines": 3, "steps": 2, "bits": 2}
        for name, ndim in sizes.items():
            kind = np.int64 if name == "bits" else np.float32
            given = check.array(name, getattr(self, name), kind, ndim=ndim)
            if not np.isfinite(given).all():
                raise ValueError(f"{name} must be finite, got {given[~np.isfinite(given)][0]}")
            object.__setattr__(self, name, given)
        groups, lines, dim = self.lines.shape
        if not (groups and lines and dim):
            raise ValueError(f"lines must be (G, L, d), none of them 0, got {self.lines.shape}")
        wanted = {
            "key_turns": (groups, dim, dim), "query_turns": (groups, dim, dim), "centres": (groups, dim),
            "steps": (groups, dim), "bits": (groups, dim),
        }  # fmt: skip
        for name, shape in wanted.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} must have shape {shape}, got {getattr(self, name).shape}")
        if self.bits.min() < 0 or self.bits.max() > MOST_BITS:
            raise ValueError(
                f"bits must be from 0 to {MOST_BITS}, got {self.bits.min()} to {self.bits.max()}"
            )
        if self.bits.sum(axis=1).max() > MOST_TOTAL:
            raise ValueError(
                f"bits must be at most {MOST_TOTAL} of a head in all, got {self.bits.sum(axis=1).max()}"
            )
        if self.steps.min() < 0 or self.steps[self.bits > 0].min(initial=1) <= 0:
            raise ValueError(f"steps must be above 0 where there are bits, got {self.steps.min()}")

    @property
    def groups(self) -> int:
        return self.lines.shape[0]

    @property
    def count(self) -> int:
        """L, lines of a head."""
        return self.lines.shape[1]

    @property
    def dim(self) -> int:
        """d, numbers in a key."""
        return self.lines.shape[2]

    @property
    def words(self) -> int:
        """64-bit words of a dense code, an even number."""
        return 2 * max(1, -(-int(self.bits.sum(axis=1).max()) // PAIR))

    @property
    def bytes(self) -> int:
        """Bytes of memory that the code itself takes, whatever the context."""
        return sum(getattr(self, part.name).nbytes for part in fields(self))

    def save(self, path: str | Path) -> None:
        """Write one ``.npz`` file of plain arrays, whole or not at all."""
        write_arrays(path, KIND, VERSION, **{part.name: getattr(self, part.name) for part in fields(self)})


def load_stream(path: str | Path) -> StreamCode:
    """What :meth:`StreamCode.save` wrote. Nothing is unpickled.

    Raises:
        ValueError: a damaged or foreign file, another version, or arrays that make no code.
    """
    names = tuple(part.name for part in fields(StreamCode))
    arrays = read_arrays(path, "stream code", KIND, VERSION, names)
    try:
        return StreamCode(**arrays)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no stream code: {error}") from error


def dealt(variances: Any, total: int) -> NDArray[np.int64]:
    """``total`` bits dealt out to axes of these ``variances``, each where it takes most squared error away.

    >>> dealt([16.0, 1.0, 0.01], 4).tolist()
    [3, 1, 0]
    """
    given = np.asarray(variances, dtype=np.float64)
    out = np.zeros(len(given), dtype=np.int64)
    saved = -np.diff(ERRORS)
    for _ in range(min(total, MOST_BITS * len(given))):
        gain = np.where(out < MOST_BITS, given * saved[np.minimum(out, MOST_BITS - 1)], -1)
        out[gain.argmax()] += 1
    return out


def _nearest(points: NDArray[np.float32], centroids: NDArray[np.float32]) -> NDArray[np.int64]:
    """The nearest centroid of each point, some ``ROWS`` points at a time."""
    halves = (centroids**2).sum(axis=1) / 2
    parts = [
        np.argmax(points[low : low + ROWS] @ centroids.T - halves, axis=1)
        for low in range(0, len(points), ROWS)
    ]
    return np.concatenate(parts).astype(np.int64)


def _lloyd(
    points: NDArray[np.float32], entries: int, iterations: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """k-means centroids; one that is left without points stays where it was."""
    found = points[rng.choice(len(points), entries, replace=False)]
    for _ in range(iterations):
        codes = _nearest(points, found)
        sizes = np.bincount(codes, minlength=entries)
        sums = np.stack([np.bincount(codes, weights=axis, minlength=entries) for axis in points.T], axis=1)
        means = sums / np.maximum(sizes, 1)[:, None]
        found = np.where(sizes[:, None] > 0, means, found).astype(np.float32)
    return found


def _learn(
    keys: NDArray[np.float32],
    queries: NDArray[np.float32],
    lines: int,
    bits: int,
    iterations: int,
    rng: np.random.Generator,
) -> tuple[NDArray[Any], ...]:
    """The six arrays of one head."""
    sizes, axes = np.linalg.eigh(queries.T.astype(np.float64) @ queries / len(queries))
    sizes = np.maximum(sizes, max(FLOOR * sizes[-1], 1e-30))
    turn, back = axes * np.sqrt(sizes), axes / np.sqrt(sizes)
    centre = keys.mean(axis=0, dtype=np.float64)
    turned = ((keys - centre) @ turn).astype(np.float32)
    centroids = _lloyd(turned, lines, iterations, rng)
    left = turned - centroids[_nearest(turned, centroids)]
    variances, principal = np.linalg.eigh(left.T.astype(np.float64) @ left / len(left))
    given = dealt(variances, bits)
    steps = np.sqrt(np.maximum(variances, 1e-30)) * np.array(STEPS)[given]
    return (
        (turn @ principal).astype(np.float32),
        (back @ principal / np.sqrt(keys.shape[1])).astype(np.float32),
        centre.astype(np.float32),
        (centroids @ principal).astype(np.float32),
        np.maximum(steps, np.where(given > 0, 1e-12, 0)).astype(np.float32),
        given,
    )


def learn_stream(
    keys: Any,
    queries: Any,
    *,
    lines: int = 1024,
    bits: int = 128,
    iterations: int = 10,
    rng: check.Rng = None,
) -> StreamCode:
    """The codes of G heads from keys and queries of development text.

    The text must not be the one that is tested.

    Args:
        keys: ``(G, n, d)`` float32, n at least ``lines``. queries: ``(H, m, d)`` float32, H a multiple of G: those
            that read key head g are rows g·H/G to (g + 1)·H/G.
        lines: L. bits: D, from 1 to 512; fewer where d axes of 6 bits are enough.
        iterations: of k-means, from keys drawn at random.

    Raises:
        ValueError: shapes that do not belong together, fewer keys than lines, or numbers that are not finite.
    """
    keys = check.array("keys", keys, np.float32, ndim=3)
    queries = check.array("queries", queries, np.float32, ndim=3)
    groups, count, dim = keys.shape
    lines = check.integer("lines", lines, low=1)
    bits = check.integer("bits", bits, low=1, high=MOST_TOTAL)
    iterations = check.integer("iterations", iterations, low=1)
    if not groups or not dim or count < lines:
        raise ValueError(f"keys must be at least as many as the lines, {lines}, got shape {keys.shape}")
    if len(queries) % groups or 0 in queries.shape[:2] or queries.shape[2] != dim:
        raise ValueError(
            f"queries must have shape (H, m, {dim}), H a multiple of {groups}, got {queries.shape}"
        )
    for name, given in (("keys", keys), ("queries", queries)):
        if not np.isfinite(given).all():
            raise ValueError(f"{name} must be finite")
    rng = check.generator(rng)
    rows = queries.reshape(groups, -1, dim)
    made = [_learn(keys[g], rows[g], lines, bits, iterations, rng) for g in range(groups)]
    return StreamCode(*(np.stack(part) for part in zip(*made, strict=True)))
