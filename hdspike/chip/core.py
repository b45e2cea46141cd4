"""A core: a serial server of its input FIFO, its neurons, and (on one core) the k-winner-take-all unit.

A packet leaves the FIFO when its service starts; the service lasts

- an input packet: ``synaptic_event_ps`` × its synapses in this core; at its end ``v ← v + w``;
- a spike at the k-winner-take-all unit: ``synaptic_event_ps``; at its end it is counted;
- an inhibition packet, and an input packet after it: ``packet_ps``;
- a packet of pure traffic: the time that it brings along.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hdspike.chip.grid import CORE, EDGE, HOST
from hdspike.chip.lean import inner_kernel, inner_loop
from hdspike.chip.mesh import (
    _arrive,
    _free,
    _lift,
    _offer,
    _put_down,
    _remove,
    _schedule,
    _settle,
    _shown,
)
from hdspike.chip.state import DEADLOCK, FULL, INHIBITION, INPUT, SEEN, SOUND, SPIKE, TRAFFIC, Chip
from hdspike.chip.wheel import EMPTY, NONE, ONE, _next
from hdspike.spikes import EVENT

__all__ = ["Body", "Chip", "body"]

BARRIER, ASYNC = 0, 1


class Body(NamedTuple):
    """The neurons of all cores: synapses, potentials, and what they did."""

    targets: NDArray[np.int32]
    weights: NDArray[np.int8]  # empty where every weight is +1
    potential: NDArray[np.int32]
    received: NDArray[np.int32]
    fired: NDArray[np.int8]
    stamp: NDArray[np.int64]  # the last step in which the neuron received an event
    touched: NDArray[np.int32]  # the neurons that did so in this step, meter["touched"] of them
    served: NDArray[np.int32]  # spikes in the order in which the k-WTA unit counted them
    served_potential: NDArray[np.int32]
    scratch: NDArray[np.int64]
    inputs: NDArray[Any]  # the record of input deliveries, EVENT rows
    spikes: NDArray[Any]  # the record of spikes


def body(neurons: int, targets: NDArray[np.int32], weights: NDArray[np.int8] | None, *, limit: int) -> Body:
    """Neurons at rest; up to ``limit`` input deliveries and as many spikes will be recorded."""
    if len(targets) >= 2**31:
        raise ValueError(f"targets must be fewer than 2³¹ synapses, got {len(targets)}")
    return Body(
        targets,
        np.empty(0, dtype=np.int8) if weights is None else weights,
        np.zeros(neurons, dtype=np.int32),
        np.zeros(neurons, dtype=np.int32),
        np.zeros(neurons, dtype=np.int8),
        np.zeros(neurons, dtype=np.int64),
        np.zeros(neurons, dtype=np.int32),
        np.zeros(neurons, dtype=np.int32),
        np.zeros(neurons, dtype=np.int32),
        np.zeros(neurons, dtype=np.int64),
        np.zeros(limit, dtype=EVENT),
        np.zeros(limit, dtype=EVENT),
    )


@inner_kernel
def _sort_key(potential, neuron):
    """Sorts by higher potential, then by lower index: both are 32-bit integers."""
    return (np.int64(2147483647) - np.int64(potential)) * np.int64(2147483648) + np.int64(neuron)


@inner_kernel
def _sort(cells, count):
    """Sort the first ``count`` cells, in place: a heap sort."""
    for begin in range(count // 2 - 1, -1, -1):
        _sift(cells, begin, count)
    for end in range(count - 1, 0, -1):
        cells[0], cells[end] = cells[end], cells[0]
        _sift(cells, 0, end)


@inner_kernel
def _sift(cells, place, count):
    """Let a cell sink in the heap of the first ``count``, the largest on top."""
    value = cells[place]
    while True:
        below = 2 * place + 1
        if below >= count:
            break
        if below + 1 < count and cells[below + 1] > cells[below]:
            below += 1
        if cells[below] <= value:
            break
        cells[place] = cells[below]
        place = below
    cells[place] = value


@inner_kernel
def _new_packet(chip, link, kind, first, last, address, offered):
    """A packet out of the pool, to the core (or host) at the end of ``link``."""
    meter = chip.meter[0]
    packet = meter["pool"]
    meter["pool"] += 1
    one = chip.packets[packet]
    one["kind"] = kind
    one["link"] = link
    one["first"] = first
    one["last"] = last
    one["address"] = address
    one["offered"] = offered
    one["finished"] = -1
    return packet


@inner_kernel
def _inhibit(chip, used):
    """The k-WTA unit multicasts: one packet to each core in use and one to the host."""
    meter = chip.meter[0]
    source = np.int64(chip.core_link[meter["kwta_core"]])  # a core's sender has the number of its link
    for core in range(used):
        link = np.int64(chip.core_link[core])
        _offer(chip, source, _new_packet(chip, link, INHIBITION, 0, 0, core, meter["now"]))
    _offer(chip, source, _new_packet(chip, meter["host"], INHIBITION, 0, 0, -1, meter["now"]))


@inner_kernel
def _spike(chip, body, core, neuron, time):
    """A neuron fires at ``time``: its spike sets out for the k-WTA unit."""
    meter = chip.meter[0]
    body.fired[neuron] = 1
    meter["fired"] += 1
    if meter["logged_spikes"] < len(body.spikes):
        body.spikes[meter["logged_spikes"]]["time"] = time
        body.spikes[meter["logged_spikes"]]["address"] = neuron
    meter["logged_spikes"] += 1
    source = np.int64(chip.core_link[core])
    link = np.int64(chip.core_link[meter["kwta_core"]])
    packet = _new_packet(chip, link, SPIKE, body.potential[neuron], 0, neuron, time)
    _offer(chip, source, packet)


@inner_kernel
def _integrate(chip, body, core, packet):
    """Deliver an input packet to the neurons of a core."""
    meter = chip.meter[0]
    own = chip.cores[core]
    low, high = chip.packets[packet]["first"], chip.packets[packet]["last"]
    weighted = len(body.weights) > 0
    step = meter["step"]
    for s in range(low, high):
        neuron = body.targets[s]
        body.potential[neuron] += body.weights[s] if weighted else np.int8(1)
        body.received[neuron] += 1
        if body.stamp[neuron] != step:
            body.stamp[neuron] = step
            body.touched[meter["touched"]] = neuron
            meter["touched"] += 1
            own["active"] += 1
    own["synaptic_events"] += high - low
    meter["synaptic_events"] += high - low
    if meter["logged_inputs"] < len(body.inputs):
        body.inputs[meter["logged_inputs"]]["time"] = meter["now"]
        body.inputs[meter["logged_inputs"]]["address"] = chip.packets[packet]["address"]
    meter["logged_inputs"] += 1


@inner_kernel
def _fire_at_once(chip, body, core, packet):
    """Without a barrier: the neurons that this packet brought to θ fire, higher potential first."""
    meter = chip.meter[0]
    found = 0
    for s in range(chip.packets[packet]["first"], chip.packets[packet]["last"]):
        neuron = body.targets[s]
        if body.fired[neuron] == 0 and body.potential[neuron] >= meter["theta"]:
            body.scratch[found] = _sort_key(body.potential[neuron], neuron)
            found += 1
    _sort(body.scratch, found)
    for i in range(found):
        _spike(chip, body, core, body.scratch[i] % np.int64(2147483648), meter["now"])


@inner_kernel
def _start(chip, core):
    """An idle core begins to serve the head of its input FIFO, if there is one."""
    meter = chip.meter[0]
    own = chip.cores[core]
    link = np.int64(chip.core_link[core])
    if own["serving"] >= 0 or chip.links[link]["head"] == NONE:
        return
    packet = _free(chip, _remove(chip, link))
    kind = chip.packets[packet]["kind"]
    if kind == INPUT:
        synapses = chip.packets[packet]["last"] - chip.packets[packet]["first"]
        service = meter["packet"] if own["inhibited"] else synapses * meter["synaptic_event"]
    elif kind == SPIKE:
        service = meter["synaptic_event"]
    elif kind == INHIBITION:
        service = meter["packet"]
    else:
        service = chip.packets[packet]["service"]
    own["serving"] = packet
    own["busy"] += service
    _schedule(chip, meter["now"], service, meter["routers"] + core)


@inner_loop
def _take_effect(chip, body, core, packet, used):
    """What a packet of a network does to the core that has served it."""
    meter = chip.meter[0]
    own = chip.cores[core]
    kind = chip.packets[packet]["kind"]
    if kind == INPUT:
        if not own["inhibited"]:
            _integrate(chip, body, core, packet)
            if meter["timed"] == ASYNC:
                _fire_at_once(chip, body, core, packet)
    elif kind == SPIKE:
        body.served[meter["served"]] = chip.packets[packet]["address"]
        body.served_potential[meter["served"]] = chip.packets[packet]["first"]
        meter["served"] += 1
        if meter["timed"] == ASYNC and meter["served"] == meter["k"]:
            _inhibit(chip, used)
    elif kind == INHIBITION:
        own["inhibited"] = 1


@inner_kernel
def _finish(chip, body, core, used):
    """A core has served a packet, which takes effect."""
    meter = chip.meter[0]
    own = chip.cores[core]
    packet = own["serving"]
    own["serving"] = -1
    own["packets"] += 1
    meter["delivered"] += 1
    chip.packets[packet]["finished"] = meter["now"]
    if chip.packets[packet]["kind"] != TRAFFIC:
        _take_effect(chip, body, core, packet, used)


@inner_kernel
def _silence_host(chip):
    """Inhibition has reached the host: what it has not yet sent is cancelled."""
    meter = chip.meter[0]
    port = meter["host"]  # of tile 0, so this is the number of its sender too
    sender = chip.senders[port]
    meter["cancelled"] += np.int64(sender["waiting"])
    sender["waiting"] = 0
    want = np.int64(sender["want"])
    if want != NONE:
        chip.requests[want * meter["lanes"] + (port >> 6)] &= ~(ONE << np.uint64(port & 63))
        sender["want"] = NONE
    meter["silenced"] = 1


@inner_loop
def _sample(chip):
    """See the queues as they were at every moment to sample up to now, before the events of now."""
    meter = chip.meter[0]
    times = (meter["now"] - meter["sample_at"]) // meter["sample_every"] + 1
    meter["sample_at"] += times * meter["sample_every"]
    chip.seen[0] += times
    for link in range(len(chip.links)):
        chip.seen[1] += times * np.int64(chip.senders[link]["waiting"])
        if chip.links[link]["end"] >= 0 or chip.links[link]["end"] <= CORE:
            held = np.int64(chip.links[link]["held"])
            level = held if held < FULL else np.int64(FULL)
            chip.seen[SEEN + level] += times
            chip.seen[SEEN + FULL + 1 + link] += times * held


@inner_loop
def _drain(chip, body, used):
    """Let everything that is on its way arrive: the event loop. Returns the fault, if any."""
    meter = chip.meter[0]
    routers = meter["routers"]
    senders = routers + meter["cores"]
    wires = senders + routers
    while meter["fault"] == SOUND:
        place = _next(chip)
        if place < 0:
            if place == EMPTY:
                break
            continue
        if meter["now"] >= meter["sample_at"]:
            _sample(chip)
        core = np.int64(EDGE)  # the core that may begin to serve
        if routers <= place < senders:
            core = place - routers
            _finish(chip, body, core, used)
        elif senders <= place < wires:
            _shown(chip, place - senders)
        else:
            link = place
            if place < routers:
                flit = _lift(chip, link)
            else:
                flit = _arrive(chip, place - wires)
                link = chip.wires[place - wires]["link"]
            if flit != NONE:
                core = _put_down(chip, link, flit)
                if core == HOST:
                    _silence_host(chip)
        if core >= 0:
            _start(chip, core)
        _settle(chip)
    if meter["fault"] == SOUND:
        settled = meter["delivered"] + meter["dropped"] + meter["cancelled"]
        if meter["injected"] != settled:
            meter["fault"] = DEADLOCK
    return meter["fault"]
