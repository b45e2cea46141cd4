"""The barrier-synchronised chip: a network by the clock, every step as long as its slowest core and packet.

A step has two sides that do not mix. The **function** (who fires, which packets go where) is the clocked runner's.
The **time** is the network-on-chip's, which gets the packets of the step, core by core in the order of sending:

- a core visits its neurons in their order; each takes its soma access, its update if it was updated, its spike if it
  fired. A neuron that fires then sends one packet per destination core, each taking the axon out; the time since
  the core's last packet is the packet's ``gap``;
- a packet occupies its destination for ``service`` = axon in + its synaptic events there.

``simple``: ``T = max(max over cores Σ (gaps + what is left), max over cores Σ service) + barrier`` (no network: the
model of that name in SANA-FE). ``exact``: the packets cross the hop-accurate mesh of
:mod:`hdspike.chip.transport`, with FIFOs that fill; the step ends when the last packet is served and the last core
has visited its neurons. Only there may a packet be dropped, and then its synaptic events never happen.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.chip.architecture import Architecture
from hdspike.chip.axons import Axons
from hdspike.chip.config import MAX_TIME
from hdspike.chip.placement import Placement
from hdspike.functional.clocked import Clocked
from hdspike.jit import kernel

__all__ = ["Sender", "simple_step"]


@kernel
def _send(
    order, first, updated, fired, access_ps, update_ps, spike_ps, out_ps,
    axon_indptr, axon_core, axon_service, source, destination, gap, service, rows, rest,
):  # fmt: skip
    """Walk the cores through their neurons; returns the packets of the step.

    ``order[first[c]:first[c + 1]]`` are the neurons of core ``c``; ``fired`` ``(neurons,)`` counts spikes (a source
    may spike more than once in a step) and is zeroed. ``rest[c]`` is what is left after the core's last packet.
    """
    packets = 0
    for core in range(len(first) - 1):
        waited = np.int64(0)
        out = out_ps[core]
        for i in range(first[core], first[core + 1]):
            n = order[i]
            waited += access_ps[n] + updated[n] * update_ps[n]
            if fired[n] != 0:
                for _ in range(fired[n]):
                    waited += spike_ps[n]
                    for row in range(axon_indptr[n], axon_indptr[n + 1]):
                        source[packets] = core
                        destination[packets] = axon_core[row]
                        gap[packets] = waited + out
                        service[packets] = axon_service[row]
                        rows[packets] = row
                        waited = np.int64(0)
                        packets += 1
                fired[n] = 0
        rest[core] = waited
    return packets


@kernel
def _simple(source, destination, gap, service, packets, rest, generating, processing):
    """``max(max Σ gaps + rest, max Σ service)`` in ps; ``generating`` and ``processing`` are scratch, one per core."""
    for core in range(len(rest)):
        generating[core] = rest[core]
        processing[core] = 0
    for p in range(packets):
        generating[source[p]] += gap[p]
        processing[destination[p]] += service[p]
    longest = np.int64(0)
    for core in range(len(rest)):
        longest = max(longest, max(generating[core], processing[core]))
    return longest


@kernel
def _count_fired(fired, count, spikes):
    """Add ``count`` spikes to the tally of each neuron; returns the number of packets' owners."""
    for i in range(count):
        spikes[fired[i]] += 1
    return count


def simple_step(step: "Sender", packets: int) -> int:
    """The time of a step without a network, in ps: see the head of the file."""
    return int(
        _simple(
            step.source, step.destination, step.gap, step.service, packets, step.rest, step.generating,
            step.processing,
        )
    )  # fmt: skip


