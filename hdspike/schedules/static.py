"""The job on a static schedule beside its memory: every product of the dense twin, whatever its operands are.

The schedule is fixed before the run, so that a zero costs as much as a one and no event is ever skipped: the spiking
job has no place on such a chip, its dense twin has. Keys and values stay in the memory beside the cores.
"""

from hdspike import dense
from hdspike.schedules.dense import SHOWN
from hdspike.schedules.job import Job
from hdspike.schedules.plan import Plan
from hdspike.substrate import Substrate

__all__ = ["plan", "plans"]

WIDTHS = ("int4", "int8")


def plans(job: Job, substrate: Substrate) -> tuple[Plan, ...]:
    """The narrowest precision that the chip prices."""
    return (plan(job, substrate),)


def plan(job: Job, substrate: Substrate, *, precision: str | None = None) -> Plan:
    """All multiply-accumulates of the twin; ``ValueError`` where the chip prices none."""
    priced = [width for width in WIDTHS if f"macs_{width}" in substrate.priced()]
    if not priced or (precision is not None and precision not in priced):
        known = ", ".join(priced) or "none"
        raise ValueError(f"precision must be one that {substrate.name!r} prices ({known}), got {precision!r}")
    width = precision or priced[0]
    cost = dense.attention(
        job.keys, job.twin_dim, value_dim=job.value_dim, precision=width, resident=True, on_chip=True
    )
    macs = cost.counts[f"macs_{width}"]
    read = cost.counts["l2_bits"]
    counts: dict[str, float] = {f"macs_{width}": macs, "exps": cost.counts["exps"], "sram_bits": read}
    room = substrate.si("topology.on_chip_memory") if substrate.has("topology.on_chip_memory") else None
    stored = job.keys * (job.twin_dim + job.value_dim) * dense.BITS[width]
    chips = 1 if room is None else -(-stored // int(room))
    times = []  # each chip does its share of the keys
    if substrate.has(f"peak.{width}"):
        times.append(2 * macs / substrate.si(f"peak.{width}") / chips)
    if substrate.has("peak.sram"):
        times.append(read / 8 / substrate.si("peak.sram") / chips)
    notes = ["every product is done, zeros too"]
    if width not in SHOWN:
        notes.append(f"the twin's dimension was found at 8 bits, not at {width[3:]}")
    label = f"static {width} twin, {chips:,} × {substrate.title.split(',')[0]}"
    return Plan(
        substrate, width, label, counts, max(times, default=None), float(chips), tuple(notes)
    )  # fmt: skip
