"""What ``benchmarks/language_dense.py`` found of the dense twin, where it was run: plain numbers, no torch needed.

Training a dense transformer takes minutes, and torch; figures that stand a spiking model beside it read its results
from the user's cache folder, and say so where there are none.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs

__all__ = ["COMMAND", "dense_results", "every_result", "folder"]

COMMAND = "python benchmarks/language_dense.py --out ~/.cache/hdspike/language-dense"


def folder() -> Path:
    """Where the benchmark's results are looked for."""
    return platformdirs.user_cache_path("hdspike") / "language-dense"


def dense_results(part: str, place: Path | None = None) -> dict[str, Any] | None:
    """One part of the results of the longest training that has it; None where there is none.

    Returns ``budget`` (seconds on two cores), ``frozen`` (bits per character of the whole model) and the ``part``.
    """

    def taken(held: dict[str, Any]) -> list[dict[str, Any]]:
        if part not in held:
            return []
        return [
            {
                "budget": float(held["budget_seconds"]),
                "parameters": int(held["train"]["parameters"]),
                "frozen": float(held["frozen"]["bits_per_character"]),
                part: held[part],
            }
        ]

    return max(every_result(taken, place), key=lambda one: float(one["budget"]), default=None)


def every_result(
    take: Callable[[dict[str, Any]], list[dict[str, Any]]], place: Path | None = None
) -> list[dict[str, Any]]:
    """What ``take`` makes of each file of results; nothing of one that is not of this benchmark, or was cut short."""
    found: list[dict[str, Any]] = []
    for file in sorted((folder() if place is None else place).glob("dense-*.json")):
        try:
            found += take(json.loads(file.read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError):
            continue
    return found
