"""How scores are spread and what their best hold: the plug beside a slow twin, and normal scores beside the law."""

import doctest

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import theory
from hdspike.models import Llama, attention, deviation, softmax
from hdspike.models.deviation import Measures, ScoreStatistics, score_statistics
from tests import tiny_models
from tests.naive import deviation as naive

NAMES = tuple(Measures.__dataclass_fields__)


def parts(rng, heads=4, groups=2, count=9, size=13, dim=8):
    """Queries, keys, values and a causal ``seen``."""
    made = (
        rng.normal(size=(h, n, dim)).astype(np.float32) * 2
        for h, n in ((heads, count), (groups, size), (groups, size))
    )
    return (*made, np.arange(size - count + 1, size + 1))


@given(
    size=st.sampled_from([1, 2, 3, 63, 64, 65, 130]),
    ends=st.tuples(st.integers(0, 3), st.integers(0, 5)),
    shares=st.lists(st.sampled_from([1e-3, 0.01, 0.05, 0.3, 0.5, 1.0]), min_size=1, max_size=4),
    kinds=st.sampled_from([0, 1, 3, 1000]),
    seed=st.integers(0, 2**32 - 1),
)
def test_statistics_are_those_of_the_twin(size, ends, shares, kinds, seed):
    rng = np.random.default_rng(seed)
    scores = (rng.integers(-kinds, kinds + 1, size=(3, size + sum(ends))) / (1 + kinds / 9)).astype(
        np.float32
    )
    seen = rng.integers(sum(ends) + 1, scores.shape[1] + 1, size=3)
    found = score_statistics(scores, seen, shares, sinks=ends[0], recent=ends[1])
    for i in range(3):
        wanted = naive.measures(scores[i, : seen[i]], shares, *ends)
        for name in NAMES:
            assert np.allclose(getattr(found, name)[i], wanted[name], rtol=1e-5, atol=1e-5), name


def test_a_far_key_that_is_left_out_does_not_overflow():
    """e^1000 is no float; the key's mass is all there is."""
    found = score_statistics(np.array([[1000, 0, 1, -1000]], np.float32), [4], [0.5], sinks=1)
    assert found.outside.tolist() == [1.0]
    assert np.isfinite(found.lost).all()
    lonely = score_statistics(np.array([[-1000, 0, 0]], np.float32), [3], [0.5], sinks=1)
    assert lonely.outside.tolist() == [0.0]


