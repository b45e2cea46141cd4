"""The soma of Intel's Loihi as SANA-FE models it: a leaky neuron whose potential is cut to 1/64.

Every step after the first, with ``I`` the sum of the weights that arrived,

    u ← u · input_decay,   v ← trunc(64 · v · leak_decay) ÷ 64                     (v: potential, u: current)
    v ← v + bias,  u ← u + I,  v ← v + u,   a spike if v > threshold, then v ← reset (or v − threshold)

A neuron is *updated* in a step if ``|v| > 0`` before it, or it received an event, or its bias is not 0.
Source: Davies et al., IEEE Micro 38(1), 2018; Boyle et al., TCAD 2025 (SANA-FE), of which the order of the
operations and the rule of the update were established by experiment (``tests/golden/sanafe.py``).
"""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hdspike.jit import kernel
from hdspike.network.neurons.base import NeuronModel, _silent

__all__ = ["LoihiSoma"]


@kernel
def _step(parameters, state, drive, updated, fired):
    """One step of every neuron: see the head of the file."""
    threshold, reset, bias, leak, decay = (
        parameters[0], parameters[1], parameters[2], parameters[3], parameters[4],
    )  # fmt: skip
    potential, current = state[0], state[1]
    count = 0
    active = 0
    for n in range(len(drive)):
        arrived = drive[n]
        drive[n] = -0.0
        v = potential[n]
        if v == 0.0 and bias[n] == 0.0 and _silent(arrived):
            updated[n] = 0
            if threshold[n] >= 0.0 and current[n] * decay[n] == 0.0:
                current[n] = 0.0
                continue
        else:
            updated[n] = 1
            active += 1
        u = current[n] * decay[n] + arrived
        v = np.trunc(v * leak[n] * 64.0) / 64.0 + bias[n] + u
        if v > threshold[n]:
            v = reset[n]
            fired[count] = n
            count += 1
        potential[n] = v
        current[n] = u + 0.0
    return count, active


class LoihiSoma(NeuronModel):
    """Loihi's soma, hard reset (see the head of the file)."""

    name: ClassVar[str] = "loihi"
    PARAMETERS: ClassVar[tuple[str, ...]] = ("threshold", "reset", "bias", "leak_decay", "input_decay")
    STATE: ClassVar[tuple[str, ...]] = ("potential", "current")

    def __init__(
        self,
        *,
        threshold: Any = 1.0,
        reset: Any = 0.0,
        bias: Any = 0.0,
        leak_decay: Any = 1.0,
        input_decay: Any = 0.0,
    ) -> None:
        super().__init__(
            threshold=threshold, reset=reset, bias=bias, leak_decay=leak_decay, input_decay=input_decay
        )

    @property
    def step(self) -> Callable[..., tuple[int, int]]:
        return _step  # type: ignore[no-any-return]

    def state(self, size: int) -> NDArray[np.float64]:
        return np.zeros((2, size))
