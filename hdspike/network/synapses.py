"""Synapses in compressed sparse rows: for each input line, the neurons it excites or inhibits."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check


def stored_weights(weights: Any) -> NDArray[Any]:
    """One row of finite weights in the smallest of int8, float32 and float64 that holds integers exactly.

    Floats stay float32 or float64 as they are.
    """
    given = np.asarray(weights)
    if given.ndim != 1:
        raise ValueError(f"weights must be one row, got shape {given.shape}")
    if given.dtype.kind in "biu" or given.size == 0:
        largest = max((abs(int(given.min())), abs(int(given.max())))) if given.size else 0
        kind = np.int8 if largest < 128 else np.float32 if largest <= 2**24 else np.float64
        return np.ascontiguousarray(given, dtype=kind)
    if given.dtype.kind != "f":
        raise TypeError(f"weights must be numbers, got {given.dtype}")
    if not np.all(np.isfinite(given)):
        raise ValueError("weights must be finite")
    stored: NDArray[Any] = given.astype(np.float32 if given.dtype == np.float32 else np.float64)
    return np.where(stored == 0, 0, stored)  # no −0.0: a drive of −0.0 means that nothing came


@dataclass(frozen=True)
class Synapses:
    """Line ``i`` reaches ``targets[indptr[i]:indptr[i + 1]]`` with the weights at the same places.

    Targets of a line are sorted; a target that stands twice is two parallel synapses. ``weights`` is ``None``
    where every weight is +1, else int8, float32 or float64 (see :func:`stored_weights`). ``delays``
    are whole time steps of at least 1 (int32), ``None`` where every delay is 1.
    """

    indptr: NDArray[np.int64]
    targets: NDArray[np.int32]
    weights: NDArray[Any] | None
    neurons: int
    delays: NDArray[np.int32] | None = None

    def __post_init__(self) -> None:
        check.integer("neurons", self.neurons, low=1)
        indptr = check.array("indptr", self.indptr, np.int64, ndim=1)
        targets = check.array("targets", self.targets, np.int32, ndim=1)
        if len(indptr) < 1 or indptr[0] != 0 or indptr[-1] != len(targets) or np.any(np.diff(indptr) < 0):
            raise ValueError("indptr must rise from 0 to the number of synapses")
        if targets.size and not (0 <= targets.min() and targets.max() < self.neurons):
            raise ValueError(f"targets must be in [0, {self.neurons}), got {targets.min()} … {targets.max()}")
        fall = np.flatnonzero(targets[1:] < targets[:-1]) + 1  # allowed only where a line begins
        if not np.all(np.isin(fall, indptr)):
            raise ValueError("targets of a line must rise")
        object.__setattr__(self, "indptr", indptr)
        object.__setattr__(self, "targets", targets)
        if self.weights is not None:
            weights = stored_weights(self.weights)
            if len(weights) != len(targets):
                raise ValueError(f"weights must be one per synapse ({len(targets)}), got {len(weights)}")
            object.__setattr__(self, "weights", weights)
        if self.delays is not None:
            delays = check.array("delays", self.delays, np.int32, ndim=1)
            if len(delays) != len(targets):
                raise ValueError(f"delays must be one per synapse ({len(targets)}), got {len(delays)}")
            if delays.size and delays.min() < 1:
                raise ValueError(f"delays must be at least 1 step, got {delays.min()}")
            object.__setattr__(self, "delays", delays)

    @cached_property
    def parallel(self) -> bool:
        """Whether any line reaches a neuron twice."""
        same = np.flatnonzero(self.targets[1:] == self.targets[:-1]) + 1
        return not bool(np.all(np.isin(same, self.indptr)))

    @property
    def longest_delay(self) -> int:
        """The longest delay, in steps."""
        return 1 if self.delays is None else int(self.delays.max(initial=1))

    @property
    def lines(self) -> int:
        """Number of input lines."""
        return len(self.indptr) - 1

    def __len__(self) -> int:
        return len(self.targets)

    @classmethod
    def from_pairs(
        cls, lines: Any, targets: Any, *, shape: tuple[int, int], weights: Any = None, delays: Any = None
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
        if delays is not None and np.shape(delays) != source.shape:
            raise ValueError(f"delays must be one per pair ({len(source)}), got shape {np.shape(delays)}")
        chosen = None if weights is None else np.asarray(weights)[order]
        late = None if delays is None else np.asarray(delays)[order]
        return cls(indptr, target[order], chosen, shape[1], late)

    @classmethod
    def from_dense(cls, weights: Any) -> "Synapses":
        """Synapses from a matrix ``(lines, neurons)`` of integers; a zero is no synapse."""
        matrix = check.array("weights", weights, np.int8, ndim=2)
        lines, targets = np.nonzero(matrix)
        values = matrix[lines, targets]
        shape = (matrix.shape[0], matrix.shape[1])
        return cls.from_pairs(lines, targets, shape=shape, weights=None if np.all(values == 1) else values)
