"""The job inside a memory array: the stored bits meet the query where they lie (:mod:`hdspike.in_memory` counts them).

========================  ===================================================================================
an array that prices      what is counted for one query over N keys of b stored bits
========================  ===================================================================================
``in_memory_xor_bits``    XOR of whole rows, the query written into every subarray, and the ones counted outside:
                          ``N·⌈b/64⌉`` popcounts and their sums, after the results were read out
``crossbar_bits``         ``N·b`` bits multiplied and summed in analog
``cam_bits``              ``N·b`` bits compared
========================  ===================================================================================

b is D for dense keys. Sparse block keys are stored as indices: in ⌈log₂ L⌉ bits for a content-addressable memory, whose
segments are then blocks, and in machine words for an XOR; a crossbar holds them as D bits. The zero fields of XORed
indices are found outside as on a processor (:mod:`hdspike.schedules.packed`, ``blocks``): two more operations of a word
and a subtraction. Keys lie side by side in a row of DRAM. Choosing the winners among N distances is charged nowhere
here: no array has a price for it.
"""

from dataclasses import replace

from hdspike.in_memory import BITLINE, DRAM, recall_counts
from hdspike.schedules.job import Job
from hdspike.schedules.plan import Plan
from hdspike.substrate import Substrate

__all__ = ["XOR_OPERATIONS", "plan", "plans"]

XOR_OPERATIONS = 7
"""Row operations of an XOR in DRAM: 5.5 nJ ÷ 0.8 nJ for a row operation (Seshadri et al., MICRO 2017; recalled)."""
WAYS = ("in_memory_xor_bits", "crossbar_bits", "cam_bits")
UNRANKED = "ranking N distances has no constant"


def plans(job: Job, substrate: Substrate) -> tuple[Plan, ...]:
    """One plan for each way that the array prices."""
    return tuple(plan(job, substrate, way=way) for way in WAYS if way in substrate.priced())


def plan(job: Job, substrate: Substrate, *, way: str | None = None) -> Plan:
    """The job in one memory; ``ValueError`` where the substrate prices none of the ways, or not this one."""
    priced = [name for name in WAYS if name in substrate.priced()]
    if not priced or (way is not None and way not in priced):
        known = ", ".join(priced) or "none"
        raise ValueError(f"way must be one that {substrate.name!r} prices ({known}), got {way!r}")
    chosen = way or priced[0]
    label = f"in-memory, {substrate.title.split(',')[0]}"
    if chosen == "in_memory_xor_bits":
        return _xor(job, substrate, label)
    if chosen == "crossbar_bits":
        counts: dict[str, float] = dict(recall_counts(job.keys, job.dim, 1, design="crossbar"))
        counts["encoded_queries"] = 1.0
        note = "the encoder is that of a whole line of text, larger than this query's (conservative)"
        return Plan(substrate, "crossbar", label, counts, None, 1.0, (note,), UNRANKED)
    width = job.dim if job.space == "bsc" else job.blocks * max(1, (job.block_length - 1).bit_length())
    counts = dict(recall_counts(job.keys, width, 1, design="cam")) | dict(job.encoder)
    bound = f"reading distances out of match lines has no constant, {UNRANKED}"
    return Plan(substrate, "cam", label, counts, None, 1.0, (), bound)


def _xor(job: Job, substrate: Substrate, label: str) -> Plan:
    """XOR in the rows of DRAM, of an SRAM, or of cells that XOR what is stored with what comes in."""
    priced, width = substrate.priced(), 64 * job.key_words
    notes, bound, seconds, operations = [], UNRANKED, None, 1
    counts: dict[str, float]
    if "dram_bits" in priced:
        array = replace(DRAM, packed=True)
        counts = dict(recall_counts(job.keys, width, 1, design="dram", array=array))
        notes.append("results are read out and counted on the processor")
        operations = XOR_OPERATIONS
    else:
        array = BITLINE
        counts = dict(recall_counts(job.keys, width, 1, design="bitline"))
        if "sram_bits_written" not in priced:
            bound = f"bringing the query to the rows and the results out has no constant, {UNRANKED}"
    words = job.keys * job.key_words
    after = {"adds_int32": words - job.keys}  # the counts of a key's words
    if job.space == "sbc":
        after = {"adds_int32": 3 * words - job.keys, "word_xors": 2 * words}
    for name, amount in (*after.items(), *job.encoder.items()):
        if amount:
            counts[name] = counts.get(name, 0.0) + amount
    if substrate.has("timing.row_operation"):
        rows = array.rows_of(job.keys, width)
        seconds = rows * operations * substrate.si("timing.row_operation")
        notes.append("time: one row after the other; readout and count outside not in it")
    return Plan(substrate, "xor", label, counts, seconds, 1.0, tuple(notes), bound)
