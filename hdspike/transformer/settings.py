"""What a Spiking HD-Transformer is made of: its heads by layer, its two memories, its rule of learning."""

from dataclasses import asdict, dataclass
from typing import Any

from hdspike import check

__all__ = ["HEADS", "SUFFIX", "WORDS", "Head", "Settings"]

SUFFIX, WORDS = "suffix", "words"
BOTH, WINDOW, LIFETIME = MEMORIES = ("both", "window", "lifetime")
LARGEST_LINES = 1 << 16
DEEPEST = 16
"""Layers: 2¹⁶ symbols of reach."""


@dataclass(frozen=True)
class Head:
    """One head of a layer: which code of the past it makes its query, its keys and its rows of.

    Args:
        kind: ``suffix``, the last ``reach`` symbols in their order; or ``words``, the symbols since the last
            separator, with the ``reach − 1`` words before them.
        layer: from 1. A suffix head of layer ℓ reaches at most 2^ℓ symbols back.
        rows: neurons of the lifetime memory in each of its E pools.
        fan_out: synapses from one of its rows to symbols.
    """

    kind: str
    reach: int
    layer: int
    rows: int
    fan_out: int

    def __post_init__(self) -> None:
        check.one_of("kind", self.kind, (SUFFIX, WORDS))
        check.integer("layer", self.layer, low=1, high=DEEPEST)
        check.integer("reach", self.reach, low=1, high=1 << self.layer)
        check.integer("rows", self.rows, low=1, high=1 << 12)
        check.integer("fan_out", self.fan_out, low=1, high=1 << 16)


HEADS = (
    *(Head(SUFFIX, 1, 1, 1, 64), Head(SUFFIX, 2, 1, 4, 64)),
    *(Head(SUFFIX, 3, 2, 16, 32), Head(SUFFIX, 4, 2, 32, 16)),
    *(Head(SUFFIX, 5, 3, 64, 8), Head(SUFFIX, 6, 3, 64, 8), Head(SUFFIX, 8, 3, 64, 4)),
    *(Head(SUFFIX, 11, 4, 64, 4), Head(SUFFIX, 16, 4, 64, 4)),
    *(Head(SUFFIX, 24, 5, 64, 4), Head(SUFFIX, 32, 5, 64, 4)),
    *(Head(WORDS, 1, 5, 16, 16), Head(WORDS, 2, 5, 64, 4), Head(WORDS, 3, 5, 64, 4)),
)


@dataclass(frozen=True)
class Settings:
    """The numbers of a model.

    Args:
        lines: E, the lines of a block (a power of two). The dimension is heads × synapses × lines.
        synapses: m, blocks per head: the ones of a head's code, and the synapses of each of its neurons.
        threshold: θ, how many of its m synapses a neuron needs in order to fire (m: all of them).
        heads: in the order in which they vote.
        window: W, the last symbols that attention looks at.
        winners: k, the keys of the window that fire, the newest first.
        delay: how many symbols after it was read a place is stored in the lifetime memory; by default when it leaves
            the window, so that the two memories share the past between them; at once where there is no window.
        memories: ``both``, or the only one of them that there is: ``window`` or ``lifetime``.
        decay: d; when a layer fires, the residual loses 2⁻ᵈ of itself. 0: no decay.
        totals, distincts, longer, ranks: how finely a vote looks at its head: levels of how many spikes the head
            gave, of how many symbols they were for, of how many later heads fired, and of who came first. 1: blind.
        rate, floor: the rate of learning of a new synapse, and the least that it falls to, in 2⁻¹⁶ per error.
        seed: of the item memory.
    """

    lines: int = 4096
    synapses: int = 2
    threshold: int | None = None
    heads: tuple[Head, ...] = HEADS
    window: int = 32_768
    winners: int = 32
    delay: int | None = None
    memories: str = BOTH
    decay: int = 3
    totals: int = 1
    distincts: int = 4
    longer: int = 3
    ranks: int = 3
    rate: int = 4096
    floor: int = 512
    seed: int = 0

    def __post_init__(self) -> None:
        check.integer("lines", self.lines, low=2, high=LARGEST_LINES)
        if self.lines & (self.lines - 1):
            raise ValueError(f"lines must be a power of two, got {self.lines}")
        check.integer("synapses", self.synapses, low=1, high=8)
        if self.threshold is not None:
            check.integer("threshold", self.threshold, low=1, high=self.synapses)
        if not isinstance(self.heads, tuple) or not all(isinstance(head, Head) for head in self.heads):
            raise TypeError(f"heads must be a tuple of Head, got {self.heads!r}")
        check.integer("heads", len(self.heads), low=1, high=64)
        layers = [head.layer for head in self.heads]
        if layers != sorted(layers):
            raise ValueError(f"heads must be in the order of their layers, got layers {layers}")
        check.integer("window", self.window, low=1, high=1 << 26)
        check.integer("winners", self.winners, low=1, high=1 << 15)
        if self.delay is not None:
            check.integer("delay", self.delay, low=1, high=self.window)
        check.one_of("memories", self.memories, MEMORIES)
        check.integer("decay", self.decay, low=0, high=30)
        for name, high in (("totals", 32), ("distincts", 32), ("longer", 32), ("ranks", 32)):
            check.integer(name, getattr(self, name), low=1, high=high)
        check.integer("rate", self.rate, low=0, high=1 << 16)
        check.integer("floor", self.floor, low=0, high=self.rate)
        check.integer("seed", self.seed, low=0, high=2**63 - 1)

    @property
    def blocks(self) -> int:
        """B = heads × m: the ones of a code."""
        return len(self.heads) * self.synapses

    @property
    def dim(self) -> int:
        """D = B·E bits."""
        return self.blocks * self.lines

    @property
    def needed(self) -> int:
        """θ."""
        return self.synapses if self.threshold is None else self.threshold

    @property
    def waits(self) -> int:
        """Symbols between reading a place and storing it."""
        if self.delay is not None:
            return self.delay
        return 1 if self.memories == LIFETIME else self.window

    def as_json(self) -> dict[str, Any]:
        """Plain numbers, from which :meth:`from_json` makes the same settings."""
        return asdict(self)

    @classmethod
    def from_json(cls, given: Any) -> "Settings":
        """The settings that :meth:`as_json` wrote.

        Raises:
            ValueError: a name that is missing or unknown, or a value out of its range.
        """
        names = set(cls().as_json())
        if not isinstance(given, dict) or set(given) != names:
            raise ValueError(f"settings must name exactly {', '.join(sorted(names))}, got {given!r}")
        try:
            heads = tuple(Head(**head) for head in given["heads"])
            return cls(**{**given, "heads": heads})
        except TypeError as error:
            raise ValueError(f"settings must describe a model: {error}") from error
