"""MQAR by binding: the task by its rules, the head by plain code, and what the sim finds against its laws."""

import doctest
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot as plt

from hdspike import sim, theory
from hdspike.attention import SpikingAttention
from hdspike.spaces import BSC, SBC
from hdspike.workloads import recall, recalling
from hdspike.workloads.recall import BLANK, Induction, causal, multi_query
from tests.conftest import JIT

jitted = pytest.mark.skipif(not JIT, reason="whole sims, far too slow un-jitted")


@given(
    pairs=st.integers(1, 9),
    more=st.integers(0, 40),
    power=st.sampled_from([0.01, 0.5, 1.0]),
    fillers=st.sampled_from(["blank", "random"]),
    seed=st.integers(0, 999),
)
def test_a_text_follows_the_protocol(pairs, more, power, fillers, seed):
    length = 4 * pairs + 2 * more
    text = multi_query(length, pairs, vocabulary=40, power=power, fillers=fillers, rng=seed)
    assert len(text.tokens) == length
    keys, values = text.tokens[: 2 * pairs : 2].tolist(), text.tokens[1 : 2 * pairs : 2].tolist()
    assert len(set(keys)) == len(set(values)) == pairs
    assert all(1 <= key < 20 for key in keys)
    assert all(20 <= value < 40 for value in values)
    follows = dict(zip(keys, values, strict=True))
    assert [follows[token] for token in text.tokens[text.asked].tolist()] == text.answers.tolist()
    assert sorted(text.tokens[text.asked].tolist()) == sorted(keys)
    assert (np.diff(text.asked) > 0).all()
    assert text.asked[0] >= 2 * pairs
    assert (text.asked % 2 == 0).all()
    rest = np.delete(text.tokens, [*range(2 * pairs), *text.asked])
    assert rest.min(initial=0) >= 0
    assert rest.max(initial=0) < 40
    if fillers == "blank":
        assert (rest == BLANK).all()


def test_gaps_follow_the_power_law():
    """Of one pair the gap is drawn once: place i with weight i^(a − 1)."""
    draws = np.array([multi_query(22, 1, vocabulary=8, power=0.01, rng=s).asked[0] for s in range(4000)])
    weight = np.arange(1, 11) ** -0.99
    share = np.bincount((draws - 2) // 2, minlength=10) / len(draws)
    assert np.abs(share - weight / weight.sum()).max() < 4 * 0.5 / len(draws) ** 0.5


@pytest.mark.parametrize("space", [BSC(63), BSC(96), SBC(6 * 16, blocks=6)])
@pytest.mark.parametrize("form", Induction.FORMS)
def test_keys_say_which_token_stood_before(space, form):
    tokens = np.array([3, 1, 4, 1, 5])
    head = Induction(space, 6, form=form, rng=0)
    keys = head.keys(tokens)
    alike = space.scale(space.score(head.queries(np.arange(6)), keys))
    if form == "bound":
        assert [np.flatnonzero(alike[token] == 1).tolist() for token in range(6)] == [
            [],
            [2, 4],
            [],
            [1],
            [3],
            [],
        ]
    else:  # a bundle of three shares three quarters of its bits, or more than a third of its blocks, with each member
        share = 0.5 if isinstance(space, BSC) else theory.mode_agreement(3, length=16)
        own = np.array([alike[token, place + 1] for place, token in enumerate(tokens[:-1])])
        assert abs(own.mean() - share) < 0.3


@given(
    size=st.integers(1, 30),
    k=st.integers(1, 33),
    dim=st.sampled_from([1, 63, 64, 65]),
    sparse=st.booleans(),
    seed=st.integers(0, 999),
)
def test_winners_are_the_best_of_the_keys_seen(size, k, dim, sparse, seed):
    random = np.random.default_rng(seed)
    space = SBC(3 * 4, blocks=3) if sparse else BSC(dim)
    keys, queries = space.random(size, rng=random), space.random(4, rng=random)
    seen = random.integers(1, size + 1, size=4)
    found = causal(space, keys, queries, seen, k=k)
    for q in range(4):
        scores = [int(s) for s in space.score(queries[q : q + 1], keys[: seen[q]])[0]]
        order = sorted(range(seen[q]), key=lambda j: (-scores[j], j))
        ones = int(np.bitwise_count(queries[q]).sum()) if not sparse else 1
        can = [j for j in order if ones and (scores[j] > 0 or not sparse)][
            :k
        ]  # without an event nothing fires
        assert found.winners[q].tolist() == can + [-1] * (k - len(can))
        assert found.potentials[q, : len(can)].tolist() == [scores[j] for j in can]
    assert found.pairs == 4 * size


def test_a_race_meets_the_keys_that_a_query_has_seen():
    space = SBC(8 * 64, blocks=8)
    keys = space.random(40, rng=0)
    seen, asked = np.array([7, 40, 23]), keys[[3, 30, 22]]
    found = causal(space, keys, asked, seen, k=1, rule="race", theta=3, seed=5)
    assert found.winners[:, 0].tolist() == [3, 30, 22]
    alone = SpikingAttention(space, keys[:7], k=1, rule="race", theta=3, seed=5).attend(asked[:1])
    assert alone.winners.tolist() == [3]
    assert found.counts["cancelled_events"] > 0
    assert found.counts["input_events"] + found.counts["cancelled_events"] == 3 * 8
    assert found.pairs == 70
    late = causal(space, keys, keys[[30]], [7], k=1, rule="race", theta=8)
    assert late.winners.tolist() == [[-1]]  # not written yet


def test_the_law_of_a_bundle_among_blanks_is_that_of_a_plain_simulation():
    dim, length, trials = 48, 256, 1500 if JIT else 150
    space = BSC(dim)
    right = recalling.winner_answers(space, recalling.heads(space, length, 16, "bundled", trials, 0))
    assert right.mean() == pytest.approx(recalling.by_law(dim, length, "bundled"), abs=0.04 if JIT else 0.1)
    assert 0.78 < right.mean() < 0.97
    worn = recalling.by_law(dim, length, "bundled", error=0.2)
    assert worn < 0.6 < recalling.by_law(4 * dim, length, "bundled", error=0.1)


def test_softmax_of_equal_and_of_sharp_weights():
    """At β = 0 the commonest token wins, at a high β the one behind the key."""
    space = BSC(256)
    made = recalling.heads(space, 64, 4, "bound", 4, 3)
    right, loss = recalling.softmax_answers(space, made, (0.0, 40.0))
    assert right[:, 0].tolist() == [False] * 4
    assert right[:, 1].all()
    assert (loss[:, 1] > -1e-3).all()


ONE = BSC(8).random(1, rng=0)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: multi_query(15, 2), ValueError, "length must be even, got 15"),
        (lambda: multi_query(6, 2), ValueError, "length must be at least 8, got 6"),
        (lambda: multi_query(16, 0), ValueError, "pairs must be at least 1, got 0"),
        (lambda: multi_query(64, 8, vocabulary=16), ValueError, "pairs must be at most the 7 keys"),
        (lambda: multi_query(64, 8, fillers="noise"), ValueError, "fillers must be one of blank, random"),
        (lambda: Induction(BSC(8), 4, form="plain"), ValueError, "form must be one of bound, bundled"),
        (lambda: causal(BSC(8), ONE, ONE, [2], k=1), ValueError, "seen must be from 1 to 1, got 2"),
        (lambda: causal(BSC(8), ONE, ONE, [1, 1], k=1), ValueError, "seen must be one per query"),
        (lambda: causal(BSC(8), ONE, ONE, [1], k=0), ValueError, "k must be at least 1"),
    ],
)
def test_bad_arguments(call, error, text):
    with pytest.raises(error, match=f"^{text}"):
        call()


