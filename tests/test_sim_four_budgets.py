"""The four budgets as a sim: every form is priced, differences are those of the points, words from the numbers."""

import copy
import json

import numba
import numpy as np
import pytest
from matplotlib import pyplot as plt

from hdspike import sim
from hdspike.sparsity.budgets import BUDGETS, at_budget

pytestmark = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT), reason="times of kernels that are not compiled"
)


@pytest.fixture(scope="module")
def numbers():
    return sim.plain(sim.load("four_budgets").simulate(quick=True, seed=0))


def test_every_point_is_priced_by_every_budget(numbers):
    one = numbers["tasks"][0]
    assert {p["form"] for p in one["points"]} == set(sim.load("four_budgets").QUICK)
    for point in one["points"]:
        assert all(point[budget] > 0 for budget in BUDGETS)
        assert point["low"] <= point["error"] <= point["high"] and len(point["accuracies"]) == one["seeds"]
        for budget in ("alone_us", "batch_us"):
            ratios = point["kernels"][budget]["ratios"]
            assert point["kernels"][budget]["best"] == min(ratios, key=ratios.get)


def test_differences_are_those_of_the_points(numbers):
    one = numbers["tasks"][0]
    dense = [p for p in one["points"] if p["family"] == "dense"]
    rigl = next(p for p in one["points"] if p["form"] == "RigL")
    said = next(d for d in one["differences"]["stored"] if d["form"] == "RigL")
    base = at_budget([p["stored"] for p in dense], [p["accuracies"] for p in dense], rigl["stored"])
    if base is None:
        assert said["difference"] is None
    else:
        assert said["difference"] == pytest.approx(np.mean(np.array(rigl["accuracies"]) - base))


def test_words_follow_the_numbers(numbers):
    model, one = sim.load("four_budgets"), copy.deepcopy(numbers["tasks"][0])
    for budget in BUDGETS:
        one["differences"][budget] = []
        for row in one["table"]:
            row[budget] = {"best": -1.0, "better": 0, "worse": 1, "levels": 1}
    answer, detail = model.words(one)
    assert (
        "sparse surely beats dense at no budget" in answer and detail.count("no form is surely better") == 6
    )
    assert "surely worse at every level: RigL" in detail
    one["differences"]["active"] = [
        {"form": "experts", "difference": 0.012, "low": 0.01, "sure": True},
        {"form": "RigL", "difference": 0.02, "low": 0.001, "sure": False},
    ]
    answer, detail = model.words(one)
    assert (
        "sparse surely beats dense at equal active parameters (experts); no sure difference in its favour at equal "
        "stored parameters" in answer
    )
    one["differences"]["active"][0]["form"] = "ternary"  # not sparse: it wins, but sparse does not
    one["points"].append({"form": "ternary", "family": "bits"})
    assert "sparse surely beats dense at no budget" in model.words(one)[0]
    one["differences"]["active"][0]["form"] = "experts"
    assert (
        "at equal active parameters surely better than dense: experts (+1.2 points) (better by their own"
        in detail
    )
    assert "uncorrected: RigL +2.0)" in detail


def test_a_figure_is_drawn_from_the_written_numbers_alone(numbers):
    drawn = sim.load("four_budgets").draw(json.loads(json.dumps(numbers, allow_nan=False)))
    assert sum(bool(ax.get_xlabel()) for ax in drawn.axes) == 6
    plt.close(drawn)
