"""Bits in machine words: pack, unpack, bind, popcount, rotate, majority, Hamming distance, nearest rows.

Everything here works on ``uint64`` words in little-endian bit order: bit ``i`` of a vector is bit ``i % 64``
of word ``i // 64``. ``dim`` is any positive number of bits; the bits of the last word beyond ``dim`` (its
tail) are zero before and after every operation. Nothing is unpacked to bytes unless you ask for it.
"""

from hdspike.bits.bundling import _majority, majority, scratch
from hdspike.bits.counters import Counters
from hdspike.bits.distance import _distance, hamming
from hdspike.bits.hashing import GOLDEN, _hash64, _mix, hash64
from hdspike.bits.planes import DESK
from hdspike.bits.rotation import rotate
from hdspike.bits.search import nearest, smallest
from hdspike.bits.words import (
    BITS,
    FULL,
    ONE,
    ZERO,
    Words,
    _ones,
    check_tails,
    mapped,
    pack,
    popcount,
    random,
    tail_mask,
    unpack,
    word_count,
    words_of,
    xor,
)

__all__ = [
    "BITS",
    "DESK",
    "FULL",
    "GOLDEN",
    "ONE",
    "ZERO",
    "Counters",
    "Words",
    "_distance",
    "_hash64",
    "_majority",
    "_mix",
    "_ones",
    "check_tails",
    "hamming",
    "hash64",
    "majority",
    "mapped",
    "nearest",
    "pack",
    "popcount",
    "random",
    "rotate",
    "scratch",
    "smallest",
    "tail_mask",
    "unpack",
    "word_count",
    "words_of",
    "xor",
]
