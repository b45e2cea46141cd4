"""The asynchronous event loop: spikes, packets and synaptic events, each when it happens.

A core has two servers that work side by side. The **input** takes the head of the core's FIFO and is busy for the
service time of that packet; then its synaptic events act, those of one neuron after another in the order of the
table, and a neuron that fires does so at that moment. The **output** has the core's spikes in the order in which
they fell, and makes one packet after another of each: soma spike + axon out for the first, axon out for each
further one, counted from the departure of the packet before it; so a full mesh holds the output back.

Places of events beyond the mesh's own, in this order (and so ties are decided): the timetable of the spike sources,
then the delay lines. Every place waits for at most one event: a delay line hands on what entered it in turn.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hdspike.chip.config import MAX_TIME
from hdspike.chip.grid import EDGE
from hdspike.chip.latency import _bin
from hdspike.chip.lean import inner_kernel, loop_kernel
from hdspike.chip.mesh import _arrive, _free, _lift, _offer, _put_down, _remove, _schedule, _settle, _shown
from hdspike.chip.state import DEADLOCK, OVERFLOW, SOUND, TRAFFIC
from hdspike.chip.wheel import EMPTY, NONE, _next

__all__ = ["Run"]

# Why the loop came back.
QUIET, LATE, STORM, FULL, FAULT = 0, 1, 2, 3, 4
BEGIN = -3
GONE = 4  # the kind of a packet whose row is free
NOTE = np.dtype([("due", "<i8"), ("value", "<i4"), ("following", "<i4")])
RUN = np.dtype(
    [
        (name, "<i8")
        for name in (
            # what is asked
            "until", "most", "timetable", "log_limit",
            # what changes
            "again", "source", "free_note", "fresh_note", "notes", "free_packet", "fresh_packet", "packets", "logged",
            # what is counted
            "work", "fired", "unsent", "late", "synaptic_events",
        )
    ]
)  # fmt: skip


class Run(NamedTuple):
    """A network on the chip: the table of its fan-out, its neurons, and what they have under way."""

    meter: NDArray[Any]  # one row
    # the table (hdspike.chip.fanout)
    indptr: NDArray[np.int64]
    core: NDArray[np.int32]
    service: NDArray[np.int64]
    first_group: NDArray[np.int64]
    first: NDArray[np.int64]
    delay: NDArray[np.int64]
    line: NDArray[np.int32]
    targets: NDArray[np.int32]
    weights: NDArray[np.float64]
    # the neurons
    core_of: NDArray[np.int32]
    kind: NDArray[np.int8]
    spike_ps: NDArray[np.int64]
    out_ps: NDArray[np.int64]  # of each core
    core_of_queue: NDArray[np.int32]  # the core that sends into each input queue, −1 for none
    parameters: NDArray[np.float64]
    state: NDArray[np.float64]
    source_time: NDArray[np.int64]
    source_neuron: NDArray[np.int32]
    # under way: lists of notes, of the spikes that each core has to send and of what is in each delay line
    notes: NDArray[Any]
    out_head: NDArray[np.int32]
    out_tail: NDArray[np.int32]
    out_row: NDArray[np.int64]  # the next packet of the first spike
    line_head: NDArray[np.int32]
    line_tail: NDArray[np.int32]
    born: NDArray[np.int64]  # when the spike of each packet fell
    # counted
    sent: NDArray[np.int64]
    arrived: NDArray[np.int64]
    received: NDArray[np.int64]
    fired: NDArray[np.int64]
    log_time: NDArray[np.int64]
    log_neuron: NDArray[np.int32]
    histogram: NDArray[np.int64]
    sums: NDArray[np.int64]


@inner_kernel
def _note(run, value, due):
    """A new note; there is room."""
    meter = run.meter[0]
    note = meter["free_note"]
    if note >= 0:
        meter["free_note"] = run.notes[note]["following"]
    else:
        note = meter["fresh_note"]
        meter["fresh_note"] = note + 1
    meter["notes"] += 1
    run.notes[note]["value"] = value
    run.notes[note]["due"] = due
    run.notes[note]["following"] = -1
    return note


@inner_kernel
def _drop_note(run, note):
    """A note is done with; returns the one after it."""
    meter = run.meter[0]
    following = np.int64(run.notes[note]["following"])
    run.notes[note]["following"] = meter["free_note"]
    meter["free_note"] = note
    meter["notes"] -= 1
    return following


@inner_kernel
def _send(chip, run, core):
    """The output of a core works ahead of its router by one packet, so that it goes on when one departs."""
    meter = run.meter[0]
    queue = np.int64(chip.core_link[core])
    while run.out_head[core] >= 0 and chip.senders[queue]["waiting"] < 2:
        note = np.int64(run.out_head[core])
        neuron = np.int64(run.notes[note]["value"])
        row = run.out_row[core]
        packet = meter["free_packet"]
        if packet >= 0:
            meter["free_packet"] = np.int64(chip.packets[packet]["first"])
        else:
            packet = meter["fresh_packet"]
            meter["fresh_packet"] = packet + 1
        meter["packets"] += 1
        one = chip.packets[packet]
        one["kind"] = TRAFFIC
        one["link"] = chip.core_link[run.core[row]]
        one["first"] = row
        one["arrived"] = -1
        one["finished"] = -1
        one["offered"] = run.out_ps[core] + (run.spike_ps[neuron] if row == run.indptr[neuron] else 0)
        run.born[packet] = run.notes[note]["due"]
        run.sent[row] += 1
        meter["unsent"] -= 1
        _offer(chip, queue, packet)
        run.out_row[core] = row + 1
        if row + 1 == run.indptr[neuron + 1]:
            head = _drop_note(run, note)
            run.out_head[core] = head
            if head >= 0:
                run.out_row[core] = run.indptr[run.notes[head]["value"]]


@inner_kernel
def _spike(chip, run, neuron):
    """A neuron fires now."""
    meter = run.meter[0]
    now = chip.meter[0]["now"]
    meter["fired"] += 1
    run.fired[neuron] += 1
    if meter["logged"] < len(run.log_time):
        run.log_time[meter["logged"]] = now
        run.log_neuron[meter["logged"]] = neuron
        meter["logged"] += 1
    packets = run.indptr[neuron + 1] - run.indptr[neuron]
    if packets > 0:
        core = np.int64(run.core_of[neuron])
        meter["unsent"] += packets
        note = _note(run, neuron, now)
        if run.out_head[core] < 0:
            run.out_head[core] = note
            run.out_row[core] = run.indptr[neuron]
        else:
            run.notes[run.out_tail[core]]["following"] = note
        run.out_tail[core] = note


@inner_kernel
def _serve(chip, run, core):
    """An idle input begins to serve the head of its FIFO, if there is one."""
    own = chip.cores[core]
    link = np.int64(chip.core_link[core])
    if own["serving"] >= 0 or chip.links[link]["head"] == NONE:
        return
    packet = _free(chip, _remove(chip, link))
    service = run.service[chip.packets[packet]["first"]]
    own["serving"] = packet
    own["busy"] += service
    _schedule(chip, chip.meter[0]["now"], service, chip.meter[0]["routers"] + core)


@inner_kernel
def _served(chip, run, core):
    """A packet has been served; returns its row."""
    meter = chip.meter[0]
    own = chip.cores[core]
    packet = own["serving"]
    own["serving"] = -1
    own["packets"] += 1
    meter["delivered"] += 1
    one = chip.packets[packet]
    one["finished"] = meter["now"]
    row = np.int64(one["first"])
    run.arrived[row] += 1
    latency = meter["now"] - run.born[packet]
    run.histogram[_bin(latency)] += 1
    run.sums[0] += one["entered"] - run.born[packet]
    run.sums[1] += one["arrived"] - one["entered"]
    run.sums[2] += meter["now"] - run.service[row] - one["arrived"]
    run.sums[3] += run.service[row]
    run.sums[4] = max(run.sums[4], latency)
    one["kind"] = GONE
    one["first"] = run.meter[0]["free_packet"]
    run.meter[0]["free_packet"] = packet
    run.meter[0]["packets"] -= 1
    return row


@inner_kernel
def _delay(chip, run, group):
    """A group of synaptic events enters its delay line."""
    meter = chip.meter[0]
    delay = run.delay[group]
    if meter["now"] > MAX_TIME - delay:
        meter["fault"] = OVERFLOW
        return
    line = np.int64(run.line[group])
    note = _note(run, group, meter["now"] + delay)
    run.meter[0]["late"] += run.first[group + 1] - run.first[group]
    if run.line_head[line] < 0:
        run.line_head[line] = note
        _schedule(chip, meter["now"], delay, run.meter[0]["timetable"] + 1 + line)
    else:
        run.notes[run.line_tail[line]]["following"] = note
    run.line_tail[line] = note


@inner_kernel
def _ripe(chip, run, line):
    """The first group in a delay line acts now; returns it."""
    note = np.int64(run.line_head[line])
    group = np.int64(run.notes[note]["value"])
    head = _drop_note(run, note)
    run.line_head[line] = head
    run.meter[0]["late"] -= run.first[group + 1] - run.first[group]
    if head >= 0:
        _schedule(chip, run.notes[head]["due"], 0, run.meter[0]["timetable"] + 1 + line)
    return group


@inner_kernel
def _need(chip, run, place):
    """The most notes that an event can make: one for each spike and each group that is delayed."""
    meter = chip.meter[0]
    row = np.int64(-1)
    if meter["routers"] <= place < meter["routers"] + meter["cores"]:
        row = np.int64(chip.packets[chip.cores[place - meter["routers"]]["serving"]]["first"])
    elif place > run.meter[0]["timetable"]:
        group = run.notes[run.line_head[place - run.meter[0]["timetable"] - 1]]["value"]
        return run.first[group + 1] - run.first[group]
    if row < 0:
        return np.int64(1)
    low, high = run.first_group[row], run.first_group[row + 1]
    return run.first[high] - run.first[low]


@loop_kernel
def _run(chip, run, events):
    """Let happen what is to happen; returns why it stopped. After ``FULL`` it can be called again."""
    meter, own = chip.meter[0], run.meter[0]
    routers = meter["routers"]
    senders = routers + meter["cores"]
    wires = senders + routers
    timetable = own["timetable"]
    if own["again"] == BEGIN:
        own["again"] = -1
        if len(run.source_time) > 0:
            _schedule(chip, run.source_time[0], 0, timetable)
    while meter["fault"] == SOUND:
        place = own["again"]
        if place < 0:
            place = _next(chip)
            if place == EMPTY:
                break
            if place < 0:  # the wheel has turned
                continue
        own["again"] = -1
        if meter["now"] > own["until"]:
            meter["now"] = own["until"]
            return LATE
        if own["work"] >= own["most"]:
            own["again"] = place
            return STORM
        need = _need(chip, run, place)
        if (
            own["notes"] + need > len(run.notes)
            or own["packets"] + 2 > len(run.born)
            or own["logged"] + need > len(run.log_time) < own["log_limit"]
        ):
            own["again"] = place
            return FULL
        own["work"] += 1
        core = np.int64(EDGE)  # the core whose servers may have something to do
        low = high = np.int64(0)
        if routers <= place < senders:
            core = place - routers
            row = _served(chip, run, core)
            low, high = run.first_group[row], run.first_group[row + 1]
        elif senders <= place < wires:
            _shown(chip, place - senders)
            core = np.int64(run.core_of_queue[place - senders])
        elif place < timetable:
            link = place
            if place < routers:
                flit = _lift(chip, link)
            else:
                flit = np.int64(_arrive(chip, place - wires))
                link = np.int64(chip.wires[place - wires]["link"])
            if flit != NONE:
                core = _put_down(chip, link, flit)
        elif place == timetable:
            at = own["source"]
            neuron = np.int64(run.source_neuron[at])
            core = np.int64(run.core_of[neuron])
            _spike(chip, run, neuron)
            own["source"] = at + 1
            if at + 1 < len(run.source_time):
                _schedule(chip, run.source_time[at + 1], 0, timetable)
        else:
            low = _ripe(chip, run, place - timetable - 1)
            high = low + 1
            core = np.int64(run.core_of[run.targets[run.first[low]]])
        for group in range(low, high):
            if place < senders and run.line[group] >= 0:
                _delay(chip, run, group)
            else:
                now = meter["now"] * 1e-12
                for s in range(run.first[group], run.first[group + 1]):
                    neuron = np.int64(run.targets[s])
                    run.received[neuron] += 1
                    if events[run.kind[neuron]](run.parameters, run.state, neuron, now, run.weights[s]):
                        _spike(chip, run, neuron)
                here = run.first[group + 1] - run.first[group]
                own["work"] += here
                own["synaptic_events"] += here
                chip.cores[core]["synaptic_events"] += here
        if core >= 0:
            _send(chip, run, core)
            _serve(chip, run, core)
        _settle(chip)
    if meter["fault"] == SOUND and (
        meter["injected"] != meter["delivered"] + meter["dropped"] or own["notes"] > 0
    ):
        meter["fault"] = DEADLOCK
    return QUIET if meter["fault"] == SOUND else FAULT
