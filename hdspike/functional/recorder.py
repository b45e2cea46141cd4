"""What is written down while a network runs: spikes, and the potentials of a few neurons."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.functional.clocked import Clocked
from hdspike.jit import kernel
from hdspike.network.graph import Network

__all__ = ["Recorder", "Watch"]

FIRST_SPIKES = 1 << 16


@kernel
def _note(fired, count, first, now, kept, steps, neurons):
    """Write ``count`` spikes of step ``now`` behind ``kept`` others, numbered through; returns their number."""
    for i in range(count):
        steps[kept + i] = now
        neurons[kept + i] = first + fired[i]
    return kept + count


class Recorder:
    """The spikes of a run, in arrays that grow up to ``limit`` spikes; what falls after is counted only."""

    def __init__(self, network: Network, *, limit: int) -> None:
        self.network = network
        self.limit = limit
        self.steps = np.empty(min(limit, FIRST_SPIKES), dtype=np.int64)
        self.neurons = np.empty(min(limit, FIRST_SPIKES), dtype=np.int32)
        self.kept = 0
        self.fired = np.zeros(len(network.populations), dtype=np.int64)

    def take(self, clocked: Clocked) -> None:
        """Write down the spikes of the step that :meth:`Clocked.update` has just done."""
        for place, count in enumerate(clocked.count):
            if count == 0:
                continue
            self.fired[place] += count
            room = min(count, self.limit - self.kept)
            if room <= 0:
                continue
            end = self.kept + room
            while end > len(self.steps):
                more = min(self.limit, 2 * len(self.steps)) - len(self.steps)
                self.steps = np.concatenate([self.steps, np.empty(more, dtype=np.int64)])
                self.neurons = np.concatenate([self.neurons, np.empty(more, dtype=np.int32)])
            first = self.network.offsets[place]
            self.kept = int(
                _note(clocked.fired[place], room, first, clocked.now, self.kept, self.steps, self.neurons)
            )

    @property
    def truncated(self) -> bool:
        """Whether more spikes fell than are kept."""
        return self.kept < int(self.fired.sum())

    def arrays(self) -> dict[str, NDArray[Any]]:
        """For a checkpoint."""
        return {
            "spike_steps": self.steps[: self.kept],
            "spike_neurons": self.neurons[: self.kept],
            "fired": self.fired,
        }

    def restore(self, arrays: Any) -> None:
        """Go on after these spikes."""
        steps, neurons, fired = arrays["spike_steps"], arrays["spike_neurons"], arrays["fired"]
        if steps.dtype != np.int64 or neurons.dtype != np.int32 or steps.shape != neurons.shape:
            raise ValueError("checkpoint must hold spike_steps and spike_neurons, one of each per spike")
        if fired.shape != self.fired.shape or len(steps) > self.limit:
            raise ValueError(f"checkpoint must hold at most {self.limit} spikes, got {len(steps)}")
        self.kept = len(steps)
        self.steps, self.neurons = np.append(steps, np.empty(1, np.int64)), np.append(neurons, np.int32(0))
        self.fired[...] = fired
        if self.truncated:  # what is kept stays the beginning of the run, whatever the limit is now
            self.limit = self.kept


class Watch:
    """The potentials of a few neurons after every step."""

    def __init__(self, clocked: Clocked, neurons: Iterable[int], steps: int) -> None:
        network = clocked.network
        self.places = []
        for neuron in neurons:
            at = check.integer("watch", neuron, low=0, high=network.neurons - 1)
            place = int(np.searchsorted(network.offsets, at, side="right")) - 1
            if network.populations[place].is_source:
                raise ValueError(f"watch must name neurons with a potential, got {at} of a spike source")
            self.places.append((place, at - int(network.offsets[place])))
        self.potentials = np.zeros((steps, len(self.places)))

    def take(self, clocked: Clocked) -> None:
        """Write the potentials down."""
        for column, (place, neuron) in enumerate(self.places):
            self.potentials[clocked.now, column] = clocked.state[place][0, neuron]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """For a checkpoint."""
        return {
            "potentials": self.potentials,
            "watched": np.array(self.places, dtype=np.int64).reshape(-1, 2),
        }

    def restore(self, arrays: Any) -> None:
        """Go on after these potentials (of a run of any length)."""
        kept = arrays["potentials"]
        if kept.ndim != 2 or kept.shape[1] != len(self.places) or kept.dtype != np.float64:
            raise ValueError(f"checkpoint must hold the potentials of {len(self.places)} neurons")
        if arrays["watched"].tolist() != [list(place) for place in self.places]:
            raise ValueError(
                "checkpoint must hold the potentials of the neurons in watch, got those of others"
            )
        rows = min(len(kept), len(self.potentials))
        self.potentials[:rows] = kept[:rows]
