"""Self-attention in small, with gates at its heads: to ask which heads matter, and to take the others out.

    head_h = softmax(x W_q,h (x W_k,h)ᵀ ÷ √e) · x W_v,h,      y = x + Σ_h g_h · head_h W_o,h      (Vaswani et al. 2017)

A head's importance (Michel, Levy and Neubig 2019) is how strongly the loss of a sample depends on its gate,
``I_h = mean |∂L ÷ ∂g_h|`` at g = 1: one backward pass ranks them all. A head whose gate is zero can be removed: its
columns of W_q, W_k, W_v and rows of W_o go, and the layer is smaller and gives the same answers.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.sparsity.layer import Cost, Floats, Linear
from hdspike.sparsity.training import Network, cross_entropy

__all__ = ["Attention", "Tokens", "attending", "head_importance", "without_heads"]


class Tokens:
    """An image's rows as tokens, ``(batch, T·p)`` → ``(batch, T·d)``: one matrix for all and a learned place each."""

    def __init__(
        self, tokens: int, pixels: int, width: int, *, dtype: Any = np.float32, rng: check.Rng
    ) -> None:
        for name, value in (("tokens", tokens), ("pixels", pixels), ("width", width)):
            check.integer(name, value, low=1)
        random = check.generator(rng)
        self.parameters: dict[str, Floats] = {
            "W": (random.standard_normal((pixels, width)) * np.sqrt(1 / pixels)).astype(dtype),
            "place": (random.standard_normal((tokens, width)) * 0.1).astype(dtype),
        }
        self.gradients: dict[str, Floats] = {}
        self.shape = tokens, pixels, width

    def forward(self, x: Floats, *, training: bool = False) -> Floats:
        tokens, pixels, _ = self.shape
        rows = x.reshape(len(x), tokens, pixels)
        if training:
            self._rows = rows
        return np.asarray(rows @ self.parameters["W"] + self.parameters["place"]).reshape(len(x), -1)

    def backward(self, upstream: Floats) -> Floats:
        tokens, pixels, width = self.shape
        up = upstream.reshape(-1, tokens, width)
        self.gradients = {
            "W": self._rows.reshape(-1, pixels).T @ up.reshape(-1, width),
            "place": up.sum(axis=0),
        }
        return np.asarray(up @ self.parameters["W"].T).reshape(len(up), -1)

    def cost(self) -> Cost:
        tokens, pixels, width = self.shape
        held = width * (pixels + tokens)
        return Cost(held, held, 4 * held, 4 * held, tokens * pixels * width)


