"""The asynchronous chip: against a slow twin, against the clocked runner where they must agree, and under stress."""

from collections import Counter

import numba
import numpy as np
import pytest

from hdspike.chip import asynchronous, boarding
from hdspike.chip.architecture import Architecture, Unit
from hdspike.chip.asynchronous import simulate
from hdspike.chip.config import LONGEST, ChipConfig
from hdspike.chip.placement import by_hand, placement
from hdspike.functional import simulate as clocked
from hdspike.network import STDP, Network, Population, Projection, Synapses
from hdspike.network.neurons.integrate_and_fire import IntegrateAndFire
from hdspike.network.neurons.kwta_group import KWTAGroup
from hdspike.network.neurons.leaky import Leaky
from hdspike.network.neurons.recorded import Recorded
from hdspike.vocabulary import check_counters
from tests.conftest import JIT
from tests.naive import asynchronous as naive

MANY = 300 if JIT else 8
FEW = 60 if JIT else 4
TIMES = {"synapse": 3, "update": 5, "spike": 7, "in": 2, "out": 11}


def chip(columns=3, rows=2, each=2, *, depth=2, hop=(6, 4, 6, 4), times=TIMES, neurons=64):
    tiles = columns * rows
    units = (
        Unit("in", "axon_in", event_ps=times["in"]),
        Unit("synapse", "synapse", event_ps=times["synapse"]),
        Unit("dendrite", "dendrite"),
        Unit("soma", "soma", access_ps=1 if times["update"] else 0, update_ps=max(0, times["update"] - 1),
             event_ps=times["spike"]),
        Unit("out", "axon_out", event_ps=times["out"]),
    )  # fmt: skip
    return Architecture(
        name="test", columns=columns, rows=rows, tile_x=np.arange(tiles) % columns, tile_y=np.arange(tiles) // columns,
        tile_of_core=np.repeat(np.arange(tiles), each), units=units, layouts=(tuple(range(5)),),
        layout_of_core=np.zeros(tiles * each, dtype=np.int64),
        neurons_per_core=np.full(tiles * each, neurons, dtype=np.int64),
        hop_ps=np.tile(np.array(hop, dtype=np.int64), (tiles, 1)), hop_j=np.zeros((tiles, 4)), fifo_depth=depth,
    )  # fmt: skip


def config(columns, rows, each, depth, hop):
    """The same mesh for the twin."""
    return ChipConfig(
        columns=columns, rows=rows, cores_per_tile=each, neurons_per_core=64, synaptic_memory_bits=2**20,
        input_axons=64, fifo_depth=depth, synaptic_event_ps=0, update_active_ps=0, update_inactive_ps=0, packet_ps=0,
        hop_east_west_ps=hop[1], hop_north_south_ps=hop[0], barrier_one_tile_ps=0, barrier_all_tiles_ps=0,
    )  # fmt: skip


def synapses(rng, lines, neurons, *, fan=4, low=-1, high=4, longest=3):
    count = int(rng.integers(0, fan * lines + 1))
    return Synapses.from_pairs(
        rng.integers(0, lines, count), rng.integers(0, neurons, count), shape=(lines, neurons),
        weights=rng.integers(low, high, count).astype(np.int8),
        delays=rng.integers(1, longest + 1, count).astype(np.int32),
    )  # fmt: skip


def recorded(rng, size, spikes, window):
    times = rng.integers(0, window, spikes)
    return Recorded.in_steps(times, rng.integers(0, size, spikes))


def random_network(rng, *, window=400):
    """Sources, integrators and leaky neurons, joined at random, back and to themselves too."""
    sizes = rng.integers(1, 9, 3)
    rate = 1e9 if rng.random() < 0.5 else 0.0
    models = (
        recorded(rng, int(sizes[0]), int(rng.integers(0, 40)), window),
        IntegrateAndFire(threshold=float(rng.integers(1, 7)), reset="subtract"),
        Leaky(tau_s=1 / rate if rate else np.inf, threshold=float(rng.integers(1, 5))),
    )
    names = ("in", "a", "b")
    populations = [Population(n, int(s), m) for n, s, m in zip(names, sizes, models, strict=True)]
    pairs = [("in", "a"), ("in", "b"), ("a", "b"), ("b", "a"), ("a", "a")]
    chosen = [p for p in pairs if rng.random() < 0.6]
    size = dict(zip(names, (int(s) for s in sizes), strict=True))
    projections = [Projection(a, b, synapses(rng, size[a], size[b])) for a, b in chosen]
    return Network(populations, projections), rate


