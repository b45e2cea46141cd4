"""Members of a package file: a zip (wheel), a tar (npm, source) or a Debian archive; nothing is written or run.

Only the members asked for are read, into memory, up to a limit; every one must be a plain file inside the
archive. A link, a device, a path that leaves the archive, a member twice, or a member that unpacks to more than
the limit is an error.
"""

import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

__all__ = ["read_members"]

AR_MAGIC = b"!<arch>\n"
CHUNK = 1 << 20


def read_members(path: str | Path, wanted: Iterable[str], *, limit: int) -> dict[str, bytes]:
    """The content of each ``wanted`` member of the archive ``path``, ``limit`` bytes in all.

    Raises:
        ValueError: the archive is corrupt, of no known kind or hostile, lacks a member, or holds more than ``limit``.
    """
    names = list(wanted)
    for name in names:
        _plain(name, Path(path).name)
    file = Path(path)
    with file.open("rb") as stream:
        try:
            magic = stream.read(8)
            stream.seek(0)
            if magic == AR_MAGIC:
                found = _tar(io.BytesIO(_deb_data(stream.read(), file.name)), names, limit, file.name)
            elif magic[:4] == b"PK\x03\x04":
                found = _zip(stream, names, limit, file.name)
            else:
                found = _tar(stream, names, limit, file.name)
        except (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError, OSError) as error:
            raise ValueError(
                f"archive must be a whole zip, tar or deb, {file.name} is not: {error}"
            ) from error
        except (NotImplementedError, RuntimeError) as error:  # a zip with a method unknown, or encrypted
            raise ValueError(f"archive must be readable, {file.name} is not: {error}") from error
    missing = [name for name in names if name not in found]
    if missing:
        raise ValueError(f"archive must hold {missing[0]}, {file.name} does not")
    return found


def _plain(name: str, archive: str) -> str:
    """``name`` without a leading ``./`` if it stays inside the archive."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or not path.parts:
        raise ValueError(f"archive must hold paths inside itself, {archive} holds {name!r}")
    return str(path)


def _take(stream: IO[bytes], size: int, left: int, name: str, archive: str) -> bytes:
    """The content of a member that says it has ``size`` bytes, of which at most ``left`` may come."""
    if size > left:
        raise ValueError(f"archive must unpack to at most {left} more bytes, {name} of {archive} has {size}")
    parts: list[bytes] = []
    got = 0
    while chunk := stream.read(CHUNK):
        got += len(chunk)
        if got > left:
            raise ValueError(
                f"archive must unpack to at most {left} more bytes, {name} of {archive} has more"
            )
        parts.append(chunk)
    if got != size:
        raise ValueError(f"archive must be whole, {name} of {archive} has {got} of {size} bytes")
    return b"".join(parts)


def _once(name: str, found: dict[str, bytes], archive: str) -> None:
    if name in found:
        raise ValueError(f"archive must hold {name} once, {archive} holds it twice")


def _tar(stream: BinaryIO, names: list[str], limit: int, archive: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    wanted = set(names)
    with tarfile.open(fileobj=stream, mode="r:*") as tar:
        for member in _members(tar):
            if member.isdir():
                continue
            name = _plain(member.name, archive)
            if name not in wanted:
                continue
            if not member.isreg():
                raise ValueError(
                    f"archive must hold {name} as a plain file, in {archive} it is a link or device"
                )
            _once(name, found, archive)
            content = tar.extractfile(member)
            assert content is not None
            found[name] = _take(content, member.size, limit - sum(map(len, found.values())), name, archive)
    return found


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (member := tar.next()) is not None:
        yield member


def _zip(stream: BinaryIO, names: list[str], limit: int, archive: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    wanted = set(names)
    with zipfile.ZipFile(stream) as whole:
        for info in whole.infolist():
            if info.is_dir():
                continue
            name = _plain(info.filename, archive)
            if name not in wanted:
                continue
            if (info.external_attr >> 16) & 0o170000 not in (0, 0o100000):
                raise ValueError(
                    f"archive must hold {name} as a plain file, in {archive} it is a link or device"
                )
            _once(name, found, archive)
            with whole.open(info) as content:
                left = limit - sum(map(len, found.values()))
                found[name] = _take(content, info.file_size, left, name, archive)
    return found


def _deb_data(blob: bytes, archive: str) -> bytes:
    """The member ``data.tar.*`` of a Debian package: an ``ar`` archive of 60-byte headers (deb(5))."""
    at = len(AR_MAGIC)
    while at + 60 <= len(blob):
        header = blob[at : at + 60]
        digits = header[48:58].strip()
        if header[58:] != b"`\n" or not digits.isdigit():
            raise ValueError(
                f"archive must be a whole zip, tar or deb, {archive} has a bad header at byte {at}"
            )
        size = int(digits)
        content = blob[at + 60 : at + 60 + size]
        if len(content) != size:
            raise ValueError(f"archive must be a whole zip, tar or deb, {archive} is cut short")
        if header[:16].strip().rstrip(b"/").startswith(b"data.tar"):
            return content
        at += 60 + size + size % 2
    raise ValueError(f"archive must hold data.tar, {archive} does not")
