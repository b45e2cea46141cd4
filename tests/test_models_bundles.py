"""Winners and bundles as a plug: beside slow twins, exact softmax, and itself one token at a time."""

import doctest
import math

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike.models import KWTA, Bundled, Codebook, attention, bundled, bundles, softmax
from hdspike.models.bundles import Bundles, _read
from hdspike.models.codebook import fit
from tests.naive import bundles as naive
from tests.tiny_codebooks import book, parts

JIT = not numba.config.DISABLE_JIT


def codes_of(keys, given):
    """Bundles of the keys by the twin's distances."""
    return [
        [int(np.argmin(naive.distances(k, t, c))) for k in head]
        for head, t, c in zip(keys, given.transforms[0], given.centroids[0], strict=True)
    ]


@given(
    size=st.sampled_from([1, 2, 7, 63, 64, 65]),
    dim=st.sampled_from([1, 2, 8, 63, 64, 65]),
    entries=st.sampled_from([1, 2, 5, 256]),
    seed=st.integers(0, 999),
)
def test_a_key_enters_the_nearest_bundle(size, dim, entries, seed):
    """Also in pieces; the sums are those of its members, in whatever order they came."""
    if not JIT:
        size, dim, entries = min(size, 5), min(dim, 9), min(entries, 7)
    rng = np.random.default_rng(seed)
    given = book(rng, groups=1, entries=entries, dim=dim)
    _, keys, values, _ = parts(rng, heads=1, groups=1, count=1, size=size, dim=dim, width=3)
    whole, pieces, back = (Bundles(given, 0, width=3) for _ in range(3))
    whole.insert(keys, values)
    for low in range(0, size, 3):
        pieces.insert(keys[:, low : low + 3], values[:, low : low + 3])
    pieces.insert(keys[:, :0], values[:, :0])
    back.insert(keys[:, ::-1], values[:, ::-1])
    for j, key in enumerate(keys[0]):
        far = naive.distances(key, given.transforms[0, 0], given.centroids[0, 0])
        assert far[whole.codes[0, j]] <= min(far) * (1 + 1e-5) + 1e-9
    for c in range(entries):
        mine = whole.codes[0] == c
        assert whole.counts[0, c] == mine.sum()
        assert np.allclose(whole.key_sums[0, :, c], keys[0, mine].sum(axis=0, dtype=float), atol=1e-12)
        assert np.allclose(whole.value_sums[0, c], values[0, mine].sum(axis=0, dtype=float), atol=1e-12)
    assert whole.length == pieces.length == size and whole.codes.dtype == np.uint8
    for name in ("codes", "counts", "key_sums", "value_sums"):
        assert np.array_equal(getattr(whole, name), getattr(pieces, name))
    assert np.array_equal(whole.codes, back.codes[:, ::-1])
    assert np.array_equal(whole.counts, back.counts)
    assert np.allclose(whole.key_sums, back.key_sums, atol=1e-12)


def test_ties_go_to_the_lower_bundle():
    flat = Codebook(np.ones((1, 1, 1, 1), np.float32), np.array([[[[2], [-2], [2]]]], np.float32))
    held = Bundles(flat, 0, width=1)
    held.insert(np.array([[[0], [1], [-1]]], np.float32), np.ones((1, 3, 1), np.float32))
    assert held.codes.tolist() == [[0, 0, 1]]


