"""The whole state of a mesh as a few arrays: what the kernels of the chip work on.

Links and input queues are numbered by their place, ``tile · ports + port`` as in :mod:`hdspike.chip.grid`. The input
FIFO at the end of a link is kept in the row of the link that feeds it, so that a packet that lands, and a slot
that becomes free, touch one cache line. A core or the host sends from a memory of its own without bound, its sender.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hdspike.chip.config import ChipConfig
from hdspike.chip.grid import CORE, EDGE, HOST, LOCAL, Grid
from hdspike.chip.routing import routes_of, xy_table
from hdspike.chip.wheel import EVENT, LEVELS, NONE, READY, SLOTS, shift_for

__all__ = ["Chip", "grid_state", "link_ends", "link_latencies", "mesh_state", "xy_routes"]

# Kinds of packets.
INPUT, SPIKE, INHIBITION, TRAFFIC = 0, 1, 2, 3
# What is seen at samples: two sums, then how many FIFOs held 0, 1, … FULL (or more) packets, then a sum per link.
SEEN, FULL = 2, 255
# Faults that stop a run.
SOUND, OVERFLOW, DEADLOCK, ASTRAY = 0, 1, 2, 3


def record(size: str, *names: str) -> np.dtype[np.void]:
    """A row of named integers of one size."""
    return np.dtype([(name, size) for name in names])


# One cache line: the wire, whose turn it is, and the FIFO at the end. ``end``: a tile, or HOST, EDGE, CORE − c.
LINK = np.dtype(
    [("latency", "<i8"), ("left", "<i8"), ("dropped", "<i8")]
    + [("end", "<i4")]
    + [(name, "<u4") for name in ("flying", "base", "port", "turn", "head", "tail", "held", "peak", "wire")]
)
SENDER = record("<u4", "head", "tail", "waiting", "want")
# A packet on the mesh, as the routers see it. Rows are used again, so that those in use fit the cache.
FLIT = record("<u4", "tile", "link", "following", "packet")
# The whole of a packet, one cache line, looked at where it begins and ends. ``link`` ends at its destination.
PACKET = np.dtype(
    [(name, "<i8") for name in ("service", "offered", "entered", "arrived", "finished")]
    + [(name, "<u4") for name in ("kind", "link", "following")]
    + [(name, "<i4") for name in ("address", "first", "last")]
)
CORE_STATE = record(
    "<i8", "serving", "inhibited", "low", "high", "active", "due",
    "packets", "synaptic_events", "updates_active", "updates_inactive", "busy",
)  # fmt: skip
WIRE = record("<i8", "link", "latency", "head", "tail", "travelling")  # what is on its way between two chips
METER = np.dtype(
    [
        (name, "<i8")
        for name in (
            # the chip and the run
            "ports", "tiles", "routers", "cores", "depth", "drops", "timed", "paced", "packet", "inject",
            "synaptic_event", "theta", "k", "kwta_core", "host", "shift", "lanes",
            # what changes
            "now", "fault", "agenda", "pool", "free", "fresh", "step", "begun", "silenced",
            "ready", "ready_low", "tops", "planned",
            "served", "spikes", "logged_inputs", "logged_spikes", "touched", "sample_at", "sample_every",
            # what is counted
            "injected", "delivered", "dropped", "cancelled", "packets", "synaptic_events", "fired",
        )
    ]
)  # fmt: skip


class Chip(NamedTuple):
    """The network on chip. Places of events: links, then cores, then senders, then wires between chips."""

    links: NDArray[Any]
    entered: NDArray[np.int64]  # packets that set out over each link, or were dropped before it
    requests: NDArray[np.uint64]  # (links · lanes,) the input ports whose head wants the link, as bits
    feeders: NDArray[np.uint32]  # the link that feeds the input queue of this number, or NONE
    senders: NDArray[Any]
    core_link: NDArray[np.uint32]  # the link that ends at each core
    wires: NDArray[Any]
    flits: NDArray[Any]
    packets: NDArray[Any]
    cores: NDArray[Any]
    meter: NDArray[Any]  # one row
    agenda: NDArray[np.uint32]  # links whose arbiter has something new to look at
    asked: NDArray[np.uint8]  # whether a link is on the agenda
    routes: NDArray[np.int8]
    # the wheel of events
    events: NDArray[Any]
    planned: NDArray[np.uint32]
    heads: NDArray[np.uint32]
    bits: NDArray[np.uint64]
    seen: NDArray[np.int64]  # samples, sum of packets at senders, FIFOs by level, then sums per link

    @property
    def queues(self) -> dict[str, NDArray[np.int64]]:
        """``peak``, the most packets each input FIFO held: of the routers by their number, then of the cores."""
        fed = self.feeders != NONE
        peak = np.zeros(len(self.feeders), dtype=np.int64)
        peak[fed] = self.links["peak"][self.feeders[fed]]
        return {"peak": np.concatenate([peak, self.links["peak"][self.core_link].astype(np.int64)])}


def rows(count: int, dtype: np.dtype[np.void]) -> NDArray[Any]:
    """Zeroed rows, the first at the beginning of a cache line."""
    memory = np.zeros(count * dtype.itemsize + 64, dtype=np.uint8)
    skip = -memory.ctypes.data % 64
    return memory[skip : skip + count * dtype.itemsize].view(dtype)


def grid_state(grid: Grid, *, packets: int, routes: NDArray[Any] | None = None, more_places: int = 0) -> Chip:
    """An empty board with room for ``packets`` packets, and ``more_places`` for events after the mesh's own."""
    ports = grid.ports
    routers = grid.tiles * ports
    ends = grid.link_ends()
    tile, port = np.divmod(np.arange(routers), ports)
    links = rows(routers, LINK)
    for name in ("flying", "head", "tail", "wire"):
        links[name] = NONE
    links["base"] = tile * ports
    links["latency"] = grid.eject_ps
    links["end"] = ends[:, 1]
    links["end"][ends[:, 1] < 0] = EDGE
    links["end"][grid.link_of_core()] = CORE - np.arange(grid.cores)
    links["end"][(port == ports - 1) & (tile == 0)] = HOST
    feeders = np.full(routers, NONE, dtype=np.uint32)
    off_chip = grid.off_chip()
    wires = []
    for side in range(LOCAL):
        mine = np.flatnonzero((port == side) & (ends[:, 1] >= 0))
        facing = (side + 2) % 4  # what leaves to the east enters from the west
        links["port"][mine] = facing
        links["latency"][port == side] = grid.hop_ps[:, side]
        feeders[ends[mine, 1] * ports + facing] = mine
        wires.append(mine[off_chip[tile[mine], side]])
    crossing = np.sort(np.concatenate(wires))
    links["wire"][crossing] = np.arange(len(crossing))
    links["latency"][crossing] = grid.off_chip_busy_ps
    wire = np.zeros(len(crossing), dtype=WIRE)
    wire["link"], wire["latency"] = crossing, grid.off_chip_ps
    wire["head"] = wire["tail"] = NONE

    senders = rows(routers, SENDER)
    for name in ("head", "tail", "want"):
        senders[name] = NONE
    cores = np.zeros(grid.cores, dtype=CORE_STATE)
    cores["serving"] = -1
    lanes = -(-ports // 64)
    places = 2 * routers + grid.cores + len(wire) + more_places
    meter = np.zeros(1, dtype=METER)
    for name, value in (
        ("ports", ports), ("tiles", grid.tiles), ("routers", routers), ("cores", grid.cores),
        ("depth", grid.fifo_depth), ("inject", grid.inject_ps), ("host", ports - 1), ("lanes", lanes),
        ("shift", shift_for(int(links["latency"][links["end"] != EDGE].max(initial=1)))),
        ("sample_at", 2**62), ("free", NONE), ("tops", READY + -(-places // 64)),
    ):  # fmt: skip
        meter[name] = value
    words = -(-places // 64)
    return Chip(
        links=links,
        entered=np.zeros(routers, dtype=np.int64),
        requests=np.zeros(routers * lanes, dtype=np.uint64),
        feeders=feeders,
        senders=senders,
        core_link=grid.link_of_core().astype(np.uint32),
        wires=wire,
        flits=rows(max(1, packets), FLIT),
        packets=rows(max(1, packets), PACKET),
        cores=cores,
        meter=meter,
        agenda=np.zeros(routers, dtype=np.uint32),
        asked=np.zeros(routers, dtype=np.uint8),
        routes=np.ascontiguousarray(routes_of(grid) if routes is None else routes, dtype=np.int8),
        events=rows(places, EVENT),
        planned=np.zeros(places, dtype=np.uint32),
        heads=np.full(LEVELS * SLOTS, NONE, dtype=np.uint32),
        seen=np.zeros(SEEN + FULL + 1 + routers, dtype=np.int64),
        bits=np.zeros(READY + words - (-words // 64), dtype=np.uint64),
    )


def mesh_state(config: ChipConfig, *, packets: int, routes: NDArray[Any] | None = None) -> Chip:
    """An empty chip with room for ``packets`` packets; ``routes`` other than XY are for experiments."""
    state = grid_state(Grid.from_config(config), packets=packets, routes=routes)
    state.meter["packet"] = config.packet_ps
    state.meter["synaptic_event"] = config.synaptic_event_ps
    return state


def xy_routes(config: ChipConfig) -> NDArray[np.int64]:
    """``(tiles, tiles)``: the port to take at a tile towards another; −1 on the diagonal."""
    return xy_table(Grid.from_config(config)).astype(np.int64)


def link_ends(config: ChipConfig) -> NDArray[np.int64]:
    """``(links, 2)``: the tiles that each link leads from and to.

    Link ``tile · ports + port`` with ``ports = 5 + cores_per_tile``; ports 0 … 3 lead north, east, south and
    west, the next ``cores_per_tile`` to the cores of the tile and the last to the host (tile 0 only): these
    stay on their tile. A link over the edge of the chip leads to −1, as does one to a host that is not there.
    """
    return Grid.from_config(config).link_ends()


def link_latencies(config: ChipConfig) -> NDArray[np.int64]:
    """``(links,)``: how long a packet takes over each link, in ps."""
    return mesh_state(config, packets=0).links["latency"].astype(np.int64)
