"""The int8 and the ternary twin of the dense transformer.

``Int8Transformer``     quantised after training: weights int8 with a scale for each output channel (and each symbol of
                        the embedding), activations int8 with a scale for each token, found as it passes
``TernaryTransformer``  trained quantised, gradients passing straight through (Bengio et al. 2013): matrices inside the
                        layers ternary with one scale each, activations int8 (Ma et al. 2024, BitNet b1.58,
                        arXiv:2402.17764); embedding and head int8

Every product of the forward pass is one of integers, attention too: q and k with a scale for each token and head; the
softmax's weights times the scales of v, in 8 bits for each query. Norms, rotation, softmax and scales stay floats.
Sums of at most 2²⁴ ÷ 127² = 1040 products are exact in fp32, which is what they are computed in; longer ones in fp64.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.contestants.contract import Reading
from hdspike.contestants.decoder import MATRICES, Arithmetic, torch_module
from hdspike.contestants.quantising import LEAST, int8_rows, packed_ternary, ternary
from hdspike.contestants.transformer import Transformer

__all__ = ["Int8Transformer", "Int8s", "Ternaries", "TernaryTransformer"]

LARGEST_SUM = 2**24 // 127**2
SMALL = 1e-12


def _rows(torch: Any, x: Any) -> tuple[Any, Any]:
    """Integers in [−127, 127], as floats, and the scale of each row, as :func:`int8_rows`."""
    largest = x.abs().amax(-1, keepdim=True)
    scale = torch.where(largest >= LEAST, largest / 127, torch.ones_like(largest))
    return torch.round(x / scale), scale


def _product(torch: Any, left: Any, right: Any) -> Any:
    """Exact left · right of integers that are stored as floats."""
    if left.shape[-1] <= LARGEST_SUM:
        return left @ right
    return (left.double() @ right.double()).float()


class Int8s(Arithmetic):
    """Every product in 8-bit integers; the weights are quantised as they are met, so they may be given as floats."""

    def __init__(self) -> None:
        self.torch = torch_module()

    def layer(self, x: Any, weight: Any) -> Any:
        left, scale = _rows(self.torch, x.float())
        right, scales = _rows(self.torch, weight)
        return _product(self.torch, left, right.T) * scale * scales[:, 0]

    def head(self, x: Any, embedding: Any) -> Any:
        return self.layer(x, embedding)

    def attend(self, query: Any, key: Any, value: Any, mask: Any) -> Any:
        torch = self.torch
        (q, of_q), (k, of_k), (v, of_v) = (_rows(torch, each) for each in (query, key, value))
        scores = _product(torch, q, k.transpose(-1, -2)) * of_q * of_k.transpose(-1, -2)
        scores = scores * (1 / math.sqrt(query.shape[-1]))
        if mask is not None:
            scores = scores + mask
        weights, scale = _rows(torch, torch.softmax(scores, -1) * of_v.transpose(-1, -2))
        return _product(torch, weights, v) * scale


class Ternaries(Int8s):
    """Ternary weights inside the layers, int8 activations, int8 embedding."""

    def layer(self, x: Any, weight: Any) -> Any:
        left, scale = _rows(self.torch, x.float())
        right, scales = _signs(weight)
        return _product(self.torch, left, right.T) * scale * scales

    def head(self, x: Any, embedding: Any) -> Any:
        return Int8s.layer(self, x, embedding)


class StraightThrough(Arithmetic):
    """The ternary arithmetic in training: values are those of the integers, gradients those of the floats."""

    def __init__(self, *, half: bool) -> None:
        self.torch = torch_module()
        self.dtype = self.torch.bfloat16 if half else self.torch.float32

    def _through(self, real: Any, rounded: Any) -> Any:
        return (real + (rounded - real).detach()).to(self.dtype)

    def _activations(self, x: Any) -> Any:
        values, scale = _rows(self.torch, x)
        return self._through(x, values * scale)

    def layer(self, x: Any, weight: Any) -> Any:
        signs, scale = _signs(weight)
        left = self._activations(x)
        return self.torch.nn.functional.linear(left, self._through(weight, signs * scale))

    def head(self, x: Any, embedding: Any) -> Any:
        values, scale = _rows(self.torch, embedding)
        left = self._activations(x)
        return self.torch.nn.functional.linear(left, self._through(embedding, values * scale)).float()

    def attend(self, query: Any, key: Any, value: Any, mask: Any) -> Any:
        scores = query @ key.transpose(-1, -2) * (1 / math.sqrt(query.shape[-1]))
        if mask is not None:
            scores = scores + mask.to(scores.dtype)
        return self.torch.softmax(scores, -1) @ value


def _signs(weight: Any) -> tuple[Any, Any]:
    """Values of {−1, 0, 1} and the mean magnitude, as :func:`hdspike.contestants.quantising.ternary`."""
    scale = weight.abs().mean().clamp_min(SMALL)
    return (weight / scale).round().clamp(-1, 1), scale


class _Quantised(Transformer):
    """Reads frozen alone: a step along a gradient would need the floats that it was made from."""

    def read(self, tokens: Any, *, streaming: bool) -> Reading:
        if streaming:
            raise ValueError(
                f"streaming must be False for the {self.name}: its weights are no floats any more"
            )
        return super().read(tokens, streaming=False)

    def matrices(self) -> dict[str, NDArray[np.float32]]:
        """The matrices inside the layers, as floats."""
        return {n: w.numpy() for n, w in self.weights.items() if n.rpartition(".")[2] in MATRICES}

    def _tables(self) -> int:
        """Bytes of the embedding (int8, a scale for each symbol) and of the norms (fp32)."""
        shape = self.shape
        return shape.vocabulary * (shape.dim + 4) + 4 * shape.dim * (2 * shape.layers + 1)


class Int8Transformer(_Quantised):
    """The dense transformer with weights and activations of 8 bits, quantised after training."""

    precision = "int8"

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.name = "dense transformer, int8"

    def arithmetic(self) -> Arithmetic:
        return Int8s()

    def integers(self) -> dict[str, tuple[NDArray[np.int8], NDArray[np.float32]]]:
        """Every matrix, the embedding too, as it is stored: integers and the scale of each row."""
        named = self.matrices() | {"embedding": self.weights["embedding"].numpy()}
        return {name: int8_rows(values) for name, values in named.items()}

    def stored_bytes(self) -> int:
        """A byte for each weight, 4 for the scale of each row and for each number of a norm."""
        return sum(w.size + 4 * len(w) for w in self.matrices().values()) + self._tables()


class TernaryTransformer(_Quantised):
    """The dense transformer with ternary weights and activations of 8 bits, trained that way."""

    precision = "ternary"

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.name = "dense transformer, ternary"

    def arithmetic(self) -> Arithmetic:
        return Ternaries()

    def _training_arithmetic(self) -> Arithmetic:
        return StraightThrough(half=self.recipe.half)

    def nonzero(self) -> float:
        """The share of ternary weights that are not zero: each costs an addition."""
        values = [ternary(w)[0] for w in self.matrices().values()]
        return sum(int(np.count_nonzero(v)) for v in values) / sum(v.size for v in values)

    def packed(self) -> dict[str, tuple[NDArray[np.uint8], np.float32]]:
        """The matrices inside the layers as they are stored: five weights in a byte, and a scale."""
        out = {}
        for name, values in self.matrices().items():
            signs, scale = ternary(values)
            out[name] = packed_ternary(signs), scale
        return out

    def stored_bytes(self) -> int:
        """1.6 bits for each ternary weight, 4 bytes for its matrix's scale; the rest as in int8."""
        return sum(len(packed) + 4 for packed, _ in self.packed().values()) + self._tables()
