"""The mesh of the barrier runner against its naive twin: boards, policies, depths, faults, step by step."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdspike.chip import traffic
from hdspike.chip.config import MAX_TIME
from hdspike.chip.grid import SIDES, Grid
from hdspike.chip.latency import BINS, Latency, bin_edges
from hdspike.chip.routing import NO_WAY, deadlock_free, routes_of, xy_table
from hdspike.chip.state import grid_state
from hdspike.chip.transport import Transport
from tests.conftest import JIT
from tests.naive import transport as naive

times = st.sampled_from([0, 1, 2, 5])
CASES, BLOCKS = (100, 8) if JIT else (25, 1)  # with the random networks of test_chip.py, 1,000 and more


@st.composite
def boards(draw, faults=True):
    """(arguments of the grid, closed ways of the twin)."""
    chips_x, chips_y = draw(st.sampled_from([(1, 1), (1, 1), (2, 1), (1, 2), (2, 2)]))
    columns, rows = chips_x * draw(st.integers(1, 3)), chips_y * draw(st.integers(1, 2))
    tiles = columns * rows
    cores = draw(st.lists(st.integers(0, tiles - 1), min_size=1, max_size=6))
    hops = draw(st.lists(st.tuples(times, times, times, times), min_size=tiles, max_size=tiles))
    arguments = {
        "columns": columns, "rows": rows, "tile_of_core": cores, "hop_ps": hops,
        "inject_ps": draw(times), "eject_ps": draw(times), "fifo_depth": draw(st.sampled_from([1, 1, 2, 16])),
        "chips_x": chips_x, "chips_y": chips_y,
        "off_chip_busy_ps": draw(times), "off_chip_ps": draw(st.sampled_from([0, 1, 9])),
    }  # fmt: skip
    dead_links = set()
    if faults and draw(st.booleans()):
        sides = st.tuples(st.integers(0, tiles - 1), st.sampled_from(SIDES))
        edge = Grid(**arguments).closed
        dead_links = {(t, s) for t, s in draw(st.sets(sides, max_size=4)) if not edge[t, SIDES.index(s)]}
    return arguments, dead_links


@st.composite
def loads(draw, cores, most=12):
    core = st.integers(0, cores - 1)
    packets = draw(st.lists(st.tuples(core, core, st.sampled_from([0, 0, 1, 7]), times), max_size=most))
    rests = draw(st.lists(st.sampled_from([0, 3, 40]), min_size=cores, max_size=cores))
    return [[p[i] for p in packets] for i in range(4)], rests


def agree(arguments, dead, policy, sample, steps):
    """Step by step, packet by packet and link by link."""
    grid = Grid(**arguments, dead_links=dead)
    mesh = Transport(grid, policy=policy, sample_ps=sample)
    twin = naive.Board(policy, **arguments, dead=dead, sample_ps=sample)
    latencies = []
    for (sources, targets, gaps, services), rests in steps:
        tile = arguments["tile_of_core"]
        ends = {(tile[s], tile[d]) for s, d in zip(sources, targets, strict=True)}
        if dead and any(a != b and (a, b) not in twin.table for a, b in ends):
            with pytest.raises(ValueError, match="no way leads from core"):
                mesh.step(sources, targets, gaps, services, rests)
            return
        try:
            packets, end = twin.step(sources, targets, gaps, services, rests)
        except RuntimeError:
            assert not deadlock_free(grid, routes_of(grid))
            with pytest.raises(RuntimeError, match="deadlock in step"):
                mesh.step(sources, targets, gaps, services, rests)
            with pytest.raises(RuntimeError, match="this mesh stopped in step"):
                mesh.step([], [], [], [])
            return
        step = mesh.step(sources, targets, gaps, services, rests)
        assert step.delivered.tolist() == [not p.dropped for p in packets]
        assert step.finished_ps.tolist() == [p.gone if p.dropped else p.finished for p in packets]
        assert step.end_ps == end
        latencies += [p.finished - p.offered for p in packets if not p.dropped]
    counts = mesh.counts  # closes with the audit
    assert counts["injected"] == twin.injected == counts["delivered"] + counts["dropped"]
    assert (counts["delivered"], counts["dropped"], counts["in_flight"]) == (twin.delivered, twin.dropped, 0)
    assert mesh.per_link.tolist() == twin.crossed
    assert mesh.link_dropped.tolist() == twin.link_dropped
    assert mesh.link_busy_ps.tolist() == [
        n * twin.latency(link) if n else 0 for link, n in enumerate(twin.crossed)
    ]
    assert mesh.peak_occupancy.tolist() == twin.peak
    ports = np.arange(len(twin.crossed)) % grid.ports
    assert counts["hops"] == sum(n for n, port in zip(twin.crossed, ports, strict=True) if port < 4)
    for side, name in enumerate(SIDES):
        assert counts[f"hops_{name}"] == sum(
            n for n, port in zip(twin.crossed, ports, strict=True) if port == side
        )
    assert counts["hops_off_chip"] == sum(twin.crossed[link] for link in twin.wires)
    latency = Latency.of(latencies)
    assert mesh.latency.histogram.tolist() == latency.histogram.tolist()
    assert (mesh.latency.sum_ps, mesh.latency.max_ps) == (sum(latencies), max(latencies, default=0))
    if sample is not None:
        seen = mesh.occupancy
        assert seen["samples"] == twin.samples
        assert seen["at_senders"] * max(1, twin.samples) == pytest.approx(twin.at_senders)
        assert {n: v for n, v in enumerate(seen["histogram"].tolist()) if v} == twin.levels
        held = sum(n * v for n, v in twin.levels.items())
        assert seen["in_fifos"] * max(1, twin.samples) == pytest.approx(held)


@settings(max_examples=CASES)
@given(st.data(), boards(), st.sampled_from(["stall", "drop"]), st.sampled_from([None, 1, 3]))
def test_transport_agrees_with_naive(data, board, policy, sample):
    """Found and made small by hypothesis where they do not."""
    cores = len(board[0]["tile_of_core"])
    agree(*board, policy, sample, [data.draw(loads(cores)) for _ in range(2)])


def random_case(rng):
    """A board, its faults, policy and sampling, and up to three steps."""
    chips_x, chips_y = rng.integers(1, 3, 2).tolist()
    columns, rows = chips_x * int(rng.integers(1, 4)), chips_y * int(rng.integers(1, 3))
    tiles, cores = columns * rows, int(rng.integers(1, 8))

    scale = int(rng.choice([1, 1, 700, 10**9 + 7]))  # so that events sit in all levels of the wheel

    def some(count, more=0):
        return (rng.choice([0, 1, 2, 5], count) * scale + rng.integers(0, 1 + more, count)).tolist()

    arguments = {
        "columns": columns, "rows": rows, "tile_of_core": rng.integers(0, tiles, cores).tolist(),
        "hop_ps": [some(4) for _ in range(tiles)], "fifo_depth": int(rng.choice([1, 1, 2, 16])),
        "chips_x": chips_x, "chips_y": chips_y,
        **dict(zip(("inject_ps", "eject_ps", "off_chip_busy_ps", "off_chip_ps"), some(4), strict=True)),
    }  # fmt: skip
    inside = np.argwhere(~Grid(**arguments).closed)
    dead = rng.permutation(inside)[: rng.choice([0, 0, 1, 2, 4])].tolist()
    steps = []
    for _ in range(int(rng.integers(1, 4))):
        count = int(rng.integers(0, 25))
        ends = rng.integers(0, cores, (2, count)).tolist()
        steps.append(((*ends, some(count, 3), some(count)), some(cores)))
    policy = str(rng.choice(["stall", "drop"]))
    return (
        arguments,
        {(t, SIDES[side]) for t, side in dead},
        policy,
        [None, scale, 3 * scale][rng.integers(3)],
        steps,
    )


@pytest.mark.parametrize("block", range(BLOCKS))
def test_random_boards(block):
    """Boards × faults × policies × depths at random, a hundred in a block."""
    for case in range(100):
        agree(*random_case(np.random.default_rng([block, case])))


@given(boards())
def test_routes(board):
    """The table is the twin's; every way ends, is a shortest one, and crosses no dead link."""
    arguments, dead = board
    grid = Grid(**arguments, dead_links=dead)
    table = routes_of(grid)
    twin = naive.Board("stall", **arguments, dead=dead)
    if not dead:
        assert np.array_equal(table, xy_table(grid))
        assert deadlock_free(grid, table)
        return
    ours = {(t, g): SIDES[table[t, g]] for t, g in np.argwhere(table >= 0).tolist()}
    assert ours == twin.table
    assert deadlock_free(grid, table) == (not twin.circular(ours))
    for tile, goal in ours:
        at, hops = tile, 0
        while at != goal:
            side = SIDES[table[at, goal]]
            assert (at, side) not in dead
            at, hops = twin.beyond(at, side), hops + 1
            assert hops <= grid.tiles


