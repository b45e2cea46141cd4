"""The quantised twin of a spiking run: counts against loops, the break-even rate against a pencil."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdspike import functional, substrate
from hdspike.dense import SpikingRun, activation_bits, break_even_rate, event_driven, twin
from hdspike.network import KWTA, Layer, Network, Population, Projection, Synapses, from_dense
from hdspike.network.neurons.integrate_and_fire import IntegrateAndFire
from hdspike.network.neurons.recorded import Recorded
from hdspike.vocabulary import COUNTERS
from tests.naive import dense as naive

HOROWITZ = {
    "adds_int32": 0.1e-12,
    "bit_products": 0.2e-12 / 64,
    "sram_bits": 20e-12 / 64,
    "sram_bits_written": 20e-12 / 64,
}
"""45 nm: int32 add, int8 multiplication ÷ 64, 64 bits of a 32 KB SRAM (Horowitz, ISSCC 2014)."""
JOUPPI = {
    "adds_int32": 0.03e-12,
    "bit_products": 0.07e-12 / 64,
    "sram_bits": 8.5e-12 / 64,
    "sram_bits_written": 8.5e-12 / 64,
}
"""7 nm: the same (Jouppi et al., ISCA 2021)."""


@settings(max_examples=50, deadline=None)
@given(steps=st.integers(1, 10**9))
def test_bits_are_those_that_hold_every_count_of_spikes(steps):
    bits = activation_bits(steps)
    assert 2 ** (bits - 1) < steps + 1 <= 2**bits


@settings(max_examples=50, deadline=None)
@given(
    inputs=st.integers(1, 5),
    neurons=st.integers(1, 5),
    steps=st.integers(1, 20),
    weight_bits=st.integers(1, 8),
    batch=st.sampled_from([1, 2, 7, 63, 64, 65]),
    shared=st.integers(1, 3),
    data=st.data(),
)
def test_counts_against_the_naive_twin(inputs, neurons, steps, weight_bits, batch, shared, data):
    stored = data.draw(st.integers(1, inputs * neurons))
    synapses = [weight for weight in range(stored) for _ in range(shared)]
    run = SpikingRun(len(synapses), inputs, neurons, steps, weight_bits, weights=stored)
    cost = twin(run, batch=batch)
    assert cost.totals == naive.twin(synapses, inputs, neurons, steps, weight_bits, batch)
    assert cost.macs == batch * len(synapses)
    assert (cost.unit, cost.units) == ("inference", batch)
    assert set(cost.totals) <= set(COUNTERS)


@settings(max_examples=30, deadline=None)
@given(data=st.data(), neurons=st.integers(1, 6), steps=st.integers(1, 5), weight_bits=st.integers(1, 8))
def test_spiking_counts_against_the_naive_twin(data, neurons, steps, weight_bits):
    inputs = data.draw(st.integers(1, 9))
    raster = [
        data.draw(st.lists(st.booleans(), min_size=inputs, max_size=inputs), label="spikes")
        for _ in range(steps)
    ]
    expected = naive.event_driven(raster, [neurons] * inputs, neurons, weight_bits, 24)
    spikes = sum(map(sum, raster))
    run = SpikingRun(inputs * neurons, inputs, neurons, steps, weight_bits, synaptic_events=spikes * neurons)
    assert twin(run, density=np.float32(0.5)).totals == twin(run, density=0.5).totals
    assert run.rate == pytest.approx(spikes / (inputs * steps))
    assert event_driven(run, state_bits=24) == pytest.approx(expected)
    assert event_driven(run, rate=run.rate, state_bits=24) == pytest.approx(expected)


@pytest.mark.parametrize("density", [0.0, 0.25, 0.9, 1.0])
@pytest.mark.parametrize("batch", [1, 2, 4])
def test_zeros_are_skipped_as_all_their_patterns_say(density, batch):
    """A weight is read if any input of the batch is not zero: summed over all patterns of zeros."""
    met = sum(
        math.prod(density if one else 1 - density for one in pattern)
        for pattern in product([False, True], repeat=batch)
        if any(pattern)
    )
    run = SpikingRun(10**8, 10, 10, 3, weight_bits=8)
    totals = twin(run, batch=batch, density=density).totals
    assert totals.get("adds_int32", 0) == batch * round(density * 10**8)
    assert totals["sram_bits"] == pytest.approx(8 * met * 10**8 + batch * 2 * 10, rel=1e-7)
    far = twin(run, batch=batch, density=density, memory="dram").totals
    assert far["sram_bits"] == totals["sram_bits"]
    assert far.get("dram_bits", 0) == pytest.approx(8 * met * 10**8, rel=1e-7)


def test_where_the_weights_lie():
    run = SpikingRun(6400, 80, 80, 15, weight_bits=4)
    near, middle, far = (twin(run, batch=128, memory=memory).totals for memory in ("sram", "l2", "dram"))
    assert near["sram_bits"] == 2 * 4 * 6400 + 128 * 4 * 80
    assert (middle["l2_bits"], middle["sram_bits"]) == (2 * 4 * 6400, 128 * 4 * 80)
    assert far == near | {"dram_bits": 4 * 6400}


def test_hardware_that_knows_only_bytes():
    run = SpikingRun(6400, 80, 70, 15, weight_bits=4)
    counts = twin(run, arithmetic="int8").counts
    assert counts == {"macs_int8": 6400, "sram_bits": 8 * 6480, "sram_bits_written": 8 * 70}
    assert twin(run, arithmetic="int4").counts["macs_int4"] == 6400
    assert twin(run).counts["bit_products"] == 6400 * 16


def test_the_twin_runs_on_the_byte_pipe():
    run = SpikingRun(10**6, 1000, 1000, 15, weight_bits=4)
    line = twin(run).roofline(substrate.load("a100-circuit"))
    assert line.bound == "compute"
    assert line.operations == 2e6


# Break-even


@settings(max_examples=50, deadline=None)
@given(
    fan=st.integers(10, 5000),
    steps=st.integers(1, 64),
    weight_bits=st.integers(1, 8),
    batch=st.integers(1, 200),
    density=st.floats(0.1, 1.0),
)
def test_both_sides_cost_the_same_at_the_break_even_rate(fan, steps, weight_bits, batch, density):
    run = SpikingRun(fan * fan, fan, fan, steps, weight_bits)
    rate = break_even_rate(run, JOUPPI, batch=batch, density=density)
    dense = twin(run, batch=batch, density=density).counts

    def joules(counts):
        return sum(JOUPPI[name] * count for name, count in counts.items())

    if 0 <= rate <= 1:
        assert joules(event_driven(run, rate=rate)) == pytest.approx(joules(dense))
    else:
        end = 0.0 if rate < 0 else 1.0
        assert (joules(event_driven(run, rate=end)) > joules(dense)) == (rate < 0)


@pytest.mark.parametrize("unit", [HOROWITZ, JOUPPI], ids=["45 nm", "7 nm"])
@pytest.mark.parametrize(("steps", "bits"), [(1, 1), (5, 3), (10, 4)])
def test_the_closed_form_by_hand(unit, steps, bits):
    fan, width, state, address = 1024, 8, 16, 10
    run = SpikingRun(fan * fan, fan, fan, steps, width)
    add, product_, read = unit["adds_int32"], unit["bit_products"], unit["sram_bits"]
    qnn = fan * fan * (width * bits * product_ + add + width * read) + 2 * fan * bits * read
    updates = fan * steps * (2 * add + 2 * state * read)
    event = steps * (fan * fan * (add + width * read) + fan * address * 2 * read)
    assert break_even_rate(run, unit) == pytest.approx((qnn - updates) / event, rel=1e-12)


@pytest.mark.parametrize("unit", [HOROWITZ, JOUPPI], ids=["45 nm", "7 nm"])
def test_beside_the_literature(unit):
    """Yan et al.: 5.7 % at T = 5. Here: 20 % where no read is shared, as much as theirs where 4 share one."""
    run = SpikingRun(1024 * 1024, 1024, 1024, 5, weight_bits=8)
    rates = {batch: break_even_rate(run, unit, batch=batch) for batch in (1, 4, 64)}
    assert rates[1] == pytest.approx(0.20, abs=0.005)
    assert rates[4] == pytest.approx(0.057, abs=0.003)
    assert 0.009 < rates[64] < 0.013
    assert break_even_rate(run, unit, density=0.5) == pytest.approx(0.0985, abs=0.001)


@pytest.mark.parametrize("unit", [HOROWITZ, JOUPPI], ids=["45 nm", "7 nm"])
@pytest.mark.parametrize("steps", [4, 5, 10])
def test_a_twin_that_skips_its_zeros_wins_at_every_rate(unit, steps):
    """Spikes at random: an activation is zero with probability (1 − r)^T, and the twin reads a weight once."""
    run = SpikingRun(1024 * 1024, 1024, 1024, steps, weight_bits=8)
    for rate in (0.001, 0.01, 0.05, 0.1, 0.5):
        assert break_even_rate(run, unit, density=1 - (1 - rate) ** steps) < rate
    assert break_even_rate(run, unit) > 0.05  # it needs the skipping: without, rare spikes win


@settings(max_examples=30, deadline=None)
@given(fan=st.integers(50, 3000), steps=st.integers(1, 60), batch=st.sampled_from([1, 2, 4, 8, 16, 32]))
def test_sharing_and_more_steps_lower_the_break_even_rate(fan, steps, batch):
    run, longer = (SpikingRun(fan * fan, fan, fan, t) for t in (steps, 2 * steps + 1))  # one bit more
    assert activation_bits(2 * steps + 1) == activation_bits(steps) + 1
    rate = break_even_rate(run, JOUPPI, batch=batch)
    assert break_even_rate(run, JOUPPI, batch=2 * batch) < rate
    assert break_even_rate(longer, JOUPPI, batch=batch) < max(rate, 0) + 1e-12


def test_energies_of_a_substrate():
    sheet = substrate.load("a100-circuit")
    run = SpikingRun(2**20, 1024, 1024, 5)
    unit = {name: sheet.si(f"energy.{name}") for name in HOROWITZ}
    assert break_even_rate(run, sheet) == break_even_rate(run, unit)


# From real runs


def test_a_networks_run():
    rng = np.random.default_rng(3)
    weights = rng.integers(-3, 4, (6, 5)).astype(np.int8)
    source = Recorded.in_steps(np.array([0, 0, 1, 5]), np.array([0, 3, 3, 5]), step_ps=10**9)
    network = Network(
        [Population("in", 6, source), Population("out", 5, IntegrateAndFire(threshold=2.0))],
        [Projection("in", "out", Synapses.from_dense(weights))],
    )
    activity = functional.simulate(network, 8)
    run = SpikingRun.of_activity(activity, inferences=2)
    fan_out = (weights != 0).sum(axis=1)
    assert (run.synapses, run.inputs, run.neurons, run.steps) == (fan_out.sum(), 6, 5, 4)
    assert run.weight_bits == 3  # −3 … 3 in two's complement
    assert run.synaptic_events == (fan_out[0] + 2 * fan_out[3] + fan_out[5]) / 2
    assert twin(run).counts["bit_products"] == fan_out.sum() * 3 * 3
    assert SpikingRun.of_activity(activity, weight_bits=8, weights=4).weights == 4
    with pytest.raises(ValueError, match="inferences must divide the 8 steps of the run, got 3"):
        SpikingRun.of_activity(activity, inferences=3)


@pytest.mark.parametrize(
    ("weights", "bits"),
    [([1, 1], 1), ([1, -1], 1), ([2, 1], 3), ([-2, 1], 2), ([3, -4], 3), ([127, -127], 8), ([-1, -127], 8)],
)
def test_bits_of_stored_weights(weights, bits):
    layer = from_dense([weights], kwta=KWTA(1, 1, "end"))
    assert SpikingRun.of_layer(layer, steps=1).weight_bits == bits


def test_float_weights_need_a_width():
    synapses = Synapses.from_pairs([0], [0], shape=(1, 1), weights=np.array([0.5], dtype=np.float32))
    source = Recorded.in_steps(np.array([0]), np.array([0]), step_ps=10**9)
    network = Network(
        [Population("in", 1, source), Population("out", 1, IntegrateAndFire(threshold=2.0))],
        [Projection("in", "out", synapses)],
    )
    activity = functional.simulate(network, 2)
    with pytest.raises(ValueError, match="weight_bits must be given where weights are float32, got None"):
        SpikingRun.of_activity(activity)
    assert SpikingRun.of_activity(activity, weight_bits=8).weight_bits == 8


def test_a_layer_of_spiking_attention():
    rng = np.random.default_rng(5)
    kwta = KWTA(2, 3, "tick")
    keys = rng.integers(0, 2, (20, 64)).astype(np.uint8)
    words = np.packbits(keys, axis=1, bitorder="little").view(np.uint64)
    packed = functional.DenseLayer(words, 64, np.arange(64), 4, kwta)
    outcome = functional.run_dense(packed, words[:3])
    run = SpikingRun.of_layer(packed, outcome, steps=1)
    assert (run.synapses, run.inputs, run.neurons, run.weight_bits) == (20 * 64, 64, 20, 1)
    assert run.synaptic_events == outcome.total("synaptic_events") / 3
    assert 0 < run.rate < 1
    assert twin(run).counts["bit_products"] == 20 * 64  # an XNOR a synapse
    signs = (2 * keys.T.astype(np.int8) - 1).astype(np.int8)
    other = SpikingRun.of_layer(from_dense(signs, kwta=kwta), outcome, steps=1)
    assert other == run
    assert isinstance(from_dense(signs, kwta=kwta), Layer)


RUN = SpikingRun(100, 10, 10, 4)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: activation_bits(0), ValueError, "steps must be at least 1, got 0"),
        (lambda: activation_bits(2.0), TypeError, "steps must be an integer"),
        (lambda: SpikingRun(0, 1, 1, 1), ValueError, "synapses must be at least 1, got 0"),
        (lambda: SpikingRun(1, 1, 1, 1, 65), ValueError, "weight_bits must be at most 64, got 65"),
        (lambda: SpikingRun(4, 1, 1, 1, weights=5), ValueError, "weights must be at most 4, got 5"),
        (lambda: SpikingRun(4, 1, 1, 1, synaptic_events=-1), ValueError, "synaptic_events must be finite"),
        (
            lambda: SpikingRun(4, 1, 1, 1, synaptic_events=math.nan),
            ValueError,
            "synaptic_events must be finite .* got nan",
        ),
        (lambda: SpikingRun(4, 1, 1, 1, synaptic_events="4"), TypeError, "synaptic_events must be a number"),
        (lambda: RUN.rate, ValueError, "synaptic_events must be given for a rate, got None"),
        (lambda: SpikingRun.of_layer([[1]], steps=1), TypeError, "layer must be a Layer or a DenseLayer"),
        (lambda: SpikingRun.of_activity(None), TypeError, "activity must be an Activity, not NoneType"),
        (lambda: twin("run"), TypeError, "run must be a SpikingRun, not str"),
        (lambda: twin(RUN, batch=0), ValueError, "batch must be at least 1, got 0"),
        (lambda: twin(RUN, arithmetic="int2"), ValueError, "arithmetic must be one of .* got 'int2'"),
        (
            lambda: twin(RUN, arithmetic="int4"),
            ValueError,
            "arithmetic must hold weights of 8 and activations of 3 bits, got 'int4'",
        ),
        (lambda: twin(RUN, memory="disk"), ValueError, "memory must be one of sram, l2, dram, got 'disk'"),
        (lambda: twin(RUN, density=-0.1), ValueError, r"density must be in \[0, 1\], got -0.1"),
        (lambda: event_driven(RUN), ValueError, "synaptic_events must be given for a rate"),
        (lambda: event_driven(RUN, rate=2.0), ValueError, r"rate must be in \[0, 1\], got 2.0"),
        (lambda: event_driven(RUN, rate=0.1, state_bits=0), ValueError, "state_bits must be at least 1"),
        (
            lambda: break_even_rate(RUN, {"adds_int32": 1.0}),
            ValueError,
            "energies must state sram_bits, sram_bits_written, got adds_int32",
        ),
        (
            lambda: break_even_rate(RUN, dict.fromkeys(HOROWITZ, 0.0)),
            ValueError,
            "energies must make a synaptic event cost something, got 0.0 J",
        ),
        (
            lambda: break_even_rate(RUN, substrate.load("loihi")),
            ValueError,
            "key must be a quantity of the substrate 'loihi'",
        ),
    ],
)
def test_errors_name_the_argument(call, error, text):
    with pytest.raises(error, match=text):
        call()
