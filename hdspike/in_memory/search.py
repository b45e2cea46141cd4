r"""Nearest-vector search inside an array: a content-addressable memory, and a resistive crossbar.

.. math:: \hat h = \sum_{\text{segments}} \min\bigl(h_s + \sigma z_s,\ L\bigr) \qquad
          \hat s = s + \sigma\sqrt{s}\,z, \quad s = D - h \qquad z \sim \mathcal N(0, 1)

where h is the Hamming distance of a query to a stored vector, in a memory whose match lines (one for each *segment* of
a stored word) discharge the faster the more cells mismatch, are sensed with an error of σ bits, and tell mismatches
apart up to L (HD-CAM: 8; Garzón et al., JSSC 2025); and where each of the s conducting cells of a crossbar, which
holds a vector and its complement, has a conductance of relative deviation σ (Karunaratne et al., Nat. Electron. 2020).
All rows answer at once.

Stored cells that are wrong are the caller's: store ``faults.flip(items, b, dim=D)`` or :class:`hdspike.faults.Faults`.
The conductances are drawn anew for every pair: devices that differ once and for all give each query the same spread.
"""

from math import inf, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from hdspike import bits, check
from hdspike.theory.interval import EXACT, number

__all__ = ["cam", "cam_counts", "crossbar", "crossbar_counts", "crossbar_law"]

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(101)


def cam(
    queries: Any,
    items: Any,
    dim: int,
    *,
    sigma: float = 0.0,
    segment: int | None = None,
    limit: int | None = None,
    rng: check.Rng = None,
) -> NDArray[np.float64]:
    """The distances that match lines tell: ``(Q, W)``, ``(M, W)`` → ``(Q, M)``.

    Args:
        queries, items: words of ``dim`` bits; ``items`` are what the cells hold.
        sigma: the deviation of a sensed segment, in bits.
        segment: cells of a match line, a multiple of 64 (None: one line for all ``dim`` bits).
        limit: the most mismatches of a segment that are told apart (None: all).

    Raises:
        ValueError, TypeError: words of another dimension, a negative ``sigma``, a segment that is no multiple of 64.

    >>> rows = bits.random(3, 256, rng=0)
    >>> cam(rows[:1], rows, 256, segment=128, limit=8)[0].tolist()
    [0.0, 16.0, 16.0]
    """
    asked, kept = pair(queries, items, dim)
    deviation = number("sigma", sigma, 0, inf)
    cells = bits.BITS * kept.shape[1] if segment is None else check.integer("segment", segment, low=1)
    if cells % bits.BITS:
        raise ValueError(f"segment must be a multiple of {bits.BITS}, got {segment}")
    most = inf if limit is None else float(check.integer("limit", limit, low=1))
    random = check.generator(rng)
    total = np.zeros((len(asked), len(kept)))
    step = cells // bits.BITS
    for low in range(0, kept.shape[1], step):
        high = min(low + step, kept.shape[1])
        inside = min(dim - bits.BITS * low, bits.BITS * (high - low))
        told = bits.hamming(asked[:, low:high], kept[:, low:high], inside).astype(np.float64)
        if deviation:
            told += deviation * random.standard_normal(told.shape)
        total += np.clip(told, 0.0, most)
    return total


def crossbar(
    queries: Any, items: Any, dim: int, *, sigma: float = 0.0, rng: check.Rng = None
) -> NDArray[np.float64]:
    """The currents of a crossbar, in conducting cells: ``(Q, W)``, ``(M, W)`` → ``(Q, M)``.

    ``D − h`` where nothing is noisy; the nearest item has the largest. ``sigma`` ≥ 0 is the relative deviation of a
    cell's conductance.
    """
    asked, kept = pair(queries, items, dim)
    deviation = number("sigma", sigma, 0, inf)
    currents = dim - bits.hamming(asked, kept, dim).astype(np.float64)
    if deviation:
        currents += deviation * np.sqrt(currents) * check.generator(rng).standard_normal(currents.shape)
    return currents


def crossbar_law(dim: int, items: int, changed: float, sigma: float) -> float:
    r"""Expected share of queries whose nearest item has the largest current, a **normal approximation**.

    .. math:: P = \mathrm E_z\, \Phi\Bigl(\frac{N(a - \tfrac12) + z\,v(a)}{v(\frac12)}\Bigr)^{M-1} \qquad
              v(x)^2 = N x (1 - x) + \sigma^2 N x, \quad z \sim \mathcal N(0, 1)

    of matches and of their conductances, where a = 1 − ``changed`` of a query's N = ``dim`` bits are those of its item,
    and M − 1 of the ``items`` are strangers.

    >>> [round(crossbar_law(512, 1000, 0.4, sigma), 2) for sigma in (0.0, 0.5, 1.0)]
    [0.89, 0.66, 0.29]
    """
    n, m = check.integer("dim", dim, low=1, high=EXACT), check.integer("items", items, low=1, high=EXACT)
    agree, spread = 1.0 - number("changed", changed, 0, 1), number("sigma", sigma, 0, inf)
    own, rival = (sqrt(n * x * (1 - x) + spread**2 * n * x) for x in (agree, 0.5))
    beaten = np.exp((m - 1) * log_ndtr((n * (agree - 0.5) + own * NODES) / rival))
    return float(beaten @ WEIGHTS / WEIGHTS.sum())


def pair(queries: Any, items: Any, dim: int) -> tuple[bits.Words, bits.Words]:
    """Two checked batches of words."""
    asked, kept = bits.words_of("queries", queries, dim), bits.words_of("items", items, dim)
    for name, given in (("queries", asked), ("items", kept)):
        check.batch(name, given)
    return asked, kept


def cam_counts(items: int, dim: int, queries: int) -> dict[str, int]:
    """Counts of ``queries`` searched in ``items`` words of ``dim`` cells: every cell compares, every time.

    What tells distances apart (sense amplifiers beyond match or mismatch, segments of wide words, the choice of the
    least) is in no published figure and in no counter.
    """
    return {"cam_bits": compared(items, dim, queries)}


def crossbar_counts(items: int, dim: int, queries: int, *, encoded: bool = False) -> dict[str, int]:
    """Counts of ``queries`` multiplied with ``items`` words in a crossbar, and ``encoded`` in another."""
    found = {"crossbar_bits": compared(items, dim, queries)}
    return found | ({"encoded_queries": queries} if encoded else {})


def compared(items: int, dim: int, queries: int) -> int:
    """Stored bits that meet a query."""
    check.integer("items", items, low=0)
    return items * check.integer("dim", dim, low=1) * check.integer("queries", queries, low=0)
