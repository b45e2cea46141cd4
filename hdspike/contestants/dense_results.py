"""What ``benchmarks/language_dense.py`` found of the dense twin, where it was run: plain numbers, no torch needed.

Training a dense transformer takes minutes, and torch; figures that stand a spiking model beside it read its results
from the user's cache folder, and say so where there are none.
"""

import json
from pathlib import Path
from typing import Any

import platformdirs

__all__ = ["COMMAND", "dense_results", "folder"]

COMMAND = "python benchmarks/language_dense.py --out ~/.cache/hdspike/language-dense"


def folder() -> Path:
    """Where the benchmark's results are looked for."""
    return platformdirs.user_cache_path("hdspike") / "language-dense"


def dense_results(part: str, place: Path | None = None) -> dict[str, Any] | None:
    """One part of the results of the longest training that has it; None where there is none.

    Returns ``budget`` (seconds on two cores), ``frozen`` (bits per character of the whole model) and the ``part``.
    """
    found = []
    for file in sorted((folder() if place is None else place).glob("dense-*.json")):
        try:
            held = json.loads(file.read_text(encoding="utf-8"))
            if part in held:
                found.append(
                    {
                        "budget": float(held["budget_seconds"]),
                        "parameters": int(held["train"]["parameters"]),
                        "frozen": float(held["frozen"]["bits_per_character"]),
                        part: held[part],
                    }
                )
        except (ValueError, KeyError, TypeError):
            continue  # a file that is not of this benchmark, or cut short
    return max(found, key=lambda one: float(one["budget"]), default=None)
