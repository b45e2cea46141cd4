"""Sparse distributed memory against counters in lists, and against what it promises."""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import bits, files, theory
from hdspike.memory import SparseDistributedMemory
from hdspike.memory.sdm import _coins
from tests.conftest import JIT
from tests.naive import bits as slow_bits
from tests.naive import memory as slow

LIMITS = {"int8": (-128, 127), "int16": (-(2**15), 2**15 - 1), "int32": (-(2**31), 2**31 - 1)}


@given(
    st.sampled_from([1, 5, 63, 64, 65, 130]),
    st.sampled_from([1, 7, 64, 65]),
    st.integers(1, 6),
    st.integers(0, 4),
    st.sampled_from(list(LIMITS)),
    st.integers(0, 99),
    st.data(),
)
def test_written_and_read_as_by_hand(dim, data_dim, locations, count, dtype, seed, data) -> None:
    radius = data.draw(st.integers(0, dim))
    weights = data.draw(st.lists(st.integers(-(2**30), 2**30), min_size=count, max_size=count))
    store = SparseDistributedMemory(dim, locations, radius=radius, data_dim=data_dim, dtype=dtype, rng=seed)
    addresses, values = bits.random(count, dim, rng=seed + 1), bits.random(count, data_dim, rng=seed + 2)
    store.write(addresses, values, weights=np.array(weights, dtype=np.int64))
    places, asked = (bits.unpack(x, dim).tolist() for x in (store.locations, addresses))
    counters = [[0] * data_dim for _ in range(locations)]
    for address, value, weight in zip(asked, bits.unpack(values, data_dim).tolist(), weights, strict=True):
        slow.write(counters, places, address, value, radius, weight, *LIMITS[dtype])
    assert store.counters.tolist() == counters
    queries = bits.random(3, dim, rng=seed + 3)
    asked += bits.unpack(queries, dim).tolist()
    everything = np.concatenate([addresses, queries])
    assert store.active(everything).tolist() == [len(slow.active(places, a, radius)) for a in asked]
    assert store.sums(everything).tolist() == [slow.sums(counters, places, a, radius) for a in asked]
    expected = [slow.read(counters, places, a, radius) for a in asked]
    np.testing.assert_array_equal(store.read(everything), slow_bits.array(expected, data_dim))


@given(st.integers(1, 130), st.lists(st.integers(0, 2**64 - 1), max_size=3))
def test_coins_are_the_stream(dim: int, seeds: list[int]) -> None:
    out = np.empty((len(seeds), bits.word_count(dim)), dtype=np.uint64)
    _coins(np.array(seeds, dtype=np.uint64), bits.tail_mask(dim), out)
    np.testing.assert_array_equal(out, slow_bits.array([slow.coins(s, dim) for s in seeds], dim))


def test_what_was_written_can_be_taken_back() -> None:
    store = SparseDistributedMemory(100, 50, radius=48, rng=0)
    x = bits.random(6, 100, rng=1)
    store.write(x[:3])
    before = store.counters.copy()
    store.write(x[3:], weights=2)
    assert np.any(store.counters != before)
    store.write(x[3:], weights=-2)
    np.testing.assert_array_equal(store.counters, before)


def test_threads_do_not_change_a_saturated_memory() -> None:
    """Saturation does not commute, so the order of writes must hold on any number of threads."""
    x, y = bits.random(40, 64, rng=1), bits.random(40, 30, rng=2)
    results = []
    threads = numba.get_num_threads()
    try:
        for count in (1, threads):
            numba.set_num_threads(count)
            store = SparseDistributedMemory(64, 33, radius=34, data_dim=30, dtype=np.int8, rng=0)
            store.write(x, y, weights=np.arange(40) - 7)
            results.append((store.counters.copy(), store.sums(x), store.active(x)))
    finally:
        numba.set_num_threads(threads)
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.abs(results[0][0].astype(int)).max() == 128 or results[0][0].max() == 127


def test_batches_larger_than_one_go() -> None:
    store = SparseDistributedMemory(20, 5, radius=10, rng=0)
    other = SparseDistributedMemory(20, 5, radius=10, rng=0)
    x = bits.random(300, 20, rng=1)
    store.write(x)
    for row in x:
        other.write(row[None])
    np.testing.assert_array_equal(store.counters, other.counters)
    np.testing.assert_array_equal(store.sums(x)[270:], store.sums(x[270:]))


