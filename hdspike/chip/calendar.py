"""The event queue: what happens next, in a total order that no container decides.

Events are ordered by (time, address, sequence): earlier first; of one time, the lower address first; of one
address, the one that was put first.

**The wheel.** Time is cut into buckets of ``2**shift`` ps; bucket ``b`` holds the events with ``time >> shift = b``.
The wheel has levels of 4096 slots: a slot of level ``l`` is ``4096**l`` buckets long. With ``base`` the bucket that
is open, an event goes to the lowest level where its bucket and ``base`` lie in one turn of 4096 slots
(a hierarchical timing wheel, Varghese and Lauck 1987). When the levels below are empty, the events of the
next slot move down: an event moves as often as its delay has digits to the base 4096, almost always never. Two
bitmaps per level find the next slot. A slot is a ring of chunks of five events, so that its events lie side by side.
**The open bucket** is put in order when it is opened: a few events by counting how many come before each, many by a
radix sort of (time, address) in one word, and where these do not fit in a word by the heap. Events that are put into
the open bucket, or before it, go to a small heap, and the next event is the lesser of the two fronts.

All events at one instant, all far apart, or all too late: a put and a take cost O(log n) at most, and O(1) where
the buckets are short. Peak memory is about 130 bytes for each event of the capacity.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.chip.config import MAX_TIME
from hdspike.chip.heap import PENDING, _pop, _push
from hdspike.chip.lean import inner_kernel, loop_kernel
from hdspike.chip.sorting import _few, _many
from hdspike.chip.wheel import ONE, _lowest

__all__ = ["Queue", "event_queue", "resized", "width_for"]

LEVEL_BITS = 12
SLOTS = 1 << LEVEL_BITS  # of a level
LEVELS = 6  # 6 · 12 bits hold any bucket
MASK = SLOTS - 1
WORDS = SLOTS // 64
ZERO = np.uint64(0)
U = np.uint64  # of an index that is never negative: numba then compiles no wrap-around
CHUNK = 5  # events of a chunk
STRIDE = 16  # cells of a chunk: 8 · the next chunk of the ring + its events, then (time, address, sequence) of each
METER = np.dtype(
    [
        (name, "<i8")
        for name in (
            # the queue
            "capacity", "shift", "address_bits",
            # what it holds
            "size", "sequence", "base", "at", "end", "near", "first_slot",
            # chunks: a list of free ones, the first never used, and those of the open bucket
            "free", "fresh", "first", "last",
        )
    ]
)  # fmt: skip


class Queue(NamedTuple):
    """The queue as arrays: what the kernels work on. Make it with :func:`event_queue`."""

    meter: NDArray[Any]  # one row
    slots: NDArray[np.int32]  # the newest chunk of each slot of each level, −1 if it is empty
    words: NDArray[np.uint64]  # which slots are not empty
    summary: NDArray[np.uint64]  # of each level, which words are not zero
    pool: NDArray[np.int64]  # the chunks
    run: NDArray[
        np.int64
    ]  # the open bucket: the cells of its events in order, from meter["at"] to meter["end"]
    keys: NDArray[np.int64]
    spare: NDArray[np.int64]
    near: NDArray[Any]  # a heap: events for the open bucket, or before it


def event_queue(capacity: int, *, width_ps: int = 128) -> Queue:
    """An empty queue for at most ``capacity`` events; buckets last ``width_ps``, rounded down to a power of two."""
    room = check.integer("capacity", capacity, low=1, high=2**32)
    shift = check.integer("width_ps", width_ps, low=1, high=2**20).bit_length() - 1
    meter = np.zeros(1, dtype=METER)
    meter["shift"], meter["free"], meter["last"], meter["first_slot"] = shift, -1, -1, SLOTS
    return resized(
        Queue(
            meter=meter,
            slots=np.full(LEVELS * SLOTS, -1, dtype=np.int32),
            words=np.zeros(LEVELS * WORDS, dtype=np.uint64),
            summary=np.zeros(LEVELS, dtype=np.uint64),
            pool=np.empty(0, dtype=np.int64),
            run=np.empty(0, dtype=np.int64),
            keys=np.empty(0, dtype=np.int64),
            spare=np.empty(0, dtype=np.int64),
            near=np.empty(0, dtype=PENDING),
        ),
        room,
    )


def resized(queue: Queue, capacity: int) -> Queue:
    """The same queue with room for more events."""
    # A slot needs a chunk of its own, and the open bucket keeps its chunks until it is used up.
    chunks = 2 * (capacity // CHUNK) + min(capacity, LEVELS * SLOTS) + 4

    def longer(cells: NDArray[Any], length: int) -> NDArray[Any]:
        out = np.empty(length, dtype=cells.dtype)
        out[: len(cells)] = cells
        return out

    meter = queue.meter.copy()
    meter["capacity"] = capacity
    meter["address_bits"] = 62 - meter["shift"] - (chunks * STRIDE).bit_length()
    return queue._replace(
        meter=meter,
        pool=longer(queue.pool, chunks * STRIDE),
        run=longer(queue.run, capacity),
        keys=longer(queue.keys, capacity),
        spare=longer(queue.spare, capacity + 256),
        near=longer(queue.near, capacity),
    )


def width_for(delays_ps: Any) -> int:
    """A good width of the buckets where events are put this long after the present: 1/16 of the shortest, not 0."""
    delays = check.array("delays_ps", delays_ps, np.int64, ndim=1)
    shortest = int(delays[delays > 0].min(initial=MAX_TIME))
    return min(2**20, max(1, shortest // 16))


@inner_kernel
def _append(queue, level, bucket, time, address, sequence):
    """Add an event to the slot of a level where its bucket lies."""
    meter, pool = queue.meter[0], queue.pool
    place = (bucket >> (level * LEVEL_BITS)) & MASK
    slot = level * SLOTS + place
    newest = np.int64(queue.slots[U(slot)])
    head = np.int64(0)
    filled = np.int64(CHUNK)
    if newest < 0:
        queue.words[U(slot >> 6)] |= ONE << np.uint64(slot & 63)
        queue.summary[U(level)] |= ONE << np.uint64(place >> 6)
        if slot < meter["first_slot"]:
            meter["first_slot"] = slot
    else:
        head = pool[U(newest * STRIDE)]
        filled = head & 7
    if filled < CHUNK:
        pool[U(newest * STRIDE)] = head + 1
        cell = newest * STRIDE + 1 + 3 * filled
    else:
        chunk = meter["free"]
        if chunk >= 0:
            meter["free"] = pool[U(chunk * STRIDE)] >> 3
        else:
            chunk = meter["fresh"]
            meter["fresh"] = chunk + 1
        queue.slots[U(slot)] = chunk
        if newest < 0:
            pool[U(chunk * STRIDE)] = chunk * 8 + 1
        else:  # the new chunk comes last and leads back to the oldest
            pool[U(chunk * STRIDE)] = head - CHUNK + 1
            pool[U(newest * STRIDE)] = chunk * 8 + CHUNK
        cell = chunk * STRIDE + 1
    pool[U(cell)] = time
    pool[U(cell + 1)] = address
    pool[U(cell + 2)] = sequence


@loop_kernel
def _late(queue, time, address, sequence):
    """Put an event that belongs to the open bucket, or before it."""
    meter = queue.meter[0]
    meter["near"] = _push(queue.near, meter["near"], time, address, sequence)


@inner_kernel
def _put(queue, time, address):
    """Add an event, ``0 ≤ time < 2⁶²`` and ``address ≥ 0``; returns whether there was room."""
    meter = queue.meter[0]
    if meter["size"] == meter["capacity"]:
        return False
    meter["size"] += 1
    sequence = meter["sequence"]
    meter["sequence"] = sequence + 1
    bucket = time >> meter["shift"]
    if bucket > meter["base"]:
        level = 0
        apart = (bucket ^ meter["base"]) >> LEVEL_BITS
        while apart > 0:
            apart >>= LEVEL_BITS
            level += 1
        _append(queue, level, bucket, time, address, sequence)
    else:
        _late(queue, time, address, sequence)
    return True


@inner_kernel
def _take_slot(queue, level, slot):
    """Empty the first slot of a level; returns its newest chunk. ``first_slot`` becomes the next of this level."""
    word = slot >> 6
    left = queue.words[U(word)] & (queue.words[U(word)] - ONE)
    queue.words[U(word)] = left
    if left == ZERO:
        rest = queue.summary[U(level)] & (queue.summary[U(level)] - ONE)
        queue.summary[U(level)] = rest
        if rest == ZERO:
            queue.meter[0]["first_slot"] = SLOTS
        else:
            word = level * WORDS + _lowest(rest)
            queue.meter[0]["first_slot"] = word * 64 + _lowest(queue.words[U(word)])
    else:
        queue.meter[0]["first_slot"] = word * 64 + _lowest(left)
    newest = np.int64(queue.slots[U(slot)])
    queue.slots[U(slot)] = -1
    return newest


@loop_kernel
def _move_down(queue):
    """The lowest level is empty: the events of the next slot of a higher one move down, until it is not."""
    meter, pool = queue.meter[0], queue.pool
    while queue.summary[0] == ZERO:
        level = 1
        while queue.summary[level] == ZERO:
            level += 1
        word = level * WORDS + _lowest(queue.summary[level])
        newest = _take_slot(queue, level, word * 64 + _lowest(queue.words[word]))
        meter["first_slot"] = SLOTS
        chunk = pool[newest * STRIDE] >> 3
        turn = level * LEVEL_BITS
        start = (pool[newest * STRIDE + 1] >> meter["shift"] >> turn) << turn
        while True:
            head = pool[chunk * STRIDE]
            cell = chunk * STRIDE + 1
            for _ in range(head & 7):
                bucket = pool[cell] >> meter["shift"]
                apart = (bucket ^ start) >> LEVEL_BITS
                to = 0
                while apart > 0:
                    apart >>= LEVEL_BITS
                    to += 1
                _append(queue, to, bucket, pool[cell], pool[cell + 1], pool[cell + 2])
                cell += 3
            pool[chunk * STRIDE] = meter["free"] * 8
            meter["free"] = chunk
            if chunk == newest:
                break
            chunk = head >> 3


@loop_kernel
def _arrange(queue, newest):
    """Put the events of several chunks in order, into the run or into the heap."""
    meter, pool = queue.meter[0], queue.pool
    width = np.int64(meter["address_bits"])
    inside = (np.int64(1) << meter["shift"]) - 1
    count = np.int64(0)
    addresses = np.int64(0)
    chunk = pool[newest * STRIDE] >> 3
    meter["first"] = chunk
    meter["last"] = newest
    while True:
        head = pool[chunk * STRIDE]
        cell = chunk * STRIDE + 1
        for _ in range(head & 7):
            addresses |= pool[cell + 1]
            queue.keys[count] = (pool[cell] & inside) << width | pool[cell + 1]
            queue.run[count] = cell
            count += 1
            cell += 3
        if chunk == newest:
            break
        chunk = head >> 3
    meter["at"] = 0
    meter["end"] = count
    if addresses >> width != 0:  # (time, address) does not fit in a word
        for i in range(count):
            cell = queue.run[i]
            meter["near"] = _push(queue.near, meter["near"], pool[cell], pool[cell + 1], pool[cell + 2])
        meter["end"] = 0
    elif count <= 64:
        _few(queue.keys, queue.run, queue.spare, count)
    else:
        _many(queue.keys, queue.run, queue.spare, count, np.int64(62) - meter["shift"] - width)


@inner_kernel
def _arrange_chunk(queue, chunk, count):
    """Put the two to five events of one chunk in order, into the run: each goes where as many come before it."""
    meter, pool, keys = queue.meter[0], queue.pool, queue.keys
    width = meter["address_bits"]
    inside = (np.int64(1) << meter["shift"]) - 1
    cell = chunk * STRIDE + 1
    if count == 2:  # they lie in the order in which they were put
        second = pool[U(cell + 3)] < pool[U(cell)] or (
            pool[U(cell + 3)] == pool[U(cell)] and pool[U(cell + 4)] < pool[U(cell + 1)]
        )
        queue.run[0] = cell + 3 if second else cell
        queue.run[1] = cell if second else cell + 3
        meter["first"] = chunk
        meter["last"] = chunk
        meter["at"] = 0
        meter["end"] = count
        return
    addresses = np.int64(0)
    for i in range(count):
        one = cell + 3 * i
        addresses |= pool[U(one + 1)]
        keys[i] = ((pool[U(one)] & inside) << width | pool[U(one + 1)]) << 3 | i
    if addresses >> width != 0:
        _arrange(queue, chunk)
        return
    for i in range(count):
        key = keys[i]
        before = 0
        for j in range(count):
            before += keys[j] < key
        queue.run[U(before)] = cell + 3 * i
    meter["first"] = chunk
    meter["last"] = chunk
    meter["at"] = 0
    meter["end"] = count


@inner_kernel
def _near_before(queue, cell):
    """Whether the front of the heap comes before the event in a cell of the pool."""
    front, pool = queue.near[0], queue.pool
    if front["time"] != pool[cell]:
        return front["time"] < pool[cell]
    if front["address"] != pool[cell + 1]:
        return front["address"] < pool[cell + 1]
    return front["sequence"] < pool[cell + 2]


@inner_kernel
def _next(queue):
    """Take the first event of a queue that is not empty: ``time, address, sequence``."""
    meter, pool = queue.meter[0], queue.pool
    meter["size"] -= 1
    at = meter["at"]
    if at == meter["end"] and meter["near"] == 0:  # the open bucket is used up
        if meter["last"] >= 0:
            pool[U(meter["last"] * STRIDE)] = meter["free"] * 8
            meter["free"] = meter["first"]
            meter["last"] = -1
        if meter["first_slot"] == SLOTS:
            _move_down(queue)
        chunk = _take_slot(queue, 0, meter["first_slot"])
        cell = chunk * STRIDE + 1
        head = pool[U(cell - 1)]
        meter["base"] = pool[U(cell)] >> meter["shift"]
        if head == chunk * 8 + 1:  # a single event: nothing to put in order
            pool[U(cell - 1)] = meter["free"] * 8
            meter["free"] = chunk
            return pool[U(cell)], pool[U(cell + 1)], pool[U(cell + 2)]
        if head >> 3 == chunk:
            _arrange_chunk(queue, chunk, head & 7)
        else:
            _arrange(queue, chunk)
        at = np.int64(0)
    if meter["near"] > 0 and (at == meter["end"] or _near_before(queue, queue.run[U(at)])):
        time, address, sequence = queue.near[0]["time"], queue.near[0]["address"], queue.near[0]["sequence"]
        meter["near"] = _pop(queue.near, meter["near"])
        return time, address, sequence
    meter["at"] = at + 1
    cell = queue.run[U(at)]
    return pool[U(cell)], pool[U(cell + 1)], pool[U(cell + 2)]
