"""Latency-coded input: the stronger a value, the earlier its one spike.

Value x of the population spikes in step ``round((1 − x ÷ x_max) · (T − 1))`` of T steps, a value of 0 or below never.
(Thorpe, Delorme & Van Rullen, Neural Networks 14, 2001: time to first spike. Rank order, without times, is
:func:`hdspike.spikes.latency`.)
"""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.network.neurons.base import SpikeSource
from hdspike.spikes import EVENT

__all__ = ["Latency"]


class Latency(SpikeSource):
    """One spike per value within ``steps`` steps, from step ``start`` on.

    Args:
        values: ``(size,)`` finite numbers.
        steps: T.
        start: the step in which the strongest value spikes.
        largest: x_max; by default the largest value. Larger values count as x_max.

    >>> Latency([0.0, 1.0, 0.5], steps=5).spikes(3, 0, 9, step_ps=10)["time"].tolist()
    [0, 20]
    """

    name: ClassVar[str] = "latency"

    def __init__(self, values: Any, *, steps: int, start: int = 0, largest: float | None = None) -> None:
        given = np.asarray(values)
        if given.dtype.kind not in "biuf":
            raise TypeError(f"values must be numbers, got dtype {given.dtype}")
        given = given.astype(np.float64)
        if given.ndim != 1 or not np.all(np.isfinite(given)):
            raise ValueError(f"values must be one row of finite numbers, got shape {given.shape}")
        check.integer("steps", steps, low=1, high=2**31)
        check.integer("start", start, low=0, high=2**31)
        top = float(given.max(initial=0.0)) if largest is None else float(largest)
        if largest is not None and not (np.isfinite(top) and top > 0):
            raise ValueError(f"largest must be a finite number above 0, got {largest!r}")
        self.size = len(given)
        active = np.flatnonzero(given > 0)
        late = 1.0 - np.minimum(given[active] / top, 1.0) if active.size else np.empty(0)
        step = start + np.rint(late * (steps - 1)).astype(np.int64)
        order = np.lexsort((active, step))
        self.step, self.neuron = step[order], active[order].astype(np.int32)

    def check_size(self, size: int) -> int:
        if size != self.size:
            raise ValueError(f"size must be the number of values ({self.size}), got {size}")
        return super().check_size(size)

    def spikes(self, size: int, first: int, last: int, step_ps: int) -> NDArray[Any]:
        low, high = np.searchsorted(self.step, [first, last])
        out = np.empty(high - low, dtype=EVENT)
        out["time"], out["address"] = self.step[low:high] * step_ps, self.neuron[low:high]
        return out
