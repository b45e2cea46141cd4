"""A sentence encoder of the BERT family in NumPy: learned positions, norms behind each step, mean pooling.

Devlin et al. 2019 (arXiv:1810.04805); pooling and unit length: Reimers & Gurevych 2019 (arXiv:1908.10084). Each text is
worked off by itself, without padding, so every query sees every key.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from hdspike import check
from hdspike.models.attention import Attention, softmax
from hdspike.models.memory import require_room
from hdspike.models.tokens import read_tokenizer

__all__ = ["Encoder"]

MOST = 1 << 24  # of each size in config.json
LARGEST = 1 << 20  # bytes of config.json
LENGTH = 256  # tokens of a text, as its authors evaluate all-MiniLM-L6-v2
SIZES = {
    "layers": "num_hidden_layers",
    "dim": "hidden_size",
    "hidden": "intermediate_size",
    "heads": "num_attention_heads",
    "positions": "max_position_embeddings",
    "kinds": "type_vocab_size",
    "vocabulary": "vocab_size",
}
EMBEDDINGS = ("word_embeddings", "position_embeddings", "token_type_embeddings")


def _norm(x: NDArray[np.float32], gain: Any, shift: Any, epsilon: float) -> NDArray[np.float32]:
    """(x − mean) ÷ √(variance + ε) · gain + shift."""
    x = x - x.mean(axis=-1, keepdims=True)
    return x * (gain / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + np.float32(epsilon))) + shift


def _gelu(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """x · Φ(x), with the normal distribution function itself (Hendrycks & Gimpel 2016)."""
    return x * (np.float32(0.5) * (1 + erf(x * np.float32(math.sqrt(0.5)))))


class Encoder:
    """A sentence encoder out of a folder with ``config.json``, ``model.safetensors`` and ``tokenizer.json``.

    Args:
        folder: where the three files lie.
        length: texts are cut to so many tokens, the two that mark its ends among them.

    Raises:
        ValueError: a file is missing, truncated, of another architecture, or does not fit the stated sizes; or the
            weights do not fit in memory.
        ImportError: the extra ``models`` is not installed.
    """

    def __init__(self, folder: str | Path, *, length: int = LENGTH) -> None:
        self.folder = Path(folder)
        self.sizes, self.epsilon = self._config()
        high = self.sizes["positions"]
        self.length = check.integer(
            "length", min(length, high) if length == LENGTH else length, low=3, high=high
        )
        self.weights = self._weights()
        self.tokenizer = read_tokenizer(self.folder / "tokenizer.json", most=self.length)
        if self.tokenizer.get_vocab_size() > self.sizes["vocabulary"]:
            raise ValueError(
                f"folder must hold an embedding for each token, {self.folder.name} has {self.sizes['vocabulary']}"
                f" for {self.tokenizer.get_vocab_size()} tokens"
            )

    def _config(self) -> tuple[dict[str, int], float]:
        place = self.folder / "config.json"
        if not place.is_file() or place.stat().st_size > LARGEST:
            raise ValueError(
                f"folder must hold a config.json of at most {LARGEST} bytes, got {str(self.folder)!r}"
            )
        try:
            config = json.loads(place.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"folder must hold a whole config.json, it is not: {error}") from error
        if not isinstance(config, dict):
            raise ValueError(f"folder must hold a config.json with an object, got {type(config).__name__}")
        for key, wanted in (
            ("model_type", "bert"),
            ("hidden_act", "gelu"),
            ("position_embedding_type", "absolute"),
        ):
            if config.get(key, wanted) != wanted or (key == "model_type" and key not in config):
                raise ValueError(
                    f"folder must hold a model with {key} {wanted!r}, got {config.get(key)!r:.80}"
                )
        sizes = {}
        for name, key in SIZES.items():
            value = config.get(key)
            if type(value) is not int or not 1 <= value <= MOST:
                raise ValueError(f"folder must state {key} from 1 to {MOST}, got {value!r:.80}")
            sizes[name] = value
        if sizes["dim"] % sizes["heads"]:
            raise ValueError(
                f"folder must state heads that share {sizes['dim']} evenly, got {sizes['heads']}"
            )
        epsilon = config.get("layer_norm_eps", 1e-12)
        if type(epsilon) is not float or not 0 < epsilon < 1:
            raise ValueError(f"folder must state layer_norm_eps between 0 and 1, got {epsilon!r:.80}")
        return sizes, epsilon

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        """Name → shape of every tensor that is used."""
        size = self.sizes
        dim, hidden = size["dim"], size["hidden"]
        rows = (size["vocabulary"], size["positions"], size["kinds"])
        out: dict[str, tuple[int, ...]] = {
            f"embeddings.{name}.weight": (count, dim) for name, count in zip(EMBEDDINGS, rows, strict=True)
        }
        out |= {"embeddings.LayerNorm.weight": (dim,), "embeddings.LayerNorm.bias": (dim,)}
        for layer in range(size["layers"]):
            prefix = f"encoder.layer.{layer}."
            for part, shape in (
                *((f"attention.self.{name}", (dim, dim)) for name in ("query", "key", "value")),
                ("attention.output.dense", (dim, dim)),
                ("attention.output.LayerNorm", (dim,)),
                ("intermediate.dense", (hidden, dim)),
                ("output.dense", (dim, hidden)),
                ("output.LayerNorm", (dim,)),
            ):
                out |= {f"{prefix}{part}.weight": shape, f"{prefix}{part}.bias": shape[:1]}
        return out

    def _weights(self) -> dict[str, NDArray[np.float32]]:
        try:
            from safetensors import SafetensorError, safe_open
        except ImportError as error:
            raise ImportError(
                "reading safetensors needs the extra 'models': pip install 'hdspike[models]'"
            ) from error
        place = self.folder / "model.safetensors"
        if not place.is_file():
            raise ValueError(f"folder must hold model.safetensors, got {str(self.folder)!r}")
        if self.sizes["layers"] * 16 > place.stat().st_size:
            raise ValueError(
                f"folder must hold weights of {self.sizes['layers']} layers, the file is smaller"
            )
        shapes = self._shapes()
        out = {}
        try:
            with safe_open(str(place), framework="numpy") as file:
                held = set(file.keys())
                # Some files name the model before each tensor.
                prefix = "" if "embeddings.word_embeddings.weight" in held else "bert."
                for name, shape in shapes.items():
                    if prefix + name not in held:
                        raise ValueError(f"folder must hold the tensor {name}, {place.name} does not")
                    found = tuple(file.get_slice(prefix + name).get_shape())
                    if found != shape:
                        raise ValueError(
                            f"folder must hold {name} of shape {shape}, {place.name} has {found}"
                        )
                require_room(place.name, sum(math.prod(shape) for shape in shapes.values()))
                for name in shapes:
                    tensor = file.get_tensor(prefix + name)
                    if tensor.dtype.kind != "f" or not np.isfinite(tensor).all():
                        raise ValueError(f"folder must hold finite floats in {name}, {place.name} does not")
                    out[name] = np.ascontiguousarray(tensor, dtype=np.float32)
        except (SafetensorError, TypeError, OSError) as error:  # TypeError: a type that NumPy has not
            raise ValueError(
                f"folder must hold a whole model.safetensors of floats, it is not: {error}"
            ) from error
        return out

    def _linear(self, x: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def _normed(self, x: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        return _norm(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], self.epsilon)

    def hidden(self, tokens: Any, attention: Attention = softmax) -> NDArray[np.float32]:
        """States ``(n, dim)`` of one text's tokens, the two marks of its ends among them."""
        row = check.array("tokens", tokens, np.int64, ndim=1)
        if not 1 <= len(row) <= self.sizes["positions"]:
            raise ValueError(f"tokens must be 1 to {self.sizes['positions']}, got {len(row)}")
        if row.min() < 0 or row.max() >= self.sizes["vocabulary"]:
            raise ValueError(
                f"tokens must be in [0, {self.sizes['vocabulary']}), got {row.min()} to {row.max()}"
            )
        words, places, kinds = (self.weights[f"embeddings.{name}.weight"] for name in EMBEDDINGS)
        x = self._normed(words[row] + places[: len(row)] + kinds[0], "embeddings.LayerNorm")
        seen = np.full(len(row), len(row), dtype=np.int64)
        for layer in range(self.sizes["layers"]):
            prefix = f"encoder.layer.{layer}"
            queries, keys, values = (
                np.ascontiguousarray(
                    self._linear(x, f"{prefix}.attention.self.{name}")
                    .reshape(len(row), self.sizes["heads"], -1)
                    .transpose(1, 0, 2)
                )
                for name in ("query", "key", "value")
            )
            read = attention(queries, keys, values, layer=layer, seen=seen)
            read = read.transpose(1, 0, 2).reshape(len(row), -1)
            x = self._normed(
                x + self._linear(read, f"{prefix}.attention.output.dense"),
                f"{prefix}.attention.output.LayerNorm",
            )
            y = _gelu(self._linear(x, f"{prefix}.intermediate.dense"))
            x = self._normed(x + self._linear(y, f"{prefix}.output.dense"), f"{prefix}.output.LayerNorm")
        return x

    def encode(self, texts: Sequence[str], attention: Attention = softmax) -> NDArray[np.float32]:
        """``(n, dim)`` unit vectors: the mean of each text's states; their products are cosines.

        Raises:
            TypeError: ``texts`` is one text, or not texts.
        """
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise TypeError("texts must be a sequence of texts, not one text or other things")
        out = np.empty((len(texts), self.sizes["dim"]), dtype=np.float32)
        for i, text in enumerate(texts):
            out[i] = self.hidden(self.tokenizer.encode(text).ids, attention).mean(axis=0)
        return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), np.float32(1e-12))
