"""Binary sparse distributed codes: the kernels against their slow twins, and what the thinning promises."""

import re
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import bits
from hdspike.spaces import BSDC, bsdc
from tests.conftest import JIT
from tests.naive import bits as twin_bits
from tests.naive import spaces as twin


@st.composite
def batches(draw, *, least: int = 1, most: int = 5):
    """A small space, where ties and symmetric unions abound, and a batch of its vectors."""
    dim = draw(st.sampled_from([2, 3, 4, 6, 12, 31, 63, 64, 65]))
    space = BSDC(dim, ones=draw(st.integers(1, dim // 2)), seed=draw(st.sampled_from([0, 1, 2**64 - 1])))
    return space, space.random(draw(st.integers(least, most)), rng=draw(st.integers(0, 2**32)))


@given(batches(), st.data())
def test_bundle(batch, data) -> None:
    space, rows = batch
    weights = data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows)).filter(any))
    expected = twin.heaviest(rows.tolist(), weights, space.dim)
    for form in (rows, rows[::-1][::-1], rows.astype(np.int64), np.asfortranarray(rows)):
        assert space.bundle(form, weights=weights).tolist() == expected
    counts, out = np.zeros(space.dim, np.int64), np.empty((1, space.ones), np.int32)
    scratch = np.empty(rows.size, np.int32), np.empty(rows.size, np.uint64)
    assert bsdc._bundle(rows[None], np.array([weights]), counts, *scratch, out) == rows.size
    assert sorted(out[0].tolist()) == expected
    assert not counts.any()


def test_large_weights_are_exact() -> None:
    space = BSDC(12, ones=2)
    rows = [[0, 1], [1, 2], [3, 4], [0, 5]]
    for weights in ([2**60, 2**60, 2**60 - 1, 1], [2**60 - 1, 2**59, 2**59, 1], [1, 0, 2**60, 0]):
        assert space.bundle(rows, weights=weights).tolist() == twin.heaviest(rows, weights, 12)


@given(batches())
def test_thin(batch) -> None:
    space, rows = batch
    expected = twin.thin(rows.tolist(), space.dim, space.seed)
    assert space.thin(rows).tolist() == expected
    assert space.thin(rows[::-1]).tolist() == expected
    if len(rows) == 2:
        assert space.bind(rows[0], rows[1]).tolist() == expected
    mark, out = np.zeros(space.dim, np.uint8), np.empty((1, space.ones), np.int32)
    scratch = np.empty(rows.size, np.int32), np.empty(rows.size, np.uint64)
    units = np.ones(len(rows), np.int64)
    looked = bsdc._thin(rows[None], units, space.rotations, mark, *scratch, out)
    union = len(np.unique(rows))
    assert looked == 0 if union == space.ones else union <= looked <= union * (space.dim - 1)
    assert sorted(out[0].tolist()) == expected
    assert not mark.any()


@given(batches(least=0))
def test_overlap(batch) -> None:
    space, rows = batch
    expected = [[twin.overlap(a, b) for b in rows] for a in rows[:2]]
    assert space.score(rows[:2], rows).tolist() == expected
    mark, out = np.zeros(space.dim, np.uint8), np.empty((len(rows[:2]), len(rows)), np.int32)
    assert bsdc._overlap(rows[:2], rows, mark, out) == out.size * space.ones
    assert out.tolist() == expected
    assert not mark.any()
    for memory in (rows, space.index(rows)):
        assert space.nearest(rows[:2], memory, 3)[0].tolist() == [twin.best(row, 3) for row in expected]


@given(batches(), st.integers(-70, 70))
def test_words_and_permutation(batch, shifts: int) -> None:
    space, rows = batch
    dense = [[int(i in row) for i in range(space.dim)] for row in rows.tolist()]
    np.testing.assert_array_equal(space.to_words(rows), twin_bits.array(dense, space.dim))
    turned = bits.rotate(space.to_words(rows), space.dim, shifts)
    np.testing.assert_array_equal(space.to_words(space.permute(rows, shifts)), turned)


@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(1, 64))
def test_limit_and_keep(seed: int, size: int, depth: int) -> None:
    rng = np.random.default_rng(seed)
    keys = np.unique(rng.integers(0, 2**depth, size=size, dtype=np.uint64))
    rank = int(rng.integers(1, len(keys) + 1))
    limit = bsdc._limit(rng.permutation(keys), len(keys), rank, depth)
    assert int((keys <= limit).sum()) == rank
    candidates = rng.permutation(100)[:size].astype(np.int32)
    rank = int(rng.integers(0, size + 1))
    out = np.full(size + 2, -1, np.int32)
    end = bsdc._keep(candidates, size, rank, np.uint64(seed), np.empty(size, np.uint64), out, 2)
    stream = twin_bits.splitmix64(seed)
    first = [next(stream) for _ in range(100)]
    expected = sorted(candidates.tolist(), key=first.__getitem__)[:rank]
    assert end == 2 + rank
    assert sorted(out[2:end].tolist()) == sorted(expected)


