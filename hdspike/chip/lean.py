"""How the event loop is compiled: like every kernel, but inlined and without counting references.

The loop hands arrays to hundreds of millions of small functions, and an atomic count per array and call costs
more than the work: together the two options made it 2.4 times faster (1.5 → 3.6 million hops a second).
A lean kernel may neither create nor slice an array: it only reads and writes cells.
``_nrt``, the run time that counts, is a target option of numba that it does not document; without the option
everything works alike, only slower.
"""

from collections.abc import Callable
from typing import Any

import numba

__all__ = ["inner_kernel", "inner_loop", "lean_kernel", "loop_kernel"]

OPTIONS: dict[str, Any] = {"_nrt": False}
loop_kernel: Callable[..., Any] = numba.njit(cache=True, nogil=True, error_model="numpy", **OPTIONS)
"""The loop itself: called once a step, so compiled once and not into each of its callers."""
lean_kernel: Callable[..., Any] = numba.njit(
    cache=True, nogil=True, error_model="numpy", forceinline=True, **OPTIONS
)
DOORS: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
inner_kernel: Callable[..., Any] = numba.njit(
    cache=True, nogil=True, error_model="numpy", forceinline=True, **OPTIONS, **DOORS
)
"""A lean kernel that only other kernels call: without the doors to Python, half of what there is to compile."""
inner_loop: Callable[..., Any] = numba.njit(cache=True, nogil=True, error_model="numpy", **OPTIONS, **DOORS)
"""A loop that only other kernels call."""
