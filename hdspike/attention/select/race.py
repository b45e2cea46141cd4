"""``race``: the first k neurons that reach θ; inhibition then cancels the rest of the input.

The events of a query come in ``TICKS`` ticks, in a seeded order; fewer events are delivered the earlier the
k-th spike falls.
"""

from hdspike.network import KWTA

TICKS = 16


def kwta(*, k: int, theta: int) -> KWTA:
    """Fire at θ, compared after every tick; the k-th spike ends the race."""
    return KWTA(k, theta, "tick")
