"""Calls of the kernel of expert layers: weights, activations and gates are real numbers."""

from collections.abc import Callable
from typing import Any

import numpy as np

CALLS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "sparsity.expert_kernel._mixture": lambda: (
        *(
            np.ones((2, 3)),
            np.array([[0, 1], [1, 0]]),
            np.ones((2, 2)),
            np.array([[True, True], [True, False]]),
        ),
        *(
            np.ones((2, 3, 4)),
            np.ones((2, 4)),
            np.ones((2, 4, 5)),
            np.ones((2, 5)),
            np.empty(4),
            np.empty((2, 5)),
        ),
    ),
}
FLOATS = tuple(CALLS)
