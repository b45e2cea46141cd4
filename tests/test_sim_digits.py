"""What the sim of the digits finds in a quick look, and its parts against slow and readable ones."""

import json

import numba
import numpy as np
import pytest
from matplotlib import pyplot as plt

from hdspike import bits, datasets, sim
from hdspike.encode import ReceptiveFields

MODULE = sim.load("digits")
pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="a whole sim, far too slow un-jitted")


@pytest.fixture(scope="module")
def quick():
    return sim.plain(MODULE.simulate(quick=True, seed=0))


def models(numbers):
    return {m["name"]: m for m in numbers["sets"][0]["models"]}


def test_a_figure_is_drawn_from_the_written_numbers_alone(quick):
    drawn = MODULE.draw(json.loads(json.dumps(quick, allow_nan=False)))
    assert len(drawn.axes) == 3
    assert all(ax.get_title() and ax.get_xlabel() for ax in drawn.axes)
    plt.close(drawn)


def test_a_quick_look_says_what_it_looked_at(quick):
    assert quick["data"] == "scikit-learn's 8 × 8 digits (quick)"
    (entry,) = quick["sets"]
    assert (entry["name"], entry["train"], entry["test"]) == ("digits", 1200, 597)
    assert entry["published"] is None


def test_class_vectors_classify(quick):
    """Corrections help, bits help, and the result is above the plain record of pixels."""
    (entry,), table = quick["sets"], models(quick)
    best = table["class vectors, D = 2,048"]
    assert best["accuracy"] > 0.92
    assert best["accuracy"] > table["centroid, same vectors"]["high"]
    assert best["accuracy"] > table["pixel record, centroid"]["high"]
    assert entry["dims"][0]["accuracy"] < entry["dims"][-1]["accuracy"]
    assert best["bytes"] == 10 * 2048 // 8
    assert best["encoder_bytes"] == 2048 * 9 + 2048 // 64 * 8
    assert table["logistic regression"]["bytes"] == 4 * 10 * 65
    assert all(m["low"] <= m["accuracy"] <= m["high"] and m["train_s"] > 0 for m in table.values())


@pytest.mark.parametrize("name", ["class vectors, D = 1,024", "class vectors, D = 2,048"])
def test_bit_errors_follow_the_law(quick, name):
    """Within four standard errors of the independent test images and of the draws' own spread."""
    series = quick["sets"][0]["errors"][name]
    assert [p["rate"] for p in series] == list(MODULE.QUICK.rates)
    for p in series:
        error = np.sqrt(p["theory"] * (1 - p["theory"]) / 597) + (p["best"] - p["worst"]) / 4
        assert abs(p["accuracy"] - p["theory"]) < 4 * error
    assert series[-1]["accuracy"] < series[0]["accuracy"] - 0.2


def test_the_other_models_without_errors_are_as_before(quick):
    """Eight bits a weight cost next to nothing, so the forward pass is that of the model."""
    table, errors = models(quick), quick["sets"][0]["errors"]
    names = [name for name in errors if name.startswith(("logistic", "MLP"))]
    assert len(names) == 2
    for name in names:
        assert abs(errors[name][0]["accuracy"] - table[name]["accuracy"]) < 0.01


def test_the_choice_is_the_best_of_what_was_tried(quick):
    entry = quick["sets"][0]
    assert entry["chosen"]["accuracy"] == max(c["accuracy"] for c in entry["choices"])
    assert len(entry["choices"]) == len(MODULE.QUICK.strides) * len(MODULE.QUICK.margins)


def test_the_dense_models_are_tuned_too(quick):
    """On the part held out, and the regression has converged."""
    chosen, tried = quick["sets"][0]["chosen"]["dense"], quick["sets"][0]["dense_choices"]
    for kind, key, settings in (
        ("logistic regression", "C", MODULE.QUICK.strengths),
        ("MLP", "width", MODULE.QUICK.widths),
    ):
        of_kind = [entry for entry in tried if key in entry]
        assert [entry[key] for entry in of_kind] == list(settings)
        assert chosen[kind]["accuracy"] == max(entry["accuracy"] for entry in of_kind)
    assert all(entry["steps"] < 1000 for entry in tried if "steps" in entry)
    assert all(1 <= entry["epochs"] <= MODULE.QUICK.epochs for entry in tried if "epochs" in entry)
    assert f"MLP, {chosen['MLP']['width']} hidden" in models(quick)


def test_draws_are_counted(quick):
    for name, series in quick["sets"][0]["errors"].items():
        assert {p["draws"] for p in series} == {1 if name.startswith("and") else MODULE.DRAWS}
        assert all(p["worst"] == p["best"] for p in series if p["draws"] == 1)


def test_an_mlp_grows_epoch_by_epoch():
    """As many as asked for, each in a new order: the same at the same seed."""
    random = np.random.default_rng(0)
    y = np.repeat(np.arange(10), 30)
    x = (np.eye(10)[y] + 0.3 * random.standard_normal((300, 10))).astype(np.float32)
    fitted = [MODULE.fit_mlp(x, y, 16, epochs, 0) for epochs in (1, 60, 60)]
    assert [m.t_ for m in fitted] == [300, 18_000, 18_000]
    assert fitted[0].score(x, y) < 0.3 < fitted[1].score(x, y)
    assert np.array_equal(fitted[1].coefs_[0], fitted[2].coefs_[0])


def test_votes_of_neighbours():
    y = np.array([0, 1, 1, 2])
    assert MODULE.voted(np.array([[0, 1, 2], [0, 1, 3], [3, 1, 0], [2, 3, 1]]), y).tolist() == [1, 0, 2, 1]


def test_a_worn_encoder_is_a_copy():
    images = np.random.default_rng(0).integers(0, 256, (20, 6, 6), dtype=np.uint8)
    fields = ReceptiveFields(128, images, rng=0)
    before = fields(images)
    worn = MODULE.worn_encoder(fields, 0.2, np.random.default_rng(1))
    assert np.array_equal(fields(images), before)
    share = bits.popcount(worn.patches.reshape(-1, 64) ^ fields.patches.reshape(-1, 64), 4096).sum() / (
        128 * 64
    )
    assert abs(share - 0.2) < 0.03
    assert not np.array_equal(worn.radii, fields.radii)
    assert not np.array_equal(worn(images), before)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_real_images_are_above_the_published(name):
    """One class vector of 4,096 bits each from a sixth of the images, on the part of the training set held out."""
    try:
        got = datasets.load(name)
    except datasets.Absent as absent:
        pytest.skip(str(absent))
    y = got.train_y.astype(np.int64)
    stride = {"mnist": 2, "fashion-mnist": 1}[name]
    fields = ReceptiveFields(4096, got.train_x[:10_000], stride=stride, rng=0, **MODULE.FIELDS[name])
    model = MODULE.learnt(fields(got.train_x[:10_000]), y[:10_000], 4096, 0.04, 0)
    score = model.score(fields(got.train_x[-4_000:]), y[-4_000:])
    assert score > MODULE.PUBLISHED[name]
