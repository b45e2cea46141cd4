"""A decoder's projections, watched and exchanged: what goes into them, and what the model does with others in place.

The model's own code runs unchanged: a matrix that is watched stands in its place, and answers ``y @ matrix.T``.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.models.llama import Llama

__all__ = ["KINDS", "Moments", "exchanged", "inputs_of", "watched", "weights_of"]

KINDS = {
    "q": "attn_q",
    "k": "attn_k",
    "v": "attn_v",
    "o": "attn_output",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}
"""Short name → the part of a block."""
SHARED = {"q": "q", "k": "q", "v": "q", "o": "o", "gate": "gate", "up": "gate", "down": "down"}
Place = tuple[int, str]


def inputs_of(kind: str) -> str:
    """The projection that stands for all with the same inputs: q, k and v have one, gate and up another."""
    return SHARED[check.one_of("kind", kind, tuple(SHARED))]


def weights_of(model: Llama, layer: int, kind: str) -> NDArray[np.float32]:
    """W (n_in, n_out) of a projection."""
    check.integer("layer", layer, low=0, high=len(model.blocks) - 1)
    check.one_of("kind", kind, tuple(KINDS))
    return model.blocks[layer][KINDS[kind]].T


class Moments:
    """Sums of ``x xᵀ`` over all inputs x that a projection met."""

    def __init__(self) -> None:
        self.sums: dict[Place, NDArray[np.float32]] = {}
        self.counts: dict[Place, int] = {}

    def add(self, place: Place, inputs: NDArray[Any]) -> None:
        """``inputs`` (count, n_in) went into the projection at ``place`` = (layer, kind)."""
        product = inputs.T @ inputs
        if place in self.sums:
            self.sums[place] += product
        else:
            self.sums[place] = product
        self.counts[place] = self.counts.get(place, 0) + len(inputs)

    def of(self, layer: int, kind: str) -> NDArray[np.float32]:
        """``E[x xᵀ]`` (n_in, n_in) of a projection.

        Raises:
            ValueError: it was not watched, or met no input.
        """
        place = layer, inputs_of(kind)
        if place not in self.sums:
            raise ValueError(f"layer must be one that was watched, got {layer} for {kind}")
        return self.sums[place] / np.float32(self.counts[place])


class _Watched:
    """A matrix that notes what is multiplied with its transpose."""

    __array_ufunc__ = None  # NumPy leaves the product to __rmatmul__

    def __init__(self, weights: NDArray[np.float32], moments: Moments, place: Place) -> None:
        self._weights, self._moments, self._place = weights, moments, place

    @property
    def T(self) -> "_Watched":
        return self

    def __rmatmul__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        self._moments.add(self._place, inputs)
        return np.asarray(inputs @ self._weights.T)


@contextmanager
def watched(model: Llama, layers: Collection[int] | None = None) -> Iterator[Moments]:
    """Note the inputs of all projections of ``layers`` (all if None) while the model runs in this block."""
    which = range(len(model.blocks)) if layers is None else sorted(set(layers))
    moments, there = Moments(), {}
    for layer in which:
        check.integer("layers", layer, low=0, high=len(model.blocks) - 1)
        for kind in sorted(set(SHARED.values())):
            there[layer, kind] = model.blocks[layer][KINDS[kind]]
    blocks: Any = model.blocks
    try:
        for (layer, kind), weights in there.items():
            blocks[layer][KINDS[kind]] = _Watched(weights, moments, (layer, kind))
        yield moments
    finally:
        for (layer, kind), weights in there.items():
            blocks[layer][KINDS[kind]] = weights


@contextmanager
def exchanged(model: Llama, others: Mapping[Place, Any]) -> Iterator[Llama]:
    """The model with other weights (n_in, n_out) at the places (layer, kind); its own come back at the end."""
    there: dict[Place, NDArray[np.float32]] = {}
    made: dict[Place, NDArray[np.float32]] = {}
    for (layer, kind), weights in others.items():
        own = weights_of(model, layer, kind)
        given = np.asarray(weights)
        if given.shape != own.shape or not np.isfinite(given).all():
            raise ValueError(
                f"others must hold finite weights of shape {own.shape} for layer {layer}, {kind}, got {given.shape}"
            )
        there[layer, kind] = model.blocks[layer][KINDS[kind]]
        made[layer, kind] = np.ascontiguousarray(given.T, dtype=np.float32)
    try:
        for (layer, kind), array in made.items():
            model.blocks[layer][KINDS[kind]] = array
        yield model
    finally:
        for (layer, kind), array in there.items():
            model.blocks[layer][KINDS[kind]] = array
