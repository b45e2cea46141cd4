"""What the winners say: their value hypervectors, bundled with integer weights."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.network import Outcome
from hdspike.spaces import Space

OCTAVES = 16  # a winner's weight doubles with each 1/16 of the largest potential
LARGEST = 20  # the largest weight is 2^20


def winner_weights(outcome: Outcome, *, by: str, top: int) -> NDArray[np.int64]:
    """An integer weight for every winner of ``outcome``, in its order.

    ``by="count"``: ``2^⌊(v − v_weakest) ÷ ⌊top/16⌋⌋``, from the events each winner counted beyond the weakest
    winner of its query. ``by="rank"``: ``⌊k ÷ r⌋`` for the r-th of k winners to fire. ``by="none"``: 1.

    ``top`` is the span of potentials from chance to a perfect match: the blocks of a sparse code, half the bits
    of a dense one.
    """
    check.one_of("by", by, ("count", "rank", "none"))
    sizes = np.diff(outcome.indptr)
    if by == "none" or not len(outcome.winners):
        return np.ones(len(outcome.winners), dtype=np.int64)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    if by == "rank":
        place = np.arange(len(owner)) - outcome.indptr[owner]
        return sizes[owner] // (place + 1)
    weakest = np.minimum.reduceat(outcome.potentials, outcome.indptr[:-1][sizes > 0])
    least = np.zeros(len(sizes), dtype=np.int64)
    least[sizes > 0] = weakest
    octave = max(1, top // OCTAVES)
    return np.int64(1) << np.minimum((outcome.potentials - least[owner]) // octave, LARGEST)


def bundle_winners(
    space: Space, values: Any, outcome: Outcome, weights: Any
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """The bundle of each query's winners: ``[Σ_i w_i · value_i]``.

    Args:
        values: ``(N, width)`` the value hypervector of every key.
        weights: one integer per winner, from :func:`winner_weights`.

    Returns:
        Bundles ``(Q, width)`` and whether each query had a winner at all; without one its row is zero.
    """
    vectors = space.checked("values", values)
    counts = check.array("weights", weights, np.int64, ndim=1)
    if len(counts) != len(outcome.winners):
        raise ValueError(f"weights must be one per winner ({len(outcome.winners)}), got {len(counts)}")
    out = np.zeros((len(outcome), space.width), dtype=vectors.dtype)
    spoke = np.diff(outcome.indptr) > 0
    for q in np.flatnonzero(spoke):
        low, high = outcome.indptr[q], outcome.indptr[q + 1]
        out[q] = space.bundle(vectors[outcome.winners[low:high]], weights=counts[low:high])
    return out, spoke
