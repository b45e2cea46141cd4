"""A dense transformer, counted token by token (Vaswani et al. 2017; Pope et al. 2022, arXiv:2211.05102).

    projections  q, k, v = W_q x, W_k x, W_v x;   y = W_o o          weights: shared by the batch
    attention    o = softmax(q Kᵀ) V, head by head                   keys and values: each sequence its own
    feed-forward y = W₂ f(W₁ x)                                      weights: shared by the batch

``decode`` makes one token for each of B sequences: weights are fetched once for the B tokens, every sequence
fetches its own cache of ``context`` tokens. ``prefill`` reads B prompts of ``context`` tokens at once: weights are
fetched once for all B·context tokens, attention is causal.

In a decode the activations of one step fit on the chip and stay there; in a prefill every fused kernel (query,
key and value projections; attention; output projection; feed-forward) takes its input from DRAM and leaves
its output there. **Not counted**, all of it to the dense side's advantage: norms, rotary or other positions,
residual additions, biases, the product with a gate, rounding to the precision, the choice of the next token,
filling the SRAM, registers. In a layer of Llama 3 8B that is some 60,000 operations for a token, beside 218
million multiply-accumulates.
"""

from typing import Any

from hdspike import check
from hdspike.dense.attention import attention, causal_attention
from hdspike.dense.cost import LARGEST, DenseCost, combine
from hdspike.dense.feed_forward import feed_forward, product
from hdspike.dense.precision import BITS, NONZERO, PRECISIONS
from hdspike.dense.shape import Shape

__all__ = ["PHASES", "projections", "transformer", "transformer_layer"]

PHASES = ("decode", "prefill")


def projections(
    shape: Shape,
    *,
    precision: str = "bf16",
    batch: int = 1,
    resident: bool = False,
    on_chip: bool = False,
    nonzero: float = NONZERO,
) -> DenseCost:
    """Count the projections of one layer for ``batch`` tokens; ``parts``: ``query_key_value`` and ``output``.

    With H query heads and G key heads of d entries: dim·(H + 2G)·d weights, and H·d·dim. Writing keys and
    values into the cache belongs to the attention.
    """
    shape = _shape(shape)
    common: dict[str, Any] = {
        "precision": precision,
        "batch": batch,
        "resident": resident,
        "nonzero": nonzero,
    }
    outside = ((0, 0), (0, 0)) if on_chip else ((shape.dim, shape.queries), (shape.queries, shape.dim))
    first = product(
        "query, key and value projections",
        shape.dim * (shape.queries + shape.cached),
        read=shape.dim,
        written=shape.queries + shape.cached,
        outside=outside[0],
        **common,
    )
    last = product(
        "output projection",
        shape.queries * shape.dim,
        read=shape.queries,
        written=shape.dim,
        outside=outside[1],
        **common,
    )
    return combine("projections", precision, {"query_key_value": first, "output": last})


def transformer_layer(
    shape: Shape,
    *,
    context: int,
    precision: str = "bf16",
    batch: int = 1,
    phase: str = "decode",
    resident: bool = False,
    nonzero: float = NONZERO,
) -> DenseCost:
    """Count one layer, by token; ``parts``: ``projections``, ``attention``, ``feed_forward``.

    ``context`` (n): the tokens that a new token attends to, itself among them (decode), or the length of each
    prompt (prefill). ``batch`` (B) sequences. Multiply-accumulates of one token: all weights of the layer, and
    2·n·H·d of attention in a decode, (n + 1)·H·d on average in a prefill. With ``resident`` weights and caches
    stay in the chip's largest memory; whether they fit is for the caller to check
    (:meth:`Shape.weight_bytes`, :meth:`Shape.cache_bytes`).

    >>> layer = Shape(1, 4096, 32, kv_heads=8, hidden=14_336, gated=True)
    >>> transformer_layer(layer, context=8192).counts["macs_bf16"]
    285212672
    """
    shape = _shape(shape)
    context = check.integer("context", context, low=1, high=LARGEST)
    precision = check.one_of("precision", precision, PRECISIONS)
    batch = check.integer("batch", batch, low=1, high=LARGEST)
    phase = check.one_of("phase", phase, PHASES)
    decode = phase == "decode"
    tokens = batch if decode else batch * context
    group = shape.heads // shape.kv_heads
    if decode:
        one = attention(
            context,
            shape.head_dim,
            precision=precision,
            batch=group,
            resident=resident,
            appended=1,
            on_chip=True,
        )
    else:
        one = causal_attention(context, shape.head_dim, group=group, precision=precision, resident=resident)
    common: dict[str, Any] = {
        "precision": precision,
        "batch": tokens,
        "resident": resident,
        "on_chip": decode,
        "nonzero": nonzero,
    }
    parts = {
        "projections": projections(shape, **common),
        "attention": one.times(batch * shape.kv_heads, unit="token", units=tokens),
        "feed_forward": feed_forward(
            shape.dim, shape.hidden, gated=shape.gated, activation=shape.activation, **common
        ),
    }
    return combine(f"transformer layer, {phase}, context {context:,}", precision, parts)


def transformer(
    shape: Shape,
    *,
    context: int,
    precision: str = "bf16",
    batch: int = 1,
    phase: str = "decode",
    resident: bool = False,
    nonzero: float = NONZERO,
) -> DenseCost:
    """Count a whole transformer, by token; ``parts``: those of a layer times ``layers``, ``embedding`` and ``head``.

    The embedding is one row of its table read from DRAM for every token (and one of the learnt positions). The
    head multiplies with the whole vocabulary; a prefill needs it only after the last token of each prompt. For
    ternary weights both are int8. The rule of thumb that a token costs 2 operations per parameter (Kaplan et al. 2020)
    holds for a decode at a short context, the table of an untied embedding left out.

    >>> from hdspike.dense import SHAPES
    >>> round(transformer(SHAPES["llama3-8b"], context=1).flops / 1e9, 2)
    15.01
    """
    layer = transformer_layer(
        shape,
        context=context,
        precision=precision,
        batch=batch,
        phase=phase,
        resident=resident,
        nonzero=nonzero,
    )
    tokens = layer.units
    parts = dict(layer.times(shape.layers).parts)
    if shape.vocabulary:
        rows = shape.dim * (2 if shape.positions else 1)
        read = {"dram_bits": BITS[precision] * rows * tokens}
        parts["embedding"] = DenseCost("embedding", "token", tokens, precision, 0, read)
        parts["head"] = product(
            "output head",
            shape.dim * shape.vocabulary,
            read=shape.dim,
            written=shape.vocabulary,
            outside=(0, 0),
            precision="int8" if precision == "ternary" else precision,
            batch=batch,
            resident=resident,
            nonzero=nonzero,
        ).times(1, units=tokens)
    return combine(f"transformer, {phase}, context {context:,}", precision, parts)


def _shape(shape: Shape) -> Shape:
    if not isinstance(shape, Shape):
        raise TypeError(f"shape must be a Shape, not {type(shape).__name__}")
    return shape
