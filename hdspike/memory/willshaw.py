"""The binary associative memory of Willshaw (1969) and Palm (1980): clipped Hebbian synapses of one bit each."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import bits, check, files
from hdspike.jit import kernel, spread
from hdspike.memory.saved import opened
from hdspike.spaces.base import plain

__all__ = ["Willshaw"]

FORMAT = "hdspike.willshaw"
SUMS = 2**22
"""Most sums held at once to find winners: 16 MiB."""


@kernel
def _store(matrix, starts, lines, outputs, low, high):
    """OR each packed output pattern into the rows of its active inputs, words ``low … high`` of each row.

    Pattern p has the active inputs ``lines[starts[p] : starts[p + 1]]``. Returns the words written.
    """
    for p in range(len(outputs)):
        for j in range(starts[p], starts[p + 1]):
            row = lines[j]
            for w in range(low, high):
                matrix[row, w] |= outputs[p, w]
    return len(lines) * (high - low)


@kernel
def _add(matrix, lines, planes):
    """Count the rows ``lines`` of the matrix bit by bit: bit ``b`` of all counts is in ``planes[b]``.

    Returns the words read. The planes must hold the count ``len(lines)``.
    """
    depth, count = planes.shape
    for b in range(depth):
        for w in range(count):
            planes[b, w] = bits.ZERO
    for row in lines:
        for w in range(count):
            carry = matrix[row, w]
            for b in range(depth):
                if carry == bits.ZERO:
                    break
                old = planes[b, w]
                planes[b, w] = old ^ carry
                carry = old & carry
    return len(lines) * count


@kernel
def _recall(matrix, starts, lines, thresholds, mask, planes, low, high, out):
    """``out[p]`` = outputs whose dendritic sum reaches ``thresholds[p]``, packed; returns the words read.

    The sums stay bit-sliced: sum ≥ θ is decided plane by plane from the top, 64 outputs at a time.
    """
    read = 0
    depth, count = planes.shape
    for p in range(low, high):
        read += _add(matrix, lines[starts[p] : starts[p + 1]], planes)
        theta = thresholds[p]
        for w in range(count):
            above, equal = bits.ZERO, bits.FULL
            for b in range(depth - 1, -1, -1):
                plane = planes[b, w]
                if (theta >> b) & 1:
                    equal &= plane
                else:
                    above |= equal & plane
                    equal &= ~plane
            out[p, w] = above | equal
        out[p, count - 1] &= mask
    return read


@kernel
def _sums(matrix, starts, lines, planes, low, high, out):
    """``out[p, j]`` = active inputs of pattern p that have a synapse to output j; returns the words read."""
    read = 0
    for p in range(low, high):
        read += _add(matrix, lines[starts[p] : starts[p + 1]], planes)
        for j in range(out.shape[1]):
            w, shift = j // bits.BITS, np.uint64(j % bits.BITS)
            total = np.int64(0)
            for b in range(planes.shape[0]):
                total += np.int64((planes[b, w] >> shift) & bits.ONE) << b
            out[p, j] = total
    return read


class Willshaw:
    r"""Pairs of sparse patterns in a matrix of one-bit synapses.

    .. math:: W_{ij} = \bigvee_\mu x_i^\mu y_j^\mu \qquad
              \hat y_j = \Bigl[\textstyle\sum_i x_i W_{ij} \ge \theta\Bigr]

    where x has k of ``inputs`` bits on, y has k' of ``outputs``, and θ is the number of active inputs (Willshaw's
    threshold: every synapse asked must be there, so nothing stored is ever missed, only false ones come in) or
    less where inputs may be wrong; or the k' outputs of the highest sum win. Auto-associative where ``outputs`` is
    not given: a part of a pattern recalls the whole.

    A pattern is given as its active lines, integers ``(P, k)``, each row distinct, or as packed words ``(P,
    words)`` of uint64. Recalled patterns are packed words, since any number of bits may be on.

    Memory: inputs × outputs ÷ 8 bytes. Storing or asking touches k·outputs bits. Theory:
    :func:`hdspike.theory.willshaw_false_ones`, :func:`hdspike.theory.willshaw_information`.

    >>> memory = Willshaw(1000, 500)
    >>> names, values = [[1, 5, 9], [2, 5, 8]], [[3, 30, 300], [4, 40, 400]]
    >>> memory.store(names, values)
    >>> memory.lines(memory.recall(names))
    [[3, 30, 300], [4, 40, 400]]

    Source: Willshaw, Buneman & Longuet-Higgins, Nature 1969; Palm, Biol. Cybernetics 1980.
    """

    def __init__(self, inputs: int, outputs: int | None = None) -> None:
        self.inputs = check.integer("inputs", inputs, low=1, high=2**31)
        self.outputs = self.inputs if outputs is None else check.integer("outputs", outputs, low=1)
        self.matrix = np.zeros((self.inputs, bits.word_count(self.outputs)), dtype=np.uint64)
        """Synapses: row i holds those of input i, packed."""
        self.stored = 0
        """Pairs stored so far."""

    def __repr__(self) -> str:
        return f"<Willshaw: {self.inputs} × {self.outputs} synapses, {self.stored} pairs>"

    @property
    def density(self) -> float:
        """Share of synapses that are 1 (theory: :func:`hdspike.theory.willshaw_density`)."""
        return int(bits.popcount(self.matrix, self.outputs).sum()) / (self.inputs * self.outputs)

    def store(self, patterns: Any, values: Any = None) -> None:
        """Store pairs of patterns and values; each pattern with itself where ``values`` are not given."""
        starts, lines = _lines("patterns", patterns, self.inputs)
        if values is None:
            if self.inputs != self.outputs:
                raise ValueError(
                    f"values must be given where outputs are not inputs: {self.outputs}, {self.inputs}"
                )
            values = patterns
        given = _words("values", values, self.outputs)
        if len(given) != len(starts) - 1:
            raise ValueError(f"values must be one per pattern: got {len(given)} for {len(starts) - 1}")
        spread(lambda low, high: _store(self.matrix, starts, lines, given, low, high), self.matrix.shape[1])
        self.stored += len(given)

    def sums(self, patterns: Any) -> NDArray[np.int32]:
        """Dendritic sums ``Σ_i x_i W_ij``: ``(P, outputs)``."""
        return self._sums_of(*_lines("patterns", patterns, self.inputs))

    def _sums_of(self, starts: NDArray[Any], lines: NDArray[Any]) -> NDArray[np.int32]:
        out = np.empty((len(starts) - 1, self.outputs), dtype=np.int32)
        spread(
            lambda low, high: _sums(self.matrix, starts, lines, self._planes(starts), low, high, out),
            len(out),
        )
        return out

    def recall(
        self, patterns: Any, *, threshold: int | None = None, winners: int | None = None
    ) -> NDArray[np.uint64]:
        """The values of patterns, whole or damaged, as packed words ``(P, words)``.

        By default an output fires if all active inputs reach it (θ = their number): right where inputs are a
        part of a stored pattern. ``threshold`` ≥ 1 sets θ for all; ``winners`` lets those of the k highest sums
        fire instead, and those equal to the k-th (so maybe more than k; none that is not reached at all): right
        where inputs also have false ones.
        """
        starts, lines = _lines("patterns", patterns, self.inputs)
        if threshold is not None and winners is not None:
            raise ValueError("threshold and winners must not be given together")
        count = len(starts) - 1
        theta = np.diff(starts)
        if threshold is not None:
            theta = np.full(count, check.integer("threshold", threshold, low=1, high=2**31))
        elif winners is not None:
            theta = self._kth(starts, lines, check.integer("winners", winners, low=1, high=self.outputs))
        out = np.zeros((count, self.matrix.shape[1]), dtype=np.uint64)
        spread(
            lambda low, high: _recall(
                *(self.matrix, starts, lines, np.maximum(theta, 1), bits.tail_mask(self.outputs)),
                *(self._planes(starts, theta), low, high, out),
            ),
            count,
        )
        return out

    def _kth(self, starts: NDArray[Any], lines: NDArray[Any], k: int) -> NDArray[np.int64]:
        """The k-th highest sum of each pattern, a few patterns at a time."""
        out = np.empty(len(starts) - 1, dtype=np.int64)
        step = max(1, SUMS // self.outputs)
        for low in range(0, len(out), step):
            sums = self._sums_of(starts[low : low + step + 1], lines)
            out[low : low + step] = np.partition(sums, -k, axis=1)[:, -k]
        return out

    def _planes(self, starts: NDArray[Any], thresholds: NDArray[Any] | None = None) -> NDArray[np.uint64]:
        """Room for bit-sliced counts of the longest pattern, and for the highest threshold."""
        most = int(np.diff(starts).max(initial=1))
        if thresholds is not None:
            most = max(most, int(thresholds.max(initial=1)))
        return np.zeros((max(1, most.bit_length()), self.matrix.shape[1]), dtype=np.uint64)

    def lines(self, words: Any) -> list[list[int]]:
        """Packed patterns of the output side as lists of their active lines."""
        given = _words("words", bits.words_of("words", words, self.outputs), self.outputs)
        return [np.flatnonzero(row).tolist() for row in bits.unpack(given, self.outputs)]

    def save(self, path: str | Path) -> None:
        """Write the memory to one file (:func:`hdspike.files.save_array`)."""
        sizes = {"inputs": self.inputs, "outputs": self.outputs, "stored": self.stored}
        files.save_array(path, self.matrix, kind=FORMAT, **sizes)

    @classmethod
    def load(cls, path: str | Path) -> "Willshaw":
        """Read what :meth:`save` wrote.

        Raises:
            ValueError: a file that is corrupt or of another kind.
        """
        matrix, sizes = opened(path, FORMAT, ("inputs", "outputs", "stored"))
        inputs, outputs = sizes["inputs"], sizes["outputs"]
        wanted = (inputs, -(-outputs // bits.BITS))
        if not inputs or not outputs or matrix.shape != wanted or matrix.dtype != np.uint64:
            raise ValueError(
                f"{path} must hold words {wanted} of uint64, got {matrix.shape} of {matrix.dtype}"
            )
        bits.check_tails(f"{path}", matrix, outputs)
        memory = cls.__new__(cls)
        memory.inputs, memory.outputs = inputs, outputs
        memory.matrix, memory.stored = matrix, sizes["stored"]
        return memory


def _lines(name: str, patterns: Any, count: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Patterns as (starts, active lines)."""
    given = plain(name, patterns, count)
    if given.dtype == np.uint64:
        unpacked = bits.unpack(check.batch(name, _words(name, given, count)), count)
        starts = np.concatenate([[0], np.cumsum(unpacked.sum(axis=1, dtype=np.int64))])
        return starts, np.nonzero(unpacked)[1].astype(np.int32)
    lines = _checked_lines(name, patterns, count)
    return np.arange(len(lines) + 1) * lines.shape[1], lines.ravel()


def _words(name: str, patterns: Any, count: int) -> NDArray[np.uint64]:
    """Patterns as packed words."""
    given = plain(name, patterns, count)
    if given.dtype == np.uint64:
        words = check.batch(name, bits.words_of(name, given, count))
        bits.check_tails(name, words, count)
        return words
    lines = _checked_lines(name, patterns, count)
    out = np.zeros((len(lines), bits.word_count(count)), dtype=np.uint64)
    row = np.repeat(np.arange(len(lines)), lines.shape[1])
    flat = lines.ravel()
    np.bitwise_or.at(out, (row, flat // bits.BITS), np.uint64(1) << (flat % bits.BITS).astype(np.uint64))
    return out


def _checked_lines(name: str, patterns: Any, count: int) -> NDArray[np.int32]:
    """Active lines ``(P, k)`` in range, each once per pattern."""
    lines = check.array(name, patterns, np.int32, ndim=2)
    if lines.size:
        if lines.min() < 0 or lines.max() >= count:
            raise ValueError(f"{name} must be lines in [0, {count}), got {lines.min()} … {lines.max()}")
        if np.any(np.diff(np.sort(lines, axis=1), axis=1) == 0):
            raise ValueError(f"{name} must name each line once per pattern")
    return lines
