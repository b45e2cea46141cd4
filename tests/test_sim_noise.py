"""The noise sim: effects by hand, verdicts that follow the numbers, and the whole on a few digits."""

import copy
import json

import numpy as np
import pytest
from matplotlib import pyplot as plt

pytest.importorskip("sklearn")

from hdspike import datasets, sim
from hdspike.vocabulary import plain

MODULE = sim.load("noise")


@pytest.fixture(scope="module")
def numbers():
    """Every form on digits, four steps of training: the shape of the numbers, not their truth."""
    held = MODULE.QUICK
    MODULE.QUICK = (1, 400, 2)
    try:
        return plain(MODULE.simulate(quick=True, seed=0))
    finally:
        MODULE.QUICK = held


def test_widths_make_weights_as_many():
    for inputs, task in ((784, "mnist"), (64, "digits")):
        forms = MODULE.forms(inputs)

        def weights(name, forms=forms, inputs=inputs):
            form = forms[name]
            first, second = form.hidden
            return form.density * (inputs * first + first * second) + 10 * second

        assert weights("both, as many weights") == pytest.approx(weights("dense"), rel=0.01), task
        assert weights("dense, as few weights") == pytest.approx(weights("both"), rel=0.02), task
        assert (
            forms["both, as many weights"].hidden
            > forms["dense"].hidden
            > forms["dense, as few weights"].hidden
        )
    assert set(forms) == set(MODULE.LOOKS)


def made_up(weights, activations, together):
    """Scores of three seeds with effects that are known; seeds differ much, forms by the effects alone."""
    base = np.array([0.3, 0.5, 0.7])
    jitter = np.array([-0.001, 0.0, 0.001])
    score = {name: base + jitter * i for i, name in enumerate(MODULE.LOOKS)}
    score["sparse weights"] += weights
    score["sparse activations"] += activations
    score["both"] += weights + activations + together
    score["dense, centred"] += 0.3
    score["winners, centred"] += 0.3
    return score


def test_effects_are_those_that_were_put_in():
    found = MODULE.effects(made_up(-0.02, 0.1, 0.04))
    assert found["weights"]["mean"] == pytest.approx(-0.02 + 0.02)
    assert found["activations"]["mean"] == pytest.approx(0.1 + 0.02)
    assert found["together"]["mean"] == pytest.approx(0.04)
    assert found["over dense"]["both"]["mean"] == pytest.approx(0.12)
    assert found["activations"]["high"] - found["activations"]["low"] < 0.05, "paired: seeds cancel"
    assert MODULE.verdict(found["activations"]) == "more"
    assert MODULE.verdict(MODULE.effects(made_up(0, -0.1, 0))["activations"]) == "less"
    assert MODULE.verdict(found["weights"]) == "neither"
    assert MODULE.mean([0.5]) == {"mean": 0.5, "low": None, "high": None}
    assert MODULE.verdict(MODULE.mean([0.5])) == "neither"


def test_the_words_follow_the_numbers():
    forms = {name: {"test": {"mean": 0.9}} for name in MODULE.LOOKS}
    one = {"task": "mnist", "forms": forms, "effects": MODULE.effects(made_up(0, 0.1, 0))}
    said = MODULE.words(one)
    assert said[0].startswith("MNIST: sparse activations help (+10.0 points")
    assert "sparse weights cannot be told from nothing" in said[0]
    assert "image mean removed) +30." in said[2] and said[2].endswith("the dense rival is ahead.")
    score = made_up(0, 0.1, 0)
    score["both, as many weights"] += 0.4
    one["effects"] = MODULE.effects(score)
    assert MODULE.words(one)[2].endswith("the sparse network is ahead.")
    score["dense, centred"] = score["both, as many weights"] + np.array([0.1, -0.1, 0.03])
    one["effects"] = MODULE.effects(score)
    assert MODULE.words(one)[2].endswith("which of them is ahead cannot be told.")


def test_the_whole(numbers):
    json.dumps(numbers, allow_nan=False)
    (one,) = numbers["tasks"]
    assert set(one["forms"]) == set(MODULE.LOOKS) and one["tested"] == 449
    for name, row in one["forms"].items():
        levels = [level["mean"] for level in row["by level"]]
        assert len(levels) == 11 and row["test"]["mean"] == levels[0], name
        assert row["score"]["mean"] == pytest.approx(np.mean(levels), abs=1e-5)
        assert row["score"]["low"] <= row["score"]["mean"] <= row["score"]["high"]
    winners, dense = one["forms"]["sparse activations"], one["forms"]["dense"]
    assert winners["zeros"] == [0.85, 0.85] and dense["zeros"][0] < 0.7
    assert winners["active"] < dense["active"] < dense["weights"] + 410
    for name in MODULE.DUTIES:
        assert len(one["forms"][name]["duty"]) == 300
    assert sum(winners["duty"]) == pytest.approx(45, rel=1e-3)
    assert numbers["published"]["Dense CNN-2"]["score"] == pytest.approx(0.88218, abs=1e-5)
    assert len(numbers["words"]) == 4


def test_the_figure_shows_the_last_task(numbers):
    other = copy.deepcopy(numbers["tasks"][0]) | {"task": "mnist"}
    fig = MODULE.draw(numbers | {"tasks": [*numbers["tasks"], other]})
    titles = [ax.get_title() + ax.get_title(loc="right") for ax in fig.axes]
    assert titles[0].startswith("MNIST") and "Winners" in titles[1]
    assert len(fig.axes[1].get_yticklabels()) == len(MODULE.LOOKS)
    plt.close(fig)


def test_without_mnist_the_digits_are_shown(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked = []

    def studied(name, run, **given):
        asked.append(name)
        return {"task": name}

    def absent(*names):
        raise datasets.Absent("mnist is not here")

    monkeypatch.setattr(MODULE, "studied", studied)
    monkeypatch.setattr(MODULE, "words", lambda one: [one["task"]])
    monkeypatch.setattr(MODULE.datasets, "require", absent)
    assert MODULE.simulate(quick=False, seed=0)["words"] == ["digits"] == asked
    monkeypatch.setattr(MODULE.datasets, "require", lambda *names: None)
    assert MODULE.simulate(quick=False, seed=0)["words"] == ["digits", "mnist"]