@pytest.mark.skipif(not JIT, reason="thousands of locations, slow un-jitted")
def test_recall_from_within_the_critical_distance_only() -> None:
    dim, locations, radius, stored = 256, 6000, 110, 100
    store = SparseDistributedMemory(dim, locations, radius=radius, rng=0)
    patterns = bits.random(stored, dim, rng=1)
    store.write(patterns)
    critical = theory.sdm_critical_distance(dim, locations, radius, stored)
    assert 40 < critical < 100
    random = np.random.default_rng(2)
    for distance, low, high in ((critical // 3, 0.95, 1.0), (115, 0.0, 0.1)):
        flips = bits.pack(random.permuted(np.arange(dim) < np.full((stored, 1), distance), axis=1))
        found, reads, settled = store.recall(patterns ^ flips)
        assert low <= np.mean(np.all(found == patterns, axis=1)) <= high
        assert np.all(reads[settled] >= 2)
    spread = np.abs(store.active(patterns).mean() / (store.share * locations) - 1)
    assert spread < 0.1


@pytest.mark.skipif(not JIT, reason="thousands of locations, slow un-jitted")
def test_data_of_another_dimension_are_read_back() -> None:
    store = SparseDistributedMemory(256, 3000, active=30, data_dim=100, rng=0)
    assert 20 < store.share * 3000 < 60
    keys, values = bits.random(60, 256, rng=1), bits.random(60, 100, rng=2)
    store.write(keys, values)
    assert np.mean(bits.popcount(store.read(keys) ^ values, 100)) < 1


def test_defaults_follow_the_theory() -> None:
    store = SparseDistributedMemory(200, 1000, rng=0)
    assert store.radius == theory.sdm_radius(200, theory.sdm_best_share(1000, 100))
    assert store.locations.shape == (1000, 4)
    assert store.counters.dtype == np.int16
    assert f"radius {store.radius}" in repr(store)


M = SparseDistributedMemory(70, 4, radius=30, rng=0)
H = SparseDistributedMemory(70, 4, radius=30, data_dim=10, rng=0)
W = bits.random(3, 70, rng=0)
CASES: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: SparseDistributedMemory(0, 4), ValueError, "dim must be at least 1"),
    (lambda: SparseDistributedMemory(70, 0), ValueError, "locations must be at least 1"),
    (lambda: SparseDistributedMemory(70, 4, radius=71), ValueError, "radius must be at most 70"),
    (lambda: SparseDistributedMemory(70, 4, radius=1, active=1), ValueError, "radius and active must not"),
    (lambda: SparseDistributedMemory(70, 4, active=5), ValueError, r"active must be in \[0, 4\]"),
    (lambda: SparseDistributedMemory(70, 4, active=float("nan")), ValueError, "active must be in"),
    (
        lambda: SparseDistributedMemory(70, 4, dtype=np.float32),
        TypeError,
        "dtype must be int8, int16 or int32",
    ),
    (lambda: M.write(W[0]), ValueError, "addresses must be a batch"),
    (lambda: M.write(W.astype(np.int64)), TypeError, "addresses must be uint64 words"),
    (lambda: M.write(W, W[:2]), ValueError, "data must be one per address: got 2 for 3"),
    (lambda: H.write(W), ValueError, "data must be given where data_dim is not dim"),
    (lambda: M.write(W, weights=[1, 2]), ValueError, "weights must be one integer or 3"),
    (lambda: M.write(W, weights=0.5), TypeError, "weights must have dtype int32"),
    (lambda: M.read(W[:, :1]), ValueError, "addresses must have 2 words"),
    (lambda: H.recall(W), ValueError, "data_dim must be dim = 70"),
    (lambda: M.recall(W, most=0), ValueError, "most must be at least 1"),
]


@pytest.mark.parametrize(("call", "error", "message"), CASES)
def test_bad_input_is_a_clear_error(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}"):
        call()


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32])
def test_files(tmp_path, dtype) -> None:
    memory = SparseDistributedMemory(70, 9, radius=35, data_dim=11, dtype=dtype, rng=0)
    memory.write(W, bits.random(3, 11, rng=1), weights=[1, -2, 50])
    memory.save(tmp_path / "x")
    again = SparseDistributedMemory.load(tmp_path / "x")
    assert repr(again) == repr(memory)
    assert np.any(memory.counters)
    np.testing.assert_array_equal(again.locations, memory.locations)
    np.testing.assert_array_equal(again.counters, memory.counters)
    np.testing.assert_array_equal(again.read(W), memory.read(W))
    again.write(W, bits.random(3, 11, rng=2))
    rows, good = files.load_array(tmp_path / "x", mmap=False)
    high = rows.copy()
    high[0, 15] = 128
    bad = [
        (rows, {"kind": "other"}, "must hold hdspike.sparse-distributed-memory"),
        (rows, {"dim": "70"}, "must say its dim"),
        (rows, {"dim": 0}, "must describe a memory"),
        (rows, {"radius": 71}, "must describe a memory"),
        (rows, {"itemsize": 3}, "must describe a memory"),
        (rows, {"data_dim": 12}, "must hold bytes"),
        (rows[:0], {}, "must hold bytes"),
        (rows.astype(np.int16), {}, "must hold bytes"),
        (high, {}, "must have zero bits beyond dim 70"),
    ]
    for array, changed, message in bad:
        files.save_array(tmp_path / "bad", array, **good | changed)
        with pytest.raises(ValueError, match=f"bad {message}"):
            SparseDistributedMemory.load(tmp_path / "bad")
