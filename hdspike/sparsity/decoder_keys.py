"""What a decoder's own heads find of their best keys, when keys are kept in few bytes (:mod:`.short_keys`)."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.models import Llama, softmax
from hdspike.sparsity.short_keys import KINDS, ShortKeys, recall

__all__ = ["Heads", "key_recall"]


class Heads:
    """An attention plug, exact softmax, that keeps the queries (H, n, d) and keys (G, n, d) of some layers."""

    def __init__(self, layers: Iterable[int]) -> None:
        self.layers = frozenset(layers)
        self.held: dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}

    def __call__(
        self,
        queries: NDArray[np.float32],
        keys: NDArray[np.float32],
        values: NDArray[np.float32],
        *,
        layer: int = 0,
        seen: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        if layer in self.layers:
            self.held[layer] = queries, keys
        return softmax(queries, keys, values, layer=layer, seen=seen)


def key_recall(
    model: Llama,
    learned: NDArray[np.int64],
    texts: Sequence[NDArray[np.int64]],
    *,
    layers: Sequence[int],
    rooms: Sequence[int],
    every: int = 8,
    share: float = 0.01,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Recall of the best ``share`` of keys, for each way to keep a key and number of bytes.

    Args:
        learned: tokens from which statistics are taken. texts: windows of tokens that are judged, the second halves.
        rooms: bytes of a key. every: a query of so many is asked.

    Returns:
        rows of ``kind``, ``bytes``, ``numbers`` kept of a key, and ``heads``, the mean recall of each layer's heads.
    """
    check.integer("every", every, low=1)
    source = Heads(layers)
    model.hidden(learned, source)
    shown = [Heads(layers) for _ in texts]
    for text, plug in zip(texts, shown, strict=True):
        model.hidden(text, plug)
    rows = []
    for kind in KINDS:
        for room in rooms:
            heads, numbers = [], 0
            for layer in layers:
                queries, keys = source.held[layer]
                group = len(queries) // len(keys)
                for head in range(len(queries)):
                    code = ShortKeys(kind, room, keys[head // group], queries[head], seed=seed)
                    numbers, found = code.numbers, []
                    for plug in shown:
                        own = plug.held[layer][1][head // group]
                        asked = np.arange(len(own) // 2, len(own), every)
                        q = plug.held[layer][0][head][asked]
                        found.append(recall(q @ own.T, code.scores(q, own), asked + 1, share=share).mean())
                    heads.append(float(np.mean(found)))
            rows.append({"kind": kind, "bytes": room, "numbers": numbers, "heads": heads})
    return rows
