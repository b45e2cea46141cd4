"""The mesh: routers with finite FIFOs, links that are busy while a packet crosses, and back-pressure.

**Routing** is dimension-ordered: first along the row, then along the column (XY; free of deadlock), but for links
that are dead (:mod:`hdspike.chip.routing`).
**Crossing.** The head of an input queue takes its link when the link is free and the queue beyond has a free
slot; the slot is reserved at the start (a credit), the own slot is freed at the start, and link and packet
are busy for the time of the hop. Between two chips the link is busy for the serialisation alone, and the packet
travels on for the latency, with others behind it. A sender hands its next packet to its router in ``inject_ps``,
counted from the moment when the packet is ready, which is not before the one before it left.
**Arbitration.** Each link serves the inputs round-robin: after input ``i`` it looks first at ``i + 1``.
**Policy.** ``stall``: a packet waits for the slot. ``drop``: where the link is free but the queue beyond is
full, the packet is thrown away and counted on that link. Inhibition packets always wait.
**Ties.** Events of one time happen in the order of their place: links, then cores, then senders, then the wires
between chips. After each event, as long as any link can take (or drop) a packet, the link of the lowest number does.
"""

import numpy as np

from hdspike.chip.config import MAX_TIME
from hdspike.chip.grid import CORE, EAST, EDGE, HOST, LOCAL, NORTH, SOUTH, WEST
from hdspike.chip.lean import inner_kernel
from hdspike.chip.state import INHIBITION, OVERFLOW, Chip, link_ends, link_latencies, mesh_state, xy_routes
from hdspike.chip.wheel import NONE, ONE, _later, _lowest

__all__ = [
    "EAST",
    "LOCAL",
    "NORTH",
    "SOUTH",
    "WEST",
    "Chip",
    "link_ends",
    "link_latencies",
    "mesh_state",
    "xy_routes",
]


@inner_kernel
def _schedule(chip, base, delay, place):
    """An event of a place at ``base + delay``, or the fault of a clock that would pass its end."""
    if base > MAX_TIME - delay:
        chip.meter[0]["fault"] = OVERFLOW
    else:
        _later(chip, base + delay, place)


@inner_kernel
def _ask(chip, link):
    """Put a free link on the agenda, once."""
    if chip.links[link]["flying"] == NONE and chip.asked[link] == 0:
        count = chip.meter[0]["agenda"]
        chip.asked[link] = 1
        chip.agenda[count] = link
        chip.meter[0]["agenda"] = count + 1


@inner_kernel
def _show(chip, tile, port, goal, last):
    """The head of an input queue is visible to the router: it asks for its link, at the goal for the last."""
    meter = chip.meter[0]
    out = chip.routes[tile, goal]
    link = last if out < 0 else tile * meter["ports"] + out
    chip.requests[link * meter["lanes"] + (port >> 6)] |= ONE << np.uint64(port & 63)
    _ask(chip, link)
    return link


@inner_kernel
def _hand_over(chip, queue):
    """A sender begins to hand its next packet to its router."""
    meter = chip.meter[0]
    one = chip.packets[chip.senders[queue]["head"]]
    if meter["paced"]:
        one["offered"] += meter["now"]
    base = max(meter["now"], one["offered"])
    _schedule(chip, base, meter["inject"], meter["routers"] + meter["cores"] + queue)


@inner_kernel
def _offer(chip, queue, packet):
    """A sender puts a packet in its own memory, to be sent at ``offered`` or later.

    In a paced run ``offered`` is the time from the departure of the packet before it, until it is the head.
    """
    chip.meter[0]["injected"] += 1
    sender = chip.senders[queue]
    chip.packets[packet]["following"] = NONE
    alone = sender["waiting"] == 0
    if alone:
        sender["head"] = packet
    else:
        chip.packets[sender["tail"]]["following"] = packet
    sender["tail"] = packet
    sender["waiting"] += 1
    if alone:
        _hand_over(chip, queue)


