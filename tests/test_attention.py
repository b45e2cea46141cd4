"""The attention layer: codes order keys as similarity does, rules choose, winners speak."""

from itertools import pairwise
from math import floor
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import bits, functional
from hdspike.attention import SpikingAttention, bundle_winners, codes, select, winner_weights
from hdspike.network import KWTA, Outcome
from hdspike.spaces import BSC, SBC
from tests.naive import bits as twin_bits
from tests.naive import functional as twin
from tests.naive import spaces as twin_spaces
from tests.test_functional import assert_same

SPACES = [BSC(5), BSC(64), BSC(130), SBC(12, blocks=4), SBC(35, blocks=7)]
spaces = st.sampled_from(SPACES)
seeds = st.integers(0, 2**32)


# --- codes ----------------------------------------------------------------------------------------------


@given(spaces, st.integers(1, 8), st.integers(0, 4), seeds)
def test_potentials_are_the_scores_of_the_space(space, keys: int, count: int, seed: int) -> None:
    """Equal bits, or matching blocks: so that the order of potentials is that of similarity."""
    layer = SpikingAttention(space, space.random(keys, rng=seed), k=1)
    queries = space.random(count, rng=seed + 1)
    potentials = layer.potentials(queries)
    assert potentials.dtype == np.int32
    np.testing.assert_array_equal(potentials, space.score(queries, layer.keys))
    np.testing.assert_array_equal(functional.potentials(layer.network, layer.stimuli(queries)), potentials)
    similarity = space.similarity(queries, layer.keys)
    for v, s in zip(potentials, similarity, strict=True):
        np.testing.assert_array_equal(np.argsort(-v, kind="stable"), np.argsort(-s, kind="stable"))
    assert layer.code.top == space.top_score == layer.potentials(layer.keys).max()


@given(st.sampled_from([1, 5, 65, 130]), st.integers(1, 5), seeds)
def test_bit_code(dim: int, count: int, seed: int) -> None:
    """Potential = bias + Σ ±1 over the active lines, from the naive walk over all synapses."""
    code, kwta = codes.BitCode(dim), KWTA(1, 1, "end")
    keys, queries = bits.random(3, dim, rng=seed), bits.random(count, dim, rng=seed + 1)
    ones = bits.unpack(keys, dim).tolist()
    network = code.network(keys, kwta)
    assert network.bias.tolist() == [dim - sum(row) for row in ones]
    assert len(network.synapses) == 3 * dim
    indptr, lines = code.active(queries)
    split = [lines[a:b].tolist() for a, b in pairwise(indptr)]
    assert split == [np.flatnonzero(row).tolist() for row in bits.unpack(queries, dim)]
    signs = twin.of_matrix(2 * np.array(ones).T - 1)
    equal = [[dim - twin_bits.hamming(q, k) for k in ones] for q in bits.unpack(queries, dim).tolist()]
    assert twin.potentials(signs, network.bias.tolist(), split) == equal


@given(st.integers(1, 6), st.integers(2, 6), st.integers(0, 4), seeds)
def test_block_code(blocks: int, length: int, count: int, seed: int) -> None:
    space = SBC(blocks * length, blocks=blocks)
    code = codes.of(space)
    keys, queries = space.random(3, rng=seed), space.random(count, rng=seed + 1)
    network = code.network(keys, KWTA(1, 1, "end"))
    assert network.synapses.weights is None
    assert len(network.synapses) == 3 * blocks
    matrix = np.array([twin_spaces.dense(key, length) for key in keys.tolist()]).T
    for line in range(code.lines):
        low, high = network.synapses.indptr[line : line + 2]
        assert network.synapses.targets[low:high].tolist() == np.flatnonzero(matrix[line]).tolist()
    indptr, lines = code.active(queries)
    split = [lines[a:b].tolist() for a, b in pairwise(indptr)]
    assert split == [np.flatnonzero(twin_spaces.dense(q, length)).tolist() for q in queries.tolist()]


# --- rules ----------------------------------------------------------------------------------------------


