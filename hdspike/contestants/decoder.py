"""The decoder of the dense contestant, in torch: one forward pass whose arithmetic is a plug.

    x ← E[tokens]
    x ← x + W_o · attend(rope(W_q n), rope(W_k n), W_v n)        n = norm(x), heads apart, causal
    x ← x + W₂ · relu(W₁ n)²                                     n = norm(x)
    logits = E · norm(x)

Pre-norm (Xiong et al. 2020), rotary positions (Su et al. 2021, arXiv:2104.09864), squared rectifiers (So et al. 2021,
arXiv:2109.08668: no exponential), tied embedding (Press and Wolf 2017), no biases. Weights are a dict of tensors; an
:class:`Arithmetic` says how they are multiplied: in floats here, in 8 bits or with ternary weights in
:mod:`hdspike.contestants.quantised`. torch is the extra ``bench``.
"""

import importlib
import math
from typing import Any

from hdspike.dense import Shape

__all__ = ["MATRICES", "Arithmetic", "Floats", "forward", "initial", "matrices", "torch_module"]

MATRICES = ("query", "key", "value", "output", "up", "down")
ROTARY_BASE = 10_000.0


def torch_module() -> Any:
    """torch, or an ``ImportError`` that names the extra."""
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise ImportError("the dense contestants need torch: pip install 'hdspike[bench]'") from error


def initial(shape: Shape, *, seed: int) -> dict[str, Any]:
    """Weights before learning: normal, deviation 1/√inputs; those that write into the residual stream are zero."""
    torch = torch_module()
    source = torch.Generator().manual_seed(seed)

    def normal(rows: int, columns: int, deviation: float) -> Any:
        return torch.randn(rows, columns, generator=source) * deviation

    dim, inner = shape.dim, shape.queries
    weights = {"embedding": normal(shape.vocabulary, dim, 0.02)}
    for layer in range(shape.layers):
        for name in ("query", "key", "value"):
            weights[f"{layer}.{name}"] = normal(inner, dim, 1 / math.sqrt(dim))
        weights[f"{layer}.output"] = torch.zeros(dim, inner)
        weights[f"{layer}.up"] = normal(shape.hidden, dim, 1 / math.sqrt(dim))
        weights[f"{layer}.down"] = torch.zeros(dim, shape.hidden)
        weights[f"{layer}.norm1"] = torch.ones(dim)
        weights[f"{layer}.norm2"] = torch.ones(dim)
    weights["norm"] = torch.ones(dim)
    return weights


def matrices(weights: dict[str, Any]) -> list[str]:
    """The names of the matrices inside the layers: what is quantised, pruned and lesioned beside the embedding."""
    return [name for name in weights if name.rpartition(".")[2] in MATRICES]


class Arithmetic:
    """How the decoder multiplies. ``layer``: y = x Wᵀ; ``head``: logits; ``attend``: softmax(q kᵀ/√d) v."""

    def layer(self, x: Any, weight: Any) -> Any:
        raise NotImplementedError

    def head(self, x: Any, embedding: Any) -> Any:
        raise NotImplementedError

    def attend(self, query: Any, key: Any, value: Any, mask: Any) -> Any:
        raise NotImplementedError


class Floats(Arithmetic):
    """Floats: fp32, or with ``half`` bf16 operands, as in training (weights and their updates stay fp32)."""

    def __init__(self, *, half: bool = False) -> None:
        self.torch = torch_module()
        self.dtype = self.torch.bfloat16 if half else self.torch.float32

    def layer(self, x: Any, weight: Any) -> Any:
        return self.torch.nn.functional.linear(x.to(self.dtype), weight.to(self.dtype))

    def head(self, x: Any, embedding: Any) -> Any:
        return self.layer(x, embedding).float()

    def attend(self, query: Any, key: Any, value: Any, mask: Any) -> Any:
        scores = query @ key.transpose(-1, -2) * (1 / math.sqrt(query.shape[-1]))
        if mask is not None:
            scores = scores + mask.to(scores.dtype)
        return self.torch.softmax(scores, -1) @ value


def rotary(length: int, head_dim: int, start: int = 0) -> tuple[Any, Any]:
    """Cosines and sines ``(length, head_dim ÷ 2)`` of the positions from ``start``."""
    torch = torch_module()
    speeds = ROTARY_BASE ** -(torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim)
    angles = torch.arange(start, start + length, dtype=torch.float32)[:, None] * speeds
    return torch.cos(angles), torch.sin(angles)


def _rotate(torch: Any, x: Any, turn: tuple[Any, Any]) -> Any:
    left, right = x.chunk(2, -1)
    cosine, sine = turn[0].to(x.dtype), turn[1].to(x.dtype)
    return torch.cat((left * cosine - right * sine, right * cosine + left * sine), -1)


def forward(
    weights: dict[str, Any],
    shape: Shape,
    tokens: Any,
    arithmetic: Arithmetic,
    *,
    cache: list[tuple[Any, Any]] | None = None,
    dropout: float = 0.0,
    keep: int | None = None,
) -> Any:
    """Logits ``(batch, length, symbols)`` of what follows each of ``tokens`` ``(batch, length)``.

    ``cache``: keys and values of the tokens before, one pair for each layer (an empty list to begin with); it is
    extended in place. ``keep``: logits of the last so many positions alone.
    """
    torch = torch_module()
    F = torch.nn.functional
    batch, length = tokens.shape
    past = cache[0][0].shape[-2] if cache else 0
    turn = rotary(length, shape.head_dim, past)
    mask = None
    if length > 1:
        mask = torch.full((length, past + length), -torch.inf).triu(past + 1)
    x = F.embedding(tokens, weights["embedding"])
    x = F.dropout(x, dropout) if dropout else x

    def heads(flat: Any) -> Any:
        return flat.view(batch, length, shape.heads, shape.head_dim).transpose(1, 2)

    for layer in range(shape.layers):
        n = F.layer_norm(x, (shape.dim,), weights[f"{layer}.norm1"])
        query, key, value = (
            heads(arithmetic.layer(n, weights[f"{layer}.{name}"])) for name in ("query", "key", "value")
        )
        query, key = _rotate(torch, query, turn), _rotate(torch, key, turn)
        if cache is not None:
            if layer < len(cache):
                key = torch.cat((cache[layer][0], key), -2)
                value = torch.cat((cache[layer][1], value), -2)
                cache[layer] = (key, value)
            else:
                cache.append((key, value))
        mixed = arithmetic.attend(query, key, value, mask)
        mixed = mixed.transpose(1, 2).reshape(batch, length, shape.queries)
        mixed = arithmetic.layer(mixed, weights[f"{layer}.output"])
        x = x + (F.dropout(mixed, dropout) if dropout else mixed)
        n = F.layer_norm(x, (shape.dim,), weights[f"{layer}.norm2"])
        hidden = torch.relu(arithmetic.layer(n, weights[f"{layer}.up"])).square()
        mixed = arithmetic.layer(hidden, weights[f"{layer}.down"])
        x = x + (F.dropout(mixed, dropout) if dropout else mixed)
    if keep is not None:
        x = x[:, -keep:]
    return arithmetic.head(F.layer_norm(x, (shape.dim,), weights["norm"]), weights["embedding"])
