"""What a model takes, known from its settings before it is made.

    codes     2·B·(V + (L + 1)·2ᴸ + words) + V + 1
    window    R·(6·B + 2) + 4·B·E,                          R ≥ W + SPAN a power of two
    lifetime  Σ_heads E·rows·(2·m + 2 + 3·fan_out) + 4·B·E + 32·heads
    votes     8·Σ_heads longer·totals·distincts·LEVELS·(ranks + 1), and tables
    spikes    what the heads fired at, for the positions of a span

bytes, with B blocks of E lines, m of them a head's, V symbols and L layers. Nothing of it grows while a model learns.
"""

import os

from hdspike import check
from hdspike.transformer.settings import SUFFIX, WINDOW, Settings
from hdspike.transformer.votes import GAP, LEVELS
from hdspike.transformer.window import SPAN

__all__ = ["check_memory", "memory_bytes", "stored_bytes"]


def memory_bytes(settings: Settings, symbols: int) -> dict[str, int]:
    """Bytes of each part of a model of ``symbols`` symbols, as the arrays that hold it.

    Reading without learning takes what the codes, the window and the spikes take once more; reading and learning, all.

    >>> sum(memory_bytes(Settings(), 103).values())
    88203376
    """
    check.integer("symbols", symbols, low=1)
    heads, blocks, lines, m = settings.heads, settings.blocks, settings.lines, settings.synapses
    depth = heads[-1].layer
    words = max((head.reach for head in heads if head.kind != SUFFIX), default=1)
    ring = 1 << (settings.window + SPAN - 1).bit_length()
    seen = settings.longer * settings.totals * settings.distincts * LEVELS * (settings.ranks + 1)
    most = min(settings.winners, symbols) + max(head.fan_out for head in heads)
    rows = () if settings.memories == WINDOW else heads
    return {
        "codes": 2 * blocks * (symbols + ((depth + 1) << depth) + words) + symbols + 1,
        "window": ring * (6 * blocks + 2) + 4 * blocks * lines,
        "lifetime": sum(lines * head.rows * (2 * m + 2 + 3 * head.fan_out) for head in rows)
        + 4 * blocks * lines
        + 32 * len(heads),
        "votes": 8 * len(heads) * seen + 8 * (symbols + GAP + 2 * LEVELS + len(heads)),
        "spikes": 4 * (SPAN + 1) * len(heads) * (most + 2),
    }


def stored_bytes(settings: Settings, symbols: int) -> int:
    """What must be kept of such a model so that it predicts, and learns on: the arrays of its file.

    Left out is what follows from the settings, and the spikes of all positions but the last.
    """
    parts, heads = memory_bytes(settings, symbols), len(settings.heads)
    follows = 2 * settings.blocks * symbols + symbols + 32 * heads + 8 * (GAP + LEVELS + heads)
    return sum(parts.values()) - follows - parts["spikes"] // (SPAN + 1) * SPAN


def check_memory(settings: Settings, symbols: int) -> int:
    """The bytes of all parts, if this machine has so many.

    Raises:
        ValueError: a model that is larger than the machine's memory.
    """
    parts = memory_bytes(settings, symbols)
    total, there = sum(parts.values()), _physical()
    if total > there:
        most = max(parts, key=parts.__getitem__)
        raise ValueError(
            f"settings must describe a model that fits the {there / 1e9:,.1f} GB of this machine's memory, "
            f"it would take {total / 1e9:,.1f} GB, {parts[most] / 1e9:,.1f} GB of them for its {most}"
        )
    return total


def _physical() -> int:
    """Bytes of memory in this machine; 2⁴⁰ where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 1 << 40