@given(
    size=st.sampled_from([1, 2, 9, 20]),
    cells=st.integers(3, 24),
    entries=st.integers(1, 6),
    always=st.sampled_from([(0, 0), (1, 0), (0, 2), (2, 3)]),
    dim=st.sampled_from([1, 2, 9]),
    seed=st.integers(0, 999),
)
def test_the_plug_is_that_of_the_twin(size, cells, entries, always, dim, seed):
    rng = np.random.default_rng(seed)
    given = book(rng, entries=entries, dim=dim)
    queries, keys, values, seen = parts(rng, count=min(size, 4), size=size, dim=dim, width=3)
    sinks, recent = always
    cells = max(cells, entries + 1)
    plug = Bundled(cells, given, sinks=sinks, recent=recent)
    out = plug(queries, keys, values, seen=seen)
    wanted, masses, kept, used = naive.bundled(
        queries,
        keys,
        values,
        seen,
        codes_of(keys, given),
        lambda n: cells,
        entries,
        sinks=sinks,
        recent=recent,
    )
    assert np.allclose(out, wanted, atol=1e-4)
    assert math.isclose(plug.captured_mass, masses[0], abs_tol=1e-5)
    assert math.isclose(plug.estimated_mass, masses[1], abs_tol=1e-5)
    assert plug.captured_mass <= plug.estimated_mass + 1e-9 <= 1 + 1e-5
    assert (plug.bundles, plug.kept) == (used, kept + used)
    assert plug.rows == 4 * len(seen) and plug.cells == 4 * seen.sum()
    assert plug.inserted == 2 * size
    assert plug.nonzero_fraction == plug.kept / plug.cells and plug.touched_fraction == 1


@pytest.mark.parametrize("cells", [1, 60, 1 << 21])
def test_a_share_and_blocks(cells, monkeypatch):
    """In one block or in blocks of one query; a share too small for a winner still has one."""
    monkeypatch.setattr(attention, "CELLS", cells)
    rng = np.random.default_rng(4)
    given = book(rng)
    made = parts(rng, count=13)
    plug = Bundled("40%", given, counted_from=6)
    out = plug(*made[:3], seen=made[3])
    wanted, *_ = naive.bundled(*made, codes_of(made[1], given), lambda n: max(1, round(0.4 * n)), 3)
    assert np.allclose(out, wanted, atol=1e-5)
    assert (plug.rows, plug.cells) == (4 * 7, 4 * sum(range(7, 14)))
    assert plug.counts(np.array([1, 5, 10, 13])).tolist() == [1, 1, 1, 2]
    plug.reset()
    assert (plug.rows, plug.kept, plug.cells, plug.bundles, plug.inserted) == (0, 0, 0, 0, 0)
    assert math.isnan(plug.captured_mass) and math.isnan(plug.estimated_mass)


def test_as_many_cells_as_keys_is_softmax():
    made = parts(np.random.default_rng(5))
    plug = Bundled(13, book(np.random.default_rng(6)))
    assert np.allclose(plug(*made[:3], seen=made[3]), softmax(*made[:3], seen=made[3]), atol=1e-5)
    assert math.isclose(plug.captured_mass, 1, abs_tol=1e-6) and plug.bundles == 0


def test_one_key_in_each_bundle_is_softmax():
    """One winner; every other key alone in its bundle, so that no mean is taken."""
    queries, keys, values, _ = parts(np.random.default_rng(7), heads=1, groups=1, count=3, size=11)
    seen, codes = np.array([9, 10, 11]), np.arange(11, dtype=np.uint8)
    scores = (queries[0] @ keys[0].T) / np.float32(math.sqrt(8))
    winners = scores[:, :9].argmax(axis=1).astype(np.int32)[:, None]
    out, logs, used = np.empty((3, 8), np.float32), np.empty((3, 2)), np.empty(3, np.int64)
    held = np.zeros(11, np.int64), np.zeros((8, 11)), np.zeros((11, 8))
    read = _read(
        queries[0], scores, keys[0], values[0], seen, winners, np.ones(3, np.int64), codes, 0, *held, out, logs, used
    )  # fmt: skip
    assert read == used.sum() == 8 + 9 + 10
    assert np.allclose(out, softmax(queries, keys, values, seen=seen)[0], atol=1e-5)
    whole = [math.log(np.exp(row[:n].astype(float)).sum()) for row, n in zip(scores, seen, strict=True)]
    assert np.allclose(logs[:, 1], whole, atol=1e-5)
    assert np.allclose(logs[:, 0], scores[np.arange(3), winners[:, 0]], atol=1e-6)


