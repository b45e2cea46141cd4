"""``exact``: the k highest scores, found by a ramp.

After the last event a common threshold falls from the largest possible potential in ``STEPS`` steps; neurons
fire as it passes their potential, so that time sorts them, and the k-th spike stops the ramp. A coarser ramp
needs fewer steps, in which every neuron is updated, and lets more spikes fall into its last step (overshoot);
the winners stay the k highest, since spikes of one step are ordered by potential.
"""

from hdspike.network import KWTA

STEPS = 32


def kwta(*, k: int, top: int) -> KWTA:
    """A ramp from ``top`` to 0 in at most ``STEPS`` steps, ended by the k-th spike."""
    return KWTA(k, top, "ramp", step=max(1, -(-top // STEPS)), floor=0)
