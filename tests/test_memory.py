"""Item memory against sorting by hand."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import memory
from hdspike.memory import ItemMemory
from hdspike.spaces import BSC, SBC


@given(
    st.sampled_from([BSC(1), BSC(5), BSC(65), SBC(4, blocks=2), SBC(35, blocks=7)]),
    st.integers(1, 8),
    st.integers(0, 4),
    st.integers(1, 10),
    st.integers(0, 2**32),
)
def test_search(space, num: int, count: int, k: int, seed: int) -> None:
    """Small spaces, so that items tie and repeat; k may exceed the items."""
    items, queries = space.random(num, rng=seed), space.random(count, rng=seed + 1)
    store = ItemMemory(space, items)
    scores = space.score(queries, items).tolist()
    ranked = [sorted(range(num), key=lambda i, row=row: (-row[i], i)) for row in scores]
    assert store.top(queries, k).tolist() == [order[:k] for order in ranked]
    assert store.top(queries, k).shape == (count, min(k, num))
    assert store.cleanup(queries).tolist() == [order[0] for order in ranked]
    np.testing.assert_array_equal(store.score(queries), scores if count else np.empty((0, num)))
    np.testing.assert_array_equal(store.similarity(queries), space.similarity(queries, items))
    assert len(store) == num
    assert repr(space) in repr(store)


@pytest.mark.parametrize("space", [BSC(1000), SBC(1024)], ids=repr)
def test_cleanup_undoes_noise(space) -> None:
    items = space.random(50, rng=0)
    noisy = space.bundle(np.stack([items, items, space.random(50, rng=1)], axis=1), weights=[1, 1, 1])
    one_in_three = space.bundle(np.stack([items, *(space.random(50, rng=s) for s in (2, 3))], axis=1))
    assert ItemMemory(space, items).cleanup(noisy).tolist() == list(range(50))
    assert ItemMemory(space, items).cleanup(one_in_three).tolist() == list(range(50))


def test_doctests() -> None:
    results = doctest.testmod(memory)
    assert results.attempted > 0
    assert results.failed == 0
