"""Arrays that compute, one bit and one row at a time."""

from typing import Any

import numpy as np

FULL = 2**64 - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix(x: int) -> int:
    """The finaliser of SplitMix64."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & FULL
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & FULL
    return x ^ (x >> 31)


class Stream:
    """The SplitMix64 stream number ``index`` of a seed."""

    def __init__(self, seed: int, index: int) -> None:
        self.state = mix((seed + (index + 1) * GOLDEN) & FULL)

    def word(self) -> int:
        self.state = (self.state + GOLDEN) & FULL
        return mix(self.state)

    def chance(self, threshold: int) -> list[bool]:
        """64 bits: of each, whether the number its own draws spell is below the threshold."""
        digits = [int(d) for d in f"{threshold:064b}"]
        below: list[bool | None] = [None] * 64
        for place in range(64):
            if None not in below or not any(digits[place:]):
                break
            drawn = self.word()
            for lane in range(64):
                bit = (drawn >> lane) & 1
                if below[lane] is None and bit != digits[place]:
                    below[lane] = bit < digits[place]
        return [bool(b) for b in below]


class Column:
    """One word of columns: inverted bits, then what weak columns write."""

    def __init__(self, threshold: int, weak: list[int], stuck: list[int] | None) -> None:
        self.threshold, self.weak, self.stuck = threshold, weak, stuck

    def write(self, right: list[int], stream: Stream) -> list[int]:
        out = [bit ^ flip for bit, flip in zip(right, stream.chance(self.threshold), strict=True)]
        if any(self.weak):
            coins = stream.word()
            for lane, weak in enumerate(self.weak):
                if weak:
                    out[lane] = (coins >> lane) & 1 if self.stuck is None else self.stuck[lane]
        return out


def activate(a: list[int], b: list[int], c: list[int], column: Column, stream: Stream) -> list[int]:
    """Three rows share their charge."""
    return column.write([int(x + y + z >= 2) for x, y, z in zip(a, b, c, strict=True)], stream)


def columns(dim: int, threshold: int, weak: Any, stuck: Any) -> list[Column]:
    """The columns word by word, zeros behind the last."""
    out = []
    for low in range(0, dim, 64):
        some = padded(weak, low)
        out.append(Column(threshold, some, None if stuck is None else padded(stuck, low)))
    return out


def padded(row: Any, low: int) -> list[int]:
    """64 bits of a row from ``low`` on."""
    part = [] if row is None else [int(bit) for bit in row[low : low + 64]]
    return part + [0] * (64 - len(part))


def xor(a: Any, b: Any, index: int, threshold: int, weak: Any, stuck: Any, seed: int) -> list[int]:
    """XOR of two rows of bits by three activations a word: NOT-a AND b, a AND NOT-b, then OR."""
    dim, out, stream = len(a), [], Stream(seed, index)
    for place, column in enumerate(columns(dim, threshold, weak, stuck)):
        x, y = padded(a, 64 * place), padded(b, 64 * place)
        second = activate([1 - v for v in x], y, [0] * 64, column, stream)
        first = activate(x, [1 - v for v in y], [0] * 64, column, stream)
        out += activate(first, second, [1] * 64, column, stream)
    return out[:dim]


def majority3(
    a: Any, b: Any, c: Any, index: int, threshold: int, weak: Any, stuck: Any, seed: int
) -> list[int]:
    """One activation a word."""
    dim, out, stream = len(a), [], Stream(seed, index)
    for place, column in enumerate(columns(dim, threshold, weak, stuck)):
        out += activate(*(padded(row, 64 * place) for row in (a, b, c)), column, stream)
    return out[:dim]


def wear(row: Any, index: int, threshold: int, weak: Any, stuck: Any, seed: int) -> list[int]:
    """A right result as the array writes it."""
    dim, out, stream = len(row), [], Stream(seed, index)
    for place, column in enumerate(columns(dim, threshold, weak, stuck)):
        out += column.write(padded(row, 64 * place), stream)
    return out[:dim]


def counted(
    query: Any, items: Any, index: int, threshold: int, weak: Any, stuck: Any, seed: int, height: int
) -> tuple[list[int], int]:
    """Ones of the query XOR each item, ``height`` bits a subarray; and the full adders that it took."""
    some = columns(len(items), threshold, weak, stuck)
    edges = range(0, items.shape[1], height)
    totals, adders = [0] * len(items), 0
    for place, low in enumerate(edges):
        stream = Stream(seed, index * len(edges) + place)
        counts, used = subarray(query[low : low + height], items[:, low : low + height], some, stream)
        totals, adders = [a + b for a, b in zip(totals, counts, strict=True)], adders + used
    return totals, adders


def subarray(query: Any, items: Any, some: list[Column], stream: Stream) -> tuple[list[int], int]:
    """The same of one subarray, in binary counters of rows."""
    count, dim = items.shape
    levels = len(f"{dim:b}")
    sums = [[[0] * 64 for _ in some] for _ in range(levels)]
    waiting: list[Any] = [None] * levels
    used = 0

    def add(row: Any, level: int) -> None:
        nonlocal used
        while level < levels:
            if waiting[level] is None:
                waiting[level] = row
                return
            carries = []
            for word, column in enumerate(some):
                a, b, c = sums[level][word], waiting[level][word], row[word]
                carry = activate(a, b, c, column, stream)
                inner = activate(a, b, [1 - v for v in c], column, stream)
                sums[level][word] = activate([1 - v for v in carry], inner, c, column, stream)
                carries.append(carry)
            waiting[level], row = None, carries
            used += 1
            level += 1

    for i in range(dim):
        add([padded(items[:, i] ^ query[i], 64 * word) for word in range(len(some))], 0)
    for level in range(levels):
        if waiting[level] is not None:
            add([[0] * 64 for _ in some], level)
    counts = [sum(sums[k][m // 64][m % 64] << k for k in range(levels)) for m in range(count)]
    return counts, used


def tree(rows: list[Any], fan: int, coins: Any) -> Any:
    """Majorities of ``fan`` neighbours, level after level; ``coins`` gives the row that decides between two."""
    while len(rows) > 1:
        if len(rows) == 2:
            rows = [(np.sum([*rows, coins()], axis=0) >= 2).astype(np.uint8)]
            continue
        size = fan
        while size > len(rows):
            size -= 2
        up = []
        while len(rows) >= size:
            up.append((2 * np.sum(rows[:size], axis=0) > size).astype(np.uint8))
            rows = rows[size:]
        rows = up + rows
    return rows[0]


def cam(query: Any, item: Any, segment: int, limit: float) -> float:
    """One stored word, one match line after another."""
    total = 0.0
    for low in range(0, len(query), segment):
        told = 0
        for x, y in zip(query[low : low + segment], item[low : low + segment], strict=True):
            told += int(x != y)
        total += min(told, limit)
    return total


def xored(items: int, dim: int, row_bits: int, rows: int, packed: bool) -> dict[str, int]:
    """One query against all items: every vector is put into rows, every row into a subarray, one by one."""
    slices, beside = -(-dim // row_bits), row_bits // dim
    xors = written = used = 0
    free_rows = free_places = 0
    for _item in range(items):
        if packed and beside > 1:
            if free_places == 0:
                free_places, used = beside, used + 1
                xors += row_bits
                if free_rows == 0:
                    free_rows, written = rows - 2, written + row_bits
                free_rows -= 1
            free_places -= 1
            continue
        if free_rows == 0:  # as many subarrays as a vector has slices, each with the query's own slice
            free_rows, written = rows - 2, written + slices * row_bits
        for _slice in range(slices):
            xors += row_bits
        free_rows -= 1
    return {"xors": xors, "written": written}


def bundled(members: int) -> int:
    """Majorities of three, until one row is left."""
    nodes = 0
    while members > 1:
        nodes += 1
        members -= 2 if members > 2 else 1
    return nodes
