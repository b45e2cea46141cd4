"""What the sim on ternary weights finds, quickly, against its laws; and how it sums up runs."""

import json
import math

import pytest
from matplotlib import pyplot as plt

from hdspike import datasets, sim
from hdspike.contestants.kept import Kept
from hdspike.sparsity.ternary_race import RIVALS
from tests.conftest import JIT

pytestmark = pytest.mark.skipif(not JIT, reason="whole sims, far too slow un-jitted")


@pytest.fixture(scope="module")
def numbers():
    return sim.plain(sim.load("ternary").simulate(quick=True, seed=0))


def test_the_figure_is_drawn_from_the_written_numbers_alone(numbers):
    drawn = sim.load("ternary").draw(json.loads(json.dumps(numbers, allow_nan=False)))
    assert len(drawn.axes) == 4
    assert all(ax.get_title() and ax.get_xlabel() and ax.get_ylabel() for ax in drawn.axes)
    assert "31.0% of Gaussian" in drawn.axes[0].get_title()
    plt.close(drawn)


def test_drawn_weights_have_the_zeros_of_their_law(numbers):
    assert set(numbers["drawn"]) == {"gaussian", "laplace", "uniform"}
    for entry in numbers["drawn"].values():
        assert abs(entry["drawn"]["mean"] - entry["law"]) < 5 * math.sqrt(0.25 / 200_000)


def test_trained_layers_are_as_little_sparse_as_gaussian_ones(numbers):
    ways = numbers["networks"]["digits"]["ways"]
    for way in ("rounded", "ternary", "ternary, int8"):
        assert len(ways[way]["zeros"]) == 3
        assert all(0.2 < layer["mean"] < 0.45 for layer in ways[way]["zeros"])
        assert ways[way]["additions"] == pytest.approx((1 - 0.31) * ways[way]["macs"], rel=0.05)
    assert ways["dense"]["zeros"] == []


def test_training_helps_and_bytes_are_counted(numbers):
    ways = numbers["networks"]["digits"]["ways"]
    assert ways["ternary"]["accuracy"]["mean"] > ways["rounded"]["accuracy"]["mean"]
    assert ways["ternary, int8"]["accuracy"]["mean"] > 0.8
    weights, outputs = 64 * 300 + 300 * 100 + 1000, 410
    assert ways["dense"]["bytes"] == 4 * (weights + outputs)
    assert ways["ternary"]["bytes"] == weights / 4 + 4 * (3 + outputs)
    assert ways["int8"]["bytes"] == weights + 8 * outputs


def test_every_rival_is_timed(numbers):
    (row,) = numbers["times"]
    assert set(row["ratios"]) == set(RIVALS)
    assert all(entry["low"] <= entry["ratio"] <= entry["high"] for entry in row["ratios"].values())
    assert row["ratios"]["NumPy int8"]["ratio"] > 2
    assert row["macs"] == 768 * 768
    assert row["words"] == 12 * 768 * 8


def test_differences_to_dense_are_paired():
    def run(dense, ternary):
        entry = {"bytes": 1, "macs": 2, "additions": 1, "seconds": 1.0, "zeros": [0.3]}
        return {"dense": entry | {"accuracy": dense, "zeros": []}, "ternary": entry | {"accuracy": ternary}}

    found = sim.load("ternary").summary([run(0.9, 0.8), run(0.7, 0.6)])
    assert found["ternary"]["loss"]["mean"] == pytest.approx(0.1)
    assert found["ternary"]["loss"]["half"] == pytest.approx(0, abs=1e-9)
    assert found["ternary"]["accuracy"]["half"] > 1
    assert found["ternary"]["zeros"][0]["mean"] == 0.3


def test_a_task_that_was_not_fetched_is_left_out(monkeypatch):
    module = sim.load("ternary")

    def absent():
        raise datasets.Absent("mnist is not here")

    monkeypatch.setattr(module, "mnist", absent)
    monkeypatch.setattr(module, "SETTINGS", {"digits": (1, 1, 64), "mnist": (1, 1, 100)})
    monkeypatch.setattr(module, "HIDDEN", (4,))
    found = module.networks(False, 0, Kept(None))
    assert list(found) == ["digits"]
    assert set(found["digits"]["ways"]) == {*module.WAYS, "int8"}
