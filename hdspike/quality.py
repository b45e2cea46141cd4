"""How well the winners predict, beside their rivals over the same memory."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import language
from hdspike.attention import SpikingAttention, bundle_winners, winner_weights
from hdspike.language import Fitted
from hdspike.network import Outcome
from hdspike.task import Task
from hdspike.twin import DIMS, Projection

__all__ = ["Softmax", "Twin", "backoff_ngram", "dense_twin", "readout", "softmax_attention", "unigram_alone"]

SOFTMAX_BETAS = (4.0, 8.0, 12.0, 16.0, 20.0, 24.0, 32.0, 48.0, 64.0)
POINT = 0.01  # the dense twin may lose one point of top-1 accuracy
CHUNK = 256  # queries whose scores over all keys are held at once
WEIGHTS = {"exact": "count", "threshold": "count", "race": "rank"}
"""Which weights a rule's winners carry: a race ends with all potentials near θ, so its order says more."""


def _both(task: Task, development: Any, queries: Any) -> tuple[Any, Any]:
    return (*development, task.targets["development"]), (*queries, task.targets["queries"])


def readout(task: Task, outcomes: dict[str, Outcome], *, by: str) -> Fitted:
    """Bundle the winners' values with weights ``by``, clean up, and fit ``λ·softmax(β·similarity) + …``."""
    sides = []
    for name in ("development", "queries"):
        weights = winner_weights(outcomes[name], by=by, top=task.space.span)
        bundles, spoke = bundle_winners(task.space, task.values, outcomes[name], weights)
        sides.append((task.memory.similarity(bundles), spoke))
    return language.fit_scores(*_both(task, *sides), task.prior)


def counters(task: Task, outcomes: dict[str, Outcome], *, by: str) -> Fitted:
    """The same bundle before its threshold: items are compared with the integer counters themselves.

    The counters of a bundle are ``Σ_i w_i·value_i``, so their similarity to item v is
    ``Σ_u share_u · similarity(item_u, item_v)`` with share_u the weight of the winners whose value is item u.
    """
    between = task.memory.similarity(task.memory.items)
    sides = []
    for name in ("development", "queries"):
        outcome = outcomes[name]
        weights = winner_weights(outcome, by=by, top=task.space.span)
        share = np.zeros((len(outcome), len(task.memory)))
        owner = np.repeat(np.arange(len(outcome)), np.diff(outcome.indptr))
        np.add.at(share, (owner, task.targets["keys"][outcome.winners]), weights)
        total = share.sum(axis=1)
        sides.append((share / np.maximum(total, 1)[:, None] @ between, total > 0))
    return language.fit_scores(*_both(task, *sides), task.prior)


def unigram_alone(task: Task) -> Fitted:
    """Always the same probabilities: λ = 0."""
    p = np.tile(task.prior, (len(task.targets["queries"]), 1))
    targets = task.targets["queries"]
    return Fitted(language.top1(p, targets), language.bits_per_char(p, targets), 0.0, 0.0)


def backoff_ngram(task: Task) -> Fitted:
    """A backoff n-gram of the same longest suffix over the same key positions."""
    tokens, split = task.text.tokens, task.split
    sides = [
        (
            language.backoff(tokens, split.keys, positions, order=task.order, prior=task.prior),
            task.targets[name],
        )
        for name, positions in (("development", split.development), ("queries", split.queries))
    ]
    return language.fit_distribution(sides[0], sides[1], task.prior)


@dataclass(frozen=True)
class Softmax:
    """Dense softmax attention over the same keys."""

    fitted: Fitted
    development_top1: float
    captured_mass: float
    """Mean share of its weight that falls on the winners of the k-WTA."""


Scores = Callable[[NDArray[Any]], NDArray[Any]]


def _votes(
    task: Task,
    scores: Scores,
    vectors: NDArray[Any],
    betas: tuple[float, ...],
    mass_of: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """:func:`hdspike.language.softmax_votes` over all keys, ``CHUNK`` queries at a time."""
    found = [
        language.softmax_votes(
            scores(vectors[start : start + CHUNK]), task.targets["keys"], betas, symbols=len(task.memory),
            mass_of=None if mass_of is None else mass_of[start : start + CHUNK],
        )
        for start in range(0, len(vectors), CHUNK)
    ]  # fmt: skip
    return np.concatenate([votes for votes, _ in found]), np.concatenate([mass for _, mass in found])


def _fit_softmax(task: Task, scores: Scores, vectors: NDArray[Any]) -> tuple[float, float, float]:
    """(β, λ, top-1) of softmax attention on the development ``vectors``."""
    votes, _ = _votes(task, scores, vectors, SOFTMAX_BETAS)
    candidates = [(beta, votes[:, j]) for j, beta in enumerate(SOFTMAX_BETAS)]
    targets = task.targets["development"]
    beta, lam = language.fit_linear(candidates, targets, task.prior)
    mixed = lam * votes[:, SOFTMAX_BETAS.index(beta)] + (1 - lam) * task.prior
    return beta, lam, language.top1(mixed, targets)


def softmax_attention(task: Task, layer: SpikingAttention, winners: Outcome) -> Softmax:
    """Softmax over ``β · similarity`` to every key, β and λ fitted on development."""

    def scores(vectors: NDArray[Any]) -> NDArray[Any]:
        return task.space.scale(layer.potentials(vectors))

    beta, lam, reached = _fit_softmax(task, scores, task.vectors["development"])
    votes, mass = _votes(task, scores, task.vectors["queries"], (beta,), _padded(winners))
    fitted = language.evaluate(votes[:, 0], task.prior, task.targets["queries"], beta, lam)
    return Softmax(fitted, reached, min(1.0, float(mass[:, 0].mean())))


def _padded(outcome: Outcome) -> NDArray[np.int64]:
    """Winners as rows of equal length, −1 where there is none."""
    sizes = np.diff(outcome.indptr)
    out = np.full((len(outcome), max(1, int(sizes.max(initial=0)))), -1, dtype=np.int64)
    out[np.arange(out.shape[1])[None, :] < sizes[:, None]] = outcome.winners
    return out


@dataclass(frozen=True)
class Twin:
    """The dense twin: softmax attention over projected keys of the smallest dimension that does the job."""

    dim: int
    within: bool
    """Whether it is within one point of the full softmax on development; else the largest tried stands."""
    fitted: Fitted
    nonzero_share: float
    """Share of the projected keys' numbers that are not zero."""
    tried: list[dict[str, float]]


def dense_twin(task: Task, full_top1: float, *, seed: int) -> Twin:
    """Try d = 64 … 1024 until softmax over projected keys is within one point of ``full_top1`` on development."""
    projection = Projection(task.space, seed=seed)
    tried: list[dict[str, float]] = []
    for dim in DIMS:
        keys = projection(task.vectors["keys"], dim)

        def scores(vectors: NDArray[Any], keys: NDArray[np.int8] = keys, dim: int = dim) -> NDArray[Any]:
            return projection.scores(projection(vectors, dim), keys)

        beta, lam, reached = _fit_softmax(task, scores, task.vectors["development"])
        tried.append({"dim": dim, "development_top1": reached, "beta": beta})
        within = reached >= full_top1 - POINT
        if within:
            break
    votes, _ = _votes(task, scores, task.vectors["queries"], (beta,))
    fitted = language.evaluate(votes[:, 0], task.prior, task.targets["queries"], beta, lam)
    return Twin(dim, within, fitted, float(np.count_nonzero(keys) / keys.size), tried)