def line(cores=3, **more):
    """A row of tiles with a core each."""
    return Grid(columns=cores, rows=1, tile_of_core=list(range(cores)), hop_ps=[6, 4, 6, 4], **more)


def test_one_packet_by_hand():
    """Generated in 10, handed over in 2, two hops of 4, ejected in 3, served in 50; the core rests longer."""
    mesh = Transport(line(inject_ps=2, eject_ps=3))
    step = mesh.step([0], [2], [10], [50], [100, 0, 0])
    assert step.finished_ps.tolist() == [10 + 2 + 4 + 4 + 3 + 50]
    assert step.end_ps == 10 + 2 + 100
    assert mesh.latency_parts_ps == {"at_sender": 2, "in_mesh": 11, "in_fifo": 0, "in_service": 50}
    assert mesh.latency.summary() == {"mean": 63.0, "p50": 63, "p90": 63, "p99": 63, "max": 63}
    assert mesh.counts["hops_east"] == 2
    assert mesh.utilisation.reshape(3, -1)[:, 1].tolist() == [4 / 112, 4 / 112, 0]
    assert mesh.step([], [], [], []).end_ps == 0


def test_off_chip_links_are_pipelines():
    """Ten packets over a link that is busy for 5 and takes 100 more: the last arrives 100 + 10 · 5 after the first
    began, where a link that is busy all the time would take 10 · 105."""
    grid = line(2, chips_x=2, off_chip_busy_ps=5, off_chip_ps=100)
    mesh = Transport(grid)
    step = mesh.step([0] * 10, [1] * 10, [0] * 10, [0] * 10)
    assert step.finished_ps.tolist() == [105 + 5 * i for i in range(10)]
    assert mesh.counts["hops_off_chip"] == mesh.counts["hops"] == 10
    assert mesh.link_busy_ps.sum() == 50
    shallow = Transport(line(2, chips_x=2, off_chip_busy_ps=5, off_chip_ps=100, fifo_depth=1))
    step = shallow.step([0] * 3, [1] * 3, [0] * 3, [0] * 3)  # one credit: the slot is free on arrival
    assert step.finished_ps.tolist() == [105, 210, 315]


