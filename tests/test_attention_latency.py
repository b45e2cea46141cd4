"""Attention by graded spikes: the code, its order, and one truth of two runners."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hdspike import chip, functional
from hdspike.attention import select
from hdspike.attention.codes.latency import WEIGHTS, LatencyCode
from hdspike.attention.latency import LatencyAttention, in_order
from hdspike.chip import ChipConfig
from hdspike.network import COUNTS, KWTA, disagreement
from tests.naive import chip as naive_chip
from tests.naive import functional as twin
from tests.naive import latency as naive
from tests.test_functional import assert_same

CHIP = ChipConfig(
    columns=2,
    rows=2,
    cores_per_tile=2,
    neurons_per_core=2,
    synaptic_memory_bits=10**6,
    input_axons=4096,
    fifo_depth=2,
    synaptic_event_ps=3500,
    update_active_ps=8400,
    update_inactive_ps=5300,
    packet_ps=2100,
    hop_east_west_ps=4100,
    hop_north_south_ps=6500,
    barrier_one_tile_ps=113_000,
    barrier_all_tiles_ps=465_000,
)
ladders = st.sampled_from([(1,), (2, 1), (4, 3, 1), WEIGHTS, (127, 5)])


@st.composite
def cases(draw, keys=9):
    """A code's keys, its weights, and contributions with ties, silence and signs."""
    blocks, entries, count = draw(st.integers(1, 4)), draw(st.integers(1, 5)), draw(st.integers(1, keys))
    codes = draw(hnp.arrays(np.int64, (count, blocks), elements=st.integers(0, entries - 1)))
    values = st.sampled_from([-2.0, -0.5, 0.0, 0.01, 0.1, 0.25, 0.3, 0.5, 0.75, 1.0, 1.7])
    asked = draw(hnp.arrays(np.float64, (draw(st.integers(0, 3)), blocks, entries), elements=values))
    return codes, entries, draw(ladders), asked


def layer_of(case, **more):
    keys, entries, weights, _ = case
    return LatencyAttention(keys, entries=entries, weights=weights, **more)


def pairs_of(case):
    keys, entries, weights, _ = case
    return naive.synapses(keys.tolist(), entries, weights)


# --- the code ---------------------------------------------------------------------------------------


@given(cases(), st.integers(1, 12))
def test_spikes_agree_with_naive(case, most):
    keys, entries, weights, asked = case
    code = LatencyCode(keys.shape[1], entries, weights=weights)
    indptr, lines = code.spikes(asked, most=most)
    assert lines.dtype == np.int32
    found = [lines[a:b].tolist() for a, b in pairwise(indptr)]
    assert found == [naive.spikes(query.tolist(), weights, most) for query in asked]


@given(cases())
def test_network_agrees_with_naive(case):
    keys, entries, weights, _ = case
    code = LatencyCode(keys.shape[1], entries, weights=weights)
    network = code.network(keys, KWTA(1, 1, "end"))
    synapses = network.synapses
    assert (code.lines, len(synapses)) == (synapses.lines, keys.size * len(weights))
    stored = synapses.weights
    values = np.ones(len(synapses), dtype=int) if stored is None else stored
    found = [
        list(zip(synapses.targets[a:b].tolist(), values[a:b].tolist(), strict=True))
        for a, b in pairwise(synapses.indptr)
    ]
    assert found == pairs_of(case)


@given(cases())
def test_potentials_are_scores_within_half_a_step(case):
    """Each block errs by half the widest gap between two weights at most; no key is above the code's top."""
    keys, entries, weights, asked = case
    layer = layer_of(case, k=1, spikes=keys.shape[1] * entries)
    potentials = layer.potentials(asked)
    gap = max(a - b for a, b in pairwise([*weights, 0])) / 2
    for query, row in zip(asked, potentials, strict=True):
        highest = query.max()
        if highest <= 0:
            assert not row.any()
            continue
        parts = np.maximum(query, 0)[np.arange(keys.shape[1]), keys] / highest * weights[0]
        assert np.all(np.abs(row - parts.sum(axis=1)) <= keys.shape[1] * gap + 1e-9)
        assert row.max() <= layer.code.top


