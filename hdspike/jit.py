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
from numba.core import cgutils, types
from numba.extending import intrinsic

__all__ = ["kernel", "prefetch", "spread"]

kernel: Callable[..., Any] = numba.njit(cache=True, nogil=True, error_model="numpy")


def _prefetch(typing: Any, array: Any, place: Any) -> Any:
    """``prefetch(array, place)`` in a kernel: ask for its cache line. Nothing is read or checked."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte, word = cgutils.ir.IntType(8).as_pointer(), cgutils.ir.IntType(32)
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        address = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        kind = cgutils.ir.FunctionType(cgutils.ir.VoidType(), [byte, word, word, word])
        call = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(call, [address, word(0), word(3), word(1)])  # to read, to keep, data
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


def _no_prefetch(array: Any, place: Any) -> None:
    """Plain Python has no caches to fill."""


prefetch: Callable[..., None] = _no_prefetch if vars(numba.config)["DISABLE_JIT"] else intrinsic(_prefetch)


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