def random_chip(rng):
    columns, rows, each = (int(rng.integers(1, 4)) for _ in range(3))
    depth = int(rng.choice([1, 1, 2, 16]))
    hop = tuple(int(rng.choice([0, 4, 30])) for _ in range(2)) * 2
    times = {key: int(rng.choice([0, 1, value])) for key, value in TIMES.items()}
    return (
        chip(columns, rows, each, depth=depth, hop=hop, times=times),
        (columns, rows, each, depth, hop),
        times,
    )


def anywhere(rng, network, architecture):
    return placement(
        network, architecture, rng.integers(0, architecture.cores, network.neurons).astype(np.int32)
    )


def same(a, b):
    assert a.stopped == b.stopped
    assert a.simulated_ps == b.simulated_ps
    assert a.counts == b.counts
    assert np.array_equal(a.spike_times, b.spike_times)
    assert np.array_equal(a.spike_neurons, b.spike_neurons)
    assert np.array_equal(a.potentials, b.potentials, equal_nan=True)
    assert np.array_equal(a.units, b.units)
    assert np.array_equal(a.latency.histogram, b.latency.histogram)
    for one, other in ((a.per_core, b.per_core), (a.per_link, b.per_link)):
        assert all(np.array_equal(one[key], other[key]) for key in one)


def twin_of(network, rate, architecture, shape, times, placed, policy, *, step_ps, until):
    neurons = []
    for population in network.populations:
        model = population.model
        if population.is_source:
            neurons += [None] * population.size
        else:
            neurons += [
                naive.Neuron(
                    float(model["threshold"]), rate if population.name == "b" else 0.0,
                    subtract=isinstance(model, IntegrateAndFire),
                )
                for _ in range(population.size)
            ]  # fmt: skip
    wires = []
    for projection in network.projections:
        s = projection.synapses
        first = int(network.offsets[network.index(projection.source)])
        goal = int(network.offsets[network.index(projection.target)])
        for line in range(s.lines):
            for i in range(s.indptr[line], s.indptr[line + 1]):
                wires.append((first + line, goal + int(s.targets[i]), float(s.weights[i]), int(s.delays[i])))
    source = network.populations[0]
    spikes = [(int(e["time"]), int(e["address"])) for e in source.model.events if e["time"] < until]
    columns, rows, each, depth, hop = shape
    return naive.Board(
        config(columns, rows, each, depth, hop), policy, neurons, placed.core.tolist(), wires, spikes, times=times,
        step_ps=step_ps, until=until,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(FEW))
def test_agrees_with_the_twin(seed):
    """Every spike at its time, every book, per core and per link; random networks, chips, policies and limits."""
    rng = np.random.default_rng(seed)
    network, rate = random_network(rng)
    architecture, shape, times = random_chip(rng)
    placed = anywhere(rng, network, architecture)
    policy = str(rng.choice(["stall", "drop"]))
    until = int(rng.choice([100, 400, 1500]))
    found = simulate(
        network, architecture, until, placement=placed, policy=policy, step_s=50e-12, max_events=3000
    )
    slow = twin_of(network, rate, architecture, shape, times, placed, policy, step_ps=50, until=until)
    if found.stopped == "max_events":
        with pytest.raises(StopIteration):
            slow.run(most=3000)
    else:
        assert slow.run(most=3000) == found.stopped
    assert list(zip(found.spike_times.tolist(), found.spike_neurons.tolist(), strict=True)) == slow.spikes
    assert found.simulated_ps == slow.now
    unsent = slow.unsent
    counts = {
        "injected": slow.injected + unsent, "delivered": slow.delivered, "dropped": slow.dropped,
        "packets": slow.entered, "synaptic_events": slow.synaptic_events,
        "fired": len(slow.spikes),
    }  # fmt: skip
    assert {key: found.counts[key] for key in counts} == counts
    assert (found.events, found.waiting_events) == (slow.work, slow.late)
    check_counters(found.counts)
    assert found.per_link["crossed"].tolist() == slow.crossed
    assert found.per_link["dropped"].tolist() == slow.link_dropped
    assert found.per_core["busy_ps"].tolist() == slow.busy
    assert found.peak_occupancy.tolist() == slow.peak
    assert found.latency.count == len(slow.latencies)
    assert found.latency.sum_ps == sum(slow.latencies)
    potentials = [np.nan if n is None else n.v for n in slow.neurons]
    assert np.allclose(found.potentials, potentials, equal_nan=True, rtol=1e-12, atol=1e-12)


