"""Address-events: *which* line spiked *when*, and nothing else.

Neuromorphic hardware sends a spike as the address of the neuron that fired (address-event representation,
AER; Mahowald 1992). Two views live here:

``EVENT``
    a timed event, ``(time, address)``, time an ``int64`` count of picoseconds, totally ordered by
    (time, address, position);
``Stimuli``
    a batch of queries as *ordered* events without a clock: the lines of each query in the order in which
    they arrive, ``per_tick`` of them per tick. A runner gives them their times.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.files import write_bytes

__all__ = [
    "EVENT",
    "Stimuli",
    "events_to_raster",
    "latency",
    "load_events",
    "raster_to_events",
    "save_events",
    "schedule",
]

EVENT = np.dtype([("time", "<i8"), ("address", "<i4")])
FORMAT = "hdspike.events"
VERSION = 1


@dataclass(frozen=True)
class Stimuli:
    """A batch of queries as ordered input events.

    Query ``q`` sends ``lines[indptr[q]:indptr[q + 1]]`` in this order; the event at position ``p`` of its
    query belongs to tick ``p // per_tick``, and the events of one tick are sorted by address.
    """

    indptr: NDArray[np.int64]
    lines: NDArray[np.int32]
    per_tick: int

    def __post_init__(self) -> None:
        starts = check.array("indptr", self.indptr, np.int64, ndim=1)
        lines = check.array("lines", self.lines, np.int32, ndim=1)
        if len(starts) < 1 or starts[0] != 0 or starts[-1] != len(lines) or np.any(np.diff(starts) < 0):
            raise ValueError("indptr must rise from 0 to the number of lines")
        object.__setattr__(self, "indptr", starts)
        object.__setattr__(self, "lines", lines)
        longest = max(1, int(np.diff(starts).max(initial=1)))
        object.__setattr__(self, "per_tick", min(check.integer("per_tick", self.per_tick, low=1), longest))

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def query(self, index: int) -> NDArray[np.int32]:
        """The lines of one query, in order."""
        return self.lines[self.indptr[index] : self.indptr[index + 1]]

    def take(self, queries: NDArray[np.int64]) -> "Stimuli":
        """The same batch with these queries only."""
        parts = [self.query(int(q)) for q in queries]
        sizes = np.array([len(p) for p in parts], dtype=np.int64)
        lines = np.concatenate(parts) if parts else np.empty(0, dtype=np.int32)
        return Stimuli(np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), lines, self.per_tick)

    def events(self, query: int, *, tick_ps: int) -> NDArray[Any]:
        """One query as timed events, tick ``t`` at time ``t · tick_ps`` (ps): shape ``(events,)``."""
        check.integer("tick_ps", tick_ps, low=0)
        lines = self.query(query)
        out = np.empty(len(lines), dtype=EVENT)
        out["time"] = (np.arange(len(lines), dtype=np.int64) // self.per_tick) * tick_ps
        out["address"] = lines
        return out


def schedule(indptr: Any, lines: Any, *, rank: Any, per_tick: int) -> Stimuli:
    """Put the active lines of each query in the stated order.

    Args:
        indptr: ``(queries + 1,)`` where each query's lines begin and end.
        lines: ``(events,)`` the active lines, no line twice in a query.
        rank: ``(number of lines,)`` a permutation: the line of lowest rank comes first.
        per_tick: how many events arrive together in one tick; within a tick the order is by address.

    Raises:
        ValueError: ``rank`` is not a permutation, a line is outside it, or ``per_tick`` is below 1.
    """
    check.integer("per_tick", per_tick, low=1)
    starts = check.array("indptr", indptr, np.int64, ndim=1)
    active = check.array("lines", lines, np.int32, ndim=1)
    ranks = check.array("rank", rank, np.int64, ndim=1)
    if len(starts) < 1 or starts[0] != 0 or starts[-1] != len(active) or np.any(np.diff(starts) < 0):
        raise ValueError("indptr must rise from 0 to the number of lines")
    if not np.array_equal(np.sort(ranks), np.arange(len(ranks))):
        raise ValueError("rank must be a permutation of 0 … number of lines − 1")
    if active.size and not (0 <= active.min() and active.max() < len(ranks)):
        raise ValueError(f"lines must be in [0, {len(ranks)}), got {active.min()} … {active.max()}")
    query = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    ordered = active[np.lexsort((ranks[active], query))]
    tick = (np.arange(len(active)) - starts[query]) // per_tick
    return Stimuli(starts, ordered[np.lexsort((ordered, tick, query))], per_tick)


def latency(strengths: Any, *, period_ps: int) -> NDArray[Any]:
    """Latency code: the stronger a line, the earlier its one spike; a line of strength 0 stays silent.

    Line ``i`` of rank ``r`` among the positive strengths (strongest first, equal ones by address) spikes at
    ``r · period_ps``. Returns events ordered by time (Thorpe et al. 2001, rank-order coding).
    """
    check.integer("period_ps", period_ps, low=0)
    values = np.asarray(strengths)
    if values.dtype.kind not in "biuf":
        raise TypeError(f"strengths must be numbers, got dtype {values.dtype}")
    values = values.astype(np.float64)
    if values.ndim != 1 or not np.all(np.isfinite(values)):
        raise ValueError(f"strengths must be one row of finite numbers, got shape {values.shape}")
    active = np.flatnonzero(values > 0)
    order = active[np.argsort(-values[active], kind="stable")]
    out = np.empty(len(order), dtype=EVENT)
    out["time"] = np.arange(len(order), dtype=np.int64) * period_ps
    out["address"] = order
    return out


def raster_to_events(raster: Any, *, period_ps: int) -> NDArray[Any]:
    """Events of a boolean raster ``(steps, lines)``: cell ``(t, i)`` spikes at ``t · period_ps``."""
    check.integer("period_ps", period_ps, low=1)
    cells = np.asarray(raster)
    if cells.ndim != 2:
        raise ValueError(f"raster must have shape (steps, lines), got {cells.shape}")
    steps, lines = np.nonzero(cells)
    out = np.empty(len(steps), dtype=EVENT)
    out["time"] = steps * period_ps
    out["address"] = lines
    return out


def events_to_raster(events: Any, *, period_ps: int, steps: int, lines: int) -> NDArray[np.bool_]:
    """The boolean raster ``(steps, lines)`` of events; the inverse of :func:`raster_to_events`."""
    check.integer("period_ps", period_ps, low=1)
    given = np.asarray(events)
    if given.dtype != EVENT:
        raise TypeError(f"events must have dtype {EVENT}, got {given.dtype}")
    raster = np.zeros(
        (check.integer("steps", steps, low=0), check.integer("lines", lines, low=0)), dtype=bool
    )
    step = given["time"] // period_ps
    inside = (step >= 0) & (step < steps) & (given["address"] >= 0) & (given["address"] < lines)
    if not np.all(inside):
        first = given[~inside][0]
        raise ValueError(f"events must lie within {steps} steps and {lines} lines, got {first}")
    raster[step, given["address"]] = True
    return raster


def save_events(path: str | Path, events: Any) -> None:
    """Write events to one file: a JSON header line, then the records; written whole or not at all."""
    given = np.asarray(events)
    if given.dtype != EVENT or given.ndim != 1:
        raise TypeError(f"events must be one row of dtype {EVENT}, got {given.dtype} of shape {given.shape}")
    header = json.dumps({"format": FORMAT, "version": VERSION, "events": len(given), "time": "ps"})
    write_bytes(path, header.encode() + b"\n" + given.tobytes())


def load_events(path: str | Path) -> NDArray[Any]:
    """Read what :func:`save_events` wrote; a foreign, truncated or oversized file is a ``ValueError``."""
    with Path(path).open("rb") as file:
        line = file.readline(4096)
        try:
            header = json.loads(line)
            known = header["format"] == FORMAT
            version, count = int(header["version"]), int(header["events"])
            left = os.fstat(file.fileno()).st_size - len(line)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise ValueError(f"{path} is not an hdspike event file: no header") from error
        if not known or version != VERSION or count < 0:
            raise ValueError(f"{path} must be {FORMAT} version {VERSION}, its header says {header}")
        if left != count * EVENT.itemsize:
            raise ValueError(f"{path} must hold {count} events of {EVENT.itemsize} bytes, its size differs")
        body = file.read(left)
    return np.frombuffer(body, dtype=EVENT).copy()
