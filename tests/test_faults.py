"""Faulty cells: how many, which, and what they do, against bits taken one by one."""

import doctest
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from hdspike import bits, faults
from hdspike.faults import Faults, flip
from hdspike.spaces import BSC, BSDC, SBC

NAN = float("nan")
KINDS = ("stuck", "stuck0", "stuck1", "flip")
DTYPES = ("int8", "uint8", "int16", "int32", "int64", "uint64")


def cells_of(value: int, width: int) -> list[int]:
    """The cells of an integer, in two's complement."""
    return [(value >> i) & 1 for i in range(width)]


def check_cells(kind: str, wrote: list[int], read: list[int], again: list[int], opposite: list[int]) -> None:
    """Each cell by itself: ``again`` is another reading of the same, ``opposite`` one of the inverse content."""
    assert read == again
    for w, r, o in zip(wrote, read, opposite, strict=True):
        if kind == "flip":
            assert (r == w) == (o != w)  # good or always inverted, whatever was written
        elif r != w or o == w:  # the cell is stuck, at r
            assert r == o
            assert kind == "stuck" or r == int(kind[-1])


@given(st.sampled_from(KINDS), st.integers(1, 130), st.integers(0, 4), st.integers(0, 99))
def test_words_are_faulty_bit_by_bit_and_keep_their_tail(kind: str, dim: int, rows: int, seed: int) -> None:
    words = bits.random(rows, dim, rng=seed)
    inverse = words ^ bits.pack(np.ones(dim, dtype=np.uint8))
    broken = Faults(words, 0.3, kind=kind, dim=dim, rng=seed)
    assert broken.cells == rows * dim
    read = broken(words)
    assert not np.any(read[:, -1] & ~bits.tail_mask(dim))
    unpacked = [bits.unpack(x, dim).ravel().tolist() for x in (words, read, broken(words), broken(inverse))]
    check_cells(kind, *unpacked)
    if kind == "flip":
        assert broken.count == int(bits.popcount(read ^ words, dim).sum())
        np.testing.assert_array_equal(broken(read), words)
    else:
        np.testing.assert_array_equal(broken(read), read)


@given(st.sampled_from(KINDS), st.sampled_from(DTYPES), st.data())
def test_counters_are_faulty_in_their_cells_alone(kind: str, name: str, data: Any) -> None:
    dtype = np.dtype(name)
    signed = dtype.kind == "i"
    width = data.draw(st.integers(2, 8 * dtype.itemsize))
    low = -(2 ** (width - 1)) if signed else 0
    values = data.draw(st.lists(st.integers(low, low + 2**width - 1), max_size=5))
    array = np.array(values, dtype=dtype)
    broken = Faults(array, 0.4, kind=kind, width=width, rng=3)
    assert broken.cells == len(values) * width
    read, opposite = broken(array), broken(-1 - array if signed else dtype.type(2**width - 1) - array)
    assert read.dtype == dtype
    assert all(low <= int(r) < low + 2**width for r in read)
    for w, r, a, o in zip(array, read, broken(array), opposite, strict=True):
        check_cells(kind, *(cells_of(int(x), width) for x in (w, r, a, o)))