def test_a_limit_among_equals_is_their_value() -> None:
    keys = np.array([7, 3, 3, 3, 9], dtype=np.uint64)
    assert [int(bsdc._limit(keys, 5, rank, 4)) for rank in (1, 2)] == [3, 3]
    assert 7 <= int(bsdc._limit(keys, 5, 4, 4)) < 9


@given(st.integers(0, 2**32), st.integers(2, 40), st.integers(0, 5), st.data())
def test_choice_is_floyds(seed: int, dim: int, rows: int, data) -> None:
    width = data.draw(st.integers(1, dim // 2))
    draws = np.random.default_rng(seed).integers(np.arange(dim - width + 1, dim + 1), size=(rows, width))
    out, mark = np.empty((rows, width), np.int32), np.zeros(dim, np.uint8)
    replaced = bsdc._choose(draws, mark, out)
    again = 0
    for row, found in zip(draws.tolist(), out.tolist(), strict=True):
        chosen: list[int] = []
        for j, index in enumerate(row):
            again += index in chosen
            chosen.append(dim - width + j if index in chosen else index)
        assert found == chosen
        assert len(set(found)) == width
    assert replaced == again
    assert not mark.any()


def test_random_is_uniform_over_all_subsets() -> None:
    space, num = BSDC(6, ones=3), 4000
    _, counts = np.unique(space.random(num, rng=0), axis=0, return_counts=True)
    assert len(counts) == comb(6, 3)
    assert np.sum((counts - num / 20) ** 2 / (num / 20)) < 19 + 5 * np.sqrt(2 * 19)  # χ², five deviations


def test_rotations_are_all_shifts_in_a_fixed_order() -> None:
    for space in (BSDC(2), BSDC(40), BSDC(40, seed=3)):
        assert space.rotations.tolist() == twin.rotations(space.dim, space.seed)
    assert BSDC(1000).rotations[:4].tolist() == [int(s) for s in twin.rotations(1000, 0)[:4]]


def test_a_bound_vector_keeps_half_of_each_part_and_both_are_found_again() -> None:
    space = BSDC(10_000) if JIT else BSDC(1000)
    items = space.random(200 if JIT else 60, rng=0)
    half = len(items) // 2
    bound = space.bind(items[:half], items[half:])
    shares = np.diag(space.score(bound, items[:half])) / space.ones
    assert abs(shares.mean() - 0.5) < 0.03
    found, _ = space.nearest(bound, items, 2)
    assert np.sort(found, axis=1).tolist() == [[i, i + half] for i in range(half)]


def test_a_binding_takes_half_the_dimension_of_look_ups() -> None:
    """2w candidates thin out at the rate 2w/D to w: Σ_t 2w·e^(−2wt/D) = 2w · ½ ÷ (2w/D) = D/2, and a short cut."""
    space = BSDC(2000, ones=40)
    rows = space.random(100 if JIT else 20, rng=3).reshape(-1, 2, space.ones)
    mark, out = np.zeros(space.dim, np.uint8), np.empty((len(rows), space.ones), np.int32)
    scratch = np.empty(2 * space.ones, np.int32), np.empty(2 * space.ones, np.uint64)
    looked = bsdc._thin(rows, np.ones(2, np.int64), space.rotations, mark, *scratch, out)
    assert 0.9 < looked / len(rows) / (space.dim / 2) < 1.3


def test_what_survives_of_a_part_depends_on_its_context() -> None:
    """The point of the thinning: a with b keeps other ones of a than a with c, as if drawn independently."""
    space = BSDC(10_000) if JIT else BSDC(1000)
    a, b, c = space.random(300 if JIT else 90, rng=1).reshape(3, -1, space.ones)
    one, two = space.bind(a, b), space.bind(a, c)
    kept = [
        len(set(x) & set(y) & set(p)) for x, y, p in zip(one.tolist(), two.tolist(), a.tolist(), strict=True)
    ]
    # A one of a is confirmed by a, b or c at one rate; it drops out of both where none of the three confirms it:
    # (½^½)³. So ½ + ½ − 1 + ½^1.5 = .354 are kept by both, .5 if the context did not matter, .25 if only it did.
    assert abs(np.mean(kept) / space.ones - 0.5**1.5) < 0.03


def test_a_record_is_queried_by_probing() -> None:
    """Role-filler pairs: which binding of the role with a candidate does the record overlap most?"""
    space = BSDC(30_000, ones=500)
    roles, fillers = space.random(3, rng=0), space.random(20 if JIT else 4, rng=1)
    record = space.bundle(space.bind(roles, fillers[1:4]))
    probes = [space.bind(role, fillers) for role in roles]
    assert [int(space.nearest(record[None], probe, 1)[0][0, 0]) for probe in probes] == [1, 2, 3]
    # w/3 for a pair of the record; a role or filler in the wrong pair still shares .354 w/3 with the right one
    scores = space.score(record[None], np.stack([probe[1] for probe in probes]))[0] / space.ones
    assert abs(scores[0] - 1 / 3) < 0.08
    assert np.all(np.abs(scores[1:] - 2 * 0.5**1.5 / 3) < 0.08)


def test_a_union_that_a_rotation_leaves_as_it_is_is_cut_without_bias() -> None:
    """{i} and {i + D/2}: no rotation tells them apart, so the stream decides, for either about equally often."""
    space = BSDC(100, ones=1)
    a = np.arange(50, dtype=np.int32)[:, None]
    bound = space.bind(a, a + 50)
    np.testing.assert_array_equal(bound, space.bind(a + 50, a))
    assert np.all((bound == a) | (bound == a + 50))
    assert abs(int((bound == a).sum()) - 25) < 5 * np.sqrt(50) / 2


def test_seeds_thin_differently() -> None:
    a, b = BSDC(1000).random(2, rng=0)
    assert (
        BSDC(1000).bind(a, b).tolist()
        == BSDC(1000).bind(a, b).tolist()
        != BSDC(1000, seed=1).bind(a, b).tolist()
    )


X = BSDC(12, ones=3)
V = np.array([[0, 4, 9], [1, 2, 3]], dtype=np.int32)
ERRORS = [
    (lambda: BSDC(1), ValueError, "dim must be at least 2"),
    (lambda: BSDC(10.0), TypeError, "dim must be an integer"),
    (lambda: BSDC(12, ones=0), ValueError, "ones must be at least 1"),
    (lambda: BSDC(12, ones=7), ValueError, "ones must be at most half of the 12 dimensions, got 7"),
    (lambda: BSDC(12, ones=2.5), TypeError, "ones must be an integer"),
    (lambda: BSDC(12, seed=-1), ValueError, "seed must be at least 0"),
    (
        lambda: X.bind(V, V.astype(float)),
        TypeError,
        "b must be indices of ones (integers), got dtype float64",
    ),
    (lambda: X.bind(V, np.full((2, 3), np.nan)), TypeError, "b must be indices of ones"),
    (lambda: X.bind(V[:, :2], V), ValueError, "a must have 3 ones along the last axis, got shape (2, 2)"),
    (lambda: X.bind(V, V[:, ::-1]), ValueError, "b must be"),
    (lambda: X.permute([0, 4, 4]), ValueError, "a must be strictly increasing"),
    (lambda: X.permute([0, 4, 12]), ValueError, "a must be in [0, 12), got 0 … 12"),
    (lambda: X.permute([-1, 4, 5]), ValueError, "a must be in [0, 12), got -1 … 5"),
    (lambda: X.permute(V, 0.5), TypeError, "shifts must be an integer"),
    (lambda: X.permute(5), ValueError, "a must have 3 ones"),
    (lambda: X.inverse(V), TypeError, "space must have an inverse for bind, but BSDC(12, ones=3) has none"),
    (lambda: X.inverse(V[:, :1]), ValueError, "a must have 3 ones"),
    (lambda: X.bind(V, V, out=np.empty((2, 3))), TypeError, "out must be an array of int32"),
    (lambda: X.bind(V, V, out=np.empty((3, 2), np.int32)), ValueError, "out must be contiguous"),
    (lambda: X.thin(V[0]), ValueError, "a bundle must have at least one vector"),
    (lambda: X.thin(V[:0]), ValueError, "a bundle must have at least one vector"),
    (lambda: X.bundle(V[0]), ValueError, "a bundle must have at least one vector"),
    (lambda: X.bundle(V, weights=[1, -1]), ValueError, "weights must"),
    (lambda: X.bundle(V, weights=[0, 0]), ValueError, "weights must sum to at least 1"),
    (lambda: X.random(-1), ValueError, "num must be at least 0"),
    (lambda: X.random(1, rng="0"), TypeError, "rng must be"),
    (lambda: X.score(V[0], V[0]), ValueError, "items must be a batch"),
    (lambda: X.bind(V, np.concatenate([V, V, V])), ValueError, "b must broadcast with a of shape"),
    (lambda: X.nearest(V, V[0], 1), ValueError, "items must be a batch"),
    (lambda: X.nearest(V, V, 1.0), TypeError, "k must be an integer"),
    (
        lambda: X.nearest(V, BSDC(13, ones=3).index(V), 1),
        ValueError,
        "items must be an index of BSDC(12, ones=3)",
    ),
    (lambda: X.to_words(V + 9), ValueError, "vectors must be in [0, 12)"),
]


@pytest.mark.parametrize(("call", "kind", "message"), ERRORS)
def test_errors(call, kind, message) -> None:
    with pytest.raises(kind, match="^" + re.escape(message)):
        call()
