"""What one token costs when a model writes: operations, bytes of weights, and the cache of keys and values.

``context`` (n): tokens that the new one attends to, itself among them. ``batch`` (B): sequences that write their
next token in one step and share what is read of the weights.
"""

from dataclasses import dataclass

from hdspike import check
from hdspike.sparsity.parameters.architecture import LARGEST, Architecture
from hdspike.sparsity.parameters.count import TABLE, count, parts
from hdspike.sparsity.parameters.storage import bytes_of

__all__ = ["CACHE_BYTES", "Cache", "Flops", "cache", "distinct_experts", "flops", "loaded"]

CACHE_BYTES = 2  # of one cached number: 16 bits


def distinct_experts(experts: int, active: int, batch: int) -> float:
    """The experts of one layer that at least one of ``batch`` tokens chooses, on average: ``E·(1 − (1 − k/E)^B)``.

    Each token chooses k different ones of E, all sets equally likely, independent of the other tokens. Real routers
    choose some experts more often and neighbouring tokens alike: then fewer are read.

    >>> distinct_experts(8, 2, 1), distinct_experts(8, 2, 2)
    (2.0, 3.5)
    """
    check.integer("experts", experts, low=1, high=LARGEST)
    check.integer("active", active, low=1, high=experts)
    check.integer("batch", batch, low=1, high=LARGEST)
    return float(active) if batch == 1 else experts * (1 - (1 - active / experts) ** batch)


@dataclass(frozen=True)
class Flops:
    """Operations of one token, two for a multiply-accumulate: with ``weights``, and in ``attention`` over the cache."""

    weights: int
    attention: int

    @property
    def total(self) -> int:
        return self.weights + self.attention


@dataclass(frozen=True)
class Cache:
    """Cached numbers: of one token (``token``), of ``context`` tokens in all layers (``held``), and of one token if
    every head kept its own key and value (``every_head``); ``kind`` of attention."""

    kind: str
    token: int
    held: int
    every_head: int


def _spans(a: Architecture, context: int) -> list[tuple[int, int]]:
    """(layers, tokens each looks back at): those with a window, and the others."""
    check.integer("context", context, low=1, high=LARGEST)
    if a.positions and context > a.positions:
        raise ValueError(f"context must be at most the {a.positions} positions of the model, got {context}")
    return [(a.windowed, min(context, a.window)), (a.layers - a.windowed, context)]


def flops(a: Architecture, *, context: int) -> Flops:
    """``2 × matrix weights passed``, and for each layer and head ``2·n·(entries of a key + of a value)``.

    Latent attention is counted as it decodes: the matrices that make keys and values are multiplied into query
    and output, a key is then the ``rank + rope`` cached numbers and a value ``rank`` of them. Norms, biases, rotary
    positions, softmax, gates and the choice of experts are not counted.

    >>> from hdspike.sparsity.parameters import find
    >>> flops(find("llama-3-8b").architecture, context=1).weights
    15009316864
    """
    entries = a.key_entries + a.value_entries
    if a.latent is not None:
        entries = 2 * a.latent.rank + a.latent.rope
    seen = sum(layers * tokens for layers, tokens in _spans(a, context))
    return Flops(2 * count(a).multiplied, 2 * seen * a.heads * entries)


def cache(a: Architecture, *, context: int) -> Cache:
    """Numbers that the cache holds: 2·G·a for each token and layer; ``rank + rope`` with latent attention.

    A layer with a window keeps its last ``window`` tokens.

    >>> from hdspike.sparsity.parameters import find
    >>> deepseek = cache(find("deepseek-v3").architecture, context=1)
    >>> deepseek.token, deepseek.every_head
    (35136, 2498560)
    """
    each = 2 * a.kv_heads * a.head_dim
    kind = "MHA" if a.kv_heads == a.heads else "MQA" if a.kv_heads == 1 else "GQA"
    if a.latent is not None:
        kind, each = "MLA", a.latent.rank + a.latent.rope
    seen = sum(layers * tokens for layers, tokens in _spans(a, context))
    every_head = a.layers * a.heads * (a.key_entries + a.value_entries)
    return Cache(kind, a.layers * each, seen * each, every_head)


def loaded(a: Architecture, *, batch: int, storage: str | float) -> float:
    """Bytes of weights read for one step of ``batch`` tokens, each weight once: of tables one row per token, of the
    experts those that at least one token chooses (:func:`distinct_experts`), of the rest everything."""
    check.integer("batch", batch, low=1, high=LARGEST)
    read = 0.0
    for part in parts(a):
        each = bytes_of(part, storage)
        if part.kind == TABLE:
            read += each * min(batch, part.rows) / part.rows
        elif part.component == "experts" and a.experts is not None:
            e = a.experts
            read += each * a.expert_layers * distinct_experts(e.count, e.active, batch)
        else:
            read += each * part.copies
    return read
