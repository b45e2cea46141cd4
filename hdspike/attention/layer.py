"""The layer: keys of one vector space become a network under a selection rule; a runner is plugged in."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check, functional
from hdspike.attention import codes, select
from hdspike.network import KWTA, Layer, Outcome
from hdspike.spaces import BSC, Space
from hdspike.spikes import Stimuli, schedule

ORDER_STREAM = 1  # of the seed: the order of lines is independent of vectors drawn with the same seed


class SpikingAttention:
    """N keys, each a neuron; a query's active lines arrive as events; the winners of the rule fire.

    Args:
        space: the vector space of keys and queries.
        keys: ``(N, width)``.
        k: winners per query (``exact``, ``race``), or how many a typical query shall have (``threshold``).
        rule: ``exact``, ``race`` or ``threshold``: see :mod:`hdspike.attention.select`.
        theta: firing threshold of ``race`` and ``threshold``; :meth:`calibrate` sets it from data.
        seed: seeds the order in which lines arrive.
    """

    def __init__(
        self, space: Space, keys: Any, *, k: int, rule: str = "exact", theta: int | None = None, seed: int = 0
    ) -> None:
        self.space, self.code = space, codes.of(space)
        self.keys = check.batch("keys", space.checked("keys", keys), least=1)
        self.k = check.integer("k", k, low=1, high=len(self.keys))
        self.rule = check.one_of("rule", rule, select.RULES)
        if theta is not None:
            check.integer("theta", theta, low=1, high=self.code.top)
        self.theta = theta
        self.seed = check.integer("seed", seed, low=0)
        self.rank: NDArray[np.int64] = np.random.default_rng([self.seed, ORDER_STREAM]).permutation(
            self.code.lines
        )
        self._active = self._mean_active(self.keys)
        self._network: Layer | None = None

    def __len__(self) -> int:
        return len(self.keys)

    def _mean_active(self, vectors: NDArray[Any]) -> int:
        indptr, _ = self.code.active(vectors[:256])
        return max(1, round(float(np.diff(indptr).mean())))

    @property
    def per_tick(self) -> int:
        """Events per tick: the mean number of active lines, spread over the ticks of the rule."""
        ticks = select.ticks(self.rule)
        return self.code.lines if ticks == 1 else -(-self._active // ticks)

    @property
    def kwta(self) -> KWTA:
        """The k-winner-take-all group of the rule."""
        return select.make(self.rule, k=self.k, top=self.code.top, theta=self.theta)

    @property
    def network(self) -> Layer:
        """The layer as a network, for any runner. Dense keys take lines × keys synapses."""
        if self._network is None:
            self._network = self.code.network(self.keys, self.kwta)
        elif self._network.kwta != self.kwta:
            self._network = replace(self._network, kwta=self.kwta)
        return self._network

    def stimuli(self, queries: Any, *, per_tick: int | None = None) -> Stimuli:
        """The queries as ordered input events; ``per_tick`` overrides the events per tick of the rule."""
        indptr, lines = self.code.active(check.batch("queries", self.space.checked("queries", queries)))
        ticked = self.per_tick if per_tick is None else per_tick
        return schedule(indptr, lines, rank=self.rank, per_tick=ticked)

    def _dense(self, kwta: KWTA) -> functional.DenseLayer:
        return functional.DenseLayer(self.keys, self.code.lines, self.rank, self.per_tick, kwta)

    def attend(self, queries: Any, *, progress: functional.Progress | None = None) -> Outcome:
        """The winners of every query on the functional runner: packed for dense keys, by synapses for sparse."""
        vectors = self.space.checked("queries", queries)
        if isinstance(self.space, BSC):
            return functional.run_dense(self._dense(self.kwta), vectors, progress=progress)
        return functional.run(self.network, self.stimuli(vectors), progress=progress)

    def potentials(self, queries: Any) -> NDArray[np.int32]:
        """Final potentials ``(Q, N)``: equal bits (bsc) or matching blocks (sbc)."""
        vectors = self.space.checked("queries", queries)
        any_group = select.make("exact", k=1, top=self.code.top)  # final potentials depend on no rule
        if isinstance(self.space, BSC):
            return functional.potentials(self._dense(any_group), vectors)
        if self._network is None:
            self._network = self.code.network(self.keys, any_group)
        return functional.potentials(self._network, self.stimuli(vectors))

    def calibrate(self, development: Any) -> int:
        """Set θ so that the development queries have k neurons at θ in the median; returns θ."""
        self.theta = select.calibrate(self.potentials(development), k=self.k)
        return self.theta
