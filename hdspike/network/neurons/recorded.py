"""Recorded input: spikes that come from a file, a sensor or another simulation."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hdspike.network.neurons.base import SpikeSource
from hdspike.spikes import EVENT

__all__ = ["Recorded"]


class Recorded(SpikeSource):
    """Replays events ``(time in ps, address)``, in any order; each address is a neuron of the population.

    Two events of one neuron in the same step of a clocked runner are one spike each: both are delivered.
    """

    name: ClassVar[str] = "recorded"

    def __init__(self, events: Any) -> None:
        given = np.asarray(events)
        if given.dtype != EVENT or given.ndim != 1:
            raise TypeError(
                f"events must be one row of dtype {EVENT}, got {given.dtype} of shape {given.shape}"
            )
        if given.size and (given["time"].min() < 0 or given["address"].min() < 0):
            raise ValueError("events must have times and addresses of at least 0")
        self.events = np.sort(given, order=["time", "address"], kind="stable")

    @classmethod
    def in_steps(cls, steps: Any, neurons: Any, *, step_ps: int = 1) -> "Recorded":
        """Spikes by step (from 0) and neuron: at the start of each step."""
        when, who = np.asarray(steps, dtype=np.int64), np.asarray(neurons, dtype=np.int32)
        events = np.empty(len(when), dtype=EVENT)
        events["time"], events["address"] = when * step_ps, who
        return cls(events)

    def check_size(self, size: int) -> int:
        if self.events.size and self.events["address"].max() >= size:
            raise ValueError(f"size must exceed every address of the events, got {size}")
        return super().check_size(size)

    def spikes(self, size: int, first: int, last: int, step_ps: int) -> NDArray[Any]:
        low, high = np.searchsorted(self.events["time"], [first * step_ps, last * step_ps])
        return self.events[low:high]
