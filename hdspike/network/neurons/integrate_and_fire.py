"""The perfect integrate-and-fire neuron: it adds up and never forgets.

    v ← v + b + I   in every step;   a spike where v ≥ θ (``strict``: v > θ), then v ← reset, or v ← v − θ

where ``I`` is the sum of the weights that arrived and ``b`` the bias per step. For ``refractory`` steps after a
spike the neuron keeps its potential and drops what arrives. (Lapicque 1907 without the leak; NIR's ``IF``.)
"""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hdspike.network.neurons.membrane import Membrane, reset_of

__all__ = ["IntegrateAndFire"]


class IntegrateAndFire(Membrane):
    """Integrate-and-fire (see the head of the file).

    Args:
        threshold: θ.
        reset: the potential after a spike, or ``"subtract"`` to take θ away.
        bias: added in every step. With a positive bias a neuron fires without events, so the model then has no
            event-driven form.
        refractory: whole steps.
        strict: whether v must exceed θ.

    >>> IntegrateAndFire(threshold=2.0, bias=0.5)
    IntegrateAndFire(threshold=2, reset=0, bias=0.5, refractory=0)
    """

    name: ClassVar[str] = "integrate_and_fire"
    PARAMETERS: ClassVar[tuple[str, ...]] = ("threshold", "reset", "bias", "refractory")
    REFRACTORY: ClassVar[str] = "refractory"

    def __init__(
        self,
        *,
        threshold: Any = 1.0,
        reset: Any = 0.0,
        bias: Any = 0.0,
        refractory: Any = 0,
        strict: bool = False,
    ) -> None:
        super().__init__(threshold=threshold, reset=reset_of(reset), bias=bias, refractory=refractory)
        self._finish(strict, reset)
        steps = self["refractory"]
        self.require("refractory", "a whole number of steps of at least 0", (steps >= 0) & (steps % 1 == 0))

    def parameters(self, size: int, step_s: float) -> NDArray[np.float64]:
        (_, _, bias, refractory), rows = self.rows(size)
        rows[0], rows[1], rows[5] = 1.0, bias, refractory
        rows[7], rows[8] = bias / step_s, refractory * step_s
        return rows

    def _silent_threshold(self) -> NDArray[np.bool_]:
        return np.asarray((self["bias"] > 0) | (self["threshold"] <= 0))