def test_one_weight_counts_matches():
    keys = np.array([[0, 0, 1], [0, 1, 1], [2, 2, 2]])
    layer = LatencyAttention(keys, entries=3, k=1, weights=(1,), spikes=9)
    asked = np.zeros((1, 3, 3))
    asked[0, [0, 1, 2], [0, 1, 1]] = 1.0
    assert layer.potentials(asked).tolist() == [[2, 3, 0]]


@given(st.integers(0, 5), st.integers(1, 4), st.data())
def test_in_order_sorts_within_ticks_alone(queries, per_tick, data):
    parts = [data.draw(st.lists(st.integers(0, 30), unique=True, max_size=9)) for _ in range(queries)]
    indptr = np.concatenate([[0], np.cumsum([len(p) for p in parts])]).astype(np.int64)
    lines = np.array([i for part in parts for i in part], dtype=np.int32)
    made = in_order(indptr, lines, per_tick=per_tick)
    assert [made.query(q).tolist() for q in range(queries)] == [naive.in_ticks(p, per_tick) for p in parts]


# --- two runners, one truth ---------------------------------------------------------------------------


@given(cases(), st.sampled_from(select.RULES), st.sampled_from(["strongest", "seeded"]), st.data())
def test_functional_agrees_with_naive_and_the_barrier_with_both(case, rule, order, data):
    keys, _, weights, asked = case
    k = data.draw(st.integers(1, len(keys)))
    theta = data.draw(st.integers(1, len(keys[0]) * weights[0]))
    spikes = data.draw(st.integers(1, 20))
    layer = layer_of(case, k=k, rule=rule, theta=theta, spikes=spikes, order=order, seed=k)
    outcome = layer.attend(asked)

    sent = [naive.spikes(query.tolist(), weights, spikes) for query in asked]
    if order == "strongest":
        lines = [naive.in_ticks(one, layer.per_tick) for one in sent]
    else:
        lines = [twin.schedule(one, layer.rank.tolist(), layer.per_tick) for one in sent]
    stimuli = layer.stimuli(asked)
    assert [stimuli.query(q).tolist() for q in range(len(asked))] == lines
    ticked = stimuli.per_tick if lines else 1
    assert_same(outcome, twin.run(pairs_of(case), [0] * len(keys), layer.kwta, lines, ticked))

    timed = chip.run(layer.network, stimuli, CHIP).outcome
    for name in ("indptr", "winners", "potentials", "ticks"):
        assert np.array_equal(getattr(timed, name), getattr(outcome, name)), name
    for name in COUNTS:
        assert np.array_equal(timed.counts[name], outcome.counts[name]), name
    assert disagreement(outcome, timed)["differing"] == 0


@given(cases(), st.sampled_from([0, 1, 100, 50_000_000]), st.data())
def test_on_one_core_no_load_changes_a_winner(case, gap, data):
    """Every delay from source to key is equal: the race without a barrier is that of the spikes' own order."""
    keys, _, weights, asked = case
    k = data.draw(st.integers(1, len(keys)))
    theta = data.draw(st.integers(1, len(keys[0]) * weights[0]))
    layer = layer_of(case, k=k, rule="race", theta=theta, spikes=20)
    config = ChipConfig(
        **{**vars(CHIP), "columns": 1, "rows": 1, "cores_per_tile": 1, "neurons_per_core": 99}
    )
    stimuli = layer.stimuli(asked, per_tick=1)
    free = chip.run(layer.network, stimuli, config, clock="async", gap_ps=gap).outcome
    in_turn = functional.run(layer.network, stimuli)
    matrix = np.zeros((layer.code.lines, len(keys)), dtype=int)
    for line, row in enumerate(pairs_of(case)):
        for target, weight in row:
            matrix[line, target] = weight
    for q in range(len(asked)):
        race = naive_chip.race(matrix.tolist(), [0] * len(keys), layer.kwta, stimuli.query(q).tolist())
        assert free.query(q).tolist() == race == in_turn.query(q).tolist()


