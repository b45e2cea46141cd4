"""Heads of a real model as circuits: keys of one text, coded by a product codebook that was learned on another."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hdspike import datasets
from hdspike.models import Llama, LlamaFile, softmax
from hdspike.models.product import ProductBook, fit_product
from hdspike.workloads.circuit import Head, head_of

__all__ = ["Shape", "heads_of", "heads_of_smollm2", "queries_and_keys"]

Rows = NDArray[np.float32]
CHARACTERS = 16  # taken for each token that is needed, so that a long text is not tokenised whole
JUDGED, LEARNED = "news", "lore"  # genres of Brown


@dataclass(frozen=True)
class Shape:
    """A code of ``blocks`` of ``lines``; of the last ``recent`` tokens one in ``every`` asks, all others are keys.

    The keys of the tokens that ask are taken for always on: every query sees all keys of the circuit.
    """

    blocks: int = 16
    lines: int = 64
    recent: int = 64
    every: int = 4


class _Enough(Exception):
    """The last layer that is needed has been seen."""


def queries_and_keys(
    model: Llama, tokens: NDArray[np.int64], layers: Sequence[int]
) -> dict[int, tuple[Rows, Rows]]:
    """Queries ``(H, n, d)`` and keys ``(G, n, d)`` of some layers, read with softmax attention."""
    held: dict[int, tuple[Rows, Rows]] = {}

    def watch(queries: Rows, keys: Rows, values: Rows, *, layer: int, seen: NDArray[np.int64]) -> Rows:
        if layer in layers:
            held[layer] = queries.copy(), keys.copy()
        if layer == max(layers):
            raise _Enough
        return softmax(queries, keys, values, layer=layer, seen=seen)

    with suppress(_Enough):
        model.hidden(tokens, watch)
    return held


def heads_of(
    name: str, judged: tuple[Rows, Rows], other: tuple[Rows, Rows], group: int, shape: Shape, *, seed: int
) -> tuple[Head, Head]:
    """One key head on two texts, each of them queries ``(H, n, d)`` and keys ``(G, n, d)``.

    The codebook is learned from all keys and queries of ``other``; no key has a resting potential.
    """
    shared = len(judged[0]) // len(judged[1])
    mine = slice(group * shared, (group + 1) * shared)
    dim = other[1].shape[2]
    rows = other[0][mine].reshape(-1, dim).astype(np.float64)
    moment = rows.T @ rows / len(rows)
    learned = fit_product(other[1][group], moment, blocks=shape.blocks, lines=shape.lines, rng=seed)
    transform, centre, centroids = (part[None, None] for part in learned)
    rest = np.zeros((1, 1, 1, dim), dtype=np.float32)
    book = ProductBook(transform, centre, centroids, rest)
    made = []
    for queries, keys in (judged, other):
        count = keys.shape[1] - shape.recent
        asked = queries[mine, count :: shape.every].reshape(-1, dim)
        made.append(head_of(name, book, 0, 0, keys[group, :count], asked))
    return made[0], made[1]


def heads_of_smollm2(
    context: int, layers: Sequence[int], shape: Shape, *, seed: int
) -> list[tuple[Head, Head]]:
    """Every key head of some layers over the beginning of two genres of Brown: on news, and on lore, its codebook's.

    Raises:
        hdspike.datasets.Absent: the model or the text has not been fetched.
    """
    path = next(p for p in datasets.path("smollm2").iterdir() if p.suffix == ".gguf")
    documents = datasets.load("brown")
    file = LlamaFile(path)
    model, tokenizer = Llama(file), file.tokenizer()
    seen = []
    for genre in (JUDGED, LEARNED):
        text = "\n".join(document.text for document in documents if document.genre == genre)
        ids = tokenizer.encode(text[: CHARACTERS * context]).ids[:context]
        seen.append(queries_and_keys(model, np.array(ids, dtype=np.int64), layers))
    return [
        heads_of(f"{layer}.{group}", seen[0][layer], seen[1][layer], group, shape, seed=seed)
        for layer in layers
        for group in range(model.shape.key_heads)
    ]
