"""Where the tiles, cores and links of a board are, and how long a packet takes between them: plain numbers.

A board is ``chips_x × chips_y`` chips, together a grid of ``columns × rows`` tiles, each with a router; tile
``t = row · columns + column``, column 0 in the west, row 0 in the north. A router has ``ports`` ports: 0 north,
1 east, 2 south, 3 west, then one per core of the tile, then the host's (used on tile 0 only). Link ``t · ports +
port`` is the way out of router ``t`` through that port: to the neighbouring tile, to a core, or to the host.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.chip.config import LONGEST, ChipConfig

__all__ = ["EAST", "EDGE", "HOST", "LOCAL", "NORTH", "SIDES", "SOUTH", "WEST", "Grid"]

NORTH, EAST, SOUTH, WEST, LOCAL = 0, 1, 2, 3, 4
SIDES = ("north", "east", "south", "west")
HOST = -1  # the end of a link to the host
EDGE = -2  # the end of a link that is not there: over the edge of the board, or dead
CORE = -3  # the end of a link to core c is CORE − c
STEP_X, STEP_Y = (0, 1, 0, -1), (-1, 0, 1, 0)


def integers(name: str, value: Any, ndim: int) -> NDArray[np.int64]:
    """A private, contiguous array of integers."""
    return np.array(check.array(name, value, np.int64, ndim=ndim), order="C")


@dataclass(frozen=True)
class Grid:
    """A board of tiles.

    Args:
        columns, rows: tiles of the whole board.
        tile_of_core: ``(cores,)`` the tile of each core, in any order; several on one tile have the ports
            ``4, 5, …`` in the order of their numbers.
        hop_ps: how long a packet takes over the link from a tile to its neighbour, which is busy for as long:
            ``(4,)`` to the north, east, south and west, or ``(tiles, 4)``.
        inject_ps, eject_ps: from a core to the router of its tile, and back.
        fifo_depth: packets that fit an input FIFO of a router or of a core.
        chips_x, chips_y: chips on the board; they divide the columns and the rows evenly.
        off_chip_busy_ps, off_chip_ps: a packet keeps a link between two chips busy for the first time
            (serialisation), then travels for the second (latency), when others may follow it.
        dead_links: ``(tile, side)`` with side "north", "east", "south" or "west": that way is closed.
        dead_tiles: tiles without router, links or cores. dead_cores: cores that take and send nothing.

    Raises:
        ValueError: an argument breaks its rule.
    """

    columns: int
    rows: int
    tile_of_core: NDArray[np.int64]
    hop_ps: Any
    inject_ps: int = 0
    eject_ps: int = 0
    fifo_depth: int = 16
    chips_x: int = 1
    chips_y: int = 1
    off_chip_busy_ps: int = 0
    off_chip_ps: int = 0
    dead_links: Iterable[tuple[int, str]] = ()
    dead_tiles: Iterable[int] = ()
    dead_cores: Iterable[int] = ()
    ports: int = field(init=False)
    port_of_core: NDArray[np.int64] = field(init=False)
    closed: NDArray[np.bool_] = field(init=False)
    dead: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        for name in ("columns", "rows", "fifo_depth", "chips_x", "chips_y"):
            put(name, check.integer(name, getattr(self, name), low=1, high=2**31 - 1))
        for name in ("inject_ps", "eject_ps", "off_chip_busy_ps", "off_chip_ps"):
            put(name, check.integer(name, getattr(self, name), low=0, high=LONGEST))
        check.integer("columns × rows", self.tiles, high=2**20)
        for name, length, chips in (("columns", self.columns, "chips_x"), ("rows", self.rows, "chips_y")):
            if length % getattr(self, chips):
                raise ValueError(f"{chips} must divide the {length} {name}, got {getattr(self, chips)}")
        put("tile_of_core", integers("tile_of_core", self.tile_of_core, 1))
        self._inside("tile_of_core", self.tile_of_core, self.tiles, "tiles")
        check.integer("tile_of_core's length", self.cores, low=1, high=2**20)
        hop = check.array("hop_ps", self.hop_ps, np.int64)
        if hop.shape not in ((4,), (self.tiles, 4)):
            raise ValueError(f"hop_ps must have shape (4,) or ({self.tiles}, 4), got {hop.shape}")
        if hop.min() < 0 or hop.max() > LONGEST:
            raise ValueError(f"hop_ps must be in [0, 2⁶⁰] ps, got {hop.min()} … {hop.max()}")
        put("hop_ps", np.array(np.broadcast_to(hop, (self.tiles, 4))))
        order = np.argsort(self.tile_of_core, kind="stable")
        tiles = self.tile_of_core[order]
        rank = np.empty(self.cores, dtype=np.int64)
        rank[order] = np.arange(self.cores) - np.searchsorted(tiles, tiles)
        put("port_of_core", LOCAL + rank)
        put("ports", LOCAL + int(rank.max()) + 2)
        self._close()

    def _inside(self, name: str, values: NDArray[np.int64], count: int, what: str) -> None:
        if values.size and not (0 <= values.min() and values.max() < count):
            raise ValueError(f"{name} must be {what} in [0, {count}), got {values.min()} … {values.max()}")

    def _close(self) -> None:
        """What is closed: links over the edge, dead ones, and all that dead tiles touch."""
        closed = np.stack([self.neighbour(side) < 0 for side in range(4)], axis=1)
        for entry in self.dead_links:
            if not isinstance(entry, tuple) or len(entry) != 2:
                raise ValueError(f"dead_links must hold (tile, side) pairs, got {entry!r}")
            tile = check.integer("dead_links' tile", entry[0], low=0, high=self.tiles - 1)
            side = SIDES.index(check.one_of("dead_links' side", entry[1], SIDES))
            if self.neighbour(side)[tile] < 0:
                raise ValueError(f"dead_links must be links of the board, got {entry!r} over its edge")
            closed[tile, side] = True
        tiles = integers("dead_tiles", np.array(list(self.dead_tiles), dtype=np.int64), 1)
        self._inside("dead_tiles", tiles, self.tiles, "tiles")
        for side in range(4):
            beyond = self.neighbour(side)
            closed[:, side] |= np.isin(beyond, tiles)
        closed[tiles] = True
        cores = integers("dead_cores", np.array(list(self.dead_cores), dtype=np.int64), 1)
        self._inside("dead_cores", cores, self.cores, "cores")
        dead = np.isin(self.tile_of_core, tiles)
        dead[cores] = True
        object.__setattr__(self, "closed", closed)
        object.__setattr__(self, "dead", dead)

    @property
    def tiles(self) -> int:
        """Number of tiles of the board."""
        return self.columns * self.rows

    @property
    def cores(self) -> int:
        """Number of cores of the board."""
        return len(self.tile_of_core)

    @property
    def faulty(self) -> bool:
        """Whether a link inside the board is closed."""
        return bool(np.any(self.closed & np.stack([self.neighbour(s) >= 0 for s in range(4)], axis=1)))

    def neighbour(self, side: int) -> NDArray[np.int64]:
        """``(tiles,)`` the tile beyond each link to a side; −1 over the edge of the board."""
        tile = np.arange(self.tiles)
        column = tile % self.columns + STEP_X[side]
        row = tile // self.columns + STEP_Y[side]
        inside = (column >= 0) & (column < self.columns) & (row >= 0) & (row < self.rows)
        return np.where(inside, row * self.columns + column, -1).astype(np.int64)

    def off_chip(self) -> NDArray[np.bool_]:
        """``(tiles, 4)`` which links between tiles lead to another chip."""
        wide, high = self.columns // self.chips_x, self.rows // self.chips_y

        def chip(tile: NDArray[np.int64]) -> NDArray[np.int64]:
            return (tile // self.columns // high) * self.chips_x + tile % self.columns // wide

        here = np.arange(self.tiles)
        beyond = [self.neighbour(side) for side in range(4)]
        return np.stack([(there >= 0) & (chip(there) != chip(here)) for there in beyond], axis=1)

    def link_of_core(self) -> NDArray[np.int64]:
        """``(cores,)`` the link that ends at each core; its sender has the same number."""
        return self.tile_of_core * self.ports + self.port_of_core

    def link_ends(self) -> NDArray[np.int64]:
        """``(tiles · ports, 2)`` the tiles that each link leads from and to; −1 where there is no link."""
        tile, port = np.divmod(np.arange(self.tiles * self.ports), self.ports)
        to = np.where(port == self.ports - 1, np.where(tile == 0, 0, -1), -1)
        to[self.link_of_core()] = self.tile_of_core
        for side in range(4):
            to[port == side] = np.where(self.closed[:, side], -1, self.neighbour(side))
        return np.stack([tile, to], axis=1).astype(np.int64)

    @classmethod
    def from_config(cls, config: ChipConfig) -> "Grid":
        """The board of one chip: core ``c`` sits on tile ``c // cores_per_tile``."""
        north_south, east_west = config.hop_north_south_ps, config.hop_east_west_ps
        return cls(
            columns=config.columns,
            rows=config.rows,
            tile_of_core=np.arange(config.cores) // config.cores_per_tile,
            hop_ps=(north_south, east_west, north_south, east_west),
            inject_ps=config.packet_ps,
            eject_ps=config.packet_ps,
            fifo_depth=config.fifo_depth,
        )
