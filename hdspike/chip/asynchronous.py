"""The asynchronous chip: no clock and no barrier, each event when it happens.

The spikes of the sources enter at their times at their cores. A spike becomes one packet per destination core; the
packets cross the mesh of :mod:`hdspike.chip.mesh` with its finite FIFOs; a core serves them one after another, and
each synaptic event advances its neuron exactly from its last event to the present, adds the weight, and lets it fire
(:mod:`hdspike.chip.event_loop`). So what a neuron sees, and in which order, depends on the traffic.

Time is that of the chip, in ps. A synapse with a delay of one step acts as soon as its packet has been served, one
with d steps (d − 1) · ``step_s`` later. Neurons run on the same time: a membrane with τ = 20 ms forgets nothing
between two packets, so that the order of events within a step hardly matters to it; ``step_s`` says how much biology
passes between two steps of the input.

Every neuron model with an ``event`` kernel runs here, several in one network. The loop gets these kernels as a tuple
of pointers (numba's first-class functions), and the parameters and states of all neurons as two tables: so the loop
is compiled once for every model, those of tomorrow included, and stays in the cache on disk; the price is about
10 ns for the call, per synaptic event.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numba
import numpy as np
from numba.core.errors import NumbaExperimentalFeatureWarning
from numpy.typing import NDArray

from hdspike import check
from hdspike.chip.architecture import Architecture
from hdspike.chip.audit import audit, raise_fault
from hdspike.chip.config import MAX_TIME
from hdspike.chip.event_loop import BEGIN, FAULT, FULL, GONE, LATE, NOTE, QUIET, RUN, STORM, Run, _run
from hdspike.chip.fanout import Fanout, fanout
from hdspike.chip.grid import LOCAL, Grid
from hdspike.chip.latency import BINS, Latency
from hdspike.chip.noc import grid_of
from hdspike.chip.placement import Placement, by_capacity
from hdspike.chip.routing import NO_WAY
from hdspike.chip.state import TRAFFIC, Chip, grid_state, rows
from hdspike.network.graph import Network
from hdspike.spikes import EVENT

__all__ = ["AsynchronousActivity", "simulate"]

MODELS = 8  # event kernels that one network may mix
SIGNATURE = "boolean(float64[:, ::1], float64[:, ::1], int64, float64, float64)"
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
    what a core had not yet sent at the end is in flight. ``waiting_events`` are synaptic events in delay lines.
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

    @property
    def audit(self) -> dict[str, int]:
        """The books of the packets; they balance, or the run would have raised."""
        return {n: self.counts[n] for n in ("injected", "delivered", "dropped", "cancelled", "in_flight")}


@cache
def pointer(event: Callable[..., Any]) -> Any:
    """An event kernel as the loop calls it: by address."""
    if numba.config.DISABLE_JIT:
        return event
    body = getattr(event, "py_func", event)
    try:
        return numba.cfunc(SIGNATURE, cache=True, error_model="numpy")(body)
    except RuntimeError:  # a function that is in no file
        return numba.cfunc(SIGNATURE, error_model="numpy")(body)


def neurons_of(network: Network, step_s: float) -> tuple[tuple[Any, ...], NDArray[np.int8], Any, Any]:
    """The event kernels, the kind of each neuron, and the tables of parameters and states of all of them."""
    kernels: list[Any] = []
    kind = np.zeros(network.neurons, dtype=np.int8)
    parameters: list[tuple[int, NDArray[np.float64]]] = []
    states: list[tuple[int, NDArray[np.float64]]] = []
    for place, population in enumerate(network.populations):
        low, high = int(network.offsets[place]), int(network.offsets[place + 1])
        model: Any = population.model
        if population.is_source:
            continue
        event = model.event
        if event is None:
            raise ValueError(
                f"population {population.name!r} must have a model with an event-driven form on the asynchronous "
                f"chip, got {model.name}: use the barrier clock"
            )
        if event not in kernels:
            kernels.append(event)
        kind[low:high] = kernels.index(event)
        parameters.append((low, model.parameters(population.size, step_s)))
        states.append((low, model.state(population.size)))
    if len(kernels) > MODELS:
        raise ValueError(f"network must mix at most {MODELS} event kernels, got {len(kernels)}")

    def table(parts: list[tuple[int, NDArray[np.float64]]]) -> NDArray[np.float64]:
        out = np.zeros((max((len(part) for _, part in parts), default=1), network.neurons))
        for low, part in parts:
            out[: len(part), low : low + part.shape[1]] = part
        return out

    if not kernels:
        kernels.append(_never)
    found = [pointer(kernel) for kernel in kernels]
    return tuple(found + found[:1] * (MODELS - len(found))), kind, table(parameters), table(states)


def _never(parameters, state, neuron, now, weight):  # type: ignore[no-untyped-def]
    """The event kernel of a network of sources alone."""
    return False


def source_spikes(network: Network, duration_ps: int, step_ps: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Times and neurons of all spikes of the sources before ``duration_ps``, by time, then neuron."""
    times, neurons = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for place, population in enumerate(network.populations):
        model: Any = population.model
        if population.is_source:
            events = model.spikes(population.size, 0, -(-duration_ps // step_ps), step_ps)
            times.append(events["time"])
            neurons.append(events["address"] + network.offsets[place])
    when, who = np.concatenate(times), np.concatenate(neurons)
    order = np.lexsort((who, when))
    order = order[when[order] < duration_ps]
    return np.ascontiguousarray(when[order]), who[order].astype(np.int32)


def prepare(
    network: Network, architecture: Architecture, placed: Placement, table: Fanout, grid: Grid, step_s: float,
    sources: tuple[NDArray[np.int64], NDArray[np.int32]], log_limit: int,
) -> tuple[Chip, Run, tuple[Any, ...]]:  # fmt: skip
    """An empty chip, and the network on it at rest."""
    kernels, kind, parameters, state = neurons_of(network, step_s)
    packets = 1024
    chip = grid_state(grid, packets=packets, more_places=1 + table.lines)
    base = 2 * len(chip.links) + grid.cores + len(chip.wires)
    chip.meter["paced"] = 1
    meter = np.zeros(1, dtype=RUN)
    meter["timetable"], meter["again"], meter["log_limit"] = base, BEGIN, log_limit
    meter["free_note"] = meter["free_packet"] = -1
    spike_ps = np.array([unit.event_ps for unit in architecture.units] + [0], dtype=np.int64)
    out_ps = np.zeros(architecture.cores, dtype=np.int64)
    for core in placed.cores_used:
        out_ps[core] = architecture.units[architecture.unit_of(int(core), "axon_out")].event_ps
    core_of_queue = np.full(len(chip.links), -1, dtype=np.int32)
    core_of_queue[chip.core_link] = np.arange(grid.cores)

    def zeros(count: int, dtype: Any = np.int64) -> NDArray[Any]:
        return np.zeros(count, dtype=dtype)

    def none(count: int) -> NDArray[np.int32]:
        return np.full(count, -1, dtype=np.int32)

    run = Run(
        meter, table.axons.indptr, table.axons.core, table.service_ps, table.first_group, table.first,
        table.delay_ps, table.line, table.targets, table.weights, placed.core, kind, spike_ps[placed.soma], out_ps,
        core_of_queue, parameters, state, *sources, zeros(1024, NOTE), none(grid.cores), none(grid.cores),
        zeros(grid.cores), none(table.lines), none(table.lines), zeros(packets), zeros(len(table.axons)),
        zeros(len(table.axons)), zeros(network.neurons), zeros(network.neurons), zeros(min(log_limit, 1 << 12)),
        zeros(min(log_limit, 1 << 12), np.int32), zeros(BINS), zeros(5),
    )  # fmt: skip
    return chip, run, kernels


def longer(cells: NDArray[Any], length: int) -> NDArray[Any]:
    """The same cells with zeroed ones after them."""
    out = rows(length, cells.dtype) if cells.dtype.names else np.zeros(length, dtype=cells.dtype)
    out[: len(cells)] = cells
    return out


def make_room(chip: Chip, run: Run) -> tuple[Chip, Run]:
    """Room for more notes, spikes in the log, or packets: rows of dropped packets are used again."""
    meter = run.meter
    most = int(np.diff(run.first[run.first_group]).max(initial=1)) if len(run.first_group) > 1 else 1
    if int(meter["notes"][0]) + most > len(run.notes):
        run = run._replace(notes=longer(run.notes, 2 * len(run.notes) + most))
    if int(meter["logged"][0]) + most > len(run.log_time) < int(meter["log_limit"][0]):
        room = min(2 * len(run.log_time) + most, int(meter["log_limit"][0]))
        run = run._replace(log_time=longer(run.log_time, room), log_neuron=longer(run.log_neuron, room))
    if int(meter["packets"][0]) + 2 > len(run.born):
        used = chip.packets[: int(meter["fresh_packet"][0])]
        gone = np.flatnonzero((used["kind"] == TRAFFIC) & (used["finished"] >= 0))
        if len(chip.wires):
            gone = gone[:0]  # on the wire between two chips a packet has a time to finish and is not gone
        for packet in gone:
            chip.packets[packet]["kind"] = GONE
            chip.packets[packet]["first"] = meter["free_packet"][0]
            meter["free_packet"] = packet
        meter["packets"] -= len(gone)
        if 2 * len(gone) < len(run.born):
            room = 2 * len(run.born)
            chip = chip._replace(packets=longer(chip.packets, room), flits=longer(chip.flits, room))
            run = run._replace(born=longer(run.born, room))
    return chip, run


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
    max_events: int = 1_000_000_000,
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
    grid = grid_of(architecture, **mesh)
    table = fanout(network, architecture, placed, step_ps)
    sources = source_spikes(network, duration, step_ps)
    chip, run, kernels = prepare(network, architecture, placed, table, grid, step_s, sources, limit)
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
        for kind, name in (("axon_out", "packets_out"), ("axon_in", "packets_in"), ("dendrite", "synaptic_events")):
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
        "waiting_events": int(own["late"]),
        "events": int(own["work"]),
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
