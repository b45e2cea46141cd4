"""The algebra that every vector space obeys: each law is a function of a space and a seed, and asserts.

A statistical law allows ``SIGMAS`` standard deviations; seeds are given, so it holds always or never.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.spaces import Space

SIGMAS = 5.0

Law = Callable[[Space, int], None]
EXACT: list[Law] = []
STATISTICAL: list[Law] = []


def exact(law: Law) -> Law:
    EXACT.append(law)
    return law


def statistical(law: Law) -> Law:
    STATISTICAL.append(law)
    return law


def same(a: NDArray[Any], b: NDArray[Any]) -> None:
    np.testing.assert_array_equal(a, b)


def untied(count: int) -> NDArray[np.int64]:
    """Weights whose subsets all sum differently, to an odd total: no bundle of them can be tied."""
    return np.int64(1) << np.arange(count)


# --- binding --------------------------------------------------------------------------------------------


@exact
def bind_commutes(space: Space, seed: int) -> None:
    a, b = space.random(2, rng=seed)
    same(space.bind(a, b), space.bind(b, a))


@exact
def bind_associates(space: Space, seed: int) -> None:
    a, b, c = space.random(3, rng=seed)
    same(space.bind(space.bind(a, b), c), space.bind(a, space.bind(b, c)))


@exact
def bind_inverts(space: Space, seed: int) -> None:
    a, b = space.random(2, rng=seed)
    same(space.bind(space.bind(a, b), space.inverse(b)), a)


@exact
def inverse_is_involutive(space: Space, seed: int) -> None:
    a, b = space.random(2, rng=seed)
    same(space.inverse(space.inverse(a)), a)
    same(space.inverse(space.bind(a, b)), space.bind(space.inverse(a), space.inverse(b)))


@exact
def bind_preserves_similarity(space: Space, seed: int) -> None:
    a, b, c = space.random(3, rng=seed)[:, None]
    same(space.score(space.bind(a, c), space.bind(b, c)), space.score(a, b))
    same(space.similarity(space.bind(a, c), space.bind(b, c)), space.similarity(a, b))


@exact
def score_is_symmetric_and_highest_with_itself(space: Space, seed: int) -> None:
    x = space.random(4, rng=seed)
    scores = space.score(x, x)
    same(scores, scores.T)
    same(np.diag(scores), np.full(4, space.top_score))
    same(np.diag(space.similarity(x, x)), np.ones(4))
    assert np.all((scores >= 0) & (scores <= space.top_score))


@exact
def operations_leave_their_arguments_alone(space: Space, seed: int) -> None:
    x = space.random(3, rng=seed)
    before = x.copy()
    results = (space.bind(x, x), space.inverse(x), space.permute(x, 0), space.bundle(x[:, None]))
    for result in results:
        result[...] = 0
    same(x, before)


@exact
def operations_stay_in_the_space(space: Space, seed: int) -> None:
    x = space.random(4, rng=seed)
    for result in (x, space.bind(x, x[::-1]), space.inverse(x), space.permute(x, 7), space.bundle(x)[None]):
        assert result.dtype == x.dtype
        assert result.shape[-1] == space.width
        same(space.permute(space.permute(result, 1), -1), result)  # a bit beyond dim would be lost here
        same(np.diag(space.score(result, result)), np.full(len(result), space.top_score))


@exact
def operations_broadcast(space: Space, seed: int) -> None:
    x, y = space.random(6, rng=seed).reshape(2, 3, -1), space.random(3, rng=seed + 1)
    same(space.bind(x, y), np.stack([space.bind(x[0], y), space.bind(x[1], y)]))
    same(space.permute(x, 3), np.stack([space.permute(x[0], 3), space.permute(x[1], 3)]))
    same(space.bundle(x), np.stack([space.bundle(x[0]), space.bundle(x[1])]))
    assert space.bundle(x[:0]).shape == (0, space.width)
    assert space.score(y[:0], y).shape == (0, 3)
    assert space.random(0, rng=seed).shape == (0, space.width)


# --- permutation ----------------------------------------------------------------------------------------


@exact
def permute_inverts(space: Space, seed: int) -> None:
    a = space.random(2, rng=seed)
    for shifts in (0, 1, 5, -3, 64, 1000):
        same(space.permute(space.permute(a, shifts), -shifts), a)


@exact
def permute_composes(space: Space, seed: int) -> None:
    a = space.random(2, rng=seed)
    same(space.permute(space.permute(a, 2), 3), space.permute(a, 5))
    same(space.permute(a, space.dim), a)  # the period divides the dimension


@exact
def permute_distributes_over_bind(space: Space, seed: int) -> None:
    a, b = space.random(2, rng=seed)
    same(space.permute(space.bind(a, b), 3), space.bind(space.permute(a, 3), space.permute(b, 3)))


@exact
def permute_preserves_similarity(space: Space, seed: int) -> None:
    a, b = space.random(2, rng=seed)[:, None]
    same(space.score(space.permute(a), space.permute(b)), space.score(a, b))


@exact
def permute_distributes_over_bundle(space: Space, seed: int) -> None:
    x = space.random(4, rng=seed)
    one = space.permute(space.bundle(x, weights=untied(4)), 3)
    same(one, space.bundle(space.permute(x, 3), weights=untied(4)))


# --- bundling -------------------------------------------------------------------------------------------


@exact
def bind_distributes_over_bundle(space: Space, seed: int) -> None:
    x, c = space.random(5, rng=seed), space.random(1, rng=seed + 1)[0]
    one = space.bind(space.bundle(x, weights=untied(5)), c)
    same(one, space.bundle(space.bind(x, c), weights=untied(5)))


@exact
def bundle_is_free_of_order(space: Space, seed: int) -> None:
    for count in (2, 3, 4, 7):
        x = space.random(count, rng=seed)
        order = np.random.default_rng(seed).permutation(count)
        same(space.bundle(x[order]), space.bundle(x))
        same(space.bundle(x[::-1]), space.bundle(x))


@exact
def bundle_is_of_a_multiset(space: Space, seed: int) -> None:
    """A repeated vector is one of twice the weight, one of weight 0 is absent, ties included."""
    a, b, c = space.random(3, rng=seed)
    same(space.bundle(np.stack([a, b, a, b])), space.bundle(np.stack([a, b]), weights=[2, 2]))
    same(space.bundle(np.stack([a, c, b]), weights=[3, 0, 3]), space.bundle(np.stack([a, b]), weights=[3, 3]))


@exact
def bundle_of_one_is_itself(space: Space, seed: int) -> None:
    a = space.random(1, rng=seed)
    for count in (1, 2, 5):
        same(space.bundle(np.repeat(a, count, axis=0)), a[0])


@exact
def bundle_follows_the_heaviest(space: Space, seed: int) -> None:
    x = space.random(3, rng=seed)
    same(space.bundle(x, weights=[1, 5, 2]), x[1])


@statistical
def bundle_is_similar_to_its_members(space: Space, seed: int) -> None:
    x = space.random(6, rng=seed)
    members, stranger = x[:5], x[5:]
    bundle = space.bundle(members)[None]
    assert space.score(bundle, members).min() > space.score(bundle, stranger).max()
    weighted = space.score(space.bundle(members, weights=[1, 1, 4, 1, 1])[None], members)[0]
    assert weighted.argmax() == 2


def chance(space: Space) -> tuple[float, float]:
    """Mean and standard deviation of the score of two random vectors: one binomial trial per coordinate."""
    share = 1 / 2 if space.top_score == space.dim else space.top_score / space.dim
    return share * space.top_score, float(np.sqrt(share * (1 - share) * space.top_score))


@statistical
def bound_is_unlike_its_parts(space: Space, seed: int) -> None:
    a, b = space.random(2, rng=seed)
    mean, deviation = chance(space)
    for part in (a, b):
        score = space.score(space.bind(a, b)[None], part[None])[0, 0]
        assert abs(score - mean) < SIGMAS * deviation


@statistical
def permuted_is_unlike(space: Space, seed: int) -> None:
    a = space.random(1, rng=seed)
    mean, deviation = chance(space)
    assert abs(space.score(space.permute(a), a)[0, 0] - mean) < SIGMAS * deviation


@statistical
def ties_are_unbiased(space: Space, seed: int) -> None:
    """Two vectors bundled: where they differ, each is taken half the time, whatever its place or value."""
    pairs = space.random(200, rng=seed).reshape(100, 2, -1)
    bundles = space.bundle(pairs)
    both = sum(int(space.score(p[:1], p[1:])[0, 0]) for p in pairs)
    disagreeing = 100 * space.top_score - both
    first = sum(int(space.score(b[None], p[:1])[0, 0]) for b, p in zip(bundles, pairs, strict=True)) - both
    assert abs(first - disagreeing / 2) < SIGMAS * np.sqrt(disagreeing) / 2


@statistical
def ties_ignore_value(space: Space, seed: int) -> None:
    """Tied bundles agree with a constant vector as often as random ones: no low index, no 1 bit wins."""
    pairs = space.random(200, rng=seed).reshape(100, 2, -1)
    tied, fresh = space.bundle(pairs), space.random(100, rng=seed + 1)
    mean, deviation = chance(space)
    zero = np.zeros((1, space.width), dtype=pairs.dtype)
    for sample in (tied, fresh):
        assert abs(space.score(sample, zero).sum() - 100 * mean) < SIGMAS * deviation * 10
