"""Structured arrays (x, y, t, p), as tonic and the camera libraries have them (Lenz et al. 2021), in and out."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.events.sensor import INT64, Recording, Sensor
from hdspike.spikes import EVENT

__all__ = ["CAMERA", "from_structured", "to_structured"]

CAMERA = np.dtype([("x", "<i2"), ("y", "<i2"), ("t", "<i8"), ("p", "?")])
MICROSECOND = 1_000_000  # ps
NAMES = {
    "x": ("x",),
    "y": ("y",),
    "t": ("t", "ts", "timestamp", "timestamps"),
    "p": ("p", "on", "polarity", "polarities"),
}


def from_structured(
    array: Any, sensor: Sensor | None = None, *, tick_ps: int = MICROSECOND, origin_ps: int | None = None
) -> Recording:
    """A recording from a structured array with fields ``x``, ``y``, ``t`` and ``p``, in any order and integer dtype.

    Fields are found by name (``ts``, ``timestamp``, ``on``, ``polarity`` too); a polarity above 0 is ON, and an
    array without one has one polarity. Times are whole ticks of ``tick_ps`` (1 µs).

    Args:
        array: ``(events,)``.
        sensor: the camera; ``None``: the smallest that holds every event.
        origin_ps: the file's time that becomes 0; ``None``: 0, or the earliest time if the times do not fit.

    Raises:
        TypeError: not a structured array, or fields that are not integers or booleans.
        ValueError: a field is missing, a pixel is outside the sensor, or a time does not fit 64 bits.
    """
    given = np.asarray(array)
    check.integer("tick_ps", tick_ps, low=1)
    if given.dtype.names is None or given.ndim != 1:
        raise TypeError(
            f"array must be one row with fields x, y, t, p, got {given.dtype} of shape {given.shape}"
        )
    fields: dict[str, NDArray[Any]] = {}
    for field, names in NAMES.items():
        found = [name for name in names if name in given.dtype.names]
        if not found and field != "p":
            raise ValueError(f"array must have the field {field}, got {', '.join(given.dtype.names)}")
        if found:
            values = given[found[0]]
            if values.dtype.kind not in "biu" or values.ndim != 1:
                raise TypeError(f"array must have integers in field {found[0]}, got {values.dtype}")
            fields[field] = values
    return from_fields(
        fields["x"], fields["y"], fields["t"], fields.get("p"), sensor, tick_ps=tick_ps, origin_ps=origin_ps
    )


def from_fields(
    x: Any, y: Any, t: Any, p: Any, sensor: Sensor | None, *, tick_ps: int, origin_ps: int | None = None
) -> Recording:
    """A recording from four rows of integers; ``p`` may be ``None``."""
    x, y = check.array("x", x, np.int64), check.array("y", y, np.int64)
    if sensor is None:
        width, height = (int(v.max(initial=0)) + 1 for v in (x, y))
        sensor = Sensor(max(1, width), max(1, height), 1 if p is None else 2)
    on = np.ones(len(x), dtype=np.int64) if p is None else (np.asarray(p) > 0).astype(np.int64)
    events = np.empty(len(x), dtype=EVENT)
    events["address"] = sensor.address(x, y, on)
    events["time"], origin = _times(t, tick_ps, origin_ps)
    return Recording(events, sensor, origin)


def from_file(
    x: Any, y: Any, t: Any, p: Any, sensor: Sensor | None, path: Path, *, tick_ps: int = MICROSECOND
) -> Recording:
    """The same for rows that a file holds: the message of an error names it."""
    try:
        return from_fields(x, y, t, p, sensor, tick_ps=tick_ps)
    except (TypeError, ValueError) as error:
        raise ValueError(f"path must hold events of a sensor, {path.name}: {error}") from error


def _times(t: Any, tick_ps: int, origin_ps: int | None) -> tuple[NDArray[np.int64], int]:
    """Ticks as picoseconds from an origin, exact, and the origin."""
    ticks = np.asarray(t)
    if not ticks.size:
        return np.empty(0, dtype=np.int64), origin_ps or 0
    low, high = int(ticks.min()) * tick_ps, int(ticks.max()) * tick_ps
    if origin_ps is None:
        origin_ps = 0 if -INT64 <= low and high <= INT64 else low
    check.integer("origin_ps", origin_ps)
    if not (-INT64 <= low - origin_ps and high - origin_ps <= INT64):
        raise ValueError(
            f"t must lie within 2^63 ps (106 days) of the origin, got {low} … {high} ps and origin {origin_ps} ps"
        )
    whole, part = divmod(origin_ps, tick_ps)
    if ticks.dtype.kind == "u" and not 0 <= whole <= INT64:
        return np.array([int(v) * tick_ps - origin_ps for v in ticks], dtype=np.int64), origin_ps
    if ticks.dtype.kind == "u":
        ticks = (ticks.astype(np.uint64) - np.uint64(whole)).astype(np.int64)  # wraps to the right difference
    else:
        ticks = ticks.astype(np.int64) - np.int64(whole)
    return ticks * np.int64(tick_ps) - np.int64(part), origin_ps


def to_structured(recording: Recording, *, tick_ps: int = MICROSECOND, dtype: Any = CAMERA) -> NDArray[Any]:
    """The events as a structured array with the fields of ``dtype``, times in whole ticks of ``tick_ps``, rounded down.

    Raises:
        ValueError: the sensor is not known, or a value does not fit its field.
    """
    if not isinstance(recording, Recording):
        raise TypeError(f"recording must be a Recording, not {type(recording).__name__}")
    check.integer("tick_ps", tick_ps, low=1)
    kind = np.dtype(dtype)
    sensor = recording._camera("give x, y and p")
    x, y, p = sensor.pixels(recording.events["address"])
    whole, part = divmod(recording.origin_ps, tick_ps)
    time = recording.events["time"]
    ticks = (time // tick_ps) + ((time % tick_ps + part) // tick_ps)
    ends = (int(ticks.min()) + whole, int(ticks.max()) + whole, whole) if len(ticks) else (0,)
    if not -INT64 <= min(ends) <= max(ends) <= INT64:
        raise ValueError(f"origin_ps must leave times that fit int64, got {recording.origin_ps}")
    values = {"x": x, "y": y, "t": ticks + whole if len(ticks) else ticks, "p": p}
    out = np.empty(len(recording), dtype=kind)
    for name in kind.names or ():
        field = next((f for f, names in NAMES.items() if name in names), None)
        if field is None:
            raise ValueError(f"dtype must have fields x, y, t, p, got {name!r}")
        value, target = values[field], kind[name]
        if target.kind in "iu" and value.size:
            limits = np.iinfo(target)
            if not (limits.min <= value.min() and value.max() <= limits.max):
                raise ValueError(f"dtype must hold {name} up to {value.max()}, got {target}")
        out[name] = value
    return out
