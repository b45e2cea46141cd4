"""Events as a Parquet table of the columns ``time_ps`` and ``address``; the extra is ``export`` (pyarrow).

The metadata of the file hold ``hdspike`` = JSON: format, version, sensor and origin.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from hdspike.events import apart
from hdspike.events.hdf5 import FORMAT, VERSION, describe, from_columns
from hdspike.events.place import replacing
from hdspike.events.sensor import Recording, Sensor

__all__ = ["read_parquet", "write_parquet"]


def read_parquet(path: Path, sensor: Sensor | None, most: int) -> Recording:
    """A Parquet file with the columns ``time_ps`` and ``address``, or ``x``, ``y``, ``t`` (µs) and ``p``."""
    apart.need("pyarrow", "export", "reading Parquet files")
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "columns.npz"
        megabytes = apart.BASE_MB + most * 256 // (1 << 20)
        answer = apart.run("parquet", path, out, most=most, megabytes=megabytes)
        with np.load(out, allow_pickle=False) as kept:
            columns = {name: kept[f"c{i}"] for i, name in enumerate(answer["names"])}
    return from_columns(columns, _meta(answer["meta"].get("hdspike"), path), path, sensor)


def _meta(text: str | None, path: Path) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        meta = json.loads(text)
        known = meta["format"] == FORMAT and meta["version"] == VERSION
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"path must have JSON in its metadata, {path.name} has not") from error
    if not known:
        raise ValueError(f"path must be {FORMAT} version {VERSION}, {path.name} is not")
    return dict(meta)


def write_parquet(path: Path, recording: Recording) -> None:
    """Write the two columns, compressed with zstd."""
    apart.need("pyarrow", "export", "writing Parquet files")
    import pyarrow
    import pyarrow.parquet

    columns = {"time_ps": recording.events["time"], "address": recording.events["address"]}
    table = pyarrow.table({name: np.ascontiguousarray(column) for name, column in columns.items()})
    table = table.replace_schema_metadata({"hdspike": json.dumps(describe(recording))})
    with replacing([path]) as (temporary,):
        pyarrow.parquet.write_table(table, temporary, compression="zstd")
