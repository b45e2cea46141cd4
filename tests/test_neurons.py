"""Neuron models and sources: kernels against slow twins, closed forms, the rules of the contract, bad input."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdspike.functional import simulate
from hdspike.network import Network, Population, Projection, Synapses
from hdspike.network.neurons import (
    CurrentLeaky,
    IntegrateAndFire,
    KWTAGroup,
    Latency,
    Leaky,
    LoihiInteger,
    LoihiSoma,
    NeuronModel,
    Poisson,
    Recorded,
)
from hdspike.network.neurons.base import _collect
from hdspike.spikes import EVENT
from tests.conftest import JIT
from tests.naive import network as naive

SEEDS = st.integers(0, 2**32 - 1)
STEPS = 12
EXAMPLES = 60 if JIT else 15


def drives(rng: np.random.Generator, size: int, values: list[float]) -> list[list[list[float]]]:
    """What arrives, by step and neuron: often nothing, sometimes a weight of 0, sometimes several that cancel."""
    return [
        [[float(w) for w in rng.choice(values, rng.choice([0, 0, 1, 1, 2]))] for _ in range(size)]
        for _ in range(STEPS)
    ]


def one_step(model: NeuronModel, size: int) -> Any:
    """A function of what arrives that runs one step and returns (fired, updated); it checks the contract."""
    parameters, state = model.parameters(size, naive.STEP_S), model.state(size)
    updated, fired = np.full(size, 7, dtype=np.uint8), np.zeros(size, dtype=np.int32)

    def run(arrived: list[list[float]]) -> tuple[list[int], list[int]]:
        drive = np.full(size, -0.0)
        for n, weights in enumerate(arrived):
            for weight in weights:
                drive[n] += weight
        count, active = model.step(parameters, state, drive, updated, fired)
        assert np.all(drive == 0.0)
        assert np.all(np.signbit(drive)), "a step leaves −0.0 behind"
        assert set(updated.tolist()) <= {0, 1}
        assert active == updated.sum()
        assert np.all(np.diff(fired[:count]) > 0)
        assert np.all(np.isfinite(state))
        return fired[:count].tolist(), np.flatnonzero(updated).tolist()

    return run, state


def follow(
    model: NeuronModel, size: int, twin: Any, values: list[float], rng: Any, *, abs_: float = 0.0, **more: Any
):
    """Run model and twin side by side; ``abs_`` is what potentials may differ by (0: not at all)."""
    run, state = one_step(model, size)
    named = [
        {key: float(model[key][n] if model[key].ndim else model[key]) for key in model.PARAMETERS}
        for n in range(size)
    ]
    cells: list[dict[str, float]] = [{"v": float(state[0, n])} for n in range(size)]
    total = 0
    for arrived in drives(rng, size, values):
        told = run(arrived)
        answers = [
            twin(p, cell, weights, **more) for p, cell, weights in zip(named, cells, arrived, strict=True)
        ]
        assert told[0] == [n for n, (fired, _) in enumerate(answers) if fired]
        assert told[1] == [n for n, (_, updated) in enumerate(answers) if updated]
        np.testing.assert_allclose(state[0], [cell["v"] for cell in cells], rtol=0, atol=abs_)
        total += len(told[0])
    return total


DYADIC = [0.0, 0.5, 1.0, 1.5, -0.75, 2.25]


def either(rng: Any, size: int, choices: list[float]) -> Any:
    """A parameter: one number for all, or one per neuron."""
    return float(rng.choice(choices)) if rng.random() < 0.5 else rng.choice(choices, size)


@settings(max_examples=EXAMPLES, deadline=None)
@given(SEEDS)
def test_integrate_and_fire(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size, strict, subtract = int(rng.integers(1, 70)), bool(rng.random() < 0.5), bool(rng.random() < 0.3)
    model = IntegrateAndFire(
        threshold=either(rng, size, [1.0, 2.25, 3.0]),
        reset="subtract" if subtract else either(rng, size, [0.0, -0.5]),
        bias=either(rng, size, [0.0, 0.0, 0.25, -0.25]),
        refractory=either(rng, size, [0, 0, 1, 3]),
        strict=strict,
    )
    follow(model, size, naive.integrate_and_fire, DYADIC, rng, strict=strict, subtract=subtract)


@settings(max_examples=EXAMPLES, deadline=None)
@given(SEEDS)
def test_leaky(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size, strict, subtract = int(rng.integers(1, 70)), bool(rng.random() < 0.5), bool(rng.random() < 0.3)
    model = Leaky(
        tau_s=either(rng, size, [0.02, 0.003, np.inf]),
        threshold=either(rng, size, [1.0, 2.2]),
        rest=either(rng, size, [0.0, 0.3]),
        reset="subtract" if subtract else either(rng, size, [0.0, -0.5]),
        bias=either(rng, size, [0.0, 0.9, 5.0]),
        refractory_s=either(rng, size, [0.0, 0.002]),
        strict=strict,
    )
    weights = [0.0, 0.517, 1.031, -0.713]
    follow(model, size, naive.leaky, weights, rng, abs_=1e-12, strict=strict, subtract=subtract)


@settings(max_examples=6, deadline=None)
@given(SEEDS)
def test_current_leaky_is_the_integral_of_its_equations(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size, subtract = int(rng.integers(1, 4)), bool(rng.random() < 0.3)
    model = CurrentLeaky(
        tau_s=either(rng, size, [0.02, 0.005]),
        tau_synapse_s=either(rng, size, [0.005, 0.01]),
        resistance=either(rng, size, [1.0, 7.0]),
        threshold=either(rng, size, [0.31, 0.73]),
        rest=either(rng, size, [0.0, -0.3]),
        reset="subtract" if subtract else 0.1,
        bias=either(rng, size, [0.0, 0.4]),
        refractory_s=either(rng, size, [0.0, 0.002]),
    )
    weights = [0.0, 0.5171, 1.0313, -0.7137]
    follow(model, size, naive.current_leaky, weights, rng, abs_=2e-6, subtract=subtract)


def test_equal_and_nearly_equal_time_constants() -> None:
    """p = R·(h/τ)·e^(−h/τ) where both are equal, and no jump beside it."""
    gains = [
        CurrentLeaky(tau_s=0.01, tau_synapse_s=0.01 * (1 + e)).parameters(1, 1e-3)[2, 0]
        for e in (0.0, 1e-15, -1e-15, 1e-9, -1e-9)
    ]
    np.testing.assert_allclose(gains, 0.1 * np.exp(-0.1), rtol=2e-9)
    apart = CurrentLeaky(tau_s=0.02, tau_synapse_s=0.005).parameters(1, 1e-3)[2, 0]
    assert apart == pytest.approx(0.005 / (0.005 - 0.02) * (np.exp(-0.2) - np.exp(-0.05)), rel=1e-13)


@settings(max_examples=EXAMPLES, deadline=None)
@given(SEEDS)
def test_loihi_soma(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 70))
    modes = {
        "reset_mode": str(rng.choice(["hard", "hard", "soft", "none", "saturate"])),
        "reverse_threshold": None if rng.random() < 0.5 else float(rng.choice([-1.0, -0.5, 0.0])),
        "reverse_reset_mode": str(rng.choice(["hard", "soft", "none", "saturate"])),
    }
    model = LoihiSoma(
        threshold=either(rng, size, [1.0, 2.25, 0.0, -1.0]),
        reset=either(rng, size, [0.0, 0.0, 0.5]),
        bias=either(rng, size, [0.0, 0.0, 0.25, -0.25]),
        leak_decay=either(rng, size, [1.0, 0.5, 0.75]),
        input_decay=either(rng, size, [0.0, 0.5]),
        refractory_delay=either(rng, size, [0, 0, 1, 3]),
        reverse_reset=-0.25,
        force_update=either(rng, size, [0, 0, 0, 1]),
        **modes,
    )
    follow(model, size, naive.loihi, DYADIC, rng, abs_=1e-12, **modes)


@settings(max_examples=EXAMPLES, deadline=None)
@given(SEEDS)
def test_loihi_integer(seed: int) -> None:
    """To the last bit, over the whole range of the registers: u wraps, v is limited."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 70))
    model = LoihiInteger(
        threshold=either(rng, size, [0, 10, 900, 131071]),
        current_decay=either(rng, size, [0, 100, 4095]),
        voltage_decay=either(rng, size, [0, 7, 4095]),
        bias=either(rng, size, [0, 0, 33, -4096]),
        bias_exponent=either(rng, size, [0, 7]),
    )
    follow(model, size, naive.loihi_integer, [0, 3, -5, 255, 65536, -65537, 131071], rng)


