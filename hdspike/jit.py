"""How every kernel is compiled, and how work is spread over threads.

Kernels compile lazily, are cached on disk, run without the GIL and use NumPy's division rules. Signatures are
lazy, so nothing compiles at import. ``NUMBA_DISABLE_JIT=1`` runs the same code as plain Python,
``NUMBA_BOUNDSCHECK=1`` checks every index: the test suite passes under both.

Threads are plain Python threads around serial kernels on disjoint slices: the answer cannot depend on how many
there are, and a kernel compiles several times faster than with numba's own ``parallel=True``.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any

import numba

__all__ = ["kernel", "spread"]

kernel: Callable[..., Any] = numba.njit(cache=True, nogil=True, error_model="numpy")


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="hdspike")


# A forked child has the pool but not its threads: it makes its own.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)


def spread(work: Callable[[int, int], Any], size: int) -> None:
    """Call ``work(low, high)`` on consecutive ranges that cover ``range(size)``, one per thread.

    As many threads as ``numba.get_num_threads()`` says (``NUMBA_NUM_THREADS``). ``work`` writes only into its
    own range, and does not itself call ``spread``. The caller's thread does the last range.
    """
    threads = max(1, min(numba.get_num_threads(), size))
    edges = [size * i // threads for i in range(threads + 1)]
    if threads == 1:
        work(0, size)
        return
    *others, last = pairwise(edges)
    running = [_pool(threads - 1).submit(work, *edge) for edge in others]
    try:
        work(*last)
    finally:
        for done in running:
            done.exception()  # wait: nobody may write into the caller's arrays after this returns
    for done in running:
        done.result()
