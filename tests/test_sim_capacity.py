"""What the sims on capacity and on constant nonzeros find, quickly, against what theory says they must."""

import json

import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from hdspike import sim, theory
from tests.conftest import JIT

pytestmark = pytest.mark.skipif(not JIT, reason="whole sims, far too slow un-jitted")


@pytest.fixture(scope="module")
def capacity():
    return sim.plain(sim.load("bundle_capacity").simulate(quick=True, seed=0))


@pytest.fixture(scope="module")
def nonzeros():
    return sim.plain(sim.load("constant_nonzeros").simulate(quick=True, seed=0))


@pytest.mark.parametrize("name", ["bundle_capacity", "constant_nonzeros"])
def test_a_figure_is_drawn_from_the_written_numbers_alone(name, capacity, nonzeros):
    numbers = {"bundle_capacity": capacity, "constant_nonzeros": nonzeros}[name]
    drawn = sim.load(name).draw(json.loads(json.dumps(numbers, allow_nan=False)))
    assert isinstance(drawn, Figure)
    assert all(ax.get_title() and ax.get_xlabel() and ax.get_ylabel() for ax in drawn.axes)
    plt.close(drawn)


def test_recall_is_that_of_the_exact_law(capacity):
    apart = [
        (p["recall"] - p["theory"]) / max(p["error"], 1 / (p["pairs"] * p["records"]))
        for points in capacity["recall"].values()
        for p in points
    ]
    assert len(apart) == 8
    assert max(map(abs, apart)) < 3.5


def test_capacities(capacity):
    assert capacity["capacity"] == {"bsc": 193, "sbc": 201}
    assert capacity["capacity_normal"] == {"5000": 97, "10000": 193, "20000": 387}
    at = capacity["per_member"]["bits"][capacity["per_member"]["items"].index(1000)]
    assert at["bsc"] == pytest.approx(51.7, abs=0.2)
    assert at["or"] < at["sbc_16"] < at["bsc"]
    for entry in capacity["information"].values():
        assert 0 < entry["best_bits"] < entry["bound_there"]
    assert capacity["information"]["bsc"]["bound_there"] == pytest.approx(
        capacity["information_limit"]["majority"], abs=1e-3
    )


def test_smallest_dimensions_lie_beside_the_published_ones(capacity):
    grid = theory.SQUARES
    for entries in capacity["smallest"].values():
        for entry in entries:
            assert abs(grid.index(entry["law"]) - grid.index(entry["published"])) <= 1
            assert entry["least_of_tens"] <= entry["most_of_tens"]
    for code, curve in capacity["smallest_law"].items():
        lengths = [dim for _, dim in curve]
        assert lengths == sorted(lengths)
        by_size = dict(curve)
        for entry in capacity["smallest"][code]:  # off the grid no more is needed than on it
            assert by_size[entry["k"]] <= entry["law"]


def test_false_matches_are_those_of_the_exact_law(nonzeros):
    points = [p for row in nonzeros["simulated"] for p in row]
    assert len(points) >= 8
    for p in points:
        error = (p["theory"] * (1 - p["theory"]) / p["pairs"]) ** 0.5
        assert p["theory"] >= 1e-4
        assert abs(p["share"] - p["theory"]) < 3.5 * error
    assert nonzeros["law"]["16"][0] == pytest.approx(1.2e-8, rel=0.05)


def test_real_codes_stop_at_their_floor(nonzeros):
    for entry in nonzeros["real"].values():
        assert len(entry["events"]) == len(nonzeros["dims"])
        for measured, law, random in zip(entry["events"], entry["law"], nonzeros["events"], strict=True):
            assert measured == pytest.approx(law, rel=0.1)
            assert measured > 0.98 * random
        assert entry["events"][-1] < 1.2 * entry["floor"] + nonzeros["events"][-1]
    floors = {name: entry["floor"] for name, entry in nonzeros["real"].items()}
    assert floors["rare"] < floors["contexts"] / 5
    assert nonzeros["events"][-1] < floors["contexts"] / 50  # random codes go on falling


def test_the_dense_twin_is_as_safe_and_no_longer_than_it_must(nonzeros):
    from scipy.stats import binom

    for bits, chance in zip(nonzeros["dense_twin_bits"], nonzeros["law"]["16"], strict=True):
        assert binom.sf(3 * bits // 4 - 1, bits, 0.5) <= chance
        assert binom.sf(3 * (bits - 4) // 4 - 1, bits - 4, 0.5) > chance


def test_the_same_seed_gives_the_same_numbers(nonzeros):
    assert sim.plain(sim.load("constant_nonzeros").simulate(quick=True, seed=0)) == nonzeros
