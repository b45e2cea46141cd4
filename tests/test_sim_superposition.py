"""What the sim of superposition finds in a quick look, against the exact line and the laws."""

import json

import numba
import numpy as np
import pytest
from matplotlib import pyplot as plt

from hdspike import sim
from hdspike.sparsity import superposition

pytest.importorskip("sklearn")
MODULE = sim.load("superposition")
pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="a whole sim, far too slow un-jitted")


@pytest.fixture(scope="module")
def quick():
    return sim.plain(MODULE.simulate(quick=True, seed=0))


def test_a_figure_is_drawn_from_the_written_numbers_alone(quick):
    drawn = MODULE.draw(json.loads(json.dumps(quick, allow_nan=False)))
    assert len(drawn.axes) == 6
    assert all(ax.get_title() and ax.get_xlabel() and ax.get_ylabel() for ax in drawn.axes)
    plt.close(drawn)


def test_training_arrives_where_the_line_says_away_from_it(quick):
    entry = quick["phase"]
    p, r = np.array(entry["densities"])[:, None], np.array(entry["importances"])[None]
    line = superposition.critical_density(r)
    found, far = np.array(entry["found"]), (p < 0.6 * line) | (p > 1.7 * line)
    far &= (np.abs(np.log(r)) > 0.1) | (p < 0.5)  # equals that are always there: any direction is as good
    assert far.sum() > 30
    assert (found == np.array(entry["law"]))[far].mean() > 0.97
    losses = superposition.pair_losses(*np.broadcast_arrays(p, r)).min(axis=-1)
    assert np.median(np.array(entry["loss"]) / losses) < 1.02


def test_the_pentagon_has_equal_angles(quick):
    entry = quick["pentagon"]
    np.testing.assert_allclose(entry["angles"], 72, atol=3)
    assert sum(entry["angles"]) == pytest.approx(360)
    assert max(entry["lengths"]) / min(entry["lengths"]) < 1.05
    assert 1 <= entry["pentagons"] <= entry["instances"]


def test_rarer_features_share_more(quick):
    entry = quick["ladder"]
    assert entry["per_feature"][0] > 0.8
    assert entry["per_feature"][-1] < 0.4
    assert entry["represented"][-1] > entry["dims"]


def test_capacities_and_errors_follow_their_laws(quick):
    for entry in quick["stores"]:
        for point in entry["points"]:
            law = np.interp(np.log(point["k"]), np.log(entry["k"]), entry["law"])
            assert abs(point["found"]["mean"] - law) < 0.12
            law = np.exp(np.interp(np.log(point["k"]), np.log(entry["k"]), np.log(entry["error_law"])))
            assert np.sqrt(point["square"]["mean"]) == pytest.approx(law, rel=0.35)
    held = [entry["capacity"] for entry in quick["stores"]]
    assert held == sorted(held, reverse=True)
    assert held[0] == 161
    assert 15 < held[0] / held[-1] < 25


def test_real_features_come_back_better_with_more_room(quick):
    entry = quick["real"]
    for row in entry["rows"]:
        assert row[-1]["mean"] > row[0]["mean"] - 0.02
        assert row[-1]["mean"] <= entry["exact"]["mean"] + 0.05
    by = {one[:3]: row for one, row in zip(MODULE.KEPT, entry["rows"], strict=True)}
    assert by["principal", None, None][0]["mean"] > by["hypervectors", None, None][0]["mean"]
    assert by["hypervectors", None, None][0]["mean"] > by["random", None, None][0]["mean"]
