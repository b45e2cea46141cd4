"""The job in the brain: its synaptic events and its spikes at the brain's own price.

A reference line, not a rival: no brain holds these keys. The marginal ledger charges an event and a spike as what
they add. The all-in ledger shares all that the brain burns among its synaptic events, and there a spike reaches all
synapses that a neuron has, whether the job needs them or not. No time is claimed.
"""

from hdspike.schedules.job import Job
from hdspike.schedules.plan import Plan
from hdspike.substrate import Substrate

__all__ = ["plan", "plans"]


def plans(job: Job, substrate: Substrate) -> tuple[Plan, ...]:
    """The one plan."""
    return (plan(job, substrate),)


def plan(job: Job, substrate: Substrate) -> Plan:
    """Spikes are those of query and keys, the active lines and the neurons that fire.

    Marginal: E synaptic events and the spikes. All-in: spikes × ``topology.synapses_per_neuron`` events.
    """
    spikes = job.active + job.fired
    if "fired" in substrate.priced():
        counts = {"synaptic_events": job.synaptic_events, "fired": spikes}
        return Plan(substrate, "marginal", "brain, marginal", counts, None)
    reached = substrate.si("topology.synapses_per_neuron")
    note = f"a spike reaches the {reached:,.0f} synapses of a neuron; the job needs {job.synaptic_events:,.0f} events"
    counts = {"synaptic_events": spikes * reached}
    return Plan(substrate, "all_in", "brain, all-in", counts, None, notes=(note,))
