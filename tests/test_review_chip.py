"""What a sceptical reading of the chip found: wrong partners, wrong checkpoints, faults by name, times that wrap."""

import dataclasses
import json
import math
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdspike import substrate
from hdspike.chip import Architecture, Placement, by_capacity, by_hand, by_traffic, memory, simulate
from hdspike.chip.axons import axons
from hdspike.chip.barrier import Sender, hop_counts
from hdspike.chip.fanout import fanout
from hdspike.chip.noc import Exact
from hdspike.chip.placement import placement
from hdspike.functional import Clocked
from hdspike.functional import simulate as by_clock
from hdspike.network import STDP, Network, Population, Projection, Synapses
from hdspike.network.neurons import IntegrateAndFire, LoihiSoma, Recorded
from hdspike.workloads import job, screen
from tests.conftest import JIT
from tests.test_cli import call

CHIP = Architecture.from_substrate(substrate.load("loihi-sanafe"))
EAST = 1


def ring(size: int = 6, *, bias: float = 0.3, delay: int = 1) -> Network:
    """Every neuron of ``a`` excites one of ``b``."""
    wires = Synapses.from_pairs(
        np.arange(size), np.roll(np.arange(size), 1), shape=(size, size), delays=np.full(size, delay)
    )
    cells = [Population("a", size, LoihiSoma(bias=bias)), Population("b", size, LoihiSoma())]
    return Network(cells, [Projection("a", "b", wires)])


def source(steps: list[int], *, step_ps: int = 10**9) -> Network:
    """One line that spikes in these steps."""
    return Network([Population("in", 1, Recorded.in_steps(steps, [0] * len(steps), step_ps=step_ps))])


def slow(ps: int) -> Architecture:
    """A chip whose soma takes so long to be visited."""
    units = tuple(dataclasses.replace(u, access_ps=ps if u.kind == "soma" else 0) for u in CHIP.units)
    return dataclasses.replace(CHIP, units=units)


def uneven() -> Architecture:
    """A chip whose even cores hold 1024 neurons and whose odd ones 64."""
    return dataclasses.replace(CHIP, neurons_per_core=np.where(np.arange(CHIP.cores) % 2, 64, 1024))


def test_faults_name_the_tiles_of_the_architecture() -> None:
    """Tiles of this chip are numbered down its columns, those of the mesh along its rows: 1 is not 1 there."""
    network = Network(
        [Population("a", 1, LoihiSoma(bias=2.0)), Population("b", 1, LoihiSoma())],
        [Projection("a", "b", Synapses.from_pairs([0], [0], shape=(1, 1)))],
    )
    here = 1
    there = int(np.flatnonzero((CHIP.tile_x == 1) & (CHIP.tile_y == CHIP.tile_y[here]))[0])
    first = {tile: int(np.flatnonzero(CHIP.tile_of_core == tile)[0]) for tile in (here, there)}
    placed = placement(network, CHIP, [first[here], first[there]])
    whole = simulate(network, CHIP, 10, placement=placed, noc="exact")
    assert whole.hops[here, EAST] == whole.counts["hops"] == whole.counts["packets"] > 0
    cut = simulate(network, CHIP, 10, placement=placed, noc="exact", dead_links=[(here, "east")])
    assert cut.hops[here, EAST] == 0 and cut.counts["hops"] == 3 * whole.counts["hops"]  # around the corner
    assert cut.counts["delivered"] == whole.counts["delivered"]


def test_what_is_dead_is_reported_before_the_run() -> None:
    silent = Network([Population("a", 2, LoihiSoma(bias=2.0))])  # sends nothing: no packet would tell
    placed = placement(silent, CHIP, [0, 1])
    with pytest.raises(ValueError, match=r"^placement must use cores that work, but core 1 is dead"):
        simulate(silent, CHIP, 1, placement=placed, noc="exact", dead_cores=[1])
    quiet = ring(bias=0.0)  # would never send the packet that has no way
    placed = by_hand(quiet, CHIP, {"a": [0], "b": [127]})
    tile = int(CHIP.tile_of_core[0])
    dead = [(tile, "east"), (tile, "south")]
    with pytest.raises(ValueError, match="no way leads from core 0"):
        simulate(quiet, CHIP, 1, placement=placed, noc="exact", dead_links=dead)


