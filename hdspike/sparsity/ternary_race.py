"""Who multiplies by ternary weights fastest: the bit planes and all that NumPy and a compiler offer, ready to be timed.

Each gets its weights in the layout that suits it, made beforehand, and is asked for the same product. NumPy's integer
products are loops without blocks, so their time is proportional to the batch: they do one sample, and the time is
taken ``scale`` times.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from hdspike import check
from hdspike.sparsity.bit_planes import Work, pack, product, work
from hdspike.sparsity.dense_int8 import dense_int8
from hdspike.sparsity.straight_through import int8_samples
from hdspike.sparsity.ternary import ternary

__all__ = ["OURS", "RIVALS", "WHOLE", "Contender", "Race", "race"]

OURS, WHOLE = "bit planes", "bit planes, floats in and out"
RIVALS = {
    "NumPy int8": "np.matmul of int8, summed in int32",
    "NumPy int32": "np.einsum of int32, the fastest integer product of NumPy",
    "compiled int8": "a compiled loop that multiplies",
    "float32 BLAS": "np.matmul of float32",
}


class Contender(NamedTuple):
    """A way to do it: what to call, how many times its time counts, and the shape of what it gives."""

    call: Callable[[], Any]
    scale: int = 1


class Race(NamedTuple):
    """Contenders by name, ours ahead, and what the product takes."""

    contenders: dict[str, Contender]
    work: Work


def race(n_in: int, n_out: int, batch: int, *, rng: check.Rng) -> Race:
    """The product of a batch and Gaussian weights made ternary, by every contender.

    >>> list(race(65, 3, 2, rng=0).contenders)[:2]
    ['bit planes', 'bit planes, floats in and out']
    """
    check.integer("batch", batch, low=1)
    random = check.generator(rng)
    x = random.standard_normal((batch, n_in)).astype(np.float32)
    signs, step = ternary(random.standard_normal((n_in, n_out)))
    whole, _ = int8_samples(x)
    planes, rows = pack(signs), np.ascontiguousarray(signs.T)
    wide, real = rows.astype(np.int32), signs.astype(np.float32)
    one = whole[:1]
    one_wide = one.astype(np.int32)

    def floats() -> Any:
        integers, unit = int8_samples(x)
        return product(integers, planes) * (unit * np.float32(step))

    contenders = {
        OURS: Contender(lambda: product(whole, planes)),
        WHOLE: Contender(floats),
        "NumPy int8": Contender(lambda: np.matmul(one, signs, dtype=np.int32), batch),
        "NumPy int32": Contender(lambda: np.einsum("ti,oi->to", one_wide, wide), batch),
        "compiled int8": Contender(lambda: dense_int8(whole, rows)),
        "float32 BLAS": Contender(lambda: x @ real),
    }
    return Race(contenders, work(planes, batch))
