"""The job: one query of associative search, and what a run measured of it. Counts nothing, prices nothing."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from hdspike import check
from hdspike.substrate import Substrate

__all__ = ["Job", "Timed"]

LARGEST = 2**40
SPACES = ("sbc", "bsc")
MEASURED = ("active", "synaptic_events", "touched", "fired", "steps")


@dataclass(frozen=True)
class Timed:
    """What one query over all keys took on a chip that was simulated in time, in the mean."""

    chip: Substrate
    """Whose mesh and timings the run used."""
    counts: Mapping[str, float]
    seconds: float
    chips: int


@dataclass(frozen=True)
class Job:
    """One query against ``keys`` hypervectors: which ``winners`` of them are most similar, and what do they say?

    Sizes are exact, what a run measured is a mean over its queries. ``ValueError``/``TypeError`` for a size that
    is not an integer of at least 1 or a mean that is negative or not finite.
    """

    keys: int
    """N."""
    dim: int
    """D, bits of a hypervector."""
    space: str
    """``sbc`` (sparse block code: one active bit in each block) or ``bsc`` (dense binary)."""
    blocks: int
    """Synapses of a key: the blocks of an ``sbc``, all D bits of a ``bsc``."""
    winners: int
    """k."""
    twin_dim: int
    """The smallest dimension at which dense softmax attention does the same job."""
    active: float
    """s, active lines of a query."""
    synaptic_events: float
    touched: float
    """Keys that receive at least one event."""
    fired: float
    """Key neurons that fire: winners and overshoot."""
    steps: float
    """Barrier-synchronised steps: those of the input and those of the ramp that finds the winners."""
    rule: str = "exact"
    value_dim: int = 1
    encoder: Mapping[str, float] = field(default_factory=dict)
    """Counts of encoding the query: see :func:`hdspike.schedules.encoding.suffixes`."""
    timed: Timed | None = None

    def __post_init__(self) -> None:
        check.one_of("space", self.space, SPACES)
        for name in ("keys", "dim", "blocks", "winners", "twin_dim", "value_dim"):
            check.integer(name, getattr(self, name), low=1, high=LARGEST)
        for name in MEASURED:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TypeError(f"{name} must be a number, not {type(value).__name__}")
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be a finite number of at least 0, got {value}")
        if self.winners > self.keys:
            raise ValueError(f"winners must be at most the {self.keys} keys, got {self.winners}")
        if self.dim % self.blocks:
            raise ValueError(f"blocks must divide the dimension {self.dim}, got {self.blocks}")
        if self.space == "bsc" and self.blocks != self.dim:
            raise ValueError(f"blocks must be the dimension {self.dim} of a bsc, got {self.blocks}")

    @property
    def block_length(self) -> int:
        """L, bits of a block (1 for dense vectors)."""
        return self.dim // self.blocks

    @property
    def index_bits(self) -> int:
        """Bits of the index of an active bit in its block: the smallest of 8, 16 and 32 with a bit to spare."""
        return _machine((self.block_length - 1).bit_length() + 1)

    @property
    def key_words(self) -> int:
        """64-bit words of a stored key: all its bits (``bsc``), or the index of each block (``sbc``)."""
        bits = self.dim if self.space == "bsc" else self.blocks * self.index_bits
        return -(-bits // 64)

    @property
    def id_bits(self) -> int:
        """Bits of the number of a key, in the smallest of 8, 16 and 32 bits."""
        return _machine((self.keys - 1).bit_length())

    @property
    def score_bits(self) -> int:
        """Bits of a score, in the smallest of 8, 16 and 32 bits."""
        return _machine(self.blocks.bit_length())


def _machine(bits: int) -> int:
    """The smallest machine width that holds ``bits`` bits."""
    return next(width for width in (8, 16, 32, 64) if bits <= width)
