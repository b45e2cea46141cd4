"""Run as a separate process by :mod:`hdspike.events.apart`: decodes one file with a native library.

A malformed file can make such a library end its process or ask for all memory; here that harms no one else. The
memory is limited where the system can. Nothing of hdspike is imported.
"""

import json
import sys


def limit(megabytes: int) -> None:
    """Let this process have so much memory and no more, and leave no core dump."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    wanted = megabytes << 20
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or wanted < hard:
        resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def camera(path: str, out: str, kind: str, most: int) -> dict[str, object]:
    """Every event of a camera file as a .npy file, and the size of the sensor."""
    import faery
    import numpy as np

    stream = faery.events_stream_from_file(path, file_type=kind)
    parts, total = [], 0
    for part in stream:
        total += len(part)
        if total > most:
            return {"error": f"must hold at most {most} events", "what": "it holds more"}
        parts.append(np.array(part))
    whole = np.concatenate(parts) if parts else np.empty(0, dtype=faery.EVENTS_DTYPE)
    np.save(out, whole, allow_pickle=False)
    return {"width": int(stream.dimensions()[0]), "height": int(stream.dimensions()[1])}


def hdf5(path: str, out: str, kind: str, most: int) -> dict[str, object]:
    """Every dataset of an HDF5 file of at most ``most`` bytes: numbers as a .npz file, texts and attributes as JSON."""
    import h5py
    import numpy as np

    left = {"bytes": most, "items": 10_000}
    arrays: dict[str, np.ndarray] = {}
    texts: dict[str, object] = {}
    attributes: dict[str, dict[str, object]] = {}

    def plain(value: object) -> object:
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        if isinstance(value, np.ndarray | np.generic):
            return plain(value.tolist())
        if isinstance(value, list):
            return [plain(v) for v in value]
        return value if isinstance(value, str | int | float | bool) else None

    def take(name: str, item: "h5py.Dataset") -> None:
        left["bytes"] -= item.nbytes
        if item.external or item.is_virtual or left["bytes"] < 0:
            raise ValueError(f"{name} is kept elsewhere, or the file holds over {most} bytes")
        if item.shape is None:
            return
        value = item[()]
        if item.dtype.hasobject or item.dtype.kind in "SU":
            texts[name] = plain(value)
        elif item.dtype.kind in "biufV":
            arrays[name] = np.asarray(value)

    def note(name: str, item: "h5py.Group | h5py.Dataset") -> None:
        kept = {}
        for key in item.attrs:
            if item.attrs.get_id(key).get_storage_size() > 1 << 16:
                raise ValueError(f"an attribute of {name} is larger than 64 KiB")
            kept[key] = plain(item.attrs[key])
        if kept:
            attributes[name] = kept

    def visit(group: "h5py.Group", at: str, depth: int) -> None:
        note(at or "/", group)
        for name in group:
            left["items"] -= 1
            if (
                left["items"] < 0
                or depth > 32
                or not isinstance(group.get(name, getlink=True), h5py.HardLink)
            ):
                raise ValueError("it has links, or too many or too deep groups")
            item = group[name]
            if isinstance(item, h5py.Group):
                visit(item, f"{at}/{name}", depth + 1)
            elif isinstance(item, h5py.Dataset):
                note(f"{at}/{name}", item)
                take(f"{at}/{name}", item)

    with h5py.File(path, "r") as file:
        visit(file, "", 0)
    np.savez(out, **{f"c{i}": array for i, array in enumerate(arrays.values())})  # type: ignore[arg-type]
    return {"names": list(arrays), "texts": texts, "attributes": attributes}


def parquet(path: str, out: str, kind: str, most: int) -> dict[str, object]:
    """Every column of a Parquet file as a .npz file."""
    import numpy as np
    import pyarrow.parquet

    pyarrow.set_cpu_count(1)
    with pyarrow.parquet.ParquetFile(path) as file:
        if file.metadata.num_rows > most:
            return {"error": f"must hold at most {most} rows", "what": f"it holds {file.metadata.num_rows}"}
        if file.metadata.num_columns > 64:
            return {"error": "must have at most 64 columns", "what": f"it has {file.metadata.num_columns}"}
        kept = [f.name for f in file.schema_arrow if pyarrow.types.is_integer(f.type)
                or pyarrow.types.is_boolean(f.type)]  # fmt: skip
        table = file.read(columns=kept, use_threads=False)
        columns = {}
        for name in kept:
            column = table.column(name)
            if column.null_count:
                return {"error": "must have no missing values", "what": f"column {name[:40]} has"}
            columns[name] = column.to_numpy(zero_copy_only=False)
        meta = {
            k.decode("latin-1"): v.decode("latin-1") for k, v in (file.schema_arrow.metadata or {}).items()
        }
    np.savez(out, **{f"c{i}": column for i, column in enumerate(columns.values())})
    return {"names": list(columns), "meta": {k: v for k, v in meta.items() if k.startswith("hdspike")}}


def main() -> None:
    """``child.py job path out kind most megabytes`` prints one line of JSON."""
    job, path, out, kind, most, megabytes = sys.argv[1:]
    limit(int(megabytes))
    try:
        answer = {"camera": camera, "hdf5": hdf5, "parquet": parquet}[job](path, out, kind, int(most))
    except ImportError as error:
        answer = {"missing": str(error)}
    except MemoryError:
        answer = {"error": "must be decodable in bounded memory", "what": f"it asks for over {megabytes} MB"}
    except BaseException as error:
        said = " ".join(str(error).split())[:200]
        answer = {"error": "must be well-formed", "what": f"it is not: {said or type(error).__name__}"}
    print("\n" + json.dumps(answer))


if __name__ == "__main__":
    main()
