"""k-winner-take-all attention on a processor, one step at a time; a ratio of perplexities, one block at a time."""

import math
from collections import Counter
from statistics import mean, stdev

WIDTH = {"fp32": 32, "fp16": 16, "bf16": 16, "int8": 8, "int4": 4, "ternary": 8}


def winners_attention(keys, dim, value_dim, winners, precision, batch, appended, on_chip, tile=64):
    """The counts of a batch over the same keys; queries have winners of their own while there are keys left."""
    done: Counter[str] = Counter()
    word = WIDTH[precision]
    product = "macs_int8" if precision == "ternary" else f"macs_{precision}"
    fetched: set[int] = set()
    for key in range(keys):
        done["dram_bits"] += word * dim
        if key < appended:
            done["dram_bits_written"] += word * (dim + value_dim)
    for query in range(batch):
        done["sram_bits"] += word * dim
        done["sram_bits_written"] += word * value_dim
        if not on_chip:
            done["dram_bits"] += word * dim
            done["dram_bits_written"] += word * value_dim
        for _key in range(keys):
            if query % tile == 0:
                done["sram_bits"] += word * dim
            done[product] += dim
            if winners < keys:
                done["adds_int32"] += 1  # beside the lowest winner so far
        if winners < keys:
            levels = math.ceil(math.log2(winners + 1))
            done["adds_int32"] += math.ceil(winners * (1 + math.log(keys / winners))) * levels
        for winner in range(winners):
            done["exps"] += 1
            done[product] += value_dim
            done["sram_bits"] += word * value_dim
            place = (query * winners + winner) % keys
            if place not in fetched:  # a scattered row comes in whole sectors
                fetched.add(place)
                left = word * value_dim
                while left > 0:
                    done["dram_bits"] += 256
                    left -= 256
    return {name: total for name, total in done.items() if total}


def bundled_attention(keys, dim, value_dim, winners, bundles, precision, batch, appended, on_chip, tile=64):
    """Exact winners, and every other key through its bundle."""
    done = Counter(
        winners_attention(keys, dim, value_dim, winners, precision, batch, appended, on_chip, tile)
    )
    return with_bundles(done, keys, dim, value_dim, winners, bundles, precision, batch, appended, tile)


def with_bundles(done, keys, dim, value_dim, winners, bundles, precision, batch, appended, tile=64):
    """``done`` and every key that did not win through its bundle."""
    done = Counter(done)
    word = WIDTH[precision]
    product = "macs_int8" if precision == "ternary" else f"macs_{precision}"
    for bundle in range(bundles):
        done["dram_bits"] += 32 * dim + 32 * value_dim + 32  # sums of keys, of values, how many
        if appended:
            done["dram_bits"] += word * dim
            done["sram_bits"] += word * dim
        for _key in range(appended):
            done[product] += dim  # how near is its centroid?
            if bundle == 0:  # the nearest, say
                done[product] += dim + value_dim
                for level in ("dram", "sram"):
                    done[f"{level}_bits_written"] += 32 * dim + 32 * value_dim + 32
                done["dram_bits_written"] += 8
        for query in range(batch):
            if query % tile == 0:
                done["sram_bits"] += 32 * dim + 32 * value_dim + 32
            done[product] += dim + value_dim
            done["exps"] += 1
    numbers: set[int] = set()
    for query in range(batch):
        for winner in range(winners):
            done["adds_int32"] += 1
            done["sram_bits"] += 8
            place = (query * winners + winner) % keys
            if place not in numbers:
                numbers.add(place)
                done["dram_bits"] += 256
    return {name: total for name, total in done.items() if total}


def coded_attention(
    keys, dim, value_dim, winners, bits, candidates, precision, batch, appended, on_chip, tile=64, scored=True
):
    """Winners among the candidates that codes find."""
    done: Counter[str] = Counter()
    word, words = WIDTH[precision], math.ceil(bits / 64)
    product = "macs_int8" if precision == "ternary" else f"macs_{precision}"
    for key in range(keys):
        done["dram_bits"] += 64 * words
        if key < appended:
            done["dram_bits_written"] += word * (dim + value_dim) + 64 * words
    for coded in range(batch + appended):
        if coded % tile == 0:
            done["sram_bits"] += word * bits * dim  # the matrix
        done[product] += bits * dim
        done["sram_bits_written"] += 64 * words
    fetched: dict[str, set[int]] = {"keys": set(), "values": set()}

    def fetch(what, place, size):
        if place not in fetched[what]:
            fetched[what].add(place)
            done["dram_bits"] += math.ceil(word * size / 256) * 256

    def choose(of, many):
        return math.ceil(many * (1 + math.log(of / many))) * math.ceil(math.log2(many + 1))

    for query in range(batch):
        done["sram_bits"] += word * dim
        done["sram_bits_written"] += word * value_dim
        if not on_chip:
            done["dram_bits"] += word * dim
            done["dram_bits_written"] += word * value_dim
        for _key in range(keys):
            for _word in range(words):
                done["word_xors"] += 1
                done["popcounts"] += 1
                done["adds_int32"] += 1
                done["sram_bits"] += 64 if query % tile == 0 else 0
        done["adds_int32"] += choose(keys, candidates) if candidates < keys else 0
        done["adds_int32"] += candidates + choose(candidates, winners) if winners < candidates else 0
        for candidate in range(candidates if scored else 0):
            fetch("keys", (query * candidates + candidate) % keys, dim)
            done[product] += dim
            done["sram_bits"] += word * dim
        for winner in range(winners):
            fetch("values", (query * winners + winner) % keys, value_dim)
            done[product] += value_dim
            done["sram_bits"] += word * value_dim
            done["exps"] += 1
    return {name: total for name, total in done.items() if total}