class Sender:
    """What the cores of a chip send in a step: the packets in order, ready for a network-on-chip.

    ``source``, ``destination``, ``gap``, ``service``, ``row`` (of the axon table) hold the packets of the last
    :meth:`send`, ``rest`` the time that each core went on after its last packet.
    """

    def __init__(self, clocked: Clocked, architecture: Architecture, placed: Placement, table: Axons) -> None:
        network = clocked.network
        self.clocked = clocked
        self.table = table
        self.order = np.lexsort((placed.rank, placed.core)).astype(np.int32)
        counts = np.bincount(placed.core, minlength=architecture.cores)
        self.first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        soma = placed.soma
        ps = np.array(
            [[u.access_ps, u.update_ps, u.event_ps] for u in architecture.units] + [[0, 0, 0]], dtype=np.int64
        )
        self.access_ps, self.update_ps, self.spike_ps = (np.ascontiguousarray(ps[soma, i]) for i in range(3))
        self.out_ps = np.zeros(architecture.cores, dtype=np.int64)
        for core in np.unique(placed.core):
            unit = architecture.unit_of(int(core), "axon_out")
            self.out_ps[core] = architecture.units[unit].event_ps
        self._rows = np.diff(table.indptr)
        work = self.access_ps + self.update_ps.astype(np.float64)
        self._always = float(work.sum())  # ps; every core together, so that no sum of a step can be longer
        served = np.repeat(np.arange(network.neurons), self._rows)
        brought = np.bincount(served, weights=table.service_ps, minlength=network.neurons)
        self._spike = self.spike_ps + self._rows * self.out_ps[placed.core].astype(np.float64) + brought
        self._all = float(self._spike.sum())
        self.spikes = np.zeros(network.neurons, dtype=np.int64)  # in the whole run
        self._now = np.zeros(network.neurons, dtype=np.int64)
        self._views = [self._now[a:b] for a, b in zip(network.offsets[:-1], network.offsets[1:], strict=True)]
        self._told = [  # sources that have a soma unit: it is updated when they spike
            (a, b)
            for p, a, b in zip(network.populations, network.offsets[:-1], network.offsets[1:], strict=True)
            if p.is_source and placed.soma[a] >= 0
        ]
        self.rest = np.zeros(architecture.cores, dtype=np.int64)
        self.generating = np.zeros(architecture.cores, dtype=np.int64)
        self.processing = np.zeros(architecture.cores, dtype=np.int64)
        self._room(1024)

    def _room(self, packets: int) -> None:
        self.source = np.empty(packets, dtype=np.int32)
        self.destination = np.empty(packets, dtype=np.int32)
        self.gap = np.empty(packets, dtype=np.int64)
        self.service = np.empty(packets, dtype=np.int64)
        self.row = np.empty(packets, dtype=np.int64)

    def send(self) -> int:
        """The packets of the step that :meth:`Clocked.update` has just done; returns how many."""
        clocked = self.clocked
        for view, fired, count in zip(self._views, clocked.fired, clocked.count, strict=True):
            if count:
                _count_fired(fired, count, view)
        for a, b in self._told:
            np.minimum(self._now[a:b], 1, out=clocked.updated[a:b], casting="unsafe")
        planned = int(self._rows @ self._now)
        if self._always + max(clocked.count) * self._all > MAX_TIME and (  # no neuron spiked more often
            self._always + float(self._spike @ self._now) > MAX_TIME
        ):
            raise OverflowError(f"simulated time must be at most 2⁶² ps, passed in step {clocked.now}")
        self.spikes += self._now
        if planned > len(self.source):
            self._room(2 * planned)
        return int(
            _send(
                self.order, self.first, clocked.updated, self._now, self.access_ps, self.update_ps, self.spike_ps,
                self.out_ps, self.table.indptr, self.table.core, self.table.service_ps, self.source,
                self.destination, self.gap, self.service, self.row, self.rest,
            )
        )  # fmt: skip


def hop_counts(
    architecture: Architecture, source: NDArray[Any], destination: NDArray[Any], packets: NDArray[np.int64]
) -> NDArray[np.int64]:
    """``(tiles, 4)``: how often packets left each tile to the north, east, south and west by XY routing."""
    at = np.full((architecture.columns, architecture.rows), -1, dtype=np.int64)
    at[architecture.tile_x, architecture.tile_y] = np.arange(architecture.tiles)
    out = np.zeros((architecture.tiles, 4), dtype=np.int64)
    tile = architecture.tile_of_core
    flow = np.zeros((architecture.tiles, architecture.tiles), dtype=np.int64)
    np.add.at(flow, (tile[source], tile[destination]), packets)
    for a, b in zip(*np.nonzero(flow), strict=True):
        x, y = int(architecture.tile_x[a]), int(architecture.tile_y[a])
        goal_x, goal_y = int(architecture.tile_x[b]), int(architecture.tile_y[b])
        while (x, y) != (goal_x, goal_y):
            if x != goal_x:
                port, step = (1, (1, 0)) if goal_x > x else (3, (-1, 0))
            else:
                port, step = (2, (0, 1)) if goal_y > y else (0, (0, -1))
            if at[x, y] < 0:
                raise ValueError(f"tiles must cover the way from tile {a} to {b}, none at ({x}, {y})")
            out[at[x, y], port] += flow[a, b]
            x, y = x + step[0], y + step[1]
    return out
