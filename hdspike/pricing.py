"""Joules of one query of a run: the spiking chip beside its rivals, one ledger at a time.

The chip's counts and time are those of its timed run, in which one chip holds its share of the keys and finds
its share of the winners. A larger memory is spread over several such chips side by side: counts grow in
proportion to keys × dimension, the time stays, and as many chips are powered as the memory needs. Synaptic events
of the run's own rule are the functional runner's count over all keys. How other substrates would do the same job is
for :mod:`hdspike.schedules` to say. All sides read values as the symbols they stand for; the bundle, its cleanup
and links between chips are not charged (docs/energy.md).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import ceil
from typing import Any

from hdspike import dense, schedules, substrate
from hdspike.attention.select import RULES
from hdspike.network import Outcome
from hdspike.on_chip import OnChip
from hdspike.schedules import Job, Plan, Timed
from hdspike.spaces import SBC
from hdspike.substrate import Substrate
from hdspike.task import Task

__all__ = [
    "bills", "chips_needed", "dense_counts", "job_of", "rivals", "share_of", "spiking_bills", "spiking_counts",
    "timed_of",
]  # fmt: skip

CHARGED = (
    "synaptic_events",
    "updates_active",
    "updates_inactive",
    "packets",
    "hops_east_west",
    "hops_north_south",
)
BATCH = schedules.packed.BATCH


def share_of(timed: OnChip, *, keys: int, dim: int) -> float:
    """How many times the simulated keys × dimension the whole memory is."""
    return keys / timed.keys * dim / timed.space.dim


def chips_needed(timed: OnChip, *, keys: int, dim: int) -> int:
    """Chips that hold ``keys`` keys of ``dim`` bits."""
    return ceil(keys / timed.keys_per_chip * dim / timed.space.dim)


def spiking_counts(
    timed: OnChip, rule: str, *, keys: int, dim: int, synaptic_events: float | None = None
) -> dict[str, float]:
    """Counts of one query over all keys: the timed run's mean, scaled; ``synaptic_events`` where it is known."""
    scale = share_of(timed, keys=keys, dim=dim)
    mean = timed.per_query(rule)
    counts = {name: mean[name] * scale for name in CHARGED}
    return counts if synaptic_events is None else counts | {"synaptic_events": synaptic_events}


def timed_of(
    timed: OnChip, rule: str, sheet: Substrate, *, keys: int, dim: int, synaptic_events: float | None = None
) -> Timed:
    """The timed run of one rule as a schedule takes it: counts over all keys, seconds, chips.

    Spikes are counted where the sheet has a price for one beside the update that made it.
    """
    counts = spiking_counts(timed, rule, keys=keys, dim=dim, synaptic_events=synaptic_events)
    if "fired" in sheet.priced():
        counts["fired"] = timed.per_query(rule)["fired"] * share_of(timed, keys=keys, dim=dim)
    return Timed(sheet, counts, timed.seconds(rule), chips_needed(timed, keys=keys, dim=dim))


def job_of(task: Task, outcome: Outcome, timed: OnChip, rule: str, sheet: Substrate, *, twin_dim: int) -> Job:
    """One query of the run as a job: what was counted over all its queries, in the mean, under its own ``rule``.

    ``outcome`` is of the functional runner, ``timed`` of the chip ``sheet``, which alone knows steps.
    """
    queries, space, keys = len(outcome), task.space, len(task.vectors["keys"])
    mean = {name: outcome.total(name) / queries for name in outcome.counts}
    blocks = space.blocks if isinstance(space, SBC) else space.dim
    job = Job(
        keys=keys,
        dim=space.dim,
        space=space.name,
        blocks=blocks,
        winners=task.k,
        twin_dim=twin_dim,
        active=mean["input_events"] + mean["cancelled_events"],
        synaptic_events=mean["synaptic_events"],
        touched=mean["touched"],
        fired=mean["fired"],
        steps=timed.per_query(rule)["steps"],
        rule=rule,
        timed=timed_of(timed, rule, sheet, keys=keys, dim=space.dim, synaptic_events=mean["synaptic_events"]),
    )
    query = schedules.encoding.suffixes(
        job.space, job.dim, job.blocks, order=task.order, index_bits=job.index_bits
    )
    return replace(job, encoder=query)


