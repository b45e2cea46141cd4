"""A Llama-family decoder in NumPy: root-mean-square norms, rotary positions, grouped queries, gated feed-forward.

Touvron et al. 2023 (arXiv:2302.13971); rotary embedding: Su et al. 2021 (arXiv:2104.09864). Float32 throughout,
projections are BLAS products. Weights are dequantised once. Everything but attention is worked off some hundred
positions at a time, so that memory grows by the states, queries, keys and values of one layer alone.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.models.attention import Attention, softmax
from hdspike.models.cache import Cache
from hdspike.models.feed_forward import FeedForward, gated
from hdspike.models.gguf_file import LlamaFile
from hdspike.models.memory import require_room

__all__ = ["Llama"]

POSITIONS = 512  # whose hidden numbers are held at once
READOUT = 256  # whose logits are held at once
PARTS = (
    "attn_norm",
    "attn_q",
    "attn_k",
    "attn_v",
    "attn_output",
    "ffn_norm",
    "ffn_gate",
    "ffn_up",
    "ffn_down",
)


def _norm(x: NDArray[np.float32], gain: NDArray[np.float32], epsilon: float) -> NDArray[np.float32]:
    """x ÷ √(mean x² + ε) · gain."""
    return x * (gain / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + np.float32(epsilon)))


def _nothing(layer: int) -> None:
    """No progress is shown."""


class Llama:
    """A decoder out of a GGUF file (a path, or an opened :class:`LlamaFile`).

    Raises:
        ValueError: the file is not such a model, or its weights do not fit in memory (said before any is read).
        ImportError: the extra ``models`` is not installed.
    """

    def __init__(self, file: LlamaFile | str | Path) -> None:
        self.file = file if isinstance(file, LlamaFile) else LlamaFile(file)
        self.shape = self.file.shape
        require_room(self.file.path.name, self.file.numbers)
        weight = self.file.weight
        self.embedding = weight("token_embd.weight")
        self.readout = weight("output.weight") if self.file.has("output.weight") else self.embedding
        self.gain = weight("output_norm.weight")
        self.blocks = [
            {part: weight(f"blk.{layer}.{part}.weight") for part in PARTS}
            for layer in range(self.shape.layers)
        ]
        half = self.shape.head_dim // 2
        self._turns = self.shape.rope_base ** (-np.arange(half) / half) / self.shape.rope_scale
        if self.file.has("rope_freqs.weight"):
            self._turns /= weight("rope_freqs.weight")

    def tokens(self, tokens: Any) -> NDArray[np.int64]:
        """``tokens`` as an int64 row, each in the vocabulary.

        Raises:
            ValueError: there is none, or one is outside ``[0, vocabulary)``.
        """
        row = check.array("tokens", tokens, np.int64, ndim=1)
        if not len(row):
            raise ValueError("tokens must be at least one, got 0")
        if row.min() < 0 or row.max() >= self.shape.vocabulary:
            raise ValueError(
                f"tokens must be in [0, {self.shape.vocabulary}), got {row.min()} to {row.max()}"
            )
        return row

    def _rotate(self, x: NDArray[np.float32], start: int) -> NDArray[np.float32]:
        """Rotary embedding of ``(heads, n, d)``: the pair (2i, 2i + 1) turns by position · base^(−2i/d)."""
        angle = np.outer(np.arange(start, start + x.shape[1]), self._turns)
        cos, sin = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
        even, odd = x[..., 0::2], x[..., 1::2]
        out = np.empty_like(x)
        out[..., 0::2] = even * cos - odd * sin
        out[..., 1::2] = even * sin + odd * cos
        return out

    def _project(
        self, x: NDArray[np.float32], block: dict[str, NDArray[np.float32]], start: int
    ) -> tuple[NDArray[np.float32], ...]:
        """Queries ``(H, n, d)``, keys and values ``(G, n, d)`` of the states ``x`` at positions from ``start``."""
        shape, count = self.shape, len(x)
        out = [
            np.empty((heads, count, shape.head_dim), dtype=np.float32)
            for heads in (shape.heads, shape.key_heads, shape.key_heads)
        ]
        for low in range(0, count, POSITIONS):
            part = slice(low, min(count, low + POSITIONS))
            y = _norm(x[part], block["attn_norm"], shape.epsilon)
            for name, held in zip("qkv", out, strict=True):
                heads = (y @ block[f"attn_{name}"].T).reshape(len(y), -1, shape.head_dim).transpose(1, 0, 2)
                held[:, part] = heads if name == "v" else self._rotate(heads, start + low)
        return tuple(out)

    def hidden(
        self,
        tokens: Any,
        attention: Attention = softmax,
        *,
        cache: Cache | None = None,
        feed_forward: FeedForward = gated,
        progress: Callable[[int], None] = _nothing,
    ) -> NDArray[np.float32]:
        """States ``(n, dim)`` before the readout; every position sees itself and what came before it.

        Args:
            tokens: ``(n,)`` of the vocabulary, behind those that ``cache`` holds already.
            attention: the plug; called once a layer.
            cache: where keys and values are kept for the tokens to come.
            feed_forward: the plug behind it; called for each layer and some hundred positions.
            progress: called with each layer, from 0, before it is worked off.

        Raises:
            ValueError: no token, one outside the vocabulary, or scores that are not finite.
        """
        tokens, shape = self.tokens(tokens), self.shape
        start = cache.length if cache else 0
        if cache:
            cache.reserve(len(tokens))
        seen = np.arange(start + 1, start + len(tokens) + 1)
        x = self.embedding[tokens]
        for layer, block in enumerate(self.blocks):
            progress(layer)
            queries, keys, values = self._project(x, block, start)
            if cache:
                keys, values = cache.extend(layer, keys, values)
            read = attention(queries, keys, values, layer=layer, seen=seen)
            for low in range(0, len(x), POSITIONS):
                part = slice(low, low + POSITIONS)
                heads = read[:, part].transpose(1, 0, 2)
                x[part] += heads.reshape(len(heads), -1) @ block["attn_output"].T
                y = _norm(x[part], block["ffn_norm"], shape.epsilon)
                x[part] += feed_forward(y, block["ffn_gate"], block["ffn_up"], block["ffn_down"], layer=layer)
        if cache:
            cache.advance(len(tokens))
        return _norm(x, self.gain, shape.epsilon)

    def logits(self, states: NDArray[np.float32]) -> NDArray[np.float32]:
        """``(n, vocabulary)`` logits of states ``(n, dim)``."""
        return states @ self.readout.T

    def losses(
        self,
        tokens: Any,
        attention: Attention = softmax,
        *,
        first: int = 1,
        feed_forward: FeedForward = gated,
        progress: Callable[[int], None] = _nothing,
    ) -> NDArray[np.float64]:
        """−ln p(token i | tokens before it), in nats, for i = ``first`` … n − 1."""
        tokens = self.tokens(tokens)
        first = check.integer("first", first, low=1, high=len(tokens))
        states = self.hidden(tokens, attention, feed_forward=feed_forward, progress=progress)
        out = np.empty(len(tokens) - first)
        for low in range(first, len(tokens), READOUT):
            high = min(low + READOUT, len(tokens))
            logits = self.logits(states[low - 1 : high - 1])
            logits -= logits.max(axis=1, keepdims=True)
            wanted = logits[np.arange(high - low), tokens[low:high]].astype(np.float64)
            out[low - first : high - first] = np.log(np.exp(logits).sum(axis=1, dtype=np.float64)) - wanted
        return out
