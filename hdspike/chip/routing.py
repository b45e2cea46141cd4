"""Which way a packet goes: along the row, then along the column (XY), and around what is broken.

A routing table ``(tiles, tiles)`` holds the port to take at a tile towards another, −1 on the diagonal and −2
where no way leads. Without faults it is XY. With closed links each packet takes a shortest way that is open, along
the row where both are as short, so that a detour is minimal. A shortest way never comes back, but detours may wait
for each other in a circle: a table is free of deadlock if the links that it makes wait for each other have no
cycle (Dally and Seitz 1987), which :func:`deadlock_free` looks up. Of the tables along rows first and along columns
first the first that is free is taken; if neither is, the mesh detects a deadlock and says who waits for whom.
"""

import numpy as np
from numpy.typing import NDArray

from hdspike.chip.grid import EAST, NORTH, SOUTH, WEST, Grid

__all__ = ["NO_WAY", "check_reachable", "deadlock_free", "routes_of", "xy_table"]

NO_WAY = -2
MAX_TILES = 2**14


def xy_table(grid: Grid) -> NDArray[np.int8]:
    """The table of XY routing, faults or not."""
    check_size(grid)
    table = np.empty((grid.rows, grid.columns, grid.rows, grid.columns), dtype=np.int8)  # from here, to there
    for row in range(grid.rows):
        for column in range(grid.columns):
            here = table[row, column]
            here[:row, column], here[row, column], here[row + 1 :, column] = NORTH, -1, SOUTH
            here[:, :column], here[:, column + 1 :] = WEST, EAST
    return table.reshape(grid.tiles, grid.tiles)


def check_size(grid: Grid) -> None:
    """A table has tiles² bytes."""
    if grid.tiles > MAX_TILES:
        raise ValueError(
            f"columns × rows must be at most {MAX_TILES} tiles for a table of routes, got {grid.tiles}"
        )


def routes_of(grid: Grid) -> NDArray[np.int8]:
    """The table that the faults of the grid leave: XY without any."""
    if not grid.faulty:
        return xy_table(grid)
    check_size(grid)
    far = distances(grid)
    rows_first = shortest(grid, far, (EAST, WEST, SOUTH, NORTH))
    if deadlock_free(grid, rows_first):
        return rows_first
    columns_first = shortest(grid, far, (SOUTH, NORTH, EAST, WEST))
    return columns_first if deadlock_free(grid, columns_first) else rows_first


def check_reachable(
    grid: Grid, table: NDArray[np.integer], source: NDArray[np.int64], target: NDArray[np.int64]
) -> None:
    """Raise where a packet cannot be sent, or cannot arrive, for a fault: it names the two ends of the packet."""
    tiles = grid.tile_of_core
    for name, cores in (("sources", source), ("destinations", target)):
        for i in np.flatnonzero(grid.dead[cores])[:1]:
            raise ValueError(
                f"{name} must be cores that work, but core {cores[i]} is dead "
                f"(packet {i}, from core {source[i]} to core {target[i]})"
            )
    for i in np.flatnonzero(table[tiles[source], tiles[target]] == NO_WAY)[:1]:
        raise ValueError(
            f"destinations must be reachable, but no way leads from core {source[i]} on tile "
            f"{tiles[source[i]]} to core {target[i]} on tile {tiles[target[i]]} (packet {i}): "
            "the links between them are dead"
        )


def distances(grid: Grid) -> NDArray[np.int32]:
    """``(tiles, tiles)`` open hops from one tile to another; the number of tiles where there is no way."""
    tiles = grid.tiles
    far = np.full((tiles, tiles), tiles, dtype=np.int32)
    np.fill_diagonal(far, 0)
    open_sides = [(np.flatnonzero(~grid.closed[:, side]), grid.neighbour(side)) for side in range(4)]
    while True:
        nearer = far.copy()
        for here, beyond in open_sides:
            nearer[here] = np.minimum(nearer[here], far[beyond[here]] + 1)
        if np.array_equal(nearer, far):
            return far
        far = nearer


def shortest(grid: Grid, far: NDArray[np.int32], order: tuple[int, ...]) -> NDArray[np.int8]:
    """At every tile the side of the order that comes first among those on a shortest way."""
    table = np.full(far.shape, NO_WAY, dtype=np.int8)
    for side in reversed(order):
        here = np.flatnonzero(~grid.closed[:, side])
        beyond = far[grid.neighbour(side)[here]]
        table[here] = np.where((beyond + 1 == far[here]) & (beyond < grid.tiles), side, table[here])
    np.fill_diagonal(table, -1)
    return table


def deadlock_free(grid: Grid, table: NDArray[np.integer]) -> bool:
    """Whether the links between tiles that a table makes wait for each other have no cycle."""
    neighbours = np.stack([grid.neighbour(side) for side in range(4)], axis=1)
    tiles = grid.tiles
    waits: list[NDArray[np.int64]] = []
    here = np.arange(tiles)
    for goal in range(tiles):
        side = table[:, goal].astype(np.int64)
        on = here[side >= 0]
        beyond = neighbours[on, side[on]]
        further = table[beyond, goal].astype(np.int64)
        some = further >= 0
        waits.append((on * 4 + side[on])[some] * (4 * tiles) + (beyond * 4 + further)[some])
    pairs = np.unique(np.concatenate(waits))
    before, after = np.divmod(pairs, 4 * tiles)
    alive = np.ones(len(pairs), dtype=bool)
    while np.any(alive):  # take away the links that nobody waits for, until none is left
        waited_for = np.zeros(4 * tiles, dtype=bool)
        waited_for[after[alive]] = True
        kept = alive & waited_for[before]
        if np.array_equal(kept, alive):
            return False
        alive = kept
    return True
