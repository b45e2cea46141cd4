"""Multi-query associative recall (MQAR), and a head that solves it by binding: nothing is learned.

The task is that of Zoology (Arora et al. 2023, arXiv:2312.04927): pairs of a key and a value stand at the beginning of
a text, later each key comes once more, and what followed it must be named. The head is an induction head (Olsson et al.
2022): the key of a position says which token stood *before* it, the value which token stands there, so that whoever
asks for "the position behind this token" finds the answer.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.attention import SpikingAttention
from hdspike.network import COUNTS
from hdspike.spaces import Space

__all__ = ["BLANK", "Found", "Induction", "Recall", "causal", "multi_query"]

BLANK = 0
VOCABULARY = 8192
FILLERS = ("blank", "random")


@dataclass(frozen=True)
class Recall:
    """One text: ``tokens`` ``(length,)``, the positions ``asked`` ``(pairs,)`` in order and their ``answers``."""

    tokens: NDArray[np.int64]
    asked: NDArray[np.int64]
    answers: NDArray[np.int64]
    vocabulary: int


def multi_query(
    length: int,
    pairs: int,
    *,
    vocabulary: int = VOCABULARY,
    power: float = 0.01,
    fillers: str = "blank",
    rng: check.Rng = None,
) -> Recall:
    r"""A text of ``length`` tokens: P = ``pairs`` pairs, then each key again at a gap that follows a power law.

    Keys are distinct tokens of 1 … V/2 − 1, values distinct tokens of V/2 … V − 1, V = ``vocabulary``. Of the
    S = (length − 2P)/2 places for a key behind the pairs, P are drawn without putting back, place i with weight
    :math:`i^{a-1}`, a = ``power``; the token after each is to be foretold. All other tokens are ``BLANK`` (as in the
    paper's figure 2), or drawn from the whole vocabulary where ``fillers="random"``.

    Raises:
        ValueError: an odd ``length``, one below 4·P, or more pairs than keys.

    >>> text = multi_query(16, 2, vocabulary=12, rng=0)
    >>> sorted(text.tokens[text.asked].tolist()) == sorted(text.tokens[[0, 2]].tolist())
    True
    """
    count = check.integer("pairs", pairs, low=1)
    check.integer("vocabulary", vocabulary, low=4)
    if check.integer("length", length, low=4 * count) % 2:
        raise ValueError(f"length must be even, got {length}")
    half = vocabulary // 2
    if count > half - 1:
        raise ValueError(f"pairs must be at most the {half - 1} keys of the vocabulary, got {pairs}")
    check.one_of("fillers", fillers, FILLERS)
    random = check.generator(rng)
    keys = 1 + random.permutation(half - 1)[:count]
    values = half + random.permutation(vocabulary - half)[:count]
    space = (length - 2 * count) // 2
    # the smallest of exponential waiting times: drawn one by one without putting back, each by its weight
    waits = random.standard_exponential(space) / np.arange(1, space + 1) ** (power - 1.0)
    gaps = np.argsort(waits, kind="stable")[:count]
    tokens = np.full(length, BLANK, dtype=np.int64)
    if fillers == "random":
        tokens[:] = random.integers(vocabulary, size=length)
    tokens[: 2 * count : 2], tokens[1 : 2 * count : 2] = keys, values
    asked = 2 * count + 2 * gaps
    tokens[asked] = keys
    order = np.argsort(asked)
    return Recall(tokens, asked[order], values[order].astype(np.int64), vocabulary)


class Induction:
    r"""Keys and queries of an induction head, bound and not learned.

    .. math:: q_t = \rho \otimes c(x_t) \qquad k_t = \rho \otimes c(x_{t-1}) \quad\text{or}\quad
              k_t = [\,c(x_t) + \rho \otimes c(x_{t-1}) + p_t\,]

    where c are random codes of the tokens, ρ is the role "stands before", ⊗ binds and [ ] bundles. A ``bound`` key
    holds nothing but what is asked for; a ``bundled`` one is all that a position knows: its token, the one before it
    and a code p_t of its place. A query finds it all the same, at the distance of a bundle of three.
    """

    FORMS = ("bound", "bundled")

    def __init__(self, space: Space, vocabulary: int, *, form: str = "bound", rng: check.Rng = None) -> None:
        self.space, self.form = space, check.one_of("form", form, self.FORMS)
        self._random = check.generator(rng)
        self.codes = space.random(check.integer("vocabulary", vocabulary, low=1), rng=self._random)
        self.role, self.start = space.random(2, rng=self._random)

    def queries(self, tokens: NDArray[np.int64]) -> NDArray[Any]:
        """``(n, width)``: who stands behind each of these tokens?"""
        return self.space.bind(self.codes[tokens], self.role)

    def keys(self, tokens: NDArray[np.int64]) -> NDArray[Any]:
        """``(n, width)`` keys of all positions of a text."""
        before = np.concatenate([self.start[None], self.codes[tokens[:-1]]])
        bound = self.space.bind(before, self.role)
        if self.form == "bound":
            return bound
        places = self.space.random(len(tokens), rng=self._random)
        return self.space.bundle(np.stack([self.codes[tokens], bound, places], axis=1))


@dataclass(frozen=True)
class Found:
    """Winners ``(Q, k)`` in the order of firing, −1 where there were fewer, their potentials, and counts of the layer.

    ``pairs`` counts queries × keys that the layer held; ``counts`` sums each of :data:`hdspike.network.COUNTS`.
    """

    winners: NDArray[np.int64]
    potentials: NDArray[np.int64]
    counts: dict[str, int]
    pairs: int


def causal(
    space: Space,
    keys: Any,
    queries: Any,
    seen: Any,
    *,
    k: int,
    rule: str = "exact",
    theta: int | None = None,
    seed: int = 0,
) -> Found:
    """The winners of :class:`hdspike.attention.SpikingAttention` among the keys that each query has seen.

    With ``exact`` one layer holds all keys: its winners that a query has not seen yet are passed over, and more are
    asked for until k are left; the k best of the seen are the same (ties to the lower index). Any other rule meets the
    keys as they were when the query came, a layer for each query.

    Args:
        keys: ``(N, width)``. queries: ``(Q, width)``. seen: ``(Q,)`` how many keys each query sees, 1 to N.
    """
    asked, held = space.checked("queries", queries), space.checked("keys", keys)
    limit = check.array("seen", seen, np.int64, ndim=1)
    if len(limit) != len(asked):
        raise ValueError(f"seen must be one per query ({len(asked)}), got {len(limit)}")
    if len(limit) and not 1 <= limit.min() <= limit.max() <= len(held):
        raise ValueError(f"seen must be from 1 to {len(held)}, got {limit.min()} to {limit.max()}")
    check.integer("k", k, low=1)
    winners = np.full((len(asked), k), -1, dtype=np.int64)
    potentials = np.zeros((len(asked), k), dtype=np.int64)
    counts, pairs = dict.fromkeys(COUNTS, 0), 0
    if rule == "exact":
        open_, wide = np.arange(len(asked)), min(len(held), k + 2)
        while len(open_):
            outcome = SpikingAttention(space, held, k=wide, seed=seed).attend(asked[open_])
            if not pairs:
                counts, pairs = {name: outcome.total(name) for name in COUNTS}, len(asked) * len(held)
            left = []
            for i, q in enumerate(open_.tolist()):
                won = slice(outcome.indptr[i], outcome.indptr[i + 1])
                old = outcome.winners[won] < limit[q]
                most = min(k, int(old.sum()))
                winners[q, :most] = outcome.winners[won][old][:most]
                potentials[q, :most] = outcome.potentials[won][old][:most]
                if most < min(k, limit[q]) and won.stop - won.start == wide < len(held):
                    left.append(q)
            open_, wide = np.array(left, dtype=np.int64), min(len(held), 8 * wide)
        return Found(winners, potentials, counts, pairs)
    for q in range(len(limit)):
        size = int(limit[q])
        layer = SpikingAttention(space, held[:size], k=min(k, size), rule=rule, theta=theta, seed=seed)
        outcome = layer.attend(asked[q : q + 1])
        most = min(k, len(outcome.winners))
        winners[q, :most], potentials[q, :most] = outcome.winners[:most], outcome.potentials[:most]
        for name in COUNTS:
            counts[name] += outcome.total(name)
        pairs += size
    return Found(winners, potentials, counts, pairs)
