"""One door to event files: the format by the suffix, or by name."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hdspike import check, spikes
from hdspike.events import camera, hdf5, nmnist, parquet, sonata, text
from hdspike.events.sensor import Recording, Sensor
from hdspike.events.structured import CAMERA, from_structured, to_structured
from hdspike.files import write_bytes

__all__ = ["FORMATS", "MOST", "read", "write"]

MOST = 100_000_000
FORMATS = {
    "hdspike": (".events",),
    "nmnist": (".bin",),
    "aedat4": (".aedat4", ".aedat"),
    "evt": (".raw",),
    "dat": (".dat",),
    "es": (".es",),
    "csv": (".csv",),
    "npy": (".npy",),
    "hdf5": (".h5", ".hdf5"),
    "sonata": (".sonata",),
    "parquet": (".parquet", ".pq"),
}


def _format(path: Path, given: str | None) -> str:
    if given is not None:
        return check.one_of("format", given, tuple(FORMATS))
    for name, suffixes in FORMATS.items():
        if path.suffix.lower() in suffixes:
            return name
    known = ", ".join(suffix for suffixes in FORMATS.values() for suffix in suffixes)
    raise ValueError(f"format must be given where the suffix is none of {known}, got {path.name!r}")


def read(
    path: str | Path,
    format: str | None = None,
    *,
    sensor: Sensor | None = None,
    population: str | None = None,
    most: int = MOST,
) -> Recording:
    """The events of a file, ordered by time, then address.

    Args:
        path: the file.
        format: one of ``FORMATS``; ``None``: by the suffix.
        sensor: the camera, where the file does not say it or another is wanted.
        population: of a SONATA file with several.
        most: more events than this are an error; they are read into memory.

    Raises:
        ImportError: a library is missing; the message names the extra that brings it.
        OSError: the file cannot be opened.
        ValueError: the file is malformed, or holds more than ``most`` events.
    """
    file = Path(path)
    kind = _format(file, format)
    check.integer("most", most, low=1, high=2**31)
    if sensor is not None and not isinstance(sensor, Sensor):
        raise TypeError(f"sensor must be a Sensor or None, not {type(sensor).__name__}")
    if not file.exists():
        raise FileNotFoundError(f"path must be an existing file, {file} does not exist")
    if not file.is_file():
        raise ValueError(f"path must be a file, {file} is not one")
    if population is not None and kind not in ("sonata", "hdf5"):
        raise ValueError(f"population must be left out for the format {kind}, got {population!r}")
    try:
        return _read(file, kind, sensor, population, most)
    except OverflowError as error:
        raise ValueError(f"path must hold values that fit, {file.name} does not: {error}") from error


def _read(file: Path, kind: str, sensor: Sensor | None, population: str | None, most: int) -> Recording:
    match kind:
        case "nmnist":
            return nmnist.read_bin(file, sensor, most)
        case "csv":
            return text.read_csv(file, sensor, most)
        case "hdf5":
            return hdf5.read_hdf5(file, sensor, most, population)
        case "sonata":
            return replace(sonata.read_sonata(file, most, population), sensor=sensor)
        case "parquet":
            return parquet.read_parquet(file, sensor, most)
        case "npy":
            return _read_npy(file, sensor, most)
        case "hdspike":
            if file.stat().st_size > most * spikes.EVENT.itemsize + 4096:
                raise ValueError(f"path must hold at most {most} events, {file.name} is larger")
            return _read_own(file, sensor)
        case _:
            return camera.read_camera(file, kind, sensor, most)


def _read_own(file: Path, sensor: Sensor | None) -> Recording:
    try:
        return Recording(spikes.load_events(file), sensor)
    except ValueError as error:
        raise ValueError(f"path must hold events as hdspike writes them, {file.name}: {error}") from error


def _read_npy(file: Path, sensor: Sensor | None, most: int) -> Recording:
    """A structured array as NumPy saves it; mapped, so that only a header that fits the file is believed."""
    try:
        mapped = np.lib.format.open_memmap(file, mode="r")
    except Exception as error:  # NumPy parses the header as Python: a bad one may raise anything
        raise ValueError(
            f"path must be a whole .npy file of plain values, {file.name} is not: {error}"
        ) from error
    if len(mapped.shape) != 1 or len(mapped) > most:
        raise ValueError(f"path must hold one row of at most {most} events, {file.name} has {mapped.shape}")
    array = np.array(mapped)
    try:
        return Recording(array, sensor) if array.dtype == spikes.EVENT else from_structured(array, sensor)
    except (TypeError, ValueError) as error:
        raise ValueError(f"path must hold events, {file.name}: {error}") from error


def write(
    path: str | Path,
    events: Any,
    format: str | None = None,
    *,
    sensor: Sensor | None = None,
    version: str | None = None,
) -> None:
    """Write events to a file, whole or not at all.

    Args:
        path: the file.
        events: a :class:`Recording`, or a row of dtype ``EVENT``.
        format: one of ``FORMATS``; ``None``: by the suffix.
        sensor: the camera of a row of events. Camera formats need one.
        version: ``evt2``, ``evt2.1``, ``evt3`` (the default) or ``dat1``, ``dat2`` (the default).

    Camera formats count whole µs: times are cut to these. Formats without room for the origin add it.

    Raises:
        ImportError: a library is missing; the message names the extra that brings it.
        ValueError: the events do not fit the format.
    """
    file = Path(path)
    kind = _format(file, format)
    recording = events if isinstance(events, Recording) else Recording(events, sensor)
    if sensor is not None and recording.sensor != sensor:
        recording = replace(recording, sensor=sensor)
    if version is not None and kind not in camera.VERSIONS:
        raise ValueError(f"version must be left out for the format {kind}, got {version!r}")
    match kind:
        case "nmnist":
            write_bytes(file, nmnist.encode(recording))
        case "csv":
            text.write_csv(file, recording)
        case "hdf5":
            hdf5.write_hdf5(file, recording)
        case "sonata":
            _whole(recording, kind)
            sonata.write_sonata(file, {recording.name or "default": recording.events})
        case "parquet":
            parquet.write_parquet(file, recording)
        case "npy":
            if recording.sensor is None:
                _whole(recording, kind)
            _write_npy(file, recording)
        case "hdspike":
            _whole(recording, kind)
            spikes.save_events(file, recording.events)
        case _:
            camera.write_camera(file, recording, kind, version)


def _whole(recording: Recording, kind: str) -> None:
    if recording.origin_ps:
        raise ValueError(f"events must have origin_ps 0 in the format {kind}, got {recording.origin_ps}")


def _write_npy(file: Path, recording: Recording) -> None:
    """As tonic's arrays where the sensor is known (µs), else as plain events (ps)."""
    import io

    out = io.BytesIO()
    wide = recording.sensor is not None and max(recording.sensor.width, recording.sensor.height) > 2**15
    kind = np.dtype([("x", "<i4"), ("y", "<i4"), ("t", "<i8"), ("p", "?")]) if wide else CAMERA
    array = recording.events if recording.sensor is None else to_structured(recording, dtype=kind)
    np.save(out, array, allow_pickle=False)
    write_bytes(file, out.getvalue())
