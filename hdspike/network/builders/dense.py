"""All-to-all and one-to-one synapses."""

from typing import Any

import numpy as np

from hdspike import check
from hdspike.network.builders.contract import delays_of, ends, join, weights_of
from hdspike.network.graph import Projection
from hdspike.network.plasticity import STDP
from hdspike.network.population import Population
from hdspike.network.synapses import Synapses

__all__ = ["dense", "one_to_one"]


def dense(
    source: Population,
    target: Population,
    weights: Any,
    *,
    delays: Any = None,
    keep_zeros: bool = False,
    unit: str = "",
    plasticity: STDP | None = None,
    rng: check.Rng = 0,
) -> Projection:
    """Synapses from a matrix of weights ``(source.size, target.size)``, or one weight for all pairs.

    A weight of 0 is no synapse, unless ``keep_zeros``: a chip then pays for it. ``delays`` as in
    :mod:`hdspike.network.builders.contract`.
    """
    ends(source, target)
    shape = source.size, target.size
    matrix = np.asarray(weights)
    if matrix.dtype.kind not in "biuf":
        raise TypeError(f"weights must be numbers, got dtype {matrix.dtype}")
    if matrix.ndim == 0:
        matrix = np.broadcast_to(matrix, shape)
    if matrix.shape != shape:
        raise ValueError(f"weights must have shape {shape}, got {matrix.shape}")
    if keep_zeros or np.all(matrix != 0):
        indptr = np.arange(source.size + 1, dtype=np.int64) * target.size
        targets = np.tile(np.arange(target.size, dtype=np.int32), source.size)
        row = matrix.reshape(-1)
    else:
        lines, columns = np.nonzero(matrix)
        indptr = np.searchsorted(lines, np.arange(source.size + 1)).astype(np.int64)
        targets, row = columns.astype(np.int32), matrix[lines, columns]
    generator = check.generator(rng)
    synapses = Synapses(
        indptr,
        targets,
        weights_of(row, len(targets), generator),
        target.size,
        delays_of(delays, len(targets), generator),
    )
    return join(source, target, synapses, unit, plasticity)


def one_to_one(
    source: Population,
    target: Population,
    weights: Any = None,
    *,
    delays: Any = None,
    unit: str = "",
    plasticity: STDP | None = None,
    rng: check.Rng = 0,
) -> Projection:
    """One synapse from each neuron to the one of the same number."""
    ends(source, target)
    if source.size != target.size:
        raise ValueError(f"target must have as many neurons as source ({source.size}), got {target.size}")
    size, generator = source.size, check.generator(rng)
    synapses = Synapses(
        np.arange(size + 1, dtype=np.int64),
        np.arange(size, dtype=np.int32),
        weights_of(weights, size, generator),
        size,
        delays_of(delays, size, generator),
    )
    return join(source, target, synapses, unit, plasticity)
