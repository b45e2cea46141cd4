"""The contest as a sim: who wins is said by the numbers, and all of them are drawn."""

import json

import numba
import pytest
from matplotlib import pyplot as plt

from hdspike import sim
from hdspike.plot.language import FAMILIES, PANELS, frontier

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="a whole sim, far too slow un-jitted")


@pytest.fixture(scope="module")
def numbers():
    return sim.plain(sim.load("head_to_head").simulate(quick=True, seed=0))


def test_everybody_learns_something(numbers):
    flat = next(p["bits"] for p in numbers["points"] if p["family"] == "unigram")
    others = [p for p in numbers["points"] if p["family"] in FAMILIES]
    assert {"n-grams", "spiking, sparse codes", "spiking, dense codes"} <= {p["family"] for p in others}
    assert all(p["bits"] < 0.7 * flat for p in others)
    for point in others:
        assert point["low"] <= point["bits"] <= point["high"]
        assert point["stored_bytes"] > 0


def test_both_ways_and_all_budgets_of_the_spiking_model(numbers):
    ours = [p for p in numbers["points"] if p["family"] == "spiking, sparse codes"]
    assert {p["way"] for p in ours} == {"frozen", "streaming"}
    assert all(p[what] > 0 for p in ours for what, _ in PANELS)
    assert all(p["joules"] > 0 and p["training_joules"] > 0 for p in ours)
    assert all(p["packed_bytes"] < p["stored_bytes"] for p in ours)


def test_differences_are_those_of_the_points(numbers):
    bits = {(p["family"], p["way"]): p["bits"] for p in reversed(numbers["points"])}
    for row in numbers["compared"]:
        own = bits["spiking, sparse codes", row["way"]]
        sampled = row["family"] in ("nearest neighbours", "spiking, dense codes")
        assert row["difference"]["value"] == pytest.approx(own - row["bits"], abs=0.6 if sampled else 1e-4)
    assert any("spiking" in line for line in numbers["words"])


def test_a_figure_is_drawn_from_the_written_numbers_alone(numbers):
    drawn = sim.load("head_to_head").draw(json.loads(json.dumps(numbers, allow_nan=False)))
    assert len(drawn.axes) == 4 and all(ax.get_xlabel() for ax in drawn.axes)
    plt.close(drawn)


def test_a_frontier_only_falls():
    assert frontier([(1, 5), (2, 6), (3, 4), (3, 3)]) == [(1, 5), (3, 3)]
