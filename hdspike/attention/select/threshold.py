"""``threshold``: every neuron whose potential reaches θ after the last event. No competition, no ramp."""

from hdspike.network import KWTA


def kwta(*, theta: int) -> KWTA:
    """Fire at θ, compared once."""
    return KWTA(None, theta, "end")
