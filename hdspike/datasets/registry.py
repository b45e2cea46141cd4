"""Every data set there is, by name. A new family is one file with its ``SETS`` and a line here."""

from hdspike.datasets import (
    connectome,
    gesture,
    images,
    languages,
    models,
    prose,
    recordings,
    series,
    similarity,
    tables,
)
from hdspike.datasets.source import Dataset

__all__ = ["SETS", "find", "markdown"]

FAMILIES = (images, languages, tables, series, prose, similarity, models, gesture, connectome, recordings)
SETS: dict[str, Dataset] = {entry.name: entry for family in FAMILIES for entry in family.SETS}


def find(name: str) -> Dataset:
    """The data set called ``name``."""
    if not isinstance(name, str) or name not in SETS:
        raise ValueError(f"NAME must be a data set, one of {', '.join(SETS)}, got {name!r}")
    return SETS[name]


def markdown() -> str:
    """All sets as a Markdown table: what they are, where they come from, and their sizes."""
    rows = ["| name | what | licence | package | fetched | kept |", "|---|---|---|---|---|---|"]
    for name, entry in SETS.items():
        package = entry.package
        rows.append(
            f"| `{name}` | {entry.what} | {entry.licence} | {package.client}: `{package.name}` {package.version} "
            f"| {package.size / 1e6:.1f} MB | {entry.size / 1e6:.1f} MB |"
        )
    return "\n".join(rows)
