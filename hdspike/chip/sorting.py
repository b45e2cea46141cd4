"""Putting the events of one bucket of the queue in order: keys of one word, never a comparison of records.

``keys[i]`` is (time, address) of event ``i`` in one word, ``run[i]`` the cell where it lies; events come in the order
in which they were put, which decides between equal keys. Afterwards ``run`` holds the cells in order.
"""

import numpy as np

from hdspike.chip.lean import loop_kernel

DIGIT = 8


@loop_kernel
def _few(keys, run, spare, count):
    """Up to 64: each event goes where as many come before it. ``count²`` comparisons, without a branch."""
    for i in range(count):
        keys[i] = keys[i] << 6 | i
        spare[i] = run[i]
    for i in range(count):
        key = keys[i]
        before = 0
        for j in range(count):
            before += keys[j] < key
        run[before] = spare[i]


@loop_kernel
def _pass(source, out, count, shift, digits):
    """Sort by one digit of 8 bits, equal ones in their order."""
    for d in range(256):
        digits[d] = 0
    for i in range(count):
        digits[(source[i] >> shift) & 255] += 1
    total = np.int64(0)
    for d in range(256):
        here = digits[d]
        digits[d] = total
        total += here
    for i in range(count):
        d = (source[i] >> shift) & 255
        out[digits[d]] = source[i]
        digits[d] += 1


@loop_kernel
def _many(keys, run, spare, count, width):
    """Any number: a radix sort over the digits in which the keys differ. A cell takes ``width`` bits of a word."""
    different = np.int64(0)
    first = keys[0]
    for i in range(count):
        different |= keys[i] ^ first
        keys[i] = keys[i] << width | run[i]
    shift = np.int64(width)
    turned = False
    while different != 0:
        if different & 255 != 0:
            if turned:
                _pass(run, keys, count, shift, spare)
            else:
                _pass(keys, run, count, shift, spare)
            turned = not turned
        different >>= DIGIT
        shift += DIGIT
    low = (np.int64(1) << width) - 1
    for i in range(count):
        run[i] = (run[i] if turned else keys[i]) & low
