"""Joules per operation of this machine's processor, measured: ``python benchmarks/cpu_energy.py --out FILE.toml``.

Packed XOR + popcount search, majority, fp32 and int8 matrix products in NumPy, reading and writing, on as many threads
as ``NUMBA_NUM_THREADS`` (and BLAS) take, each over sizes from the caches to memory; a regression (``joules_fit.py``)
tells operations from bits moved. Writes a substrate of kind *measured*, ledger *path*, and every raw point as JSON
beside it. Idling is measured before and after, subtracted and shown. Where the kernel shows no RAPL, or does not let
us read it, the script says so, writes nothing and exits with 0.

What the meter is. RAPL's energy counter of each package, and of its memory where there is one (zone ``dram``), as
``/sys/class/powercap/intel-rapl:*/energy_uj`` (Linux; AMD's processors stand there under the same name): what a
running chip was measured to need, wires and control included, hence the ledger *path*; the board, its voltage
regulators and its power supply are not in it. The counter is updated about every millisecond in steps of some 15 µJ
and wraps around, at ``max_energy_range_uj``, within about a minute at high power (Intel SDM 3B, section 14.9; kernel
documentation of ``amd_energy``); the wrap is undone as long as it is read once in between, which is done many times a
second. On some processors the counter is a model of events and not a measurement (Weaver, "Linux support for power
measurement interfaces"). Other work of the machine is in the numbers: let it rest.
"""

import re
import sys
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import cpu_work
from joules import Absent, Point
from joules_fit import Fit, document
from joules_sweep import finish, options, peaks, run, sweep

ROOT = Path("/sys/class/powercap")
WARM = 0.5  # seconds
NOTES = """\
Measured with RAPL, so the caches, the wires and the control of the package are inside every number, and {memory}.
A word's XOR and popcount hold its loads from the first-level cache. Multiply-adds of int8 are those of NumPy, which
has no fast integer matrix product, and say nothing of what the processor could do. Static power is that of idling."""


class Rapl:
    """The sum of the packages' counters, and of their memories', since the first reading; wraps are undone."""

    def __init__(self, root: Path = ROOT) -> None:
        zones = {place: self._text(place / "name") for place in sorted(root.glob("intel-rapl:*"))}
        packages = [
            p for p, name in zones.items() if re.fullmatch(r"intel-rapl:\d+", p.name) and "package" in name
        ]
        memories = [
            p
            for p, name in zones.items()
            if name == "dram" and p.name.rsplit(":", 1)[0] in {q.name for q in packages}
        ]
        if not packages:
            raise Absent("the kernel shows no RAPL energy counter here")
        self.memory = bool(memories)
        self.zones = packages + memories
        self.name = f"RAPL, {len(packages)} package(s)" + (" and memory" if memories else "")
        self._ranges = [self._number(zone / "max_energy_range_uj") for zone in self.zones]
        self._last = [self._number(zone / "energy_uj") for zone in self.zones]
        self._total = 0

    @staticmethod
    def _text(path: Path) -> str:
        try:
            return path.read_text(encoding="ascii").strip()
        except PermissionError:
            raise Absent(f"RAPL is here, but only root may read {path} (since CVE-2020-8694)") from None
        except (OSError, UnicodeDecodeError):
            return ""

    def _number(self, path: Path) -> int:
        told = self._text(path)
        if not told.isdecimal():
            raise Absent(f"RAPL is here, but {path} holds no number")
        return int(told)

    def joules(self) -> float:
        for n, zone in enumerate(self.zones):
            now = self._number(zone / "energy_uj")
            passed = now - self._last[n]
            self._total += passed if passed >= 0 else passed + self._ranges[n]
            self._last[n] = now
        return self._total * 1e-6

    def state(self) -> dict[str, float]:
        return {}


def processor(info: Path = Path("/proc/cpuinfo")) -> str:
    """The name of the processor."""
    try:
        told = re.search(r"^model name\s*:\s*(.+)$", info.read_text(encoding="utf-8", errors="replace"), re.M)
    except OSError:
        told = None
    return " ".join(told[1].split()) if told else "unnamed processor"


def describe(
    points: list[Point], fitted: Fit, meter: Rapl, *, name: str, day: str, repeats: int
) -> dict[str, Any]:
    """The substrate of this processor."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    labels = {point.label for point in points if point.priced}
    source = (
        f"measured by benchmarks/cpu_energy.py on {name}, {day}, {cpu_work.threads()} threads; {meter.name}; {repeats} "
        f"repeats of {len(labels)} workloads and sizes, nonnegative regression, idling subtracted"
    )
    memory = (
        "so is its memory"
        if meter.memory
        else "its memory is not: bits from it are those of the package alone"
    )
    return document(
        fitted,
        name=f"{slug}-measured",
        title=f"{name}, measured on {day}",
        node="not stated",
        ledger="path",
        notes=NOTES.format(memory=memory),
        source=source,
        peaks=peaks(points),
        sizes={"l2_memory": cpu_work.cache()},
    )


def main(arguments: list[str] | None = None, root: Path = ROOT) -> None:
    given = options(__doc__, "cpu-measured.toml", arguments)
    meter = Rapl(root)
    name, day = processor(), date.today().isoformat()
    print(f"{name}, {cpu_work.threads()} threads, {meter.name}")
    work = cpu_work.workloads(quick=given.quick)
    points, before, after = sweep(work, meter, repeats=given.repeats, seconds=given.seconds, warm=WARM)
    tell = partial(describe, points, meter=meter, name=name, day=day, repeats=given.repeats)
    record = {"device": name, "date": day, "meter": meter.name, "threads": cpu_work.threads()}
    finish(given.out, points, before, after, lambda fitted: tell(fitted=fitted), record)


if __name__ == "__main__":
    sys.exit(run(main))
