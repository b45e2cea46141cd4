"""Dense layers, counted: a matrix times a vector, and the feed-forward block of a transformer.

    y = W₂ f(W₁ x)                        Vaswani et al. 2017
    y = W₂ (f(W₁ x) ⊙ W₃ x)               gated: Shazeer 2020

Weights are shared by a batch (Pope et al. 2022): they are fetched once for all of it, which is what makes
batching pay. Lower bounds, as in :mod:`hdspike.dense.attention`.
"""

from math import ceil

from hdspike import check
from hdspike.dense.cost import LARGEST, REGISTER_TILE, DenseCost, counted
from hdspike.dense.precision import BITS, NONZERO, PRECISIONS, WEIGHT_BITS, share, weight_products

__all__ = ["feed_forward", "linear"]

ACTIVATIONS = ("relu", "gelu", "silu")


def linear(
    inputs: int,
    outputs: int,
    *,
    precision: str = "fp16",
    batch: int = 1,
    resident: bool = False,
    on_chip: bool = False,
    nonzero: float = NONZERO,
) -> DenseCost:
    """Count y = W x for ``batch`` vectors x of ``inputs`` entries and W of ``outputs`` rows.

    With P = inputs·outputs weights of w bits, activations of a bits, and B vectors:

    - ``macs_<precision>`` = B·P, or ``adds_int32`` = B·round(P·``nonzero``) for ternary weights
    - ``dram_bits`` = w·P + a·B·inputs, ``dram_bits_written`` = a·B·outputs
    - ``sram_bits`` = w·⌈B/64⌉·P + a·B·inputs, ``sram_bits_written`` = a·B·outputs

    With ``resident`` the weights stay in the chip's largest memory (``l2_bits`` = w·⌈B/64⌉·P instead); with
    ``on_chip`` x comes from SRAM and y stays there. Not counted: biases, rounding back to a bits, registers.

    >>> linear(768, 3072, precision="int8", batch=64).counts["dram_bits"]
    301056
    """
    inputs = check.integer("inputs", inputs, low=1, high=LARGEST)
    outputs = check.integer("outputs", outputs, low=1, high=LARGEST)
    return product(
        f"linear {inputs:,} × {outputs:,}",
        inputs * outputs,
        read=inputs,
        written=outputs,
        outside=(0, 0) if on_chip else (inputs, outputs),
        precision=precision,
        batch=batch,
        resident=resident,
        nonzero=nonzero,
    )


def feed_forward(
    dim: int,
    hidden: int,
    *,
    gated: bool = False,
    activation: str = "silu",
    precision: str = "fp16",
    batch: int = 1,
    resident: bool = False,
    on_chip: bool = False,
    nonzero: float = NONZERO,
) -> DenseCost:
    """Count the feed-forward block of ``batch`` tokens: 2·dim·hidden weights, 3·dim·hidden where ``gated``.

    Each of the ``hidden`` values takes one exponential where ``activation`` is ``gelu`` (its tanh form) or
    ``silu``, none where it is ``relu``. The hidden values stay on the chip: they are written to SRAM and read
    once. The rest is as in :func:`linear`; the product with the gate is not counted.
    """
    dim = check.integer("dim", dim, low=1, high=LARGEST)
    hidden = check.integer("hidden", hidden, low=1, high=LARGEST)
    activation = check.one_of("activation", activation, ACTIVATIONS)
    return product(
        f"feed-forward {dim:,} × {hidden:,}" + (", gated" if gated else ""),
        (3 if gated else 2) * dim * hidden,
        read=dim + hidden,
        written=hidden + dim,
        outside=(0, 0) if on_chip else (dim, dim),
        exps=0 if activation == "relu" else hidden,
        precision=precision,
        batch=batch,
        resident=resident,
        nonzero=nonzero,
    )


def product(
    what: str,
    weights: int,
    *,
    read: int,
    written: int,
    outside: tuple[int, int],
    exps: int = 0,
    unit: str = "token",
    precision: str,
    batch: int,
    resident: bool,
    nonzero: float,
) -> DenseCost:
    """``weights`` weights used once by each of ``batch`` inputs.

    Each input has ``read`` activations read from SRAM and ``written`` written there; ``outside`` of them come from
    and go to DRAM.
    """
    precision = check.one_of("precision", precision, PRECISIONS)
    batch = check.integer("batch", batch, low=1, high=LARGEST)
    nonzero = share("nonzero", nonzero)
    width = BITS[precision]
    fetched = WEIGHT_BITS[precision] * weights
    used = ceil(batch / REGISTER_TILE) * fetched
    totals = weight_products(precision, weights, batch, nonzero) | {
        "exps": batch * exps,
        "dram_bits": width * batch * outside[0] + (0 if resident else fetched),
        "dram_bits_written": width * batch * outside[1],
        "l2_bits": used if resident else 0,
        "sram_bits": width * batch * read + (0 if resident else used),
        "sram_bits_written": width * batch * written,
    }
    return DenseCost(what, unit, batch, precision, weights * batch, counted(totals))
