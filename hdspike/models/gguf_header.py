"""The header of a GGUF file (versions 2 and 3, little-endian): its metadata and where each tensor lies.

Every length is held against what is left of the file before anything is read or allocated. (The reader of the
package ``gguf`` believes what a file says: an array of 2⁶⁰ items keeps it busy until memory ends.) Values are
numbers, booleans, text, arrays of numbers, and lists of text.
"""

import math
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Header", "TensorPlace", "read_header"]

MOST = 1 << 16  # metadata entries, tensors, bytes of a name
LARGEST = 1 << 40  # numbers in a tensor
ALIGNMENT = 32
NUMBERS = ("<u1", "<i1", "<u2", "<i2", "<u4", "<i4", "<f4", "<u1", None, None, "<u8", "<i8", "<f8")  # by code
BOOL, TEXT, ARRAY = 7, 8, 9


@dataclass(frozen=True)
class TensorPlace:
    """One tensor: its shape as PyTorch has it (slowest axis leftmost), its GGML type, and its bytes in the file."""

    shape: tuple[int, ...]
    kind: int
    start: int
    size: int


@dataclass(frozen=True)
class Header:
    """Metadata by key, tensors by name."""

    fields: dict[str, Any]
    tensors: dict[str, TensorPlace]


class _Cursor:
    """Reads one value after the other; past the end is a ``ValueError``."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data, self.place = data, 0

    def _take(self, size: int) -> int:
        """The place of the next ``size`` bytes, which are there."""
        place = self.place
        if size > len(self.data) - place:
            raise ValueError(f"it ends at byte {len(self.data)}, {size} more are stated at byte {place}")
        self.place += size
        return place

    def one(self, form: str) -> Any:
        return struct.unpack_from(form, self.data, self._take(struct.calcsize(form)))[0]

    def count(self, what: str, most: int) -> int:
        value = self.one("<Q")
        if value > most:
            raise ValueError(f"it states {value} {what}, at most {most} are possible")
        return int(value)

    def text(self, most: int | None = None) -> str:
        size = self.count("bytes of text", len(self.data) if most is None else most)
        place = self._take(size)
        return self.data[place : place + size].decode("utf-8")

    def numbers(self, kind: int, count: int) -> NDArray[Any]:
        form = NUMBERS[kind]
        assert form is not None
        place = self._take(count * np.dtype(form).itemsize)
        out = np.frombuffer(self.data, dtype=form, count=count, offset=place).copy()
        return out.astype(bool) if kind == BOOL else out

    def code(self) -> int:
        kind = self.one("<I")
        if kind >= len(NUMBERS):
            raise ValueError(f"it states a value of the unknown type {kind}")
        return int(kind)

    def value(self) -> Any:
        kind = self.code()
        if kind == TEXT:
            return self.text()
        if kind != ARRAY:
            return self.numbers(kind, 1)[0].item()
        kind = self.code()
        if kind == ARRAY:
            raise ValueError("it states an array of arrays")
        smallest = 8 if kind == TEXT else np.dtype(NUMBERS[kind]).itemsize
        count = self.count("items", (len(self.data) - self.place) // smallest)
        return [self.text() for _ in range(count)] if kind == TEXT else self.numbers(kind, count)


def _tensor(cursor: _Cursor, sizes: dict[int, tuple[int, int]]) -> TensorPlace:
    """The entry of one tensor behind its name; ``start`` still counts from where the tensors begin."""
    axes = cursor.one("<I")
    if not 1 <= axes <= 4:
        raise ValueError(f"it states a tensor of {axes} axes")
    shape = tuple(cursor.count("numbers along an axis", LARGEST) for _ in range(axes))[::-1]
    numbers = math.prod(shape)
    if not 1 <= numbers <= LARGEST:
        raise ValueError(f"it states a tensor of shape {shape}")
    kind, start = cursor.one("<I"), cursor.one("<Q")
    if kind not in sizes:
        raise ValueError(f"it states a tensor of the unknown type {kind}")
    block, width = sizes[kind]
    if shape[-1] % block:
        raise ValueError(f"it states a tensor of shape {shape} in blocks of {block}")
    return TensorPlace(shape, kind, start, numbers // block * width)


def _read(data: mmap.mmap, sizes: dict[int, tuple[int, int]]) -> Header:
    cursor = _Cursor(data)
    if data[:4] != b"GGUF":
        raise ValueError("it does not begin with GGUF")
    cursor.place = 4
    version = cursor.one("<I")
    if version not in (2, 3):
        raise ValueError(f"it has version {version}, not 2 or 3 in little-endian order")
    tensor_count, field_count = cursor.count("tensors", MOST), cursor.count("entries", MOST)
    fields: dict[str, Any] = {}
    for _ in range(field_count):
        name = cursor.text(MOST)
        if name in fields:
            raise ValueError(f"it states {name!r} twice")
        fields[name] = cursor.value()
    entries: dict[str, TensorPlace] = {}
    for _ in range(tensor_count):
        name = cursor.text(MOST)
        if name in entries:
            raise ValueError(f"it states the tensor {name!r} twice")
        entries[name] = _tensor(cursor, sizes)
    step = fields.get("general.alignment", ALIGNMENT)
    if not isinstance(step, int) or not 1 <= step <= MOST or step & (step - 1):
        raise ValueError(f"it states an alignment of {step!r}")
    begin = -(-cursor.place // step) * step
    tensors = {}
    for name, entry in entries.items():
        start = begin + entry.start
        if entry.start % step or start + entry.size > len(data):
            raise ValueError(
                f"it ends at byte {len(data)}, {name} is stated at {start} to {start + entry.size}"
            )
        tensors[name] = TensorPlace(entry.shape, entry.kind, start, entry.size)
    return Header(fields, tensors)


def read_header(path: str | Path) -> Header:
    """Metadata and tensor table of the GGUF file at ``path``.

    Raises:
        ValueError: it is missing, not GGUF, truncated, or states what cannot be.
        ImportError: the extra ``models`` is not installed.
    """
    try:
        from gguf import GGML_QUANT_SIZES
    except ImportError as error:
        raise ImportError("reading GGUF needs the extra 'models': pip install 'hdspike[models]'") from error
    place = Path(path)
    if not place.is_file():
        raise ValueError(f"path must be an existing GGUF file, got {str(path)!r}")
    if place.stat().st_size < 24:
        raise ValueError(f"path must be a GGUF file, {place.name} has {place.stat().st_size} bytes")
    sizes = {int(kind): size for kind, size in GGML_QUANT_SIZES.items()}
    with place.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            return _read(data, sizes)
        except ValueError as error:  # UnicodeDecodeError is one
            raise ValueError(f"path must be a whole GGUF file, {place.name} is not: {error}") from error
