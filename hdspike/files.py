"""Files are written whole or not at all."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

__all__ = ["write_all", "write_bytes", "write_text"]


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
