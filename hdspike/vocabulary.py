"""One vocabulary: every counter's one name, used by kernels, JSON, columns and prices alike.

The names and their meanings live in ``schema.json`` beside this file; a run's ``numbers.json`` is validated
against the same file before it is written.
"""

import json
from importlib.resources import files
from typing import Any

import numpy as np

__all__ = ["COUNTERS", "check_counters", "plain", "schema", "validate"]


def schema() -> dict[str, Any]:
    """The schema of ``numbers.json`` (JSON Schema, draft 2020-12)."""
    document: dict[str, Any] = json.loads((files("hdspike") / "schema.json").read_text(encoding="utf-8"))
    return document


COUNTERS: dict[str, str] = {
    name: entry["description"] for name, entry in schema()["$defs"]["counters"]["properties"].items()
}
"""Every legal counter: name → what one unit of it is."""


def check_counters(names: Any) -> None:
    """Raise ``ValueError`` for a name that the vocabulary does not have."""
    unknown = sorted(map(str, set(names) - set(COUNTERS)))
    if unknown:
        raise ValueError(f"counts must use the names of the vocabulary, got {', '.join(unknown)}")


def validate(numbers: Any) -> None:
    """Raise ``ValueError`` where ``numbers`` does not follow the schema, naming the place and the rule."""
    from jsonschema import Draft202012Validator

    errors = sorted(Draft202012Validator(schema()).iter_errors(numbers), key=lambda e: list(map(str, e.path)))
    if errors:
        place = "/".join(map(str, errors[0].absolute_path)) or "the top level"
        raise ValueError(f"numbers must follow the schema: at {place}: {errors[0].message}")


def plain(value: Any) -> Any:
    """``value`` with NumPy scalars and arrays turned into JSON's own types, floats rounded to 6 digits."""
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return float(f"{value:.6g}")
    return value
