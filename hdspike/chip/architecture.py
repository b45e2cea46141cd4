"""What a chip is built of: tiles, cores, the units in a core, and what each action of a unit takes.

A core is a pipeline: axon in → synapse → dendrite → soma → axon out. Several units of a kind may stand side by side
(three sorts of synapse, say); a neuron or a projection names the one it uses, the first where it names none.
Times are whole picoseconds. The energies ride along with their units, but nothing in this room multiplies them:
a run counts, :mod:`hdspike.energy` prices.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.chip.config import LONGEST

__all__ = ["KINDS", "Architecture", "Unit"]

KINDS = ("axon_in", "synapse", "dendrite", "soma", "axon_out")
NORTH, EAST, SOUTH, WEST = 0, 1, 2, 3
MAX_CORES = 2**20


@dataclass(frozen=True)
class Unit:
    """One unit of a core, and the time (ps) and energy (J) of its actions.

    ``event``
        axon_in, axon_out: one packet; synapse: one synaptic event; soma: one spike; dendrite: one event;
    ``access``, ``update``
        soma: one neuron visited in a step, one neuron whose state was computed; dendrite: ``update``.
    """

    name: str
    kind: str
    model: str = ""
    access_ps: int = 0
    update_ps: int = 0
    event_ps: int = 0
    access_j: float = 0.0
    update_j: float = 0.0
    event_j: float = 0.0

    def __post_init__(self) -> None:
        check.one_of("kind", self.kind, KINDS)
        for name in ("access_ps", "update_ps", "event_ps"):
            object.__setattr__(self, name, check.integer(name, getattr(self, name), low=0, high=LONGEST))
        for name in ("access_j", "update_j", "event_j"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value < 1e6:
                raise ValueError(f"{name} must be a number of joules of at least 0, got {value!r}")


@dataclass(frozen=True)
class Architecture:
    """A mesh of ``columns × rows`` tiles with cores, each core of one of the ``layouts``.

    ``tile_x``, ``tile_y`` ``(tiles,)`` place the tiles (x to the east, y to the south); ``tile_of_core`` ``(cores,)``;
    ``layout_of_core`` ``(cores,)`` picks the row of ``layouts``, each a tuple of indices into ``units`` in the
    order in which the core lists them. ``hop_ps``, ``hop_j`` ``(tiles, 4)``: leaving a tile to the north, east,
    south and west. ``barrier`` is a rising table of (mapped tiles, ps): the time of the largest entry not above
    the number of mapped tiles. ``fifo_depth`` packets fit an input FIFO.
    """

    name: str
    columns: int
    rows: int
    tile_x: NDArray[np.int64]
    tile_y: NDArray[np.int64]
    tile_of_core: NDArray[np.int64]
    units: tuple[Unit, ...]
    layouts: tuple[tuple[int, ...], ...]
    layout_of_core: NDArray[np.int64]
    neurons_per_core: NDArray[np.int64]
    hop_ps: NDArray[np.int64]
    hop_j: NDArray[np.float64]
    fifo_depth: int = 16
    barrier: tuple[tuple[int, int], ...] = ((1, 0),)
    core_names: tuple[str, ...] = ()
    synaptic_memory_bits: int | None = None
    input_axons: int | None = None

    def __post_init__(self) -> None:
        check.integer("columns", self.columns, low=1, high=2**15)
        check.integer("rows", self.rows, low=1, high=2**15)
        check.integer("fifo_depth", self.fifo_depth, low=1, high=2**31 - 1)
        tiles = len(self.tile_x)
        if not 1 <= len(self.tile_of_core) <= MAX_CORES:
            raise ValueError(f"cores must be 1 … {MAX_CORES}, got {len(self.tile_of_core)}")
        for name in ("tile_x", "tile_y", "tile_of_core", "layout_of_core", "neurons_per_core"):
            object.__setattr__(self, name, check.array(name, getattr(self, name), np.int64, ndim=1))
        if len(self.tile_y) != tiles or self.hop_ps.shape != (tiles, 4) or self.hop_j.shape != (tiles, 4):
            raise ValueError(f"tile_y, hop_ps and hop_j must be one row per tile ({tiles})")
        inside = (
            (self.tile_x >= 0) & (self.tile_x < self.columns) & (self.tile_y >= 0) & (self.tile_y < self.rows)
        )
        if not np.all(inside):
            raise ValueError(f"tiles must lie on the grid of {self.columns} × {self.rows}")
        if len(np.unique(self.tile_x * self.rows + self.tile_y)) != tiles:
            raise ValueError("tiles must have places of their own, got two on one")
        if self.tile_of_core.min() < 0 or self.tile_of_core.max() >= tiles:
            raise ValueError(f"tile_of_core must be in [0, {tiles})")
        if self.hop_ps.min() < 0 or self.hop_ps.max() > LONGEST:
            raise ValueError(f"hop_ps must be in [0, 2⁶⁰], got {self.hop_ps.min()} … {self.hop_ps.max()}")
        for layout in self.layouts:
            kinds = [self.units[u].kind for u in layout]
            missing = [kind for kind in KINDS if kind not in kinds]
            if missing:
                raise ValueError(f"a core must have a unit of every kind, got none of {missing[0]}")
        if (
            not self.barrier
            or self.barrier[0][0] != 1
            or any(b[0] <= a[0] for a, b in zip(self.barrier, self.barrier[1:], strict=False))
        ):
            raise ValueError(f"barrier must be a table that rises from 1 tile, got {self.barrier}")

    @property
    def cores(self) -> int:
        """Number of cores."""
        return len(self.tile_of_core)

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return len(self.tile_x)

    def barrier_ps(self, tiles: int) -> int:
        """The time of the barrier when ``tiles`` tiles hold neurons."""
        return [ps for least, ps in self.barrier if least <= max(1, tiles)][-1]

    def unit_of(self, core: int, kind: str, name: str = "") -> int:
        """The index of the unit of this kind (and name) in a core."""
        found = [u for u in self.layouts[int(self.layout_of_core[core])] if self.units[u].kind == kind]
        if not name:
            return found[0]
        for unit in found:
            if self.units[unit].name == name:
                return unit
        known = ", ".join(self.units[u].name for u in found[:8])
        raise ValueError(f"unit must be a {kind} unit of core {core} ({known}), got {name!r}")

    @classmethod
    def from_substrate(cls, substrate: Any) -> "Architecture":
        """The chip that a substrate file describes.

        Tile ``t`` lies at column ``t % columns`` in row ``t // columns``, or, with ``topology.column_major = 1``, at
        column ``t // rows`` in row ``t % rows``. ``timing`` gives either the actions of the
        units (``axon_in``, ``axon_out``, ``soma_access``, ``soma_update``, ``soma_spike``, and
        ``synaptic_event_NAME`` for each synapse unit) or, as published for Loihi, ``packet``, ``update_active``,
        ``update_inactive`` and ``synaptic_event``; and ``barrier_N`` (N mapped tiles or more) or
        ``barrier_one_tile`` and ``barrier_all_tiles`` (linear between). Energies are read alike, 0 where none is
        stated.
        """

        def ps(key: str) -> int:
            return round(float(substrate.si(f"timing.{key}")) * 1e12)

        def joules(key: str, minus: str = "") -> float:
            full = float(substrate.si(f"energy.{key}")) if substrate.has(f"energy.{key}") else 0.0
            less = (
                float(substrate.si(f"energy.{minus}")) if minus and substrate.has(f"energy.{minus}") else 0.0
            )
            return max(0.0, full - less)

        def whole(key: str) -> int:
            return round(float(substrate.si(f"topology.{key}")))

        columns, rows, each = whole("columns"), whole("rows"), whole("cores_per_tile")
        tiles = columns * rows
        check.integer("columns × rows × cores_per_tile", tiles * each, low=1, high=MAX_CORES)
        if substrate.has("timing.soma_access"):
            names = [
                key.removeprefix("timing.synaptic_event_")
                for key in substrate.quantities
                if key.startswith("timing.synaptic_event_")
            ]
            units = [
                Unit("axon_in", "axon_in", event_ps=ps("axon_in")),
                *(
                    Unit(name, "synapse", event_ps=ps(f"synaptic_event_{name}"),
                         event_j=joules(f"synaptic_events_{name}"))
                    for name in names
                ),
                Unit("dendrite", "dendrite"),
                Unit("soma", "soma", access_ps=ps("soma_access"), update_ps=ps("soma_update"),
                     event_ps=ps("soma_spike"), access_j=joules("accesses"), update_j=joules("updates"),
                     event_j=joules("fired")),
                Unit("axon_out", "axon_out", event_ps=ps("axon_out"), event_j=joules("packets")),
            ]  # fmt: skip
        else:
            idle, active = ps("update_inactive"), ps("update_active")
            units = [
                Unit("axon_in", "axon_in", event_ps=ps("packet")),
                Unit("synapse", "synapse", event_ps=ps("synaptic_event"), event_j=joules("synaptic_events")),
                Unit("dendrite", "dendrite"),
                Unit("soma", "soma", access_ps=idle, update_ps=max(0, active - idle),
                     access_j=joules("updates_inactive"),
                     update_j=joules("updates_active", "updates_inactive")),
                Unit("axon_out", "axon_out", event_ps=ps("packet"), event_j=joules("packets")),
            ]  # fmt: skip
        steps = sorted(
            (int(found[1]), ps(key.removeprefix("timing.")))
            for key in substrate.quantities
            if (found := re.fullmatch(r"timing\.barrier_(\d+)", key))
        )
        if not steps:
            one, every = ps("barrier_one_tile"), ps("barrier_all_tiles")
            steps = [(n, one + (every - one) * (n - 1) // max(1, tiles - 1)) for n in range(1, tiles + 1)]
        north_south, east_west = ps("hop_north_south"), ps("hop_east_west")
        up, along = joules("hops_north_south"), joules("hops_east_west")
        place = np.arange(tiles)
        by_column = substrate.has("topology.column_major") and bool(whole("column_major"))
        return cls(
            name=substrate.name,
            columns=columns,
            rows=rows,
            tile_x=place // rows if by_column else place % columns,
            tile_y=place % rows if by_column else place // columns,
            tile_of_core=np.repeat(place, each),
            units=tuple(units),
            layouts=(tuple(range(len(units))),),
            layout_of_core=np.zeros(tiles * each, dtype=np.int64),
            neurons_per_core=np.full(tiles * each, whole("neurons_per_core"), dtype=np.int64),
            hop_ps=np.tile(np.array([north_south, east_west, north_south, east_west]), (tiles, 1)),
            hop_j=np.tile(np.array([up, along, up, along]), (tiles, 1)),
            fifo_depth=whole("fifo_depth"),
            barrier=tuple(steps),
            synaptic_memory_bits=(
                whole("synaptic_memory_bits") if substrate.has("topology.synaptic_memory_bits") else None
            ),
            input_axons=whole("input_axons") if substrate.has("topology.input_axons") else None,
        )