def test_doctests():
    results = doctest.testmod(recall)
    assert results.attempted > 0 == results.failed


@pytest.fixture(scope="module")
def numbers():
    return sim.plain(sim.load("recall").simulate(quick=True, seed=0))


@jitted
def test_it_recalls_where_the_law_says_and_one_bundle_does_not(numbers):
    for entry in numbers["protocol"]:
        for point in entry["points"]:
            assert point["low"] - 0.1 <= point["law"] <= point["high"] + 0.03
        assert entry["points"][-1]["accuracy"] == 1.0
    for point in numbers["by_pairs"]["points"]:
        assert point["low"] - 0.05 <= point["law"] <= point["high"] + 0.02
    for name, entries in numbers["smallest"].items():
        for entry in entries:
            if entry["smallest"] is not None:
                assert 0.5 * entry["law"] <= entry["smallest"] <= 1.5 * entry["law"]
        if name.startswith("bsc"):
            assert entries[-1]["law"] > entries[0]["law"]
    for entry in numbers["lengths"]:
        assert entry["winners"]["accuracy"] == 1.0
        assert entry["softmax"]["accuracy"] == 1.0
        bundle = entry["bundle"]
        assert bundle["majority"]["low"] - 0.02 <= bundle["law"] <= bundle["majority"]["high"] + 0.02
        assert bundle["counters"]["accuracy"] >= bundle["majority"]["accuracy"] - 0.02


@jitted
def test_equal_weights_fail_and_weights_of_potentials_do_not(numbers):
    for point in numbers["by_k"]["points"]:
        assert point["count"]["accuracy"] == 1.0
        if point["k"] > 1:
            assert point["none"]["low"] <= 1 / point["k"]
    assert numbers["by_k"]["points"][-1]["none"]["accuracy"] < 0.2


@jitted
def test_noise_and_work(numbers):
    for entry in numbers["noise"]:
        shares = [p["accuracy"] for p in entry["points"]]
        assert shares[0] == 1.0
        assert shares[-1] < 0.3
        for point in entry["points"]:
            assert point["low"] - 0.1 <= point["law"] <= point["high"] + 0.05
    blocks, block = numbers["work_code"]
    for entry in numbers["work"]:
        exact, race = entry["exact"], entry["race"]
        assert exact["accuracy"] == race["accuracy"] == 1.0
        law = blocks / block + 2 * blocks / entry["length"]
        assert exact["events_per_pair"] == pytest.approx(law, rel=0.6)
        assert race["events_per_pair"] < exact["events_per_pair"]
        assert race["delivered"] == pytest.approx(entry["theta"] / blocks, abs=0.01)
        assert exact["nonzero_fraction"] < exact["touched_fraction"] <= exact["events_per_pair"]


@jitted
def test_a_figure_is_drawn_from_the_written_numbers_alone(numbers):
    drawn = sim.load("recall").draw(json.loads(json.dumps(numbers, allow_nan=False)))
    assert len(drawn.axes) == 6
    assert all(ax.get_title() and ax.get_xlabel() and ax.get_ylabel() for ax in drawn.axes)
    plt.close(drawn)
