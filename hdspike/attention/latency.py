"""Attention by graded spikes: the query's strongest contributions first, the first keys to reach θ win.

:class:`LatencyAttention` is :class:`~hdspike.attention.SpikingAttention` for keys that are entries of blocks and
queries that are contributions (:mod:`hdspike.attention.codes.latency`): the same rules, the same runners.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check, functional
from hdspike.attention import select
from hdspike.attention.codes.latency import WEIGHTS, LatencyCode
from hdspike.attention.layer import ORDER_STREAM
from hdspike.network import KWTA, Layer, Outcome
from hdspike.spikes import Stimuli, schedule

__all__ = ["ORDERS", "LatencyAttention", "in_order"]

ORDERS = ("strongest", "seeded")


def in_order(indptr: Any, lines: Any, *, per_tick: int) -> Stimuli:
    """Queries whose lines stand in the order of their arrival: cut into ticks, by address within each.

    As :func:`hdspike.spikes.schedule`, but each query has an order of its own.
    """
    starts = check.array("indptr", indptr, np.int64, ndim=1)
    given = check.array("lines", lines, np.int32, ndim=1)
    check.integer("per_tick", per_tick, low=1)
    if len(starts) < 1 or starts[0] != 0 or starts[-1] != len(given) or np.any(np.diff(starts) < 0):
        raise ValueError("indptr must rise from 0 to the number of lines")
    query = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    tick = (np.arange(len(given)) - starts[query]) // per_tick
    return Stimuli(starts, given[np.lexsort((given, tick, query))], per_tick)


class LatencyAttention:
    """N keys, each a neuron; a query's contributions arrive as graded spikes; the winners of the rule fire.

    Args:
        keys: ``(N, B)`` the entry of each key in each block.
        entries: E.
        k, rule, theta, seed: as of :class:`SpikingAttention`. θ is in units of the weights.
        spikes: how many a query sends at most.
        order: ``"strongest"`` contribution first, or ``"seeded"``, the same spikes in a random order of lines.
        weights: of the graded lines.

    >>> keys = [[0, 0], [0, 1], [1, 1]]
    >>> layer = LatencyAttention(keys, entries=2, k=1, rule="race", theta=16, spikes=4)
    >>> outcome = layer.attend([[[0.5, -0.5], [1.0, 0.2]]])
    >>> outcome.winners.tolist(), outcome.potentials.tolist(), outcome.counts["cancelled_events"].tolist()
    ([0], [16], [2])
    """

    def __init__(
        self,
        keys: Any,
        *,
        entries: int,
        k: int,
        rule: str = "exact",
        theta: int | None = None,
        spikes: int = 128,
        order: str = "strongest",
        weights: Sequence[int] = WEIGHTS,
        seed: int = 0,
    ) -> None:
        self.keys: NDArray[np.int64] = check.array("keys", keys, np.int64, ndim=2)
        if not self.keys.size:
            raise ValueError(f"keys must be at least one, of one block, got shape {self.keys.shape}")
        self.code = LatencyCode(self.keys.shape[1], entries, weights=weights)
        self.k = check.integer("k", k, low=1, high=len(self.keys))
        self.rule = check.one_of("rule", rule, select.RULES)
        if theta is not None:
            check.integer("theta", theta, low=1, high=self.code.top)
        self.theta = theta
        self.spikes = check.integer("spikes", spikes, low=1)
        self.order = check.one_of("order", order, ORDERS)
        self.seed = check.integer("seed", seed, low=0)
        self.rank: NDArray[np.int64] = np.random.default_rng([self.seed, ORDER_STREAM]).permutation(
            self.code.lines
        )
        self._network = self.code.network(self.keys, select.make("exact", k=1, top=self.code.top))

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def per_tick(self) -> int:
        """Spikes per tick: all that a query may send, spread over the ticks of the rule."""
        return -(-self.spikes // select.ticks(self.rule))

    @property
    def kwta(self) -> KWTA:
        """The k-winner-take-all group of the rule."""
        return select.make(self.rule, k=self.k, top=self.code.top, theta=self.theta)

    @property
    def network(self) -> Layer:
        """The layer as a network, for any runner."""
        if self._network.kwta != self.kwta:
            self._network = replace(self._network, kwta=self.kwta)
        return self._network

    def stimuli(self, contributions: Any, *, per_tick: int | None = None) -> Stimuli:
        """The queries ``(n, B, E)`` as ordered input events; ``per_tick`` overrides that of the rule."""
        indptr, lines = self.code.spikes(contributions, most=self.spikes)
        ticked = self.per_tick if per_tick is None else per_tick
        if self.order == "seeded":
            return schedule(indptr, lines, rank=self.rank, per_tick=ticked)
        return in_order(indptr, lines, per_tick=ticked)

    def attend(self, contributions: Any, *, progress: functional.Progress | None = None) -> Outcome:
        """The winners of every query on the functional runner."""
        return functional.run(self.network, self.stimuli(contributions), progress=progress)

    def potentials(self, contributions: Any) -> NDArray[np.int32]:
        """Final potentials ``(n, N)``: the graded scores."""
        return functional.potentials(self._network, self.stimuli(contributions))

    def calibrate(self, development: Any) -> int:
        """Set θ so that the development queries have k neurons at θ in the median; returns θ."""
        self.theta = select.calibrate(self.potentials(development), k=self.k)
        return self.theta
