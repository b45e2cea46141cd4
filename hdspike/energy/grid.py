"""A bill over a grid: counts, times and chips as arrays, priced at once, with draws of the constants.

    E = Σ_c count_c · e_c + P · T · chips      (each count an array over the grid)

The rules of what is charged are those of :func:`hdspike.energy.price`, and so are the ranges: every constant is drawn
log-uniformly, its low and high read as the 5th and 95th percentile. A constant that several bills use (the same
entry of the same substrate) is one draw for all of them.
"""

import math
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hdspike import check
from hdspike.energy.percentiles import DEPENDENCES, HIGH, LOW, family
from hdspike.energy.terms import terms
from hdspike.substrate import Quantity, Substrate

__all__ = ["CHUNK", "GridBill", "GridTerm", "band", "draws", "joint_shape", "price_grid"]

CHUNK = 1 << 21
"""Numbers in a block of draws × cells."""


@dataclass(frozen=True)
class GridTerm:
    """One constant of one substrate, and how much of it every cell of the grid takes."""

    component: str
    substrate: str
    quantity: Quantity
    amount: NDArray[np.float64]


@dataclass(frozen=True)
class GridBill:
    """What counts over a grid cost in one ledger. Bills of one ledger can be added, also of two substrates."""

    ledger: str
    shape: tuple[int, ...]
    terms: tuple[GridTerm, ...]

    @property
    def joules(self) -> NDArray[np.float64]:
        """By the published constants: ``price(...).nominal`` of every cell."""
        total = np.zeros(self.shape)
        for term in self.terms:
            total = total + term.amount * term.quantity.si
        return total

    @property
    def components(self) -> dict[str, NDArray[np.float64]]:
        """The joules of every component (``compute``, ``network``, ``static``, …); they add up to :attr:`joules`."""
        out: dict[str, NDArray[np.float64]] = {}
        for term in self.terms:
            part = np.broadcast_to(term.amount * term.quantity.si, self.shape)
            out[term.component] = out.get(term.component, np.zeros(self.shape)) + part
        return out

    def __add__(self, other: "GridBill") -> "GridBill":
        """Both jobs, each on its own substrate."""
        if not isinstance(other, GridBill):
            return NotImplemented
        return GridBill(self.ledger, joint_shape(self, other), self.terms + other.terms)


def price_grid(
    counts: Mapping[str, ArrayLike],
    substrate: Substrate,
    *,
    seconds: ArrayLike = 0.0,
    chips: ArrayLike = 1.0,
    charge: Iterable[str] | None = None,
) -> GridBill:
    """:func:`~hdspike.energy.price` over a grid: counts, ``seconds`` and ``chips`` are arrays that broadcast together.

    The same rules hold: without ``charge`` every counter must have a price, with it the names must be exactly those
    that the substrate prices. ``ValueError``/``TypeError`` as there, and for arrays that do not broadcast or hold
    a number that is negative or not finite.

    >>> from hdspike import substrate
    >>> bill = price_grid({"synaptic_events": [1e6, 2e6]}, substrate.load("loihi"))
    >>> [round(float(joules * 1e6), 1) for joules in bill.joules]
    [23.6, 47.2]
    """
    if not isinstance(substrate, Substrate):
        raise TypeError(f"substrate must be a Substrate (see substrate.load), not {type(substrate).__name__}")
    if not isinstance(counts, Mapping):
        raise TypeError(f"counts must be a mapping of counters, not {type(counts).__name__}")
    given = {f"counts[{name!r}]": _amounts(f"counts[{name!r}]", value) for name, value in counts.items()}
    given |= {"seconds": _amounts("seconds", seconds), "chips": _amounts("chips", chips)}
    try:
        shape = np.broadcast_shapes(*(array.shape for array in given.values()))
    except ValueError as error:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in given.items())
        raise ValueError(f"counts, seconds and chips must broadcast together, got {shapes}") from error
    ones, _ = terms(
        dict.fromkeys(counts, 1), substrate, charge, seconds=1.0
    )  # which constants, and the rules
    found = []
    for term in ones:
        table, name = term.quantity.key.split(".", 1)
        much = given[f"counts[{name!r}]"] if table == "energy" else given["seconds"] * given["chips"]
        found.append(GridTerm(term.component, term.substrate, term.quantity, much))
    return GridBill(substrate.ledger, shape, tuple(found))


