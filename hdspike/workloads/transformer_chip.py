"""A token of a Spiking HD-Transformer on a chip: what it predicts on each runner, how long it takes, who is busy.

The network is that of :func:`hdspike.transformer.network.token_network`; one token is one run, from rest. Writing a key
or a counter and moving the window on are not part of it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check, chip, functional
from hdspike.chip import Architecture, AsynchronousActivity, ChipActivity, Placement
from hdspike.chip.fanout import fanout
from hdspike.network import Network
from hdspike.transformer import SpikingTransformer
from hdspike.transformer.network import token_network

__all__ = [
    "Forward",
    "barrier_pass",
    "free_pass",
    "functional_pass",
    "homes",
    "inhibition_ps",
    "place",
    "utilisation",
    "visits_ps",
]


@dataclass(frozen=True, eq=False)
class Forward:
    """What one forward pass came to.

    ``symbol``: the one that fired, or, in a race, that of the highest potential when all is quiet. ``potentials``
    ``(V,)``: u(c). ``fired``: spikes by population. ``run``: what the chip did, ``None`` without one. ``settled_ps``:
    when the last counter fired; later nothing is decided.
    """

    network: Network
    symbol: int
    potentials: NDArray[np.int64]
    fired: dict[str, int]
    run: ChipActivity | AsynchronousActivity | None = None
    settled_ps: int = 0


def functional_pass(model: SpikingTransformer, *, form: str = "groups", spacing: int = 2) -> Forward:
    """The symbol after the last that ``model`` has read, without a chip."""

    def run(network: Network, watch: range) -> functional.Activity:
        return functional.simulate(network, network.metadata["steps"], watch=watch)  # type: ignore[arg-type]

    network, activity, seen = _by_steps(model, form, spacing, run)
    return Forward(network, *_decided(network, activity, seen), activity.fired_by)


def barrier_pass(
    model: SpikingTransformer,
    architecture: Architecture,
    *,
    each: int,
    form: str = "groups",
    spacing: int = 2,
    noc: str = "exact",
) -> Forward:
    """The same on a chip with a barrier after every step, ``each`` neurons on a core (:func:`place`)."""
    runs: list[ChipActivity] = []

    def run(network: Network, watch: range) -> functional.Activity:
        placed = place(network, architecture, each=each)
        steps: Any = network.metadata["steps"]
        runs.append(chip.simulate(network, architecture, steps, placement=placed, noc=noc, watch=watch))
        return runs[-1].activity

    network, activity, seen = _by_steps(model, form, spacing, run)
    ends = np.cumsum(runs[0].step_ps)
    who = activity.spike_neurons
    counters = (who >= network.offsets[network.index("heard")]) & (
        who < network.offsets[network.index("symbols")]
    )
    last = activity.spike_steps[counters].max(initial=0)
    return Forward(
        network, *_decided(network, activity, seen), activity.fired_by, runs[0], int(ends[int(last)])
    )


def free_pass(
    network: Network, architecture: Architecture, age_ps: int, *, each: int, **mesh: Any
) -> Forward:
    """A race on a chip without a clock: the spikes of a key come ``age_ps`` after those of the next newer one.

    ``network``: of the form ``"race"``, with a spacing of 1.
    """
    check.integer("age_ps", age_ps, low=1)
    if network.metadata["form"] != "race":
        raise ValueError(f"network must be a race without a clock, got {network.metadata['form']!r}")
    placed = place(network, architecture, each=each)
    run = chip.simulate_events(
        network, architecture, 1, placement=placed, step_s=age_ps * 1e-12, drain=True, **mesh
    )
    low = int(network.offsets[network.index("symbols")])
    given = np.rint(run.potentials[low : low + network["symbols"].size]).astype(np.int64)
    counters = [run.spikes(name)["time"].max(initial=0) for name in ("heard", "recalled")]
    return Forward(network, int(given.argmax()), given, run.fired_by, run, int(max(counters)))


def _by_steps(
    model: SpikingTransformer, form: str, spacing: int, run: Any
) -> tuple[Network, functional.Activity, NDArray[np.float64]]:
    """Run the network by the clock, and again only listening where a symbol fires: ``(network, activity, u)``."""
    network = token_network(model, form=form, spacing=spacing)
    low = int(network.offsets[network.index("symbols")])
    watch = range(low, low + len(model.symbols))
    activity = run(network, watch)
    seen = activity
    if form == "groups":
        seen = run(token_network(model, form=form, listening=True), watch)
    base: Any = network.metadata["base"]
    return network, activity, seen.potentials[-1] - base


def _decided(
    network: Network, activity: functional.Activity, seen: NDArray[np.float64]
) -> tuple[int, NDArray[np.int64]]:
    """The symbol and the potentials."""
    given = np.rint(seen).astype(np.int64)
    spikes = activity.spikes("symbols")["address"]
    return int(spikes[0]) if network.metadata["form"] == "groups" else int(given.argmax()), given


def place(network: Network, architecture: Architecture, *, each: int) -> Placement:
    """About ``each`` neurons to a core, population after population; the input enters at the core 0 and those after it.

    The keys of a k-winner-take-all group share a core, however many they are; the inhibitory neuron of a head lies
    with its newest keys.

    Raises:
        ValueError: the network is larger than the chip, or a group than a core.
    """
    check.integer("each", each, low=1)
    heads: Any = network.metadata["heads"]
    window = network["keys"].size // heads
    start = -(-2 * network["lines"].size // int(architecture.neurons_per_core.min()))
    chosen: dict[str, list[int]] = {"lines": list(range(start)), "go": [0]}
    for population in network.populations:
        if population.name in chosen or population.name == "inhibitors":
            continue
        count = -(-population.size // each)
        if population.name == "keys":
            parts = 1 if network.metadata["form"] == "groups" else _parts(window, each)
            count = heads * parts
            chosen["inhibitors"] = list(range(start, start + count, parts))
        chosen[population.name] = list(range(start, start + count))
        start += count
    if start > architecture.cores:
        raise ValueError(
            f"each must be larger: {each} neurons to a core take {start} of the {architecture.cores} cores"
        )
    return chip.by_hand(network, architecture, {p.name: chosen[p.name] for p in network.populations})


def _parts(window: int, each: int) -> int:
    """The least number of equal parts of a window of which none is larger than ``each``."""
    return next(parts for parts in range(1, window + 1) if window % parts == 0 and window // parts <= each)


def homes(one: Forward) -> list[list[str]]:
    """The populations on each core in use; none without a chip."""
    if one.run is None:
        return []
    out = []
    for core in one.run.placement.cores_used:
        who = np.flatnonzero(one.run.placement.core == core)
        places = np.unique(np.searchsorted(one.network.offsets, who, side="right") - 1)
        out.append([one.network.populations[int(p)].name for p in places])
    return out


def visits_ps(one: Forward) -> int:
    """What the steps of a pass with a barrier take at least: the visits of the fullest core, and the barrier.

    Raises:
        ValueError: the pass was made without a chip or without a barrier.
    """
    if not isinstance(one.run, ChipActivity):
        raise ValueError("one must be a pass on a chip with a barrier")
    architecture, placed = one.run.architecture, one.run.placement
    visited = np.zeros(architecture.cores, dtype=np.int64)
    for unit, which in enumerate(architecture.units):
        visited += (
            np.bincount(placed.core[placed.soma == unit], minlength=architecture.cores) * which.access_ps
        )
    tiles = len(np.unique(architecture.tile_of_core[placed.cores_used]))
    return len(one.run.step_ps) * (int(visited.max()) + architecture.barrier_ps(tiles))


def inhibition_ps(network: Network, architecture: Architecture, placed: Placement) -> NDArray[np.int64]:
    """``(heads,)`` what the inhibition of a race takes where nothing waits: from the k-th spike till the last key is
    silent.

    The spike of a key to the inhibitory neuron, and that neuron's to all cores with keys of its head: sending, hops
    and service, each the longest there is. A race without a clock is right where ages are further apart.
    """
    if network.metadata["form"] != "race":
        raise ValueError(f"network must be a race, got {network.metadata['form']!r}")
    table = fanout(network, architecture, placed, 1)
    tile = architecture.tile_of_core[placed.core]
    first = int(network.offsets[network.index("inhibitors")])
    heads = network["inhibitors"].size
    window = network["keys"].size // heads
    keys = int(network.offsets[network.index("keys")])

    def longest(neuron: int, cores: set[int]) -> int:
        """The spike of a neuron to one of these cores, the slowest."""
        rows = range(int(table.axons.indptr[neuron]), int(table.axons.indptr[neuron + 1]))
        soma = architecture.units[int(placed.soma[neuron])].event_ps
        out = architecture.units[architecture.unit_of(int(placed.core[neuron]), "axon_out")].event_ps
        took = 0
        for rank, row in enumerate(rows):
            core = int(table.axons.core[row])
            if core in cores:
                a, b = tile[neuron], architecture.tile_of_core[core]
                hops = abs(architecture.tile_x[a] - architecture.tile_x[b]) * architecture.hop_ps[a, 1]
                hops += abs(architecture.tile_y[a] - architecture.tile_y[b]) * architecture.hop_ps[a, 0]
                took = max(took, soma + (rank + 1) * out + int(hops) + int(table.service_ps[row]))
        return took

    total = np.zeros(heads, dtype=np.int64)
    for head in range(heads):
        own = range(keys + head * window, keys + (head + 1) * window)
        where = {int(placed.core[first + head])}
        total[head] = max(longest(key, where) for key in own)
        total[head] += longest(first + head, {int(core) for core in placed.core[own.start : own.stop]})
    return total


def utilisation(run: ChipActivity | AsynchronousActivity) -> dict[str, NDArray[np.float64]]:
    """What share of the simulated time each core was at work: ``(cores,)`` for its two servers.

    ``synapses``: packets in and their synaptic events (without a clock also the somas that these wake). ``neurons``:
    somas visited and updated by the clock, spikes and packets out. The two work side by side.
    """
    architecture, count = run.architecture, run.per_core
    of_soma = run.placement.soma >= 0
    held = np.bincount(run.placement.core[of_soma], minlength=architecture.cores)
    fired = count["fired"].copy()
    if not of_soma.all():  # what enters from outside costs its core the axon alone
        own = run.activity.network if isinstance(run, ChipActivity) else run.network
        for place_of, population in enumerate(own.populations):
            if population.is_source:
                low, high = own.offsets[place_of], own.offsets[place_of + 1]
                spikes = run.fired if isinstance(run, ChipActivity) else _fired(run)
                np.subtract.at(fired, run.placement.core[low:high], spikes[low:high])
    busy = np.zeros((2, architecture.cores))
    for core in run.placement.cores_used:
        into, synapse, dendrite, soma, out = (
            architecture.units[architecture.unit_of(int(core), kind)]
            for kind in ("axon_in", "synapse", "dendrite", "soma", "axon_out")
        )
        sent = fired[core] * soma.event_ps + count["packets_out"][core] * out.event_ps
        if isinstance(run, ChipActivity):
            steps = len(run.step_ps)
            sent += held[core] * steps * soma.access_ps + count["updates"][core] * soma.update_ps
            heard = count["packets_in"][core] * into.event_ps
            heard += count["synaptic_events"][core] * (synapse.event_ps + dendrite.event_ps)
        else:
            heard = count["busy_ps"][core]
        busy[:, core] = heard, sent
    heard_share, sent_share = busy / max(1, run.simulated_ps)
    return {"synapses": heard_share, "neurons": sent_share}


def _fired(run: AsynchronousActivity) -> NDArray[np.int64]:
    """``(neurons,)`` the spikes of each neuron."""
    return np.bincount(run.spike_neurons, minlength=run.network.neurons)
