"""The nearest-neighbour query of Loihi: its network against integer products, its counts against the published band."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot as plt

from hdspike import functional, sim, substrate, workloads
from hdspike.chip import Architecture, simulate
from hdspike.encode import SimHash, simhash_match
from hdspike.spaces import BSDC, SBC
from hdspike.workloads import neighbours as nn
from hdspike.workloads import searching
from tests.conftest import JIT

jitted = pytest.mark.skipif(not JIT, reason="whole sims and whole chips, far too slow un-jitted")


def small(count, features, seed, decay=0.0, cosine=0.7):
    random = np.random.default_rng(seed)
    patterns, deviation = nn.synthetic(count, features, decay=decay, rng=random)
    queries = nn.noisy(patterns[random.integers(count, size=3)], deviation, cosine, rng=random)
    return patterns, queries


@given(count=st.integers(1, 9), features=st.integers(1, 7), steps=st.integers(2, 9), seed=st.integers(0, 99))
def test_potentials_of_the_latency_code_are_the_integer_product(count, features, steps, seed):
    patterns, queries = small(count, features, seed)
    weights, level = nn.weights_of(patterns), nn.levels(queries, steps=steps)
    synapses = nn.signed_synapses(weights)
    for row in level:
        network = nn.ask(synapses, *nn.latency_query(row, steps=steps), ramp=True)
        wanted = weights.astype(np.int64) @ row
        np.testing.assert_array_equal(searching.potentials(network, steps), wanted)
        activity = functional.simulate(network, steps, step_s=nn.STEP_S)
        assert activity.counts["synaptic_events"] == count * np.count_nonzero(row)


@given(count=st.integers(1, 9), features=st.integers(2, 8), data=st.data(), seed=st.integers(0, 99))
def test_potentials_of_a_sparse_code_are_shared_lines(count, features, data, seed):
    ones = data.draw(st.integers(1, features))
    patterns, queries = small(count, features, seed)
    active, asked = nn.strongest(patterns, ones), nn.strongest(queries, ones)
    shared = BSDC(2 * features, ones=ones).score(np.sort(asked, axis=1), np.sort(active, axis=1))
    synapses = nn.sparse_synapses(active, 2 * features)
    for lines, wanted in zip(asked, shared, strict=True):
        network = nn.ask(synapses, np.zeros(ones, np.int64), lines.astype(np.int64), ramp=False)
        np.testing.assert_array_equal(searching.potentials(network, 2), wanted)
        assert functional.simulate(network, 2, step_s=nn.STEP_S).counts["synaptic_events"] == wanted.sum()


def test_levels_and_spikes():
    level = nn.levels(np.array([[0.9, -0.1, 0.02, -0.9, 0.3]]), steps=10)
    assert level.tolist() == [[9, -1, 0, -9, 3]]
    assert nn.levels(np.array([[0.9, -0.1, 0.02, -0.9, 0.3]]), steps=10, spikes=3).tolist() == [
        [9, 0, 0, -9, 3]
    ]
    assert nn.levels(np.array([[0.9, -0.1, 0.02, -0.9, 0.3]]), steps=2, spikes=3).tolist() == [
        [1, 0, 0, -1, 1]
    ]
    when, lines = nn.latency_query(level[0], steps=10)
    assert when.tolist() == [0, 0, 6, 8]
    assert lines.tolist() == [0, 8, 4, 6]
    assert nn.strongest(np.array([[0.1, -0.9, 0.5]]), 2).tolist() == [[4, 2]]
    assert nn.block_lines(np.array([[1, 0, 3]]), 4).tolist() == [[1, 4, 11]]


def test_spelt_signs_are_simhash():
    patterns, _ = small(40, 12, 1)
    code = SimHash(SBC(6 * 8, blocks=6), 12, seed=3)(patterns)
    words = searching.Projector(searching.BSC(40), 12, seed=3)(patterns)
    np.testing.assert_array_equal(searching.spelt(words, 6, 8), nn.block_lines(code, 8))


def test_the_law_of_simhash_is_that_of_a_plain_simulation():
    count, features, length, blocks, cosine, trials = 30, 50, 4, 12, 0.6, 4000
    random = np.random.default_rng(0)
    off = random.standard_normal(trials) / features**0.5
    near = (cosine + 0.8 * off) / np.sqrt(1 + 2 * cosine * 0.8 * off)
    hits = random.binomial(blocks, simhash_match(near, 2))
    others = np.clip(random.standard_normal((trials, count - 1)) / features**0.5, -1, 1)
    rivals = random.binomial(blocks, simhash_match(others, 2))
    tied = (rivals == hits[:, None]).sum(axis=1)
    won = np.mean(np.where(rivals.max(axis=1) > hits, 0.0, 1 / (1 + tied)))
    law = searching.simhash_law(count, features, cosine, length, blocks)
    assert law == pytest.approx(won, abs=4 * 0.5 / trials**0.5)
    assert 0.2 < law < 0.9


@jitted
def test_one_chip_says_what_the_functional_runner_says():
    work = workloads.build("neighbours", seed=1)
    assert work.network["patterns"].size == 2400
    architecture = Architecture.from_substrate(substrate.load("loihi"))
    placed = nn.spread(work.network, architecture)
    held = np.bincount(placed.core[work.network.offsets[1] :])
    assert (held.min(), held.max()) == (18, 19)
    ran = simulate(work.network, architecture, work.steps, placement=placed, step_s=work.step_s)
    plain = functional.simulate(work.network, work.steps, step_s=work.step_s)
    np.testing.assert_array_equal(ran.activity.spikes(), plain.spikes())
    assert ran.counts["synaptic_events"] == plain.counts["synaptic_events"]
    assert ran.counts["accesses"] == 2400 * 60
    assert 2400 * 667 <= ran.counts["synaptic_events"] <= 2400 * 750
    assert len(set(plain.spikes("patterns")["address"])) == 1  # one pattern alone passes six deviations


@jitted
def test_a_core_that_is_reached_by_too_many_lines_is_refused():
    architecture = Architecture.from_substrate(substrate.load("loihi"))
    random = np.random.default_rng(0)
    active = nn.block_lines(random.integers(256, size=(2400, 400)), 256)
    network = nn.ask(
        nn.sparse_synapses(active, 400 * 256), np.zeros(1, np.int64), np.zeros(1, np.int64), ramp=False
    )
    with pytest.raises(ValueError, match=r"^network must reach each core by at most 4096 lines, got "):
        nn.spread(network, architecture)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: nn.synthetic(0, 4), ValueError, "patterns must be at least 1, got 0"),
        (lambda: nn.synthetic(3, 4, decay=-1.0), ValueError, r"decay must be in \[0, 4\], got -1"),
        (lambda: nn.noisy(np.ones((1, 2), np.float32), np.ones(2), 2.0), ValueError, "cosine must be in"),
        (lambda: nn.weights_of(np.ones((2, 2), int)), ValueError, "patterns must be floats"),
        (lambda: nn.levels(np.array([[np.nan]]), steps=4), ValueError, "queries must be finite"),
        (lambda: nn.levels(np.ones((1, 2)), steps=1), ValueError, "steps must be at least 2, got 1"),
        (lambda: nn.latency_query(np.array([4]), steps=4), ValueError, "level must be below 4 steps, got 4"),
        (lambda: nn.signed_synapses(np.full((1, 1), -128, np.int8)), ValueError, "weights must be in"),
        (lambda: nn.strongest(np.ones((2, 3)), 4), ValueError, "ones must be at most 3, got 4"),
        (lambda: nn.block_lines(np.array([[4]]), 4), ValueError, r"codes must be in \[0, 4\), got 4"),
        (lambda: nn.sparse_synapses(np.array([[4]]), 4), ValueError, r"active must be in \[0, 4\), got 4"),
    ],
)
def test_bad_arguments(call, error, text):
    with pytest.raises(error, match=f"^{text}"):
        call()


@pytest.fixture(scope="module")
def numbers():
    return sim.plain(sim.load("nearest_neighbour").simulate(quick=True, seed=0))


@jitted
def test_counts_and_joules_of_the_measured_query(numbers):
    band, made = numbers["published"], numbers["rebuilt"]
    for run in made["runs"]:
        assert run["same"]
        assert band["events"][0] <= run["synaptic_events"] <= band["events"][1]
    assert made["race"]["right"] == made["race"]["asked"]
    chips = made["chips"]
    assert chips["visits"] == band["updates"] == chips["updates_active"] + chips["updates_inactive"]
    assert band["joules"][0] <= made["by_the_derived_rule"] <= band["joules"][1]
    by_hand = 23.6e-12 * chips["synaptic_events"] + 52e-12 * chips["visits"]
    assert made["by_the_derived_rule"] == pytest.approx(by_hand, rel=1e-5)
    busy = 81e-12 * chips["updates_active"] + 52e-12 * chips["updates_inactive"]
    assert chips["joules"]["update"] == pytest.approx(busy, rel=1e-5)
    assert chips["joules"]["static"] == pytest.approx(0.104 * chips["simulated_s"], rel=1e-4)


def test_the_full_band_is_the_published_one():
    band = sim.load("nearest_neighbour").published(76_800)
    assert band["events"] == [51_225_600, 57_600_000]
    assert band["updates"] == 4_608_000
    assert band["joules"] == pytest.approx([1.448e-3, 1.599e-3], abs=1e-6)


@jitted
def test_sparse_codes_take_what_chance_says_and_find_copies_but_not_neighbours_in_a_crowd(numbers):
    copies, crowd = numbers["searches"]["copies"], numbers["searches"]["crowd"]
    for p in copies["sparse"]:
        assert p["synaptic_events"] == pytest.approx(p["by_chance"], rel=0.03)
        if "law" in p:
            assert p["low"] - 0.03 <= p["law"] <= p["high"] + 0.03
    assert max(p["top1"] for p in copies["sparse"]) == 1.0
    assert all(p["synaptic_events"] > 1.02 * p["by_chance"] for p in crowd["sparse"])
    assert max(p["high"] for p in crowd["sparse"]) < crowd["latency"][0]["low"]
    for fewer in numbers["fewer"].values():
        assert 1 < fewer["than_spared"] < fewer["than_full"]


@jitted
def test_a_figure_is_drawn_from_the_written_numbers_alone(numbers):
    drawn = sim.load("nearest_neighbour").draw(json.loads(json.dumps(numbers, allow_nan=False)))
    assert len(drawn.axes) == 6
    assert all(ax.get_title() and ax.get_xlabel() and ax.get_ylabel() for ax in drawn.axes)
    plt.close(drawn)
