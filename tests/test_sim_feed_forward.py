"""The feed-forward sim: a tiny model through all rules, verdicts that follow the numbers, no model at all."""

import json

import numpy as np
import pytest
from matplotlib import pyplot as plt

pytest.importorskip("sklearn")
pytest.importorskip("gguf")

from hdspike import datasets, sim
from hdspike.contestants.kept import Kept as Points
from hdspike.models import Llama
from hdspike.sparsity.gated import share_read
from hdspike.sparsity.gated_quality import Judge
from hdspike.vocabulary import plain
from tests.tiny_models import llama_weights, write_llama

MODULE = sim.load("feed_forward")


@pytest.fixture(scope="module")
def language(tmp_path_factory):
    """Two windows of random tokens, a tiny random model."""
    path = write_llama(
        tmp_path_factory.mktemp("llama") / "tiny.gguf", llama_weights(np.random.default_rng(0))
    )
    rng = np.random.default_rng(1)
    judge = Judge(lambda: Llama(path), rng.integers(0, 250, 40), MODULE.BARS)
    return plain(MODULE.judged(judge, rng.integers(0, 250, (8, 24)), Points(None), "tiny"))


@pytest.fixture(scope="module")
def small():
    """The digits and the time, hardly trained and hardly measured."""
    return plain(
        {
            "digits": MODULE.small(Points(None), seeds=2, epochs=1, seed=0),
            "time": MODULE.time_of_token(1, 40, 8, shares=MODULE.TIMED, rounds=1, rng=0),
            "language": None,
        }
    )


def test_every_rule_is_judged_beside_the_dense_model(language):
    json.dumps(language, allow_nan=False)
    rules = language["rules"]
    assert len(rules) == len(MODULE.settings()) == 25 and language["windows"] == 8
    assert (
        rules[0]["by"] == "dense" and rules[0]["ratio"]["value"] == rules[0]["kept"] == rules[0]["read"] == 1
    )
    for rule in rules[1:]:
        assert rule["perplexity"] == pytest.approx(rule["ratio"]["value"] * rules[0]["perplexity"], rel=1e-4)
        assert rule["ratio"]["units"] == "windows" and rule["ratio"]["low"] < rule["ratio"]["high"]
        assert rule["read"] == pytest.approx(share_read(rule["by"], rule["kept"]), abs=1e-5)
        if "share" in rule:
            assert rule["kept"] == pytest.approx(rule["share"], abs=0.02)
        if "bar" in rule:
            assert rule["kept"] == pytest.approx(rule["bar"], abs=0.1)
    away = {
        share: abs(np.log(rule["ratio"]["value"]))
        for rule in rules
        if (share := rule.get("share")) and rule["by"] == "product"
    }
    assert away[0.5] < away[0.05], "the fewer speak, the further from the dense model"
    assert len(language["natural"]["closed"]) == 2


def test_points_are_kept_by_all_that_they_depend_on():
    held = {}

    class Watched:
        def __call__(self, key, make):
            name = json.dumps(key, sort_keys=True)
            assert name not in held
            held[name] = key
            return {"losses": [1.0, 2.0, 3.0], "share": 0.5}

    rows = np.arange(48).reshape(8, 6)
    judge = Judge(lambda: None, np.arange(9), MODULE.BARS)
    MODULE.judged(judge, rows, Watched(), "a model")
    assert len(held) == 25 * 8 + 1
    assert all(key["model"] == "a model" for key in held.values())
    assert all(("learned" in key) == ("bar" in key) for key in held.values())
    assert len({key["window"] for key in held.values() if "window" in key}) == 8


def made_up(oracle, gate):
    """Excesses of the rules at the shares of the sim, each known to a thousandth."""
    rules = [{"by": "dense", "kept": 1.0, "read": 1.0, "perplexity": 30.0}]
    for by, excess in {"product": oracle, "gate": gate, "up": gate, "input": gate}.items():
        for share, more in excess.items():
            ratio = {"value": 1 + more, "low": 1 + more - 0.001, "high": 1 + more + 0.001}
            rules.append(
                {"by": by, "share": share, "kept": share, "read": share_read(by, share), "ratio": ratio}
            )
    return {"rules": [*rules, {"by": "relu", "kept": 0.4, "perplexity": 3000.0}]}


def test_the_words_follow_the_numbers(small):
    one = made_up({0.7: 0.0, 0.5: 0.02, 0.3: 0.2}, {0.7: 0.06})
    said = MODULE.words(small | {"language": one})
    assert said[0].startswith(
        "largest |h| (oracle): 50 % of the neurons stay within 5 % of the dense perplexity, +2.0 % (+1.9"
    )
    assert "83 % of the weights read" in said[0]
    assert said[1] == "largest |silu(gate)|: no share tried stays within 5 % of the dense perplexity."
    assert "60 % zeros, perplexity 3,000 for 30.0" in said[4]
    assert MODULE.enough(one["rules"], "product")["kept"] == 0.5
    assert MODULE.enough(made_up({0.7: 0.0495}, {})["rules"], "product") is None, (
        "the whole interval must be below"
    )

    def timed(ratio):
        rows = [{"share": s, "ratio": ratio * s, "low": ratio * s, "high": ratio * s} for s in MODULE.TIMED]
        return MODULE.words(small | {"time": {"rows": rows}})[0]

    assert timed(1.5).startswith(
        "A token alone is faster than dense BLAS from 50 % of the neurons down; at 10 % it takes 0.15"
    )
    assert (
        timed(50)
        == "A token alone, a share of the neurons by their gate: no share is faster than dense BLAS."
    )


def test_the_digits(small):
    found = small["digits"]
    assert set(found["rules"]) == set(MODULE.SHARES)
    assert [row["share"] for row in found["rules"]["product"]] == list(MODULE.SHARES["product"])
    assert found["relufied"]["relufied"]["zeros"] > 0.1 and found["dense"]["low"] < found["dense"]["high"]


@pytest.mark.parametrize("whole", [False, True])
def test_the_figure(small, language, whole):
    numbers = small | {"language": language if whole else None}
    fig = MODULE.draw(numbers | {"words": MODULE.words(numbers)})
    assert len(fig.axes) == (6 if whole else 4)
    assert all(ax.get_title() and ax.get_ylabel() for ax in fig.axes)
    plt.close(fig)


def test_without_the_model_the_digits_are_shown(monkeypatch, tmp_path):
    def absent(*names):
        raise datasets.Absent("smollm2 is not here")

    monkeypatch.setattr(MODULE.datasets, "require", absent)
    monkeypatch.setattr(MODULE, "small", lambda *given, **more: {})
    monkeypatch.setattr(MODULE, "time_of_token", lambda *given, **more: {})
    monkeypatch.setattr(MODULE, "words", lambda numbers: [])
    assert MODULE.simulate(quick=False, seed=0)["language"] is None