def under(job: Job, rule: str, timed: OnChip, sheet: Substrate) -> Job:
    """The same job under another rule, from the chip's run of that rule alone, scaled to all keys."""
    scale, mean = share_of(timed, keys=job.keys, dim=job.dim), timed.per_query(rule)
    return replace(
        job,
        rule=rule,
        synaptic_events=mean["synaptic_events"] * scale,
        touched=min(float(job.keys), mean["updates_active"] * scale),
        fired=mean["fired"] * scale,
        steps=mean["steps"],
        timed=timed_of(timed, rule, sheet, keys=job.keys, dim=job.dim),
    )


def siblings(sheet: Substrate) -> list[Substrate]:
    """The sheet, and the same chip in another ledger where one is shipped for it."""
    other = f"{sheet.name}-silicon"
    shipped = sheet.name in substrate.available() and substrate.load(sheet.name) == sheet
    return [sheet, substrate.load(other)] if shipped and other in substrate.available() else [sheet]


def spiking_bills(sheet: Substrate, timed: OnChip, job: Job, *, seed: int) -> dict[str, dict[str, Any]]:
    """The bill of the run's rule in every ledger that the chip has constants for, and of the other rules."""
    found = {}
    for one in siblings(sheet):
        for rule in (job.rule, *(r for r in RULES if r != job.rule)) if one is sheet else (job.rule,):
            asked = job if rule == job.rule else under(job, rule, timed, sheet)
            name = one.name.replace("-", "_") + ("" if rule == job.rule else f"_{rule}")
            found[name] = schedules.events.plan(asked, one).as_json(rng=seed)
    return found


def rivals(job: Job) -> list[Plan]:
    """The same job elsewhere: at most eight bars a ledger with the chip's own, the brain as a reference.

    Each processor gets its best: its keys on the chip where they fit, 64 queries to a fetch where not.
    """
    load: Callable[[str], Substrate] = substrate.load
    plans = []
    for name, choices in {
        "a100-circuit": (("int8", 1), ("int8", BATCH)),
        "a100-path": (("int8", 1), ("int8", BATCH)),
        "a100-board": (("fp32", 1), ("int8", 1), ("int8", BATCH)),
        "gh200-path": (("int8", BATCH),),
        "h100-board": (("int8", BATCH),),
    }.items():
        sheet = load(name)
        for precision, batch in choices:
            plans.append(schedules.dense.plan(job, sheet, precision=precision, batch=batch))
        if schedules.dense.fits(job, sheet, "int8") and "l2_bits" in sheet.priced():
            plans.append(schedules.dense.plan(job, sheet, precision="int8", resident=True))
    plans.append(schedules.dense.quantised(job, load("a100-circuit")))
    for name in ("cpu-7nm", "h100-board"):
        plans.append(min(schedules.packed.plans(job, load(name)), key=_nominal))
    for name in ("truenorth", "northpole", "brain-marginal", "brain-all-in"):
        plans.append(schedules.plan(job, load(name)))
    return plans


def _nominal(plan: Plan) -> float:
    return plan.bill(samples=100).nominal


def bills(plans: list[Plan], *, seed: int) -> dict[str, dict[str, Any]]:
    """The plans' bills under the names of their substrates, and of the plan where that says more."""
    found = {}
    for plan in plans:
        only = plan.substrate.kind in ("neuromorphic", "brain")
        name = plan.substrate.name if only else f"{plan.substrate.name}_{plan.name}"
        bill = plan.as_json(rng=seed)
        if plan.substrate.kind in ("processor", "measured"):
            bill["label"] += f", {plan.substrate.name}"
        if plan.bound:
            bill["label"] += ", at least"
        found[name.replace("-", "_")] = bill
    return found


def dense_counts(keys: int, dim: int, precision: str) -> Mapping[str, int | float]:
    """The counts of one dense query, alone."""
    return dense.attention(keys, dim, value_dim=1, precision=precision).counts
