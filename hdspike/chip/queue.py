"""The event queue, checked: for tests, lessons and code outside the kernels. The kernels are in
:mod:`hdspike.chip.calendar`.

Events are ordered by (time, address, sequence): earlier first; of one time, the lower address first; of one
address, the one that was pushed first.
"""

from hdspike import check
from hdspike.chip.calendar import _next, _put, event_queue, resized
from hdspike.chip.config import MAX_TIME
from hdspike.chip.lean import loop_kernel

__all__ = ["EventQueue"]


@loop_kernel
def _push_one(queue, time, address):
    """``_put`` compiled by itself."""
    return _put(queue, time, address)


@loop_kernel
def _pop_one(queue):
    """``_next`` compiled by itself."""
    return _next(queue)


class EventQueue:
    """What happens next. It grows as it needs, and keeps any order of pushing and popping.

    ``width_ps``: the width of a bucket; the answers do not depend on it (:func:`hdspike.chip.calendar.width_for`).

    Example:
        >>> queue = EventQueue()
        >>> queue.push(5, 1), queue.push(3, 7), queue.push(3, 2)
        (0, 1, 2)
        >>> queue.pop()
        (3, 2, 2)
    """

    def __init__(self, *, width_ps: int = 128) -> None:
        self.queue = event_queue(16, width_ps=width_ps)

    def __len__(self) -> int:
        return int(self.queue.meter["size"][0])

    def push(self, time: int, address: int) -> int:
        """Add an event at ``time`` (ps); returns its sequence number.

        Raises:
            OverflowError: ``time`` is beyond the last instant of the clock, 2⁶² − 1 ps.
        """
        at = check.integer("time", time, low=0)
        if at > MAX_TIME:
            raise OverflowError(f"time must be at most 2⁶² − 1 ps, got {at}")
        place = check.integer("address", address, low=0, high=2**63 - 1)
        if len(self) == int(self.queue.meter["capacity"][0]):
            self.queue = resized(self.queue, 2 * len(self))
        _push_one(self.queue, at, place)
        return int(self.queue.meter["sequence"][0]) - 1

    def pop(self) -> tuple[int, int, int]:
        """Remove and return the first event as ``(time, address, sequence)``.

        Raises:
            IndexError: the queue is empty.
        """
        if len(self) == 0:
            raise IndexError("pop from an empty event queue")
        time, address, sequence = _pop_one(self.queue)
        return int(time), int(address), int(sequence)
