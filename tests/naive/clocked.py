"""Networks by the clock and on the barrier chip, one event at a time: the slow twins."""

from typing import Any

import numpy as np

from hdspike.network import Network


def soma(
    model: Any, size: int, state: list[dict[str, float]], arrived: list[list[float]]
) -> tuple[list[int], list[int]]:
    """One step of the Loihi soma for every neuron: (who fired, who was updated)."""
    fired, updated = [], []

    def value(key: str, n: int) -> float:
        given = model[key]
        return float(given[n]) if given.ndim else float(given)

    for n in range(size):
        cell = state[n]
        active = cell["v"] != 0.0 or bool(arrived[n]) or value("bias", n) != 0.0
        u = cell["u"] * value("input_decay", n) + sum(arrived[n])
        v = float(np.trunc(cell["v"] * value("leak_decay", n) * 64.0)) / 64.0 + value("bias", n) + u
        if v > value("threshold", n):
            v = value("reset", n)
            fired.append(n)
            active = True  # even at rest, by a current that still fades
        if active:
            updated.append(n)
        cell["v"], cell["u"] = v, u
    return fired, updated


def simulate(
    network: Network, steps: int, step_ps: int, lost: Any = lambda step, neuron, target: False
) -> dict[str, Any]:
    """Spikes ``(step, neuron)``, counts and the updated neurons of every step of a network of Loihi somas and sources.

    ``lost(step, neuron, target)``, numbered through, says whether that spike's packet to that target was dropped.
    """
    offset = [int(o) for o in network.offsets]
    state = [[{"v": 0.0, "u": 0.0} for _ in range(p.size)] for p in network.populations]
    coming: dict[int, list[list[float]]] = {}

    def inbox(step: int) -> list[list[float]]:
        return coming.setdefault(step, [[] for _ in range(network.neurons)])

    spikes, updated_by_step, events = [], [], 0
    for t in range(steps):
        arrived = inbox(t)
        now: list[tuple[int, int]] = []
        all_updated: list[int] = []
        for place, population in enumerate(network.populations):
            first = offset[place]
            if population.is_source:
                some = population.model.spikes(population.size, t, t + 1, step_ps)
                now += [(place, int(n)) for n in some["address"]]
                continue
            fired, updated = soma(
                population.model, population.size, state[place], arrived[first : first + population.size]
            )
            now += [(place, n) for n in fired]
            all_updated += [first + n for n in updated]
        for place, n in now:
            spikes.append((t, offset[place] + n))
            for projection in network.projections:
                if network.index(projection.source) != place:
                    continue
                synapses = projection.synapses
                target_first = offset[network.index(projection.target)]
                for s in range(int(synapses.indptr[n]), int(synapses.indptr[n + 1])):
                    target = target_first + int(synapses.targets[s])
                    if lost(t, offset[place] + n, target):
                        continue
                    delay = 1 if synapses.delays is None else int(synapses.delays[s])
                    inbox(t + delay)[target].append(
                        1.0 if synapses.weights is None else float(synapses.weights[s])
                    )
                    events += 1
        updated_by_step.append(sorted(all_updated))
    return {
        "spikes": spikes,
        "updated": updated_by_step,
        "synaptic_events": events,
        "updates": sum(len(u) for u in updated_by_step),
        "potentials": [[c["v"] for c in cells] for cells in state],
    }


def packets(network: Network, core: Any, neuron: int) -> list[tuple[int, int]]:
    """(core, synaptic events there) for each core that a neuron reaches, cores rising."""
    found: dict[int, int] = {}
    for projection in network.projections:
        source, target = network.index(projection.source), network.index(projection.target)
        n = neuron - int(network.offsets[source])
        if not 0 <= n < network.populations[source].size:
            continue
        synapses = projection.synapses
        for s in range(int(synapses.indptr[n]), int(synapses.indptr[n + 1])):
            where = int(core[int(network.offsets[target]) + int(synapses.targets[s])])
            found[where] = found.get(where, 0) + 1
    return sorted(found.items())


def step_time(network: Network, architecture: Any, placed: Any, fired: list[int], updated: list[int]) -> int:
    """The 'simple' time of a step without its barrier, for homogeneous cores with one synapse unit in use."""
    unit = {
        kind: architecture.units[architecture.unit_of(0, kind)] for kind in ("axon_in", "synapse", "axon_out")
    }
    generating = [0] * architecture.cores
    processing = [0] * architecture.cores
    for n in range(network.neurons):
        soma_unit = None if placed.soma[n] < 0 else architecture.units[placed.soma[n]]
        core = int(placed.core[n])
        if soma_unit is not None:
            generating[core] += soma_unit.access_ps + (soma_unit.update_ps if n in updated else 0)
        for _ in range(fired.count(n)):
            generating[core] += 0 if soma_unit is None else soma_unit.event_ps
            for where, events in packets(network, placed.core, n):
                generating[core] += unit["axon_out"].event_ps
                processing[where] += unit["axon_in"].event_ps + events * unit["synapse"].event_ps
    return max(generating + processing)
