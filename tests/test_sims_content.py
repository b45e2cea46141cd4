"""What the sims find, quickly, against what theory says they must."""

import json
from math import sqrt

import numba
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from hdspike import sim, theory

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="whole sims, far too slow un-jitted")


@pytest.fixture(scope="module")
def holographic():
    return sim.plain(sim.load("holographic").simulate(quick=True, seed=0))


@pytest.fixture(scope="module")
def sparsity():
    return sim.plain(sim.load("attention_sparsity").simulate(quick=True, seed=0))


@pytest.mark.parametrize("name", ["holographic", "attention_sparsity"])
def test_a_figure_is_drawn_from_the_written_numbers_alone(name, holographic, sparsity):
    numbers = {"holographic": holographic, "attention_sparsity": sparsity}[name]
    written = json.loads(json.dumps(numbers, allow_nan=False))
    drawn = sim.load(name).draw(written)
    assert isinstance(drawn, Figure)
    assert all(ax.get_title() and ax.get_ylabel() for ax in drawn.axes)
    plt.close(drawn)


def apart(point):
    """Standard errors between recall and theory; the rule of three bounds the error where theory says 1."""
    variance = point["theory"] * (1 - point["theory"]) / point["effective_trials"]
    return (point["recall"] - point["theory"]) / max(sqrt(variance), 1 / point["effective_trials"])


def test_recall_is_that_of_the_exact_law(holographic):
    deviations = [
        apart(point)
        for code in holographic["codes"].values()
        for series in code.values()
        for point in series["cut"] + series["damage"]
    ]
    assert len(deviations) == 2 * (2 * 5 + 5 + 4)
    assert max(map(abs, deviations)) < 3.5  # of 38 points; a single one is held to 3
    assert sum(d * d for d in deviations) / len(deviations) < 1.6


@pytest.mark.parametrize("code", ["bsc", "sbc"])
def test_half_a_vector_is_twice_the_bundle(holographic, code):
    pair = holographic["lesion"][code]
    assert all(abs(apart(entry)) < 3 for entry in pair.values())
    whole, half, same = pair["whole"], pair["half"], pair["half_same_pairs"]
    assert half["places"] * 2 == whole["places"]
    assert half["pairs"] * 2 - 1 == whole["pairs"]
    assert abs(half["theory"] - whole["theory"]) < 0.01
    assert same["high"] < half["low"]  # it is not the cut alone that makes the law


def test_lesion_law_golden(holographic):
    pair = holographic["lesion"]["bsc"]
    for entry, golden in ((pair["whole"], 0.9874), (pair["half"], 0.9872)):
        assert entry["low"] <= golden <= entry["high"]
        assert entry["normal"] == pytest.approx(golden, abs=5e-5)


def test_mass_lost_is_that_of_normal_scores_at_the_same_number_of_keys(sparsity):
    for entry in sparsity["random"].values():
        assert entry["deviation"] == pytest.approx(1.0, abs=0.02)
        for row in entry["rows"]:
            error = sqrt(row["lost"]["se"] ** 2 + row["finite"]["se"] ** 2)
            assert abs(row["lost"]["mean"] - row["finite"]["mean"]) <= 3 * error + 1e-3
            assert row["law"] == pytest.approx(theory.dropped_mass(0.01, row["sigma"]), abs=1e-5)
        strong = entry["rows"][-1]
        assert strong["lost"]["mean"] > strong["law"]  # a finite N loses more


def test_mass_kept_and_entropy_follow_their_laws_where_scores_are_mild(sparsity):
    entry = sparsity["random"]["4096"]
    for share, kept in zip(sparsity["shares"], entry["curves"][0]["kept"], strict=True):
        law = 1.0 if share == 1 else 1 - theory.dropped_mass(share, 1.0)
        assert abs(kept["mean"] - law) < 3 * kept["se"] + 2e-3
    law = sparsity["entropy_law"]
    for row, softmax, winners in zip(entry["rows"], law["softmax_bits"], law["winner_bits"], strict=True):
        if row["sigma"] <= 1.5:
            assert abs(row["softmax_bits"]["mean"] - softmax) < 3 * row["softmax_bits"]["se"] + 0.02
            assert abs(row["winner_bits"]["mean"] - winners) < 3 * row["winner_bits"]["se"] + 0.05
    assert law["uniform_bits"] >= max(row["winner_bits"]["mean"] for row in entry["rows"]) - 1e-6


def test_empty_cells_are_by_construction_and_touched_pairs_are_not(sparsity):
    bsc, sbc = sparsity["real"]["bsc"], sparsity["real"]["sbc"]
    assert bsc["touched_fraction"] == 1.0
    assert bsc["events_per_pair"] == pytest.approx(bsc["dim"] / 2, rel=0.02)
    assert sbc["touched_by_chance"] == pytest.approx(theory.chance_touched(128, 1024), abs=1e-5)
    assert sbc["touched_by_chance"] < sbc["touched_fraction"] < 0.35  # text is not random: it shares more
    assert sbc["events_per_pair"] < 4
    for entry in (bsc, sbc):
        for won in entry["winners"]:
            assert won["nonzero_fraction"] <= won["k"] / entry["keys"] * (1 + 1e-5)
            assert won["nonzero_fraction"] < entry["touched_fraction"]
            assert won["nonzero_fraction"] > 0.8 * won["k"] / entry["keys"]
        masses = [w["captured_mass"]["mean"] for w in entry["winners"]]
        assert masses == sorted(masses)


@pytest.mark.parametrize("name", ["holographic", "attention_sparsity"])
def test_the_same_seed_gives_the_same_numbers(name, holographic, sparsity):
    first = {"holographic": holographic, "attention_sparsity": sparsity}[name]
    module = sim.load(name)
    if name == "holographic":
        again = sim.plain(module.lesion("bsc", 101, 0.5, 40, 0))
        assert again == first["lesion"]["bsc"]["half"]
    else:
        again = sim.plain(module.random_scores(1024, 60, 200, 0))
        assert again == first["random"]["1024"]