@settings(max_examples=EXAMPLES, deadline=None)
@given(SEEDS)
def test_kwta_group(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 40))
    group, k, carry = int(rng.integers(1, size + 1)), int(rng.integers(1, 6)), bool(rng.random() < 0.5)
    model = KWTAGroup(
        k,
        group,
        threshold=either(rng, size, [1.0, 2.0]),
        reset=either(rng, size, [0.0, -0.5]),
        decay=either(rng, size, [1.0, 0.5]),
        bias=either(rng, size, [0.0, 0.25]),
        carry=carry,
    )
    run, state = one_step(model, size)
    named = [
        {key: float(model[key][n] if model[key].ndim else model[key]) for key in model.PARAMETERS}
        for n in range(size)
    ]
    starts = range(0, size, group)
    potentials, counts, inhibitions = [0.0] * size, [0] * len(starts), [0] * len(starts)
    for arrived in drives(rng, size, DYADIC):
        fired, updated = naive.kwta_group(named, potentials, counts, inhibitions, arrived, k, group, carry)
        assert run(arrived) == (fired, sorted(updated))
        np.testing.assert_array_equal(state[0], potentials)
        assert state[1, list(starts)].tolist() == counts
        assert state[2, list(starts)].tolist() == inhibitions


def test_kwta_ties_go_to_the_lower_index() -> None:
    run, _ = one_step(KWTAGroup(2, threshold=1.0), 5)
    assert run([[3.0], [5.0], [3.0], [], [3.0]])[0] == [0, 1]
    assert run([[], [], [0.5], [], [1.0]])[0] == [4], "the losers were reset"


