"""Dense softmax attention, counted: the twin that stands beside every spiking number (Vaswani et al. 2017).

One query over N keys of dimension d and N values of dimension dv is

    o = Σ_i softmax_i(q · k_i) v_i

and costs N·d + N·dv multiply-accumulates and N exponentials. The counts are a **lower bound**: scores and
running sums stay in registers, nothing is stored twice, and every choice below favours the dense side.
"""

from math import ceil

from hdspike import check
from hdspike.dense.cost import LARGEST, REGISTER_TILE, DenseCost, counted
from hdspike.dense.precision import BITS, PRECISIONS, activation_products

__all__ = ["attention", "causal_attention"]


def attention(
    keys: int,
    dim: int,
    *,
    value_dim: int | None = None,
    precision: str = "fp16",
    batch: int = 1,
    resident: bool = False,
    appended: int = 0,
    on_chip: bool = False,
) -> DenseCost:
    """Count dense softmax attention of ``batch`` queries over ``keys`` keys, in bits w of the ``precision``.

    With N keys, dimensions d (``dim``) and dv (``value_dim``, the same unless given), B queries, and A keys and
    values that are new (``appended``, among the N):

    - ``macs_<precision>`` = B·N·(d + dv), int8 where the weights are ternary: both factors are activations
    - ``exps`` = B·N, each with its addition to the softmax's sum (no counter of its own)
    - ``dram_bits`` = w·(N·(d + dv) + B·d): keys and values are fetched once for the batch, queries come in
    - ``dram_bits_written`` = w·(B·dv + A·(d + dv)): outputs go out, new keys and values into the cache
    - ``sram_bits`` = w·(⌈B/64⌉·N·(d + dv) + B·d): a word read from SRAM serves up to 64 queries whose
      operands and sums rest in registers; registers are not charged, nor is filling the SRAM
    - ``sram_bits_written`` = w·B·dv

    With ``resident`` the keys and values stay in the chip's largest memory between queries: they are read as
    ``l2_bits`` (and appended as ``l2_bits_written``) instead of ``dram_bits`` and ``sram_bits``. Whether they fit
    is for the caller to check. With ``on_chip`` queries come from SRAM and outputs stay there.

    Queries that share keys are a batch: those of a group of heads (grouped-query attention, Ainslie et al.
    2023) or of many users of one memory. Sequences that have caches of their own share nothing
    (Pope et al. 2022): count one of them and multiply (:meth:`DenseCost.times`).

    ``ValueError``/``TypeError`` where a size is not an integer in [1, 2⁴⁰], or ``appended`` not in [0, keys].

    >>> attention(32_768, 256, precision="int8").counts["macs_int8"]
    16777216
    """
    keys = check.integer("keys", keys, low=1, high=LARGEST)
    dim, value_dim, precision = _sizes(dim, value_dim, precision)
    batch = check.integer("batch", batch, low=1, high=LARGEST)
    appended = check.integer("appended", appended, low=0, high=keys)
    reads = ceil(batch / REGISTER_TILE) * keys
    macs = batch * keys * (dim + value_dim)
    work = activation_products(precision, macs) | {"exps": batch * keys}
    moved = _moved(BITS[precision], dim, value_dim, batch, keys, reads, appended, resident, on_chip)
    return DenseCost(f"attention over {keys:,} keys", "query", batch, precision, macs, counted(work | moved))


def causal_attention(
    tokens: int,
    dim: int,
    *,
    value_dim: int | None = None,
    group: int = 1,
    precision: str = "fp16",
    resident: bool = False,
) -> DenseCost:
    """Count the attention of every token of a sequence over itself and those before it, as a prefill does.

    With n tokens and g query heads that share their keys (``group``), there are B = g·n queries and
    g·n·(n + 1)/2 pairs of a query and a key. A tile of m = max(1, ⌊64/g⌋) tokens shares each read from SRAM, so
    that ⌈g/64⌉·Σ_t min(m·(t + 1), n) rows are read (Dao et al. 2022 work in such tiles); DRAM gives every
    key and value once, and they are written there once. The rest is as in :func:`attention`.
    """
    tokens = check.integer("tokens", tokens, low=1, high=LARGEST)
    group = check.integer("group", group, low=1, high=LARGEST)
    dim, value_dim, precision = _sizes(dim, value_dim, precision)
    pairs = group * tokens * (tokens + 1) // 2
    tile = max(1, REGISTER_TILE // group)
    full, rest = divmod(tokens, tile)
    reads = ceil(group / REGISTER_TILE) * (tile * full * (full + 1) // 2 + (tokens if rest else 0))
    batch = group * tokens
    macs = pairs * (dim + value_dim)
    work = activation_products(precision, macs) | {"exps": pairs}
    moved = _moved(BITS[precision], dim, value_dim, batch, tokens, reads, tokens, resident, on_chip=False)
    return DenseCost(
        f"causal attention of {tokens:,} tokens", "query", batch, precision, macs, counted(work | moved)
    )


def _sizes(dim: int, value_dim: int | None, precision: str) -> tuple[int, int, str]:
    dim = check.integer("dim", dim, low=1, high=LARGEST)
    value_dim = dim if value_dim is None else check.integer("value_dim", value_dim, low=1, high=LARGEST)
    return dim, value_dim, check.one_of("precision", precision, PRECISIONS)


def _moved(
    width: int,
    dim: int,
    value_dim: int,
    batch: int,
    keys: int,
    reads: int,
    appended: int,
    resident: bool,
    on_chip: bool,
) -> dict[str, int]:
    """Bits moved: the cache is fetched once, ``reads`` rows are read by the units, ``appended`` rows are new."""
    row = dim + value_dim
    outside = 0 if on_chip else batch
    return {
        "dram_bits": width * (outside * dim + (0 if resident else keys * row)),
        "dram_bits_written": width * (outside * value_dim + (0 if resident else appended * row)),
        "l2_bits": width * reads * row if resident else 0,
        "l2_bits_written": width * appended * row if resident else 0,
        "sram_bits": width * (batch * dim + (0 if resident else reads * row)),
        "sram_bits_written": width * batch * value_dim,
    }
