"""k-winner-take-all by codes of signs: the codes, the plug and its kernels beside slow twins."""

import doctest
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import bits
from hdspike.models import KWTA, attention, candidates, coded, picked, signs, softmax
from hdspike.models.coded import WEIGHTS, CodedKWTA
from hdspike.models.picked import mix_picked, score_picked
from hdspike.models.signs import KeyMeans, SignCode
from tests.naive import coded as naive


def parts(rng, heads=2, groups=1, count=4, size=9, dim=4):
    """Queries, keys around a common mean, values and a causal ``seen``."""
    made = [rng.normal(size=(h, n, dim)) for h, n in ((heads, count), (groups, size), (groups, size))]
    made[1] += 3
    return (*(x.astype(np.float32) for x in made), np.arange(size - count + 1, size + 1))


@given(
    size=st.integers(1, 9),
    most=st.integers(1, 9),
    dim=st.sampled_from([1, 3, 4, 63, 64, 65]),
    seed=st.integers(0, 999),
)
def test_picked_keys_are_those_of_the_twin(size, most, dim, seed):
    rng = np.random.default_rng(seed)
    queries, keys = (rng.normal(size=(n, dim)).astype(np.float32) for n in (3, size))
    places = rng.integers(0, size, size=(3, most)).astype(np.int32)
    counts = rng.integers(0, most + 1, size=3)
    scores = score_picked(queries, keys, places, counts)
    weights = rng.random((3, most)).astype(np.float32) + 0.1
    mixed = mix_picked(weights, keys, places, np.maximum(counts, 1))
    for i in range(3):
        for j in range(most):
            wanted = float(queries[i].astype(float) @ keys[places[i, j]]) if j < counts[i] else -math.inf
            assert scores[i, j] == wanted or abs(scores[i, j] - wanted) < 1e-4
        kept = slice(0, max(1, counts[i]))
        total = sum(w * keys[p].astype(float) for w, p in zip(weights[i, kept], places[i, kept], strict=True))
        assert np.allclose(mixed[i], total / weights[i, kept].sum(dtype=float), atol=1e-5)


@pytest.mark.parametrize("dim", [1, 63, 64, 65])
def test_codes_are_those_of_the_twin(dim):
    """Centred on the keys before each, or on what is given; queries are not centred."""
    rng = np.random.default_rng(dim)
    _, keys, _, _ = parts(rng, groups=2)
    free, fixed = SignCode(dim, seed=3), SignCode(dim, seed=3, centre=np.full((2, 2, 4), 2.5))
    matrix = free.projector(4).matrix(0, dim)
    for code, shift in ((free, naive.from_means), (fixed, lambda k: (k.astype(float) - 2.5).tolist())):
        held = code.keys(1, 2, 4)
        held.insert(keys)
        assert held.words.shape == (2, 9, code.words)
        for g in range(2):
            wanted = [naive.signs(key, matrix) for key in shift(keys[g])]
            assert bits.unpack(held.words[g], dim).tolist() == wanted
            norms = np.linalg.norm(shift(keys[g]), axis=1)
            assert np.allclose(held.mean_norms[g], np.cumsum(norms) / np.arange(1, 10))
    asked = bits.unpack(free.queries(keys[0]), dim)
    assert asked.tolist() == [naive.signs(key.tolist(), matrix) for key in keys[0]]


def test_codes_do_not_depend_on_how_the_keys_arrive(monkeypatch):
    _, keys, _, _ = parts(np.random.default_rng(1), groups=2, size=40)
    whole = SignCode(130, seed=1).keys(0, 2, 4)
    whole.insert(keys)
    for chunk in (1, 7):
        monkeypatch.setattr(signs, "CHUNK", chunk)
        dealt = SignCode(130, seed=1).keys(0, 2, 4)
        for low, high in ((0, 1), (1, 1), (1, 17), (17, 18), (18, 40)):
            dealt.insert(keys[:, low:high])
        assert np.array_equal(dealt.words, whole.words)
        assert np.array_equal(dealt.mean_norms, whole.mean_norms)
        assert dealt.ends_with(keys[:, -1]) and not dealt.ends_with(keys[:, -2])
    assert whole.bytes == 2 * 40 * 3 * 8
    assert not np.array_equal(SignCode(130, seed=2).queries(keys), SignCode(130, seed=1).queries(keys))