def test_unlike_cores_stay_with_their_like() -> None:
    """Cores of two sorts: each moves among its own, and soma units that were chosen stay chosen."""
    chip = uneven()
    rng = np.random.default_rng(1)
    some = Synapses.from_pairs(rng.integers(0, 8, 30), rng.integers(0, 8, 30), shape=(8, 8))
    network = Network(
        [Population(f"p{i}", 8, LoihiSoma()) for i in range(4)],
        [Projection("p0", "p3", some), Projection("p1", "p2", some)],
    )
    far = by_hand(network, chip, {"p0": [0], "p1": [41], "p2": [90], "p3": [127]})
    near = by_traffic(network, chip, far)
    assert np.array_equal(chip.neurons_per_core[near.core], chip.neurons_per_core[far.core])
    hops = []
    for placed in (far, near):
        table = axons(network, chip, placed.core)
        sent = np.ones(len(table), dtype=np.int64)
        hops.append(
            int(hop_counts(chip, np.repeat(placed.core, np.diff(table.indptr)), table.core, sent).sum())
        )
    assert hops[1] == 0 < hops[0]  # each pair shares a tile
    bare = dataclasses.replace(far, soma=np.full(network.neurons, -1, dtype=np.int32))
    assert np.array_equal(by_traffic(network, chip, bare).soma, bare.soma)


@pytest.mark.parametrize("runner", ["clock", "chip"])
def test_a_checkpoint_holds_one_run_and_no_other(runner: str, tmp_path: Path) -> None:
    file = tmp_path / "run.npz"

    def go(network: Network, steps: int, **options: Any) -> Any:
        if runner == "clock":
            return by_clock(network, steps, **options)
        return simulate(network, CHIP, steps, **options).activity

    go(ring(), 20, checkpoint=file, watch=[0])
    for steps, watch, message in ((10, [0], "^steps must be at least the 20"), (30, [1], "neurons in watch")):
        with pytest.raises(ValueError, match=message):
            go(ring(), steps, checkpoint=file, watch=watch)
    with np.load(file) as held:
        arrays = dict(held)
    for name in arrays:
        np.savez(file, **{key: value for key, value in arrays.items() if key != name})
        with pytest.raises(ValueError, match="must"):
            go(ring(), 30, checkpoint=file, watch=[0])
    late = tmp_path / "late.npz"  # the same spikes for 300 steps, then others
    go(source([3]), 2, checkpoint=late)
    with pytest.raises(ValueError, match="another run"):
        go(source([3, 300]), 4, checkpoint=late)


def test_a_recording_that_was_full_stays_the_beginning(tmp_path: Path) -> None:
    """A higher limit after a full one must not leave a hole in the middle of the spikes."""
    whole = by_clock(ring(), 30)
    by_clock(ring(), 15, max_spikes=4, checkpoint=tmp_path / "run.npz")
    again = by_clock(ring(), 30, max_spikes=1000, checkpoint=tmp_path / "run.npz")
    assert again.truncated and again.counts == whole.counts
    assert again.spike_steps.tolist() == whole.spike_steps[:4].tolist()


def test_a_checkpoint_belongs_to_the_times_of_its_chip(tmp_path: Path) -> None:
    simulate(ring(), CHIP, 5, checkpoint=tmp_path / "run.npz")
    with pytest.raises(ValueError, match="another run"):
        simulate(ring(), slow(1000), 9, checkpoint=tmp_path / "run.npz")


def test_times_that_would_wrap_are_errors() -> None:
    for noc in ("simple", "exact"):  # 16 neurons of 2⁶⁰ ps on one core: 2⁶⁴ is 0
        crowd = Network([Population("a", 16, LoihiSoma())])
        with pytest.raises(OverflowError, match=r"^simulated time"):
            simulate(crowd, slow(2**60), 1, noc=noc)
    assert simulate(crowd, slow(2**50), 2).simulated_ps >= 2 * 16 * 2**50
    units = tuple(dataclasses.replace(u, event_ps=2**60 if u.kind == "synapse" else 0) for u in CHIP.units)
    many = Network(
        [Population("a", 1, LoihiSoma(bias=2.0)), Population("b", 4, LoihiSoma())],
        [Projection("a", "b", Synapses.from_pairs([0] * 4, range(4), shape=(1, 4)))],
    )
    with pytest.raises(OverflowError, match=r"^a packet must keep"):
        simulate(many, dataclasses.replace(CHIP, units=units), 1)
    often = Network([Population("in", 1, Recorded.in_steps([0] * 20, [0] * 20, step_ps=1))])  # 20 in one step
    out = tuple(dataclasses.replace(u, event_ps=2**58 if u.kind == "soma" else 0) for u in CHIP.units)
    chip = dataclasses.replace(CHIP, units=out)
    soma = [u.kind for u in CHIP.units].index("soma")
    with pytest.raises(OverflowError, match=r"^simulated time"):
        simulate(often, chip, 1, placement=placement(often, chip, [0], soma=[soma]))
    for steps, step_s in ((8, 1e6), (10**17, 1e-3)):
        with pytest.raises(OverflowError, match=r"^steps must end before"):
            by_clock(source([0]), steps, step_s=step_s)


