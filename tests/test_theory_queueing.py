"""The laws of queues, against slow simulations, exact chains, and the mesh itself."""

from itertools import product

import numba
import numpy as np
import pytest

from hdspike import theory
from hdspike.chip import traffic
from hdspike.chip.grid import Grid

SMALL = bool(numba.config.DISABLE_JIT)


def waits(arrivals, service):
    """Lindley: how long each customer waits for a server with a constant service time."""
    free, out = 0.0, []
    for moment in arrivals:
        begin = max(moment, free)
        out.append(begin - moment)
        free = begin + service
    return np.array(out)


@pytest.mark.parametrize("load", [0.3, 0.8])
def test_md1_wait_is_what_a_simulated_queue_gives(load):
    rng = np.random.default_rng(1)
    means = [waits(np.cumsum(rng.exponential(2.0 / load, 20_000)), 2.0)[2_000:].mean() for _ in range(8)]
    error = np.std(means) / np.sqrt(len(means) - 1)
    assert abs(np.mean(means) - theory.md1_wait(load, 2.0)) < 4 * error + 1e-9
    assert theory.md1_wait(0.0) == 0.0
    assert theory.md1_wait(1.0) == np.inf


@pytest.mark.parametrize(("load", "places"), [(0.5, 1), (0.9, 3), (1.4, 2), (2.5, 6), (0.7, 12)])
def test_md1k_loss_is_that_of_its_chain(load, places):
    """The chain of customers left behind by a departure, solved as a dense eigenproblem."""
    chance = [np.exp(-load)]
    for j in range(1, 200):
        chance.append(chance[-1] * load / j)
    move = np.zeros((places, places))
    for i, j in product(range(places), repeat=2):
        arrivals = j - max(i - 1, 0)
        if j < places - 1:
            move[i, j] = chance[arrivals] if arrivals >= 0 else 0.0
        else:
            move[i, j] = sum(chance[max(arrivals, 0) :])
    system = np.vstack([move.T - np.eye(places), np.ones(places)])
    left = np.linalg.lstsq(system, np.r_[np.zeros(places), 1.0], rcond=None)[0]
    assert theory.md1k_loss(load, places) == pytest.approx(1 - 1 / (left[0] + load), abs=1e-9)


def test_md1k_loss_at_its_ends():
    assert theory.md1k_loss(0.0, 3) == 0.0
    assert theory.md1k_loss(0.6, 1) == pytest.approx(0.6 / 1.6)  # Erlang's
    assert theory.md1k_loss(3.0, 500) == pytest.approx(1 - 1 / 3)  # what is too much is lost
    assert theory.md1k_loss(0.5, 500) == pytest.approx(0.0, abs=1e-12)
    several = [theory.md1k_loss(0.95, k) for k in (1, 2, 5, 20, 80)]
    assert several == sorted(several, reverse=True)
    assert min(several) > 0


@pytest.mark.parametrize("depth", [1, 3])
def test_a_core_that_drops_is_an_md1k_queue(depth):
    """The chip itself: Poisson packets, a FIFO of ``depth``, one packet in service."""
    packets = 600 if SMALL else 40_000
    grid = Grid(columns=1, rows=1, tile_of_core=[0, 0], hop_ps=[1] * 4, fifo_depth=depth)
    law = theory.md1k_loss(0.8, depth + 1)
    shares = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        times = np.cumsum(rng.exponential(1000 / 0.8, packets)).astype(np.int64)
        zeros = np.zeros(packets, dtype=np.int64)
        run = traffic(grid, times, zeros, zeros + 1, service_ps=1000, policy="drop")
        assert run.counts["injected"] == packets == run.counts["delivered"] + run.counts["dropped"]
        shares.append(run.counts["dropped"] / packets)
    assert abs(np.mean(shares) - law) < 4 * np.sqrt(law / packets)  # drops come in bursts: a loose error


def test_merged_wait_is_exact_in_slotted_time():
    """Three feeders, each with a packet or none per slot: Lindley in whole slots."""
    rng = np.random.default_rng(2)
    shares = (0.4, 0.3, 0.15)
    means = []
    for _ in range(10):
        arrivals = (rng.random((20_000, 3)) < shares).sum(axis=1)
        moments = np.repeat(np.arange(len(arrivals)), arrivals)
        means.append(waits(moments, 1.0)[2_000:].mean())
    error = np.std(means) / np.sqrt(len(means) - 1)
    assert abs(np.mean(means) - theory.merged_wait(shares)) < 4 * error
    assert error < 0.05 * theory.merged_wait(shares)


def test_merged_wait_at_its_ends():
    assert theory.merged_wait([0.9]) == 0.0  # one feeder as slow as the server
    assert theory.merged_wait([1e-6] * 1000, poisson=0.5) == pytest.approx(theory.md1_wait(0.501), rel=1e-6)
    assert theory.merged_wait([]) == 0.0
    assert theory.merged_wait([0.6, 0.4]) == np.inf
    four = theory.merged_wait([0.2] * 4, 3.0)
    assert four == pytest.approx((1 - 1 / 4) * theory.md1_wait(0.8, 3.0))  # Kruskal and Snir's factor


