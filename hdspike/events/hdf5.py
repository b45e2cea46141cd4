"""HDF5 files: the whole content as arrays, read in a process of its own; and events in HDF5.

An event file written here has the datasets ``time_ps`` and ``address`` and says its format, version and sensor in
the attributes of the root. Files with ``x``, ``y``, ``t`` (µs) and ``p`` at the root or in the group ``events`` are
read too (as DSEC has them, with ``t_offset``), and SONATA's, see :mod:`hdspike.events.sonata`.
The extra is ``export`` (h5py).
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.events import apart
from hdspike.events.place import replacing
from hdspike.events.sensor import Recording, Sensor
from hdspike.events.structured import MICROSECOND, from_file
from hdspike.spikes import EVENT

__all__ = ["FORMAT", "VERSION", "Tree", "origin_from", "read_hdf5", "read_tree", "sensor_from", "write_hdf5"]

FORMAT, VERSION = "hdspike.events", 1


@dataclass(frozen=True)
class Tree:
    """The content of an HDF5 file by path (``/group/name``): numbers, texts, and attributes."""

    arrays: dict[str, NDArray[Any]]
    texts: dict[str, Any]
    attributes: dict[str, dict[str, Any]]


def read_tree(path: Path, *, most: int, extra: str = "export") -> Tree:
    """All of an HDF5 file, of at most ``most`` bytes of numbers.

    Raises:
        ImportError: h5py is missing; the message names the extra.
        ValueError: the file is malformed, larger, or refers to other files.
    """
    apart.need("h5py", extra, f"reading {path.suffix} files")
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "arrays.npz"
        megabytes = apart.BASE_MB + 3 * most // (1 << 20)
        answer = apart.run("hdf5", path, out, most=most, megabytes=megabytes)
        with np.load(out, allow_pickle=False) as kept:
            arrays = {name: kept[f"c{i}"] for i, name in enumerate(answer["names"])}
    return Tree(arrays, answer["texts"], answer["attributes"])


def read_hdf5(path: Path, sensor: Sensor | None, most: int, population: str | None) -> Recording:
    """Events of an HDF5 file of any of the layouts."""
    from hdspike.events import sonata

    tree = read_tree(path, most=64 * most)
    if sonata.is_sonata(tree):
        return sonata.from_tree(tree, path, population)
    root = tree.attributes.get("/", {})
    if "/time_ps" in tree.arrays:
        if root.get("format") != FORMAT or root.get("version") != VERSION:
            raise ValueError(
                f"path must be {FORMAT} version {VERSION}, {path.name} says {root.get('format')!r} "
                f"version {root.get('version')!r}"
            )
        time, address = (_row(tree, f"/{name}", path) for name in ("time_ps", "address"))
        return from_columns({"time_ps": time, "address": address}, root, path, sensor)
    base = "/events" if "/events/x" in tree.arrays else ""
    x, y, t = (_row(tree, f"{base}/{name}", path) for name in ("x", "y", "t"))
    p = _row(tree, f"{base}/p", path) if f"{base}/p" in tree.arrays else None
    offset = tree.arrays.get("/t_offset")
    recording = _pixels(x, y, t, p, sensor, path)
    if offset is None:
        return recording
    if offset.size != 1 or offset.dtype.kind not in "iu":
        raise ValueError(f"path must have one integer t_offset, {path.name} has shape {offset.shape}")
    return Recording(
        recording.events, recording.sensor, recording.origin_ps + int(offset.item()) * MICROSECOND
    )


def _row(tree: Tree, name: str, path: Path) -> NDArray[Any]:
    if name not in tree.arrays:
        raise ValueError(f"path must hold {name}, {path.name} does not")
    row = tree.arrays[name]
    if row.ndim != 1 or row.dtype.kind not in "biu":
        raise ValueError(
            f"path must hold {name} as a row of integers, {path.name} has {row.dtype} {row.shape}"
        )
    return row


def _pixels(x: Any, y: Any, t: Any, p: Any, sensor: Sensor | None, path: Path) -> Recording:
    if len({len(row) for row in (x, y, t, *([] if p is None else [p]))}) != 1:
        raise ValueError(f"path must hold rows of equal length, {path.name} does not")
    return from_file(x, y, t, p, sensor, path)


def from_columns(
    columns: dict[str, NDArray[Any]], meta: dict[str, Any], path: Path, sensor: Sensor | None
) -> Recording:
    """A recording from named columns: ``time_ps`` and ``address``, or ``x``, ``y``, ``t`` and perhaps ``p``."""
    for name, column in columns.items():
        if column.ndim != 1 or column.dtype.kind not in "biu":
            raise ValueError(f"path must hold integers in column {name}, {path.name} has {column.dtype}")
    if "time_ps" in columns and "address" in columns:
        time, address = columns["time_ps"], columns["address"]
        limits = ((time, -(2**63), 2**63 - 1, "time_ps"), (address, 0, 2**31 - 1, "address"))
        for row, low, high, name in limits:
            if row.size and not (low <= int(row.min()) and int(row.max()) <= high):
                raise ValueError(f"path must hold {name} in [{low}, {high}], {path.name} does not")
        if len(time) != len(address):
            raise ValueError(f"path must hold rows of equal length, {path.name} does not")
        events = np.empty(len(time), dtype=EVENT)
        events["time"], events["address"] = time, address
        try:
            return Recording(events, sensor or sensor_from(meta, path), origin_from(meta, path))
        except ValueError as error:
            raise ValueError(f"path must hold events of its sensor, {path.name}: {error}") from error
    missing = [name for name in ("x", "y", "t") if name not in columns]
    if missing:
        raise ValueError(
            f"path must have the columns time_ps, address or x, y, t, p, {path.name} has {', '.join(columns)[:200]}"
        )
    return _pixels(columns["x"], columns["y"], columns["t"], columns.get("p"), sensor, path)


def sensor_from(meta: dict[str, Any], path: Path) -> Sensor | None:
    """The sensor that the metadata of a file name, if they do."""
    if meta.get("width") is None:
        return None
    try:
        return Sensor(*(int(meta[key]) for key in ("width", "height", "polarities")))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"path must describe its sensor rightly, {path.name}: {error}") from error


def origin_from(meta: dict[str, Any], path: Path) -> int:
    """The origin that the metadata of a file name; a text, for it may not fit 64 bits."""
    text = str(meta.get("origin_ps", "0"))
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 40):
        raise ValueError(f"path must have a whole origin_ps, {path.name} has {text[:60]!r}")
    return int(text)


def describe(recording: Recording) -> dict[str, str | int]:
    """The metadata of a recording, as every tabular format has them."""
    meta: dict[str, str | int] = {"format": FORMAT, "version": VERSION, "origin_ps": str(recording.origin_ps)}
    if recording.sensor is not None:
        sensor = recording.sensor
        meta |= {"width": sensor.width, "height": sensor.height, "polarities": sensor.polarities}
    return meta


def write_hdf5(path: Path, recording: Recording) -> None:
    """Write ``time_ps`` and ``address``."""
    apart.need("h5py", "export", "writing HDF5 files")
    import h5py

    with replacing([path]) as (temporary,), h5py.File(temporary, "w") as file:
        file.attrs.update(describe(recording))
        for name, field in (("time_ps", "time"), ("address", "address")):
            dataset = file.create_dataset(name, data=recording.events[field])
            if field == "time":
                dataset.attrs["units"] = "ps"
