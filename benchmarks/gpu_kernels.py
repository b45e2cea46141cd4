"""CUDA kernels for packed bits, written for numba: ``make()`` compiles them for the GPU, or for numba's simulator.

``keys`` ``(W, N)`` are stored word by word, so that the threads of a warp read neighbours; ``queries`` ``(Q, W)`` are
read by all threads of a warp at once. One thread has one key and compares it with 8 queries (or 1), whose counts it
keeps in registers: a key's word is read once for 8 words XORed and counted. ``cuda.popc`` of 64 bits is CUDA's
``__popcll``: two POPC instructions of 32 bits and an addition.
"""

from types import SimpleNamespace
from typing import Any

import numpy as np
from numba import cuda

__all__ = ["GROUP", "SHIFT", "THREADS", "make"]

GROUP = 8  # queries that share one read of a key
THREADS = 256  # in a block
SHIFT = (
    37  # blocks by which the reader moves on between passes, so that no processor reads its own cache again
)


def make() -> SimpleNamespace:
    """``distances8``, ``distances1``, ``differences8`` and ``read``; ``ImportError`` where numba has no CUDA."""

    @cuda.jit
    def distances8(queries: Any, keys: Any, out: Any) -> None:
        """``out[q, i]`` = bits in which query q and key i differ; block y has queries 8y to 8y + 7."""
        i, first = cuda.grid(1), cuda.blockIdx.y * 8
        if i < keys.shape[1]:
            a, b, c, d = np.int32(0), np.int32(0), np.int32(0), np.int32(0)
            e, f, g, h = np.int32(0), np.int32(0), np.int32(0), np.int32(0)
            for w in range(keys.shape[0]):
                word = keys[w, i]
                a = np.int32(a + cuda.popc(word ^ queries[first, w]))
                b = np.int32(b + cuda.popc(word ^ queries[first + 1, w]))
                c = np.int32(c + cuda.popc(word ^ queries[first + 2, w]))
                d = np.int32(d + cuda.popc(word ^ queries[first + 3, w]))
                e = np.int32(e + cuda.popc(word ^ queries[first + 4, w]))
                f = np.int32(f + cuda.popc(word ^ queries[first + 5, w]))
                g = np.int32(g + cuda.popc(word ^ queries[first + 6, w]))
                h = np.int32(h + cuda.popc(word ^ queries[first + 7, w]))
            out[first, i], out[first + 1, i], out[first + 2, i], out[first + 3, i] = a, b, c, d
            out[first + 4, i], out[first + 5, i], out[first + 6, i], out[first + 7, i] = e, f, g, h

    @cuda.jit
    def distances1(queries: Any, keys: Any, out: Any) -> None:
        """The same for one query in each block y."""
        i, q = cuda.grid(1), cuda.blockIdx.y
        if i < keys.shape[1]:
            total = np.int32(0)
            for w in range(keys.shape[0]):
                total = np.int32(total + cuda.popc(keys[w, i] ^ queries[q, w]))
            out[q, i] = total

    @cuda.jit
    def differences8(queries: Any, keys: Any, out: Any) -> None:
        """``distances8`` without the counting: ``out[q, i]`` = the OR over words of their differences."""
        i, first = cuda.grid(1), cuda.blockIdx.y * 8
        if i < keys.shape[1]:
            a, b, c, d = np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0)
            e, f, g, h = np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0)
            for w in range(keys.shape[0]):
                word = keys[w, i]
                a |= word ^ queries[first, w]
                b |= word ^ queries[first + 1, w]
                c |= word ^ queries[first + 2, w]
                d |= word ^ queries[first + 3, w]
                e |= word ^ queries[first + 4, w]
                f |= word ^ queries[first + 5, w]
                g |= word ^ queries[first + 6, w]
                h |= word ^ queries[first + 7, w]
            out[first, i], out[first + 1, i], out[first + 2, i], out[first + 3, i] = a, b, c, d
            out[first + 4, i], out[first + 5, i], out[first + 6, i], out[first + 7, i] = e, f, g, h

    @cuda.jit
    def read(words: Any, passes: Any, out: Any) -> None:
        """XOR of all words, ``passes`` times over; ``out`` has one word per thread.

        ``len(words)`` is a multiple of blocks × threads. In each pass a block reads another block's share.
        """
        blocks, threads = cuda.gridDim.x, cuda.blockDim.x
        share = words.shape[0] // blocks
        total = np.uint64(0)
        for turn in range(passes):
            begin = (cuda.blockIdx.x + turn * 37) % blocks * share
            for at in range(begin + cuda.threadIdx.x, begin + share, threads):
                total ^= words[at]
        out[cuda.grid(1)] = total

    return SimpleNamespace(distances8=distances8, distances1=distances1, differences8=differences8, read=read)
