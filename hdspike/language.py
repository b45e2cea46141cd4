"""Next-character prediction: the split, the fitted read-out, and the baselines it is compared with.

Earlier text is the memory, a later slice development, a later one still the queries. Every method turns into
probabilities ``p = λ·q + (1 − λ)·unigram`` whose λ (and the temperature β inside q) are fitted on the
development slice alone.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.jit import kernel, spread

__all__ = [
    "Fitted",
    "Split",
    "backoff",
    "evaluate",
    "fit_distribution",
    "fit_linear",
    "fit_scores",
    "softmax_votes",
    "split",
    "unigram",
]

BETAS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 16.0, 20.0, 24.0, 32.0, 48.0, 64.0, 96.0)
LAMBDAS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99)


@dataclass(frozen=True)
class Split:
    """Positions ``t``: the context ends at ``t``, the target is token ``t + 1``; in the order of the text."""

    keys: NDArray[np.int64]
    development: NDArray[np.int64]
    queries: NDArray[np.int64]


def needed(keys: int, development: int, queries: int, order: int) -> int:
    """Characters that a split takes: the first context, the keys, both slices, and the last target."""
    return order - 1 + keys + max(keys // 4, development) + max(keys // 4, queries) + 1


def split(
    length: int, *, keys: int, development: int, queries: int, order: int, start: int | None = None
) -> Split:
    """Lay out memory, development slice and query slice, in this order, as late in the text as possible.

    The two slices are ``keys ÷ 4`` characters long (or as long as what is sampled from them, if that is
    more), and sampled evenly. ``start`` moves the first key position.

    Raises:
        ValueError: the text is too short, naming how long it must be.
    """
    for name, value in (("keys", keys), ("development", development), ("queries", queries), ("order", order)):
        check.integer(name, value, low=1)
    slices = [max(keys // 4, development), max(keys // 4, queries)]
    least = needed(keys, development, queries, order)
    if length < least:
        raise ValueError(
            f"text must have at least {least} characters for {keys} keys, {development} development and "
            f"{queries} query positions, it has {length}"
        )
    latest = length - least + order - 1
    first = latest if start is None else check.integer("start", start)
    if not order - 1 <= first <= latest:
        raise ValueError(
            f"start must be at least {order - 1} and at most {latest}, so that {keys} keys, development and "
            f"queries fit a text of {length} characters, got {first}"
        )
    edges = first + np.cumsum([0, keys, *slices])
    sampled = [
        edges[i] + np.arange(count, dtype=np.int64) * slices[i - 1] // count
        for i, count in ((1, development), (2, queries))
    ]
    return Split(np.arange(edges[0], edges[1], dtype=np.int64), *sampled)


@dataclass(frozen=True)
class Fitted:
    """How well a method predicts, with the parameters that were fitted on development data."""

    top1: float
    bits_per_char: float
    beta: float
    lambda_: float

    def as_json(self) -> dict[str, float]:
        return {
            "top1": self.top1,
            "bits_per_char": self.bits_per_char,
            "beta": self.beta,
            "lambda": self.lambda_,
        }


def unigram(targets: Any, symbols: int) -> NDArray[np.float64]:
    """Symbol probabilities with one added to every count (Laplace): ``(symbols,)``."""
    counts = np.bincount(check.array("targets", targets, np.int64, ndim=1), minlength=symbols) + 1.0
    return counts / counts.sum()


def bits_per_char(probabilities: NDArray[np.float64], targets: NDArray[np.int64]) -> float:
    """Mean ``−log₂ p(target)``."""
    return float(-np.log2(probabilities[np.arange(len(targets)), targets]).mean())


def top1(scores: NDArray[Any], targets: NDArray[np.int64]) -> float:
    """Share of rows whose largest score (the lowest index of equal ones) is the target."""
    return float(np.mean(np.argmax(scores, axis=1) == targets))


def _best_lambda(
    q: NDArray[np.float64], prior: NDArray[np.float64], targets: NDArray[np.int64]
) -> tuple[float, float]:
    hit, base = q[np.arange(len(targets)), targets], prior[targets]
    costs = [float(-np.log2(lam * hit + (1 - lam) * base).mean()) for lam in LAMBDAS]
    return min(zip(costs, LAMBDAS, strict=True))


def evaluate(
    q: NDArray[np.float64], prior: NDArray[np.float64], targets: NDArray[np.int64], beta: float, lam: float
) -> Fitted:
    """Accuracy and bits per character of ``λ·q + (1 − λ)·unigram`` on the given targets."""
    mixed = lam * q + (1 - lam) * prior
    return Fitted(top1(mixed, targets), bits_per_char(mixed, targets), beta, lam)


def fit_linear(
    candidates: Iterable[tuple[float, NDArray[np.float64]]],
    targets: NDArray[np.int64],
    prior: NDArray[np.float64],
) -> tuple[float, float]:
    """The (β, λ) of least bits per character among distributions ``(β, q)`` on development targets."""
    best = (np.inf, 0.0, 0.0)
    for beta, q in candidates:
        cost, lam = _best_lambda(q, prior, targets)
        best = min(best, (cost, beta, lam))
    return best[1], best[2]


def _softmax(
    scores: NDArray[np.float64], beta: float, spoke: NDArray[np.bool_], prior: NDArray[np.float64]
) -> Any:
    q = np.exp(beta * (scores - scores.max(axis=1, keepdims=True)))
    q /= q.sum(axis=1, keepdims=True)
    return np.where(spoke[:, None], q, prior)


def fit_scores(
    development: tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]],
    queries: tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]],
    prior: NDArray[np.float64],
) -> Fitted:
    """Fit β and λ of ``λ·softmax(β·similarity) + (1 − λ)·unigram`` on development, evaluate on the queries.

    Each side is (similarities ``(n, V)``, whether the query had a winner ``(n,)``, targets ``(n,)``); a query
    without a winner is predicted by the unigram.
    """
    scores, spoke, targets = development
    beta, lam = fit_linear(((b, _softmax(scores, b, spoke, prior)) for b in BETAS), targets, prior)
    scores, spoke, targets = queries
    return evaluate(_softmax(scores, beta, spoke, prior), prior, targets, beta, lam)


# --- softmax attention over the same keys -------------------------------------------------------------


@kernel
def _softmax_votes(scores, values, betas, votes, mass_of, mass):
    """``votes[q, j, v] = Σ_{i: values_i = v} softmax(β_j·score)_qi``; ``mass[q, j]`` that of ``mass_of[q]``.

    ``mass_of`` (Q, K) lists keys whose mass is wanted, −1 where there is none.
    """
    for q in range(len(scores)):
        highest = scores[q].max()
        for j in range(len(betas)):
            total = 0.0
            for i in range(scores.shape[1]):
                weight = np.exp(betas[j] * (scores[q, i] - highest))
                votes[q, j, values[i]] += weight
                total += weight
            for v in range(votes.shape[2]):
                votes[q, j, v] /= total
            for i in range(mass_of.shape[1]):
                if mass_of[q, i] >= 0:
                    mass[q, j] += np.exp(betas[j] * (scores[q, mass_of[q, i]] - highest)) / total
    return scores.size * len(betas)


def softmax_votes(
    scores: Any, values: Any, betas: Any, *, symbols: int, mass_of: Any = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Dense softmax attention: ``out_qv = Σ_i softmax_i(β·score_qi)·[value_i = v]`` for each β.

    Args:
        scores: ``(Q, N)`` similarities.
        values: ``(N,)`` the symbol that each key carries.
        betas: ``(B,)`` inverse temperatures.
        mass_of: ``(Q, K)`` keys whose summed weight is wanted too, −1 for none.

    Returns:
        Votes ``(Q, B, symbols)`` that sum to 1, and the mass ``(Q, B)`` that falls on ``mass_of``.
    """
    given = np.ascontiguousarray(scores, dtype=np.float32)
    carried = check.array("values", values, np.int64, ndim=1)
    if given.ndim != 2 or given.shape[1] != len(carried) or given.shape[1] == 0:
        raise ValueError(f"scores must be (Q, N) with N = {len(carried)} ≥ 1 values, got shape {given.shape}")
    wanted = np.full((len(given), 1), -1) if mass_of is None else mass_of
    inverse = np.asarray(betas, dtype=np.float64)
    votes = np.zeros((len(given), len(inverse), symbols))
    mass = np.zeros((len(given), len(inverse)))
    listed = check.array("mass_of", wanted, np.int64, ndim=2)

    def work(low: int, high: int) -> None:
        _softmax_votes(given[low:high], carried, inverse, votes[low:high], listed[low:high], mass[low:high])

    spread(work, len(given))
    return votes, mass


