"""Files of memories: one array and a few whole numbers."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from hdspike import files

__all__ = ["opened"]


def opened(path: str | Path, kind: str, names: tuple[str, ...]) -> tuple[NDArray[Any], dict[str, int]]:
    """The array of a file of this ``kind``, read, and the whole numbers ``names`` ≥ 0 of its header.

    Raises:
        ValueError: a file that is corrupt or of another kind.
    """
    array, meta = files.load_array(path, mmap=False)
    if meta.get("kind") != kind:
        raise ValueError(f"{path} must hold {kind}, its header says {meta.get('kind')!r}")
    numbers = {name: meta.get(name) for name in names}
    for name, value in numbers.items():
        if type(value) is not int or not 0 <= value < 2**63:
            raise ValueError(f"{path} must say its {name}, its header says {value!r}")
    return array, {name: int(value) for name, value in numbers.items() if value is not None}