def test_bundles_come_nearer_to_softmax_than_the_winners_alone():
    """The more of them the nearer; and nearer than as many more winners: the scores are diffuse."""
    rng = np.random.default_rng(8)
    queries, keys, values, _ = parts(rng, count=20, size=400)
    seen = np.full(20, keys.shape[1])
    exact = softmax(queries, keys, values, seen=seen)
    error = {0: np.linalg.norm(KWTA(32)(queries, keys, values, seen=seen) - exact)}
    for entries in (4, 16):
        made = [fit(head, entries=entries, rng=1) for head in keys]
        given = Codebook(np.array([[t for t, _ in made]]), np.array([[c for _, c in made]]))
        error[entries] = np.linalg.norm(
            Bundled(16 + entries, given)(queries, keys, values, seen=seen) - exact
        )
    assert error[16] < error[4] < error[0] / 2


def test_a_winner_far_below_the_bundles_still_has_weight():
    """A sink alone, 900 below the rest: its mass is 0, and no logarithm of 0 is taken."""
    queries, keys = np.ones((1, 1, 1), np.float32), np.array([[[-900], [0], [0]]], np.float32)
    values = np.array([[[5], [7], [9]]], np.float32)
    plug = Bundled(2, book(np.random.default_rng(0), groups=1, entries=1, dim=1), sinks=1)
    assert plug(queries, keys, values, seen=np.array([3]))[0, 0, 0] == 8
    assert plug.captured_mass == 0 and plug.estimated_mass == 1


