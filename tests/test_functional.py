"""The functional runner, by synapses and by packed keys, against the naive reading of the contract."""

from dataclasses import replace

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import bits, functional
from hdspike.functional import dense, readout, synapses
from hdspike.jit import spread
from hdspike.network import COUNTS, KWTA, Layer, Outcome, Synapses, disagreement, from_dense
from hdspike.spikes import Stimuli, schedule
from tests.naive import bits as twin_bits
from tests.naive import functional as twin

READOUTS = ("tick", "end", "ramp")


def assert_same(one: Outcome, other: Outcome) -> None:
    for name in ("indptr", "winners", "potentials", "ticks"):
        a, b = getattr(one, name), getattr(other, name)
        assert a.dtype == b.dtype, name
        np.testing.assert_array_equal(a, b, err_msg=name)
    assert tuple(one.counts) == COUNTS
    for name in COUNTS:
        np.testing.assert_array_equal(one.counts[name], other.counts[name], err_msg=name)
    assert set(disagreement(one, other).values()) <= {0, len(one.winners), len(one)}
    assert disagreement(one, other)["differing"] == disagreement(one, other)["queries_differing"] == 0


@st.composite
def groups(draw, neurons: int, lowest: int, highest: int) -> KWTA:
    """Any readout, with fewer, as many or more winners wanted than there are neurons."""
    kind = draw(st.sampled_from(READOUTS))
    k = draw(st.integers(1, neurons + 3))
    theta = draw(st.integers(lowest, highest))
    if kind == "ramp":
        return KWTA(k, theta, kind, step=draw(st.integers(1, 4)), floor=draw(st.integers(lowest - 2, theta)))
    return KWTA(draw(st.sampled_from([k, None])) if kind == "end" else k, theta, kind)


@st.composite
def networks(draw) -> tuple[Layer, twin.Pairs]:
    """Small networks, among them all-+1 ones without weights, and explicit synapses of weight 0."""
    lines, neurons = draw(st.integers(1, 8)), draw(st.integers(1, 7))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["unit", "signed", "with zeros"]))
    present = rng.random((lines, neurons)) < draw(st.sampled_from([0.3, 0.9, 1.0]))
    weights = np.ones_like(present, dtype=np.int64) if kind == "unit" else rng.integers(-2, 4, present.shape)
    if kind == "signed":
        present &= weights != 0
    line, target = np.nonzero(present)
    given_weights = None if kind == "unit" else weights[line, target]
    bias = rng.integers(-2, 3, neurons) * draw(st.sampled_from([0, 1]))
    synapses = Synapses.from_pairs(line, target, shape=(lines, neurons), weights=given_weights)
    pairs: list[list[tuple[int, int]]] = [[] for _ in range(lines)]
    for i, j in zip(line.tolist(), target.tolist(), strict=True):
        pairs[i].append((j, int(weights[i, j])))
    return Layer(synapses, bias, draw(groups(neurons, -3, 8))), pairs


