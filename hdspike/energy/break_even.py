"""Where does each side win? The ratio of two bills over a grid, the line where it is 1, and how sure that is.

    ratio = E_dense ÷ E_spiking      (above 1 the spiking side needs less energy; a tie goes to the dense side)

Both sides are :class:`~hdspike.energy.grid.GridBill` of one ledger; several dense ways may be given, of which the
cheapest counts, cell by cell and draw by draw. The line is found in closed form where the spiking side is linear in its
load, by Brent's method for a function, and by interpolation for a sampled curve. How sure the winner is, is the share
of draws of all constants in which the spiking side wins.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from hdspike import check
from hdspike.energy.grid import CHUNK, GridBill, draws, joint_shape
from hdspike.energy.percentiles import HIGH, LOW

__all__ = [
    "BreakEven",
    "Crossing",
    "CrossingRange",
    "break_even",
    "crossing_range",
    "crossings",
    "ratio",
    "root",
    "win_share",
]

SIDES = ("dense", "spiking")


@dataclass(frozen=True)
class Crossing:
    """Where a ratio passes 1: at ``at``, above which the side ``above`` (``"dense"`` or ``"spiking"``) wins."""

    at: float
    above: str


@dataclass(frozen=True)
class CrossingRange:
    """The last place where the winner changes, and how it moves with the constants.

    ``nominal`` by the published constants; ``low`` and ``high`` the 5th and 95th percentile over the draws, widened
    to contain it; each ``None`` where it lies outside what was looked at. ``above`` is the side that wins at the end
    by the published constants. ``inside`` is the share of draws with a crossing, ``spiking_at_end`` that in which the
    spiking side wins at the end.
    """

    low: float | None
    nominal: float | None
    high: float | None
    above: str
    inside: float
    spiking_at_end: float


@dataclass(frozen=True)
class BreakEven:
    """The break-even load of every cell: by the published constants, and its 5th and 95th percentile.

    The range is widened to contain ``nominal`` where a published constant lies at the edge of its own.
    """

    low: NDArray[np.float64]
    nominal: NDArray[np.float64]
    high: NDArray[np.float64]


def ratio(dense: GridBill | Sequence[GridBill], spiking: GridBill) -> NDArray[np.float64]:
    """E_dense ÷ E_spiking by the published constants: above 1 the spiking side wins.

    Infinite where the spiking side alone is free, 1 where both are. ``ValueError`` where the two are of different
    ledgers or their grids do not broadcast together.
    """
    ways = _ways(dense)
    shape = joint_shape(*ways, spiking)
    return np.broadcast_to(_divide(_least([way.joules for way in ways]), spiking.joules), shape).copy()


def win_share(
    dense: GridBill | Sequence[GridBill],
    spiking: GridBill,
    *,
    samples: int = 1000,
    dependence: str = "independent",
    rng: check.Rng = 0,
) -> NDArray[np.float64]:
    """The share of draws of all constants, 0 to 1, in which the spiking side needs less energy.

    ``dependence`` as in :func:`hdspike.energy.price`. The same seed gives the same shares. ``ValueError`` as
    :func:`ratio`.
    """
    ways = _ways(dense)
    shape = joint_shape(*ways, spiking)
    won = np.zeros(math.prod(shape), dtype=np.int64)
    for *ones, other in draws(*ways, spiking, samples=samples, seed=_seed(rng), dependence=dependence):
        won += (other < _least(ones)).sum(axis=0)
    return (won / samples).reshape(shape)


def break_even(
    dense: GridBill, fixed: GridBill, each: GridBill, *, samples: int = 1000, rng: check.Rng = 0
) -> BreakEven:
    """The closed form for a spiking side that is linear in its load x: E_spiking(x) = E_fixed + x · E_each.

        x* = (E_dense − E_fixed) ÷ E_each

    The spiking side wins below x*. It is 0 where that side never wins, and infinite where it wins without load and
    load costs nothing. ``ValueError`` where the three are not of one ledger.
    """
    shape = joint_shape(dense, fixed, each)
    seed = _seed(rng)
    samples = check.integer("samples", samples, low=100, high=1_000_000)
    nominal = np.broadcast_to(_load(dense.joules, fixed.joules, each.joules), shape)
    cells = math.prod(shape)
    edges = np.empty((2, cells))
    step = max(1, CHUNK // samples)
    for begin in range(0, cells, step):  # a percentile needs every draw of its cell
        some = slice(begin, begin + step)
        rows = [_load(*part) for part in draws(dense, fixed, each, samples=samples, seed=seed, cells=some)]
        edges[:, some] = np.quantile(np.concatenate(rows), [LOW, HIGH], axis=0, method="inverted_cdf")
    low, high = edges.reshape(2, *shape)
    return BreakEven(np.minimum(low, nominal), nominal, np.maximum(high, nominal))


def crossings(x: ArrayLike, ratios: ArrayLike) -> list[Crossing]:
    """Where a sampled ratio passes 1, in rising ``x``, by linear interpolation of log ratio over log ``x``.

    Exact where the ratio is a power of ``x``. ``ValueError`` where ``x`` does not rise, or either is not above 0.

    >>> crossings([1.0, 4.0, 64.0], [0.25, 0.5, 2.0])[0].above
    'spiking'
    >>> round(crossings([1.0, 4.0, 64.0], [0.25, 0.5, 2.0])[0].at, 9)
    16.0
    """
    log_x = _log_x(x)
    values = _numbers("ratios", ratios)
    if values.shape != log_x.shape:
        raise ValueError(f"ratios must be one for each x, got shape {values.shape} for {log_x.shape}")
    if not (values > 0.0).all():  # and no NaN
        raise ValueError(f"ratios must be above 0, got {values[~(values > 0.0)][0]}")
    logs = np.log(values)
    wins = logs > 0.0
    changes = np.flatnonzero(wins[1:] != wins[:-1])
    return [Crossing(_between(log_x, logs, int(i)), SIDES[int(wins[i + 1])]) for i in changes]


def crossing_range(
    x: ArrayLike,
    dense: GridBill | Sequence[GridBill],
    spiking: GridBill,
    *,
    samples: int = 1000,
    rng: check.Rng = 0,
) -> CrossingRange:
    """The last place on ``x`` where the winner changes, and its range over draws of the constants.

    The joint grid of the two bills is ``x``. A draw without a crossing counts as one that lies before ``x`` where it
    ends with the winner of the published constants, and as one beyond ``x`` where it ends with the other.
    """
    curve = ratio(dense, spiking)
    known = crossings(x, curve)
    nominal = known[-1].at if known else None
    log_x = _log_x(x)
    end = bool(curve[-1] > 1.0)
    places: list[float] = []
    spiking_at_end = 0
    for *ones, other in draws(*_ways(dense), spiking, samples=samples, seed=_seed(rng)):
        logs = np.log(_divide(_least(ones), other))
        wins = logs > 0.0
        changes = wins[:, 1:] != wins[:, :-1]
        spiking_at_end += int(wins[:, -1].sum())
        for row, won in enumerate(wins):
            where = np.flatnonzero(changes[row])
            if len(where):
                places.append(_between(log_x, logs[row], int(where[-1])))
            else:
                places.append(0.0 if bool(won[-1]) == end else math.inf)
    low, high = (float(q) for q in np.quantile(places, [LOW, HIGH], method="inverted_cdf"))
    if nominal is not None:
        low, high = min(low, nominal), max(high, nominal)
    return CrossingRange(
        low if 0.0 < low < math.inf else None,
        nominal,
        high if 0.0 < high < math.inf else None,
        SIDES[int(end)],
        sum(0.0 < place < math.inf for place in places) / samples,
        spiking_at_end / samples,
    )


def root(ratio_at: Callable[[float], float], low: float, high: float) -> float | None:
    """The ``x`` from ``low`` to ``high`` with ``ratio_at(x)`` = 1, by Brent's method on log ratio over log ``x``.

    ``None`` where the ratio is on the same side of 1 at both ends. ``ValueError`` unless 0 < low < high,
    and where a ratio is not above 0.

    >>> round(root(lambda x: 100.0 / x, 1.0, 1e6), 6)
    100.0
    """
    if not 0.0 < low < high < math.inf:
        raise ValueError(f"low must be above 0 and below high, got {low} and {high}")

    def height(log_x: float) -> float:
        value = ratio_at(math.exp(log_x))
        if not value > 0.0:  # and no NaN
            raise ValueError(f"ratio_at must be above 0, got {value} at {math.exp(log_x):g}")
        return math.log(value)

    ends = math.log(low), math.log(high)
    heights = [height(end) for end in ends]
    if 0.0 in heights:
        return float(low if heights[0] == 0.0 else high)
    if heights[0] * heights[1] > 0.0:
        return None
    return math.exp(brentq(height, *ends, xtol=1e-13, rtol=1e-14))


def _ways(dense: GridBill | Sequence[GridBill]) -> Sequence[GridBill]:
    """The dense ways, at least one."""
    ways = [dense] if isinstance(dense, GridBill) or not isinstance(dense, Sequence) else list(dense)
    if not ways:
        raise ValueError("dense must hold at least one bill, got none")
    return ways


def _least(joules: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The cheapest way of every cell."""
    least = joules[0]
    for one in joules[1:]:
        least = np.minimum(least, one)
    return least


