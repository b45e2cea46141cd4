"""Where the numbers of a command go: tables on the screen, JSON into a file."""

import sys
from typing import Any

import click

__all__ = ["check_json", "console", "write_json"]


def check_json(file: str | None) -> None:
    """Nothing, if JSON can be written to ``file``, said before any work."""
    import os
    from pathlib import Path

    if file in (None, "-"):
        return
    place = Path(str(file)).absolute()
    if not place.parent.is_dir():
        raise ValueError(f"json must be a file in an existing folder, got {file}")
    if place.is_dir():
        raise ValueError(f"json must be a file, it is a folder: {file}")
    if not os.access(place.parent, os.W_OK):
        raise ValueError(f"json must be a file in a folder that can be written, got {file}")


def write_json(file: str | None, numbers: Any) -> bool:
    """Write ``numbers`` to ``file``, or for ``-`` to the screen; whether tables are to be shown too."""
    import json

    from hdspike.files import write_text

    if file is None:
        return True
    text = json.dumps(numbers, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if file == "-":
        click.echo(text, nl=False)
        return False
    write_text(file, text)
    return True


def console() -> Any:
    """Standard output: as wide as the terminal or, away from one, as COLUMNS says."""
    import os

    from rich.console import Console

    columns = os.environ.get("COLUMNS", "")
    wanted = int(columns) if columns.isdecimal() else 0
    return Console(highlight=False, width=None if sys.stdout.isatty() else wanted or 118)