def ring_grid(**more):
    return Grid(columns=2, rows=2, tile_of_core=[0, 1, 2, 3], hop_ps=[1, 1, 1, 1], **more)


def test_a_detour_is_taken():
    mesh = Transport(ring_grid(dead_links=[(0, "east")]))
    assert mesh.step([0], [1], [0], [0]).delivered.all()
    assert {k: v for k, v in mesh.counts.items() if k.startswith("hops_") and v} == {
        "hops_south": 1, "hops_east": 1, "hops_north": 1, "hops_east_west": 1, "hops_north_south": 2,
    }  # fmt: skip


def test_deadlock_is_detected():
    """All links of the ring in one sense are dead: the detours go round, and with one slot each they may wait for each
    other for ever. Said, not hung."""
    dead = [(0, "south"), (2, "east"), (3, "north"), (1, "west")]
    grid = ring_grid(dead_links=dead, fifo_depth=1)
    assert not deadlock_free(grid, routes_of(grid))
    load = ([0, 1, 3, 2] * 5, [3, 2, 0, 1] * 5, [0] * 20, [0] * 20)
    with pytest.raises(
        RuntimeError, match=r"deadlock in step 0 at \d+ ps: .*tile 0 port 2: 1 waiting for link"
    ):
        Transport(grid).step(*load)
    assert Transport(ring_grid(fifo_depth=1)).step(*load).delivered.all()
    lossy = Transport(grid, policy="drop")
    assert not lossy.step(*load).delivered.all()
    assert lossy.counts["dropped"] == lossy.link_dropped.sum() > 0


