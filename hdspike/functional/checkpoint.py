"""Checkpoints: everything that changes during a run, in one file that belongs to one run only."""

import io
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.files import write_bytes

__all__ = ["load_checkpoint", "patient", "save_checkpoint"]

VERSION = 1


class Held(dict[str, NDArray[Any]]):
    """The arrays of a checkpoint: one that is asked for and not there is a ``ValueError``."""

    def __missing__(self, name: str) -> NDArray[Any]:
        raise ValueError(f"checkpoint must hold {name}")


def save_checkpoint(path: str | Path, kind: str, fingerprint: str, arrays: dict[str, NDArray[Any]]) -> None:
    """Write a checkpoint, whole or not at all."""
    head = np.array([kind, str(VERSION), fingerprint])
    buffer = io.BytesIO()
    np.savez(buffer, head=head, allow_pickle=False, **arrays)
    write_bytes(path, buffer.getvalue())


def load_checkpoint(path: str | Path, kind: str, fingerprint: str) -> dict[str, NDArray[Any]]:
    """Read a checkpoint of this run; a foreign or damaged file is a ``ValueError``."""
    data = Path(path).read_bytes()
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = Held({name: file[name] for name in file.files})
    except Exception as error:  # zipfile, zlib and numpy raise many kinds on damaged bytes
        raise ValueError(f"{path} is not a checkpoint: {error}") from error
    head = [str(part) for part in arrays.pop("head", np.array([]))]
    if len(head) != 3 or head[:2] != [kind, str(VERSION)]:
        raise ValueError(f"{path} must be a checkpoint of {kind} version {VERSION}")
    if head[2] != fingerprint:
        raise ValueError(f"{path} is the checkpoint of another run: its network or settings differ")
    return arrays


@contextmanager
def patient() -> Iterator[Callable[[], bool]]:
    """Hold Ctrl-C back until the step at hand is whole: yields a function that says whether it was pressed.

    A second Ctrl-C is not held back. Outside the main thread, where Python hands out no signals, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    pressed: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)
