"""k-winner-take-all groups in time: an inhibitory neuron counts the spikes of its group and resets the others.

The population is divided into groups of ``group_size`` neurons in a row. In every step

    v ← decay · v + bias + I;   the candidates of a group are its neurons with v ≥ θ (``strict``: v > θ)

and at most k − c of them fire: those of higher potential, among equals of lower index. ``c`` is the count of the
group's inhibitory neuron. With ``carry`` it goes on from step to step: the first k spikes of a round pass, as in a
race; without, it begins at 0 in every step. A neuron that fires is set to ``reset``. When the count reaches k the
inhibitory neuron fires: **every neuron of the group is set to reset**, candidates that lost too, and the count is
0 again. (Maass, Neural Comput. 12, 2000; Feldman & Ballard 1982.)

State rows: ``potential``; ``count``, in the first neuron of each group; ``inhibitions``, there too, how often the
inhibitory neuron fired. A neuron is updated if an event arrived, if its potential changed, or if it was reset.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.jit import kernel
from hdspike.network.neurons.base import NeuronModel, _collect

__all__ = ["KWTAGroup"]


@kernel
def _before(potential, a, b):
    """Whether neuron a is stronger than b: higher potential, then lower index."""
    return potential[a] > potential[b] or (potential[a] == potential[b] and a < b)


@kernel
def _strongest(potential, updated, low, high, most, heap):
    """Leave the firing flag to the ``most`` strongest candidates of a group; ``heap`` is scratch; returns them."""
    size = 0
    for n in range(low, high):
        if not updated[n] & 2:
            continue
        updated[n] &= 1
        if size == most and (most == 0 or _before(potential, heap[0], n)):
            continue
        hole = 0
        if size < most:  # the weakest of those kept stands on top
            hole = size
            size += 1
            while hole and _before(potential, heap[(hole - 1) // 2], n):
                heap[hole] = heap[(hole - 1) // 2]
                hole = (hole - 1) // 2
        else:
            while True:
                child = 2 * hole + 1
                if child + 1 < size and _before(potential, heap[child], heap[child + 1]):
                    child += 1
                if child >= size or not _before(potential, n, heap[child]):
                    break
                heap[hole] = heap[child]
                hole = child
        heap[hole] = n
    for i in range(size):
        updated[heap[i]] |= 3
    return size


@kernel
def _step(parameters, state, drive, updated, fired):
    """One step; rows: threshold, reset, decay, bias, k, group size, carry; potential, count, inhibitions."""
    threshold, reset, decay, bias = parameters[0], parameters[1], parameters[2], parameters[3]
    potential, count, inhibitions = state[0], state[1], state[2]
    for n in range(len(drive)):
        arrived = drive[n]
        v = potential[n] * decay[n] + bias[n] + arrived
        active = (v != potential[n]) | (arrived != 0.0) | (not np.signbit(arrived))
        fires = v >= threshold[n]
        potential[n] = v
        updated[n] = np.uint8(active | fires) | (np.uint8(fires) << np.uint8(1))
        drive[n] = -0.0
    low = 0
    while low < len(drive):
        k, high = int(parameters[4, low]), min(low + int(parameters[5, low]), len(drive))
        passed = int(count[low])
        passed += _strongest(potential, updated, low, high, k - passed, fired[low:high])
        inhibited = passed >= k
        for n in range(low, high):
            if inhibited or updated[n] & 2:
                updated[n] |= np.uint8(potential[n] != reset[n])
                potential[n] = reset[n]
        inhibitions[low] += inhibited
        count[low] = passed if parameters[6, low] != 0.0 and not inhibited else 0
        low = high
    return _collect(updated, fired)


class KWTAGroup(NeuronModel):
    """Groups in which k neurons win (see the head of the file).

    Args:
        k: spikes that pass before the inhibitory neuron fires.
        group_size: neurons of a group; 0 is one group of all. The last group may be smaller.
        threshold, reset, bias: one number each, or one per neuron.
        decay: factor of the potential per step, in [0, 1].
        carry: whether spikes are counted over steps (a race) or in each step anew.
        strict: whether v must exceed θ.
    """

    name: ClassVar[str] = "kwta_group"
    PARAMETERS: ClassVar[tuple[str, ...]] = ("threshold", "reset", "decay", "bias")
    STATE: ClassVar[tuple[str, ...]] = ("potential", "count", "inhibitions")

    def __init__(
        self,
        k: int,
        group_size: int = 0,
        *,
        threshold: Any = 1.0,
        reset: Any = 0.0,
        decay: Any = 1.0,
        bias: Any = 0.0,
        carry: bool = True,
        strict: bool = False,
    ) -> None:
        super().__init__(threshold=threshold, reset=reset, decay=decay, bias=bias)
        self.k = check.integer("k", k, low=1, high=2**31 - 1)
        self.group_size = check.integer("group_size", group_size, low=0, high=2**31 - 1)
        self.require("decay", "in [0, 1]", (self["decay"] >= 0) & (self["decay"] <= 1))
        for key, value in (("carry", carry), ("strict", strict)):
            if not isinstance(value, bool | np.bool_):
                raise TypeError(f"{key} must be true or false, got {value!r}")
        self.carry, self.strict = bool(carry), bool(strict)

    def parameters(self, size: int, step_s: float) -> NDArray[np.float64]:
        rows = np.zeros((7, size))
        rows[:4] = super().parameters(size, step_s)
        if self.strict:
            rows[0] = np.nextafter(rows[0], np.inf)
        rows[4], rows[5], rows[6] = self.k, self.group_size or size, self.carry
        return rows

    @property
    def step(self) -> Callable[..., tuple[int, int]]:
        return _step
