"""The functional runner of networks: a clock, no chip. Step by step, population by population.

In step ``t`` every population reads what arrived for it and fires; then every spike adds its weights to what
arrives in step ``t + delay``. No delay is below 1, so the order of the populations within a step cannot matter.

The kernel is one scattered addition per synaptic event. A row's slice and unsigned targets (no index can be negative)
make it four times faster than the same loop over ``indptr`` with signed ones: LLVM then keeps bare pointers. Its bound
is the load of a target and a weight (5 to 12 bytes, streamed) and one addition in cache: ``benchmarks/chip.py`` states
both beside the figure.
"""

import hashlib
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.jit import kernel, prefetch
from hdspike.network.graph import Network, Projection
from hdspike.network.neurons.base import NeuronModel, SpikeSource
from hdspike.network.plasticity import Traces

__all__ = ["CHUNK", "Clocked"]

CHUNK = 256  # steps whose input is looked up at once
AHEAD = 2  # rows that the caches are asked for before their turn
LINE = 64  # bytes of a cache line


@kernel
def _fetch(indptr, row, fired, count, f):
    """Ask for the places of ``row`` that a spike to come will read; returns how many lines of the cache that was."""
    if f + AHEAD >= count:
        return 0
    low, high = indptr[fired[f + AHEAD]], indptr[fired[f + AHEAD] + 1]
    each = LINE // row.itemsize
    for s in range(low, high, each):
        prefetch(row, s)
    return (high - low + each - 1) // each


MAX_TIME = 2**62  # ps


@kernel
def _deliver(indptr, targets, weights, fired, count, drive):
    """Add the weights of ``count`` spikes to ``drive``; returns the synaptic events."""
    events = 0
    for f in range(count):
        _fetch(indptr, targets, fired, count, f)
        _fetch(indptr, weights, fired, count, f)
        low, high = indptr[fired[f]], indptr[fired[f] + 1]
        target, weight = targets[low:high], weights[low:high]
        for s in range(len(target)):
            drive[target[s]] += weight[s]
        events += high - low
    return events


@kernel
def _deliver_unit(indptr, targets, fired, count, drive):
    """The same where every weight is +1."""
    events = 0
    for f in range(count):
        _fetch(indptr, targets, fired, count, f)
        low, high = indptr[fired[f]], indptr[fired[f] + 1]
        target = targets[low:high]
        for s in range(len(target)):
            drive[target[s]] += 1.0
        events += high - low
    return events


@kernel
def _deliver_late(indptr, targets, weights, delays, fired, count, ring, now):
    """The same where each synapse has its delay: ``ring`` ``(depth, n)``, slot ``t mod depth`` is for step t."""
    events = 0
    depth = len(ring)
    for f in range(count):
        _fetch(indptr, targets, fired, count, f)
        _fetch(indptr, weights, fired, count, f)
        low, high = indptr[fired[f]], indptr[fired[f] + 1]
        for s in range(low, high):
            slot = now + delays[s]
            if slot >= depth:
                slot -= depth
            ring[slot, targets[s]] += weights[s]
        events += high - low
    return events


def check_room(needed: int, delay: int) -> None:
    """Raise where the sums that wait for their step would not fit the machine's memory."""
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" in names and needed > os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"):
        raise MemoryError(f"delays of up to {delay:,} steps need {needed / 1e9:,.1f} GB of sums that wait")


def described(source: SpikeSource) -> bytes:
    """Everything a source was made with, as bytes."""

    def told(value: Any) -> bytes:
        if isinstance(value, np.ndarray) and value.dtype.kind != "O":
            return value.tobytes()
        if isinstance(value, list | tuple):
            return b",".join(told(part) for part in value)
        return repr(value).encode() if isinstance(value, bool | int | float | str) else b""

    return b"|".join(name.encode() + told(value) for name, value in vars(source).items() if name[0] != "_")


