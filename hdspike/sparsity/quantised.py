"""Weights of few bits, after training or in training, and with sparsity in either order.

Symmetric and uniform, a scale for each output (each column of W), over the weights that exist:

    b ≥ 3    step = max|w| ÷ (2^(b−1) − 1),   w̃ = round(w ÷ step) · step
    b = 2    the three levels −1, 0, 1:   step = mean|w|,   w̃ = clip(round(w ÷ step), −1, 1) · step
    b = 1    step = mean|w|,   w̃ = ± step, the sign of w

b = 2 takes the mean as BitNet b1.58 does (Ma et al. 2024, arXiv:2402.17764), for of Gaussian weights most are below
half their maximum and would round to zero; b = 1 is that of XNOR-Net (Rastegari et al. 2016, arXiv:1603.05279).

Sparsity and quantisation do not commute (Harma et al. 2024, arXiv:2405.20935: sparsity before quantisation is the
better order for max-scaled blocks). After rounding, weights that differed are equal: a magnitude can no longer tell
them apart, and pruning chooses at random among them; and a mean over weights that are then pruned is too small a step
for those that stay.
"""

from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.sparsity.layer import Cost, Floats, Layer, Linear
from hdspike.sparsity.pruning import SCOPES, Mask, apply_masks, magnitude_masks
from hdspike.sparsity.straight_through import StraightThrough, finite, masked
from hdspike.sparsity.training import Network

__all__ = ["FULL", "QuantisedLinear", "prune_then_quantise", "quantise", "quantise_then_prune", "quantised"]

FULL = 32
"""Bits of a weight that is not rounded."""


def quantise(weights: Any, bits: int, *, mask: Any = None) -> tuple[NDArray[np.int8], Floats]:
    """Integers ``(n_in, n_out)`` and the value of one step for each output ``(n_out,)``, by the rules above.

    ``mask``: which weights exist; the others are 0. An output whose weights are all zero has the step 1.

    Raises:
        ValueError: ``bits`` is not in 1 … 8, a weight is not finite, or the mask has another shape.

    >>> quantise([[1.0, 0.2], [-0.5, -0.1]], 3)[0].tolist()
    [[3, 3], [-2, -2]]
    """
    depth = check.integer("bits", bits, low=1, high=8)
    given = finite("weights", weights)
    if given.ndim != 2:
        raise ValueError(f"weights must be a matrix (n_in, n_out), got shape {given.shape}")
    exists = masked("mask", mask, given.shape)
    size = np.abs(given) if exists is None else np.abs(given) * exists
    if depth > 2:
        most = 2 ** (depth - 1) - 1
        step = size.max(axis=0, initial=0) / most
    else:
        count = len(given) if exists is None else np.maximum(exists.sum(axis=0), 1)
        step, most = size.sum(axis=0) / max(count, 1) if exists is None else size.sum(axis=0) / count, 1
    step = np.where(step > np.finfo(given.dtype).tiny, step, 1).astype(given.dtype)
    if depth == 1:
        whole = np.where(given >= 0, 1, -1).astype(np.int8)
    else:
        whole = np.clip(np.rint(given / step), -most, most).astype(np.int8)
    return (whole if exists is None else whole * exists), step


class QuantisedLinear(StraightThrough):
    """``y = x W̃ + b`` with weights of few bits; gradients pass straight through the rounding.

    Its cost: the shortest of three formats, b bits for every weight (b ≥ 2, where a zero is a value); b bits for each
    that exists and a bit map; or b bits and a two-byte place. And 4 bytes for each step and bias.

    Args:
        n_in, n_out: the widths.
        bits: of a weight, 1 … 8.
        rounds_activations: whether activations are rounded to 8 bits as well; else they are not.
        options: ``mask``, ``skips_zeros``, ``dtype`` and ``rng``.
    """

    def __init__(
        self, n_in: int, n_out: int, *, bits: int, rounds_activations: bool = False, **options: Any
    ) -> None:
        super().__init__(n_in, n_out, rounds_activations=rounds_activations, **options)
        self.bits = check.integer("bits", bits, low=1, high=8)
        self.fixed: tuple[NDArray[np.int8], Floats] | None = None

    def integers(self) -> tuple[NDArray[np.int8], Floats]:
        if self.fixed is None:
            return quantise(self.weights, self.bits, mask=self.mask)
        whole, step = self.fixed
        return (whole if self.mask is None else whole * self.mask), step

    def freeze(self) -> None:
        """Round now: the integers and steps stay, and the real weights become what they say. Masks may still change."""
        self.fixed = self.integers()
        self.weights[...] = self.rounded()

    def thaw(self) -> None:
        """Learn again, from the rounded weights."""
        self.fixed = None

    def cost(self) -> Cost:
        n_in, n_out = self.weights.shape
        exist, used = self.existing(), self.used()
        formats = [exist * (self.bits + 16) / 8]
        formats.append((n_in * n_out * (self.mask is not None) + exist * self.bits) / 8)
        if self.bits > 1:
            formats.append(n_in * n_out * self.bits / 8)
        held, fixed = min(formats), 4 * 2 * n_out
        share = used / exist if exist else 0.0
        return Cost(exist + n_out, used + n_out, held + fixed, held * share + fixed, used)


