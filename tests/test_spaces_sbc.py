"""The kernels of the sparse block code against their slow twins; indexed, narrow and threaded forms."""

import re

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import bits
from hdspike.spaces import SBC, Lists, lists, sbc, ties
from tests.conftest import JIT
from tests.naive import bits as twin_bits
from tests.naive import spaces as twin

DTYPES = (np.int32, np.uint16, np.uint8)


@st.composite
def blocks(draw, *, least: int, count: int = 1, longest: int = 5):
    """A space and ``count`` batches of rows of few blocks and few indices: ties abound."""
    width, length = draw(st.integers(1, 6)), draw(st.integers(2, longest))
    space = SBC(width * length, blocks=width, dtype=draw(st.sampled_from(DTYPES)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shapes = [(draw(st.integers(least, 7)), width) for _ in range(count)]
    return space, *(rng.integers(length, size=shape).astype(space.dtype) for shape in shapes)


@given(blocks(least=1, longest=200), st.data())
def test_bundle_both_ways(batch, data) -> None:
    """Short blocks are counted as a whole, long ones by the indices that occur: one answer."""
    space, rows = batch
    weights = data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows)).filter(any))
    for given_weights, used in ((weights, weights), (None, [1] * len(rows))):
        expected = twin.bundle(rows.tolist(), used)
        for form in (rows, rows[::-1][::-1], rows.astype(np.int64), np.asfortranarray(rows)):
            found = space.bundle(form, weights=given_weights)
            assert found.tolist() == expected
            assert found.dtype == space.dtype
        counts = np.full((space.blocks, space.length), 9, dtype=np.uint16)  # what it held does not matter
        marks, votes = np.zeros(-(-space.length // 64), np.uint64), np.zeros(space.length, np.int64)
        unsigned, flat = rows.astype(np.uint32)[None], np.array([used])
        for short in (True, False):
            out = np.empty((1, space.blocks), dtype=np.int32)
            kernel = sbc._bundle_short if short else sbc._bundle_long
            assert kernel(unsigned, flat, *((counts,) if short else (votes, marks)), out) == rows.size
            assert out[0].tolist() == expected
        assert not votes.any()
        assert not marks.any()


@given(blocks(least=1, longest=200), st.data())
def test_seed_is_the_sum_of_hashes(batch, data) -> None:
    rows = batch[1]
    weights = data.draw(st.lists(st.integers(0, 2**40), min_size=len(rows), max_size=len(rows)))
    found = int(ties._seed(rows, np.array(weights)))
    assert found == twin_bits.tie_seed(rows.tolist(), weights)
    hashes = bits.hash64(rows.astype(np.uint64))
    assert found == sum(w * int(h) for w, h in zip(weights, hashes, strict=True)) % 2**64


@pytest.mark.parametrize("length", [63, 64, 65, 128, 129])
def test_a_tie_may_fall_on_any_index(length: int) -> None:
    """All of a long block tied, at word borders: the stream's word says which rank is taken."""
    space = SBC(length, blocks=1)
    rows = np.arange(length, dtype=np.int32)[:, None]
    for some in (rows, rows[-7:], rows[::5], rows[62:]):
        assert space.bundle(some).tolist() == twin.bundle(some.tolist(), [1] * len(some))


def test_large_weights_are_exact() -> None:
    space = SBC(6, blocks=2)
    rows = [[0, 1], [1, 1], [2, 2]]
    heavy = [2**60 - 1, 2**60, 2**60]
    assert space.bundle(rows, weights=heavy).tolist() == twin.bundle(rows, heavy)
    many = np.zeros((70_000 if JIT else 300, 2), dtype=np.int32)  # more than 16 bits count
    many[-1] = 2
    assert space.bundle(many).tolist() == [0, 0]


@given(blocks(least=0, count=2))
def test_score_and_nearest(batch) -> None:
    space, queries, items = batch
    expected = [[twin.score(q, i) for i in items] for q in queries]
    for q, i in ((queries, items), (np.asfortranarray(queries), items[::-1][::-1])):
        assert space.score(q, i).tolist() == expected
    out = np.empty((len(queries), len(items)), dtype=np.int32)
    assert sbc._score(queries, items, out) == len(queries) * len(items) * space.blocks
    for memory in (items, space.index(items)):
        indices, scores = space.nearest(queries, memory, 3)
        assert indices.tolist() == [twin.best(row, 3) for row in expected]
        assert scores.tolist() == [[row[i] for i in twin.best(row, 3)] for row in expected]


@given(blocks(least=2), st.integers(-20, 20))
def test_algebra(batch, shifts: int) -> None:
    space, rows = batch
    a, b = rows[:2]
    assert space.bind(a, b).tolist() == twin.bind(a, b, space.length)
    assert space.inverse(a).tolist() == twin.inverse(a, space.length)
    assert space.permute(a, shifts).tolist() == twin.permute(a, shifts)
    dense = [twin.dense(row, space.length) for row in rows]
    np.testing.assert_array_equal(space.to_words(rows), twin_bits.array(dense, space.dim))
    turned = bits.rotate(
        space.to_words(rows), space.dim, space.length * shifts
    )  # block b to b + 1: bit i to i + L
    np.testing.assert_array_equal(turned, space.to_words(space.permute(rows, shifts)))


@pytest.mark.parametrize(
    ("length", "dtype"), [(256, np.uint8), (255, np.uint8), (2**16, np.uint16), (2**30, np.int32)]
)
def test_bind_at_the_edge_of_the_dtype(length: int, dtype: type) -> None:
    """No sum of two indices may pass the dtype, and the largest block length fits."""
    space = SBC(2 * length, blocks=2, dtype=dtype)
    edge = np.array([0, 1, length // 2, length - 2, length - 1], dtype=dtype)
    pairs = np.array(np.meshgrid(edge, edge)).T.reshape(-1, 2).astype(dtype)
    expected = [twin.bind(pair, pair[::-1], length) for pair in pairs]
    assert space.bind(pairs, pairs[:, ::-1]).tolist() == expected
    assert space.bind(pairs, pairs[3]).tolist() == [twin.bind(pair, pairs[3], length) for pair in pairs]


def test_bind_over_many_tiles() -> None:
    rows = 3 * sbc.TILE // 50 if JIT else 100
    space = SBC(1000, blocks=100)
    a, b = space.random(2 * rows, rng=0).reshape(2, rows, 100)
    np.testing.assert_array_equal(space.bind(a, b), (a + b) % 10)
    bad = a.copy()
    bad[-1, -1] = 10
    with pytest.raises(ValueError, match=r"b must be in \[0, 10\), got 0 … 10"):
        space.bind(a, bad)


def test_narrow_and_wide_are_the_same_vectors() -> None:
    wide, narrow = SBC(2000, blocks=20), SBC(2000, blocks=20, dtype=np.uint8)
    x, y = wide.random(9, rng=4), narrow.random(9, rng=4)
    assert y.dtype == np.uint8
    np.testing.assert_array_equal(x, y)
    for operation in ("bundle", "inverse", "permute", "to_words"):
        np.testing.assert_array_equal(getattr(wide, operation)(x), getattr(narrow, operation)(y))
    np.testing.assert_array_equal(narrow.bundle(x), wide.bundle(y))


@pytest.mark.skipif(not JIT, reason="two segments of 32,768 items take minutes un-jitted")
def test_an_index_of_many_segments() -> None:
    space = SBC(600, blocks=30)
    items = space.random(2 * lists.SEGMENT + 5, rng=0)
    queries = items[[0, lists.SEGMENT - 1, lists.SEGMENT, -1]]
    index = space.index(items)
    assert (len(index), index.dim, index.width) == (len(items), 600, 30)
    assert repr(index) == "<Lists: 65541 items of 30 active bits of 600>"
    assert index.nbytes == 2 * items.size + 3 * 601 * 8
    for k in (1, 10, 300):
        for a, b in zip(space.nearest(queries, items, k), space.nearest(queries, index, k), strict=True):
            np.testing.assert_array_equal(a, b)


@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(1, 30), st.integers(1, 40))
def test_lists_hold_every_item_once(seed: int, width: int, segment: int, items: int) -> None:
    rng = np.random.default_rng(seed)
    lines = np.array([rng.permutation(12)[:width] for _ in range(items)], dtype=np.int32)
    starts = np.zeros((-(-items // segment), 13), dtype=np.int64)
    members = np.empty(lines.size, dtype=np.uint16)
    assert lists._fill(lines, segment, starts, members) == lines.size
    for line in range(12):
        found = [
            s * segment + int(m) for s, row in enumerate(starts) for m in members[row[line] : row[line + 1]]
        ]
        assert found == [i for i in range(items) if line in lines[i]]
    counts = np.full(items, 7, dtype=np.uint8)
    expected = [twin.overlap(lines[0], row) for row in lines]
    assert lists._count(starts, members, segment, lines[0], counts) == sum(expected)
    assert counts.tolist() == expected


@given(
    st.integers(0, 2**32),
    st.integers(0, 400),
    st.integers(1, 30),
    st.integers(1, 50),
    st.sampled_from(DTYPES),
)
def test_best_is_a_stable_sort(seed: int, count: int, k: int, top: int, dtype: type) -> None:
    scores = np.random.default_rng(seed).integers(top + 1, size=count).astype(dtype)
    if seed % 2:
        scores.sort()  # the worst order for a rising bound
    out, values = np.full(k, -1, dtype=np.int64), np.full(k, -1, dtype=np.int32)
    expected = twin.best(scores.tolist(), k)
    assert lists._best(scores, k, np.full(top + 1, 5), out, values) == len(expected)
    assert out[: len(expected)].tolist() == expected
    assert values[: len(expected)].tolist() == [scores[i] for i in expected]
    assert set(out[len(expected) :].tolist()) <= {-1}


@pytest.mark.skipif(not JIT, reason="sizes at which threads are used take minutes un-jitted")
def test_threads_change_nothing() -> None:
    space = SBC(3000, blocks=100, dtype=np.uint8)
    items = space.random(3000, rng=0)
    index, groups = space.index(items), items.reshape(300, 10, 100)
    assert groups.size > sbc.ALONE
    before = numba.get_num_threads()
    found = []
    try:
        for threads in (1, min(2, before)):
            numba.set_num_threads(threads)
            found.append(
                (space.bundle(groups), *space.nearest(items[:50], index, 7), space.score(items[:9], items))
            )
    finally:
        numba.set_num_threads(before)
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)


S = SBC(12, blocks=4)
V = S.random(3, rng=0)
ERRORS = [
    (
        lambda: SBC(12, blocks=4, dtype=np.int64),
        ValueError,
        "dtype must be one of int32, uint16, uint8, got 'int64'",
    ),
    (
        lambda: SBC(1028, blocks=4, dtype=np.uint8),
        ValueError,
        "dtype must hold indices below the block length 257",
    ),
    (lambda: S.bind(V, V, out=np.empty((3, 4))), TypeError, "out must be an array of int32, got float64"),
    (lambda: S.bind(V, V, out=[0]), TypeError, "out must be an array of int32, got <class 'list'>"),
    (
        lambda: S.bind(V, V, out=np.empty((2, 4), np.int32)),
        ValueError,
        "out must be contiguous, writeable and of shape",
    ),
    (lambda: S.bind(V, V, out=np.empty((4, 3), np.int32).T), ValueError, "out must be contiguous"),
    (lambda: S.bind(V, V[:2]), ValueError, "b must broadcast with a of shape (3, 4), got shape (2, 4)"),
    (lambda: S.score([[0], [1, 2]], V), ValueError, "queries must be an array of rows of equal length"),
    (lambda: S.bind(V, V + 3), ValueError, r"b must be in \[0, 3\)"),
    (lambda: S.bind(V - 3, V), ValueError, r"a must be in \[0, 3\)"),
    (lambda: S.bind(V, np.full((3, 4), 2**40)), ValueError, r"b must be in \[0, 3\)"),
    (lambda: S.nearest(V, V, 0), ValueError, "k must be at least 1"),
    (lambda: S.nearest(V, V[0], 1), ValueError, "items must be a batch"),
    (lambda: S.nearest(V, V + 3, 1), ValueError, r"items must be in \[0, 3\)"),
    (lambda: S.nearest(V, SBC(24, blocks=4).index(V), 1), ValueError, "items must be an index of SBC"),
    (lambda: S.nearest(V, S.index(V), 0), ValueError, "k must be at least 1"),
    (lambda: S.index(V[0]), ValueError, "items must be a batch"),
    (lambda: SBC(2**31, blocks=2).index(V[:, :2]), ValueError, "dim of an index must be at most"),
]


@pytest.mark.parametrize(("call", "kind", "message"), ERRORS)
def test_errors(call, kind, message) -> None:
    with pytest.raises(kind, match=message if "\\" in message else re.escape(message)):
        call()


def test_an_index_is_a_list_of_lists() -> None:
    assert isinstance(S.index(V), Lists)
