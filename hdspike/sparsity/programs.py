"""The programs that can compute a masked network: dense products, scipy's CSR, and the gather of constant fan-in."""

from contextlib import suppress

from hdspike.sparsity.constant_fan_in import ConstantFanIn
from hdspike.sparsity.executables import Run, chain, compressed_step
from hdspike.sparsity.layer import Layer, Linear
from hdspike.sparsity.training import Network

__all__ = ["condensed", "csr", "programs"]


def condensed(network: Network) -> Network:
    """The same network with its layers of constant fan-in condensed.

    Raises:
        ValueError: a layer's fan-in is not constant.
    """
    layers: list[Layer] = [
        ConstantFanIn.from_linear(layer) if isinstance(layer, Linear) else layer for layer in network.layers
    ]
    return Network(layers)


def csr(network: Network) -> Run:
    """The network with every masked layer of weights as a compressed sparse row matrix of scipy's."""
    return chain([compressed_step(layer) for layer in network.layers])


def programs(network: Network) -> dict[str, Run]:
    """By name, what turns a batch into scores: ``BLAS``, ``CSR`` and, where it fits, ``constant fan-in``.

    The weights are those of now; later changes are not followed by all of them.
    """
    out: dict[str, Run] = {"BLAS": network.forward, "CSR": csr(network)}
    with suppress(ValueError):
        out["constant fan-in"] = condensed(network).forward
    return out
