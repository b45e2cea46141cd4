"""Resonators against lists of signs, and the factors they find."""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import bits
from hdspike.memory import Resonator
from tests.conftest import JIT
from tests.naive import memory as slow


@given(
    st.sampled_from([1, 5, 63, 64, 65]),
    st.lists(st.integers(1, 5) | st.just(66), min_size=2, max_size=4),
    st.sampled_from(["turns", "together"]),
    st.integers(1, 6),
    st.integers(0, 99),
)
def test_runs_as_by_hand(dim: int, sizes: list[int], order: str, most: int, seed: int) -> None:
    if not JIT and max(sizes) > 5:
        sizes, most = [66, 2], 2
    books = [bits.random(m, dim, rng=seed + f) for f, m in enumerate(sizes)]
    targets = bits.random(2, dim, rng=seed + 9)
    network = Resonator(dim, books, order=order)
    start = bits.random(2 * len(sizes), dim, rng=seed + 10).reshape(2, len(sizes), -1)
    turns, ended, chosen = network._run(targets, start.copy(), most)
    rows = [bits.unpack(book, dim).tolist() for book in books]
    for q, target in enumerate(bits.unpack(targets, dim).tolist()):
        begin = bits.unpack(start[q], dim).tolist()
        expected = slow.resonate(target, rows, begin, order == "together", most)
        assert (turns[q], ended[q], chosen[q].tolist()) == expected


def products(dim: int, sizes: list[int], count: int, seed: int) -> tuple[list[Any], np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    books = [bits.random(m, dim, rng=random) for m in sizes]
    chosen = np.stack([random.integers(m, size=count) for m in sizes], axis=1)
    return books, chosen, np.bitwise_xor.reduce([b[c] for b, c in zip(books, chosen.T, strict=True)], axis=0)


@pytest.mark.skipif(not JIT, reason="networks of 1,000 bits, slow un-jitted")
@pytest.mark.parametrize("sizes", [[100, 100], [20, 30, 40], [10, 10, 10, 10]])
def test_factors_of_products_are_found(sizes: list[int]) -> None:
    books, chosen, x = products(1000, sizes, 40, 0)
    found = Resonator(1000, books).factor(x)
    np.testing.assert_array_equal(found.items, chosen)
    assert not found.distance.any()
    assert found.converged.all()
    assert np.all(found.runs == 1)
    assert np.all(found.iterations >= 2)
    noisy = x ^ bits.pack(np.random.default_rng(1).random((40, 1000)) < 0.1)
    found = Resonator(1000, books).factor(noisy)
    assert np.mean(np.all(found.items == chosen, axis=1)) > 0.95
    assert np.all(np.abs(found.distance - 100) < 60)


@pytest.mark.skipif(not JIT, reason="networks of 500 bits, slow un-jitted")
def test_restarts_find_more_and_the_same_on_any_threads() -> None:
    books, chosen, x = products(500, [40, 40, 40], 40, 0)
    network = Resonator(500, books)
    one = network.factor(x, most=100)
    right = np.all(one.items == chosen, axis=1)
    np.testing.assert_array_equal(right, one.distance == 0)
    assert 0.1 < right.mean() < 0.9
    threads = numba.get_num_threads()
    try:
        runs = []
        for count in (1, threads):
            numba.set_num_threads(count)
            runs.append(network.factor(x, most=100, restarts=5, rng=3))
    finally:
        numba.set_num_threads(threads)
    for a, b in zip(*runs, strict=True):
        np.testing.assert_array_equal(a, b)
    more = np.all(runs[0].items == chosen, axis=1)
    assert more.mean() > right.mean() + 0.1
    assert np.all(more >= right)
    assert np.all((runs[0].runs > 1) == ~right)
    assert np.all(runs[0].iterations <= 600)


@pytest.mark.skipif(not JIT, reason="networks of 200 bits, slow un-jitted")
def test_cycles_are_noticed() -> None:
    """Far too many combinations: synchronous updates end in cycles or out of time, and say so."""
    books, _, x = products(64, [30, 30], 40, 0)
    turns, ended, _ = Resonator(64, books, order="together")._run(
        x, np.broadcast_to(x[:, None], (40, 2, 1)).copy(), 400
    )
    assert 2 in ended
    assert np.all(turns[ended == 2] < 400)


def test_more_restarts_are_never_worse() -> None:
    """The nearest of all runs counts, whatever the later ones find."""
    books, _, x = products(65, [6, 6, 6], 8, 0)
    network = Resonator(65, books)
    before = network.factor(x, most=3, tolerance=0, rng=1)
    differ = False
    for restarts in range(1, 8):
        found = network.factor(x, most=3, tolerance=0, restarts=restarts, rng=1)
        assert np.all(found.distance <= before.distance)
        made = np.bitwise_xor.reduce([b[c] for b, c in zip(books, found.items.T, strict=True)], axis=0)
        np.testing.assert_array_equal(found.distance, bits.popcount(made ^ x, 65))
        kept = found.distance == before.distance
        np.testing.assert_array_equal(found.items[kept], before.items[kept])
        np.testing.assert_array_equal(found.converged[kept], before.converged[kept])
        differ |= bool(np.any(kept & (found.runs > before.runs)))
        before = found
    assert differ  # some later run was worse than an earlier one


def test_no_products() -> None:
    found = Resonator(70, [bits.random(3, 70, rng=0)] * 2).factor(np.empty((0, 2), dtype=np.uint64))
    assert found.items.shape == (0, 2)
    assert len(found.distance) == 0


W = bits.random(3, 70, rng=0)
R = Resonator(70, [W, W])
CASES: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: Resonator(0, [W, W]), ValueError, "dim must be at least 1"),
    (lambda: Resonator(70, [W]), ValueError, "codebooks must be at least 2, got 1"),
    (lambda: Resonator(70, [W, W[:0]]), ValueError, r"codebooks\[1\] must be a batch"),
    (lambda: Resonator(70, [W, W.astype(float)]), TypeError, r"codebooks\[1\] must be uint64"),
    (lambda: Resonator(70, [W, W], order="random"), ValueError, "order must be one of turns, together"),
    (lambda: R.factor(W[0]), ValueError, "products must be a batch"),
    (lambda: R.factor(W[:, :1]), ValueError, "products must have 2 words"),
    (lambda: R.factor(W, most=0), ValueError, "most must be at least 1"),
    (lambda: R.factor(W, most=10**15), ValueError, "most must be at most 1048576"),
    (lambda: R.factor(W | np.uint64(2**63)), ValueError, "products must have zero bits beyond dim 70"),
    (lambda: Resonator(70, [W, W | np.uint64(2**63)]), ValueError, r"codebooks\[1\] must have zero bits"),
    (lambda: R.factor(W, restarts=-1), ValueError, "restarts must be at least 0"),
    (lambda: R.factor(W, tolerance=-1), ValueError, "tolerance must be at least 0"),
    (lambda: R.factor(W, rng=-1), ValueError, "rng must be"),
]


@pytest.mark.parametrize(("call", "error", "message"), CASES)
def test_bad_input_is_a_clear_error(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}"):
        call()
