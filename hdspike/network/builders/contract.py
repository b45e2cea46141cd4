"""What all builders share: they take two populations and return the projection between them.

``weights`` and ``delays`` of a builder that says so are one number for all synapses, one per synapse (in the order of
the result: by line, then by target), or a function ``f(rng, count)`` that draws them. Delays are whole steps ≥ 1.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.network.graph import Projection
from hdspike.network.plasticity import STDP
from hdspike.network.population import Population
from hdspike.network.synapses import Synapses

__all__ = ["delays_of", "ends", "image_of", "join", "weights_of"]


def ends(source: Population, target: Population) -> None:
    """Both must be populations."""
    for name, end in (("source", source), ("target", target)):
        if not isinstance(end, Population):
            raise TypeError(f"{name} must be a Population, not {type(end).__name__}")


def image_of(name: str, population: Population) -> tuple[int, int, int]:
    """The shape ``(height, width, channels)``; a population of two dimensions has one channel."""
    shape = population.shape
    if len(shape) not in (2, 3):
        raise ValueError(f"{name} must have a shape (height, width[, channels]), got {shape}")
    return shape[0], shape[1], shape[2] if len(shape) == 3 else 1


def _drawn(name: str, given: Any, count: int, rng: np.random.Generator) -> NDArray[Any]:
    value = np.asarray(given(rng, count) if callable(given) else given)
    if value.ndim == 0:
        value = np.full(count, value)
    if value.shape != (count,):
        raise ValueError(f"{name} must be one value or one per synapse ({count}), got shape {value.shape}")
    return value


def weights_of(weights: Any, count: int, rng: np.random.Generator) -> NDArray[Any] | None:
    """One row of weights; ``None`` where all are +1."""
    if weights is None:
        return None
    row = _drawn("weights", weights, count, rng)
    return None if row.dtype.kind in "biu" and np.all(row == 1) else row


def delays_of(delays: Any, count: int, rng: np.random.Generator) -> NDArray[np.int32] | None:
    """One row of delays; ``None`` where all are 1."""
    if delays is None:
        return None
    row = check.array("delays", _drawn("delays", delays, count, rng), np.int32)
    return None if np.all(row == 1) else row


def join(
    source: Population, target: Population, synapses: Synapses, unit: str, plasticity: STDP | None
) -> Projection:
    """The projection of these synapses."""
    return Projection(source.name, target.name, synapses, unit, plasticity)
