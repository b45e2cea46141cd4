"""Synapses in compressed sparse rows: for each input line, the neurons it excites or inhibits."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check


@dataclass(frozen=True)
class Synapses:
    """Line ``i`` reaches ``targets[indptr[i]:indptr[i + 1]]`` with the weights at the same places.

    Targets of a line are sorted and distinct. ``weights`` is ``None`` where every weight is +1.
    """

    indptr: NDArray[np.int64]
    targets: NDArray[np.int32]
    weights: NDArray[np.int8] | None
    neurons: int

    def __post_init__(self) -> None:
        check.integer("neurons", self.neurons, low=1)
        indptr = check.array("indptr", self.indptr, np.int64, ndim=1)
        targets = check.array("targets", self.targets, np.int32, ndim=1)
        if len(indptr) < 1 or indptr[0] != 0 or indptr[-1] != len(targets) or np.any(np.diff(indptr) < 0):
            raise ValueError("indptr must rise from 0 to the number of synapses")
        if targets.size and not (0 <= targets.min() and targets.max() < self.neurons):
            raise ValueError(f"targets must be in [0, {self.neurons}), got {targets.min()} … {targets.max()}")
        within = np.ones(len(targets), dtype=bool)
        within[indptr[:-1][indptr[:-1] < len(targets)]] = False
        if np.any(np.diff(targets, prepend=-1)[within] <= 0):
            raise ValueError("targets of a line must rise and be distinct")
        object.__setattr__(self, "indptr", indptr)
        object.__setattr__(self, "targets", targets)
        if self.weights is not None:
            weights = check.array("weights", self.weights, np.int8, ndim=1)
            if len(weights) != len(targets):
                raise ValueError(f"weights must be one per synapse ({len(targets)}), got {len(weights)}")
            object.__setattr__(self, "weights", weights)

    @property
    def lines(self) -> int:
        """Number of input lines."""
        return len(self.indptr) - 1

    def __len__(self) -> int:
        return len(self.targets)

    @classmethod
    def from_pairs(
        cls, lines: Any, targets: Any, *, shape: tuple[int, int], weights: Any = None
    ) -> "Synapses":
        """Synapses from pairs ``(line, target)`` in any order; ``shape`` is ``(lines, neurons)``."""
        source = check.array("lines", lines, np.int64, ndim=1)
        target = check.array("targets", targets, np.int64, ndim=1)
        if len(source) != len(target):
            raise ValueError(f"lines and targets must pair up, got {len(source)} and {len(target)}")
        if source.size and not (0 <= source.min() and source.max() < shape[0]):
            raise ValueError(f"lines must be in [0, {shape[0]}), got {source.min()} … {source.max()}")
        order = np.lexsort((target, source))
        indptr = np.zeros(shape[0] + 1, dtype=np.int64)
        np.cumsum(np.bincount(source, minlength=shape[0]), out=indptr[1:])
        if weights is not None and np.shape(weights) != source.shape:
            raise ValueError(f"weights must be one per pair ({len(source)}), got shape {np.shape(weights)}")
        chosen = None if weights is None else np.asarray(weights)[order]
        return cls(indptr, target[order], chosen, shape[1])

    @classmethod
    def from_dense(cls, weights: Any) -> "Synapses":
        """Synapses from a matrix ``(lines, neurons)`` of integers; a zero is no synapse."""
        matrix = check.array("weights", weights, np.int8, ndim=2)
        lines, targets = np.nonzero(matrix)
        values = matrix[lines, targets]
        shape = (matrix.shape[0], matrix.shape[1])
        return cls.from_pairs(lines, targets, shape=shape, weights=None if np.all(values == 1) else values)
