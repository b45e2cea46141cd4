"""The roofline: how long counted work takes at least, and what holds it up (Williams et al., CACM 2009).

    T = max over pipes of (work of the pipe ÷ its peak)

A lower bound: everything overlaps and every pipe runs at its peak. Static power is charged over this time.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from hdspike.substrate import Substrate
from hdspike.vocabulary import check_counters

__all__ = ["EXP_OPERATIONS", "PIPES", "Roofline", "roofline"]

EXP_OPERATIONS = 16
"""Operations taken for one exponential and its addition to the sum: 8 multiply-adds. No source; assumed."""
PIPES = {
    "fp32": ("fp32",),
    "fp16": ("fp16",),
    "bf16": ("bf16", "fp16"),
    "int8": ("int8",),
    "int4": ("int4", "int8"),
    "ternary": ("ternary", "int8"),
}
"""The pipes of arithmetic → the peaks that may bound them, the preferred one before the one it falls back to."""
BYTES = {
    "dram": ("dram_bits", "dram_bits_written"),
    "l2": ("l2_bits", "l2_bits_written"),
    "sram": ("sram_bits", "sram_bits_written"),
}


@dataclass(frozen=True)
class Roofline:
    """The time of some counted work on one substrate, and what bounds it.

    ``pipes``: peak → seconds, for every peak that the work uses. ``operations``: of all arithmetic pipes, an
    exponential as 16. ``dram_bytes``: read and written.
    """

    pipes: dict[str, float]
    operations: float
    dram_bytes: float

    @property
    def seconds(self) -> float:
        """The time of the slowest pipe."""
        return max(self.pipes.values(), default=0.0)

    @property
    def pipe(self) -> str:
        """The peak that is the slowest pipe: ``"dram"``, ``"int8"``, …; ``""`` for no work."""
        return max(self.pipes, key=lambda name: self.pipes[name]) if self.pipes else ""

    @property
    def bound(self) -> str:
        """``"compute"`` where arithmetic is the slowest, else the memory level (``"dram"``, ``"l2"``, ``"sram"``)."""
        return self.pipe if self.pipe in BYTES or not self.pipe else "compute"

    @property
    def intensity(self) -> float:
        """Arithmetic intensity: operations per byte of off-chip memory; ``inf`` where none is moved."""
        return self.operations / self.dram_bytes if self.dram_bytes else float("inf")


def roofline(counts: Mapping[str, int | float], substrate: Substrate) -> Roofline:
    """The roofline of ``counts`` on ``substrate``; its seconds are those of all the counts together.

    Operations: 2 for a multiply-accumulate at the peak of its precision, 16 for an exponential at ``peak.fp32``.
    Additions of a ternary network, and products of odd widths (``adds_int32``, ``bit_products``), take
    max(additions, bit products ÷ 64) multiply-accumulates at ``peak.ternary``. bf16 falls back to
    ``peak.fp16``, int4 and ternary to ``peak.int8``: a chip made for bytes does narrower numbers no faster.
    Pipes that share a peak add up. Bytes: DRAM over ``peak.dram``; L2 and SRAM over ``peak.l2`` and
    ``peak.sram`` where the substrate states them, else they bound nothing, which favours the dense side.

    ``ValueError`` where the substrate lacks a peak that the work needs, and for an unknown counter.
    """
    if not isinstance(substrate, Substrate):
        raise TypeError(f"substrate must be a Substrate (see substrate.load), not {type(substrate).__name__}")
    check_counters(counts)
    work: dict[str, float] = {
        pipe: 2 * counts.get(f"macs_{pipe}", 0) for pipe in PIPES if f"macs_{pipe}" in counts
    }
    if "adds_int32" in counts or "bit_products" in counts:
        work["ternary"] = 2 * max(counts.get("adds_int32", 0), counts.get("bit_products", 0) / 64)
    if "exps" in counts:
        work["fp32"] = work.get("fp32", 0) + EXP_OPERATIONS * counts["exps"]

    pipes: dict[str, float] = {}
    for pipe, operations in work.items():
        peaks = PIPES[pipe]
        peak = next((name for name in peaks if substrate.has(f"peak.{name}")), None)
        if peak is None:
            wanted = " or ".join(f"peak.{name}" for name in peaks)
            raise ValueError(f"substrate must state {wanted} for a roofline, got {substrate.name!r}")
        pipes[peak] = pipes.get(peak, 0.0) + operations / substrate.si(f"peak.{peak}")
    bytes_of = {level: sum(counts.get(name, 0) for name in names) / 8 for level, names in BYTES.items()}
    for level, amount in bytes_of.items():
        if not amount:
            continue
        if substrate.has(f"peak.{level}"):
            pipes[level] = amount / substrate.si(f"peak.{level}")
        elif level == "dram":
            raise ValueError(f"substrate must state peak.dram for a roofline, got {substrate.name!r}")
    return Roofline(pipes, float(sum(work.values())), bytes_of["dram"])
