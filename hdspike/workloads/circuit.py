"""The selection of attention as a circuit: keys of a head as neurons, a query as graded spikes, a race.

A :class:`Head` holds the keys of one head as sparse block codes, what each line would contribute to the score of a key
for each query (:class:`hdspike.models.product.ProductBook` makes both), and the true scores q·k/√d, against which the
winners are judged. ``fire`` neurons are let through the race; where that is more than the k that are wanted, the others
fall by their exact scores, which has a price of its own (:func:`hdspike.workloads.circuit_bills.around`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.attention import select
from hdspike.attention.latency import ORDERS, LatencyAttention
from hdspike.models.product import ProductBook
from hdspike.network import Outcome

__all__ = [
    "Head",
    "captured",
    "choose_theta",
    "curves",
    "found",
    "head_of",
    "layer_of",
    "other_winners",
    "point",
]

LARGEST = 2**40
NOTHING = -1e9  # a score whose exponential is 0 beside any other


@dataclass(frozen=True, eq=False)
class Head:
    """Keys ``(N, B)`` of entries, contributions ``(n, B, E)`` and exact scores ``(n, N)`` of one head's queries.

    ``dim`` is d, the numbers of a key before it was coded.
    """

    name: str
    dim: int
    keys: NDArray[np.int64]
    contributions: NDArray[np.float64]
    scores: NDArray[np.float64]

    def __post_init__(self) -> None:
        check.integer("dim", self.dim, low=1, high=LARGEST)
        keys = check.array("keys", self.keys, np.int64, ndim=2)
        parts = check.array("contributions", self.contributions, np.float64, ndim=3)
        scores = check.array("scores", self.scores, np.float64, ndim=2)
        if scores.shape != (len(parts), len(keys)) or parts.shape[1] != keys.shape[1]:
            raise ValueError(
                f"scores must be (queries, keys) = {(len(parts), len(keys))} and contributions of {keys.shape[1]} "
                f"blocks, got shapes {scores.shape} and {parts.shape}"
            )
        if not np.isfinite(scores).all():
            raise ValueError(f"scores must be finite, got {scores[~np.isfinite(scores)][0]}")
        for name, value in (("keys", keys), ("contributions", parts), ("scores", scores)):
            object.__setattr__(self, name, value)

    @property
    def entries(self) -> int:
        """E."""
        return self.contributions.shape[2]

    @cached_property
    def ranked(self) -> NDArray[np.int64]:
        """The keys of each query, best score at the head, of equal ones the lower index: ``(n, N)``."""
        return np.argsort(-self.scores, axis=1, kind="stable")

    @cached_property
    def without_sink(self) -> "Head":
        """The same queries, to which the key at position 0 means nothing."""
        scores = self.scores.copy()
        scores[:, 0] = NOTHING
        return replace(self, scores=scores)


def head_of(
    name: str, book: ProductBook, layer: int, group: int, keys: NDArray[Any], queries: NDArray[Any]
) -> Head:
    """The head whose keys are ``(N, d)`` and whose queries are ``(n, d)``, as ``book`` codes them."""
    scores = queries.astype(np.float64) @ keys.astype(np.float64).T / np.sqrt(keys.shape[1])
    return Head(
        name,
        book.dim,
        book.keys(layer, group, keys).astype(np.int64),
        book.contributions(layer, group, queries).astype(np.float64),
        scores,
    )


def layer_of(head: Head, *, fire: int, spikes: int, seed: int = 0) -> LatencyAttention:
    """The circuit of a head, its rule still ``exact``: one neuron for each key, ``fire`` of which are let through."""
    return LatencyAttention(head.keys, entries=head.entries, k=fire, spikes=spikes, seed=seed)


def captured(head: Head, outcome: Outcome, k: int) -> NDArray[np.float64]:
    """Softmax mass of the k best of each query's winners ÷ that of the k best keys: ``(n,)``, 1 where they agree.

    The best by exact score; ``Σ_{i ∈ best k of winners} exp(s_i) ÷ Σ_{i ∈ best k} exp(s_i)``. 0 without a winner.
    """
    k = check.integer("k", k, low=1, high=head.scores.shape[1])
    out = np.zeros(len(head.scores))
    for q, row in enumerate(head.scores):
        best = row[head.ranked[q, :k]]
        won = row[outcome.query(q)]
        if len(won) > k:
            won = np.partition(won, len(won) - k)[-k:]
        out[q] = np.exp(won - best[0]).sum() / np.exp(best - best[0]).sum()
    return out


def found(head: Head, outcome: Outcome, k: int) -> NDArray[np.float64]:
    """Share of the k best keys (of equal ones the lower index) that are among the winners: ``(n,)``."""
    k = check.integer("k", k, low=1, high=head.scores.shape[1])
    out = np.zeros(len(head.scores))
    for q, best in enumerate(head.ranked[:, :k]):
        out[q] = np.isin(best, outcome.query(q)).mean()
    return out


def other_winners(one: Outcome, other: Outcome) -> NDArray[np.float64]:
    """Share of each query's winners, as a set, that the other outcome has not: ``(n,)``, of the larger of the two."""
    out = np.zeros(len(one))
    for q in range(len(one)):
        a, b = one.query(q), other.query(q)
        larger = max(len(a), len(b))
        out[q] = (larger - len(np.intersect1d(a, b))) / larger if larger else 0.0
    return out


