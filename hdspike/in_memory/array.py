r"""An array of memory cells that computes on whole rows: how vectors lie in it, and what operations are charged.

.. math:: \text{rows of M vectors} = M\,\lceil D / R \rceil, \quad
          \text{packed side by side}\ \lceil M / \lfloor R / D \rfloor \rceil

where D is the dimension and R the bits of a row. An operation works on whole rows and is charged for whole rows, used
or not: a vector of 10,000 bits in a DRAM row of 8 KiB (65,536 bits) uses 15 % of it. Operands must lie in the same
**subarray** (rows that share their sense amplifiers), so a query is written into every subarray that holds
something to compare it with. Results stay in the array; what leaves it is read in bursts.
"""

from dataclasses import dataclass

from hdspike import check

__all__ = ["BITLINE", "DRAM", "Array"]


@dataclass(frozen=True)
class Array:
    """The shape of an array.

    Attributes:
        row_bits: bits of a row, the columns that compute together.
        rows: rows of a subarray that hold data.
        burst_bits: what one access from outside reads or writes at least.
        packed: whether vectors that are short enough share a row.
        memory: ``dram`` or ``sram``: under which counters its reads and writes from outside are counted.

    >>> DRAM.rows_of(1000, 10_000), Array(65_536, 1006, 512, packed=True).rows_of(1000, 10_000)
    (1000, 167)
    """

    row_bits: int
    rows: int
    burst_bits: int = 1
    packed: bool = False
    memory: str = "dram"

    def __post_init__(self) -> None:
        for name in ("row_bits", "rows", "burst_bits"):
            check.integer(name, getattr(self, name), low=1)
        check.one_of("memory", self.memory, ("dram", "sram"))

    def rows_of(self, vectors: int, dim: int) -> int:
        """Rows that ``vectors`` of ``dim`` bits take."""
        check.integer("vectors", vectors, low=0)
        check.integer("dim", dim, low=1)
        side_by_side = self.row_bits // dim if self.packed else 1
        if side_by_side > 1:
            return -(-vectors // side_by_side)
        return vectors * -(-dim // self.row_bits)

    def subarrays(self, vectors: int, dim: int, *, guests: int = 0) -> int:
        """Subarrays that ``vectors`` fill where each keeps ``guests`` rows free for every slice of a vector.

        A vector longer than a row has its slices in different subarrays, so that those of all vectors meet.
        """
        room = self.rows - check.integer("guests", guests, low=0)
        if room < 1:
            raise ValueError(f"guests must leave a row of the {self.rows} of a subarray, got {guests}")
        slices = 1 if self.packed and self.row_bits >= 2 * dim else -(-dim // self.row_bits)
        return slices * -(-self.rows_of(vectors, dim) // (slices * room))

    def burst(self, dim: int) -> int:
        """Bits that move when one vector of ``dim`` bits is read or written from outside."""
        return -(-check.integer("dim", dim, low=1) // self.burst_bits) * self.burst_bits

    def xored(self, items: int, dim: int, queries: int) -> dict[str, int]:
        """Counts of ``queries`` XORed with each of ``items``; the results stay in the array.

        ``in_memory_xor_bits`` are results, whole rows; the copies that bring the operands to where they are combined
        belong to the operation, as in Ambit's own figures. ``dram_bits_written`` (``sram_bits_written``): a query is
        written, a whole row (packed: repeated in it), into each subarray, where it and a result have a row each.
        """
        check.integer("queries", queries, low=0)
        rows, groups = self.rows_of(items, dim), self.subarrays(items, dim, guests=2)
        return {
            "in_memory_xor_bits": queries * rows * self.row_bits,
            f"{self.memory}_bits_written": queries * groups * self.row_bits,
        }

    def read_out(self, vectors: int, dim: int) -> dict[str, int]:
        """Counts of ``vectors`` read from the array, in whole bursts."""
        check.integer("vectors", vectors, low=0)
        return {f"{self.memory}_bits": vectors * self.burst(dim)}

    def bundled(self, members: int, dim: int) -> dict[str, int]:
        """Counts of one bundle of ``members`` as a tree of majorities of three (:func:`in_memory.majority`).

        A majority of three activates the rows of its operands together and so overwrites them: each is copied to such a
        row before (``in_memory_copy_bits``, three rows), then one row is computed (``in_memory_majority_bits``). An AND
        of Ambit is the same with a row of zeros as the third operand. Members lie in the subarray of the tree.
        """
        bits = majorities(members) * self.rows_of(1, dim) * self.row_bits
        return {"in_memory_copy_bits": 3 * bits, "in_memory_majority_bits": bits}


def majorities(members: int) -> int:
    """Majorities of three in a tree over K ``members``: ``⌊K ÷ 2⌋``, each takes three, leaves one."""
    return check.integer("members", members, low=1) // 2


DRAM = Array(row_bits=8 * 8192, rows=1006, burst_bits=512)
"""Ambit: rows of 8 KiB; of the 1024 rows of a subarray 1006 hold data (Seshadri et al., MICRO 2017)."""

BITLINE = Array(row_bits=256, rows=256, memory="sram")
"""An SRAM array of 256 × 256 that activates two rows at once (Eckert et al., ISCA 2018)."""
