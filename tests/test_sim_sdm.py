"""What the sim of Kanerva's memory as softmax finds, quickly, against the closed forms."""

import json

import numpy as np
import pytest
from matplotlib import pyplot as plt

from hdspike import bits, sim, theory
from tests.conftest import JIT

jitted = pytest.mark.skipif(not JIT, reason="whole sims, far too slow un-jitted")


def test_one_hot_data_count_the_shared_locations():
    module = sim.load("sdm_softmax")
    random = np.random.default_rng(0)
    patterns, asked = bits.random(6, module.DIM, rng=random), bits.random(3, module.DIM, rng=random)
    asked[0] = patterns[4]
    memory = module.one_hot_memory(patterns, 40, random)
    memory.radius = 490  # so that a small memory has locations to share
    memory.counters[:] = 0
    memory.write(patterns, bits.pack(np.eye(6, dtype=np.uint8)))
    near = [bits.hamming(rows, memory.locations, module.DIM) <= 490 for rows in (patterns, asked)]
    by_hand = near[1].astype(int) @ near[0].astype(int).T
    assert module.shared(memory, asked).tolist() == by_hand.tolist()
    assert by_hand[0, 4] == near[0][4].sum() > 0


def test_so_many_bits_are_inverted():
    module = sim.load("sdm_softmax")
    random = np.random.default_rng(1)
    words = bits.random(4, module.DIM, rng=random)
    counts = np.array([0, 1, 500, 1000])
    there = module.inverted(words, counts, random)
    assert [
        int(bits.hamming(a[None], b[None], module.DIM)[0, 0]) for a, b in zip(words, there, strict=True)
    ] == counts.tolist()


def test_softmax_and_variation():
    module = sim.load("sdm_softmax")
    p = module.softmax_of(np.array([[0, 500, 500]]), 2.0)
    assert p[0, 0] == pytest.approx(np.e**2 / (np.e**2 + 2))
    assert module.variation(p, np.array([[1.0, 0, 0]]))[0] == pytest.approx(1 - p[0, 0])


@pytest.fixture(scope="module")
def numbers():
    return sim.plain(sim.load("sdm_softmax").simulate(quick=True, seed=0))


@jitted
def test_the_memory_weighs_as_the_closed_form_says(numbers):
    found = numbers["weights"]
    trials = found["locations"] * found["queries"]
    for share, law in zip(found["share"], found["law"], strict=True):
        assert abs(share - law) < 4.5 * (law / trials) ** 0.5 + 2 / trials
    for golden in numbers["goldens"]:
        assert golden["beta"] == pytest.approx(golden["published"], abs=0.05)
    last = numbers["ranges"][-1]
    assert last["beta"][-1] == pytest.approx(18.2, abs=0.05)
    assert last["r_squared"][-1] < 0.7 < 0.97 < last["r_squared"][0]


@jitted
def test_attention_and_recall(numbers):
    found = numbers["attention"]
    mean = {
        name: np.mean([p[name]["variation"] for p in found["points"]]) for name in ("near", "whole", "tuned")
    }
    assert mean["tuned"] <= mean["near"] < mean["whole"]
    for point in found["points"]:
        assert 0 <= point["memory"]["variation"] <= 1
        assert point["near"]["on_target"] == pytest.approx(point["law_on_target"], abs=0.25)
    held = numbers["recall"]
    assert held["critical"] == theory.sdm_critical_distance(1000, held["locations"], 451, held["stored"])
    for point in held["points"]:
        assert point["memory"]["mean"] == pytest.approx(point["law"], abs=0.08)
        assert point["sharp"]["mean"] <= point["near"]["mean"] + 1e-9
    assert held["points"][0]["memory"]["mean"] < 0.01 < 0.3 < held["points"][-1]["memory"]["mean"]


@jitted
def test_a_figure_is_drawn_from_the_written_numbers_alone(numbers):
    drawn = sim.load("sdm_softmax").draw(json.loads(json.dumps(numbers, allow_nan=False)))
    assert len(drawn.axes) == 4
    assert all(ax.get_title() and ax.get_xlabel() and ax.get_ylabel() for ax in drawn.axes)
    plt.close(drawn)
