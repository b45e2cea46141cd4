"""How every kernel is compiled: lazily, cached on disk, without the GIL, with NumPy's division rules.

Signatures are lazy, so nothing compiles at import. ``NUMBA_DISABLE_JIT=1`` runs the same code as plain
Python, ``NUMBA_BOUNDSCHECK=1`` checks every index: the test suite passes under both.
"""

from collections.abc import Callable
from typing import Any

import numba
from numba import prange

__all__ = ["kernel", "parallel_kernel", "prange"]

kernel: Callable[..., Any] = numba.njit(cache=True, nogil=True, error_model="numpy")
parallel_kernel: Callable[..., Any] = numba.njit(cache=True, nogil=True, parallel=True, error_model="numpy")
