"""What it costs to encode the query: its suffix n-grams, as :func:`hdspike.encode.contexts` makes them."""

from hdspike import check
from hdspike.schedules.job import LARGEST, SPACES

__all__ = ["suffixes"]


def suffixes(space: str, dim: int, blocks: int, *, order: int, index_bits: int = 16) -> dict[str, int]:
    """The counts of one context of order n in a space of D bits (64-bit words W = ⌈D/64⌉, B blocks).

    - bsc: n·W words XORed (``encoder_xors``), the majority of n vectors (n·D ``encoder_adds``), and n item vectors
      read (64·n·W ``sram_bits``); the items are stored rotated, so no word is rotated for a query;
    - sbc: block b adds ``1 + b mod n`` indices (``encoder_adds``), each read in ``index_bits`` bits (``sram_bits``).

    ``ValueError``/``TypeError`` for a size that is not an integer of at least 1.
    """
    check.one_of("space", space, SPACES)
    check.integer("dim", dim, low=1, high=LARGEST)
    check.integer("blocks", blocks, low=1, high=LARGEST)
    check.integer("order", order, low=1, high=LARGEST)
    check.integer("index_bits", index_bits, low=1, high=64)
    if space == "bsc":
        words = -(-dim // 64)
        return {"encoder_xors": order * words, "encoder_adds": order * dim, "sram_bits": 64 * order * words}
    whole, rest = divmod(blocks, order)
    added = whole * order * (order + 1) // 2 + rest * (rest + 1) // 2
    return {"encoder_adds": added, "sram_bits": index_bits * added}
