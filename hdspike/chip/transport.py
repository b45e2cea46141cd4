"""The mesh for a chip with barriers: the packets of one time step cross it, and the step ends when all is done.

Each core works through its neurons and sends its packets in a given order. ``gap_ps`` after the packet before it has
left (or after the step began) a packet is ready; it is handed to the router, crosses the mesh of
:mod:`hdspike.chip.mesh` with its finite FIFOs, and keeps the destination core busy for ``service_ps``. A core that
cannot send waits, and what it would do next waits with it. After its last packet a core works on for ``rest_ps``.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.chip.audit import audit, raise_fault
from hdspike.chip.config import LONGEST, MAX_TIME, ChipConfig
from hdspike.chip.core import _drain, body
from hdspike.chip.grid import LOCAL, SIDES, Grid
from hdspike.chip.latency import BINS, Latency, _bin
from hdspike.chip.lean import inner_kernel, loop_kernel
from hdspike.chip.mesh import _offer
from hdspike.chip.routing import NO_WAY, check_reachable
from hdspike.chip.state import FLIT, FULL, OVERFLOW, PACKET, SEEN, TRAFFIC, grid_state, rows
from hdspike.chip.wheel import NONE

__all__ = ["Step", "Transport"]

PARTS = ("at_sender", "in_mesh", "in_fifo", "in_service")


class Step(NamedTuple):
    """One step: per packet whether it was ``delivered`` and when it was served or dropped (``finished_ps``, since
    the beginning of the step), and when the last work of the step was done (``end_ps``)."""

    delivered: NDArray[np.bool_]
    finished_ps: NDArray[np.int64]
    end_ps: int


@inner_kernel
def _load(chip, sources, destinations, gaps, services):
    """The packets of a step, at their senders at time 0."""
    meter = chip.meter[0]
    meter["now"] = 0
    if meter["sample_every"] > 0:
        meter["sample_at"] = meter["sample_every"]
    for packet in range(len(sources)):
        link = np.int64(chip.core_link[destinations[packet]])
        one = chip.packets[packet]
        one["kind"] = TRAFFIC
        one["link"] = link
        one["service"] = services[packet]
        one["offered"] = gaps[packet]
        one["arrived"] = -1
        _offer(chip, np.int64(chip.core_link[sources[packet]]), packet)


@inner_kernel
def _collect(chip, sources, rests, delivered, finished, histogram, sums):
    """What became of them; returns when the last work was done."""
    meter = chip.meter[0]
    end = meter["now"]
    for core in range(len(rests)):
        end = max(end, rests[core])
    for packet in range(len(sources)):
        one = chip.packets[packet]
        end = max(end, one["entered"] + rests[sources[packet]])
        finished[packet] = one["finished"]
        there = one["arrived"] >= 0
        delivered[packet] = there
        if there:
            latency = one["finished"] - one["offered"]
            histogram[_bin(latency)] += 1
            sums[0] += one["entered"] - one["offered"]
            sums[1] += one["arrived"] - one["entered"]
            sums[2] += one["finished"] - one["service"] - one["arrived"]
            sums[3] += one["service"]
            sums[4] = max(sums[4], latency)
    if end > MAX_TIME:
        meter["fault"] = OVERFLOW
    return end


@loop_kernel
def _step(chip, neurons, sources, destinations, gaps, services, rests, delivered, finished, histogram, sums):
    """One step; returns when the last work was done."""
    _load(chip, sources, destinations, gaps, services)
    if _drain(chip, neurons, 0):
        return np.int64(0)
    return _collect(chip, sources, rests, delivered, finished, histogram, sums)


class Transport:
    """A board of routers, links and FIFOs, used step by step; its counters and turns go on from step to step.

    Args:
        grid: the board.
        policy: ``"stall"``, packets wait for a free slot; or ``"drop"``, they are thrown away where the FIFO
            beyond a free link is full.
        sample_ps: look at the queues every so often in each step, for ``occupancy``; by default never.

    Example: two packets from core 0 to core 1, one hop to the east. The second is ready 5 ps after the first has
    left, and is served behind it:

        >>> grid = Grid(columns=2, rows=1, tile_of_core=[0, 1], hop_ps=[7, 4, 7, 4])
        >>> mesh = Transport(grid)
        >>> step = mesh.step([0, 0], [1, 1], gap_ps=[10, 5], service_ps=[100, 100])
        >>> step.finished_ps.tolist(), step.end_ps, mesh.counts["hops"]
        ([114, 214], 214, 2)
    """

    def __init__(self, grid: Grid, *, policy: str = "stall", sample_ps: int | None = None) -> None:
        if not isinstance(grid, Grid):
            raise TypeError(f"grid must be a Grid, not {type(grid).__name__}")
        check.one_of("policy", policy, ("stall", "drop"))
        self.grid = grid
        self.policy = policy
        self._state = grid_state(grid, packets=1024)
        self._state.meter["drops"] = int(policy == "drop")
        self._state.meter["paced"] = 1
        if sample_ps is not None:
            self._state.meter["sample_every"] = check.integer("sample_ps", sample_ps, low=1, high=LONGEST)
        self._failed = ""
        self._none = body(0, np.empty(0, dtype=np.int32), None, limit=0)
        self._histogram = np.zeros(BINS, dtype=np.int64)
        self._sums = np.zeros(5, dtype=np.int64)
        self._idle = np.zeros(grid.cores, dtype=np.int64)
        self._broken = bool(grid.dead.any() or np.any(self._state.routes == NO_WAY))
        self.steps = 0
        self.total_ps = 0

    @classmethod
    def from_config(cls, config: ChipConfig, *, policy: str = "stall") -> "Transport":
        """The mesh of one chip."""
        return cls(Grid.from_config(config), policy=policy)

    def step(
        self, sources: Any, destinations: Any, gap_ps: Any, service_ps: Any, rest_ps: Any = None
    ) -> Step:
        """Send the packets of one step, on an empty mesh, and wait until all is done.

        Args:
            sources, destinations: ``(packets,)`` cores; a core sends its packets in this order.
            gap_ps: ``(packets,)`` from the departure of the packet of the same core before it, or from the
                beginning of the step, until the packet is ready at its core.
            service_ps: ``(packets,)`` how long the destination core works on it.
            rest_ps: ``(cores,)`` how long each core works on after its last packet; by default 0.

        Raises:
            ValueError: an argument breaks its rule; a packet is for or from a dead core, or no way leads there.
            OverflowError: the step takes longer than 2⁶² − 1 ps.
            RuntimeError: packets wait for each other for ever (the message names the links).
        """
        source = check.array("sources", sources, np.int64, ndim=1)
        target = check.array("destinations", destinations, np.int64, ndim=1)
        gap = check.array("gap_ps", gap_ps, np.int64, ndim=1)
        service = check.array("service_ps", service_ps, np.int64, ndim=1)
        rest = self._idle if rest_ps is None else check.array("rest_ps", rest_ps, np.int64, ndim=1)
        packets = len(source)
        if self._failed:
            raise RuntimeError(f"this mesh stopped in {self._failed}; a new Transport begins anew")
        for name, values, high in (
            ("sources", source, self.grid.cores - 1),
            ("destinations", target, self.grid.cores - 1),
            ("gap_ps", gap, LONGEST),
            ("service_ps", service, LONGEST),
            ("rest_ps", rest, LONGEST),
        ):
            wanted = self.grid.cores if name == "rest_ps" else packets
            if len(values) != wanted:
                raise ValueError(f"{name} must have {wanted} entries, got {len(values)}")
            if wanted and not (0 <= values.min() and values.max() <= high):
                raise ValueError(f"{name} must be in [0, {high}], got {values.min()} … {values.max()}")
        if self._broken:
            check_reachable(self.grid, self._state.routes, source, target)
        if packets > len(self._state.flits):
            self._grow(packets)
        delivered = np.empty(packets, dtype=np.bool_)
        finished = np.empty(packets, dtype=np.int64)
        end = _step(
            self._state, self._none, source, target, gap, service, rest,
            delivered, finished, self._histogram, self._sums,
        )  # fmt: skip
        if self._state.meter["fault"][0]:
            self._failed = f"step {self.steps}"
            raise_fault(self._state, self._failed)
        self.steps += 1
        self.total_ps += int(end)
        return Step(delivered, finished, int(end))

    def _grow(self, packets: int) -> None:
        """Room for so many packets in a step."""
        room = max(packets, 2 * len(self._state.flits))
        self._state = self._state._replace(flits=rows(room, FLIT), packets=rows(room, PACKET))
        self._state.meter["free"], self._state.meter["fresh"] = NONE, 0

    @property
    def counts(self) -> dict[str, int]:
        """The audited books and the hops of all steps.

        ``injected = delivered + dropped + in_flight`` (0 between steps); ``hops`` between tiles, to each side,
        ``hops_east_west``, ``hops_north_south``, and ``hops_off_chip`` among them.
        """
        books = audit(self._state)
        sides = {f"hops_{side}": int(n) for side, n in zip(SIDES, self.hops.sum(axis=0), strict=True)}
        return {
            **{name: books[name] for name in ("injected", "delivered", "dropped", "in_flight")},
            "hops": sum(sides.values()),
            **sides,
            "hops_east_west": sides["hops_east"] + sides["hops_west"],
            "hops_north_south": sides["hops_north"] + sides["hops_south"],
            "hops_off_chip": int(self.hops[self.grid.off_chip()].sum()),
        }

    @property
    def hops(self) -> NDArray[np.int64]:
        """``(tiles, 4)`` packets that left each tile to the north, east, south and west."""
        return self.per_link.reshape(self.grid.tiles, -1)[:, :LOCAL]

    @property
    def per_link(self) -> NDArray[np.int64]:
        """``(links,)`` packets that crossed each link, numbered as in :mod:`hdspike.chip.grid`."""
        return self._state.links["left"].copy()

    @property
    def link_dropped(self) -> NDArray[np.int64]:
        """``(links,)`` packets thrown away before each link."""
        return self._state.links["dropped"].copy()

    @property
    def link_busy_ps(self) -> NDArray[np.int64]:
        """``(links,)`` how long each link was busy."""
        return (self._state.links["left"] * self._state.links["latency"]).astype(np.int64)

    @property
    def utilisation(self) -> NDArray[np.float64]:
        """``(links,)`` the share of the time of all steps that each link was busy."""
        return self.link_busy_ps / max(1, self.total_ps)

    @property
    def peak_occupancy(self) -> NDArray[np.int64]:
        """The most packets an input FIFO held: ``tile · ports + port``, then the cores."""
        return self._state.queues["peak"]

    @property
    def occupancy(self) -> dict[str, Any]:
        """The queues at the samples: every ``sample_ps`` of a step, until its last packet is served.

        ``samples`` how many; ``at_senders`` the mean number of packets at their senders; ``in_fifos`` that in all
        FIFOs, slots on reserve included; ``histogram[n]`` how often a FIFO held ``n`` packets (the last: or more),
        over all FIFOs and samples; ``per_link`` the mean in the FIFO at the end of each link.
        """
        seen = self._state.seen
        samples = int(seen[0])
        per_link = seen[SEEN + FULL + 1 :] / max(1, samples)
        return {
            "samples": samples,
            "at_senders": int(seen[1]) / max(1, samples),
            "in_fifos": float(per_link.sum()),
            "histogram": seen[SEEN : SEEN + min(FULL, self.grid.fifo_depth) + 1].copy(),
            "per_link": per_link,
        }

    @property
    def latency(self) -> Latency:
        """Of the delivered packets, from ready at their core to served at the other."""
        return Latency(self._histogram.copy(), int(self._sums[:4].sum()), int(self._sums[4]))

    @property
    def latency_parts_ps(self) -> dict[str, int]:
        """The sum of the latencies: ``at_sender``, ``in_mesh``, ``in_fifo`` of the core, ``in_service``."""
        return {name: int(self._sums[i]) for i, name in enumerate(PARTS)}