@given(st.lists(st.sampled_from([0, 1, 2, 3]), min_size=0, max_size=200))
def test_collect(flags: list[int]) -> None:
    updated, fired = np.array(flags, dtype=np.uint8), np.zeros(len(flags), dtype=np.int32)
    count, active = _collect(updated, fired)
    assert fired[:count].tolist() == [n for n, flag in enumerate(flags) if flag & 2]
    assert updated.tolist() == [flag & 1 for flag in flags]
    assert active == sum(flag & 1 for flag in flags)


# -- the event-driven form


@settings(max_examples=EXAMPLES, deadline=None)
@given(SEEDS)
def test_events_are_steps_where_events_fall_on_the_grid(seed: int) -> None:
    """Every step in which something arrives is one event; the other steps need none.

    Nothing is sent in the step in which a refractory time ends: a step lies within it, its last moment does not.
    """
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 6))
    kind = rng.random() < 0.5
    subtract = bool(rng.random() < 0.3)
    reset = "subtract" if subtract else 0.0
    model: NeuronModel
    if kind:
        model = Leaky(tau_s=0.01, rest=0.125, reset=reset, bias=0.25, refractory_s=0.002)
    else:
        model = IntegrateAndFire(reset=reset, bias=either(rng, size, [0.0, -0.125]), refractory=2)
    assert model.event is not None
    run, state = one_step(model, size)
    parameters, own = model.parameters(size, naive.STEP_S), model.state(size)
    last = [-9] * size
    for t, arrived in enumerate(drives(rng, size, [0.5171, 0.3131, -0.2])):
        arrived = [[] if t - last[n] == 2 else arrived[n] for n in range(size)]
        fired = run(arrived)[0]
        now = (t + 1) * naive.STEP_S  # a step is over at its end
        heard = [n for n in range(size) if arrived[n]]
        told = [n for n in heard if model.event(parameters, own, n, now, sum(arrived[n]))]
        assert told == fired
        for n in heard:
            assert own[0, n] == pytest.approx(state[0, n], abs=1e-12)
        for n in fired:
            last[n] = t


def test_an_event_decays_exactly() -> None:
    model = Leaky(tau_s=0.02, threshold=10.0, rest=1.0)
    parameters, state = model.parameters(1, 1e-3), model.state(1)
    assert model.event is not None
    assert not model.event(parameters, state, 0, 0.0037, 2.0)
    assert not model.event(parameters, state, 0, 0.0137, 0.5)
    assert state[0, 0] == pytest.approx(1.0 + 2.0 * np.exp(-0.5) + 0.5, rel=1e-14)
    assert model.event(parameters, state, 0, 0.0137, 100.0)


@pytest.mark.parametrize(
    "model",
    [
        Leaky(rest=0.5, bias=0.5),
        Leaky(bias=[0.0, 2.0]),
        IntegrateAndFire(bias=0.1),
        CurrentLeaky(),
        LoihiSoma(),
        LoihiInteger(),
        KWTAGroup(1),
    ],
)
def test_no_event_form_where_a_spike_needs_no_event(model: NeuronModel) -> None:
    assert model.event is None


# -- closed forms