def test_a_text_goes_on_and_another_starts_afresh():
    """Bundles hold from call to call only what the keys begin with: texts may take turns."""
    rng = np.random.default_rng(9)
    given = book(rng)
    one, other = parts(rng, count=13), parts(rng, count=13)
    other[1][:, 4], other[2][:, 4] = one[1][:, 4], one[2][:, 4]  # the last key before the change is the same
    plug = Bundled(5, given)
    wanted = [Bundled(5, given)(*made[:3], seen=made[3]) for made in (one, other)]
    reused = []
    for low, high in ((0, 5), (5, 6), (6, 6), (6, 13)):
        for made, out in zip((one, other), wanted, strict=True):
            before = plug.inserted
            queries, seen = made[0][:, low:high], made[3][low:high]
            got = plug(queries, made[1][:, :high], made[2][:, :high], seen=seen)
            assert np.allclose(got, out[:, low:high], atol=1e-5)
            reused.append((plug.inserted - before) // 2)
    assert reused == [5, 5, 6, 6, 0, 0, 13, 13]
    plug, before = Bundled(5, given), 0
    for low, high in ((0, 5), (5, 6), (6, 13)):
        got = plug(one[0][:, low:high], one[1][:, :high], one[2][:, :high], seen=one[3][low:high])
        assert np.allclose(got, wanted[0][:, low:high], atol=1e-5)
    assert plug.inserted == 2 * 13
    back = plug(one[0][:, 3:6], *one[1:3], seen=one[3][3:6])  # and to an earlier place of the same text
    assert np.allclose(back, wanted[0][:, 3:6], atol=1e-5)
    assert plug.inserted == 2 * (13 + 6)


def test_threads_change_nothing(monkeypatch):
    made, given = parts(np.random.default_rng(10)), book(np.random.default_rng(11))
    plug, alone = Bundled(5, given), Bundled(5, given)
    out = plug(*made[:3], seen=made[3])
    monkeypatch.setattr(bundled, "spread", lambda work, size: work(0, size))
    assert np.array_equal(out, alone(*made[:3], seen=made[3]))
    assert plug.estimated_mass == alone.estimated_mass
    quick = Bundled(5, given, measure=False)
    assert np.array_equal(out, quick(*made[:3], seen=made[3]))
    assert math.isnan(quick.captured_mass) and math.isnan(quick.estimated_mass)


Q, K, V, SEEN = parts(np.random.default_rng(0))
BOOK = book(np.random.default_rng(1))
NAN, LOST = K.copy(), K.copy()
NAN[1, 4, 0], LOST[:, 3] = np.nan, -np.inf


def plug(**changed):
    return Bundled(**{"winners": 5, "codebook": BOOK} | changed)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: plug(winners=3), ValueError, "winners must be above the 3 bundles, which are cells too, got 3"),
        (lambda: plug(winners=0), ValueError, "winners must be at least 1"),
        (lambda: plug(winners="0%"), ValueError, "winners must be above 0%"),
        (lambda: plug(winners=5.0), TypeError, "winners must be a count or a share"),
        (lambda: plug(codebook=None), TypeError, "codebook must be a Codebook, not NoneType"),
        (lambda: plug(sinks=-1), ValueError, "sinks must be at least 0"),
        (lambda: plug()(Q, K, V, layer=1, seen=SEEN), ValueError, "layer must be one of the codebook's 1, got 1"),
        (lambda: plug()(Q, K, V, layer=-1, seen=SEEN), ValueError, "layer must be one of the codebook's 1, got -1"),
        (lambda: plug()(Q, K[:1], V[:1], seen=SEEN), ValueError, "keys must be 2 heads of 8 numbers"),
        (lambda: plug()(Q[..., :4], K[..., :4], V, seen=SEEN), ValueError, "keys must be 2 heads of 8 numbers"),
        (lambda: plug()(Q, K, V, seen=SEEN[::-1]), ValueError, "seen must not fall"),
        (lambda: plug()(Q, K, V, seen=SEEN + 1), ValueError, "seen must be from 1 to 13"),
        (lambda: plug()(Q, NAN, V, seen=SEEN), ValueError, "keys must be finite, got nan"),
        (lambda: plug()(Q, LOST, V, seen=SEEN), ValueError, "keys must be finite, got -inf"),
        (lambda: plug()(Q * np.float32(np.nan), K, V, seen=SEEN), ValueError, "finite scores, got nan"),
        (lambda: Bundles(BOOK, 1, width=8), ValueError, "layer must be at most 0, got 1"),
        (lambda: Bundles(BOOK, 0, width=0), ValueError, "width must be at least 1"),
        (lambda: Bundles(BOOK, 0, width=8).insert(K.astype(float), V), TypeError, "keys must have dtype float32"),
        (lambda: Bundles(BOOK, 0, width=8).insert(K[:1], V), ValueError, "keys must have shape .2, n, 8., got"),
        (lambda: Bundles(BOOK, 0, width=8).insert(K, V[:, 1:]), ValueError, "values must have shape .2, 13, 8., got"),
        (lambda: Bundles(BOOK, 0, width=8).insert(NAN, V), ValueError, "keys must be finite, got nan"),
    ],
)  # fmt: skip
def test_bad_input(call, kind, message):
    with pytest.raises(kind, match=message), np.errstate(invalid="ignore"):
        call()


def test_what_fails_leaves_no_bundles_behind():
    one = plug()
    want = one(Q, K, V, seen=SEEN)
    with pytest.raises(ValueError, match="finite scores"):
        one(Q * np.float32(np.nan), K, V, seen=SEEN)
    assert np.array_equal(one(Q, K, V, seen=SEEN), want)
    assert one.inserted == 2 * 13 * 2


@pytest.mark.parametrize("module", [bundled, bundles])
def test_doctests(module):
    results = doctest.testmod(module)
    assert results.attempted > 0 == results.failed


def test_no_query_is_no_output():
    assert plug()(Q[:, :0], K, V, seen=SEEN[:0]).shape == (4, 0, 8)
