"""Camera files through faery: AEDAT4, EVT 2 and 3, DAT and Event Stream; in a process of its own when reading.

What is written is read back before the file gets its name: the encoders wrap times and pixels that overflow their
fields without an error (EVT 3: pauses of over 16 s or pixels from 2048; DAT: times from 2³² µs).

The extra is ``events``. faery (LGPL) is called as it is installed; it does not read EVT 2.1, see
:mod:`hdspike.events.prophesee`.
"""

import tempfile
from pathlib import Path

import numpy as np

from hdspike import check
from hdspike.events import apart, prophesee
from hdspike.events.place import replacing
from hdspike.events.sensor import Recording, Sensor
from hdspike.events.structured import from_structured, to_structured
from hdspike.files import write_bytes

__all__ = ["read_camera", "write_camera"]

KINDS = {"aedat4": "aedat", "evt": "evt", "dat": "dat", "es": "es"}
VERSIONS = {"evt": ("evt3", "evt2", "evt2.1"), "dat": ("dat2", "dat1")}


def read_camera(path: Path, format: str, sensor: Sensor | None, most: int) -> Recording:
    """A file of one of the formats ``aedat4``, ``evt``, ``dat``, ``es``."""
    if format == "evt" and prophesee.is_evt21(path):
        return prophesee.read_evt21(path, sensor, most)
    apart.need("faery", "events", f"reading {path.suffix or format} files")
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "events.npy"
        megabytes = apart.BASE_MB + most * 40 // (1 << 20)
        answer = apart.run("camera", path, out, kind=KINDS[format], most=most, megabytes=megabytes)
        events = np.load(out, allow_pickle=False)
    stated = Sensor(max(1, int(answer["width"])), max(1, int(answer["height"])))
    try:
        return from_structured(events, sensor or stated)
    except ValueError as error:
        raise ValueError(f"path must hold events of its sensor, {path.name}: {error}") from error


def write_camera(path: Path, recording: Recording, format: str, version: str | None) -> None:
    """Write a file of one of the formats; ``version`` is ``evt2``, ``evt2.1``, ``evt3``, ``dat1`` or ``dat2``."""
    if version is not None:
        check.one_of("version", version, VERSIONS.get(format, ()))
    if version == "evt2.1":
        write_bytes(path, prophesee.encode_evt21(recording))
        return
    apart.need("faery", "events", f"writing {path.suffix or format} files")
    import faery

    sensor = recording._camera(f"write {format} files")
    events = to_structured(recording, dtype=np.dtype([("t", "<i8"), ("x", "<u2"), ("y", "<u2"), ("p", "?")]))
    if len(events) and events["t"].min() < 0:
        raise ValueError(f"events must have times of at least 0 in a camera file, got {events['t'].min()} µs")
    packet = np.empty(len(events), dtype=faery.EVENTS_DTYPE)
    for name, field in zip(("t", "x", "y", "on"), ("t", "x", "y", "p"), strict=True):
        packet[name] = events[field]
    size = (sensor.width, sensor.height)
    wanted = from_structured(packet, sensor).events
    with replacing([path]) as (temporary,):
        try:
            faery.file_encoder.events_to_file(
                [packet], temporary, size, version=version, zero_t0=False, file_type=KINDS[format],
                use_write_suffix=False,
            )  # fmt: skip
        except BaseException as error:  # a panic of the library is not an Exception
            if isinstance(error, KeyboardInterrupt | SystemExit | OSError):
                raise
            raise ValueError(f"events must fit the format {format}, they do not: {error}") from error
        found = read_camera(temporary, format, None, max(1, len(wanted))).events
        if not np.array_equal(found, wanted):  # the encoders cut what overflows their fields without a word
            raise ValueError(
                f"events must fit the format {version or format}, read back they differ: a time or a pixel is too "
                f"large, or a pause too long for it (last time {events['t'].max(initial=0)} µs, {size[0]} × {size[1]})"
            )
