"""EVT 2.1, Prophesee's vectorised event stream: 64-bit words, up to 32 pixels of one row, polarity and time each.

The four highest bits say what a word is: 0 and 1 are events (OFF, ON) with 6 low bits of time, 11 of x (of the
first of 32 pixels), 11 of y and 32 bits that mark the pixels; 8 carries the 28 high bits of the time; others
(triggers, vendor's) are skipped. ``endianness=legacy`` has the two halves of a word exchanged.
Source: Prophesee, data encoding formats, EVT 2.1. The library that reads the other versions does not read this one.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.events.sensor import Recording, Sensor
from hdspike.events.structured import from_file, to_structured

__all__ = ["encode_evt21", "header", "read_evt21"]

TIME_HIGH = 8
LINES = 4096  # bytes of header lines at most, each


def header(path: Path) -> tuple[dict[str, str], int]:
    """The ``% key value`` lines of a ``.raw`` or ``.dat`` file, keys in lower case, and where the data begin."""
    found: dict[str, str] = {}
    begin = 0
    with path.open("rb") as file:
        for _ in range(1000):
            line = file.readline(LINES)
            if not line.startswith(b"%"):
                break
            if not line.endswith(b"\n"):
                raise ValueError(
                    f"path must have header lines below {LINES} bytes, {path.name} has a longer one"
                )
            begin += len(line)
            words = line[1:].decode("latin-1").split(maxsplit=1)
            if words and words[0].lower() == "end":
                break
            if words:
                found[words[0].lower()] = words[1].strip() if len(words) > 1 else ""
        else:
            raise ValueError(f"path must have at most 1000 header lines, {path.name} has more")
    for part in found.get("format", "").split(";"):
        key, _, value = part.partition("=")
        found.setdefault(key.strip().lower(), value.strip())
    if size := re.fullmatch(r"(\d{1,5})x(\d{1,5})", found.get("geometry", "")):
        found.setdefault("width", size[1])
        found.setdefault("height", size[2])
    return found, begin


def is_evt21(path: Path) -> bool:
    """Whether a ``.raw`` file says that it is EVT 2.1."""
    found, _ = header(path)
    return found.get("evt") == "2.1" or "evt21" in found


def _number(found: dict[str, str], key: str, path: Path) -> int | None:
    text = found.get(key)
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,5}", text) or not 1 <= int(text) <= 2048:
        raise ValueError(f"path must have a {key} of 1 to 2048 in its header, {path.name} has {text!r}")
    return int(text)


def read_evt21(path: Path, sensor: Sensor | None, most: int) -> Recording:
    """An EVT 2.1 file; the sensor is the header's, or the smallest that holds every event."""
    found, begin = header(path)
    width, height = _number(found, "width", path), _number(found, "height", path)
    if sensor is None and width and height:
        sensor = Sensor(width, height)
    order = found.get("endianness", "little")
    if order not in ("little", "legacy"):
        raise ValueError(f"path must be of endianness little or legacy, {path.name} is {order!r}")
    with path.open("rb") as file:
        file.seek(begin)
        data = file.read(16 * most + 8)
    if len(data) > 16 * most:
        raise ValueError(f"path must hold at most {most} events, {path.name} is larger")
    if len(data) % 8:
        raise ValueError(f"path must be whole words of 8 bytes, {path.name} has {len(data)} bytes of data")
    words = np.frombuffer(data, dtype="<u8")
    if order == "legacy":
        words = words >> np.uint64(32) | words << np.uint64(32)
    x, y, t, p = _decode(words, path, most)
    return from_file(x, y, t, p, sensor, path)


def _decode(words: NDArray[np.uint64], path: Path, most: int) -> tuple[NDArray[Any], ...]:
    kind = (words >> np.uint64(60)).astype(np.int64)
    high = kind == TIME_HIGH
    last = np.maximum.accumulate(np.where(high, np.arange(len(words)), -1))
    chosen = np.flatnonzero((kind <= 1) & (last >= 0))  # events before the first time have none
    word = words[chosen]
    upper = (words[last[chosen]] >> np.uint64(32) & np.uint64(2**28 - 1)).astype(np.int64)
    vector = (word & np.uint64(2**32 - 1)).astype(np.uint32)
    count = np.bitwise_count(vector).astype(np.int64)
    if int(count.sum()) > most:
        raise ValueError(f"path must hold at most {most} events, {path.name} holds {int(count.sum())}")
    lines = np.repeat(np.arange(len(word)), count)
    bit = np.concatenate([np.flatnonzero(vector[lo : lo + 4096, None] >> np.arange(32, dtype=np.uint32) & 1) % 32
                          for lo in range(0, len(vector), 4096)] or [np.empty(0, dtype=np.int64)])  # fmt: skip
    x = (word >> np.uint64(43) & np.uint64(2047)).astype(np.int64)[lines] + bit
    y = (word >> np.uint64(32) & np.uint64(2047)).astype(np.int64)[lines]
    t = ((upper << 6) | (word >> np.uint64(54) & np.uint64(63)).astype(np.int64))[lines]
    laps = np.cumsum(np.diff(upper, prepend=upper[:1]) < -(2**27))  # the 34 bits overflow every 4.8 h
    return x, y, t + (laps[lines] << 34), kind[chosen][lines]


def encode_evt21(recording: Recording) -> bytes:
    """The bytes of a recording on a sensor of at most 2048 × 2048 pixels, times of at least 0 in whole µs, cut."""
    sensor = recording._camera("write an EVT file")
    if max(sensor.width, sensor.height) > 2048:
        raise ValueError(f"sensor must be at most 2048 × 2048, got {sensor.width} × {sensor.height}")
    events = to_structured(recording)
    if len(events) and not (events["t"].min() >= 0 and events["t"].max() < 2**34):
        raise ValueError(
            f"events must have times in [0, 2^34) µs, got {events['t'].min()} … {events['t'].max()}"
        )
    x, y, t, p = (events[name].astype(np.uint64) for name in "xytp")
    base = x & ~np.uint64(31)
    fresh = np.ones(len(events), dtype=bool)
    same = (t[1:] == t[:-1]) & (p[1:] == p[:-1]) & (y[1:] == y[:-1]) & (base[1:] == base[:-1])
    fresh[1:] = ~(
        same & (x[1:] != x[:-1])
    )  # events are ordered by address: the pixels of a row are neighbours
    begin = np.flatnonzero(fresh)
    bits = np.uint64(1) << (x - base)
    vector = np.bitwise_or.reduceat(bits, begin) if len(begin) else bits
    word = (
        p << np.uint64(60) | (t & np.uint64(63)) << np.uint64(54) | base << np.uint64(43) | y << np.uint64(32)
    )
    word = word[begin] | vector
    upper = t[begin] >> np.uint64(6)
    change = np.ones(len(upper), dtype=bool)
    change[1:] = upper[1:] != upper[:-1]
    where = np.arange(len(word)) + np.cumsum(change)
    out = np.zeros(len(word) + int(change.sum()), dtype="<u8")
    out[where] = word
    out[where[change] - 1] = np.uint64(TIME_HIGH) << np.uint64(60) | upper[change] << np.uint64(32)
    head = f"% evt 2.1\n% format EVT21;endianness=little;height={sensor.height};width={sensor.width}\n% end\n"
    return head.encode() + out.tobytes()
