"""The job on a processor that multiplies, twice over.

``plan``      softmax attention at the smallest dimension that does the job as well: counts and roofline are those of
              :func:`hdspike.dense.attention`; the dense side gets its precision, its batch, and the chip's largest
              memory where its keys fit it
``quantised`` the QNN twin of the spiking run (:func:`hdspike.dense.twin`): the same synapses, each a product of bits,
              and the winners found by comparison. A line of a query is active or not, so that one step of spikes
              is one bit, whatever time the chip takes to find the winners
"""

from hdspike import dense
from hdspike.schedules import packed
from hdspike.schedules.job import Job
from hdspike.schedules.packed import BATCH, selection
from hdspike.schedules.plan import Plan, sharing, suffix
from hdspike.substrate import Substrate

__all__ = ["SHOWN", "plan", "plans", "quantised"]

SHOWN = ("fp32", "bf16", "fp16", "int8")
"""Precisions at which the twin's dimension was found or holds; narrower ones would need a twin of their own."""


def fits(job: Job, substrate: Substrate, precision: str) -> bool:
    """Whether keys and values stay in the largest memory of the chip between queries."""
    bits = job.keys * (job.twin_dim + job.value_dim) * dense.BITS[precision]
    return packed.fits(substrate, bits)


def possible(substrate: Substrate) -> tuple[str, ...]:
    """Those of :data:`SHOWN` that the substrate prices (or pays by board power) and has a roofline for."""
    on_board, priced = substrate.has("power.board"), substrate.priced()
    return tuple(
        precision
        for precision in SHOWN
        if (on_board or f"macs_{precision}" in priced)
        and all(substrate.has(f"peak.{key}") for key in (precision, "fp32", "dram"))
    )


def plans(job: Job, substrate: Substrate) -> tuple[Plan, ...]:
    """Each precision for one query and for 64, and with the keys on the chip where they fit; the QNN twin."""
    found = []
    for precision in possible(substrate):
        found.append(plan(job, substrate, precision=precision))
        found.append(plan(job, substrate, precision=precision, batch=BATCH))
        if fits(job, substrate, precision) and "l2_bits" in substrate.priced():
            found.append(plan(job, substrate, precision=precision, resident=True))
    if {"bit_products", "adds_int32", "sram_bits"} <= set(substrate.priced()):
        found.append(quantised(job, substrate))
    return tuple(found)


def plan(
    job: Job, substrate: Substrate, *, precision: str = "int8", batch: int = 1, resident: bool = False
) -> Plan:
    """Softmax attention over all keys; ``ValueError`` where the keys are to stay on a chip that cannot hold them."""
    cost = dense.attention(
        job.keys, job.twin_dim, value_dim=job.value_dim, precision=precision, batch=batch, resident=resident
    )
    if resident and not fits(job, substrate, precision):
        raise ValueError(f"resident must be False where the keys do not fit {substrate.name!r}, got True")
    name, label = precision + suffix(batch, resident), f"dense {precision}, {sharing(batch, resident)}"
    return Plan(substrate, name, label, cost.counts, cost.seconds(substrate))


def quantised(job: Job, substrate: Substrate) -> Plan:
    """The QNN twin of the spiking run, its weights in SRAM as the spiking side's are: every synapse, silent or not.

    Where a key's synapses lie is free, which favours the twin. An engine that skips silent lines has to look that
    up: :mod:`hdspike.schedules.packed` counts it as ``lists``.
    """
    run = dense.SpikingRun(job.keys * job.blocks, job.dim, job.keys, steps=1, weight_bits=1)
    counts = dict(dense.twin(run).counts)
    counts["adds_int32"] = counts.get("adds_int32", 0) + job.keys + selection(job)
    return Plan(substrate, "qnn", f"dense QNN twin, {run.activation_bits} bit", counts, None)
