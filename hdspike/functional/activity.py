"""What a network did: its spikes, potentials and counts."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.network.graph import Network
from hdspike.network.synapses import Synapses
from hdspike.spikes import EVENT

__all__ = ["Activity"]


@dataclass(frozen=True)
class Activity:
    """What a network did in ``steps`` steps of ``step_ps``.

    ``spike_steps``, ``spike_neurons``: every spike (the sources' too), by step, then in the order of the
    populations and neurons; neurons are numbered through the network (``network.offsets``). ``counts``: ``fired``,
    ``synaptic_events``, ``updates``, ``steps``, ``weight_updates`` (by learning). ``potentials``
    ``(steps, watched)`` where they were asked for.
    ``truncated`` says that more spikes fell than the recording holds (all are counted).
    """

    network: Network
    steps: int
    step_ps: int
    spike_steps: NDArray[np.int64]
    spike_neurons: NDArray[np.int32]
    counts: dict[str, int]
    fired_by: dict[str, int]
    potentials: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))
    truncated: bool = False
    learned: dict[int, Synapses] = field(default_factory=dict)
    """Projection (its place in the network) → its synapses with the weights learnt, where it is plastic."""

    def spikes(self, population: str | None = None) -> NDArray[Any]:
        """The spikes as events (time of the step in ps, neuron), of all or of one population (its own numbers)."""
        who = self.spike_neurons
        keep = slice(None)
        first = 0
        if population is not None:
            place = self.network.index(population)
            first = int(self.network.offsets[place])
            keep = (who >= first) & (who < self.network.offsets[place + 1])
        out = np.empty(len(who[keep]), dtype=EVENT)
        out["time"] = self.spike_steps[keep] * self.step_ps
        out["address"] = who[keep] - first
        return out

    def per_step(self, population: str | None = None) -> NDArray[np.int64]:
        """``(steps,)``: how many fired in each step."""
        events = self.spikes(population)
        return np.bincount(events["time"] // self.step_ps, minlength=self.steps).astype(np.int64)
