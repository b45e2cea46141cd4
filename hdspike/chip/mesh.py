"""The mesh: routers with finite FIFOs, links that are busy while a packet crosses, and back-pressure.

One router per tile, with ``ports = 5 + cores_per_tile`` ports: 0 north, 1 east, 2 south, 3 west, then one per
core of the tile, then the host's (used on tile 0 only). Everything is numbered by its place:

- input queue ``tile · ports + port``: a FIFO of ``fifo_depth`` slots where the port is a neighbour; the
  sender's own, unbounded memory where it is a core or the host;
- link ``tile · ports + port``: the way out of a router through a port, to the neighbour's input FIFO, to the
  core's input FIFO, or to the host, which takes packets at once;
- queue ``tiles · ports + core``: the input FIFO of a core.

**Routing** is dimension-ordered: first along the row, then along the column (XY; free of deadlock).
**Crossing.** The head of an input queue takes its link when the link is free and the queue beyond has a free
slot; the slot is reserved at the start (a credit), the own slot is freed at the start, and link and packet
are busy for the time of the hop. A sender hands its next packet to its router in ``packet_ps``, counted from
the later of the packet's own time and the moment when the packet before it left.
**Arbitration.** Each link serves the inputs round-robin: after input ``i`` it looks first at ``i + 1``.
**Policy.** ``stall``: a packet waits for the slot. ``drop``: where the link is free but the queue beyond is
full, the packet is thrown away and counted on that link. Inhibition packets always wait.
**Ties.** Events of one time happen in the order of their address: links, then cores, then senders. After each
event, as long as any link can take (or drop) a packet, the link of the lowest number does.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hdspike.chip.config import MAX_TIME, ChipConfig
from hdspike.chip.lean import lean_kernel
from hdspike.chip.queue import PENDING, _push

__all__ = ["Chip", "link_ends", "mesh_state", "xy_routes"]

NORTH, EAST, SOUTH, WEST, LOCAL = 0, 1, 2, 3, 4
HOST = -1  # the sink of a link to the host
EDGE = -2  # the sink of a link that is not there

# Kinds of packets.
INPUT, SPIKE, INHIBITION, TRAFFIC = 0, 1, 2, 3
# Faults that stop a run.
SOUND, OVERFLOW, DEADLOCK = 0, 1, 2


def record(*names: str) -> np.dtype[np.void]:
    """A row of named 64-bit integers."""
    return np.dtype([(name, "<i8") for name in names])


LINK = record("base", "sink", "latency", "flying", "turn", "asked", "entered", "left", "dropped")
QUEUE = record("tile", "sender", "head", "tail", "waiting", "held", "peak", "want", "feeder")
PACKET = record(
    "destination", "tile", "kind", "first", "last", "address", "service",
    "offered", "entered", "arrived", "finished", "following",
)  # fmt: skip
CORE = record(
    "serving", "inhibited", "low", "high", "active", "due",
    "packets", "synaptic_events", "updates_active", "updates_inactive", "busy",
)  # fmt: skip
METER = record(
    # the chip and the run
    "ports", "tiles", "routers", "cores", "depth", "drops", "timed", "packet", "synaptic_event",
    "theta", "k", "kwta_core", "host",
    # what changes
    "now", "fault", "pending", "sequence", "agenda", "pool", "step", "begun", "silenced",
    "served", "spikes", "logged_inputs", "logged_spikes", "touched",
    # what is counted
    "injected", "delivered", "dropped", "cancelled", "packets", "synaptic_events", "fired",
)  # fmt: skip


class Chip(NamedTuple):
    """The whole state of the network on chip, as arrays: what the kernels work on."""

    links: NDArray[Any]
    queues: NDArray[Any]
    packets: NDArray[Any]
    cores: NDArray[Any]
    meter: NDArray[Any]  # one row
    heap: NDArray[Any]
    agenda: NDArray[np.int64]  # links whose arbiter has something new to look at
    routes: NDArray[np.int64]


def xy_routes(config: ChipConfig) -> NDArray[np.int64]:
    """``(tiles, tiles)``: the port to take at a tile towards another; −1 on the diagonal."""
    tile = np.arange(config.tiles)
    column, row = tile % config.columns, tile // config.columns
    east = np.sign(column[None, :] - column[:, None])
    south = np.sign(row[None, :] - row[:, None])
    along_column = np.where(south > 0, SOUTH, np.where(south < 0, NORTH, -1))
    return np.where(east > 0, EAST, np.where(east < 0, WEST, along_column)).astype(np.int64)


def mesh_state(config: ChipConfig, *, packets: int, routes: NDArray[np.int64] | None = None) -> Chip:
    """An empty chip with room for ``packets`` packets; ``routes`` other than XY are for experiments."""
    ports = LOCAL + config.cores_per_tile + 1
    routers = config.tiles * ports
    tile, port = np.divmod(np.arange(routers), ports)
    column, row = tile % config.columns, tile // config.columns
    links = np.zeros(routers, dtype=LINK)
    links["base"] = tile * ports
    links["flying"] = -1
    links["sink"] = EDGE
    links["latency"] = config.packet_ps
    for side, step, inside in (
        (NORTH, -config.columns, row > 0),
        (EAST, 1, column < config.columns - 1),
        (SOUTH, config.columns, row < config.rows - 1),
        (WEST, -1, column > 0),
    ):
        across = (port == side) & inside
        facing = (side + 2) % 4  # what leaves to the east enters from the west
        links["sink"][across] = (tile[across] + step) * ports + facing
        links["latency"][port == side] = (
            config.hop_east_west_ps if side in (EAST, WEST) else config.hop_north_south_ps
        )
    eject = (port >= LOCAL) & (port < ports - 1)
    links["sink"][eject] = routers + tile[eject] * config.cores_per_tile + port[eject] - LOCAL
    links["sink"][(port == ports - 1) & (tile == 0)] = HOST

    queues = np.zeros(routers + config.cores, dtype=QUEUE)
    for name in ("head", "tail", "want", "feeder"):
        queues[name] = -1
    queues["tile"][:routers] = tile
    queues["sender"][:routers] = port >= LOCAL
    fed = np.flatnonzero(links["sink"] >= 0)
    queues["feeder"][links["sink"][fed]] = fed

    cores = np.zeros(config.cores, dtype=CORE)
    cores["serving"] = -1
    meter = np.zeros(1, dtype=METER)
    for name, value in (
        ("ports", ports),
        ("tiles", config.tiles),
        ("routers", routers),
        ("cores", config.cores),
        ("depth", config.fifo_depth),
        ("packet", config.packet_ps),
        ("synaptic_event", config.synaptic_event_ps),
        ("host", ports - 1),
    ):
        meter[name] = value
    heap = np.zeros(2 * routers + config.cores, dtype=PENDING)  # each place has one pending event at most
    chosen = xy_routes(config) if routes is None else routes
    pool = np.zeros(max(1, packets), dtype=PACKET)
    return Chip(links, queues, pool, cores, meter, heap, np.zeros(routers, dtype=np.int64), chosen)


def link_ends(config: ChipConfig) -> NDArray[np.int64]:
    """``(links, 2)``: the tiles that each link leads from and to.

    Link ``tile · ports + port`` with ``ports = 5 + cores_per_tile``; ports 0 … 3 lead north, east, south and
    west, the next ``cores_per_tile`` to the cores of the tile and the last to the host (tile 0 only): these
    stay on their tile. A link over the edge of the chip, or to a host that is not there, leads to −1.
    """
    state = mesh_state(config, packets=0)
    ports = LOCAL + config.cores_per_tile + 1
    tile, port = np.divmod(np.arange(len(state.links)), ports)
    sink = state.links["sink"]
    to = np.where(port >= LOCAL, tile, sink // ports)
    to[sink == EDGE] = -1
    return np.stack([tile, to], axis=1).astype(np.int64)


def link_latencies(config: ChipConfig) -> NDArray[np.int64]:
    """``(links,)``: how long a packet takes over each link, in ps."""
    return mesh_state(config, packets=0).links["latency"].astype(np.int64)


@lean_kernel
def _core_link(chip, core):
    """The link that ends at a core, the destination of packets to it."""
    each = chip.meter[0]["ports"] - LOCAL - 1
    return (core // each) * chip.meter[0]["ports"] + LOCAL + core % each


@lean_kernel
def _schedule(chip, base, delay, address):
    """An event at ``base + delay``, or the fault of a clock that would pass its end."""
    meter = chip.meter[0]
    if base > MAX_TIME - delay:
        meter["fault"] = OVERFLOW
        return
    meter["pending"] = _push(chip.heap, meter["pending"], base + delay, address, meter["sequence"])
    meter["sequence"] += 1


@lean_kernel
def _append(chip, queue, packet):
    """Put a packet at the end of a queue."""
    chip.packets[packet]["following"] = -1
    if chip.queues[queue]["waiting"] == 0:
        chip.queues[queue]["head"] = packet
    else:
        chip.packets[chip.queues[queue]["tail"]]["following"] = packet
    chip.queues[queue]["tail"] = packet
    chip.queues[queue]["waiting"] += 1


@lean_kernel
def _remove(chip, queue):
    """Take the head packet out of a queue."""
    packet = chip.queues[queue]["head"]
    chip.queues[queue]["head"] = chip.packets[packet]["following"]
    chip.queues[queue]["waiting"] -= 1
    return packet


@lean_kernel
def _ask(chip, link):
    """Put a link on the agenda, once."""
    if chip.links[link]["asked"] == 0:
        chip.links[link]["asked"] = 1
        chip.agenda[chip.meter[0]["agenda"]] = link
        chip.meter[0]["agenda"] += 1


@lean_kernel
def _show(chip, queue):
    """The head of an input queue is visible to the router: it asks for its link."""
    tile = chip.queues[queue]["tile"]
    packet = chip.queues[queue]["head"]
    port = chip.routes[tile, chip.packets[packet]["tile"]]
    link = chip.packets[packet]["destination"] if port < 0 else tile * chip.meter[0]["ports"] + port
    chip.queues[queue]["want"] = link
    _ask(chip, link)


@lean_kernel
def _hand_over(chip, queue):
    """A sender begins to hand its next packet to its router."""
    meter = chip.meter[0]
    base = max(meter["now"], chip.packets[chip.queues[queue]["head"]]["offered"])
    _schedule(chip, base, meter["packet"], meter["routers"] + meter["cores"] + queue)


@lean_kernel
def _offer(chip, queue, packet):
    """A sender puts a packet in its own memory, to be sent at ``offered`` or later."""
    chip.meter[0]["injected"] += 1
    _append(chip, queue, packet)
    if chip.queues[queue]["waiting"] == 1:
        _hand_over(chip, queue)


@lean_kernel
def _take(chip, queue):
    """The head packet leaves an input queue; whoever waited for that is asked."""
    meter = chip.meter[0]
    packet = _remove(chip, queue)
    chip.queues[queue]["want"] = -1
    if chip.queues[queue]["sender"]:
        chip.packets[packet]["entered"] = meter["now"]
        meter["packets"] += 1
        if queue == meter["host"]:
            meter["begun"] = chip.packets[packet]["address"] + 1
        if chip.queues[queue]["waiting"] > 0:
            _hand_over(chip, queue)
    else:
        chip.queues[queue]["held"] -= 1
        _ask(chip, chip.queues[queue]["feeder"])
        if chip.queues[queue]["waiting"] > 0:
            _show(chip, queue)
    return packet


@lean_kernel
def _grant(chip, link):
    """One arbiter's turn: start (or drop) one packet if it can."""
    meter = chip.meter[0]
    wire = chip.links[link]
    if wire["flying"] >= 0:
        return
    ports = meter["ports"]
    base = wire["base"]
    port = wire["turn"]
    for _ in range(ports):
        if chip.queues[base + port]["want"] == link:
            break
        port += 1
        if port == ports:
            port = 0
    queue = base + port
    if chip.queues[queue]["want"] != link:
        return
    sink = wire["sink"]
    full = sink >= 0 and chip.queues[sink]["held"] >= meter["depth"]
    if full:
        kind = chip.packets[chip.queues[queue]["head"]]["kind"]
        if meter["drops"] == 0 or kind == INHIBITION:
            return
    packet = _take(chip, queue)
    wire["entered"] += 1
    wire["turn"] = port + 1 if port + 1 < ports else 0
    if full:
        wire["dropped"] += 1
        meter["dropped"] += 1
        chip.packets[packet]["finished"] = meter["now"]
        _ask(chip, link)
        return
    wire["flying"] = packet
    if sink >= 0:
        held = chip.queues[sink]["held"] + 1
        chip.queues[sink]["held"] = held
        if held > chip.queues[sink]["peak"]:
            chip.queues[sink]["peak"] = held
    _schedule(chip, meter["now"], wire["latency"], link)


