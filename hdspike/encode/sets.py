"""Sets and products of vectors."""

from typing import Any

from numpy.typing import NDArray

from hdspike.encode.contract import need, rows
from hdspike.spaces import Space


def multiset(space: Space, vectors: Any, *, weights: Any = None) -> NDArray[Any]:
    """A set (with multiplicities): the bundle ``[Σ_i w_i x_i]`` over axis −2, similar to each of its members.

    ``(..., K, width)``, integer weights ``(..., K)`` → ``(..., width)``. A member of K equal ones scores as
    :func:`hdspike.theory.mode_agreement` says, a stranger as a random pair does.

    >>> from hdspike.spaces import BSC
    >>> space = BSC(10_000)
    >>> x = space.random(6, rng=0)
    >>> (space.similarity([multiset(space, x[:5])], x) > 0.1).tolist()
    [[True, True, True, True, True, False]]
    """
    return space.bundle(rows(space, "vectors", vectors), weights=weights)


def multibind(space: Space, vectors: Any) -> NDArray[Any]:
    """The product ``x_1 ⊗ x_2 ⊗ … ⊗ x_K`` over axis −2: ``(..., K, width)`` → ``(..., width)``.

    Raises:
        TypeError: binding in the space is not associative, so that a product has no one value.
    """
    need(space, "associative", "a product")
    given = rows(space, "vectors", vectors)
    out = given[..., 0, :]
    for i in range(1, given.shape[-2]):
        out = space.bind(out, given[..., i, :])
    return out.copy()