def event_attention(
    keys, dim, value_dim, winners, blocks, lines, events, candidates, precision, batch, appended, on_chip, tile=64,
    scored=True,
):  # fmt: skip
    """Winners among the candidates that events find."""
    done: Counter[str] = Counter()
    word, spent = WIDTH[precision], math.floor(events * keys)
    product = "macs_int8" if precision == "ternary" else f"macs_{precision}"
    for _key in range(appended):
        done["dram_bits_written"] += word * (dim + value_dim) + 32 * blocks
        for _head in range(batch):
            done["dram_bits_written"] += 16
            done[product] += dim  # where its potential rests
    for many in (appended, batch):
        for coded in range(many):
            done[product] += dim * dim + lines * dim  # turned, then laid to each line of each block
            if coded % tile == 0:
                done["sram_bits"] += word * (dim * dim + lines * dim)
    fetched: dict[str, set[int]] = {"keys": set(), "values": set()}

    def fetch(what, place, size):
        if place not in fetched[what]:
            fetched[what].add(place)
            done["dram_bits"] += math.ceil(word * size / 256) * 256

    def choose(of, many):
        return math.ceil(many * (1 + math.log(of / many))) * math.ceil(math.log2(many + 1))

    for query in range(batch):
        done["sram_bits"] += word * dim
        done["sram_bits_written"] += word * value_dim
        if not on_chip:
            done["dram_bits"] += word * dim
            done["dram_bits_written"] += word * value_dim
        for _key in range(keys):
            done["dram_bits"] += 16  # its rest comes,
            done["sram_bits"] += 16
            done["sram_bits_written"] += 32  # is its potential,
            done["sram_bits"] += 32  # which is compared in the end
            done["adds_int32"] += 1 if candidates < keys else 0
        done["adds_int32"] += blocks * lines
        done["dram_bits"] += math.ceil(32 * spent / 256) * 256
        for _event in range(spent):
            done["sram_bits"] += 32 + 32  # which key, its potential
            done["sram_bits_written"] += 32
            done["adds_int32"] += 1
        done["adds_int32"] += choose(keys, candidates) if candidates < keys else 0
        done["adds_int32"] += candidates + choose(candidates, winners) if winners < candidates else 0
        for candidate in range(candidates if scored else 0):
            fetch("keys", (query * candidates + candidate) % keys, dim)
            done[product] += dim
            done["sram_bits"] += word * dim
        for winner in range(winners):
            fetch("values", (query * winners + winner) % keys, value_dim)
            done[product] += value_dim
            done["sram_bits"] += word * value_dim
            done["exps"] += 1
    return {name: total for name, total in done.items() if total}


def entered(order, winners):
    """How many of the scores, in their order, were among the k best when they came."""
    best: list[float] = []
    count = 0
    for score in order:
        if len(best) < winners or score > min(best):
            best = sorted([*best, score])[-winners:]
            count += 1
    return count


def perplexity_ratio(losses, reference, block, windows, t):
    """(value, low, high, observations) with Student's quantile ``t(degrees of freedom)``."""
    flat, means = [], []
    for row, other in zip(losses, reference, strict=True):
        difference = [a - b for a, b in zip(row, other, strict=True)]
        flat += difference
        step = len(row) if len(losses) >= windows else block
        means += [mean(difference[i : i + step]) for i in range(0, len(row), step)]
    value = math.exp(mean(flat))
    if len(means) == 1:
        return value, None, None, 1
    half = t(len(means) - 1) * stdev(means) / math.sqrt(len(means))
    return value, math.exp(mean(flat) - half), math.exp(mean(flat) + half), len(means)