# --- n-grams --------------------------------------------------------------------------------------------


def backoff(
    tokens: Any, keys: Any, positions: Any, *, order: int, prior: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A backoff n-gram over the same memory: Witten & Bell (1991) interpolation, longest suffix ``order``.

    ``p_m(v | c) = (n(c, v) + t(c)·p_{m−1}(v)) ÷ (n(c) + t(c))`` with n the counts after the suffix c of m
    characters in the memory, t(c) the distinct symbols seen after it, and p_0 the unigram.

    Returns:
        ``(positions, symbols)`` probabilities.
    """
    text = check.array("tokens", tokens, np.int64, ndim=1).tolist()
    after: list[dict[tuple[int, ...], dict[int, int]]] = [defaultdict(dict) for _ in range(order + 1)]
    for t in check.array("keys", keys, np.int64, ndim=1).tolist():
        following = text[t + 1]
        for m in range(1, order + 1):
            seen = after[m][tuple(text[t + 1 - m : t + 1])]
            seen[following] = seen.get(following, 0) + 1
    places = check.array("positions", positions, np.int64, ndim=1).tolist()
    out = np.tile(prior, (len(places), 1))
    for row, t in enumerate(places):
        for m in range(1, order + 1):
            found = after[m].get(tuple(text[t + 1 - m : t + 1]))
            if not found:
                break
            total, distinct = sum(found.values()), len(found)
            out[row] *= distinct / (total + distinct)
            for symbol, count in found.items():
                out[row, symbol] += count / (total + distinct)
    return out


def fit_distribution(
    development: tuple[NDArray[np.float64], NDArray[np.int64]],
    queries: tuple[NDArray[np.float64], NDArray[np.int64]],
    prior: NDArray[np.float64],
) -> Fitted:
    """Fit ``λ·pᵝ/Z + (1 − λ)·unigram`` on development distributions ``(n, V)``, evaluate on the queries."""

    def sharpen(p: NDArray[np.float64], beta: float) -> NDArray[np.float64]:
        q = p**beta
        return q / q.sum(axis=1, keepdims=True)

    p, targets = development
    betas = (0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0)
    beta, lam = fit_linear(((b, sharpen(p, b)) for b in betas), targets, prior)
    p, targets = queries
    return evaluate(sharpen(p, beta), prior, targets, beta, lam)
