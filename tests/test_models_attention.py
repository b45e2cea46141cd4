"""Attention as a plug: exact softmax and exact k-winner-take-all beside slow twins."""

import doctest
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike.models import KWTA, attention, kwta, quality, softmax
from hdspike.models import winners as winning
from hdspike.models.winners import select_winners, weigh_winners
from tests.naive import models as naive


def parts(rng, heads=4, groups=2, count=9, size=13, dim=8):
    """Queries, keys, values and a causal ``seen``."""
    made = (
        rng.normal(size=(h, n, dim)).astype(np.float32) * 2
        for h, n in ((heads, count), (groups, size), (groups, size))
    )
    return (*made, np.arange(size - count + 1, size + 1))


@given(
    size=st.sampled_from([1, 2, 63, 64, 65, 130, 600]),
    k=st.integers(1, 610),
    sinks=st.integers(0, 5),
    recent=st.integers(0, 70),
    kinds=st.sampled_from([1, 3, 1000]),
    seed=st.integers(0, 2**32 - 1),
)
def test_winners_are_those_of_the_twin(size, k, sinks, recent, kinds, seed):
    rng = np.random.default_rng(seed)
    scores = rng.integers(-kinds, kinds, size=(3, size)).astype(np.float32)
    scores[rng.random(scores.shape) < 0.1] = -np.inf
    seen, counts = rng.integers(1, size + 1, size=3), np.array([k, 1, max(1, k // 3)])
    winners, kept = select_winners(scores, seen, counts, sinks=sinks, recent=recent)
    for i in range(3):
        wanted = naive.winners(scores[i, : seen[i]].tolist(), sinks, recent, counts[i])
        assert winners[i, : kept[i]].tolist() == wanted
        assert len(wanted) == kept[i]


@pytest.mark.parametrize("order", ["rising", "falling", "equal", "saw", "comb"])
def test_winners_of_rows_in_order(order):
    """Rows that the sample misleads: of a comb it sees the teeth alone, and its bar leaves too few."""
    place = np.arange(512)
    rows = {
        "rising": place,
        "falling": -place,
        "equal": 0 * place,
        "saw": place % 7,
        "comb": 99 * (place % 2 == 0),
    }
    scores = rows[order].astype(np.float32)[None]
    for k in (1, 5, 300, 511, 512):
        winners, _ = select_winners(scores, [512], [k])
        assert winners[0].tolist() == naive.winners(scores[0].tolist(), 0, 0, k)


@given(
    size=st.integers(1, 40),
    k=st.integers(1, 40),
    dim=st.sampled_from([1, 2, 63, 64, 65]),
    seed=st.integers(0, 999),
)
def test_values_are_weighed_by_softmax_over_the_winners(size, k, dim, seed):
    rng = np.random.default_rng(seed)
    scores = (rng.normal(size=(2, size)) * 5).astype(np.float32)
    values = rng.normal(size=(size, dim)).astype(np.float32)
    winners, kept = select_winners(scores, [size, (size + 1) // 2], [k, k])
    out, log_sums = weigh_winners(scores, values, winners, kept)
    for i in range(2):
        chosen = winners[i, : kept[i]]
        weights = [math.exp(scores[i, j]) for j in chosen]
        assert math.isclose(log_sums[i], math.log(sum(weights)), abs_tol=1e-6)
        wanted = sum(w * values[j].astype(float) for w, j in zip(weights, chosen, strict=True)) / sum(weights)
        assert np.allclose(out[i], wanted, atol=2e-6)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("cells", [1, 40, 1 << 21])
def test_softmax_is_that_of_the_twin(groups, cells, monkeypatch):
    """In one block or in blocks of one query."""
    monkeypatch.setattr(attention, "CELLS", cells)
    given = parts(np.random.default_rng(groups), groups=groups)
    wanted, mass = naive.attention(*given)
    assert np.allclose(softmax(*given[:3], seen=given[3]), wanted, atol=1e-5)
    assert np.allclose(mass, 1)


@pytest.mark.parametrize(
    ("rule", "size"),
    [({"winners": 3}, 3), ({"winners": "30%"}, None), ({"winners": 4, "sinks": 1, "recent": 2}, 4)],
)
@pytest.mark.parametrize("cells", [1, 1 << 21])
def test_kwta_is_that_of_the_twin(rule, size, cells, monkeypatch):
    monkeypatch.setattr(attention, "CELLS", cells)
    given = parts(np.random.default_rng(3))
    plug = KWTA(**rule)
    out = plug(*given[:3], layer=0, seen=given[3])

    def keep(scores):
        count = size or max(1, round(0.3 * len(scores)))
        return naive.winners(scores, rule.get("sinks", 0), rule.get("recent", 0), count)

    wanted, mass = naive.attention(*given, keep)
    assert np.allclose(out, wanted, atol=1e-5)
    assert math.isclose(plug.captured_mass, mass.mean(), abs_tol=1e-6)
    assert plug.rows == 4 * 9
    assert plug.cells == 4 * given[3].sum()
    assert plug.kept == 4 * sum(size or max(1, round(0.3 * n)) for n in given[3])
    assert plug.nonzero_fraction == plug.kept / plug.cells
    assert plug.touched_fraction == 1


def test_all_winners_are_softmax_and_lose_no_mass():
    given = parts(np.random.default_rng(5))
    plug = KWTA("100%")
    assert np.allclose(plug(*given[:3], seen=given[3]), softmax(*given[:3], seen=given[3]), atol=1e-5)
    assert math.isclose(plug.captured_mass, 1, abs_tol=1e-6)


def test_top_k_identity():
    """‖o − o_k‖ = τ ‖μ_tail − μ_head‖, τ the mass that is lost (arXiv:2512.07647)."""
    queries, keys, values, _ = parts(np.random.default_rng(8), heads=1, groups=1, count=1, size=40)
    plug = KWTA(4)
    head = plug(queries, keys, values, seen=np.array([40]))[0, 0]
    full = softmax(queries, keys, values, seen=np.array([40]))[0, 0]
    scores = (queries[0, 0] @ keys[0].T) / math.sqrt(8)
    rest = np.argsort(-scores)[4:]
    tail = np.exp(scores[rest]) @ values[0, rest] / np.exp(scores[rest]).sum()
    lost = 1 - plug.captured_mass
    assert lost > 0.01
    assert math.isclose(np.linalg.norm(full - head), lost * np.linalg.norm(tail - head), rel_tol=1e-4)


def test_only_the_later_queries_are_counted_and_mass_can_be_left():
    given = parts(np.random.default_rng(6))
    plug = KWTA(2, counted_from=10)
    plug(*given[:3], seen=given[3])
    assert (plug.rows, plug.kept, plug.cells) == (4 * 3, 4 * 6, 4 * (11 + 12 + 13))
    plug.reset()
    assert (plug.rows, plug.kept, plug.cells) == (0, 0, 0)
    assert math.isnan(plug.captured_mass) and math.isnan(plug.nonzero_fraction)
    quick = KWTA(2, measure=False)
    assert np.array_equal(quick(*given[:3], seen=given[3]), plug(*given[:3], seen=given[3]))
    assert math.isnan(quick.captured_mass)


def test_a_winner_far_below_the_best_still_has_weight():
    """A sink alone, 300 below the highest score: softmax over one winner is 1, its mass 0."""
    queries, keys = np.ones((1, 1, 1), np.float32), np.array([[[-300], [0]]], np.float32)
    values = np.array([[[5], [7]]], np.float32)
    plug = KWTA(1, sinks=1)
    assert plug(queries, keys, values, seen=np.array([2]))[0, 0, 0] == 5
    assert plug.captured_mass < 1e-100


def test_threads_change_nothing(monkeypatch):
    given = parts(np.random.default_rng(7))
    plug, alone = KWTA(3, sinks=1), KWTA(3, sinks=1)
    out = plug(*given[:3], seen=given[3])
    monkeypatch.setattr(kwta, "spread", lambda work, size: work(0, size))
    assert np.array_equal(out, alone(*given[:3], seen=given[3]))
    assert plug.captured_mass == alone.captured_mass


Q, K, V, SEEN = parts(np.random.default_rng(0))
S = np.ones((2, 5), np.float32)
NAN, LOST = K.copy(), K.copy()
NAN[1, 4, 0], LOST[0, 0] = np.nan, np.inf


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: softmax(Q.astype(float), K, V, seen=SEEN), TypeError, "queries must be an array of float32"),
        (lambda: softmax(Q, K[0], V, seen=SEEN), ValueError, "keys must have shape"),
        (lambda: softmax(Q, K[:, :, :3], V, seen=SEEN), ValueError, "keys must have shape"),
        (lambda: softmax(Q[:3], K, V, seen=SEEN), ValueError, "keys must have shape .* divisor of 3"),
        (lambda: softmax(Q, K[:0], V[:0], seen=SEEN), ValueError, "keys must have shape"),
        (lambda: softmax(Q, K, V[:, :5], seen=SEEN), ValueError, "values must be as many"),
        (lambda: softmax(Q, K, V, seen=SEEN[:3]), ValueError, "seen must have shape"),
        (lambda: softmax(Q, K, V, seen=SEEN + 1), ValueError, "seen must be from 1 to 13, got 6 to 14"),
        (lambda: softmax(Q, K, V, seen=SEEN - 5), ValueError, "seen must be from 1 to 13, got 0"),
        (lambda: softmax(Q, K, V, seen=SEEN * 1.0), TypeError, "seen must be an array of integers"),
        (lambda: softmax(Q, NAN, V, seen=SEEN), ValueError, "queries and keys must give finite scores, got nan"),
        (lambda: KWTA(3)(Q, NAN, V, seen=SEEN), ValueError, "queries and keys must give finite scores, got nan"),
        (lambda: KWTA(3)(Q, K, V, seen=SEEN + 1), ValueError, "seen must be"),
        (lambda: KWTA(0), ValueError, "winners must be at least 1"),
        (lambda: KWTA(-1), ValueError, "winners must be a count"),
        (lambda: KWTA("0%"), ValueError, "winners must be above 0%"),
        (lambda: KWTA("101%"), ValueError, "winners must be above 0% and at most 100%"),
        (lambda: KWTA("many"), ValueError, "winners must be a count"),
        (lambda: KWTA(1.5), TypeError, "winners must be a count or a share"),
        (lambda: KWTA(True), TypeError, "winners must be a count or a share"),
        (lambda: KWTA(1, sinks=-1), ValueError, "sinks must be at least 0"),
        (lambda: KWTA(1, recent=0.5), TypeError, "recent must be an integer"),
        (lambda: KWTA(1, counted_from=-1), ValueError, "counted_from must be at least 0"),
        (lambda: select_winners(S.astype(float), [5, 5], [1, 1]), TypeError, "scores must have dtype float32"),
        (lambda: select_winners(S[0], [5], [1]), ValueError, "scores must have 2"),
        (lambda: select_winners(S, [5], [1, 1]), ValueError, "seen must have shape"),
        (lambda: select_winners(S, [5, 6], [1, 1]), ValueError, "seen must be at most 5, got 6"),
        (lambda: select_winners(S, [5, 0], [1, 1]), ValueError, "seen must be at least 1"),
        (lambda: select_winners(S, [5, 5], [0, 1]), ValueError, "counts must be at least 1"),
        (lambda: select_winners(S * np.nan, [5, 5], [1, 1]), ValueError, "scores must be numbers, got nan"),
        (lambda: weigh_winners(S, S[0], [[0], [0]], [1, 1]), ValueError, "values must have 2"),
        (lambda: weigh_winners(S, S[:, :1], np.zeros((2, 1), np.int32), [1, 1]), ValueError, "values must be one"),
        (lambda: weigh_winners(S, S.T.copy(), np.zeros((1, 1), np.int32), [1]), ValueError, "winners must have one"),
        (lambda: weigh_winners(S, S.T.copy(), np.zeros((2, 1), np.int32), [1, 2]), ValueError, "kept must be from 1"),
        (lambda: weigh_winners(S, S.T.copy(), np.full((2, 1), 5, np.int32), [1, 1]), ValueError, "winners must be in"),
        (lambda: weigh_winners(S - np.float32(np.inf), S.T.copy(), np.zeros((2, 1), np.int32), [1, 1]), ValueError,
         "finite scores, got -inf"),
    ],
)  # fmt: skip
def test_bad_input(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


@pytest.mark.parametrize("module", [kwta, quality, winning])
def test_doctests(module):
    results = doctest.testmod(module)
    assert results.attempted > 0 == results.failed


def test_no_query_is_no_output():
    assert softmax(Q[:, :0], K, V, seen=SEEN[:0]).shape == (4, 0, 8)
    assert KWTA(2)(Q[:, :0], K, V, seen=SEEN[:0]).shape == (4, 0, 8)