def test_firing_rate_of_a_leaky_neuron() -> None:
    """Constant input I > θ: a spike every t_ref + τ ln(I ÷ (I − θ)) (Gerstner & Kistler 2002, eq. 4.9)."""
    tau, drive, refractory = 0.02, 1.5, 0.002
    model = Leaky(tau_s=tau, bias=drive, refractory_s=refractory)
    activity = simulate(Network([Population("n", 1, model)]), 4000, step_s=1e-4)
    gaps = np.diff(activity.spike_steps) * 1e-4
    expected = refractory + tau * np.log(drive / (drive - 1.0))
    assert np.all(np.abs(gaps - expected) <= 1e-4 + 1e-12)
    assert len(gaps) >= 10


def test_the_kernel_of_equal_neurons_is_the_general_one() -> None:
    """Scalars choose a shorter kernel: same spikes, same counts."""
    rng = np.random.default_rng(5)
    for one, row in (
        (Leaky(tau_s=0.01, bias=0.3), Leaky(tau_s=0.01, bias=[0.3] * 50)),
        (IntegrateAndFire(reset="subtract"), IntegrateAndFire(reset="subtract", bias=[0.0] * 50)),
        (LoihiSoma(leak_decay=0.9, bias=0.1), LoihiSoma(leak_decay=0.9, bias=[0.1] * 50)),
    ):
        assert one.step is not row.step
        (a, state_a), (b, state_b) = one_step(one, 50), one_step(row, 50)
        for arrived in drives(rng, 50, DYADIC):
            assert a(arrived) == b(arrived)
            np.testing.assert_array_equal(state_a[0], state_b[0])


# -- sources


def test_recorded() -> None:
    source = Recorded.in_steps([3, 0, 3, 1], [1, 2, 0, 1], step_ps=10)
    got = source.spikes(3, 0, 4, 10)
    assert got.tolist() == [(0, 2), (10, 1), (30, 0), (30, 1)]
    assert source.spikes(3, 1, 3, 10).tolist() == [(10, 1)]
    with pytest.raises(ValueError, match=r"^size must exceed"):
        Population("in", 2, source)


def test_latency() -> None:
    source = Latency([0.0, 4.0, 1.0, -1.0, 2.0, 4.0], steps=5, start=2)
    assert source.spikes(6, 0, 100, 1).tolist() == [(2, 1), (2, 5), (4, 4), (5, 2)]
    assert source.spikes(6, 3, 5, 1).tolist() == [(4, 4)]
    assert len(Latency([0.0, -1.0], steps=3).spikes(2, 0, 9, 1)) == 0
    assert Latency([1.0], steps=9, largest=2.0).spikes(1, 0, 9, 1)["time"].tolist() == [4]


