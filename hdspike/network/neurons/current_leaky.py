"""The current-based leaky integrate-and-fire neuron (CUBA LIF): an event opens a current that fades.

    τ_m dv/dt = (rest + bias − v) + R·i,   τ_s di/dt = −i,   i ← i + w at an event

On a grid of steps h the exact solution is a matrix (Rotter & Diesmann, Biol. Cybern. 81, 1999):

    v ← a·v + (1 − a)(rest + bias) + p·i,   i ← e^(−h/τ_s)·i + I,   a = e^(−h/τ_m),
    p = R·τ_s/(τ_s − τ_m)·(e^(−h/τ_s) − a),   in the limit of equal constants R·(h/τ)·e^(−h/τ)

with the current of *before* the step, ``I`` the sum of the weights that arrived; then the threshold v ≥ θ
(``strict``: v > θ) is compared. So it is in NEST's ``iaf_psc_exp`` (there R = τ_m/C): what arrives in step t moves v
from step t + 1 on. During the refractory time v stays, and the current goes on.

There is no event-driven form: v can rise to its threshold long after the last event, and a kernel that is asked at
events only would miss it.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hdspike.jit import kernel
from hdspike.network.neurons.base import NeuronModel, _collect
from hdspike.network.neurons.leaky import whole_steps
from hdspike.network.neurons.membrane import reset_of, strictness

__all__ = ["CurrentLeaky"]


@kernel
def _step(parameters, state, drive, updated, fired):
    """One step; rows: decay, drift, gain, fade, threshold, reset, share, period; potential, current, left."""
    decay, drift, gain, fade = parameters[0], parameters[1], parameters[2], parameters[3]
    threshold, reset, share, period = parameters[4], parameters[5], parameters[6], parameters[7]
    potential, current, left = state[0], state[1], state[2]
    for n in range(len(drive)):
        arrived = drive[n]
        was, i = potential[n], current[n]
        free = left[n] <= 0.0
        v = was * decay[n] + drift[n] + gain[n] * i
        v = v if free else was
        fires = free & (v >= threshold[n])
        active = fires | (v != was) | (not free) | (i != 0.0) | (arrived != 0.0) | (not np.signbit(arrived))
        potential[n] = v * share[n] + reset[n] if fires else v
        current[n] = i * fade[n] + arrived
        left[n] = period[n] if fires else max(left[n] - 1.0, 0.0)
        updated[n] = np.uint8(active) | (np.uint8(fires) << np.uint8(1))
        drive[n] = -0.0
    return _collect(updated, fired)


class CurrentLeaky(NeuronModel):
    """Current-based leaky integrate-and-fire (see the head of the file).

    Args:
        tau_s: time constant τ_m of the membrane in seconds.
        tau_synapse_s: time constant τ_s of the current in seconds.
        resistance: R, potential per current.
        threshold, rest, reset, bias, refractory_s, strict: as in :class:`~hdspike.network.neurons.leaky.Leaky`.
    """

    name: ClassVar[str] = "current_leaky"
    PARAMETERS: ClassVar[tuple[str, ...]] = (
        *("tau_s", "tau_synapse_s", "resistance", "threshold"),
        *("rest", "reset", "bias", "refractory_s"),
    )
    STATE: ClassVar[tuple[str, ...]] = ("potential", "current", "left")

    def __init__(
        self,
        *,
        tau_s: Any = 0.02,
        tau_synapse_s: Any = 0.005,
        resistance: Any = 1.0,
        threshold: Any = 1.0,
        rest: Any = 0.0,
        reset: Any = 0.0,
        bias: Any = 0.0,
        refractory_s: Any = 0.0,
        strict: bool = False,
    ) -> None:
        super().__init__(
            tau_s=tau_s,
            tau_synapse_s=tau_synapse_s,
            resistance=resistance,
            threshold=threshold,
            rest=rest,
            reset=reset_of(reset),
            bias=bias,
            refractory_s=refractory_s,
        )
        self.strict, self.subtract = strictness(strict), isinstance(reset, str)
        for key in ("tau_s", "tau_synapse_s"):
            self.require(key, "a finite time above 0 seconds", (self[key] > 0) & np.isfinite(self[key]))
        self.require("resistance", "finite", np.isfinite(self["resistance"]))
        self.require("refractory_s", "at least 0 seconds", self["refractory_s"] >= 0)

    def parameters(self, size: int, step_s: float) -> NDArray[np.float64]:
        tau, synapse, resistance, threshold, rest, reset, bias, refractory = super().parameters(size, step_s)
        decay = np.exp(-step_s / tau)
        apart = step_s * (1.0 / tau - 1.0 / synapse)
        near = np.where(apart == 0.0, 1.0, apart)
        rows = np.zeros((8, size))
        rows[0], rows[1] = decay, -np.expm1(-step_s / tau) * (rest + bias)
        # τ_s/(τ_s − τ_m)·(e^(−h/τ_s) − a) = (h/τ_m)·a·(e^x − 1)/x with x = h/τ_m − h/τ_s: no division by 0
        rows[2] = resistance * step_s / tau * decay * np.where(apart == 0.0, 1.0, np.expm1(near) / near)
        rows[3] = np.exp(-step_s / synapse)
        rows[4] = np.nextafter(threshold, np.inf) if self.strict else threshold
        rows[5], rows[6] = (-threshold, 1.0) if self.subtract else (reset, 0.0)
        rows[7] = whole_steps(refractory, step_s)
        return rows

    def state(self, size: int) -> NDArray[np.float64]:
        state = super().state(size)
        state[0] = self["rest"]
        return state

    @property
    def step(self) -> Callable[..., tuple[int, int]]:
        return _step
