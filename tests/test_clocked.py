"""The clocked runner and the barrier chip against their slow twins, on random networks."""

import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdspike import substrate
from hdspike.chip import Architecture, by_capacity, by_hand, by_traffic, memory, simulate
from hdspike.chip.axons import axons
from hdspike.chip.placement import placement
from hdspike.energy import by_unit, price
from hdspike.functional import Clocked
from hdspike.functional import simulate as by_clock
from hdspike.network import STDP, Network, Population, Projection, Synapses
from hdspike.network.neurons.loihi import LoihiSoma
from hdspike.network.neurons.recorded import Recorded
from tests.naive import clocked as naive

STEP_PS = 10**9
CHIP = Architecture.from_substrate(substrate.load("loihi-sanafe"))


def random_synapses(rng: np.random.Generator, lines: int, neurons: int, late: bool) -> Synapses:
    """Integer weights (their sums are exact in any order), parallel synapses, empty rows."""
    count = int(rng.integers(0, 3 * neurons + 1))
    weights = None if rng.random() < 0.2 else rng.integers(-3, 6, count).astype(np.float32)
    return Synapses.from_pairs(
        rng.integers(0, lines, count), rng.integers(0, neurons, count), shape=(lines, neurons), weights=weights,
        delays=rng.integers(1, 5, count) if late else None,
    )  # fmt: skip


def random_network(seed: int) -> Network:
    """A source and one to three populations, joined at random, recurrent ones too."""
    rng = np.random.default_rng(seed)
    lines = int(rng.integers(1, 9))
    events = int(rng.integers(0, 30))
    source = Recorded.in_steps(rng.integers(0, 12, events), rng.integers(0, lines, events), step_ps=STEP_PS)
    populations = [Population("in", lines, source)]
    for i in range(int(rng.integers(1, 4))):
        size = int(rng.integers(1, 12))
        model = LoihiSoma(
            threshold=rng.integers(1, 6, size).astype(float),
            bias=float(rng.choice([0.0, 0.0, 0.75])),
            leak_decay=float(rng.choice([1.0, 0.5])),
            input_decay=float(rng.choice([0.0, 0.5])),
        )
        populations.append(Population(f"p{i}", size, model))
    projections = [
        Projection(a.name, b.name, random_synapses(rng, a.size, b.size, bool(rng.random() < 0.4)))
        for a in populations
        for b in populations[1:]
        if rng.random() < 0.6
    ]
    return Network(populations, projections)


def trace(activity: Any) -> list[tuple[int, int]]:
    return list(zip(activity.spike_steps.tolist(), activity.spike_neurons.tolist(), strict=True))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_clocked_runner_is_its_twin(seed: int) -> None:
    network = random_network(seed)
    told = by_clock(network, 14, watch=[network.neurons - 1])
    expected = naive.simulate(network, 14, STEP_PS)
    assert sorted(trace(told)) == sorted(expected["spikes"])
    assert told.counts["synaptic_events"] == expected["synaptic_events"]
    assert told.counts["updates"] == expected["updates"]
    assert told.potentials[-1, 0] == expected["potentials"][-1][-1]
    assert sum(told.fired_by.values()) == told.counts["fired"] == len(expected["spikes"])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_barrier_chip_is_its_twin(seed: int) -> None:
    """Same spikes as without a chip; packets, time, hops and energy as counted one by one."""
    network = random_network(seed)
    rng = np.random.default_rng(seed)
    cores = rng.choice(CHIP.cores, size=5, replace=False)
    placed = placement(
        network, CHIP, cores[rng.integers(0, 5, network.neurons)].astype(np.int32),
        rank=rng.permutation(network.neurons),
    )  # fmt: skip
    steps = 9
    told = simulate(network, CHIP, steps, placement=placed)
    bare = by_clock(network, steps)
    assert trace(told.activity) == trace(bare)
    expected = naive.simulate(network, steps, STEP_PS)
    packets = events = 0
    hops = np.zeros(4, dtype=int)
    for _, n in expected["spikes"]:
        for core, many in naive.packets(network, placed.core, n):
            packets += 1
            events += many
            a, b = CHIP.tile_of_core[placed.core[n]], CHIP.tile_of_core[core]
            dx, dy = CHIP.tile_x[b] - CHIP.tile_x[a], CHIP.tile_y[b] - CHIP.tile_y[a]
            hops += [max(0, -dy), max(0, dx), max(0, dy), max(0, -dx)]
    assert (told.counts["packets"], told.counts["synaptic_events"]) == (packets, events)
    assert told.hops.sum(axis=0).tolist() == hops.tolist()
    barrier = CHIP.barrier_ps(len(np.unique(CHIP.tile_of_core[placed.core])))
    for t in range(steps):
        fired = [n for step, n in expected["spikes"] if step == t]
        assert told.step_ps[t] - barrier == naive.step_time(
            network, CHIP, placed, fired, expected["updated"][t]
        )
    bill = by_unit(told)
    cells = network.neurons - network.populations[0].size
    neuron_spikes = sum(n >= network.populations[0].size for _, n in expected["spikes"])
    assert bill["synapse"] == pytest.approx(events * 35.5e-12, rel=1e-12)
    assert bill["soma"] == pytest.approx(
        cells * steps * 51.2e-12 + expected["updates"] * 21.6e-12 + neuron_spikes * 69.3e-12, rel=1e-12
    )
    assert bill["network"] == pytest.approx(
        packets * 111e-12 + (hops[0] + hops[2]) * 4.2e-12 + (hops[1] + hops[3]) * 3e-12, rel=1e-12
    )
    assert told.per_core["packets_in"].sum() == told.per_core["packets_out"].sum() == packets


