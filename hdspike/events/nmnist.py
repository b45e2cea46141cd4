"""N-MNIST and N-Caltech101 ``.bin`` files (Orchard et al. 2015): five bytes per event, no header.

Byte 0 is x, byte 1 is y, bit 7 of byte 2 is the polarity, and the other 23 bits are the time in µs, highest byte
first. A record with y = 240 is no event of a pixel: it adds 2¹³ µs to its time and to all that follow.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.events.sensor import Recording, Sensor
from hdspike.events.structured import from_file, to_structured

__all__ = ["decode", "encode", "read_bin"]

SIZE = 5
OVERFLOW_Y = 240
OVERFLOW_US = 1 << 13
LARGEST_US = (1 << 23) - 1


def read_bin(path: Path, sensor: Sensor | None, most: int) -> Recording:
    """A ``.bin`` file; the sensor is N-MNIST's 34 × 34 if that holds every event, else the smallest that does."""
    with path.open("rb") as file:
        data = file.read(most * SIZE + 1)
    if len(data) > most * SIZE:
        raise ValueError(f"path must hold at most {most} events, {path.name} holds more")
    if len(data) % SIZE:
        raise ValueError(f"path must be whole records of {SIZE} bytes, {path.name} has {len(data)} bytes")
    x, y, t, p = decode(data)
    if sensor is None and (not x.size or max(x.max(), y.max()) < 34):
        sensor = Sensor(34, 34)
    return from_file(x, y, t, p, sensor, path)


def decode(data: bytes) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64], NDArray[Any]]:
    """``x``, ``y``, ``t`` (µs) and ``p`` of the records."""
    records = np.frombuffer(data, dtype=np.uint8).reshape(-1, SIZE)
    x, y, high = records[:, 0], records[:, 1], records[:, 2]
    over = y == OVERFLOW_Y
    t = (high & 127).astype(np.int64) << 16 | records[:, 3].astype(np.int64) << 8 | records[:, 4]
    t += np.cumsum(over, dtype=np.int64) * OVERFLOW_US
    kept = ~over
    return x[kept], y[kept], t[kept], high[kept] >> 7


def encode(recording: Recording) -> bytes:
    """The bytes of a recording on a sensor of at most 256 × 240 pixels, times of at least 0 in whole µs, cut."""
    sensor = recording._camera("write a .bin file")
    if sensor.width > 256 or sensor.height > OVERFLOW_Y:
        raise ValueError(
            f"sensor must be at most 256 × 240 for a .bin file, got {sensor.width} × {sensor.height}"
        )
    events = to_structured(recording)
    if len(events) and events["t"].min() < 0:
        raise ValueError(f"events must have times of at least 0 in a .bin file, got {events['t'].min()} µs")
    needed = np.maximum(0, -(-(events["t"] - LARGEST_US) // OVERFLOW_US))  # overflows before each event
    extra = np.diff(needed, prepend=0)
    if len(events) and int(needed[-1]) > 100 * len(events) + 1_000_000:
        raise ValueError(f"events must not pause for hours in a .bin file, got {events['t'].max()} µs")
    place = np.arange(len(events)) + needed
    out = np.zeros((len(events) + int(extra.sum()), SIZE), dtype=np.uint8)
    out[:, 1] = OVERFLOW_Y
    t = events["t"] - needed * OVERFLOW_US
    out[place, 0], out[place, 1] = events["x"], events["y"]
    out[place, 2] = events["p"].astype(np.uint8) << 7 | (t >> 16).astype(np.uint8)
    out[place, 3], out[place, 4] = (t >> 8 & 255).astype(np.uint8), (t & 255).astype(np.uint8)
    return out.tobytes()
