"""The timed runner: a network on a chip, query by query, with every packet counted."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.chip.audit import audit, raise_fault
from hdspike.chip.clock import END, RAMP, TICK, _async_query, _barrier_query, _reset
from hdspike.chip.config import LONGEST, MAX_TIME, ChipConfig
from hdspike.chip.core import ASYNC, BARRIER, body
from hdspike.chip.mapping import Mapping, place
from hdspike.chip.mesh import EAST, LOCAL, NORTH, SOUTH, WEST, Chip, mesh_state
from hdspike.network import COUNTS, Layer, Outcome
from hdspike.spikes import EVENT, Stimuli

__all__ = ["ChipRun", "run"]

FAR = 2**60
RECORD_LIMIT = 2_000_000  # events of each sort that record=True keeps


@dataclass(frozen=True)
class ChipRun:
    """What a chip did with a batch of queries.

    ``outcome`` is the common answer of both runners. ``counts`` are integers over the whole batch:

    ``injected = delivered + dropped + cancelled + in_flight``
        packets after replication of multicast, the cancelled ones included;
    ``packets``, ``hops``, ``hops_east_west``, ``hops_north_south``
        packets that entered the mesh, and their crossings between tiles;
    ``synaptic_events``
        at the neurons (the k-WTA unit has one more per ``fired`` spike that reached it);
    ``fired``, ``overshoot``
        spikes, and those of them counted after the k-th;
    ``updates = updates_active + updates_inactive``
        neuron updates; without a barrier one (active) per synaptic event and none for idle neurons;
    ``steps``
        barrier steps.

    ``simulated_ps[q]`` is the time of query ``q``. ``per_core`` holds ``synaptic_events``, ``packets``,
    ``updates`` and ``busy_ps`` for every core; ``per_link[l]`` the packets that crossed link ``l``
    (numbered as in :func:`hdspike.chip.link_ends`), ``link_dropped`` those thrown away before it.
    ``peak_occupancy[q]`` is the most packets an input FIFO held (``tile · ports + port``, then the cores).

    With ``record=True``: ``inputs`` are the deliveries of input lines to cores and ``spikes`` the spikes of
    the neurons, as events in the time of their query; query ``q`` has the rows from ``…_indptr[q]`` to
    ``…_indptr[q + 1]``. ``truncated`` says that more happened than the limit of 2,000,000 rows.
    """

    outcome: Outcome
    counts: dict[str, int]
    simulated_ps: NDArray[np.int64]
    per_core: dict[str, NDArray[np.int64]]
    per_link: NDArray[np.int64]
    link_dropped: NDArray[np.int64]
    peak_occupancy: NDArray[np.int64]
    mapping: Mapping
    inputs: NDArray[Any] = field(default_factory=lambda: np.empty(0, dtype=EVENT))
    inputs_indptr: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    spikes: NDArray[Any] = field(default_factory=lambda: np.empty(0, dtype=EVENT))
    spikes_indptr: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    truncated: bool = False

    @property
    def total_ps(self) -> int:
        """The simulated time of all queries together, in picoseconds."""
        return sum(int(t) for t in self.simulated_ps)


def check_stimuli(network: Layer, stimuli: Stimuli) -> None:
    """Raise where the stimuli are not for this network."""
    if not isinstance(stimuli, Stimuli):
        raise TypeError(f"stimuli must be Stimuli, not {type(stimuli).__name__}")
    lines = stimuli.lines
    if lines.size and not (0 <= lines.min() and lines.max() < network.lines):
        raise ValueError(f"stimuli must use lines in [0, {network.lines}), got {lines.min()} … {lines.max()}")
    check.integer("stimuli.per_tick", stimuli.per_tick, low=1)


def check_mapping(network: Layer, config: ChipConfig, mapping: Mapping) -> None:
    """Raise where the mapping is of another network or for another chip."""
    if len(mapping.core_of_neuron) != network.neurons or len(mapping.line_indptr) != network.lines + 1:
        raise ValueError(
            f"mapping must be of this network ({network.lines} lines, {network.neurons} neurons), got "
            f"{len(mapping.line_indptr) - 1} lines, {len(mapping.core_of_neuron)} neurons"
        )
    if max(mapping.cores_used - 1, mapping.kwta_core) >= config.cores:
        raise ValueError(
            f"mapping must fit the {config.cores} cores of the chip, got {mapping.cores_used} used"
        )


def link_counts(state: Chip) -> dict[str, int]:
    """Crossings between tiles, by direction."""
    port = np.arange(len(state.links)) % int(state.meter["ports"][0])
    left = state.links["left"]
    east_west = int(left[(port == EAST) | (port == WEST)].sum())
    north_south = int(left[(port == NORTH) | (port == SOUTH)].sum())
    assert int(left[port < LOCAL].sum()) == east_west + north_south
    return {
        "hops": east_west + north_south,
        "hops_east_west": east_west,
        "hops_north_south": north_south,
    }


def clip(threshold: int) -> int:
    """A threshold that fits the machine; beyond ±2⁶⁰ no potential (32 bits) can tell the difference."""
    return min(max(threshold, -FAR), FAR)


def packets_of_lines(mapping: Mapping, stimuli: Stimuli) -> NDArray[np.int64]:
    """Packets per event of the batch: the cores that its line reaches."""
    return np.diff(mapping.line_indptr)[stimuli.lines]


def pool_size(mapping: Mapping, stimuli: Stimuli, neurons: int, clock: str) -> int:
    """The most packets that can be on the books at once: of a tick, or of a query without a barrier."""
    total = np.concatenate([[0], np.cumsum(packets_of_lines(mapping, stimuli))])
    if clock == "async":
        largest = int(np.diff(total[stimuli.indptr]).max(initial=0))
        return largest + neurons + mapping.cores_used + 1
    largest = 0
    for q in range(len(stimuli)):
        edges = np.append(
            np.arange(stimuli.indptr[q], stimuli.indptr[q + 1], stimuli.per_tick), stimuli.indptr[q + 1]
        )
        largest = max(largest, int(np.diff(total[edges]).max(initial=0)))
    return max(largest, neurons, mapping.cores_used + 1)


def run(
    network: Layer,
    stimuli: Stimuli,
    config: ChipConfig,
    *,
    clock: str = "barrier",
    policy: str = "stall",
    gap_ps: int = 0,
    mapping: Mapping | None = None,
    record: bool = False,
) -> ChipRun:
    """Run every query on the chip, one after another, each on an empty chip with its neurons at rest.

    Args:
        network: input lines, synapses, neurons and their k-winner-take-all group.
        stimuli: the queries as ordered input events.
        config: the chip.
        clock: ``"barrier"``, one step per tick, with the winners of the functional runner bit for bit; or
            ``"async"``, no step at all: the race is decided by real arrival times (readout ``"tick"`` only).
        policy: ``"stall"``, packets wait for a free slot; or ``"drop"``, they are thrown away (inhibition
            packets always wait), and what is dropped is missing from the answer.
        gap_ps: without a barrier, the time between two events of a query at the host; 0 queues all at once.
        mapping: where the neurons are; by default :func:`hdspike.chip.place`.
        record: keep the deliveries and spikes as events, for a raster.

    ``outcome.ticks`` holds the tick of each win; without a barrier, where there are no ticks, its rank.
    ``outcome.counts["input_events"]`` counts the lines of which at least one packet entered the mesh.

    Raises:
        ValueError: an argument breaks its rule; the network is larger than the chip.
        OverflowError: the simulated time of a query passes 2⁶² ps.
        RuntimeError: the books of packets do not balance, or packets wait for each other for ever.
    """
    check.one_of("clock", clock, ("barrier", "async"))
    check.one_of("policy", policy, ("stall", "drop"))
    gap = check.integer("gap_ps", gap_ps, low=0)
    check_stimuli(network, stimuli)
    kwta = network.kwta
    if clock == "async" and kwta.readout != "tick":
        raise ValueError(
            f"clock must be 'barrier' for readout {kwta.readout!r}: to know that the input has ended "
            f"takes a barrier, got {clock!r}"
        )
    where = place(network, config) if mapping is None else mapping
    check_mapping(network, config, where)
    longest = int(np.diff(stimuli.indptr).max(initial=0))
    if gap * longest > MAX_TIME:
        raise OverflowError(
            f"gap_ps times the events of a query must be at most 2⁶² ps, got {gap} · {longest}"
        )
    largest_core = int(np.diff(where.first).max(initial=1))
    for name in ("synaptic_event_ps", "update_active_ps", "update_inactive_ps"):
        if getattr(config, name) * largest_core > LONGEST:
            raise OverflowError(f"{name} times the {largest_core} neurons of a core must be at most 2⁶⁰ ps")

    state = mesh_state(config, packets=pool_size(where, stimuli, network.neurons, clock))
    meter = state.meter
    meter["drops"] = int(policy == "drop")
    meter["timed"] = ASYNC if clock == "async" else BARRIER
    meter["theta"] = clip(kwta.theta)
    meter["k"] = -1 if kwta.k is None else kwta.k
    meter["kwta_core"] = where.kwta_core
    used = where.cores_used
    state.cores["low"][:used] = where.first[:-1]
    state.cores["high"][:used] = where.first[1:]
    limit = RECORD_LIMIT if record else 0
    neurons = body(network.neurons, network.synapses.targets, network.synapses.weights, limit=limit)
    readout = {"tick": TICK, "end": END, "ramp": RAMP}[kwta.readout]
    lines_to = (where.line_indptr, where.range_core, where.range_low, where.range_high)
    room = network.neurons if kwta.k is None else min(kwta.k, network.neurons)

    queries = len(stimuli)
    counts = {name: np.zeros(queries, dtype=np.int64) for name in COUNTS}
    simulated = np.zeros(queries, dtype=np.int64)
    marks = np.zeros((2, queries + 1), dtype=np.int64)
    won_by: list[tuple[NDArray[np.int32], ...]] = []
    steps = 0
    for q in range(queries):
        lines = np.ascontiguousarray(stimuli.query(q))
        out = tuple(np.empty(room, dtype=np.int32) for _ in range(3))
        before = meter[0].copy()
        _reset(state, neurons, network.bias, used)
        if clock == "barrier":
            won, overshoot, cancelled, some = _barrier_query(
                state, neurons, lines, stimuli.per_tick, *lines_to, where.core_of_neuron,
                readout, kwta.ramp_steps, min(kwta.step, FAR), clip(kwta.floor),
                config.update_active_ps, config.update_inactive_ps, config.barrier_ps(where.tiles_used), used,
                *out,
            )  # fmt: skip
        else:
            won, overshoot, cancelled, some = _async_query(state, neurons, lines, gap, *lines_to, used, *out)
        raise_fault(state, f"query {q}")
        steps += some
        won_by.append(tuple(part[:won].copy() for part in out))
        simulated[q] = meter["now"][0]
        counts["input_events"][q] = len(lines) - cancelled
        counts["cancelled_events"][q] = cancelled
        counts["synaptic_events"][q] = meter["synaptic_events"][0] - before["synaptic_events"]
        counts["touched"][q] = np.count_nonzero(neurons.received)
        counts["fired"][q] = meter["fired"][0] - before["fired"]
        counts["overshoot"][q] = overshoot
        marks[:, q + 1] = meter["logged_inputs"][0], meter["logged_spikes"][0]
        if record:  # the kernel notes the position of an input event, the record its line
            rows = slice(min(marks[0, q], limit), min(marks[0, q + 1], limit))
            neurons.inputs["address"][rows] = lines[neurons.inputs["address"][rows]]

    indptr = np.concatenate([[0], np.cumsum([len(won[0]) for won in won_by])]).astype(np.int64)
    joined = [
        np.concatenate([part[i] for part in won_by]) if won_by else np.empty(0, dtype=np.int32)
        for i in range(3)
    ]
    cores = state.cores
    updates_active, updates_inactive = (
        int(cores["updates_active"].sum()),
        int(cores["updates_inactive"].sum()),
    )
    totals = {
        **audit(state),
        "synaptic_events": int(cores["synaptic_events"].sum()),
        "fired": int(counts["fired"].sum()),
        "overshoot": int(counts["overshoot"].sum()),
        "packets": int(meter["packets"][0]),
        **link_counts(state),
        "updates": updates_active + updates_inactive,
        "updates_active": updates_active,
        "updates_inactive": updates_inactive,
        "steps": steps,
    }
    result = ChipRun(
        outcome=Outcome(indptr, joined[0], joined[1], joined[2], counts),
        counts=totals,
        simulated_ps=simulated,
        per_core={
            "synaptic_events": cores["synaptic_events"].copy(),
            "packets": cores["packets"].copy(),
            "updates": cores["updates_active"] + cores["updates_inactive"],
            "busy_ps": cores["busy"].copy(),
        },
        per_link=state.links["left"].copy(),
        link_dropped=state.links["dropped"].copy(),
        peak_occupancy=state.queues["peak"].copy(),
        mapping=where,
    )
    if not record:
        return result
    ends = np.minimum(marks, limit)
    return replace(
        result,
        inputs=neurons.inputs[: ends[0, -1]].copy(),
        inputs_indptr=ends[0],
        spikes=neurons.spikes[: ends[1, -1]].copy(),
        spikes_indptr=ends[1],
        truncated=bool(np.any(marks > limit)),
    )
