"""The chip against its naive twin, against the functional runner, and against hand-made cases."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hdspike import functional
from hdspike.chip import ChipConfig, capacity, link_ends, place, run, traffic
from hdspike.chip.audit import audit
from hdspike.chip.mesh import mesh_state
from hdspike.network import COUNTS, KWTA, from_dense
from hdspike.plot.chip import heat_map
from hdspike.plot.style import figure
from hdspike.spikes import Stimuli
from tests.naive import chip as naive

LOIHI = ChipConfig(
    columns=8,
    rows=4,
    cores_per_tile=4,
    neurons_per_core=1024,
    synaptic_memory_bits=2**20,
    input_axons=4096,
    fifo_depth=16,
    synaptic_event_ps=3500,
    update_active_ps=8400,
    update_inactive_ps=5300,
    packet_ps=2100,
    hop_east_west_ps=4100,
    hop_north_south_ps=6500,
    barrier_one_tile_ps=113_000,
    barrier_all_tiles_ps=465_000,
)
ONE_CORE = replace(LOIHI, columns=1, rows=1, cores_per_tile=1)
times = st.sampled_from([0, 1, 2, 5])
policies = st.sampled_from(["stall", "drop"])


@st.composite
def configs(draw, cores=None):
    one = st.just(1)
    return ChipConfig(
        columns=draw(st.integers(1, 3) if cores is None else one),
        rows=draw(st.integers(1, 2) if cores is None else one),
        cores_per_tile=draw(st.integers(1, 2) if cores is None else one),
        neurons_per_core=draw(st.integers(1, 4)) if cores is None else 99,
        synaptic_memory_bits=10**6,
        input_axons=99,
        fifo_depth=draw(st.sampled_from([1, 2, 16])),
        synaptic_event_ps=draw(times),
        update_active_ps=draw(times),
        update_inactive_ps=draw(times),
        packet_ps=draw(times),
        hop_east_west_ps=draw(times),
        hop_north_south_ps=draw(times),
        barrier_one_tile_ps=draw(times),
        barrier_all_tiles_ps=draw(st.integers(5, 20)),
    )


@st.composite
def networks(draw, readouts=("tick", "end", "ramp"), weight=2, bias=2):
    lines, neurons = draw(st.integers(1, 6)), draw(st.integers(1, 9))
    weights = st.integers(-weight, weight) if draw(st.booleans()) else st.integers(0, 1)
    matrix = draw(hnp.arrays(np.int8, (lines, neurons), elements=weights))
    biases = draw(hnp.arrays(np.int32, neurons, elements=st.integers(-bias, bias)))
    readout = draw(st.sampled_from(readouts))
    k = draw(st.one_of(st.integers(1, neurons + 2), st.none() if readout == "end" else st.just(1)))
    theta = draw(st.integers(-1, 3))
    kwta = KWTA(k, theta, readout, step=draw(st.integers(1, 2)), floor=theta - draw(st.integers(0, 4)))
    return matrix, from_dense(matrix, bias=biases, kwta=kwta)


@st.composite
def stimuli(draw, lines, queries=2, repeat=1):
    chosen = [draw(st.permutations(range(lines))) * repeat for _ in range(draw(st.integers(0, queries)))]
    cut = [part[: draw(st.integers(0, len(part)))] for part in chosen]
    indptr = np.concatenate([[0], np.cumsum([len(p) for p in cut])]).astype(np.int64)
    flat = np.array([i for part in cut for i in part], dtype=np.int32)
    return Stimuli(indptr, flat, draw(st.integers(1, 3)))


# --- the twin -----------------------------------------------------------------------------------------


@given(st.data(), configs(), st.sampled_from(["barrier", "async"]), policies)
def test_run_agrees_with_naive(data, config, clock, policy):
    matrix, network = data.draw(networks(("tick",) if clock == "async" else ("tick", "end", "ramp")))
    given_stimuli = data.draw(stimuli(network.lines))
    gap = data.draw(st.sampled_from([0, 1, 7]))
    assume(capacity(network.synapses, config) == network.neurons)
    mapping = place(network, config)
    result = run(network, given_stimuli, config, clock=clock, policy=policy, gap_ps=gap, record=True)

    sums = dict.fromkeys(result.counts, 0)
    per_core = np.zeros((4, config.cores), dtype=np.int64)
    crossed = np.zeros(len(result.per_link), dtype=np.int64)
    for q in range(len(given_stimuli)):
        brain, won, overshoot, cancelled, steps = naive.query(
            config, policy, clock, matrix.tolist(), network.bias.tolist(), network.kwta,
            mapping.core_of_neuron.tolist(), mapping.kwta_core, mapping.tiles_used,
            given_stimuli.query(q).tolist(), given_stimuli.per_tick, gap,
        )  # fmt: skip
        rows = slice(result.outcome.indptr[q], result.outcome.indptr[q + 1])
        found = (result.outcome.winners[rows], result.outcome.potentials[rows], result.outcome.ticks[rows])
        assert list(zip(*(part.tolist() for part in found), strict=True)) == won
        assert result.simulated_ps[q] == brain.now
        expected = {
            "input_events": len(given_stimuli.query(q)) - cancelled,
            "cancelled_events": cancelled,
            "synaptic_events": brain.synaptic_events,
            "touched": sum(r > 0 for r in brain.received),
            "fired": sum(brain.fired),
            "overshoot": overshoot,
        }
        assert {name: int(result.outcome.counts[name][q]) for name in COUNTS} == expected
        rows = slice(result.inputs_indptr[q], result.inputs_indptr[q + 1])
        assert result.inputs[rows].tolist() == brain.input_log
        rows = slice(result.spikes_indptr[q], result.spikes_indptr[q + 1])
        assert result.spikes[rows].tolist() == brain.spike_log
        for name in ("injected", "delivered", "dropped", "cancelled"):
            sums[name] += getattr(brain, name)
        sums["packets"] += brain.entered
        sums["steps"] += steps
        for name in ("synaptic_events", "fired", "overshoot"):
            sums[name] += expected[name]
        sums["updates_active"] += sum(brain.active)
        sums["updates_inactive"] += sum(brain.inactive)
        per_core += np.array(
            [brain.core_events, brain.served_packets, np.add(brain.active, brain.inactive), brain.busy]
        )
        crossed += brain.crossed
    port = np.arange(len(crossed)) % (5 + config.cores_per_tile)
    sums["hops_east_west"] = int(crossed[(port == 1) | (port == 3)].sum())
    sums["hops_north_south"] = int(crossed[(port == 0) | (port == 2)].sum())
    sums["hops"] = sums["hops_east_west"] + sums["hops_north_south"]
    sums["updates"] = sums["updates_active"] + sums["updates_inactive"]
    assert result.counts == sums
    assert result.per_link.tolist() == crossed.tolist()
    names = ("synaptic_events", "packets", "updates", "busy_ps")
    for name, row in zip(names, per_core, strict=True):
        assert result.per_core[name].tolist() == row.tolist(), name


@given(st.data(), configs(), policies, times)
def test_traffic_agrees_with_naive(data, config, policy, service):
    core = st.integers(0, config.cores - 1)
    packets = data.draw(st.lists(st.tuples(st.integers(0, 20), core, core), max_size=25))
    moments, sources, targets = (np.array([p[i] for p in packets], dtype=np.int64) for i in range(3))
    result = traffic(config, moments, sources, targets, service_ps=service, policy=policy)
    twin, expected = naive.traffic(
        config, moments.tolist(), sources.tolist(), targets.tolist(), service_ps=service, policy=policy
    )
    assert result.simulated_ps == twin.now
    assert result.delivered.tolist() == [not p.dropped for p in expected]
    assert result.entered_ps.tolist() == [p.entered for p in expected]
    assert result.arrived_ps.tolist() == [-1 if p.dropped else p.arrived for p in expected]
    assert result.latency_ps.tolist() == [-1 if p.dropped else p.finished - p.offered for p in expected]
    assert result.per_link.tolist() == twin.crossed
    assert result.link_dropped.tolist() == twin.link_dropped
    assert result.peak_occupancy.tolist() == twin.peak
    assert result.counts["dropped"] == twin.dropped
    assert result.counts["injected"] == len(packets) == result.counts["delivered"] + twin.dropped
    if policy == "stall":
        assert twin.dropped == 0


# --- two runners, one truth ---------------------------------------------------------------------------


@given(st.data(), configs())
def test_barrier_equals_functional(data, config):
    _, network = data.draw(networks())
    given_stimuli = data.draw(stimuli(network.lines))
    assume(capacity(network.synapses, config) == network.neurons)
    ours = run(network, given_stimuli, config).outcome
    theirs = functional.run(network, given_stimuli)
    for name in ("indptr", "winners", "potentials", "ticks"):
        assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name
    for name in COUNTS:
        assert np.array_equal(ours.counts[name], theirs.counts[name]), name


@given(st.data(), configs(cores=1), st.sampled_from([0, 1, 50]))
def test_async_on_one_core_is_the_race(data, config, gap):
    """Every delay from source to key is equal, so no load changes a winner."""
    matrix, network = data.draw(networks(("tick",)))
    given_stimuli = data.draw(stimuli(network.lines, repeat=2))
    outcome = run(network, given_stimuli, config, clock="async", gap_ps=gap).outcome
    for q in range(len(given_stimuli)):
        expected = naive.race(
            matrix.tolist(), network.bias.tolist(), network.kwta, given_stimuli.query(q).tolist()
        )
        assert outcome.query(q).tolist() == expected


# --- by hand ------------------------------------------------------------------------------------------


def test_latency_of_one_packet():
    """Core 0 (tile 0) to core 127 (tile 31): hand over, 7 hops east, 3 south, eject, serve."""
    result = traffic(LOIHI, [10], [0], [127], service_ps=900)
    assert result.latency_ps.tolist() == [2100 + 7 * 4100 + 3 * 6500 + 2100 + 900]
    assert result.counts["hops_east_west"] == 7
    assert result.counts["hops_north_south"] == 3
    ends = link_ends(LOIHI)[result.per_link > 0]
    assert ends.tolist() == [
        *([t, t + 1] for t in range(7)), [7, 15], [15, 23], [23, 31], [31, 31],
    ]  # fmt: skip


def test_latency_of_one_query_on_one_core():
    """One line, one neuron: two packets handed over and ejected, one synaptic event each, and the step.

    Inhibition: the core's packet is served while the host's, handed over after it, is ejected.
    """
    network = from_dense(np.ones((1, 1), dtype=np.int8), kwta=KWTA(1, 1, "tick"))
    one = Stimuli(np.array([0, 1]), np.array([0], dtype=np.int32), 1)
    waits = run(network, one, ONE_CORE, clock="async")
    assert waits.simulated_ps.tolist() == [2 * (2100 + 2100 + 3500) + 3 * 2100]
    steps = run(network, one, ONE_CORE)
    assert steps.simulated_ps.tolist() == [2 * (2100 + 2100 + 3500) + 8400 + 3 * 2100 + 113_000]
    assert steps.counts["packets"] == 4  # the line, the spike, and inhibition of the core and the host


def test_round_robin_starves_nobody():
    """All cores of two tiles send all they have to one core: they end within two turns of each other."""
    config = replace(LOIHI, columns=3, rows=1, cores_per_tile=4, fifo_depth=1)
    sources = np.repeat([0, 1, 2, 3, 8, 9, 10, 11], 50)
    result = traffic(config, np.zeros(400, dtype=np.int64), sources, np.full(400, 4), service_ps=9000)
    assert result.counts["dropped"] == 0
    last = [int(result.entered_ps[sources == s].max()) for s in np.unique(sources)]
    served = np.sort(result.arrived_ps)
    turn = served[-1] - served[-1 - 2 * len(last)]
    assert max(last) - min(last) <= 2 * turn


def test_back_pressure_and_drops():
    rng = np.random.default_rng(5)
    config = replace(LOIHI, fifo_depth=1)
    count = 2000
    arguments = (np.zeros(count, dtype=np.int64), rng.integers(0, 128, count), rng.integers(0, 128, count))
    kept = traffic(config, *arguments, service_ps=5000)
    assert kept.delivered.all()
    assert kept.peak_occupancy[: 32 * 9].max() == 1
    lost = traffic(config, *arguments, service_ps=5000, policy="drop")
    assert 0 < lost.counts["dropped"] == lost.link_dropped.sum() == np.count_nonzero(~lost.delivered)
    assert lost.counts["delivered"] + lost.counts["dropped"] == count
    occupancy = lost.occupancy(1000)
    assert occupancy["in_mesh"].min() >= 0
    assert occupancy["in_mesh"][-1] == occupancy["at_senders"][-1] == 0


def test_deadlock_is_reported():
    """Four tiles in a ring, routed clockwise only, FIFOs of one slot: everyone waits for the next."""
    config = replace(LOIHI, columns=2, rows=2, cores_per_tile=1, fifo_depth=1)
    clockwise = {0: 1, 1: 2, 3: 3, 2: 0}
    routes = np.array([[-1 if to == at else clockwise[at] for to in range(4)] for at in range(4)])
    sources = np.repeat([0, 1, 3, 2], 3)
    targets = np.repeat([3, 2, 0, 1], 3)  # two tiles on
    moments = np.zeros(12, dtype=np.int64)
    with pytest.raises(RuntimeError, match=r"deadlock in the traffic.*tile 0 port"):
        traffic(config, moments, sources, targets, service_ps=0, routes=routes)
    assert traffic(config, moments, sources, targets, service_ps=0).delivered.all()


def test_audit_raises():
    state = mesh_state(ONE_CORE, packets=1)
    state.meter["injected"] = 1
    with pytest.raises(RuntimeError, match="books of packets do not balance"):
        audit(state)
    state.meter["delivered"] = 1
    state.entered[0] = 1
    with pytest.raises(RuntimeError, match="books of link 0"):
        audit(state)
    state.links["left"][0] = 1
    audit(state)
    state.links["held"][2] = 1
    with pytest.raises(RuntimeError, match="the FIFO at the end of link 2"):
        audit(state)


def test_time_overflow():
    far = replace(ONE_CORE, packet_ps=2**60)
    with pytest.raises(OverflowError, match="simulated time"):
        traffic(far, [0] * 9, [0] * 9, [0] * 9, service_ps=0)
    network = from_dense(np.ones((1, 1), dtype=np.int8), kwta=KWTA(1, 9, "tick"))
    many = Stimuli(np.array([0, 9]), np.zeros(9, dtype=np.int32), 1)
    slow = replace(ONE_CORE, barrier_one_tile_ps=2**60, barrier_all_tiles_ps=2**60)
    with pytest.raises(OverflowError, match="query 0"):
        run(network, many, slow)
    with pytest.raises(OverflowError, match="gap_ps"):
        run(network, many, ONE_CORE, clock="async", gap_ps=2**60)


def test_bad_arguments():
    network = from_dense(np.ones((2, 1), dtype=np.int8), kwta=KWTA(1, 1, "end"))
    one = Stimuli(np.array([0, 1]), np.array([1], dtype=np.int32), 1)
    with pytest.raises(ValueError, match="clock must be 'barrier' for readout 'end'"):
        run(network, one, LOIHI, clock="async")
    with pytest.raises(ValueError, match="clock must be one of"):
        run(network, one, LOIHI, clock="sundial")
    with pytest.raises(ValueError, match="policy must be one of stall, drop, got 'pray'"):
        run(network, one, LOIHI, policy="pray")
    with pytest.raises(ValueError, match="gap_ps"):
        run(network, one, LOIHI, gap_ps=-1)
    with pytest.raises(ValueError, match=r"stimuli must use lines in \[0, 2\)"):
        run(network, Stimuli(np.array([0, 1]), np.array([2], dtype=np.int32), 1), LOIHI)
    with pytest.raises(TypeError, match="stimuli"):
        run(network, [1], LOIHI)
    other = place(from_dense(np.ones((2, 5), dtype=np.int8), kwta=KWTA(1, 1, "end")), LOIHI)
    with pytest.raises(ValueError, match="mapping must be of this network"):
        run(network, one, LOIHI, mapping=other)
    with pytest.raises(ValueError, match=r"destinations must be cores in \[0, 128\)"):
        traffic(LOIHI, [0], [0], [128], service_ps=0)
    with pytest.raises(ValueError, match="sources must be one per packet"):
        traffic(LOIHI, [0], [], [1], service_ps=0)
    with pytest.raises(ValueError, match="times"):
        traffic(LOIHI, [-1], [0], [1], service_ps=0)
    with pytest.raises(ValueError, match="routes"):
        traffic(ONE_CORE, [0], [0], [0], service_ps=0, routes=np.zeros((1, 1), dtype=np.int64))


def test_heat_map():
    _, ax = figure()
    traffic_of_links = np.arange(len(link_ends(LOIHI)))
    arguments = {"columns": 8, "cores_per_tile": 4, "link_ends": link_ends(LOIHI)}
    heat_map(ax, np.arange(128), per_link=traffic_of_links, **arguments)
    assert len([p for p in ax.patches if type(p).__name__ == "FancyArrow"]) == 2 * (7 * 4 + 8 * 3)
    heat_map(ax, np.zeros(3), columns=1, cores_per_tile=3)
    with pytest.raises(ValueError, match="per_core"):
        heat_map(ax, np.zeros(127), columns=8, cores_per_tile=4)
    with pytest.raises(ValueError, match="link_ends"):
        heat_map(ax, np.zeros(128), per_link=np.zeros(3), **arguments)
    plt.close("all")


def test_no_queries():
    network = from_dense(np.ones((2, 1), dtype=np.int8), kwta=KWTA(1, 1, "tick"))
    nothing = run(network, Stimuli(np.zeros(1, dtype=np.int64), np.empty(0, dtype=np.int32), 1), LOIHI)
    assert len(nothing.outcome) == 0
    assert set(nothing.counts.values()) == {0}
    assert nothing.total_ps == 0
