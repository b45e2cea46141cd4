"""One GGUF file of the Llama family: its sizes, its weights in float32, its tokenizer.

GGUF stores the rows of the Q and K projections permuted so that rotary position embedding turns adjacent pairs
(2i, 2i + 1). The package ``gguf`` dequantises (extra ``models``). A file is data: nothing in it is run.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hdspike.models.gguf_header import read_header
from hdspike.models.tokens import byte_level_bpe

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["LlamaFile", "Shape"]

MOST = {
    "layers": 1 << 12,
    "dim": 1 << 20,
    "hidden": 1 << 24,
    "heads": 1 << 12,
    "key_heads": 1 << 12,
    "context": 1 << 32,
}


@dataclass(frozen=True)
class Shape:
    """Sizes of a Llama-family decoder; ``head_dim`` numbers in each of ``heads`` queries and ``key_heads`` keys.

    ``epsilon`` stands under the root of the norms, ``rope_base`` is the base of the rotary angles, ``rope_scale``
    divides positions.
    """

    layers: int
    dim: int
    hidden: int
    heads: int
    key_heads: int
    head_dim: int
    vocabulary: int
    context: int
    epsilon: float
    rope_base: float
    rope_scale: float

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Name → shape ``(out, in)`` of every tensor that such a model has."""
        wide, narrow = self.heads * self.head_dim, self.key_heads * self.head_dim
        layer = {
            "attn_norm": (self.dim,),
            "attn_q": (wide, self.dim),
            "attn_k": (narrow, self.dim),
            "attn_v": (narrow, self.dim),
            "attn_output": (self.dim, wide),
            "ffn_norm": (self.dim,),
            "ffn_gate": (self.hidden, self.dim),
            "ffn_up": (self.hidden, self.dim),
            "ffn_down": (self.dim, self.hidden),
        }
        blocks = {
            f"blk.{i}.{part}.weight": shape for i in range(self.layers) for part, shape in layer.items()
        }
        return {
            "token_embd.weight": (self.vocabulary, self.dim),
            **blocks,
            "output_norm.weight": (self.dim,),
        }

    def optional(self) -> dict[str, tuple[int, ...]]:
        """Tensors that it may have: a readout of its own, and what divides the rotary frequencies."""
        return {
            "output.weight": (self.vocabulary, self.dim),
            "rope_freqs.weight": (self.head_dim // 2,),
        }


class LlamaFile:
    """An opened GGUF file. ``weight(name)`` is one tensor in float32, ``(out, in)`` for a projection.

    Raises:
        ValueError: ``path`` is missing, truncated, not GGUF, not of the Llama family, or its tensors are not those
            of a Llama decoder of the sizes that it states.
        ImportError: the extra ``models`` is not installed.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        header = read_header(self.path)
        self.fields, self._tensors = header.fields, header.tensors
        self.shape = self._shape()
        self._match()

    def _wrong(self, rule: str, found: str) -> ValueError:
        return ValueError(f"path must {rule}, {self.path.name} {found}")

    def _field(self, key: str, kind: type, default: Any = None) -> Any:
        value: Any = self.fields.get(key, default)
        if value is None:
            raise self._wrong(f"state {key}", "does not")
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not kind:
            raise self._wrong(f"state {key} as {kind.__name__}", f"has {value!r:.80}")
        if isinstance(value, float) and not 0 < value < math.inf:
            raise self._wrong(f"state {key} above 0", f"has {value}")
        return value

    def _size(self, name: str, key: str, default: int | None = None) -> int:
        value = self._field(f"llama.{key}", int, default)
        if not 1 <= value <= MOST[name]:
            raise self._wrong(f"state llama.{key} from 1 to {MOST[name]}", f"has {value}")
        return int(value)

    def _shape(self) -> Shape:
        family = self._field("general.architecture", str)
        if family != "llama":
            raise self._wrong("be a model of the Llama family", f"is {family!r:.80}")
        layers, dim = self._size("layers", "block_count"), self._size("dim", "embedding_length")
        heads = self._size("heads", "attention.head_count")
        key_heads = self._size("key_heads", "attention.head_count_kv", heads)
        head_dim = self._size("dim", "attention.key_length", dim // heads or None)
        if heads % key_heads:
            raise self._wrong("have query heads that share key heads evenly", f"has {heads} and {key_heads}")
        for key in ("rope.dimension_count", "attention.value_length"):
            if self._size("dim", key, head_dim) != head_dim or head_dim % 2:
                raise self._wrong(f"have an even llama.{key} equal to the size of a head, {head_dim}",
                                  f"has {self.fields.get(f'llama.{key}', head_dim)}")  # fmt: skip
        scaling = self._field("llama.rope.scaling.type", str, "none")
        if scaling not in ("none", "linear"):
            raise self._wrong("have rotary positions unscaled or scaled linearly", f"has {scaling!r:.80}")
        embedding = self._tensors.get("token_embd.weight")
        return Shape(
            layers=layers,
            dim=dim,
            hidden=self._size("hidden", "feed_forward_length"),
            heads=heads,
            key_heads=key_heads,
            head_dim=head_dim,
            vocabulary=embedding.shape[0] if embedding else 0,
            context=self._size("context", "context_length"),
            epsilon=self._field("llama.attention.layer_norm_rms_epsilon", float),
            rope_base=self._field("llama.rope.freq_base", float, 10_000.0),
            rope_scale=self._field("llama.rope.scaling.factor", float) if scaling == "linear" else 1.0,
        )

    def _match(self) -> None:
        """The tensors are those of the stated sizes: none is missing, none is over, none has another shape."""
        needed, allowed = self.shape.tensors(), self.shape.optional()
        for name, shape in (needed | allowed).items():
            if name not in self._tensors:
                if name in needed:
                    raise self._wrong(f"hold the tensor {name}", "does not")
            elif self._tensors[name].shape != shape:
                raise self._wrong(f"hold {name} of shape {shape}", f"has {self._tensors[name].shape}")
        over = sorted(set(self._tensors) - set(needed) - set(allowed))
        if over:
            raise self._wrong("hold only the tensors of a Llama decoder", f"has {over[0]!r:.80} too")

    def has(self, name: str) -> bool:
        """Whether the file holds the tensor ``name``; without ``output.weight`` the readout is the embedding."""
        return name in self._tensors

    @property
    def numbers(self) -> int:
        """How many weights there are."""
        return sum(math.prod(tensor.shape) for tensor in self._tensors.values())

    def weight(self, name: str) -> NDArray[np.float32]:
        """The tensor ``name`` in float32, dequantised, its shape as PyTorch would have it.

        Raises:
            ValueError: there is none of that name, ``gguf`` cannot read its type, or it is not finite.
        """
        from gguf import GGMLQuantizationType
        from gguf.quants import dequantize

        if name not in self._tensors:
            raise self._wrong(f"hold the tensor {name}", "does not")
        tensor = self._tensors[name]
        kind = GGMLQuantizationType(tensor.kind)
        raw = np.fromfile(self.path, dtype=np.uint8, count=tensor.size, offset=tensor.start)
        if len(raw) != tensor.size:
            raise self._wrong(f"hold {tensor.size} bytes of {name}", f"has {len(raw)} now")
        plain = {"F32": "<f4", "F16": "<f2"}.get(kind.name)
        try:
            if plain is None:
                raw = raw.reshape(*tensor.shape[:-1], -1)
                with np.errstate(all="ignore"):  # what is not finite is refused below
                    numbers = np.asarray(dequantize(raw, kind), dtype=np.float32)
            else:
                numbers = raw.view(plain).astype(np.float32)
        except NotImplementedError as error:
            raise self._wrong(
                f"hold {name} in a type that gguf can dequantise", f"has {kind.name}"
            ) from error
        if not np.isfinite(numbers).all():
            raise self._wrong(f"hold finite weights in {name}", "does not")
        return np.ascontiguousarray(numbers.reshape(tensor.shape))

    def tokenizer(self) -> "Tokenizer":
        """The byte-level BPE of the file as a ``tokenizers.Tokenizer``; ``ValueError`` where it has another kind."""
        tokens = self.fields.get("tokenizer.ggml.tokens")
        if isinstance(tokens, list) and len(tokens) != self.shape.vocabulary:
            raise self._wrong(
                f"hold {self.shape.vocabulary} tokens, one for each embedding", f"has {len(tokens)}"
            )
        return byte_level_bpe(self.fields, name=self.path.name)