def choose_theta(
    head: Head, layer: LatencyAttention, *, k: int, fractions: Sequence[float], keep: float
) -> tuple[int, float]:
    """θ of a race on development text: the fewest events that capture ``keep`` of what the exact rule captures there.

    Tried are ``fractions`` of the θ that the median query lets the layer's k neurons reach with all its spikes
    (:func:`hdspike.attention.select.calibrate`); where none captures enough, the one that captures most is taken.

    Returns θ and its fraction. ``layer`` is that of ``head`` and is left as it came.
    """
    before = layer.rule, layer.theta
    layer.rule = "exact"
    wanted = keep * float(captured(head, layer.attend(head.contributions), k).mean())
    full = select.calibrate(layer.potentials(head.contributions), k=layer.k)
    layer.rule = "race"
    tried = []
    for fraction in fractions:
        layer.theta = max(1, round(fraction * full))
        outcome = layer.attend(head.contributions)
        mass = float(captured(head, outcome, k).mean())
        tried.append((mass, outcome.total("synaptic_events"), layer.theta, fraction))
    layer.rule, layer.theta = before
    enough = [one for one in tried if one[0] >= wanted]
    best = min(enough, key=lambda one: one[1]) if enough else max(tried, key=lambda one: one[0])
    return best[2], best[3]


def point(head: Head, outcome: Any, k: int, fire: int) -> dict[str, float]:
    """What one setting captures and costs, in the mean over the queries of a head."""
    sent = outcome.counts["input_events"]
    return {
        "captured_mass": float(captured(head, outcome, k).mean()),
        "captured_mass_without_sink": float(captured(head.without_sink, outcome, k).mean()),
        "agreement": float(found(head, outcome, k).mean()),
        "synaptic_events_per_query_key": float(outcome.counts["synaptic_events"].mean() / len(head.keys)),
        "delivered_share": float((sent / np.maximum(1, sent + outcome.counts["cancelled_events"])).mean()),
        "touched_fraction": float(outcome.counts["touched"].mean() / len(head.keys)),
        "overshoot": float(outcome.counts["overshoot"].mean()),
        "complete": float(np.mean(np.diff(outcome.indptr) == fire)),
    }


def curves(
    head: Head, layer: LatencyAttention, *, k: int, thetas: Sequence[int], cuts: Sequence[int]
) -> dict[str, list[dict[str, float]]]:
    """Mass against events: races in both orders over ``thetas``, and the exact rule over the strongest spikes it hears.

    ``layer`` is that of ``head`` and is left as it came.
    """
    before = layer.rule, layer.theta, layer.order, layer.spikes
    out: dict[str, list[dict[str, float]]] = {}
    layer.rule = "race"
    for layer.order in ORDERS:
        out[layer.order] = []
        for layer.theta in thetas:
            outcome = layer.attend(head.contributions)
            out[layer.order].append({"theta": layer.theta, **point(head, outcome, k, layer.k)})
    layer.rule, layer.order = "exact", "strongest"
    out["exact"] = []
    for layer.spikes in cuts:
        outcome = layer.attend(head.contributions)
        out["exact"].append({"spikes": layer.spikes, **point(head, outcome, k, layer.k)})
    layer.rule, layer.theta, layer.order, layer.spikes = before
    return out
