"""Address-events: order, rasters, files good and hostile."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import files, spikes
from hdspike.spikes import EVENT, Stimuli
from tests.naive import functional as twin


def events_of(pairs) -> np.ndarray:
    return np.array([tuple(pair) for pair in pairs], dtype=EVENT)


# --- order ----------------------------------------------------------------------------------------------


@given(st.integers(1, 12), st.sampled_from([1, 2, 3, 7, 2**63 - 1]), st.integers(0, 2**32), st.integers(0, 4))
def test_schedule(lines: int, per_tick: int, seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    rank = rng.permutation(lines)
    queries = [np.flatnonzero(rng.random(lines) < rng.random()) for _ in range(count)]
    indptr = np.cumsum([0, *map(len, queries)])
    found = spikes.schedule(
        indptr, np.concatenate([[], *queries]).astype(np.int64), rank=rank, per_tick=per_tick
    )
    assert len(found) == count
    for q, query in enumerate(queries):
        expected = twin.schedule(query.tolist(), rank.tolist(), per_tick)
        assert found.query(q).tolist() == expected
        timed = found.events(q, tick_ps=100)
        assert timed["address"].tolist() == expected
        assert timed["time"].tolist() == [100 * (p // per_tick) for p in range(len(expected))]
        np.testing.assert_array_equal(timed, np.sort(timed, order=["time", "address"]))


def test_take() -> None:
    batch = spikes.schedule([0, 2, 2, 5], [3, 1, 0, 2, 4], rank=[4, 3, 2, 1, 0], per_tick=2)
    taken = batch.take(np.array([2, 0, 2]))
    assert [taken.query(q).tolist() for q in range(3)] == [batch.query(q).tolist() for q in (2, 0, 2)]
    assert taken.per_tick == batch.per_tick
    assert len(batch.take(np.array([], dtype=np.int64))) == 0


@given(st.lists(st.integers(-2, 5), max_size=12), st.sampled_from([np.int64, np.int8, np.float64]))
def test_latency(values: list[int], dtype) -> None:
    found = spikes.latency(np.array(values, dtype=dtype), period_ps=10)
    order = sorted((i for i, v in enumerate(values) if v > 0), key=lambda i: (-values[i], i))
    assert found.tolist() == [(10 * r, i) for r, i in enumerate(order)]


def test_latency_of_unsigned_and_boolean_strengths() -> None:
    assert spikes.latency(np.array([3, 0, 200], dtype=np.uint8), period_ps=1)["address"].tolist() == [2, 0]
    assert spikes.latency(np.array([True, False, True]), period_ps=1)["address"].tolist() == [0, 2]


# --- rasters --------------------------------------------------------------------------------------------


@given(st.integers(0, 6), st.integers(0, 6), st.integers(1, 1000), st.integers(0, 2**32))
def test_raster_round_trip(steps: int, lines: int, period: int, seed: int) -> None:
    raster = np.random.default_rng(seed).random((steps, lines)) < 0.4
    events = spikes.raster_to_events(raster, period_ps=period)
    assert events.dtype == EVENT
    assert events.tolist() == [(t * period, i) for t in range(steps) for i in range(lines) if raster[t, i]]
    back = spikes.events_to_raster(events, period_ps=period, steps=steps, lines=lines)
    np.testing.assert_array_equal(back, raster)


def test_an_event_between_steps_belongs_to_the_step_before() -> None:
    raster = spikes.events_to_raster(events_of([(19, 0), (20, 1)]), period_ps=10, steps=3, lines=2)
    assert np.argwhere(raster).tolist() == [[1, 0], [2, 1]]


@pytest.mark.parametrize("event", [(30, 0), (-1, 0), (0, 2), (0, -1)])
def test_raster_has_no_room_outside(event: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"events must lie within 3 steps and 2 lines"):
        spikes.events_to_raster(events_of([(0, 0), event]), period_ps=10, steps=3, lines=2)


# --- files ----------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**31), 2**31 - 1)), max_size=6))
def test_file_round_trip(tmp_path_factory, pairs) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip.events"
    spikes.save_events(path, events_of(pairs))
    loaded = spikes.load_events(path)
    assert loaded.dtype == EVENT
    assert loaded.tolist() == [tuple(pair) for pair in pairs]
    assert loaded.flags.writeable


HEADER = {"format": "hdspike.events", "version": 1, "events": 2, "time": "ps"}
BODY = events_of([(1, 2), (3, 4)]).tobytes()


def file_of(header, body: bytes = BODY) -> bytes:
    return json.dumps(header).encode() + b"\n" + body


HOSTILE = {
    "empty": b"",
    "no header": BODY,
    "a list": file_of([1, 2]),
    "a number": file_of(3),
    "null": file_of(None),
    "another format": file_of(HEADER | {"format": "other"}),
    "another version": file_of(HEADER | {"version": 2}),
    "no version": file_of({"format": "hdspike.events", "events": 2}),
    "no count": file_of({"format": "hdspike.events", "version": 1}),
    "count below 0": file_of(HEADER | {"events": -1}),
    "count is a word": file_of(HEADER | {"events": "two"}),
    "count is NaN": file_of(HEADER | {"events": float("nan")}),
    "count is infinite": file_of(HEADER | {"events": float("inf")}),
    "count beyond the address space": file_of(HEADER | {"events": 10**27}),
    "count beyond memory": file_of(HEADER | {"events": 10**12}),
    "truncated": file_of(HEADER, BODY[:-1]),
    "oversized": file_of(HEADER, BODY + b"\0"),
    "deeply nested": b"[" * 4000 + b"\n" + BODY,
    "endless header": b" " * 10_000 + file_of(HEADER),
    "not UTF-8": b"\xff\xfe\xfa\n" + BODY,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_a_value_error(name: str, tmp_path: Path) -> None:
    path = tmp_path / "hostile.events"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(ValueError, match=r"hostile\.events"):
        spikes.load_events(path)


def test_the_well_formed_neighbour_of_the_hostile_files_loads(tmp_path: Path) -> None:
    path = tmp_path / "good.events"
    path.write_bytes(file_of(HEADER))
    assert spikes.load_events(path).tolist() == [(1, 2), (3, 4)]


def test_a_failed_write_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kept.events"
    spikes.save_events(path, events_of([(1, 2)]))

    def fail(*_) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        spikes.save_events(path, events_of([(5, 6)]))
    assert spikes.load_events(path).tolist() == [(1, 2)]
    assert [p.name for p in tmp_path.iterdir()] == ["kept.events"]


def test_text_is_utf8(tmp_path: Path) -> None:
    files.write_text(tmp_path / "θ.txt", "θ ≥ 1\n")
    assert (tmp_path / "θ.txt").read_bytes() == "θ ≥ 1\n".encode()


def test_stimuli_of_nothing() -> None:
    empty = Stimuli(np.zeros(1, dtype=np.int64), np.empty(0, dtype=np.int32), 1)
    assert len(empty) == 0
