"""Counting the parameters of a transformer: every tensor by its shape, in all and for one token.

A block of width d, with H heads (G for keys and values) of a entries, and a feed-forward part of f values:

    attention       d·(H + 2G)·a + H·a·d                          (+ (H + 2G)·a + d biases, + H sinks)
    latent          d·q + q + q·H·(p + r) + d·(c + r) + c + c·H·(p + v) + H·v·d       (q, c: ranks)
    feed-forward    3·d·f gated, 2·d·f plain                      (+ a bias for each output)
    experts         router d·E (+ E, + E), and E feed-forward parts of which a token passes k
    norms           2·d, or 4·d with shifts

and beside the blocks a last norm, the embedding V·d, the head V·d (none where tied) and learnt positions.

**Active** is what one token passes; three conventions are in use and differ by tables alone:

``tables``  all but the experts that were not chosen: both tables whole (Mistral, DeepSeek, Moonshot)
``head``    the same without the embedding table, of which a token needs one row; the head whole (OpenAI)
``row``     the same with this one row: what is read for one token. Ours, so that all models compare
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from hdspike.sparsity.parameters.architecture import Architecture

__all__ = ["COMPONENTS", "CONVENTIONS", "Counts", "Part", "count", "parts", "prediction_parts"]

CONVENTIONS = {
    "tables": "all but the experts not chosen; embedding and head whole",
    "head": "all but the experts not chosen and the embedding table; the head whole",
    "row": "what is read for one token: of the embedding one row",
}
COMPONENTS = (
    "embedding",
    "positions",
    "attention",
    "router",
    "experts",
    "shared experts",
    "feed-forward",
    "norms",
    "head",
)
MATRIX, VECTOR, TABLE = "matrix", "vector", "table"


class Part(NamedTuple):
    """``copies`` equal tensors of ``rows`` × ``columns`` in the whole model, of which a token passes ``used``.

    ``kind``: a ``matrix`` is multiplied with, a ``vector`` added or scaled by, of a ``table`` one row is looked up.
    """

    component: str
    name: str
    kind: str
    copies: int
    used: int
    rows: int
    columns: int = 1

    @property
    def size(self) -> int:
        """Parameters of one copy."""
        return self.rows * self.columns


@dataclass(frozen=True)
class Counts:
    """``total``; ``active`` by convention; (total, read for one token) by component; ``multiplied``: weights of
    matrices, each a multiply-accumulate for one token."""

    total: int
    active: dict[str, int]
    components: dict[str, tuple[int, int]]
    multiplied: int


def _dense(
    component: str, name: str, layers: int, rows: int, columns: int, *,
    bias: bool = False, chosen: tuple[int, int] = (1, 1),
) -> Iterator[Part]:  # fmt: skip
    """A matrix of each layer from ``columns`` to ``rows`` and its bias; of ``chosen`` = (E, k) copies k are used."""
    copies, used = layers * chosen[0], layers * chosen[1]
    yield Part(component, name, MATRIX, copies, used, rows, columns)
    if bias:
        yield Part(component, f"{name} bias", VECTOR, copies, used, rows)


def _attention(a: Architecture, layers: int) -> Iterator[Part]:
    what, bias = "attention", a.attention_bias
    if a.latent is None:
        width, cached = a.heads * a.head_dim, a.kv_heads * a.head_dim
        yield from _dense(what, "query", layers, width, a.dim, bias=bias)
        yield from _dense(what, "key", layers, cached, a.dim, bias=bias)
        yield from _dense(what, "value", layers, cached, a.dim, bias=bias)
        yield from _dense(what, "output", layers, a.dim, width, bias=bias)
    else:
        m = a.latent
        queries = a.heads * (m.plain + m.rope)
        if m.query_rank:
            yield from _dense(what, "query down", layers, m.query_rank, a.dim, bias=bias)
            yield Part(what, "query norm", VECTOR, layers, layers, m.query_rank)
        yield from _dense(what, "query up", layers, queries, m.query_rank or a.dim)
        yield from _dense(what, "key and value down", layers, m.rank + m.rope, a.dim, bias=bias)
        yield Part(what, "key and value norm", VECTOR, layers, layers, m.rank)
        yield from _dense(what, "key and value up", layers, a.heads * (m.plain + m.value), m.rank)
        yield from _dense(what, "output", layers, a.dim, a.heads * m.value, bias=bias)
    if a.sinks:
        yield Part(what, "sinks", VECTOR, layers, layers, a.heads)


def _feed_forward(
    a: Architecture, what: str, layers: int, hidden: int, chosen: tuple[int, int] = (1, 1)
) -> Iterator[Part]:
    for name in ("gate", "up") if a.gated else ("up",):
        yield from _dense(what, name, layers, hidden, a.dim, bias=a.hidden_bias, chosen=chosen)
    yield from _dense(what, "down", layers, a.dim, hidden, bias=a.hidden_bias, chosen=chosen)


def _mixture(a: Architecture, layers: int) -> Iterator[Part]:
    e = a.experts
    if e is None or not layers:
        return
    yield from _dense("router", "router", layers, e.count, a.dim, bias=e.router_bias)
    if e.correction:
        yield Part("router", "correction", VECTOR, layers, layers, e.count)
    yield from _feed_forward(a, "experts", layers, e.hidden, (e.count, e.active))
    if e.shared:  # several are stored, and computed, as a single wider one
        yield from _feed_forward(a, "shared experts", layers, e.hidden * e.shared)


def _norms(a: Architecture, number: int) -> Iterator[Part]:
    yield Part("norms", "scale", VECTOR, number, number, a.dim)
    if a.norm == "layer":
        yield Part("norms", "shift", VECTOR, number, number, a.dim)


def parts(a: Architecture) -> list[Part]:
    """Every tensor of the model."""
    held: list[Part] = [
        Part("embedding", "embedding", MATRIX if a.tied else TABLE, 1, 1, a.vocabulary, a.dim)
    ]
    if a.positions:
        held.append(Part("positions", "positions", TABLE, 1, 1, a.positions, a.dim))
    held += _attention(a, a.layers)
    held += _mixture(a, a.expert_layers)
    if a.dense_layers:
        held += _feed_forward(a, "feed-forward", a.dense_layers, a.hidden)
    held += _norms(a, 2 * a.layers + 1)
    if not a.tied:
        held.append(Part("head", "head", MATRIX, 1, 1, a.vocabulary, a.dim))
    return held


def prediction_parts(a: Architecture) -> list[Part]:
    """The tensors of the blocks that predict the token after the next (multi-token prediction, DeepSeek-AI 2024,
    arXiv:2412.19437): in the checkpoint, in no publisher's total. Each has a block, with experts where the model has
    any, a matrix from two widths to one, and three more norms; it shares embedding and head with the model."""
    n = a.prediction_layers
    if not n:
        return []
    block = _mixture(a, n) if a.experts else _feed_forward(a, "feed-forward", n, a.hidden)
    joined = Part("projection", "projection", MATRIX, n, n, a.dim, 2 * a.dim)
    return [*_attention(a, n), *block, joined, *_norms(a, 5 * n)]


def _read(part: Part) -> int:
    """Parameters of a part that one token needs."""
    return part.columns if part.kind == TABLE else part.used * part.size


def count(a: Architecture) -> Counts:
    """Add up the tensors of ``a``.

    >>> from hdspike.sparsity.parameters import find
    >>> mixtral = count(find("mixtral-8x7b").architecture)
    >>> mixtral.total, mixtral.active["tables"]
    (46702792704, 12879925248)
    """
    held = parts(a)
    tables = [part for part in held if part.kind == TABLE]
    whole = sum(part.used * part.size for part in held)
    without = whole - sum(part.size for part in tables)
    by_component = {
        name: (
            sum(part.copies * part.size for part in held if part.component == name),
            sum(_read(part) for part in held if part.component == name),
        )
        for name in COMPONENTS
        if any(part.component == name for part in held)
    }
    return Counts(
        total=sum(part.copies * part.size for part in held),
        active={"tables": whole, "head": without, "row": without + sum(part.columns for part in tables)},
        components=by_component,
        multiplied=sum(part.used * part.size for part in held if part.kind == MATRIX),
    )