@pytest.mark.parametrize("kind", WEIGHTS)
@pytest.mark.parametrize("dim", [1, 63, 64, 65])
@pytest.mark.parametrize("cells", [1, 1 << 21])
def test_plug_is_that_of_the_twin(kind, dim, cells, monkeypatch):
    """D = 1 leaves nothing but ties: the lower index wins."""
    monkeypatch.setattr(attention, "CELLS", cells)
    for seed, rule in enumerate(
        (
            {"winners": 3, "candidates": 2},
            {"winners": "30%", "candidates": 1, "sinks": 1},
            {"winners": 4, "sinks": 1, "recent": 2, "candidates": 2, "beta": 0.5},
            {"winners": 50, "centre": np.full((1, 4), 3.0)},
            {"winners": 2, "sinks": 8, "recent": 8},
        )
    ):
        given = parts(np.random.default_rng(seed))
        rule = dict(rule)
        centre, winners = rule.pop("centre", None), rule.pop("winners")
        code = SignCode(dim, seed=seed, centre=None if centre is None else centre[None])
        plug = CodedKWTA(winners, code=code, weights=kind, **rule)
        out = plug(*given[:3], layer=0, seen=given[3])

        def count(size, winners=winners):
            return max(1, round(0.3 * size)) if winners == "30%" else min(winners, size)

        wanted, mass, best = naive.attend(
            *given, code.projector(4).matrix(0, dim), count, kind=kind, centre=centre, **rule
        )
        assert np.allclose(out, wanted, atol=1e-5)
        assert math.isclose(plug.captured_mass, mass.mean(), rel_tol=1e-5)
        assert math.isclose(plug.found_share, mass.sum() / best.sum(), rel_tol=1e-5)
        always = [min(n, rule.get("sinks", 0) + rule.get("recent", 0)) for n in given[3]]
        kept = [max(a, count(n)) for a, n in zip(always, given[3], strict=True)]
        factor = rule.get("candidates", 4)
        many = [min(n, a + factor * (k - a)) for n, a, k in zip(given[3], always, kept, strict=True)]
        assert (plug.rows, plug.kept, plug.cells) == (8, 2 * sum(kept), 2 * given[3].sum())
        assert plug.rescored == (2 * sum(many) if kind == "softmax" else 0)
        assert plug.word_xors == plug.popcounts == plug.cells * -(-dim // 64)
        assert (plug.inserted, plug.touched_fraction) == (9, 1)


@pytest.mark.parametrize("kind", WEIGHTS)
def test_one_key(kind):
    queries, keys, values, seen = parts(np.random.default_rng(2), count=1, size=1)
    plug = CodedKWTA(5, code=SignCode(64), weights=kind)
    assert np.allclose(plug(queries, keys, values, seen=seen), values[:, :1])
    assert plug.found_share == pytest.approx(1)


def test_equal_keys_are_won_by_the_lower_index():
    queries, keys = np.ones((1, 1, 4), np.float32), np.ones((1, 6, 4), np.float32)
    values = np.arange(6, dtype=np.float32).reshape(1, 6, 1)
    code = SignCode(65, centre=np.zeros((1, 1, 4)))
    for kind in WEIGHTS:
        assert CodedKWTA(1, code=code, weights=kind)(queries, keys, values, seen=np.array([6])) == 0


def test_many_bits_find_the_exact_winners():
    """On the sphere, centred on nought, the angle orders as the score does: from 1/√D to hardly any loss."""
    rng = np.random.default_rng(4)
    queries, keys, values = (rng.normal(size=(n, 100, 16)) for n in (2, 1, 1))
    keys *= 12 / np.linalg.norm(keys, axis=2, keepdims=True)
    given = [x.astype(np.float32) for x in (queries, keys, values)]
    given[0] = given[0][:, :6]
    seen, centre = np.arange(95, 101), np.zeros((1, 1, 16))
    exact = KWTA(5)
    wanted = exact(*given, seen=seen)
    shares, errors = [], []
    for dim, many in ((64, 1), (1024, 1), (16384, 1), (16384, 3)):
        plug = CodedKWTA(5, code=SignCode(dim, centre=centre), candidates=many)
        errors.append(np.abs(plug(*given, seen=seen) - wanted).mean())
        shares.append(plug.found_share)
        assert math.isclose(plug.captured_mass, plug.found_share * exact.captured_mass, rel_tol=1e-6)
    assert shares[0] < 0.9 < shares[1] < shares[2] < shares[3]
    assert shares[3] > 1 - 1e-9 and errors[3] < 1e-6 < errors[2] < errors[1] < errors[0]
    estimated = CodedKWTA(5, code=SignCode(16384, centre=centre), weights="score")
    assert np.abs(estimated(*given, seen=seen) - wanted).mean() < 0.05
    assert abs(estimated.slope - 1) < 0.02


def test_the_slope_undoes_the_noise_of_few_bits():
    """Winners by noise have estimates too high; β from the slope brings the weights nearer."""
    given = parts(np.random.default_rng(5), count=60, size=80, dim=16)
    near = softmax(*given[:3], seen=given[3])
    raw = CodedKWTA(20, code=SignCode(64), weights="score", beta=1)
    far = np.square(raw(*given[:3], seen=given[3]) - near).sum()
    assert 0 < raw.slope < 0.9
    fitted = CodedKWTA(20, code=SignCode(64), weights="score", beta=raw.slope)
    assert np.square(fitted(*given[:3], seen=given[3]) - near).sum() < far


def test_centring_finds_more():
    """Keys far off nought: without a centre the angles between them vanish in it."""
    given = parts(np.random.default_rng(6), count=60, size=120, dim=16)
    far = (given[0], given[1] + 5, *given[2:])
    means = KeyMeans()
    assert np.array_equal(means(*far[:3], layer=0, seen=far[3]), softmax(*far[:3], seen=far[3]))
    assert np.allclose(means.centre, far[1][None, :, -60:].mean(axis=2))
    means(*(x[:, :60] for x in far[:3]), layer=0, seen=np.arange(1, 61))
    assert np.allclose(means.centre, far[1][None].mean(axis=2))
    found = {}
    for name, centre in (("none", np.zeros((1, 1, 16))), ("running", None), ("fixed", means.centre)):
        plug = CodedKWTA(5, code=SignCode(256, centre=centre), candidates=1)
        plug(*far[:3], seen=far[3])
        found[name] = plug.found_share
    assert found["none"] + 0.1 < found["running"] and found["none"] + 0.1 < found["fixed"]


@pytest.mark.parametrize("centre", [None, np.full((2, 1, 4), 3.0)])
def test_a_stream_codes_each_key_once(centre):
    """One query at a time or a few: the outputs of all at once, bit for bit."""
    queries, keys, values, _ = parts(np.random.default_rng(7), count=12, size=12)
    rule = {"code": SignCode(65, centre=centre), "measure": False}
    whole, stream, again = CodedKWTA(3, **rule), CodedKWTA(3, stream=True, **rule), CodedKWTA(3, **rule)
    for layer in (0, 1):
        wanted = whole(queries, keys, values, layer=layer, seen=np.arange(1, 13))
        for low, high in ((0, 1), (1, 2), (2, 7), (7, 8), (8, 12)):
            step = (queries[:, low:high], keys[:, :high], values[:, :high])
            for plug in (stream, again):
                out = plug(*step, layer=layer, seen=np.arange(low + 1, high + 1))
                assert np.array_equal(out, wanted[:, low:high])
    assert whole.inserted == stream.inserted == 2 * 12
    assert again.inserted == 2 * (1 + 2 + 7 + 8 + 12)
    assert stream.cells == whole.cells
    with pytest.raises(ValueError, match="keys must continue the 12 held of layer 0, got 8 old ones"):
        stream(*step, layer=0, seen=np.arange(9, 13))
    with pytest.raises(
        ValueError, match="keys must continue the 12 held of layer 0, got 12 old ones or others"
    ):
        stream(queries[:, :1], keys[:, [*range(11), 0, 0]], values[:, [0] * 13], layer=0, seen=np.array([13]))
    stream.forget()
    assert np.array_equal(stream(*step, layer=0, seen=np.arange(9, 13)), wanted[:, 8:])
    assert (
        stream(queries, keys, values, layer=0, seen=np.arange(1, 13)).shape == wanted.shape
    )  # begun at its start


@pytest.mark.parametrize("kind", WEIGHTS)
def test_threads_and_seeds(kind, monkeypatch):
    given = parts(np.random.default_rng(8), count=8, size=20)
    rule = {"candidates": 1, "weights": kind, "sinks": 1}
    plugs = [CodedKWTA(3, code=SignCode(70, seed=s), **rule) for s in (1, 1, 2)]
    out = plugs[0](*given[:3], seen=given[3])
    assert np.abs(plugs[2](*given[:3], seen=given[3]) - out).max() > 1e-3
    monkeypatch.setattr(candidates, "spread", lambda work, size: [work(i, i + 1) for i in range(size)])
    assert np.array_equal(plugs[1](*given[:3], seen=given[3]), out)
    assert plugs[1].captured_mass == plugs[0].captured_mass
    assert plugs[1].slope == plugs[0].slope


def test_counts_of_the_later_queries_and_mass_that_is_left():
    given = parts(np.random.default_rng(9))
    plug = CodedKWTA(2, code=SignCode(64), counted_from=7)
    out = plug(*given[:3], seen=given[3])
    assert (plug.rows, plug.kept, plug.cells, plug.rescored) == (4, 8, 2 * (8 + 9), 4 * 8)
    plug.reset()
    assert (plug.rows, plug.kept, plug.rescored, plug.inserted, plug.word_xors) == (0, 0, 0, 0, 0)
    assert math.isnan(plug.found_share) and math.isnan(plug.slope)
    quick = CodedKWTA(2, code=SignCode(64), measure=False)
    assert np.allclose(quick(*given[:3], seen=given[3]), out, atol=1e-6)
    assert math.isnan(quick.captured_mass) and math.isnan(quick.found_share)
    assert quick(given[0][:, :0], *given[1:3], seen=given[3][:0]).shape == (2, 0, 4)


Q, K, V, SEEN = parts(np.random.default_rng(0))
NAN = K.copy()
NAN[0, 2, 0] = np.nan
CODE = SignCode(64)
P = np.zeros((2, 3), np.int32)
F = np.ones((2, 3), np.float32)


def plug(**rule):
    return CodedKWTA(**{"winners": 2, "code": CODE} | rule)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: SignCode(0), ValueError, "dim must be at least 1, got 0"),
        (lambda: SignCode(64, seed=-1), ValueError, "seed must be at least 0"),
        (lambda: SignCode(64, centre=[1.0]), ValueError, "centre must be finite numbers .* got shape"),
        (lambda: SignCode(64, centre=[[[math.nan]]]), ValueError, "centre must be finite"),
        (lambda: SignCode(64, centre=[[[1.0]]]).keys(1, 1, 1), ValueError, "centre must hold layer 1"),
        (lambda: SignCode(64, centre=[[[1.0]]]).keys(0, 1, 2), ValueError, "centre must hold layer 0 of 1 key"),
        (lambda: CODE.keys(-1, 1, 1), ValueError, "layer must be at least 0"),
        (lambda: CODE.keys(0, 1, 4).insert(K[0]), ValueError, "keys must have shape \\(1, n, 4\\)"),
        (lambda: CODE.queries(np.array([np.inf])), ValueError, "vectors must"),
        (lambda: KeyMeans().centre, ValueError, "centre must be asked for once"),
        (lambda: plug(winners=0), ValueError, "winners must be at least 1"),
        (lambda: plug(code=64), TypeError, "code must be a SignCode, got int"),
        (lambda: plug(candidates=0), ValueError, "candidates must be at least 1"),
        (lambda: plug(weights="none"), ValueError, "weights must be one of softmax, score, rank, count"),
        (lambda: plug(beta=-1), ValueError, "beta must be a finite number of at least 0, got -1"),
        (lambda: plug(beta=math.inf), ValueError, "beta must be a finite number"),
        (lambda: plug()(Q, NAN, V, seen=SEEN), ValueError, "keys must be finite"),
        (lambda: plug()(NAN, K, V, seen=SEEN), ValueError, "seen must have shape"),
        (lambda: plug()(NAN, K, V, seen=np.arange(1, 10)), ValueError, "queries must be finite"),
        (lambda: plug()(Q * 1e30, K * 1e30, V, seen=SEEN), ValueError, "queries and keys must give finite scores"),
        (lambda: plug()(Q, K, V, seen=SEEN + 1), ValueError, "seen must be from 1 to 9"),
        (lambda: score_picked(F, F[:, :2], P, [1, 1]), ValueError, "keys must have 3 numbers each, got 2"),
        (lambda: score_picked(F, F, P[:1], [1]), ValueError, "places must have one row for each of 2"),
        (lambda: score_picked(F, F, P + 2, [1, 1]), ValueError, "places must be in \\[0, 2\\), got 2"),
        (lambda: score_picked(F, F, P, [4, 1]), ValueError, "counts must be from 0 to 3, got 1 to 4"),
        (lambda: mix_picked(F, F, P, [0, 1]), ValueError, "counts must be from 1 to 3, got 0 to 1"),
        (lambda: mix_picked(F[:, :2], F, P, [1, 1]), ValueError, "weights must be one for each place"),
        (lambda: mix_picked(F * 0, F, P, [1, 1]), ValueError, "weights must be finite, at least 0"),
        (lambda: mix_picked(-F, F, P, [1, 1]), ValueError, "weights must be finite, at least 0"),
    ],
)  # fmt: skip
def test_clear_errors(call, kind, message):
    with np.errstate(all="ignore"), pytest.raises(kind, match=f"^{message}"):
        call()


def test_examples():
    for module in (coded, picked, signs):
        assert doctest.testmod(module).attempted and not doctest.testmod(module).failed
