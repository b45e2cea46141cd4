"""How one job runs on one kind of substrate: what is counted, and how long it takes.

One file for each way: ``events`` (neuromorphic chips), ``packed`` and ``dense`` (processors), ``in_memory`` (arrays
that compute), ``static`` (a fixed schedule beside its memory), ``brain``. Each has ``plan(job, substrate, …) -> Plan``
and ``plans(job, substrate)``, all that the substrate states enough for; a new way is a new file and its line in
:data:`WAYS`. Everything that a plan counts and its substrate prices is charged, and the bill says what was left.

Encoding the query is counted by ``packed`` and ``in_memory``. Chips with neurons, both dense twins, the static chip and
the brain are given their query free.
"""

from collections.abc import Callable

from hdspike.schedules import brain, dense, encoding, events, in_memory, packed, static
from hdspike.schedules.job import Job, Timed
from hdspike.schedules.plan import Plan
from hdspike.substrate import Substrate

__all__ = [
    "WAYS", "Job", "Plan", "Timed", "brain", "dense", "encoding", "events", "in_memory", "packed", "plan", "plans",
    "static",
]  # fmt: skip

WAYS: dict[str, tuple[Callable[[Job, Substrate], tuple[Plan, ...]], ...]] = {
    "neuromorphic": (events.plans,),
    "processor": (packed.plans, dense.plans),
    "measured": (packed.plans, dense.plans),
    "static": (static.plans,),
    "memory": (in_memory.plans,),
    "brain": (brain.plans,),
    "table": (),
}
"""Kind of substrate → the ways in which a job may run on it."""


def plans(job: Job, substrate: Substrate) -> tuple[Plan, ...]:
    """Every plan of the job on the substrate that can be billed; none for a table of constants."""
    return tuple(plan for way in WAYS[substrate.kind] for plan in way(job, substrate) if plan.priceable)


def plan(job: Job, substrate: Substrate) -> Plan:
    """The plan of least energy: each substrate's best way. ``ValueError`` where none can be billed."""
    found = plans(job, substrate)
    if not found:
        raise ValueError(f"substrate must state what the job needs, {substrate.name!r} prices no way of it")
    return min(found, key=lambda one: one.bill(samples=100).nominal)