def test_sums_that_wait_longer_than_memory_lasts() -> None:
    with pytest.raises(MemoryError, match="delays of up to 2,147,483,647 steps"):
        by_clock(ring(64, delay=2**31 - 1), 1)


def test_no_steps_are_tables_of_no_rows() -> None:
    tables = simulate(ring(), CHIP, 0).tables()
    assert {len(column) for column in tables["steps"].values()} == {0}


def learning() -> Network:
    wires = Synapses.from_pairs([0], [0], shape=(1, 1), weights=[1.0])
    rule = STDP(0.25, 0.125, 0.01, 0.02, low=0.0, high=4.0)
    return Network([Population("a", 1, LoihiSoma())], [Projection("a", "a", wires, plasticity=rule)])


SMALL = by_capacity(source([0]), CHIP)
BAD: list[tuple[Any, type[Exception], str]] = [
    (lambda: simulate(ring(), CHIP, 1, placement=SMALL), ValueError, "^placement must be of this network"),
    (lambda: simulate(source([0]), CHIP, 1, placement=by_capacity(ring(), CHIP)), ValueError, "^placement must"),
    (lambda: simulate(source([0]), CHIP, 1, placement=[0]), TypeError, "^placement must"),  # type: ignore[arg-type]
    (lambda: simulate("x", CHIP, 1), TypeError, "^network must"),  # type: ignore[arg-type]
    (lambda: simulate(source([0]), "loihi", 1), TypeError, "^architecture must"),  # type: ignore[arg-type]
    (lambda: simulate(source([0]), CHIP, 1, placement=dataclasses.replace(SMALL, core=SMALL.core + 128)),
     ValueError, "^placement must be of this network"),
    (lambda: simulate(source([0]), CHIP, 1, placement=dataclasses.replace(SMALL, soma=SMALL.soma + 99)),
     ValueError, "^placement must be on this chip"),
    (lambda: simulate(source([0]), CHIP, 1, placement=Placement(SMALL.core, SMALL.rank[:0], SMALL.soma)),
     ValueError, "^placement must be of this network"),
    (lambda: by_traffic(ring(), CHIP, SMALL), ValueError, "^placement must be of this network"),
    (lambda: simulate(ring(), CHIP, 1, noc="exact", walrus=3), TypeError, "^mesh must have settings among"),
    (lambda: simulate(ring(), CHIP, 1, noc="exact", columns=3), TypeError, "^mesh must have settings among"),
    (lambda: simulate(ring(), CHIP, 1, noc="exact", dead_tiles=[32]), ValueError, "^dead_tiles must be at most 31"),
    (lambda: simulate(ring(), CHIP, 1, noc="exact", dead_tiles=[-1]), ValueError, "^dead_tiles must be at least 0"),
    (lambda: simulate(ring(), CHIP, 1, noc="exact", dead_links=[0]), ValueError, "^dead_links must hold"),
    (lambda: simulate(ring(), CHIP, 1, noc="exact", dead_links=[(32, "east")]), ValueError, "^dead_links' tile"),
    (lambda: simulate(ring(), CHIP, 1, noc="exact", dead_links=[(0, "up")]), ValueError, "^dead_links' side"),
    (lambda: simulate(learning(), CHIP, 1, noc="exact", policy="drop"), ValueError, "^policy must be 'stall'"),
]  # fmt: skip


