"""Rotation of packed vectors: the permutation of the dense binary space."""

from typing import Any

import numpy as np

from hdspike import check
from hdspike.bits.words import BITS, HUGE, ONE, ZERO, Words, tail_mask, words_of
from hdspike.jit import kernel, spread

S63 = np.uint64(63)


@kernel
def _word_at(words, row, bit):
    """The 64 bits of a row from place ``bit`` on; zeros beyond its last word."""
    count = words.shape[1]
    q, r = bit // BITS, np.uint64(bit % BITS)
    if q >= count:
        return ZERO
    word = words[row, q] >> r
    if q + 1 < count:
        word |= (words[row, q + 1] << ONE) << (S63 - r)
    return word


@kernel
def _rotate(words, dim, shift, mask, out):
    """Rotate every row by ``shift`` in ``[0, dim)``; returns the words written.

    Bits [0, dim − shift) move up and fill the words above word ``shift ÷ 64``; the others come down to the words
    below it; that word gets both. Every word is written once. Indices are unsigned, so that the loops vectorise.
    """
    rows, count = words.shape
    place, down = shift // BITS, dim - shift
    q, r = np.uint64(place), np.uint64(shift % BITS)
    p, t = np.uint64(down // BITS), np.uint64(down % BITS)
    r_back, t_back = S63 - r, S63 - t
    first, last = q + ONE, np.uint64(count)
    below = np.uint64(max(place - 1, 0))  # its neighbour above may not exist, nor that of word ``place``
    for i in range(rows):
        for w in range(first, last):
            out[i, w] = (words[i, w - q] << r) | ((words[i, w - q - ONE] >> ONE) >> r_back)
        for w in range(below):
            out[i, w] = (words[i, w + p] >> t) | ((words[i, w + p + ONE] << ONE) << t_back)
        if place > 0:
            out[i, place - 1] = _word_at(words, i, BITS * (place - 1) + down)
        out[i, place] = words[i, 0] << r
        if shift:
            out[i, place] |= _word_at(words, i, BITS * place + down)
        out[i, count - 1] &= mask
    return rows * count


def rotate(words: Any, dim: int, shifts: int = 1, *, out: Any = None) -> Words:
    """Move bit ``i`` to bit ``(i + shifts) mod dim``, for any number of bits, negative too.

    Words ``(..., W)`` → words of the same shape, written into ``out`` where it is given.

    >>> from hdspike.bits import pack, unpack
    >>> unpack(rotate(pack([1, 0, 0, 1, 1]), 5, 2), 5).tolist()
    [1, 1, 1, 0, 0]
    """
    given = words_of("words", words, dim)
    shift = check.integer("shifts", shifts) % dim
    target = check.receiver(out, given.shape, np.uint64)
    if np.may_share_memory(target, given):
        raise ValueError("out must not share memory with words, got one that does")
    flat, written = given.reshape(-1, given.shape[-1]), target.reshape(-1, given.shape[-1])
    mask = tail_mask(dim)
    if flat.size >= HUGE:
        spread(lambda low, high: _rotate(flat[low:high], dim, shift, mask, written[low:high]), len(flat))
    else:
        _rotate(flat, dim, shift, mask, written)
    return target