class Attention:
    """Multi-head self-attention with a residual, ``(batch, T·d)`` → ``(batch, T·d)``; no biases.

    Args:
        tokens, width: T and d.
        heads, head_width: how many heads, and e.

    Attributes:
        gates: (heads,), g, all ones; no parameter that is learned.
        gate_gradients: (batch, heads), ``∂L_i ÷ ∂g_h`` of every sample's own loss, after ``backward``.
    """

    def __init__(
        self,
        tokens: int,
        width: int,
        *,
        heads: int,
        head_width: int,
        dtype: Any = np.float32,
        rng: check.Rng,
    ) -> None:
        for name, value, low in (
            ("tokens", tokens, 1),
            ("width", width, 1),
            ("heads", heads, 0),
            ("head_width", head_width, 1),
        ):
            check.integer(name, value, low=low)
        random, inner = check.generator(rng), heads * head_width
        scale = {"Wq": width, "Wk": width, "Wv": width}
        self.parameters: dict[str, Floats] = {
            name: (random.standard_normal((width, inner)) * np.sqrt(1 / n)).astype(dtype)
            for name, n in scale.items()
        }
        out = random.standard_normal((inner, width)) * np.sqrt(1 / max(1, inner))
        self.parameters["Wo"] = out.astype(dtype)
        self.gradients: dict[str, Floats] = {}
        self.shape = tokens, width, heads, head_width
        self.gates: Floats = np.ones(heads, dtype=dtype)
        self.gate_gradients: Floats = np.zeros((0, heads), dtype=dtype)

    def _split(self, flat: Floats) -> Floats:
        """(batch, T, heads·e) → (batch, heads, T, e)."""
        tokens, _, heads, inner = self.shape
        return flat.reshape(len(flat), tokens, heads, inner).transpose(0, 2, 1, 3)

    def _join(self, split: Floats) -> Floats:
        """(batch, heads, T, e) → (batch, T, heads·e)."""
        tokens, _, heads, inner = self.shape
        return split.transpose(0, 2, 1, 3).reshape(len(split), tokens, heads * inner)

    def forward(self, x: Floats, *, training: bool = False) -> Floats:
        tokens, width, heads, inner = self.shape
        rows = x.reshape(len(x), tokens, width)
        if not heads:
            return x
        q, k, v = (self._split(rows @ self.parameters[name]) for name in ("Wq", "Wk", "Wv"))
        scores = q @ k.transpose(0, 1, 3, 2) / np.sqrt(inner).astype(x.dtype)
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares = scores / scores.sum(axis=-1, keepdims=True)
        read = shares @ v
        joined = self._join(read * self.gates[:, None, None])
        if training:
            self._held = rows, q, k, v, shares, read, joined
        return np.asarray(rows + joined @ self.parameters["Wo"]).reshape(len(x), -1)

    def backward(self, upstream: Floats) -> Floats:
        tokens, width, heads, inner = self.shape
        if not heads:
            self.gradients = {name: np.zeros_like(value) for name, value in self.parameters.items()}
            self.gate_gradients = np.zeros((len(upstream), 0), dtype=upstream.dtype)
            return upstream
        rows, q, k, v, shares, read, joined = self._held
        up = upstream.reshape(len(upstream), tokens, width)
        d_gated = self._split(up @ self.parameters["Wo"].T)
        self.gate_gradients = len(upstream) * (d_gated * read).sum(axis=(2, 3))
        d_read = d_gated * self.gates[:, None, None]
        d_shares = d_read @ v.transpose(0, 1, 3, 2)
        d_scores = shares * (d_shares - (shares * d_shares).sum(axis=-1, keepdims=True))
        d_scores /= np.sqrt(inner).astype(upstream.dtype)
        parts = {
            "Wq": self._join(d_scores @ k),
            "Wk": self._join(d_scores.transpose(0, 1, 3, 2) @ q),
            "Wv": self._join(shares.transpose(0, 1, 3, 2) @ d_read),
        }
        flat = rows.reshape(-1, width)
        self.gradients = {name: flat.T @ part.reshape(-1, heads * inner) for name, part in parts.items()}
        self.gradients["Wo"] = joined.reshape(-1, heads * inner).T @ up.reshape(-1, width)
        down = up + sum(part @ self.parameters[name].T for name, part in parts.items())
        return np.asarray(down).reshape(len(upstream), -1)

    def cost(self) -> Cost:
        """All of its parameters are used by every sample; products of projections and of attention."""
        tokens, width, heads, inner = self.shape
        held = 4 * width * heads * inner
        macs = tokens * held + 2 * heads * tokens * tokens * inner
        return Cost(held, held, 4 * held, 4 * held, macs)


def attending(
    *,
    tokens: int = 8,
    pixels: int = 8,
    width: int = 32,
    heads: int = 8,
    head_width: int = 4,
    layers: int = 2,
    classes: int = 10,
    dtype: Any = np.float32,
    rng: check.Rng,
) -> Network:
    """A small transformer for images of ``tokens`` rows: attention alone, then one linear layer over all tokens."""
    check.integer("layers", layers, low=0)
    random = check.generator(rng)
    body = [
        Attention(tokens, width, heads=heads, head_width=head_width, dtype=dtype, rng=random)
        for _ in range(layers)
    ]
    end = Linear(tokens * width, classes, dtype=dtype, rng=random)
    return Network([Tokens(tokens, pixels, width, dtype=dtype, rng=random), *body, end])


def head_importance(network: Network, x: Floats, labels: NDArray[np.integer[Any]]) -> list[Floats]:
    """``mean_i |∂L_i ÷ ∂g_h|`` over these samples, for each attention layer's heads (Michel et al. 2019)."""
    if len(x) == 0 or len(x) != len(labels):
        raise ValueError(
            f"labels must be one for each of at least one sample, got {len(labels)} for {len(x)}"
        )
    _, gradient = cross_entropy(network.forward(x, training=True), labels)
    network.backward(gradient)
    return [
        np.abs(layer.gate_gradients).mean(axis=0) for layer in network.layers if isinstance(layer, Attention)
    ]


def without_heads(layer: Attention, kept: NDArray[np.bool_]) -> Attention:
    """A smaller layer with the heads of ``kept`` alone; with gates of zero elsewhere, ``layer`` gives the same."""
    tokens, width, heads, inner = layer.shape
    kept = np.asarray(kept)
    if kept.dtype != np.bool_ or kept.shape != (heads,):
        raise ValueError(f"kept must be bool of shape ({heads},), got {kept.dtype} of shape {kept.shape}")
    columns = kept.repeat(inner)
    small = Attention(
        tokens, width, heads=int(kept.sum()), head_width=inner, dtype=layer.parameters["Wq"].dtype, rng=0
    )
    for name in ("Wq", "Wk", "Wv"):
        small.parameters[name][...] = layer.parameters[name][:, columns]
    small.parameters["Wo"][...] = layer.parameters["Wo"][columns]
    small.gates[...] = layer.gates[kept]
    return small