def small(weight: float = 2.0, **soma: Any) -> Network:
    """One recorded line into one neuron."""
    return Network(
        [
            Population("in", 1, Recorded.in_steps([0, 0, 3], [0, 0, 0], step_ps=STEP_PS)),
            Population("out", 1, LoihiSoma(**{"threshold": 1.0, **soma})),
        ],
        [Projection("in", "out", Synapses.from_pairs([0], [0], shape=(1, 1), weights=[weight]))],
    )


def test_two_spikes_of_one_line_in_a_step_are_two() -> None:
    told = by_clock(small(0.75), 6)
    assert trace(told) == [(0, 0), (0, 0), (1, 1), (3, 0)]
    assert told.counts["synaptic_events"] == 3


def test_a_weight_of_zero_is_an_event() -> None:
    """A sum that nothing arrived in is −0.0; zeros of either sign, and weights that cancel, are arrivals."""
    for weight in (0.0, -0.0):
        assert by_clock(small(weight), 6).counts["updates"] == 2
    synapses = Synapses.from_pairs([0, 0], [0, 0], shape=(1, 1), weights=[1.5, -1.5])
    network = Network(small().populations, [Projection("in", "out", synapses)])
    assert by_clock(network, 6).counts["updates"] == 2


def test_recording_has_a_limit_and_says_so() -> None:
    told = by_clock(small(), 6, max_spikes=2)
    assert told.truncated and len(told.spike_steps) == 2 and told.counts["fired"] == 5
    assert not by_clock(small(), 6).truncated
    assert told.spikes("in")["address"].tolist() == [0, 0]
    assert by_clock(small(), 6).per_step("out").tolist() == [0, 1, 0, 0, 1, 0]


@pytest.mark.parametrize("runner", ["clock", "chip"])
def test_a_run_cut_in_two_is_the_same_run(runner: str, tmp_path: Path) -> None:
    network = random_network(7)
    file = tmp_path / "run.npz"

    def go(steps: int, **options: Any) -> Any:
        if runner == "clock":
            return by_clock(network, steps, watch=[network.neurons - 1], **options)
        return simulate(network, CHIP, steps, watch=[network.neurons - 1], **options)

    whole = go(12)
    go(5, checkpoint=file)
    again = go(12, checkpoint=file)
    assert again.counts == whole.counts
    one, other = (a if runner == "clock" else a.activity for a in (whole, again))
    assert trace(one) == trace(other) and np.array_equal(one.potentials, other.potentials)
    if runner == "chip":
        assert np.array_equal(whole.step_ps, again.step_ps) and np.array_equal(whole.units, again.units)


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    network = random_network(7)
    file = tmp_path / "run.npz"
    whole = by_clock(network, 700)

    def interrupt(done: int, total: int) -> None:
        if done == 256:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        by_clock(network, 700, checkpoint=file, progress=interrupt)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert file.exists()
    again = by_clock(network, 700, checkpoint=file)
    assert again.counts == whole.counts and trace(again) == trace(whole)


