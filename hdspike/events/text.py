"""Events as CSV, with a header of column names: ``time_ps,address``, or ``t,x,y,p`` in µs as the camera tools have it.

A file written here begins with a comment line ``# {…}`` of JSON: format, version, sensor and origin.
"""

import csv
import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.events.hdf5 import FORMAT, VERSION, describe, from_columns
from hdspike.events.sensor import Recording, Sensor
from hdspike.files import write_bytes

__all__ = ["read_csv", "write_csv"]

LINE = 4096  # bytes of a header line at most


def read_csv(path: Path, sensor: Sensor | None, most: int) -> Recording:
    """A CSV file of whole numbers; one without column names is read as ``t,x,y,p``."""
    meta: dict[str, Any] = {}
    with path.open("rb") as file:
        line = file.readline(LINE)
        if line.startswith(b"#"):
            meta = _meta(line, path)
            line = file.readline(LINE)
        try:
            names = [cell.strip() for cell in next(csv.reader([line.decode("utf-8")]), [])]
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"path must be text with commas, {path.name} is not") from error
        if not names or len(names) > 64:
            raise ValueError(f"path must have 2 to 64 named columns, {path.name} has {len(names)}")
        first = b""
        if all(cell.removeprefix("-").isdigit() for cell in names):
            first, names = line, ["t", "x", "y", "p"][: len(names)]
        columns = _columns(first, file, names, path, most)
    return from_columns(columns, meta, path, sensor)


def _meta(line: bytes, path: Path) -> dict[str, Any]:
    """What the comment line of a file written here says; another comment says nothing."""
    try:
        meta = json.loads(line[1:])
    except (ValueError, RecursionError):
        return {}
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        return {}
    if meta.get("version") != VERSION:
        raise ValueError(
            f"path must be {FORMAT} version {VERSION}, {path.name} is version {meta.get('version')!r}"
        )
    return meta


def _columns(first: bytes, file: Any, names: list[str], path: Path, most: int) -> dict[str, NDArray[Any]]:
    """The rows that follow as columns of int64."""
    lines = _lines(first, file)
    begin = next(lines, None)
    if begin is None:
        return {name: np.empty(0, dtype=np.int64) for name in names}
    try:
        rows = np.loadtxt(
            chain([begin], lines), dtype=np.int64, delimiter=",", comments=None, ndmin=2, max_rows=most + 1,
            encoding="utf-8",
        )  # fmt: skip
    except (ValueError, OverflowError, UnicodeError) as error:
        raise ValueError(f"path must hold rows of whole numbers, {path.name}: {error}") from error
    if len(rows) > most:
        raise ValueError(f"path must hold at most {most} events, {path.name} holds more")
    if rows.shape[1] != len(names) or len(set(names)) != len(names):
        raise ValueError(f"path must have {len(names)} distinct columns, {path.name} has {rows.shape[1]}")
    return dict(zip(names, np.ascontiguousarray(rows.T), strict=True))


def _lines(first: bytes, file: Any) -> Iterator[bytes]:
    """The lines that say something."""
    for line in chain([first], file):
        if line.strip() and not line.startswith(b"#"):
            yield line


def write_csv(path: Path, recording: Recording) -> None:
    """Write ``time_ps,address`` rows."""
    times, addresses = (recording.events[field].tolist() for field in ("time", "address"))
    rows = "".join([f"{time},{address}\n" for time, address in zip(times, addresses, strict=True)])
    write_bytes(path, f"# {json.dumps(describe(recording))}\ntime_ps,address\n{rows}".encode())
