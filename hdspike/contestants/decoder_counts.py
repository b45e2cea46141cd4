"""What the dense decoder costs, counted from its shape by the rules of :mod:`hdspike.dense`.

    reading     windows of C characters of which S are predicted: a prefill of C, and the head for S
    generating  a cache that grows from C − S to C, one character at a time, then S are dropped and C − S are read again
    training    3 × the products of the forward pass (itself, gradients of inputs, gradients of weights), 1 × its
                exponentials and those of the loss, and the optimiser's own work

Training traffic is a lower bound: each step reads the weights twice, the gradients once, and reads and writes what the
optimiser keeps; activations stay on the chip.
"""

from math import prod

from hdspike import check
from hdspike.dense import DenseCost, Shape, linear, transformer, transformer_layer
from hdspike.dense.precision import BITS

__all__ = ["generating", "reading", "training"]

NEWTON_SCHULZ = 5
ADAM_MACS = 10
"""Multiplications of AdamW for one weight: two for each of the two means, two to correct them, the root, the
quotient, the step and the decay (a root and a quotient are taken as one product each)."""
MUON_MACS = 5
"""Of Muon beside its iterations: momentum, Nesterov's step, the norm, the step and the decay."""


def reading(shape: Shape, *, windows: int, context: int, predicted: int, precision: str) -> dict[str, int]:
    """All of ``windows`` windows of ``context`` characters, in which ``predicted`` characters get their logits."""
    layer = transformer_layer(shape, context=context, batch=windows, phase="prefill", precision=precision)
    head = _head(shape, predicted, precision)
    rows = {"dram_bits": BITS[precision] * shape.dim * windows * context}
    return _added(layer.times(shape.layers).totals, head.totals, rows)


def generating(shape: Shape, *, context: int, stride: int, batch: int, precision: str) -> dict[str, int]:
    """``stride`` characters of each of ``batch`` texts, the cache going from ``context − stride`` to ``context``."""
    stride = check.integer("stride", stride, low=1, high=context - 1)
    again = transformer_layer(
        shape, context=context - stride, batch=batch, phase="prefill", precision=precision
    )
    rows = {"dram_bits": BITS[precision] * shape.dim * batch * (context - stride)}
    total = _added(again.times(shape.layers).totals, rows)
    for held in range(context - stride + 1, context + 1):
        total = _added(
            total, transformer(shape, context=held, batch=batch, phase="decode", precision=precision).totals
        )
    return total


def training(
    shape: Shape, *, steps: int, batch: int, context: int, optimiser: str, precision: str
) -> dict[str, int]:
    """``steps`` of ``batch`` crops of ``context`` characters; the optimiser works in fp32, Newton–Schulz in bf16."""
    tokens = batch * context
    layer = transformer_layer(shape, context=context, batch=batch, phase="prefill", precision=precision)
    products = layer.times(shape.layers).macs + _head(shape, tokens, precision).macs
    weights = shape.parameters
    inside = _matrices(shape) if optimiser == "muon" else []
    orthogonal = NEWTON_SCHULZ * sum(
        min(size) * prod(size) * 2 + min(size) ** 3 for size in inside
    )  # X Xᵀ, its square, and their sum times X
    by_muon = sum(map(prod, inside))
    state = (weights - by_muon) * 2 + by_muon
    work = {
        f"macs_{precision}": 3 * products,
        "exps": layer.totals["exps"] * shape.layers + tokens * shape.vocabulary,
        "weight_updates": weights,
        "dram_bits": 32 * (2 * weights + weights + state),
        "dram_bits_written": 32 * (weights + weights + state),
    }
    optimising = {"macs_fp32": ADAM_MACS * (weights - by_muon) + MUON_MACS * by_muon}
    return {
        name: steps * value
        for name, value in _added(work, optimising, {"macs_bf16": orthogonal}).items()
        if value
    }


def _matrices(shape: Shape) -> list[tuple[int, int]]:
    one = [(shape.queries, shape.dim)] * 3 + [(shape.dim, shape.queries)]
    return [*one, (shape.hidden, shape.dim), (shape.dim, shape.hidden)] * shape.layers


def _head(shape: Shape, tokens: int, precision: str) -> DenseCost:
    return linear(
        shape.dim,
        shape.vocabulary,
        precision="int8" if precision == "ternary" else precision,
        batch=tokens,
        on_chip=True,
    )


def _added(*parts: dict[str, int]) -> dict[str, int]:
    names = {name: None for part in parts for name in part}
    return {name: sum(part.get(name, 0) for part in parts) for name in names}
