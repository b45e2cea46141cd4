"""Results as tables in files: CSV, Parquet, HDF5, and spikes in SONATA.

A table is columns of equal length by name. Every file says its format and version, and the unit of each column: in a
first comment line of JSON (CSV), in the metadata (Parquet), or in attributes (HDF5). A unit that is not given is
read off a name's end: ``time_ps``, ``energy_j``.
"""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.events import apart
from hdspike.events.place import replacing
from hdspike.events.sensor import INT32
from hdspike.events.sonata import write_sonata
from hdspike.spikes import EVENT

__all__ = ["FORMAT", "SUFFIXES", "VERSION", "export"]

FORMAT, VERSION = "hdspike.results", 1
SUFFIXES = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".sonata": "sonata",
}
ENDINGS = {"ps": "ps", "ns": "ns", "us": "us", "ms": "ms", "s": "s", "j": "J", "w": "W", "bits": "bit"}

Tables = Mapping[str, Mapping[str, Any]]


def export(
    path: str | Path,
    tables: Tables,
    *,
    format: str | None = None,
    units: Mapping[str, str] | None = None,
    meta: Mapping[str, Any] | None = None,
    populations: Mapping[str, tuple[int, int]] | None = None,
) -> list[Path]:
    """Write tables to files, all of them or none; the files.

    CSV and Parquet have one file per table, ``run.csv`` → ``run.spikes.csv``, …; HDF5 has one with a group per table.
    SONATA holds the table ``spikes`` alone, of the columns ``time_ps`` and ``neuron``.

    Args:
        path: the file, or the pattern for several.
        tables: table name → column name → one row of numbers, booleans or texts.
        format: ``csv``, ``parquet``, ``hdf5`` or ``sonata``; ``None``: by the suffix.
        units: column name → unit, ``""`` for counts.
        meta: what else is to be said of the run; JSON.
        populations: SONATA: population → (first, last) of its neurons, ``last`` left out; ``None``: one, ``neurons``.

    Raises:
        ImportError: a library is missing; the message names the extra that brings it.
        TypeError: a column that is no row of numbers or texts, or meta that is no JSON.
        ValueError: columns of unequal length, a name that cannot be one, or a suffix of no format.

    Examples:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     files = export(pathlib.Path(folder) / "run.csv", {"cores": {"core": [0, 1], "energy_j": [0.5, 1.0]}})
        ...     print(files[0].name, *files[0].read_text().splitlines()[1:])
        run.cores.csv core,energy_j 0,0.5 1,1.0
    """
    file = Path(path)
    if format is None and file.suffix.lower() not in SUFFIXES:
        raise ValueError(f"path must end in one of {', '.join(SUFFIXES)}, got {file.name!r}")
    kind = check.one_of(
        "format", format or SUFFIXES[file.suffix.lower()], ("csv", "parquet", "hdf5", "sonata")
    )
    checked = _checked(tables)
    said = _units(checked, units or {})
    try:
        json.dumps(dict(meta or {}), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TypeError(f"meta must be JSON, {error}") from error
    notes = {
        name: {
            "format": FORMAT,
            "version": VERSION,
            "table": name,
            "units": said[name],
            "meta": dict(meta or {}),
        }
        for name in checked
    }
    if kind == "hdf5":
        _hdf5(file, checked, notes)
        return [file]
    if kind == "sonata":
        write_sonata(file, _populations(checked, populations))
        return [file]
    files = [file.with_name(f"{file.stem}.{name}{file.suffix or '.' + kind}") for name in checked]
    if kind == "parquet":
        apart.need("pyarrow", "export", "writing Parquet files")
    writer = _csv if kind == "csv" else _parquet
    with replacing(files) as temporaries:
        for temporary, name in zip(temporaries, checked, strict=True):
            writer(temporary, checked[name], notes[name])
    return files


def _checked(tables: Tables) -> dict[str, dict[str, NDArray[Any]]]:
    """The tables as arrays of plain kinds, columns of a table of one length."""
    if not isinstance(tables, Mapping) or not tables:
        raise TypeError("tables must be a non-empty mapping of names to columns")
    out: dict[str, dict[str, NDArray[Any]]] = {}
    for table, columns in tables.items():
        if not isinstance(table, str) or not table.isidentifier():
            raise ValueError(f"tables must have plain names, got {table!r}")
        if not isinstance(columns, Mapping) or not columns:
            raise TypeError(f"tables must map names to columns, {table} does not")
        out[table] = {}
        for name, column in columns.items():
            if not isinstance(name, str) or not name.isidentifier():
                raise ValueError(f"columns must have plain names, got {name!r} in {table}")
            values = np.asarray(column)
            if values.ndim != 1 or (values.dtype.kind not in "biufU" and values.size):
                raise TypeError(
                    f"column {table}.{name} must be one row of numbers or texts, got {values.dtype}"
                )
            out[table][name] = values
        lengths = {len(column) for column in out[table].values()}
        if len(lengths) > 1:
            raise ValueError(f"columns of {table} must have one length, got {sorted(lengths)}")
    return out


def _units(tables: dict[str, dict[str, NDArray[Any]]], given: Mapping[str, str]) -> dict[str, dict[str, str]]:
    known = {name for columns in tables.values() for name in columns}
    if unknown := sorted(set(given) - known):
        raise ValueError(f"units must be of columns that are there, got {unknown[0]!r}")
    return {
        table: {
            name: given.get(name, ENDINGS.get(name.rpartition("_")[2], "") if "_" in name else "")
            for name in columns
        }
        for table, columns in tables.items()
    }


def _csv(path: Path, columns: dict[str, NDArray[Any]], note: dict[str, Any]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(f"# {json.dumps(note)}\n")
        out = csv.writer(file, lineterminator="\n")
        out.writerow(columns)
        out.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))


