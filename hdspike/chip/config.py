"""What a chip is made of: its grid, its memories and its times, as plain integers."""

from dataclasses import dataclass, fields
from typing import Any

from hdspike import check

__all__ = ["MAX_TIME", "ChipConfig"]

MAX_TIME = 2**62 - 1
"""The last instant of the clock, in picoseconds (53 days): int64 with room to notice that it is passed."""
LONGEST = 2**60
"""The longest single time of a chip, in picoseconds (13 days)."""

TOPOLOGY = (
    "columns",
    "rows",
    "cores_per_tile",
    "neurons_per_core",
    "synaptic_memory_bits",
    "input_axons",
    "fifo_depth",
)


@dataclass(frozen=True)
class ChipConfig:
    """A mesh of ``columns × rows`` tiles, each a router with ``cores_per_tile`` cores.

    Tile ``t = row · columns + column``, column 0 in the west, row 0 in the north; core ``c`` sits on tile
    ``c // cores_per_tile``. All times are integers in picoseconds:

    ``synaptic_event_ps``
        one synaptic event in a core;
    ``update_active_ps``, ``update_inactive_ps``
        one update of a neuron that received an event in the step, or received none;
    ``packet_ps``
        a packet between a core (or the host) and the router of its tile, either way;
    ``hop_east_west_ps``, ``hop_north_south_ps``
        a packet between the routers of neighbouring tiles; the link is busy for as long;
    ``barrier_one_tile_ps``, ``barrier_all_tiles_ps``
        the barrier that ends a step, linear in the number of tiles in use between these two.

    ``fifo_depth`` is the number of packets that fit an input FIFO of a router or of a core.
    """

    columns: int
    rows: int
    cores_per_tile: int
    neurons_per_core: int
    synaptic_memory_bits: int
    input_axons: int
    fifo_depth: int
    synaptic_event_ps: int
    update_active_ps: int
    update_inactive_ps: int
    packet_ps: int
    hop_east_west_ps: int
    hop_north_south_ps: int
    barrier_one_tile_ps: int
    barrier_all_tiles_ps: int

    def __post_init__(self) -> None:
        for field in fields(self):
            low = 1 if field.name in TOPOLOGY else 0
            high = 2**31 - 1 if field.name in TOPOLOGY else LONGEST
            value = check.integer(field.name, getattr(self, field.name), low=low, high=high)
            object.__setattr__(self, field.name, value)
        check.integer("columns × rows × cores_per_tile", self.cores, high=2**20)
        check.integer("barrier_all_tiles_ps", self.barrier_all_tiles_ps, low=self.barrier_one_tile_ps)

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return self.columns * self.rows

    @property
    def cores(self) -> int:
        """Number of cores on the chip."""
        return self.tiles * self.cores_per_tile

    def barrier_ps(self, tiles_used: int) -> int:
        """``barrier_one + (barrier_all − barrier_one) · (tiles_used − 1) ÷ (tiles − 1)``, rounded down."""
        check.integer("tiles_used", tiles_used, low=1, high=self.tiles)
        if self.tiles == 1:
            return self.barrier_one_tile_ps
        growth = self.barrier_all_tiles_ps - self.barrier_one_tile_ps
        return self.barrier_one_tile_ps + growth * (tiles_used - 1) // (self.tiles - 1)

    @classmethod
    def from_substrate(cls, substrate: Any) -> "ChipConfig":
        """The chip that a substrate file describes.

        Reads ``topology.<name>`` and ``timing.<name>`` (in seconds, rounded to whole picoseconds) for every
        field of this class, the latter without the ending ``_ps``.

        Raises:
            ValueError: a key is missing, is not a whole number where it must be, or is out of range.
        """
        values = {}
        for field in fields(cls):
            timed = field.name not in TOPOLOGY
            key = f"timing.{field.name.removesuffix('_ps')}" if timed else f"topology.{field.name}"
            value = float(substrate.si(key)) * (1e12 if timed else 1)
            if not abs(value) < 2**62 or (not timed and value != round(value)):
                raise ValueError(f"{key} must be a whole number below 2⁶², got {value!r}")
            values[field.name] = round(value)
        return cls(**values)