@given(spaces, st.integers(1, 9), st.sampled_from(select.RULES), st.integers(-1, 8), seeds, st.data())
def test_attend(space, keys: int, rule: str, above: int, seed: int, data) -> None:
    """Both forms of the functional runner and the naive one, under every rule."""
    k = data.draw(st.integers(1, keys))
    theta = min(space.top_score, space.top_score // 2 + max(1, above))
    layer = SpikingAttention(space, space.random(keys, rng=seed), k=k, rule=rule, theta=theta, seed=seed % 7)
    queries = space.random(3, rng=seed + 1)
    outcome = layer.attend(queries)
    assert_same(outcome, functional.run(layer.network, layer.stimuli(queries)))
    synapses = layer.network.synapses
    weights = np.ones(len(synapses), dtype=int) if synapses.weights is None else synapses.weights
    pairs = [
        list(zip(synapses.targets[a:b].tolist(), weights[a:b].tolist(), strict=True))
        for a, b in pairwise(synapses.indptr)
    ]
    indptr, lines = layer.code.active(queries)
    ordered = [
        twin.schedule(lines[a:b].tolist(), layer.rank.tolist(), layer.per_tick) for a, b in pairwise(indptr)
    ]
    assert_same(outcome, twin.run(pairs, layer.network.bias.tolist(), layer.kwta, ordered, layer.per_tick))


@given(spaces, st.integers(1, 12), seeds, st.data())
def test_exact_is_the_k_highest(space, keys: int, seed: int, data) -> None:
    """The ramp finds what a sort finds, whatever its step; keys that no event touched cannot win."""
    k = data.draw(st.integers(1, keys))
    layer = SpikingAttention(space, space.random(keys, rng=seed), k=k)
    queries = space.random(3, rng=seed + 1)
    outcome, scores = layer.attend(queries), space.score(queries, layer.keys).tolist()
    for q, row in enumerate(scores):
        reachable = range(keys) if isinstance(space, BSC) else [i for i in range(keys) if row[i]]
        if isinstance(space, BSC) and not np.any(queries[q]):
            reachable = []
        best = sorted(reachable, key=lambda i, row=row: (-row[i], i))[:k]
        assert outcome.query(q).tolist() == best


@given(spaces, st.integers(1, 9), st.integers(0, 8), seeds)
def test_threshold_is_all_that_reach_theta(space, keys: int, above: int, seed: int) -> None:
    theta = min(space.top_score, max(1, space.top_score // 2 + above))
    layer = SpikingAttention(space, space.random(keys, rng=seed), k=1, rule="threshold", theta=theta)
    queries = space.random(3, rng=seed + 1)
    outcome = layer.attend(queries)
    for q, row in enumerate(space.score(queries, layer.keys).tolist()):
        if isinstance(space, BSC) and not np.any(queries[q]):
            row = []
        assert sorted(outcome.query(q).tolist()) == [i for i, v in enumerate(row) if v >= theta]
    assert outcome.total("overshoot") == outcome.total("cancelled_events") == 0


def test_a_race_delivers_fewer_events_than_the_other_rules() -> None:
    space = SBC(2048)
    keys = space.random(50, rng=0)
    race = SpikingAttention(space, keys, k=1, rule="race", theta=20)
    outcome = race.attend(keys)
    assert outcome.winners.tolist() == list(range(50))
    delivered, cancelled = outcome.counts["input_events"], outcome.counts["cancelled_events"]
    assert np.all(delivered + cancelled == 128)
    assert np.all(delivered == 24)  # 16 ticks of 8 events: 20 are reached in the third
    assert race.per_tick == 8
    assert SpikingAttention(space, keys, k=1).per_tick == race.code.lines


def test_a_new_theta_or_k_holds_at_once() -> None:
    """The network is kept, its group is not."""
    for space in (BSC(130), SBC(35, blocks=7)):
        keys = space.random(6, rng=0)
        layer = SpikingAttention(space, keys, k=1, rule="threshold", theta=space.top_score)
        assert layer.attend(keys).total("fired") == 6
        before = layer.network
        layer.theta = space.top_score + 1
        assert layer.attend(keys).total("fired") == 0
        assert layer.network.kwta.theta == space.top_score + 1
        assert layer.network.synapses is before.synapses


def test_the_seed_orders_the_lines() -> None:
    space = BSC(130)
    keys = space.random(4, rng=0)
    ranks = [SpikingAttention(space, keys, k=1, seed=seed).rank for seed in (1, 1, 2)]
    np.testing.assert_array_equal(ranks[0], ranks[1])
    assert np.any(ranks[0] != ranks[2])
    assert sorted(ranks[2].tolist()) == list(range(130))
    layer = SpikingAttention(space, keys, k=1)
    assert layer.stimuli(keys, per_tick=3).per_tick == 3
    assert len(layer) == 4


def test_groups_of_the_rules() -> None:
    assert select.make("exact", k=3, top=128) == KWTA(3, 128, "ramp", step=1, floor=0)
    assert select.make("exact", k=3, top=7) == KWTA(3, 7, "ramp", step=1, floor=0)
    assert select.make("race", k=3, top=128, theta=9) == KWTA(3, 9, "tick")
    assert select.make("threshold", k=3, top=128, theta=9) == KWTA(None, 9, "end")
    assert [select.needs_theta(rule) for rule in select.RULES] == [False, True, True]
    assert [select.ticks(rule) for rule in select.RULES] == [1, 16, 1]
    assert select.make("exact", k=1, top=1000).ramp_steps <= 129


# --- calibration ----------------------------------------------------------------------------------------


def calibrated(potentials: list[list[int]], k: int) -> int:
    """Every θ tried: where the median number of neurons at θ is nearest to k, the highest of equals."""
    highest = max(1, *(v for row in potentials for v in row))
    distance = {
        theta: abs(median(sum(v >= theta for v in row) for row in potentials) - k)
        for theta in range(1, highest + 1)
    }
    return max(theta for theta in distance if distance[theta] == min(distance.values()))


@given(
    st.tuples(st.integers(1, 5), st.integers(1, 8)).flatmap(
        lambda shape: st.lists(
            st.lists(st.integers(-2, 12), min_size=shape[1], max_size=shape[1]),
            min_size=shape[0],
            max_size=shape[0],
        )
    ),
    st.integers(1, 10),
)
def test_calibrate(potentials: list[list[int]], k: int) -> None:
    assert select.calibrate(potentials, k=k) == calibrated(potentials, k)


@pytest.mark.parametrize("space", [BSC(1000), SBC(1024)], ids=repr)
def test_a_calibrated_layer_has_about_k_winners(space) -> None:
    layer = SpikingAttention(space, space.random(300, rng=0), k=10, rule="threshold")
    with pytest.raises(ValueError, match="theta must be given or calibrated"):
        layer.attend(layer.keys[:1])
    development = space.random(101, rng=1)
    theta = layer.calibrate(development)
    assert theta == layer.theta == calibrated(layer.potentials(development).tolist(), 10)
    winners = np.diff(layer.attend(space.random(101, rng=2)).indptr)
    one_more = np.count_nonzero(layer.potentials(development) >= theta + 1, axis=1)
    one_less = np.count_nonzero(layer.potentials(development) >= theta - 1, axis=1)
    assert np.median(one_more) <= np.median(winners) <= np.median(one_less)


# --- output ---------------------------------------------------------------------------------------------


@st.composite
def outcomes(draw, neurons: int = 9) -> Outcome:
    """Queries with winners in the order of firing, some with none."""
    queries = draw(st.lists(st.lists(st.integers(-3, 400), max_size=5), max_size=4))
    indptr = np.cumsum([0, *map(len, queries)]).astype(np.int64)
    potentials = np.array([v for query in queries for v in query], dtype=np.int32)
    rng = np.random.default_rng(draw(seeds))
    winners = rng.integers(neurons, size=len(potentials)).astype(np.int32)
    return Outcome(indptr, winners, potentials, np.zeros_like(winners))


def weights_of(potentials: list[int], by: str, top: int) -> list[int]:
    """One query, from the docstring of winner_weights."""
    k = len(potentials)
    if by == "none":
        return [1] * k
    if by == "rank":
        return [floor(k / r) for r in range(1, k + 1)]
    octave = max(1, top // 16)
    return [2 ** min((v - min(potentials)) // octave, 20) for v in potentials]


@given(
    outcomes(), st.sampled_from(["count", "rank", "none"]), st.sampled_from([1, 15, 16, 64, 100, 128, 5000])
)
def test_winner_weights(outcome: Outcome, by: str, top: int) -> None:
    found = winner_weights(outcome, by=by, top=top)
    assert found.dtype == np.int64
    split = [outcome.potentials[a:b].tolist() for a, b in pairwise(outcome.indptr)]
    assert found.tolist() == [w for query in split for w in weights_of(query, by, top)]


@given(spaces, outcomes(), seeds, st.data())
def test_bundle_winners(space, outcome: Outcome, seed: int, data) -> None:
    values = space.random(9, rng=seed)
    weights = data.draw(
        st.lists(st.integers(1, 4), min_size=len(outcome.winners), max_size=len(outcome.winners))
    )
    found, spoke = bundle_winners(space, values, outcome, np.array(weights, dtype=np.int64))
    assert found.shape == (len(outcome), space.width)
    for q in range(len(outcome)):
        low, high = outcome.indptr[q : q + 2]
        assert spoke[q] == (low < high)
        rows = values[outcome.winners[low:high]]
        if low == high:
            assert not found[q].any()
        elif isinstance(space, BSC):
            majority = twin_bits.majority(bits.unpack(rows, space.dim).tolist(), weights[low:high])
            assert found[q].tolist() == twin_bits.to_words(majority)
        else:
            assert found[q].tolist() == twin_spaces.bundle(rows.tolist(), weights[low:high])
