"""The job done and counted one step at a time: on words, on packed indices, on inverted lists, on cores of a chip."""

import itertools
from collections import Counter


def xor(query: list[int], keys: list[list[int]]) -> tuple[list[int], Counter]:
    """Equal bits of each key with the query, given as lists of 64-bit words (the dimension a multiple of 64)."""
    counts, scores = Counter(), []
    for key in keys:
        differing = None
        for mine, theirs in zip(query, key, strict=True):
            counts["sram_bits"] += 64
            counts["word_xors"] += 1
            counts["popcounts"] += 1
            ones = bin(mine ^ theirs).count("1")
            if differing is None:
                differing = ones
            else:
                differing += ones
                counts["adds_int32"] += 1
        counts["adds_int32"] += 1  # compared with the k-th best
        scores.append(64 * len(query) - differing)
    return scores, counts


def packed(indices: list[int], width: int) -> list[int]:
    """Indices side by side in 64-bit words, ``width`` bits each."""
    words = [0] * -(-len(indices) * width // 64)
    for place, index in enumerate(indices):
        words[place * width // 64] |= index << (place * width % 64)
    return words


def blocks(query: list[int], keys: list[list[int]], width: int) -> tuple[list[int], Counter]:
    """Matching blocks: a field of the XOR is zero where they match, and the highest bit of a field is free.

    With H the high bits, ``(x | H) − L`` clears the high bit of exactly those fields of x that are zero (x < H).
    """
    counts, scores = Counter(), []
    fields = 64 // width
    low = sum(1 << (i * width) for i in range(fields))
    high = low << (width - 1)
    mine = packed(query, width)
    for key in keys:
        same = 0
        for position, (a, b) in enumerate(zip(mine, packed(key, width), strict=True)):
            counts["sram_bits"] += 64
            counts["word_xors"] += 3  # XOR, OR, AND
            x = a ^ b
            counts["adds_int32"] += 2  # one subtraction of 64 bits
            zero = ~((x | high) - low) & high
            used = min(fields, len(query) - position * fields)
            counts["popcounts"] += 1
            same += bin(zero & ((1 << (used * width)) - 1)).count("1")
            counts["adds_int32"] += (
                1  # the sum over a key's words, and at its end the comparison with the k-th best
            )
        scores.append(same)
    return scores, counts


def lists(
    query: list[int], keys: list[list[int]], length: int, bits: dict[str, int]
) -> tuple[list[int], Counter]:
    """Matching blocks by inverted lists; ``bits``: those of a key's number (``id``) and of a counter (``score``)."""
    inverted: dict[int, list[int]] = {}
    for number, key in enumerate(keys):
        for block, index in enumerate(key):
            inverted.setdefault(block * length + index, []).append(number)
    counts, scores = Counter(), [0] * len(keys)
    for _ in keys:
        counts["sram_bits_written"] += bits["score"]  # cleared
    for block, index in enumerate(query):
        counts["l2_bits"] += 2 * 32  # where the list begins and ends
        for number in inverted.get(block * length + index, []):
            counts["l2_bits"] += bits["id"]
            counts["sram_bits"] += bits["score"]
            counts["adds_int32"] += 1
            scores[number] += 1
            counts["sram_bits_written"] += bits["score"]
    for _ in keys:
        counts["sram_bits"] += bits["score"]
        counts["adds_int32"] += 1  # compared with the k-th best
    return scores, counts


def suffixes(space: str, dim: int, blocks_: int, order: int, index_bits: int) -> Counter:
    """Counts of encoding one context."""
    counts = Counter()
    if space == "bsc":
        for _gram in range(order):
            for _word in range(-(-dim // 64)):
                counts["sram_bits"] += 64
                counts["encoder_xors"] += 1
            for _bit in range(dim):
                counts["encoder_adds"] += 1
        return counts
    for block in range(blocks_):
        for _symbol in range(1 + block % order):
            counts["sram_bits"] += index_bits
            counts["encoder_adds"] += 1
    return counts


def mean_hops(columns: int, rows: int) -> tuple[float, float]:
    """Mean distance along the row and along the column over all ordered pairs of places."""
    places = list(itertools.product(range(columns), range(rows)))
    pairs = list(itertools.product(places, places))
    return (
        sum(abs(a[0] - b[0]) for a, b in pairs) / len(pairs),
        sum(abs(a[1] - b[1]) for a, b in pairs) / len(pairs),
    )


def cores_reached(targets: int, cores: int) -> float:
    """Mean number of different cores over every way to put ``targets`` neurons on ``cores`` cores."""
    every = list(itertools.product(range(cores), repeat=targets))
    return sum(len(set(way)) for way in every) / len(every)


def fill_core(
    blocks_: int,
    *,
    neurons: int | None,
    axons: int | None,
    memory: int | None,
    fan_in: int | None,
    dense: bool,
) -> tuple[int, int]:
    """(pieces of a key, pieces that one core holds), filling it one piece at a time; 10,000 ends the search."""
    pieces = 1
    while any(limit is not None and -(-blocks_ // pieces) > limit for limit in (axons, fan_in)):
        pieces += 1
    synapses = -(-blocks_ // pieces)
    target = 0
    while neurons is not None and 2**target < neurons:
        target += 1
    held = used_axons = used_bits = 0
    while held < 10_000:
        more_axons = (synapses if used_axons == 0 else 0) if dense else synapses
        used_axons += more_axons
        used_bits += synapses * (1 if dense else (1 if neurons is None else target) + 1)
        full = (
            (neurons is not None and held + 1 > neurons)
            or (axons is not None and used_axons > axons)
            or (memory is not None and used_bits > memory)
        )
        if full:
            break
        held += 1
    return pieces, held
