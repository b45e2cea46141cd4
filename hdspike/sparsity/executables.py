"""A trained network as something to run: the kernels that can compute each form, and nothing that training needs.

Each function of :func:`executables` gives the scores of a batch ``(batch, n_in)``, the network's own up to rounding.
One kernel is taken for the whole network; a layer that it cannot compute is computed by BLAS.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from hdspike.sparsity.active_product import active_product
from hdspike.sparsity.bit_planes import pack, product
from hdspike.sparsity.block_product import BlockMatrix
from hdspike.sparsity.constant_fan_in import ConstantFanIn
from hdspike.sparsity.expert_kernel import mixture
from hdspike.sparsity.experts import Experts
from hdspike.sparsity.layer import Floats, Layer, Linear, Relu
from hdspike.sparsity.straight_through import StraightThrough, int8_samples
from hdspike.sparsity.ternary import TernaryLinear
from hdspike.sparsity.training import Network

__all__ = ["ALONE", "Run", "executables"]

Run = Callable[[Floats], Floats]
ALONE = ("active rows", "experts in turn")
"""Kernels that are for one sample or a few."""


def executables(network: Network, *, block: int = 0) -> dict[str, Run]:
    """Kernel → function from a batch to its scores; ``"dense"`` is there for every network.

    ``block``: side of the blocks in which weights were pruned; 0: in none.

    >>> from hdspike.sparsity.training import perceptron
    >>> list(executables(perceptron((4, 3, 2), rng=0)))
    ['dense']
    """
    ways = {"dense": dense_step}
    if any(layer.mask is not None for layer in network.linear):
        ways["compressed rows"] = compressed_step
        if all(layer.mask is None or constant_fan_in(layer) for layer in network.linear):
            ways["gather"] = gather_step
        if block:
            ways["blocks"] = lambda layer: block_step(layer, block)
    if any(isinstance(layer, TernaryLinear) for layer in network.linear):
        ways["bit planes"] = planes_step
    if any(layer.skips_zeros for layer in network.linear):
        ways["active rows"] = active_step
    if any(isinstance(layer, Experts) for layer in network.layers):
        ways["experts in turn"] = experts_step
    return {name: chain([way(layer) for layer in network.layers]) for name, way in ways.items()}


def chain(steps: list[Run]) -> Run:
    """One after another."""

    def run(x: Floats) -> Floats:
        for step in steps:
            x = step(x)
        return x

    return run


def dense_step(layer: Layer) -> Run:
    """BLAS with all weights, zeros too; what is no matrix of weights computes as it does in training."""
    if type(layer) is Relu:
        return lambda x: np.maximum(x, 0)
    if not isinstance(layer, Linear):
        return layer.forward
    weights, bias = values(layer)

    def run(x: Floats) -> Floats:
        y = x @ weights
        y += bias
        return np.asarray(y)

    return run


def values(layer: Linear) -> tuple[Floats, Floats]:
    """The weights that a layer computes with, and its biases."""
    if isinstance(layer, StraightThrough):
        weights = layer.rounded()
    else:
        weights = layer.weights
    bias = layer.parameters.get("b")
    return np.ascontiguousarray(weights), np.zeros(weights.shape[1], weights.dtype) if bias is None else bias


def compressed_step(layer: Layer) -> Run:
    """Compressed sparse rows (scipy), one row for each output."""
    if not isinstance(layer, Linear) or layer.mask is None:
        return dense_step(layer)
    from scipy import sparse

    weights, bias = values(layer)
    rows: Any = sparse.csr_array(np.ascontiguousarray(weights.T))

    def run(x: Floats) -> Floats:
        if len(x) == 1:
            return np.asarray((rows @ x[0] + bias)[None])
        return np.ascontiguousarray((rows @ np.ascontiguousarray(x.T)).T) + bias

    return run


def constant_fan_in(layer: Linear) -> bool:
    """Whether all outputs that have weights have as many."""
    assert layer.mask is not None
    counts = layer.mask.sum(axis=0)
    return bool(layer.mask.any() and (counts[counts > 0] == counts.max()).all())


def gather_step(layer: Layer) -> Run:
    """Weights of constant fan-in, condensed."""
    if not isinstance(layer, Linear) or layer.mask is None:
        return dense_step(layer)
    weights, bias = values(layer)
    return ConstantFanIn.from_dense(weights, bias, layer.mask).forward


def block_step(layer: Layer, size: int) -> Run:
    """The blocks that are left."""
    if not isinstance(layer, Linear) or layer.mask is None:
        return dense_step(layer)
    weights, bias = values(layer)
    matrix = BlockMatrix(weights, size=size)
    return lambda x: np.asarray(matrix(x) + bias)


def experts_step(layer: Layer) -> Run:
    """The chosen experts of one sample after the other."""
    if not isinstance(layer, Experts):
        return dense_step(layer)
    held = layer.parameters
    weights = held["W1"], held["b1"], held["W2"], held["b2"]

    def run(x: Floats) -> Floats:
        routing = layer.router.route(x)
        places = np.ones(routing.experts.shape, dtype=np.bool_)
        return mixture(x, routing.experts, routing.gates, places, weights)[0]

    return run


def planes_step(layer: Layer) -> Run:
    """Two bit planes of ternary weights met by the planes of 8-bit activations."""
    if not isinstance(layer, TernaryLinear):
        return dense_step(layer)
    signs, worth = layer.integers()
    planes, bias = pack(signs), layer.parameters["b"]

    def run(x: Floats) -> Floats:
        whole, step = int8_samples(x)
        return np.asarray(product(whole, planes) * (step * worth) + bias, dtype=np.float32)

    return run


def active_step(layer: Layer) -> Run:
    """Rows of weights behind inputs that are not zero, one sample at a time."""
    if not isinstance(layer, Linear) or not layer.skips_zeros:
        return dense_step(layer)
    weights, bias = values(layer)

    def run(x: Floats) -> Floats:
        return np.stack([active_product(row, weights) for row in x]) + bias

    return run
