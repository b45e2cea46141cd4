"""Synapses, groups, outcomes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike.network import KWTA, Layer, Outcome, Synapses, disagreement, from_dense


@given(st.integers(0, 6), st.integers(1, 6), st.integers(0, 2**32))
def test_from_dense(lines: int, neurons: int, seed: int) -> None:
    matrix = np.random.default_rng(seed).integers(-1, 2, (lines, neurons))
    synapses = Synapses.from_dense(matrix)
    assert (synapses.lines, synapses.neurons, len(synapses)) == (lines, neurons, np.count_nonzero(matrix))
    weights = np.ones(len(synapses)) if synapses.weights is None else synapses.weights
    back = np.zeros_like(matrix)
    for i in range(lines):
        low, high = synapses.indptr[i : i + 2]
        assert np.all(np.diff(synapses.targets[low:high]) > 0)
        back[i, synapses.targets[low:high]] = weights[low:high]
    np.testing.assert_array_equal(back, matrix)


def test_weights_of_one_are_not_stored() -> None:
    assert Synapses.from_dense([[1, 0], [1, 1]]).weights is None
    assert Synapses.from_dense([[1, 0], [1, -1]]).weights.tolist() == [1, 1, -1]


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**32))
def test_from_pairs_in_any_order(lines: int, neurons: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    chosen = np.flatnonzero(rng.random(lines * neurons) < 0.5)
    weights = rng.integers(-128, 128, len(chosen))
    order = rng.permutation(len(chosen))
    made = [
        Synapses.from_pairs(c // neurons, c % neurons, shape=(lines, neurons), weights=w)
        for c, w in ((chosen, weights), (chosen[order], weights[order]))
    ]
    for name in ("indptr", "targets", "weights"):
        np.testing.assert_array_equal(getattr(made[0], name), getattr(made[1], name))
    assert made[0].targets.tolist() == (chosen % neurons).tolist()
    assert made[0].weights.tolist() == weights.tolist()
    assert np.diff(made[0].indptr).tolist() == [int(np.sum(chosen // neurons == i)) for i in range(lines)]


def test_empty_lines_at_the_end_and_the_start() -> None:
    synapses = Synapses([0, 0, 2, 2, 3, 3], [0, 1, 0], None, 2)
    assert (synapses.lines, len(synapses)) == (5, 3)
    assert Synapses([0], [], None, 1).lines == 0


def test_network_sizes() -> None:
    network = from_dense([[1, 0, 2]], bias=[1, 2, 3], kwta=KWTA(1, 1, "end"))
    assert (network.lines, network.neurons, network.bias.dtype) == (1, 3, np.int32)
    assert from_dense([[1, 0, 2]], kwta=KWTA(1, 1, "end")).bias.tolist() == [0, 0, 0]
    with pytest.raises(AttributeError):
        network.bias = np.zeros(3)  # a network is a value


@pytest.mark.parametrize(
    ("theta", "step", "floor", "steps"),
    [(10, 1, 0, 11), (10, 3, 0, 5), (10, 10, 0, 2), (0, 1, 0, 1), (5, 2, -2, 5)],
)
def test_ramp_steps(theta: int, step: int, floor: int, steps: int) -> None:
    group = KWTA(1, theta, "ramp", step=step, floor=floor)
    assert group.ramp_steps == steps
    thresholds = [max(theta - s * step, floor) for s in range(steps)]
    assert thresholds[-1] == floor
    assert len(set(thresholds)) == steps


def test_other_readouts_have_no_ramp() -> None:
    assert KWTA(1, 5, "tick").ramp_steps == KWTA(None, 5, "end").ramp_steps == 0


def outcome(*queries: list[int]) -> Outcome:
    indptr = np.cumsum([0, *map(len, queries)])
    winners = np.array([i for query in queries for i in query], dtype=np.int32)
    return Outcome(
        indptr, winners, np.zeros_like(winners), np.zeros_like(winners), {"fired": np.diff(indptr)}
    )


def test_outcome() -> None:
    some = outcome([3, 1], [], [2])
    assert len(some) == 3
    assert [some.query(q).tolist() for q in range(3)] == [[3, 1], [], [2]]
    assert some.total("fired") == 3


def test_disagreement() -> None:
    one, other = outcome([3, 1], [], [2], [5, 6]), outcome([1, 3], [4], [2], [5])
    assert disagreement(one, other) == {"compared": 6, "differing": 4, "queries": 4, "queries_differing": 2}
    assert disagreement(other, one) == disagreement(one, other)
    assert disagreement(one, one) == {"compared": 5, "differing": 0, "queries": 4, "queries_differing": 0}
    with pytest.raises(ValueError, match="same queries"):
        disagreement(one, outcome([1]))


def test_network_is_checked() -> None:
    with pytest.raises(ValueError, match=r"bias must have one value per neuron \(2\), got 3"):
        Layer(Synapses.from_dense([[1, 1]]), np.zeros(3, dtype=np.int32), KWTA(1, 1, "end"))
