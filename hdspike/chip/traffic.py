"""Pure traffic: packets from core to core, to see what the mesh alone does under load."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.chip.audit import audit, raise_fault
from hdspike.chip.config import LONGEST, MAX_TIME, ChipConfig
from hdspike.chip.core import _drain, body
from hdspike.chip.grid import Grid
from hdspike.chip.latency import Latency
from hdspike.chip.lean import loop_kernel
from hdspike.chip.mesh import _offer
from hdspike.chip.routing import check_reachable
from hdspike.chip.runner import link_counts
from hdspike.chip.state import TRAFFIC, Chip, grid_state

__all__ = ["TrafficRun", "traffic"]


@dataclass(frozen=True)
class TrafficRun:
    """What became of every packet, in the order in which they were given.

    ``offered_ps``, ``entered_ps`` (left its sender), ``arrived_ps`` (in the destination's FIFO; −1 if
    dropped), ``latency_ps`` (from offered to served; −1 if dropped), ``delivered`` (bool). ``per_link``,
    ``link_dropped`` and ``link_busy_ps`` are numbered as in :func:`hdspike.chip.link_ends`.
    """

    offered_ps: NDArray[np.int64]
    entered_ps: NDArray[np.int64]
    arrived_ps: NDArray[np.int64]
    latency_ps: NDArray[np.int64]
    delivered: NDArray[np.bool_]
    gone_ps: NDArray[np.int64]
    per_link: NDArray[np.int64]
    link_dropped: NDArray[np.int64]
    link_busy_ps: NDArray[np.int64]
    peak_occupancy: NDArray[np.int64]
    counts: dict[str, int]
    simulated_ps: int

    @property
    def latency(self) -> Latency:
        """Of the delivered packets, with percentiles."""
        return Latency.of(self.latency_ps)

    @property
    def utilisation(self) -> NDArray[np.float64]:
        """``(links,)`` the share of the simulated time that each link was busy."""
        return self.link_busy_ps / max(1, self.simulated_ps)

    def occupancy(self, interval_ps: int) -> dict[str, NDArray[np.int64]]:
        """How many packets were where, sampled every ``interval_ps``.

        Returns ``times`` (ps), ``at_senders`` (offered, not yet in the mesh) and ``in_mesh`` (entered, not
        yet in the FIFO of their core), each of shape ``(samples,)``.
        """
        every = check.integer("interval_ps", interval_ps, low=1)
        times = np.arange(0, self.simulated_ps + 1, every, dtype=np.int64)

        def until(moments: NDArray[np.int64]) -> NDArray[np.int64]:
            return np.searchsorted(np.sort(moments), times, side="right").astype(np.int64)

        entered = until(self.entered_ps)
        return {
            "times": times,
            "at_senders": until(self.offered_ps) - entered,
            "in_mesh": entered - until(self.gone_ps),
        }


@loop_kernel
def _traffic(chip, neurons, times, sources, destinations, order, service):
    """Offer all packets in the given order and let them arrive; returns the fault.

    Row ``i`` is the packet ``order[i]``: the packets of a sender lie together, in the order of their times.
    """
    for row in range(len(order)):
        packet = order[row]
        one = chip.packets[row]
        one["link"] = chip.core_link[destinations[packet]]
        one["kind"] = TRAFFIC
        one["service"] = service
        one["offered"] = times[packet]
        one["arrived"] = -1
        _offer(chip, np.int64(chip.core_link[sources[packet]]), row)
    return _drain(chip, neurons, 0)


def by_sender(times: NDArray[np.int64], sources: NDArray[np.int64]) -> NDArray[np.int64]:
    """The packets core by core, of each in the order of time, equal times as given."""
    if np.any(times[1:] < times[:-1]):
        return np.lexsort((times, sources)).astype(np.int64)
    small = (
        np.uint16 if sources.size and sources.max() < 2**16 else np.int64
    )  # small numbers are sorted faster
    return np.argsort(sources.astype(small), kind="stable").astype(np.int64)


def traffic(
    config: ChipConfig | Grid,
    times: Any,
    sources: Any,
    destinations: Any,
    *,
    service_ps: int,
    policy: str = "stall",
    routes: NDArray[np.int64] | None = None,
) -> TrafficRun:
    """Send packets from core to core through the mesh.

    Args:
        config: the chip, or a board of several, perhaps with faults.
        times: ``(packets,)`` when each packet is ready at its sender, in ps; a core sends its packets in
            this order, equal times in the given order.
        sources: ``(packets,)`` the sending cores.
        destinations: ``(packets,)`` the receiving cores.
        service_ps: how long a core is busy with a packet.
        policy: ``"stall"`` or ``"drop"``, as in :func:`hdspike.chip.run`.
        routes: ``(tiles, tiles)`` the port to take at a tile towards another (0 north, 1 east, 2 south,
            3 west, −1 on the diagonal), for experiments; by default XY.

    Raises:
        ValueError: an argument breaks its rule; a packet is for or from a dead core, or no way leads there.
        OverflowError: the simulated time passes 2⁶² ps.
        RuntimeError: the books do not balance; or deadlock, which XY routing cannot reach but others can.
    """
    check.one_of("policy", policy, ("stall", "drop"))
    grid = config if isinstance(config, Grid) else Grid.from_config(config)
    service = check.integer("service_ps", service_ps, low=0, high=LONGEST)
    moments = check.array("times", times, np.int64, ndim=1)
    source = check.array("sources", sources, np.int64, ndim=1)
    target = check.array("destinations", destinations, np.int64, ndim=1)
    for name, cores in (("sources", source), ("destinations", target)):
        if len(cores) != len(moments):
            raise ValueError(f"{name} must be one per packet ({len(moments)}), got {len(cores)}")
        if cores.size and not (0 <= cores.min() and cores.max() < grid.cores):
            raise ValueError(f"{name} must be cores in [0, {grid.cores}), got {cores.min()} … {cores.max()}")
    if moments.size and moments.min() < 0:
        raise ValueError(f"times must be at least 0, got {moments.min()}")
    if moments.size and moments.max() > MAX_TIME:
        raise OverflowError(f"times must be at most 2⁶² − 1 ps, got {moments.max()}")
    chosen = None if routes is None else check_routes(grid, routes)
    state: Chip = grid_state(grid, packets=len(moments), routes=chosen)
    if grid.faulty or grid.dead.any():
        check_reachable(grid, state.routes, source, target)
    state.meter["drops"] = int(policy == "drop")
    none = body(0, np.empty(0, dtype=np.int32), None, limit=0)
    order = by_sender(moments, source)
    _traffic(state, none, moments, source, target, order, service)
    raise_fault(state, "the traffic")
    entered, arrived, finished = (np.empty(len(moments), dtype=np.int64) for _ in range(3))
    for name, moments_of in (("entered", entered), ("arrived", arrived), ("finished", finished)):
        moments_of[order] = state.packets[name][: len(moments)]
    delivered = arrived >= 0
    books = audit(state)
    counts = {**books, "packets": int(state.meter["packets"][0]), **link_counts(state)}
    return TrafficRun(
        offered_ps=moments,
        entered_ps=entered,
        arrived_ps=arrived,
        latency_ps=np.where(delivered, finished - moments, -1),
        delivered=delivered,
        gone_ps=np.where(delivered, arrived, finished),
        per_link=state.links["left"].copy(),
        link_dropped=state.links["dropped"].copy(),
        link_busy_ps=(state.links["left"] * state.links["latency"]).astype(np.int64),
        peak_occupancy=state.queues["peak"].copy(),
        counts=counts,
        simulated_ps=int(state.meter["now"][0]),
    )


def check_routes(grid: Grid, routes: Any) -> NDArray[np.int64]:
    """Routes as an array that never leads over the edge of the chip."""
    table = check.array("routes", routes, np.int64, ndim=2)
    if table.shape != (grid.tiles, grid.tiles):
        raise ValueError(f"routes must have shape {(grid.tiles, grid.tiles)}, got {table.shape}")
    off = np.eye(grid.tiles, dtype=bool) != (table == -1)
    for side in range(4):
        off |= (table == side) & grid.closed[:, side, None]
    if np.any(off | (table < -1) | (table > 3)):
        at, to = np.argwhere(off | (table < -1) | (table > 3))[0]
        raise ValueError(
            f"routes must lead to a neighbouring tile, got port {table[at, to]} from {at} to {to}"
        )
    return table
