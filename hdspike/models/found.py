"""How much of the exact winners' softmax mass a search finds, query by query, at any number of candidates."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.models.attention import checked, finite, score_blocks
from hdspike.models.candidates import CandidateKWTA
from hdspike.models.winners import _select, widened

__all__ = ["found_shares"]


def found_shares(
    plug: CandidateKWTA,
    queries: NDArray[np.float32],
    keys: NDArray[np.float32],
    multiples: Sequence[int],
    *,
    layer: int = 0,
    seen: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """The mass of the best k of c·k candidates, for each c of ``multiples``, and that of the k best keys.

    Args:
        plug: what searches; its winners, always-on keys and search count, its candidates and counters do not.
        queries: ``(H, n, d)``, keys ``(G, N, d)``, float32. seen: ``(n,)``.

    Returns:
        ``(H, n, len(multiples))`` softmax masses, ``(H, n)`` of the exact winners, and ``(H, n)`` synaptic events, 0
        where nothing spikes.
    """
    seen = checked(queries, keys, keys, seen)
    if not np.isfinite(queries).all():
        raise ValueError("queries must be finite numbers")
    factors = [check.integer("multiples", c, low=1) for c in multiples]
    share = len(queries) // len(keys)
    held = plug._empty(layer, len(keys), keys.shape[2])
    held.insert(keys)
    found = np.empty((*queries.shape[:2], len(factors)))
    most = np.empty(queries.shape[:2])
    events = np.zeros(queries.shape[:2], dtype=np.int64)
    for group, part, scores, limit in score_blocks(queries, keys, seen):
        heads = slice(group * share, (group + 1) * share)
        search = plug._search(held, group, queries[heads, part], limit, int(limit.max()))
        near, kept = search.near(0, len(limit)), plug.counts(limit)
        best = scores.max(axis=1, keepdims=True)
        finite(best)
        weights = np.exp((scores - best).astype(np.float64))
        weights /= weights.sum(axis=1, keepdims=True)
        places = np.zeros((len(limit), int(limit.max())), dtype=np.int32)

        def mass(
            some: NDArray[np.float32],
            many: NDArray[np.int64],
            among: NDArray[np.int64],
            rows: NDArray[np.int32] | None,
            weights: NDArray[np.float64] = weights,
        ) -> NDArray[np.float64]:
            chosen = np.zeros(some.shape, dtype=np.int32)
            _select(some, among, many, plug.sinks, plug.recent, chosen)
            won = chosen if rows is None else np.take_along_axis(rows, chosen, 1)
            valid = np.arange(won.shape[1]) < many[:, None]
            total: NDArray[np.float64] = np.where(valid, np.take_along_axis(weights, won, 1), 0).sum(axis=1)
            return total

        most[heads, part] = mass(scores, kept, limit, None).reshape(share, -1)
        for i, factor in enumerate(factors):
            many = widened(limit, kept, factor, plug.sinks, plug.recent)
            _select(near, limit, many, plug.sinks, plug.recent, places)
            picked = np.take_along_axis(scores, places, 1)
            found[heads, part, i] = mass(picked, kept, many, places).reshape(share, -1)
        counts = getattr(search, "counts", None)
        if counts is not None:
            events[heads, part] = counts[:, 0].reshape(share, -1)
    return found, most, events
