"""One trained network pruned at once in different forms, and the program that computes each of them best.

Hidden layers keep ``(1 − 0.2)^r`` of their weights and the output layer ``(1 − 0.1)^r``, as lottery tickets do, with
the r that gives the wanted sparsity: the forms differ in what goes together, not in how much of each layer goes.
Neurons go by one factor for all hidden layers instead.
"""

from copy import deepcopy

from hdspike import check
from hdspike.sparsity.block_product import BlockMatrix
from hdspike.sparsity.executables import Run, chain, dense_step, executables
from hdspike.sparsity.layer import Floats, Layer, Linear
from hdspike.sparsity.lottery import layer_sparsities
from hdspike.sparsity.pruning import apply_masks, magnitude_masks
from hdspike.sparsity.structured import block_masks, neuron_masks, shrink
from hdspike.sparsity.training import Network

__all__ = ["FORMS", "executable", "pruned"]

FORMS = ("single", "4", "8", "16", "neurons")
"""Single weights, blocks of so many × so many, neurons."""


def pruned(network: Network, form: str, sparsity: float) -> Network:
    """A copy of a perceptron without ``sparsity`` of its weights; of neurons, physically smaller.

    >>> from hdspike.sparsity.training import perceptron
    >>> [w.weights.shape for w in pruned(perceptron((64, 300, 100, 10), rng=0), "neurons", 0.9).linear]
    [(64, 58), (58, 19), (19, 10)]
    """
    check.one_of("form", form, FORMS)
    copy = deepcopy(network)
    if form == "neurons":
        apply_masks(copy, neuron_masks(copy, sparsity))
        return shrink(copy)
    shares = layer_sparsities(copy, sparsity)
    if form == "single":
        apply_masks(copy, magnitude_masks(copy, shares, "layer"))
    else:
        apply_masks(copy, block_masks(copy, shares, block=int(form), scope="layer"))
    return copy


def executable(network: Network, form: str) -> Run:
    """A function from a batch to its scores: compressed rows, block products, or BLAS for what is dense inside."""
    check.one_of("form", form, ("dense", *FORMS))
    if form in ("dense", "neurons"):
        return executables(network)["dense"]
    if form == "single":
        return executables(network)["compressed rows"]
    return chain([block_step(layer, int(form)) for layer in network.layers])


def block_step(layer: Layer, size: int) -> Run:
    """A layer by its block product; ReLUs as they are."""
    if not isinstance(layer, Linear):
        return dense_step(layer)
    matrix, bias = BlockMatrix(layer.weights, size=size), layer.parameters["b"].copy()

    def run(x: Floats) -> Floats:
        y = matrix(x)
        y += bias
        return y

    return run