def _seed(rng: check.Rng) -> int:
    """One number: a generator is asked once."""
    return int(check.generator(rng).integers(2**63))


def _load(dense: Any, fixed: Any, each: Any) -> NDArray[np.float64]:
    left = np.maximum(dense - fixed, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(left > 0.0, left / each, 0.0))


def _divide(dense: Any, spiking: Any) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(dense == spiking, 1.0, np.divide(dense, spiking)))


def _numbers(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """``value`` as an array of floats."""
    given = np.asarray(value)
    if given.size and given.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be numbers, not {given.dtype}")
    return given.astype(np.float64)


def _log_x(x: ArrayLike) -> NDArray[np.float64]:
    """log x, checked."""
    at = _numbers("x", x)
    rising = at.ndim == 1 and at.size and np.isfinite(at).all() and at[0] > 0.0 and (np.diff(at) > 0.0).all()
    if not rising:
        raise ValueError(f"x must be a rising row of finite numbers above 0, got {at.tolist()!r:.80}")
    return np.log(at)


def _between(log_x: NDArray[np.float64], logs: NDArray[np.float64], i: int) -> float:
    """The zero between points i and i + 1."""
    gap = float(logs[i + 1] - logs[i])
    part = -float(logs[i]) / gap if math.isfinite(gap) else 0.5
    return math.exp(float(log_x[i]) + part * float(log_x[i + 1] - log_x[i]))
