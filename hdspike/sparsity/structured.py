"""Structured pruning: whole blocks or whole neurons cease to exist, so that what is left is dense again inside.

*Blocks*: the b × b tiles of a matrix of least mean |w|. *Neurons*: a hidden unit with all that goes in and out,

    importance = ‖incoming weights‖₂ · ‖outgoing weights‖₂,

which does not change when a ReLU's input is scaled up and its output down. (Norms of the incoming weights alone are the
criterion of Li et al. 2017.) After :func:`shrink` such a network is a smaller dense one, and gives the same answers.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import floor

import numpy as np

from hdspike import check
from hdspike.sparsity.few_weights import narrow_widths
from hdspike.sparsity.layer import Floats, Linear, Relu
from hdspike.sparsity.pruning import SCOPES, Mask, largest, proper_sparsity, shares_of
from hdspike.sparsity.training import Network

__all__ = ["block_masks", "neuron_importance", "neuron_masks", "shrink"]


def block_masks(
    network: Network, sparsity: float | Sequence[float], *, block: int, scope: str = "global"
) -> list[Mask]:
    """Which weights stay when only whole b × b tiles go: those of the largest mean |w|.

    At the right and lower rim a tile is what is left of it. Tiles go, the least ones in front, while no more than
    ``⌊s·N + ½⌋`` weights are gone: the sparsity is the wanted one to within a tile. Of equal tiles the earlier stay.
    A block of 1 is magnitude pruning.

    Args:
        sparsity: the share of zeros, in [0, 1); for ``"layer"`` also one for each layer.
        block: b.
        scope: ``"global"``: all layers compared together, or ``"layer"``: each by itself.
    """
    check.one_of("scope", scope, SCOPES)
    shares, size = shares_of(network, sparsity, scope), check.integer("block", block, low=1)
    layers = network.linear
    found = [tiles(np.abs(layer.weights), size) for layer in layers]
    groups = [list(range(len(layers)))] if scope == "global" else [[number] for number in range(len(layers))]
    kept: list[Mask] = [np.ones(0, dtype=bool)] * len(layers)
    for group in groups:
        score = np.concatenate([found[number][0].ravel() for number in group])
        weight = np.concatenate([found[number][1].ravel() for number in group])
        order = np.argsort(-score, kind="stable")[::-1]
        gone = np.cumsum(weight[order]) <= floor(shares[group[0]] * weight.sum() + 0.5)
        stays = np.ones(len(score), dtype=bool)
        stays[order[gone]] = False
        for number, piece in zip(
            group, np.split(stays, np.cumsum([found[n][0].size for n in group])[:-1]), strict=True
        ):
            kept[number] = piece.reshape(found[number][0].shape)
    masks = []
    for layer, tile in zip(layers, kept, strict=True):
        n_in, n_out = layer.weights.shape
        masks.append(existing(layer, tile.repeat(size, axis=0).repeat(size, axis=1)[:n_in, :n_out]))
    return masks


def existing(layer: Linear, mask: Mask) -> Mask:
    """The mask without what does not exist already."""
    return mask if layer.mask is None else mask & layer.mask


def tiles(values: Floats, size: int) -> tuple[Floats, Floats]:
    """The mean of each tile, and how many entries it has."""
    rows, columns = (np.arange(0, length, size) for length in values.shape)
    total = np.add.reduceat(np.add.reduceat(values.astype(np.float64), rows, axis=0), columns, axis=1)
    counts = np.outer(np.diff(rows, append=values.shape[0]), np.diff(columns, append=values.shape[1])).astype(
        np.float64
    )
    return total / counts, counts


def neuron_importance(network: Network) -> list[Floats]:
    """‖incoming‖₂ · ‖outgoing‖₂ of every unit, for each hidden layer."""
    layers = alternating(network)
    return [
        np.linalg.norm(before.weights, axis=0) * np.linalg.norm(after.weights, axis=1)
        for before, after in pairwise(layers)
    ]


def neuron_masks(network: Network, sparsity: float) -> list[Mask]:
    """Which weights stay when only whole hidden units go: all hidden layers narrowed by one factor.

    The factor is the one that leaves a share of weights nearest to ``1 − sparsity``; at least one unit stays in each
    layer. Of equally important units the earlier stay.
    """
    proper_sparsity(sparsity)
    layers = alternating(network)
    widths = [layers[0].weights.shape[0], *(layer.weights.shape[1] for layer in layers)]
    total = sum(layer.weights.size for layer in layers)
    kept = narrow_widths(widths, max(1, round((1 - sparsity) * total)))
    alive = [np.ones(widths[0], dtype=bool)]
    alive += [largest(one, count) for one, count in zip(neuron_importance(network), kept[1:-1], strict=True)]
    alive.append(np.ones(widths[-1], dtype=bool))
    return [
        existing(layer, np.outer(before, after))
        for layer, (before, after) in zip(layers, pairwise(alive), strict=True)
    ]


def shrink(network: Network) -> Network:
    """The same function in fewer units: a new network without the hidden units that say nothing, or always the same.

    A unit without outgoing weights goes; one without incoming weights is the constant ``max(b, 0)``, which is added
    to the biases of the next layer. A layer of which all weights are left is dense. The answers are those of
    ``network`` up to rounding.

    Raises:
        ValueError: the layers are not linear ones with ReLUs between them.
    """
    layers = alternating(network)
    weights = [layer.weights.copy() for layer in layers]
    biases = [layer.parameters["b"].copy() for layer in layers]
    masks = [
        np.ones(layer.weights.shape, dtype=bool) if layer.mask is None else layer.mask.copy()
        for layer in layers
    ]
    changed = True
    while changed:
        changed = False
        for number in range(len(layers) - 1):
            heard, spoken = masks[number].any(axis=0), masks[number + 1].any(axis=1)
            keep = heard & spoken
            if keep.all():
                continue
            changed = True
            constant = np.where(heard, 0, np.maximum(biases[number], 0))
            biases[number + 1] += constant @ weights[number + 1]
            weights[number], masks[number] = weights[number][:, keep], masks[number][:, keep]
            biases[number] = biases[number][keep]
            weights[number + 1], masks[number + 1] = weights[number + 1][keep], masks[number + 1][keep]
    out: list[Linear | Relu] = []
    for number, (values, bias, mask) in enumerate(zip(weights, biases, masks, strict=True)):
        layer = Linear(max(1, values.shape[0]), max(1, values.shape[1]), dtype=values.dtype, rng=0)
        layer.parameters["W"][...] = 0
        layer.parameters["b"][...] = 0
        layer.parameters["W"][: values.shape[0], : values.shape[1]] = values
        layer.parameters["b"][: len(bias)] = bias
        layer.skips_zeros = layers[number].skips_zeros
        if not mask.all() or not mask.size:
            whole = np.zeros(layer.weights.shape, dtype=bool)
            whole[: mask.shape[0], : mask.shape[1]] = mask
            layer.set_mask(whole)
        out += [layer, Relu()]
    return Network(out[:-1])


def alternating(network: Network) -> list[Linear]:
    """The linear layers of a perceptron, or an error."""
    kinds = [type(layer) for layer in network.layers]
    if len(kinds) % 2 == 0 or any(kind is not (Relu if n % 2 else Linear) for n, kind in enumerate(kinds)):
        raise ValueError(
            "network must be linear layers with ReLUs between them, "
            f"got {', '.join(kind.__name__ for kind in kinds)}"
        )
    return network.linear