@inner_kernel
def _shown(chip, queue):
    """A sender has handed over its packet: the router sees it."""
    meter = chip.meter[0]
    sender = chip.senders[queue]
    if sender["waiting"] > 0:
        tile = queue // meter["ports"]
        last = np.int64(chip.packets[sender["head"]]["link"])
        sender["want"] = _show(chip, tile, queue - tile * meter["ports"], last // meter["ports"], last)


@inner_kernel
def _remove(chip, feeder):
    """The head flit leaves the FIFO at the end of a link: the credit goes back to that link."""
    wire = chip.links[feeder]
    flit = np.int64(wire["head"])
    wire["head"] = chip.flits[flit]["following"]
    wire["held"] -= 1
    _ask(chip, feeder)
    return flit


@inner_kernel
def _free(chip, flit):
    """The row of a flit is free for the next packet; returns the packet."""
    chip.flits[flit]["following"] = chip.meter[0]["free"]
    chip.meter[0]["free"] = flit
    return np.int64(chip.flits[flit]["packet"])


@inner_kernel
def _leave(chip, queue):
    """The head packet leaves its sender; returns its flit."""
    meter = chip.meter[0]
    sender = chip.senders[queue]
    packet = np.int64(sender["head"])
    one = chip.packets[packet]
    sender["head"] = one["following"]
    sender["waiting"] -= 1
    sender["want"] = NONE
    one["entered"] = meter["now"]
    meter["packets"] += 1
    if queue == meter["host"]:
        meter["begun"] = one["address"] + 1
    if sender["waiting"] > 0:
        _hand_over(chip, queue)
    flit = meter["free"]
    if flit != NONE:
        meter["free"] = chip.flits[flit]["following"]
    else:
        flit = meter["fresh"]
        meter["fresh"] += 1
    row = chip.flits[flit]
    row["packet"] = packet
    row["link"] = one["link"]
    row["tile"] = np.int64(one["link"]) // meter["ports"]
    return flit


@inner_kernel
def _asking(chip, link, turn):
    """The first input port from ``turn`` on, in a circle, that wants a link; −1 if none does."""
    lanes = chip.meter[0]["lanes"]
    lane = turn >> 6
    word = chip.requests[link * lanes + lane] >> np.uint64(turn & 63)
    if word:
        return turn + _lowest(word)
    for _ in range(lanes):
        lane = lane + 1 if lane + 1 < lanes else 0
        word = chip.requests[link * lanes + lane]
        if word:
            return lane * 64 + _lowest(word)
    return np.int64(-1)


@inner_kernel
def _grant(chip, link):
    """One arbiter's turn: start (or drop) one packet if it can."""
    meter = chip.meter[0]
    wire = chip.links[link]
    if wire["flying"] != NONE:
        return
    full = np.int64(wire["held"]) >= meter["depth"]
    if full and meter["drops"] == 0:
        return
    port = _asking(chip, link, np.int64(wire["turn"]))
    if port < 0:
        return
    queue = np.int64(wire["base"]) + port
    feeder = np.int64(chip.feeders[queue])
    if full:
        if feeder == NONE:
            head = np.int64(chip.senders[queue]["head"])
        else:
            head = np.int64(chip.flits[chip.links[feeder]["head"]]["packet"])
        if chip.packets[head]["kind"] == INHIBITION:
            return
    chip.requests[link * meter["lanes"] + (port >> 6)] &= ~(ONE << np.uint64(port & 63))
    if feeder == NONE:
        flit = _leave(chip, queue)
    else:
        flit = _remove(chip, feeder)
        head = np.int64(chip.links[feeder]["head"])
        if head != NONE:
            row = chip.flits[head]
            _show(
                chip, np.int64(chip.links[feeder]["end"]), port, np.int64(row["tile"]), np.int64(row["link"])
            )
    chip.entered[link] += 1
    wire["turn"] = port + 1 if port + 1 < meter["ports"] else 0
    if full:
        wire["dropped"] += 1
        meter["dropped"] += 1
        chip.packets[_free(chip, flit)]["finished"] = meter["now"]
        _ask(chip, link)
        return
    wire["flying"] = flit
    if wire["end"] != HOST:
        held = np.int64(wire["held"]) + 1
        wire["held"] = held
        if held > np.int64(wire["peak"]):
            wire["peak"] = held
    _schedule(chip, meter["now"], wire["latency"], link)


@inner_kernel
def _settle(chip):
    """Let the arbiters on the agenda act, the lowest link first, until none can."""
    meter = chip.meter[0]
    while meter["agenda"] > 0:
        last = meter["agenda"] - 1
        best = last
        link = np.int64(chip.agenda[last])
        for i in range(last):
            other = np.int64(chip.agenda[i])
            if other < link:
                best = i
                link = other
        chip.agenda[best] = chip.agenda[last]
        meter["agenda"] = last
        chip.asked[link] = 0
        _grant(chip, link)


@inner_kernel
def _lift(chip, link):
    """A link is free again; returns the flit that was on it, ``NONE`` if that travels on to another chip."""
    meter = chip.meter[0]
    flit = np.int64(chip.links[link]["flying"])
    chip.links[link]["flying"] = NONE
    _ask(chip, link)
    number = np.int64(chip.links[link]["wire"])
    if number == NONE:
        return flit
    wire = chip.wires[number]
    if meter["now"] > MAX_TIME - wire["latency"]:
        meter["fault"] = OVERFLOW
        return np.int64(NONE)
    due = meter["now"] + wire["latency"]
    chip.packets[chip.flits[flit]["packet"]]["finished"] = due
    chip.flits[flit]["following"] = NONE
    wire["travelling"] += 1
    if wire["travelling"] > 1:
        chip.flits[wire["tail"]]["following"] = flit
    else:
        wire["head"] = flit
        _later(chip, due, 2 * meter["routers"] + meter["cores"] + number)
    wire["tail"] = flit
    return np.int64(NONE)


@inner_kernel
def _arrive(chip, number):
    """The first flit on the wire between two chips has arrived; returns it."""
    meter = chip.meter[0]
    wire = chip.wires[number]
    flit = wire["head"]
    wire["head"] = chip.flits[flit]["following"]
    wire["travelling"] -= 1
    if wire["travelling"] > 0:
        due = chip.packets[chip.flits[wire["head"]]["packet"]]["finished"]
        _later(chip, due, 2 * meter["routers"] + meter["cores"] + number)
    return flit


@inner_kernel
def _put_down(chip, link, flit):
    """A flit comes out of a link, into the FIFO at its end; returns the core or ``HOST`` it reached, else ``EDGE``."""
    meter = chip.meter[0]
    wire = chip.links[link]
    wire["left"] += 1
    end = np.int64(wire["end"])
    row = chip.flits[flit]
    if end < 0:
        one = chip.packets[row["packet"]]
        one["arrived"] = meter["now"]
        if end == HOST:
            one["finished"] = meter["now"]
            meter["delivered"] += 1
            _free(chip, flit)
            return end
    row["following"] = NONE
    empty = wire["head"] == NONE
    if empty:
        wire["head"] = flit
    else:
        chip.flits[wire["tail"]]["following"] = flit
    wire["tail"] = flit
    if end < 0:
        return CORE - end
    if empty:
        _show(chip, end, np.int64(wire["port"]), np.int64(row["tile"]), np.int64(row["link"]))
    return np.int64(EDGE)