@pytest.mark.parametrize("index", range(len(BAD)), ids=lambda i: f"{i}-{BAD[i][2][:20]}")
def test_bad_input(index: int) -> None:
    run, kind, message = BAD[index]
    with pytest.raises(kind, match=message):
        run()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--export", "spikes.events"], "export must end in one of .csv"),
        (["--cores", "²,1"], "cores must be whole numbers"),
        (["--place", "capacity", "--cores", "1,1"], "cores must be left out with place 'capacity'"),
    ],
)
def test_bad_commands(
    options: list[str], message: str, capsys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They end before the run does, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(job, "build", lambda name, seed: job.Workload(name, "", ring()))
    code, _, errors = call("chip", "run", "c-elegans", *options, "--json", "x.json", capsys=capsys)
    assert code == 2 and message in errors and not list(tmp_path.iterdir())


@pytest.mark.parametrize("options", [["--noc", "exact"], ["--clock", "async"]])
def test_a_run_without_a_packet_has_numbers(
    options: list[str], capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mean latency of no packets is no number, and JSON has no word for that but null."""
    monkeypatch.setattr(job, "build", lambda name, seed: job.Workload(name, "", source([])))
    code, out, errors = call(
        "chip", "run", "c-elegans", "--steps", "2", *options, "--json", "-", capsys=capsys
    )
    assert code == 0, errors
    found = json.loads(out)
    assert found["packets"] == 0 and found["network"]["latency_ps"]["mean"] is None
    code, out, errors = call("chip", "run", "c-elegans", "--steps", "2", *options, capsys=capsys)
    assert code == 0 and "nan" not in out and math.isfinite(found["wall_s"])


def lossy_network(rng: np.random.Generator, steps: int) -> Network:
    """Several projections from one source, parallel synapses, delays, sources that spike twice in a step."""
    inputs, a, b = (int(n) for n in rng.integers(1, 25, 3))
    events = int(rng.integers(0, 200))
    spikes = Recorded.in_steps(rng.integers(0, steps, events), rng.integers(0, inputs, events), step_ps=10**9)
    sizes = {"in": inputs, "a": a, "b": b}

    def wires(source: str, target: str, count: int) -> Projection:
        shape = sizes[source], sizes[target]
        made = Synapses.from_pairs(
            rng.integers(0, shape[0], count), rng.integers(0, shape[1], count), shape=shape,
            weights=rng.integers(-3, 8, count), delays=rng.integers(1, 5, count) if rng.random() < 0.6 else None,
        )  # fmt: skip
        return Projection(source, target, made)

    pairs = (
        ("in", "a", 90),
        ("in", "a", 50),
        ("in", "b", 80),
        ("a", "b", 90),
        ("b", "b", 30),
        ("b", "a", 30),
    )
    cells = [Population(name, sizes[name], LoihiSoma(threshold=5.0)) for name in ("a", "b")]
    return Network([Population("in", inputs, spikes), *cells], [wires(*pair) for pair in pairs])


@pytest.mark.parametrize("seed", range(40 if JIT else 3))
def test_dropped_packets_are_the_events_that_are_missing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only from which packets arrived, packet by packet: every potential, spike and synaptic event of the run."""
    rng, steps = np.random.default_rng(seed), 10
    network = lossy_network(rng, steps)
    placed = placement(network, CHIP, rng.integers(0, 10, network.neurons))
    table = axons(network, CHIP, placed.core)
    log, step = [], Exact.step

    def told_step(carrier: Exact, sender: Sender, packets: int) -> Any:
        end, arrived = step(carrier, sender, packets)
        assert arrived is not None
        log.append((sender.row[:packets].copy(), arrived.copy()))
        return end, arrived

    monkeypatch.setattr(Exact, "step", told_step)
    first = int(network.offsets[1])
    depth = int(rng.integers(1, 3))
    told = simulate(
        network, CHIP, steps, placement=placed, noc="exact", policy="drop", fifo_depth=depth,
        watch=range(first, network.neurons),
    )  # fmt: skip
    due = np.full((steps + 5, network.neurons), -0.0)
    events = dropped = 0
    clocked = Clocked(network)
    for t, (rows, arrived) in enumerate(log):
        for i in (1, 2):
            ring = clocked.rings[i]
            ring[t % len(ring)] = due[t, network.offsets[i] : network.offsets[i + 1]]
        clocked.update()
        fired = [int(n + network.offsets[i]) for i in range(3) for n in clocked.fired[i][: clocked.count[i]]]
        assert fired == told.activity.spike_neurons[told.activity.spike_steps == t].tolist()
        assert np.array_equal(
            np.concatenate([state[0] for state in clocked.state[1:]]), told.activity.potentials[t]
        )
        assert sorted(rows) == sorted(r for n in fired for r in range(table.indptr[n], table.indptr[n + 1]))
        dropped += int((~arrived).sum())
        for row in rows[arrived]:
            neuron = int(np.searchsorted(table.indptr, row, side="right")) - 1
            for wire in network.projections:
                source, target = (network.index(end) for end in (wire.source, wire.target))
                line = neuron - int(network.offsets[source])
                if not 0 <= line < wire.synapses.lines:
                    continue
                for s in range(wire.synapses.indptr[line], wire.synapses.indptr[line + 1]):
                    at = int(network.offsets[target]) + int(wire.synapses.targets[s])
                    if placed.core[at] == table.core[row]:
                        late = 1 if wire.synapses.delays is None else int(wire.synapses.delays[s])
                        assert wire.synapses.weights is not None
                        due[t + late, at] += wire.synapses.weights[s]
                        events += 1
        clocked.now += 1
    assert told.counts["synaptic_events"] == events and told.counts["dropped"] == dropped
    assert told.per_core["synaptic_events"].sum() == events


def test_several_chips_and_samples() -> None:
    """Links between two chips are slower and counted; the queues are looked at when that is asked for."""
    cells = [Population("a", 4, LoihiSoma(bias=2.0)), Population("b", 4, LoihiSoma())]
    network = Network(cells, [Projection("a", "b", Synapses.from_pairs(range(4), range(4), shape=(4, 4)))])
    placed = by_hand(network, CHIP, {"a": [0], "b": [127]})
    one = simulate(network, CHIP, 10, placement=placed, noc="exact")
    two = simulate(
        network, CHIP, 10, placement=placed, noc="exact", chips_x=2, off_chip_busy_ps=10**6, off_chip_ps=10**7,
        sample_ps=10**5,
    )  # fmt: skip
    assert one.counts["hops_off_chip"] == 0 < two.counts["hops_off_chip"] == two.counts["packets"]
    assert two.counts["hops"] == one.counts["hops"] and two.simulated_ps > one.simulated_ps + 10 * 10**7
    assert "occupancy" not in one.network and two.network["occupancy"]["samples"] > 10
    assert two.network["occupancy"]["in_fifos"] > 0


def test_memory_is_stated_for_either_clock() -> None:
    """The table of the asynchronous chip is sorted by synapse: measured while it is made, it stays below the word."""
    rng = np.random.default_rng(0)
    wires = Synapses.from_pairs(
        rng.integers(0, 300, 20_000), rng.integers(0, 300, 20_000), shape=(300, 300),
        weights=rng.random(20_000), delays=rng.integers(1, 20, 20_000),
    )  # fmt: skip
    cells = [Population("a", 300, IntegrateAndFire()), Population("b", 300, IntegrateAndFire())]
    network = Network(cells, [Projection("a", "b", wires)])
    placed = by_capacity(network, CHIP)
    axons(network, CHIP, placed.core)
    tracemalloc.start()
    fanout(network, CHIP, placed, 10**9)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    stated = memory(network, CHIP, clock="async")
    assert stated["fanout"] / 4 < peak < stated["fanout"] + stated["axons"] + stated["state"]
    assert "fanout" not in memory(network, CHIP)
    with pytest.raises(ValueError, match=r"^clock must be one of"):
        memory(network, CHIP, clock="sundial")


def test_a_run_that_was_cut_says_so(capsys: Any) -> None:
    """A storm that met its limit of events must not look like a run that was done."""
    cells = [
        Population("in", 1, Recorded.in_steps([0], [0])),
        Population("a", 2, IntegrateAndFire(threshold=1.0)),
    ]
    wires = [Projection("in", "a", Synapses.from_pairs([0, 0], [0, 1], shape=(1, 2)))]
    every = Synapses.from_pairs([0, 0, 1, 1], [0, 1, 0, 1], shape=(2, 2))
    network = Network(cells, [*wires, Projection("a", "a", every)])
    made = job.Job(
        job.Workload("storm", "", network), CHIP, by_capacity(network, CHIP), "capacity", 1000, 0.0
    )
    found = job.numbers(made, *job.run(made, clock="async", max_events=100))
    assert found["network"]["stopped"] == "max_events" and found["audit"]["in_flight"] > 0
    screen.print_run(found)
    assert "stopped early" in capsys.readouterr().out
