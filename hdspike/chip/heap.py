"""A binary heap of events in the order (time, address, sequence): O(log n) for a push and a pop, on bare arrays.

The event queue (:mod:`hdspike.chip.queue`) keeps a small one for what comes too late for its wheel, and the
benchmark of the queue has it as the rival.
"""

import numpy as np

from hdspike.chip.lean import inner_kernel

__all__ = ["PENDING"]

PENDING = np.dtype([("time", "<i8"), ("address", "<i8"), ("sequence", "<i8")])


@inner_kernel
def _push(heap, size, time, address, sequence):
    """Add one event to the first ``size`` events of ``heap``; returns the new size."""
    place = size
    while place > 0:
        above = (place - 1) >> 1
        if time > heap[above]["time"]:
            break
        if time == heap[above]["time"]:
            if address > heap[above]["address"]:
                break
            if address == heap[above]["address"] and sequence > heap[above]["sequence"]:
                break
        heap[place]["time"] = heap[above]["time"]
        heap[place]["address"] = heap[above]["address"]
        heap[place]["sequence"] = heap[above]["sequence"]
        place = above
    heap[place]["time"] = time
    heap[place]["address"] = address
    heap[place]["sequence"] = sequence
    return size + 1


@inner_kernel
def _before(heap, one, other):
    """Whether the event at place ``one`` comes before that at ``other``."""
    if heap[one]["time"] != heap[other]["time"]:
        return heap[one]["time"] < heap[other]["time"]
    if heap[one]["address"] != heap[other]["address"]:
        return heap[one]["address"] < heap[other]["address"]
    return heap[one]["sequence"] < heap[other]["sequence"]


@inner_kernel
def _pop(heap, size):
    """Remove the first event, ``heap[0]`` (read it before); returns the new size."""
    size -= 1
    time = heap[size]["time"]
    address = heap[size]["address"]
    sequence = heap[size]["sequence"]
    place = 0
    while True:
        below = 2 * place + 1
        if below >= size:
            break
        if below + 1 < size and _before(heap, below + 1, below):
            below += 1
        if time < heap[below]["time"]:
            break
        if time == heap[below]["time"]:
            if address < heap[below]["address"]:
                break
            if address == heap[below]["address"] and sequence < heap[below]["sequence"]:
                break
        heap[place]["time"] = heap[below]["time"]
        heap[place]["address"] = heap[below]["address"]
        heap[place]["sequence"] = heap[below]["sequence"]
        place = below
    heap[place]["time"] = time
    heap[place]["address"] = address
    heap[place]["sequence"] = sequence
    return size
