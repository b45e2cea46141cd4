"""Drawings of a chip: its tiles and cores as a map, and the traffic of its links between them."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PatchCollection
from matplotlib.colors import Normalize
from matplotlib.patches import FancyArrow, Rectangle

from hdspike.plot.style import COLOURS

__all__ = ["heat_map"]

TILE = 0.54  # the side of a tile; the rest of the unit square is for the links


def heat_map(
    ax: Axes,
    per_core: Any,
    *,
    columns: int,
    cores_per_tile: int,
    link_ends: Any = None,
    per_link: Any = None,
    core_label: str = "events per core",
    link_label: str = "packets per link",
    host: str = "",
) -> None:
    """Draw what each core did as a map of the mesh, and what each link carried as arrows between the tiles.

    Args:
        ax: where to draw.
        per_core: ``(cores,)`` numbers; core ``c`` is on tile ``c // cores_per_tile``, tile ``t`` in row
            ``t // columns`` from the top.
        columns: tiles in a row.
        cores_per_tile: cores on a tile, drawn as a small grid inside it.
        link_ends: ``(links, 2)`` the tiles that each link joins; others than neighbours are not drawn.
        per_link: ``(links,)`` numbers, as colour and width of the arrows.
        core_label, link_label: what the colours mean, with the unit.
        host: text beside tile 0, where a host port is.
    """
    values = np.asarray(per_core, dtype=float)
    if values.ndim != 1 or len(values) % cores_per_tile or (len(values) // cores_per_tile) % columns:
        raise ValueError(
            f"per_core must hold whole rows of {columns} tiles of {cores_per_tile} cores, got {values.shape}"
        )
    rows = len(values) // cores_per_tile // columns
    across = int(np.ceil(np.sqrt(cores_per_tile)))
    down = -(-cores_per_tile // across)
    cells = []
    for core in range(len(values)):
        tile, inside = divmod(core, cores_per_tile)
        x = tile % columns - TILE / 2 + inside % across * TILE / across
        y = tile // columns - TILE / 2 + inside // across * TILE / down
        cells.append(Rectangle((x, y), TILE / across, TILE / down))
    span = Normalize(min(0.0, values.min()), max(values.max(), 1e-12))
    patches = PatchCollection(cells, cmap="Blues", norm=span, edgecolor="white", linewidth=0.6)
    patches.set_array(values)
    ax.add_collection(patches)
    frames = [
        Rectangle((t % columns - TILE / 2, t // columns - TILE / 2), TILE, TILE)
        for t in range(rows * columns)
    ]
    ax.add_collection(PatchCollection(frames, facecolor="none", edgecolor=COLOURS["grey"], linewidth=0.8))
    bar(ax, patches, 0.03, core_label)
    if link_ends is not None:
        arrows(ax, link_ends, per_link, columns, link_label)
    if host:
        ax.annotate(
            host, (-TILE / 2, -TILE / 2), xytext=(-TILE / 2, -0.62), fontsize=9.5, annotation_clip=False,
            arrowprops={"arrowstyle": "->", "color": COLOURS["black"]}, va="bottom",
        )  # fmt: skip
    ax.set(xlim=(-0.5, columns - 0.5), ylim=(rows + 0.6, -0.5), aspect="equal")
    ax.axis("off")


def bar(ax: Axes, colours: Any, left: float, label: str) -> None:
    """A colour bar in the room that the map leaves at its bottom."""
    figure = ax.get_figure()
    assert figure is not None
    figure.colorbar(
        colours, cax=ax.inset_axes((left, 0.13, 0.42, 0.03)), orientation="horizontal", label=label
    )


def arrows(ax: Axes, link_ends: Any, per_link: Any, columns: int, label: str) -> None:
    """One arrow per link between neighbouring tiles, the two directions side by side."""
    ends, traffic = np.asarray(link_ends), np.asarray(per_link, dtype=float)
    if ends.shape != (len(traffic), 2):
        raise ValueError(f"link_ends must pair with per_link ({len(traffic)}), got shape {ends.shape}")
    shown = np.flatnonzero((ends[:, 1] >= 0) & (ends[:, 0] != ends[:, 1]))
    if not len(shown):
        return
    most = max(traffic[shown].max(), 1e-12)
    scale = ScalarMappable(Normalize(0, most), cmap="YlOrRd")
    for link in shown:
        start = np.array([ends[link, 0] % columns, ends[link, 0] // columns], dtype=float)
        step = np.array([ends[link, 1] % columns, ends[link, 1] // columns]) - start
        aside = np.array([-step[1], step[0]]) * 0.13
        begin = start + step * (TILE / 2 + 0.04) + aside
        way = step * (1 - TILE - 0.08)
        share = traffic[link] / most
        ax.add_patch(
            FancyArrow(
                begin[0],
                begin[1],
                way[0],
                way[1],
                length_includes_head=True,
                width=0.02 + 0.09 * share,
                head_width=0.10 + 0.12 * share,
                head_length=0.15,
                facecolor=scale.to_rgba(traffic[link]),
                edgecolor=COLOURS["grey"],
                linewidth=0.4,
            )
        )
    bar(ax, scale, 0.55, label)
