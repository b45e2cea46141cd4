"""The Spiking HD-Transformer in dense binary codes: the honest sibling of the sparse one, with the same readout.

Half of all bits of a code are ones, so no line says which keys to wake: each query is compared with the whole window
(:mod:`hdspike.transformer.comparing`). Heads, votes, learning and generation are those of the sparse model; only the
code differs. There is no lifetime memory apart: rows with dense addresses would be compared one by one like keys, so
the window may be as long as the text instead.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hdspike import bits, check
from hdspike.bits.distance import TILE
from hdspike.bits.search import FAR, INSERTED
from hdspike.jit import spread
from hdspike.transformer import codes as _c
from hdspike.transformer import comparing as _n
from hdspike.transformer import grams as _g
from hdspike.transformer import window as _w
from hdspike.transformer.bands import MOST, bands
from hdspike.transformer.model import Prediction, SpikingTransformer, _after
from hdspike.transformer.settings import HEADS, SUFFIX, Head, Settings

__all__ = ["BLOCKS", "BUNDLE", "DenseSettings", "DenseWindow", "HolographicTransformer"]

BLOCKS, BUNDLE = CODES = ("blocks", "bundle")
TOGETHER = 32
"""Positions that are compared with a key while it is in the cache."""
LONGEST = 1 << 26


@dataclass(frozen=True)
class DenseSettings:
    """The numbers of a dense model; what is not said here is as in :class:`hdspike.transformer.Settings`.

    Args:
        code: ``blocks``, d bits for each head side by side; or ``bundle``, the majority of the heads' d bits.
        bits: d, a multiple of 64. The dimension is heads × d in blocks, d in a bundle.
        heads: of each kind in the order of their reach; those of a bundle are all suffix heads.
        window: W, the last symbols that attention looks at.
        winners: k; in blocks of each head, in a bundle of all together.
        tolerance: θ, bits of a block that may differ; d ÷ 8 unless given. Not used in a bundle.
        every: only every n-th symbol of a text is predicted, and learned from: a sample. Keys are of all.
    """

    code: str = BLOCKS
    bits: int = 64
    heads: tuple[Head, ...] = HEADS
    window: int = Settings.window
    winners: int = Settings.winners
    tolerance: int | None = None
    every: int = 1
    decay: int = Settings.decay
    totals: int = Settings.totals
    distincts: int = Settings.distincts
    longer: int = Settings.longer
    ranks: int = Settings.ranks
    rate: int = Settings.rate
    floor: int = Settings.floor
    seed: int = 0

    def __post_init__(self) -> None:
        check.one_of("code", self.code, CODES)
        check.integer("bits", self.bits, low=bits.BITS, high=1 << 20)
        if self.bits % bits.BITS:
            raise ValueError(f"bits must be a multiple of {bits.BITS}, got {self.bits}")
        self.readout()
        kinds: dict[str, int] = {}
        for head in self.heads:
            if head.reach <= kinds.get(head.kind, 0):
                raise ValueError(
                    f"heads must be of growing reach within a kind, got {head.kind} {head.reach} "
                    f"after {kinds[head.kind]}"
                )
            kinds[head.kind] = head.reach
        if self.code == BUNDLE and (set(kinds) != {SUFFIX} or len(self.heads) > MOST):
            raise ValueError(
                f"heads of a bundle must be at most {MOST} suffix heads, got {len(self.heads)} "
                f"of kind {' and '.join(kinds)}"
            )
        if self.code == BUNDLE:
            check.integer("winners", self.winners, high=INSERTED)
        if self.tolerance is not None:
            check.integer("tolerance", self.tolerance, low=0, high=self.bits // 2)
        check.integer("every", self.every, low=1)

    @property
    def dim(self) -> int:
        """D, the bits of a key."""
        return self.bits * (1 if self.code == BUNDLE else len(self.heads))

    @property
    def allowed(self) -> int:
        """θ."""
        return self.bits // 8 if self.tolerance is None else self.tolerance

    def readout(self, symbols: int = 2) -> Settings:
        """The settings of a sparse model with the same heads and readout, and as little memory as there is.

        Raises:
            ValueError: a number out of its range.
        """
        check.integer("window", self.window, low=1, high=LONGEST)
        names = ("winners", "decay", "totals", "distincts", "longer", "ranks", "rate", "floor", "seed")
        heads = tuple(replace(head, rows=1, fan_out=1) for head in self.heads)
        lines = 1 << max(1, (symbols - 1).bit_length())
        same = {name: getattr(self, name) for name in names}
        return Settings(lines=lines, synapses=1, heads=heads, window=1, **same)


class DenseWindow(NamedTuple):
    """The keys of the last W positions; position t at t mod R."""

    keys: NDArray[np.uint64]
    """(groups, R, w) a group for each head in blocks, one in a bundle."""
    values: NDArray[np.uint16]
    """(R,) the symbol after each position."""


class Nothing(NamedTuple):
    """The lifetime memory of a model that has none."""


class HolographicTransformer(SpikingTransformer):
    """A Spiking HD-Transformer whose codes are dense.

    >>> model = HolographicTransformer("abc", DenseSettings(window=64, winners=4))
    >>> _ = model.learn("abc" * 40)
    >>> model.generate(5, prompt="ab", rng=0)
    'cabca'

    Args:
        symbols: the alphabet; a symbol's number is its place.
        settings: what the model is made of.

    Raises:
        ValueError: an empty alphabet, or a symbol twice.
    """

    settings: DenseSettings  # type: ignore[assignment]
    codes: _g.Grams  # type: ignore[assignment]
    window: DenseWindow  # type: ignore[assignment]
    lifetime: Nothing  # type: ignore[assignment]

    def __init__(self, symbols: str, settings: DenseSettings | None = None) -> None:
        config = settings if settings is not None else DenseSettings()
        super().__init__(symbols, config.readout(len(symbols) if isinstance(symbols, str) else 2))
        self.settings, heads = config, config.heads
        self.codes = _g.new_grams(self.codes.letters, heads, config.bits, config.seed)
        deepest = max(head.reach for head in heads)
        ring = 1 << (max(config.window, deepest) + _w.SPAN - 1).bit_length()
        groups = 1 if config.code == BUNDLE else len(heads)
        self.window = DenseWindow(
            np.zeros((groups, ring, config.bits // bits.BITS), dtype=np.uint64),
            np.zeros(ring, dtype=np.uint16),
        )
        self.lifetime = Nothing()

    def _absorb(self, tokens: NDArray[np.int64], *, learn: bool) -> dict[str, int]:
        """Codes of the next positions, and attention from those whose symbol to come is predicted."""
        config, start, count = self.settings, self.read_so_far, len(tokens)
        ring = len(self.window.values) - 1
        self.window.values[np.arange(start - 1, start + count - 1) & ring] = tokens
        reaches = _c.reaches(config.heads)
        xors = _g._write(
            *(self.codes, tokens, start, self.window.values, reaches, config.code == BUNDLE, self.window.keys)
        )
        after = np.arange(start + 1, start + count + 1)
        places = after[(after % config.every == 0) | (after == start + count)] - 1
        worked = np.zeros((len(places), 3), dtype=np.int64)
        attend = self._compare if config.code == BUNDLE else self._race
        spread(lambda low, high: attend(places[low:high], start, worked[low]), len(places))
        self.read_so_far += count
        compared, touched, fired = map(int, worked.sum(axis=0))
        return {
            "tokens": count,
            "encoder_xors": int(xors),
            "word_xors": compared,
            "popcounts": compared,
            "window_touched": touched,
            "window_fired": fired,
        }

    def _race(self, places: NDArray[np.int64], start: int, work: NDArray[np.int64]) -> None:
        config, heads = self.settings, self.settings.heads
        kinds = [head.kind for head in heads]
        order = np.argsort([kind != SUFFIX for kind in kinds], kind="stable")
        chains = np.array([0, kinds.count(SUFFIX), len(heads)], dtype=np.int64)
        seen = np.full((len(heads), len(self.symbols)), -1, dtype=np.int64)
        _n._race(
            *(self.window.keys, self.window.values, places, start, order, chains),
            *(config.window, config.winners, config.allowed, _after(self.heard), seen, work),
        )

    def _compare(self, places: NDArray[np.int64], start: int, work: NDArray[np.int64]) -> None:
        config = self.settings
        table = bands(config.bits, len(config.heads))
        seen = np.full((len(config.heads), len(self.symbols)), -1, dtype=np.int64)
        tile = np.empty((TOGETHER, TILE), dtype=np.int32)
        for low in range(0, len(places), TOGETHER):
            part = places[low : low + TOGETHER]
            distances = np.full((len(part), config.winners), FAR, dtype=np.int32)
            indices = np.zeros(distances.shape, dtype=np.int64)
            _n._search(self.window.keys[0], part, config.window, tile, distances, indices, work)
            _n._tell(
                *(distances, indices, self.window.values, part, start, table),
                *(_after(self.heard), seen, work),
            )

    def _predict(self, tokens: NDArray[np.int64], counts: dict[str, int], *, learn: bool) -> Prediction:
        """Votes for those of ``tokens`` that are predicted: their rows move up, and the last one behind them."""
        start, count = self.read_so_far - len(tokens), len(tokens)
        chosen = np.flatnonzero(np.arange(start, start + count) % self.settings.every == 0)
        if len(chosen) < count:
            rows = np.append(chosen, count)
            for spikes in (self.heard, self.recalled):
                for array in spikes:
                    array[: len(rows)] = array[rows]
        return super()._predict(tokens[chosen], counts, learn=learn)