def test_strongest_at_the_head_hears_what_matters_sooner():
    """Keys near the query: the race ends at the strongest spikes, a seeded order hears far more."""
    rng = np.random.default_rng(0)
    keys = rng.integers(8, size=(200, 6))
    asked = rng.normal(size=(20, 6, 8)) ** 3
    layer = LatencyAttention(keys, entries=8, k=5, rule="race", theta=16, spikes=24)
    strongest = layer.attend(asked)
    layer.order = "seeded"
    seeded = layer.attend(asked)
    assert strongest.total("synaptic_events") < 0.5 * seeded.total("synaptic_events")
    assert strongest.total("cancelled_events") > seeded.total("cancelled_events")


def test_calibrate_lets_k_reach_theta_in_the_median():
    rng = np.random.default_rng(1)
    layer = LatencyAttention(rng.integers(8, size=(300, 6)), entries=8, k=10, rule="threshold")
    asked = rng.normal(size=(31, 6, 8))
    theta = layer.calibrate(asked)
    reached = np.count_nonzero(layer.potentials(asked) >= theta, axis=1)
    assert layer.theta == theta
    assert abs(np.median(reached) - 10) <= 4
    assert np.array_equal(np.diff(layer.attend(asked).indptr), reached)


# --- bad input -----------------------------------------------------------------------------------------

KEYS = [[0, 1], [1, 1]]
GOOD = np.ones((1, 2, 2))


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: LatencyCode(0, 2), ValueError, "blocks"),
        (lambda: LatencyCode(2, 0), ValueError, "entries"),
        (lambda: LatencyCode(2, 2, weights=()), ValueError, "weights must be at least one"),
        (lambda: LatencyCode(2, 2, weights=(1, 2)), ValueError, r"weights must .*fall.*\(1, 2\)"),
        (lambda: LatencyCode(2, 2, weights=(128,)), ValueError, "weights.*127.*128"),
        (lambda: LatencyCode(2, 2).network([[0]], KWTA(1, 1, "end")), ValueError, "keys.*2 blocks"),
        (lambda: LatencyCode(2, 2).network([[0, 2]], KWTA(1, 1, "end")), ValueError, r"keys.*\[0, 2\)"),
        (lambda: LatencyCode(2, 2).spikes(np.ones((1, 2, 3)), most=1), ValueError, "contributions.*shape"),
        (lambda: LatencyCode(2, 2).spikes(np.nan * GOOD, most=1), ValueError, "contributions.*finite.*nan"),
        (lambda: LatencyCode(2, 2).spikes(GOOD, most=0), ValueError, "most"),
        (lambda: LatencyAttention(np.empty((0, 2), int), entries=2, k=1), ValueError, "keys.*shape"),
        (lambda: LatencyAttention(KEYS, entries=2, k=3), ValueError, "k must"),
        (lambda: LatencyAttention(KEYS, entries=2, k=1, rule="first"), ValueError, "rule.*'first'"),
        (lambda: LatencyAttention(KEYS, entries=2, k=1, theta=33), ValueError, "theta.*33"),
        (lambda: LatencyAttention(KEYS, entries=2, k=1, spikes=0), ValueError, "spikes"),
        (lambda: LatencyAttention(KEYS, entries=2, k=1, order="weakest"), ValueError, "order.*'weakest'"),
        (lambda: LatencyAttention(KEYS, entries=2, k=1, rule="race").attend(GOOD), ValueError, "theta"),
        (lambda: in_order([0, 2], [1], per_tick=1), ValueError, "indptr"),
        (lambda: in_order([0, 1], [1], per_tick=0), ValueError, "per_tick"),
    ],
)  # fmt: skip
def test_bad_input(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