def test_a_checkpoint_belongs_to_one_run(tmp_path: Path) -> None:
    file = tmp_path / "run.npz"
    by_clock(small(), 3, checkpoint=file)
    with pytest.raises(ValueError, match="another run"):
        by_clock(small(1.0), 6, checkpoint=file)
    with pytest.raises(ValueError, match=r"checkpoint of hdspike\.barrier"):
        simulate(small(), CHIP, 6, checkpoint=file)
    whole = file.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole[: int(rng.integers(0, len(whole)))] if rng.random() < 0.5 else whole)
        for _ in range(3):
            if damaged:
                damaged[int(rng.integers(len(damaged)))] ^= int(rng.integers(1, 256))
        file.write_bytes(bytes(damaged))
        with suppress(ValueError):  # or it was a byte that nothing reads; never another error
            by_clock(small(), 6, checkpoint=file)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_network_that_learns(seed: int) -> None:
    """Weights after a run are those of the pair rule applied to its spikes; a run in two parts learns the same."""
    rng = np.random.default_rng(seed)
    events = int(rng.integers(1, 60))
    source = Recorded.in_steps(rng.integers(0, 30, events), rng.integers(0, 4, events), step_ps=STEP_PS)
    rule = STDP(0.25, 0.125, 0.01, 0.02, low=0.0, high=4.0)
    wires = Synapses.from_pairs(
        np.repeat(np.arange(4), 3), np.tile(np.arange(3), 4), shape=(4, 3), weights=rng.uniform(0.5, 2.0, 12)
    )
    network = Network(
        [Population("in", 4, source), Population("out", 3, LoihiSoma(threshold=2.5, leak_decay=0.5))],
        [Projection("in", "out", wires, plasticity=rule)],
    )
    told = by_clock(network, 40)
    traces = rule.prepare(wires, 1e-3)
    for t in range(40):
        now = told.spike_neurons[told.spike_steps == t]
        pre, post = now[now < 4], now[now >= 4] - 4
        traces.learn(pre.astype(np.int32), len(pre), post.astype(np.int32), len(post))
    assert np.array_equal(told.learned[0].weights, traces.weights)
    assert told.counts["weight_updates"] == traces.changes > 0
    chip = simulate(network, CHIP, 40)
    assert np.array_equal(chip.activity.learned[0].weights, traces.weights)


def test_traffic_moves_cores_closer() -> None:
    """Two pairs of populations that only talk within the pair: after the search each pair shares a tile."""
    rng = np.random.default_rng(1)
    populations = [Population(f"p{i}", 8, LoihiSoma()) for i in range(4)]
    some = Synapses.from_pairs(rng.integers(0, 8, 30), rng.integers(0, 8, 30), shape=(8, 8))
    network = Network(populations, [Projection("p0", "p3", some), Projection("p1", "p2", some)])
    far = by_hand(network, CHIP, {"p0": [0], "p1": [40], "p2": [90], "p3": [127]})
    near = by_traffic(network, CHIP, far)
    tiles = {p: CHIP.tile_of_core[near.core[8 * p]] for p in range(4)}
    assert tiles[0] == tiles[3] and tiles[1] == tiles[2]
    assert by_unit(simulate(network, CHIP, 1, placement=near))["total"] > 0


def test_capacity_cuts_where_a_limit_is_reached() -> None:
    chip = Architecture.from_substrate(substrate.load("loihi"))
    wide = Population("in", 9000, Recorded.in_steps([], [], step_ps=1))
    out = Population("out", 3, LoihiSoma())
    every = Synapses.from_pairs(np.tile(np.arange(9000), 3), np.repeat(np.arange(3), 9000), shape=(9000, 3))
    network = Network([wide, out], [Projection("in", "out", every)])
    with pytest.raises(ValueError, match="input axons per core end first"):
        by_capacity(network, chip)  # one neuron alone has 9,000 inputs, a core 4,096
    few = Synapses.from_pairs(np.arange(9000), np.arange(9000) % 3, shape=(9000, 3))
    placed = by_capacity(Network([wide, out], [Projection("in", "out", few)]), chip)
    assert np.bincount(placed.core).tolist() == [1024] * 8 + [808] + [1, 1, 1]


