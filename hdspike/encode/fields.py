"""Images through receptive fields: each bit of a vector looks for one patch in one window."""

from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hdspike import bits, check, files
from hdspike.bits import BITS, FULL, ZERO
from hdspike.encode.scalars import finite
from hdspike.jit import kernel, spread

__all__ = ["ReceptiveFields"]

IMAGES = 256  # images encoded at a time
TRIES = 16  # patches drawn for each bit, of which the first that is not blank is kept
BLANK = 0.1  # a patch with less than this share of ones, or of zeros, is blank
LONGEST = 255  # bits in the code of a patch: a distance fits a byte
KIND, VERSION = "receptive fields", 1


@kernel
def _codes(symbols, size, patch, stride, out):
    """The code of the patch at each place: its patch² symbols of ``size`` bits, row by row. Returns the symbols."""
    for i in range(len(out)):
        for y in range(out.shape[1]):
            for x in range(out.shape[2]):
                code = out[i, y, x]
                for q in range(len(code)):
                    code[q] = ZERO
                place = 0
                for a in range(patch):
                    for b in range(patch):
                        symbol = symbols[i, y + a * stride, x + b * stride]
                        q, shift = place // BITS, place % BITS
                        code[q] |= symbol << np.uint64(shift)
                        if shift + size > BITS:
                            code[q + 1] |= symbol >> np.uint64(BITS - shift)
                        place += size
    return len(out) * out.shape[1] * out.shape[2] * patch * patch


@kernel
def _closest(codes, corner, high, wide, wanted, best):
    """``best[b] = min_p |codes[p] ⊕ wanted[:, b]|`` over the window at ``corner``, for 64 patches at once.

    Where a code is one word, three places are taken at a time: one load and store of ``best`` for the three.
    """
    first = wanted[0]
    thrice = wide - wide % 3 if len(wanted) == 1 else 0
    for b in range(BITS):
        best[b] = FULL
    for y in range(corner[0], corner[0] + high):
        for x in range(corner[1], corner[1] + thrice, 3):
            one, two, three = codes[y, x, 0], codes[y, x + 1, 0], codes[y, x + 2, 0]
            for b in range(BITS):
                want = first[b]
                nearer = min(bits._ones(one ^ want), bits._ones(two ^ want))
                best[b] = min(min(best[b], bits._ones(three ^ want)), nearer)
        for x in range(corner[1] + thrice, corner[1] + wide):
            code = codes[y, x]
            for b in range(BITS):
                apart = ZERO
                for q in range(len(code)):
                    apart += bits._ones(code[q] ^ wanted[q, b])
                best[b] = min(best[b], apart)
    return high * wide


@kernel
def _distances(codes, corners, high, wide, wanted, best, out):
    """``out[i, w, b]``: how near image i comes to patch b of word w in that word's window. Returns the codes read."""
    read = 0
    for i in range(len(codes)):
        for w in range(len(corners)):
            read += _closest(codes[i], corners[w], high, wide, wanted[w], best)
            for b in range(BITS):
                out[i, w, b] = np.uint8(best[b])
    return read


@kernel
def _fields(codes, corners, high, wide, wanted, radii, mask, best, out):
    """Bit b of word w is ``[distance ≤ radii[w, b]]``. Returns the codes read."""
    read = 0
    for i in range(len(codes)):
        for w in range(len(corners)):
            read += _closest(codes[i], corners[w], high, wide, wanted[w], best)
            word = ZERO
            for b in range(BITS):
                word |= np.uint64(best[b] <= np.uint64(radii[w, b])) << np.uint64(b)
            out[i, w] = word
        out[i, len(corners) - 1] &= mask
    return read


def _numbers(images: Any) -> NDArray[Any]:
    """Images as finite numbers; bytes stay bytes."""
    given = np.asarray(images)
    return given if given.dtype.kind in "bu" and given.dtype.itemsize == 1 else finite("images", given)