@pytest.mark.parametrize(("columns", "rows"), [(1, 1), (1, 4), (5, 1), (3, 2), (4, 5)])
def test_flows_are_those_of_all_pairs_walked_by_hand(columns, rows):
    tiles = columns * rows
    expected = np.zeros((tiles, 4, 4))
    for source, target in product(range(tiles), repeat=2):
        x, y = source % columns, source // columns
        goal_x, goal_y = target % columns, target // columns
        came = 3
        while (x, y) != (goal_x, goal_y):
            if x != goal_x:
                side, step = (1, (1, 0)) if goal_x > x else (3, (-1, 0))
            else:
                side, step = (2, (0, 1)) if goal_y > y else (0, (0, -1))
            expected[y * columns + x, side, came] += 1 / tiles**2
            x, y = x + step[0], y + step[1]
            turns = step[0] != 0 and x == goal_x
            came = (1 if step[0] > 0 else 2) if turns else 0
    assert theory.uniform_flows(columns, rows) == pytest.approx(expected)
    assert theory.uniform_crossings(columns, rows).sum() == pytest.approx(theory.mean_hops(columns, rows))


def test_bisection_bound_is_the_busiest_link_under_xy():
    for columns, rows in ((2, 2), (8, 4), (5, 5), (3, 7)):
        busiest = theory.uniform_crossings(columns, rows).max()
        assert theory.bisection_bound(columns, rows) == pytest.approx(1 / busiest)
    slow = np.ones((16, 4))
    slow[[1, 5, 9, 13], 1] = 4.0  # a row of links to the east, four times as long busy
    assert theory.bisection_bound(4, 4, slow) == pytest.approx(theory.bisection_bound(4, 4) / 4)
    assert theory.bisection_bound(1, 1) == np.inf


def test_mesh_latency_at_no_load_is_exact_and_its_approximations_are_ordered():
    assert theory.mesh_latency(5, 3, 0.0, 2.0) == pytest.approx(2 * theory.mean_hops(5, 3))
    assert theory.mesh_latency(4, 4, 0.0, [1, 2, 1, 2], travel=[3, 4, 3, 4]) == pytest.approx(
        3.5 * theory.mean_hops(4, 4)
    )
    bound = theory.bisection_bound(6, 6)
    plain = [theory.mesh_latency(6, 6, share * bound) for share in (0, 0.3, 0.6, 0.9)]
    merged = [theory.mesh_latency(6, 6, share * bound, merged=True) for share in (0, 0.3, 0.6, 0.9)]
    assert plain == sorted(plain)
    assert all(m < p for m, p in zip(merged[1:], plain[1:], strict=True))
    assert theory.mesh_latency(6, 6, 1.01 * bound) == np.inf


def test_one_link_alone_waits_as_md1():
    """A mesh of two tiles has one queue on the way, fed by one sender: there M/D/1 is exact."""
    rate, packets = 1.6, 400 if SMALL else 60_000
    grid = Grid(columns=2, rows=1, tile_of_core=[0, 1], hop_ps=[1000] * 4, fifo_depth=2**30)
    means, zeros = [], np.zeros(packets, dtype=np.int64)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        times = np.cumsum(rng.exponential(1000 / (rate / 4), packets)).astype(np.int64)
        run = traffic(grid, times, zeros, zeros + 1, service_ps=0)
        means.append(run.latency_ps.mean() / 1000)
    law = 1 + theory.md1_wait(rate / 4)
    assert abs(np.mean(means) - law) < 5 * np.std(means) / np.sqrt(3) + 0.01
    assert theory.mesh_latency(2, 1, rate) == pytest.approx(0.5 * law)  # half of the packets stay at home


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: theory.md1_wait(-0.1), ValueError, "load must be in"),
        (lambda: theory.md1_wait("1"), TypeError, "load must be a number"),
        (lambda: theory.md1k_loss(0.5, 0), ValueError, "places must be"),
        (lambda: theory.md1k_loss(101, 2), ValueError, "load must be in"),
        (lambda: theory.merged_wait([-1.0]), ValueError, "flows must be in"),
        (lambda: theory.merged_wait([0.1], poisson=np.nan), ValueError, "poisson must be in"),
        (lambda: theory.mean_hops(0, 3), ValueError, "columns must be"),
        (lambda: theory.uniform_flows(3, 2.5), TypeError, "rows must be"),
        (lambda: theory.bisection_bound(4, 4, [1, 2]), ValueError, "busy must be one number"),
        (lambda: theory.bisection_bound(4, 4, 0.0), ValueError, "busy must be numbers above 0"),
        (lambda: theory.mesh_latency(4, 4, -1.0), ValueError, "rate must be in"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()
