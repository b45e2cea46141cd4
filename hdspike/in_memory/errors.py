r"""Bit errors of arrays that compute: results inverted at random, and columns that never work.

.. math:: y = \begin{cases} c & \text{weak column} \\ x \oplus e & \text{otherwise} \end{cases}
          \qquad P(e = 1) = p, \text{ each bit of each result by itself}

where x is the right result of one operation on rows, y what the array writes, and c is a fair coin drawn anew each
time or, where the sense amplifier's own offset decides, always the same bit. The inverted bits are what a circuit
simulation calls the failures of a triple-row activation (Seshadri et al., MICRO 2017: the share of activations with the
wrong outcome); the weak columns are what is left over of a measured success rate, the share of cells that are right in
every trial (Yüksel et al., DSN 2024).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from hdspike import bits, check
from hdspike.bits import FULL, GOLDEN, ONE, ZERO, Words, _mix
from hdspike.jit import kernel
from hdspike.theory.interval import number

__all__ = ["Noise", "mask", "weak_columns"]

TOP = np.uint64(63)
ALWAYS = 2**64 - 1


@kernel
def _stream(seed, index):
    """Where the SplitMix64 stream number ``index`` of ``seed`` starts."""
    return _mix(seed + np.uint64(index + 1) * GOLDEN)


@kernel
def _chance(threshold, state):
    """A word whose bits are 1 with chance ``threshold ÷ 2⁶⁴``, exactly; ``state`` (1) of the stream moves on.

    64 uniform numbers are compared with the threshold at once, from the highest bit down, until all are decided:
    about 8 random words, 1 for a chance of ½.
    """
    out, undecided, rest = ZERO, FULL, threshold
    while undecided != ZERO and rest != ZERO:
        state[0] += GOLDEN
        drawn = _mix(state[0])
        if rest >> TOP:
            out |= undecided & ~drawn
            undecided &= drawn
        else:
            undecided &= ~drawn
        rest = rest << ONE
    return out


@kernel
def _worn(right, w, threshold, columns, state):
    """What the array writes instead of the word ``right``, the w-th of a row.

    ``columns`` (3, words): which columns are weak, which of them toss coins, and what the others always write.
    """
    flipped = right ^ _chance(threshold, state)
    weak = columns[0, w]
    if weak == ZERO:
        return flipped
    state[0] += GOLDEN
    written = (_mix(state[0]) & columns[1, w]) | columns[2, w]
    return (flipped & ~weak) | (written & weak)


@kernel
def _wear(rows, threshold, columns, tail, seed, out):
    """:func:`_worn` for whole ``rows`` (n, words), row r from stream r; returns the words written."""
    state = np.empty(1, dtype=np.uint64)
    for r in range(len(rows)):
        state[0] = _stream(seed, r)
        for w in range(rows.shape[1]):
            out[r, w] = _worn(rows[r, w], w, threshold, columns, state)
        out[r, rows.shape[1] - 1] &= tail
    return rows.size


def threshold(rate: float) -> np.uint64:
    """A chance as a share of 2⁶⁴; 1 is short of certain by 2⁻⁶⁴."""
    return np.uint64(min(int(rate * 2.0**64), ALWAYS))


def seed_of(rng: check.Rng) -> np.uint64:
    """One seed for a whole operation."""
    return np.uint64(check.generator(rng).integers(0, 2**64, dtype=np.uint64))


def mask(rows: int, dim: int, rate: float, *, rng: check.Rng = None) -> Words:
    """``rows`` vectors of ``dim`` bits, each bit 1 with chance ``rate``: words ``(rows, ⌈dim/64⌉)``.

    >>> int(bits.popcount(mask(1, 10_000, 0.25, rng=0), 10_000)[0])
    2522
    """
    check.integer("rows", rows, low=0)
    return Noise(number("rate", rate, 0, 1)).of(
        np.zeros((rows, bits.word_count(dim)), dtype=np.uint64), dim, rng=rng
    )


def weak_columns(dim: int, share: float, *, rng: check.Rng = None) -> Words:
    """Which of ``dim`` columns are weak, each with chance ``share``: words ``(⌈dim/64⌉,)``, the same for all rows."""
    return mask(1, dim, share, rng=rng)[0]


@dataclass(frozen=True, eq=False)
class Noise:
    """What goes wrong in each operation of an array.

    Attributes:
        rate: the chance p in [0, 1] that a bit of a result is inverted.
        weak: the columns that never work, words ``(⌈dim/64⌉,)``; None: all work. See :func:`weak_columns`.
        stuck: what they write, words of the same shape (None: a fair coin, drawn anew for every bit).

    Raises:
        ValueError, TypeError: a rate outside [0, 1], ``stuck`` without ``weak``, words of other shapes.
    """

    rate: float = 0.0
    weak: Words | None = None
    stuck: Words | None = None

    def __post_init__(self) -> None:
        number("rate", self.rate, 0, 1)
        if self.stuck is not None and self.weak is None:
            raise ValueError("stuck must come with weak, got weak None")

    def tables(self, dim: int) -> tuple[np.uint64, Words]:
        """The threshold of inverted bits, and the columns ``(3, words)`` that the kernels read."""
        columns = np.zeros((3, bits.word_count(dim)), dtype=np.uint64)
        for place, (name, given) in enumerate((("weak", self.weak), ("stuck", self.stuck))):
            if given is None:
                continue
            words = bits.words_of(name, given, dim)
            if words.ndim != 1:
                raise ValueError(f"{name} must be one row of words, got shape {words.shape}")
            columns[2 * place] = words
        if self.weak is not None and self.stuck is None:
            columns[1] = columns[0]
        return threshold(self.rate), columns

    def of(self, rows: Any, dim: int, *, rng: check.Rng = None) -> Words:
        """What the array writes where the right result is ``rows`` ``(n, ⌈dim/64⌉)``: new words, tails zero."""
        right = check.batch("rows", bits.words_of("rows", rows, dim))
        out = np.empty_like(right)
        _wear(right, *self.tables(dim), bits.tail_mask(dim), seed_of(rng), out)
        return out