@given(st.sampled_from(KINDS), st.integers(2, 40), st.integers(0, 20))
def test_block_codes_stay_block_codes(kind: str, length: int, seed: int) -> None:
    space = SBC(6 * length, blocks=6)
    vectors = space.random(4, rng=seed)
    broken = Faults(vectors, 0.3, kind=kind, space=space, rng=seed)
    width = (length - 1).bit_length()
    assert broken.cells == 24 * width
    read = space.checked("read", broken(vectors))
    if length == 1 << width:
        inverse = np.int32(length - 1) - vectors
        for w, r, a, o in zip(
            *(x.ravel() for x in (vectors, read, broken(vectors), broken(inverse))), strict=True
        ):
            check_cells(kind, *(cells_of(int(x), width) for x in (w, r, a, o)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", [0.0, 0.001, 0.0199, 0.02, 0.25, 0.9, 1.0])
def test_as_many_cells_are_faulty_as_the_rate_says(kind: str, rate: float) -> None:
    """Counts are binomial, over more than one chunk of cells, and every column is hit alike."""
    dim, rows = 1000, 1100
    assert dim * rows > faults.CHUNK
    zeros = np.zeros((rows, bits.word_count(dim)), dtype=np.uint64)
    ones = np.broadcast_to(bits.pack(np.ones(dim, dtype=np.uint8)), zeros.shape).copy()
    broken = Faults(zeros, rate, kind=kind, dim=dim, rng=7)
    assert binomtest(broken.count, dim * rows, rate).pvalue > 1e-4 if 0 < rate < 1 else True
    up = bits.unpack(broken(zeros), dim).astype(np.int64)
    down = 1 - bits.unpack(broken(ones), dim).astype(np.int64)
    share = {"stuck": (0.5, 0.5), "stuck0": (0, 1), "stuck1": (1, 0), "flip": (1, 1)}[kind]
    for seen, part in zip((up, down), share, strict=True):
        expected = rate * part
        if expected in (0.0, 1.0):
            assert seen.sum() == expected * dim * rows
            continue
        assert binomtest(int(seen.sum()), dim * rows, expected).pvalue > 1e-4
        deviation = (seen.sum(axis=0) - rows * expected) / np.sqrt(rows * expected * (1 - expected))
        if rows * expected > 5:
            assert 0.8 < np.mean(deviation**2) < 1.2  # neither lumps nor gaps
            assert np.abs(deviation).max() < 6


def test_same_seed_same_map_other_seed_another() -> None:
    words = bits.random(5, 300, rng=0)
    maps = [Faults(words, 0.1, dim=300, rng=seed)(words) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(maps[0], maps[1])
    assert np.any(maps[0] != maps[2])


def test_flips_are_others_each_time_and_leave_the_array_alone() -> None:
    words, random = bits.random(20, 500, rng=0), np.random.default_rng(0)
    kept = words.copy()
    a, b = (flip(words, 0.1, dim=500, rng=random) for _ in range(2))
    np.testing.assert_array_equal(words, kept)
    assert np.any(a != b)
    changed = int(bits.popcount(a ^ words, 500).sum())
    assert binomtest(changed, 20 * 500, 0.1).pvalue > 1e-4


def test_bsc_space_is_its_dim() -> None:
    words = bits.random(3, 70, rng=0)
    np.testing.assert_array_equal(flip(words, 0.2, space=BSC(70), rng=4), flip(words, 0.2, dim=70, rng=4))


W = bits.random(3, 70, rng=0)
S = SBC(20, blocks=4)
V = S.random(3, rng=0)
NARROW = np.zeros((3, 4), dtype=np.uint8)
CASES: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: Faults(W, -0.1, dim=70), ValueError, r"rate must be in \[0, 1\], got -0.1"),
    (lambda: Faults(W, NAN, dim=70), ValueError, r"rate must be in \[0, 1\], got nan"),
    (lambda: Faults(W, "1", dim=70), TypeError, "rate must be a number"),
    (lambda: Faults(W, True, dim=70), TypeError, "rate must be a number"),
    (lambda: Faults(W, 0.1, dim=64), ValueError, "array must have 1 words"),
    (lambda: Faults(W, 0.1, space=S), ValueError, "array must have width 4"),
    (lambda: Faults(NARROW, 0.1, space=SBC(1028, blocks=4)), ValueError, "array must hold indices below 257"),
    (lambda: Faults(W, 0.1, dim=70, width=3), ValueError, "dim, space and width must not"),
    (lambda: Faults(W, 0.1, dim=70, kind="burnt"), ValueError, "kind must be one of stuck, stuck0"),
    (lambda: Faults(W, 0.1, dim=70, rng=-1), ValueError, "rng must be"),
    (lambda: Faults([0.5], 0.1), TypeError, "array must be of integers, got dtype float64"),
    (lambda: Faults(V, 0.1, dim=70), TypeError, "array must be uint64 words"),
    (lambda: Faults(V, 0.1, width=33), ValueError, "width must be at most 32"),
    (lambda: Faults(V, 0.1, width=1), ValueError, "width must be at least 2"),
    (lambda: Faults(V, 0.1, width=2)(V), ValueError, r"array must be in \[-2, 1\], got 0"),
    (lambda: Faults(V, 0.1, space=S)(V + np.int32(5)), ValueError, r"array must be in \[0, 4\]"),
    (lambda: Faults(W, 0.1, dim=70)(W[:2]), ValueError, r"array must have shape \(3, 2\)"),
    (lambda: Faults(W, 0.1, dim=70)(W.astype(np.int64)), TypeError, "array must have dtype uint64"),
]


@pytest.mark.parametrize(("call", "error", "message"), CASES)
def test_bad_input_is_a_clear_error(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}"):
        call()


@given(st.sampled_from(KINDS), st.integers(0, 20))
def test_sparse_distributed_codes_stay_sorted_and_distinct(kind: str, seed: int) -> None:
    space = BSDC(60, ones=12)
    vectors = space.random(5, rng=seed)
    broken = Faults(vectors, 0.3, kind=kind, space=space, rng=seed)
    assert broken.cells == 5 * 12 * 6
    read = space.checked("read", broken(vectors))
    np.testing.assert_array_equal(read, broken(vectors))
    np.testing.assert_array_equal(Faults(vectors, 0.0, space=space)(vectors), vectors)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [2, 5, 255, 256])
def test_narrow_indices_fail_as_wide_ones_do(kind: str, length: int) -> None:
    narrow, wide = SBC(7 * length, blocks=7, dtype=np.uint8), SBC(7 * length, blocks=7)
    vectors = narrow.random(9, rng=0)
    read = Faults(vectors, 0.3, kind=kind, space=narrow, rng=1)(vectors)
    assert read.dtype == np.uint8
    narrow.checked("read", read)
    expected = Faults(vectors.astype(np.int32), 0.3, kind=kind, space=wide, rng=1)(vectors.astype(np.int32))
    np.testing.assert_array_equal(read, expected)


def test_the_whole_of_two_bytes_may_fail() -> None:
    space = SBC(4 * 2**16, blocks=4, dtype=np.uint16)
    vectors = space.random(9, rng=0)
    assert np.any(flip(vectors, 0.3, space=space, rng=1) != vectors)


def test_an_index_read_twice_moves_to_the_next_free_one() -> None:
    assert faults._distinct([1, 1, 1, 2, 9, 9], 10) == [0, 1, 2, 3, 4, 9]


def test_doctests() -> None:
    results = doctest.testmod(faults)
    assert results.attempted > 0
    assert results.failed == 0
