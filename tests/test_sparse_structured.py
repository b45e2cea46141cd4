"""The product with a block-sparse matrix: its slow twin, the masked product, odd sizes, bad input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike.sparsity.block_product import BATCH, BlockMatrix, _multiply, _multiply_batch
from tests.naive import sparse_pruning as slow


@given(
    n_in=st.sampled_from([1, 2, 7, 16, 17]),
    n_out=st.sampled_from([1, 3, 8, 9]),
    size=st.integers(1, 9),
    batch=st.sampled_from([0, 1, 3, BATCH - 1, BATCH, BATCH + 1]),
    density=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    seed=st.integers(0, 99),
)
def test_product_is_its_slow_twin(
    n_in: int, n_out: int, size: int, batch: int, density: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    weights = random.standard_normal((n_in, n_out)) * (random.random((n_in, n_out)) < density)
    x = random.standard_normal((batch, n_in))
    matrix = BlockMatrix(weights, size=size)
    expected, products = slow.block_product(x.tolist(), weights.tolist(), size)
    np.testing.assert_allclose(matrix(x), np.reshape(expected, (batch, n_out)), atol=1e-12)
    np.testing.assert_allclose(matrix(x), x @ weights, atol=1e-12)
    assert batch * len(matrix.blocks) * size * size == products


def test_kernel_adds_and_counts() -> None:
    matrix = BlockMatrix(np.eye(4), size=2)
    x, out = np.ones((3, 4)), np.full((3, 4), 10.0)
    assert _multiply(x, matrix.blocks, matrix.rows, matrix.starts, out) == 3 * 2 * 4
    np.testing.assert_array_equal(out, np.full((3, 4), 11.0))
    x, out = np.ones((4, 3)), np.full((4, 3), 10.0)
    assert _multiply_batch(x, matrix.blocks, matrix.rows, matrix.starts, out) == 3 * 2 * 4
    np.testing.assert_array_equal(out, np.full((4, 3), 11.0))


def test_only_blocks_that_hold_something_are_stored() -> None:
    weights = np.zeros((5, 6), dtype=np.float32)
    weights[4, 5] = 2
    matrix = BlockMatrix(weights, size=4)
    assert matrix.blocks.shape == (1, 4, 4)
    assert matrix.stored_bytes == 64 + 2 + 2 * 3
    np.testing.assert_array_equal(matrix(np.eye(5, dtype=np.float32)), weights)
    assert matrix(np.eye(5)).dtype == np.float32


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: BlockMatrix(np.zeros(3), size=2), "weights must be a real matrix"),
        (lambda: BlockMatrix(np.zeros((3, 2), dtype=int), size=2), "weights must be a real matrix"),
        (lambda: BlockMatrix(np.zeros((3, 2)), size=0), "size must be at least 1"),
        (lambda: BlockMatrix(np.zeros((3, 2)), size=2)(np.zeros(3)), "x must be a batch"),
        (lambda: BlockMatrix(np.zeros((3, 2)), size=2)(np.zeros((1, 4))), "x must have a width of 3"),
    ],
)
def test_bad_input_is_named(call, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call()
