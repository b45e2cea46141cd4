"""What is learned of a model's keys, as a file: plain arrays of one kind and version in one ``.npz``."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.files import write_bytes

__all__ = ["read_arrays", "write_arrays"]


def write_arrays(path: str | Path, kind: str, version: int, **arrays: NDArray[Any]) -> None:
    """Write them whole or not at all."""
    buffer = io.BytesIO()
    np.savez(buffer, head=np.array([kind, str(version)]), allow_pickle=False, **arrays)
    write_bytes(path, buffer.getvalue())


def read_arrays(
    path: str | Path, what: str, kind: str, version: int, names: tuple[str, ...]
) -> dict[str, NDArray[Any]]:
    """What :func:`write_arrays` wrote. Nothing is unpickled.

    Raises:
        ValueError: a damaged or foreign file, or another version; ``what`` names what it should have been.
    """
    data = Path(path).read_bytes()
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("head", *names)}
        head = [str(part) for part in arrays.pop("head")]
    except Exception as error:  # zipfile, zlib and numpy raise many kinds on damaged bytes
        raise ValueError(f"{path} is not a {what}: {error}") from error
    if head != [kind, str(version)]:
        raise ValueError(f"{path} must be {kind} version {version}, it says {' version '.join(head)}")
    return arrays
