"""What every contestant in the contest of language models does: learn a text in one pass, then read another.

A text is tokens ``(n,)`` in [0, symbols). Reading gives ``bits_t = −log₂ p(x_t | x_<t)`` of each character, so that
contestants are compared character by character. **Frozen**: nothing of the text read is kept, beyond the context that
the next prediction is made from. **Streaming**: each character is learned after it has been predicted.
"""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.vocabulary import check_counters

__all__ = ["Contestant", "Learning", "Reading", "text", "untaught"]


@dataclass(frozen=True)
class Learning:
    """What one pass over the training text took: seconds of wall time, and integer counters of the vocabulary."""

    seconds: float
    counts: dict[str, int]

    def __post_init__(self) -> None:
        check_counters(self.counts)


@dataclass(frozen=True)
class Reading:
    """What a contestant did with the text it read.

    ``bits`` ``(n,)`` are −log₂ p(true character); a compressor's bits of a chunk are spread evenly over it. ``hits``
    ``(n,)`` says where the most probable character was the true one; None where a contestant has no ranking. Equal
    probabilities: the lowest symbol. ``positions`` ``(n,)`` are the places that were predicted where they are a sample
    of the text, None where they are all of it. ``seconds`` and ``counts`` are those of the whole reading. Where bits
    were spread evenly, it was over ``chunk`` characters.
    """

    bits: NDArray[np.float64]
    hits: NDArray[np.bool_] | None
    seconds: float
    counts: dict[str, int]
    positions: NDArray[np.int64] | None = None
    chunk: int = 1

    def __post_init__(self) -> None:
        check_counters(self.counts)
        if self.bits.ndim != 1 or not self.bits.size or not np.isfinite(self.bits).all():
            raise ValueError(
                f"bits must be finite, one for each character read, got shape {self.bits.shape} "
                f"and {int((~np.isfinite(self.bits)).sum())} that are not"
            )
        for name, value in (("hits", self.hits), ("positions", self.positions)):
            if value is not None and value.shape != self.bits.shape:
                raise ValueError(
                    f"{name} must be one for each of {len(self.bits)} bits, got shape {value.shape}"
                )

    @property
    def bits_per_character(self) -> float:
        """The mean of ``bits``.

        >>> Reading(np.array([1.0, 2.0]), np.array([True, False]), 0.5, {}).bits_per_character
        1.5
        """
        return float(self.bits.mean())

    @property
    def accuracy(self) -> float | None:
        """The share of ``hits``."""
        return None if self.hits is None else float(self.hits.mean())

    @property
    def microseconds(self) -> float:
        """Wall time of one predicted character."""
        return 1e6 * self.seconds / len(self.bits)


@runtime_checkable
class Contestant(Protocol):
    """A language model over characters. ``read`` goes on from where the text learned (or read streaming) ended."""

    name: str
    settings: dict[str, int | float | str]
    learning: Learning | None

    def learn(self, tokens: Any, symbols: int) -> None:
        """One pass over the training text; what was learned before is forgotten. Sets ``learning``."""
        ...

    def read(self, tokens: Any, *, streaming: bool) -> Reading:
        """Predict every character. ``streaming=False`` leaves no trace; ``True`` leaves what was learned.

        Raises:
            ValueError: nothing was learned, tokens outside the symbols, an empty text, or a way of reading that the
                contestant does not have.
        """
        ...

    def stored_bytes(self) -> int:
        """What must be kept to predict: tables, weights, keys, as they are stored."""
        ...

    def active_bytes(self) -> float | None:
        """Bytes touched for one predicted character: the mean of the last reading. None where nobody can count them."""
        ...


def text(name: str, tokens: Any, symbols: int) -> NDArray[np.int64]:
    """``tokens`` if they are a text ``(n ≥ 1,)`` of symbols in [0, ``symbols``).

    >>> text("tokens", [0, 2, 1], 3)
    array([0, 2, 1])
    """
    most = check.integer("symbols", symbols, low=1, high=1 << 21)
    given = check.array(name, tokens, np.int64, ndim=1)
    if not given.size:
        raise ValueError(f"{name} must have at least one character, got none")
    if given.min() < 0 or given.max() >= most:
        raise ValueError(f"{name} must be in [0, {most}), got values in [{given.min()}, {given.max()}]")
    return given


def untaught(name: str) -> ValueError:
    """The error of reading before anything was learned."""
    return ValueError(f"{name} must learn a text before it reads one")
