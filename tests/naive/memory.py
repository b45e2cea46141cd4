"""Memories on lists of zeros and ones."""

from collections.abc import Sequence

from tests.naive import bits

Bits = Sequence[int]


def signs(row: Bits) -> list[int]:
    return [1 if bit else -1 for bit in row]


# --- sparse distributed memory


def active(locations: Sequence[Bits], address: Bits, radius: int) -> list[int]:
    """Locations within the radius of an address."""
    return [m for m, location in enumerate(locations) if bits.hamming(location, address) <= radius]


def write(
    counters: list[list[int]], locations: Sequence[Bits], address: Bits, data: Bits, radius: int,
    weight: int, floor: int, ceiling: int,
) -> None:  # fmt: skip
    """Add the signs of the data to each active location, counters kept in [floor, ceiling]."""
    for m in active(locations, address, radius):
        for i, sign in enumerate(signs(data)):
            counters[m][i] = min(max(counters[m][i] + weight * sign, floor), ceiling)


def sums(counters: list[list[int]], locations: Sequence[Bits], address: Bits, radius: int) -> list[int]:
    chosen = active(locations, address, radius)
    return [sum(counters[m][i] for m in chosen) for i in range(len(counters[0]))]


def coins(seed: int, dim: int) -> list[int]:
    """The first ``dim`` bits of a SplitMix64 stream."""
    stream = bits.splitmix64(seed)
    return bits.to_bits([next(stream) for _ in range(-(-dim // 64))], dim)


def read(counters: list[list[int]], locations: Sequence[Bits], address: Bits, radius: int) -> list[int]:
    """The signs of the sums; a sum of 0 takes its bit from the stream of the address."""
    total = sums(counters, locations, address, radius)
    tossed = coins(bits.hash64(bits.to_words(address)), len(total))
    return [coin if s == 0 else int(s > 0) for s, coin in zip(total, tossed, strict=True)]


# --- Willshaw


def synapses(
    inputs: int, outputs: int, pairs: Sequence[tuple[Sequence[int], Sequence[int]]]
) -> list[list[int]]:
    """One-bit synapses: 1 where any pair has both the input and the output on."""
    out = [[0] * outputs for _ in range(inputs)]
    for x, y in pairs:
        for i in x:
            for j in y:
                out[i][j] = 1
    return out


def dendrites(matrix: Sequence[Bits], lines: Sequence[int]) -> list[int]:
    """How many active lines have a synapse to each output."""
    return [sum(matrix[i][j] for i in lines) for j in range(len(matrix[0]))]


# --- resonator


def dot(a: Bits, b: Bits) -> int:
    return sum(x * y for x, y in zip(signs(a), signs(b), strict=True))


def xor(*rows: Bits) -> list[int]:
    return [sum(column) % 2 for column in zip(*rows, strict=True)]


def cleaned(book: Sequence[Bits], query: Bits, old: Bits) -> tuple[list[int], int]:
    """Sign of Σ_m ⟨A_m, query⟩·A_m, the old bit where it is 0, and the item of most |similarity|."""
    weights = [dot(item, query) for item in book]
    out = []
    for i, bit in enumerate(old):
        total = sum(w * signs(item)[i] for w, item in zip(weights, book, strict=True))
        out.append(int(total > 0) if total else int(bit))
    return out, max(range(len(book)), key=lambda m: (abs(weights[m]), -m))


def resonate(
    target: Bits, books: Sequence[Sequence[Bits]], start: Sequence[Bits], together: bool, most: int
) -> tuple[int, int, list[int]]:
    """(iterations, 1 at a fixed point or 2 in a cycle or 0 out of time, item of each factor)."""
    estimates = [list(map(int, row)) for row in start]
    seen: list[list[list[int]]] = []
    chosen = [0] * len(books)
    for turn in range(1, most + 1):
        last = [list(row) for row in estimates]
        for f, book in enumerate(books):
            source = last if together else estimates
            others = [source[g] for g in range(len(books)) if g != f]
            estimates[f], chosen[f] = cleaned(book, xor(target, *others), last[f])
        if estimates == last:
            return turn, 1, chosen
        if estimates in seen:
            return turn, 2, chosen
        seen.append([list(row) for row in estimates])
    return most, 0, chosen
