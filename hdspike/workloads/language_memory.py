"""How many bytes a Spiking HD-Transformer is: as its arrays hold it, and packed, where only what is used is kept.

Packed, with K = min(tokens read, W) places, B blocks of E lines, m synapses a row, and every number in the
smallest whole number of bytes (⌈·⌉):

    window    K·(B·⌈W⌉ + ⌈V⌉) links to the older key (a distance) and values, B·E·⌈W⌉ newest keys, and to learn from
              K·B·⌈E⌉ codes
    lifetime  rows used · ((m − 1)·⌈E⌉ + 1) tags (the pool is the tag of the first block) and how many synapses,
              synapses used · (⌈V⌉ + 1), heads·E·4 where pools begin; to learn, 2 more for the uses of a row
    votes     those ever moved · (4 + 4) number and weight, all weights where that is less; to learn, 4 for their uses
    codes     items and residuals as they are
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hdspike.transformer.model import SpikingTransformer
from hdspike.transformer.settings import LIFETIME, WINDOW

__all__ = ["Occupied", "held_bytes", "occupied", "packed_bytes"]

NUMBER, WEIGHT, USES, PLACE = 4, 4, 2, 4
LEARNING = {
    "window": ("codes",),
    "lifetime": ("uses", "fans"),
    "votes": ("prior_uses", "window_uses", "lifetime_uses", "rates"),
}
"""What only learning or counting needs. Free rows are told by their uses, or by their synapses."""


@dataclass(frozen=True)
class Occupied:
    """What a model has filled: key neurons, rows, synapses of rows, votes that were ever moved."""

    keys: int
    rows: int
    synapses: int
    votes: int


def occupied(model: SpikingTransformer) -> Occupied:
    """Count what the model has filled so far."""
    heads = len(model.settings.heads) if model.settings.memories != LIFETIME else 0
    votes = model.votes
    moved = (votes.prior_uses, votes.window_uses, votes.lifetime_uses)
    return Occupied(
        min(model.read_so_far, model.settings.window) * heads,
        int(np.count_nonzero(model.lifetime.uses)),
        int(np.count_nonzero(model.lifetime.counts)),
        sum(int(np.count_nonzero(uses)) for uses in moved),
    )


def held_bytes(model: SpikingTransformer, *, learning: bool = True) -> dict[str, int]:
    """Bytes of the arrays that a model has to keep, by part, and ``total``.

    Without ``learning`` those that it predicts with.
    """
    found = {}
    for part in ("codes", "window", "lifetime", "votes"):
        arrays: dict[str, NDArray[np.generic]] = getattr(model, part)._asdict()
        skipped = () if learning else LEARNING.get(part, ())
        found[part] = sum(array.nbytes for name, array in arrays.items() if name not in skipped)
    return {**found, "total": sum(found.values())}


def packed_bytes(model: SpikingTransformer, *, learning: bool = True) -> dict[str, int]:
    """The same where only what is used is stored (equations above)."""
    settings, used = model.settings, occupied(model)
    symbol, line, link = (_bytes(size) for size in (len(model.symbols), settings.lines, settings.window + 1))
    heads, places = len(settings.heads), min(model.read_so_far, settings.window)
    window = places * symbol + (places * settings.blocks * line if learning else 0)
    if settings.memories != LIFETIME:
        window += link * settings.blocks * (places + settings.lines)
    lifetime = 0
    if settings.memories != WINDOW:
        row = (settings.synapses - 1) * line + 1 + (USES if learning else 0)
        lifetime = used.rows * row + used.synapses * (symbol + 1) + heads * settings.lines * PLACE
    uses = WEIGHT if learning else 0
    every = sum(weights.size for weights in (model.votes.prior, model.votes.window, model.votes.lifetime))
    votes = min(used.votes * (NUMBER + WEIGHT + uses), every * (WEIGHT + uses))
    tables = ("occurred", "exponentials", "layers", *(("rates",) if learning else ()))
    found = {
        "codes": held_bytes(model)["codes"],
        "window": window,
        "lifetime": lifetime,
        "votes": votes + sum(getattr(model.votes, name).nbytes for name in tables),
    }
    return {**found, "total": sum(found.values())}


def _bytes(values: int) -> int:
    """Whole bytes that tell so many values apart.

    >>> [_bytes(values) for values in (2, 256, 257, 65_536, 65_537)]
    [1, 1, 2, 2, 3]
    """
    return max(1, -(-(values - 1).bit_length() // 8))