def quantised(network: Network, bits: int, *, rounds_activations: bool = False) -> Network:
    """A copy of a network with weights of ``bits`` bits: quantised after training, or about to be trained further.

    Layers of weights become :class:`QuantisedLinear` with the same weights, biases and masks; 32 bits: a plain copy.

    Raises:
        ValueError: ``bits`` is neither in 1 … 8 nor 32, or a layer of weights is of a form of its own.
    """
    if bits == FULL:
        return deepcopy(network)
    layers: list[Layer] = []
    for number, layer in enumerate(network.layers):
        if not isinstance(layer, Linear):
            layers.append(deepcopy(layer))
            continue
        if type(layer) is not Linear:
            raise ValueError(
                f"network must have plain layers of weights, got {type(layer).__name__} at {number}"
            )
        options: dict[str, Any] = {"bits": bits, "rounds_activations": rounds_activations}
        made = QuantisedLinear(
            *layer.weights.shape, **options, skips_zeros=layer.skips_zeros, dtype=layer.weights.dtype, rng=0
        )
        for name, values in layer.parameters.items():
            made.parameters[name][...] = values
        made.set_mask(None if layer.mask is None else layer.mask.copy())
        layers.append(made)
    return Network(layers)


def prune_then_quantise(network: Network, sparsity: float, bits: int, *, scope: str = "output") -> Network:
    """A copy: the smallest weights pruned, the rest quantised.

    ``scope``: what is compared with what, the weights of an ``"output"``, of a ``"layer"`` or all (``"global"``:
    :func:`hdspike.sparsity.pruning.magnitude_masks`). Rounded magnitudes of an output are few steps of its own:
    compared with those of others they would take whole outputs away.
    """
    made = deepcopy(network)
    apply_masks(made, _masks(made, sparsity, scope))
    return quantised(made, bits)


def quantise_then_prune(
    network: Network, sparsity: float, bits: int, *, scope: str = "output", rng: check.Rng
) -> Network:
    """A copy: all weights quantised, frozen, and the smallest of the rounded pruned, equal ones at random.

    ``scope`` as in :func:`prune_then_quantise`. To train it further, ``thaw`` its layers: they go on from the rounded
    weights.
    """
    made, random = quantised(network, bits), check.generator(rng)
    seen: list[Layer] = []
    for layer in made.linear:
        if isinstance(layer, QuantisedLinear):
            layer.freeze()
        told = Linear(*layer.weights.shape, dtype=np.float64, rng=0)
        told.weights[...] = layer.weights * (1 + 1e-9 * random.random(layer.weights.shape))
        told.set_mask(layer.mask)
        seen.append(told)
    apply_masks(made, _masks(Network(seen), sparsity, scope))
    return made


def _masks(network: Network, sparsity: float, scope: str) -> list[Mask]:
    """The masks of :func:`magnitude_masks`, and with ``"output"`` as if each output were a layer."""
    if check.one_of("scope", scope, (*SCOPES, "output")) != "output":
        return magnitude_masks(network, sparsity, scope)
    out = []
    for layer in network.linear:
        columns: list[Layer] = []
        for number in range(layer.weights.shape[1]):
            column = Linear(len(layer.weights), 1, dtype=layer.weights.dtype, rng=0)
            column.weights[:, 0] = layer.weights[:, number]
            column.set_mask(None if layer.mask is None else layer.mask[:, number : number + 1])
            columns.append(column)
        out.append(np.concatenate(magnitude_masks(Network(columns), sparsity, "layer"), axis=1))
    return out
