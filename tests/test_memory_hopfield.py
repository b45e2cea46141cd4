"""Modern Hopfield readout against weights and bundles made by hand."""

from collections.abc import Callable
from math import exp
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike.memory import Hopfield, ItemMemory, hopfield
from hdspike.spaces import BSC, BSDC, SBC
from tests.conftest import JIT

SPACES = [BSC(1), BSC(65), SBC(35, blocks=7), BSDC(30, ones=4)]


@given(
    st.sampled_from(SPACES),
    st.integers(1, 6),
    st.integers(0, 3),
    st.sampled_from([{"beta": 0.5}, {"beta": 8.0}, {"degree": 2}, {"degree": 4}]),
    st.data(),
)
def test_a_step_is_the_weighted_bundle_of_the_winners(space, num: int, count: int, rule: dict, data) -> None:
    winners = data.draw(st.integers(1, num))
    items, states = space.random(num, rng=0), space.random(count, rng=data.draw(st.integers(1, 50)))
    memory = Hopfield(space, items, winners=winners, **rule)
    expected = []
    for row in space.similarity(states, items).tolist():
        order = sorted(range(num), key=lambda i, row=row: (-row[i], i))[:winners]
        best = row[order[0]]
        if "beta" in rule:
            votes = [round(2**20 * exp(rule["beta"] * (row[i] - best))) for i in order]
        elif best > 0:
            votes = [round(2**20 * (max(row[i], 0) / best) ** (rule["degree"] - 1)) for i in order]
        else:
            votes = [2**20 * (row[i] == best) for i in order]
        expected.append(space.bundle(items[order], weights=np.array(votes, dtype=np.int64)))
    got = memory.step(states)
    np.testing.assert_array_equal(got, np.array(expected).reshape(states.shape))


@pytest.mark.parametrize("space", SPACES, ids=repr)
def test_very_cold_it_is_the_cleanup(space) -> None:
    items, states = space.random(9, rng=0), space.random(20, rng=1)
    state, steps, settled = Hopfield(space, items, beta=1e9, winners=1).recall(states)
    np.testing.assert_array_equal(state, items[ItemMemory(space, items).cleanup(states)])
    assert settled.all()
    assert np.all(steps <= 2)


@pytest.mark.skipif(not JIT, reason="bundles of hundreds of items, slow un-jitted")
def test_sharper_rules_hold_more() -> None:
    """300 patterns in 400 bits: the classical network (.14·D) has lost them, degree 4 and softmax have not."""
    space = BSC(400)
    items = space.random(300, rng=0)
    noisy = items[:40] ^ (space.random(40, rng=1) & space.random(40, rng=2) & space.random(40, rng=3))
    right = {
        name: np.mean(np.all(Hopfield(space, items, **rule).recall(noisy)[0] == items[:40], axis=1))
        for name, rule in (("two", {"degree": 2}), ("four", {"degree": 5}), ("exp", {"beta": 40.0}))
    }
    assert right["two"] < 0.1
    assert right["four"] > 0.9
    assert right["exp"] == 1.0


def test_few_states_at_a_time(monkeypatch) -> None:
    space = BSC(65)
    memory = Hopfield(space, space.random(5, rng=0), beta=2.0)
    states = space.random(7, rng=1)
    whole = memory.step(states)
    monkeypatch.setattr(hopfield, "NUMBERS", 1)
    np.testing.assert_array_equal(memory.step(states), whole)


B = BSC(70)
W = B.random(3, rng=0)
H = Hopfield(B, W, beta=1.0)
CASES: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: Hopfield(B, W), ValueError, "beta or degree must be given"),
    (lambda: Hopfield(B, W, beta=1.0, degree=2), ValueError, "beta or degree must be given"),
    (lambda: Hopfield(B, W, beta=0.0), ValueError, "beta must be in"),
    (lambda: Hopfield(B, W, beta=float("nan")), ValueError, "beta must be in"),
    (lambda: Hopfield(B, W, beta=float("inf")), ValueError, "beta must be in"),
    (lambda: Hopfield(B, W, degree=1), ValueError, "degree must be at least 2"),
    (lambda: Hopfield(B, W, degree=10**400), ValueError, "degree must be at most 2147483648"),
    (lambda: Hopfield(B, W, beta=1.0, winners=4), ValueError, "winners must be at most 3"),
    (lambda: Hopfield(B, W[:0], beta=1.0), ValueError, "items must be a batch"),
    (lambda: H.step(W[0]), ValueError, "states must be a batch"),
    (lambda: H.recall(W, most=0), ValueError, "most must be at least 1"),
]


@pytest.mark.parametrize(("call", "error", "message"), CASES)
def test_bad_input_is_a_clear_error(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}"):
        call()
