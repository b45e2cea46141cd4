"""Integer counters against lists of integers."""

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import bits
from hdspike.learn import counters
from tests.naive import learn as naive

DIMS = st.sampled_from([1, 31, 32, 33, 63, 64, 65, 130])
SEEDS = st.integers(0, 2**32)


def some(dim: int, num: int, seed: int, most: int = 3) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    random = np.random.default_rng(seed)
    held = random.integers(-most, most + 1, size=(2, dim)).astype(np.int32)
    return bits.random(num, dim, rng=random), held, random


@given(DIMS, st.integers(1, 5), st.integers(0, 9), SEEDS)
def test_add(dim: int, num: int, times: int, seed: int) -> None:
    words, held, random = some(dim, num, seed)
    rows, classes = random.integers(num, size=times), random.integers(2, size=times)
    weights = random.integers(-9, 10, size=times)
    expected = held.tolist()
    plain = bits.unpack(words, dim).tolist()
    for row, k, weight in zip(rows, classes, weights, strict=True):
        expected[k] = naive.add(expected[k], plain[row], int(weight))
    counters.add(held, words, rows, classes, weights)
    assert held.tolist() == expected


@given(DIMS, st.integers(0, 4), st.sampled_from([0, 1, 3, 1000, 2**31 - 1]), SEEDS)
def test_dot(dim: int, num: int, most: int, seed: int) -> None:
    """Zero counters, one plane, and the largest there are."""
    words, held, _ = some(dim, num, seed, most)
    plain = bits.unpack(words, dim).tolist()
    expected = [[naive.dot(x, c) for c in held.tolist()] for x in plain]
    assert counters.dot(words, held).tolist() == expected
    assert counters.dot(words, held, counters.slices(held)).tolist() == expected


def test_the_least_counter_there_is() -> None:
    held = np.array([[-(2**31), 2**31 - 1]], dtype=np.int32)
    assert counters.dot(bits.pack([[0, 1], [1, 0]]), held).tolist() == [[2**32 - 1], [-(2**32) + 1]]


@given(DIMS, SEEDS)
def test_quantise(dim: int, seed: int) -> None:
    _, held, random = some(dim, 0, seed, 1)
    streams = random.integers(2**64, size=2, dtype=np.uint64)
    expected = [naive.quantise(c, int(s)) for c, s in zip(held.tolist(), streams, strict=True)]
    assert bits.unpack(counters.quantise(held, streams), dim).tolist() == expected


@given(DIMS, SEEDS)
def test_slices_are_twos_complement(dim: int, seed: int) -> None:
    _, held, _ = some(dim, 0, seed, 20)
    planes = bits.unpack(counters.slices(held), dim).astype(np.int64)
    value = -(2 ** np.arange(planes.shape[1]))
    value[:-1] *= -1
    assert np.array_equal((planes * value[:, None]).sum(axis=1), held)


def test_rival_takes_the_first_of_equal_ones() -> None:
    scores = np.array([[3, 3, 1, 3], [1, 0, 0, 0]])
    own, other = counters.rival(scores, np.array([0, 1]), np.array([0, 0, 1, 1]))
    assert (own.tolist(), other.tolist()) == ([0, 2], [3, 0])


def test_threads_do_not_matter(monkeypatch) -> None:
    monkeypatch.setattr(counters, "WORTH", 0)  # spread, small as it is
    words, rows = bits.random(20, 210, rng=0), np.arange(20)
    made = []
    for threads in range(1, numba.config.NUMBA_NUM_THREADS + 1):
        numba.set_num_threads(threads)
        held = np.zeros((8, 210), dtype=np.int32)
        counters.add(held, words, np.tile(rows, 2), np.tile(rows % 8, 2), 5)
        made.append((held, counters.dot(words, held)))
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    for held, products in made:
        assert np.array_equal(held, made[0][0])
        assert np.array_equal(products, made[0][1])


WORDS = bits.random(3, 70, rng=0)
HELD = np.zeros((2, 70), dtype=np.int32)

CASES = [
    (lambda: counters.add(HELD.astype(int), WORDS, [0], 0, 1), TypeError, "out must be a contiguous int32"),
    (lambda: counters.add(HELD, WORDS[:, :1], [0], 0, 1), ValueError, "words must have 2 words"),
    (lambda: counters.add(HELD, WORDS, [3], 0, 1), ValueError, r"rows must be in \[0, 3\), got 3"),
    (lambda: counters.add(HELD, WORDS, [-1], 0, 1), ValueError, r"rows must be in \[0, 3\), got -1"),
    (lambda: counters.add(HELD, WORDS, [0], 2, 1), ValueError, r"classes must be in \[0, 2\)"),
    (lambda: counters.add(HELD, WORDS, [0], 0, 0.5), TypeError, "weights must have dtype int64"),
    (lambda: counters.add(HELD, WORDS, [0], 0, 2**31), ValueError, "weights must keep every counter below"),
    (
        lambda: counters.add(HELD, WORDS, [0], 0, [-(2**63)]),
        ValueError,
        "weights must keep every counter below",
    ),
    (lambda: counters.add(HELD, WORDS, [0, 0], 0, [-(2**63)] * 2), ValueError, "weights must keep every"),
    (lambda: counters.add(HELD, WORDS, [0, 1], [0, 1, 0], 1), ValueError, "rows, classes and weights must"),
    (lambda: counters.dot(WORDS, HELD.astype(float)), TypeError, "counters must have dtype int32"),
    (lambda: counters.dot(WORDS, HELD[0]), ValueError, "counters must have 2 dimension"),
    (lambda: counters.quantise(HELD, np.zeros(1, dtype=np.uint64)), ValueError, "seeds must be one per row"),
]


@pytest.mark.parametrize("index", range(len(CASES)))
def test_bad_input(index: int) -> None:
    call, kind, message = CASES[index]
    with pytest.raises(kind, match="^" + message):
        call()
    assert not HELD.any()
