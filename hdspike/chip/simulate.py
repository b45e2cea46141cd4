"""Run a network on a chip with a barrier after every step: spikes, packets, time, and what every unit did."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.chip.architecture import Architecture
from hdspike.chip.axons import axons
from hdspike.chip.barrier import Sender, hop_counts
from hdspike.chip.config import MAX_TIME
from hdspike.chip.losses import deliver_rest
from hdspike.chip.noc import Exact, NetworkOnChip, Simple
from hdspike.chip.placement import Placement, by_capacity, check_placement
from hdspike.events import export
from hdspike.functional.activity import Activity
from hdspike.functional.session import Session
from hdspike.network.graph import Network

__all__ = ["ChipActivity", "memory", "simulate"]

FORMAT = "hdspike.barrier"


@dataclass(frozen=True)
class ChipActivity:
    """What a chip did with a network in ``activity.steps`` barrier steps.

    ``activity`` holds spikes and potentials, as from the functional runner. ``counts``: ``fired``, ``packets``,
    ``synaptic_events``, ``updates``, ``accesses``, ``hops`` and its two directions, ``steps``, and the books
    ``injected = delivered + dropped + in_flight``. ``units[i]`` are the ``accesses``, ``updates`` and ``events`` of
    ``architecture.units[i]``; ``hops`` ``(tiles, 4)`` the departures of each tile to the north, east, south, west.
    ``step_ps`` ``(steps,)`` is the time of each step, barrier included. ``per_core``: ``packets_out``,
    ``packets_in``, ``synaptic_events``, ``updates``, ``fired``. ``network`` is what the network-on-chip reports.
    """

    activity: Activity
    architecture: Architecture
    placement: Placement
    noc: str
    counts: dict[str, int]
    units: NDArray[np.int64]
    hops: NDArray[np.int64]
    step_ps: NDArray[np.int64]
    per_core: dict[str, NDArray[np.int64]]
    fired: NDArray[np.int64]
    """``(neurons,)``: the spikes of each neuron."""
    network: dict[str, Any] = field(default_factory=dict)

    @property
    def simulated_ps(self) -> int:
        """The simulated time of the whole run, in ps."""
        return int(self.step_ps.sum())

    def tables(self) -> dict[str, dict[str, NDArray[Any]]]:
        """The run as tables: ``spikes`` (each at the start of its step in simulated time), ``steps``, ``cores``,
        ``tiles``, and ``potentials`` where neurons were watched."""
        begin = np.concatenate([[0], np.cumsum(self.step_ps)]).astype(np.int64)[:-1]
        spikes = self.activity
        names = ("north", "east", "south", "west")
        out: dict[str, dict[str, NDArray[Any]]] = {
            "spikes": {
                "time_ps": begin[spikes.spike_steps],
                "neuron": spikes.spike_neurons,
                "step": spikes.spike_steps,
            },
            "steps": {"step": np.arange(len(begin)), "begin_ps": begin, "duration_ps": self.step_ps},
            "cores": {"core": np.arange(self.architecture.cores), **self.per_core},
            "tiles": {
                "tile": np.arange(self.architecture.tiles),
                **{f"packets_{name}": self.hops[:, side] for side, name in enumerate(names)},
            },
        }
        if spikes.potentials.shape[1]:
            watched = {f"neuron_{i}": spikes.potentials[:, i] for i in range(spikes.potentials.shape[1])}
            out["potentials"] = {"step": np.arange(len(begin)), **watched}
        return out

    def export(self, path: str | Path) -> list[Path]:
        """Write :meth:`tables` to ``.csv``, ``.parquet``, ``.h5`` or ``.sonata`` (:func:`hdspike.events.export`)."""
        network = self.activity.network
        starts = network.offsets
        return export(
            path,
            self.tables(),
            meta={"chip": self.architecture.name, "noc": self.noc, "counts": self.counts},
            populations={
                p.name: (int(starts[i]), int(starts[i + 1])) for i, p in enumerate(network.populations)
            },
        )

    @property
    def audit(self) -> dict[str, int]:
        """The books of the packets; they balance, or the run would have raised."""
        return {name: self.counts[name] for name in ("injected", "delivered", "dropped", "in_flight")}


def memory(
    network: Network, architecture: Architecture, *, max_spikes: int = 20_000_000, clock: str = "barrier"
) -> dict[str, int]:
    """Bytes that a run will need, before it starts: ``synapses``, ``state``, ``axons`` (at most), ``spikes`` (at most).

    ``clock="async"`` adds the ``fanout`` while it is sorted; packets in flight and the spikes of the sources, 16 bytes
    each, come on top. The interpreter and the compiled kernels are not counted (some 160 MB).
    A run's memory does not grow with its steps but for 8 bytes a step and the spikes that it keeps, 12 bytes each up
    to ``max_spikes``.
    """
    check.one_of("clock", clock, ("barrier", "async"))
    synapses = sum(
        part.nbytes
        for p in network.projections
        for part in (p.synapses.indptr, p.synapses.targets, p.synapses.weights, p.synapses.delays)
        if part is not None
    )
    rows = sum(
        int(np.minimum(np.diff(p.synapses.indptr), architecture.cores).sum()) for p in network.projections
    )
    state = 8 * network.neurons * (8 + network.longest_delay)
    fanout = {"fanout": 160 * network.synapses} if clock == "async" else {}
    return {"synapses": synapses, "state": state, "axons": 48 * rows, **fanout, "spikes": 12 * max_spikes}


def simulate(
    network: Network,
    architecture: Architecture,
    steps: int,
    *,
    placement: Placement | None = None,
    noc: str = "simple",
    policy: str = "stall",
    step_s: float = 1e-3,
    watch: Iterable[int] = (),
    max_spikes: int = 20_000_000,
    progress: Callable[[int, int], None] | None = None,
    checkpoint: str | Path | None = None,
    every: int = 10_000,
    **mesh: Any,
) -> ChipActivity:
    """Run ``network`` on ``architecture`` for ``steps`` steps with a barrier after each.

    Args:
        placement: where the neurons are; by default :func:`hdspike.chip.placement.by_capacity`.
        noc: ``"simple"`` or ``"exact"`` (:mod:`hdspike.chip.noc`). Without drops both give the same spikes.
        policy: ``"stall"`` or ``"drop"`` at a full FIFO (``exact`` only).
        step_s: the biological time of a step, which the decays of the neurons use; the chip's own time is simulated.
        watch, max_spikes, progress, checkpoint, every: as in :func:`hdspike.functional.simulate`.
        mesh: further settings of the exact mesh: ``fifo_depth``, ``dead_links``, ``dead_tiles``, ``dead_cores``;
            several chips by ``chips_x``, ``chips_y``, ``off_chip_busy_ps``, ``off_chip_ps``; ``inject_ps``,
            ``eject_ps`` (:class:`hdspike.chip.grid.Grid`); ``sample_ps``, to look at the queues that often.

    Raises:
        ValueError: an argument breaks its rule, or the network does not fit.
        OverflowError: the simulated time passes 2⁶² ps.
        RuntimeError: the books of packets do not balance, or packets wait for each other for ever.
    """
    check_placement(network, architecture, placement)
    check.one_of("noc", noc, ("simple", "exact"))
    check.one_of("policy", policy, ("stall", "drop"))
    if noc == "simple" and (policy == "drop" or mesh):
        raise ValueError("noc must be 'exact' for drops, faults and FIFOs: the simple one has no network")
    if policy == "drop" and any(p.plasticity is not None for p in network.projections):
        raise ValueError(
            "policy must be 'stall' where synapses learn: a rule for lost spikes is not modelled"
        )
    placed = by_capacity(network, architecture) if placement is None else placement
    table = axons(network, architecture, placed.core)
    if checkpoint is not None and noc == "exact":
        raise ValueError("checkpoint must be None with noc 'exact': the mesh keeps statistics of its own")
    session = Session(
        network, steps, FORMAT, step_s=step_s, watch=watch, max_spikes=max_spikes, progress=progress,
        checkpoint=checkpoint, every=every,
    )  # fmt: skip
    clocked = session.clocked
    sender = Sender(clocked, architecture, placed, table)
    carrier: NetworkOnChip = Simple() if noc == "simple" else Exact(architecture, policy=policy, **mesh)
    carrier.check(placed, table)
    tiles = len(np.unique(architecture.tile_of_core[placed.cores_used]))
    barrier = architecture.barrier_ps(tiles)
    step_ps = np.zeros(session.steps, dtype=np.int64)
    updates = np.zeros(network.neurons, dtype=np.int64)
    lost = np.zeros(len(table), dtype=np.int64)  # dropped packets, per row of the axon table
    if kept := session.resume(f" {architecture.name} {hash_of(placed, architecture)}"):
        step_ps[: clocked.now] = kept["step_ps"]
        updates[...], sender.spikes[...] = kept["updates_of"], kept["spikes_of"]
    elapsed = int(step_ps.sum())

    def second_half() -> None:
        nonlocal elapsed, lost
        packets = sender.send()
        np.add(updates, clocked.updated, out=updates)
        busy, arrived = carrier.step(sender, packets)
        elapsed += busy + barrier
        if elapsed > MAX_TIME:
            raise OverflowError(f"simulated time must be at most 2⁶² ps, passed in step {clocked.now}")
        step_ps[clocked.now] = busy + barrier
        if arrived is None or np.all(arrived):
            clocked.deliver()
        else:
            lost += deliver_rest(clocked, sender, placed.core, arrived)

    session.run(
        second_half,
        lambda: {
            "step_ps": step_ps[: clocked.now], "updates_of": updates, "spikes_of": sender.spikes,
        },
    )  # fmt: skip
    return result(session, sender, architecture, placed, carrier, step_ps, updates, lost)


def hash_of(placed: Placement, architecture: Architecture) -> str:
    """A SHA-256 of where the neurons are and of how long everything takes there."""
    units = [(u.kind, u.access_ps, u.update_ps, u.event_ps) for u in architecture.units]
    digest = hashlib.sha256(repr((units, architecture.layouts, architecture.barrier)).encode())
    parts: list[NDArray[Any]] = [placed.core, placed.rank, placed.soma]
    for part in (architecture.layout_of_core, architecture.tile_of_core, *parts):
        digest.update(part.tobytes())
    return digest.hexdigest()


def result(
    session: Session,
    sender: Sender,
    architecture: Architecture,
    placed: Placement,
    carrier: NetworkOnChip,
    step_ps: NDArray[np.int64],
    updates: NDArray[np.int64],
    lost: NDArray[np.int64],
) -> ChipActivity:
    """Everything counted: the number of spikes of each neuron times what one spike sends, less what was lost."""
    table, spikes = sender.table, sender.spikes
    cores, steps = architecture.cores, len(step_ps)
    sent = np.repeat(spikes, np.diff(table.indptr))  # packets of each row
    arrived = sent - lost
    source = np.repeat(placed.core, np.diff(table.indptr))
    units = np.zeros((len(architecture.units), 3), dtype=np.int64)
    soma = placed.soma >= 0
    np.add.at(units[:, 0], placed.soma[soma], steps)
    np.add.at(units[:, 1], placed.soma[soma], updates[soma])
    np.add.at(units[:, 2], placed.soma[soma], spikes[soma])
    np.add.at(units[:, 2], table.unit, table.unit_count * arrived[table.unit_row])
    per_core = {
        "packets_out": tally(source, sent, cores),
        "packets_in": tally(table.core, arrived, cores),
        "synaptic_events": tally(table.core, table.events * arrived, cores),
        "updates": tally(placed.core, updates, cores),
        "fired": tally(placed.core, spikes, cores),
    }
    for core in placed.cores_used:
        out, into = (architecture.unit_of(int(core), kind) for kind in ("axon_out", "axon_in"))
        dendrite = architecture.unit_of(int(core), "dendrite")
        units[out, 2] += per_core["packets_out"][core]
        units[into, 2] += per_core["packets_in"][core]
        units[dendrite, 2] += per_core["synaptic_events"][core]
    seen = carrier.report()
    hops = seen["hops"] if "hops" in seen else hop_counts(architecture, source, table.core, sent)
    activity = session.activity(int(updates.sum()))
    events, by_packets = activity.counts["synaptic_events"], int((table.events * arrived).sum())
    if events != by_packets:
        raise RuntimeError(
            f"the books of synaptic events do not balance: {events} delivered, {by_packets} by the packets"
        )
    counts = {
        **activity.counts,
        "accesses": int(soma.sum()) * steps,
        "packets": int(sent.sum()),
        "hops": int(hops.sum()),
        "hops_east_west": int(hops[:, [1, 3]].sum()),
        "hops_north_south": int(hops[:, [0, 2]].sum()),
        "injected": int(sent.sum()),
        "delivered": int(arrived.sum()),
        "dropped": int(lost.sum()),
        "in_flight": 0,
    }
    if "counts" in seen:  # the mesh kept books of its own
        counts["hops_off_chip"] = seen["counts"]["hops_off_chip"]
        for name in ("injected", "delivered", "dropped"):
            if seen["counts"][name] != counts[name]:
                raise RuntimeError(
                    f"the books of packets do not balance: {counts[name]} {name} by the spikes, "
                    f"{seen['counts'][name]} by the mesh"
                )
    return ChipActivity(
        activity,
        architecture,
        placed,
        carrier.name,
        counts,
        units,
        hops,
        step_ps,
        per_core,
        spikes.copy(),
        seen,
    )


def tally(place: NDArray[Any], amount: NDArray[np.int64], cores: int) -> NDArray[np.int64]:
    """``(cores,)``: the sum of the amounts at each core, exactly."""
    out = np.zeros(cores, dtype=np.int64)
    np.add.at(out, place, amount)
    return out
