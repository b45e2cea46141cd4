"""Spike trains by rule: given step by step, every so many steps, or with a probability in each step.

In step ``t`` (from 1) a neuron spikes if ``train[t − 1]``, or if its rate r > 0 and ``t mod ⌊1/r⌋ = 0``, or if its
probability exceeds the t-th number of its own stream. That stream is the Mersenne twister MT19937 (Matsumoto &
Nishimura 1998) seeded by one integer; two of its 32-bit words a, b make a number (a + 2³²·b) ÷ 2⁶⁴. These are the
rules of the ``input`` soma of SANA-FE, established by experiment: the same seed gives the same spikes there.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.network.neurons.base import SpikeSource
from hdspike.spikes import EVENT

__all__ = ["Stream"]


class Stream(SpikeSource):
    """Spike trains by rule (see the head of the file).

    Args:
        trains: for each neuron its spikes step by step, 0 or 1; silent afterwards.
        rate: for each neuron spikes per step in [0, 1]; 0 is none.
        probability: for each neuron the probability of a spike in a step; 0 is none and draws nothing.
        seeds: for each neuron the seed of its stream, in [0, 2³²).

    Example:
        >>> source = Stream([[1, 0, 1], []], rate=[0, 0.5])
        >>> [(int(time), int(address)) for time, address in source.spikes(2, 0, 4, 1)]
        [(0, 0), (1, 1), (2, 0), (3, 1)]
    """

    name: ClassVar[str] = "stream"

    def __init__(
        self, trains: Sequence[Any], *, rate: Any = None, probability: Any = None, seeds: Any = None
    ) -> None:
        self.trains = [np.asarray(train) for train in trains]
        for train in self.trains:
            if train.ndim != 1 or (train.size and (train.dtype.kind not in "biu" or np.any(train > 1))):
                raise ValueError(f"trains must be rows of 0 and 1, got {train!r}")
            if train.size and train.min() < 0:
                raise ValueError(f"trains must be rows of 0 and 1, got {train!r}")
        size = len(self.trains)
        self.rate = self._row("rate", rate, size, 1.0)
        self.probability = self._row("probability", probability, size, 1.0)
        self.seeds = self._row("seeds", np.arange(1, size + 1) if seeds is None else seeds, size, 2.0**32 - 1)
        self._drawn: dict[int, tuple[int, np.random.RandomState]] = {}

    @staticmethod
    def _row(name: str, value: Any, size: int, high: float) -> NDArray[np.float64]:
        row = np.zeros(size) if value is None else np.asarray(value)
        if row.dtype.kind not in "biuf" or row.shape != (size,):
            raise ValueError(f"{name} must be one number per neuron ({size}), got {value!r}")
        if row.size and not np.all((row >= 0) & (row <= high)):
            raise ValueError(f"{name} must be in [0, {high:g}], got {row.min()} … {row.max()}")
        return row.astype(np.float64)

    def check_size(self, size: int) -> int:
        if size != len(self.trains):
            raise ValueError(f"size must be the number of trains ({len(self.trains)}), got {size}")
        return check.integer("size", size, low=1)

    def _numbers(self, neuron: int, first: int, last: int) -> NDArray[np.float64]:
        """Numbers ``first`` to ``last`` of a neuron's stream; going on from the last call costs no repetition."""
        at, stream = self._drawn.get(neuron, (-1, None))
        if stream is None or at > first:
            at, stream = 0, np.random.RandomState(int(self.seeds[neuron]))
        while at < first:  # skip, in pieces that fit
            piece = min(first - at, 2**16)
            stream.bytes(8 * piece)
            at += piece
        words = np.frombuffer(stream.bytes(8 * (last - first)), dtype="<u4").astype(np.float64)
        self._drawn[neuron] = (last, stream)
        return (words[0::2] + words[1::2] * 2.0**32) / 2.0**64

    def spikes(self, size: int, first: int, last: int, step_ps: int) -> NDArray[Any]:
        steps, who = [], []
        for neuron, train in enumerate(self.trains):
            fires = np.zeros(max(0, last - first), dtype=bool)
            given = train[first:last]
            fires[: len(given)] = given.astype(bool)
            if self.rate[neuron] > 0:
                fires |= np.arange(first + 1, last + 1) % int(1.0 / self.rate[neuron]) == 0
            if self.probability[neuron] > 0:
                fires |= self._numbers(neuron, first, last) < self.probability[neuron]
            at = np.flatnonzero(fires)
            steps.append(at + first)
            who.append(np.full(len(at), neuron, dtype=np.int32))
        step = np.concatenate(steps) if steps else np.empty(0, dtype=np.int64)
        address = np.concatenate(who) if who else np.empty(0, dtype=np.int32)
        order = np.lexsort((address, step))
        events = np.empty(len(order), dtype=EVENT)
        events["time"], events["address"] = step[order] * step_ps, address[order]
        return events
