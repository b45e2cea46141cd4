"""How the work falls on the experts: utilisation, places, and what is dropped where places run out.

An expert that is computed as one batch of fixed size has ``C = ⌈c·n·k ÷ E⌉`` places, c the capacity factor. They are
filled in the order of the tokens, all tokens' best choices before any second choice (GShard: Lepikhin et al. 2020;
Switch: Fedus et al. 2021); who comes later is dropped: that expert adds nothing to it.
"""

from math import ceil
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc

from hdspike import check
from hdspike.sparsity.gating import Ints, mixture_size

__all__ = ["Utilisation", "capacity", "expected_dropped", "kept", "utilisation"]


class Utilisation(NamedTuple):
    """How evenly experts are used.

    Attributes:
        share: (E,), of all assignments.
        effective: ``exp(−Σ s ln s)``, from 1 (one does all) to E (all alike).
        variation: standard deviation ÷ mean of the loads (Shazeer et al. 2017), from 0 to √(E − 1).
        idle: experts without a token.
    """

    share: NDArray[np.float64]
    effective: float
    variation: float
    idle: int


def checked(experts: Ints, count: int) -> Ints:
    """Assignments ``(n, k)`` to experts ``0 … count − 1``."""
    check.integer("count", count, low=1)
    given = check.array("experts", experts, np.int64, ndim=2)
    if given.size and not (0 <= given.min() and given.max() < count):
        raise ValueError(f"experts must be in [0, {count}), got {given.min()} … {given.max()}")
    return given


def utilisation(experts: Ints, count: int) -> Utilisation:
    """Of the assignments ``(n, k)`` to ``count`` experts.

    Raises:
        ValueError: there is no assignment, or one to an expert that does not exist.

    >>> utilisation(np.array([[0], [1], [1], [0]]), 4)
    Utilisation(share=array([0.5, 0.5, 0. , 0. ]), effective=2.0, variation=1.0, idle=2)
    """
    given = checked(experts, count)
    if given.size == 0:
        raise ValueError(f"experts must hold at least one assignment, got shape {given.shape}")
    load = np.bincount(given.ravel(), minlength=count)
    share = load / load.sum()
    used = share[share > 0]
    return Utilisation(
        share,
        float(np.exp(-(used * np.log(used)).sum())),
        float(load.std() / load.mean()),
        int((load == 0).sum()),
    )


def capacity(factor: float, tokens: int, *, experts: int, active: int) -> int:
    """Places of an expert: ``⌈factor·tokens·active ÷ experts⌉``, rounded up as in most code.

    >>> capacity(1.25, 64, experts=8, active=2)
    20
    """
    mixture_size(experts, active)
    check.integer("tokens", tokens, low=0)
    if (
        isinstance(factor, bool)
        or not isinstance(factor, int | float | np.floating)
        or not 0 < factor < np.inf
    ):
        raise ValueError(f"factor must be a finite number above 0, got {factor!r}")
    return ceil(factor * tokens * active / experts)


def kept(experts: Ints, places: int, count: int) -> NDArray[np.bool_]:
    """Which of the assignments ``(n, k)`` find one of an expert's ``places``: column by column, each from the top.

    >>> kept(np.array([[0, 1], [0, 1], [1, 0]]), 2, 2).tolist()
    [[True, True], [True, False], [True, False]]
    """
    given = checked(experts, count)
    check.integer("places", places, low=0)
    in_turn = given.T.ravel()
    order = np.argsort(in_turn, kind="stable")
    starts = np.searchsorted(in_turn[order], np.arange(count))
    place = np.empty(len(in_turn), dtype=np.int64)
    place[order] = np.arange(len(in_turn)) - starts[in_turn[order]]
    return np.ascontiguousarray((place < places).reshape(given.T.shape).T)


def expected_dropped(tokens: int, places: int, *, experts: int, active: int, share: Any = None) -> float:
    """The share of assignments that are dropped where every token draws its k experts on its own, whatever the order.

    The load of an expert is binomial, n tokens of chance ``k·share_e``: ``Σ_e Σ_{j ≥ C} P(load_e > j) ÷ (n·k)``, exact,
    as ``Σ_{j ≥ C} P(X > j)`` is the mean of ``max(0, X − C)``.

    Args:
        tokens: n of a batch.
        places: C of every expert.
        experts, active: E and k.
        share: (E,), of the assignments that go to each expert; None: all alike, routing at random.

    >>> round(expected_dropped(64, 8, experts=8, active=1), 4)
    0.1305
    """
    mixture_size(experts, active)
    check.integer("tokens", tokens, low=0)
    check.integer("places", places, low=0)
    given = np.full(experts, 1 / experts) if share is None else np.asarray(share, dtype=np.float64)
    good = given.shape == (experts,) and np.isfinite(given).all() and abs(given.sum() - 1) < 1e-9
    if not good or given.min() < 0 or given.max() * active > 1 + 1e-9:
        raise ValueError(f"share must be {experts} numbers in [0, 1/{active}] that sum to 1, got {share!r}")
    if places >= tokens:
        return 0.0
    chances = np.minimum(active * given, 1)[:, None]
    return float(bdtrc(np.arange(places, tokens), tokens, chances).sum() / (tokens * active))
