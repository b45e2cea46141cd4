"""Loihi's neuron in the chip's own integers: 24 bits of state, decays of 12 bits.

In every step, with ``I`` the sum of the integer weights that arrived and cut(x) = sign(x)·⌊|x| ÷ 2¹²⌋,

    u ← cut(u · (2¹² − current_decay − 1)) + 2⁶ · I,   wrapped into 24 bits
    v ← cut(v · (2¹² − voltage_decay)) + u + bias · 2^bias_exponent,   limited to ± (2²³ − 1)
    a spike where v > 2⁶ · threshold, then v ← 0

``current_decay`` and ``voltage_decay`` are 0 … 4095, ``threshold`` 0 … 2¹⁷ − 1, ``bias`` −4096 … 4095 with an
exponent 0 … 7. All is exact in float64: products stay below 2³⁶. A neuron is updated if its state, its bias or its
input is not 0.

Source: Davies et al., IEEE Micro 38(1), 2018, for the format; the rounding, the offset 1 in the decay of u alone, the
wrapping of u and the limits of v are those that the bit-accurate model of Intel's Lava documents (``fixed_pt``
LIF). Nobody here has the chip: this is the documented arithmetic, not a measurement of silicon. Refractoriness,
noise, stochastic rounding and multi-compartment neurons of the chip are not in it.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hdspike.jit import kernel
from hdspike.network.neurons.base import NeuronModel, _collect

__all__ = ["LoihiInteger"]


@kernel
def _step(parameters, state, drive, updated, fired):
    """One step; rows: kept share of u and of v (of 4096), bias, threshold; potential, current."""
    keep_current, keep_potential = parameters[0], parameters[1]
    bias, threshold = parameters[2], parameters[3]
    potential, current = state[0], state[1]
    for n in range(len(drive)):
        arrived = drive[n]
        was, i = potential[n], current[n]
        u = np.trunc(i * keep_current[n] / 4096.0) + 64.0 * arrived
        u = u - 2.0 * 8388608.0 if u > 8388608.0 else (u + 2.0 * 8388608.0 if u <= -8388608.0 else u)
        v = np.trunc(was * keep_potential[n] / 4096.0) + u + bias[n]
        v = min(max(v, -8388607.0), 8388607.0)
        fires = v > threshold[n]
        active = (
            fires
            | (was != 0.0)
            | (i != 0.0)
            | (bias[n] != 0.0)
            | (arrived != 0.0)
            | (not np.signbit(arrived))
        )
        potential[n] = 0.0 if fires else v + 0.0
        current[n] = u + 0.0
        updated[n] = np.uint8(active) | (np.uint8(fires) << np.uint8(1))
        drive[n] = -0.0
    return _collect(updated, fired)


class LoihiInteger(NeuronModel):
    """Loihi's neuron in integers (see the head of the file); synapses need whole weights.

    >>> LoihiInteger(threshold=100, current_decay=4095).parameters(1, 1e-3)[:, 0].tolist()
    [0.0, 4096.0, 0.0, 6400.0]
    """

    name: ClassVar[str] = "loihi_integer"
    PARAMETERS: ClassVar[tuple[str, ...]] = (
        *("threshold", "current_decay", "voltage_decay", "bias", "bias_exponent"),
    )
    STATE: ClassVar[tuple[str, ...]] = ("potential", "current")
    ENDLESS: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        *,
        threshold: Any = 100,
        current_decay: Any = 4095,
        voltage_decay: Any = 0,
        bias: Any = 0,
        bias_exponent: Any = 0,
    ) -> None:
        super().__init__(
            threshold=threshold,
            current_decay=current_decay,
            voltage_decay=voltage_decay,
            bias=bias,
            bias_exponent=bias_exponent,
        )
        for key, low, high in (
            ("threshold", 0, 2**17 - 1),
            ("current_decay", 0, 4095),
            ("voltage_decay", 0, 4095),
            ("bias", -4096, 4095),
            ("bias_exponent", 0, 7),
        ):
            value = self[key]
            whole = (value >= low) & (value <= high) & (value % 1 == 0)
            self.require(key, f"a whole number in [{low}, {high}]", whole)

    def parameters(self, size: int, step_s: float) -> NDArray[np.float64]:
        threshold, current, voltage, bias, exponent = super().parameters(size, step_s)
        return np.stack([4095.0 - current, 4096.0 - voltage, bias * 2.0**exponent, threshold * 64.0])

    @property
    def step(self) -> Callable[..., tuple[int, int]]:
        return _step