def test_the_bill_by_unit_is_the_bill_by_counter() -> None:
    told = simulate(random_network(3), CHIP, 10)
    counts = {
        name: told.counts[name] for name in ("accesses", "packets", "hops_east_west", "hops_north_south")
    }
    counts["synaptic_events_dense"] = told.counts["synaptic_events"]
    counts["updates"] = told.counts["updates"]
    soma = [u.kind for u in CHIP.units].index("soma")
    counts["fired"] = int(told.units[soma, 2])
    bill = price(counts, substrate.load("loihi-sanafe"), seconds=0.0)
    assert by_unit(told)["total"] == pytest.approx(bill.nominal, rel=1e-12)


def test_memory_is_stated_before_a_run() -> None:
    network = random_network(5)
    stated = memory(network, CHIP, max_spikes=1000)
    table = axons(network, CHIP, by_capacity(network, CHIP).core)
    assert stated["axons"] >= sum(a.nbytes for a in vars(table).values()) - table.indptr.nbytes
    assert stated["state"] >= Clocked(network).nbytes
    assert stated["spikes"] == 12_000


def test_tables_and_files(tmp_path: Path) -> None:
    told = simulate(random_network(3), CHIP, 10, watch=[random_network(3).neurons - 1])
    tables = told.tables()
    assert tables["steps"]["duration_ps"].sum() == told.simulated_ps
    assert len(tables["spikes"]["neuron"]) == told.counts["fired"]
    names = sorted(p.name for p in told.export(tmp_path / "run.csv"))
    assert names == [
        "run.cores.csv",
        "run.potentials.csv",
        "run.spikes.csv",
        "run.steps.csv",
        "run.tiles.csv",
    ]


WIRE = small().projections[0].synapses
TWO_FOR_THREE = Population("a", 3, LoihiSoma(bias=[1.0, 2.0]))

BAD: list[tuple[Any, type[Exception], str]] = [
    (lambda: by_clock(small(), -1), ValueError, "^steps"),
    (lambda: by_clock(small(), 5, step_s=0.0), ValueError, "^step_s"),
    (lambda: by_clock(small(), 5, watch=[0]), ValueError, "^watch.*spike source"),
    (lambda: by_clock(small(), 5, watch=[9]), ValueError, "^watch"),
    (lambda: by_clock("x", 5), TypeError, "^network"),  # type: ignore[arg-type]
    (lambda: simulate(small(), CHIP, 5, noc="magic"), ValueError, "^noc"),
    (lambda: simulate(small(), CHIP, 5, policy="drop"), ValueError, "^noc must be 'exact'"),
    (lambda: by_hand(small(), CHIP, [1]), ValueError, "^cores must be one count per population"),
    (lambda: by_hand(small(), CHIP, [1, 2]), ValueError, "^cores of out"),
    (lambda: by_hand(small(), CHIP, [1, 200]), ValueError, "^cores must be at most 128"),
    (lambda: by_hand(small(), CHIP, {"in": [0]}), ValueError, "^cores must name every"),
    (lambda: placement(small(), CHIP, np.array([0, 128])), ValueError, "^core must be in"),
    (lambda: placement(small(), CHIP, np.array([0])), ValueError, "^core must be one per neuron"),
    (lambda: Network([]), ValueError, "^populations"),
    (lambda: Network([small().populations[0]] * 2), ValueError, "^populations.*twice"),
    (lambda: Network(small().populations, [Projection("in", "x", WIRE)]), ValueError, "^projections must join"),
    (lambda: Network(small().populations, [Projection("out", "in", WIRE)]), ValueError, "spike source"),
    (lambda: LoihiSoma(threshold="high"), TypeError, "^threshold"),
    (lambda: LoihiSoma(threshold=float("nan")), ValueError, "^threshold"),
    (lambda: by_clock(Network([TWO_FOR_THREE]), 1), ValueError, "^bias must be one value or 3"),
    (lambda: Population("a", 6, LoihiSoma(), (2, 2)), ValueError, "^shape"),
    (lambda: Population("a", 0, LoihiSoma()), ValueError, "^size"),
    (lambda: Population("a", 1, Recorded.in_steps([0], [1])), ValueError, "^size"),
    (lambda: CHIP.unit_of(0, "synapse", "fast"), ValueError, "^unit must be a synapse unit"),
]  # fmt: skip


@pytest.mark.parametrize("index", range(len(BAD)), ids=lambda i: f"{i}-{BAD[i][2][:20]}")
def test_bad_input(index: int) -> None:
    call, kind, message = BAD[index]
    with pytest.raises(kind, match=message):
        call()