def test_dead_cores_and_tiles_are_reported():
    """A dead tile is gone round by what passes; what is for it, or from it, is an error that names both."""
    cores = list(range(9))
    grid = Grid(columns=3, rows=3, tile_of_core=cores, hop_ps=[1] * 4, dead_tiles=[4], dead_cores=[8])
    mesh = Transport(grid)
    assert mesh.step([3, 1], [5, 7], [0, 0], [0, 0]).delivered.all()
    assert mesh.counts["hops"] == 8
    with pytest.raises(ValueError, match=r"core 4 is dead \(packet 1, from core 0 to core 4\)"):
        mesh.step([0, 0], [1, 4], [0, 0], [0, 0])
    with pytest.raises(ValueError, match=r"sources must be cores that work, but core 8 is dead"):
        mesh.step([8], [1], [0], [0])
    cut = Transport(line(dead_links=[(0, "east")]))
    with pytest.raises(ValueError, match=r"from core 0 on tile 0 to core 2 on tile 2 \(packet 0\)"):
        cut.step([0], [2], [0], [0])
    assert cut.step([2], [0], [0], [0]).delivered.all()
    assert (grid_state(line(dead_links=[(0, "east")]), packets=0).routes == NO_WAY).sum() == 2


def test_time_overflow():
    far = 2**60
    with pytest.raises(OverflowError, match="the simulated time of step 0"):
        Transport(line(inject_ps=far)).step([0] * 9, [1] * 9, [0] * 9, [0] * 9)
    with pytest.raises(OverflowError, match="the simulated time of step 0"):
        Transport(line(2, chips_x=2, off_chip_ps=far)).step([0] * 2, [1] * 2, [far] * 2, [far] * 2)
    mesh = Transport(line())
    step = mesh.step([0] * 3, [1] * 3, [far] * 3, [0] * 3, [far - 9, 0, 0])
    assert step.end_ps == MAX_TIME + 1 - 9
    with pytest.raises(OverflowError):
        mesh.step([0] * 3, [1] * 3, [far] * 3, [0] * 3, [far, 0, 0])