def test_random_networks_balance_and_repeat():
    """``result`` raises where a book does not balance; the same run gives the same numbers."""
    stopped = Counter()
    for seed in range(MANY):
        rng = np.random.default_rng(10_000 + seed)
        network, _ = random_network(rng)
        architecture, _, _ = random_chip(rng)
        placed = anywhere(rng, network, architecture)
        options = {
            "placement": placed, "policy": str(rng.choice(["stall", "drop"])), "step_s": 200e-12,
            "drain": bool(rng.integers(0, 2)), "max_events": int(rng.choice([0, 50, 5000])),
        }  # fmt: skip
        runs = [simulate(network, architecture, 1000, **options) for _ in range(2)]
        same(*runs)
        books = runs[0].audit
        others = books["delivered"] + books["dropped"] + books["cancelled"] + books["in_flight"]
        assert books["injected"] == others
        if runs[0].stopped == "quiet":
            assert books["in_flight"] == 0
            assert runs[0].waiting_events == 0
        stopped[runs[0].stopped] += 1
    if JIT:
        assert set(stopped) == {"quiet", "duration", "max_events"}


def layered(rng, *, spikes=60, steps=12):
    """Feed-forward, with weights of at least 0 and thresholds above what arrives in a step: no order matters."""
    sizes = [int(n) for n in rng.integers(3, 9, 3)]
    when, who = rng.integers(0, steps, spikes), rng.integers(0, sizes[0], spikes)
    often = max(Counter(zip(when.tolist(), who.tolist(), strict=True)).values())
    models = [Recorded.in_steps(when, who, step_ps=10**9)]
    projections = []
    for i, (a, b) in enumerate((("in", "a"), ("a", "b"))):
        joined = synapses(rng, sizes[i], sizes[i + 1], fan=6, low=0, high=100, longest=1)
        projections.append(Projection(a, b, joined))
        incoming = np.bincount(joined.targets, weights=joined.weights.astype(float)).max(initial=0)
        models.append(
            IntegrateAndFire(threshold=1.0 + incoming * (often if a == "in" else 1), reset="subtract")
        )
    populations = [Population(*part) for part in zip(("in", "a", "b"), sizes, models, strict=True)]
    return Network(populations, projections)


