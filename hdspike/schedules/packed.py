"""The job on a processor that computes on bits: nothing is multiplied, and every operand is fetched.

Three ways to the same winners, per query, with W words of a stored key and B queries that share a fetch:

``xor``     dense binary keys: XOR with every key, count the ones, add the counts of a key's words.
            ``word_xors = popcounts = N·W``, ``adds_int32 = N·W`` (W − 1 sums and one comparison for each key)
``blocks``  sparse block keys, an index for each block: XOR of packed indices, whose zero fields are found by an OR,
            a 64-bit subtraction (two of 32 bits) and an AND, and counted. ``word_xors = 3·N·W`` (the other two are
            logic of words as well), ``popcounts = N·W``, ``adds_int32 = 3·N·W``
``lists``   sparse block keys, inverted: each active line holds the numbers of its keys, and each number read
            increments that key's counter. ``adds_int32 = E + N``; E numbers and s list heads read where the keys
            are kept, a counter read and written for each event, N counters cleared, written and compared

Keys come from DRAM once for B queries (N·W/B words) and go from SRAM to up to 64 queries at a time, as in
:mod:`hdspike.dense`; ``resident`` keys stay in the chip's largest memory (``l2_bits``). Lists are fetched by each query
for itself, in sectors of 32 bytes. To all of them come the encoding of the query, its words, the insertions into the k
best (``k·(1 + ln(N/k))`` at most for keys in random order, ``⌈log₂(k + 1)⌉`` comparisons each), the winners' values and
their sum, and their numbers. Instructions, caches that miss and branches that fail are not charged: this favours the
processor.
"""

import math
from collections.abc import Mapping

from hdspike import check
from hdspike.dense.cost import REGISTER_TILE, SECTOR_BITS
from hdspike.schedules.job import Job
from hdspike.schedules.plan import Plan, sharing, suffix
from hdspike.substrate import Substrate

__all__ = ["BATCH", "METHODS", "fits", "outside", "plan", "plans", "selection", "stored_bits"]

METHODS = {"bsc": ("xor",), "sbc": ("lists", "blocks")}
"""Which ways a space has; the cheapest in counts comes at the front."""
VALUE_BITS = 8
NEEDED = {"xor": "popcounts", "blocks": "popcounts", "lists": "adds_int32"}
"""What a substrate must price for a way; a measured popcount may hold the XOR and the sum."""
BATCH = 64


def fits(substrate: Substrate, bits: float) -> bool:
    """Whether ``bits`` stay in the largest memory of the chip between queries."""
    return substrate.has("topology.l2_memory") and bits <= substrate.si("topology.l2_memory")


def stored_bits(job: Job, method: str) -> int:
    """Bits of all keys as ``method`` keeps them."""
    if method == "lists":
        return job.keys * job.blocks * job.id_bits + (job.dim + 1) * 32
    return job.keys * job.key_words * 64


def plans(job: Job, substrate: Substrate) -> tuple[Plan, ...]:
    """Every way that the substrate prices (or draws board power for) and states a time for."""
    found = []
    for method in METHODS[job.space]:
        if not _possible(method, substrate):
            continue
        found.append(plan(job, substrate, method=method))
        if method != "lists":
            found.append(plan(job, substrate, method=method, batch=BATCH))
        if fits(substrate, stored_bits(job, method)) and "l2_bits" in substrate.priced():
            found.append(plan(job, substrate, method=method, resident=True))
    return tuple(found)


def _possible(method: str, substrate: Substrate) -> bool:
    """Whether the substrate has constants for the work, or draws board power over a time that follows from it."""
    if substrate.has("power.board"):
        return method != "lists" and _peak(substrate, "popcounts") is not None
    return NEEDED[method] in substrate.priced()


