"""Constant nonzeros as a sim: the laws of codes, as many weights everywhere, words from the numbers, a figure."""

import copy
import json

import numba
import pytest
from matplotlib import pyplot as plt

from hdspike import sim, theory

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="no kernel of its own")


@pytest.fixture(scope="module")
def numbers():
    return sim.plain(sim.load("constant_width").simulate(quick=True, seed=0))


def test_codes_are_their_laws(numbers):
    law = numbers["codes"]["false_match"]["16"]
    assert law == pytest.approx(
        [theory.false_match(64 * g, 32, 32, 16) for g in numbers["growths"]], rel=1e-4
    )
    assert law[0] > 0.5 and law[-1] < 1e-10
    assert all(
        a > b for a, b in zip(numbers["codes"]["events"], numbers["codes"]["events"][1:], strict=False)
    )


def test_every_width_has_as_many_weights_and_fewer_inputs(numbers):
    rows = numbers["networks"][0]["rows"]
    assert [row["nonzeros"] for row in rows] == [74 * row["base"] for row in rows]
    for row in rows:
        assert row["inputs_each"][0] == 64 and all(m["low"] <= m["mean"] <= m["high"] for m in row["mean"])
        alive = [a / (row["base"] * g) for a, g in zip(row["living"], row["growths"], strict=True)]
        assert alive[0] == pytest.approx(1) and alive[-1] < 0.9
        assert min(m["mean"] for m in row["mean"]) < 0.8, "they learn"
    dense = [row["mean"][0]["mean"] for row in rows]
    assert dense[1] < dense[0], "more weights of more neurons help the dense network"


def test_costs_grow_with_the_width(numbers):
    costs = numbers["costs"]
    assert costs["index_bits"][0] == pytest.approx(0, abs=1e-9) and costs["index_bits"][-1] > 3
    whole = costs["seconds"]["dense, batch 256"]
    assert whole[-1] > whole[0] > 0
    assert costs["seconds"]["compressed rows, batch 1"][0] is None


def test_words_follow_the_numbers(numbers):
    model = sim.load("constant_width")
    assert numbers["words"] == model.words(numbers)
    other = copy.deepcopy(numbers)
    row = other["data"][0]["rows"]
    row[0]["best"], row[-1]["best"] = {"growth": 1, "low": 1, "high": 1}, {"growth": 16, "low": 4, "high": 16}
    assert "rises beyond its intervals" in model.words(other)[-1]
    row[0]["best"]["high"] = 16
    assert "rises, but within its intervals" in model.words(other)[-1]
    row[0]["best"] = {"growth": 16, "low": 16, "high": 16}
    assert "does not rise" in model.words(other)[-1]
    shares = [
        {"nonzeros": n, "growth": g, "recovered": r}
        for n, g, r in ((500, 2, 0.3), (500, 4, 0.8), (900, 2, 0.2))
    ]
    said = model.recovery({"name": "digits", "recovered": shares})[0]
    assert "80 % from 500 weights (×4), 20 % from 900 weights (×2)" in said
    assert "width, not weight count, decides for 1 of 2 sizes." in said
    assert (
        "weight count, not width, decides." in model.recovery({"name": "digits", "recovered": shares[2:]})[0]
    )
    assert model.recovery({"name": "digits", "recovered": []}) == []


def test_a_figure_is_drawn_from_the_written_numbers_alone(numbers):
    drawn = sim.load("constant_width").draw(json.loads(json.dumps(numbers, allow_nan=False)))
    assert sum(bool(ax.get_xlabel()) for ax in drawn.axes) == 5  # MNIST is not there
    plt.close(drawn)
