"""The kernel of few tokens is its slow twin and the layer's own grouped products, and refuses what does not fit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike.sparsity.expert_kernel import mixture
from tests.naive import sparse_experts as naive


def weights(
    random: np.random.Generator, experts: int, n_in: int, hidden: int, n_out: int
) -> tuple[np.ndarray, ...]:
    shapes = (experts, n_in, hidden), (experts, hidden), (experts, hidden, n_out), (experts, n_out)
    return tuple(random.standard_normal(shape) for shape in shapes)


@given(
    size=st.integers(1, 4).flatmap(lambda experts: st.tuples(st.just(experts), st.integers(1, experts))),
    tokens=st.integers(0, 3), widths=st.tuples(*[st.sampled_from([1, 2, 9])] * 3), seed=st.integers(0, 999),
)  # fmt: skip
def test_kernel_is_its_slow_twin(
    size: tuple[int, int], tokens: int, widths: tuple[int, int, int], seed: int
) -> None:
    random = np.random.default_rng(seed)
    own = weights(random, size[0], *widths)
    x, gates = random.standard_normal((tokens, widths[0])), random.random((tokens, size[1]))
    experts = random.random((tokens, size[0])).argsort(axis=1)[:, : size[1]]
    kept = random.random(experts.shape) < 0.7
    found, products = mixture(x, experts, gates, kept, own)
    lists = [a.tolist() for a in (x, experts, gates, kept)]
    expected = naive.forward(lists[0], [a.tolist() for a in own], *lists[1:])
    np.testing.assert_allclose(found, np.reshape(expected, found.shape), atol=1e-12)
    assert products == kept.sum() * widths[1] * (widths[0] + widths[2])


def test_kernel_keeps_float32() -> None:
    own = tuple(a.astype(np.float32) for a in weights(np.random.default_rng(0), 2, 3, 4, 5))
    ones = np.ones((2, 1))
    found, _ = mixture(ones * [1, 2, 3], np.array([[0], [1]]), ones, ones, own)
    assert found.dtype == np.float32


OWN = weights(np.random.default_rng(0), 2, 3, 4, 5)
ONE = np.ones((1, 1))
X, E, ON = np.ones((1, 3)), np.zeros((1, 1), dtype=np.int64), np.ones((1, 1), dtype=bool)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ((X[:, :2], E, ONE, ON, OWN), ValueError, r"x must be of shape \(1, 3\), got \(1, 2\)"),
        ((X, E + 2, ONE, ON, OWN), ValueError, r"experts must be in \[0, 2\), got 2"),
        ((X, E - 1, ONE, ON, OWN), ValueError, r"experts must be in \[0, 2\), got -1"),
        ((X, ONE, ONE, ON, OWN), TypeError, "experts must have dtype int64"),
        ((X, E, ONE[0], ON, OWN), ValueError, r"gates and kept must be of shape \(1, 1\)"),
        ((X, E, ONE, ON, (OWN[0], OWN[1][:1], *OWN[2:])), ValueError, "weights must fit together"),
        ((X, E, ONE, ON, (*OWN[:3], OWN[3][:, 1:])), ValueError, "weights must fit together"),
        ((X, E, ONE, ON, (OWN[0][0], *OWN[1:])), ValueError, "weights must fit together"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: tuple, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        mixture(*arguments)
