"""Products that read active units alone: slow twins at odd sizes, what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike.models.feed_forward import gated
from hdspike.sparsity.active_product import active_product, chosen_products, sparse_gated, weighted_rows
from tests.naive import sparse_active as naive

SIZES = st.sampled_from([0, 1, 2, 3, 4, 5, 17, 63, 64, 65])


def drawn(units, width, count, seed):
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(units, width)).astype(np.float32)
    rows = rng.integers(0, units, count) if units else np.zeros(0, dtype=np.int64)
    return (
        weights,
        rows,
        rng.normal(size=len(rows)).astype(np.float32),
        rng.normal(size=width).astype(np.float32),
    )


@given(units=st.integers(1, 9), width=SIZES, count=st.integers(0, 9), seed=st.integers(0, 99))
def test_products_are_their_slow_twins(units, width, count, seed):
    """Rows may come twice, none may be asked, a row may be empty."""
    weights, rows, values, x = drawn(units, width, count, seed)
    found = weighted_rows(values, rows, weights)
    assert found.dtype == np.float32 and found.shape == (width,)
    assert np.allclose(found, naive.weighted_rows(values, rows, weights), atol=1e-5)
    found = chosen_products(weights, rows, x)
    assert found.dtype == np.float32 and found.shape == (count,)
    assert np.allclose(found, naive.chosen_products(weights, rows, x), atol=1e-5)


@given(units=st.integers(1, 9), width=SIZES, zeros=st.integers(0, 9), seed=st.integers(0, 99))
def test_the_active_product_is_the_product(units, width, zeros, seed):
    weights, *_ = drawn(units, width, 1, seed)
    x = np.random.default_rng(seed).normal(size=units).astype(np.float32)
    x[:zeros] = 0
    weights[:zeros] = np.nan  # not read where the input is zero
    expected = x[zeros:] @ weights[zeros:]
    assert np.allclose(active_product(x, weights), expected, atol=1e-5)


@given(
    hidden=st.sampled_from([1, 2, 7, 63, 64, 65]),
    width=st.integers(1, 9),
    seed=st.integers(0, 50),
    share=st.floats(0, 1),
)
def test_a_sparse_token_is_that_of_the_twin(hidden, width, seed, share):
    rng = np.random.default_rng(seed)
    gate, up, down = (rng.normal(size=(hidden, width)).astype(np.float32) for _ in range(3))
    x = rng.normal(size=width).astype(np.float32)
    k = max(1, round(share * hidden))
    found = sparse_gated(x, gate, up, down, k)
    wanted, spoke = naive.gated(x, gate, up, down.T, by="gate", share=k / hidden)
    assert len(spoke) == k
    assert np.allclose(found, wanted, atol=1e-4)
    dense = gated(x[None], gate, up, np.ascontiguousarray(down.T), layer=0)[0]
    assert np.allclose(sparse_gated(x, gate, up, down, hidden), dense, atol=1e-4)


W = np.zeros((4, 3), dtype=np.float32)
ONE = np.ones(1, dtype=np.float32)
BAD = [
    (lambda: weighted_rows(ONE, [4], W), ValueError, r"rows must be in \[0, 4\), got 4"),
    (lambda: weighted_rows(ONE, [-1], W), ValueError, r"rows must be in \[0, 4\), got -1"),
    (lambda: weighted_rows(ONE, [0, 1], W), ValueError, "values must be one for each of 2 rows, got 1"),
    (lambda: weighted_rows(np.ones(1), [0], W), TypeError, "values must have dtype float32, got float64"),
    (lambda: weighted_rows(ONE, [0], W[0]), ValueError, r"weights must have 2 dimension"),
    (lambda: weighted_rows(ONE, [0.5], W), TypeError, "rows must have dtype int64, got float64"),
    (lambda: chosen_products(W, [0], ONE), ValueError, "x must have the width of the weights, 3, got 1"),
    (lambda: chosen_products(W.astype(float), [0], ONE), TypeError, "weights must have dtype float32"),
    (lambda: active_product(ONE, W), ValueError, "x must be one for each of 4 rows of weights, got 1"),
    (lambda: sparse_gated(np.ones(3, dtype=np.float32), W, W, W, 5), ValueError, "k must be at most 4, got 5"),
    (lambda: sparse_gated(np.ones(3, dtype=np.float32), W, W, W, 0), ValueError, "k must be at least 1, got 0"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), BAD)
def test_what_is_refused(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
