"""A layer that answers queries: input lines, synapses, neurons and the k-winner-take-all group over them."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.network.kwta import KWTA
from hdspike.network.synapses import Synapses

__all__ = ["COUNTS", "Layer", "Outcome", "disagreement", "from_dense"]


@dataclass(frozen=True)
class Layer:
    """Input lines → synapses → integrate-and-fire neurons → a k-winner-take-all group.

    The potential of neuron ``i`` after the events ``E`` is ``v_i = bias_i + Σ_{e ∈ E} w(line(e), i)``. When
    it fires, and who wins, is the group's affair (:class:`KWTA`).
    """

    synapses: Synapses
    bias: NDArray[np.int32]
    kwta: KWTA

    def __post_init__(self) -> None:
        bias = check.array("bias", self.bias, np.int32, ndim=1)
        if len(bias) != self.synapses.neurons:
            raise ValueError(
                f"bias must have one value per neuron ({self.synapses.neurons}), got {len(bias)}"
            )
        object.__setattr__(self, "bias", bias)
        weights = self.synapses.weights
        if weights is not None and weights.dtype != np.int8:
            raise TypeError(f"synapses of a layer must have int8 weights, got {weights.dtype}")
        if self.synapses.delays is not None:
            raise ValueError("synapses of a layer must have no delays: its events have an order, no clock")
        if self.synapses.parallel:
            raise ValueError("synapses of a layer must be distinct: one per line and neuron")

    @property
    def lines(self) -> int:
        """Number of input lines."""
        return self.synapses.lines

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return self.synapses.neurons


@dataclass(frozen=True)
class Outcome:
    """Who won, for a batch of queries: the common answer of both runners.

    Query ``q`` was won by ``winners[indptr[q]:indptr[q + 1]]``, in the order of firing: earlier tick, then
    higher potential, then lower index. ``ticks`` holds the tick of each win (the steps of a ramp go on
    counting after the last input tick), ``potentials`` the potential at that moment.

    ``counts`` are integers per query: ``input_events`` (lines delivered), ``cancelled_events`` (lines the
    inhibition kept from being sent), ``synaptic_events``, ``touched`` (neurons with at least one synaptic
    event), ``fired`` (spikes, the winners and the overshoot), ``overshoot`` (spikes after the k-th).
    """

    indptr: NDArray[np.int64]
    winners: NDArray[np.int32]
    potentials: NDArray[np.int32]
    ticks: NDArray[np.int32]
    counts: dict[str, NDArray[np.int64]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def query(self, index: int) -> NDArray[np.int32]:
        """The winners of one query in the order of firing."""
        return self.winners[self.indptr[index] : self.indptr[index + 1]]

    def total(self, name: str) -> int:
        """The sum of one counter over the queries."""
        return int(self.counts[name].sum())


COUNTS = ("input_events", "cancelled_events", "synaptic_events", "touched", "fired", "overshoot")


def disagreement(one: Outcome, other: Outcome) -> dict[str, int]:
    """How two outcomes of the same queries differ, slot by slot in the order of firing.

    Returns ``compared`` (winner slots, the longer of the two lists per query), ``differing`` (slots that
    hold another neuron), ``queries`` and ``queries_differing`` (queries whose *set* of winners differs).
    """
    if len(one) != len(other):
        raise ValueError(f"outcomes must cover the same queries, got {len(one)} and {len(other)}")
    compared = differing = queries_differing = 0
    for q in range(len(one)):
        a, b = one.query(q), other.query(q)
        shared = min(len(a), len(b))
        compared += max(len(a), len(b))
        differing += int(np.count_nonzero(a[:shared] != b[:shared])) + max(len(a), len(b)) - shared
        queries_differing += int(not np.array_equal(np.sort(a), np.sort(b)))
    return {
        "compared": compared,
        "differing": differing,
        "queries": len(one),
        "queries_differing": queries_differing,
    }


def from_dense(weights: Any, *, bias: Any = None, kwta: KWTA) -> Layer:
    """A layer from a dense matrix ``(lines, neurons)`` of integer weights; a zero is no synapse."""
    synapses = Synapses.from_dense(weights)
    zero = np.zeros(synapses.neurons, dtype=np.int32)
    return Layer(synapses, zero if bias is None else bias, kwta)
