"""Pair-based spike-timing-dependent plasticity (STDP): a synapse learns from the times of the spikes at its two ends.

A pair of spikes at a distance Δt = t_post − t_pre changes the weight by

    Δw = + A₊ · f₊(w) · e^(−Δt/τ₊)   where Δt > 0 (before, then after: potentiation)
    Δw = − A₋ · f₋(w) · e^(+Δt/τ₋)   where Δt < 0 (depression),   Δt = 0: nothing

``bounds="additive"``: f = 1, and w is kept in [low, high]; ``"multiplicative"``: f₊ = high − w, f₋ = w − low, which
keeps w between them as long as no step is larger than the room (it is cut there too).
``pairing="all"``: every spike with all earlier ones of the other side; ``"nearest"``: with the last one only.
Times are those of the emission of both spikes: delays play no part. Two spikes of one neuron in one step are two.

The sums over pairs are kept as one trace per neuron (Morrison, Diesmann & Gerstner, Biol. Cybern. 98, 2008):
x decays by e^(−h/τ₊) per step h and a pre-spike adds 1 (``nearest``: sets it to 1), y likewise with τ₋ at post-spikes.
In a step all depression comes before all potentiation, both from the traces of earlier steps alone.
Measured by Bi & Poo, J. Neurosci. 18, 1998: τ₊ ≈ 17 ms, τ₋ ≈ 34 ms.

A clocked runner keeps one :class:`Traces` per plastic projection (:meth:`STDP.prepare`), delivers with its
``weights`` in place of those of the synapses, and calls :meth:`Traces.learn` once a step, after both ends have fired.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.jit import kernel
from hdspike.network.synapses import Synapses

__all__ = ["STDP", "Traces"]


@kernel
def _transpose(indptr, targets, starts, places, lines):
    """Synapses by target: those of neuron n stand at ``places[starts[n]:starts[n + 1]]``, from ``lines`` there."""
    for s in range(len(targets)):
        starts[targets[s] + 1] += 1
    for n in range(len(starts) - 1):
        starts[n + 1] += starts[n]
    at = starts[:-1].copy()
    for line in range(len(indptr) - 1):
        for s in range(indptr[line], indptr[line + 1]):
            n = targets[s]
            places[at[n]] = s
            lines[at[n]] = line
            at[n] += 1
    return len(targets)


@kernel
def _learn(
    rule, indptr, targets, starts, places, lines, weights, before, after, pre, pre_count, post, post_count
):
    """One step of learning; ``rule`` as :meth:`STDP.prepare` packs it; returns the changes of weights.

    ``before`` and ``after`` are the traces of lines and neurons, ``pre[:pre_count]`` and ``post[:post_count]`` who
    fired in this step.
    """
    rise, fall, keep_before, keep_after, low, high, soft, nearest = rule
    changes = 0
    for n in range(len(before)):
        before[n] *= keep_before
    for n in range(len(after)):
        after[n] *= keep_after
    for p in range(pre_count):
        for s in range(indptr[pre[p]], indptr[pre[p] + 1]):
            w = weights[s]
            room = w - low if soft else 1.0
            weights[s] = max(low, w - fall * room * after[targets[s]])
        changes += indptr[pre[p] + 1] - indptr[pre[p]]
    for p in range(post_count):
        for i in range(starts[post[p]], starts[post[p] + 1]):
            w = weights[places[i]]
            room = high - w if soft else 1.0
            weights[places[i]] = min(high, w + rise * room * before[lines[i]])
        changes += starts[post[p] + 1] - starts[post[p]]
    for p in range(pre_count):
        before[pre[p]] = 1.0 if nearest else before[pre[p]] + 1.0
    for p in range(post_count):
        after[post[p]] = 1.0 if nearest else after[post[p]] + 1.0
    return changes


@dataclass
class Traces:
    """The learning state of one projection: what a checkpoint holds is ``weights``, ``before`` and ``after``."""

    rule: tuple[Any, ...]
    indptr: NDArray[np.int64]
    targets: NDArray[np.int32]
    starts: NDArray[np.int64]
    places: NDArray[np.int64]
    lines: NDArray[np.int32]
    weights: NDArray[np.float64]
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    changes: int = field(default=0)

    def learn(self, pre: NDArray[np.int32], pre_count: int, post: NDArray[np.int32], post_count: int) -> int:
        """One step in which ``pre[:pre_count]`` (lines) and ``post[:post_count]`` (neurons) fired."""
        made = int(
            _learn(
                *(self.rule, self.indptr, self.targets, self.starts, self.places, self.lines),
                *(self.weights, self.before, self.after, pre, pre_count, post, post_count),
            )
        )
        self.changes += made
        return made

    def synapses(self, of: Synapses) -> Synapses:
        """The synapses ``of`` with the weights learnt so far."""
        return Synapses(of.indptr, of.targets, self.weights.copy(), of.neurons, of.delays)


@dataclass(frozen=True)
class STDP:
    """Parameters of the pair rule (see the head of the file).

    ``potentiation`` A₊ and ``depression`` A₋ are at least 0, the time constants above 0 seconds, ``low`` ≤ ``high``.
    """

    potentiation: float
    depression: float
    tau_plus_s: float
    tau_minus_s: float
    low: float = 0.0
    high: float = 1.0
    pairing: str = "all"
    bounds: str = "additive"

    def __post_init__(self) -> None:
        for name in ("potentiation", "depression", "tau_plus_s", "tau_minus_s", "low", "high"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float | np.floating | np.integer):
                raise TypeError(f"{name} must be a number, got {value!r}")
            if not np.isfinite(value):
                raise ValueError(f"{name} must be finite, got {value}")
        for name in ("potentiation", "depression"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        for name in ("tau_plus_s", "tau_minus_s"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0 seconds, got {getattr(self, name)}")
        if self.low > self.high:
            raise ValueError(f"low must be at most high ({self.high}), got {self.low}")
        check.one_of("pairing", self.pairing, ("all", "nearest"))
        check.one_of("bounds", self.bounds, ("additive", "multiplicative"))

    def prepare(self, synapses: Synapses, step_s: float) -> Traces:
        """The state at time 0 for these synapses; their weights must lie in [low, high]."""
        if not isinstance(synapses, Synapses):
            raise TypeError(f"synapses must be Synapses, not {type(synapses).__name__}")
        count = len(synapses)
        weights = np.ones(count) if synapses.weights is None else synapses.weights.astype(np.float64)
        if count and not (self.low <= weights.min() and weights.max() <= self.high):
            raise ValueError(
                f"weights must be in [{self.low}, {self.high}] to learn, got {weights.min()} … {weights.max()}"
            )
        starts = np.zeros(synapses.neurons + 1, dtype=np.int64)
        places, lines = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int32)
        _transpose(synapses.indptr, synapses.targets, starts, places, lines)
        rule = (
            float(self.potentiation),
            float(self.depression),
            float(np.exp(-step_s / self.tau_plus_s)),
            float(np.exp(-step_s / self.tau_minus_s)),
            float(self.low),
            float(self.high),
            self.bounds == "multiplicative",
            self.pairing == "nearest",
        )
        before, after = np.zeros(synapses.lines), np.zeros(synapses.neurons)
        return Traces(rule, synapses.indptr, synapses.targets, starts, places, lines, weights, before, after)
