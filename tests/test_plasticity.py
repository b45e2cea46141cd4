"""STDP: the kernel against sums over pairs of spikes, the window of Bi & Poo, the bounds, bad input."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdspike.network import STDP, Synapses
from tests.conftest import JIT
from tests.naive import network as naive

SEEDS = st.integers(0, 2**32 - 1)


def learn(rule: STDP, synapses: Synapses, pre: np.ndarray, post: np.ndarray) -> Any:
    """The traces after rasters ``(steps, lines)`` and ``(steps, neurons)`` of spike counts."""
    traces = rule.prepare(synapses, naive.STEP_S)
    for t in range(len(pre)):
        p, q = (np.repeat(np.arange(r.shape[1]), r[t]).astype(np.int32) for r in (pre, post))
        traces.learn(p, len(p), q, len(q))
    return traces


@settings(max_examples=40 if JIT else 12, deadline=None)
@given(SEEDS)
def test_every_synapse_is_its_sum_of_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lines, neurons, steps = (int(v) for v in rng.integers(1, 7, 3))
    steps += 10
    count = int(rng.integers(0, 15))
    synapses = Synapses.from_pairs(
        *(rng.integers(0, lines, count), rng.integers(0, neurons, count)),
        shape=(lines, neurons),
        weights=rng.random(count),
        delays=rng.integers(1, 4, count),
    )
    rule = STDP(
        *(float(rng.choice([0.01, 0.4])), 0.3 * rng.random(), 0.017, 0.034, 0.0, 1.0),
        pairing=str(rng.choice(["all", "nearest"])),
        bounds=str(rng.choice(["additive", "multiplicative"])),
    )
    pre, post = (rng.choice([0, 0, 0, 1, 2], (steps, n)) for n in (lines, neurons))
    traces = learn(rule, synapses, pre, post)
    for s, (line, target, weight) in enumerate(naive.edges(synapses)):
        before, after = (np.repeat(np.arange(steps), r).tolist() for r in (pre[:, line], post[:, target]))
        expected = naive.stdp(rule, weight, before, after, steps)
        assert traces.weights[s] == pytest.approx(expected, abs=1e-12)
    sizes = np.diff(synapses.indptr)
    assert (
        traces.changes
        == (pre * sizes).sum() + (post * np.bincount(synapses.targets, minlength=neurons)).sum()
    )
    assert traces.synapses(synapses).longest_delay == synapses.longest_delay


TIMES = st.lists(st.integers(0, 60), max_size=8, unique=True)


@given(TIMES, TIMES, st.sampled_from(["all", "nearest"]))
def test_a_weight_moves_by_the_sum_over_pairs(pre: list[int], post: list[int], pairing: str) -> None:
    """No trace in this formula: every pair for itself."""
    rule = STDP(0.01, 0.012, 0.017, 0.034, -100.0, 100.0, pairing)
    one = Synapses(np.array([0, 1]), np.array([0], dtype=np.int32), np.array([0.0]), 1)
    rasters = [
        np.bincount(times, minlength=61)[:, None] for times in (np.array(pre, int), np.array(post, int))
    ]
    assert learn(rule, one, *rasters).weights[0] == pytest.approx(naive.stdp_sum(rule, pre, post), abs=1e-13)


def test_the_window() -> None:
    """One pair at each distance: the two exponentials, and nothing at 0."""
    rule = STDP(0.8, 0.5, 0.0168, 0.0337, -10.0, 10.0)
    one = Synapses(np.array([0, 1]), np.array([0], dtype=np.int32), np.array([0.0]), 1)
    for gap in (-40, -3, 0, 1, 25):
        pre, post = np.zeros((100, 1), dtype=int), np.zeros((100, 1), dtype=int)
        pre[50], post[50 + gap] = 1, 1
        expected = np.sign(gap) * (
            0.8 * np.exp(-gap * 1e-3 / 0.0168) if gap > 0 else 0.5 * np.exp(gap * 1e-3 / 0.0337)
        )
        assert learn(rule, one, pre, post).weights[0] == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("bounds", ["additive", "multiplicative"])
def test_weights_stay_within_their_bounds(bounds: str) -> None:
    rng = np.random.default_rng(1)
    synapses = Synapses.from_dense(np.ones((5, 4), dtype=int))
    rule = STDP(0.9, 0.9, 0.02, 0.02, 0.25, 1.0, bounds=bounds)
    weights = learn(rule, synapses, rng.integers(0, 3, (200, 5)), rng.integers(0, 3, (200, 4))).weights
    assert weights.min() >= 0.25
    assert weights.max() <= 1.0
    assert np.ptp(weights) > 0


ONE = Synapses(np.array([0, 1]), np.array([0], dtype=np.int32), np.array([2.0]), 1)
BAD: list[tuple[Any, type[Exception], str]] = [
    (lambda: STDP(-0.1, 0.1, 0.02, 0.02), ValueError, "^potentiation must be at least 0"),
    (lambda: STDP(0.1, np.nan, 0.02, 0.02), ValueError, "^depression must be finite"),
    (lambda: STDP(0.1, 0.1, 0.0, 0.02), ValueError, "^tau_plus_s must be above 0"),
    (lambda: STDP(0.1, 0.1, 0.02, "slow"), TypeError, "^tau_minus_s"),
    (lambda: STDP(0.1, 0.1, 0.02, 0.02, 2.0, 1.0), ValueError, "^low must be at most high"),
    (lambda: STDP(0.1, 0.1, 0.02, 0.02, pairing="some"), ValueError, "^pairing"),
    (lambda: STDP(0.1, 0.1, 0.02, 0.02, bounds="soft"), ValueError, "^bounds"),
    (lambda: STDP(0.1, 0.1, 0.02, 0.02).prepare(ONE, 1e-3), ValueError, "^weights must be in"),
    (lambda: STDP(0.1, 0.1, 0.02, 0.02).prepare([1], 1e-3), TypeError, "^synapses"),
]


@pytest.mark.parametrize(("call", "kind", "message"), BAD)
def test_bad_input(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()
