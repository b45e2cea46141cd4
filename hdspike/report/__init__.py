"""What a finished run leaves behind: figures, ``numbers.json`` and a self-contained page."""

import json
import tempfile
from pathlib import Path

from hdspike.files import write_all
from hdspike.plot import style
from hdspike.report.figures import figures
from hdspike.report.page import html, quality_rows
from hdspike.report.screen import Stages, print_tables
from hdspike.run import Result

__all__ = ["Stages", "figures", "print_tables", "quality_rows", "writable", "write"]


def writable(out: str | Path) -> Path:
    """The folder ``out`` if a report can be written there, or a ``ValueError`` that says why not.

    A folder that does not exist is not made yet: :func:`write` makes it when there is something to write.
    """
    if not str(out):
        raise ValueError("out must name a folder, got an empty name")
    folder = Path(out)
    try:
        above = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        with tempfile.TemporaryFile(dir=above):
            pass
    except OSError as error:
        raise ValueError(
            f"out must be a folder that can be written, {folder} is not: {error.strerror}"
        ) from error
    return folder


def write(result: Result, folder: Path) -> list[Path]:
    """Write ``report.html``, ``numbers.json`` and the figures, all of them or none."""
    drawn = {}
    for name, figure in figures(result).items():
        drawn[name] = style.svg(figure)
        style.plt.close(figure)
    contents = {f"{name}.svg": text for name, text in drawn.items()}
    contents["numbers.json"] = (
        json.dumps(result.numbers, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    )
    contents["report.html"] = html(result.numbers, drawn)
    folder.mkdir(parents=True, exist_ok=True)
    write_all(folder, {name: text.encode("utf-8") for name, text in contents.items()})
    return [folder / name for name in sorted(contents)]