@lean_kernel
def _settle(chip):
    """Let the arbiters on the agenda act, the lowest link first, until none can."""
    meter = chip.meter[0]
    while meter["agenda"] > 0:
        last = meter["agenda"] - 1
        best = last
        for i in range(last):
            if chip.agenda[i] < chip.agenda[best]:
                best = i
        link = chip.agenda[best]
        chip.agenda[best] = chip.agenda[last]
        meter["agenda"] = last
        chip.links[link]["asked"] = 0
        _grant(chip, link)


@lean_kernel
def _land(chip, link):
    """The packet on a link has crossed it; returns the queue it landed in, ``HOST`` if it is delivered."""
    meter = chip.meter[0]
    wire = chip.links[link]
    packet = wire["flying"]
    wire["flying"] = -1
    wire["left"] += 1
    _ask(chip, link)
    sink = wire["sink"]
    if sink < 0:
        chip.packets[packet]["arrived"] = meter["now"]
        chip.packets[packet]["finished"] = meter["now"]
        meter["delivered"] += 1
        return sink
    _append(chip, sink, packet)
    if sink >= meter["routers"]:
        chip.packets[packet]["arrived"] = meter["now"]
    elif chip.queues[sink]["waiting"] == 1:
        _show(chip, sink)
    return sink