@given(SEEDS, st.integers(1, 40), st.integers(1, 400))
def test_poisson_does_not_depend_on_the_division(seed: int, size: int, step: int) -> None:
    """Whole, in pieces, in other steps: the same spikes; ordered by (time, address)."""
    rates = np.random.default_rng(seed).random(size) * 3e4
    length = 10**9 * 50
    whole = Poisson(rates, rng=seed).spikes(size, 0, length, 1)
    assert np.all(np.diff(whole["time"]) >= 0)
    other = Poisson(rates, rng=seed)
    edges = np.unique(np.random.default_rng(step).integers(0, length // step + 1, 7))
    edges = np.concatenate([[0], edges[edges > 0], [length // step + 1]])
    parts = [other.spikes(size, int(a), int(b), step) for a, b in pairwise(edges)]
    joined = np.concatenate(parts)
    np.testing.assert_array_equal(joined[joined["time"] < length], whole)
    assert joined.dtype == EVENT


def test_poisson_rates() -> None:
    """Counts within five deviations of λT, each neuron for itself; variance and gaps as of a Poisson process."""
    rates = np.array([0.0, 5.0, 50.0, 500.0])
    events = Poisson(rates, rng=1).spikes(4, 0, 40_000, 10**9)
    counts = np.bincount(events["address"], minlength=4)
    np.testing.assert_array_less(np.abs(counts - rates * 40), 5 * np.sqrt(rates * 40) + 1e-9)
    assert counts[0] == 0
    gaps = np.diff(events["time"][events["address"] == 3]) * 1e-12
    assert gaps.mean() == pytest.approx(1 / 500, rel=0.05)
    assert gaps.std() == pytest.approx(1 / 500, rel=0.05)
    same = Poisson(20.0, rng=3).spikes(5, 0, 1000, 10**9)
    np.testing.assert_array_equal(same, Poisson(20.0, rng=3).spikes(5, 0, 1000, 10**9))
    assert not np.array_equal(same, Poisson(20.0, rng=4).spikes(5, 0, 1000, 10**9))
    assert len(Poisson(0.0, rng=3).spikes(5, 0, 1000, 10**9)) == 0


def test_poisson_drives_a_network() -> None:
    network = Network(
        [Population("in", 20, Poisson(200.0, rng=7)), Population("out", 1, IntegrateAndFire(threshold=10))],
        [Projection("in", "out", Synapses.from_dense(np.ones((20, 1), dtype=int)))],
    )
    activity = simulate(network, 500)
    sent = np.count_nonzero(activity.spikes("in")["time"] < 499 * 10**9)
    assert activity.counts["synaptic_events"] >= sent
    assert 0 < activity.fired_by["out"] <= sent // 10


# -- bad input

BAD: list[tuple[Any, type[Exception], str]] = [
    (lambda: Leaky(tau_s=0.0), ValueError, "^tau_s must be above 0 seconds, got 0"),
    (lambda: Leaky(tau_s=[0.1, -1.0]), ValueError, "^tau_s must be above 0 seconds, got -1"),
    (lambda: Leaky(rest=np.inf), ValueError, "^rest must be finite"),
    (lambda: Leaky(threshold=np.nan), ValueError, "^threshold"),
    (lambda: Leaky(refractory_s=-1e-3), ValueError, "^refractory_s"),
    (lambda: Leaky(reset="hard"), ValueError, "^reset"),
    (lambda: Leaky(strict=1), TypeError, "^strict"),
    (lambda: Leaky(tau_s="long"), TypeError, "^tau_s"),
    (lambda: Leaky(bias=[1.0, 2.0]).parameters(3, 1e-3), ValueError, "^bias must be one value or 3, got 2"),
    (lambda: IntegrateAndFire(refractory=0.5), ValueError, "^refractory must be a whole number"),
    (lambda: IntegrateAndFire(refractory=-1), ValueError, "^refractory"),
    (lambda: CurrentLeaky(tau_synapse_s=0), ValueError, "^tau_synapse_s"),
    (lambda: CurrentLeaky(tau_s=np.inf), ValueError, "^tau_s"),
    (lambda: CurrentLeaky(strict="yes"), TypeError, "^strict"),
    (lambda: LoihiSoma(reset_mode="gentle"), ValueError, "^reset_mode"),
    (lambda: LoihiSoma(reverse_threshold="low"), TypeError, "^reverse_threshold"),
    (lambda: LoihiSoma(reverse_threshold=np.nan), ValueError, "^reverse_threshold"),
    (lambda: LoihiSoma(reverse_threshold=[0.0, 1.0]).parameters(3, 1.0), ValueError, "^reverse_threshold"),
    (lambda: LoihiSoma(refractory_delay=1.5), ValueError, "^refractory_delay"),
    (lambda: LoihiInteger(current_decay=4096), ValueError, "^current_decay must be a whole number in"),
    (lambda: LoihiInteger(threshold=0.5), ValueError, "^threshold"),
    (lambda: KWTAGroup(0), ValueError, "^k "),
    (lambda: KWTAGroup(1, -1), ValueError, "^group_size"),
    (lambda: KWTAGroup(1, decay=1.5), ValueError, "^decay"),
    (lambda: KWTAGroup(1, carry=2), TypeError, "^carry"),
    (lambda: Poisson(-1.0), ValueError, "^rate_hz"),
    (lambda: Poisson(np.inf), ValueError, "^rate_hz"),
    (lambda: Poisson("fast"), TypeError, "^rate_hz"),
    (lambda: Poisson(1e12, rng=0).check_size(2), ValueError, "^rate_hz must sum"),
    (lambda: Population("a", 3, Poisson([1.0, 2.0], rng=0)), ValueError, "^size"),
    (lambda: Latency([[1.0]], steps=3), ValueError, "^values"),
    (lambda: Latency(["a"], steps=3), TypeError, "^values"),
    (lambda: Latency([1.0], steps=0), ValueError, "^steps"),
    (lambda: Latency([1.0], steps=3, largest=0.0), ValueError, "^largest"),
    (lambda: Population("a", 2, Latency([1.0], steps=3)), ValueError, "^size"),
    (lambda: Recorded([1, 2]), TypeError, "^events"),
    (lambda: Recorded(np.array([(-1, 0)], dtype=EVENT)), ValueError, "^events"),
]


@pytest.mark.parametrize(("call", "kind", "message"), BAD)
def test_bad_input(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()
