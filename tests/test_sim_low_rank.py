"""What the sim of low rank finds in a quick look, and its figure with and without the model."""

import json

import numba
import numpy as np
import pytest
from matplotlib import pyplot as plt

from hdspike import sim
from hdspike.sparsity import decoder_bytes, few_weights, short_keys
from hdspike.sparsity.projections import KINDS

pytest.importorskip("sklearn")
MODULE = sim.load("low_rank")
pytestmark = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT), reason="a whole sim, and nothing jitted in it"
)


@pytest.fixture(scope="module")
def quick():
    return sim.plain(MODULE.simulate(quick=True, seed=0))


def panels(numbers):
    drawn = MODULE.draw(json.loads(json.dumps(numbers, allow_nan=False)))
    titles = [ax.get_title() for ax in drawn.axes]
    assert all(ax.get_xlabel() for ax in drawn.axes)
    plt.close(drawn)
    return titles


def test_without_the_model_three_panels_are_drawn(quick):
    assert quick["decoder"] is None
    titles = panels(quick)
    assert len(titles) == 3
    assert "71.1 times less cache" in titles[0]
    assert "3.4 times the products" in titles[0]


def test_the_cache_is_that_of_the_anchors(quick):
    assert quick["cache"]["latent"] == 35_136
    assert quick["cache"]["multi-head"] == 2_498_560


def test_errors_fall_with_bytes_and_few_weights_keep_more_of_a_matrix_without_structure(quick):
    entry = quick["curve"]
    for method in decoder_bytes.METHODS:
        found = entry["methods"][method]["weights" if "known" not in method else "outputs"]
        assert (np.diff(found) < 0).all()
    assert (np.array(entry["law"]["sparse"]) < entry["law"]["low rank"]).all()
    for method in ("low rank", "sparse"):
        np.testing.assert_allclose(entry["methods"][method]["weights"], entry["law"][method], atol=0.06)


def test_every_form_is_trained_on_every_seed(quick):
    entry = quick["trained"]
    assert {row["form"] for row in entry["rows"]} == set(few_weights.FORMS) == set(MODULE.FORM_LOOKS)
    for row in entry["rows"]:
        assert len(row["accuracies"]) == entry["seeds"]
        assert row["mean"] == pytest.approx(np.mean(row["accuracies"]), abs=2e-6)
    by = {(row["form"], row["rank"]): row for row in entry["rows"]}
    for form in few_weights.FORMS:
        assert by[form, 16]["mean"] > by[form, 4]["mean"] > 0.1
        assert by[form, 4]["weights"] == pytest.approx(4 * 764 + 1000, rel=0.02)
    assert entry["dense"]["mean"] > by["low rank", 4]["mean"]


def test_the_whole_figure_is_drawn_from_its_numbers(quick):
    """Made-up numbers of the model's shape: what the six panels say is computed from them."""
    kinds = (*KINDS, "all")
    level = {"low rank": 0.6, "low rank, inputs known": 0.3, "sparse": 0.4, "sparse, inputs known": 0.2}
    decoder = {
        "rows": [
            {"layer": layer, "kind": kind, "method": method, "outputs": level[method], "weights": 0.5}
            for layer in MODULE.LAYERS
            for kind in KINDS
            for method in decoder_bytes.METHODS
        ],
        "perplexities": [
            {"kind": kind, "method": method, "ratio": 10 * level[method], "low": level[method], "high": 99.0}
            for kind in kinds
            for method in decoder_bytes.METHODS
        ],
        "perplexity": 40.0,
        "windows": 8,
        "keys": [
            {"kind": kind, "bytes": room, "mean": i / 10 + room / 500, "half": 0.01}
            for i, kind in enumerate(short_keys.KINDS)
            for room in MODULE.KEY_BYTES
        ],
    }
    titles = panels({**quick, "decoder": decoder})
    assert len(titles) == 6
    assert "low rank 0.60, sparse 0.40" in titles[1]
    assert "×6 low rank, ×4 sparse" in titles[2]
    assert titles[4].startswith("8 bytes: signs, 0.32; 32 bytes: signs, 0.36")
