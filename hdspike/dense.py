"""Dense softmax attention, counted: the twin that stands beside every spiking number.

One query over N keys of dimension d and N values of dimension dv is

    o = Σ_i softmax_i(q · k_i) v_i

and costs N·d + N·dv multiply-accumulates and N exponentials. The counts are a **lower bound**: scores and
running sums stay in registers, nothing is stored twice, and every choice below favours the dense side.
"""

from dataclasses import dataclass
from math import ceil

from hdspike import check
from hdspike.substrate import Substrate

__all__ = ["BITS", "EXP_OPERATIONS", "PRECISIONS", "REGISTER_TILE", "DenseCost", "attention"]

BITS = {"fp32": 32, "fp16": 16, "int8": 8}
"""Bits of one key, value, query or output entry."""
PRECISIONS = tuple(BITS)
EXP_OPERATIONS = 16
"""Operations taken for one exponential and its addition to the sum: 8 multiply-adds. No source; assumed."""
REGISTER_TILE = 64
"""Queries that share one read of a key from SRAM: 64 × 256 entries and their sums fit a register file."""
LARGEST = 2**40


@dataclass(frozen=True)
class DenseCost:
    """The counts of a batch of dense attention queries over the same keys.

    ``totals`` holds integers of the whole batch, ``counts`` the same for one query (amortised, so an entry
    may be fractional); the names are those of :data:`hdspike.vocabulary.COUNTERS`.
    """

    keys: int
    dim: int
    value_dim: int
    precision: str
    batch: int
    totals: dict[str, int]

    @property
    def counts(self) -> dict[str, int | float]:
        """The counts of one query: totals ÷ batch."""
        return {
            name: total // self.batch if total % self.batch == 0 else total / self.batch
            for name, total in self.totals.items()
        }

    def seconds(self, substrate: Substrate) -> float:
        """Roofline time of one query, batch-amortised (s): the slowest of its pipes.

        T = max(2·MACs ÷ peak(precision), 16·exponentials ÷ peak(fp32), bytes ÷ bandwidth); in fp32 the two
        first share a pipe and add up. A lower bound: everything overlaps and every pipe runs at its peak.

        ``substrate`` must state ``peak.<precision>``, ``peak.fp32`` (op/s) and ``peak.dram`` (byte/s), or
        ``ValueError``.
        """
        for key in (self.precision, "fp32", "dram"):
            if not substrate.has(f"peak.{key}"):
                raise ValueError(f"substrate must state peak.{key} for a roofline, got {substrate.name!r}")
        operations = {"fp32": 0, self.precision: 0}
        operations[self.precision] += 2 * self.totals[f"macs_{self.precision}"]
        operations["fp32"] += EXP_OPERATIONS * self.totals["exps"]
        times = [amount / substrate.si(f"peak.{pipe}") for pipe, amount in operations.items()]
        times.append(self.totals["dram_bits"] / 8 / substrate.si("peak.dram"))
        return max(times) / self.batch


def attention(
    keys: int,
    dim: int,
    *,
    value_dim: int | None = None,
    precision: str = "fp16",
    batch: int = 1,
    resident: bool = False,
) -> DenseCost:
    """Count dense softmax attention of ``batch`` queries over ``keys`` keys, in bits w of the ``precision``.

    With N keys, dimensions d (``dim``) and dv (``value_dim``, the same unless given), and B queries:

    - ``macs_<precision>`` = B·N·(d + dv)
    - ``exps`` = B·N, each with its addition to the softmax's sum (no counter of its own)
    - ``dram_bits`` = w·(N·(d + dv) + B·(d + dv)): keys and values are fetched once for the batch, queries
      come in and outputs go out
    - ``sram_bits`` = w·(⌈B/64⌉·N·(d + dv) + B·(d + dv)): a word read from SRAM serves up to 64 queries whose
      operands and sums rest in registers; registers are not charged, nor is filling the SRAM

    With ``resident`` the keys and values stay in the chip's largest memory between queries: they are read as
    ``l2_bits`` instead of ``dram_bits`` and ``sram_bits``, and that memory's bandwidth bounds nothing (no source
    gives it; the omission favours the dense side). Whether they fit is for the caller to check.

    ``precision`` is ``fp32``, ``fp16`` or ``int8`` (the output has it too). ``ValueError``/``TypeError``
    where a size is not an integer in [1, 2⁴⁰].
    """
    keys = check.integer("keys", keys, low=1, high=LARGEST)
    dim = check.integer("dim", dim, low=1, high=LARGEST)
    value_dim = dim if value_dim is None else check.integer("value_dim", value_dim, low=1, high=LARGEST)
    precision = check.one_of("precision", precision, PRECISIONS)
    batch = check.integer("batch", batch, low=1, high=LARGEST)

    row = dim + value_dim
    width = BITS[precision]
    reads = ceil(batch / REGISTER_TILE) * keys
    totals = {
        f"macs_{precision}": batch * keys * row,
        "exps": batch * keys,
        "dram_bits": width * row * (batch if resident else keys + batch),
        "sram_bits": width * row * (batch if resident else reads + batch),
    }
    if resident:
        totals["l2_bits"] = width * row * reads
    return DenseCost(keys, dim, value_dim, precision, batch, totals)
