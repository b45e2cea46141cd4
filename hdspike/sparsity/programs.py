"""The programs that can compute a masked network: dense products, scipy's CSR, and the gather of constant fan-in."""

from collections.abc import Callable
from contextlib import suppress

import numpy as np

from hdspike.sparsity.constant_fan_in import ConstantFanIn
from hdspike.sparsity.layer import Floats, Layer, Linear
from hdspike.sparsity.training import Network

__all__ = ["condensed", "csr", "programs"]

Program = Callable[[Floats], Floats]


def condensed(network: Network) -> Network:
    """The same network with its layers of constant fan-in condensed.

    Raises:
        ValueError: a layer's fan-in is not constant.
    """
    layers: list[Layer] = [
        ConstantFanIn.from_linear(layer) if isinstance(layer, Linear) else layer for layer in network.layers
    ]
    return Network(layers)


def csr(network: Network) -> Program:
    """The network with every layer of weights as a compressed sparse row matrix of scipy's."""
    from scipy.sparse import csr_matrix

    rows = {id(layer): csr_matrix(layer.weights.T) for layer in network.linear}

    def forward(x: Floats) -> Floats:
        for layer in network.layers:
            if isinstance(layer, Linear):
                x = np.asarray((rows[id(layer)] @ x.T).T + layer.parameters["b"])
            else:
                x = layer.forward(x)
        return x

    return forward


def programs(network: Network) -> dict[str, Program]:
    """By name, what turns a batch into scores: ``BLAS``, ``CSR`` and, where it fits, ``constant fan-in``.

    The weights are those of now; later changes are not followed by all of them.
    """
    out: dict[str, Program] = {"BLAS": network.forward, "CSR": csr(network)}
    with suppress(ValueError):
        out["constant fan-in"] = condensed(network).forward
    return out
