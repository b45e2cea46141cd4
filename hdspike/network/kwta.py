"""k-winner-take-all: an inhibitory neuron that lets the first k spikes pass and silences the rest."""

from dataclasses import dataclass
from typing import Literal

from hdspike import check

Readout = Literal["tick", "end", "ramp"]


@dataclass(frozen=True)
class KWTA:
    """When neurons compare their potential ``v`` with the threshold ``θ``, and how many may win.

    ``readout="tick"``
        after every tick: a neuron fires when ``v ≥ θ``; once ``k`` have fired, inhibition silences the rest
        and the input events still to come are cancelled. (A *race*.)
    ``readout="end"``
        once, after the last input event: all with ``v ≥ θ`` fire; with ``k = None`` all of them win.
    ``readout="ramp"``
        after the last input event θ falls by ``step`` per step, from ``theta`` to ``floor``, until ``k`` have
        fired: time to first spike then sorts the potentials (a count-down; Maass 2000).

    A neuron fires at most once per query; one that received no event never fires. Spikes of the same tick are
    ordered by higher potential, then by lower index; those after the k-th are overshoot.
    """

    k: int | None
    theta: int
    readout: Readout
    step: int = 1
    floor: int = 0

    def __post_init__(self) -> None:
        check.one_of("readout", self.readout, ("tick", "end", "ramp"))
        check.integer("theta", self.theta)
        check.integer("step", self.step, low=1)
        if self.k is not None:
            check.integer("k", self.k, low=1)
        elif self.readout != "end":
            raise ValueError(
                f"k must be given for readout {self.readout!r}: a race or a ramp ends at the k-th spike"
            )
        if self.readout == "ramp":
            check.integer("floor", self.floor, high=self.theta)

    @property
    def ramp_steps(self) -> int:
        """Steps of the whole ramp, ``⌈(θ − floor) ÷ step⌉ + 1``; 0 where there is none."""
        return -(-(self.theta - self.floor) // self.step) + 1 if self.readout == "ramp" else 0
