"""Attention by spikes beside a dense partner, billed along a grid of jobs: what the chips cannot do is charged too.

Every query head asks its own question. The chips find its k winners; the partner, a dense processor of the same ledger,

- makes the code of every query and of every new key: SimHash, head_dim × s·⌈log₂(D/s)⌉ products, its matrix on chip;
- takes a softmax over the k winners of every head, whose keys and values it fetches;
- writes the keys and values of the new token into the cache.

A new token also writes s synapses for each key head, where the chip has a price for that (``weight_updates``).
"""

from collections.abc import Sequence
from math import ceil, log2

from hdspike import dense
from hdspike.dense import DenseCost, Shape
from hdspike.energy.grid import GridBill, price_grid
from hdspike.schedules import Job, Plan, events
from hdspike.substrate import Substrate

__all__ = ["along", "dense_along", "partner_work", "spiking_attention", "written_synapses"]


def along(plans: Sequence[Plan], *, times: float = 1.0) -> GridBill:
    """The bill of the same way over a row of jobs, each as many ``times``: one cell for each plan.

    ``ValueError`` where the plans are of several substrates, or one of them cannot be billed.
    """
    names = sorted({plan.substrate.name for plan in plans})
    if len(names) != 1:
        raise ValueError(f"plans must be of one substrate, got {', '.join(names) or 'none'}")
    if not all(plan.priceable for plan in plans):
        raise ValueError(
            f"plans must be priceable, {names[0]!r} has no time for its power or no price for its counts"
        )
    counts = {name: [times * plan.counts[name] for plan in plans] for name in plans[0].counts}
    return price_grid(
        counts,
        plans[0].substrate,
        seconds=[times * (plan.seconds or 0.0) for plan in plans],
        chips=[plan.chips for plan in plans],
        charge=plans[0].charge,
    )


def dense_along(costs: Sequence[DenseCost], sheet: Substrate) -> GridBill:
    """The bill of one token (or query) of each of a row of dense costs, with their roofline times."""
    every = [cost.counts for cost in costs]
    names = dict.fromkeys(name for counts in every for name in counts)
    table = {name: [counts.get(name, 0) for counts in every] for name in names}
    return price_grid(table, sheet, seconds=[cost.seconds(sheet) for cost in costs])


def partner_work(shape: Shape, job: Job) -> DenseCost:
    """What stays dense for one token: codes, a softmax over the winners of every head, the cache's new rows."""
    asked = shape.heads + shape.kv_heads
    bits = max(1, ceil(log2(job.block_length)))
    code = dense.linear(
        shape.head_dim, job.blocks * bits, precision="int8", batch=asked, resident=True, on_chip=True
    )
    won = dense.attention(job.winners, shape.head_dim, precision="int8", on_chip=True)
    rows = {"dram_bits_written": shape.cached * dense.BITS["int8"]}
    parts = {
        "codes": code.times(1, unit="token", units=1),
        "softmax over winners": won.times(shape.heads, unit="token", units=1),
        "new keys and values": DenseCost("cache", "token", 1, "int8", 0, rows),
    }
    return dense.combine("partner of spikes", "int8", parts)


def written_synapses(shape: Shape, job: Job, chip: Substrate) -> dict[str, float]:
    """The synapses that a new token writes, where writing one has a price."""
    counts = {"weight_updates": float(shape.kv_heads * job.blocks)}
    return {name: count for name, count in counts.items() if name in chip.priced()}


def spiking_attention(shape: Shape, jobs: Sequence[Job], chip: Substrate, partner: Substrate) -> GridBill:
    """The attention of one token by spikes, for each of a row of jobs: the search on ``chip``, the rest on ``partner``.

    Writing synapses and the partner's work take no time of their own on the chip: they are hidden behind the search.
    ``ValueError`` where the two are of different ledgers.
    """
    search = along([events.plan(job, chip) for job in jobs], times=shape.heads)
    bill = search + dense_along([partner_work(shape, job) for job in jobs], partner)
    writes = written_synapses(shape, jobs[0], chip)
    return bill + price_grid(writes, chip) if writes else bill
