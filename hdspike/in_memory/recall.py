r"""One query of an item memory from beginning to end: inside an array and outside, with its errors and its counts.

The right item is found where no other is nearer:

.. math:: P = \sum_h P(H = h)\,P(\text{no rival beats } h) \qquad H \sim \mathrm{Bin}(N, a), \quad
          \text{rivals} \sim \mathrm{Bin}(N, c)

of equal bits as they are counted: a = (1−r)(1−e₌) + r·e_≠ of a query with a share r of changed bits,
c = ½(1−e₌) + ½e_≠ of strangers, where e₌ and e_≠ are the errors of a counted bit whose operands are equal, or differ
(:func:`hdspike.in_memory.xor_errors`; b and b for stored cells of which a share b is inverted). N is D, less the
columns that write the same whatever they are given: those tell nothing and add no noise. With e₌ = e_≠ = b the lead
of the right item shrinks by the factor 1 − 2b, which (1 − 2b)⁻² times the dimension buys back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import bits, check, faults
from hdspike.in_memory.array import BITLINE, DRAM, Array
from hdspike.in_memory.count import column_distances, count_counts
from hdspike.in_memory.errors import Noise
from hdspike.in_memory.logic import distances
from hdspike.in_memory.search import cam, cam_counts, compared, crossbar, crossbar_counts
from hdspike.theory.interval import EXACT, number
from hdspike.theory.retrieval import _error

__all__ = ["DESIGNS", "Recall", "processor_counts", "recall", "recall_counts", "recall_law"]

DESIGNS = ("processor", "dram", "columns", "bitline", "cam", "crossbar")
"""Where the comparison happens: after a fetch; in DRAM rows, with the count outside; in DRAM columns, with the count
inside; in SRAM rows; in a match array; in a crossbar."""


@dataclass(frozen=True)
class Recall:
    """What was asked and answered.

    Attributes:
        answers: the nearest item of each query, the lowest of equal ones (Q,).
        distances: as the array told them (Q, M).
        counts: what all queries together cost.
    """

    answers: NDArray[np.int64]
    distances: NDArray[Any]
    counts: Mapping[str, int]


def recall(
    queries: Any,
    items: Any,
    dim: int,
    *,
    design: str = "dram",
    error: float = 0.0,
    noise: Noise | None = None,
    rng: check.Rng = None,
    **options: Any,
) -> Recall:
    """The nearest of ``items`` (M, W) to each of ``queries`` (Q, W), as an array with errors finds it.

    ``error`` is the natural one of each design: the failures p of one triple-row activation (``dram``, three for an
    XOR, and ``columns``, three for an adder), the share of bit-line results inverted (``bitline``), that of stored
    cells inverted (``cam``, ``processor``), the relative deviation σ of a conductance (``crossbar``). ``noise``
    replaces it where weak columns are wanted (``dram``). ``options``: ``sigma``, ``segment``, ``limit`` of
    :func:`hdspike.in_memory.cam`. Counts: :func:`recall_counts` of the design's usual array. The inputs are not
    changed.

    >>> items = bits.random(20, 1024, rng=0)
    >>> noisy = faults.flip(items[:4], 0.3, dim=1024, rng=1)
    >>> recall(noisy, items, 1024, error=0.06, rng=2).answers.tolist()
    [0, 1, 2, 3]
    """
    check.one_of("design", design, DESIGNS)
    number("error", error, 0, float("inf") if design == "crossbar" else 1)
    if noise is not None and design != "dram":
        raise ValueError(f"noise must be given for the design 'dram' alone, got design {design!r}")
    if options and design != "cam":
        raise ValueError(f"options must be those of cam, got {', '.join(options)} for design {design!r}")
    random = check.generator(rng)
    kept = check.batch("items", bits.words_of("items", items, dim), least=1)
    asked = check.batch("queries", bits.words_of("queries", queries, dim))
    told: NDArray[Any]
    if design == "dram":
        told = distances(asked, kept, dim, noise=Noise(error) if noise is None else noise, rng=random)
    elif design == "columns":
        told = column_distances(asked, kept, dim, noise=Noise(error), rng=random)
    elif design == "bitline":
        told = distances_once(asked, kept, dim, error, random)
    elif design == "crossbar":
        told = dim - crossbar(asked, kept, dim, sigma=error, rng=random)
    else:
        worn = faults.flip(kept, error, dim=dim, rng=random) if error else kept
        told = (
            cam(asked, worn, dim, rng=random, **options)
            if design == "cam"
            else bits.hamming(asked, worn, dim)
        )
    answers = told.argmin(axis=1) if len(asked) else np.empty(0, dtype=np.int64)
    return Recall(answers, told, recall_counts(len(kept), dim, len(asked), design=design))


def distances_once(
    queries: bits.Words, items: bits.Words, dim: int, rate: float, rng: np.random.Generator
) -> NDArray[np.int32]:
    """Ones of each XOR of which every bit is inverted with chance ``rate``, a query at a time."""
    out = np.empty((len(queries), len(items)), dtype=np.int32)
    noise = Noise(rate)
    for q, query in enumerate(queries):
        out[q] = bits.popcount(noise.of(query ^ items, dim, rng=rng), dim)
    return out


def recall_counts(
    items: int, dim: int, queries: int, *, design: str = "dram", array: Array | None = None
) -> dict[str, int]:
    """What ``queries`` asked of ``items`` vectors cost on each design.

    ``dram``, ``bitline``: XOR in the rows, **the bit count outside**, by a processor (``popcounts`` of 64-bit words),
    for which every result is read out: as many bits as the items themselves have. ``columns``:
    :func:`hdspike.in_memory.count_counts`. ``processor``: :func:`processor_counts` with the items in DRAM. ``cam`` and
    ``crossbar``: every stored bit, once a query.

    >>> recall_counts(1000, 10_000, 1)["dram_bits"], recall_counts(1000, 10_000, 1)["in_memory_xor_bits"]
    (10240000, 65536000)
    """
    check.one_of("design", design, DESIGNS)
    if array is not None and design not in ("dram", "columns", "bitline"):
        raise ValueError(
            f"array must be given for dram, columns and bitline alone, got the design {design!r}"
        )
    if design == "cam":
        return cam_counts(items, dim, queries)
    if design == "crossbar":
        return crossbar_counts(items, dim, queries)
    if design == "processor":
        return processor_counts(items, dim, queries)
    if design == "columns":
        return count_counts(items, dim, queries, array=array or DRAM)
    compared(items, dim, queries)
    popcounts = {"popcounts": items * queries * bits.word_count(dim)}
    where = array or (DRAM if design == "dram" else BITLINE)
    return where.xored(items, dim, queries) | where.read_out(items * queries, dim) | popcounts


def processor_counts(
    items: int, dim: int, queries: int, *, batch: int = 1, memory: str = "dram"
) -> dict[str, int]:
    """The same job after a fetch: items are read once for each ``batch`` of queries, then XOR and popcount.

    ``memory`` is where the items are: ``dram``, ``l2`` or ``sram``. Queries are few beside items, and not charged.
    """
    check.one_of("memory", memory, ("dram", "l2", "sram"))
    fetches = -(-check.integer("queries", queries, low=0) // check.integer("batch", batch, low=1))
    words = items * queries * bits.word_count(dim)
    return {f"{memory}_bits": compared(items, dim, fetches), "word_xors": words, "popcounts": words}


def recall_law(
    dim: int,
    items: int,
    changed: float,
    *,
    errors: tuple[float, float] = (0.0, 0.0),
    stuck: float = 0.0,
) -> float:
    """Expected share of queries whose nearest item is the right one: the equation above, for independent vectors.

    ``changed`` = r, the share of changed bits of a query; ``errors`` = (e₌, e_≠); ``stuck`` the share of columns that
    always write the same. Of equal distances each has the same chance. Exact but for ``stuck``, where N is
    D·(1 − ``stuck``) rounded.

    >>> round(recall_law(512, 1000, 0.4), 3), round(recall_law(512, 1000, 0.4, errors=(0.1, 0.1)), 3)
    (0.891, 0.645)
    """
    check.integer("items", items, low=1, high=EXACT)
    r, lost = number("changed", changed, 0, 1), number("stuck", stuck, 0, 1)
    equal, different = (number("errors", each, 0, 1) for each in errors)
    agree = (1.0 - r) * (1.0 - equal) + r * different
    chance = 0.5 * (1.0 - equal) + 0.5 * different
    left = round(check.integer("dim", dim, low=1, high=EXACT) * (1.0 - lost))
    return 1.0 / items if left == 0 else 1.0 - _error(left, agree, chance, items - 1)
