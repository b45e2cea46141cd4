"""What happens next on the mesh: a timing wheel with one event per place, in the order of (time, place).

A place (a link, a core, a sender, an off-chip wire) waits for at most one event, so there is a row per place (``when``,
and the place ``after`` it) and a list per slot of the wheel (``heads``). The wheel is hierarchical (Varghese and
Lauck 1987): level 0 has 4096 slots of 2**shift ps each, the slots of level ``l + 1`` are as long as the whole of
level ``l``, and an event sits in the lowest level that has its time and the present in one turn. When a slot of a
higher level becomes the present, its events move down. Two bitmaps per level find the next slot.
The events of one instant move to a bitmap over the places, from which the lowest is taken: any number of events of
one time are ordered at the price of a few instructions each.
"""

import numpy as np

from hdspike.chip.lean import inner_kernel

__all__ = ["AGAIN", "EMPTY", "EVENT", "LEVELS", "LEVEL_BITS", "NONE", "SLOTS"]

NONE = 0xFFFFFFFF
"""No row: the end of a list. (Unsigned numbers of rows spare the compiled code a test for negative indices.)"""
EMPTY, AGAIN = -1, -2
EVENT = np.dtype([("when", "<i8"), ("after", "<u4"), ("padding", "<u4")])

LEVEL_BITS = 12
SLOTS = 1 << LEVEL_BITS
WORDS = SLOTS // 64
LEVELS = 6  # 6 · 12 bits hold any time of 62 bits

# Where the bitmaps are: the slots in use, the words of those in use, the places that are ready, the words of those.
USED, SUMMARY, READY = 0, LEVELS * WORDS, LEVELS * WORDS + LEVELS  # and the last from meter["tops"] on

ONE = np.uint64(1)
M1, M2, M4 = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333), np.uint64(0x0F0F0F0F0F0F0F0F)
H01 = np.uint64(0x0101010101010101)
S1, S2, S4, S56 = np.uint64(1), np.uint64(2), np.uint64(4), np.uint64(56)


def shift_for(longest: int) -> int:
    """The width of a slot, as a power of two, so that the usual times are a small part of a turn."""
    return max(0, (4 * longest).bit_length() - LEVEL_BITS)


@inner_kernel
def _lowest(word):
    """The place of the lowest one of a word that is not zero: the number of zeros below it."""
    x = ~word & (word - ONE)
    x = x - ((x >> S1) & M1)
    x = (x & M2) + ((x >> S2) & M2)
    x = (x + (x >> S4)) & M4
    return np.int64((x * H01) >> S56)


@inner_kernel
def _mark(chip, place):
    """An event of the present instant."""
    meter = chip.meter[0]
    word = place >> 6
    chip.bits[READY + word] |= ONE << np.uint64(place & 63)
    top = meter["tops"] + (word >> 6)
    chip.bits[top] |= ONE << np.uint64(word & 63)
    if meter["ready"] == 0 or top < meter["ready_low"]:
        meter["ready_low"] = top
    meter["ready"] += 1


@inner_kernel
def _put(chip, time, place):
    """An event of the future: into its slot."""
    meter = chip.meter[0]
    apart = (time ^ meter["now"]) >> meter["shift"]
    slot = time >> meter["shift"]
    level = 0
    while apart >= SLOTS:
        apart >>= LEVEL_BITS
        slot >>= LEVEL_BITS
        level += 1
    slot &= SLOTS - 1
    cell = level * SLOTS + slot
    chip.events[place]["after"] = chip.heads[cell]
    chip.heads[cell] = place
    chip.bits[USED + (cell >> 6)] |= ONE << np.uint64(cell & 63)
    chip.bits[SUMMARY + level] |= ONE << np.uint64(slot >> 6)


@inner_kernel
def _later(chip, time, place):
    """Plan an event at ``time``; it is filed with all others when what happens now is done."""
    count = chip.meter[0]["planned"]
    chip.planned[count] = place
    chip.events[place]["when"] = time
    chip.meter[0]["planned"] = count + 1


@inner_kernel
def _file(chip):
    """File the planned events: those of this instant as ready, the others in their slots."""
    meter = chip.meter[0]
    for i in range(meter["planned"]):
        place = np.int64(chip.planned[i])
        time = chip.events[place]["when"]
        if time == meter["now"]:
            _mark(chip, place)
        else:
            _put(chip, time, place)
    meter["planned"] = 0


@inner_kernel
def _turn(chip):
    """Turn the wheel to the first slot in use: ``now`` becomes its time.

    Returns the place of the event if it is alone there, ``AGAIN`` if its events are planned anew, ``EMPTY`` if there
    is none.
    """
    meter = chip.meter[0]
    level = 0
    while level < LEVELS and chip.bits[SUMMARY + level] == 0:
        level += 1
    if level == LEVELS:
        return np.int64(EMPTY)
    word = level * WORDS + _lowest(chip.bits[SUMMARY + level])
    cell = word * 64 + _lowest(chip.bits[USED + word])
    left = chip.bits[USED + word] & (chip.bits[USED + word] - ONE)
    chip.bits[USED + word] = left
    if left == 0:
        chip.bits[SUMMARY + level] &= chip.bits[SUMMARY + level] - ONE
    place = np.int64(chip.heads[cell])
    chip.heads[cell] = NONE
    time = chip.events[place]["when"]
    if level == 0 and chip.events[place]["after"] == NONE:
        meter["now"] = time
        return place
    count = 0
    while place != NONE:
        time = min(time, chip.events[place]["when"])
        chip.planned[count] = place
        count += 1
        place = np.int64(chip.events[place]["after"])
    meter["planned"] = count
    if level > 0:  # the slot becomes the present: its events move down
        width = meter["shift"] + level * LEVEL_BITS
        time = (time >> width) << width
    meter["now"] = time
    return np.int64(AGAIN)


@inner_kernel
def _first(chip):
    """Take the lowest place that is ready."""
    meter = chip.meter[0]
    top = meter["ready_low"]
    while chip.bits[top] == 0:
        top += 1
    meter["ready_low"] = top
    word = (top - meter["tops"]) * 64 + _lowest(chip.bits[top])
    place = word * 64 + _lowest(chip.bits[READY + word])
    left = chip.bits[READY + word] & (chip.bits[READY + word] - ONE)
    chip.bits[READY + word] = left
    if left == 0:
        chip.bits[top] &= chip.bits[top] - ONE
    meter["ready"] -= 1
    return place


@inner_kernel
def _next(chip):
    """File what is planned and take the first event, at ``now``; ``AGAIN`` to be asked again, ``EMPTY`` if none."""
    _file(chip)
    return _turn(chip) if chip.meter[0]["ready"] == 0 else _first(chip)