def _parquet(path: Path, columns: dict[str, NDArray[Any]], note: dict[str, Any]) -> None:
    import pyarrow
    import pyarrow.parquet

    fields = []
    arrays = []
    for name, column in columns.items():
        array = pyarrow.array(column.tolist() if column.dtype.kind == "U" else np.ascontiguousarray(column))
        arrays.append(array)
        fields.append(pyarrow.field(name, array.type, metadata={"unit": note["units"][name]}))
    schema = pyarrow.schema(fields, metadata={"hdspike": json.dumps(note)})
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays(arrays, schema=schema), path, compression="zstd")


def _hdf5(path: Path, tables: dict[str, dict[str, NDArray[Any]]], notes: dict[str, Any]) -> None:
    apart.need("h5py", "export", "writing HDF5 files")
    import h5py

    with replacing([path]) as (temporary,), h5py.File(temporary, "w") as file:
        file.attrs["format"], file.attrs["version"] = FORMAT, VERSION
        for table, columns in tables.items():
            group = file.create_group(table)
            group.attrs["meta"] = json.dumps(notes[table]["meta"])
            for name, column in columns.items():
                text = column.dtype.kind == "U"
                dataset = group.create_dataset(
                    name,
                    data=column.astype(object) if text else column,
                    dtype=h5py.string_dtype() if text else None,
                )
                dataset.attrs["units"] = notes[table]["units"][name]


def _populations(
    tables: dict[str, dict[str, NDArray[Any]]], given: Mapping[str, tuple[int, int]] | None
) -> dict[str, NDArray[Any]]:
    """The table of spikes as events per population, with node ids from 0."""
    spikes = tables.get("spikes", {})
    for name in ("time_ps", "neuron"):
        if name not in spikes:
            raise ValueError(
                f"tables must have spikes with the columns time_ps and neuron, {name} is missing"
            )
    time = check.array("time_ps", spikes["time_ps"], np.int64)
    neuron = check.array("neuron", spikes["neuron"], np.int64)
    if neuron.size and not (neuron.min() >= 0 and neuron.max() <= INT32):
        raise ValueError(f"neuron must be in [0, 2^31), got {neuron.min()} … {neuron.max()}")
    ranges = {"neurons": (0, INT32 + 1)} if given is None else dict(given)
    out, placed = {}, 0
    for name, (first, last) in ranges.items():
        check.integer("populations", first, low=0)
        check.integer("populations", last, low=first)
        inside = (neuron >= first) & (neuron < last)
        events = np.empty(int(inside.sum()), dtype=EVENT)
        events["time"], events["address"] = time[inside], neuron[inside] - first
        out[name] = events
        placed += len(events)
    if placed != len(neuron):
        raise ValueError(f"populations must hold every spike once, {placed} of {len(neuron)} are in one")
    return out
