"""Synapses that somebody else listed: a sparse matrix, or edges."""

from typing import Any

import numpy as np

from hdspike import check
from hdspike.network.builders.contract import delays_of, ends, join, weights_of
from hdspike.network.graph import Projection
from hdspike.network.plasticity import STDP
from hdspike.network.population import Population
from hdspike.network.synapses import Synapses

__all__ = ["from_edges", "from_sparse"]


def from_edges(
    source: Population,
    target: Population,
    lines: Any,
    targets: Any,
    weights: Any = None,
    *,
    delays: Any = None,
    unit: str = "",
    plasticity: STDP | None = None,
) -> Projection:
    """Synapses ``lines[i] → targets[i]`` in any order; an edge that stands twice is two synapses.

    ``weights`` and ``delays`` are one for all, or one per edge in the same order.
    """
    ends(source, target)
    generator = check.generator(0)
    count = len(np.asarray(lines))
    synapses = Synapses.from_pairs(
        lines,
        targets,
        shape=(source.size, target.size),
        weights=weights_of(weights, count, generator),
        delays=delays_of(delays, count, generator),
    )
    return join(source, target, synapses, unit, plasticity)


def from_sparse(
    source: Population,
    target: Population,
    matrix: Any,
    *,
    delays: Any = None,
    unit: str = "",
    plasticity: STDP | None = None,
) -> Projection:
    """Synapses from a SciPy sparse matrix ``(source.size, target.size)``; every stored entry is one, zeros too."""
    ends(source, target)
    if not hasattr(matrix, "tocsr"):
        raise TypeError(f"matrix must be a SciPy sparse matrix, not {type(matrix).__name__}")
    if matrix.shape != (source.size, target.size):
        raise ValueError(f"matrix must have shape {(source.size, target.size)}, got {matrix.shape}")
    rows = matrix.tocsr()
    if not rows.has_sorted_indices:
        rows = rows.sorted_indices()
    generator = check.generator(0)
    synapses = Synapses(
        rows.indptr.astype(np.int64),
        rows.indices.astype(np.int32),
        weights_of(rows.data, len(rows.data), generator),
        target.size,
        delays_of(delays, len(rows.data), generator),
    )
    return join(source, target, synapses, unit, plasticity)
