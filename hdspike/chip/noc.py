"""The network-on-chip of a barrier run: how long a step takes, and which packets arrive. Two models, one door.

``simple``
    no network at all: the slowest core decides, generating or processing (see :mod:`hdspike.chip.barrier`);
``exact``
    the hop-accurate mesh: routers, links that are busy, finite FIFOs that fill, back-pressure or drops.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hdspike.chip.architecture import Architecture
from hdspike.chip.barrier import Sender, simple_step
from hdspike.chip.grid import Grid
from hdspike.chip.transport import Transport

__all__ = ["Exact", "NetworkOnChip", "Simple"]


class NetworkOnChip(Protocol):
    """What the barrier runner asks of a network-on-chip, once a step."""

    name: str

    def step(self, sender: Sender, packets: int) -> tuple[int, NDArray[np.bool_] | None]:
        """(time of the step without its barrier in ps, which packets arrived; ``None``: all)."""

    def report(self) -> dict[str, Any]:
        """What the network saw over the whole run: counters, latencies, occupancy."""


class Simple:
    """No network: ``max(max over cores Σ generation, max over cores Σ processing)``."""

    name = "simple"

    def step(self, sender: Sender, packets: int) -> tuple[int, NDArray[np.bool_] | None]:
        """See the class."""
        return simple_step(sender, packets), None

    def report(self) -> dict[str, Any]:
        """Nothing: there is no network."""
        return {}


def grid_of(architecture: Architecture, *, fifo_depth: int | None = None, **faults: Any) -> Grid:
    """The mesh of an architecture, its tiles renumbered row by row."""
    place = architecture.tile_y * architecture.columns + architecture.tile_x
    hop = np.zeros((architecture.columns * architecture.rows, 4), dtype=np.int64)
    hop[place] = architecture.hop_ps
    absent = sorted(set(range(len(hop))) - {int(p) for p in place})
    return Grid(
        columns=architecture.columns,
        rows=architecture.rows,
        tile_of_core=place[architecture.tile_of_core],
        hop_ps=hop,
        fifo_depth=architecture.fifo_depth if fifo_depth is None else fifo_depth,
        dead_tiles=absent + [int(place[t]) for t in faults.pop("dead_tiles", ())],
        **faults,
    )


class Exact:
    """The hop-accurate mesh (:class:`hdspike.chip.transport.Transport`), empty at the start of every step."""

    name = "exact"

    def __init__(self, architecture: Architecture, *, policy: str = "stall", **options: Any) -> None:
        self.transport = Transport(grid_of(architecture, **options), policy=policy)
        self.place = architecture.tile_y * architecture.columns + architecture.tile_x

    def step(self, sender: Sender, packets: int) -> tuple[int, NDArray[np.bool_] | None]:
        """See the class."""
        done = self.transport.step(
            sender.source[:packets], sender.destination[:packets], sender.gap[:packets], sender.service[:packets],
            sender.rest,
        )  # fmt: skip
        return done.end_ps, done.delivered

    def report(self) -> dict[str, Any]:
        """``counts`` (the audited books), ``hops`` by tile of the architecture, ``latency_ps`` (mean and percentiles),
        ``latency_parts_ps``, ``utilisation`` of the links and ``peak_occupancy`` of the FIFOs (the largest)."""
        mesh, seen = self.transport, self.transport.latency
        return {
            "counts": mesh.counts,
            "hops": mesh.hops[self.place],
            "latency_ps": seen.summary(),
            "latency_parts_ps": mesh.latency_parts_ps,
            "busiest_link": float(mesh.utilisation.max()),
            "fullest_fifo": int(mesh.peak_occupancy.max()),
            "utilisation": mesh.utilisation,
            "peak_occupancy": mesh.peak_occupancy,
        }