class ReceptiveFields:
    """Images → dense binary vectors: each bit looks for its own patch, in its own part of the image.

    A pixel is a symbol of a few bits: the signs of its slopes, ``[g_x > e] [g_x < −e] [g_y > e] [g_y < −e]`` with
    ``e = edge`` and g the mean Sobel slope; and ``[v > l]`` for each of ``levels``. The symbols of ``patch × patch``
    pixels, ``stride`` apart, are the code c(p) of the place p, and bit i is

        x_i = [ min_{p ∈ W_i} |c(p) ⊕ k_i| ≤ r_i ]

    where k_i is a code that was seen in a window W_i of ``window × window`` places (shared by the 64 bits of a word)
    and the radius r_i is the least at which at least ``density`` of the sample images set the bit. It is XOR,
    popcount and comparison: a hard location of Kanerva's (1988) sparse distributed memory that reads a patch, pooled
    over a window, so that a stroke may shift within it. No labels are used and nothing is trained.

    Patches of training images as features: Coates, Ng & Lee (2011), "An analysis of single-layer networks in
    unsupervised feature learning". What is outside an image counts as 0.

    Args:
        dim: D, bits of a vector.
        images: ``(N, H, W)`` or ``(N, H, W, C)`` finite numbers, N ≥ 1: at most ``sample`` of them, drawn at random,
            give the patches and the radii.
        patch: side of a patch, in pixels that are looked at.
        stride: pixels between two of these.
        window: side of a window, in places; the whole image where it is smaller.
        edge: the slope e ≥ 0 per pixel that counts as an edge, in units of the images; None for no slopes.
        levels: thresholds of brightness.
        density: the share of images that are to set a bit, in (0, 1].
        rng: draws sample, windows and patches.

    Attributes: ``shape`` of an image; ``patches`` (W, Q, 64) words, the 64 codes of each word; ``radii`` (W, 64);
    ``corners`` (W, 2) of the windows; ``nbytes`` of the three.

    >>> from sklearn.datasets import load_digits
    >>> images, y = load_digits(return_X_y=True)
    >>> images = images.reshape(-1, 8, 8)
    >>> fields = ReceptiveFields(2048, images[:1000], patch=3, window=4, edge=None, levels=(4, 8, 12), rng=0)
    >>> train, test = fields(images[:1000]), fields(images[1000:])
    >>> nearest, _ = bits.nearest(test, train, 2048, 1)
    >>> bool(np.mean(y[:1000][nearest[:, 0]] == y[1000:]) > 0.9)
    True
    """

    def __init__(
        self,
        dim: int,
        images: Any,
        *,
        patch: int = 4,
        stride: int = 1,
        window: int = 9,
        edge: float | None = 10.0,
        levels: Sequence[float] = (),
        density: float = 0.5,
        sample: int = 2048,
        rng: check.Rng = None,
    ) -> None:
        given = _numbers(images)
        if given.ndim not in (3, 4) or not given.size:
            raise ValueError(
                f"images must be (N, H, W) or (N, H, W, C), none of them 0, got shape {given.shape}"
            )
        check.integer("sample", sample, low=1)
        share = float(finite("density", density))
        if not 0 < share <= 1:
            raise ValueError(f"density must be in (0, 1], got {density}")
        self._set(dim, given.shape[1:], patch, stride, window, edge, levels)
        random = check.generator(rng)
        self._draw(given[random.permutation(len(given))[:sample]], share, random)

    def _set(
        self, dim: Any, shape: tuple[int, ...], patch: Any, stride: Any, window: Any, edge: Any, levels: Any
    ) -> None:
        """Check and keep the settings."""
        self.dim = check.integer("dim", dim, low=1)
        self.shape = shape
        self.patch = check.integer("patch", patch, low=1)
        self.stride = check.integer("stride", stride, low=1)
        self.window = check.integer("window", window, low=1)
        self.edge = None if edge is None else float(finite("edge", edge))
        if self.edge is not None and self.edge < 0:
            raise ValueError(f"edge must be at least 0, got {edge}")
        self.levels = finite("levels", np.asarray(levels, dtype=np.float64))
        if self.levels.ndim != 1 or not self._symbol:
            raise ValueError(
                f"levels must be a list of numbers, not empty where edge is None, got shape {self.levels.shape}"
            )
        if self._symbol > BITS or self._symbol * self.patch**2 > LONGEST:
            raise ValueError(
                f"patch must have at most {LONGEST} bits, {BITS} a pixel, "
                f"got {patch} × {patch} pixels of {self._symbol}"
            )

    def __repr__(self) -> str:
        edge = "" if self.edge is None else f", edge={self.edge:g}"
        return f"ReceptiveFields({self.dim}, {self.shape}, patch={self.patch}, window={self.window}{edge})"

    @property
    def _symbol(self) -> int:
        """Bits of a pixel's symbol."""
        return ((self.edge is not None) * 4 + len(self.levels)) * (
            self.shape[2] if len(self.shape) == 3 else 1
        )

    @property
    def _width(self) -> int:
        """Words of a patch's code."""
        return -(-self._symbol * self.patch**2 // BITS)

    @property
    def _pad(self) -> int:
        return ((self.patch - 1) * self.stride + 1) // 2

    @property
    def _places(self) -> tuple[int, int]:
        """Rows and columns of the places of patches."""
        reach = (self.patch - 1) * self.stride - 2 * self._pad
        return self.shape[0] - reach, self.shape[1] - reach

    @property
    def _extent(self) -> tuple[int, int]:
        """Rows and columns of a window."""
        high, wide = self._places
        return min(self.window, high), min(self.window, wide)

    @property
    def nbytes(self) -> int:
        """Bytes of what the encoder keeps: patches, radii and windows."""
        return self.patches.nbytes + self.radii.nbytes + self.corners.nbytes

    def _draw(self, images: NDArray[Any], density: float, random: np.random.Generator) -> None:
        """Windows, a seen patch for each bit, and radii."""
        count = bits.word_count(self.dim)
        (rows, columns), (high, wide) = self._places, self._extent
        spots = (rows - high + 1) * (columns - wide + 1)
        rounds = [random.permutation(spots) for _ in range(-(-count // spots))]
        corners = np.stack(np.divmod(np.concatenate(rounds)[:count], columns - wide + 1), axis=1)
        self.corners = corners.astype(np.int32)
        codes = self.codes(images)
        where = random.integers(0, [len(images), high, wide], size=(count, BITS, TRIES, 3))
        where[..., 1:] += corners[:, None, None]
        drawn = codes[where[..., 0], where[..., 1], where[..., 2]]
        length = self._symbol * self.patch**2
        ones = np.bitwise_count(drawn).sum(axis=-1)
        rich = (ones >= BLANK * length) & (ones <= (1 - BLANK) * length)
        chosen = np.take_along_axis(drawn, rich.argmax(axis=2)[:, :, None, None], axis=2)[:, :, 0]
        self.patches = np.ascontiguousarray(chosen.transpose(0, 2, 1))
        self.radii = np.empty((count, BITS), dtype=np.uint8)
        rank = min(len(images) - 1, int(np.ceil(density * len(images))) - 1)

        def some(start: int, stop: int) -> None:
            best = np.empty(BITS, dtype=np.uint64)
            for w in range(start, stop):
                apart = np.empty((len(codes), 1, BITS), dtype=np.uint8)
                _distances(codes, self.corners[w : w + 1], high, wide, self.patches[w : w + 1], best, apart)
                self.radii[w] = np.partition(apart[:, 0], rank, axis=0)[rank]

        spread(some, count)

    def _images(self, images: Any) -> NDArray[Any]:
        given = _numbers(images)
        axes = len(self.shape)
        if given.ndim < axes or given.shape[given.ndim - axes :] != self.shape:
            shape = ", ".join(map(str, self.shape))
            raise ValueError(f"images must be (..., {shape}), got shape {given.shape}")
        return given

    def _symbols(self, images: NDArray[Any]) -> NDArray[np.uint64]:
        """The symbol of every pixel of images ``(n, *shape)``, and zeros around them: ``(n, H + 2·pad, W + 2·pad)``."""
        given: Any = images.astype(np.int16) if images.dtype.itemsize == 1 else images
        given = given if given.ndim == 4 else given[..., None]
        parts = [given > value for value in self.levels]
        if self.edge is not None:
            v = np.pad(given, ((0, 0), (1, 1), (1, 1), (0, 0)))
            down = v[:, :-2] + 2 * v[:, 1:-1] + v[:, 2:]
            across = v[:, :, :-2] + 2 * v[:, :, 1:-1] + v[:, :, 2:]
            slopes = (down[:, :, 2:] - down[:, :, :-2], across[:, 2:] - across[:, :-2])
            edge = 4 * self.edge
            parts = [part for slope in slopes for part in (slope > edge, slope < -edge)] + parts
        kind = np.uint8 if self._symbol <= 8 else np.uint64
        out = np.zeros(given.shape[:3], dtype=kind)
        shift = 0
        for part in parts:
            for channel in range(given.shape[3]):
                out |= part[..., channel].astype(kind) << kind(shift)
                shift += 1
        around = (self._pad, self._pad)
        return np.pad(out, ((0, 0), around, around)).astype(np.uint64)

    def codes(self, images: Any) -> NDArray[np.uint64]:
        """The code of the patch at every place: images ``(..., *shape)`` → words ``(..., rows, columns, Q)``."""
        given = self._images(images)
        flat = given.reshape(-1, *self.shape)
        out = np.empty((len(flat), *self._places, self._width), dtype=np.uint64)

        def some(start: int, stop: int) -> None:
            for low in range(start, stop, IMAGES):
                high = min(low + IMAGES, stop)
                _codes(self._symbols(flat[low:high]), self._symbol, self.patch, self.stride, out[low:high])

        if len(flat):
            spread(some, len(flat))
        return out.reshape(*given.shape[: given.ndim - len(self.shape)], *out.shape[1:])

    def __call__(self, images: Any) -> NDArray[np.uint64]:
        """The vectors of images ``(..., *shape)``: words ``(..., ⌈dim/64⌉)``."""
        given = self._images(images)
        flat = given.reshape(-1, *self.shape)
        out = np.empty((len(flat), len(self.corners)), dtype=np.uint64)
        mask = bits.tail_mask(self.dim)

        def some(start: int, stop: int) -> None:
            best = np.empty(BITS, dtype=np.uint64)
            room = np.empty((min(IMAGES, stop - start), *self._places, self._width), dtype=np.uint64)
            for low in range(start, stop, IMAGES):
                high = min(low + IMAGES, stop)
                codes = room[: high - low]
                _codes(self._symbols(flat[low:high]), self._symbol, self.patch, self.stride, codes)
                _fields(
                    codes, self.corners, *self._extent, self.patches, self.radii, mask, best, out[low:high]
                )

        if len(flat):
            spread(some, len(flat))
        return out.reshape(*given.shape[: given.ndim - len(self.shape)], out.shape[1])

    def head(self, dim: int) -> Self:
        """The encoder of the first ``dim`` bits alone."""
        check.integer("dim", dim, low=1, high=self.dim)
        out = copy(self)
        count = bits.word_count(dim)
        out.dim, out.corners = dim, self.corners[:count]
        out.patches, out.radii = self.patches[:count], self.radii[:count]
        return out

    # --- files ---------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write the encoder to a file: its settings, patches, radii and windows."""
        parts = (self.patches.astype("<u8"), self.radii, self.corners.astype("<i4"))
        body = np.frombuffer(b"".join(part.tobytes() for part in parts), dtype=np.uint8)
        settings = {
            "dim": self.dim,
            "shape": list(self.shape),
            "patch": self.patch,
            "stride": self.stride,
            "window": self.window,
            "edge": self.edge,
            "levels": self.levels.tolist(),
        }
        files.save_array(path, body, kind=KIND, kind_version=VERSION, settings=settings)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The encoder that :meth:`save` wrote.

        Raises:
            ValueError: another file, or one that is damaged.
        """
        body, meta = files.load_array(path, mmap=False)
        if meta.get("kind") != KIND or meta.get("kind_version") != VERSION:
            raise ValueError(
                f"{path} must hold {KIND} version {VERSION}, its header says {meta.get('kind')!r}"
            )
        made = cls.__new__(cls)
        try:
            settings = dict(meta["settings"])
            shape = tuple(check.integer("shape", side, low=1) for side in settings.pop("shape"))
            if len(shape) not in (2, 3):
                raise ValueError(f"shape must have 2 or 3 axes, got {shape}")
            made._set(shape=shape, **settings)
            made._take(body)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} has content that makes no {KIND}: {error}") from error
        return made

    def _take(self, body: NDArray[Any]) -> None:
        """Patches, radii and windows from the bytes of a file."""
        count, width = bits.word_count(self.dim), self._width
        ends = np.cumsum([count * width * BITS * 8, count * BITS, count * 8])
        if body.dtype != np.uint8 or body.shape != (ends[-1],):
            raise ValueError(f"it must have {ends[-1]} bytes, got {body.dtype} {body.shape}")
        patches, radii, corners = np.split(body, ends[:-1])
        self.patches = patches.copy().view("<u8").astype(np.uint64).reshape(count, width, BITS)
        self.radii = radii.reshape(count, BITS).copy()
        self.corners = corners.copy().view("<i4").astype(np.int32).reshape(count, 2)
        last = np.subtract(self._places, self._extent)
        if self.corners.min() < 0 or np.any(self.corners > last):
            raise ValueError("a window leaves the image")