def plan(
    job: Job, substrate: Substrate, *, method: str | None = None, batch: int = 1, resident: bool = False
) -> Plan:
    """One way on one processor; ``method`` is the cheapest of the job's space unless given.

    ``ValueError`` for a method that the job's space does not have, for lists that a batch would share, and for keys
    that are to stay on a chip that cannot hold them.
    """
    method = check.one_of("method", method or METHODS[job.space][0], METHODS[job.space])
    batch = check.integer("batch", batch, low=1)
    if method == "lists" and batch > 1:
        raise ValueError(f"batch must be 1 for lists, which no two queries share, got {batch}")
    if resident and not fits(substrate, stored_bits(job, method)):
        raise ValueError(f"resident must be False where the keys do not fit {substrate.name!r}, got True")
    counts = _lists(job, resident) if method == "lists" else _all_keys(job, method, batch, resident)
    for name, amount in (
        *outside(job, resident).items(), *job.encoder.items(), ("adds_int32", selection(job)),
    ):  # fmt: skip
        if amount:
            counts[name] = counts.get(name, 0.0) + amount
    names = {"xor": f"XOR of {job.dim:,} bits", "blocks": f"{job.blocks} indices", "lists": "inverted lists"}
    seconds, slowest = _seconds(method, substrate, counts)
    notes = (slowest,) if slowest else ()
    name, label = (
        f"packed_{method}{suffix(batch, resident)}",
        f"packed {names[method]}, {sharing(batch, resident)}",
    )
    return Plan(substrate, name, label, counts, seconds, 1.0, notes)


def _all_keys(job: Job, method: str, batch: int, resident: bool) -> dict[str, float]:
    """Every word of every key meets the query."""
    words = job.keys * job.key_words
    fetched, read = 64 * words / batch, 64 * words * math.ceil(batch / REGISTER_TILE) / batch
    logic = 1 if method == "xor" else 3
    counts = {"word_xors": words * logic, "popcounts": words, "adds_int32": words * logic}
    return counts | ({"l2_bits": read} if resident else {"dram_bits": fetched, "sram_bits": read})


def _lists(job: Job, resident: bool) -> dict[str, float]:
    """Only the keys that share a line with the query cost anything, but for the counters of all."""
    listed = 2 * 32 * job.active + job.synaptic_events * job.id_bits
    touched, every = job.synaptic_events * job.score_bits, job.keys * job.score_bits
    counts = {
        "adds_int32": job.synaptic_events + job.keys,
        "sram_bits": touched + every,
        "sram_bits_written": touched + every,
    }
    if resident:
        return counts | {"l2_bits": listed}
    # A sector is cut at the head of a list and at its end.
    fetched = listed + 2 * SECTOR_BITS * job.active
    return counts | {"dram_bits": fetched, "sram_bits": counts["sram_bits"] + listed}


def outside(job: Job, resident: bool) -> dict[str, float]:
    """What any way moves besides: the query, the winners' values and their numbers.

    A query whose encoding is counted was made here and lies in SRAM, another one comes from DRAM. Each value is a
    sector of DRAM, or is read where resident keys are.
    """
    query, values = 64 * job.key_words, job.winners * job.value_dim * VALUE_BITS
    sectors = job.winners * math.ceil(job.value_dim * VALUE_BITS / SECTOR_BITS) * SECTOR_BITS
    return {
        "dram_bits": (0 if job.encoder else query) + (0 if resident else sectors),
        "dram_bits_written": job.winners * job.id_bits,
        "l2_bits": values if resident else 0,
        "sram_bits": query,
        "sram_bits_written": query,
    }


def selection(job: Job) -> float:
    """Additions for the insertions into the k best and for the sum over the winners' values."""
    inserted = job.winners * (1 + math.log(job.keys / job.winners))
    return inserted * job.winners.bit_length() + job.winners * job.value_dim


def _peak(substrate: Substrate, pipe: str) -> float | None:
    """The rate of a pipe, where the substrate states it."""
    return substrate.si(f"peak.{pipe}") if substrate.has(f"peak.{pipe}") else None


def _seconds(method: str, substrate: Substrate, counts: Mapping[str, float]) -> tuple[float | None, str]:
    """The slowest of the pipes whose rate is stated, and its name; a scattered addition takes a popcount's place."""
    pipes = {
        "word_xors": counts.get("word_xors", 0.0),
        "popcounts": counts["adds_int32"] if method == "lists" else counts["popcounts"],
        "dram": (counts.get("dram_bits", 0.0) + counts.get("dram_bits_written", 0.0)) / 8,
        "l2": counts.get("l2_bits", 0.0) / 8,
    }
    times = {
        pipe: work / peak for pipe, work in pipes.items() if (peak := _peak(substrate, pipe)) is not None
    }
    if not times:
        return None, ""
    slowest = max(times, key=lambda pipe: times[pipe])
    return times[slowest], f"the time is that of the slowest pipe, {slowest}"
