"""Two rules around the winners, counted on a processor: codes that find them, and bundles of the other keys.

Both are **lower bounds** like :func:`hdspike.dense.winners.winners_attention`, with the same names: B queries
(``batch``) share N ``keys`` of d entries and values of dv, k ``winners``, A ``appended`` keys, w bits an entry.
"""

from math import ceil

from hdspike import check
from hdspike.dense.cost import LARGEST, REGISTER_TILE, SECTOR_BITS, DenseCost, counted
from hdspike.dense.precision import BITS, activation_products
from hdspike.dense.winners import insertions, winners_attention

__all__ = ["SUM_BITS", "bundled_attention", "coded_attention"]

SUM_BITS = 32
"""Bits of an entry of a bundle: a sum of many keys or values."""


def _added(cost: DenseCost, what: str, macs: int, more: dict[str, int]) -> DenseCost:
    """``cost`` with more work over the same queries."""
    totals = dict(cost.totals)
    for name, amount in (activation_products(cost.precision, macs) | more).items():
        totals[name] = totals.get(name, 0) + amount
    return DenseCost(what, cost.unit, cost.units, cost.precision, cost.macs + macs, counted(totals))


def bundled_attention(
    keys: int,
    dim: int,
    winners: int,
    bundles: int,
    *,
    value_dim: int | None = None,
    precision: str = "bf16",
    batch: int = 1,
    appended: int = 0,
    on_chip: bool = False,
) -> DenseCost:
    """Count k exact winners and all other keys in c ``bundles``: :func:`winners_attention`, and besides

    - multiply-accumulates: A·c·d to find the bundle of a new key, A·(d + dv) to add it, B·c·(d + dv) for scores and
      values of the bundles; the winners' values are taken out with the weights that they have already
    - ``exps`` = B·c; ``adds_int32`` = B·k: the score of each winner is taken from its bundle's
    - ``dram_bits`` = 32·c·(d + dv + 1) sums and sizes + w·c·d centroids where A > 0 + a sector for the bundle's number
      of each winner, at most min(N, B·k); ``dram_bits_written`` = A·(32·(d + dv + 1) + 8)
    - ``sram_bits``: the sums once for 64 queries, the centroids, a byte a winner; ``sram_bits_written``: A sums

    >>> bundled_attention(4096, 64, 25, 16).counts["exps"]
    41
    """
    cost = winners_attention(
        keys, dim, winners, value_dim=value_dim, precision=precision, batch=batch, appended=appended, on_chip=on_chip
    )  # fmt: skip
    value_dim = dim if value_dim is None else value_dim
    return with_bundles(
        cost, keys, dim, winners, bundles, value_dim=value_dim, batch=batch, appended=appended
    )


def with_bundles(
    cost: DenseCost,
    keys: int,
    dim: int,
    winners: int,
    bundles: int,
    *,
    value_dim: int,
    batch: int,
    appended: int,
) -> DenseCost:
    """``cost`` of k winners, however found, and what :func:`bundled_attention` adds to it."""
    bundles = check.integer("bundles", bundles, low=1, high=LARGEST)
    both, width = dim + value_dim, BITS[cost.precision]
    one, centroids = SUM_BITS * (both + 1), width * bundles * dim if appended else 0
    macs = appended * (bundles * dim + both) + batch * bundles * both
    more = {
        "exps": batch * bundles,
        "adds_int32": batch * winners,
        "dram_bits": bundles * one + centroids + SECTOR_BITS * min(keys, batch * winners),
        "dram_bits_written": appended * (one + 8),
        "sram_bits": ceil(batch / REGISTER_TILE) * bundles * one + centroids + 8 * batch * winners,
        "sram_bits_written": appended * one,
    }
    return _added(cost, f"{cost.what} and {bundles} bundles", macs, more)


def coded_attention(
    keys: int,
    dim: int,
    winners: int,
    bits: int,
    candidates: int,
    *,
    scored: bool = True,
    value_dim: int | None = None,
    precision: str = "bf16",
    batch: int = 1,
    appended: int = 0,
    on_chip: bool = False,
) -> DenseCost:
    """Count k winners among the m ``candidates`` nearest by codes of D ``bits``, W = ⌈D/64⌉ words each.

    - multiply-accumulates: (A + B)·D·d for the codes, by a matrix that stays on the chip; B·m·d exact scores;
      B·k·dv values. ``exps`` = B·k
    - ``word_xors`` = ``popcounts`` = B·N·W
    - ``adds_int32`` = B·(N·W + I(N, m)·⌈log₂(m + 1)⌉), and B·(m + I(m, k)·⌈log₂(k + 1)⌉) where m > k; a code's counts
      are added up and compared; I = :func:`hdspike.dense.winners.insertions`; nothing is compared where m = N
    - ``dram_bits`` = 64·W·N + the keys of candidates and the values of winners in whole sectors, + w·B·d;
      ``dram_bits_written`` = A·(w·(d + dv) + 64·W) + w·B·dv; ``on_chip`` as ever
    - ``sram_bits`` = ⌈B/64⌉·64·W·N + w·B·(m·d + k·dv + d) + w·⌈(A + B)/64⌉·D·d; ``sram_bits_written`` =
      w·B·dv + 64·W·(A + B)

    Where the code alone weighs the winners nothing is ``scored``: no exact score, no key is read.

    >>> coded_attention(4096, 64, 41, 1024, 164).counts["popcounts"]
    65536
    """
    simple = winners_attention(
        keys, dim, winners, value_dim=value_dim, precision=precision, batch=batch, appended=appended, on_chip=on_chip
    )  # fmt: skip
    bits = check.integer("bits", bits, low=1, high=LARGEST)
    candidates = check.integer("candidates", candidates, low=winners, high=keys)
    value_dim = dim if value_dim is None else value_dim
    width, words, outside = BITS[precision], ceil(bits / 64), 0 if on_chip else batch
    row, value = (ceil(width * size / SECTOR_BITS) * SECTOR_BITS for size in (dim, value_dim))
    found = insertions(keys, candidates) * candidates.bit_length() if candidates < keys else 0
    best = candidates + insertions(candidates, winners) * winners.bit_length() if winners < candidates else 0
    exact = candidates if scored else 0
    macs = (appended + batch) * bits * dim + batch * (exact * dim + winners * value_dim)
    totals = activation_products(precision, macs) | {
        "word_xors": batch * keys * words,
        "popcounts": batch * keys * words,
        "adds_int32": batch * (keys * words + found + best),
        "exps": batch * winners,
        "dram_bits": 64 * words * keys
        + row * min(keys, batch * exact)
        + value * min(keys, batch * winners)
        + width * outside * dim,
        "dram_bits_written": appended * (width * (dim + value_dim) + 64 * words)
        + width * outside * value_dim,
        "sram_bits": ceil(batch / REGISTER_TILE) * 64 * words * keys
        + width * batch * (exact * dim + winners * value_dim + dim)
        + width * ceil((appended + batch) / REGISTER_TILE) * bits * dim,
        "sram_bits_written": width * batch * value_dim + 64 * words * (appended + batch),
    }
    what = f"{simple.what} by codes of {bits:,} bits"
    return DenseCost(what, "query", batch, precision, macs, counted(totals))
