"""Event files in and out: camera recordings, spikes of simulators, tables; and the results of a run as tables.

``read(path)`` gives a :class:`Recording`: events ``(time in ps, address)`` and the :class:`Sensor` that maps pixels
to addresses. ``write(path, recording)`` is the way back. Formats that need a library say which extra brings it:
``events`` (faery: AEDAT4, EVT 2 and 3, DAT, Event Stream) or ``export`` (h5py, pyarrow: HDF5, SONATA, Parquet).
"""

from hdspike.events.export import export
from hdspike.events.formats import FORMATS, MOST, read, write
from hdspike.events.sensor import Recording, Sensor
from hdspike.events.structured import CAMERA, from_structured, to_structured

__all__ = [
    "CAMERA",
    "FORMATS",
    "MOST",
    "Recording",
    "Sensor",
    "export",
    "from_structured",
    "read",
    "to_structured",
    "write",
]