@st.composite
def stimuli(draw, lines: int) -> tuple[Stimuli, list[list[int]], int]:
    """Queries of distinct lines, some of them empty, in a drawn order of arrival."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    per_tick = draw(st.sampled_from([1, 2, 7, 10**18]))
    rank = rng.permutation(lines)
    queries = [np.flatnonzero(rng.random(lines) < rng.random()) for _ in range(draw(st.integers(0, 5)))]
    indptr = np.cumsum([0, *map(len, queries)])
    flat = np.concatenate(queries) if queries else np.empty(0, dtype=np.int64)
    ordered = [twin.schedule(query.tolist(), rank.tolist(), per_tick) for query in queries]
    return schedule(indptr, flat, rank=rank, per_tick=per_tick), ordered, per_tick


@given(networks(), st.data())
def test_run(case, data) -> None:
    network, pairs = case
    events, queries, per_tick = data.draw(stimuli(network.lines))
    expected = twin.run(pairs, network.bias.tolist(), network.kwta, queries, per_tick)
    assert_same(functional.run(network, events), expected)
    potentials = functional.potentials(network, events)
    assert potentials.dtype == np.int32
    assert potentials.tolist() == twin.potentials(pairs, network.bias.tolist(), queries)


@st.composite
def layers(draw) -> tuple[functional.DenseLayer, np.ndarray, np.ndarray]:
    dim = draw(st.sampled_from([1, 5, 63, 64, 65, 127, 130]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    keys = (rng.random((draw(st.integers(1, 6)), dim)) < rng.random()).astype(np.uint8)
    density = draw(st.sampled_from([0.0, 0.05, 0.5, 1.0]))
    queries = (rng.random((draw(st.integers(0, 4)), dim)) < density).astype(np.uint8)
    centre = dim // 2
    kwta = draw(groups(len(keys), max(-2, centre - 20), min(dim + 2, centre + 20)))
    per_tick = draw(st.sampled_from([1, 7, 64, dim, 2**62]))
    return functional.DenseLayer(bits.pack(keys), dim, rng.permutation(dim), per_tick, kwta), keys, queries


@given(layers())
def test_run_dense(case) -> None:
    """Packed keys, explicit ±1 synapses and the naive run are one."""
    layer, keys, queries = case
    signs = 2 * keys.T.astype(np.int64) - 1
    bias = layer.dim - keys.sum(axis=1, dtype=np.int64)
    ordered = [
        twin.schedule(np.flatnonzero(query).tolist(), layer.rank.tolist(), layer.per_tick)
        for query in queries
    ]
    expected = twin.run(twin.of_matrix(signs), bias.tolist(), layer.kwta, ordered, layer.per_tick)
    words = bits.pack(queries)
    assert_same(functional.run_dense(layer, words), expected)
    network = from_dense(signs, bias=bias, kwta=layer.kwta)
    indptr = np.concatenate([[0], np.cumsum(queries.sum(axis=1, dtype=np.int64))])
    events = schedule(indptr, np.nonzero(queries)[1], rank=layer.rank, per_tick=layer.per_tick)
    assert_same(functional.run(network, events), expected)
    equal = [[layer.dim - twin_bits.hamming(q, k) for k in keys.tolist()] for q in queries.tolist()]
    assert functional.potentials(layer, words).tolist() == equal
    assert functional.potentials(network, events).tolist() == equal


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("kind", READOUTS)
def test_threads_and_batches_change_nothing(kind: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """More queries than one batch holds, and progress that adds up to them."""
    dim, count = 70, 2 * readout.BATCH + 3
    keys, queries = bits.random(9, dim, rng=0), bits.random(count, dim, rng=1)
    layer = functional.DenseLayer(keys, dim, np.random.default_rng(2).permutation(dim), 7, KWTA(3, 36, kind))
    ones = bits.unpack(queries, dim)
    indptr = np.concatenate([[0], np.cumsum(ones.sum(axis=1, dtype=np.int64))])
    events = schedule(indptr, np.nonzero(ones)[1], rank=layer.rank, per_tick=7)
    unpacked = bits.unpack(keys, dim).astype(np.int64)
    network = from_dense(2 * unpacked.T - 1, bias=dim - unpacked.sum(axis=1), kwta=layer.kwta)
    pairs = twin.of_matrix(2 * unpacked.T - 1)
    lists = [events.query(q).tolist() for q in range(count)]
    expected = twin.run(pairs, network.bias.tolist(), layer.kwta, lists, 7)
    monkeypatch.setattr(numba, "get_num_threads", lambda: threads)
    done: list[int] = []
    assert_same(functional.run_dense(layer, queries, progress=done.append), expected)
    assert_same(functional.run(network, events, progress=done.append), expected)
    assert sum(done) == 2 * count
    assert functional.potentials(layer, queries).tolist() == functional.potentials(network, events).tolist()


def test_numba_knows_the_number_of_threads() -> None:
    """``spread`` asks numba, so that NUMBA_NUM_THREADS and set_num_threads hold for the package."""
    layer = functional.DenseLayer(bits.random(5, 64, rng=0), 64, np.arange(64), 4, KWTA(2, 30, "tick"))
    queries = bits.random(9, 64, rng=1)
    before, expected = numba.get_num_threads(), functional.run_dense(layer, queries)
    ranges: list[tuple[int, int]] = []
    try:
        for threads in range(1, numba.config.NUMBA_NUM_THREADS + 1):
            numba.set_num_threads(threads)
            assert_same(functional.run_dense(layer, queries), expected)
            ranges.clear()
            spread(lambda low, high: ranges.append((low, high)), 9)
            assert len(ranges) == min(threads, 9)
            assert sorted(i for low, high in ranges for i in range(low, high)) == list(range(9))
    finally:
        numba.set_num_threads(before)


def test_a_race_by_hand() -> None:
    """At θ = 2, one event per tick: neuron 1 fires in tick 1, neuron 0 in tick 2, neuron 2 is too late."""
    network = from_dense([[0, 1, 0], [1, 1, 0], [1, 0, 1], [0, 0, 1]], kwta=KWTA(2, 2, "tick"))
    outcome = functional.run(network, schedule([0, 4], [0, 1, 2, 3], rank=[0, 1, 2, 3], per_tick=1))
    assert outcome.query(0).tolist() == [1, 0]
    assert (outcome.ticks.tolist(), outcome.potentials.tolist()) == ([1, 2], [2, 2])
    assert {name: int(count[0]) for name, count in outcome.counts.items()} == {
        "input_events": 3,
        "cancelled_events": 1,
        "synaptic_events": 5,
        "touched": 3,
        "fired": 2,
        "overshoot": 0,
    }


def test_a_race_that_wants_more_than_there_are_goes_on_to_the_end() -> None:
    """The k-th spike never falls, so that nothing is cancelled: as on the chip."""
    network = from_dense(np.ones((4, 2), dtype=int), kwta=KWTA(5, 1, "tick"))
    outcome = functional.run(network, schedule([0, 4], [0, 1, 2, 3], rank=[0, 1, 2, 3], per_tick=1))
    assert outcome.counts["cancelled_events"].tolist() == [0]
    assert outcome.counts["synaptic_events"].tolist() == [8]


def test_a_neuron_without_input_never_wins() -> None:
    """Bias above θ, but no synapse from the lines that spiked; an empty query has no winner at all."""
    for kind in READOUTS:
        network = from_dense([[1, 0], [0, 0]], bias=[5, 9], kwta=KWTA(2, 1, kind))
        outcome = functional.run(network, schedule([0, 2, 2], [0, 1], rank=[0, 1], per_tick=2))
        assert outcome.query(0).tolist() == [0]
        assert outcome.query(1).tolist() == []
        assert outcome.counts["touched"].tolist() == [1, 0]


def test_ties_at_the_same_tick() -> None:
    """Higher potential, then lower index; what falls after the k-th is overshoot."""
    network = from_dense([[1, 2, 1, 2, 1]], kwta=KWTA(3, 1, "tick"))
    outcome = functional.run(network, schedule([0, 1], [0], rank=[0], per_tick=1))
    assert outcome.query(0).tolist() == [1, 3, 0]
    assert (outcome.total("fired"), outcome.total("overshoot")) == (5, 2)


@pytest.mark.parametrize(("step", "fired", "ticks"), [(1, 2, [1, 2]), (2, 3, [1, 2]), (9, 4, [1, 2])])
def test_a_coarser_ramp_has_more_overshoot_and_the_same_winners(
    step: int, fired: int, ticks: list[int]
) -> None:
    """Potentials 9, 8, 7, 1 under a ramp from 9: steps of 9 − s·step, down to the second spike."""
    network = from_dense([[9, 8, 7, 1]], kwta=KWTA(2, 9, "ramp", step=step))
    outcome = functional.run(network, schedule([0, 1], [0], rank=[0], per_tick=1))
    assert outcome.query(0).tolist() == [0, 1]
    assert outcome.ticks.tolist() == ticks
    assert outcome.total("fired") == fired


def test_read_only_and_strided_input() -> None:
    layer = functional.DenseLayer(bits.random(5, 130, rng=0), 130, np.arange(130), 9, KWTA(2, 60, "tick"))
    queries = bits.random(4, 130, rng=1)
    expected = functional.run_dense(layer, queries)
    wide = np.zeros((4, 6), dtype=np.uint64)
    wide[:, ::2] = queries
    frozen_keys = layer.keys.copy()
    frozen_keys.flags.writeable = queries.flags.writeable = False
    for keys, given_queries in ((frozen_keys, queries), (np.asfortranarray(layer.keys), wide[:, ::2])):
        assert_same(functional.run_dense(replace(layer, keys=keys), given_queries), expected)


# --- the kernels one by one -----------------------------------------------------------------------------


@given(st.lists(st.integers(-3, 3), max_size=40))
def test_merge_sort_is_stable(values: list[int]) -> None:
    order = np.arange(len(values))
    keys = np.array(values, dtype=np.int64)
    moved = readout._merge_sort(keys, order, np.empty(len(values), dtype=np.int64))
    assert order.tolist() == sorted(range(len(values)), key=values.__getitem__)
    assert moved == len(values) * max(len(values) - 1, 0).bit_length()


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 3)), max_size=12))
def test_ordered(spikes: list[tuple[int, int]]) -> None:
    potentials = np.array([v for v, _ in spikes], dtype=np.int32)
    ticks = np.array([t for _, t in spikes], dtype=np.int32)
    expected = sorted(range(len(spikes)), key=lambda i: (spikes[i][1], -spikes[i][0], i))
    assert readout._ordered(potentials, ticks, len(spikes)).tolist() == expected


@given(st.lists(st.tuples(st.integers(-5, 9), st.booleans()), min_size=1, max_size=8), st.data())
def test_ramp_bound(neurons: list[tuple[int, bool]], data) -> None:
    """The first threshold of the ramp that k neurons reach, tried one after the other."""
    kwta = data.draw(groups(len(neurons), -4, 9).filter(lambda g: g.readout == "ramp"))
    potential = np.array([v for v, _ in neurons], dtype=np.int32)
    received = np.array([r for _, r in neurons], dtype=np.int32)
    steps = [max(kwta.theta - s * kwta.step, kwta.floor) for s in range(kwta.ramp_steps)]
    reached = [bound for bound in steps if sum(r and v >= bound for v, r in neurons) >= kwta.k]
    group = (kwta.k, kwta.theta, readout.RAMP, kwta.step, kwta.floor)
    assert readout._ramp_bound(potential, received, group) == (reached[0] if reached else kwta.floor)


def test_receive() -> None:
    targets, weights = np.array([0, 2, 2, 1], dtype=np.int32), np.array([3, -1, 0, 5], dtype=np.int8)
    potential, received = np.zeros(3, dtype=np.int32), np.zeros(3, dtype=np.int32)
    assert synapses._receive(targets, weights, 0, 2, potential, received) == 2
    assert (potential.tolist(), received.tolist()) == ([3, 0, -1], [1, 0, 1])
    assert synapses._receive_unit(targets, 1, 4, potential) == 3
    assert potential.tolist() == [3, 1, 1]


def test_kernels_return_their_counts() -> None:
    """What a kernel returns is what it did: the synaptic events, the words compared."""
    network = from_dense([[1, 1], [0, -1]], kwta=KWTA(1, 9, "end"))
    packed = synapses._packed(network)
    starts, lines = np.array([0, 2, 3]), np.array([0, 1, 1], dtype=np.int32)
    out = np.empty((2, 2), dtype=np.int32)
    assert synapses._potentials(packed, network.bias, starts, lines, out) == 4
    assert out.tolist() == [[1, 0], [0, -1]]
    tables = tuple(np.empty((2, 1), dtype=np.int32) for _ in range(3))
    tables += np.empty(2, dtype=np.int64), np.empty((2, 6), dtype=np.int64)
    group = (1, 9, readout.END, 1, 0)
    assert synapses._run(packed, network.bias, starts, lines, 1, group, tables) == 4
    words = bits.random(5, 130, rng=0)
    equal = np.empty((2, 5), dtype=np.int32)
    assert dense._equal_bits(words, words[:2], 130, equal) == 2 * 5 * 3
    ones = bits.popcount(words, 130)
    assert dense._run_dense(words, ones, words[:2], ones[:2], 130, 9, group, tables) == 2 * 5 * 3
