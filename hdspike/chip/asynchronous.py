"""The asynchronous chip: no clock and no barrier, each event when it happens.

The spikes of the sources enter at their times at their cores. A spike becomes one packet per destination core; the
packets cross the mesh of :mod:`hdspike.chip.mesh` with its finite FIFOs; a core serves them one after another, and
each synaptic event advances its neuron exactly from its last event to the present, adds the weight, and lets it fire
(:mod:`hdspike.chip.event_loop`). So what a neuron sees, and in which order, depends on the traffic.

Time is that of the chip, in ps. A synapse with a delay of one step acts as soon as its packet has been served, one
with d steps (d − 1) · ``step_s`` later. Neurons run on the same time: a membrane with τ = 20 ms forgets nothing
between two packets, so that the order of events within a step hardly matters to it; ``step_s`` says how much biology
passes between two steps of the input.

Every neuron model with an ``event`` kernel runs here, several in one network (:mod:`hdspike.chip.boarding`).
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numba.core.errors import NumbaExperimentalFeatureWarning
from numpy.typing import NDArray

from hdspike import check
from hdspike.chip.architecture import Architecture
from hdspike.chip.audit import audit, raise_fault
from hdspike.chip.boarding import board, make_room, source_spikes
from hdspike.chip.config import MAX_TIME
from hdspike.chip.event_loop import FAULT, FULL, LATE, QUIET, STORM, Run, _run
from hdspike.chip.fanout import Fanout, fanout
from hdspike.chip.grid import LOCAL, Grid
from hdspike.chip.latency import Latency
from hdspike.chip.noc import grid_of
from hdspike.chip.placement import Placement, by_capacity, check_placement
from hdspike.chip.routing import NO_WAY
from hdspike.chip.state import Chip
from hdspike.events import export
from hdspike.network.graph import Network
from hdspike.spikes import EVENT

__all__ = ["AsynchronousActivity", "simulate"]

SLICE = 1 << 22  # events between two looks at the outside world
STOPS = {QUIET: "quiet", LATE: "duration", STORM: "max_events"}
PARTS = ("at_sender", "in_mesh", "in_fifo", "in_service")


@dataclass(frozen=True)
class AsynchronousActivity:
    """What a chip did with a network, without a clock.

    ``stopped``: ``"quiet"``, nothing more can happen; ``"duration"``, the time was up; ``"max_events"``, the limit of
    events was reached first (a spike storm, say). ``simulated_ps`` is the time of the last event, or the duration.
    ``spike_times`` (ps) and ``spike_neurons`` are the spikes in the order in which they fell, the sources' too;
    ``truncated`` says that more fell than are kept.

    ``counts``: ``fired``; ``packets`` that entered the mesh; ``synaptic_events`` and ``updates`` (one each);
    ``hops`` and its two directions; and the books ``injected = delivered + dropped + cancelled + in_flight``, where
    what a core had not yet sent at the end is in flight. ``waiting_events`` are synaptic events in delay lines;
    ``events`` is the work of the loop, which ``max_events`` limits.
    ``units[i]`` are the ``accesses``, ``updates`` and ``events`` of ``architecture.units[i]``; ``hops`` ``(tiles, 4)``
    the packets that left each tile to the north, east, south, west. ``per_core``: ``packets_out``, ``packets_in``,
    ``synaptic_events``, ``updates``, ``fired``, ``busy_ps`` (its input). ``per_link``: ``crossed``, ``dropped``, as
    numbered in :mod:`hdspike.chip.grid`. ``latency`` is that of packets from the spike to the end of their service,
    ``latency_parts_ps`` its sum in parts. ``potentials`` ``(neurons,)`` are those at the last event of each neuron.
    """

    network: Network
    architecture: Architecture
    placement: Placement
    step_ps: int
    stopped: str
    simulated_ps: int
    spike_times: NDArray[np.int64]
    spike_neurons: NDArray[np.int32]
    truncated: bool
    counts: dict[str, int]
    events: int
    waiting_events: int
    fired_by: dict[str, int]
    units: NDArray[np.int64]
    hops: NDArray[np.int64]
    per_core: dict[str, NDArray[np.int64]]
    per_link: dict[str, NDArray[np.int64]]
    peak_occupancy: NDArray[np.int64]
    latency: Latency
    latency_parts_ps: dict[str, int]
    potentials: NDArray[np.float64]

    def spikes(self, population: str | None = None) -> NDArray[Any]:
        """The spikes as events (time in ps, neuron), of all or of one population (its own numbers)."""
        first, last = 0, self.network.neurons
        if population is not None:
            place = self.network.index(population)
            first, last = int(self.network.offsets[place]), int(self.network.offsets[place + 1])
        keep = (self.spike_neurons >= first) & (self.spike_neurons < last)
        out = np.empty(int(keep.sum()), dtype=EVENT)
        out["time"], out["address"] = self.spike_times[keep], self.spike_neurons[keep] - first
        return out

    def tables(self) -> dict[str, dict[str, NDArray[Any]]]:
        """The run as tables: ``spikes``, ``cores``, ``links``."""
        return {
            "spikes": {"time_ps": self.spike_times, "neuron": self.spike_neurons},
            "cores": {"core": np.arange(self.architecture.cores), **self.per_core},
            "links": {"link": np.arange(len(self.per_link["crossed"])), **self.per_link},
        }

    def export(self, path: str | Path) -> list[Path]:
        """Write :meth:`tables` to ``.csv``, ``.parquet``, ``.h5`` or ``.sonata`` (:func:`hdspike.events.export`)."""
        starts = self.network.offsets
        return export(
            path,
            self.tables(),
            meta={"chip": self.architecture.name, "clock": "async", "counts": self.counts},
            populations={
                p.name: (int(starts[i]), int(starts[i + 1])) for i, p in enumerate(self.network.populations)
            },
        )

    @property
    def audit(self) -> dict[str, int]:
        """The books of the packets; they balance, or the run would have raised."""
        return {n: self.counts[n] for n in ("injected", "delivered", "dropped", "cancelled", "in_flight")}


def check_ways(chip: Chip, grid: Grid, placed: Placement, table: Fanout) -> None:
    """Raise where a spike would have to be sent from, to or past what is dead."""
    source = np.repeat(placed.core, np.diff(table.axons.indptr))
    for core in placed.cores_used:
        if grid.dead[core]:
            raise ValueError(f"placement must use cores that work, but core {core} is dead")
    tile = grid.tile_of_core
    lost = np.flatnonzero(chip.routes[tile[source], tile[table.axons.core]] == NO_WAY)
    for row in lost[:1]:
        raise ValueError(
            f"placement must leave a way for every packet, but none leads from core {source[row]} to core "
            f"{table.axons.core[row]}: the links between them are dead"
        )


def simulate(
    network: Network,
    architecture: Architecture,
    duration_ps: int,
    *,
    placement: Placement | None = None,
    policy: str = "stall",
    step_s: float = 1e-3,
    drain: bool = False,
    max_events: int = 100_000_000,
    max_spikes: int = 20_000_000,
    progress: Callable[[int, int], None] | None = None,
    **mesh: Any,
) -> AsynchronousActivity:
    """Run ``network`` on ``architecture`` without a clock, for ``duration_ps`` of simulated time.

    Args:
        placement: where the neurons are; by default :func:`hdspike.chip.placement.by_capacity`.
        policy: ``"stall"``, packets wait for a free slot; or ``"drop"``, they are thrown away.
        step_s: a step, the unit of the delays and of the sources, in seconds.
        drain: the sources fall silent at ``duration_ps``; go on until all is quiet, rather than stop there.
        max_events: the most events (packets moved and served, synaptic events) before the run stops.
        max_spikes: how many spikes are kept (12 bytes each); more are counted, and ``truncated`` says so.
        progress: called as ``progress(time reached in ps, duration_ps)`` now and then.
        mesh: further settings of the mesh: ``fifo_depth``, ``dead_links``, ``dead_tiles``, ``dead_cores``.

    Raises:
        ValueError: an argument breaks its rule, the network does not fit, or a neuron model has no event-driven form
            (one that fires without events, or a k-winner-take-all group).
        OverflowError: the simulated time passes 2⁶² − 1 ps.
        RuntimeError: packets wait for each other for ever, or the books do not balance.
    """
    duration = check.integer("duration_ps", duration_ps, low=0, high=MAX_TIME)
    check.one_of("policy", policy, ("stall", "drop"))
    most = check.integer("max_events", max_events, low=0)
    limit = check.integer("max_spikes", max_spikes, low=0)
    if isinstance(step_s, bool) or not isinstance(step_s, int | float) or not 1e-12 <= step_s <= 1e6:
        raise ValueError(f"step_s must be a time from 1e-12 to 1e6 seconds, got {step_s!r}")
    if any(projection.plasticity is not None for projection in network.projections):
        raise ValueError("network must have no plasticity on the asynchronous chip: use the barrier clock")
    step_ps = round(step_s * 1e12)
    placed = by_capacity(network, architecture) if placement is None else placement
    check_placement(network, architecture, placed)
    if len(placed.core) != network.neurons or placed.core.max() >= architecture.cores:
        raise ValueError(
            f"placement must be of this network ({network.neurons} neurons) on this chip ({architecture.cores} cores), "
            f"got {len(placed.core)} neurons on cores up to {placed.core.max()}"
        )
    grid = grid_of(architecture, **mesh)
    table = fanout(network, architecture, placed, step_ps)
    sources = source_spikes(network, duration, step_ps)
    chip, run, kernels = board(network, architecture, placed, table, grid, step_s, sources, limit)
    check_ways(chip, grid, placed, table)
    chip.meter["drops"] = int(policy == "drop")
    run.meter["until"] = MAX_TIME if drain else duration
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumbaExperimentalFeatureWarning)
        while True:
            run.meter["most"] = min(most, int(run.meter["work"][0]) + SLICE)
            stop = int(_run(chip, run, kernels))
            if stop == FULL:
                chip, run = make_room(chip, run)
            elif stop != STORM or int(run.meter["work"][0]) >= most:
                break
            elif progress is not None:
                progress(min(int(chip.meter["now"][0]), duration), duration)
    if stop == FAULT:
        raise_fault(chip, "the asynchronous run")
    if progress is not None:
        progress(duration, duration)
    return result(network, architecture, placed, table, grid, chip, run, step_ps, STOPS[stop])


def balance(network: Network, table: Fanout, chip: Chip, run: Run) -> dict[str, int]:
    """The books of the packets, and the checks against those of the spikes and the synaptic events."""
    books, own = audit(chip), run.meter[0]
    unsent, applied, late = (int(own[name]) for name in ("unsent", "synaptic_events", "late"))
    books["injected"] += unsent
    books["in_flight"] += unsent
    planned = int(run.fired @ np.diff(table.axons.indptr))
    brought = int(run.arrived @ table.axons.events)
    for name, one, other in (
        ("packets", planned, books["injected"]),
        ("packets sent", int(run.sent.sum()) + unsent, books["injected"]),
        ("packets served", int(run.arrived.sum()), books["delivered"]),
        ("synaptic events", brought, applied + late),
        ("synaptic events of neurons", int(run.received.sum()), applied),
        ("spikes", int(run.fired.sum()), int(own["fired"])),
    ):
        if one != other:
            raise RuntimeError(f"the books of {name} do not balance: {one} and {other}")
    return books


def result(
    network: Network, architecture: Architecture, placed: Placement, table: Fanout, grid: Grid, chip: Chip, run: Run,
    step_ps: int, stopped: str,
) -> AsynchronousActivity:  # fmt: skip
    """Everything counted."""
    books = balance(network, table, chip, run)
    cores, axons = architecture.cores, table.axons

    def tally(place: NDArray[Any], amount: NDArray[np.int64], count: int = cores) -> NDArray[np.int64]:
        out = np.zeros(count, dtype=np.int64)
        np.add.at(out, place, amount)
        return out

    per_core = {
        "packets_out": tally(np.repeat(placed.core, np.diff(axons.indptr)), run.sent),
        "packets_in": tally(axons.core, run.arrived),
        "synaptic_events": chip.cores["synaptic_events"].copy(),
        "updates": tally(placed.core, run.received),
        "fired": tally(placed.core, run.fired),
        "busy_ps": chip.cores["busy"].copy(),
    }
    units = np.zeros((len(architecture.units), 3), dtype=np.int64)
    soma = placed.soma >= 0
    np.add.at(units[:, 0], placed.soma[soma], run.received[soma])
    np.add.at(units[:, 1], placed.soma[soma], run.received[soma])
    np.add.at(units[:, 2], placed.soma[soma], run.fired[soma])
    np.add.at(units[:, 2], axons.unit, axons.unit_count * run.arrived[axons.unit_row])
    for core in placed.cores_used:
        for kind, name in (
            ("axon_out", "packets_out"),
            ("axon_in", "packets_in"),
            ("dendrite", "synaptic_events"),
        ):
            units[architecture.unit_of(int(core), kind), 2] += per_core[name][core]
    place = architecture.tile_y * architecture.columns + architecture.tile_x
    crossed = chip.links["left"].astype(np.int64)
    hops = np.ascontiguousarray(crossed.reshape(grid.tiles, -1)[:, :LOCAL][place])
    own = run.meter[0]
    logged = int(own["logged"])
    counts = {
        "fired": int(own["fired"]),
        "packets": int(chip.meter["packets"][0]),
        "synaptic_events": int(own["synaptic_events"]),
        "updates": int(own["synaptic_events"]),
        "hops": int(hops.sum()),
        "hops_east_west": int(hops[:, [1, 3]].sum()),
        "hops_north_south": int(hops[:, [0, 2]].sum()),
        **books,
    }
    potentials = run.state[0].copy()
    for index, population in enumerate(network.populations):
        if population.is_source:
            potentials[network.offsets[index] : network.offsets[index + 1]] = np.nan
    return AsynchronousActivity(
        network=network,
        architecture=architecture,
        placement=placed,
        step_ps=step_ps,
        stopped=stopped,
        simulated_ps=int(chip.meter["now"][0]),
        spike_times=run.log_time[:logged].copy(),
        spike_neurons=run.log_neuron[:logged].copy(),
        truncated=logged < counts["fired"],
        counts=counts,
        events=int(own["work"]),
        waiting_events=int(own["late"]),
        fired_by={
            p.name: int(run.fired[network.offsets[i] : network.offsets[i + 1]].sum())
            for i, p in enumerate(network.populations)
        },
        units=units,
        hops=hops,
        per_core=per_core,
        per_link={"crossed": crossed, "dropped": chip.links["dropped"].astype(np.int64)},
        peak_occupancy=chip.queues["peak"],
        latency=Latency(run.histogram.copy(), int(run.sums[:4].sum()), int(run.sums[4])),
        latency_parts_ps={name: int(run.sums[i]) for i, name in enumerate(PARTS)},
        potentials=potentials,
    )
