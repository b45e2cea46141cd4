"""The leaky integrate-and-fire neuron (LIF), exact between events.

    τ dv/dt = (rest + bias − v),   v ← v + w at an event;   a spike where v ≥ θ (``strict``: v > θ)

On a grid of steps h this is, without any error of integration, v ← a·v + (1 − a)(rest + bias) + I with a = e^(−h/τ)
and I the sum of the weights that arrived; then the threshold is compared, then v ← reset, or v ← v − θ. So it is in
NEST's ``iaf_psc_delta`` (Rotter & Diesmann 1999); Brian2 gives the same spikes where its synapses act before its
thresholds (``tests/golden/brian2.py``). During the refractory time after a spike v stays and input is dropped.
An event jumps v by its weight; NIR's ``LIF`` jumps by R·w/τ. (Lapicque 1907; Gerstner & Kistler 2002, ch. 4.)
"""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hdspike.network.neurons.membrane import Membrane, reset_of

__all__ = ["Leaky", "whole_steps"]


def whole_steps(period_s: NDArray[np.float64], step_s: float) -> NDArray[np.float64]:
    """A time in steps, to the nearest one."""
    return np.rint(period_s / step_s)


class Leaky(Membrane):
    """Leaky integrate-and-fire (see the head of the file).

    Args:
        tau_s: time constant τ of the membrane in seconds; ``inf`` is no leak.
        threshold: θ.
        rest: the potential that v decays to, and starts at.
        reset: the potential after a spike, or ``"subtract"`` to take θ away.
        bias: constant input, as the shift of the resting potential that it causes (current times resistance).
            Where rest + bias reaches θ a neuron fires without events, so the model then has no event-driven form.
        refractory_s: seconds, rounded to whole steps.
        strict: whether v must exceed θ.

    >>> Leaky(tau_s=0.02).parameters(1, 1e-3)[0].round(6).tolist()
    [0.951229]
    """

    name: ClassVar[str] = "leaky"
    PARAMETERS: ClassVar[tuple[str, ...]] = ("tau_s", "threshold", "rest", "reset", "bias", "refractory_s")
    REFRACTORY: ClassVar[str] = "refractory_s"

    def __init__(
        self,
        *,
        tau_s: Any = 0.02,
        threshold: Any = 1.0,
        rest: Any = 0.0,
        reset: Any = 0.0,
        bias: Any = 0.0,
        refractory_s: Any = 0.0,
        strict: bool = False,
    ) -> None:
        super().__init__(
            tau_s=tau_s,
            threshold=threshold,
            rest=rest,
            reset=reset_of(reset),
            bias=bias,
            refractory_s=refractory_s,
        )
        self._finish(strict, reset)
        self.require("tau_s", "above 0 seconds", self["tau_s"] > 0)
        self.require("refractory_s", "at least 0 seconds", self["refractory_s"] >= 0)

    def parameters(self, size: int, step_s: float) -> NDArray[np.float64]:
        (tau, _, rest, _, bias, refractory), rows = self.rows(size)
        rows[0], rows[1] = np.exp(-step_s / tau), -np.expm1(-step_s / tau) * (rest + bias)
        rows[5] = whole_steps(refractory, step_s)
        rows[6], rows[7], rows[8] = 1.0 / tau, np.where(np.isinf(tau), 0.0, rest + bias), refractory
        return rows

    def state(self, size: int) -> NDArray[np.float64]:
        state = super().state(size)
        state[0] = self["rest"]
        return state

    def _silent_threshold(self) -> NDArray[np.bool_]:
        return np.asarray(self["rest"] + self["bias"] >= self["threshold"])
