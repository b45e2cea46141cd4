"""A population: neurons of one model under one name."""

from dataclasses import dataclass
from math import prod

from hdspike import check
from hdspike.network.neurons.base import NeuronModel, SpikeSource

__all__ = ["Population"]


@dataclass(frozen=True)
class Population:
    """``size`` neurons of one ``model``; ``shape`` (by default ``(size,)``) is what builders read as an image.

    ``unit`` names the soma unit of a chip on which these neurons run, ``""`` its first.
    """

    name: str
    size: int
    model: NeuronModel | SpikeSource
    shape: tuple[int, ...] = ()
    unit: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise TypeError(f"name must be a text, got {self.name!r}")
        check.integer("size", self.size, low=1, high=2**31 - 1)
        if not isinstance(self.model, NeuronModel | SpikeSource):
            raise TypeError(
                f"model must be a neuron model or a spike source, not {type(self.model).__name__}"
            )
        shape = tuple(check.integer("shape", side, low=1) for side in (self.shape or (self.size,)))
        if prod(shape) != self.size:
            raise ValueError(f"shape must have {self.size} cells, got {shape}")
        object.__setattr__(self, "shape", shape)
        if isinstance(self.model, SpikeSource):
            self.model.check_size(self.size)

    @property
    def is_source(self) -> bool:
        """Whether the population only emits spikes of its own."""
        return isinstance(self.model, SpikeSource)
