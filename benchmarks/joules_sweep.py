"""A sweep over workloads in rounds, idling before and after, and what both scripts of energy print and write."""

import argparse
import os
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from joules import Absent, Clock, Meter, Point, Workload, idle_watts, measure
from joules_fit import Fit, fit, write

__all__ = ["finish", "options", "peaks", "run", "sweep"]

SETTLE = 5.0  # seconds of rest before idling is measured
PICO = 1e12


def options(
    doc: str, default: str, arguments: list[str] | None, **more: dict[str, Any]
) -> argparse.Namespace:
    """The command line: ``--out``, ``--quick``, ``--seconds``, ``--repeats``, and ``more`` of the script's own."""
    parser = argparse.ArgumentParser(description=doc.split("\n")[0])
    parser.add_argument(
        "--out", type=Path, default=Path(default), help="the substrate; JSON is written beside it"
    )
    parser.add_argument("--quick", action="store_true", help="fewer sizes and repeats")
    parser.add_argument("--seconds", type=float, default=2.0, help="of steady state for each measurement")
    parser.add_argument("--repeats", type=int, help="rounds over all workloads (5, quick 3)")
    for name, settings in more.items():
        parser.add_argument(f"--{name}", **settings)
    given = parser.parse_args(arguments)
    if given.repeats is None:
        given.repeats = 3 if given.quick else 5
    if not 1.0 <= given.seconds <= 600.0:
        parser.error(f"--seconds must be in [1, 600], got {given.seconds:g}")
    if not 1 <= given.repeats <= 1000:
        parser.error(f"--repeats must be in [1, 1000], got {given.repeats}")
    folder = given.out.resolve().parent
    if given.out.suffix != ".toml" or given.out.is_dir() or not folder.is_dir():
        parser.error(f"--out must be a .toml file in an existing folder, got {str(given.out)!r}")
    if not os.access(folder, os.W_OK):  # said before minutes of measuring, not after
        parser.error(f"--out must be in a folder that can be written to, got {str(given.out)!r}")
    return given


def run(main: Callable[[], None]) -> int:
    """The exit status: nothing to measure is no error, and nothing is then written."""
    try:
        main()
    except Absent as why:
        print(f"{why}: nothing measured; the substrate is absent")
    return 0


def sweep(
    workloads: Iterable[Workload], meter: Meter, *, repeats: int, seconds: float, warm: float, settle: float = SETTLE,
    clock: Clock | None = None, say: Callable[[str], Any] = print,
) -> tuple[list[Point], float, float]:  # fmt: skip
    """The points of all workloads, and the power of idling before and after (W).

    Each round has its own order (seeded), so that a workload does not always come after the same one, which left the
    chip as warm as it does. A workload that this machine cannot do is left out, and said so; a wrong result raises.
    """
    clock = clock or Clock()
    before = idle_watts(meter, seconds, settle=settle, clock=clock)
    say(f"idling before: {before:.4g} W")
    able, points = list(workloads), []
    for repeat in range(repeats):
        order = list(able)
        random.Random(repeat).shuffle(order)
        for workload in order:
            try:
                point = measure(workload, meter, repeat=repeat, seconds=seconds, warm=warm, clock=clock)
            except (RuntimeError, MemoryError) as error:  # torch's own: too little memory, not supported
                able.remove(workload)
                say(f"left out: {workload.label} ({type(error).__name__}: {str(error).split(chr(10))[0]})")
                continue
            points.append(point)
            name, count = next(iter(point.counts.items()))
            each = f"{point.net(before) / count * PICO:.4g} pJ/{name} if that were all"
            say(f"{repeat + 1}/{repeats} {point.label}: {point.watts:.4g} W, above idling {each}")
    after = idle_watts(meter, seconds, settle=settle, clock=clock)
    say(f"idling after: {after:.4g} W")
    labels = {workload.label for workload in able}
    return [point for point in points if point.label in labels], before, after


def peaks(points: Iterable[Point]) -> dict[str, tuple[float, str]]:
    """The best rates that were measured: a roofline's operations (2 a multiply-add) and bytes a second."""
    best: dict[str, float] = {}
    for point in points:
        for name, count in point.counts.items() if point.priced else ():
            best[name] = max(best.get(name, 0.0), count * point.runs / point.seconds)
    rates = {name.removeprefix("macs_"): (2 * rate, "op/s") for name, rate in best.items() if "macs_" in name}
    rates |= {name: (best[name], "op/s") for name in ("word_xors", "popcounts", "exps") if name in best}
    for name, known in (("dram_bits", "dram"), ("dram_bits_written", "dram_write"), ("l2_bits", "l2")):
        if name in best:
            rates[known] = best[name] / 8, "byte/s"
    return rates


def finish(
    out: Path, points: list[Point], before: float, after: float, describe: Callable[[Fit], dict[str, Any]],
    record: dict[str, Any], *, say: Callable[[str], Any] = print,
) -> None:  # fmt: skip
    """Fit, tell, write the substrate and every raw point."""
    fitted = fit(points, before, after)
    say(f"idling {fitted.idle[0]:.4g} W ({fitted.idle[1]:.4g} to {fitted.idle[2]:.4g}), subtracted")
    for name, (value, low, high) in fitted.constants.items():
        say(f"{name}: {value * PICO:.4g} pJ ({low * PICO:.4g} to {high * PICO:.4g})")
    for name, why in fitted.unresolved.items():
        say(f"{name}: not resolved ({why})")
    for label, residual in fitted.residuals.items():
        say(f"  {residual:+.1%} {label}")
    whole = {
        **record, "idle_watts_before": before, "idle_watts_after": after, "fit": fitted.as_json(),
        "points": [point.as_json() for point in points],
    }  # fmt: skip
    loaded = write(out, describe(fitted), whole)
    say(f"{out}: {loaded.name}, {len(loaded.priced())} constants; every point in {out.with_suffix('.json')}")
