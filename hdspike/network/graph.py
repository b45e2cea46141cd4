"""The network: populations of neurons, and projections of synapses between them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hdspike.network.plasticity import STDP
from hdspike.network.population import Population
from hdspike.network.synapses import Synapses

__all__ = ["Network", "Projection"]


@dataclass(frozen=True)
class Projection:
    """Synapses from each neuron of ``source`` (the lines) to those of ``target``.

    ``unit`` names the synapse unit of a chip that stores them (``"dense"``, ``"conv"``, …), ``""`` its first.
    ``plasticity`` lets the weights learn; the runners that can do so say it.
    """

    source: str
    target: str
    synapses: Synapses
    unit: str = ""
    plasticity: STDP | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.synapses, Synapses):
            raise TypeError(f"synapses must be Synapses, not {type(self.synapses).__name__}")


@dataclass(frozen=True)
class Network:
    """Populations and the projections between them; recurrent ones too.

    Neurons are numbered through in the order of the populations: ``offsets[i]`` is the first of population ``i``.
    """

    populations: tuple[Population, ...]
    projections: tuple[Projection, ...] = ()
    metadata: dict[str, object] = field(default_factory=dict)

    def __init__(
        self,
        populations: Iterable[Population],
        projections: Iterable[Projection] = (),
        metadata: dict[str, object] | None = None,
    ) -> None:
        object.__setattr__(self, "populations", tuple(populations))
        object.__setattr__(self, "projections", tuple(projections))
        object.__setattr__(self, "metadata", dict(metadata or {}))
        if not self.populations:
            raise ValueError("populations must be at least one, got none")
        names = [p.name for p in self.populations]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"populations must have distinct names, got {twice[0]!r} twice")
        for projection in self.projections:
            for end in (projection.source, projection.target):
                if end not in names:
                    raise ValueError(f"projections must join populations {', '.join(names)}, got {end!r}")
            source, target = self[projection.source], self[projection.target]
            shape = projection.synapses.lines, projection.synapses.neurons
            if shape != (source.size, target.size):
                raise ValueError(
                    f"synapses {source.name} → {target.name} must be {source.size} × {target.size}, got "
                    f"{shape[0]} × {shape[1]}"
                )
            if target.is_source:
                raise ValueError(f"projections must not end in the spike source {target.name!r}")

    def __getitem__(self, name: str) -> Population:
        return self.populations[self.index(name)]

    def index(self, name: str) -> int:
        """The place of a population."""
        for place, population in enumerate(self.populations):
            if population.name == name:
                return place
        known = ", ".join(p.name for p in self.populations)
        raise ValueError(f"population must be one of {known}, got {name!r}")

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """``(populations + 1,)``: where each population's neurons begin in the numbering of the network."""
        return np.cumsum([0, *(p.size for p in self.populations)]).astype(np.int64)

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return int(self.offsets[-1])

    @property
    def synapses(self) -> int:
        """Number of synapses."""
        return sum(len(p.synapses) for p in self.projections)

    @property
    def longest_delay(self) -> int:
        """The longest delay of a synapse, in steps."""
        return max((p.synapses.longest_delay for p in self.projections), default=1)
