"""Winners found by events, counted on a processor that has the lists in its memory.

A **lower bound** like :func:`hdspike.dense.winners.winners_attention`, with the same names: B queries (``batch``) share
N ``keys`` of d entries and values of dv, k ``winners``, A ``appended`` keys, w bits an entry.
"""

from math import ceil, floor, isfinite

from hdspike import check
from hdspike.dense.cost import LARGEST, REGISTER_TILE, SECTOR_BITS, DenseCost, counted
from hdspike.dense.precision import BITS, activation_products
from hdspike.dense.searched import with_bundles
from hdspike.dense.winners import insertions, winners_attention

__all__ = ["event_attention"]

PLACE_BITS = 32
"""Bits of an entry of a list: which key."""
REST_BITS = 16
POTENTIAL_BITS = 32


def event_attention(
    keys: int,
    dim: int,
    winners: int,
    blocks: int,
    lines: int,
    events: float,
    candidates: int,
    *,
    bundles: int = 0,
    scored: bool = True,
    value_dim: int | None = None,
    precision: str = "bf16",
    batch: int = 1,
    appended: int = 0,
    on_chip: bool = False,
) -> DenseCost:
    """Count k winners among the m ``candidates`` that S = ⌊f·N⌋ synaptic events of each query find, f = ``events``.

    Keys are codes of b ``blocks`` of E ``lines``; each query has rests of its own, as the heads that share keys have.

    - multiply-accumulates: (A + B)·(d² + E·d) to turn keys and queries and compare them with the lines, by matrices
      that stay on the chip; A·B·d rests; B·m·d exact scores; B·k·dv values. ``exps`` = B·k
    - ``adds_int32`` = B·(S + b·E + N + I(N, m)·⌈log₂(m + 1)⌉): an event adds a weight, a line is laid to the events of
      its strength, a potential is compared; and B·(m + I(m, k)·⌈log₂(k + 1)⌉) where m > k;
      I = :func:`hdspike.dense.winners.insertions`; nothing is compared where m = N
    - ``dram_bits`` = B·(16·N rests + 32·S entries of lists in whole sectors) + the keys of candidates and the values of
      winners in whole sectors, + w·B·d; ``dram_bits_written`` = A·(w·(d + dv) + 32·b + 16·B) + w·B·dv; ``on_chip`` as
      ever
    - ``sram_bits`` = B·(16·N + 32·S + 32·(N + S) potentials) + w·B·(m·d + k·dv + d) + w·(⌈A/64⌉ + ⌈B/64⌉)·(d² + E·d);
      ``sram_bits_written`` = B·32·(N + S) + w·B·dv

    Left out, as it is a lower bound: the table of the lists, 64·b·E bits of starts and lengths for each key head; that
    every list begins in a sector of its own; the mean of the silent lines; lists that move as they grow.

    Where the code alone weighs the winners nothing is ``scored``: no exact score, no key is read.
    A chip on which each key is a neuron keeps its potential and rest: :mod:`hdspike.schedules` counts that. With
    ``bundles``, besides, what :func:`hdspike.dense.bundled_attention` adds for all other keys.

    >>> event_attention(4096, 64, 41, 4, 256, 0.5, 164).counts["adds_int32"]
    13456
    """
    keys = check.integer("keys", keys, low=1, high=LARGEST)
    simple = winners_attention(
        keys, dim, winners, value_dim=value_dim, precision=precision, batch=batch, appended=appended, on_chip=on_chip
    )  # fmt: skip
    blocks = check.integer("blocks", blocks, low=1, high=LARGEST)
    lines = check.integer("lines", lines, low=1, high=LARGEST)
    if not (isfinite(events) and 0 <= events <= LARGEST):
        raise ValueError(f"events must be a finite number from 0 to {LARGEST}, got {events}")
    candidates = check.integer("candidates", candidates, low=winners, high=keys)
    bundles = check.integer("bundles", bundles, low=0, high=LARGEST)
    value_dim = dim if value_dim is None else value_dim
    width, outside, spent = BITS[precision], 0 if on_chip else batch, floor(events * keys)
    row, value, entries = (
        ceil(bits / SECTOR_BITS) * SECTOR_BITS
        for bits in (width * dim, width * value_dim, PLACE_BITS * spent)
    )
    found = keys + insertions(keys, candidates) * candidates.bit_length() if candidates < keys else 0
    best = candidates + insertions(candidates, winners) * winners.bit_length() if winners < candidates else 0
    turned = dim * dim + lines * dim
    macs = (appended + batch) * turned + appended * batch * dim
    exact = candidates if scored else 0
    macs += batch * (exact * dim + winners * value_dim)
    tiles = ceil(appended / REGISTER_TILE) + ceil(batch / REGISTER_TILE)
    totals = activation_products(precision, macs) | {
        "adds_int32": batch * (spent + blocks * lines + found + best),
        "exps": batch * winners,
        "dram_bits": batch * (REST_BITS * keys + entries)
        + row * min(keys, batch * exact)
        + value * min(keys, batch * winners)
        + width * outside * dim,
        "dram_bits_written": appended * (width * (dim + value_dim) + PLACE_BITS * blocks + REST_BITS * batch)
        + width * outside * value_dim,
        "sram_bits": batch * (REST_BITS * keys + PLACE_BITS * spent + POTENTIAL_BITS * (keys + spent))
        + width * batch * (exact * dim + winners * value_dim + dim)
        + width * tiles * turned,
        "sram_bits_written": batch * POTENTIAL_BITS * (keys + spent) + width * batch * value_dim,
    }
    what = f"{simple.what} by {events:g} events a key"
    cost = DenseCost(what, "query", batch, precision, macs, counted(totals))
    if not bundles:
        return cost
    return with_bundles(
        cost, keys, dim, winners, bundles, value_dim=value_dim, batch=batch, appended=appended
    )
