"""What the sim of the languages finds, and its parts against slow and readable ones."""

import json

import numba
import numpy as np
import pytest
from matplotlib import pyplot as plt

from hdspike import bits, datasets, sim, theory
from hdspike.encode import HashedItems, profile
from hdspike.faults import flip
from hdspike.spaces import BSC

MODULE = sim.load("languages")


class Tiny(MODULE.Corpus):
    """Three made-up languages, without any fetched data."""

    def __init__(self):
        self.number = {}
        self.languages = ["x", "y", "z"]
        texts = {"x": ["aba abba", "bab"], "y": ["cdcd dcc", "ddcd"], "z": ["efe feef", "effe"]}
        whole = [" ".join(part) for part in texts.values()]
        self.train = {n: [self.coded(MODULE.grams(text, n)) for text in whole] for n in (1, 2, 3)}
        self.test, self.test_y = self.labelled(texts)
        self.choose, self.choose_y = self.test, self.test_y
        self.grams = list(self.number)


def test_a_query_is_the_profile_of_its_letters():
    corpus, dim = Tiny(), 1000
    vectors = corpus.vectors(dim, seed=3)
    queries = MODULE.encoded(vectors, dim, [corpus.test[3]], "count")
    letters = HashedItems(BSC(dim), seed=3)
    tokens = np.array([ord(c) for c in " bab "])
    assert np.array_equal(queries[1], profile(BSC(dim), letters, tokens, n=3))


def test_profiles_are_signs_of_centred_votes():
    corpus, dim = Tiny(), 333
    vectors = corpus.vectors(dim, seed=0)
    signs = 2 * bits.unpack(vectors, dim).astype(np.int64) - 1
    votes = [MODULE.votes_of(vectors, dim, corpus.train[n], "√count") for n in (2, 3)]
    total = np.zeros((3, dim))
    for n in (2, 3):
        for language, (numbers, counts) in enumerate(corpus.train[n]):
            strength = np.sqrt(counts)
            weights = np.rint(strength * 4096 / np.sqrt(np.sum(strength**2)))
            total[language] += weights @ signs[numbers]
    assert np.array_equal(votes[0] + votes[1], total)
    for centre in (0, 1, 2):
        wanted = total - centre / 2 * total.mean(axis=0) > 0
        assert np.array_equal(bits.unpack(MODULE.profiles(votes, centre), dim), wanted)


def test_an_empty_text_is_no_error():
    vectors = np.zeros((1, 2), dtype=np.uint64)
    nothing = (np.empty(0, dtype=np.int64), np.empty(0))
    assert MODULE.encoded(vectors, 100, [[nothing]], "count").tolist() == [[0, 0]]


def test_made_up_languages_are_told_apart_and_counts_too():
    corpus = Tiny()
    best = {"mix": [2, 3], "query": "√count", "weight": "√count", "centre": 1.0}
    assert MODULE.tested(corpus, 2000, 0, best, [(2, 3)])[2, 3]["right"].all()
    assert np.array_equal(MODULE.Counts(corpus, 2, "√count").named(corpus.test[2]), corpus.test_y)
    ranking = MODULE.choice(corpus, 500, 0)
    assert len(ranking) == 5 * 2 * 4 * 3
    assert ranking[0]["right"] == max(entry["right"] for entry in ranking)


def test_cosine_of_counts_against_dense_arithmetic():
    corpus = Tiny()
    dense = np.zeros((9, len(corpus.grams)))
    for row, (numbers, counts) in zip(dense, corpus.train[3] + corpus.test[3], strict=True):
        row[numbers] = np.sqrt(counts)
    train, test = dense[:3], dense[3:]
    scores = test @ train.T / np.linalg.norm(train, axis=1) / np.linalg.norm(test, axis=1)[:, None]
    assert np.array_equal(MODULE.Counts(corpus, 3, "√count").named(corpus.test[3]), scores.argmax(axis=1))


def test_the_expected_accuracy_under_flips_is_what_flips_give():
    dim, rate, trials = 500, 0.3, 300
    random = np.random.default_rng(0)
    model = bits.random(4, dim, rng=1)
    queries = flip(model[[0, 1, 2, 3, 0, 1]], 0.42, dim=dim, rng=3)
    y = np.array([0, 1, 2, 3, 0, 1])
    rights = [MODULE.named(queries, flip(model, rate, dim=dim, rng=random), dim) == y for _ in range(trials)]
    law = theory.accuracy_after_flips(bits.hamming(queries, model, dim), y, rate, dim)
    each = np.mean(rights, axis=1)  # texts of one trial share its flips
    assert abs(np.mean(each) - law) < 4 * np.std(each) / np.sqrt(trials) + 0.01
    assert theory.accuracy_after_flips(bits.hamming(queries, model, dim), y, 0.0, dim) == 1.0
    assert theory.accuracy_after_flips(bits.hamming(queries, model, dim), y, 0.5, dim) == pytest.approx(
        1 / 4, abs=1e-3
    )


@pytest.fixture(scope="module")
def numbers():
    if numba.config.DISABLE_JIT:
        pytest.skip("a whole sim, far too slow un-jitted")
    try:
        datasets.require(*MODULE.SETS)
    except datasets.Absent as error:
        pytest.skip(str(error))
    return json.loads(json.dumps(sim.plain(MODULE.simulate(quick=True, seed=0)), allow_nan=False))


def test_the_sim_is_drawn_from_its_numbers_and_near_its_law(numbers):
    figure = MODULE.draw(numbers)
    assert all(ax.get_title() for ax in figure.axes)
    plt.close(figure)
    assert numbers["result"]["trials"] == 1227
    assert numbers["result"]["accuracy"] > 0.95, "2,000 bits are enough for that"
    assert numbers["counts"]["count"]["3"]["right"] == 1202
    for series in numbers["errors"].values():
        shares = [point["accuracy"] for point in series]
        assert shares == sorted(shares, reverse=True)
        assert all(abs(p["accuracy"] - p["theory"]) < 0.06 for p in series)
    best = numbers["dims"]["n = 3"]
    assert [p["accuracy"] for p in best] == sorted(p["accuracy"] for p in best), "more bits, more right"


def test_ten_thousand_bits_beat_plain_counts():
    if numba.config.DISABLE_JIT:
        pytest.skip("a thousand paragraphs, far too slow un-jitted")
    try:
        corpus = MODULE.Corpus(quick=True)
    except datasets.Absent as error:
        pytest.skip(str(error))
    best = {"mix": [3], "query": "√count", "weight": "√count", "centre": 1.0}  # chosen on django-messages
    right = MODULE.tested(corpus, 10_000, 0, best, [(3,)])[3,]["right"].sum()
    assert right == 1219
    plain = MODULE.Counts(corpus, 3, "count").named(corpus.test[3]) == corpus.test_y
    assert plain.sum() == 1202
