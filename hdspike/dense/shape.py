"""The shape of a transformer: how many parameters it has, and how large its cache grows."""

from dataclasses import dataclass

from hdspike import check
from hdspike.dense.cost import LARGEST
from hdspike.dense.feed_forward import ACTIVATIONS
from hdspike.dense.precision import BITS, PRECISIONS, WEIGHT_BITS

__all__ = ["SHAPES", "Shape"]

NORMS = ("rms", "layer")


@dataclass(frozen=True)
class Shape:
    """A decoder-only transformer (Vaswani et al. 2017; Radford et al. 2019; grouped queries: Ainslie et al. 2023).

    ``layers`` blocks of width ``dim``; ``heads`` query heads over ``kv_heads`` key and value heads (as many
    unless given) of ``head_dim`` entries (dim ÷ heads unless given); a feed-forward block of ``hidden`` values
    (4·dim unless given), ``gated`` or not, with an ``activation``; a ``vocabulary`` of tokens (0: neither
    embedding nor output head), whose head is the embedding itself where ``tied``; ``positions`` learnt
    position vectors; ``biases`` in every matrix; two norms a layer and one at the end, ``"rms"`` (a scale) or
    ``"layer"`` (a scale and a shift).

    >>> SHAPES["gpt2-small"].parameters, SHAPES["llama3-8b"].parameters
    (124439808, 8030261248)
    """

    layers: int
    dim: int
    heads: int
    kv_heads: int = 0
    hidden: int = 0
    vocabulary: int = 0
    gated: bool = False
    head_dim: int = 0
    activation: str = "silu"
    tied: bool = False
    positions: int = 0
    biases: bool = False
    norm: str = "rms"

    def __post_init__(self) -> None:
        for name in ("layers", "dim", "heads"):
            check.integer(name, getattr(self, name), low=1, high=LARGEST)
        for name in ("kv_heads", "hidden", "vocabulary", "head_dim", "positions"):
            check.integer(name, getattr(self, name), low=0, high=LARGEST)
        check.one_of("activation", self.activation, ACTIVATIONS)
        check.one_of("norm", self.norm, NORMS)
        if not self.head_dim and self.dim % self.heads:
            raise ValueError(
                f"heads must divide dim = {self.dim} where head_dim is not given, got {self.heads}"
            )
        object.__setattr__(self, "kv_heads", self.kv_heads or self.heads)
        object.__setattr__(self, "hidden", self.hidden or 4 * self.dim)
        object.__setattr__(self, "head_dim", self.head_dim or self.dim // self.heads)
        if self.heads % self.kv_heads:
            raise ValueError(f"kv_heads must divide heads = {self.heads}, got {self.kv_heads}")

    @property
    def queries(self) -> int:
        """Entries of all queries of one token: heads · head_dim."""
        return self.heads * self.head_dim

    @property
    def cached(self) -> int:
        """Entries of the keys and values of one token in one layer: 2 · kv_heads · head_dim."""
        return 2 * self.kv_heads * self.head_dim

    @property
    def layer_weights(self) -> int:
        """Weights in the matrices of one layer: what a token is multiplied with."""
        matrices = 3 if self.gated else 2
        return self.dim * (2 * self.queries + self.cached) + matrices * self.dim * self.hidden

    @property
    def parameters(self) -> int:
        """All parameters: matrices, biases, norms, embedding, positions and output head."""
        norm = self.dim * (2 if self.norm == "layer" else 1)
        hidden = self.hidden * (2 if self.gated else 1)
        biases = self.queries + self.cached + self.dim + hidden + self.dim if self.biases else 0
        tables = self.vocabulary * (1 if self.tied else 2) + self.positions
        return self.layers * (self.layer_weights + biases + 2 * norm) + norm + tables * self.dim

    def cache_bytes(self, tokens: int = 1, *, precision: str = "bf16") -> int:
        """Bytes of the keys and values of ``tokens`` tokens in all layers (one sequence).

        >>> SHAPES["llama3-8b"].cache_bytes()
        131072
        """
        tokens = check.integer("tokens", tokens, low=0, high=LARGEST)
        return (
            self.layers * self.cached * tokens * BITS[check.one_of("precision", precision, PRECISIONS)] // 8
        )

    def weight_bytes(self, *, precision: str = "bf16") -> int:
        """Bytes of all matrices, embedding and head as they are stored (ternary: those two at 8 bits)."""
        check.one_of("precision", precision, PRECISIONS)
        tables = (self.vocabulary * (1 if self.tied else 2) + self.positions) * self.dim
        return -(-(self.layers * self.layer_weights * WEIGHT_BITS[precision] + tables * BITS[precision]) // 8)


SHAPES = {
    "gpt2-small": Shape(
        12,
        768,
        12,
        vocabulary=50_257,
        activation="gelu",
        tied=True,
        positions=1024,
        biases=True,
        norm="layer",
    ),
    "llama3-8b": Shape(32, 4096, 32, kv_heads=8, hidden=14_336, vocabulary=128_256, gated=True),
}
"""Published models: GPT-2 small (Radford et al. 2019) and Llama 3 8B (Dubey et al. 2024, arXiv:2407.21783)."""
