"""Items: unrelated things get unrelated vectors."""

from typing import Any

from numpy.typing import NDArray

from hdspike import check
from hdspike.spaces import Space


def random(space: Space, num: int, *, rng: check.Rng = None) -> NDArray[Any]:
    """One independent random vector per symbol: ``(num, width)``."""
    return space.random(num, rng=rng)


symbols = random
