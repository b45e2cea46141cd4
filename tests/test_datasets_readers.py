"""Readers of the files in fetched sets: on small files made here, and on the real ones where they are."""

import gzip
import struct

import numpy as np
import pytest

from hdspike import datasets
from hdspike.datasets import Absent, images, languages, prose, series, tables


def saved(tmp_path, blob, name="file.bin"):
    (tmp_path / name).write_bytes(blob)
    return tmp_path / name


def idx(array):
    return b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.mark.parametrize("packed", [False, True])
def test_images_are_read_back(packed, tmp_path):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    blob = gzip.compress(idx(array), mtime=0) if packed else idx(array)
    assert np.array_equal(images.read_idx(saved(tmp_path, blob)), array)


@pytest.mark.parametrize(
    "blob",
    [
        b"", b"\0\0\x08", b"\0\0\x09\x01\0\0\0\x00", idx(np.zeros(5, np.uint8))[:-1],
        idx(np.zeros(5, np.uint8)) + b"\0",
        b"\0\0\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"\0\0\x08\xff" + bytes(1020),
        gzip.compress(idx(np.zeros(5, np.uint8)), mtime=0)[:-2], b"\x1f\x8bnothing",
        gzip.compress(bytes(1 << 27), mtime=0),
    ],
)  # fmt: skip
def test_a_bad_image_file(blob, tmp_path):
    with pytest.raises(ValueError, match="path must be"):
        images.read_idx(saved(tmp_path, blob))


def test_a_table_of_numbers_and_one_of_letters(tmp_path):
    numbers = tables.read_table(saved(tmp_path, b"1, 2.5, b\n-3,4,a\n\n5,6, b\n"))
    assert numbers.x.tolist() == [[1, 2.5], [-3, 4], [5, 6]]
    assert numbers.classes == ("a", "b")
    assert numbers.y.tolist() == [1, 0, 1]
    assert tables.read_table(saved(tmp_path, b"A,C,x\nG,T,y\n")).x.tolist() == [["A", "C"], ["G", "T"]]


@pytest.mark.parametrize("text", [b"", b"1\n2\n", b"1,2,a\n1,a\n", b"nan,1,a\n", b"inf,1,a\n"])
def test_a_bad_table(text, tmp_path):
    with pytest.raises(ValueError, match="path must hold"):
        tables.read_table(saved(tmp_path, text))


@pytest.mark.parametrize("k", [2, 3, 7])
def test_folds_are_stratified_and_each_row_is_tested_once(k):
    y = np.random.default_rng(0).integers(3, size=100)
    table = tables.Table(np.zeros((100, 1)), y, ("a", "b", "c"))
    folds = list(table.folds(k, rng=1))
    assert np.array_equal(np.sort(np.concatenate([test for _, test in folds])), np.arange(100))
    for train, test in folds:
        assert np.array_equal(np.union1d(train, test), np.arange(100))
        assert len(train) + len(test) == 100
    counts = np.array([np.bincount(y[test], minlength=3) for _, test in folds])
    assert np.ptp(counts, axis=0).max() <= 1
    assert np.ptp(counts.sum(axis=1)) <= 1
    again = list(table.folds(k, rng=1))
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(folds, again, strict=True))
    with pytest.raises(ValueError, match="k must be at least 2"):
        list(table.folds(1))
    with pytest.raises(ValueError, match="k must be at most 100"):
        list(table.folds(101))


TS = "#note\n@problemName x\n@classLabel true a b\n@data\n1,2:3,4:a\n5,6,7:8,9,10:b\n"


def test_time_series_of_two_lengths(tmp_path):
    found, labels, classes = series.read_ts(saved(tmp_path, TS.encode()))
    assert [x.tolist() for x in found] == [[[1, 2], [3, 4]], [[5, 6, 7], [8, 9, 10]]]
    assert labels == ["a", "b"]
    assert classes == ("a", "b")


@pytest.mark.parametrize(
    "text",
    ["", "@data\n", TS.replace("@data", ""), TS.replace("true a b", "true"), TS + "1,2:3:a\n", TS + "1,2:3,4:c\n",
     TS + "1,x:3,4:a\n", TS + "nan,1:3,4:a\n", TS + "a\n"],
)  # fmt: skip
def test_a_bad_time_series(text, tmp_path):
    with pytest.raises(ValueError, match="path must h"):
        series.read_ts(saved(tmp_path, text.encode()))


def test_the_bible_is_plain_text():
    markup = '<title>T</title><div type="x"/><w lemma="a">In</w> the<note n="1">x <w>y</w></note>end'
    markup += "<note>z</note>.<lb/> b <l>c</l>"
    assert prose.plain(markup) == "In the end.\nb\nc"


def test_n_grams_stay_inside_words():
    assert languages.grams("Ab, ab1c", 2) == {" a": 2, "ab": 2, "b ": 2, " c": 1, "c ": 1}
    assert languages.grams("x", 4) == {}
    assert languages.grams("ÉÉ", 1) == {"é": 2}
    assert languages.folded({"Ab": 1, "ab": 2, "a": 4, "abc": 8}, 2) == {"ab": 3}


def here(name):
    """The data of a set, or a skip that says why."""
    try:
        return datasets.load(name)
    except Absent as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_real_images(name):
    data = here(name)
    assert [x.shape for x in data] == [(60_000, 28, 28), (60_000,), (10_000, 28, 28), (10_000,)]
    assert np.bincount(data.test_y).sum() == 10_000
    assert sorted(set(data.train_y.tolist())) == list(range(10))
    if name == "fashion-mnist":
        assert np.all(np.bincount(data.train_y) == 6000)
    else:
        assert data.train_y[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]


def test_real_languages():
    test = here("udhr")
    assert sum(map(len, test.values())) == 1227
    assert list(test) == list(languages.LANGUAGES)
    counts, messages = here("langdetect"), here("django-messages")
    assert list(counts) == list(messages) == list(test)
    assert min(map(len, messages.values())) > 200
    assert max(counts["de"], key=counts["de"].get) == "e"


TABLES = {"letter": (20_000, 16, 26), "optdigits": (5620, 64, 10), "penbased": (10_992, 16, 10),
          "satimage": (6435, 36, 6), "vowel": (990, 13, 11), "splice": (3190, 60, 3)}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_real_tables(name):
    table = here(name)
    assert (*table.x.shape, len(table.classes)) == TABLES[name]
    assert len(table.y) == len(table.x)


def test_real_prose():
    documents = here("brown")
    assert len(documents) == 500
    assert len({d.genre for d in documents}) == 15
    assert documents[0].text.startswith("The Fulton County Grand Jury said Friday")
    assert "In the beginning, God created the heavens and the earth." in here("web")


def test_real_series():
    motions, vowels = here("basic-motions"), here("japanese-vowels")
    assert {x.shape for x in motions.train_x + motions.test_x} == {(6, 100)}
    assert (len(vowels.train_x), len(vowels.test_x)) == (270, 370)
    assert {x.shape[0] for x in vowels.train_x} == {12}
    lengths = {x.shape[1] for x in vowels.train_x + vowels.test_x}
    assert {min(lengths), max(lengths)} == {7, 29}
