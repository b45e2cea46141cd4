"""Vector spaces, one file each. :func:`make` builds one by its short name."""

from hdspike import check
from hdspike.spaces.base import Space
from hdspike.spaces.bsc import BSC
from hdspike.spaces.sbc import SBC

__all__ = ["BSC", "SBC", "Space", "make"]

SPACES = ("bsc", "sbc")


def make(name: str, dim: int) -> Space:
    """The space called ``name``: ``bsc`` (dense binary spatter code) or ``sbc`` (sparse block code)."""
    check.one_of("space", name, SPACES)
    return BSC(dim) if name == "bsc" else SBC(dim)
