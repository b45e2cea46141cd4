"""What a head of :mod:`hdspike.workloads.recall` recalls: its winners, softmax over its similarities, and the law."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr
from scipy.stats import binom

from hdspike import theory
from hdspike.attention import SpikingAttention
from hdspike.spaces import Space
from hdspike.workloads.recall import VOCABULARY, Induction, Recall, causal, multi_query

__all__ = ["Head", "by_law", "heads", "pairs_of", "softmax_answers", "winner_answers"]

ROWS = 64  # queries whose scores are held at once


def pairs_of(length: int) -> int:
    """P: a 16th of the length, at most the keys there are."""
    return min(length // 16, VOCABULARY // 2 - 1)


Head = tuple[Recall, Induction, NDArray[Any], NDArray[np.int64]]


def heads(
    space: Space, length: int, pairs: int, form: str, asked: int, seed: int, *, fillers: str = "blank"
) -> list[Head]:
    """Texts until ``asked`` queries are had: each with its head, its keys, and which of its queries are asked."""
    out: list[Head] = []
    left = asked
    while left > 0:
        random = np.random.default_rng([seed, length, space.dim, len(out), left])
        text = multi_query(length, pairs, fillers=fillers, rng=random)
        head = Induction(space, VOCABULARY, form=form, rng=random)
        some = np.sort(random.permutation(pairs)[:left])
        out.append((text, head, head.keys(text.tokens), some))
        left -= len(some)
    return out


def winner_answers(space: Space, made: list[Head], **options: Any) -> NDArray[np.bool_]:
    """Whether the one winner of each query stands on the answer."""
    rights = []
    for text, head, keys, some in made:
        at = text.asked[some]
        found = causal(space, keys, head.queries(text.tokens[at]), at + 1, k=1, **options)
        won = found.winners[:, 0]
        rights.append((won >= 0) & (text.tokens[won] == text.answers[some]))
    return np.concatenate(rights)


def softmax_answers(
    space: Space, made: list[Head], betas: tuple[float, ...]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """``(Q, β)``: whether most weight is on the answer, and its logarithm. Values are one-hot."""
    right, loss = [], []
    for text, head, keys, some in made:
        layer = SpikingAttention(space, keys, k=1)
        for low in range(0, len(some), ROWS):
            part = some[low : low + ROWS]
            at = text.asked[part]
            scores = space.scale(layer.potentials(head.queries(text.tokens[at])))
            for row, place, answer in zip(scores, at, text.answers[part], strict=True):
                seen, tokens = row[: place + 1], text.tokens[: place + 1]
                weights = (np.exp(beta * (seen - seen.max())) for beta in betas)
                votes = [np.bincount(tokens, w, minlength=text.vocabulary) for w in weights]
                right.append([np.argmax(v) == answer for v in votes])
                loss.append([np.log(max(v[answer] / v.sum(), 1e-300)) for v in votes])
    return np.array(right), np.array(loss)


def by_law(
    places: int, length: int, form: str, block: int = 2, *, error: float = 0.0, pairs: int | None = None
) -> float:
    """The chance that the answer wins: of a bundle of three among the keys, or of codes that differ.

    Keys of the pairs are independent rivals. Those of blanks share two parts of three, which agree in half of the bits:
    their scores have half of their variance in common (less, where bits are inverted). A blank that ties loses, for it
    comes later. Of sparse blocks all rivals are taken for independent.
    """
    pairs = pairs_of(length) if pairs is None else pairs
    if form == "bound":
        before = (
            2 * np.arange(pairs) + 1
        )  # of as many tokens one may have the same code: the earlier key wins
        return float(np.mean(np.exp(before * np.log1p(-(float(block) ** -places)))))
    if block > 2:
        return theory.retrieval(places, length, 3, length=block, error=error)
    hits = np.arange(places + 1)
    own = binom.pmf(hits, places, 1 - theory.with_errors(theory.mode_distance(3), error))
    pair = (binom.cdf(hits - 1, places, 0.5) + 0.5 * binom.pmf(hits, places, 0.5)) ** (2 * pairs)
    common = places / 8 * (1 - 2 * error) ** 2
    z, weight = np.polynomial.hermite_e.hermegauss(41)
    lead = (hits[:, None] + 0.5 - places / 2 - z * common**0.5) / (places / 4 - common) ** 0.5
    beaten = log_ndtr(lead)
    each = [np.exp(blanks * beaten) @ weight / weight.sum() for blanks in blanks_before(length, pairs)]
    return float(np.sum(own * pair * np.mean(each, axis=0)))


@cache
def blanks_before(length: int, pairs: int) -> tuple[float, ...]:
    """Blanks that a query has seen: sixteen quantiles over the queries of one text."""
    asked = multi_query(length, pairs, rng=0).asked
    before = asked - 2 * pairs - np.arange(pairs)
    return tuple(np.quantile(before, (np.arange(16) + 0.5) / 16).tolist())
