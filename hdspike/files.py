"""Files are written whole or not at all; arrays carry a header and open without being read."""

import json
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["load_array", "replacing", "save_array", "write_all", "write_bytes", "write_text"]

ARRAY, ARRAY_VERSION = "hdspike-array", 1
ALIGN = 4096  # the array begins on a page
DTYPES = ("|b1", "|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f4", "<f8")


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text through a temporary file in the same folder, so that no half is ever left behind."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write bytes through a temporary file in the same folder."""
    target = Path(path)
    write_all(target.parent, {target.name: data})


def write_all(folder: str | Path, contents: Mapping[str, bytes]) -> None:
    """Write several files into a folder, all of them or none: every byte is on disk before any name appears."""
    place = Path(folder)
    for name in contents:
        if (place / name).is_dir():
            raise IsADirectoryError(f"{place / name} must be a file, it is a folder")
    ready: dict[str, str] = {}
    try:
        for name, data in contents.items():
            handle, temporary = tempfile.mkstemp(dir=place, prefix=f".{name}.")
            ready[temporary] = name
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.chmod(temporary, 0o644)
        for temporary, name in ready.items():
            os.replace(temporary, place / name)
    finally:
        for temporary in ready:
            Path(temporary).unlink(missing_ok=True)


@contextmanager
def replacing(path: str | Path) -> Iterator[IO[bytes]]:
    """A temporary file beside ``path`` that takes its name once all of it is written, or goes."""
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(f"{target} must be a file, it is a folder")
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    finally:
        Path(temporary).unlink(missing_ok=True)


def save_array(path: str | Path, array: Any, **meta: Any) -> None:
    """Write one array and what is said of it: a JSON header line, padded to a page, then the raw values.

    ``array`` is booleans, integers or floats of any shape, or an iterable of blocks of equal trailing shape that is
    written block by block, so that more than memory holds can be saved. ``meta`` must be JSON.

    Raises:
        TypeError: a dtype of objects or text, or ``meta`` that JSON cannot hold.
    """
    blocks: Iterable[Any]
    if isinstance(array, np.ndarray) or not hasattr(array, "__next__"):
        whole = np.asarray(array)
        blocks, shape, dtype = (whole.reshape(1) if whole.ndim == 0 else whole,), whole.shape, whole.dtype
    else:
        first = np.asarray(next(array))
        blocks, shape, dtype = _chain(first, array), (-1, *first.shape[1:]), first.dtype
    kind = dtype.newbyteorder("<").str
    if kind not in DTYPES:
        raise TypeError(f"array must hold booleans, integers or floats, got dtype {dtype}")
    with replacing(path) as file:
        file.write(b" " * ALIGN)
        written = 0
        for block in blocks:
            part = np.ascontiguousarray(block)
            if part.dtype != dtype or part.shape[1:] != (shape[1:] if len(shape) > 1 else ()):
                raise ValueError(
                    f"array must come in blocks of one dtype and width, got {part.dtype} {part.shape}"
                )
            file.write(part.astype(kind, copy=False).data)
            written += len(part)
        if shape and shape[0] == -1:
            shape = (written, *shape[1:])
        header = {
            "format": ARRAY,
            "version": ARRAY_VERSION,
            "dtype": kind,
            "shape": list(shape),
            "meta": meta,
        }
        line = json.dumps(header, allow_nan=False).encode()
        if len(line) >= ALIGN:
            raise ValueError(f"meta must fit {ALIGN} bytes of header, got {len(line)}")
        file.seek(0)
        file.write(line)
        file.seek(ALIGN - 1)
        file.write(b"\n")


def _chain(first: NDArray[Any], rest: Iterable[Any]) -> Iterable[Any]:
    yield first
    yield from rest


def load_array(path: str | Path, *, mmap: bool = True) -> tuple[NDArray[Any], dict[str, Any]]:
    """What :func:`save_array` wrote: the array and its ``meta``.

    With ``mmap`` the file is opened, not read: pages come in when they are touched, and the array is read-only.
    Nothing is unpickled.

    Raises:
        ValueError: a file of another format or version, or of another size than its header says.
    """
    file = Path(path)
    with file.open("rb") as opened:
        head = opened.read(ALIGN)
        size = os.fstat(opened.fileno()).st_size
    try:
        header = json.loads(head)
        if not isinstance(header, dict) or header["format"] != ARRAY:
            raise KeyError("format")
        version, dtype, shape, meta = (header[key] for key in ("version", "dtype", "shape", "meta"))
        good = dtype in DTYPES and isinstance(meta, dict) and isinstance(shape, list)
        good = good and len(shape) <= 16 and all(type(n) is int and n >= 0 for n in shape)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{file} is not an hdspike array file: no header") from error
    if version != ARRAY_VERSION:
        raise ValueError(
            f"{file} must be {ARRAY} version {ARRAY_VERSION}, its header says version {version!r}"
        )
    if not good:
        raise ValueError(f"{file} has a header that describes no array: dtype {dtype!r}, shape {shape!r}")
    expected = math.prod(shape) * np.dtype(dtype).itemsize
    if size - ALIGN != expected:
        raise ValueError(f"{file} must hold {expected} bytes of values, it has {size - ALIGN}")
    native = np.dtype(dtype).newbyteorder("=")
    if not expected:
        return np.zeros(shape, dtype=native), meta
    values: NDArray[Any]
    if mmap:
        values = np.asarray(np.memmap(file, dtype=dtype, mode="r", offset=ALIGN, shape=tuple(shape) or (1,)))
    else:
        values = np.fromfile(file, dtype=dtype, offset=ALIGN)
    return values.reshape(shape).astype(native, copy=False), meta
