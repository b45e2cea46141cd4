"""What a neuron model is: parameters, state, and one kernel that advances a population by one step.

One model is one file. It states its parameters and state variables by name and brings

``step(parameters, state, drive, updated, fired) -> (number that fired, number updated)``
    the clocked kernel. ``parameters`` ``(P, n)`` and ``state`` ``(S, n)`` are float64; ``drive`` ``(n,)`` is the
    sum of the weights that arrived in this step. **A sum that nothing arrived in is −0.0**, and adding any
    weight to it, zero included, gives something else: so a kernel sees for free whether a neuron received an
    event (its sum is not 0, or its sign is not set). The kernel leaves −0.0 behind in ``drive``.
    It writes 1 or 0 into ``updated`` ``(n,)`` uint8 (did this neuron's state have to be computed?) and the indices
    of the neurons that fired, in rising order, into ``fired`` ``(n,)`` int32.
``event(parameters, state, neuron, now, weight) -> fires``
    the event-driven kernel, for models whose state has an exact form between events: advance ``neuron`` from its
    last event (state row ``last``, seconds) to ``now`` (seconds), add ``weight``, and say whether it fires.
    ``parameters`` and ``state`` are the same arrays as the clocked kernel's; a run uses one of the two kernels.

A model without ``event`` runs on the clocked runners only: it has none where a neuron could fire between events.

The fast way to write ``step`` is one loop over all neurons without a branch, which LLVM turns into vector
instructions: it writes bit 0 (updated) and bit 1 (fired) into ``updated``; :func:`_collect` then finds the few that
fired. With four rows of parameters, two of state and the drive, 10,000 neurons are 0.7 MB: the bound is the
second-level cache.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.jit import kernel

__all__ = ["EMPTY", "NeuronModel", "SpikeSource", "_collect"]

EMPTY = -0.0
"""The drive of a neuron that received nothing."""


@kernel
def _collect(updated, fired):
    """Turn the flags of a step (bit 0: updated, bit 1: fired) into its results; returns (fired, updated)."""
    count = 0
    active = 0
    for low in range(0, len(updated), 64):
        part = updated[low : low + 64]
        flags = 0
        for n in range(len(part)):
            flags |= part[n]
            active += part[n] & 1
        if flags & 2:
            for n in range(len(part)):
                if part[n] & 2:
                    part[n] &= 1
                    fired[count] = low + n
                    count += 1
    return count, active


class NeuronModel(ABC):
    """The parameters of a population of neurons: scalars, or one value per neuron.

    A subclass lists ``PARAMETERS`` (the names of its rows, with defaults in its constructor) and ``STATE`` (the
    rows of its state, ``potential`` first), and gives the kernel ``step``.
    """

    name: ClassVar[str]
    PARAMETERS: ClassVar[tuple[str, ...]] = ()
    STATE: ClassVar[tuple[str, ...]] = ("potential",)
    ENDLESS: ClassVar[tuple[str, ...]] = ("threshold", "tau_s", "refractory_s")  # may be +inf, for never

    def __init__(self, **parameters: Any) -> None:
        unknown = sorted(set(parameters) - set(self.PARAMETERS))
        if unknown:
            raise ValueError(
                f"parameters of {self.name} must be among {', '.join(self.PARAMETERS)}, got {unknown[0]!r}"
            )
        self.given: dict[str, NDArray[np.float64]] = {}
        for key in self.PARAMETERS:
            value = np.asarray(parameters[key])
            if value.dtype.kind not in "biuf" or value.ndim > 1:
                raise TypeError(f"{key} must be a number or one row of numbers, got {parameters[key]!r}")
            value = value.astype(np.float64)
            endless = key in self.ENDLESS
            if not np.all(np.isfinite(value) | (np.isposinf(value) & endless)):
                rule = "finite, or +inf for never" if endless else "finite"
                raise ValueError(f"{key} must be {rule}, got {parameters[key]!r}")
            self.given[key] = value

    def require(self, key: str, rule: str, kept: Any) -> None:
        """Raise ``ValueError`` where a parameter breaks its rule, e.g. ``require("tau_s", "above 0", …)``."""
        if not np.all(kept):
            value = self.given[key]
            raise ValueError(f"{key} must be {rule}, got {value[~kept].flat[0] if value.ndim else value:g}")

    @property
    def alike(self) -> bool:
        """Whether all neurons have the same parameters: each was given as one number."""
        return all(value.ndim == 0 for value in self.given.values())

    def __getitem__(self, key: str) -> NDArray[np.float64]:
        """One parameter, as given."""
        return self.given[key]

    def parameters(self, size: int, step_s: float) -> NDArray[np.float64]:
        """``(P, size)``: what the kernels read. A model with time constants turns them into decays here."""
        rows = np.empty((len(self.PARAMETERS), size))
        for row, key in enumerate(self.PARAMETERS):
            if self.given[key].ndim and len(self.given[key]) != size:
                raise ValueError(f"{key} must be one value or {size}, got {len(self.given[key])}")
            rows[row] = self.given[key]
        return rows

    def state(self, size: int) -> NDArray[np.float64]:
        """``(S, size)``: the state at time 0, at rest."""
        return np.zeros((len(self.STATE), size))

    @property
    @abstractmethod
    def step(self) -> Callable[..., tuple[int, int]]:
        """The clocked kernel (see above)."""

    @property
    def event(self) -> Callable[..., bool] | None:
        """The event-driven kernel, or ``None`` where the model has none."""
        return None

    def __repr__(self) -> str:
        shown = (f"{k}={v.item():g}" if v.ndim == 0 else f"{k}=[{len(v)}]" for k, v in self.given.items())
        return f"{type(self).__name__}({', '.join(shown)})"


class SpikeSource(ABC):
    """A population that only speaks: its spikes are known from its own description, and no one can excite it."""

    name: ClassVar[str]

    @abstractmethod
    def spikes(self, size: int, first: int, last: int, step_ps: int) -> NDArray[Any]:
        """The spikes from the start of step ``first`` to that of ``last``, ordered by (time, address).

        Events of dtype :data:`hdspike.spikes.EVENT`, times in ps from the start of the run: step ``t`` (from 0)
        lasts from ``t · step_ps`` to ``(t + 1) · step_ps``. The same whatever the division into calls.
        """

    def check_size(self, size: int) -> int:
        """Raise where a population of this size cannot be fed."""
        return check.integer("size", size, low=1)
