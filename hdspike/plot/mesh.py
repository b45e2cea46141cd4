"""What stands where on a mesh, and what its links carry: a map for two mappings to be held side by side."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PatchCollection, PolyCollection
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle

from hdspike.plot.style import COLOURS

__all__ = ["link_map"]

TILE = 0.5  # the side of a tile; the rest of the unit square is for the links
STEPS = ((0, -1), (1, 0), (0, 1), (-1, 0))  # north, east, south, west


def link_map(
    ax: Axes,
    group_of_core: Any,
    tile_of_core: Any,
    tile_x: Any,
    tile_y: Any,
    hops: Any,
    *,
    colours: Sequence[str],
    most: float | None = None,
    label: str = "",
) -> None:
    """Draw the tiles with their cores, each in the colour of what it holds, and the links as arrows between them.

    Args:
        ax: where to draw.
        group_of_core: ``(cores,)`` index into ``colours``; −1 is an empty core, drawn white.
        tile_of_core: ``(cores,)``; the cores of a tile are drawn in a small grid inside it.
        tile_x, tile_y: ``(tiles,)`` column and row of each tile, row 0 above.
        hops: ``(tiles, 4)`` what left each tile to the north, east, south and west: width and colour of the arrows.
        colours: of the groups.
        most: what the darkest, widest arrow carries, the same for maps that are compared; by default the largest.
        label: of the colour bar; ``""`` draws none.
    """
    group, tile = np.asarray(group_of_core), np.asarray(tile_of_core)
    x, y, load = np.asarray(tile_x), np.asarray(tile_y), np.asarray(hops, dtype=float)
    if len(group) != len(tile) or load.shape != (len(x), 4) or len(y) != len(x):
        raise ValueError(
            f"hops must be (tiles, 4) and groups one per core, got {load.shape} for {len(x)} tiles and {len(group)} "
            f"for {len(tile)} cores"
        )
    if group.size and not (group.min() >= -1 and group.max() < len(colours)):
        raise ValueError(f"group_of_core must be in [-1, {len(colours)}), got {group.min()} … {group.max()}")
    cells, faces = [], []
    for t in range(len(x)):
        mine = np.flatnonzero(tile == t)
        across = max(1, int(np.ceil(np.sqrt(len(mine)))))
        down = max(1, -(-len(mine) // across))
        for place, core in enumerate(mine):
            left = x[t] - TILE / 2 + place % across * TILE / across
            above = y[t] - TILE / 2 + place // across * TILE / down
            cells.append(Rectangle((left, above), TILE / across, TILE / down))
            faces.append(colours[group[core]] if group[core] >= 0 else "white")
    ax.add_collection(PatchCollection(cells, facecolors=faces, edgecolor=COLOURS["grey"], linewidth=0.5))
    top = max(float(load.max()) if most is None else float(most), 1e-12)
    scale = ScalarMappable(Normalize(0, top), cmap="YlOrRd")
    used = np.argwhere(load > 0)
    arrows = [arrow(x[t], y[t], STEPS[side], load[t, side] / top) for t, side in used]
    shades = [scale.to_rgba(load[t, side]) for t, side in used]
    ax.add_collection(PolyCollection(arrows, facecolors=shades, edgecolors=COLOURS["grey"], linewidths=0.3))
    ax.set(xlim=(-0.6, x.max() + 0.6), ylim=(y.max() + 0.6, -0.6), aspect="equal")
    ax.axis("off")
    if label:
        inset = ax.inset_axes((0.2, -0.09, 0.6, 0.035))
        figure = ax.get_figure()
        assert figure is not None
        figure.colorbar(scale, cax=inset, orientation="horizontal", label=label)


def arrow(x: float, y: float, step: tuple[int, int], share: float) -> list[tuple[float, float]]:
    """The corners of the arrow from a tile to its neighbour, on the right of the way; ``share`` sets the width."""
    along, aside = np.array(step, dtype=float), np.array([-step[1], step[0]], dtype=float)
    start = np.array([x, y]) + along * (TILE / 2 + 0.03) + aside * 0.11
    length, half, head = 1 - TILE - 0.06, 0.015 + 0.045 * share, 0.045 + 0.055 * share
    neck = length - 0.13
    outline = (
        (0, -half), (neck, -half), (neck, -head), (length, 0), (neck, head), (neck, half), (0, half),
    )  # fmt: skip
    corners = [start + along * a + aside * b for a, b in outline]
    return [(float(c[0]), float(c[1])) for c in corners]
