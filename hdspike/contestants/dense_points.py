"""The dense twin's results as points of the contest: what ``benchmarks/language_dense.py`` wrote, no torch needed.

A training of S seconds on two cores counts as S seconds (its processor seconds ÷ 2). A character's time is that of
generating one text with a cache of keys and values. The benchmark keeps no bits of blocks: intervals are ±1.96 standard
errors of its own blocks, and differences are unpaired.
"""

from pathlib import Path
from typing import Any

from hdspike.contestants.dense_results import every_result

__all__ = ["dense_points"]

FAMILIES = {"": "dense transformer", "int8": "its int8 twin", "ternary": "its ternary twin"}
NORMAL = 1.96


def dense_points(learned: int, read: int, place: Path | None = None) -> list[dict[str, Any]]:
    """Points of every training of ``learned`` characters that was judged on ``read``; none where there is no result."""

    def taken(held: dict[str, Any]) -> list[dict[str, Any]]:
        same = (held["characters"]["training"], held["characters"]["test"]) == (learned, read)
        return _points(held) if same else []

    found = every_result(taken, place)
    return sorted(found, key=lambda point: (list(FAMILIES.values()).index(point["family"]), point["budget"]))


def _points(held: dict[str, Any]) -> list[dict[str, Any]]:
    train, speed = held["train"], held.get("speed") or []
    alone = next((1e6 * s["processor_seconds_per_character"] for s in speed if s["batch"] == 1), None)
    points = []
    for part, family in FAMILIES.items():
        own = held.get(part) if part else train
        if own is None:
            continue
        trained = own.get("train", own) if part == "ternary" else train
        ways = ("frozen", "streaming") if not part else ("frozen",)
        read = {way: _read(held[way] if not part else own, own, alone if not part else None, way)
                for way in ways if part or way in held}  # fmt: skip
        if not read:
            continue
        points.append(
            {
                "family": family,
                "name": family,
                "budget": float(held["budget_seconds"]),
                "settings": {
                    "budget": held["budget_seconds"],
                    "passes": train["passes"],
                    **train["settings"],
                },
                "learn_seconds": trained.get("processor_seconds", train["processor_seconds"]) / held["cores"],
                "learn_counts": trained.get("counts", train["counts"]),
                "stored_bytes": own["stored_bytes"],
                "read": read,
            }
        )
    return points


def _read(
    reading: dict[str, Any], sizes: dict[str, Any], microseconds: float | None, way: str
) -> dict[str, Any]:
    """One way of reading, in the words of :func:`hdspike.contestants.contest.summary`.

    What a step of learning touches and takes was not measured apart: None where it learns while it reads.
    """
    frozen = way == "frozen"
    bits, error = reading["bits_per_character"], reading["standard_error"]
    half = None if error is None else NORMAL * error
    return {
        "bits": bits,
        "low": None if half is None else bits - half,
        "high": None if half is None else bits + half,
        "accuracy": reading["accuracy"],
        "characters": reading["characters"],
        "sampled": False,
        "microseconds": microseconds if frozen else None,
        "counts": reading["counts_per_character"],
        "blocks": [],
        "active_bytes": sizes["active_bytes"] if frozen else None,
    }
