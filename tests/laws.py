"""The algebra of the vector spaces: each law is a function of a space and a seed, and asserts.

A law without a trait holds in every space; a law with one holds in the spaces that claim that trait
(:data:`hdspike.spaces.TRAITS`) and is broken by the others. A statistical law allows ``SIGMAS`` standard deviations;
seeds are given, so it holds always or never.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from hdspike import bits
from hdspike.spaces import BSDC, Space, SparseSpace

SIGMAS = 5.0

Law = Callable[[Space, int], None]
EXACT: list[Law] = []
STATISTICAL: list[Law] = []


TRAIT: dict[Law, str] = {}
"""The trait that a space must claim for the law to hold there."""


def exact(law: Law) -> Law:
    EXACT.append(law)
    return law


def statistical(law: Law) -> Law:
    STATISTICAL.append(law)
    return law


def only(trait: str) -> Callable[[Law], Law]:
    def marked(law: Law) -> Law:
        TRAIT[law] = trait
        return law

    return marked


def claimed(law: Law, space: Space) -> bool:
    """Whether ``law`` is to hold in ``space``."""
    return law not in TRAIT or TRAIT[law] in space.claims


def same(a: Any, b: Any) -> None:
    np.testing.assert_array_equal(a, b)


UNTIED = {4: np.array([3, 5, 6, 7]), 5: np.array([6, 9, 11, 12, 13])}
"""Weights whose subsets all sum differently, to an odd total (Conway & Guy 1968), none as heavy as the others
together: no coordinate of a bundle can be tied, and no member decides alone."""


# --- binding --------------------------------------------------------------------------------------------


@exact
def bind_commutes(space: Space, seed: int) -> None:
    a, b = space.random(2, rng=seed)
    same(space.bind(a, b), space.bind(b, a))


@exact
@only("associative")
def bind_associates(space: Space, seed: int) -> None:
    a, b, c = space.random(3, rng=seed)
    same(space.bind(space.bind(a, b), c), space.bind(a, space.bind(b, c)))


@exact
@only("invertible")
def bind_inverts(space: Space, seed: int) -> None:
    a, b = space.random(2, rng=seed)
    same(space.bind(space.bind(a, b), space.inverse(b)), a)


@exact
@only("invertible")
def inverse_is_involutive(space: Space, seed: int) -> None:
    a, b = space.random(2, rng=seed)
    same(space.inverse(space.inverse(a)), a)
    same(space.inverse(space.bind(a, b)), space.bind(space.inverse(a), space.inverse(b)))


@exact
@only("isometric")
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
    for result in (space.bind(x, x[::-1]), space.bind(x, x), space.permute(x, 0), space.bundle(x[:, None])):
        result[...] = 0
    if "invertible" in space.claims:
        space.inverse(x)[...] = 0
    same(x, before)


@exact
def operations_stay_in_the_space(space: Space, seed: int) -> None:
    x = space.random(4, rng=seed)
    for result in (x, space.bind(x, x[::-1]), space.permute(x, 7), space.bundle(x)[None]):
        assert result.dtype == x.dtype
        assert result.shape[-1] == space.width
        same(space.permute(space.permute(result, 1), -1), result)  # a bit beyond dim would be lost here
        same(np.diag(space.score(result, result)), np.full(len(result), space.top_score))
        same(space.checked("result", result), result)


@exact
def operations_broadcast(space: Space, seed: int) -> None:
    x, y = space.random(6, rng=seed).reshape(2, 3, -1), space.random(3, rng=seed + 1)
    same(space.bind(x, y), np.stack([space.bind(x[0], y), space.bind(x[1], y)]))
    same(space.permute(x, 3), np.stack([space.permute(x[0], 3), space.permute(x[1], 3)]))
    same(space.bundle(x), np.stack([space.bundle(x[0]), space.bundle(x[1])]))
    wide = space.bind(x[:, :, None], y)  # (2, 3, 1) against (3,): (2, 3, 3)
    same(wide, [[[space.bind(a, b) for b in y] for a in group] for group in x])
    same(space.bind(y, x[0, 0]), space.bind(x[0, :1], y))
    same(space.permute(wide, -2), [[[space.permute(v, -2) for v in row] for row in group] for group in wide])
    weights = np.array([[[1, 2, 3]], [[4, 0, 2]]])  # (2, 1, 3) over the batch (2, 3, 3)
    bundles = space.bundle(wide, weights=weights)
    same(
        bundles,
        [[space.bundle(v, weights=w[0]) for v in group] for group, w in zip(wide, weights, strict=True)],
    )
    assert space.bind(x[:0], y).shape == (0, 3, space.width)
    assert space.permute(x[:0]).shape == (0, 3, space.width)
    assert space.bundle(x[:0]).shape == (0, space.width)
    assert space.score(y[:0], y).shape == (0, 3)
    assert space.random(0, rng=seed).shape == (0, space.width)


@exact
def bind_writes_into_out(space: Space, seed: int) -> None:
    x, y = space.random(6, rng=seed).reshape(2, 3, -1)
    expected = space.bind(x, y)
    out = np.empty_like(x)
    assert space.bind(x, y, out=out) is out
    same(out, expected)
    assert space.bind(x, y, out=x) is x
    same(x, expected)


@exact
def bind_writes_into_an_out_that_overlaps(space: Space, seed: int) -> None:
    x = space.random(6, rng=seed)

    def fits(first: slice | int, second: slice | int, into: slice) -> None:
        work = x.copy()
        out = work[into]
        assert space.bind(work[first], work[second], out=out) is out
        same(out, space.bind(x[first], x[second]))

    for row in (0, 3, 5):
        fits(row, slice(None), slice(None))
        fits(slice(None), row, slice(None))
    fits(slice(None, -1), slice(1, None), slice(1, None))
    fits(slice(None, -1), slice(1, None), slice(None, -1))
    fits(slice(1, None), slice(None, -1), slice(1, None))
    fits(slice(0, 2), slice(2, 4), slice(1, 3))
    fits(slice(0, 1), slice(None), slice(None))


@exact
def queries_may_have_any_shape(space: Space, seed: int) -> None:
    items, x = space.random(5, rng=seed), space.random(12, rng=seed + 1)
    for shape in ((), (1,), (0,), (12,), (2, 3, 2), (2, 0, 3)):
        asked = x[: int(np.prod(shape))].reshape(*shape, space.width)
        rows = asked.reshape(-1, space.width)
        same(space.score(asked, items), space.score(rows, items).reshape(*shape, 5))
        same(space.similarity(asked, items), space.similarity(rows, items).reshape(*shape, 5))
        for k in (1, 3, 9):
            for memory in (items, space.index(items)) if isinstance(space, SparseSpace) else (items,):
                for one, all_ in zip(
                    space.nearest(asked, memory, k), space.nearest(rows, memory, k), strict=True
                ):
                    same(one, all_.reshape(*shape, min(k, 5)))


@exact
def dtype_is_that_of_every_result(space: Space, seed: int) -> None:
    x = space.random(4, rng=seed)
    for result in (x, space.bind(x, x), space.bundle(x), space.permute(x), space.checked("x", x)):
        assert result.dtype == space.dtype


@exact
def words_hold_the_vector(space: Space, seed: int) -> None:
    """Packed, every space has its score by popcount: the ones in common, or for a dense code the equal bits."""
    x = space.random(4, rng=seed)
    words = space.to_words(x)
    shared = bits.popcount(words[:, None] & words[None, :], space.dim)
    differing = bits.hamming(words, words, space.dim)
    same(space.score(x, x), space.dim - differing if space.top_score == space.dim else shared)
    assert words.shape == (4, bits.word_count(space.dim))


@exact
def nearest_sorts_by_score(space: Space, seed: int) -> None:
    x = space.random(9, rng=seed)
    items = np.concatenate([x, x[:4], space.permute(x[:2])])  # equal scores, which go by index
    queries = np.concatenate([x[:2], space.bundle(x[:5])[None]])
    scores = space.score(queries, items)
    order = np.argsort(-scores, axis=1, kind="stable")
    for k in (1, 2, 7, 15, 40):
        for memory in (items, space.index(items)) if isinstance(space, SparseSpace) else (items,):
            indices, values = space.nearest(queries, memory, k)
            same(indices, order[:, :k])
            same(values, np.take_along_axis(scores, order[:, :k], axis=1))
            assert indices.dtype == np.int64
            assert values.dtype == np.int32
    for memory in (items[:0], space.index(items[:0])) if isinstance(space, SparseSpace) else (items[:0],):
        assert [a.shape for a in space.nearest(queries, memory, 3)] == [(3, 0), (3, 0)]
    assert [a.shape for a in space.nearest(queries[:0], items, 3)] == [(0, 3), (0, 3)]


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
    """In bsdc: where no rotation leaves the union of the two as it is, which no prime dimension allows."""
    a, b = space.random(2, rng=seed)
    same(space.permute(space.bind(a, b), 3), space.bind(space.permute(a, 3), space.permute(b, 3)))


@exact
def permute_preserves_similarity(space: Space, seed: int) -> None:
    a, b = space.random(2, rng=seed)[:, None]
    same(space.score(space.permute(a), space.permute(b)), space.score(a, b))


@exact
@only("distributive")
def permute_distributes_over_bundle(space: Space, seed: int) -> None:
    x = space.random(4, rng=seed)
    one = space.permute(space.bundle(x, weights=UNTIED[4]), 3)
    same(one, space.bundle(space.permute(x, 3), weights=UNTIED[4]))


# --- bundling -------------------------------------------------------------------------------------------


@exact
@only("distributive")
def bind_distributes_over_bundle(space: Space, seed: int) -> None:
    x, c = space.random(5, rng=seed), space.random(1, rng=seed + 1)[0]
    one = space.bind(space.bundle(x, weights=UNTIED[5]), c)
    same(one, space.bundle(space.bind(x, c), weights=UNTIED[5]))


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
@only("scattering")
def bound_is_unlike_its_parts(space: Space, seed: int) -> None:
    a, b = space.random(2, rng=seed)
    mean, deviation = chance(space)
    for part in (a, b):
        score = space.score(space.bind(a, b)[None], part[None])[0, 0]
        assert abs(score - mean) < SIGMAS * deviation


@statistical
def similar_pairs_bind_to_similar_vectors(space: Space, seed: int) -> None:
    x = space.random(200, rng=seed).reshape(5, 40, -1)
    near = space.bundle(np.stack([x[0], x[3], x[4]], axis=1))
    bound, kin, strange = space.bind(x[0], x[1]), space.bind(near, x[1]), space.bind(x[2], x[1])
    deviation = chance(space)[1]
    assert np.trace(space.score(bound, kin)) - np.trace(space.score(bound, strange)) > 40 * deviation


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
    if isinstance(space, BSDC):
        zero += np.arange(space.width, dtype=pairs.dtype)
    for sample in (tied, fresh):
        assert abs(space.score(sample, zero).sum() - 100 * mean) < SIGMAS * deviation * 10
