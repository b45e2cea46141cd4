"""From measured points to constants: a regression with no negative energy, its range, and a substrate file.

    E_run = Σ_c counts_c · e_c + P_idle · t_run,     e ≥ 0

``E_run`` and ``t_run`` are measured, ``P_idle`` is measured before and after, so that nonnegative least squares
(Lawson & Hanson 1974) finds the e; each row is divided by its own energy, so that small and large sizes count alike.
Sizes separate arithmetic from memory: what stays on the chip has operations only, what does not moves its bits too.

The value is the median over repeats. ``low`` and ``high`` are the extremes over everything that could have been done
otherwise: each repeat alone, repeats mixed (each workload's drawn at random, 200 times), each workload and size left
out, idling as before or as after, and a constant power of being busy above idling (watts that go with time and not
with counts) admitted to the regression. No ``low`` is below what a thousandth of the energy of any workload would be:
less cannot be seen, and a constant whose value is less is not resolved and left out.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from joules import Point
from numpy.typing import NDArray
from scipy.optimize import nnls

from hdspike import files, substrate

__all__ = ["Fit", "document", "fit", "toml", "write"]

DRAWS = 200  # of mixed repeats
SEEN = 1e-3  # of a workload's energy: less than this share of every workload cannot be seen


@dataclass(frozen=True)
class Fit:
    """Joules per count: value, low, high; relative residual of each workload; what was not resolved, and why."""

    constants: dict[str, tuple[float, float, float]]
    residuals: dict[str, float]
    unresolved: dict[str, str]
    idle: tuple[float, float, float]
    busy: float

    def as_json(self) -> dict[str, Any]:
        return {
            "joules_per_count": {
                name: dict(zip(("value", "low", "high"), values, strict=True))
                for name, values in self.constants.items()
            },
            "relative_residuals": self.residuals,
            "unresolved": self.unresolved,
            "idle_watts": dict(zip(("value", "low", "high"), self.idle, strict=True)),
            "watts_while_busy_above_idling": self.busy,
        }


def _rows(points: Sequence[Point]) -> dict[str, list[Point]]:
    rows: dict[str, list[Point]] = {}
    for point in points:
        if point.priced:
            rows.setdefault(point.label, []).append(point)
    return rows


def _solve(
    rows: dict[str, tuple[dict[str, int], float, float]], names: Sequence[str], idle: float, *, busy: bool
) -> NDArray[np.float64] | None:
    """Joules per count, then watts if ``busy``; ``rows``: counts, joules and seconds of a run. None if undetermined."""
    design = np.array(
        [
            [counts.get(n, 0) for n in names] + ([seconds] if busy else [])
            for counts, _, seconds in rows.values()
        ],
        dtype=np.float64,
    )
    total = np.array([joules for _, joules, _ in rows.values()])
    target = 1.0 - idle * np.array([seconds for _, _, seconds in rows.values()]) / total
    design = design / total[:, None]
    scale = np.linalg.norm(design, axis=0)
    if np.any(scale == 0.0) or np.linalg.matrix_rank(design / scale, tol=1e-6) < design.shape[1]:
        return None
    return np.asarray(nnls(design / scale, target)[0]) / scale


def fit(points: Iterable[Point], idle_before: float, idle_after: float) -> Fit:
    """The constants of all counters that the points have.

    Raises ``ValueError`` where sizes and workloads cannot tell the counters apart.
    """
    rows = _rows(list(points))
    names = sorted({name for many in rows.values() for name in many[0].counts})
    idle = 0.5 * (idle_before + idle_after)
    middle = {
        label: (many[0].counts, median(p.joules for p in many), median(p.seconds / p.runs for p in many))
        for label, many in rows.items()
    }
    whole = _solve(middle, names, idle, busy=False)
    if whole is None:
        raise ValueError(
            f"points must tell {', '.join(names)} apart, got {len(rows)} workloads and sizes that do not"
        )
    repeats = sorted({p.repeat for many in rows.values() for p in many})
    each = []
    for repeat in repeats:
        alone = {label: [p for p in many if p.repeat == repeat] for label, many in rows.items()}
        one = {k: (v[0].counts, v[0].joules, v[0].seconds / v[0].runs) for k, v in alone.items() if v}
        each.append(_solve(one, names, idle, busy=False))
    kept = [solution for solution in each if solution is not None]
    value = np.median(kept, axis=0) if kept else whole

    variants = [value, whole, *kept]
    rng = np.random.default_rng(0)
    for _ in range(DRAWS if len(repeats) > 1 else 0):
        mixed = {label: many[rng.integers(len(many))] for label, many in rows.items()}
        one = {label: (p.counts, p.joules, p.seconds / p.runs) for label, p in mixed.items()}
        if (solution := _solve(one, names, idle, busy=False)) is not None:
            variants.append(solution)
    variants += [
        v for p in (idle_before, idle_after) if (v := _solve(middle, names, p, busy=False)) is not None
    ]
    for left_out in middle:
        rest = {label: row for label, row in middle.items() if label != left_out}
        if (solution := _solve(rest, names, idle, busy=False)) is not None:
            variants.append(solution)
    with_busy = _solve(middle, names, idle, busy=True)
    if with_busy is not None:
        variants.append(with_busy[:-1])
    low, high = np.min(variants, axis=0), np.max(variants, axis=0)

    constants, unresolved = {}, {}
    for n, name in enumerate(names):
        least = SEEN * min(joules / counts[name] for counts, joules, _ in middle.values() if counts.get(name))
        if value[n] < least:
            unresolved[name] = (
                f"{value[n]:.3g} J, at most {high[n]:.3g} J; below {least:.3g} J nothing can be seen"
            )
        else:
            constants[name] = float(value[n]), float(max(low[n], least)), float(high[n])
    residuals = {
        label: float(
            (sum(c * value[names.index(n)] for n, c in counts.items()) + idle * seconds) / joules - 1.0
        )
        for label, (counts, joules, seconds) in middle.items()
    }
    ends = sorted((idle_before, idle_after))
    busy = float(with_busy[-1]) if with_busy is not None else 0.0
    return Fit(constants, residuals, unresolved, (idle, ends[0], ends[1]), busy)


def _entry(
    value: float, low: float, high: float, unit: str, source: str, factor: float = 1.0
) -> dict[str, Any]:
    given = (float(f"{x / factor:.6g}") for x in (value, low, high))
    value, low, high = given
    return {"value": value, "unit": unit, "low": low, "high": high, "verified": True, "source": source}


def document(
    fitted: Fit,
    *,
    name: str,
    title: str,
    node: str,
    ledger: str,
    notes: str,
    source: str,
    peaks: dict[str, tuple[float, str]],
    sizes: dict[str, int],
) -> dict[str, Any]:
    """A substrate of kind *measured*; ``peaks``: name → (rate, unit), ``sizes``: name → bytes."""
    energy = {
        counter: _entry(
            *values, "pJ/bit" if counter.endswith(("_bits", "_bits_written")) else "pJ", source, 1e-12
        )
        for counter, values in fitted.constants.items()
    }
    if fitted.unresolved:
        told = "; ".join(f"{counter} ({why})" for counter, why in sorted(fitted.unresolved.items()))
        notes = f"{notes}\nNot resolved by the regression, so absent: {told}."
    worst = max(fitted.residuals.items(), key=lambda item: abs(item[1]))
    notes += (
        f"\nThe regression misses the measured energy by at most {abs(worst[1]):.1%} ({worst[0]}); a constant power of "
        f"being busy, if admitted, would be {fitted.busy:.3g} W above idling."
    )
    resting = _entry(*fitted.idle, "W", source)
    plain = {"source": source, "verified": True}
    return {
        "format": 1,
        "name": name,
        "title": title,
        "kind": "measured",
        "node": node,
        "ledger": ledger,
        "notes": notes,
        "topology": {
            key: {"value": size, "unit": "byte", **plain} for key, size in sizes.items() if size > 0
        },
        "energy": energy,
        "power": {"static": resting, "idle": resting},
        "peak": {
            key: {"value": float(f"{rate:.6g}"), "unit": unit, **plain} for key, (rate, unit) in peaks.items()
        },
    }


def _text(value: Any) -> str:
    """A TOML value: text without control characters, numbers and truth are written as in JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def toml(content: dict[str, Any]) -> str:
    """A substrate as TOML: the header, then each table with one line per entry."""
    lines = [f"{key} = {_text(value)}" for key, value in content.items() if not isinstance(value, dict)]
    for table, entries in content.items():
        if isinstance(entries, dict) and entries:
            lines += ["", f"[{table}]"]
            for key, entry in entries.items():
                lines.append(f"{key} = {{ {', '.join(f'{k} = {_text(v)}' for k, v in entry.items())} }}")
    return "\n".join(lines) + "\n"


def write(out: Path, content: dict[str, Any], record: dict[str, Any]) -> substrate.Substrate:
    """Write the substrate to ``out`` (``.toml``) and every raw point beside it (``.json``): both, or neither.

    The file is read back by :func:`hdspike.substrate.load` before it gets its name.
    """
    text = toml(content)
    with TemporaryDirectory() as folder:
        draft = Path(folder) / out.name
        draft.write_text(text, encoding="utf-8")
        loaded = substrate.load(draft)
    raw = json.dumps(record, indent=1, allow_nan=False) + "\n"
    files.write_all(out.parent, {out.with_suffix(".json").name: raw.encode(), out.name: text.encode()})
    return loaded
