"""The network-on-chip of a barrier run: how long a step takes, and which packets arrive. Two models, one door.

``simple``
    no network at all: the slowest core decides, generating or processing (see :mod:`hdspike.chip.barrier`);
``exact``
    the hop-accurate mesh: routers, links that are busy, finite FIFOs that fill, back-pressure or drops.
"""

from dataclasses import fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.chip.architecture import Architecture
from hdspike.chip.axons import Axons
from hdspike.chip.barrier import Sender, simple_step
from hdspike.chip.grid import Grid
from hdspike.chip.placement import Placement
from hdspike.chip.routing import check_reachable
from hdspike.chip.transport import Transport

__all__ = ["Exact", "NetworkOnChip", "Simple"]

OWN = {"columns", "rows", "tile_of_core", "hop_ps", "fifo_depth"}  # of the grid, given by the architecture


class NetworkOnChip(Protocol):
    """What the barrier runner asks of a network-on-chip, once a step."""

    name: str

    def check(self, placed: Placement, table: Axons) -> None:
        """Raise before the run where neurons are on what is dead, or no way leads to a synapse."""

    def step(self, sender: Sender, packets: int) -> tuple[int, NDArray[np.bool_] | None]:
        """(time of the step without its barrier in ps, which packets arrived; ``None``: all)."""

    def report(self) -> dict[str, Any]:
        """What the network saw over the whole run: counters, latencies, occupancy."""


class Simple:
    """No network: ``max(max over cores Σ generation, max over cores Σ processing)``."""

    name = "simple"

    def check(self, placed: Placement, table: Axons) -> None:
        """Nothing can be dead where there is nothing."""

    def step(self, sender: Sender, packets: int) -> tuple[int, NDArray[np.bool_] | None]:
        """See the class."""
        return simple_step(sender, packets), None

    def report(self) -> dict[str, Any]:
        """Nothing: there is no network."""
        return {}


def grid_of(architecture: Architecture, *, fifo_depth: int | None = None, **faults: Any) -> Grid:
    """The mesh of an architecture, its tiles renumbered row by row; faults name the architecture's own tiles."""
    known = {entry.name for entry in fields(Grid) if entry.init} - OWN
    for name in sorted(set(faults) - known):
        raise TypeError(f"mesh must have settings among {', '.join(sorted(known))}, fifo_depth, got {name!r}")
    place = architecture.tile_y * architecture.columns + architecture.tile_x
    hop = np.zeros((architecture.columns * architecture.rows, 4), dtype=np.int64)
    hop[place] = architecture.hop_ps
    absent = sorted(set(range(len(hop))) - {int(p) for p in place})
    last = architecture.tiles - 1
    dead = [check.integer("dead_tiles", t, low=0, high=last) for t in faults.pop("dead_tiles", ())]
    links = []
    for entry in faults.pop("dead_links", ()):
        if not isinstance(entry, tuple) or len(entry) != 2:
            raise ValueError(f"dead_links must hold (tile, side) pairs, got {entry!r}")
        links.append((int(place[check.integer("dead_links' tile", entry[0], low=0, high=last)]), entry[1]))
    return Grid(
        columns=architecture.columns,
        rows=architecture.rows,
        tile_of_core=place[architecture.tile_of_core],
        hop_ps=hop,
        fifo_depth=architecture.fifo_depth if fifo_depth is None else fifo_depth,
        dead_tiles=absent + [int(place[t]) for t in dead],
        dead_links=links,
        **faults,
    )


class Exact:
    """The hop-accurate mesh (:class:`hdspike.chip.transport.Transport`), empty at the start of every step."""

    name = "exact"

    def __init__(
        self,
        architecture: Architecture,
        *,
        policy: str = "stall",
        sample_ps: int | None = None,
        **options: Any,
    ) -> None:
        self.transport = Transport(grid_of(architecture, **options), policy=policy, sample_ps=sample_ps)
        self.sampled = sample_ps is not None
        self.place = architecture.tile_y * architecture.columns + architecture.tile_x

    def check(self, placed: Placement, table: Axons) -> None:
        """See the class."""
        mesh, used = self.transport, placed.cores_used
        for core in used[mesh.grid.dead[used]][:1]:
            raise ValueError(f"placement must use cores that work, but core {core} is dead")
        if not mesh._broken:  # every tile reaches every other
            return
        source = np.repeat(placed.core, np.diff(table.indptr)).astype(np.int64)
        check_reachable(mesh.grid, mesh._state.routes, source, table.core.astype(np.int64))

    def step(self, sender: Sender, packets: int) -> tuple[int, NDArray[np.bool_] | None]:
        """See the class."""
        done = self.transport.step(
            sender.source[:packets], sender.destination[:packets], sender.gap[:packets], sender.service[:packets],
            sender.rest,
        )  # fmt: skip
        return done.end_ps, done.delivered

    def report(self) -> dict[str, Any]:
        """``counts`` (the audited books), ``hops`` by tile of the architecture, ``latency_ps`` (mean and percentiles),
        ``latency_parts_ps``, ``utilisation`` of the links and ``peak_occupancy`` of the FIFOs (the largest); with
        ``sample_ps`` also ``occupancy`` (:attr:`hdspike.chip.transport.Transport.occupancy`)."""
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
            **({"occupancy": mesh.occupancy} if self.sampled else {}),
        }