@pytest.mark.parametrize("cells", [1, 40, 1 << 21])
def test_the_plug_is_softmax_and_measures_each_head(cells, monkeypatch):
    """In one block or in blocks of one query; the others are not measured."""
    monkeypatch.setattr(attention, "CELLS", cells)
    queries, keys, values, seen = parts(np.random.default_rng(1))
    without = [(0, 0), (1, 0), (1, 2)]
    plug = ScoreStatistics((0.4, 0.1), without=without, counted_from=6, every=2)
    out = plug(queries, keys, values, layer=0, seen=seen)
    assert np.array_equal(out, softmax(queries, keys, values, seen=seen))
    found = plug.found()
    chosen = [i for i in range(len(seen)) if seen[i] in (7, 9, 11, 13)]
    assert found.lost.shape == (3, 1, 4, 4, 2)
    for h in range(4):
        scores = queries[h].astype(float) @ keys[h // 2].T.astype(float) / np.sqrt(8)
        for at, i in enumerate(chosen):
            for variant, ends in enumerate(without):
                wanted = naive.measures(scores[i, : seen[i]], (0.4, 0.1), *ends)
                for name in NAMES:
                    got = getattr(found, name)[variant, 0, h, at]
                    assert np.allclose(got, wanted[name], rtol=1e-4, atol=1e-4), name


def test_calls_of_a_layer_add_up():
    given = parts(np.random.default_rng(2))
    plug = ScoreStatistics((0.2,))
    for layer in (1, 0, 1, 0):
        plug(*given[:3], layer=layer, seen=given[3])
    found = plug.found()
    assert found.keys.shape == (1, 2, 4, 18)
    assert np.array_equal(found.deviation[..., :9], found.deviation[..., 9:])
    plug.reset()
    with pytest.raises(ValueError, match="found must be asked for once every layer"):
        plug.found()
    plug(*given[:3], layer=1, seen=given[3])
    with pytest.raises(ValueError, match="found must be asked for once every layer"):
        plug.found()


def test_normal_scores_obey_the_law():
    """What a finite number of i.i.d. normal scores loses is what the law's sample at that number says."""
    rng = np.random.default_rng(0)
    rows, size = (40, 1000) if numba.config.DISABLE_JIT else (400, 3000)
    for sigma in (1.0, 3.0):
        scores = (sigma * rng.normal(size=(rows, size))).astype(np.float32)
        found = score_statistics(scores, [size] * rows, [0.01])
        sample = theory.dropped_mass_sample(0.01, sigma, size, draws=400, rng=1)
        error = np.hypot(found.lost.std() / np.sqrt(rows), sample.std() / 20)
        assert abs(found.lost.mean() - sample.mean()) < 4 * error
        assert abs(found.deviation.mean() - sigma) < 0.03 * sigma
        assert abs(found.bars.mean() - 2.326) < 0.1
        assert abs(found.skewness.mean()) < 0.05
        assert abs(found.kurtosis.mean()) < 0.1
    assert abs(score_statistics(scores / 3, [size] * rows, [0.01]).growth.mean() - 0.5) < 0.05


def test_it_runs_in_a_model(tmp_path):
    weights = tiny_models.llama_weights(np.random.default_rng(0))
    model = Llama(tiny_models.write_llama(tmp_path / "tiny.gguf", weights))
    plug = ScoreStatistics((0.1,), without=((0, 0), (1, 0)), counted_from=8)
    tokens = np.random.default_rng(1).integers(259, size=16)
    assert np.array_equal(model.hidden(tokens, plug), model.hidden(tokens))
    found = plug.found()
    assert found.lost.shape == (2, 2, 4, 8, 1)
    assert (found.outside[0] == 0).all()
    assert (found.outside[1] > 0).all()


ROW = np.zeros((1, 4), np.float32)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: score_statistics(ROW, [4], []), "shares must be numbers in"),
        (lambda: score_statistics(ROW, [4], [0.0]), "shares must be numbers in"),
        (lambda: score_statistics(ROW, [4], [1.1]), "shares must be numbers in"),
        (lambda: score_statistics(ROW, [4], [np.nan]), "shares must be numbers in"),
        (lambda: score_statistics(ROW, [5], [0.1]), "seen must be above the 0 keys"),
        (lambda: score_statistics(ROW, [3], [0.1], sinks=1, recent=2), "seen must be above the 3 keys"),
        (lambda: score_statistics(ROW, [4, 4], [0.1]), "seen must have shape"),
        (lambda: score_statistics(ROW, [4], [0.1], sinks=-1), "sinks must be at least 0"),
        (lambda: score_statistics(ROW + np.float32(np.nan), [4], [0.1]), "finite scores"),
        (lambda: score_statistics(ROW[0], [4], [0.1]), "scores must have 2"),
        (lambda: ScoreStatistics(without=[]), "without must hold at least one pair"),
        (lambda: ScoreStatistics(without=[(1, -1)], counted_from=2), "without must be at least 0"),
        (
            lambda: ScoreStatistics(without=[(1, 4)], counted_from=4),
            "counted_from must be at least the 5 keys",
        ),
        (lambda: ScoreStatistics(every=0), "every must be at least 1"),
        (lambda: ScoreStatistics(counted_from=-1), "counted_from must be at least 0"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_scores_that_are_not_finite_are_refused():
    queries, keys, values, seen = parts(np.random.default_rng(0))
    queries[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="must give finite scores"):
        ScoreStatistics()(queries, keys, values, layer=0, seen=seen)


def test_examples_hold():
    assert doctest.testmod(deviation).failed == 0
