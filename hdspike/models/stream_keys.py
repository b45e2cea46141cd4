"""The keys and values of one head as they arrive, each on its line: searchable at once, in memory that grows with them.

Keys and values lie in the order of their arrival, in bfloat16. Their dense codes, made of the whole float32, lie in
blocks of 64 keys of one line, which are chained, newest block in front: a line that grows takes a block more, nothing
is ever moved or sorted.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.jit import kernel
from hdspike.models.stream_code import StreamCode

__all__ = ["BLOCK", "HeadKeys", "halved"]

BLOCK = 64
CHUNK = 256  # keys that room is made for at a time


@kernel
def _wide(half):
    """The float32 of a bfloat16 (its upper half)."""
    return np.uint32(np.uint32(half) << np.uint32(16)).view(np.float32)


@kernel
def _halve(numbers, out):
    """bfloat16 of float32 bits ``(n, d)``, rounded to the nearest, ties to even; returns how many."""
    for i in range(len(numbers)):
        for j in range(numbers.shape[1]):
            bits = numbers[i, j]
            odd = np.uint32(bits >> np.uint32(16)) & np.uint32(1)
            out[i, j] = np.uint16(np.uint32(bits + np.uint32(np.uint32(0x7FFF) + odd)) >> np.uint32(16))
    return numbers.size


def halved(numbers: Any) -> NDArray[np.uint16]:
    """Float32 numbers ``(n, d)`` in bfloat16: the 16 bits of each, rounded to the nearest, ties to even.

    >>> [hex(x) for x in halved(np.array([[1, 1 + 2**-8, 1 + 3 * 2**-8]], np.float32))[0].tolist()]
    ['0x3f80', '0x3f80', '0x3f82']
    """
    given = check.array("numbers", numbers, np.float32, ndim=2)
    out = np.empty(given.shape, dtype=np.uint16)
    _halve(given.view(np.uint32), out)
    return out


@kernel
def _place(x, lines, halves, score):
    """The line with the highest x·centroid − |centroid|²/2, ties to the lower; ``lines`` is ``(d, L)``."""
    for c in range(len(halves)):
        score[c] = -halves[c]
    for i in range(len(x)):
        number = x[i]
        row = lines[i]
        for c in range(len(halves)):
            score[c] += number * row[c]
    top = score[0]
    for c in range(1, len(halves)):
        top = max(top, score[c])
    best = 0
    while best < len(halves) - 1 and score[best] != top:
        best += 1
    return best


@kernel
def _turn(vector, matrix, out):
    """``out = vector @ matrix``, float32; returns the multiply-adds."""
    for j in range(len(out)):
        out[j] = np.float32(0)
    for i in range(len(vector)):
        number = vector[i]
        row = matrix[i]
        for j in range(len(out)):
            out[j] += number * row[j]
    return len(vector) * len(out)


@kernel
def _code(x, line, lines, steps, bits, out):
    """The dense code of x on its line into words ``out``; returns its bits."""
    for w in range(len(out)):
        out[w] = np.uint64(0)
    at = 0
    for i in range(len(x)):
        many = bits[i]
        if many == 0:
            continue
        half = np.int64(1) << np.int64(many - 1)
        number = np.int64(np.floor((x[i] - lines[i, line]) / steps[i]))
        number = min(max(number + half, np.int64(0)), 2 * half - 1)
        for p in range(many):
            bit = np.uint64((number >> p) & 1)
            out[at // 64] |= bit << np.uint64(at % 64)
            at += 1
    return at


@kernel
def _append(
    keys, start, centre, turn, lines, halves, steps, bits, sizes, heads, words, places, before, used, chosen
):
    """Chain keys ``(n, d)``, the oldest of which is number ``start``, to their lines; returns the blocks in use.

    ``sizes`` (L) keys of each line, ``heads`` (L) its newest block or −1, ``before`` (blocks) the next older one.
    """
    count, dim = keys.shape
    moved, x = np.empty(dim, dtype=np.float32), np.empty(dim, dtype=np.float32)
    score = np.empty(len(halves), dtype=np.float32)
    code = np.empty(words.shape[1], dtype=np.uint64)
    for n in range(count):
        for i in range(dim):
            moved[i] = keys[n, i] - centre[i]
        _turn(moved, turn, x)
        line = _place(x, lines, halves, score)
        _code(x, line, lines, steps, bits, code)
        slot = sizes[line] % len(places[0])
        if slot == 0:
            before[used] = heads[line]
            heads[line] = used
            used += 1
        block = heads[line]
        for w in range(len(code)):
            words[block, w, slot] = code[w]
        places[block, slot] = start + n
        sizes[line] += 1
        chosen[n] = line
    return used


class HeadKeys:
    """The keys and values of head ``group`` of a code; grows by a quarter when it is full.

    Attributes:
        length: keys held. blocks: blocks of codes in use.
        keys, values: room for ``(capacity, d)`` and ``(capacity, dv)``, bfloat16, in the order of arrival.
    """

    def __init__(self, code: StreamCode, group: int, value_dim: int, *, capacity: int = 1024) -> None:
        capacity = check.integer("capacity", capacity, low=1)
        self.length = self.blocks = 0
        self.centre, self.turn = code.centres[group], code.key_turns[group]
        self.steps, self.bits = code.steps[group], code.bits[group]
        self.lines = np.ascontiguousarray(code.lines[group].T)
        self.halves = ((code.lines[group].astype(np.float64) ** 2).sum(axis=1) / 2).astype(np.float32)
        self.sizes = np.zeros(code.count, dtype=np.int64)
        self.heads = np.full(code.count, -1, dtype=np.int64)
        self.keys = np.empty((capacity, code.dim), dtype=np.uint16)
        self.values = np.empty((capacity, value_dim), dtype=np.uint16)
        room = capacity // BLOCK + 1
        self.words = np.zeros((room, code.words, BLOCK), dtype=np.uint64)
        self.places = np.full((room, BLOCK), -1, dtype=np.int32)
        self.before = np.full(room, -1, dtype=np.int64)

    @property
    def bytes(self) -> int:
        """Bytes of memory that keys, values and their codes take, room to grow among them."""
        grown = (self.keys, self.values, self.words, self.places, self.before, self.sizes, self.heads)
        return sum(part.nbytes for part in grown)

    def insert(self, keys: NDArray[np.float32], values: NDArray[np.float32]) -> NDArray[np.int64]:
        """The lines of ``(n, d)`` finite keys, which follow those held; the same, however they are dealt out."""
        chosen = np.empty(len(keys), dtype=np.int64)
        for low in range(0, len(keys), CHUNK):
            part = slice(low, min(len(keys), low + CHUNK))
            self._write(keys[part], values[part], chosen[part])
        return chosen

    def _write(self, keys: NDArray[Any], values: NDArray[Any], chosen: NDArray[np.int64]) -> None:
        start, stop = self.length, self.length + len(keys)
        self.keys, self.values = roomy(self.keys, stop), roomy(self.values, stop)
        most = self.blocks + len(keys)
        self.words, self.places = roomy(self.words, most), roomy(self.places, most)
        self.before = roomy(self.before, most)
        _halve(keys.view(np.uint32), self.keys[start:stop])
        _halve(values.view(np.uint32), self.values[start:stop])
        self.blocks = _append(
            keys, start, self.centre, self.turn, self.lines, self.halves, self.steps, self.bits,
            self.sizes, self.heads, self.words, self.places, self.before, self.blocks, chosen,
        )  # fmt: skip
        self.length = stop


def roomy(held: NDArray[Any], count: int) -> NDArray[Any]:
    """``held`` if it has ``count`` rows, else a copy with a quarter more of them, at least."""
    if count <= len(held):
        return held
    new = np.empty((max(count, len(held) + len(held) // 4), *held.shape[1:]), dtype=held.dtype)
    new[: len(held)] = held
    return new
