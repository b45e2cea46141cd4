"""Vector spaces, one file each. :func:`make` builds one by its short name."""

from hdspike import check
from hdspike.spaces.base import TRAITS, Space
from hdspike.spaces.bsc import BSC
from hdspike.spaces.bsdc import BSDC
from hdspike.spaces.lists import Lists
from hdspike.spaces.sbc import SBC
from hdspike.spaces.sparse import SparseSpace

__all__ = ["BSC", "BSDC", "SBC", "SPACES", "TRAITS", "Lists", "Space", "SparseSpace", "make"]

SPACES = ("bsc", "sbc", "bsdc")


def make(name: str, dim: int) -> Space:
    """The space called ``name``, with its defaults.

    ``bsc`` (dense binary spatter code), ``sbc`` (sparse block code) or ``bsdc`` (binary sparse distributed code).
    """
    check.one_of("space", name, SPACES)
    kinds: dict[str, type[BSC] | type[SBC] | type[BSDC]] = {"bsc": BSC, "sbc": SBC, "bsdc": BSDC}
    return kinds[name](dim)
