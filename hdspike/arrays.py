"""Several arrays in one file: named, checksummed, each on its own page, opened without being copied.

    hdspike-arrays VERSION PAGES SHA-256-OF-THE-HEADER        one line
    {"meta": …, "arrays": [{"name", "dtype", "shape", "sha256"}, …]}    JSON, padded to PAGES pages with the line above
    the values of each array, padded to a page with zeros

Every byte counts in a checksum: that of the header, or that of an array with its padding.
"""

import hashlib
import json
import math
import mmap
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.files import ALIGN, DTYPES, replacing

__all__ = ["load_arrays", "save_arrays"]

FORMAT, VERSION = "hdspike-arrays", 1
LINE = re.compile(rb"hdspike-arrays ([1-9][0-9]{0,8}) ([1-9][0-9]{0,3}) ([0-9a-f]{64})\n")
LONGEST_LINE = 128
MOST_PAGES = 256
"""Of the header: 1 MiB."""
MOST_AXES = 16
LARGEST = 1 << 56


def _padding(size: int) -> bytes:
    return bytes(-size % ALIGN)


def save_arrays(path: str | Path, arrays: Mapping[str, NDArray[Any]], **meta: Any) -> int:
    """Write named arrays of booleans, integers or floats and what is said of them; returns the bytes of the file.

    The same arrays and ``meta`` give the same bytes. The file appears whole or not at all.

    Raises:
        TypeError: a dtype of objects or text, or ``meta`` that JSON cannot hold.
        ValueError: ``meta`` and names that do not fit 1 MiB.
    """
    entries, values = [], []
    for name, array in arrays.items():
        kind = array.dtype.newbyteorder("<").str
        if kind not in DTYPES:
            raise TypeError(f"{name} must hold booleans, integers or floats, got dtype {array.dtype}")
        flat = np.ascontiguousarray(array, dtype=kind).reshape(-1).view(np.uint8)
        summed = hashlib.sha256(flat.data)
        summed.update(_padding(flat.size))
        entries.append(
            {"name": name, "dtype": kind, "shape": list(array.shape), "sha256": summed.hexdigest()}
        )
        values.append(flat)
    body = json.dumps({"meta": meta, "arrays": entries}, allow_nan=False).encode()
    pages = -(-(LONGEST_LINE + len(body)) // ALIGN)
    if pages > MOST_PAGES:
        raise ValueError(f"meta must fit {MOST_PAGES * ALIGN} bytes of header, got {len(body)}")
    line = f"{FORMAT} {VERSION} {pages} ".encode()
    body = body.ljust(pages * ALIGN - len(line) - 65)
    with replacing(path) as file:
        file.write(line + hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        for flat in values:
            file.write(flat.data)
            file.write(_padding(flat.size))
        return file.tell()


def load_arrays(path: str | Path, *, mapped: bool = True) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """What :func:`save_arrays` wrote: arrays by name, and ``meta``. All of it is checked; nothing is unpickled.

    With ``mapped`` the arrays are a private mapping of the file: pages are shared with whoever else reads it until
    they are written to, and writing never reaches the file. Otherwise they are read into memory.

    Raises:
        ValueError: another format or version; a file cut short, too long, or of which any byte was changed.
    """
    place = Path(path)
    with place.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        pages, body = _header(place, file.read(MOST_PAGES * ALIGN))
        entries, meta = _entries(place, body)
        sizes = [math.prod(shape) * np.dtype(dtype).itemsize for _, dtype, shape, _ in entries]
        padded = [count + -count % ALIGN for count in sizes]
        if size != pages * ALIGN + sum(padded):
            raise ValueError(f"{place} must have {pages * ALIGN + sum(padded)} bytes, it has {size}")
        held: Any
        if mapped:
            held = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY)
        else:
            file.seek(0)
            held = bytearray(file.read(size))
    if len(held) != size:
        raise ValueError(f"{place} must have {size} bytes, it was cut to {len(held)} while it was read")
    arrays, at = {}, pages * ALIGN
    for (name, dtype, shape, expected), count, taken in zip(entries, sizes, padded, strict=True):
        flat: NDArray[Any] = np.frombuffer(held, dtype=np.uint8, count=taken, offset=at)
        if hashlib.sha256(flat.data).hexdigest() != expected:
            raise ValueError(f"{place} is damaged: the checksum of {name} does not agree with its values")
        if dtype == "|b1" and flat.max(initial=0) > 1:
            raise ValueError(f"{place} must hold booleans in {name}, it holds {flat.max()}")
        array = flat[:count].view(dtype).reshape(shape)
        arrays[name] = array.astype(array.dtype.newbyteorder("="), copy=False)
        at += taken
    return arrays, meta


def _header(place: Path, head: bytes) -> tuple[int, bytes]:
    """The pages of the header and its JSON, whose checksum agrees."""
    line = LINE.match(head)
    if line is None:
        raise ValueError(f"{place} is not an {FORMAT} file, what hdspike writes a model into: no header")
    version, pages = int(line[1]), int(line[2])
    if version != VERSION:
        raise ValueError(f"{place} must be {FORMAT} version {VERSION}, it says version {version}")
    body = head[line.end() : pages * ALIGN]
    if pages > MOST_PAGES:
        raise ValueError(f"{place} must have a header of at most {MOST_PAGES} pages, it says {pages}")
    if len(head) < pages * ALIGN:
        raise ValueError(f"{place} is cut short within its header: {len(head)} of {pages * ALIGN} bytes")
    if hashlib.sha256(body).hexdigest().encode() != line[3]:
        raise ValueError(f"{place} is damaged: the checksum of its header does not agree with it")
    return pages, body


def _entries(place: Path, body: bytes) -> tuple[list[tuple[str, str, list[int], str]], dict[str, Any]]:
    """Name, dtype, shape and checksum of each array, and ``meta``: well formed, if nothing more."""
    try:
        header = json.loads(body)
        meta, listed = header["meta"], header["arrays"]
        entries = [(entry["name"], entry["dtype"], entry["shape"], entry["sha256"]) for entry in listed]
        good = isinstance(meta, dict) and len({name for name, *_ in entries}) == len(entries)
        for name, dtype, shape, checksum in entries:
            good = good and isinstance(name, str) and dtype in DTYPES and isinstance(checksum, str)
            good = good and isinstance(shape, list) and len(shape) <= MOST_AXES
            good = good and all(type(n) is int and n >= 0 for n in shape)
            good = good and math.prod(max(n, 1) for n in shape) < LARGEST
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{place} has a header that describes no arrays") from error
    if not good:
        raise ValueError(f"{place} has a header that describes no arrays")
    return entries, meta
