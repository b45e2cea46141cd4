"""The event queue keeps its total order, whatever the order of pushing, the delays and the width of the buckets."""

import heapq

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike.chip import EventQueue
from hdspike.chip.calendar import event_queue, width_for
from hdspike.chip.config import MAX_TIME
from tests.conftest import JIT

small = st.integers(0, 3)
widths = st.sampled_from([1, 100, 256, 2**20])
needs_jit = pytest.mark.skipif(not JIT, reason="NUMBA_DISABLE_JIT=1: a thousand times slower")


def follow(queue, twin, steps):
    """Push and pop in both, comparing all that comes out; then empty them."""
    sequence = 0
    for step in steps:
        if step is None:
            if twin:
                assert queue.pop() == heapq.heappop(twin)
        else:
            assert queue.push(*step) == sequence
            heapq.heappush(twin, (*step, sequence))
            sequence += 1
        assert len(queue) == len(twin)
    while twin:
        assert queue.pop() == heapq.heappop(twin)
    with pytest.raises(IndexError, match="empty"):
        queue.pop()


@given(st.lists(st.one_of(st.none(), st.tuples(small, small)), max_size=60))
def test_agrees_with_heapq(steps):
    follow(EventQueue(), [], steps)


far = st.one_of(
    st.integers(0, 1000), st.integers(0, 2**26), st.integers(0, MAX_TIME), st.integers(MAX_TIME - 9, MAX_TIME)
)
places = st.one_of(small, st.integers(0, 2**40), st.integers(2**63 - 3, 2**63 - 1))


@given(st.lists(st.one_of(st.none(), st.tuples(far, places)), max_size=80), widths)
def test_any_times_addresses_and_widths(steps, width):
    """Near and far, before and after what has been popped, up to the last instant and the highest address."""
    follow(EventQueue(width_ps=width), [], steps)


@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=12),
    st.integers(1, 90),
    st.integers(0, 2**31),
    widths,
)
def test_hold_model(exponents, pending, seed, width):
    """As in a simulation: pop the first, push one that is later by a delay; zero delays and long ones among them."""
    rng = np.random.default_rng(seed)
    delays = [0, *(4**e for e in exponents)]
    queue, twin = EventQueue(width_ps=width), []
    for sequence in range(pending):
        event = int(rng.choice(delays)), int(rng.integers(0, 5))
        queue.push(*event)
        heapq.heappush(twin, (*event, sequence))
    for sequence in range(pending, 4 * pending):
        time, _, _ = first = heapq.heappop(twin)
        assert queue.pop() == first
        event = time + int(rng.choice(delays)), int(rng.integers(0, 5))
        assert queue.push(*event) == sequence
        heapq.heappush(twin, (*event, sequence))
    while twin:
        assert queue.pop() == heapq.heappop(twin)


@pytest.mark.parametrize("count", [1, 2, 5, 6, 63, 64, 65, 300, pytest.param(5000, marks=needs_jit)])
@pytest.mark.parametrize("spread", [1, 100, 10**6])
@pytest.mark.parametrize("addresses", [1, 1000, 2**62])
def test_crowds(count, spread, addresses):
    """Many events in one bucket: of one time, of one address, or of addresses that fill a word."""
    rng = np.random.default_rng(count)
    times, places = rng.integers(0, spread, count), rng.integers(0, addresses, count)
    queue = EventQueue()
    for time, place in zip(times, places, strict=True):
        queue.push(int(time) + 10**9, int(place))
    order = np.lexsort((np.arange(count), places, times))
    assert [queue.pop()[2] for _ in range(count)] == order.tolist()


def test_a_queue_runs_for_long_in_the_same_memory():
    """Chunks come back: ten thousand events pass through a queue with room for seven."""
    queue, twin = EventQueue(), []
    rng = np.random.default_rng(1)
    for i in range(3000):
        delay = int(rng.choice([0, 1, 300, 3500, 465_000, 10**7]))
        now = twin[0][0] if twin else 0
        queue.push(now + delay, i % 3)
        heapq.heappush(twin, (now + delay, i % 3, i))
        if len(twin) == 7:
            assert queue.pop() == heapq.heappop(twin)
    assert queue.queue.meter["capacity"][0] == 16
    assert queue.queue.meter["fresh"][0] <= len(queue.queue.pool) // 16


@needs_jit
def test_a_heap_and_the_wheel_hold_the_same():
    """The benchmark's two sides pop the same events, at every number pending."""
    from benchmarks import event_queue as bench

    for pending in (1, 10, 1000, 20_000):
        ours, theirs = bench.sides(pending, holds=30_000)
        for _ in range(2):
            assert ours() == theirs()


def test_far_times_keep_their_order():
    queue = EventQueue()
    for time in (MAX_TIME, MAX_TIME - 1, 0):
        queue.push(time, 2**62)
    assert [queue.pop()[0] for _ in range(3)] == [0, MAX_TIME - 1, MAX_TIME]


def test_full_is_said():
    from hdspike.chip.queue import _pop_one, _push_one

    queue = event_queue(2)
    assert [bool(_push_one(queue, 5, 0)) for _ in range(3)] == [True, True, False]
    assert _pop_one(queue) == (5, 0, 0)
    assert _push_one(queue, 1, 0)


@pytest.mark.parametrize(
    ("delays", "width"),
    [([2100, 3500], 131), ([0, 8], 1), ([1], 1), ([0], 2**20), ([], 2**20), ([2**61], 2**20)],
)
def test_width(delays, width):
    assert width_for(np.array(delays, dtype=np.int64)) == width


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: EventQueue().push(MAX_TIME + 1, 0), OverflowError, "time must be at most 2⁶² − 1 ps, got"),
        (lambda: EventQueue().push(-1, 0), ValueError, "time must be at least 0, got -1"),
        (lambda: EventQueue().push(0, 1.5), TypeError, "address must be an integer"),
        (lambda: EventQueue().push(0, -1), ValueError, "address must be at least 0, got -1"),
        (lambda: EventQueue().pop(), IndexError, "pop from an empty event queue"),
        (lambda: EventQueue(width_ps=0), ValueError, "width_ps must be at least 1, got 0"),
        (lambda: event_queue(0), ValueError, "capacity must be at least 1, got 0"),
        (lambda: width_for(np.array([1.5])), TypeError, "delays_ps must have dtype int64"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()