class Clocked:
    """A network at rest, and the two halves of a step: :meth:`update` and :meth:`deliver`.

    What the chip's barrier runner needs is open: ``updated`` ``(neurons,)`` uint8 and the spikes of the last
    step, ``fired[i][:count[i]]`` for population ``i``.
    """

    def __init__(self, network: Network, *, step_s: float = 1e-3) -> None:
        if not isinstance(network, Network):
            raise TypeError(f"network must be a Network, not {type(network).__name__}")
        if isinstance(step_s, bool) or not isinstance(step_s, int | float) or not 1e-12 <= step_s <= 1e6:
            raise ValueError(f"step_s must be a number of seconds in [1e-12, 1e6], got {step_s!r}")
        self.network = network
        self.step_s = float(step_s)
        self.step_ps = round(step_s * 1e12)
        self.now = 0  # steps done
        sizes = [p.size for p in network.populations]
        self.updated = np.zeros(network.neurons, dtype=np.uint8)
        self.fired = [np.zeros(size, dtype=np.int32) for size in sizes]
        self.count = [0] * len(sizes)
        self.updates = [0] * len(sizes)
        self.synaptic_events = [0] * len(network.projections)
        depth = [1] * len(sizes)
        for p in network.projections:
            at = network.index(p.target)
            depth[at] = max(depth[at], p.synapses.longest_delay)
        check_room(8 * sum(d * size for d, size in zip(depth, sizes, strict=True)), max(depth))
        self.rings = [np.full((d, size), -0.0) for d, size in zip(depth, sizes, strict=True)]
        self.state: list[NDArray[np.float64]] = []
        self._cells: list[tuple[int, Any, NDArray[np.float64]]] = []
        self._sources: list[tuple[int, SpikeSource]] = []
        self._inputs: dict[int, tuple[NDArray[np.int32], NDArray[np.int64]]] = {}
        self._first = 0
        for place, population in enumerate(network.populations):
            model = population.model
            if isinstance(model, NeuronModel):
                self.state.append(np.ascontiguousarray(model.state(population.size)))
                parameters = np.ascontiguousarray(model.parameters(population.size, self.step_s))
                self._cells.append((place, model.step, parameters))
            else:
                self.state.append(np.empty((0, population.size)))
                self._sources.append((place, model))
        self._views = [
            self.updated[a:b] for a, b in zip(network.offsets[:-1], network.offsets[1:], strict=True)
        ]
        self.learning: dict[int, Traces] = {
            wire: p.plasticity.prepare(p.synapses, self.step_s)
            for wire, p in enumerate(network.projections)
            if p.plasticity is not None
        }
        self._wires = [self._wire(wire, p) for wire, p in enumerate(network.projections)]

    def _wire(self, wire: int, projection: Projection) -> tuple[int, int, tuple[Any, ...], bool]:
        """(source, target, what its kernel reads, whether synapses have delays of their own)."""
        synapses = projection.synapses
        weights = self.learning[wire].weights if wire in self.learning else synapses.weights
        late = synapses.delays is not None
        if late and weights is None:
            weights = np.ones(len(synapses), dtype=np.int8)
        parts: tuple[Any, ...] = (synapses.indptr, synapses.targets.view(np.uint32))
        parts += () if weights is None else (weights,)
        parts += (synapses.delays,) if late else ()
        return self.network.index(projection.source), self.network.index(projection.target), parts, late

    @property
    def nbytes(self) -> int:
        """Bytes of state, drive and buffers (the synapses are the network's)."""
        return sum(a.nbytes for a in (*self.state, *self.rings, *self.fired)) + self.updated.nbytes

    def update(self) -> int:
        """First half of a step: every neuron updates, sources emit; returns how many fired."""
        for place, step, parameters in self._cells:
            ring = self.rings[place]
            fired, updated = step(
                parameters,
                self.state[place],
                ring[self.now % len(ring)],
                self._views[place],
                self.fired[place],
            )
            self.count[place] = int(fired)
            self.updates[place] += int(updated)
        if self._sources:
            self._emit()
        return sum(self.count)

    def _emit(self) -> None:
        """The spikes of the sources in this step."""
        if self.now >= self._first + CHUNK or not self._inputs:
            self._first = self.now - self.now % CHUNK
            for place, source in self._sources:
                size = self.network.populations[place].size
                events = source.spikes(size, self._first, self._first + CHUNK, self.step_ps)
                starts = (self._first + np.arange(CHUNK + 1)) * self.step_ps
                self._inputs[place] = (
                    np.ascontiguousarray(events["address"]),
                    np.searchsorted(events["time"], starts),
                )
        at = self.now - self._first
        for place, _ in self._sources:
            neurons, starts = self._inputs[place]
            self.fired[place] = neurons[starts[at] : starts[at + 1]]
            self.count[place] = int(starts[at + 1] - starts[at])

    def deliver(self) -> None:
        """Second half: the spikes reach their synapses; the step is over."""
        for wire, (source, target, parts, late) in enumerate(self._wires):
            count = self.count[source]
            if count == 0:
                continue
            ring = self.rings[target]
            if late:
                now = self.now % len(ring)
                self.synaptic_events[wire] += int(_deliver_late(*parts, self.fired[source], count, ring, now))
                continue
            drive = ring[(self.now + 1) % len(ring)]
            add = _deliver_unit if len(parts) == 2 else _deliver
            self.synaptic_events[wire] += int(add(*parts, self.fired[source], count, drive))
        for wire, traces in self.learning.items():  # what was delivered is not changed any more
            source, target = self._wires[wire][:2]
            traces.learn(self.fired[source], self.count[source], self.fired[target], self.count[target])
        self.now += 1

    def fingerprint(self) -> str:
        """A SHA-256 of everything that decides how this network goes on: a checkpoint belongs to one only."""
        digest = hashlib.sha256(f"step {self.step_ps}".encode())
        for population in self.network.populations:
            digest.update(f"{population.name} {population.size} {type(population.model).__name__}".encode())
        for _, _, parameters in self._cells:
            digest.update(parameters.tobytes())
        for place, source in self._sources:
            size = self.network.populations[place].size
            digest.update(source.spikes(size, 0, CHUNK, self.step_ps).tobytes() + described(source))
        for projection in self.network.projections:
            synapses = projection.synapses
            for part in (synapses.indptr, synapses.targets, synapses.weights, synapses.delays):
                digest.update(b"-" if part is None else part.tobytes())
            digest.update(repr(projection.plasticity).encode())
        return digest.hexdigest()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything that changes over time, between two steps: what a checkpoint holds."""
        out: dict[str, NDArray[Any]] = {
            "now": np.array([self.now]),
            "updates": np.array(self.updates, dtype=np.int64),
            "synaptic_events": np.array(self.synaptic_events, dtype=np.int64),
        }
        for place, (state, ring) in enumerate(zip(self.state, self.rings, strict=True)):
            out[f"state{place}"], out[f"ring{place}"] = state, ring
        for wire, traces in self.learning.items():
            out[f"weights{wire}"], out[f"before{wire}"] = traces.weights, traces.before
            out[f"after{wire}"], out[f"changes{wire}"] = traces.after, np.array([traces.changes])
        return out

    def check_span(self, steps: int) -> None:
        """Raise where ``steps`` steps last longer than the times of their spikes can count."""
        ahead = CHUNK if self._sources else 0  # their spikes are looked up so many steps at once
        if (steps + ahead) * self.step_ps > MAX_TIME:
            raise OverflowError(f"steps must end before 2⁶² ps, got {steps} of {self.step_s:g} s")

    def restore(self, arrays: Any, steps: int) -> None:
        """Go on where :meth:`arrays` stood, in a run of ``steps`` steps."""
        own = self.arrays()
        for name, array in own.items():
            if name not in arrays or arrays[name].shape != array.shape or arrays[name].dtype != array.dtype:
                raise ValueError(f"checkpoint must hold {name} as {array.dtype}{array.shape}")
        self.now = int(arrays["now"][0])
        if self.now < 0:
            raise ValueError(f"checkpoint must hold a step of at least 0, got {self.now}")
        if self.now > steps:
            raise ValueError(
                f"steps must be at least the {self.now} that the checkpoint has done, got {steps}"
            )
        self.updates = [int(v) for v in arrays["updates"]]
        self.synaptic_events = [int(v) for v in arrays["synaptic_events"]]
        for place, (state, ring) in enumerate(zip(self.state, self.rings, strict=True)):
            state[...], ring[...] = arrays[f"state{place}"], arrays[f"ring{place}"]
        for wire, traces in self.learning.items():
            traces.weights[...], traces.before[...] = arrays[f"weights{wire}"], arrays[f"before{wire}"]
            traces.after[...], traces.changes = arrays[f"after{wire}"], int(arrays[f"changes{wire}"][0])
        self._inputs.clear()
        self._first = 0
