"""What the sim of the encoder finds: rules, controls and intervals on a tiny model, from end to end."""

import json
from itertools import combinations

import numpy as np
import pytest
from matplotlib import pyplot as plt
from scipy import stats

from hdspike import sim
from hdspike.datasets.similarity import RatedPairs
from hdspike.models import Encoder, softmax
from tests import tiny_models
from tests.naive import models as naive

MODULE = sim.load("encoder")
TEXTS = ["a cat sat", "a dog sat", "cats", "dog dog dog a sat .", "a . cat . dog", "sat sat cat a dog"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    weights = tiny_models.bert_weights(np.random.default_rng(0))
    return Encoder(tiny_models.write_bert(tmp_path_factory.mktemp("bert") / "tiny", weights))


def parts(heads=2, count=7, dim=4):
    made = (
        np.random.default_rng(i).normal(size=(heads, count, dim)).astype(np.float32) * 2 for i in range(3)
    )
    return (*made, np.full(count, count))


def judged(samples=50, **options):
    count = len(TEXTS)
    pairs = np.triu_indices(count, 1)
    rating = np.random.default_rng(3).random(len(pairs[0]))
    return MODULE.Judged(pairs, rating, **{"of_texts": True, "samples": samples, "seed": 0} | options)


def test_controls_are_what_they_say():
    queries, keys, values, seen = parts()
    given = (queries, keys, values)
    everything = MODULE.RandomKeys(100, seed=0)(*given, seen=seen)
    assert np.allclose(everything, softmax(*given, seen=seen), atol=1e-6)
    one = MODULE.RandomKeys(1, seed=0)(*given, seen=seen)
    for head in range(2):
        for row in one[head]:
            assert (np.abs(values[head] - row).max(axis=1) < 1e-6).any(), "one of the values, as it is"
    assert len({tuple(row) for row in one[0]}) > 1
    level = MODULE.uniform(*given, seen=seen)
    assert np.allclose(level, values.mean(axis=1, keepdims=True), atol=1e-6)


def test_random_keys_are_of_those_seen_alone():
    queries, keys, values, _ = parts()
    seen = np.arange(1, 8)
    plug = MODULE.RandomKeys(60, seed=0)
    out = plug(queries, keys, values, seen=seen)
    assert np.allclose(out[:, 0], values[:, 0], atol=1e-6), "the earliest sees itself alone"
    for i in range(1, 7):
        count, rows = max(1, round(0.6 * (i + 1))), []
        for kept in combinations(range(i + 1), count):
            wanted, _ = naive.attention(
                queries[:1, i : i + 1], keys[:1], values[:1], [i + 1], lambda scores, kept=kept: kept
            )
            rows.append(np.abs(wanted[0, 0] - out[0, i]).max())
        assert min(rows) < 1e-5, "softmax over some so many of the keys seen"


def test_rank_correlation_is_that_of_scipy():
    rng = np.random.default_rng(0)
    a, b = rng.integers(5, size=(2, 40))
    assert MODULE.spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)
    assert MODULE.spearman(a, np.zeros(40)) == 0


def test_samples_of_texts_take_whole_texts():
    judge = judged(samples=200)
    left_out = 0
    for rows in judge.samples:
        texts = set(judge.pairs[0][rows]) | set(judge.pairs[1][rows])
        wanted = {i for i, pair in enumerate(zip(*judge.pairs, strict=True)) if set(pair) <= texts}
        assert set(rows) == wanted, "every pair of two different texts that were drawn"
        left_out += len(texts) < len(TEXTS)
    assert left_out > 100
    assert all(len(rows) == 15 for rows in judged(of_texts=False).samples)


def test_a_reference_beside_itself_and_perfect_ratings(model):
    vectors = model.encode(TEXTS)
    judge = judged()
    point = judge.point(vectors, vectors)
    assert point["difference"] == [0, 0, 0]
    assert point["agreement"] == pytest.approx(1)
    assert point["cosine"] == pytest.approx(1)
    assert point["rho"][1] <= point["rho"][0] <= point["rho"][2]
    right = MODULE.Judged(judge.pairs, judge.cosines(vectors), of_texts=False, samples=20, seed=0)
    assert right.point(vectors, vectors)["rho"] == pytest.approx([1, 1, 1])


def test_the_whole_on_a_tiny_model(model, monkeypatch):
    monkeypatch.setattr(MODULE, "LINES", 4)
    monkeypatch.setattr(MODULE, "BLOCKS", 2)
    monkeypatch.setattr(MODULE, "BITS", (256, 1024))
    monkeypatch.setattr(MODULE, "SHARES", (1, 2, 10, 50, 100))
    monkeypatch.setattr(MODULE, "CODED", (1, 10, 100))
    centre, book = MODULE.learned(model, TEXTS * 3, seed=0)
    assert centre.shape == (2, 4, 4)
    assert (book.layers, book.key_heads, book.dim) == (2, 4, 4)
    built = MODULE.rules(centre, book, seed=0)
    found = MODULE.documents(model, TEXTS, judged(), built)
    rules = found["rules"]
    for name in ("exact", "256 bits", "1,024 bits", "events"):
        last = rules[name][-1]
        assert last["share"] == 100
        assert last["agreement"] == pytest.approx(1)
        assert last["captured_mass"] == pytest.approx(1, abs=1e-5)
        assert last["difference"][0] == pytest.approx(0, abs=1e-9)
        mass = [row["captured_mass"] for row in rules[name]]
        assert mass == sorted(mass)
    one, two = rules["exact"][:2]
    assert (one["winners"], two["winners"]) == ([1], [1])
    assert two == one | {"share": 2}, "the same keys are not asked twice"
    assert found["uniform"]["agreement"] < 1
    assert 0 <= rules["events"][0]["synaptic_events_per_query_key"] <= MODULE.EVENTS
    pairs = RatedPairs(("cat", "dog", "sat"), ("dog", "cats", "a"), np.array([3.0, 9.0, 1.0]))
    words = MODULE.words(
        model, dict.fromkeys(MODULE.WORDS, pairs), {"{}": (1, 2), MODULE.CARRIER: (1, 9)}, samples=20, seed=0
    )
    for form in words.values():
        for entry in form.values():
            assert entry["softmax"]["difference"] == [0, 0, 0]
            assert entry["points"][0]["k"] == 1
    assert words[MODULE.CARRIER]["simlex-999"]["points"][-1]["agreement"] == pytest.approx(1), "all keys"
    numbers = {"candidates": 4, "documents": found, "words": words}
    figure = MODULE.draw(json.loads(json.dumps(sim.plain(numbers), allow_nan=False)))
    assert all(ax.get_title() for ax in figure.axes)
    plt.close(figure)
