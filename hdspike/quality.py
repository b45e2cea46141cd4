"""How well the winners predict, beside their rivals over the same memory."""

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


def softmax_attention(task: Task, layer: SpikingAttention, winners: Outcome) -> Softmax:
    """Softmax over ``β · similarity`` to every key, β and λ fitted on development."""
    values, symbols = task.targets["keys"], len(task.memory)

    def scores(vectors: NDArray[Any]) -> NDArray[Any]:
        return task.space.scale(layer.potentials(vectors))

    development = np.concatenate(
        [
            language.softmax_votes(scores(part), values, SOFTMAX_BETAS, symbols=symbols)[0]
            for part in _chunks(task.vectors["development"])
        ]
    )
    candidates = [(beta, development[:, j]) for j, beta in enumerate(SOFTMAX_BETAS)]
    beta, lam = language.fit_linear(candidates, task.targets["development"], task.prior)
    chosen = development[:, SOFTMAX_BETAS.index(beta)]
    mixed = lam * chosen + (1 - lam) * task.prior
    padded = _padded(winners)
    votes, mass = [], []
    for start, part in zip(range(0, len(winners), CHUNK), _chunks(task.vectors["queries"]), strict=True):
        found = language.softmax_votes(
            scores(part), values, (beta,), symbols=symbols, mass_of=padded[start : start + CHUNK]
        )
        votes.append(found[0][:, 0])
        mass.append(found[1][:, 0])
    fitted = language.evaluate(np.concatenate(votes), task.prior, task.targets["queries"], beta, lam)
    captured = min(1.0, float(np.concatenate(mass).mean()))
    return Softmax(fitted, language.top1(mixed, task.targets["development"]), captured)


def _chunks(vectors: NDArray[Any]) -> list[NDArray[Any]]:
    return [vectors[start : start + CHUNK] for start in range(0, len(vectors), CHUNK)]


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
    values, symbols = task.targets["keys"], len(task.memory)
    tried: list[dict[str, float]] = []
    for dim in DIMS:
        projected = {name: projection(vectors, dim) for name, vectors in task.vectors.items()}
        votes = np.concatenate(
            [
                language.softmax_votes(
                    projection.scores(part, projected["keys"]), values, SOFTMAX_BETAS, symbols=symbols
                )[0]
                for part in _chunks(projected["development"])
            ]
        )
        candidates = [(beta, votes[:, j]) for j, beta in enumerate(SOFTMAX_BETAS)]
        beta, lam = language.fit_linear(candidates, task.targets["development"], task.prior)
        mixed = lam * votes[:, SOFTMAX_BETAS.index(beta)] + (1 - lam) * task.prior
        reached = language.top1(mixed, task.targets["development"])
        tried.append({"dim": dim, "development_top1": reached, "beta": beta})
        if reached >= full_top1 - POINT:
            break
    final = np.concatenate(
        [
            language.softmax_votes(
                projection.scores(part, projected["keys"]), values, (beta,), symbols=symbols
            )[0][:, 0]
            for part in _chunks(projected["queries"])
        ]
    )
    fitted = language.evaluate(final, task.prior, task.targets["queries"], beta, lam)
    nonzero = float(np.count_nonzero(projected["keys"]) / projected["keys"].size)
    return Twin(dim, reached >= full_top1 - POINT, fitted, nonzero, tried)
