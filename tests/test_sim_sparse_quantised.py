"""What the sim on sparsity times quantisation finds, quickly: bytes exactly, the front, the two orders."""

import json

import pytest
from matplotlib import pyplot as plt

from hdspike import sim
from tests.conftest import JIT

pytestmark = pytest.mark.skipif(not JIT, reason="whole sims, far too slow un-jitted")

WEIGHTS, OUTPUTS = 64 * 300 + 300 * 100 + 1000, 410


@pytest.fixture(scope="module")
def numbers():
    return sim.plain(sim.load("sparse_quantised").simulate(quick=True, seed=0))


def point(numbers, sparsity, bits):
    (found,) = [p for p in numbers["points"] if (p["sparsity"], p["bits"]) == (sparsity, bits)]
    return found


def test_the_figure_is_drawn_from_the_written_numbers_alone(numbers):
    drawn = sim.load("sparse_quantised").draw(json.loads(json.dumps(numbers, allow_nan=False)))
    assert len(drawn.axes) == 4
    assert all(ax.get_title() and ax.get_xlabel() and ax.get_ylabel() for ax in drawn.axes)
    plt.close(drawn)


def test_bytes_are_those_of_the_formats(numbers):
    few = WEIGHTS / 5
    assert point(numbers, 0.0, 32)["stored"] == 4 * (WEIGHTS + OUTPUTS)
    assert point(numbers, 0.0, 2)["stored"] == WEIGHTS / 4 + 8 * OUTPUTS
    assert point(numbers, 0.8, 32)["stored"] == 4 * (few + OUTPUTS) + WEIGHTS / 8
    assert point(numbers, 0.8, 2)["stored"] == WEIGHTS / 8 + few / 4 + 8 * OUTPUTS
    assert all(0.3 * p["stored"] < p["active"] < p["stored"] for p in numbers["points"])


def test_what_both_lose_beyond_the_sum_is_paired(numbers):
    means = {(p["sparsity"], p["bits"]): p["accuracy"]["mean"] for p in numbers["points"]}
    expected = means[0.8, 32] + means[0.0, 2] - means[0.8, 2] - means[0.0, 32]
    assert point(numbers, 0.8, 2)["beyond"]["mean"] == pytest.approx(expected, abs=1e-5)
    assert point(numbers, 0.0, 2)["beyond"] == {"mean": 0, "half": 0}


def test_networks_learn_at_every_point(numbers):
    assert all(p["accuracy"]["mean"] > 0.6 for p in numbers["points"])
    assert point(numbers, 0.0, 2)["accuracy"]["mean"] > point(numbers, 0.0, 2)["untrained"]["mean"]


def test_pruning_equal_magnitudes_is_the_worse_order(numbers):
    """Signs have no magnitudes left: what is pruned then is chance."""
    row = next(r for r in numbers["orders"] if r["bits"] == 1)
    assert row["at once"]["mean"] > 0.2
    apart = row["at once"]["prune, quantise"] - row["at once"]["quantise, prune"]
    assert row["at once"]["mean"] == pytest.approx(apart, abs=1e-5)


def test_the_front_is_what_fewer_bytes_do_not_beat():
    front = sim.load("sparse_quantised").front
    points = [
        {"stored": size, "accuracy": {"mean": mean}}
        for size, mean in ((9, 0.9), (5, 0.8), (7, 0.7), (9, 0.95))
    ]
    assert [(p["stored"], p["accuracy"]["mean"]) for p in front(points)] == [(5, 0.8), (9, 0.95)]
