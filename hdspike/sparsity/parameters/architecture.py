"""The shape of a decoder-only transformer, with or without experts: all that its parameters depend on.

dense        Vaswani et al. 2017; Radford et al. 2019 (GPT-2); Dubey et al. 2024 (Llama 3)
experts      Shazeer et al. 2017; Jiang et al. 2024 (Mixtral); Dai et al. 2024 (DeepSeekMoE: shared experts)
latent       multi-head latent attention, DeepSeek-AI 2024 (DeepSeek-V2, arXiv:2405.04434)
"""

from dataclasses import dataclass

from hdspike import check

__all__ = ["LARGEST", "NORMS", "Architecture", "Experts", "Latent"]

LARGEST = 10**9  # of any one size: a larger one is a slip
NORMS = ("rms", "layer")


@dataclass(frozen=True)
class Experts:
    """``count`` experts (E) of which a token passes the ``active`` (k) that a router chooses, each ``hidden`` wide.

    ``shared`` more experts of the same width are passed by every token. ``correction``: one number per expert,
    added to the scores for the choice alone (Wang et al. 2024, DeepSeek's ``e_score_correction_bias``).
    """

    count: int
    active: int
    hidden: int
    shared: int = 0
    router_bias: bool = False
    correction: bool = False

    def __post_init__(self) -> None:
        check.integer("experts", self.count, low=1, high=LARGEST)
        check.integer("active experts", self.active, low=1, high=LARGEST)
        check.integer("hidden of an expert", self.hidden, low=1, high=LARGEST)
        check.integer("shared experts", self.shared, low=0, high=LARGEST)
        if self.active > self.count:
            raise ValueError(
                f"active experts must be at most the {self.count} experts there are, got {self.active}"
            )


@dataclass(frozen=True)
class Latent:
    """Multi-head latent attention: keys and values are made from ``rank`` numbers per token, which alone are cached
    beside one key of ``rope`` rotated entries for all heads.

    A head's query and key have ``plain + rope`` entries, its value ``value``. Queries come from ``query_rank``
    numbers; 0: straight from the input.
    """

    rank: int
    rope: int
    plain: int
    value: int
    query_rank: int = 0

    def __post_init__(self) -> None:
        for name in ("rank", "rope", "plain", "value"):
            check.integer(name, getattr(self, name), low=1, high=LARGEST)
        check.integer("query_rank", self.query_rank, low=0, high=LARGEST)


@dataclass(frozen=True)
class Architecture:
    """A transformer of ``layers`` blocks, ``dim`` wide, over a ``vocabulary`` of tokens.

    ``heads`` query heads and ``kv_heads`` key and value heads of ``head_dim`` entries, or ``latent`` attention.
    ``dense_layers`` of the blocks have a feed-forward part ``hidden`` wide, the others ``experts``; all are ``gated``
    (three matrices) or not (two). ``windowed`` layers look back at ``window`` tokens only. ``positions`` learnt
    positions; ``tied``: the head is the embedding. ``norm``: a scale (``"rms"``) or a scale and a shift (``"layer"``).
    ``attention_bias`` and ``hidden_bias``: of the matrices of attention and of the feed-forward part (or experts);
    ``sinks``: one learnt score per head beside those of the keys. ``prediction_layers``: further blocks that
    predict the token after the next, in the checkpoint but not in the model. ``storage``: how the publisher stores
    it (:data:`hdspike.sparsity.parameters.storage.FORMATS`; empty: unknown).
    """

    layers: int
    dim: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    hidden: int = 0
    dense_layers: int = 0
    experts: Experts | None = None
    latent: Latent | None = None
    gated: bool = True
    tied: bool = False
    positions: int = 0
    norm: str = "rms"
    attention_bias: bool = False
    hidden_bias: bool = False
    sinks: bool = False
    window: int = 0
    windowed: int = 0
    prediction_layers: int = 0
    storage: str = ""

    def __post_init__(self) -> None:
        for name in ("layers", "dim", "heads", "kv_heads", "head_dim", "vocabulary"):
            check.integer(name, getattr(self, name), low=1, high=LARGEST)
        for name in ("hidden", "dense_layers", "positions", "window", "windowed", "prediction_layers"):
            check.integer(name, getattr(self, name), low=0, high=LARGEST)
        check.one_of("norm", self.norm, NORMS)
        if self.heads % self.kv_heads:
            raise ValueError(f"kv_heads must divide heads = {self.heads}, got {self.kv_heads}")
        if self.dense_layers > self.layers:
            raise ValueError(f"dense_layers must be at most layers = {self.layers}, got {self.dense_layers}")
        if self.experts is None and self.dense_layers != self.layers:
            raise ValueError(
                f"dense_layers must be layers = {self.layers} without experts, got {self.dense_layers}"
            )
        if self.dense_layers and not self.hidden:
            raise ValueError("hidden must be at least 1 where there are dense layers, got 0")
        if self.windowed > self.layers:
            raise ValueError(f"windowed must be at most layers = {self.layers}, got {self.windowed}")
        if bool(self.windowed) != bool(self.window):
            raise ValueError(
                f"window must be given with windowed layers and only then, got {self.window} with {self.windowed}"
            )

    @property
    def expert_layers(self) -> int:
        """Blocks whose feed-forward part is a mixture of experts."""
        return self.layers - self.dense_layers

    @property
    def key_entries(self) -> int:
        """Entries of one head's query and key."""
        return self.latent.plain + self.latent.rope if self.latent else self.head_dim

    @property
    def value_entries(self) -> int:
        """Entries of one head's value."""
        return self.latent.value if self.latent else self.head_dim