def test_agrees_with_the_clocked_runner():
    """Steps so long that the chip is quiet before the next: layer l fires in the window of step t − l."""
    steps, fired = 12, Counter()
    for seed in range(30 if JIT else 4):
        network = layered(np.random.default_rng(seed), steps=steps)
        placed = by_hand(network, chip(), [2, 3, 3])
        stepwise = clocked(network, steps + 2)
        events = simulate(network, chip(), steps * 10**9, drain=True, placement=placed)
        assert events.stopped == "quiet"
        for layer, name in enumerate(("in", "a", "b")):
            by_clock, by_event = stepwise.spikes(name), events.spikes(name)
            windows = (by_clock["time"] // 10**9 - layer).tolist(), (by_event["time"] // 10**9).tolist()
            expected = Counter(zip(windows[0], by_clock["address"].tolist(), strict=True))
            assert Counter(zip(windows[1], by_event["address"].tolist(), strict=True)) == expected
            fired[name] += len(by_event)
        assert events.counts["synaptic_events"] == stepwise.counts["synaptic_events"]
    assert min(fired.values()) > 10 or not JIT


def test_delays_of_d_steps_act_d_minus_one_later():
    network = Network(
        [Population("in", 1, Recorded.in_steps([0], [0])), Population("a", 3, IntegrateAndFire())],
        [
            Projection(
                "in", "a", Synapses(np.array([0, 3]), np.array([0, 1, 2]), None, 3, np.array([1, 2, 5]))
            )
        ],
    )
    architecture = chip(1, 1, 2)
    placed = by_hand(network, architecture, [1, 1])
    found = simulate(network, architecture, 10_000, step_s=1e-9, placement=placed)
    served = 11 + 2 + 3 * (3 + 5)  # axon out, axon in, and three synaptic events with their updates; no hop
    assert found.spikes("a")["time"].tolist() == [served, served + 1000, served + 4000]


def storm(step=1, **times):
    """Two neurons that excite each other and themselves."""
    every = np.array([1, 1])
    network = Network(
        [
            Population("in", 1, Recorded.in_steps([0], [0])),
            Population("a", 2, IntegrateAndFire(threshold=1.0)),
        ],
        [
            Projection("in", "a", Synapses.from_dense([every])),
            Projection("a", "a", Synapses.from_dense([every, every])),
        ],
    )
    return network, chip(2, 1, 1, depth=1, times={**TIMES, **times})


@pytest.mark.parametrize("policy", ["stall", "drop"])
@pytest.mark.parametrize("instant", [False, True])
def test_a_storm_stops_at_its_limit(policy, instant):
    """Also where all of it happens in no time at all."""
    times = dict.fromkeys(TIMES, 0) if instant else {}
    network, architecture = storm(**times)
    most = 20_000 if JIT else 500
    placed = by_hand(network, architecture, {"in": [0], "a": [0, 1]})
    found = simulate(network, architecture, 10**12, max_events=most, policy=policy, placement=placed)
    assert found.stopped == "max_events"
    assert most <= found.events <= most + 2
    assert found.counts["in_flight"] > 0
    assert found.counts["fired"] > most / 20


def test_a_storm_is_cut_at_the_duration():
    network, architecture = storm()
    found = simulate(
        network, architecture, 5000, placement=by_hand(network, architecture, {"in": [0], "a": [0, 1]})
    )
    assert (found.stopped, found.simulated_ps) == ("duration", 5000)
    assert found.spike_times.max() <= 5000 < found.spike_times.max() + 100
    assert found.counts["in_flight"] > 0


@pytest.mark.skipif(not JIT, reason="NUMBA_DISABLE_JIT=1: thousands of packets")
def test_rows_of_dropped_packets_are_used_again():
    """A long storm with drops keeps to the memory that it began with."""
    network, architecture = storm(**{"in": 100})
    seen = []
    make_room = asynchronous.make_room

    def watched(board, run):
        board, run = make_room(board, run)
        seen.append(len(run.born))
        return board, run

    asynchronous.make_room = watched
    try:
        found = simulate(
            network, architecture, 10**12, max_events=200_000, max_spikes=0, policy="drop",
            placement=by_hand(network, architecture, {"in": [0], "a": [0, 1]}),
        )  # fmt: skip
    finally:
        asynchronous.make_room = make_room
    assert found.counts["dropped"] > 3000
    assert seen
    assert max(seen) == 1024
    assert found.truncated
    assert len(found.spike_times) == 0


def test_units_and_tables():
    """What the units did, from which a bill is made; a path of three neurons over three tiles."""
    network = Network(
        [
            Population("in", 1, Recorded.in_steps([0, 50], [0, 0])),
            Population("a", 2, IntegrateAndFire(threshold=2.0)),
        ],
        [Projection("in", "a", Synapses.from_dense([[1, 1]]))],
    )
    architecture = chip(3, 1, 1)
    found = simulate(
        network, architecture, 10_000, placement=by_hand(network, architecture, {"in": [0], "a": [1, 2]})
    )
    names = {unit.name: row.tolist() for unit, row in zip(architecture.units, found.units, strict=True)}
    assert names == {
        "in": [0, 0, 4], "synapse": [0, 0, 4], "dendrite": [0, 0, 4], "soma": [4, 4, 2], "out": [0, 0, 4],
    }  # fmt: skip
    assert found.hops.tolist() == [[0, 4, 0, 0], [0, 2, 0, 0], [0, 0, 0, 0]]
    assert found.fired_by == {"in": 2, "a": 2}
    assert found.spikes("a")["address"].tolist() == [0, 1]
    assert found.tables()["spikes"]["neuron"].tolist() == [0, 0, 1, 2]
    assert found.latency.count == 4
    assert found.latency.sum_ps == sum(found.latency_parts_ps.values())


@numba.njit
def _sticky(parameters, state, neuron, now, weight):
    """A model of a user: fires at every n-th event."""
    state[0, neuron] += 1.0
    if state[0, neuron] >= parameters[0, neuron]:
        state[0, neuron] = 0.0
        return True
    return False


class EveryNth(IntegrateAndFire):
    name = "every_nth"

    def parameters(self, size, step_s):
        return np.full((1, size), float(self["threshold"]))

    def state(self, size):
        return np.zeros((1, size))

    @property
    def event(self):
        return _sticky


def test_a_model_of_ones_own_beside_another():
    spikes = Recorded.in_steps(np.arange(12) * 100, np.zeros(12, dtype=int))
    network = Network(
        [
            Population("in", 1, spikes),
            Population("n", 2, EveryNth(threshold=3)),
            Population("a", 1, IntegrateAndFire()),
        ],
        [
            Projection("in", "n", Synapses.from_dense([[1, -1]])),
            Projection("in", "a", Synapses.from_dense([[1]])),
        ],
    )
    found = simulate(network, chip(), 10_000)
    assert found.fired_by == {"in": 12, "n": 8, "a": 12}


def test_sources_alone_and_nothing_at_all():
    network = Network([Population("in", 2, Recorded.in_steps([3, 1], [0, 1]))])
    found = simulate(network, chip(), 10)
    assert found.spikes()["time"].tolist() == [1, 3]
    assert found.counts["injected"] == 0
    assert found.stopped == "quiet"
    assert simulate(network, chip(), 0).counts["fired"] == 0


def test_progress_is_told():
    network, architecture = storm()
    told = []
    simulate(network, architecture, 3000, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (3000, 3000)


def test_time_overflows_with_an_error():
    slow = {**TIMES, "synapse": LONGEST}
    network, _ = storm()
    with pytest.raises(OverflowError, match="passes 2⁶² ps"):
        simulate(network, chip(2, 1, 1, times=slow), 2**62 - 1)


def test_packets_that_wait_for_each_other_for_ever(monkeypatch):
    """Routes that lead each packet round a ring, with FIFOs of one slot: found, said, not hung."""
    count = 60
    source = Recorded.in_steps(np.zeros(4 * count, dtype=int), np.repeat(np.arange(4), count))
    network = Network(
        [Population("in", 4, source), Population("a", 4, IntegrateAndFire(threshold=1e9))],
        [Projection("in", "a", Synapses.from_dense(np.ones((4, 4), dtype=int) - np.eye(4, dtype=int)))],
    )
    architecture = chip(2, 2, 1, depth=1, times={**TIMES, "out": 0, "in": 500})
    # tiles 0 1 / 2 3: clockwise only, 0 → 1 → 3 → 2 → 0
    ring = {0: 1, 1: 2, 3: 3, 2: 0}
    routes = np.array([[-1 if a == b else ring[a] for b in range(4)] for a in range(4)])
    real = boarding.grid_state
    monkeypatch.setattr(boarding, "grid_state", lambda grid, **more: real(grid, routes=routes, **more))
    placed = by_hand(network, architecture, {"in": [0, 1, 2, 3], "a": [0, 1, 2, 3]})
    with pytest.raises(RuntimeError, match="deadlock in the asynchronous run"):
        simulate(network, architecture, 10**9, placement=placed)


GOOD = Network(
    [Population("in", 2, Recorded.in_steps([0], [0])), Population("a", 2, IntegrateAndFire())],
    [Projection("in", "a", Synapses.from_dense([[1, 0], [0, 1]]))],
)
RULE = STDP(potentiation=0.1, depression=0.1, tau_plus_s=0.02, tau_minus_s=0.02)
ELSEWHERE = by_hand(GOOD, chip(), [1, 1])
PLASTIC = Network(GOOD.populations, [Projection("in", "a", GOOD.projections[0].synapses, plasticity=RULE)])


def with_model(model):
    return Network([Population("in", 2, Recorded.in_steps([0], [0])), Population("a", 2, model)])


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((GOOD, chip(), -1), {}, ValueError, "duration_ps must be at least 0, got -1"),
        ((GOOD, chip(), 1.5), {}, TypeError, "duration_ps must be an integer"),
        ((GOOD, chip(), 1), {"policy": "lose"}, ValueError, "policy must be one of stall, drop, got 'lose'"),
        ((GOOD, chip(), 1), {"step_s": 0.0}, ValueError, "step_s must be a time from 1e-12"),
        ((GOOD, chip(), 1), {"step_s": True}, ValueError, "step_s must be a time from 1e-12"),
        ((GOOD, chip(), 1), {"max_events": -1}, ValueError, "max_events must be at least 0"),
        ((GOOD, chip(), 1), {"max_spikes": -1}, ValueError, "max_spikes must be at least 0"),
        ((GOOD, chip(1, 1, 2), 1), {"dead_cores": (1,)}, ValueError, "placement must use cores that work, but core 1"),
        ((GOOD, chip(2, 1, 1), 1), {"dead_links": ((0, "east"),)}, ValueError, "placement must leave a way"),
        ((with_model(KWTAGroup(group_size=2, k=1)), chip(), 1), {}, ValueError, "population 'a' must have a model"),
        ((with_model(IntegrateAndFire(bias=0.5)), chip(), 1), {}, ValueError, "with an event-driven form"),
        ((PLASTIC, chip(), 1), {}, ValueError, "network must have no plasticity"),
        ((GOOD, chip(1, 1, 1), 1), {"placement": ELSEWHERE}, ValueError, "placement must be of this"),
    ],
)  # fmt: skip
def test_bad_arguments(arguments, options, error, message):
    with pytest.raises(error, match=message):
        simulate(*arguments, **options)