def joint_shape(*bills: GridBill) -> tuple[int, ...]:
    """The shape of the joint grid of bills of one ledger; ``ValueError`` where they are of two."""
    for bill in bills:
        if not isinstance(bill, GridBill):
            raise TypeError(f"bills must be GridBills (see price_grid), not {type(bill).__name__}")
    if len({bill.ledger for bill in bills}) > 1:
        shown = [
            f"{bill.ledger} ({', '.join(dict.fromkeys(t.substrate for t in bill.terms))})" for bill in bills
        ]
        raise ValueError(f"bills must be of one ledger, got {' and '.join(shown)}")
    try:
        return np.broadcast_shapes(*(bill.shape for bill in bills))
    except ValueError as error:
        shapes = ", ".join(str(bill.shape) for bill in bills)
        raise ValueError(f"bills must have grids that broadcast together, got {shapes}") from error


def draws(
    *bills: GridBill,
    samples: int,
    seed: int,
    cells: slice = slice(None),
    dependence: str = "independent",
) -> Iterator[list[NDArray[np.float64]]]:
    """Blocks of draws: for each bill its joules ``(some draws, cells)`` over the joint grid, flattened.

    A Latin hypercube of ``samples`` points. ``dependence`` says which constants move together, as in
    :func:`hdspike.energy.price`; a column depends on what moves together and ``seed`` alone, so a constant has the
    same column in every bill.
    """
    samples = check.integer("samples", samples, low=100, high=1_000_000)
    check.one_of("dependence", dependence, DEPENDENCES)
    shape = joint_shape(*bills)
    size = len(range(*cells.indices(math.prod(shape))))
    sides = []
    for bill in bills:
        prices = np.empty((samples, len(bill.terms)))
        amounts = np.empty((len(bill.terms), size))
        for i, term in enumerate(bill.terms):
            prices[:, i] = _column(term, samples, seed, dependence)
            amounts[i] = np.broadcast_to(term.amount, shape).reshape(-1)[cells]
        sides.append((prices, amounts))
    block = max(1, CHUNK // max(1, size))
    for begin in range(0, samples, block):
        yield [prices[begin : begin + block] @ amounts for prices, amounts in sides]


def band(
    bill: GridBill, *, samples: int = 1000, dependence: str = "independent", rng: check.Rng = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The 5th and 95th percentile of every cell's joules, widened to contain the published constants' joules."""
    samples = check.integer("samples", samples, low=100, high=1_000_000)
    seed = int(check.generator(rng).integers(2**63))
    size, step = math.prod(bill.shape), max(1, CHUNK // samples)
    edges = np.empty((2, size))
    for begin in range(0, size, step):  # a percentile needs every draw of its cell
        some = slice(begin, begin + step)
        rows = [one for (one,) in draws(bill, samples=samples, seed=seed, cells=some, dependence=dependence)]
        edges[:, some] = np.quantile(np.concatenate(rows), [LOW, HIGH], axis=0, method="hazen")
    low, high = edges.reshape(2, *bill.shape)
    return np.minimum(low, bill.joules), np.maximum(high, bill.joules)


def _column(term: GridTerm, samples: int, seed: int, dependence: str) -> NDArray[np.float64]:
    """One constant's draws in SI: log-uniform with ``low`` and ``high`` at the 5th and 95th percentile."""
    quantity = term.quantity
    if quantity.low == quantity.high:
        return np.full(samples, quantity.si)
    alone = f"{term.substrate} {quantity.key}"
    group = {"independent": alone, "source": family(quantity), "full": "all"}[dependence]
    uniform = np.random.default_rng([seed, zlib.crc32(group.encode())]).permutation(samples) + 0.5
    exponent = (uniform / samples - LOW) / (HIGH - LOW)
    return quantity.low * quantity.factor * (quantity.high / quantity.low) ** exponent


def _amounts(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """An array of finite numbers of at least 0."""
    try:
        array = np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{name} must be an array of numbers, got {value!r:.80}") from error
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be numbers, not {array.dtype}")
    numbers = array.astype(np.float64)
    wrong = ~np.isfinite(numbers) | (numbers < 0.0)
    if wrong.any():
        raise ValueError(f"{name} must be finite numbers of at least 0, got {numbers[wrong].flat[0]}")
    return numbers
