"""k-winner-take-all attention on a processor, counted: what is saved where every score is still computed.

One query over N keys of dimension d, of which k win, and their values of dimension dv:

    o = Σ_w softmax_w(q · k_w) v_w     over the k highest scores

costs N·d multiply-accumulates as ever, k exponentials, and k·dv multiply-accumulates; only the winners' values are
read. As in :mod:`hdspike.dense.attention` the counts are a **lower bound**.
"""

from math import ceil, log

from hdspike import check
from hdspike.dense.cost import LARGEST, REGISTER_TILE, SECTOR_BITS, DenseCost, counted
from hdspike.dense.precision import BITS, PRECISIONS, activation_products

__all__ = ["insertions", "winners_attention"]


def insertions(keys: int, winners: int) -> int:
    """Keys in random order that enter the k best seen so far, in the mean at most: ⌈k·(1 + ln(N/k))⌉.

    >>> insertions(4096, 41)
    230
    """
    keys = check.integer("keys", keys, low=1, high=LARGEST)
    winners = check.integer("winners", winners, low=1, high=keys)
    return ceil(winners * (1 + log(keys / winners)))


def winners_attention(
    keys: int,
    dim: int,
    winners: int,
    *,
    value_dim: int | None = None,
    precision: str = "bf16",
    batch: int = 1,
    appended: int = 0,
    on_chip: bool = False,
) -> DenseCost:
    """Count exact k-winner-take-all attention of ``batch`` queries that share N ``keys``, in bits w.

    With d (``dim``), dv (``value_dim``, the same unless given), B queries, and A keys and values that are new:

    - ``macs_<precision>`` = B·(N·d + k·dv), ``exps`` = B·k
    - ``adds_int32`` = B·(N + I·⌈log₂(k + 1)⌉): each score is compared with the lowest winner so far, and
      I = :func:`insertions` of them enter a heap of k, which rests in registers; none where all keys win
    - ``dram_bits`` = w·N·d + min(N, B·k) values, each in whole sectors of 256 bits, + w·B·d: at most as many winners
      as all queries have, since each may have its own
    - ``sram_bits`` = w·(⌈B/64⌉·N·d + B·k·dv + B·d), ``sram_bits_written`` = w·B·dv
    - ``dram_bits_written`` = w·(B·dv + A·(d + dv)); with ``on_chip`` queries come from SRAM and outputs stay there

    ``ValueError``/``TypeError`` where a size is not an integer in [1, 2⁴⁰], ``winners`` not in [1, keys], or
    ``appended`` not in [0, keys].

    >>> winners_attention(4096, 64, 41, precision="int8").counts["macs_int8"]
    264768
    """
    keys = check.integer("keys", keys, low=1, high=LARGEST)
    dim = check.integer("dim", dim, low=1, high=LARGEST)
    winners = check.integer("winners", winners, low=1, high=keys)
    value_dim = dim if value_dim is None else check.integer("value_dim", value_dim, low=1, high=LARGEST)
    precision = check.one_of("precision", precision, PRECISIONS)
    batch = check.integer("batch", batch, low=1, high=LARGEST)
    appended = check.integer("appended", appended, low=0, high=keys)
    width, outside = BITS[precision], 0 if on_chip else batch
    value = ceil(width * value_dim / SECTOR_BITS) * SECTOR_BITS
    macs = batch * (keys * dim + winners * value_dim)
    compared = keys + insertions(keys, winners) * winners.bit_length() if winners < keys else 0
    reads = ceil(batch / REGISTER_TILE) * keys
    totals = activation_products(precision, macs) | {
        "adds_int32": batch * compared,
        "exps": batch * winners,
        "dram_bits": width * (keys * dim + outside * dim) + value * min(keys, batch * winners),
        "dram_bits_written": width * (outside * value_dim + appended * (dim + value_dim)),
        "sram_bits": width * (reads * dim + batch * winners * value_dim + batch * dim),
        "sram_bits_written": width * batch * value_dim,
    }
    what = f"attention over {keys:,} keys, {winners:,} winners"
    return DenseCost(what, "query", batch, precision, macs, counted(totals))
