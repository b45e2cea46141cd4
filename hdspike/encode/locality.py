"""Locality-sensitive sparse codes: float vectors → sparse vectors that share more active bits the closer they are."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, owens_t

from hdspike import check
from hdspike.encode import hashed
from hdspike.encode.projection import BLOCK, Projection
from hdspike.encode.scalars import finite
from hdspike.spaces import BSDC, SBC, Space

__all__ = ["FlyHash", "SimHash", "WinnerHash", "fly_match", "simhash_match", "winner_match"]


def _cosine(value: Any) -> NDArray[np.float64]:
    given = finite("cosine", value)
    if given.size and np.abs(given).max() > 1:
        raise ValueError(f"cosine must be in [-1, 1], got {given.min()} … {given.max()}")
    return given


def simhash_match(cosine: Any, bits: int) -> Any:
    """The chance that a block of :class:`SimHash` with b = ``bits`` signs matches: ``(1 − θ/π)^b``, θ = arccos(cosine).

    >>> simhash_match(0.0, 3)
    0.125
    """
    check.integer("bits", bits, low=1)
    share = (1.0 - np.arccos(_cosine(cosine)) / np.pi) ** bits
    return share if share.ndim else float(share)


def winner_match(cosine: float, length: int) -> float:
    """The chance that a block of :class:`WinnerHash` of ``length`` units matches.

    ``L·∫∫ φ₂(x, y; ρ)·Φ₂(x, y; ρ)^{L−1} dx dy``: one unit has values x and y, all others lie below both. It has no
    closed form but for ``L = 2``, ``1 − θ/π``; the integral is done numerically, to 1e-6.

    >>> round(winner_match(0.0, 16), 6), round(winner_match(0.9, 16), 3)
    (0.0625, 0.603)
    """
    check.integer("length", length, low=2)
    rho = float(_cosine(cosine))
    if abs(rho) == 1.0:
        return 1.0 if rho > 0 else 0.0
    side = np.sqrt(1 - rho * rho)
    grid = np.arange(-8.5, 8.5, 0.05) + 0.0123  # never 0, where Owen's form is singular
    x = grid[:, None]
    y = rho * x + side * grid[None, :]
    y = np.where(y == 0, 1e-300, y)
    both = (ndtr(x) + ndtr(y)) / 2 - (x * y < 0) / 2
    both = both - owens_t(x, (y / x - rho) / side) - owens_t(y, (x / y - rho) / side)
    density = np.exp(-(grid[:, None] ** 2 + grid[None, :] ** 2) / 2) / (2 * np.pi)
    return float(length * np.sum(density * np.clip(both, 0, 1) ** (length - 1)) * 0.05**2)


def fly_match(cosine: Any, share: float) -> Any:
    """The share of its active bits that a code of :class:`FlyHash` is expected to share with another, D → ∞.

    Of units with normal inputs of correlation ρ, the ``share`` α with the largest are active, those above
    ``z = Φ⁻¹(1 − α)``: both are with ``P(X > z, Y > z) = α − 2·T(z, √((1 − ρ)/(1 + ρ)))``, T Owen's function. → that
    over α.

    >>> round(fly_match(1.0, 0.05), 3), round(fly_match(0.8, 0.05), 3), round(fly_match(0.0, 0.05), 3)
    (1.0, 0.495, 0.05)
    """
    rho = _cosine(cosine)
    part = float(finite("share", share))
    if not 0 < part < 1:
        raise ValueError(f"share must be in (0, 1), got {share}")
    with np.errstate(divide="ignore"):
        slope = np.sqrt((1 - rho) / (1 + rho))
    found = 1 - 2 * owens_t(-ndtri(part), slope) / part
    return found if np.ndim(found) else float(found)


class _Blocks(Projection):
    """What the codes in blocks have in common."""

    space: SBC

    def __init__(self, space: Space, features: int, *, seed: int = 0, centre: Any = None) -> None:
        if not isinstance(space, SBC):
            raise TypeError(f"space must be sbc, got {space!r}")
        super().__init__(space, features, seed=seed, centre=centre)

    def _inputs(self, flat: NDArray[np.float64], unit: int) -> Any:
        """Rows, blocks and the inputs ``(rows, blocks, unit)`` of their units, a piece at a time."""
        for start, stop, piece in self._pieces(self.space.blocks * unit, unit):
            step = max(1, BLOCK // (stop - start))
            for low in range(0, len(flat), step):
                inputs = flat[low : low + step] @ piece
                rows, blocks = slice(low, low + step), slice(start // unit, stop // unit)
                yield rows, blocks, inputs.reshape(len(inputs), -1, unit)


class SimHash(_Blocks):
    """Signs by the block: the index of a block is the number that ``b = log₂ L`` signs ``[⟨r, x − centre⟩ > 0]`` spell.

    Two blocks match with a chance of ``(1 − θ/π)^b`` (:func:`simhash_match`); the score is binomial.

    Source: Charikar (2002).

    >>> space = SBC(128 * 64)
    >>> code = SimHash(space, 3)([[1.0, 2.0, 3.0], [1.0, 2.0, 2.0], [3.0, 0.0, -1.0]])
    >>> space.similarity(code[:1], code).round(1).tolist()
    [[1.0, 0.7, 0.0]]
    """

    kind = "simhash blocks"

    def __init__(self, space: Space, features: int, *, seed: int = 0, centre: Any = None) -> None:
        super().__init__(space, features, seed=seed, centre=centre)
        self.bits = self.space.length.bit_length() - 1
        if self.space.length != 1 << self.bits:
            raise ValueError(f"space must have blocks of a power of two, got length {self.space.length}")

    def _encode(self, flat: NDArray[np.float64], out: NDArray[Any]) -> None:
        place = np.int32(1) << np.arange(self.bits, dtype=np.int32)
        for rows, blocks, inputs in self._inputs(flat, self.bits):
            out[rows, blocks] = ((inputs > 0) * place).sum(axis=-1, dtype=np.int32)


class WinnerHash(_Blocks):
    """Winner take all: the index of a block is its unit of largest input, ``argmax_l ⟨r_l, x − centre⟩``.

    Two blocks match with the chance :func:`winner_match`, which falls more slowly with the angle than
    :class:`SimHash`'s does near 0. It takes L projections a block instead of ``log₂ L``.

    Source: Eshghi & Rajaram (2008), "Locality sensitive hash functions based on concomitant rank order statistics";
    Yagnik, Strelow, Ross & Lin (2011), "The power of comparative reasoning" (whose units read single features).

    >>> space = SBC(128 * 64)
    >>> code = WinnerHash(space, 3)([[1.0, 2.0, 3.0], [1.0, 2.0, 2.0], [3.0, 0.0, -1.0]])
    >>> space.similarity(code[:1], code).round(1).tolist()
    [[1.0, 0.8, 0.0]]
    """

    kind = "winner-take-all blocks"

    def _encode(self, flat: NDArray[np.float64], out: NDArray[Any]) -> None:
        for rows, blocks, inputs in self._inputs(flat, self.space.length):
            out[rows, blocks] = inputs.argmax(axis=-1)


class FlyHash(Projection):
    """The fly's olfactory code: D units each add up a few features, the ``w`` with the largest sum are active.

    Entry ``(f, i)`` of R is 1 with a chance of ``fan_in``, else 0. Equal sums go to the lower unit. Two codes share
    active bits as :func:`fly_match` says, where features are many and no few of them dominate.

    Source: Dasgupta, Stevens & Navlakha (2017), "A neural algorithm for a fundamental computing problem".

    >>> space = BSDC(4000, ones=200)
    >>> x = np.random.default_rng(0).standard_normal((2, 50))
    >>> code = FlyHash(space, 50)(np.stack([x[0], x[0] + 0.2 * x[1], x[1]]))
    >>> space.similarity(code[:1], code).round(1).tolist()
    [[1.0, 0.9, 0.1]]
    """

    kind = "fly hash"
    _names = ("fan_in",)

    def __init__(
        self, space: Space, features: int, *, fan_in: float = 0.1, seed: int = 0, centre: Any = None
    ) -> None:
        if not isinstance(space, BSDC):
            raise TypeError(f"space must be bsdc, got {space!r}")
        self.fan_in = float(finite("fan_in", fan_in))
        if not 0 < self.fan_in <= 1:
            raise ValueError(f"fan_in must be in (0, 1], got {fan_in}")
        super().__init__(space, features, seed=seed, centre=centre)

    def _settings(self) -> dict[str, Any]:
        return {"fan_in": self.fan_in}

    def matrix(self, start: int, stop: int) -> NDArray[np.float64]:
        """Columns ``start`` … ``stop − 1`` of R, of zeros and ones: ``(F, stop − start)``."""
        drawn = hashed.uniform(hashed.words(self._bases, hashed.salts(start, stop)))
        return (drawn < self.fan_in).astype(np.float64)

    def _encode(self, flat: NDArray[np.float64], out: NDArray[Any]) -> None:
        dim, width = self.space.dim, self.space.width
        step = max(1, 4 * BLOCK // dim)
        for low in range(0, len(flat), step):
            part = flat[low : low + step]
            sums = np.empty((len(part), dim))
            for start, stop, piece in self._pieces(dim, 1):
                sums[:, start:stop] = part @ piece
            least = -np.partition(-sums, width - 1, axis=1)[:, width - 1 : width]
            above, equal = sums > least, sums == least
            room = width - above.sum(axis=1, keepdims=True)
            active = above | (equal & (np.cumsum(equal, axis=1) <= room))
            out[low : low + step] = np.nonzero(active)[1].reshape(len(part), width)
