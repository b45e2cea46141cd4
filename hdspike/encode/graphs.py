"""Graphs: every edge a product of its two nodes, all edges bundled."""

from typing import Any

from numpy.typing import NDArray

from hdspike import check
from hdspike.encode.contract import index_rows, need
from hdspike.spaces import Space

DIRECTIONS = ("any", "out", "in")


def graph(
    space: Space, nodes: Any, edges: Any, *, directed: bool = False, weights: Any = None
) -> NDArray[Any]:
    """A graph in one vector: ``[Σ x_a ⊗ x_b]``, or directed ``[Σ x_a ⊗ ρ x_b]`` over the edges a → b.

    Args:
        nodes: ``(V, width)`` one vector per node.
        edges: ``(..., E, 2)`` indices of nodes, source before target.
        weights: integers ``(..., E)``.

    Returns:
        ``(..., width)``.

    Source: Gayler & Levy (2009); Nunes et al. (2022), "GraphHD".
    """
    vectors = check.batch("nodes", space.checked("nodes", nodes), least=1)
    given = index_rows("edges", edges, len(vectors), len(vectors))
    targets = space.permute(vectors, 1) if directed else vectors
    return space.bundle(space.bind(vectors[given[..., 0]], targets[given[..., 1]]), weights=weights)


def neighbours(space: Space, graph: Any, node: Any, *, direction: str = "any") -> NDArray[Any]:
    """The bundle of a node's neighbours, with the noise of the other edges.

    ``any``: ``g ⊗ x⁻¹`` of an undirected graph; ``out``: the targets of the node's edges, ``ρ⁻¹(g ⊗ x⁻¹)``, and
    ``in``: the sources, ``g ⊗ (ρ x)⁻¹``, of a directed one. ``(..., width)`` both, broadcast → ``(..., width)``.

    Raises:
        TypeError: binding in the space has no inverse.

    >>> from hdspike.spaces import BSC
    >>> space = BSC(10_000)
    >>> x = space.random(5, rng=0)
    >>> g = graph(space, x, [[0, 1], [0, 2], [3, 0]], directed=True)
    >>> (space.similarity([neighbours(space, g, x[0], direction="out")], x) > 0.2).tolist()
    [[False, True, True, False, False]]
    >>> (space.similarity([neighbours(space, g, x[0], direction="in")], x) > 0.2).tolist()
    [[False, False, False, True, False]]
    """
    need(space, "invertible", "a query of neighbours")
    check.one_of("direction", direction, DIRECTIONS)
    whole, vector = space.checked("graph", graph), space.checked("node", node)
    if direction == "in":
        return space.bind(whole, space.inverse(space.permute(vector, 1)))
    found = space.bind(whole, space.inverse(vector))
    return space.permute(found, -1) if direction == "out" else found
