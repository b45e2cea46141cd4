"""Float vectors through a random matrix that is never stored: any column of it can be made again from a seed."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from hdspike import bits, check, files
from hdspike.encode import hashed
from hdspike.encode.scalars import finite
from hdspike.spaces import BSC, Space

BLOCK = 1 << 20  # matrix entries made at a time
KEPT = 1 << 25  # matrix entries kept between calls, at most: 256 MiB
VERSION = 1


def project(vectors: Any, dim: int, *, centre: Any = None, rng: check.Rng = None) -> NDArray[np.uint64]:
    """Float vectors as bits by sign random projection: bit ``i`` is ``[⟨r_i, x − centre⟩ > 0]``, r_i normal.

    The expected Hamming distance of two is ``D·θ/π`` with θ the angle between them (Charikar 2002).
    ``(..., F)`` floats → words ``(..., ⌈dim/64⌉)``. The whole matrix is drawn from ``rng`` for this one call;
    :class:`Projector` keeps it, or makes it again piece by piece.
    """
    given = np.asarray(vectors, dtype=np.float64)
    if given.ndim == 0 or not np.all(np.isfinite(given)):
        raise ValueError("vectors must be finite numbers with at least one axis")
    middle = np.zeros(given.shape[-1]) if centre is None else np.asarray(centre, dtype=np.float64)
    if middle.shape != given.shape[-1:] or not np.all(np.isfinite(middle)):
        raise ValueError(f"centre must be {given.shape[-1]} finite numbers, got shape {middle.shape}")
    shifted = centred(given, middle)
    normal = check.generator(rng).standard_normal((given.shape[-1], check.integer("dim", dim, low=1)))
    return bits.pack(shifted @ normal > 0)


def centred(vectors: NDArray[np.float64], centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """``vectors − centre``, small enough that no sum of F of them times a normal (below 16) passes float64."""
    most = float(np.finfo(np.float64).max) / 16 / max(1, len(centre))
    with np.errstate(over="ignore"):
        shifted = vectors - centre
    if shifted.size and np.abs(shifted).max() > most:
        raise ValueError(
            f"vectors must be within {most:.3g} of the centre, got one {np.abs(shifted).max():.3g} from it"
        )
    return shifted


class Projection(ABC):
    """Float vectors ``(..., F)`` → vectors of a space ``(..., width)``, by way of ``(x − centre)·R``.

    Entry ``(f, i)`` of R is a pure function of the seed, f and i (the normal quantile of a hash), so that the encoder
    is its few numbers: it is saved with its centre alone, and R of any size is made in pieces while it is needed. Up
    to 256 MiB of R are kept between calls. The products are float64: an input within rounding of a decision (of 0, of
    the winner, of the last active unit) may fall either way with another BLAS.

    Args:
        space: the space of the vectors.
        features: F.
        seed: picks R.
        centre: ``(F,)``, subtracted from every vector; :meth:`fit` takes the mean. Zero by default.
    """

    kind: ClassVar[str]

    def __init__(self, space: Space, features: int, *, seed: int = 0, centre: Any = None) -> None:
        self.space = space
        self.features = check.integer("features", features, low=1)
        self.seed = check.integer("seed", seed, low=0, high=2**64 - 1)
        self.centre = np.zeros(features) if centre is None else finite("centre", centre)
        if self.centre.shape != (features,):
            raise ValueError(f"centre must be {features} finite numbers, got shape {self.centre.shape}")
        self._bases = hashed.bases(np.arange(features, dtype=np.uint64), hashed.FEATURE, self.seed)
        self._kept: dict[int, NDArray[np.float64]] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.space!r}, {self.features}, seed={self.seed})"

    def fit(self, vectors: Any) -> Self:
        """Take the mean of ``(N, F)`` as the centre."""
        given = self._checked(vectors)
        if given.ndim != 2 or not len(given):
            raise ValueError(f"vectors must be (N, {self.features}) with N ≥ 1, got shape {given.shape}")
        with np.errstate(over="ignore"):
            middle = given.mean(axis=0)
        if not np.all(np.isfinite(middle)):
            raise ValueError(f"vectors must have a finite sum, got values up to {np.abs(given).max():g}")
        self.centre = middle
        return self

    def __call__(self, vectors: Any) -> NDArray[Any]:
        """The vectors of the space: ``(..., F)`` finite floats → ``(..., width)``."""
        given = self._checked(vectors)
        flat = centred(given.reshape(-1, self.features), self.centre)
        out = np.empty((len(flat), self.space.width), dtype=self.space.dtype)
        self._encode(flat, out)
        return out.reshape(*given.shape[:-1], self.space.width)

    def matrix(self, start: int, stop: int) -> NDArray[np.float64]:
        """Columns ``start`` … ``stop − 1`` of R: ``(F, stop − start)``."""
        return ndtri(hashed.uniform(hashed.words(self._bases, hashed.salts(start, stop))))

    def _checked(self, vectors: Any) -> NDArray[np.float64]:
        given = finite("vectors", vectors)
        if given.ndim == 0 or given.shape[-1] != self.features:
            raise ValueError(f"vectors must be (..., {self.features}), got shape {given.shape}")
        return given

    @abstractmethod
    def _encode(self, flat: NDArray[np.float64], out: NDArray[Any]) -> None:
        """Write the vectors of ``flat`` (N, F), already centred, into ``out`` (N, width)."""

    def _pieces(self, columns: int, unit: int) -> Any:
        """``(start, stop, R[:, start:stop])`` until all ``columns`` are through, a multiple of ``unit`` at a time."""
        step = max(1, BLOCK // (self.features * unit)) * unit
        keep = self.features * columns <= KEPT
        for start in range(0, columns, step):
            stop = min(start + step, columns)
            piece = self._kept.get(start)
            if piece is None:
                piece = self.matrix(start, stop)
                if keep:
                    self._kept[start] = piece
            yield start, stop, piece

    def _settings(self) -> dict[str, Any]:
        """What the constructor needs beside the space, features, seed and centre."""
        return {}

    def save(self, path: str | Path) -> None:
        """Write the encoder to a file: its settings and its centre."""
        shape = {"dim": self.space.dim, "width": self.space.width, "name": self.space.name}
        meta = {
            "kind": self.kind,
            "version": VERSION,
            "seed": str(self.seed),
            "space": shape,
        } | self._settings()
        files.save_array(path, self.centre, **meta)

    @classmethod
    def load(cls, path: str | Path, space: Space) -> Self:
        """The encoder that :meth:`save` wrote, into the same space.

        Raises:
            ValueError: another file, another kind of encoder, or one for another space.
        """
        centre, meta = files.load_array(path, mmap=False)
        if meta.get("kind") != cls.kind or meta.get("version") != VERSION:
            raise ValueError(
                f"{path} must hold {cls.kind} version {VERSION}, its header says {meta.get('kind')!r}"
            )
        shape = {"dim": space.dim, "width": space.width, "name": space.name}
        if meta.get("space") != shape:
            raise ValueError(f"{path} must be of the space {shape}, its header says {meta.get('space')!r}")
        try:
            settings = {name: meta[name] for name in cls._names}
            good = centre.ndim == 1 and centre.dtype == np.float64
            made = (
                cls(space, len(centre), seed=int(meta["seed"]), centre=centre, **settings) if good else None
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} has settings that make no {cls.kind}: {error}") from error
        if made is None:
            raise ValueError(
                f"{path} must hold a centre of float64 numbers, got {centre.dtype} {centre.shape}"
            )
        return made

    _names: ClassVar[tuple[str, ...]] = ()


class Projector(Projection):
    """Sign random projection: bit ``i`` is ``[⟨r_i, x − centre⟩ > 0]``, ``r_i`` a vector of independent normals.

    The Hamming distance of two is binomial, ``D`` trials at ``θ/π``, θ the angle between them about the centre.

    Source: Goemans & Williamson (1995); Charikar (2002), "Similarity estimation techniques from rounding algorithms".

    >>> from hdspike.spaces import BSC
    >>> space = BSC(10_000)
    >>> words = Projector(space, 2, seed=1)([[1.0, 0.0], [1.0, 3.0], [0.0, 1.0], [-1.0, 0.0]])
    >>> ((space.dim - space.score(words[:1], words)) / space.dim).round(1).tolist()
    [[0.0, 0.4, 0.5, 1.0]]
    """

    kind = "sign random projection"

    def __init__(self, space: Space, features: int, *, seed: int = 0, centre: Any = None) -> None:
        if not isinstance(space, BSC):
            raise TypeError(f"space must be bsc for one sign a bit, got {space!r}; see SimHash for sbc")
        super().__init__(space, features, seed=seed, centre=centre)

    def _encode(self, flat: NDArray[np.float64], out: NDArray[Any]) -> None:
        for start, stop, piece in self._pieces(self.space.dim, bits.BITS):
            first, last = start // bits.BITS, -(-stop // bits.BITS)
            rows = max(1, BLOCK // (stop - start))
            for low in range(0, len(flat), rows):
                out[low : low + rows, first:last] = bits.pack(flat[low : low + rows] @ piece > 0)
