"""What the sim of memories that compute finds in a quick look, against laws and against itself."""

import json

import numba
import numpy as np
import pytest
from matplotlib import pyplot as plt

from hdspike import in_memory, sim

pytest.importorskip("sklearn")
MODULE = sim.load("noisy_memory")
pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="a whole sim, far too slow un-jitted")


@pytest.fixture(scope="module")
def quick():
    return sim.plain(MODULE.simulate(quick=True, seed=0))


def near(point, law, slack=0.03):
    """Within four standard errors of a share."""
    return abs(point["accuracy"] - law) < 4 * np.sqrt(law * (1 - law) / point["trials"]) + slack


def test_a_figure_is_drawn_from_the_written_numbers_alone(quick):
    drawn = MODULE.draw(json.loads(json.dumps(quick, allow_nan=False)))
    assert len(drawn.axes) == 8
    assert all(ax.get_title(loc="left") or ax.get_title() for ax in drawn.axes)
    assert all(ax.get_xlabel() for ax in drawn.axes)
    plt.close(drawn)


def test_the_published_errors_are_those_of_the_file(quick):
    assert quick["published"]["ambit"] == {"±5 %": 0.0, "±10 %": 0.0029, "±15 %": 0.0601}
    assert quick["published"]["weak"]["9"] == pytest.approx(1 - 0.0591)


def test_an_xor_is_composed_of_its_activations(quick):
    for row in quick["xor"]:
        for name in ("equal", "different"):
            point = row[name]
            assert abs(point["share"] - point["law"]) < 2.2 * (point["high"] - point["low"])
        assert row["equal"]["law"] > row["rate"] or row["rate"] > 0.4


def test_recalls_follow_their_law(quick):
    points = quick["recall"] + [q for q in quick["designs"] if q["law"] is not None]
    assert len(points) > 20
    assert all(near(q, q["law"]) for q in points)
    shortest = [q["accuracy"] for q in quick["recall"] if q["dim"] == min(MODULE.PLANS[True]["swept"])]
    assert shortest[0] > shortest[-1] + 0.2


def test_counting_inside_is_what_errors_hurt_most(quick):
    at = {q["design"]: q["accuracy"] for q in quick["designs"] if q["error"] == 0.0029}
    assert at["columns"] < 0.2 < 0.6 < at["dram"]
    most = {q["design"]: q["accuracy"] for q in quick["designs"] if q["error"] == 0.25}
    assert most["stuck"] > most["cam"] > most["dram"]


def test_match_lines_that_tell_few_mismatches_apart_rank_nothing_far(quick):
    by = {(q["changed"], q["limit"]): q["accuracy"] for q in quick["sensing"]}
    assert by[0.1, 8] > 0.9
    assert by[0.4, 8] < 0.2 < 0.6 < by[0.4, None]


def test_bundles_follow_their_law(quick):
    by = {entry["name"]: entry["points"] for entry in quick["bundles"]}
    for points in by.values():
        for p in points:
            assert abs(p["lean"] - p["law"]) < 4 * p["half"] + 0.01
    last = by["majority"][-1], by["tree ±5 %"][-1], by["tree ±15 %"][-1]
    assert last[0]["lean"] > last[1]["lean"] > last[2]["lean"]


def test_digits_lose_with_errors_and_gain_with_dimension(quick):
    entry = quick["digits"]
    cam = {q["error"]: q for q in entry["swept"] if q["design"] == "cam"}
    assert cam[0.0029]["accuracy"] > 0.8 > cam[0.4]["accuracy"]
    for q in cam.values():
        assert abs(q["accuracy"] - q["law"]) < 4 * np.sqrt(q["law"] * (1 - q["law"]) / entry["test"]) + 0.05
    assert all(q["joules"]["ledger"] == "circuit" for q in entry["dims"])
    exact = {q["dim"]: q["accuracy"] for q in entry["dims"] if q["design"] == "processor"}
    assert exact[max(exact)] > exact[min(exact)]


def test_energies_are_of_one_ledger_and_the_goal_is_bought_with_dimension(quick):
    bars = quick["bars"]["queries"]
    assert {q["ledger"] for q in bars} == {"circuit"}
    assert {q["joules"]["ledger"] for q in quick["frontier"] + quick["iso"]} == {"circuit"}
    for design in ("dram", "bitline", "cam", "crossbar"):
        points = [q for q in quick["iso"] if q["design"] == design]
        dims = [q["dim"] for q in points]
        assert dims == sorted(dims) and dims[-1] > dims[0]
        assert all(q["joules"]["low"] <= q["joules"]["nominal"] <= q["joules"]["high"] for q in points)
        reached = in_memory.design_law(design, dims[-1], MODULE.ITEMS, MODULE.CHANGED, points[-1]["error"])
        assert MODULE.GOAL <= reached < MODULE.GOAL + 0.003


def test_where_it_does_not_pay(quick):
    """A search in rows reads as much as a fetch; columns need a memory as wide as their rows; bundles pay."""
    by = {q["label"]: q["nominal"] for q in quick["bars"]["queries"]}
    assert by["DRAM rows"] > by["fetched"] > by["DRAM columns"]
    assert by["DRAM rows, packed"] < by["DRAM rows"]
    small = quick["bars"]["small"]
    assert small["columns"] > small["processor"] > small["resident"]
    bundle = quick["bars"]["bundle"]
    assert bundle["tree"]["nominal"] < bundle["fetched"]["nominal"]


def test_priced_counts_are_those_of_the_room(quick):
    """The match array by hand: items × D × 0.19 fJ; a cache of 32 KB for what fits in it."""
    point = next(q for q in quick["frontier"] if q["design"] == "cam" and q["dim"] == 512)
    assert point["joules"]["nominal"] == pytest.approx(1000 * 512 * 0.19e-15)
    assert "sram_bits" in MODULE.counts_of("resident", 10, 4096)
    assert "l2_bits" in MODULE.counts_of("resident", 1000, 4096)
    assert MODULE.counts_of("dram", 1000, 4096) == in_memory.recall_counts(1000, 4096, 1)
