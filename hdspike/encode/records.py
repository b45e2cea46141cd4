"""Records and hash tables: keys bound to their values and bundled (Plate 1995; Kanerva 1997)."""

from typing import Any

from numpy.typing import NDArray

from hdspike.encode.contract import need
from hdspike.spaces import Space
from hdspike.spaces.base import joint


def record(space: Space, roles: Any, fillers: Any) -> NDArray[Any]:
    """A record of role-filler pairs: ``[Σ_i role_i ⊗ filler_i]``, over axis −2 of both."""
    return _pairs(space, ("roles", "fillers"), roles, fillers)


def _pairs(space: Space, names: tuple[str, str], a: Any, b: Any) -> NDArray[Any]:
    first, second = space.checked(names[0], a), space.checked(names[1], b)
    joint(names, first, second)
    return space.bundle(space.bind(first, second))


def hash_table(space: Space, keys: Any, values: Any) -> NDArray[Any]:
    """Pairs of keys and values in one vector, ``[Σ_i key_i ⊗ value_i]``: a record whose roles are any keys.

    ``(..., K, width)`` both → ``(..., width)``; :func:`lookup` reads it.
    """
    return _pairs(space, ("keys", "values"), keys, values)


def lookup(space: Space, table: Any, keys: Any) -> NDArray[Any]:
    """The value under each key, with the noise of the other pairs: ``table ⊗ key⁻¹``.

    ``(..., width)`` both, broadcast → ``(..., width)``; clean it up with an item memory. It scores with the value
    as a member with its bundle (:func:`hdspike.theory.mode_agreement`).

    Raises:
        TypeError: binding in the space has no inverse.

    >>> from hdspike.encode import HashedItems
    >>> from hdspike.spaces import BSC
    >>> space = BSC(10_000)
    >>> items = HashedItems(space)
    >>> capitals = hash_table(space, items[["France", "Peru", "Mali"]], items[["Paris", "Lima", "Bamako"]])
    >>> found = lookup(space, capitals, items[["Peru", "France"]])
    >>> space.score(found, items[["Paris", "Lima", "Bamako"]]).argmax(axis=1).tolist()
    [1, 0]
    """
    need(space, "invertible", "a lookup")
    whole, undone = space.checked("table", table), space.inverse(space.checked("keys", keys))
    joint(("table", "keys"), whole, undone)
    return space.bind(whole, undone)
