"""``exact``: the k highest scores, found by a ramp.

After the last event a common threshold falls from the largest possible potential in ``STEPS`` steps; neurons
fire as it passes their potential, so that time sorts them, and the k-th spike stops the ramp. Where the code has
no more than ``STEPS`` scores, as sparse blocks have, each score has a step of its own and time alone decides,
but for ties, which go to the lower index. A dense code has thousands of scores: its ramp is coarser, spikes of one
step are ordered by potential, and what that ordering costs in hardware is not counted.
"""

from hdspike.network import KWTA

STEPS = 128


def kwta(*, k: int, top: int) -> KWTA:
    """A ramp from ``top`` to 0 in at most ``STEPS`` steps, ended by the k-th spike."""
    return KWTA(k, top, "ramp", step=max(1, -(-top // STEPS)), floor=0)
