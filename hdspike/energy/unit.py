"""Joules of every unit of a chip, from one run: the published constants alone, without ranges."""

import math

from hdspike.chip import AsynchronousActivity, ChipActivity

__all__ = ["by_unit"]


def by_unit(activity: ChipActivity | AsynchronousActivity) -> dict[str, float]:
    """What every unit of a chip spent in a run, in joules, by component; ``total`` is their sum.

    ``synapse``, ``dendrite``, ``soma``: actions × the energies of their units; ``network``: axons in and out, and
    hops. These are the published constants alone, without ranges: :func:`price` gives the bill with both.
    """
    architecture = activity.architecture
    components = {"synapse": 0.0, "dendrite": 0.0, "soma": 0.0, "network": 0.0}
    for unit, (accesses, updates, events) in zip(architecture.units, activity.units.tolist(), strict=True):
        spent = accesses * unit.access_j + updates * unit.update_j + events * unit.event_j
        components[unit.kind if unit.kind in components else "network"] += spent
    components["network"] += float((activity.hops * architecture.hop_j).sum())
    return {"total": math.fsum(components.values()), **components}
