"""How every kernel is compiled, and how work is spread over threads.

Kernels compile lazily, are cached on disk, run without the GIL and use NumPy's division rules. Signatures are
lazy, so nothing compiles at import. ``NUMBA_DISABLE_JIT=1`` runs the same code as plain Python,
``NUMBA_BOUNDSCHECK=1`` checks every index: the test suite passes under both.

Threads are plain Python threads around serial kernels on disjoint slices: the answer cannot depend on how many
there are, and a kernel compiles several times faster than with numba's own ``parallel=True``.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numba

__all__ = ["kernel", "spread"]

kernel: Callable[..., Any] = numba.njit(cache=True, nogil=True, error_model="numpy")


def spread(work: Callable[[int, int], Any], size: int) -> None:
    """Call ``work(low, high)`` on consecutive ranges that cover ``range(size)``, one per thread.

    As many threads as ``numba.get_num_threads()`` says (``NUMBA_NUM_THREADS``). ``work`` writes only into its
    own range.
    """
    threads = max(1, min(numba.get_num_threads(), size))
    edges = [size * i // threads for i in range(threads + 1)]
    if threads == 1:
        work(0, size)
        return
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work, low, high) for low, high in pairwise(edges)]:
            done.result()
