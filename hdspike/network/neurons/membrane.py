"""The affine membrane that integrate-and-fire and leaky neurons share: one multiplication, two additions per step.

Every step, with ``I`` the sum of the weights that arrived and ``left`` the steps of refractoriness still to come,

    left = 0:   v ← a · v + c + I;  where v ≥ θ the neuron fires, v ← r + s · v, left ← p
    left > 0:   v and I are dropped where they are, left ← left − 1

where ``a`` is the decay of a step, ``c`` the drift (bias), ``r, s`` the reset: ``s = 0`` sets v to r, ``s = 1``
with ``r = −θ`` subtracts θ. A strict threshold ``v > θ`` is ``v ≥ θ⁺``, θ⁺ the next number above θ. A neuron is
updated if an event arrived, if its potential changed or if it is refractory. (Rotter & Diesmann, Biol. Cybern. 81,
1999: this is exact for a linear membrane on a grid of time.)
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hdspike.jit import kernel
from hdspike.network.neurons.base import NeuronModel, _collect

__all__ = ["ROWS", "SUBTRACT", "Membrane", "reset_of"]

SUBTRACT = "subtract"
ROWS = ("decay", "drift", "threshold", "reset", "share", "period", "rate", "asymptote", "period_s")
"""What the kernels read: the last three by events only."""


@kernel
def _step(parameters, state, drive, updated, fired):
    """One step of every neuron; rows: decay, drift, threshold, reset, share, period; potential, left."""
    decay, drift, threshold = parameters[0], parameters[1], parameters[2]
    reset, share, period = parameters[3], parameters[4], parameters[5]
    potential, left = state[0], state[1]
    for n in range(len(drive)):
        arrived = drive[n]
        was = potential[n]
        free = left[n] <= 0.0
        v = was * decay[n] + drift[n] + arrived
        v = v if free else was
        fires = free & (v >= threshold[n])
        active = fires | (v != was) | (not free) | (arrived != 0.0) | (not np.signbit(arrived))
        potential[n] = v * share[n] + reset[n] if fires else v
        left[n] = period[n] if fires else max(left[n] - 1.0, 0.0)
        updated[n] = np.uint8(active) | (np.uint8(fires) << np.uint8(1))
        drive[n] = -0.0
    return _collect(updated, fired)


@kernel
def _step_alike(parameters, state, drive, updated, fired):
    """The same where all neurons have the same parameters and none is ever refractory: half the memory traffic."""
    decay, drift, threshold = parameters[0, 0], parameters[1, 0], parameters[2, 0]
    reset, share = parameters[3, 0], parameters[4, 0]
    potential = state[0]
    for n in range(len(drive)):
        arrived = drive[n]
        was = potential[n]
        v = was * decay + drift + arrived
        fires = v >= threshold
        active = fires | (v != was) | (arrived != 0.0) | (not np.signbit(arrived))
        potential[n] = v * share + reset if fires else v
        updated[n] = np.uint8(active) | (np.uint8(fires) << np.uint8(1))
        drive[n] = -0.0
    return _collect(updated, fired)


@kernel
def _event(parameters, state, neuron, now, weight):
    """An event at ``now`` (s): the potential goes exponentially to the asymptote, at rate 0 in a straight line.

    Rows: as above, then rate (1/s), asymptote (a slope per second where the rate is 0) and period (s); potential,
    ``left`` (here the time in seconds until which the neuron is refractory) and ``last`` (s).
    """
    rate, asymptote = parameters[6, neuron], parameters[7, neuron]
    if now < state[1, neuron]:
        return False
    passed = now - max(state[2, neuron], state[1, neuron])
    state[2, neuron] = now
    if rate > 0.0:
        v = asymptote + (state[0, neuron] - asymptote) * np.exp(-passed * rate) + weight
    else:
        v = state[0, neuron] + asymptote * passed + weight
    if v >= parameters[2, neuron]:
        state[0, neuron] = v * parameters[4, neuron] + parameters[3, neuron]
        state[1, neuron] = now + parameters[8, neuron]
        return True
    state[0, neuron] = v
    return False


class Membrane(NeuronModel):
    """What the two models share: threshold, reset, refractoriness and the choice of the kernel."""

    STATE: ClassVar[tuple[str, ...]] = ("potential", "left", "last")
    strict: bool
    subtract: bool

    def _finish(self, strict: Any, reset: Any) -> None:
        self.strict, self.subtract = strictness(strict), isinstance(reset, str)

    def rows(self, size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The parameters as given ``(P, size)``, and room for what the kernels read, thresholds and resets set."""
        given = super().parameters(size, 1.0)
        named = dict(zip(self.PARAMETERS, given, strict=True))
        out = np.zeros((len(ROWS), size))
        out[2] = np.nextafter(named["threshold"], np.inf) if self.strict else named["threshold"]
        out[3], out[4] = (-named["threshold"], 1.0) if self.subtract else (named["reset"], 0.0)
        return given, out

    @property
    def step(self) -> Callable[..., tuple[int, int]]:
        simple = self.alike and not np.any(self.given[self.REFRACTORY])
        return _step_alike if simple else _step

    REFRACTORY: ClassVar[str]

    @abstractmethod
    def _silent_threshold(self) -> NDArray[np.bool_]:
        """Which neurons reach their threshold without any event."""

    @property
    def event(self) -> Callable[..., bool] | None:
        return None if np.any(self._silent_threshold()) else _event


def strictness(strict: Any) -> bool:
    """The parameter ``strict``: whether a potential must exceed its threshold to fire, or only reach it."""
    if not isinstance(strict, bool | np.bool_):
        raise TypeError(f"strict must be true (v > threshold) or false (v ≥ threshold), got {strict!r}")
    return bool(strict)


def reset_of(reset: Any) -> Any:
    """The parameter ``reset`` as a number; the word ``"subtract"`` stands for subtracting the threshold."""
    if isinstance(reset, str):
        if reset != SUBTRACT:
            raise ValueError(f"reset must be a potential or {SUBTRACT!r}, got {reset!r}")
        return 0.0
    return reset
