"""Ratings of word pairs and documents: their reader on small files made here, and the real sets where they are."""

import numpy as np
import pytest

from hdspike import datasets
from hdspike.datasets import Absent, similarity


def saved(tmp_path, text, name="file.txt"):
    (tmp_path / name).write_bytes(text.encode("latin-1"))
    return tmp_path / name


def test_pairs_are_read(tmp_path):
    found = similarity.read_pairs(saved(tmp_path, "# note\nbig cat\tdog\t7.5\n\nlove\tsex\t10.00\r\n"))
    assert found.first == ("big cat", "love")
    assert found.second == ("dog", "sex")
    assert found.rating.tolist() == [7.5, 10]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# note\n",
        "a\tb\n",
        "a\tb\t1\t2\n",
        "a\t\t1\n",
        "a\tb\tx\n",
        "a\tb\tnan\n",
        "a\tb\t10.1\n",
        "a\tb\t-1\n",
    ],
)
def test_bad_pairs(text, tmp_path):
    with pytest.raises(ValueError, match="path must hold"):
        similarity.read_pairs(saved(tmp_path, text))


def test_documents_are_read_and_their_ratings_mirrored(tmp_path):
    texts = saved(tmp_path, "one £\ntwo\nthree", "texts")
    found = similarity.read_documents(texts, saved(tmp_path, "1 0.5 0\n0 1 .25\n0 0 1\n"))
    assert found.texts == ("one £", "two", "three")
    assert found.rating.tolist() == [[1, 0.5, 0], [0.5, 1, 0.25], [0, 0.25, 1]]


@pytest.mark.parametrize(
    "ratings",
    ["", "1 0\n0 1\n", "1 0 0\n0 1 0\n0 0\n", "1 2 0\n0 1 0\n0 0 1", "1 x 0\n0 1 0\n0 0 1", "1 0 0\n.5 1 0\n0 0 1",
     "1 0 0\n0 1 0\n0 0 .5", "1 -1 0\n0 1 0\n0 0 1"],
)  # fmt: skip
def test_bad_ratings(ratings, tmp_path):
    texts = saved(tmp_path, "one\ntwo\nthree\n", "texts")
    with pytest.raises(ValueError, match="ratings must"):
        similarity.read_documents(texts, saved(tmp_path, ratings))


def here(name):
    """The data of a set, or a skip that says why."""
    try:
        return datasets.load(name)
    except Absent as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(
    ("name", "count", "row"),
    [("wordsim-353", 353, ("love", "sex", 6.77)), ("simlex-999", 999, ("old", "new", 1.58))],
)
def test_real_pairs(name, count, row):
    pairs = here(name)
    assert len(pairs.first) == len(pairs.second) == len(pairs.rating) == count
    assert (pairs.first[0], pairs.second[0], pairs.rating[0]) == row
    assert pairs.rating.min() == 0.23


def test_real_documents():
    documents = here("lee-50")
    assert len(documents.texts) == 50
    assert np.array_equal(documents.rating, documents.rating.T)
    upper = documents.rating[np.triu_indices(50, 1)]
    assert upper.shape == (1225,)
    assert 0.3 < upper.mean() < 0.35
    assert documents.rating[0, 1] == 0.3
    assert {len(text.split()) for text in documents.texts} >= {45, 126}
