"""What the sims of memories find, quickly, against what theory says they must."""

import json
from math import comb, log2, sqrt

import numba
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from hdspike import sim, theory

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="whole sims, far too slow un-jitted")


@pytest.fixture(scope="module")
def willshaw():
    return sim.plain(sim.load("willshaw").simulate(quick=True, seed=0))


@pytest.fixture(scope="module")
def resonator():
    return sim.plain(sim.load("resonator").simulate(quick=True, seed=0))


@pytest.mark.parametrize("name", ["willshaw", "resonator"])
def test_a_figure_is_drawn_from_the_written_numbers_alone(name, willshaw, resonator):
    numbers = {"willshaw": willshaw, "resonator": resonator}[name]
    drawn = sim.load(name).draw(json.loads(json.dumps(numbers, allow_nan=False)))
    assert isinstance(drawn, Figure)
    assert all(ax.get_title() and ax.get_ylabel() and ax.get_xlabel() for ax in drawn.axes)
    plt.close(drawn)


def test_willshaw_follows_its_laws(willshaw):
    for entry in willshaw["sizes"]:
        n, k = entry["n"], entry["k"]
        for point in entry["points"]:
            stored = point["stored"]
            assert point["density"]["mean"] == pytest.approx(theory.willshaw_density(n, k, stored), abs=1e-3)
            for key, missing in (("false_whole", 0), ("false_half", k // 2)):
                law = (n - k) * theory.willshaw_false_ones(n, k, stored, missing=missing)
                # patterns of one memory share its accidents: 10 % of slack beside Poisson
                asked = willshaw["memories"] * willshaw["asked"]
                assert abs(point[key]["mean"] - law) < 0.1 * law + 4 * sqrt(law / asked)
            info = theory.willshaw_information(n, k, stored)
            assert point["bits"]["mean"] == pytest.approx(info, abs=0.01)


def test_willshaw_goldens(willshaw):
    for (n, p1, info), entry in zip(
        [(1000, 0.4998, 0.510), (2000, 0.4999, 0.524)], willshaw["sizes"], strict=True
    ):
        full = next(p for p in entry["points"] if p["load"] == 1.0)
        assert entry["n"] == n
        assert full["density"]["mean"] == pytest.approx(p1, abs=1e-3)
        assert full["bits"]["mean"] == pytest.approx(info, abs=0.004)


def test_bits_told_by_a_pattern_with_false_ones():
    module = sim.load("willshaw")
    got = module.told(20, 3, np.array([3, 5]))
    assert got == pytest.approx([log2(comb(20, 3)), log2(comb(20, 3) / comb(5, 3))])
    drawn = module.patterns(6, 4, 3000, np.random.default_rng(0))
    assert all(len(set(row)) == 4 for row in drawn.tolist())
    counts = np.bincount(drawn.ravel(), minlength=6)
    assert np.abs(counts - 2000).max() < 5 * sqrt(3000 * 2 / 9)


def test_resonators_factor_small_products_and_fail_on_large_ones(resonator):
    for entries in resonator["runs"].values():
        at = [entry["capacity"]["space"] for entry in entries]
        assert at == sorted(at)
        assert at[0] < at[-1]
        for entry in entries:
            first, last = entry["points"][0], entry["points"][-1]
            assert first["accuracy"] >= 0.95
            assert last["accuracy"] < first["accuracy"]
            assert last["iterations"][1] > first["iterations"][1]
            assert entry["capacity"]["low"] <= entry["capacity"]["space"] <= entry["capacity"]["high"]
    assert resonator["fits"]["3"]["slope"] > 1.5  # more than linear in the dimension


def test_capacity_is_where_accuracy_passes_the_goal():
    """A known logistic curve in log M: its 99 % point comes back."""
    module = sim.load("resonator")
    spaces = np.exp(np.linspace(6, 12, 13))
    share = 1 / (1 + np.exp(3 * (np.log(spaces) - 10)))
    points = [{"space": s, "accuracy": a, "trials": 10**6} for s, a in zip(spaces, share, strict=True)]
    found = module.capacity(points)
    assert np.log(found["space"]) == pytest.approx(10 - np.log(99) / 3, abs=0.01)
    assert found["low"] < found["space"] < found["high"]
    assert np.log(found["half"]) == pytest.approx(10, abs=0.01)


def test_the_same_seed_gives_the_same_numbers(resonator):
    module = sim.load("resonator")
    again = module.series(200, 2, resonator["trials"], 0, module.SPREAD[1::2])
    assert sim.plain(again) == resonator["runs"]["2"][0]
