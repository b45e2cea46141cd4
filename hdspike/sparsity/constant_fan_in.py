"""Weights of constant fan-in, condensed: for every neuron its ``fan_in`` values and where they belong.

``values`` (neurons, fan_in) of 4 bytes and ``indices`` of the same shape of 2 bytes (4 where n_in > 65,536): 6 bytes a
weight, no row pointers, every row as long as the next (the condensed form of Lasby et al. 2024; ELLPACK to others).
Neurons without weights are left out: their output is their bias. The product is :mod:`hdspike.sparsity.gather`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.sparsity.gather import index_dtype, product, proper_indices
from hdspike.sparsity.layer import Cost, Floats, Linear

__all__ = ["ConstantFanIn"]


class ConstantFanIn:
    """A layer whose neurons that are alive have ``fan_in`` weights each; learns values and biases, not places.

    Args:
        values: (neurons, fan_in), float32 or float64.
        indices: (neurons, fan_in) of integers in [0, n_in), a neuron's all different.
        n_in: the width of the input.
        bias: (n_out,), of the dtype of ``values``.
        outputs: (neurons,), all different, in [0, n_out); None: all outputs in their order.

    >>> layer = ConstantFanIn(np.array([[2.0, 3.0]]), np.array([[0, 2]]), n_in=3, bias=np.array([0.5]))
    >>> layer.forward(np.array([[1.0, 5.0, 10.0]]))
    array([[32.5]])
    """

    def __init__(
        self,
        values: Floats,
        indices: NDArray[np.integer[Any]],
        *,
        n_in: int,
        bias: Floats,
        outputs: NDArray[np.integer[Any]] | None = None,
    ) -> None:
        values, bias = np.array(values, order="C"), np.array(bias)
        if values.dtype not in (np.float32, np.float64) or values.ndim != 2:
            raise TypeError(
                f"values must be float32 or float64 of 2 dimensions, got {values.dtype} of shape {values.shape}"
            )
        if bias.dtype != values.dtype or bias.ndim != 1:
            raise TypeError(
                f"bias must be {values.dtype} of 1 dimension, got {bias.dtype} of shape {bias.shape}"
            )
        chosen = np.arange(len(bias)) if outputs is None else outputs
        held = proper_indices("indices", indices, n_in, values.shape).astype(index_dtype(n_in))
        ordered = np.sort(held, axis=1)
        if (ordered[:, 1:] == ordered[:, :-1]).any():
            raise ValueError("indices must be all different in a row, got one twice")
        self.outputs = proper_indices("outputs", chosen, len(bias), (len(values),)).astype(np.int64)
        if len(np.unique(self.outputs)) != len(self.outputs):
            raise ValueError(f"outputs must be all different, got {self.outputs.tolist()}")
        self.indices, self.n_in, self.macs = held, n_in, 0
        for array in (self.indices, self.outputs):
            array.flags.writeable = False  # the kernels do not look whether they fit
        self.parameters: dict[str, Floats] = {"W": values, "b": bias}
        self.gradients: dict[str, Floats] = {}

    @classmethod
    def from_linear(cls, layer: Linear) -> "ConstantFanIn":
        """The same layer, condensed.

        Raises:
            ValueError: two outputs that have weights have not as many.
        """
        mask = np.ones(layer.weights.shape, dtype=bool) if layer.mask is None else layer.mask
        return cls.from_dense(layer.weights, layer.parameters["b"], mask)

    @classmethod
    def from_dense(
        cls, weights: Floats, bias: Floats, mask: NDArray[np.bool_] | None = None
    ) -> "ConstantFanIn":
        """From weights (n_in, n_out) and those that exist (None: those that are not zero)."""
        exists = (weights != 0) if mask is None else mask
        counts = exists.sum(axis=0)
        alive = np.flatnonzero(counts)
        fan_in = int(counts.max(initial=0))
        if len(alive) and int(counts[alive].min()) != fan_in:
            raise ValueError(
                f"layer must have the same fan-in for each output with weights, got {counts[alive].min()} to {fan_in}"
            )
        indices = np.nonzero(exists.T[alive])[1].reshape(len(alive), fan_in)
        values = np.take_along_axis(weights.T[alive], indices, axis=1)
        return cls(values, indices, n_in=len(weights), bias=bias, outputs=alive)

    @property
    def values(self) -> Floats:
        """(neurons, fan_in)."""
        return self.parameters["W"]

    @property
    def fan_in(self) -> int:
        """Weights of a neuron."""
        return int(self.values.shape[1])

    def dense(self) -> Floats:
        """The weights as (n_in, n_out)."""
        out = np.zeros((self.n_in, len(self.parameters["b"])), dtype=self.values.dtype)
        out[self.indices, self.outputs[:, None]] = self.values
        return out

    def forward(self, x: Floats, *, training: bool = False) -> Floats:
        """(batch, n_in), of the dtype of the values → (batch, n_out); ``macs`` is how many products it took."""
        if x.ndim != 2 or x.shape[1] != self.n_in or x.dtype != self.values.dtype:
            raise ValueError(
                f"x must be {self.values.dtype} of shape (batch, {self.n_in}), got {x.dtype} of shape {x.shape}"
            )
        if training:
            self._x = x
        out, self.macs = product(
            self.values, self.indices, self.outputs, self.parameters["b"], np.ascontiguousarray(x)
        )
        return out

    def backward(self, upstream: Floats) -> Floats:
        mine = upstream.T[self.outputs]  # (neurons, batch)
        rows = self._x.T
        gradient, down = np.empty_like(self.values), np.zeros_like(rows)
        for j in range(self.fan_in):
            picked = self.indices[:, j]
            gradient[:, j] = np.einsum("ob,ob->o", mine, rows[picked])
            np.add.at(down, picked, self.values[:, j, None] * mine)
        self.gradients = {"W": gradient, "b": upstream.sum(axis=0)}
        return np.ascontiguousarray(down.T)

    def cost(self) -> Cost:
        """Values and biases of their own bytes, the indices, and two bytes a neuron where some are left out."""
        weights, biases = self.values.size, len(self.parameters["b"])
        octets = self.values.nbytes + self.indices.nbytes + self.parameters["b"].nbytes
        if len(self.outputs) < biases:
            octets += 2 * len(self.outputs)
        stored = float(weights + biases)
        return Cost(
            stored=stored, active=stored, stored_bytes=octets, active_bytes=octets, macs=float(weights)
        )