def test_many_packets_grow_the_memory():
    """More packets than the memory of the beginning holds; the same again from a fresh mesh."""
    rng = np.random.default_rng(3)
    count = 3000 if JIT else 1100
    grid = Grid(columns=4, rows=4, tile_of_core=np.arange(32) // 2, hop_ps=[65, 41, 65, 41], fifo_depth=2)
    load = (*rng.integers(32, size=(2, count)), rng.integers(0, 300, count), rng.integers(0, 50, count))
    mesh, again = Transport(grid), Transport(grid)
    small = mesh.step([0], [5], [1], [1])
    again.step([0], [5], [1], [1])
    one, other = mesh.step(*load), again.step(*load)
    assert one.delivered.all()
    assert np.array_equal(one.finished_ps, other.finished_ps)
    assert mesh.counts["injected"] == count + 1
    assert one.finished_ps.max() == one.end_ps == mesh.total_ps - small.end_ps


@given(st.lists(st.integers(0, MAX_TIME), min_size=1, max_size=40), st.sampled_from([0, 1, 50, 90, 99, 100]))
def test_percentiles(values, percent):
    """Never below the true one, and at most 1/32 above."""
    latency = Latency.of(values)
    rank = max(1, -(-percent * len(values) // 100))
    true = sorted(values)[rank - 1]
    got = latency.percentile(percent)
    assert true <= got <= true + true // 32
    assert latency.count == len(values)
    assert latency.sum_ps == sum(values)


def test_latency_edges():
    edges = bin_edges()
    assert len(edges) == BINS
    assert edges[:66].tolist() == [*range(64), 65, 67]
    assert edges[-1] == MAX_TIME
    assert Latency.of([-1]).percentile(50) == -1
    assert np.isnan(Latency.of([]).mean_ps)


GOOD = {"columns": 2, "rows": 1, "tile_of_core": [0, 1], "hop_ps": [1, 1, 1, 1]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": 0}, "columns must be at least 1, got 0"),
        ({"chips_x": 3}, "chips_x must divide the 2 columns, got 3"),
        ({"tile_of_core": [0, 2]}, r"tile_of_core must be tiles in \[0, 2\)"),
        ({"tile_of_core": []}, "tile_of_core's length must be at least 1"),
        ({"hop_ps": [1, 1, 1]}, r"hop_ps must have shape \(4,\) or \(2, 4\), got \(3,\)"),
        ({"hop_ps": [1, -1, 1, 1]}, r"hop_ps must be in \[0, 2⁶⁰\] ps, got -1"),
        ({"inject_ps": -1}, "inject_ps must be at least 0"),
        ({"fifo_depth": 0}, "fifo_depth must be at least 1"),
        ({"dead_links": [(0, "up")]}, "dead_links' side must be one of north, east"),
        ({"dead_links": [(1, "east")]}, "dead_links must be links of the board"),
        ({"dead_links": [3]}, r"dead_links must hold \(tile, side\) pairs, got 3"),
        ({"dead_tiles": [2]}, r"dead_tiles must be tiles in \[0, 2\)"),
        ({"dead_cores": [-1]}, r"dead_cores must be cores in \[0, 2\)"),
    ],
)
def test_bad_grids(change, message):
    with pytest.raises(ValueError, match=message):
        Grid(**{**GOOD, **change})


@pytest.mark.parametrize(
    ("load", "message"),
    [
        (([2], [0], [0], [0]), r"sources must be in \[0, 1\], got 2"),
        (([0], [-1], [0], [0]), r"destinations must be in \[0, 1\], got -1"),
        (([0], [0, 1], [0], [0]), "destinations must have 1 entries, got 2"),
        (([0], [0], [-1], [0]), "gap_ps must be in"),
        (([0], [0], [0], [2**61]), "service_ps must be in"),
        (([0], [0], [0], [0], [0]), "rest_ps must have 2 entries, got 1"),
        (([[0]], [0], [0], [0]), r"sources must have 1 dimension"),
    ],
)
def test_bad_steps(load, message):
    mesh = Transport(Grid(**GOOD))
    with pytest.raises(ValueError, match=message):
        mesh.step(*load)
    assert mesh.counts["injected"] == 0


def test_bad_transports():
    with pytest.raises(TypeError, match="grid must be a Grid, not int"):
        Transport(3)
    with pytest.raises(ValueError, match="policy must be one of stall, drop"):
        Transport(Grid(**GOOD), policy="pray")
    with pytest.raises(ValueError, match="sample_ps must be at least 1"):
        Transport(Grid(**GOOD), sample_ps=0)
    with pytest.raises(ValueError, match="percent must be a number from 0 to 100, got 101"):
        Latency.of([1]).percentile(101)


def test_traffic_on_a_board():
    """The same packets, step by step and as traffic: offered at their gaps where no core sends twice."""
    grid = line(4, chips_x=2, off_chip_busy_ps=5, off_chip_ps=20, fifo_depth=2)
    ends = ([0, 1, 2, 3], [3, 2, 0, 0])
    run = traffic(grid, [3, 9, 0, 4], *ends, service_ps=7)
    step = Transport(grid).step(*ends, [3, 9, 0, 4], [7] * 4)
    assert (run.offered_ps + run.latency_ps).tolist() == step.finished_ps.tolist()
    assert run.simulated_ps == step.end_ps
    assert run.latency.max_ps == run.latency_ps.max()
    assert run.utilisation.max() == run.link_busy_ps.max() / run.simulated_ps
    with pytest.raises(ValueError, match="no way leads from core 0 on tile 0 to core 2 on tile 2"):
        traffic(line(dead_links=[(0, "east")]), [0], [0], [2], service_ps=0)
