"""The event queue: what happens next, in a total order that no container decides.

Events are ordered by (time, address, sequence): earlier first; of one time, the lower address first; of one
address, the one that was pushed first. It is a binary heap on bare arrays, O(log n) for a push and a pop.
"""

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.chip.config import MAX_TIME
from hdspike.chip.lean import lean_kernel

__all__ = ["PENDING", "EventQueue"]

PENDING = np.dtype([("time", "<i8"), ("address", "<i8"), ("sequence", "<i8")])


@lean_kernel
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


@lean_kernel
def _before(heap, one, other):
    """Whether the event at place ``one`` comes before that at ``other``."""
    if heap[one]["time"] != heap[other]["time"]:
        return heap[one]["time"] < heap[other]["time"]
    if heap[one]["address"] != heap[other]["address"]:
        return heap[one]["address"] < heap[other]["address"]
    return heap[one]["sequence"] < heap[other]["sequence"]


@lean_kernel
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


class EventQueue:
    """The checked queue, for tests, lessons and code outside the kernels.

    Example:
        >>> queue = EventQueue()
        >>> queue.push(5, 1), queue.push(3, 7), queue.push(3, 2)
        (0, 1, 2)
        >>> queue.pop()
        (3, 2, 2)
    """

    def __init__(self) -> None:
        self._heap: NDArray[np.void] = np.zeros(16, dtype=PENDING)
        self._size = 0
        self._sequence = 0

    def __len__(self) -> int:
        return self._size

    def push(self, time: int, address: int) -> int:
        """Add an event at ``time`` (ps); returns its sequence number.

        Raises:
            OverflowError: ``time`` is beyond the last instant of the clock, 2⁶² − 1 ps.
        """
        at = check.integer("time", time, low=0)
        if at > MAX_TIME:
            raise OverflowError(f"time must be at most 2⁶² − 1 ps, got {at}")
        place = check.integer("address", address, low=0, high=2**63 - 1)
        if self._size == len(self._heap):
            self._heap = np.concatenate([self._heap, np.zeros_like(self._heap)])
        sequence = self._sequence
        self._size = int(_push(self._heap, self._size, at, place, sequence))
        self._sequence += 1
        return sequence

    def pop(self) -> tuple[int, int, int]:
        """Remove and return the first event as ``(time, address, sequence)``.

        Raises:
            IndexError: the queue is empty.
        """
        if self._size == 0:
            raise IndexError("pop from an empty event queue")
        first = self._heap[0]
        event = int(first["time"]), int(first["address"]), int(first["sequence"])
        self._size = int(_pop(self._heap, self._size))
        return event
