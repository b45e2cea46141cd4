"""The event queue keeps its total order, whatever the order of pushing."""

import heapq

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike.chip import EventQueue
from hdspike.chip.config import MAX_TIME

small = st.integers(0, 3)


@given(st.lists(st.one_of(st.none(), st.tuples(small, small)), max_size=60))
def test_agrees_with_heapq(steps):
    queue, twin, sequence = EventQueue(), [], 0
    for step in steps:
        if step is None and twin:
            assert queue.pop() == heapq.heappop(twin)
        elif step is not None:
            assert queue.push(*step) == sequence
            heapq.heappush(twin, (*step, sequence))
            sequence += 1
        assert len(queue) == len(twin)
    while twin:
        assert queue.pop() == heapq.heappop(twin)


def test_far_times_keep_their_order():
    queue = EventQueue()
    for time in (MAX_TIME, MAX_TIME - 1, 0):
        queue.push(time, 2**62)
    assert [queue.pop()[0] for _ in range(3)] == [0, MAX_TIME - 1, MAX_TIME]


def test_bad_arguments():
    queue = EventQueue()
    with pytest.raises(OverflowError, match="time"):
        queue.push(MAX_TIME + 1, 0)
    with pytest.raises(ValueError, match="time must be at least 0, got -1"):
        queue.push(-1, 0)
    with pytest.raises(TypeError, match="address"):
        queue.push(0, 1.5)
    with pytest.raises(IndexError, match="empty"):
        queue.pop()
