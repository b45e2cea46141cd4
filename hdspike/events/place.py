"""Files that libraries write by themselves: all of a set appear under their names, whole, or none does."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["replacing"]


@contextmanager
def replacing(targets: Iterable[Path]) -> Iterator[list[Path]]:
    """Temporary files beside the targets, with their suffixes, that take their names when the block ends well."""
    wanted = list(targets)
    for target in wanted:
        if target.is_dir():
            raise IsADirectoryError(f"{target} must be a file, it is a folder")
    ready: list[Path] = []
    try:
        for target in wanted:
            handle, name = tempfile.mkstemp(
                dir=target.parent, prefix=f".{target.stem}.", suffix=target.suffix
            )
            os.close(handle)
            ready.append(Path(name))
        yield ready
        for temporary, target in zip(ready, wanted, strict=True):
            temporary.chmod(0o644)
            os.replace(temporary, target)
    finally:
        for temporary in ready:
            temporary.unlink(missing_ok=True)
