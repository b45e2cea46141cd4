"""What the sim of the 99 % law finds: made-up heads whose class is known, and a tiny model from end to end."""

import json

import numpy as np
import pytest
from matplotlib import pyplot as plt

from hdspike import sim
from hdspike.models import Llama
from hdspike.models.deviation import Measures, score_statistics
from hdspike.theory.sampled import DroppedMass
from tests import tiny_models

MODULE = sim.load("heads")
SIZE, QUERIES = 1000, 40


@pytest.fixture(scope="module")
def law():
    return DroppedMass(0.01, (SIZE // 2, SIZE), most=6.0, draws=150)


def measured(scores):
    """``(variants, 1, heads, queries)`` of scores ``(heads, queries, keys)``."""
    rows = [
        [
            score_statistics(head, [head.shape[1]] * len(head), MODULE.SHARES, sinks=s, recent=r)
            for head in scores
        ]
        for s, r in MODULE.VARIANTS.values()
    ]
    return Measures(
        **{
            name: np.array([[[getattr(head, name) for head in variant]] for variant in rows])
            for name in Measures.__dataclass_fields__
        }
    )


def made_up():
    """Heads of deviation 2: normal; normal with a sink; heavy tails; light tails."""
    rng = np.random.default_rng(0)
    normal = 2 * rng.normal(size=(QUERIES, SIZE))
    sink = normal.copy()
    sink[:, 0] = 14
    heavy = 2 * rng.standard_t(5, size=(QUERIES, SIZE)) / np.sqrt(5 / 3)
    light = 2 * np.sqrt(3) * rng.uniform(-1, 1, size=(QUERIES, SIZE))
    return np.stack([normal, sink, heavy, light]).astype(np.float32)


def test_heads_are_of_the_class_that_they_were_made_for(law):
    found = measured(made_up())
    names = [MODULE.CLASSES[c] for c in MODULE.heads(found, 0, law)["class"][0]]
    assert names == ["obeys", "loses less", "loses less", "loses more"]
    whole = MODULE.heads(found, 1, law)
    assert [MODULE.CLASSES[c] for c in whole["class"][0]] == ["obeys", "obeys", "loses less", "loses more"]
    assert whole["inside"][0, 0] > 0.7, "of normal scores 90 %"
    assert whole["outside"][0, 1] > 0.9, "the sink's mass"
    assert abs(whole["lost"][0, 0] - whole["expected"][0, 0]) < 0.03
    assert whole["kurtosis"][0, 3] < -1 < 1 < whole["kurtosis"][0, 2]
    moved = MODULE.moves(MODULE.heads(found, 0, law)["class"], whole["class"])
    assert moved["loses less"] == {"obeys": 1, "loses less": 1, "loses more": 0, "mixed": 0}


def test_a_head_is_mixed_without_a_majority():
    inside, less, more = (
        np.array(x) for x in ([0.51, 0.2, 0.1, 0.4], [0.3, 0.6, 0.3, 0.4], [0.2, 0.2, 0.6, 0.2])
    )
    assert MODULE.judged(inside, less, more).tolist() == [0, 1, 2, 3]


def test_contexts_are_cut_out_of_one_pass_and_windows_joined():
    found = measured(made_up()[:2])
    assert MODULE.between(found, SIZE - 1, SIZE).keys.shape == found.keys.shape
    assert MODULE.between(found, SIZE, 2 * SIZE).keys.shape == (4, 1, 2, 0)
    both = MODULE.joined([found, found])
    assert both.lost.shape == (4, 1, 2, 2 * QUERIES, len(MODULE.SHARES))


def test_the_share_curve_falls_as_that_of_normal_scores():
    rows = MODULE.by_share(measured(made_up()[:1]), 0, draws=40, seed=0)
    for row in rows:
        assert row["lost"][1] == pytest.approx(row["expected"][1], abs=0.05)
    lost = [row["mean"] for row in rows]
    assert lost == sorted(lost, reverse=True)


def test_a_tiny_model_from_end_to_end(tmp_path):
    """What is drawn comes from the numbers alone; a short context of a long window is that of a short window."""
    weights = tiny_models.llama_weights(np.random.default_rng(0))
    model = Llama(tiny_models.write_llama(tmp_path / "tiny.gguf", weights))
    rows = np.random.default_rng(1).integers(259, size=(2, 288))
    options = {"every": 16, "draws": 20, "seed": 0}
    study = MODULE.study(model, rows, (144, 288), **options)
    short = MODULE.study(model, rows[:, :144], (144,), **options)
    for name, found in study["contexts"]["144"]["variants"].items():
        alone = short["contexts"]["144"]["variants"][name]
        assert found["heads_by_window"] == alone["heads_by_window"]
        assert found["lost"] == pytest.approx(alone["lost"], abs=1e-5)
        assert found["outside"] == pytest.approx(alone["outside"], abs=1e-5)
    for entry in study["contexts"].values():
        for found in entry["variants"].values():
            assert sum(found["heads"].values()) == 8
            assert found["queries_inside"] + found["queries_less"] + found["queries_more"] == pytest.approx(1)
            assert len(found["heads_by_window"]) == 2
    assert study["contexts"]["288"]["queries_per_head"] == 2 * 9
    assert 0 < study["contexts"]["288"]["variants"]["no sink"]["outside"] < 1
    named = {"model": "tiny", "recent": MODULE.RECENT, "shares": MODULE.SHARES, **study}
    figure = MODULE.draw(json.loads(json.dumps(sim.plain(named), allow_nan=False)))
    assert sum(bool(ax.get_title()) for ax in figure.axes) == 6
    plt.close(figure)
