"""The job in the brain: its synaptic events and its spikes at the brain's own price.

A reference line, not a rival: no brain holds these keys. The marginal ledger charges an event and a spike as what
they add; the all-in ledger shares all that the brain burns among its synaptic events. No time is claimed.
"""

from hdspike.schedules.job import Job
from hdspike.schedules.plan import Plan
from hdspike.substrate import Substrate

__all__ = ["plan", "plans"]


def plans(job: Job, substrate: Substrate) -> tuple[Plan, ...]:
    """The one plan."""
    return (plan(job, substrate),)


def plan(job: Job, substrate: Substrate) -> Plan:
    """E synaptic events and the spikes of query and keys: active lines and neurons that fire."""
    counts = {"synaptic_events": job.synaptic_events, "fired": job.active + job.fired}
    if "fired" in substrate.priced():
        return Plan(substrate, "marginal", "brain, marginal", counts, None)
    reached = job.synaptic_events / job.active if job.active else 0.0
    bound = f"an event is priced with the brain's thousands of synapses to a spike, here it reaches {reached:,.0f}"
    return Plan(substrate, "all_in", "brain, all-in", counts, None, bound=bound)
